"""What a data set of the family `sentiment` declares, and what gives its utterances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from mmbench.core import DatasetInfo, Media

Target = Literal["class", "score"]
TARGETS: tuple[Target, ...] = ("class", "score")
"""What is asked for: one of the data set's classes, or a number from -3 to 3."""
POLARITIES = ("negative", "neutral", "positive")
"""The classes of data whose labels are numbers: below 0, 0, above 0."""
LIMIT = 3.0
"""Labels that are numbers lie between -`LIMIT` and `LIMIT`."""


def polarity(score: float) -> str:
    """The class of a number.

    >>> polarity(-0.2), polarity(0.0), polarity(3.0)
    ('negative', 'neutral', 'positive')
    """
    return POLARITIES[(score >= 0) + (score > 0)]


@dataclass(frozen=True, slots=True)
class Utterance:
    """Something that was said, and how it was meant."""

    id: str
    """Unique in its split; printable, without line breaks."""
    text: str | None
    """What was said; None where nobody is asked and answers are only scored."""
    label: str
    """One of the card's classes."""
    score: float | None = None
    """From -3 (strongly negative) to 3 (strongly positive); None where the data have classes alone."""
    image: Media | None = None
    """The picture that belongs to it, where there is one."""
    group: str = ""
    """What errors cluster on (the video, the block); empty: the utterance itself."""
    slices: Mapping[str, str] = field(default_factory=dict)
    """Names and labels by which results are also shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentimentCard:
    """One data set, declared."""

    name: str
    """Full name of the task, such as ``sentiment/scenes``."""
    version: str
    """Changes when the same model could get another score; prompt and extractor have versions of their own."""
    description: str
    """One line."""
    dataset: DatasetInfo
    """Name, pinned revision, licence and citation, none of them empty."""
    splits: tuple[str, ...] = ("test",)
    """The splits that the source knows."""
    classes: tuple[str, ...] = POLARITIES
    """The classes, in the order in which they are offered. They are the data set's, whatever occurs in a part of it."""
    targets: tuple[Target, ...] = TARGETS
    """What can be asked for; the first is asked for unless told otherwise."""
    levels: tuple[str, ...] | None = None
    """The numbers that scores can be, as text, where they are few; None: any number from -3 to 3."""
    numbers_are_signs: bool = False
    """Whether an answer that is a number stands for its class where classes are wanted, as the labels do: in files of predictions."""
    prompt: str = "speaker-v1"
    """Name of a prompt in `mmbench_tasks.sentiment.prompts.PROMPTS`."""
    languages: tuple[str, ...] = ("en",)
    """ISO 639-1 codes."""
    modalities: tuple[str, ...] = ("image", "text")
    """What a request may hold."""

    def __post_init__(self) -> None:
        for name in ("name", "revision", "licence", "citation"):
            if not getattr(self.dataset, name).strip():
                raise ValueError(f"the card of {self.name!r} has no {name} of its data set")


class UtteranceSource(Protocol):
    """What gives the utterances of a data set."""

    def rows(self, split: str) -> Sequence[Utterance]:
        """The utterances of one of the card's splits, in a stable order. Raises `DataError`."""

    def fingerprint(self) -> str:
        """Digest of the utterances, labels and pictures of the test split. Raises `DataError`."""
