"""What a data set of the family `vqa` declares, and what gives its questions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mmbench.core import DatasetInfo

if TYPE_CHECKING:
    from mmbench.data import Question

ANY = "any"
"""The variant of data whose answers are all right: an answer is right when it equals any of them."""
ANNOTATORS = 10
"""People who answer each question in the data sets of the field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VqaCard:
    """One data set, declared."""

    name: str
    """Full name of the task, such as ``vqa/easy-vqa``."""
    version: str
    """Changes when the same model could get another score; prompt and extractor have versions of their own."""
    description: str
    """One line."""
    dataset: DatasetInfo
    """Name, pinned revision, licence and citation, none of them empty."""
    splits: tuple[str, ...] = ("test",)
    """The splits that the source knows."""
    prompt: str = "short-answer-v1"
    """Name of a prompt in `mmbench_tasks.vqa.prompts.PROMPTS`."""
    extractor: str | None = None
    """Name of an extractor in `mmbench_tasks.answers.extractors.EXTRACTORS`; None: ``exact``, or ``verbatim`` where a variant
    of VQA accuracy compares open answers in a way of its own."""
    variant: str = ANY
    """``any``, or where several people answered each question the variant in `mmbench.metrics.VQA_VARIANTS`."""
    doubt: str = ""
    """What must be known beside the values where no other variant is chosen; empty: nothing."""
    closed_answers: bool = False
    """Every question has a closed set of answers."""
    languages: tuple[str, ...] = ("en",)
    """ISO 639-1 codes."""

    def __post_init__(self) -> None:
        for field in ("name", "revision", "licence", "citation"):
            if not getattr(self.dataset, field).strip():
                raise ValueError(f"the card of {self.name!r} has no {field} of its data set")


class QuestionSource(Protocol):
    """What gives the questions of a data set."""

    def rows(self, split: str) -> Iterable[Question]:
        """The questions of one of the card's splits, in a stable order. Raises `DataError`."""

    def fingerprint(self) -> str:
        """Digest of the questions, answers and pictures of the test split. Raises `DataError`."""
