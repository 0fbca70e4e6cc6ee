"""Captions by picture and pictures by caption: recall and median rank; retrieval/scenes, or your data (--data FILE)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from mmbench.core import CardFamily, Predicted, Task, UsageError
from mmbench.data import Captioned, Reading, captioned_of, card_of_file, read_dataset, read_references
from mmbench_tasks.questions import answers_of
from mmbench_tasks.retrieval.card import RetrievalCard
from mmbench_tasks.retrieval.task import RetrievalTask

if TYPE_CHECKING:
    from mmbench_tasks.retrieval.negatives import NegativesTask


class RetrievalFamily(CardFamily[RetrievalCard]):
    """Find captions by image and images by caption."""

    name = "retrieval"
    default = "retrieval/scenes"
    card_type = RetrievalCard

    @staticmethod
    def task_type(card: RetrievalCard) -> Task:
        """The task of a card, by its form."""
        from mmbench_tasks.retrieval.negatives import NegativesTask, SquaresTask

        if card.form == "negatives":
            return NegativesTask(card)
        return SquaresTask(card) if card.form == "squares" else RetrievalTask(card)

    def from_data(self, name: str, path: Path, reading: Reading | None = None) -> RetrievalTask:
        """The task ``retrieval/NAME`` over the captions in a file or folder; see `mmbench.data.captioned_of`.

        Raises `DataError`.
        """
        source = read_dataset(path, "captions", captioned_of, reading)
        path = source.table.path
        described = f"captions by picture and pictures by caption, from {path.name}"
        card = card_of_file(RetrievalCard, f"retrieval/{name}", path, source, description=described)
        return RetrievalTask(card)

    def open_predictions(self, predictions: Path, references: Path | None, task: Task | None) -> Predicted:
        """Read embeddings, similarities or choices.

        Embeddings stand in an ``.npz`` archive (`mmbench_tasks.retrieval.predictions.read_embeddings`), a matrix of similarities in ``.npy``
        or ``.npz`` (`mmbench_tasks.retrieval.matrix.read_matrix`); for hard negatives, answers name the caption that was chosen.

        Raises:
            DataError: If a file cannot be read.
            UsageError: If references are given and the archive says what belongs to what, or are missing.
        """
        from mmbench_tasks.retrieval.matrix import is_matrix, read_matrix
        from mmbench_tasks.retrieval.predictions import OWNERS, read_embeddings

        if task is not None and references is not None:
            task = cast("RetrievalTask", task).at(references, seen=False)
        if task is not None and getattr(getattr(task, "card", None), "form", "pool") == "negatives":
            chosen = cast("NegativesTask", task).with_options(by="choose")
            return Predicted(chosen, answers_of(predictions, chosen))
        if is_matrix(predictions):
            if task is None and references is None:
                raise UsageError(
                    f"{predictions} holds similarities; say which captions belong to which image: --references FILE of captions, or a card"
                )
            pool = (
                cast("RetrievalTask", task)
                if references is None or task is not None
                else self.from_references(references)
            )
            return read_matrix(predictions, pool)
        if references is not None and task is None:
            raise UsageError(
                f"embeddings need no references: {OWNERS} in {predictions} says which picture each text belongs to; "
                f"leave out {references}"
            )
        return read_embeddings(predictions, task)

    def from_references(self, path: Path) -> RetrievalTask:
        """The task over a file of captions, of which no image is looked for. Raises `DataError`."""
        rows = [Captioned(image, None, captions) for image, captions in read_references(path).items()]
        described = f"captions by picture and pictures by caption, from {path.name}"
        return RetrievalTask(card_of_file(RetrievalCard, f"retrieval/{path.stem}", path, rows, description=described))


family = RetrievalFamily()
