"""What a data set of the family `captioning` declares, and what gives its captions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mmbench.core import DatasetInfo, Media


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptioningCard:
    """One data set, declared."""

    name: str
    """Full name of the task, such as ``captioning/scenes``."""
    version: str
    """Changes when the same model could get another score; the prompt has a version of its own."""
    description: str
    """One line."""
    dataset: DatasetInfo
    """Name, pinned revision, licence and citation, none of them empty."""
    splits: tuple[str, ...] = ("test",)
    """The splits that the source knows."""
    prompt: str = "one-sentence-v1"
    """Name of a prompt in `mmbench_tasks.captioning.prompts.PROMPTS`."""
    languages: tuple[str, ...] = ("en",)
    """ISO 639-1 codes."""

    def __post_init__(self) -> None:
        for field in ("name", "revision", "licence", "citation"):
            if not getattr(self.dataset, field).strip():
                raise ValueError(f"the card of {self.name!r} has no {field} of its data set")


class Described(Protocol):
    """A picture with the captions that describe it, such as `mmbench.data.Captioned`."""

    @property
    def id(self) -> str:
        """Unique in its split; printable, without line breaks."""

    @property
    def image(self) -> Media | None:
        """The picture; None where captions are scored and nobody is asked."""

    @property
    def captions(self) -> tuple[str, ...]:
        """At least one."""


class CaptionSource(Protocol):
    """What gives the captioned pictures of a data set."""

    def rows(self, split: str) -> Sequence[Described]:
        """The captioned pictures of one of the card's splits, in a stable order. Raises `DataError`."""

    def fingerprint(self) -> str:
        """Digest of the pictures and captions of the test split. Raises `DataError`."""
