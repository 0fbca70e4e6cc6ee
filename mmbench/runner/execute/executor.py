"""The executor protocol: how the planned batches of a task reach a model, in this process or elsewhere.

An executor is a class without arguments, registered in the entry-point group ``mmbench.executors``. It gets the batches
that are left (`Todo`) and reports responses to a `Sink`, which alone writes the log. The built-in ones are ``batch``
(synchronous models), ``async``, and ``pool`` (several workers); ``--executor NAME`` puts another in their place.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from mmbench import registry
from mmbench.core.errors import MmbenchError, PluginError
from mmbench.core.responses import Call, Response
from mmbench.core.spec import RunSpec
from mmbench.models.controls import Oracle
from mmbench.resolve.model_names import ResolvedModel
from mmbench.results.rundir import RunDirectory
from mmbench.results.schema import WorkerPerf
from mmbench.runner.plan.task_plan import TaskPlan

if TYPE_CHECKING:
    from mmbench.runner.execute.local_model import OpenModel
    from mmbench.runner.plan.job import Job

Batches = Sequence[tuple[int, list[int]]]
"""(number of the batch in the plan, numbers of its requests), in the order in which they are to be asked."""


def _no_note(text: str) -> None:
    """Show nothing."""


@dataclass(frozen=True, slots=True)
class Todo:
    """What is left to ask of one task."""

    plan: TaskPlan
    """The task; `TaskPlan.requests` builds the requests of a batch."""
    batches: Batches
    """The batches. Their composition decides what a deterministic model answers, so each is asked as a whole."""
    model: ResolvedModel
    """The model, not built; `ModelRecipe.of` makes of it what another process needs to build it."""
    open_model: Callable[[], OpenModel]
    """Build the model in this process, fit it where it learns, and open it; the same model at each call."""
    spec: RunSpec
    """The options of the run."""
    batch_size: int
    """Requests a batch at most: what is given, or what ``auto`` has settled on in an earlier session."""
    started: float = field(default_factory=time.perf_counter)
    """When the session began to ask, by `time.perf_counter`: `Call.start_s` counts from then."""
    fitted: Callable[[], Any] | None = None
    """Build the model in this process and fit it, without opening it; None for a model that does not learn."""
    note: Callable[[str], None] = _no_note
    """Shows one line to people."""
    upcoming: Job | None = None
    """The next run of the command, where this is the last task of its run: its model may be loaded once workers are idle."""
    directory: RunDirectory | None = None
    """The run; an executor writes nothing there but the number of its workers."""


@dataclass(frozen=True, slots=True)
class Remarks:
    """What an executor that asks elsewhere has to say of a task, beside the answers."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    """What the model says that it answers by."""
    notes: Mapping[str, int] = field(default_factory=dict)
    """What the model noted of its answers: sentence to number of requests."""
    workers: Sequence[WorkerPerf] = ()
    """What each worker did; empty where the model was asked in this process."""
    threads: int | None = None
    """CPU threads of each worker; None: as ``--threads`` says."""
    workers_changed: bool = False
    """Whether there were more or fewer workers at some time of the task."""
    only_requests: str | None = None
    """Why another number of workers would be asked the same, but maybe not in the same batches; None where it would be."""
    load_s: float | None = None
    """Seconds that the model took to load where that began while the model before was asked; None: as the run measures it."""
    alone_s: float | None = None
    """When the next model began to load, in seconds since `Todo.started`; None where it did not while the task was asked."""


class Sink(Protocol):
    """Takes what comes of a task. For one thread."""

    def is_answered(self, number: int) -> bool:
        """Whether the request with this number has ended well, now or in an earlier session."""

    def record(self, call: Call, responses: Sequence[Response]) -> None:
        """Log the responses of one call, in the order of its requests; those of requests that are answered are left out.

        Raises:
            TooManyErrorsError: After logging, if more requests failed than ``--max-errors`` allows. Stop asking.
            RunFailedError: If the log cannot be written.
        """

    def record_all(self, ended: Sequence[tuple[Call, Sequence[Response]]]) -> None:
        """The same for several calls that ended at about the same time, in one write. No request is in two of them."""

    def reduce_batch_size(self, size: int) -> None:
        """Keep for later sessions that memory has room for batches of this size only."""

    def report_splits(self, count: int, cause: str) -> None:
        """Say that calls of several requests failed, so that their requests were asked again in smaller calls.

        Args:
            count: How many calls, since this was last called.
            cause: Why the first of them failed.
        """


class Executor(Protocol):
    """Answers batches of tasks. One object serves all tasks of a run, one after the other."""

    over_runs: bool = False
    """Whether one object serves all runs of a command, rather than one; it then has a method `end_run`."""

    def prepare(self, todo: Todo) -> None:
        """Load the model, here (unless overridden) or on workers. Called before clocks and progress display start."""
        todo.open_model()

    def run(self, todo: Todo, sink: Sink) -> None:
        """Ask everything in `todo` and record it; on an exception, nothing is recorded afterwards.

        Raises:
            RunFailedError: If the task cannot go on; what is recorded stays.
            Interrupted: On SIGINT or SIGTERM.
        """

    def remarks(self, task: str) -> Remarks:
        """What there is to say of a task after `run`, by its full name; an executor may lack this method."""
        del task
        return Remarks()

    def end_run(self) -> None:
        """Take note that nothing more is asked in this run; called at least once, also after an exception."""

    def close(self) -> None:
        """Free what is held; called once, also after an exception."""


class Executors:
    """The executors of a command, made when they are first needed. A context manager that closes them."""

    def __init__(self) -> None:
        self._made: dict[str, Executor] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close(list(self._made))

    @contextmanager
    def one_run(self) -> Iterator[None]:
        """What happens inside is one run; those that serve one alone are closed at its end, and all of them after a signal."""
        try:
            yield
        except BaseException as error:
            if not isinstance(error, MmbenchError):
                self._close(list(self._made))
            raise
        finally:
            self.end_asking()
            self._close([name for name, each in self._made.items() if not _over_runs(each)])

    def end_asking(self) -> None:
        """Tell those that serve several runs that nothing more is asked in this one."""
        for executor in self._made.values():
            if _over_runs(executor):
                executor.end_run()

    def end_all(self) -> bool:
        """End all that hold a model, because this process is to have the machine to itself. Returns whether there were any."""
        there_were = list(self._made)
        self._close(there_were)
        return bool(there_were)

    def _close(self, names: Sequence[str]) -> None:
        for name in names:
            self._made.pop(name).close()

    def shares(self, todo: Todo) -> Iterator[tuple[Executor, Todo]]:
        """Who asks what: the executor that is named; else ``async`` for methods that are ``async def``.

        All other batches are for ``batch``, and for ``pool`` where several workers ask.
        """
        shares: dict[str, list[tuple[int, list[int]]]] = {}
        asynchronous = todo.model.capabilities.asynchronous
        here = "pool" if asks_with_workers(todo.spec, todo.model) else "batch"
        for item in todo.batches:
            own = "async" if asynchronous and todo.plan.kind_of(item[1]) in asynchronous else here
            shares.setdefault(todo.spec.executor or own, []).append(item)
        for name, batches in sorted(shares.items()):
            yield self._get(name), replace(todo, batches=batches)

    def remarks(self, task: str) -> Remarks:
        """What those that ask elsewhere have to say of a task."""
        found = [each.remarks(task) for each in self._made.values() if hasattr(each, "remarks")]
        return next((each for each in found if each.workers), Remarks())

    def _get(self, name: str) -> Executor:
        if name not in self._made:
            self._made[name] = load_executor(name)()
        return self._made[name]


def _over_runs(executor: Executor) -> bool:
    return getattr(executor, "over_runs", False)


def asks_with_workers(spec: RunSpec, model: ResolvedModel) -> bool:
    """Whether batches of a model are asked by several workers, or on a cluster.

    One that is given the solutions of the task is not: they stay in the process of the command. Nor is one with async methods, of
    which that process keeps many requests in flight.
    """
    stays = is_given_solutions(model) or bool(model.capabilities.asynchronous)
    return spec.executor == "pool" or (spec.by_workers and not stays)


def is_given_solutions(model: ResolvedModel) -> bool:
    """Whether a model is the control that answers with the solutions."""
    return issubclass(model.target if isinstance(model.target, type) else type(model.target), Oracle)


def load_executor(name: str) -> Callable[[], Executor]:
    """The registered class of an executor. Raises `UnknownNameError`, `PluginError`."""
    known = (plugin.name for plugin in registry.plugins("executor"))
    plugin = registry.find("executor", name, hint=f"There are: {', '.join(known)}.")
    found: Callable[[], Executor] = registry.load(plugin)
    lacking = [method for method in ("prepare", "run", "close") if not callable(getattr(found, method, None))]
    if lacking:
        raise PluginError(f"executor {name!r} ({plugin.distribution}) is no executor: it lacks {', '.join(lacking)}")
    return found
