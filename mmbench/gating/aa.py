"""A against A: how often the rules of a gate fail a model that is not worse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmbench.analysis.joins import join_tables
from mmbench.comparison.differences import paired, read_pair, unit_changes
from mmbench.comparison.metrics import metric_for
from mmbench.core.errors import NotComparableError
from mmbench.core.metric import Metric
from mmbench.gating.decide import decide_margin, decide_regressions, turned
from mmbench.gating.judge import check_sides, gate
from mmbench.gating.resolve import Target, default_rules, resolve
from mmbench.gating.rules import Rule
from mmbench.results.run import Run
from mmbench.stats import mean_interval

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

RESAMPLES = 200
"""Bootstrap resamples of a simulated gate, for metrics that need a bootstrap."""


@dataclass(frozen=True, slots=True)
class FalseAlarms:
    """How often equal models fail a gate."""

    simulations: int
    """Simulated gates."""
    violated: int
    """Those of them that an equal model failed."""
    rate: float
    """Their share."""
    low: float | None
    """Lower end of its 95 % interval."""
    high: float | None
    """Upper end."""
    how: str
    """How equal models were made, in words."""
    rules: int
    """Rules that were simulated."""
    left_out: tuple[str, ...]
    """Rules that were not: those about speed, floors and budgets, and exactness."""
    pairs: int = 0
    """Ordered pairs of the runs given, each gated against the other."""
    pairs_violated: int = 0
    """Those of them that failed."""

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @property
    def sentences(self) -> list[str]:
        """What it says, line by line."""
        interval = "" if self.low is None or self.high is None else f" [{100 * self.low:.1f}, {100 * self.high:.1f}]"
        lines = [
            f"false alarms: {100 * self.rate:.1f} %{interval} of {self.simulations:,} simulated gates with {self.rules} rules",
            f"equal models: {self.how}",
        ]
        if self.pairs:
            lines.append(
                f"runs of one model: {self.pairs_violated} of {self.pairs} ordered pairs fail each other; training anew moves "
                "values beyond the noise of the samples, which alone is simulated above"
            )
        if self.left_out:
            lines.append(f"not simulated: {'; '.join(self.left_out)}")
        return lines


@dataclass(frozen=True, slots=True)
class _Metric:
    """A metric that is simulated, with all that it reads."""

    target: Target
    metric: Metric
    a: Floats
    """[n, d] rows of the baseline (of the run itself where there is none)."""
    b: Floats
    """[n, d] rows of the run."""
    clusters: list[str]
    """[n] cluster ids, which all tables of a task share."""


@dataclass(frozen=True, slots=True)
class _Null:
    """What one simulation does to the rows of one metric."""

    rows_a: Floats
    rows_b: Floats
    clusters: Codes


Draw = Callable[[np.random.Generator], list[_Null]]


def false_alarms(
    runs: Sequence[Run], baselines: Sequence[Run], rules: Sequence[Rule], *, simulations: int, seed: int = 0
) -> FalseAlarms:
    """Estimate the false-alarm rate of a gate by simulation.

    With a baseline, the two answers of every cluster are swapped at random: models that are equal, and disagree as much as
    these two. With a run alone, each side is drawn anew from its clusters, cluster by cluster of the same size: models that
    agree by chance alone. All metrics of a task see the same swaps and draws. Several runs (seeds) are gated against each
    other too.

    Raises `UsageError` as `gate` does, `NotComparableError` where no rule can be simulated.
    """
    check_sides(runs, baselines)
    run, baseline = runs[0], baselines[0] if baselines else runs[0]
    targets = resolve(rules or default_rules(run, baseline), [run, baseline], given=bool(rules))
    metrics = [found for target in targets if (found := _read(target, run, baseline)) is not None]
    if not metrics:
        raise NotComparableError(
            "none of the rules can be simulated: --aa is about rules that compare metrics of both runs"
        )
    draws = _swaps(metrics) if baselines else _redraws(metrics)
    generator = np.random.default_rng(seed)
    violated = np.array([_fails(metrics, draws(generator)) for _ in range(simulations)], dtype=np.float64)
    interval = mean_interval(np.stack([violated, np.ones(simulations)], axis=1))
    simulated = {each.target.rule.text for each in metrics}
    pairs = list(permutations(runs, 2)) if len(runs) > 1 else []
    return FalseAlarms(
        simulations=simulations,
        violated=int(violated.sum()),
        rate=float(violated.mean()),
        low=interval.low,
        high=interval.high,
        how=(
            "the answers of the two runs, swapped at random cluster by cluster"
            if baselines
            else "the clusters of the run, drawn anew for each side (they agree by chance alone)"
        ),
        rules=len(metrics),
        left_out=tuple(target.rule.text for target in targets if target.rule.text not in simulated),
        pairs=len(pairs),
        pairs_violated=sum(gate([left], [right], rules).exit_code == 1 for left, right in pairs),
    )


def _read(target: Target, run: Run, baseline: Run) -> _Metric | None:
    """What a rule reads; None for rules that are not simulated."""
    task, name = target.rule.task, target.rule.metric
    if target.figure is not None or target.rule.policy not in ("regression", "non-inferiority"):
        return None
    if any(task not in side.tasks or name not in side.tasks[task].metrics for side in (run, baseline)):
        return None
    metric, _ = metric_for(run.tasks[task], name)
    if metric is None:
        return None
    joined = join_tables(baseline.tasks[task], run.tasks[task]).get(metric.unit)
    if joined is None or not joined.n:
        return None
    rows_a, rows_b = read_pair(metric, joined)
    clusters = [joined.a.cluster_ids[row] for row in joined.rows_a.tolist()]
    return _Metric(target, metric, rows_a[joined.rows_a], rows_b[joined.rows_b], clusters)


def _by_task(metrics: Sequence[_Metric]) -> dict[str, list[tuple[int, _Metric]]]:
    tasks: dict[str, list[tuple[int, _Metric]]] = {}
    for number, each in enumerate(metrics):
        tasks.setdefault(each.target.rule.task, []).append((number, each))
    return tasks


def _coded(metrics: Sequence[_Metric]) -> tuple[list[Codes], int]:
    """Cluster codes of the rows of several metrics of one task, numbered together, and their number."""
    numbers: dict[str, int] = {}
    codes = [
        np.fromiter(
            (numbers.setdefault(each, len(numbers)) for each in metric.clusters), np.int64, len(metric.clusters)
        )
        for metric in metrics
    ]
    return codes, len(numbers)


def _swaps(metrics: Sequence[_Metric]) -> Draw:
    prepared = [(group, *_coded([each for _, each in group])) for group in _by_task(metrics).values()]

    def draw(generator: np.random.Generator) -> list[_Null]:
        found: dict[int, _Null] = {}
        for group, codes, count in prepared:
            swapped = generator.random(count) < 0.5
            for (number, each), code in zip(group, codes, strict=True):
                mask = swapped[code][:, None]
                found[number] = _Null(np.where(mask, each.b, each.a), np.where(mask, each.a, each.b), code)
        return [found[number] for number in range(len(metrics))]

    return draw


def _redraws(metrics: Sequence[_Metric]) -> Draw:
    prepared = []
    for group in _by_task(metrics).values():
        codes, count = _coded([each for _, each in group])
        sizes = np.stack([np.bincount(code, minlength=count) for code in codes])  # [metrics, clusters]
        kinds = np.unique(sizes, axis=1, return_inverse=True)[1].reshape(-1)
        alike = [np.flatnonzero(kinds == kind) for kind in range(int(kinds.max()) + 1)]
        orders = [np.argsort(code, kind="stable") for code in codes]
        prepared.append((group, alike, sizes, orders))

    def draw(generator: np.random.Generator) -> list[_Null]:
        found: dict[int, _Null] = {}
        for group, alike, sizes, orders in prepared:
            left, right = (np.concatenate([generator.choice(each, len(each)) for each in alike]) for _ in range(2))
            for place, (number, each) in enumerate(group):
                size, order = sizes[place], orders[place]
                starts = np.concatenate([[0], np.cumsum(size)[:-1]])
                clusters = np.repeat(np.arange(len(left), dtype=np.int64), size[left])
                rows = [order[_ranges(starts[side], size[side])] for side in (left, right)]
                found[number] = _Null(each.b[rows[0]], each.b[rows[1]], clusters)
        return [found[number] for number in range(len(metrics))]

    return draw


def _ranges(starts: Codes, sizes: Codes) -> Codes:
    """The whole numbers from each start on, as many as its size, one range after the other."""
    ends = np.cumsum(sizes)
    places: Codes = np.arange(int(ends[-1]), dtype=np.int64) + np.repeat(starts - (ends - sizes), sizes)
    return places


def _fails(metrics: Sequence[_Metric], nulls: Sequence[_Null]) -> bool:
    """Whether the rules fail one simulated pair, by the gate's own decisions."""
    tests = []
    for each, null in zip(metrics, nulls, strict=True):
        difference = paired(each.metric, null.rows_a, null.rows_b, null.clusters, resamples=RESAMPLES)
        changed = int(np.count_nonzero(unit_changes(each.metric, null.rows_a, null.rows_b)))
        tests.append((each, turned(difference, higher_is_better=each.metric.higher_is_better, changed=changed)))
    regressions = [
        (found, e.target.threshold, e.target.rule.alpha) for e, found in tests if e.target.rule.policy == "regression"
    ]
    margins = [
        (found, e.target.threshold, e.target.rule.alpha) for e, found in tests if e.target.rule.policy != "regression"
    ]
    decisions = [*decide_regressions(regressions), *(decide_margin(*each) for each in margins)]
    return any(decision.outcome == "violated" for decision in decisions)
