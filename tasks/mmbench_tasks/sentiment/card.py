"""What a dataset of the family `sentiment` declares, and the rows that its source gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from mmbench.core import DatasetCard, Media

Target = Literal["class", "score"]
TARGETS: tuple[Target, ...] = ("class", "score")
"""What is asked for: one of the dataset's classes, or a number from -3 to 3."""
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
    """The image that belongs to it, where there is one."""
    group: str = ""
    """What errors cluster on (the video, the block); empty: the utterance itself."""
    slices: Mapping[str, str] = field(default_factory=dict)
    """Names and labels by which results are also shown."""

    def scored(self) -> Iterator[str]:
        """Everything that could change a score."""
        yield from (self.id, self.image.digest if self.image else "")
        yield from ("given" if self.text is not None else "", self.text or "")
        yield from (self.label, repr(self.score), self.group)
        for name, label in sorted(self.slices.items()):
            yield from (name, label)
        yield "."


@dataclass(frozen=True, slots=True, kw_only=True)
class SentimentCard(DatasetCard):
    """A dataset of utterances; its source gives rows such as `Utterance`."""

    classes: tuple[str, ...] = POLARITIES
    """The classes, in the order in which they are offered. They are the dataset's, whatever occurs in a part of it."""
    targets: tuple[Target, ...] = TARGETS
    """What can be asked for; the first is asked for unless told otherwise."""
    levels: tuple[str, ...] | None = None
    """The numbers that scores can be, as text, where they are few; None: any number from -3 to 3."""
    numbers_are_signs: bool = False
    """Whether an answer that is a number stands for its class where classes are wanted, as the labels do: in files of
    predictions."""
    prompt: str = "speaker-v1"
    """Name of a prompt in `mmbench_tasks.sentiment.prompts.PROMPTS`."""
