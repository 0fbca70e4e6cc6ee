"""Where the rows of a public dataset come from: the Hugging Face hub, its official files, or a copy at a path of the user's.

A card declares a `Distribution`; nothing is read, looked for or fetched before somebody asks for rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmbench.core import DataError, UsageError
from mmbench.core.collecting import collection_paused
from mmbench.data.fields import Fields

if TYPE_CHECKING:
    from mmbench.data.images import NamedImages
    from mmbench.data.records import Record
    from mmbench.data.tables.table import Table

MakeRows = Callable[[Iterable["Record"], "NamedImages"], Sequence[Any]]
"""Makes the rows of a family from records whose fields are the roles of a map, such as `mmbench.data.questions_of`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """A dataset on the Hugging Face hub.

    Raises:
        UsageError: If it is neither pinned nor says why.
    """

    id: str
    """``owner/name``."""
    revision: str = ""
    """The full hash of a commit, 40 hexadecimal digits."""
    unpinned: str = ""
    """Why there is no `revision`; the head of the branch ``main`` is then read, and its hash recorded."""
    also: tuple[str, ...] = ()
    """Other owners of the same repository with the same history, such as a former one; tried in order."""
    config: str = ""
    """The configuration; empty: the only one, or the one that is called ``default``."""
    configs: tuple[str, ...] = ()
    """Several configurations whose rows are read one after the other, in place of `config`."""
    splits: Mapping[str, str] = field(default_factory=lambda: {"test": "test"})
    """The card's names of splits to those of the hub. Names that are joined by ``+`` are read one after the other."""
    fields: Fields | None = None
    """Fields that are called otherwise here than in the map of the distribution."""
    keep: Callable[[Record], bool] | None = None
    """Which rows belong to the dataset; None: all."""
    image_config: str = ""
    """The configuration that holds the images, where it is another one than that of the rows."""
    image_id: str = "id"
    """The column of `image_config` that the role ``image`` of a row names."""
    gated: bool = False
    """Whether one has to accept terms on its page first."""

    def __post_init__(self) -> None:
        pinned = len(self.revision) == 40 and set(self.revision) <= set("0123456789abcdef")
        if not pinned and (self.revision or not self.unpinned):
            raise UsageError(
                f"{self.id}: give a revision of 40 hexadecimal digits, or say in unpinned why there is none"
            )

    @property
    def ids(self) -> tuple[str, ...]:
        """Every name of the repository, in the order in which they are tried."""
        return self.id, *self.also

    def parts(self, split: str) -> list[tuple[str, str]]:
        """Configuration and split on the hub of everything that a split of the card consists of, in order."""
        splits = self.splits.get(split, split).split("+")
        return [(config, each) for config in self.configs or (self.config,) for each in splits]


@dataclass(frozen=True, slots=True, kw_only=True)
class Official:
    """The files of a dataset as its authors give them out."""

    files: Mapping[str, tuple[str, ...]]
    """The card's names of splits to files below the folder that the user names, each a pattern (``*``) or a path. Of several files
    of a split, the rows of the first get the fields of those in the others that have the same `join`."""
    join: str = ""
    """The field by which several files of a split are joined."""
    images: tuple[str, ...] = ()
    """Folders below the user's in which images are looked for, besides that of the file; ``.`` for the user's folder itself."""
    fields: Fields | None = None
    """Fields that are called otherwise here than in the map of the distribution."""
    keep: Callable[[Record], bool] | None = None
    """Which rows belong to the dataset; None: all."""
    read: Callable[[Path, str], Iterable[Record]] | None = None
    """Reads the rows of a split from what the user named, a folder or a file, where the files are no tables or several stand below one
    another; `files` then only says what must be there."""
    alone: tuple[str, ...] = ()
    """Patterns of the files that a user may name where `read` reads them: a file of several, such as one of POPE's three, is a part."""
    url: str = ""
    """Where the files are given out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """The rows of a dataset, from wherever they are; satisfies `mmbench.core.RowSource`."""

    rows_of: MakeRows
    """Makes the family's rows from records."""
    fields: Fields
    """Roles to where they stand. The role ``media`` identifies an image in every distribution alike, so that the fingerprint
    is the same for all of them; without it an image is identified by its file or its cell."""
    hub: Hub | None = None
    """Where it is on the hub."""
    official: Official | None = None
    """Its official files."""
    name: str = ""
    """What the images are identified within; the same for datasets that share their images, such as ``coco-2014``."""
    by_columns: bool = False
    """Whether rows are `mmbench.data.Question` as `mmbench.data.questions_of` makes them, so that parquet can be read column by
    column, several times as fast."""
    path: Path | None = None
    """The user's copy; None: the hub's cache, or the hub."""
    seen: bool = True
    """Whether anybody looks at the images; False where answers are only scored."""
    _held: dict[str, Sequence[Any]] = field(default_factory=dict, compare=False, repr=False)
    _notes: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    def at(self, path: Path, *, seen: bool = True) -> Distribution:
        """The same dataset, read from a copy at a path: the official folder or file, or a folder as on the hub.

        Args:
            path: The path.
            seen: Whether anybody looks at the images. If not, none is looked for, and of several official files that are joined the
                one that is named is enough.
        """
        return replace(self, path=path, seen=seen, _held={}, _notes={})

    @property
    def revision(self) -> str:
        """The commit on the hub; without one, why there is none, or that the files are the official ones."""
        if self.hub is not None:
            return self.hub.revision or f"unpinned: {self.hub.unpinned}"
        return "official files"

    @property
    def is_official(self) -> bool:
        """Whether the official files are read, and not a copy as on the hub or in a table of VLMEvalKit."""
        path = self.path
        if path is None or self.official is None:
            return False
        copies = path.suffix in (".parquet", ".arrow") or _is_hub_folder(path) or is_vlmevalkit(path)
        return not copies

    def takes(self, path: Path) -> bool:
        """Whether what lies at a path is a copy of the dataset by its name: a folder, a shard, or one of the official files."""
        official = self.official.files.values() if self.official else ()
        names = [Path(name).name for files in official for name in files]
        names += self.official.alone if self.official else ()
        return (
            not path.is_file()
            or path.suffix in (".parquet", ".arrow")
            or is_vlmevalkit(path)
            or any(fnmatch(path.name, name) for name in names)
        )

    def rows(self, split: str) -> Sequence[Any]:
        """The rows of a split, read once.

        Raises:
            DataError: If files are missing or damaged, which is said with their names.
            MissingExtraError: If the format needs packages that are not installed.
        """
        if split not in self._held:
            with collection_paused():
                self._held[split] = self._read(split)
        return self._held[split]

    @property
    def notes(self) -> tuple[str, ...]:
        """What is known of where the rows came from, once some were read; a sentence each."""
        return tuple(self._notes.values())

    def _read(self, split: str) -> Sequence[Any]:
        from mmbench.data.images import NamedImages

        table, part = self._table(split)
        fields = part.fields.over(self.fields) if part.fields else self.fields
        scope = self.name or (self.hub.id.partition("/")[2] if self.hub else table.path.name)
        images = NamedImages(table.path, folders=table.images, scope=scope) if self.seen else _unseen(table.path, scope)
        if isinstance(part, Hub) and part.image_config and self.seen:
            images.known = self._images(part, table)
        if self.by_columns and table.shards and part.keep is None and not images.known:
            from mmbench.data.columnar import columnar_questions

            if found := columnar_questions(table.shards, fields, images):
                return found
        records = table.read() if part.keep is None else filter(part.keep, table.read())
        rows = self.rows_of((fields.apply(record) for record in records), images)
        if not rows:
            raise DataError(f"{table.path} has no rows of the split {split!r}")
        return rows

    def _table(self, split: str) -> tuple[Table, Hub | Official]:
        if self.path is None:
            if self.hub is None:
                where = f" from {self.official.url}" if self.official and self.official.url else ""
                raise DataError(f"it is not on the hub; get its files{where} and name their folder: --data NAME=FOLDER")
            from mmbench.data.hub import fetched

            snapshot = fetched(self.hub, split)
            self._notes["hub"] = snapshot.note
            return snapshot.table, self.hub
        path = self.path.expanduser()
        if not path.exists():
            raise DataError(f"there is no file or folder {path}")
        if self.hub is not None and (path.suffix in (".parquet", ".arrow") or _is_hub_folder(path)):
            from mmbench.data.tables.open import open_table
            from mmbench.data.tables.table import stacked

            parts = self.hub.parts(split) if path.is_dir() else [("", "")]
            return stacked(path, [open_table(path, name, config) for config, name in parts]), self.hub
        if is_vlmevalkit(path):
            from mmbench.data.tables.open import open_table

            return open_table(path, split), VLMEVALKIT
        if self.official is None:
            raise DataError(
                f"{path} is neither a folder as on the hub nor a table of VLMEvalKit, the forms in which this dataset is read"
            )
        from mmbench.data.official import official_table

        return official_table(self.official, path, split, whole=self.seen), self.official

    def _images(self, hub: Hub, table: Table) -> Mapping[str, Any]:
        """Names to images, of the configuration that holds them."""
        from mmbench.data.tables.folder import hub_table

        inner = hub_table(table.path, table.split, hub.image_config)
        return {str(record.fields[hub.image_id]): record.fields["image"] for record in inner.read()}


VLMEVALKIT = Official(
    files={},
    fields=Fields(
        id="index",
        question="question",
        choices=tuple("ABCDEFGHIJ"),
        answer="answer",
        image="image",
        media="index",
        slices__category="category",
        answer_is="letter",
    ),
    url="https://github.com/open-compass/VLMEvalKit",
)
"""The tables in which VLMEvalKit keeps the questions of any benchmark; what a card says of other columns goes on to hold."""


def is_vlmevalkit(path: Path) -> bool:
    """Whether a file is such a table: tabs, and the columns ``index``, ``question`` and ``answer``."""
    if path.suffix.lower() != ".tsv" or not path.is_file():
        return False
    with path.open("rb") as stream:
        names = stream.readline(2**16).decode("utf-8", "replace").strip().split("\t")
    return {"index", "question", "answer"} <= set(names)


def _unseen(path: Path, scope: str) -> NamedImages:
    from mmbench.data.unseen import UnseenImages

    return UnseenImages(path, scope)


def _is_hub_folder(path: Path) -> bool:
    from mmbench.data.tables.folder import has_shards, is_saved

    return path.is_dir() and (is_saved(path) or has_shards(path))


def kept_by(**wanted: str) -> Callable[[Record], bool]:
    """A `keep` for rows whose fields have these values, compared as texts.

    Example:
        >>> Hub(id="nlphuji/flickr30k", revision="2b239befc81b6e3f035ce6bd52f5f4d60f5625f7", keep=kept_by(split="test")).id
        'nlphuji/flickr30k'
    """
    return lambda record: all(str(record.fields.get(name)) == value for name, value in wanted.items())


def joined(records: Iterable[Record], others: Sequence[Iterable[Record]], key: str) -> Iterator[Record]:
    """Records with the fields of the others that have the same key. Raises `DataError` for those that have no partner."""
    from mmbench.data.records import Record, listed

    more: list[dict[str, Record]] = [{_key(record, key): record for record in other} for other in others]
    alone: list[str] = []
    path = None
    for record in records:
        name, path = _key(record, key), record.path
        fields = dict(record.fields)
        for known in more:
            if name not in known:
                alone.append(name)
                break
            fields = {**known[name].fields, **fields}
        else:
            yield Record(record.path, record.place, fields, record.is_csv)
    if alone:
        raise DataError(
            f"{path}: {len(alone):,} rows have no partner of the same {key!r} in the other file: {listed(alone)}"
        )


def _key(record: Record, key: str) -> str:
    if not record.has(key):
        raise record.missing(key)
    return record.identifier(record.fields[key], f"field {key!r}")
