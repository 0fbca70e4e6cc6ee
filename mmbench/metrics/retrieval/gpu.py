"""The counting of `mmbench.metrics.retrieval.blocks` on a device of PyTorch. The only metrics module that knows torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from mmbench.core.errors import MissingExtraError, UsageError
from mmbench.metrics.retrieval.blocks import DENSE, Found, Limits
from mmbench.metrics.retrieval.grid import Floats32

_PAIRS = 2**16
"""Scores that are computed exactly at once."""


class TorchEngine:
    """Products in float32 (TF32 and its like switched off) and exact ones in float64 on a device such as ``cuda``.

    Raises `UsageError` for a device that is not there, `MissingExtraError` without torch.
    """

    loaded = rows = 4096
    columns = 8192

    def __init__(self, device: str) -> None:
        try:
            import torch
        except ImportError as error:
            raise MissingExtraError(f"device {device!r}", "baselines") from error
        self._torch: Any = torch
        try:
            self._device = torch.empty(1, dtype=torch.float64, device=device).device
        except (AssertionError, RuntimeError, TypeError) as error:
            reason = (str(error).splitlines() or ["unknown"])[0]
            raise UsageError(f"device {device!r} cannot be used for ranks: {reason}") from error

    def load(self, part: Floats32) -> Any:
        """A copy on the device."""
        return self._torch.tensor(part, device=self._device)

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        """The function of each item, in order."""
        return map(function, items)

    def close(self) -> None:
        """Nothing is held but what Python frees."""

    def count(self, left: Any, right: Any, rows: Limits | None, columns: Limits | None) -> tuple[Found, Found]:
        """See `blocks.Engine`."""
        with self._full_precision():
            scores = left @ right.T
        views = ((scores, rows), (scores.T, columns))
        found = [None if limits is None else self._count(view, limits.low, limits.high) for view, limits in views]
        doubtful = sum(int(each[1].sum()) for each in found if each is not None)
        if doubtful * DENSE > scores.numel():
            exact = left.double() @ right.double().T
            views = ((exact, rows), (exact.T, columns))
            found = [
                None if limits is None else self._count(view, limits.exact, limits.exact) for view, limits in views
            ]
        elif doubtful:
            for each, (view, limits), sides in zip(found, views, ((left, right), (right, left)), strict=True):
                if each is not None and limits is not None:
                    self._settle(each, view, limits, sides)
        one, two = (None if each is None else (each[0].cpu().numpy(), each[1].cpu().numpy()) for each in found)
        return one, two

    def _count(self, scores: Any, low: Any, high: Any) -> tuple[Any, Any]:
        """For scores [n, items], how many are above `high`, and how many from `low` to `high`: int64 [s, n] twice."""
        above, reached = [], []
        for least, most in zip(self._on_device(low), self._on_device(high), strict=True):
            above.append((scores > most[:, None]).sum(dim=1))
            reached.append((scores >= least[:, None]).sum(dim=1))
        counted = self._torch.stack(above)
        return counted, self._torch.stack(reached) - counted

    def _settle(self, found: tuple[Any, Any], scores: Any, limits: Limits, sides: tuple[Any, Any]) -> None:
        """Replace the number of scores in doubt by the number of those that tie, and count those above where they belong."""
        above, tied = found
        low, high, exact = (self._on_device(each) for each in (limits.low, limits.high, limits.exact))
        for slot in self._torch.nonzero(tied.any(dim=1)).flatten().tolist():
            near = (scores >= low[slot][:, None]) & (scores <= high[slot][:, None])
            tied[slot] = 0
            for some in self._torch.nonzero(near).split(_PAIRS):
                queries, items = some.unbind(dim=1)
                products = (sides[0][queries].double() * sides[1][items].double()).sum(dim=1)
                lead = products - exact[slot][queries]
                above[slot].index_add_(0, queries, (lead > 0).long())
                tied[slot].index_add_(0, queries, (lead == 0).long())

    def _on_device(self, limits: np.ndarray[Any, Any]) -> Any:
        return self._torch.tensor(limits, device=self._device)

    @contextmanager
    def _full_precision(self) -> Iterator[None]:
        """Inside, products in float32 are nothing less; the setting of the process comes back after it."""
        before = self._torch.get_float32_matmul_precision()
        self._torch.set_float32_matmul_precision("highest")
        try:
            yield
        finally:
            self._torch.set_float32_matmul_precision(before)
