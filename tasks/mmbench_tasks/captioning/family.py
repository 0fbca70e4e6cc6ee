"""Pictures to describe: BLEU, ROUGE-L and CIDEr-D; captioning/scenes, or your own data (--data FILE)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mmbench.core import AnswerFiles, CardFamily, Output, Task
from mmbench.data import (
    Captioned,
    Distribution,
    FileRows,
    Reading,
    captioned_of,
    card_of_file,
    read_candidates,
    read_dataset,
    read_references,
)
from mmbench_tasks.captioning.card import CaptioningCard
from mmbench_tasks.captioning.task import CaptioningTask
from mmbench_tasks.questions import answers_of

_ENDINGS = (".gz", ".json", ".jsonl", ".ndjson", ".csv", ".tsv")


class CaptioningFamily(CardFamily[CaptioningCard], AnswerFiles):
    """Images to describe."""

    name = "captioning"
    default = "captioning/scenes"
    card_type = CaptioningCard
    task_type = CaptioningTask
    needs = (
        "captions are scored against references: give a file of them with --references, in the official COCO "
        "annotation format or as {image id: [captions]}, or name a task that has them (captioning/scenes)"
    )

    def from_data(self, name: str, path: Path, reading: Reading | None = None) -> CaptioningTask:
        """The task ``captioning/NAME`` over the captions in a file or folder; see `mmbench.data.captioned_of`.

        Raises `DataError`.
        """
        source = read_dataset(path, "captions", captioned_of, reading)
        return _task(name, source.table.path, source)

    def read_answers(self, path: Path) -> Mapping[str, str]:
        """Image id to caption; see `mmbench.data.read_candidates`."""
        return read_candidates(path)

    def outputs_of(self, path: Path, task: Task) -> Mapping[str, Sequence[Output]]:
        """Image id to caption; for a card in any format of its peers."""
        card = getattr(task, "card", None)
        return (
            answers_of(path, task)
            if isinstance(getattr(card, "source", None), Distribution)
            else super().outputs_of(path, task)
        )

    def from_references(self, path: Path) -> CaptioningTask:
        """The task over a file of captions; see `mmbench.data.read_references`."""
        rows = [Captioned(image, None, captions) for image, captions in read_references(path).items()]
        return _task(_stem(path), path, rows)


def _task(name: str, path: Path, rows: Sequence[Captioned] | FileRows) -> CaptioningTask:
    described = f"pictures to describe, from {path.name}"
    return CaptioningTask(card_of_file(CaptioningCard, f"captioning/{name}", path, rows, description=described))


def _stem(path: Path) -> str:
    """The file's name without its endings: ``val.json.gz`` is ``val``."""
    name = path
    while name.suffix.lower() in _ENDINGS:
        name = name.with_suffix("")
    return name.name


family = CaptioningFamily()
