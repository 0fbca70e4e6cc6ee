"""Similarities in a file: a matrix with a row for each image and a column for each caption, as evaluation scripts save them."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmbench.core import DataError, Embed, Output, Predicted, Request, Response, Sample, ScoreTable, slices_of
from mmbench.metrics import RankCounts, query_columns
from mmbench_tasks.retrieval.card import RetrievalCard
from mmbench_tasks.retrieval.task import KS, RetrievalTask

Floats = NDArray[np.float64]
_NAMES = (("score_matrix_i2t", "sims_i2t", "i2t"), ("score_matrix_t2i", "sims_t2i", "t2i"))
_PLAIN = ("similarity", "similarities", "sims", "sim", "scores", "arr_0")


def is_matrix(path: Path) -> bool:
    """Whether a file holds similarities: a single array, or an archive with one under a name of theirs."""
    if path.suffix == ".npy":
        return True
    if path.suffix != ".npz":
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            held = {name.removesuffix(".npy") for name in archive.namelist()}
    except (OSError, ValueError, zipfile.BadZipFile):
        return False
    return bool(held & {*_NAMES[0], *_PLAIN})


def read_matrix(path: Path, task: RetrievalTask) -> Predicted:
    """Read similarities of all images and captions of a task, both in its order.

    Args:
        path: A ``.npy`` file with an array [images, captions], or an ``.npz`` archive with one; or with ``score_matrix_i2t`` and
            ``score_matrix_t2i`` [captions, images], which may differ where pairs were scored again.
        task: The task.

    Raises:
        DataError: If it holds no such array, NaN, or another number of images or captions than the task.
    """
    i2t, t2i = _load(path)
    samples = task.samples()
    captions = sum(len(sample.parts) - 1 for sample in samples)
    if i2t.shape != (len(samples), captions) or t2i.shape != (captions, len(samples)):
        raise DataError(
            f"{path} has similarities {list(i2t.shape)}; {task.info.name} has {len(samples):,} images and {captions:,} captions, "
            "expected in its order"
        )
    for matrix in (i2t, t2i):
        if np.isnan(matrix).any():
            raise DataError(f"{path}: the similarities hold NaN")
    scored = MatrixTask(task.card, task.options)
    scored.t2i = t2i
    outputs: Mapping[str, Sequence[Output]] = {s.id: (row,) for s, row in zip(samples, i2t, strict=True)}
    return Predicted(scored, outputs)


def _load(path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    try:
        with path.open("rb") as file:
            held = np.load(file, allow_pickle=False)
            arrays = {"arr_0": held} if isinstance(held, np.ndarray) else {name: held[name] for name in held.files}
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path} cannot be read as an array of numbers: {error}") from error
    square = {name: each for name, each in arrays.items() if each.ndim == 2 and each.dtype.kind in "fiu"}
    ways = [next((square[name] for name in names if name in square), None) for names in _NAMES]
    plain = next((square[name] for name in _PLAIN if name in square), next(iter(square.values()), None))
    if ways[0] is not None:
        return ways[0], ways[0].T if ways[1] is None else ways[1]
    if plain is None:
        raise DataError(f"{path} holds no array [images, captions]; it holds {', '.join(arrays) or 'nothing'}")
    return plain, plain.T


class MatrixTask(RetrievalTask):
    """The same task where the similarities are given: an image's response is its row."""

    t2i: NDArray[Any]
    """[captions, images]"""

    def __init__(self, card: RetrievalCard, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(card, options)
        self.t2i = np.zeros((0, 0))

    def with_options(self, **options: Any) -> MatrixTask:
        """The task with these options set as well, and the same similarities."""
        task = super().with_options(**options)
        task.t2i = self.t2i
        return task

    def requests(self, sample: Sample) -> list[Request]:
        """One, for the image."""
        return [Embed(part=sample.parts[0])]

    def score(self, samples: Sequence[Sample], responses: Sequence[Sequence[Response]]) -> dict[str, ScoreTable]:
        """The two tables of queries; under the protocol ``1k`` every fold is ranked by itself."""
        from mmbench.metrics import folded_columns

        sizes = [len(sample.parts) - 1 for sample in samples]
        owners = np.repeat(np.arange(len(samples)), sizes)
        i2t = np.stack([np.asarray(response.output, dtype=np.float64) for (response,) in responses])
        folds = np.array([sample.meta.get("fold", 0) for sample in samples])
        found: dict[str, list[dict[str, Floats]]] = {"query_i2t": [], "query_t2i": []}
        for fold in dict.fromkeys(folds.tolist()):
            images, captions = np.flatnonzero(folds == fold), np.flatnonzero(folds[owners] == fold)
            own = owners[captions]
            answers = [np.flatnonzero(own == image) for image in images]
            place = {image: number for number, image in enumerate(images.tolist())}
            first = counts_of(i2t[np.ix_(images, captions)], answers)
            second = counts_of(
                np.asarray(self.t2i[np.ix_(captions, images)], dtype=np.float64),
                [np.array([place[o]]) for o in own.tolist()],
            )
            found["query_i2t"].append(query_columns(first, KS, self.ties))
            found["query_t2i"].append(query_columns(second, KS, self.ties))
        labels = slices_of(samples)
        ids = {
            "query_i2t": ([s.id for s in samples], np.arange(len(samples)), folds),
            "query_t2i": (
                [f"{s.id}/{n}" for s, size in zip(samples, sizes, strict=True) for n in range(size)],
                owners,
                folds[owners],
            ),
        }
        tables = {}
        for unit, (names, rows, fold_of) in ids.items():
            columns = {name: np.concatenate([part[name] for part in found[unit]]) for name in found[unit][0]}
            tables[unit] = ScoreTable(
                unit=unit,
                unit_ids=names,
                cluster_ids=[samples[row].cluster for row in rows.tolist()],
                status=["scored"] * len(names),
                columns=columns if self.protocol == "all" else folded_columns(columns, fold_of.tolist()),
                slices={name: [column[row] for row in rows.tolist()] for name, column in labels.items()},
            )
        return tables


def counts_of(scores: Floats, answers: Sequence[NDArray[np.int64]]) -> RankCounts:
    """Count what stands above and beside the right items of each query.

    Args:
        scores: float64 [queries, items].
        answers: [queries] the places of the right items, at least one each.

    Returns:
        The counts that `mmbench.metrics.query_columns` takes.
    """
    greater, tied, best = [], [], []
    for row, right in zip(scores, answers, strict=True):
        own = row[right]
        ordered = np.sort(row)
        above = len(row) - np.searchsorted(ordered, own, side="right")
        greater.append(above)
        tied.append(len(row) - above - np.searchsorted(ordered, own, side="left"))
        best.append(int((own == own.max()).sum()))
    indptr = np.concatenate(([0], np.cumsum([len(right) for right in answers])))
    return RankCounts(indptr, np.concatenate(greater), np.concatenate(tied), np.array(best), gallery=scores.shape[1])
