"""Make questions of parquet and Arrow columns at once, where these are plain; whatever is not is left to be read row by row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mmbench.core import Media
from mmbench.data.fields import Fields
from mmbench.data.images import NamedImages
from mmbench.data.rows import Question, told_apart
from mmbench.data.tables.shards import Shard

_TEXTS = ("string", "large_string")
_NOTHING: Mapping[str, str] = {}
_Made = tuple[tuple[str, ...], tuple[str, ...]]


class NotPlain(Exception):  # noqa: N818 - no error: the rows are read in the other way
    """The columns hold something that only reading row by row tells apart."""


def columnar_questions(shards: Sequence[Shard], fields: Fields, images: NamedImages) -> list[Question] | None:
    """The questions of some shards, as `mmbench.data.questions_of` makes them of their rows.

    Args:
        shards: The shards.
        fields: The roles and their columns.
        images: Identifies images.

    Returns:
        None where a column is absent, has gaps, or holds anything else than texts, whole numbers and lists of answers.
    """
    roles = {role: str(fields[role]) for role in fields}
    slices = {role.removeprefix("slices."): name for role, name in roles.items() if role.startswith("slices.")}
    known = {"id", "question_id", "question", "answer", "answers", "image", "media", "group"}
    columns = set(shards[0].columns)
    plain = {role: name for role, name in roles.items() if role in known and name in columns}
    others = [role for role in roles if role not in known and not role.startswith("slices.") and roles[role] in columns]
    if others or fields.answer_is != "text" or any(not isinstance(fields[role], str) for role in fields):
        return None
    if "question" not in plain or ("answers" in plain) == ("answer" in plain) or {"id", "question_id"} <= set(plain):
        return None
    maker = _Maker(plain, {name: column for name, column in slices.items() if column in columns}, images)
    try:
        return [question for shard in shards for question in maker.questions(shard)]
    except NotPlain:
        return None


class _Maker:
    """Makes questions, shard by shard; equal texts and tuples are one object."""

    def __init__(self, roles: Mapping[str, str], slices: Mapping[str, str], images: NamedImages) -> None:
        self._roles, self._slices, self._images = roles, slices, images
        self._ids: set[str] = set()
        self._tuples: dict[Any, Any] = {}
        self._media: dict[str, Media] = {}
        self._labels: dict[tuple[str, ...], Mapping[str, str]] = {}
        self._count = 0

    def questions(self, shard: Shard) -> list[Question]:
        """The questions of one shard. Raises `NotPlain`."""
        roles = self._roles
        named = roles.get("id") or roles.get("question_id")
        media = shard.media_of(roles["image"]) if roles.get("image") in shard.images else None
        if "image" in roles and (
            media is None or shard.images[roles["image"]] or shard.present(roles["image"]) is not None
        ):
            raise NotPlain
        columns = {*roles.values(), *self._slices.values()} - set(shard.images)
        found: list[Question] = []
        for batch in shard.batches(sorted(columns)):
            get = batch.column
            names = {name: place for place, name in enumerate(sorted(columns))}
            rows = batch.num_rows
            start = len(found)
            ids = _ids(get(names[named])) if named else [f"row-{self._count + n}" for n in range(rows)]
            texts = _texts(get(names[roles["question"]]), numbers=False)
            answers = self._answers(get(names[roles.get("answers") or roles["answer"]]))
            groups = _ids(get(names[roles["group"]])) if "group" in roles else [""] * rows
            told = _ids(get(names[roles["media"]])) if "media" in roles else [""] * rows
            labels = self._slices_of([_texts(get(names[column])) for column in self._slices.values()], rows)
            seen = [None] * rows if media is None else [
                self._identified(media, start + n, told[n]) for n in range(rows)
            ]  # fmt: skip
            found += [
                Question(name, image, text, said, None, slices, group, records)
                for name, image, text, (said, records), slices, group in zip(
                    ids, seen, texts, answers, labels, groups, strict=True
                )
            ]
            self._count += rows
            self._ids.update(ids)
            if len(self._ids) != self._count:
                raise NotPlain
        return found

    def _identified(self, media: Callable[[int], Any], row: int, identifier: str) -> Media:
        if not identifier:
            made: Media = media(row)
            return made
        if identifier not in self._media:
            self._media[identifier] = self._images.identified(media(row), identifier)
        return self._media[identifier]

    def _slices_of(self, columns: list[list[str]], rows: int) -> list[Mapping[str, str]]:
        if not columns:
            return [_NOTHING] * rows
        names = tuple(self._slices)
        known = self._labels
        found = []
        for values in zip(*columns, strict=True):
            labels = known.get(values)
            if labels is None:
                labels = known[values] = dict(zip(names, values, strict=True))
            found.append(labels)
        return found

    def _answers(self, column: Any) -> list[_Made]:
        """Answers and what tells the people behind them apart, of every row. Raises `NotPlain`."""
        kind = str(column.type)
        share = self._tuples.setdefault
        if not kind.startswith(("list", "large_list")):
            made = [((text,), ()) for text in _texts(column)]
            return [share(each, each) for each in made]
        if column.null_count:
            raise NotPlain
        items, ends = column.flatten(), column.offsets.to_pylist()
        base = ends[0]
        if str(items.type).startswith("struct"):
            names = [items.type.field(n).name for n in range(items.type.num_fields)]
            if "answer" not in names or items.null_count:
                raise NotPlain
            texts = _texts(items.field("answer"))
            people = [items.field(name) if name in names else None for name in ("answer_id", "answer_confidence")]
        else:
            texts, people = _texts(items), [None, None]
        apart = _people(people, ends, base) if people[0] is not None or people[1] is not None else None
        found: list[_Made] = []
        for row in range(len(ends) - 1):
            begin, end = ends[row] - base, ends[row + 1] - base
            if begin == end:
                raise NotPlain
            each = tuple(texts[begin:end]), (() if apart is None else apart[row])
            found.append(share(each, each))
        return found


def _people(columns: Sequence[Any], ends: Sequence[int], base: int) -> list[tuple[str, ...]]:
    """`told_apart` of the people of every row."""
    ids, sure = (None if column is None else column.to_pylist() for column in columns)
    found: list[tuple[str, ...]] = []
    for row in range(len(ends) - 1):
        begin, end = ends[row] - base, ends[row + 1] - base
        if ids is not None and len(set(ids[begin:end])) == end - begin:
            found.append(())
            continue
        of_row = range(begin, end)
        found.append(told_apart([(_at(ids, place), _at(sure, place)) for place in of_row]))
    return found


def _at(values: Sequence[Any] | None, place: int) -> Any:
    return None if values is None else values[place]


def _texts(column: Any, *, numbers: bool = True) -> list[str]:
    """The texts of a column, equal ones as one object. Raises `NotPlain` for gaps, blanks and other values."""
    kind = str(column.type)
    if column.null_count:
        raise NotPlain
    if kind in _TEXTS:
        coded = column.dictionary_encode()
        known = coded.dictionary.to_pylist()
        if any(not text.strip() for text in known):
            raise NotPlain
        return [known[place] for place in coded.indices.to_pylist()]
    if numbers and kind.startswith(("int", "uint")):
        return [str(value) for value in column.to_pylist()]
    raise NotPlain


def _ids(column: Any) -> list[str]:
    """The ids of a column. Raises `NotPlain` as `_texts` does, and for texts that are no ids."""
    found = column.to_pylist() if str(column.type) in _TEXTS and not column.null_count else _texts(column)
    if not all(text.isprintable() and text and text == text.strip() for text in found):
        raise NotPlain
    return found
