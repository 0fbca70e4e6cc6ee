"""Captions by picture and pictures by caption: recall and median rank; retrieval/scenes, or your data (--data FILE)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmbench.core import DatasetInfo, Predicted, Task, UsageError
from mmbench_tasks.retrieval.task import RetrievalTask, retrieval_info

if TYPE_CHECKING:
    from mmbench.data import Captioned


class CaptionList:
    """Captioned pictures that were read from a user's file: one split, ``test``."""

    def __init__(self, rows: Sequence[Captioned]) -> None:
        self._rows = rows

    def rows(self, split: str) -> Sequence[Captioned]:
        """The captioned pictures, in the order of the file."""
        return self._rows

    def fingerprint(self) -> str:
        """Digest of ids, captions and pictures."""
        from mmbench.data import dataset_digest

        return dataset_digest(text for row in self._rows for text in _scored(row))


def _scored(row: Captioned) -> Iterator[str]:
    """Everything of a row that could change a score."""
    yield from (row.id, row.image.digest, str(len(row.captions)), *row.captions)


class RetrievalFamily:
    """Finding captions by picture and pictures by caption."""

    name = "retrieval"
    default: str | None = "retrieval/scenes"

    def from_data(self, name: str, path: Path) -> RetrievalTask:
        """The task ``retrieval/NAME`` over the captions in a file or folder; see `mmbench.data.read_captions`.

        Raises `DataError`.
        """
        from mmbench.data import digest_file, read_captions
        from mmbench.data.records import find_data_file

        path = find_data_file(path)
        rows = read_captions(path)
        info = retrieval_info(
            f"retrieval/{name}",
            f"captions by picture and pictures by caption, from {path.name}",
            DatasetInfo(name=name, revision=digest_file(path), licence="unknown", citation=path.name),
        )
        return RetrievalTask(info, CaptionList(rows))

    def open_predictions(self, predictions: Path, references: Path | None, task: Task | None) -> Predicted:
        """Embeddings in an ``.npz`` archive; see `mmbench_tasks.retrieval.predictions.read_embeddings`.

        Raises `DataError`; `UsageError` where references are given: the archive says what belongs to what.
        """
        from mmbench_tasks.retrieval.predictions import OWNERS, read_embeddings

        if references is not None:
            raise UsageError(
                f"embeddings need no references: {OWNERS} in {predictions} says which picture each text belongs to; "
                f"leave out {references}"
            )
        return read_embeddings(predictions, task)


family = RetrievalFamily()
