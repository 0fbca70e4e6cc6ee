"""What readers of data files give: a question about a picture, a picture with its captions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mmbench.core import Media


@dataclass(frozen=True, slots=True)
class Question:
    """A question with the answers that count as right."""

    id: str
    """Unique in its file or split; printable, without line breaks."""
    image: Media | None
    """The picture that it is about; None for a question without one."""
    question: str
    """The question, as written."""
    answers: tuple[str, ...]
    """At least one; any of them is right. Repeated where several people gave the same answer."""
    choices: tuple[str, ...] | None
    """The closed set of answers, without repetition; None where any text may be an answer."""
    slices: Mapping[str, str]
    """Names and labels by which results are also shown, such as ``{"type": "colour"}``."""
    group: str = ""
    """What errors cluster on, where that is more than the picture; empty: the picture."""
    records: tuple[str, ...] = ()
    """What tells the people behind `answers` apart beside what they said, one each (their ids, how sure they were), where
    two have the same; empty: each answer is a person's own."""


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
class Captioned:
    """A picture with the captions that describe it."""

    id: str
    """Unique in its file; printable, without line breaks."""
    image: Media
    """The picture."""
    captions: tuple[str, ...]
    """At least one."""
