"""Speeds of two models that took turns: what they share within a pair of runs cancels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mmbench.analysis.seeds import middle
from mmbench.results.run import Run
from mmbench.results.schema import PerfScenario


@dataclass(frozen=True, slots=True)
class Pair:
    """Two runs that were made one after the other, and a figure of both."""

    mine: float
    """That of the run."""
    theirs: float
    """That of the baseline."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times the baseline's figure the run's is, over pairs."""

    pairs: int
    """How many there are."""
    value: float
    """The geometric mean."""
    low: float | None
    """Lower end of the 95 % interval, Student's on logarithms; None for a single pair."""
    high: float | None
    """Upper end."""
    p_larger: float
    """One-sided p-value of a ratio above 1, by flipping pairs."""
    p_smaller: float
    """The same for a ratio below 1."""


def pairs_of(runs: Sequence[Run], baselines: Sequence[Run], task: str, figure: str) -> list[Pair]:
    """The pairs in which both runs have a figure that may be quoted, in their order.

    Runs are a pair where one command made them take turns, and they have the same number there.
    """
    mine, theirs = (_by_turn(sides, task, figure) for sides in (runs, baselines))
    return [Pair(mine[turn], theirs[turn]) for turn in sorted(mine.keys() & theirs.keys())]


def ratio_of(pairs: Sequence[Pair]) -> Ratio | None:
    """The ratio over pairs; None without a pair of figures above 0."""
    from mmbench.stats import sign_flip_p, t_quantile

    logs = [math.log(pair.mine / pair.theirs) for pair in pairs if pair.mine > 0 and pair.theirs > 0]
    if not logs:
        return None
    n = len(logs)
    mean = math.fsum(logs) / n
    low = high = None
    if n > 1:
        half = t_quantile(0.975, n - 1) * math.sqrt(math.fsum((each - mean) ** 2 for each in logs) / (n - 1) / n)
        low, high = math.exp(mean - half), math.exp(mean + half)
    return Ratio(n, math.exp(mean), low, high, sign_flip_p(logs), sign_flip_p([-each for each in logs]))


def measured(run: Run, task: str) -> PerfScenario | None:
    """What was measured of a task while its quality was; None where nothing was."""
    perf = run.tasks[task].perf if task in run.tasks else None
    return None if perf is None else perf.quality


def _by_turn(runs: Sequence[Run], task: str, figure: str) -> dict[tuple[str, int], float]:
    found = {}
    for run in runs:
        quality = measured(run, task)
        value = None if quality is None else quality.value(figure)
        if (
            quality is not None
            and quality.turn is not None
            and quality.valid
            and quality.complete
            and value is not None
        ):
            found[quality.turn.session, quality.turn.number] = value
    return found


FIGURES = ("samples_per_s", "latency_p50", "batch_ms_p50", "output_tokens_per_s")
"""What two models that took turns are compared by, where both have it."""


@dataclass(frozen=True, slots=True)
class TurnedFigure:
    """One figure of one task of two models that took turns."""

    task: str
    """Full name of the task."""
    figure: str
    """Name of the figure."""
    unit: str
    """Its unit."""
    model: str
    """Name of the model."""
    baseline: str
    """Name of the baseline."""
    ratio: Ratio | None
    """The model's figure over the baseline's, over pairs of this command; None without a pair of figures that may be quoted."""
    medians: tuple[float | None, float | None]
    """The medians of the two, of figures that may be quoted."""
    spoilt: tuple[str, ...]
    """Why runs were left out, each kind of reason once."""

    def to_dict(self) -> dict[str, Any]:
        """Flat, for JSON."""
        ratio = self.ratio
        return {
            "task": self.task,
            "figure": self.figure,
            "unit": self.unit,
            "model": self.model,
            "baseline": self.baseline,
            "model_median": self.medians[0],
            "baseline_median": self.medians[1],
            "ratio": ratio.value if ratio else None,
            "ratio_low": ratio.low if ratio else None,
            "ratio_high": ratio.high if ratio else None,
            "pairs": ratio.pairs if ratio else 0,
        }


def turned_figures(runs: Sequence[Run], baselines: Sequence[Run], tasks: Sequence[str]) -> list[TurnedFigure]:
    """Every figure of `FIGURES` that a run of both models has, task by task.

    Args:
        runs: The runs of the model.
        baselines: The runs of the other.
        tasks: Full names of the tasks.
    """
    found = []
    for task in tasks:
        for figure in FIGURES if runs and baselines else ():
            sides = [[each for run in side if (each := measured(run, task)) is not None] for side in (runs, baselines)]
            if not all(any(each.value(figure) is not None for each in side) for side in sides):
                continue
            quotable = [[each.value(figure) for each in side if each.valid and each.complete] for side in sides]
            found.append(
                TurnedFigure(
                    task,
                    figure,
                    next(each.figures[figure].unit for each in sides[0] if figure in each.figures),
                    runs[0].model.name,
                    baselines[0].model.name,
                    ratio_of(pairs_of(runs, baselines, task, figure)),
                    (middle(quotable[0]), middle(quotable[1])),
                    _spoilt([each for side in sides for each in side]),
                )
            )
    return found


def _spoilt(scenarios: Sequence[PerfScenario]) -> tuple[str, ...]:
    """Why some of them are left out: the first of each kind of reason, and how many there are."""
    found: dict[str, list[str]] = {}
    for each in scenarios:
        for reason in each.reasons:
            found.setdefault(reason.code, []).append(reason.detail)
        if not each.complete:
            found.setdefault("incomplete", []).append("the session ended before everything was asked")
    return tuple(
        details[0] + (f" (the first of these {len(details)})" if len(details) > 1 else "") for details in found.values()
    )
