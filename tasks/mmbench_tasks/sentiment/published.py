"""Published datasets of sentiment: rows from their official files, and pickles of features with what was said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mmbench.core import DataError
from mmbench.data import NamedImages, Official, Record, listed
from mmbench_tasks.official import find_file, with_fields
from mmbench_tasks.sentiment.card import Utterance

_POLAR = ("positive", "negative")
_NEUTRAL = "neutral"


def utterances(labels: Mapping[str, str]) -> Callable[[Iterable[Record], NamedImages], list[Utterance]]:
    """What makes utterances of records with ``id``, ``text`` and ``label``, and maybe ``image``, ``media``, ``group`` and slices.

    Args:
        labels: What the data call a class, in lower case, to the class.
    """

    def rows(records: Iterable[Record], images: NamedImages) -> list[Utterance]:
        found: list[tuple[Utterance, str | None]] = []
        for record in records:
            given = record.text("label", number=True)
            label = labels.get(given.strip().lower())
            if label is None:
                raise record.error(f"label {given[:60]!r}: expected one of {listed(list(labels))}")
            media = str(record.fields["media"]) if record.has("media") else ""
            name = images.add(record.text("image"), record.place, media) if record.has("image") else None
            group = str(record.fields["group"]) if record.has("group") else ""
            said = str(record.fields.get("text") or "").strip() or "(no text)"
            identifier = record.identifier(record.fields["id"], "field 'id'")
            found.append((Utterance(identifier, said, label, group=group, slices=record.slices()), name))
        media_of = images.media()
        return [row if name is None else replace(row, image=media_of[name]) for row, name in found]

    return rows


def read_mvsa(path: Path, split: str) -> Iterator[Record]:
    """The pairs of ``labelResultAll.txt`` whose text and image agree, with what was written.

    Of several annotators the majority counts, for text and image apart; pairs without one are left out. Equal labels are kept, of
    a neutral and a polar one the polar, and pairs that are positive and negative are left out. Raises `DataError`.
    """
    del split
    file = path if path.is_file() else find_file(path, "labelResultAll*.txt")
    if file is None:
        raise DataError(f"{path} lacks the file labelResultAll.txt")
    for number, line in enumerate(file.read_text(encoding="latin-1").splitlines(), 1):
        name, *given = line.split("\t")
        if not name.strip().isdigit():
            continue
        pairs = [cell.strip().split(",") for cell in given if cell.strip()]
        if any(len(pair) != 2 for pair in pairs) or not pairs:
            raise DataError("expected a number, a tab and text,image", file, number)
        label = merged(*(_majority([pair[side].strip() for pair in pairs]) for side in (0, 1)))
        if label is None:
            continue
        text = file.parent / "data" / f"{name.strip()}.txt"
        said = text.read_text(encoding="latin-1") if text.is_file() else ""
        fields = {"id": name.strip(), "text": said, "label": label, "image": f"data/{name.strip()}.jpg"}
        yield Record(file, f"line {number}", fields)


def _majority(labels: Sequence[str]) -> str | None:
    (label, count), *_ = Counter(labels).most_common()
    return label if 2 * count > len(labels) else None


def merged(text: str | None, image: str | None) -> str | None:
    """The label of a pair by those of its text and its image; None for one that is left out.

    >>> merged("neutral", "positive"), merged("positive", "negative"), merged("neutral", "neutral")
    ('positive', None, 'neutral')
    """
    if text is None or image is None:
        return None
    if text == image:
        return text
    if _NEUTRAL in (text, image):
        return next(label for label in (text, image) if label in _POLAR)
    return None


def read_mustard(path: Path, split: str) -> Iterator[Record]:
    """The utterances of ``sarcasm_data.json``: ``test`` are those of FRIENDS, ``train`` all others, as in the official code."""
    from mmbench.data import read_records

    file = path if path.is_file() else find_file(path, "sarcasm_data*.json")
    if file is None:
        raise DataError(f"{path} lacks the file sarcasm_data.json")
    for record in read_records(file):
        if (str(record.fields.get("show")) == "FRIENDS") == (split == "test"):
            before = [
                f"{who}: {said}"
                for who, said in zip(record.fields["context_speakers"], record.fields["context"], strict=False)
            ]
            text = "\n".join([*before, f"{record.fields['speaker']}: {record.fields['utterance']}"])
            yield with_fields(record, text=text, label=str(record.fields["sarcasm"]).lower())


@dataclass(frozen=True, slots=True)
class Pickles:
    """Utterances in a pickle as MMSA gives it out; satisfies `mmbench.core.RowSource`."""

    official: Official
    """Where it is given out, and what its file is called."""
    hub: None = None
    """It is not on the hub."""
    path: Path | None = None
    """The user's copy."""
    _held: dict[str, list[Utterance]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def revision(self) -> str:
        """The files are the official ones."""
        return "official files"

    def at(self, path: Path, *, seen: bool = True) -> Pickles:
        """The same, from a file or the folder that holds it."""
        del seen
        return Pickles(self.official, path=path)

    def takes(self, path: Path) -> bool:
        """Whether it is a folder, or a pickle."""
        return not path.is_file() or path.suffix in (".pkl", ".pickle")

    def rows(self, split: str) -> list[Utterance]:
        """The utterances of a split. Raises `DataError`."""
        from mmbench_tasks.sentiment.pickled import read_utterances

        if not self._held:
            if self.path is None:
                raise DataError(
                    f"it is not on the hub; get its file from {self.official.url} and name it: --data NAME=FILE"
                )
            patterns = self.official.files["test"]
            file = (
                self.path
                if self.path.is_file()
                else next(filter(None, (find_file(self.path, each) for each in patterns)), None)
            )
            if file is None:
                raise DataError(f"{self.path} lacks the file {' or '.join(patterns)}")
            self._held.update(read_utterances(file))
        return self._held[split]
