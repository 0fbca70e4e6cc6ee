"""Plan a command: models × seeds on tasks, all of it checked before any weights load."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mmbench.analysis.seeds import SOLVED
from mmbench.core.errors import MissingExtraError, MmbenchError, UsageError
from mmbench.core.ids import names_of
from mmbench.core.spec import FIGURE_SUFFIXES, RunSpec
from mmbench.models.caller import served_kinds
from mmbench.resolve.allowances import MEMORY, OUTSIDE_IMAGES, allowances
from mmbench.resolve.arguments import models_of
from mmbench.resolve.model_names import ResolvedModel
from mmbench.resolve.options import OF_RUN, OPTIONS, checked
from mmbench.resolve.suites import find_suite
from mmbench.resolve.task_names import ResolvedTask, asking_of, notes_of, origins_of, resolve_tasks
from mmbench.results.schema import TaskEntry
from mmbench.runner.execute.executor import load_executor
from mmbench.runner.plan.job import Job
from mmbench.runner.plan.leaving import check_leaving
from mmbench.runner.plan.memory import check_memory
from mmbench.runner.plan.reask import check_reask
from mmbench.runner.plan.sharding import check_excluded, check_shards
from mmbench.runner.plan.sweep import Swept, settings
from mmbench.runner.plan.task_plan import MOST_KEPT, TaskPlan, plan_task
from mmbench.runner.plan.turns import plan_turns
from mmbench.runner.plan.who_asks import check_workers
from mmbench.runner.scenarios.planning import check_load, check_remeasure
from mmbench.tracking.wanted import Tracking, wanted_trackers


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a command will do, checked, before any weights load."""

    jobs: tuple[Job, ...]
    """Model by model, seed by seed."""
    tasks: tuple[str, ...]
    """Full names of the tasks."""
    notes: tuple[str, ...] = ()
    """What a user should know: what of a suite was left out, and what the tasks say of their data."""
    max_cost: float | None = None
    """US dollars that the command may spend; None: as much as it takes."""
    solved: float = SOLVED
    """The value from which a seed counts as having solved a task."""
    strict: bool = False
    """Whether a speed that must not be quoted makes the command fail."""
    remeasure: bool = False
    """Whether the speed of finished tasks is measured again."""
    turns: int = 0
    """With ``--interleave`` how often the two models take turns; 0 without."""
    swept: tuple[Swept, ...] = ()
    """With ``--sweep`` what became of each setting, in order."""
    pareto: str | None = None
    """The file that the figure of a sweep is written to; None: none."""
    tracking: Tracking = field(default_factory=Tracking)
    """The trackers that are told of the runs."""


def make_plan(
    model: str | Any | Sequence[Any] | None,
    tasks: str | Sequence[str] | None,
    out: str | Path,
    options: Mapping[str, Any],
) -> Plan:
    """Resolve models and tasks, check that they fit, and read the data.

    What is written lies at absolute paths, made before any model is imported: its code may change the working directory.

    Args:
        model: A name, an object or class, a list of them, or None for those of a suite.
        tasks: Names, or None for those of a suite.
        out: The folder of all runs.
        options: Keywords of `mmbench.run`.

    Returns:
        What will be done.

    Raises:
        UsageError: For a wrong option or name, and, all at once, for models that cannot answer tasks. In a sweep a setting
            that cannot be planned keeps no other from being planned.
    """
    swept = OPTIONS["sweep"].value(options.get("sweep"))
    if options.get("shard") is not None:
        check_excluded(name for name, value in options.items() if value)
    if options.get("remeasure"):
        check_remeasure(options)
    plans = _Plans()
    if options.get("interleave") is not None:
        return plan_turns(
            model, out, options, lambda models, folder, given: _plan_one(models, tasks, folder, given, plans)
        )
    if not swept:
        if options.get("pareto") is not None:
            raise UsageError("--pareto draws the runs of a sweep: add --sweep OPTION=V,V")
        return _plan_one(model, tasks, out, options, plans)
    if OPTIONS["seeds"].value(options.get("seeds")) > 1:
        raise UsageError("--sweep and --seeds exclude each other: sweep one seed at a time (--seed)")
    figure = _figure(OPTIONS["pareto"].value(options.get("pareto")))
    jobs: list[Job] = []
    found: list[Swept] = []
    made: list[Plan] = []
    first: MmbenchError | None = None
    for setting in settings(swept):
        folder = Path(out) / setting.folder if setting.folder else out
        try:
            plan = _plan_one(model, tasks, folder, setting.applied(options), plans)
        except MmbenchError as error:
            first = first or error
            found.append(Swept(setting.label, (), str(error)))
            continue
        found.append(Swept(setting.label, tuple(range(len(jobs), len(jobs) + len(plan.jobs)))))
        jobs += plan.jobs
        made.append(plan)
    if first is not None and not made:
        raise first
    names, notes = (dict.fromkeys(each for plan in made for each in own(plan)) for own in (_tasks_of, _notes_of))
    shared = replace(made[0], jobs=tuple(jobs), tasks=tuple(names), notes=tuple(notes), swept=tuple(found))
    return replace(shared, pareto=None if figure is None else str(figure))


def _figure(given: str | None) -> Path | None:
    """Where ``--pareto`` draws.

    Raises `UsageError` for a folder that there is not and a format that cannot be drawn, `MissingExtraError` without matplotlib.
    """
    if given is None:
        return None
    path = Path(given).absolute()
    if path.suffix.lower() not in FIGURE_SUFFIXES:
        raise UsageError(f"--pareto {given}: name a file that ends in {', '.join(FIGURE_SUFFIXES)}")
    if find_spec("matplotlib") is None:
        raise MissingExtraError("--pareto", "plots")
    if not path.parent.is_dir():
        raise UsageError(f"--pareto {given}: there is no folder {path.parent}")
    return path


def _tasks_of(plan: Plan) -> tuple[str, ...]:
    return plan.tasks


def _notes_of(plan: Plan) -> tuple[str, ...]:
    return plan.notes


def _plan_one(
    model: str | Any | Sequence[Any] | None,
    tasks: str | Sequence[str] | None,
    out: str | Path,
    options: Mapping[str, Any],
    plans: _Plans,
) -> Plan:
    """The plan of a command without a sweep; `plans` are shared with other settings of one."""
    out, options = Path(out).absolute(), checked(options, OF_RUN, "mmbench.run")
    options |= {name: str(Path(options[name]).absolute()) for name in ("checkpoints", "cache") if options[name]}
    if options["executor"] is not None:
        load_executor(options["executor"])
    tracking = wanted_trackers(
        options["track"], options["tracker_args"], options["track_samples"], options["track_wait"]
    )
    tracking = replace(tracking, foreign=True)  # the tasks are typed on this command
    chosen = _chosen(model, tasks, options)
    resolved = resolve_tasks(chosen.tasks, options["data"], options["task_args"], asking_of(options))
    fits = _fits(chosen, resolved, skip=options["skip_incompatible"])
    jobs = []
    for fit in (fit for fit in fits if fit.served or fit.skipped):
        for seed in range(options["seed"], options["seed"] + options["seeds"]):
            spec = _spec(fit.model.name, chosen.tasks, options, seed)
            skipped = {task.name: _incompatible(task, why, spec.split) for task, why in fit.skipped}
            served = tuple(plans.plan(task, fit.model, spec) for task in fit.served)
            jobs.append(Job(fit.model, served, skipped, spec, out))
    check_reask(jobs)
    check_shards(jobs)
    check_load(jobs)
    who_asks = check_workers(jobs)
    allowed = allowances(options["allow"], (OUTSIDE_IMAGES, MEMORY))
    check_leaving(jobs, options["images"], allowed)
    check_memory(jobs, allowed, again=options["remeasure"])
    names = plans.names(resolved)
    notes = [
        f"{names[task.name]}: {note}" for task in resolved for note in (*origins_of(task.task), *notes_of(task.task))
    ]
    return Plan(
        tuple(jobs),
        tuple(names.values()),
        (*_left_out(fits), *who_asks, *notes),
        options["max_cost"],
        options["solved"],
        options["strict"],
        options["remeasure"],
        tracking=tracking,
    )


# --- what is asked for ---


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What was named, and what a suite brought in."""

    models: list[tuple[ResolvedModel, bool]]
    """Model, and whether it was named itself."""
    tasks: tuple[str, ...]
    """Names as given, or as in the suite."""
    tasks_named: bool
    """Whether the tasks were named themselves."""


def _chosen(model: Any, tasks: str | Sequence[str] | None, options: Mapping[str, Any]) -> _Chosen:
    name = options["suite"]
    suite = find_suite(name) if name else None
    names = names_of(tasks if tasks is not None else ())
    given: list[Any] = [] if model is None else list(model) if isinstance(model, list | tuple) else [model]
    if not given and suite is not None:
        given = [name]
    elif not given:
        raise UsageError("no model given: --model or --suite is needed; see: mmbench list models, mmbench list suites")
    if not names and suite is not None and not suite.tasks:
        raise UsageError(f"no tasks given: suite {name!r} names models alone; add --tasks")
    if not names and suite is None:
        raise UsageError("no tasks given; see: mmbench list tasks, or name a --suite (mmbench list suites)")
    models = models_of(given, options["model_args"], name)
    return _Chosen(models, names or (suite.tasks if suite else ()), bool(names))


def _spec(model: str, tasks: tuple[str, ...], options: Mapping[str, Any], seed: int) -> RunSpec:
    shared = {field.name: options[field.name] for field in fields(RunSpec) if field.name in options}
    return RunSpec(**{**shared, "model": model, "tasks": tasks, "seed": seed})


# --- who can answer what ---


@dataclass(slots=True)
class _Fit:
    """One model and what becomes of each task."""

    model: ResolvedModel
    served: list[ResolvedTask] = field(default_factory=list)
    """It is asked these."""
    skipped: list[tuple[ResolvedTask, str]] = field(default_factory=list)
    """Shown as n/a, with the reason."""
    left_out: list[tuple[ResolvedTask, str]] = field(default_factory=list)
    """Pairs that nobody named but a suite, with the reason."""


def _fits(chosen: _Chosen, tasks: Sequence[ResolvedTask], *, skip: bool) -> list[_Fit]:
    """What becomes of every pair.

    A named pair that does not fit is shown as n/a where `skip` is set, and where each model has another of the tasks and
    each task another of the models. Otherwise raises `UsageError` that lists all.
    """
    fits: list[_Fit] = []
    for model, named in chosen.models:
        fit = _Fit(model)
        for task in tasks:
            _, problems = served_kinds(task.task.info, model.capabilities)
            if not problems:
                fit.served.append(task)
            else:
                wrong = fit.skipped if named and chosen.tasks_named else fit.left_out
                wrong.append((task, "; ".join(problems)))
        if named and not fit.served:  # nothing is left of what was named
            fit.skipped, fit.left_out = [*fit.skipped, *fit.left_out], []
        fits.append(fit)
    answered = {task.name for fit in fits for task in fit.served}
    covered = all(fit.served or not fit.skipped for fit in fits) and answered == {task.name for task in tasks}
    _refuse(fits, skip=skip or covered)
    return fits


def _refuse(fits: Sequence[_Fit], *, skip: bool) -> None:
    """Raise `UsageError` where what was named does not fit, or nothing is left to run."""
    wrong = [(fit, *pair) for fit in fits for pair in fit.skipped]
    hint = "\n(--skip-incompatible shows them as n/a)"
    if not any(fit.served or fit.skipped for fit in fits):
        wrong, hint = [(fit, *pair) for fit in fits for pair in fit.left_out], ""
    elif skip:
        return
    if wrong:
        lines = "\n".join(f"  {fit.model.name} × {task.name}: {problem}" for fit, task, problem in wrong)
        raise UsageError(f"these models cannot answer these tasks:\n{lines}{hint}")


def _left_out(fits: Sequence[_Fit]) -> Iterator[str]:
    """One line on the pairs of a suite that are not run, and why."""
    models: dict[str, list[str]] = {}
    for fit in fits:
        for _, problem in fit.left_out:
            models.setdefault(problem, []).append(fit.model.name)
    if models:
        listed = "; ".join(f"{', '.join(names)} ({problem})" for problem, names in models.items())
        yield f"left out of the suite: {listed}"


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


class _Plans:
    """Plans of tasks, made once for all models that are asked alike: seeds and models share samples and numbering."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, frozenset[tuple[str, str]], bool], TaskPlan] = {}

    def names(self, tasks: Sequence[ResolvedTask]) -> dict[str, str]:
        """The name of each task as it was resolved → its name as planned, which lacks parameters that are the task's own.

        Raises `UsageError` where two of them are the same.
        """
        planned = {key[0]: plan.name for key, plan in self._made.items()}
        found = {task.name: planned.get(task.name, task.name) for task in tasks}
        if twice := sorted({name for name in found.values() if list(found.values()).count(name) > 1}):
            raise UsageError(f"task {twice[0]!r} is given twice")
        return found

    def plan(self, task: ResolvedTask, model: ResolvedModel, spec: RunSpec) -> TaskPlan:
        """The plan of a task for a model and a seed."""
        can = model.capabilities
        served, _ = served_kinds(task.task.info, can)
        key = (task.name, frozenset((str(kind), str(by)) for kind, by in served.items()), can.learns)
        if key not in self._made:
            made = plan_task(task, can, spec.selection, spec.seed)
            if sum(len(each.enumerated) for each in (made, *self._made.values())) > MOST_KEPT:
                made.enumerated.clear()
            self._made[key] = made
        return replace(self._made[key], seed=spec.seed)
