"""Questions about pictures: accuracy of short answers; vqa/scenes, or your own data (--data FILE)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from mmbench.core import AnswerFiles, CardFamily, DataError, Output, Task
from mmbench.data import (
    Distribution,
    FileRows,
    Question,
    Reading,
    Rows,
    card_of_file,
    is_annotations,
    questions_of,
    read_annotations,
    read_dataset,
    read_questions,
    read_results,
)
from mmbench.metrics import DEFAULT_VARIANT
from mmbench_tasks.questions import answers_of
from mmbench_tasks.vqa.card import ANNOTATORS, ANY, VqaCard
from mmbench_tasks.vqa.notes import remark_on_choices
from mmbench_tasks.vqa.task import VqaTask


class VqaFamily(CardFamily[VqaCard], AnswerFiles):
    """Questions about images."""

    name = "vqa"
    default = "vqa/scenes"
    card_type = VqaCard
    task_type = VqaTask
    needs = "vqa needs a file of references beside the answers: VQA annotations, or questions with answers"

    def from_data(self, name: str, path: Path, reading: Reading | None = None) -> VqaTask:
        """The task ``vqa/NAME`` over the questions in a file or folder; see `mmbench.data.questions_of`.

        Where every question has ten answers they are taken for those of ten people, and scored by VQA accuracy; any
        other file's answers are all right. Raises `DataError`.
        """
        source = read_dataset(path, "questions", questions_of, reading)
        return _over(name, source.table.path, source, *_variant(source.rows("test")))

    def read_answers(self, path: Path) -> Mapping[str, str]:
        """Question id to answer; see `mmbench.data.read_results`."""
        return read_results(path)

    def outputs_of(self, path: Path, task: Task) -> Mapping[str, Sequence[Output]]:
        """Question id to answer: of VQA results, or in any other format of a benchmark or a peer."""
        if isinstance(getattr(getattr(task, "card", None), "source", None), Distribution):
            return answers_of(path, task)
        try:
            return super().outputs_of(path, task)
        except DataError as error:
            with suppress(DataError):
                return answers_of(path, task)
            raise error from None

    def from_references(self, path: Path) -> VqaTask:
        """The task over official annotations, whose several answers are those of several people, or as in `from_data`."""
        if not is_annotations(path):
            questions = read_questions(path, pictures=False)
            return _over(path.stem, path, Rows({"test": questions}), *_variant(questions))
        questions = read_annotations(path)
        people = any(len(question.answers) > 1 for question in questions)
        return _over(path.stem, path, Rows({"test": questions}), DEFAULT_VARIANT if people else ANY, "")


def _variant(questions: Sequence[Question]) -> tuple[str, str]:
    """The variant for a user's own questions, and the doubt about it: a few answers may be lost among those of ten people."""
    whole = sum(len(question.answers) == ANNOTATORS for question in questions)
    if whole == len(questions):
        return DEFAULT_VARIANT, ""
    if not whole:
        return ANY, ""
    others = len(questions) - whole
    return ANY, (
        f"{others:,} of {len(questions):,} questions have another number of answers than {ANNOTATORS}, so the answers are not "
        "taken for those of ten people: any of them is right (accuracy). To count people all the same: "
        f"variant={DEFAULT_VARIANT}"
    )


def _over(name: str, path: Path, source: FileRows | Rows, variant: str, doubt: str) -> VqaTask:
    """The task ``vqa/NAME`` over questions that a file gave."""
    questions = source.rows("test")
    card = card_of_file(
        VqaCard,
        f"vqa/{name}",
        path,
        source,
        description=f"questions about pictures from {path.name}",
        closed_answers=all(question.choices is not None for question in questions),
        open_answers=all(question.choices is None for question in questions),
        remark=remark_on_choices(questions),
        variant=variant,
        doubt=doubt,
    )
    return VqaTask(card)


family = VqaFamily()
