"""What readers of data files give: a question about a picture, a picture with its captions."""

from __future__ import annotations

from collections.abc import Mapping
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


@dataclass(frozen=True, slots=True)
class Captioned:
    """A picture with the captions that describe it."""

    id: str
    """Unique in its file; printable, without line breaks."""
    image: Media
    """The picture."""
    captions: tuple[str, ...]
    """At least one."""
