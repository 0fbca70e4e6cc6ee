"""`mmbench.run`: the main job from Python, and what the command line stands on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import msgspec

from mmbench.analysis.seeds import SOLVED, SeedGroup, SeedRow, group_seeds
from mmbench.analysis.turns import TurnedFigure, turned_figures
from mmbench.comparison.sweep import SweepPoint, sweep_points
from mmbench.core.errors import MmbenchError, UsageError
from mmbench.core.spec import RUNS
from mmbench.reporting.figures.make import sweep_figure
from mmbench.reporting.markdown import run_markdown, tables_markdown
from mmbench.reporting.sweep_table import sweep_tables
from mmbench.reporting.turns_table import turns_tables
from mmbench.resolve.allowances import FOREIGN_SOURCE
from mmbench.resolve.options import RunOptions
from mmbench.results.codec import digest, write_atomic
from mmbench.results.run import MetricRow, Run, read_run
from mmbench.results.rundir import shown_path
from mmbench.results.schema import PerfScenario, ShardEntry
from mmbench.runner.execute.budget import Budget
from mmbench.runner.execute.executor import Executors, asks_with_workers
from mmbench.runner.execute.progress import Display, Progress, progress_of
from mmbench.runner.execute.signals import interruptible
from mmbench.runner.plan.job import Job
from mmbench.runner.plan.planner import Plan, make_plan
from mmbench.runner.plan.task_plan import TaskPlan
from mmbench.runner.plan.upcoming import next_to_ask
from mmbench.runner.session import Session
from mmbench.scoring.prior import prior_values
from mmbench.tracking.process import Followers

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Plan", "RunOptions", "RunResult", "execute", "make_plan", "run"]


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a command produced: one run a model and seed."""

    runs: tuple[Run, ...]
    """The runs: model by model in the order given, seed by seed."""
    tasks: tuple[str, ...]
    """Full names of the tasks, in the order given."""
    failures: Mapping[str, str]
    """Model (with its seed, where there are several) to what ended its run early; empty when all ended."""
    solved: float = SOLVED
    """The value from which a seed counts as having solved a task."""
    sweep: tuple[SweepPoint, ...] = ()
    """With ``sweep`` every value of the option on every task, with its paired drop to the first; empty without."""
    load_failures: Mapping[str, MmbenchError] = field(default_factory=dict)
    """Model to what kept its speed from being measured under load; its quality results stand."""
    strict: bool = False
    """Whether a speed that must not be quoted makes the exit code 4."""
    turns: tuple[TurnedFigure, ...] = ()
    """With ``interleave`` the figures of speed of both models, over pairs of runs; empty without."""

    @property
    def shard(self) -> ShardEntry | None:
        """Which part of each run was asked (``--shard``), so that there are no metrics yet; None for whole runs."""
        return self.runs[0].record.shard if self.runs else None

    @property
    def path(self) -> Path:
        """The run directory. Raises ValueError when there are several: see `paths`."""
        if len(self.runs) != 1:
            raise ValueError(f"{len(self.runs)} runs; use .paths")
        return self.runs[0].path

    @property
    def paths(self) -> list[Path]:
        """The run directories."""
        return [run.path for run in self.runs]

    def rows(self) -> list[MetricRow]:
        """Every metric of these tasks, of every model and seed."""
        return [row for run in self.runs for row in run.rows(list(self.tasks))]

    @property
    def models(self) -> list[SeedGroup]:
        """The runs, those that differ in seed alone put together."""
        shown = self.runs[:2] if self.turns else self.runs
        return group_seeds(shown, self.tasks, solved=self.solved, names_are_models=True)

    @property
    def over_seeds(self) -> list[SeedRow]:
        """Every metric of these tasks, of every model, over its seeds; empty where no model has several."""
        models = self.models
        several = any(model.several for model in models)
        return [row for model in models for task in self.tasks for row in model.rows(task)] if several else []

    @property
    def exit_code(self) -> int:
        """0; 4 when a run or part of it failed; 2 or 4 when speed could not be measured under load."""
        if self.incomplete or (self.strict and self.doubtful):
            return 4
        return max((failure.exit_code for failure in self.load_failures.values()), default=0)

    @property
    def incomplete(self) -> bool:
        """Whether a run or part of it failed."""
        results = [run.tasks[task] for run in self.runs for task in self.tasks if task in run.tasks]
        return bool(self.failures) or any(each.status not in ("complete", "incompatible") for each in results)

    @property
    def doubtful(self) -> list[tuple[str, str, str, str]]:
        """(model, task, code, detail) of every reason why a speed must not be quoted."""
        return [
            (run.model.name, task, reason.code, reason.detail)
            for run in self.runs
            for task in self.tasks
            if task in run.tasks and (perf := run.tasks[task].perf) is not None
            for scenario in perf.scenarios
            for reason in scenario.reasons
        ]

    def to_dict(self) -> dict[str, Any]:
        """What ``--json`` prints: ``{"runs": [path], "metrics": […], "seeds": […], "slices": […], "perf": […], "failures": {…}}``.

        ``metrics`` has a row for each run, ``seeds`` one for each model over its seeds (`SeedRow.to_dict`), and is empty
        where no model has several. ``slices`` has a row for each run, slice and metric.
        """
        return {
            "runs": [str(shown_path(path)) for path in self.paths],
            "metrics": [row.to_dict() for row in self.rows()],
            "seeds": [row.to_dict() for row in self.over_seeds],
            "slices": [row for run in self.runs for row in run.slice_rows(self.tasks)],
            "perf": [
                perf_row(run, task, scenario)
                for run in self.runs
                for task in self.tasks
                if task in run.tasks and (perf := run.tasks[task].perf) is not None
                for scenario in perf.scenarios
            ],
            **({"shard": msgspec.to_builtins(self.shard)} if self.shard else {}),
            **({"turns": [figure.to_dict() for figure in self.turns]} if self.turns else {}),
            **({"sweep": [point.to_dict() for point in self.sweep]} if self.sweep else {}),
            "failures": dict(self.failures),
            "load_failures": {name: str(failure) for name, failure in self.load_failures.items()},
        }

    def metrics(self) -> pd.DataFrame:
        """One row for each metric and slice of these tasks, of every model and seed; see `mmbench.metrics_frame`.

        Raises `MissingExtraError` without pandas; `rows` needs none.
        """
        from mmbench.api.frames import metrics_of

        return metrics_of(self.runs, self.tasks)

    def perf(self) -> pd.DataFrame:
        """One row for each figure of speed of these tasks, of every model and seed; see `mmbench.perf_frame`.

        Raises `MissingExtraError` without pandas.
        """
        from mmbench.api.frames import perf_of

        return perf_of(self.runs, self.tasks)

    def samples(self) -> pd.DataFrame:
        """One row for each sample, task and run: what was asked, answered, scored and timed; see `mmbench.samples`.

        Raises `MissingExtraError` without pandas, `NotComparableError` for damaged files.
        """
        from mmbench.api.samples import samples_frame

        return samples_frame(self.runs, self.tasks, allow=FOREIGN_SOURCE)  # the task was typed on this command

    def __str__(self) -> str:
        if self.sweep:
            return tables_markdown(sweep_tables(self.sweep))
        below = f"\n{tables_markdown(turns_tables(self.turns))}" if self.turns else ""
        return run_markdown(self.models, list(self.tasks)) + below


def perf_row(run: Run, task: str, scenario: PerfScenario) -> dict[str, Any]:
    """One scenario for ``--json``: flat, figures by name, and what they come from under ``figures``."""
    whole = msgspec.to_builtins(scenario)
    values = {name: figure.value for name, figure in scenario.figures.items()}
    codes = [reason.code for reason in scenario.reasons]
    own = {"model": run.model.name, "task": task, "seed": run.seed, "scenario": whole.pop("name")}
    return {**own, **values, **whole, "reasons": codes, "details": [reason.detail for reason in scenario.reasons]}


def run(
    model: str | Any | Sequence[Any] | None = None,
    tasks: str | Sequence[str] | None = None,
    *,
    out: str | Path = RUNS,
    **options: Unpack[RunOptions],
) -> RunResult:
    """Evaluate one model, or several, on tasks; the same call again resumes.

    Args:
        model: A name as on the command line (an alias of ``mmbench.toml`` too), an object or class with one of the three
            methods, or a list of these. None: the models of the option ``suite``.
        tasks: A name, a comma-separated list or a sequence. None: the tasks of the option ``suite``.
        out: The folder of all runs.
        options: As those of ``mmbench run`` (docs/reference/options.md), with underscores, and ``progress``: report on
            stderr (True), nowhere (False), or to an object.

    Returns:
        One run for each model and seed, also where a part of them failed: look at `RunResult.exit_code` and
        `RunResult.failures`.

    Raises:
        UsageError: For anything that is wrong with names and options, before a model is built, and if the only model says
            when it is opened that it cannot be asked.
        RunFailedError: If the only model fails before its run can be read.
        Interrupted: On a signal; the same call goes on.

    Example:
        >>> import mmbench
        >>> result = mmbench.run("random", "vqa/scenes", limit=100)  # doctest: +SKIP
        >>> result.rows()[0].value  # doctest: +SKIP
        0.25
    """
    return execute(make_plan(model, tasks, out, options), progress_of(options.get("progress", True)))


def execute(plan: Plan, progress: Display) -> RunResult:
    """Run every job; one that fails does not keep the others from running. Raises `Interrupted` on a signal."""
    for note in plan.notes:
        progress.note(note)
    names = _names(plan)
    failures = {setting.label: setting.problem for setting in plan.swept if setting.problem is not None}
    for label, problem in failures.items():
        progress.problem(f"{label}: {problem}")
    load_failures: dict[str, MmbenchError] = {}
    with Followers(plan.tracking, progress.note, progress.problem) as followers, Executors() as executors:
        runs = dict(_runs(plan, names, (failures, load_failures), progress, (followers, executors)))
    points = _points(plan, names, runs, failures)
    if plan.pareto is not None and points:
        write_atomic(Path(plan.pareto), sweep_figure(points, Path(plan.pareto).suffix.lower()))
    turns = tuple(_turns(plan, runs)) if plan.turns else ()
    return RunResult(
        tuple(runs.values()), plan.tasks, failures, plan.solved, tuple(points), load_failures, plan.strict, turns
    )


def _upcoming(job: Job, others: Sequence[Job]) -> Job | None:
    """The run whose model workers may open while they are asked the last batches of this one; None where it is to wait."""
    if not asks_with_workers(job.spec, job.model) or job.turn is not None or job.spec.perf == "full":
        return None
    found = next_to_ask(others)
    return found if found is not None and asks_with_workers(found.spec, found.model) else None


def _runs(
    plan: Plan,
    names: Sequence[str],
    found_failures: tuple[dict[str, str], dict[str, MmbenchError]],
    progress: Display,
    kept: tuple[Followers, Executors],
) -> Iterator[tuple[int, Run]]:
    """Run every job: its place in the plan, and the run. What ends one early is added to the failures under its name."""
    failures, load_failures = found_failures
    followers, executors = kept
    cache: dict[tuple[str, ...], Mapping[str, float]] = {}

    def prior(task: TaskPlan) -> Mapping[str, float]:
        key = (task.identity_digest, task.selection_digest, digest(task.scored_by))
        if key not in cache:
            cache[key] = prior_values(task)
        return cache[key]

    budget = None if plan.max_cost is None else Budget(plan.max_cost)
    alone = len(plan.jobs) == 1 and not plan.swept
    for place, (name, job) in enumerate(zip(names, plan.jobs, strict=True)):
        if budget is not None and budget.reached:
            failures[name] = f"not started: {budget.reached}"
            progress.problem(f"{name}: {failures[name]}")
            continue
        _announce(name, job, progress)
        upcoming = _upcoming(job, plan.jobs[place + 1 :])
        follower = followers if plan.tracking.trackers else None
        session = Session(job, progress, prior, executors, upcoming, budget, follower, plan.remeasure)
        try:
            with interruptible():
                session.execute()
        except MmbenchError as error:
            if alone:
                raise
            session.failure = error
        followers.ended(session.directory.path)
        if isinstance(session.failure, UsageError) and not session.opened and alone:
            raise session.failure
        _report_failures(name, session, failures, load_failures, progress)
        if (session.directory.path / "run.json").is_file():
            found = read_run(session.directory, shard=True)
            if session.failure is None and found.record.shard is None:
                write_report(found)
            yield place, found


def _names(plan: Plan) -> list[str]:
    """What each job is called, with its setting or its seed where there are several."""
    labels = {place: setting.label for setting in plan.swept for place in setting.jobs}
    labels |= {place: f"pair {job.turn.number}" for place, job in enumerate(plan.jobs) if job.turn is not None}
    if not labels and len({job.spec.seed for job in plan.jobs}) > 1:
        labels = {place: f"seed {job.spec.seed}" for place, job in enumerate(plan.jobs)}
    names = [job.model.name for job in plan.jobs]
    return [f"{name} ({labels[place]})" if place in labels else name for place, name in enumerate(names)]


def _turns(plan: Plan, runs: Mapping[int, Run]) -> list[TurnedFigure]:
    """The speeds of two models that took turns, the first of the first pair against the other."""
    model = plan.jobs[0].model.name
    mine, theirs = (
        [runs[n] for n, job in enumerate(plan.jobs) if n in runs and (job.model.name == model) is is_mine]
        for is_mine in (True, False)
    )
    return turned_figures(mine, theirs, plan.tasks)


def _points(plan: Plan, names: Sequence[str], runs: Mapping[int, Run], failures: Mapping[str, str]) -> list[SweepPoint]:
    """The runs of a sweep side by side; empty without one."""
    return sweep_points(
        [
            (
                setting.label,
                {runs[place].model.name: runs[place] for place in setting.jobs if place in runs},
                {"": setting.problem}
                if setting.problem is not None
                else {plan.jobs[n].model.name: failures[names[n]] for n in setting.jobs if names[n] in failures},
            )
            for setting in plan.swept
        ]
    )


def _report_failures(
    name: str, session: Session, failures: dict[str, str], load_failures: dict[str, MmbenchError], progress: Display
) -> None:
    """Say what ended a run, or its measuring of speed, early, and enter it."""
    if session.failure is not None:
        failures[name] = str(session.failure)
        progress.problem(f"{name}: {session.failure}")
    if session.load_failure is not None:
        load_failures[name] = session.load_failure
        progress.problem(f"{name}, speed under load: {session.load_failure}")


def write_report(run: Run) -> None:
    """Write ``report.md`` of a run anew. Raises `RunFailedError`."""
    write_atomic(run.path / "report.md", run_markdown(group_seeds([run])).encode())


def _announce(name: str, job: Job, progress: Progress) -> None:
    progress.note(f"{name}: {job.model.reference} → {shown_path(job.directory().path)}")
    for task in job.plans:
        if (limit := job.spec.limit) and len(task.samples) not in (limit, 0):
            progress.note(f"{task.name}: {len(task.samples):,} samples (--limit {limit:,} takes whole groups)")
