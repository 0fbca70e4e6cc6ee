"""Images of classes: zero-shot by embeddings of prompts, or by answers; a folder of classes (--data FOLDER), or a card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mmbench.core import AnswerFiles, CardFamily, Output, Task, dataset_digest
from mmbench.data import Rows
from mmbench_tasks.classification.card import ClassificationCard, Labelled
from mmbench_tasks.classification.files import read_folder
from mmbench_tasks.classification.task import ClassificationTask
from mmbench_tasks.questions import answers_of


class ClassificationFamily(CardFamily[ClassificationCard], AnswerFiles):
    """Images of classes."""

    name = "classification"
    default = None
    folders = ("references",)
    card_type = ClassificationCard
    task_type = ClassificationTask
    needs = (
        "classification needs references beside the answers: a folder with a folder of images for each class, or a card"
    )

    def from_data(self, name: str, path: Path) -> ClassificationTask:
        """The task ``classification/NAME`` over a folder of classes; see `mmbench_tasks.classification.files.read_folder`."""
        rows, classes = read_folder(path)
        return _over(name, path, rows, classes)

    def from_references(self, path: Path) -> ClassificationTask:
        """The task over a folder of classes, whose answers are scored."""
        return self.from_data(path.name, path).with_options(by="choose")

    def outputs_of(self, path: Path, task: Task) -> Mapping[str, Sequence[Output]]:
        """Image to the class that was named."""
        return answers_of(path, task)


def _over(name: str, path: Path, rows: Sequence[Labelled], classes: tuple[str, ...]) -> ClassificationTask:
    card = ClassificationCard(
        name=f"classification/{name}",
        description=f"{len(classes)} classes of images from the folder {path.name}",
        licence="unknown",
        citation=path.name,
        revision=dataset_digest(text for row in rows for text in row.scored()),
        source=Rows({"test": rows}),
        languages=(),
        classes=classes,
    )
    return ClassificationTask(card)


family = ClassificationFamily()
