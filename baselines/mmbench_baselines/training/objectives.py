"""What is minimised on training samples, and what is measured on validation samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own habit

from mmbench_baselines.encoded import Encoded
from mmbench_baselines.examples import Examples, Rows, allowed_mask, inputs
from mmbench_baselines.model import FusionModel
from mmbench_baselines.two_tower import TwoTower

AT_ONCE = 512
"""Rows that are asked at once when nothing is learned."""


@dataclass(frozen=True, slots=True)
class Validation:
    """How well the validation samples went."""

    value: float
    """From 0 to 1, higher is better."""
    loss: float
    """Mean loss, which decides between equal values."""

    @property
    def rank(self) -> tuple[float, float]:
        """The greater the better."""
        return self.value, -self.loss


class Grouped(Protocol):
    """Samples in groups."""

    @property
    def groups(self) -> Sequence[str]:
        """The group of each: what is never torn apart."""


class Objective(Protocol):
    """What training needs to know of a task."""

    measure: str
    """Name of the validation value."""

    @property
    def train(self) -> Grouped:
        """The training samples."""

    def loss(self, rows: Rows, shifts: NDArray[np.int64]) -> Tensor:
        """Mean loss of these training rows, a scalar with gradient."""

    def validate(self) -> Validation:
        """The validation samples; no gradient."""


class Answering:
    """Cross-entropy over the answers; on validation samples, accuracy among the answers that each allows."""

    measure = "accuracy"

    def __init__(self, model: FusionModel, train: Examples, val: Examples, answers: Sequence[str]) -> None:
        self.model, self.train, self.val = model, train, val
        self._device = next(model.parameters()).device
        self._allowed = allowed_mask(val.allowed, answers)

    def logits(self, examples: Examples, rows: Rows, shifts: NDArray[np.int64] | None = None) -> Tensor:
        """float [n, c] of some rows; every image and text among them is encoded once."""
        raw, where, present = inputs(examples, rows, self._device, wanted=self.model.encoders, shifts=shifts)
        encoded = self.model.encode(raw)
        return self.model.fuse({name: each.take(where[name]) for name, each in encoded.items()}, present or None)

    def loss(self, rows: Rows, shifts: NDArray[np.int64]) -> Tensor:
        """Mean cross-entropy."""
        return F.cross_entropy(self.logits(self.train, rows, shifts), self._right(self.train, rows))

    def _right(self, examples: Examples, rows: Rows) -> Tensor:
        return torch.from_numpy(examples.answers[rows]).to(self._device)

    def validate(self) -> Validation:
        """Accuracy; of answers that tie the first counts, and a question whose answer training never showed is wrong."""
        right, loss = 0, 0.0
        with torch.no_grad():
            for start in range(0, len(self.val), AT_ONCE):
                rows = np.arange(start, min(start + AT_ONCE, len(self.val)))
                logits, wanted = self.logits(self.val, rows), self._right(self.val, rows)
                loss += F.cross_entropy(logits, wanted, reduction="sum", ignore_index=-1).item()
                allowed = self._allowed[start : start + len(rows)].to(self._device)
                best = logits.masked_fill(~allowed, -torch.inf).argmax(dim=1)
                right += int((best == wanted).sum())
        return Validation(right / len(self.val), loss / len(self.val))


class Matching:
    """InfoNCE within the batch; on validation samples, recall@1 from text to image and back, averaged.

    A image with several captions is there once in a batch, with one of them: a caption must not count against the
    image that it describes. A validation item is searched for among those of `pool` images in order.
    """

    measure = "recall@1"
    pool = 300

    def __init__(self, model: TwoTower, train: Examples, val: Examples) -> None:
        self.model, self.train, self.val = model, train, val
        self._device = next(model.parameters()).device

    def _encode(self, examples: Examples, rows: Rows, shifts: NDArray[np.int64] | None) -> dict[str, Encoded]:
        raw, where, _ = inputs(examples, rows, self._device, wanted=self.model.encoders, shifts=shifts)
        return {name: each.take(where[name]) for name, each in self.model.encode(raw).items()}

    def loss(self, rows: Rows, shifts: NDArray[np.int64]) -> Tensor:
        """Mean InfoNCE over both directions."""
        return self.model.loss(self._encode(self.train, one_per_image(self.train.image, rows, shifts), shifts))

    def validate(self) -> Validation:
        """Recall@1 within pools, mean over both directions, and the mean loss within pools."""
        right, loss, count = 0.0, 0.0, 0
        once = one_per_image(self.val.image, np.arange(len(self.val)), None)
        with torch.no_grad():
            for start in range(0, len(once), self.pool):
                rows = once[start : start + self.pool]
                encoded = self._encode(self.val, rows, None)
                scores = self.model.fuse(encoded)
                own = torch.arange(len(rows), device=self._device)
                hits: Any = (scores.argmax(dim=1) == own).sum() + (scores.argmax(dim=0) == own).sum()
                right += int(hits) / 2
                loss += self.model.loss(encoded).item() * len(rows)
                count += len(rows)
        return Validation(right / count, loss / count)


def one_per_image(images: Rows, rows: Rows, shifts: NDArray[np.int64] | None) -> Rows:
    """One of the rows for each image, picked by its place among the images and by the step's shifts."""
    turn = 0 if shifts is None else int(np.abs(shifts).sum())
    captions: dict[int, list[int]] = {}
    for row in rows.tolist():
        captions.setdefault(int(images[row]), []).append(row)
    return np.array([own[(turn + number) % len(own)] for number, own in enumerate(captions.values())], dtype=np.int64)
