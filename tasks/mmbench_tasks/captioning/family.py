"""Pictures to describe: BLEU, ROUGE-L and CIDEr-D; captioning/scenes, or your own data (--data FILE)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mmbench.core import CardFamily, Predicted, Task, UsageError
from mmbench.data import (
    Captioned,
    card_of_file,
    find_data_file,
    read_candidates,
    read_captions,
    read_references,
)
from mmbench_tasks.captioning.card import CaptioningCard
from mmbench_tasks.captioning.task import CaptioningTask

_ENDINGS = (".gz", ".json", ".jsonl", ".ndjson", ".csv", ".tsv")


class CaptioningFamily(CardFamily[CaptioningCard]):
    """Images to describe."""

    name = "captioning"
    default = "captioning/scenes"
    card_type = CaptioningCard
    task_type = CaptioningTask

    def from_data(self, name: str, path: Path) -> CaptioningTask:
        """The task ``captioning/NAME`` over the captions in a file or folder; see `mmbench.data.read_captions`.

        Raises `DataError`.
        """
        path = find_data_file(path)
        return _task(name, path, read_captions(path))

    def open_predictions(self, predictions: Path, references: Path | None, task: Task | None) -> Predicted:
        """Captions by image id; see `mmbench.data.read_candidates` and `read_references` for the formats.

        Images are not needed. Raises `DataError` for files that cannot be read and for an id that stands there twice,
        with a list; `UsageError` where `task` is None and there is no file of references, or both are given.
        """
        if task is not None:
            if references is not None:
                raise UsageError(f"{task.info.name} has references of its own; leave out --references {references}")
            return Predicted(task, _outputs(read_candidates(predictions)))
        if references is None:
            raise UsageError(
                "captions are scored against references: give a file of them with --references, in the official COCO "
                "annotation format or as {image id: [captions]}, or name a task that has them (captioning/scenes)"
            )
        rows = [Captioned(image, None, captions) for image, captions in read_references(references).items()]
        return Predicted(_task(_stem(references), references, rows), _outputs(read_candidates(predictions)))


def _outputs(candidates: Mapping[str, str]) -> dict[str, tuple[str]]:
    return {image: (caption,) for image, caption in candidates.items()}


def _task(name: str, path: Path, rows: Sequence[Captioned]) -> CaptioningTask:
    described = f"pictures to describe, from {path.name}"
    return CaptioningTask(card_of_file(CaptioningCard, f"captioning/{name}", path, rows, description=described))


def _stem(path: Path) -> str:
    """The file's name without its endings: ``val.json.gz`` is ``val``."""
    name = path
    while name.suffix.lower() in _ENDINGS:
        name = name.with_suffix("")
    return name.name


family = CaptioningFamily()
