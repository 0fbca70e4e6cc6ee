"""Embeddings in a file: an ``.npz`` archive of pictures, texts, and which picture each text belongs to."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmbench.core import DataError, Output, Predicted, Task, dataset_digest
from mmbench.data import Captioned
from mmbench_tasks.retrieval.card import RetrievalCard
from mmbench_tasks.retrieval.task import RetrievalTask

IMAGES, TEXTS, OWNERS = "image_emb", "text_emb", "text_image_index"
"""The arrays of the archive: floats [N, d], floats [M, d] and whole numbers [M]."""

UNIT = 2.0**-10
"""How far the norm of a unit vector may be from 1: twice what rounding to float16 can do."""

_ROWS = 4096
_NAMED = 10
"""Rows that an error names."""


@dataclass(frozen=True, slots=True)
class NumberedCaptions:
    """Images and captions of which nothing is known but their rows in a file."""

    texts: Sequence[Sequence[int]]
    """The rows of each image's texts."""

    def rows(self, split: str) -> list[Captioned]:
        """The images in the order of their rows; the split is ``test``."""
        del split
        return [
            Captioned(str(image), None, tuple(f"(text {row}, not given)" for row in rows))
            for image, rows in enumerate(self.texts)
        ]

    def fingerprint(self) -> str:
        """Digest of which text belongs to which image."""
        return dataset_digest(",".join(map(str, rows)) for rows in self.texts)


def read_embeddings(path: Path, task: Task | None) -> Predicted:
    """Read an archive with `IMAGES`, `TEXTS` and `OWNERS`; other arrays in it are left alone.

    Parameters: `task`, a registered task, whose samples are the pictures in their order and whose captions, in the order
    of the texts; None for a task made of the archive, whose samples are called ``0``, ``1``, ….

    Returns: for each sample the picture's embedding, then those of its texts: float32 [d] each. A task made of the archive
    takes them as they are where all are unit vectors as exactly as float16 can say it, so that values are those of the
    product of the two arrays; else, as every other task does, it normalises them.

    Raises `DataError` for a file that is no such archive, for arrays that are missing or do not fit one another, for NaN
    and what float32 cannot hold, for indices out of range, for pictures without a text, and where the pictures or the
    numbers of their captions are not those of `task`.
    """
    arrays = _load(path)
    images, texts = (_vectors(path, name, arrays[name]) for name in (IMAGES, TEXTS))
    if images.shape[1] != texts.shape[1]:
        raise DataError(f"{path}: {IMAGES} has {images.shape[1]} numbers a row, {TEXTS} has {texts.shape[1]}")
    captions = _captions(path, arrays[OWNERS], len(images), len(texts))
    if task is None:
        task = _task(path, captions, normalise=not all(_of_norm_1(vectors) for vectors in (images, texts)))
        ids = [str(image) for image in range(len(images))]
    else:
        ids = _ids(path, task, captions)
    outputs: Mapping[str, list[Any]] = {
        sample_id: [images[image], *texts[rows]]
        for image, (sample_id, rows) in enumerate(zip(ids, captions, strict=True))
    }
    found: Mapping[str, Sequence[Output]] = outputs
    return Predicted(task, found)


def _load(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with path.open("rb") as file:  # np.load leaves a file that it opened itself open where it is no archive
            return _read(path, np.load(file, allow_pickle=False))
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path} cannot be read as an .npz archive of numbers: {reason}") from error


def _read(path: Path, archive: Any) -> dict[str, NDArray[Any]]:
    wanted = (IMAGES, TEXTS, OWNERS)
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise DataError(f"{path} holds one array; expected an .npz archive with {', '.join(wanted)}")
    with archive:
        if missing := [name for name in wanted if name not in archive.files]:
            found = ", ".join(archive.files[:_NAMED]) or "nothing"
            raise DataError(f"{path} lacks {', '.join(missing)}; it holds {found}")
        return {name: archive[name] for name in wanted}


def _vectors(path: Path, name: str, given: NDArray[Any]) -> NDArray[np.float32]:
    if given.ndim != 2 or given.dtype.kind != "f" or 0 in given.shape:
        raise DataError(f"{path}: {name} is {given.dtype} {list(given.shape)}; expected floats [rows, numbers]")
    with np.errstate(over="ignore"):
        vectors = given.astype(np.float32, copy=False)
    bad: list[int] = []
    for start in range(0, len(vectors), _ROWS):
        bad += (start + np.flatnonzero(~np.isfinite(vectors[start : start + _ROWS]).all(axis=1))).tolist()
    if bad:
        raise DataError(f"{path}: {name} holds NaN, or numbers that float32 cannot hold, in {_rows(bad)}")
    return vectors


def _captions(path: Path, owners: NDArray[Any], images: int, texts: int) -> list[list[int]]:
    """The rows of each picture's texts."""
    if owners.ndim != 1 or owners.dtype.kind not in "iu" or len(owners) != texts:
        raise DataError(
            f"{path}: {OWNERS} is {owners.dtype} {list(owners.shape)}; expected whole numbers, one for each of the "
            f"{texts:,} rows of {TEXTS}"
        )
    outside = np.flatnonzero((owners < 0) | (owners >= images)).tolist()
    if outside:
        raise DataError(f"{path}: {OWNERS} points outside the {images:,} rows of {IMAGES} in {_rows(outside)}")
    owners = owners.astype(np.int64)
    sizes = np.bincount(owners, minlength=images)
    if (sizes == 0).any():
        raise DataError(f"{path}: no text belongs to {_rows(np.flatnonzero(sizes == 0).tolist())} of {IMAGES}")
    order = np.argsort(owners, kind="stable")
    return [rows.tolist() for rows in np.split(order, np.cumsum(sizes)[:-1])]


def _rows(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:_NAMED]))
    more = f" and {len(numbers) - _NAMED:,} more" if len(numbers) > _NAMED else ""
    return f"row{'' if len(numbers) == 1 else 's'} {shown}{more}"


def _of_norm_1(vectors: NDArray[np.float32]) -> bool:
    for start in range(0, len(vectors), _ROWS):
        part = vectors[start : start + _ROWS].astype(np.float64)
        if (np.abs(np.sqrt(np.einsum("ij,ij->i", part, part)) - 1) > UNIT).any():
            return False
    return True


def _task(path: Path, captions: Sequence[Sequence[int]], *, normalise: bool) -> RetrievalTask:
    source = NumberedCaptions(captions)
    card = RetrievalCard(
        name=f"retrieval/{path.stem}",
        description=f"captions by picture and pictures by caption, from the embeddings in {path.name}",
        licence="unknown",
        citation=path.name,
        revision=source.fingerprint(),
        source=source,
        languages=(),
        modalities=("text",),
        normalise=normalise,
    )
    return RetrievalTask(card)


def _ids(path: Path, task: Task, captions: Sequence[Sequence[int]]) -> list[str]:
    """The ids of the task's samples, when their captions are as many as the archive has texts for them."""
    samples = task.samples()
    if len(samples) != len(captions):
        raise DataError(
            f"{path} has {len(captions):,} pictures; {task.info.name} has {len(samples):,}, expected in the same order"
        )
    for sample, rows in zip(samples, captions, strict=True):
        if len(sample.parts) - 1 != len(rows):
            raise DataError(
                f"{path} has {len(rows)} texts for the picture of sample {sample.id}; {task.info.name} has "
                f"{len(sample.parts) - 1} captions"
            )
    return [sample.id for sample in samples]
