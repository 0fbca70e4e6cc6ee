"""Captions by picture and pictures by caption: recall and median rank; retrieval/scenes, or your data (--data FILE)."""

from __future__ import annotations

from pathlib import Path

from mmbench.core import CardFamily, Predicted, Task, UsageError
from mmbench.data import card_of_file, find_data_file, read_captions
from mmbench_tasks.retrieval.card import RetrievalCard
from mmbench_tasks.retrieval.task import RetrievalTask


class RetrievalFamily(CardFamily[RetrievalCard]):
    """Find captions by image and images by caption."""

    name = "retrieval"
    default = "retrieval/scenes"
    card_type = RetrievalCard
    task_type = RetrievalTask

    def from_data(self, name: str, path: Path) -> RetrievalTask:
        """The task ``retrieval/NAME`` over the captions in a file or folder; see `mmbench.data.read_captions`.

        Raises `DataError`.
        """
        path = find_data_file(path)
        described = f"captions by picture and pictures by caption, from {path.name}"
        card = card_of_file(RetrievalCard, f"retrieval/{name}", path, read_captions(path), description=described)
        return RetrievalTask(card)

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
