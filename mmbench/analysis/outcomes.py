"""What became of each sample of a task in a run: right, wrong, scored, truncated, unparsed, refused or failed, and its scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmbench.analysis.stored_metrics import metric_for
from mmbench.core.ids import split_variant
from mmbench.core.score_table import ScoreTable
from mmbench.metrics.evaluate import STATUSES, status_codes, unit_values
from mmbench.results.run import TaskResult
from mmbench.results.schema import ResponseLine

OUTCOMES = ("right", "partly", "wrong", "scored", "truncated", "unparsed", "refused", "failed", "unscored")
"""What may become of a sample. ``right``: it has the best score that there is. ``wrong``: the worst. ``partly``: something between.
``scored``: it has a score of a metric without a best or a worst value, so nothing says how good that is. ``unscored``: it was asked and
is not scored, or not yet. The others are statuses, whatever was scored."""
NOT_ASKED = -1
"""Stands in place of an outcome where a run was not asked a sample."""
MOST_METRICS = 4
"""Metrics whose values are given sample by sample."""

_CLOSE = 1e-6
"""How near a score comes to the best one there is, and counts as it: products of shares are rarely exact."""

_RIGHT, _PARTLY, _WRONG, SCORED, _FAILED, _UNSCORED = (
    OUTCOMES.index(name) for name in ("right", "partly", "wrong", "scored", "failed", "unscored")
)
_OTHERWISE = {"error": "failed", "skipped": "unscored"}
_OF_STATUS = np.array([OUTCOMES.index(_OTHERWISE.get(each, each)) for each in STATUSES], dtype=np.int8)
_OF_ANSWER = {"ok": _UNSCORED, "error": _FAILED, "timeout": _FAILED}

Floats = NDArray[np.float64]
Codes = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class SampleOutcomes:
    """The samples that a run was asked of a task, n of them."""

    ids: Sequence[str]
    """[n] ids of the samples."""
    outcome: Codes
    """[n] places in `OUTCOMES`."""
    values: Mapping[str, Floats] = field(default_factory=dict)
    """Metric id to float64 [n], what the metric makes of each sample alone; NaN where that is undefined. The first one decides what is
    right."""
    table: ScoreTable | None = None
    """The score table whose rows are these samples; None where the task scores something else, or nothing yet."""

    @property
    def scores(self) -> Floats:
        """float64 [n]: the values that decide what is right; NaN where there are none."""
        return next(iter(self.values.values()), np.full(len(self.ids), np.nan))


def sample_metric(result: TaskResult) -> str | None:
    """The first primary metric that scores samples, one that is a mean before others; None where the task scores something else."""
    return next((name for name in _candidates(result, result.primary) if result.metrics[name].unit == "sample"), None)


def end_scores(result: TaskResult, metric: str) -> tuple[float | None, float | None]:
    """The worst and the best value that a sample can have in a metric; None where there is no such bound."""
    spec = result.specs.get(metric)
    low, high = (None, None) if spec is None else spec.bounds
    return (low, high) if result.metrics[metric].higher_is_better else (high, low)


def is_best(score: float | None, best: float | None) -> bool:
    """Whether a score is the best there is, but for rounding."""
    return score is not None and best is not None and abs(score - best) <= _CLOSE


def sample_outcomes(result: TaskResult, lines: Sequence[ResponseLine] | None) -> SampleOutcomes:
    """Find what became of every sample.

    Args:
        result: The task of a run.
        lines: The lines of its log, where `needs_log` says that they are needed.

    Raises:
        NotComparableError: If the score tables are damaged.
    """
    tables = result.tables()
    table = tables.get("sample")
    if table is not None:
        ids: Sequence[str] = list(table.unit_ids)
        outcome = _OF_STATUS[status_codes(table)]
    else:
        answered = _by_answers(split_variant(result.name)[0], lines or ())
        ids, outcome = list(answered), np.fromiter(answered.values(), np.int8, len(answered))
    places = {sample: place for place, sample in enumerate(ids)}
    values: dict[str, Floats] = {}
    for name in _candidates(result, [*result.primary, *result.metrics]):
        if len(values) == MOST_METRICS:
            break
        found = _values(result, name, tables, places)
        if found is not None:
            values[name], status = found
            if table is None and len(values) == 1:
                outcome = np.where(status >= 0, _OF_STATUS[status], outcome)
    if values:
        first = next(iter(values))
        outcome = _judged(outcome, values[first], *end_scores(result, first))
    return SampleOutcomes(ids, outcome.astype(np.int8), values, table)


def _candidates(result: TaskResult, names: Iterable[str]) -> list[str]:
    """The metrics among some that say something of a single sample: those that are means, else any."""
    names = list(dict.fromkeys(names))
    means = [name for name in names if name in result.specs and result.specs[name].kind == "mean"]
    return means or names


def needs_log(result: TaskResult) -> bool:
    """Whether the samples of a task are known by its log alone. Raises `NotComparableError` for damaged score tables."""
    return "sample" not in result.tables()


def _by_answers(task: str, lines: Iterable[ResponseLine]) -> dict[str, int]:
    """Sample id to the outcome of its answers, by their status alone; the last line of a request counts."""
    prefix, ends = f"{task}/", {line.id: line.status for line in lines}
    found: dict[str, int] = {}
    for request, status in ends.items():
        sample = request.removeprefix(prefix).rpartition("/")[0]
        code = _OF_ANSWER.get(status)
        code = OUTCOMES.index(status) if code is None else code
        if found.setdefault(sample, code) == _UNSCORED:
            found[sample] = code
    return found


def _values(
    result: TaskResult, name: str, tables: Mapping[str, ScoreTable], places: Mapping[str, int]
) -> tuple[Floats, NDArray[np.int64]] | None:
    """A metric's value for each sample, the mean over its units, and the worst status of these; None where units are no samples.

    A unit belongs to the sample of its own id, or to the one before the last slash: the queries of an image with several
    captions are ``image/0``, ``image/1`` and so on.
    """
    value = result.metrics.get(name)
    table = None if value is None else tables.get(value.unit)
    if table is None:
        return None
    metric = metric_for(result, name)[0]
    if metric is None or metric.formula is None:
        return None
    if table.unit == "sample":
        return unit_values(metric, table), np.full(len(places), -1)
    owners = np.array([places.get(u, places.get(u.rpartition("/")[0], -1)) for u in table.unit_ids], dtype=np.int64)
    kept = owners >= 0
    if not kept.any():
        return None
    each, status = unit_values(metric, table)[kept], status_codes(table)[kept]
    sums, counts = np.zeros(len(places)), np.zeros(len(places))
    np.add.at(sums, owners[kept], each)
    np.add.at(counts, owners[kept], 1)
    worst = np.full(len(places), -1, dtype=np.int64)
    np.maximum.at(worst, owners[kept], status)
    with np.errstate(invalid="ignore"):
        return sums / counts, worst


def _judged(outcome: NDArray[Any], values: Floats, worst: float | None, best: float | None) -> NDArray[Any]:
    """The outcomes with scored samples told apart by their values, as far as the metric has a worst and a best one."""
    judged = np.full(len(values), SCORED if worst is None or best is None else _PARTLY)
    for end, code in ((worst, _WRONG), (best, _RIGHT)):
        if end is not None:
            judged[np.isclose(values, end, rtol=0.0, atol=_CLOSE)] = code
    judged[np.isnan(values)] = _UNSCORED
    return np.where(outcome == SCORED, judged, outcome)
