"""Fit what a call costs to what its requests hold, so that other mixes of prompts can be predicted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mmbench.results.schema import CostFit

if TYPE_CHECKING:
    import numpy as np

    from mmbench.perf.call_log import CallLog

_ENOUGH = 10
"""Calls for each term at least."""
_TERMS = ("per_input_token", "per_megapixel", "per_output_token")


def cost_fits(log: CallLog, calls: Sequence[int]) -> list[CostFit]:
    """What these calls cost in time and in money; nothing where too few are known, or all are alike.

    Args:
        log: The calls.
        calls: Which of them are fitted: those that started after the warm-up and whose requests all ended well.
    """
    found = [_fit("s", [log.duration[call] for call in calls], log, calls)]
    if any(log.cost[call] > 0 for call in calls):
        found.append(_fit("USD", [log.cost[call] for call in calls], log, calls))
    return [fit for fit in found if fit is not None]


def _fit(unit: str, costs: Sequence[float], log: CallLog, calls: Sequence[int]) -> CostFit | None:
    import numpy as np

    spent = np.array(costs, dtype=np.float64)
    if len(spent) < 2 * _ENOUGH or not np.isfinite(spent).all() or spent.mean() <= 0:
        return None
    columns = {"fixed": np.array([log.requests[call] for call in calls], dtype=np.float64)}
    for name, source in zip(_TERMS, (log.input_tokens, log.megapixels, log.output_tokens), strict=True):
        values = np.array([source[call] for call in calls], dtype=np.float64)
        if np.isfinite(values).all() and _adds(values, list(columns.values())):
            columns[name] = values
    if len(spent) < _ENOUGH * len(columns):
        return None
    matrix = np.stack(list(columns.values()), axis=1)
    terms = non_negative_least_squares(matrix, spent)
    error = float(np.abs(matrix @ terms - spent).mean() / spent.mean())
    return CostFit(unit=unit, n=len(spent), error=error, **dict(zip(columns, terms.tolist(), strict=True)))


def _adds(values: np.ndarray, columns: Sequence[np.ndarray]) -> bool:
    """Whether a column is no sum of those that are there: more than a thousandth of it is its own."""
    import numpy as np

    if not values.any():
        return False
    known = np.stack(columns, axis=1)
    rest = values - known @ np.linalg.lstsq(known, values, rcond=None)[0]
    return float(np.linalg.norm(rest)) > 1e-3 * float(np.linalg.norm(values))


def non_negative_least_squares(matrix: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The x ≥ 0 with the smallest sum of squares of `matrix @ x - wanted`.

    Every subset of columns is tried, which is exact and cheap for the four that there are: the optimum is the ordinary least
    squares solution on its own support.

    Args:
        matrix: float64 ``[n, d]`` of rank d.
        wanted: float64 ``[n]``.

    Returns:
        float64 ``[d]``.
    """
    import numpy as np

    best, best_error = np.zeros(matrix.shape[1]), math.inf
    scale = np.linalg.norm(matrix, axis=0)
    for mask in range(1, 2 ** matrix.shape[1]):
        support = [column for column in range(matrix.shape[1]) if mask >> column & 1]
        part = np.linalg.lstsq(matrix[:, support] / scale[support], wanted, rcond=None)[0] / scale[support]
        if (part < 0).any():
            continue
        error = float(((matrix[:, support] @ part - wanted) ** 2).sum())
        if error < best_error:
            best, best_error = np.zeros(matrix.shape[1]), error
            best[support] = part
    return best
