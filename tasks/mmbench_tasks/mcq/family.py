"""Questions with lettered options: accuracy of the letter or the text of an option; your own data (--data FILE), or a card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from mmbench.core import AnswerFiles, CardFamily, DataError, Output, Task
from mmbench.data import FileRows, Reading, Rows, card_of_file, questions_of, read_dataset, read_questions
from mmbench_tasks.mcq.card import McqCard
from mmbench_tasks.mcq.task import McqTask
from mmbench_tasks.questions import answers_of


class McqFamily(CardFamily[McqCard], AnswerFiles):
    """Questions with lettered options."""

    name = "mcq"
    default = None
    card_type = McqCard
    task_type = McqTask
    needs = (
        "mcq needs a file of references beside the answers: questions with choices and the answer; or name a card, such as "
        "mcq/mmmu-val, with --references"
    )

    def from_data(self, name: str, path: Path, reading: Reading | None = None) -> McqTask:
        """The task ``mcq/NAME`` over the questions in a file or folder; see `mmbench.data.questions_of`. Raises `DataError`."""
        source = read_dataset(path, "questions", questions_of, reading)
        return _over(name, source.table.path, source)

    def from_references(self, path: Path) -> McqTask:
        """The task over a file of questions, of which no image is looked for."""
        return _over(path.stem, path, Rows({"test": read_questions(path, pictures=False)}))

    def outputs_of(self, path: Path, task: Task) -> Mapping[str, Sequence[Output]]:
        """Sample id to answer; an answer that is the place of an option, from 0, becomes its letter where the card says so."""
        found = answers_of(path, task)
        if getattr(getattr(task, "card", None), "predicted_is", "text") != "index":
            return found
        return {name: tuple(_letter(answer) for answer in answers) for name, answers in found.items()}


def _letter(answer: Output) -> Output:
    """The letter of a place, from 0; other answers as they are."""
    place = int(answer) if isinstance(answer, str) and answer.isdecimal() else len(ascii_uppercase)
    return ascii_uppercase[place] if place < len(ascii_uppercase) else answer


def _over(name: str, path: Path, source: FileRows | Rows, **fields: Any) -> McqTask:
    questions = source.rows("test")
    if without := [question.id for question in questions if not question.choices]:
        raise DataError(
            f"{path}: {len(without):,} questions have no choices, such as {without[0]}; see the family vqa for these"
        )
    described = f"questions with options from {path.name}"
    return McqTask(card_of_file(McqCard, f"mcq/{name}", path, source, description=described, **fields))


family = McqFamily()
