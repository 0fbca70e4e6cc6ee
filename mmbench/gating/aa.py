"""Estimate how often the rules of a gate fail a model that is not worse (A against A)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmbench.analysis.joins import join_tables
from mmbench.analysis.stored_metrics import metric_for
from mmbench.comparison.differences import read_pair
from mmbench.comparison.paired_metric import paired, unit_changes
from mmbench.comparison.silence import without_silent
from mmbench.core.errors import NotComparableError
from mmbench.core.metric import Metric
from mmbench.gating.decide import as_drop, decide_margin, decide_regressions
from mmbench.gating.judge import check_sides, gate
from mmbench.gating.preconditions import RuleCheck, resolve_all
from mmbench.gating.rules import Rule
from mmbench.results.run import Run
from mmbench.stats import mean_interval
from mmbench.stats.clustered import intra_cluster_correlation

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


@dataclass(frozen=True, slots=True)
class _Metric:
    """A metric that is simulated, with all that it reads."""

    check: RuleCheck
    metric: Metric
    a: Floats
    """[n, d] rows of the baseline (of the run itself where there is none)."""
    b: Floats
    """[n, d] rows of the run."""
    clusters: list[str]
    """[n] cluster ids, which all tables of a task share."""


Null = tuple[Floats, Floats, Codes]
"""What one simulation makes of one metric: rows of the baseline, rows of the run, and the cluster codes of both."""
_SWAPPED = "the answers of the two runs, swapped at random cluster by cluster"
_REDRAWN = "the answers of the run, drawn anew for each side and as alike within clusters as they are (the sides agree by chance alone)"
Draw = Callable[[np.random.Generator], list[Null]]


def false_alarms(
    runs: Sequence[Run],
    baselines: Sequence[Run],
    rules: Sequence[Rule],
    *,
    simulations: int,
    seed: int = 0,
    only: bool = False,
) -> FalseAlarms:
    """Estimate the false-alarm rate of a gate by simulation.

    With a baseline, the two answers of every cluster are swapped at random: models that are equal, and disagree as much as
    these two. With a run alone, each side is drawn anew, with clusters as large and answers in them as much alike as the run's: models that
    agree by chance alone. All metrics of a task see the same swaps and draws. Several runs (seeds) are gated against each
    other, too.

    Args:
        runs: The run and repeats of it.
        baselines: The baseline and repeats of it; may be empty.
        rules: The rules of the gate, beside the default rule of every primary metric that none of them is about.
        simulations: How many gates are simulated.
        seed: Seed of the simulation.
        only: Whether `rules` are all that is checked.

    Raises:
        UsageError: As `gate` does.
        NotComparableError: Where no rule can be simulated.
    """
    check_sides(runs, baselines)
    run, baseline = runs[0], baselines[0] if baselines else runs[0]
    checks = resolve_all(rules, [run, baseline], only=only)
    tasks: dict[str, list[_Metric]] = {}
    for check in checks:
        if (found := _read(check, run, baseline)) is not None:
            tasks.setdefault(check.rule.task, []).append(found)
    metrics = [metric for group in tasks.values() for metric in group]
    if not metrics:
        raise NotComparableError(
            "none of the rules can be simulated: --aa is about rules that compare metrics of both runs"
        )
    draws = (_swaps if baselines else _redraws)(list(tasks.values()))
    generator = np.random.default_rng(seed)
    violated = np.array([_fails(metrics, draws(generator)) for _ in range(simulations)], dtype=np.float64)
    interval = mean_interval(np.stack([violated, np.ones(simulations)], axis=1))
    simulated = {each.check.rule.text for each in metrics}
    pairs = list(permutations(runs, 2)) if len(runs) > 1 else []
    return FalseAlarms(
        simulations=simulations,
        violated=int(violated.sum()),
        rate=float(violated.mean()),
        low=interval.low,
        high=interval.high,
        how=_SWAPPED if baselines else _REDRAWN,
        rules=len(metrics),
        left_out=tuple(check.rule.text for check in checks if check.rule.text not in simulated),
        pairs=len(pairs),
        pairs_violated=sum(gate([left], [right], rules, only=only).exit_code == 1 for left, right in pairs),
    )


def _read(check: RuleCheck, run: Run, baseline: Run) -> _Metric | None:
    """Read what a rule is about; None for rules that are not simulated."""
    task, name = check.rule.task, check.rule.metric
    if check.perf is not None or check.rule.policy not in ("regression", "non-inferiority"):
        return None
    if any(task not in side.tasks or name not in side.tasks[task].metrics for side in (run, baseline)):
        return None
    metric, _ = metric_for(run.tasks[task], name)
    if metric is None:
        return None
    joined = join_tables(baseline.tasks[task], run.tasks[task]).get(metric.unit)
    if joined is None:
        return None
    rows_a, rows_b = read_pair(metric, joined)
    joined, _ = without_silent(metric, (rows_a, rows_b), joined)
    if not joined.n:
        return None
    clusters = [joined.a.cluster_ids[row] for row in joined.rows_a.tolist()]
    return _Metric(check, metric, rows_a[joined.rows_a], rows_b[joined.rows_b], clusters)


def _coded(metrics: Sequence[_Metric]) -> tuple[list[Codes], int]:
    """Cluster codes of the rows of several metrics of one task, numbered together, and their number."""
    numbers: dict[str, int] = {}
    codes = [
        np.array([numbers.setdefault(each, len(numbers)) for each in metric.clusters], dtype=np.int64)
        for metric in metrics
    ]
    return codes, len(numbers)


def _swaps(groups: Sequence[Sequence[_Metric]]) -> Draw:
    prepared = [(group, *_coded(group)) for group in groups]

    def draw(generator: np.random.Generator) -> list[Null]:
        found: list[Null] = []
        for group, codes, count in prepared:
            swapped = generator.random(count) < 0.5
            for each, code in zip(group, codes, strict=True):
                mask = swapped[code][:, None]
                found.append((np.where(mask, each.b, each.a), np.where(mask, each.a, each.b), code))
        return found

    return draw


def _redraws(groups: Sequence[Sequence[_Metric]]) -> Draw:
    """Each side's clusters filled anew: clusters keep their sizes, also where one is as large as no other.

    The rows of a cluster come from one cluster of the run, drawn at random, or with probability 1 - `_loyalty` from anywhere: so rows
    go together within a cluster as much as they do in the run.
    """
    prepared = []
    for group in groups:
        codes, count = _coded(group)
        prepared.append(
            (group, codes, count, [_loyalty(each.b, code) for each, code in zip(group, codes, strict=True)])
        )

    def draw(generator: np.random.Generator) -> list[Null]:
        found: list[Null] = []
        for group, codes, count, loyalties in prepared:
            donors = generator.integers(0, count, size=(2, count))
            uniform = generator.random((2, 3, max(len(code) for code in codes)))  # the same for all metrics of a task
            for each, code, loyalty in zip(group, codes, loyalties, strict=True):
                sides = [_filled(code, count, donors[side], uniform[side], loyalty) for side in (0, 1)]
                found.append((each.b[sides[0]], each.b[sides[1]], code))
        return found

    return draw


def _filled(code: Codes, count: int, donors: Codes, uniform: Floats, loyalty: float) -> Codes:
    """The row that each row of a metric is replaced by."""
    order = np.argsort(code, kind="stable")
    sizes = np.bincount(code, minlength=count)
    donor = donors[code]
    donor = np.where(sizes[donor] > 0, donor, code)
    starts = np.cumsum(sizes) - sizes
    own, anywhere, loyal = uniform[:, : len(code)]
    inside = order[starts[donor] + (own * sizes[donor]).astype(np.int64)]
    picked: Codes = np.where(loyal < loyalty, inside, (anywhere * len(code)).astype(np.int64))
    return picked


def _loyalty(rows: Floats, code: Codes) -> float:
    """How often a row must come from the cluster that was drawn so that two rows have the correlation within clusters of the run.

    Two rows drawn from one cluster, with replacement, are more alike than two of its rows are: in a cluster of m rows they are the same
    row once in m times.
    """
    found = intra_cluster_correlation(rows, np.unique(code, return_inverse=True)[1])
    sizes = np.bincount(code)
    repeated = float((1 / sizes[sizes > 0]).mean())
    return float(np.sqrt(found / (found + (1 - found) * repeated))) if found else 0.0


def _fails(metrics: Sequence[_Metric], nulls: Sequence[Null]) -> bool:
    """Whether the rules fail one simulated pair, by the gate's own decisions."""
    tests = []
    for each, (rows_a, rows_b, clusters) in zip(metrics, nulls, strict=True):
        difference = paired(each.metric, rows_a, rows_b, clusters, resamples=RESAMPLES)
        changed = int(np.count_nonzero(unit_changes(each.metric, rows_a, rows_b)))
        tests.append((each.check, as_drop(difference, higher_is_better=each.metric.higher_is_better), changed))
    verdicts = decide_regressions([test for test in tests if test[0].rule.policy == "regression"])
    verdicts += [decide_margin(*test) for test in tests if test[0].rule.policy != "regression"]
    return any(verdict.outcome == "violated" for verdict in verdicts)
