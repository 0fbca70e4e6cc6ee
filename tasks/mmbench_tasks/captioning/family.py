"""Pictures to describe: BLEU, ROUGE-L and CIDEr-D; captioning/scenes, or your own data (--data FILE)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmbench.core import DatasetInfo, Media, Predicted, Task, UsageError
from mmbench_tasks.captioning.card import CaptioningCard, Described
from mmbench_tasks.captioning.task import CaptioningTask

_ENDINGS = (".gz", ".json", ".jsonl", ".ndjson", ".csv", ".tsv")


@dataclass(frozen=True, slots=True)
class Unseen:
    """The captions of a picture that is not there."""

    id: str
    """Id of the picture, as text."""
    captions: tuple[str, ...]
    """At least one."""
    image: Media | None = None
    """No picture."""


class CaptionList:
    """Captions that were read from a user's file: one split, ``test``."""

    def __init__(self, rows: Sequence[Described]) -> None:
        self._rows = rows

    def rows(self, split: str) -> Sequence[Described]:
        """The captioned pictures, in the order of the file."""
        return self._rows

    def fingerprint(self) -> str:
        """Digest of ids, captions and pictures."""
        from mmbench.data import dataset_digest

        return dataset_digest(text for row in self._rows for text in _scored(row))


def _scored(row: Described) -> Iterator[str]:
    """Everything of a row that could change a score."""
    yield from (row.id, row.image.digest if row.image else "", str(len(row.captions)), *row.captions)


class CaptioningFamily:
    """Pictures to describe."""

    name = "captioning"
    default: str | None = "captioning/scenes"

    def from_data(self, name: str, path: Path) -> CaptioningTask:
        """The task ``captioning/NAME`` over the captions in a file or folder; see `mmbench.data.read_captions`.

        Raises `DataError`.
        """
        from mmbench.data import read_captions
        from mmbench.data.records import find_data_file

        path = find_data_file(path)
        return _task(name, path, read_captions(path))

    def open_predictions(self, predictions: Path, references: Path | None, task: Task | None) -> Predicted:
        """Captions by image id; see `mmbench.data.captions.read_candidates` and `read_references` for the formats.

        Pictures are not needed. Raises `DataError` for files that cannot be read and for an id that stands there twice,
        with a list; `UsageError` where `task` is None and there is no file of references, or both are given.
        """
        from mmbench.data.captions import read_candidates, read_references

        if task is not None:
            if references is not None:
                raise UsageError(f"{task.info.name} has references of its own; leave out --references {references}")
            return Predicted(task, _outputs(read_candidates(predictions)))
        if references is None:
            raise UsageError(
                "captions are scored against references: give a file of them with --references, in the official COCO "
                "annotation format or as {image id: [captions]}, or name a task that has them (captioning/scenes)"
            )
        rows = [Unseen(image, captions) for image, captions in read_references(references).items()]
        return Predicted(_task(_stem(references), references, rows), _outputs(read_candidates(predictions)))


def _outputs(candidates: Mapping[str, str]) -> dict[str, tuple[str]]:
    return {image: (caption,) for image, caption in candidates.items()}


def _task(name: str, path: Path, rows: Sequence[Described]) -> CaptioningTask:
    from mmbench.data import digest_file

    card = CaptioningCard(
        name=f"captioning/{name}",
        version="1",
        description=f"pictures to describe, from {path.name}",
        dataset=DatasetInfo(name=name, revision=digest_file(path), licence="unknown", citation=path.name),
        languages=(),
    )
    return CaptioningTask(card, CaptionList(rows))


def _stem(path: Path) -> str:
    """The file's name without its endings: ``val.json.gz`` is ``val``."""
    name = path
    while name.suffix.lower() in _ENDINGS:
        name = name.with_suffix("")
    return name.name


family = CaptioningFamily()
