"""`mmbench.run`: the main job from Python, and what the command line stands on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack

import msgspec

from mmbench.core.errors import MmbenchError, UnknownNameError, UsageError
from mmbench.core.spec import Batching, DataSource, RunSpec, Selection
from mmbench.models.caller import served_kinds
from mmbench.models.resolve import ResolvedModel, resolve_instance, resolve_model
from mmbench.report.markdown import run_markdown
from mmbench.results.codec import write_atomic
from mmbench.results.schema import TaskEntry
from mmbench.results.view import MetricRow, RunView
from mmbench.runner.plan import TaskPlan, plan_task
from mmbench.runner.prior import prior_values
from mmbench.runner.progress import Progress, Silent, for_stderr
from mmbench.runner.session import Job, Session
from mmbench.runner.signals import interruptible
from mmbench.runner.tasks import ResolvedTask, resolve_tasks

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_OUT = "results/runs"
"""Where runs are written unless something else is said."""


class RunOptions(TypedDict, total=False):
    """Optional keywords of `run`; the defaults are those of the command line."""

    data: str | Path | Mapping[str, str | Path]
    """Your own data: a path, or {task or data set name: path}."""
    limit: int | None
    """At most this many samples a task, whole groups."""
    ids: Sequence[str]
    """Only these sample ids."""
    split: str
    """The split that is asked; ``test``."""
    model_args: Mapping[str, Any]
    """Options of the model's class."""
    task_args: Mapping[str, Any]
    """Options of the tasks."""
    aliases: Mapping[str, Mapping[str, Any]]
    """Model aliases, as ``[models.NAME]`` in mmbench.toml."""
    batch_size: int | Literal["auto"]
    """Requests a batch; ``auto``."""
    batch_cost: float | None
    """Upper bound on a batch's summed cost."""
    workers: int
    """Background threads that collate and load media ahead; 2."""
    concurrency: int
    """Requests in flight for async models; 16."""
    timeout: float | None
    """Seconds before a request to an async model is given up."""
    max_errors: float
    """Stop when more requests than this fail: a count from 1, or a fraction; 0.5."""
    seed: int
    """Seed of the run; 0."""
    skip_incompatible: bool
    """Show a task as n/a that the model cannot answer, instead of refusing to start."""
    perf: Literal["quick", "off"]
    """Measure speed and memory; ``quick``."""
    progress: bool | Progress
    """Report on stderr; True."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a command produced: one run a model."""

    runs: tuple[RunView, ...]
    """The runs, in the order of the models."""
    tasks: tuple[str, ...]
    """Full names of the tasks, in the order given."""
    failures: Mapping[str, str]
    """Model to what ended its run early; empty when all ended."""

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

    @property
    def metrics(self) -> list[MetricRow]:
        """Every metric of these tasks, of every model."""
        return [row for run in self.runs for row in run.rows(list(self.tasks))]

    @property
    def exit_code(self) -> int:
        """0, or 4 when a run or part of it failed."""
        entries = [run.run.tasks[task] for run in self.runs for task in self.tasks if task in run.run.tasks]
        return 4 if self.failures or any(entry.status not in ("complete", "incompatible") for entry in entries) else 0

    def to_dict(self) -> dict[str, Any]:
        """What ``--json`` prints: ``{"runs": [path], "metrics": […], "perf": […], "failures": {…}}``."""
        return {
            "runs": [str(path) for path in self.paths],
            "metrics": [row.to_dict() for row in self.metrics],
            "perf": [
                {"model": run.run.model.name, "task": task, **msgspec.to_builtins(run.perf[task])}
                for run in self.runs
                for task in self.tasks
                if task in run.perf
            ],
            "failures": dict(self.failures),
        }

    def to_pandas(self) -> pd.DataFrame:
        """One row a metric. Raises `MissingExtraError` without pandas."""
        from mmbench.core.errors import MissingExtraError

        try:
            import pandas as pd
        except ImportError as error:
            raise MissingExtraError("to_pandas()", "pandas") from error
        return pd.DataFrame([row.to_dict() for row in self.metrics])

    def __str__(self) -> str:
        return run_markdown(self.runs, list(self.tasks))


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a command will do, checked, before any weights load."""

    jobs: tuple[Job, ...]
    """One a model."""
    tasks: tuple[str, ...]
    """Full names of the tasks."""


def run(
    model: str | Any | Sequence[Any],
    tasks: str | Sequence[str],
    *,
    out: str | Path = DEFAULT_OUT,
    **options: Unpack[RunOptions],
) -> RunResult:
    """Evaluate one model, or several, on tasks; the same call again resumes.

    `model` is a name as on the command line, an object or class with one of the three methods, or a list of these.
    `tasks` is a name, a comma-separated list or a sequence. Returns the runs, also where part of them failed: look at
    `RunResult.exit_code` and `RunResult.failures`. Raises `UsageError` (and its kin) before anything is run.
    """
    for option in options:
        if option not in RunOptions.__annotations__:
            raise UnknownNameError("option of mmbench.run:", option, RunOptions.__annotations__)
    return execute(make_plan(model, tasks, out, options), _progress(options.get("progress", True)))


def make_plan(
    model: str | Any | Sequence[Any], tasks: str | Sequence[str], out: str | Path, options: RunOptions
) -> Plan:
    """Resolve models and tasks, check that they fit, read the data. Raises `UsageError` and its kin, all at once."""
    task_names = _names(tasks)
    models = _models(model, options)
    resolved = resolve_tasks(task_names, _data(options.get("data")), options.get("task_args"))
    fits = _compatible(models, resolved, skip=options.get("skip_incompatible", False))
    jobs = []
    for found in models:
        spec = _spec(found.name, task_names, options)
        plans, skipped = [], {}
        for task in resolved:
            if problem := fits[found.name, task.name]:
                skipped[task.name] = _incompatible(task, problem, spec.selection.split)
            else:
                plans.append(plan_task(task, found.capabilities, spec.selection, spec.seed))
        jobs.append(Job(found, tuple(plans), skipped, spec, Path(out)))
    return Plan(tuple(jobs), tuple(task.name for task in resolved))


def execute(plan: Plan, progress: Progress) -> RunResult:
    """Run every job; one that fails does not keep the others from running. Raises `Interrupted` on a signal."""
    cache: dict[tuple[str, str], Mapping[str, float]] = {}

    def prior(task: TaskPlan) -> Mapping[str, float]:
        key = (task.identity_digest, task.selection_digest)
        if key not in cache:
            cache[key] = prior_values(task)
        return cache[key]

    views: list[RunView] = []
    failures: dict[str, str] = {}
    for job in plan.jobs:
        progress.note(f"{job.model.name}: {job.model.reference} → {job.directory().path}")
        for task in job.plans:
            if (limit := job.spec.selection.limit) and len(task.samples) not in (limit, 0):
                progress.note(f"{task.name}: {len(task.samples):,} samples (--limit {limit:,} takes whole groups)")
        session = Session(job, progress, prior)
        try:
            with interruptible():
                session.execute()
        except MmbenchError as error:
            if len(plan.jobs) == 1:
                raise
            session.failure = error
        if session.failure is not None:
            failures[job.model.name] = str(session.failure)
            progress.note(f"{job.model.name}: {session.failure}")
        if (session.directory.path / "run.json").is_file():
            view = RunView.load(session.directory)
            views.append(view)
            if session.failure is None:
                write_atomic(view.path / "report.md", run_markdown([view]).encode())
    return RunResult(tuple(views), plan.tasks, failures)


def _names(tasks: str | Iterable[str]) -> tuple[str, ...]:
    given = [tasks] if isinstance(tasks, str) else list(tasks)
    return tuple(name.strip() for text in given for name in text.split(",") if name.strip())


def _models(model: Any, options: RunOptions) -> list[ResolvedModel]:
    given = list(model) if isinstance(model, list | tuple) else [model]
    arguments, aliases = options.get("model_args"), options.get("aliases")
    found = []
    for item in given:
        if not isinstance(item, str):
            found.append(resolve_instance(item, arguments))
        else:
            names = [name.strip() for name in item.split(",") if name.strip()]
            found += [resolve_model(name, arguments, aliases) for name in names]
    names = [resolved.name for resolved in found]
    if not found:
        raise UsageError("no model given; see: mmbench list models")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(
            f"model {twice[0]!r} is given twice; give one of them another name (an alias in mmbench.toml, or another class name)"
        )
    return found


def _data(data: str | Path | Mapping[str, str | Path] | None) -> tuple[DataSource, ...]:
    if data is None:
        return ()
    if isinstance(data, str | Path):
        return (DataSource(str(data)),)
    return tuple(DataSource(str(path), name or None) for name, path in data.items())


def _spec(model: str, tasks: tuple[str, ...], options: RunOptions) -> RunSpec:
    return RunSpec(
        model=model,
        tasks=tasks,
        model_args=dict(options.get("model_args") or {}),
        task_args=dict(options.get("task_args") or {}),
        data=_data(options.get("data")),
        selection=Selection(options.get("limit"), tuple(options.get("ids") or ()), options.get("split", "test")),
        batching=Batching(
            size=options.get("batch_size", "auto"),
            cost=options.get("batch_cost"),
            workers=options.get("workers", 2),
            concurrency=options.get("concurrency", 16),
            timeout_s=options.get("timeout"),
        ),
        max_errors=options.get("max_errors", 0.5),
        seed=options.get("seed", 0),
        measure=options.get("perf", "quick") != "off",
    )


def _compatible(
    models: Sequence[ResolvedModel], tasks: Sequence[ResolvedTask], *, skip: bool
) -> dict[tuple[str, str], str]:
    """(model, task) → why it cannot be asked, empty where it can. Raises `UsageError` listing all, unless `skip`."""
    problems: dict[tuple[str, str], str] = {}
    for model in models:
        for task in tasks:
            _, found = served_kinds(task.task.info, model.capabilities)
            problems[model.name, task.name] = "; ".join(found)
    lines = [f"  {model} × {task}: {problem}" for (model, task), problem in problems.items() if problem]
    if lines and not skip:
        raise UsageError(
            "these models cannot answer these tasks:\n" + "\n".join(lines) + "\n(--skip-incompatible shows them as n/a)"
        )
    return problems


def _incompatible(task: ResolvedTask, problem: str, split: str) -> TaskEntry:
    return TaskEntry(
        name=task.name,
        source=task.source,
        version=task.task.info.version,
        fingerprint="",
        identity_digest="",
        served_as={},
        split=split,
        status="incompatible",
        n_samples=0,
        n_requests=0,
        reason=problem,
    )


def _progress(wanted: bool | Progress) -> Progress:
    if isinstance(wanted, bool):
        return for_stderr() if wanted else Silent()
    return wanted
