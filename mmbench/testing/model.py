"""`check_model`: check that a model keeps its promises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from mmbench.core.errors import UsageError
from mmbench.core.model import KINDS, Capabilities, ModelInfo, capabilities, model_info
from mmbench.core.requests import RequestKind
from mmbench.core.task import Task
from mmbench.models.caller import ModelCaller, served_kinds
from mmbench.runner.execute.event_loop import EventLoop
from mmbench.runner.training_data import learned_entry
from mmbench.testing.model_calls import Pools, Sitting, fit, pools_of, reveal
from mmbench.testing.model_rules import MODEL_RULES
from mmbench.testing.probe import ProbeTask
from mmbench.testing.report import Check, Report
from mmbench.testing.rules import BrokenError, KitRule, NotedError, SkippedError, is_line, judge


def check_model(
    model: Any,
    *,
    task: Task | None = None,
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
    tolerance: float = 1e-3,
) -> Report:
    """Check a model: every method that it has, on a handful of requests.

    Answers that differ between two equal calls are a note, not a failure: a server need not repeat itself. The checks
    that compare answers are then skipped.

    Args:
        model: An object or a class.
        task: Makes the requests, and is what the model is fitted to; by default `ProbeTask`, one for each method.
        options: Arguments of the class.
        seed: Seed of the requests.
        tolerance: How much scores and embeddings may differ with the batch, relative to their size.

    Raises:
        UsageError: If the model cannot be asked the given task.
    """
    name = model.__name__ if isinstance(model, type) else type(model).__name__
    bench = _Bench(model, dict(options or {}), seed)
    checks = [judge(rule, bench) for rule in (_HAS_METHODS, _HAS_INFO)]
    if checks[0].status == "fail":
        return Report("model", name, tuple(checks))
    if task is not None and (problems := served_kinds(task.info, bench.capabilities)[1]):
        raise UsageError("; ".join(problems))
    with closing(bench.loop):
        for number, (subject, pools) in enumerate(_tasks(bench, task)):
            bench.task = subject
            checks += _sit(bench, pools, tolerance, first=number == 0)
        checks += _close(bench)
    return Report("model", name, tuple(checks))


@dataclass
class _Bench:
    """What is checked, and the model once it is built."""

    model: Any
    options: dict[str, Any]
    seed: int
    task: Task = field(default_factory=ProbeTask)
    """The task that it is built for and fitted to."""
    loop: EventLoop = field(default_factory=EventLoop)
    caller: ModelCaller | None = None

    @property
    def capabilities(self) -> Capabilities:
        return capabilities(self.model)


def _tasks(bench: _Bench, task: Task | None) -> Iterator[tuple[Task, dict[RequestKind, Pools]]]:
    """The tasks that the model is tried on, with the requests it is asked."""
    if task is not None:
        served, _ = served_kinds(task.info, bench.capabilities)
        yield task, pools_of(task, served, bench.seed)
        return
    for kind in KINDS:
        if kind in bench.capabilities.kinds:
            probe = ProbeTask(kind, pictured="image" in bench.capabilities.modalities)
            yield probe, pools_of(probe, {kind: kind}, bench.seed)


def _sit(bench: _Bench, pools: dict[RequestKind, Pools], tolerance: float, *, first: bool) -> Iterator[Check]:
    """Everything about one task: build where that is due, fit, open, ask."""
    task, learns = bench.task, bench.capabilities.learns
    if learns and not first:
        for check in _close(bench):
            if check.status == "fail":
                yield replace(check, name=f"close before {task.info.name}")
    if first or learns:
        checks = [judge(rule, bench, "" if first else f"{task.info.name}: ") for rule in _opening(bench)]
        yield from (check for check in checks if first or check.status != "pass")
    if bench.caller is None:
        return
    reveal(bench.caller.model, task)
    for kind in sorted(pools):
        sitting = Sitting(bench.caller, bench.loop, kind, pools[kind], tolerance)
        for rule in MODEL_RULES:
            yield judge(rule, sitting, f"{kind}: ")


def _opening(bench: _Bench) -> list[KitRule[_Bench]]:
    bench.caller = None
    rules = [_BUILT]
    if bench.capabilities.learns:
        rules.append(_FITTED)
    if callable(getattr(bench.model, "open", None)):
        rules.append(_OPENED)
    return rules


def _methods(bench: _Bench) -> str:
    found = bench.capabilities
    if not found.kinds:
        raise BrokenError(f"It has none of the methods {', '.join(KINDS)}.")
    extras = [name for name, has in (("fit", found.learns), ("collate", found.collates)) if has]
    return f"It has {', '.join([*sorted(found.kinds), *extras])}{'; async' if found.asynchronous else ''}."


def _info(bench: _Bench) -> str:
    info: ModelInfo = model_info(bench.model)
    if info.digest is not None and not is_line(info.digest):
        raise BrokenError(f"info.digest is {info.digest!r}; expected text, or None.")
    if info.digest is None and not isinstance(bench.model, type):
        raise NotedError("An object without info.digest gets a new run directory each time, and never resumes.")
    return f"digest {info.digest}" if info.digest else "The digest of its source is used."


def _build(bench: _Bench) -> str:
    if not isinstance(bench.model, type):
        bench.caller = ModelCaller(bench.model)
        return "It is an object, built already."
    caller = ModelCaller(bench.model(**bench.options))
    if caller.capabilities != bench.capabilities:
        raise BrokenError("The built object has other methods than the class, by which tasks are matched.")
    bench.caller = caller
    return "It can be built."


@contextmanager
def _usable(bench: _Bench) -> Iterator[ModelCaller]:
    """The model; given up where the block raises."""
    if bench.caller is None:
        raise SkippedError("It needs the model, which failed above.")
    caller, bench.caller = bench.caller, None
    yield caller
    bench.caller = caller


def _fit(bench: _Bench) -> str:
    with _usable(bench) as caller:
        bench.loop.call(lambda: fit(caller.model, bench.task, bench.seed))
        learned_entry(caller.model)
    return f"fit takes the training split of {bench.task.info.name}."


def _open(bench: _Bench) -> str:
    with _usable(bench) as caller:
        bench.loop.call(caller.open)
    return "open() succeeds."


def _close(bench: _Bench) -> list[Check]:
    if bench.caller is None or not callable(getattr(bench.caller.model, "close", None)):
        return []
    caller, bench.caller = bench.caller, None

    def closed(_: _Bench) -> str:
        bench.loop.call(caller.close)
        return "close() succeeds."

    return [judge(KitRule("close", "Let close() free what open() took, and nothing more.", closed), bench)]


_HAS_METHODS: KitRule[_Bench] = KitRule(
    "methods", "Write generate, choose or embed, which take a list of requests.", _methods
)
_HAS_INFO: KitRule[_Bench] = KitRule(
    "info", "Give info as mmbench.ModelInfo or a dict, with the digest of the weights.", _info
)
_BUILT: KitRule[_Bench] = KitRule("build", "Let the class be called with its options; load weights in open().", _build)
_FITTED: KitRule[_Bench] = KitRule("fit", "Write fit(task_info, train, val, context).", _fit)
_OPENED: KitRule[_Bench] = KitRule("open", "Let open() take no arguments.", _open)
