"""Questions about pictures: accuracy of short answers; vqa/scenes, or your own data (--data FILE)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmbench.core import DatasetInfo
from mmbench.tasks.vqa.card import VqaCard
from mmbench.tasks.vqa.task import VqaTask

if TYPE_CHECKING:
    from mmbench.data import Question


class QuestionList:
    """Questions that were read from a user's file: one split, ``test``."""

    def __init__(self, questions: Sequence[Question]) -> None:
        self._questions = questions

    def rows(self, split: str) -> Sequence[Question]:
        """The questions, in the order of the file."""
        return self._questions

    def fingerprint(self) -> str:
        """Digest of questions, answers, choices, slices and pictures."""
        from mmbench.data import dataset_digest

        return dataset_digest(text for row in self._questions for text in _scored(row))


def _scored(row: Question) -> Iterator[str]:
    """Everything of a question that could change a score; lists with their lengths before them."""
    yield from (row.id, row.image.digest if row.image else "", row.question)
    yield from (str(len(row.answers)), *row.answers)
    yield from ("open",) if row.choices is None else (str(len(row.choices)), *row.choices)
    for name, label in sorted(row.slices.items()):
        yield from (name, label)
    yield "."


class VqaFamily:
    """Questions about pictures."""

    name = "vqa"
    default: str | None = "vqa/scenes"

    def from_data(self, name: str, path: Path) -> VqaTask:
        """The task ``vqa/NAME`` over the questions in a file or folder; see `mmbench.data.read_questions`.

        Raises `DataError`.
        """
        from mmbench.data import digest_file, read_questions
        from mmbench.data.records import find_data_file

        path = find_data_file(path)
        questions = read_questions(path)
        card = VqaCard(
            name=f"vqa/{name}",
            version="1",
            description=f"questions about pictures from {path.name}",
            dataset=DatasetInfo(name=name, revision=digest_file(path), licence="unknown", citation=path.name),
            closed_answers=all(question.choices is not None for question in questions),
            languages=(),
        )
        return VqaTask(card, QuestionList(questions))


family = VqaFamily()
