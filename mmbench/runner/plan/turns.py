"""What ``--interleave`` plans: two models that take turns, pair of runs by pair, so that what a day does to speed hits both."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmbench.core.errors import UsageError
from mmbench.resolve.options import OPTIONS
from mmbench.results.schema import Turn
from mmbench.runner.plan.job import Job

if TYPE_CHECKING:
    from mmbench.runner.plan.planner import Plan

PAIRS = 5
"""Pairs where ``--repeats`` does not say: the fewest that can show something at a level of 0.05."""
_MOST = 100
_EXCLUDED = {
    "sweep": "a sweep makes runs of one model",
    "suite": "it holds one model against another",
    "cache": "an answer that comes from the cache takes no time",
    "executor": "the runs are made by turns in this process",
}
"""Options that cannot be given with it, and why."""

PlanOne = Callable[[Any, str | Path, Mapping[str, Any]], "Plan"]
"""(models, folder of runs, options) to the plan of one pair."""


def plan_turns(model: Any, out: str | Path, options: Mapping[str, Any], plan_one: PlanOne) -> Plan:
    """Plan pairs of runs, each in a folder of its own below `out`; in every other pair the baseline comes first.

    Args:
        model: The model, as given.
        out: The folder of all runs.
        options: Keywords of `mmbench.run`; ``interleave`` names the baseline, ``repeats`` how many pairs there are.
        plan_one: Plans two models in a folder.

    Raises:
        UsageError: For options that cannot be meant.
    """
    baseline = options["interleave"]
    given = list(model) if isinstance(model, list | tuple) else [] if model is None else [model]
    if len(given) != 1:
        raise UsageError(f"--interleave holds one model against {baseline}: give --model one name")
    for name, why in _EXCLUDED.items():
        if options.get(name):
            raise UsageError(f"--interleave and --{name} exclude each other: {why}")
    if (options.get("seeds") or 1) != 1:
        raise UsageError("--interleave and --seeds exclude each other: take turns with one seed at a time (--seed)")
    if options.get("perf") == "off":
        raise UsageError("--interleave measures speed: leave --perf off out")
    _check_model(baseline)
    pairs = OPTIONS["repeats"].value(options.get("repeats"))
    pairs = PAIRS if pairs is None else pairs
    if pairs > _MOST:
        raise UsageError(f"--repeats {pairs}: with --interleave it is the number of pairs of runs, at most {_MOST}")
    alone = {name: value for name, value in options.items() if name not in ("interleave", "repeats")}
    session = secrets.token_hex(8)
    jobs: list[Job] = []
    plans: list[Plan] = []
    for number in range(1, pairs + 1):
        plan = plan_one([given[0], baseline], Path(out) / pair_folder(number), alone)
        jobs += _turned(plan.jobs, Turn(session=session, number=number, of=pairs, first=True, against=""))
        plans.append(plan)
    return replace(plans[0], jobs=tuple(jobs), turns=pairs)


def pair_folder(number: int) -> str:
    """The folder of a pair of runs, below that of all runs."""
    return f"pair-{number}"


def _turned(jobs: Sequence[Job], turn: Turn) -> list[Job]:
    """The two jobs of a pair in their order, each with its place."""
    if len(jobs) != 2 or jobs[0].directory().path == jobs[1].directory().path:
        raise UsageError("--interleave: both are the same model; name another to hold it against")
    ordered = list(jobs) if turn.number % 2 else list(reversed(jobs))
    names = [job.model.name for job in ordered]
    return [
        replace(
            job,
            turn=Turn(session=turn.session, number=turn.number, of=turn.of, first=place == 0, against=names[1 - place]),
        )
        for place, job in enumerate(ordered)
    ]


def _check_model(baseline: Any) -> None:
    """Refuse a run or a saved baseline: its model must be asked again."""
    if not isinstance(baseline, str):
        return
    path = Path(baseline)
    if (path / "run.json").is_file() or (path.suffix == ".json" and path.is_file()):
        raise UsageError(
            f"--interleave {baseline} is a run: both models are asked anew, by turns; name the model, as for --model"
        )
