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
from mmbench.stats import clustered_se, design_effect, minimum_detectable_effect, paired_binary_sd, samples_needed

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


@dataclass(frozen=True, slots=True)
class PlanRow:
    """What one tolerance needs."""

    noise: Noise
    """The metric and how much it varies."""
    tolerance: float
    """In points."""
    needed: int | None
    """Samples; None where nothing differs, so that nothing can be said."""
    smallest: float | None
    """The minimum detectable effect with the samples at hand, in points."""

    def to_dict(self) -> dict[str, Any]:
        """One flat object, for JSON; the sd in points."""
        noise = self.noise
        return {
            "metric": noise.name,
            "tolerance": self.tolerance,
            "needed": self.needed,
            "n": noise.n,
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
            smallest = noise.scale * minimum_detectable_effect(se, df=noise.df, **test)
        for tolerance in settings.tolerances:
            needed = None
            if noise.sd:
                try:
                    needed = samples_needed(tolerance / noise.scale, sd=noise.sd, design_effect=effect, **test)
                except ValueError as error:
                    raise UsageError(str(error)) from error
            rows.append(PlanRow(noise, tolerance, needed, smallest))
    return rows


def given_noise(disagreement: float | None, sd: float | None, effect: float) -> Noise:
    """Noise from numbers alone: the share of samples on which two runs differ, or an sd in points."""
    if disagreement is None:
        return Noise("scores", (sd or 0.0) / 100.0, effect, 100.0, None, "the sd that was given")
    basis = f"{100 * disagreement:g} % disagree"
    return Noise("0/1 scores", paired_binary_sd(disagreement), effect, 100.0, None, basis)


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
        return Noise(f"{task}:{metric}", sd, None, each.scale, difference.n, basis, difference.df)
    return None


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
    name = f"{task.name}:{metric_id}"
    if disagreement is None:
        basis = "one run: two models that agree by chance alone, which takes the most samples (--baseline, --disagreement: fewer)"
        if sd == 0:
            basis = "every sample has the same score: one run says nothing here"
        return Noise(name, math.sqrt(2) * sd, effect, metric.scale, len(values), basis)
    if not np.isin(values, (0.0, 1.0)).all():
        raise UsageError(f"--disagreement is for scores of 0 and 1, which {name} has not; give --baseline instead")
    basis = f"{100 * disagreement:g} % disagree, in the clusters of this run"
    return Noise(name, paired_binary_sd(disagreement), effect, metric.scale, len(values), basis)
