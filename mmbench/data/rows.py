"""Rows of datasets: a question about an image, an image with its captions; and rows that are held in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from mmbench.core import DatasetCard, Media
from mmbench.data.fingerprint import digest_file

_NOTHING: Mapping[str, Any] = {}
Card = TypeVar("Card", bound=DatasetCard)


def _nothing() -> Mapping[str, Any]:
    return _NOTHING


@dataclass(slots=True)  # not frozen: one is made for each sample, and a frozen class takes three times as long
class Question:
    """A question with the answers that count as right."""

    id: str
    """Unique in its file or split; printable, without line breaks."""
    image: Media | None
    """The image that it is about; None for a question without one."""
    question: str
    """The question, as written."""
    answers: tuple[str, ...]
    """At least one; any of them is right. Repeated where several people gave the same answer."""
    choices: tuple[str, ...] | None = None
    """The closed set of answers, without repetition; None where any text may be an answer."""
    slices: Mapping[str, str] = field(default_factory=_nothing)
    """Names and labels by which results are also shown, such as ``{"type": "colour"}``."""
    group: str = ""
    """What errors cluster on, where that is more than the image; empty: the image."""
    records: tuple[str, ...] = ()
    """What tells the people behind `answers` apart beside what they said, one each (their ids, how sure they were), where
    two have the same; empty: each answer is a person's own."""
    more_images: tuple[Media, ...] = ()
    """The images after the first, where the question is about several."""
    meta: Mapping[str, Any] = field(default_factory=_nothing)
    """What the task of the dataset knows beside; becomes `mmbench.Sample.meta`."""

    @property
    def images(self) -> tuple[Media, ...]:
        """Every image that it is about, in order."""
        return () if self.image is None else (self.image, *self.more_images)

    def scored(self) -> Sequence[str]:
        """Everything that could change a score; lists have their lengths before them."""
        found = [self.id, self.image.digest if self.image else "", self.question, str(len(self.answers)), *self.answers]
        if self.choices is None:
            found.append("open")
        else:
            found += (str(len(self.choices)), *self.choices)
        for pair in sorted(self.slices.items()):
            found += pair
        if self.records:
            found += ("records", *self.records)
        if self.more_images:
            found += ("images", *(image.digest for image in self.more_images))
        found.append(".")
        return found


@dataclass(frozen=True, slots=True)
class Captioned:
    """An image with the captions that describe it."""

    id: str
    """Unique in its file; printable, without line breaks."""
    image: Media | None
    """The image; None where captions or embeddings are scored and nobody looks at it."""
    captions: tuple[str, ...]
    """At least one."""
    group: str = ""
    """What errors cluster on, where that is more than the image; empty: the image."""
    slices: Mapping[str, str] = field(default_factory=_nothing)
    """Names and labels by which results are also shown."""
    meta: Mapping[str, Any] = field(default_factory=_nothing)
    """What the task of the dataset knows beside; becomes `mmbench.Sample.meta`."""

    def scored(self) -> Iterator[str]:
        """Everything that could change a score."""
        yield from (self.id, self.image.digest if self.image else "", str(len(self.captions)), *self.captions)

    @property
    def shown(self) -> Media | str:
        """The image, or a line of text that stands for one that is not there."""
        return f"(picture {self.id}, not given)" if self.image is None else self.image


def told_apart(people: Sequence[tuple[object, object]]) -> tuple[str, ...]:
    """`Question.records` of the (id, confidence) of people; empty where these differ for every two of them.

    >>> told_apart([(1, "yes"), (2, "yes")]), told_apart([(None, "yes"), (None, "no"), (None, "yes")])
    ((), ('None yes', 'None no', 'None yes'))
    """
    if len({str(person) for person, _ in people}) == len(people):
        return ()
    records = tuple(f"{person} {confidence}" for person, confidence in people)
    return () if len(set(records)) == len(records) else records


@dataclass(frozen=True, slots=True)
class Rows:
    """A source of rows that are in memory, such as those that were read from a user's file."""

    splits: Mapping[str, Sequence[Any]]
    """Split to its rows."""

    def rows(self, split: str) -> Sequence[Any]:
        """The rows of a split, in their order."""
        return self.splits[split]


class SplitSource(Protocol):
    """A source of rows that knows its splits."""

    @property
    def splits(self) -> Iterable[str]:
        """Names of the splits, ``test`` among them."""

    def rows(self, split: str) -> Sequence[Any]:
        """The rows of a split."""


def card_of_file(card: type[Card], name: str, path: Path, rows: Sequence[Any] | SplitSource, **fields: Any) -> Card:
    """The card of a dataset that was read from a user's file, whose licence and languages nobody stated.

    Args:
        card: The family's class of cards.
        name: Full name of the task.
        path: The file; its digest is the revision, unless the source of the rows knows another.
        rows: The rows of the split ``test``, or a source of several splits.
        **fields: More fields of the card; `description` is one.
    """
    source: SplitSource = Rows({"test": rows}) if isinstance(rows, Sequence) else rows
    seen = any(row.image is not None for row in source.rows("test"))
    most = max((len(getattr(row, "images", "1")) for row in source.rows("test")), default=1)
    facts = {
        "licence": "unknown",
        "citation": path.name,
        "revision": getattr(source, "revision", "") or digest_file(path),
        "splits": tuple(source.splits),
        "languages": (),
        "modalities": ("image", "text") if seen else ("text",),
        "max_images": max(1, most),
    }
    return card(name=name, source=source, **{**facts, **fields})
