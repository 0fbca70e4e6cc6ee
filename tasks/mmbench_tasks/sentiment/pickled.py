"""CMU-MOSI and CMU-MOSEI as they are passed around: a pickle of a dict of splits.

Two layouts are read. That of MMSA has ``raw_text`` (what was said), ``id`` (``video$_$clip``) and ``regression_labels`` [n]; that of
MulT has features alone, ``id`` [n, 3] (video, start, end) and ``labels`` [n, 1, 1]. Splits are ``train``, ``valid`` and ``test``. Features
of sound and picture are left where they are. See `mmbench.data.pickles` for how the file is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmbench.core import DataError
from mmbench.data import as_array, listed, read_pickle
from mmbench.extract import number_text
from mmbench_tasks.sentiment.card import LIMIT, Utterance, polarity

SUFFIXES = (".pkl", ".pickle")
"""Suffixes of the files that are read."""
SPLITS: Mapping[str, tuple[str, ...]] = {"test": ("test",), "train": ("train",), "val": ("valid", "val", "dev")}
"""Split of the task to its names in files."""
LABELS = ("regression_labels", "labels")
"""Names of the field of labels, the first that is there."""
_CLIP = "$_$"
"""What stands between video and clip in ids of MMSA."""


@dataclass(frozen=True, slots=True)
class Split:
    """Where a split is, for errors: ``mosi.pkl, test``."""

    place: str
    """File and split."""
    fields: Mapping[str, Any]
    """Name to what the file has."""

    def array(self, name: str) -> NDArray[Any]:
        """A field as an array. Raises `DataError`."""
        try:
            found = as_array(self.fields[name])
        except ValueError as error:
            raise DataError(f"{self.place}, {name}: {error}") from error
        if found is None or not found.ndim:
            raise DataError(f"{self.place}, {name}: expected an array or a list")
        return found


def read_utterances(path: Path) -> dict[str, list[Utterance]]:
    """Split to its utterances, in the order of the file; ``test`` first. Raises `DataError`.

    Scores are the file's labels, classes their signs. Ids are those of the file (``video$_$clip``, or video, start and end joined
    by ``_``), the group is the video, and the text is None where the file has none.
    """
    whole = _named(read_pickle(path))
    if whole is None:
        raise DataError(f"{path}: expected a dict of splits (train, valid, test), as MMSA and MulT have it")
    found: dict[str, list[Utterance]] = {}
    for split, names in SPLITS.items():
        name = next((name for name in names if name in whole), None)
        if name is None:
            continue
        fields = _named(whole[name])
        if fields is None:
            raise DataError(f"{path}, {name}: expected a dict with 'id' and 'labels' or 'regression_labels'")
        found[split] = _utterances(Split(f"{path}, {name}", fields))
    if "test" not in found:
        raise DataError(f"{path} has no split 'test'; it has {listed(sorted(whole)) or 'nothing'}")
    return found


def _named(value: Any) -> dict[str, Any] | None:
    """A dict with texts as keys; those of Python 2 are bytes."""
    if not isinstance(value, dict):
        return None
    return {_decoded(key): inner for key, inner in value.items()}


def _utterances(split: Split) -> list[Utterance]:
    scores = _scores(split)
    ids, videos = _ids(split, len(scores))
    texts = _texts(split, len(scores))
    rows = zip(ids, videos, texts, scores, strict=True)
    return [
        Utterance(id=name, text=text, label=polarity(score), score=score, group=video)
        for name, video, text, score in rows
    ]


def _scores(split: Split) -> list[float]:
    name = next((name for name in LABELS if name in split.fields), None)
    if name is None:
        raise DataError(f"{split.place}: no {' or '.join(LABELS)}; it has {listed(sorted(split.fields)) or 'nothing'}")
    found = split.array(name)
    if found.size != len(found) or not len(found):
        raise DataError(f"{split.place}, {name}: expected one number a row, found the shape {list(found.shape)}")
    scores = []
    for row, value in enumerate(found.reshape(-1)):
        try:
            score = float(str(value)) if isinstance(value, np.floating) else float(value)
        except (TypeError, ValueError) as error:
            raise DataError(f"{split.place}, {name}, row {row}: {value!r} is no number") from error
        if not abs(score) <= LIMIT:
            raise DataError(f"{split.place}, {name}, row {row}: label {number_text(score)}; expected one from -3 to 3")
        scores.append(score + 0.0)
    return scores


def _ids(split: Split, count: int) -> tuple[list[str], list[str]]:
    """Ids, and the video that each is from."""
    if "id" not in split.fields:
        ids = [f"row-{row}" for row in range(count)]
        return ids, [""] * count
    found = split.array("id")
    if len(found) != count:
        raise DataError(f"{split.place}: {len(found)} ids for {count} labels")
    try:
        parts = [_parts(item) for item in found]
    except ValueError as error:
        raise DataError(f"{split.place}, id: {error}") from error
    ids = ["_".join(each) for each in parts]
    places: dict[str, int] = {}
    for row, name in enumerate(ids):
        if not name or not name.isprintable() or name != name.strip():
            raise DataError(f"{split.place}, id, row {row}: {name!r} is no id; expected printable text")
        if name in places:
            raise DataError(f"{split.place}, id, row {row}: {name!r} is taken by row {places[name]}")
        places[name] = row
    return ids, [each[0].split(_CLIP)[0] if len(each) > 1 or _CLIP in each[0] else "" for each in parts]


def _parts(item: Any) -> list[str]:
    inner = as_array(item) if not isinstance(item, np.ndarray) else item
    return [_decoded(item)] if inner is None else [_decoded(part) for part in inner.reshape(-1)]


def _texts(split: Split, count: int) -> Sequence[str | None]:
    if "raw_text" not in split.fields:
        return [None] * count
    found = split.array("raw_text").reshape(-1)
    if len(found) != count:
        raise DataError(f"{split.place}: {len(found)} texts for {count} labels")
    return [_decoded(text) for text in found]


def _decoded(value: Any) -> str:
    """A text; bytes are UTF-8, or else Latin-1."""
    if not isinstance(value, bytes):
        return str(value)
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
