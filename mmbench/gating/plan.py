"""Count the samples that a tolerance needs, from the noise that runs show or from numbers that the user gives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmbench.analysis.stored_metrics import metric_for
from mmbench.comparison.differences import compare_runs
from mmbench.core.errors import NotComparableError, UnknownNameError, UsageError
from mmbench.gating.decide import POWER
from mmbench.gating.judge import check_sides
from mmbench.results.run import Run, TaskResult
from mmbench.stats import (
    clustered_se,
    clusters_needed,
    design_effect,
    minimum_detectable_effect,
    paired_binary_sd,
    samples_needed,
)

TOLERANCES = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
"""Points for which samples are counted where no tolerance is given."""


@dataclass(frozen=True, slots=True)
class PlanSettings:
    """What is planned for."""

    tolerances: tuple[float, ...] = TOLERANCES
    """Drops to be seen, in points."""
    alpha: float = 0.05
    """One-sided level over all rules together."""
    power: float = POWER
    """How often such a drop shall be seen."""
    rules: int = 1
    """Rules that share alpha (Holm): each is sure of alpha / rules."""


@dataclass(frozen=True, slots=True)
class Noise:
    """How much the differences of single samples vary."""

    name: str
    """The metric, or what was given instead of one."""
    sd: float
    """Standard deviation of the difference of one sample, in the natural range."""
    design_effect: float | None
    """How many times clusters multiply the variance; None where the sd already includes that."""
    scale: float
    """What tables multiply by."""
    n: int | None
    """Samples at hand; None where there is no run."""
    basis: str
    """Where it comes from, in words."""
    df: float | None = None
    """Degrees of freedom of the test at hand; None where none was made, which stands for many."""
    width: float | None = None
    """Width of the metric's range; None where it has no end or is not known."""
    is_given: bool = False
    """Whether it was given as numbers, and not estimated from runs."""
    clusters: Clusters | None = None
    """How the samples cluster; None where each stands for itself, or a design effect says it."""


@dataclass(frozen=True, slots=True)
class Clusters:
    """How samples cluster: several questions of one picture, say."""

    count: int | None = None
    """Clusters at hand; None where that is not known."""
    size: float | None = None
    """Samples of a cluster, on average; None where that is what is planned."""
    icc: float | None = None
    """Intra-cluster correlation of the differences; None where it is not known."""
    even: float = 1.0
    """How many even clusters one of these is worth to the degrees of freedom."""


@dataclass(frozen=True, slots=True)
class PlanRow:
    """What one tolerance needs."""

    noise: Noise
    """The metric and how much it varies."""
    tolerance: float
    """In points."""
    needed: int | None
    """Samples; None where nothing differs, so that nothing can be said, and where no number in the clusters at hand is enough."""
    smallest: float | None
    """The minimum detectable effect with the samples at hand, in points."""
    clusters: int | None = None
    """Clusters that these samples are in, or where none are enough, the fewest that could be; None without clusters."""

    def to_dict(self) -> dict[str, Any]:
        """One flat object, for JSON; the sd in points."""
        noise = self.noise
        return {
            "metric": noise.name,
            "tolerance": self.tolerance,
            "needed": self.needed,
            "needed_clusters": self.clusters,
            "n": noise.n,
            "clusters": noise.clusters and noise.clusters.count,
            "cluster_size": noise.clusters and noise.clusters.size,
            "icc": noise.clusters and noise.clusters.icc,
            "smallest": self.smallest,
            "sd": noise.scale * noise.sd,
            "design_effect": noise.design_effect,
            "basis": noise.basis,
        }


def tolerances_within(disagreement: float | None, given: Sequence[float]) -> tuple[float, ...]:
    """Choose the tolerances to plan for: those given, else those of `TOLERANCES` that can happen.

    Args:
        disagreement: The share of the samples with scores of 0 and 1 on which two runs differ, which no drop exceeds; None
            where nobody said it.
        given: Tolerances in points.

    Raises:
        UsageError: For a given tolerance that can never be reached.
    """
    most = math.inf if disagreement is None else 100 * disagreement
    for tolerance in given:
        if tolerance > most and not math.isclose(tolerance, most):
            raise UsageError(
                f"--tolerance {tolerance:g}pt: two runs that differ on {most:g} % of the samples cannot differ by more than {most:g}pt"
            )
    return tuple(given) or tuple(each for each in TOLERANCES if each <= most) or (most,)


def plan_rows(noises: Sequence[Noise], settings: PlanSettings) -> list[PlanRow]:
    """Count the samples for each metric and tolerance. Raises `UsageError` for tolerances that no number of samples shows."""
    rows = []
    for noise in noises:
        effect = 1.0 if noise.design_effect is None else noise.design_effect
        test: dict[str, Any] = {"alpha": settings.alpha / settings.rules, "power": settings.power, "sides": 1}
        smallest = None
        if noise.n:
            se = noise.sd * math.sqrt(effect) / math.sqrt(noise.n)
            known = noise.df is None or noise.is_given
            smallest = noise.scale * minimum_detectable_effect(se, df=noise.df, known=known, **test)
        most = math.inf if noise.width is None else noise.scale * noise.width
        smallest = None if smallest is not None and smallest > most else smallest
        for tolerance in settings.tolerances:
            if tolerance >= most:
                raise UsageError(
                    f"--tolerance {tolerance:g}pt can never be exceeded: {noise.name} spans {most:g} points"
                )
            needed: tuple[int | None, int | None] = (None, None)
            if noise.sd:
                try:
                    needed = _needed(noise, tolerance / noise.scale, effect, test)
                except ValueError as error:
                    raise UsageError(str(error)) from error
            rows.append(PlanRow(noise, tolerance, needed[0], smallest, needed[1]))
    return rows


def _needed(noise: Noise, drop: float, effect: float, test: dict[str, Any]) -> tuple[int | None, int | None]:
    """Samples and clusters that show a drop; (None, clusters) where only more clusters would."""
    groups = noise.clusters
    if groups is None:
        return samples_needed(drop, sd=noise.sd, design_effect=effect, **test), None
    if groups.size is not None:
        sd = noise.sd * math.sqrt(effect / groups.size)
        count = clusters_needed(drop, sd=sd, df_share=groups.even, **test)
        return math.ceil(count * groups.size), count
    count, icc = groups.count or 2, groups.icc or 0.0
    allowed = (drop / minimum_detectable_effect(1.0, df=count - 1, known=True, **test) / noise.sd) ** 2
    spare = count * allowed - icc  # of the variance, what sampling within clusters may add
    if spare <= 0:
        return None, max(count + 1, clusters_needed(drop, sd=noise.sd * math.sqrt(icc), **test))
    return max(1, math.ceil((1 - icc) / spare - 1e-9)) * count, count


def given_noise(disagreement: float | None, sd: float | None, effect: float, clusters: Clusters | None = None) -> Noise:
    """Noise from numbers alone.

    Args:
        disagreement: The share of samples on which two runs differ; None where there is an sd.
        sd: Standard deviation of the difference of one sample, in points.
        effect: The design effect, where no clusters are given.
        clusters: Their intra-cluster correlation, with their number or size or both. Of a given size the design effect is
            1 + (size - 1) icc (Kish, Survey Sampling, 1965).
    """
    n = df = None
    if clusters is not None and clusters.size is not None:
        effect = 1 + (clusters.size - 1) * (clusters.icc or 0.0)
        if clusters.count is not None:
            n, df = round(clusters.count * clusters.size), clusters.count - 1.0
    told: dict[str, Any] = {"n": n, "df": df, "clusters": clusters, "is_given": True}
    shown = None if clusters is not None and clusters.size is None else effect
    if disagreement is None:
        return Noise("scores", (sd or 0.0) / 100.0, shown, 100.0, basis="the sd that was given", **told)
    basis = f"{100 * disagreement:g} % disagree"
    return Noise("0/1 scores", paired_binary_sd(disagreement), shown, 100.0, basis=basis, **told)


def noise_of(run: Run, baseline: Run | None, names: Sequence[str], disagreement: float | None) -> list[Noise]:
    """Measure the noise of metrics, from two runs where there are two, else from one.

    From two runs it is the standard error of their paired difference. From one run it is `disagreement` with the clusters of
    the run, or where that is not given, two models that agree by chance alone, which needs the most samples. With one run,
    metrics that are not means are left out.

    Args:
        run: The run.
        baseline: The other run; None where there is one run alone.
        names: ``TASK:METRIC``; empty for the primary metrics.
        disagreement: The share of samples on which two runs differ, where it was given.

    Raises:
        UsageError: For unknown names and for a run against itself.
        NotComparableError: Where nothing can be planned.
    """
    check_sides([run], [] if baseline is None else [baseline])
    wanted = list(names) or [f"{task.name}:{metric}" for task in run.tasks.values() for metric in task.primary]
    found = []
    for name in dict.fromkeys(wanted):
        task, _, metric = name.rpartition(":")
        if task not in run.tasks or metric not in run.tasks[task].metrics:
            known = [f"{each.name}:{value}" for each in run.tasks.values() for value in each.metrics]
            raise UnknownNameError("metric", name, known, hint="Metrics are named TASK:METRIC.")
        if baseline is None:
            noise = _from_one(run.tasks[task], metric, disagreement)
        else:
            noise = _from_two(run, baseline, task, metric)
        if noise is not None:
            found.append(noise)
        elif names:
            raise NotComparableError(f"{name} is no mean, so one run does not tell how two differ; give --baseline too")
    if not found:
        raise NotComparableError(f"{run.path} has no metric to plan for")
    return found


def _from_two(run: Run, baseline: Run, task: str, metric: str) -> Noise | None:
    comparison = compare_runs(baseline, run, [task], {task: [metric]}, slices=False)
    if task in comparison.refused:
        differs = comparison.refused[task]
        raise NotComparableError(f"{task}: the two runs do not compare: {'; '.join(map(str, differs))}", differs)
    for each in comparison.metrics:
        difference = each.difference
        if difference.se is None:
            raise NotComparableError(f"{task}:{metric}: {difference.reason or 'no standard error'}")
        share = 100 * each.changed / max(difference.n, 1)
        basis = f"the two runs, of whose {difference.n:,} samples {share:.1f} % differ; sd with the effect of clusters"
        sd = difference.se * math.sqrt(difference.n)
        clusters = _at_hand(difference.n, difference.n_clusters, None, difference.df)
        found: dict[str, Any] = {"df": difference.df, "width": _width(run.tasks[task], metric), "clusters": clusters}
        return Noise(f"{task}:{metric}", sd, None, each.scale, difference.n, basis, **found)
    return None


def _width(task: TaskResult, metric_id: str) -> float | None:
    """Width of a metric's range, as the scores say it; None where it has no end, and in files that do not say it."""
    spec = task.specs.get(metric_id)
    least, most = spec.bounds if spec else (None, None)
    return None if least is None or most is None else most - least


def _at_hand(n: int, count: int, icc: float | None, df: float | None) -> Clusters | None:
    """The clusters of a run; None where every sample is one of its own."""
    if count >= n:
        return None
    return Clusters(count, n / count, icc, 1.0 if df is None else min(1.0, (df + 1) / count))


def _from_one(task: TaskResult, metric_id: str, disagreement: float | None) -> Noise | None:
    from mmbench.metrics.evaluate import IS_COUNTED, cluster_codes, status_codes, unit_values

    metric, _ = metric_for(task, metric_id)
    table = None if metric is None else task.tables().get(metric.unit)
    if metric is None or table is None or not metric.is_mean:
        return None
    counted = IS_COUNTED[status_codes(table)]
    values = unit_values(metric, table)[counted]
    values, codes = values[np.isfinite(values)], cluster_codes(table)[counted][np.isfinite(values)]
    if len(values) < 2:
        return None
    effect, sd = 1.0, float(values.std())
    if sd > 0:
        effect = max(1.0, design_effect(clustered_se(values, codes), sd / math.sqrt(len(values))))
    sizes = np.unique(codes, return_counts=True)[1]
    beside = float((sizes**2).sum()) / len(values) - 1  # samples that share a sample's cluster, on average
    icc = min(1.0, (effect - 1) / beside) if beside > 0 else None
    clusters = _at_hand(len(values), len(sizes), icc if len(sizes) > 1 else None, None)
    few: dict[str, Any] = {"df": max(1.0, len(sizes) - 1.0) if clusters else None, "clusters": clusters}
    few["width"] = _width(task, metric_id)
    name = f"{task.name}:{metric_id}"
    if clusters is not None and clusters.count == 1:
        raise NotComparableError(f"{name}: all samples are in one cluster, which does not tell how clusters differ")
    if disagreement is None:
        basis = "one run: two models that agree by chance alone, which takes the most samples (--baseline, --disagreement: fewer)"
        if sd == 0:
            basis = "every sample has the same score: one run says nothing here"
        return Noise(name, math.sqrt(2) * sd, effect, metric.scale, len(values), basis, **few)
    if not np.isin(values, (0.0, 1.0)).all():
        raise UsageError(f"--disagreement is for scores of 0 and 1, which {name} has not; give --baseline instead")
    basis = f"{100 * disagreement:g} % disagree, in the clusters of this run"
    return Noise(name, paired_binary_sd(disagreement), effect, metric.scale, len(values), basis, **few)
