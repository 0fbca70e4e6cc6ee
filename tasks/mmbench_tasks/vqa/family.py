"""Questions about pictures: accuracy of short answers; vqa/scenes, or your own data (--data FILE)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmbench.core import CardFamily, Predicted, Task, UsageError
from mmbench.data import (
    Question,
    card_of_file,
    find_data_file,
    is_annotations,
    read_annotations,
    read_questions,
    read_results,
)
from mmbench.metrics import DEFAULT_VARIANT
from mmbench_tasks.vqa.card import ANNOTATORS, ANY, VqaCard
from mmbench_tasks.vqa.task import VqaTask


class VqaFamily(CardFamily[VqaCard]):
    """Questions about images."""

    name = "vqa"
    default = "vqa/scenes"
    card_type = VqaCard
    task_type = VqaTask

    def from_data(self, name: str, path: Path) -> VqaTask:
        """The task ``vqa/NAME`` over the questions in a file or folder; see `mmbench.data.read_questions`.

        Where every question has ten answers they are taken for those of ten people, and scored by VQA accuracy; any
        other file's answers are all right. Raises `DataError`.
        """
        path = find_data_file(path)
        questions = read_questions(path)
        return _over(name, path, questions, *_variant(questions))

    def open_predictions(self, predictions: Path, references: Path | None, task: Task | None) -> Predicted:
        """Read answers, and the references beside them; see `mmbench.data.read_results`. No image is looked for.

        In official annotations several answers to a question are those of several people, however many; other files
        are as in `from_data`. Raises `DataError`; `UsageError` where references are missing or one too many.
        """
        outputs = {name: (answer,) for name, answer in read_results(predictions).items()}
        if task is not None:
            if references is not None:
                raise UsageError(f"{task.info.name} has references of its own; leave out {references}")
            return Predicted(task, outputs)
        if references is None:
            raise UsageError(
                f"{self.name} needs a file of references beside the answers: VQA annotations, or questions with answers"
            )
        if is_annotations(references):
            questions = read_annotations(references)
            people = any(len(question.answers) > 1 for question in questions)
            variant, doubt = DEFAULT_VARIANT if people else ANY, ""
        else:
            questions = read_questions(references, pictures=False)
            variant, doubt = _variant(questions)
        return Predicted(_over(references.stem, references, questions, variant, doubt), outputs)


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


def _over(name: str, path: Path, questions: Sequence[Question], variant: str, doubt: str) -> VqaTask:
    """The task ``vqa/NAME`` over questions that a file gave."""
    card = card_of_file(
        VqaCard,
        f"vqa/{name}",
        path,
        questions,
        description=f"questions about pictures from {path.name}",
        closed_answers=all(question.choices is not None for question in questions),
        variant=variant,
        doubt=doubt,
    )
    return VqaTask(card)


family = VqaFamily()
