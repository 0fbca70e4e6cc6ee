"""``mmbench check``: the conformance kit on one plug-in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import click

from mmbench import registry
from mmbench.cli.options import Command, options
from mmbench.cli.streams import plug_in_output
from mmbench.cli.values import print_json, say
from mmbench.core.errors import UnknownNameError, UsageError
from mmbench.core.ids import MetricId
from mmbench.core.metric import Metric
from mmbench.core.model import capabilities
from mmbench.core.spec import DataSource
from mmbench.core.visible import readable_lines, visible
from mmbench.metrics.declare import MetricMaker
from mmbench.metrics.registered import maker_named
from mmbench.resolve.config import load_config
from mmbench.resolve.declared_option import Option
from mmbench.resolve.forms import choice
from mmbench.resolve.options import OPTIONS, read_by

if TYPE_CHECKING:
    from mmbench.testing import Report

COLOURS = {"pass": "green", "note": "yellow", "skip": "bright_black", "fail": "red"}
"""Status to its colour on a terminal."""

_EPILOG = """\b
Examples:
  mmbench check vqa/easy-vqa                          # a task, with its metrics
  mmbench check vqa --data my.jsonl                   # your own data as a task
  mmbench check mytask.py:task
  mmbench check mymodel.py:Model                      # a model, on a tiny task in memory
  mmbench check mymodel --task vqa/easy-vqa           # ... on requests of that task
  mmbench check hf/PATH --against by-hand             # a checkpoint: prompt, settings, memory; answers against transformers
  mmbench check vqa/easy-vqa:accuracy                 # one metric of a task
  mmbench check f1                                    # a registered metric, on made-up scores
  mmbench check "mytask.py:task:recall@5(direction=t2i)" --json

In Python: from mmbench.testing import check_task, check_model, check_metric.

Exit codes: 0 all promises are kept; 2 usage, unknown plug-in, unreadable data; 4 a check failed.
"""


@dataclass(frozen=True, slots=True)
class _Asked:
    """The options of the command."""

    data: Sequence[DataSource]
    task_args: dict[str, Any]
    model_args: dict[str, Any]
    task: str | None
    limit: int
    seed: int
    against: str | None


_TASK = "Task that a model is asked; by default a tiny one in memory."
_LIMIT = replace(
    OPTIONS["limit"],
    default=64,
    help="About how many samples of a task are asked about and scored (whole groups).",
)

_AGAINST = Option(
    help="Of a checkpoint (hf/PATH): compare its answers with those that transformers gives to each question alone.",
    form=choice("by-hand"),
    name="against",
)


@click.command(cls=Command, epilog=_EPILOG)
@click.argument("plugin", metavar="PLUGIN")
@options(
    "tasks",
    "data",
    "map",
    "download",
    "task-args",
    "model-args",
    _LIMIT,
    "seed",
    _AGAINST,
    "json",
    tasks=_TASK,
    seed="Seed of all that is drawn.",
)
def command(plugin: str, tasks: tuple[str, ...], **values: Any) -> int:
    """Check that a task, a model or a metric keeps the promises that the harness relies on.

    PLUGIN is a registered name, FILE.py[:NAME], module:NAME, or TASK:METRIC-ID. Of a checkpoint, hf/PATH, it shows what the
    model is asked and how it will answer.
    """
    if len(tasks) > 1:
        raise UsageError(f"name one task: --task {tasks[0]}")
    asked = _Asked(
        data=read_by(values["data"], values),
        task_args=values["task_args"],
        model_args=values["model_args"],
        task=next(iter(tasks), None),
        limit=values["limit"],
        seed=values["seed"],
        against=values["against"],
    )
    if asked.against and not plugin.startswith("hf/") and plugin not in load_config().aliases:
        raise UsageError(f"--against {asked.against} is for checkpoints, hf/PATH; {plugin} is none")
    with plug_in_output(as_json=True):  # what a plug-in prints is not part of the answer
        reports = [check(asked) for check in _checks(plugin)]
    if values["json"]:
        document = {"ok": all(report.ok for report in reports), "reports": [report.to_dict() for report in reports]}
        print_json(document)
    else:
        for report in reports:
            _print(report)
    return 0 if all(report.ok for report in reports) else 4


def _print(report: Report) -> None:
    from mmbench.testing.report import SHOWN

    click.secho(visible(f"{report.kind} {report.name}"), bold=True)
    width = max(len(check.name) for check in report)
    for check in report:
        status = click.style(SHOWN[check.status], fg=COLOURS[check.status])
        advice = f" To do: {check.advice}" if check.advice else ""
        click.echo(f"{status}  {readable_lines(f'{check.name:<{width}}  {check.detail}{advice}')}")
    say(report.summary())


_Check = Callable[[_Asked], "Report"]


def _checks(plugin: str) -> list[_Check]:
    """What the name stands for; a name of both a task and a model stands for both. Raises `UnknownNameError`."""
    found: list[_Check] = []
    if _is_task_name(plugin):
        found.append(_task_check(plugin))
    if _is_model_name(plugin):
        found.append(_model_check(plugin))
    if plugin in _names("metric"):
        found.append(_of_value(plugin, maker_named(plugin)))
    if not found and (metric := _metric_check(plugin)):
        found.append(metric)
    if not found:
        found = _from_python(plugin)
    if not found:
        raise _unknown(plugin)
    return found


def _names(kind: registry.Kind) -> set[str]:
    return {plugin.name for plugin in registry.plugins(kind)}


def _is_task_name(name: str) -> bool:
    tasks = _names("task")
    return name in tasks or (":" not in name and not name.endswith(".py") and name.partition("/")[0] in tasks)


def _is_model_name(name: str) -> bool:
    models = _names("model")
    return name in models or name in load_config().aliases or ("/" in name and name.partition("/")[0] in models)


def _task_check(name: str, built: Any = None) -> _Check:
    """The check of a task by name, or of an object that was loaded under that name."""

    def check(asked: _Asked) -> Report:
        from mmbench.testing import check_task

        if asked.model_args or asked.task:
            raise UsageError(f"{name} is a task; --task and --model-args are for models")
        loaded = built is not None and not asked.data and not asked.task_args
        found, registered = (built, "") if loaded else _task(name, asked)
        return check_task(found, n_samples=asked.limit, seed=asked.seed, registered=registered)

    return check


def _task(name: str, asked: _Asked) -> tuple[Any, str]:
    """The task, and the name that it is registered under, if that is what was typed.

    A registered task is not looked at: what is wrong with it is for the kit to say.
    """
    from mmbench.resolve.task_names import resolve_tasks

    if name in _names("task") and not asked.data and not asked.task_args:
        found = registry.load(registry.find("task", name))
        if not hasattr(found, "from_data"):
            return found, name
    return resolve_tasks([name], asked.data, asked.task_args)[0].task, ""


def _model_check(name: str, built: Any = None) -> _Check:
    """The check of a model by name, or of an object that was loaded under that name."""

    def check(asked: _Asked) -> Report:
        from mmbench.models.hf.adapter import HuggingFace
        from mmbench.resolve.model_names import resolve_model
        from mmbench.testing import Report, check_model
        from mmbench.testing.checkpoint import check_checkpoint

        target, options, shown = built, asked.model_args, name
        if built is None:
            resolved = resolve_model(name, asked.model_args, load_config().aliases)
            target, options, shown = resolved.target, dict(resolved.options), resolved.name
        elif options:
            raise UsageError(f"{name} is built already; it takes no --model-args")
        if (asked.data or asked.task_args) and not asked.task:
            raise UsageError("--data and --task-args need a task that takes them: add --task T")
        task = _task(asked.task, asked)[0] if asked.task else None
        if target is HuggingFace:
            by_hand = asked.against is not None
            return check_checkpoint(HuggingFace(**options), shown, task=task, by_hand=by_hand, seed=asked.seed)
        if asked.against:
            raise UsageError(f"--against {asked.against} is for checkpoints, hf/PATH; {name} is none")
        report = check_model(target, task=task, options=options, seed=asked.seed)
        return Report(report.kind, shown, report.checks)

    return check


def _metric_check(plugin: str) -> _Check | None:
    """The check of ``TASK:METRIC-ID``, or None where the text is not that."""
    name, colon, metric_id = plugin.rpartition(":")
    if not colon:
        return None
    parsed = _parsed(metric_id)
    if parsed is None or not _is_task_reference(name, metric_id):
        return None

    def check(asked: _Asked) -> Report:
        from mmbench.resolve.task_names import resolve_tasks
        from mmbench.testing.task import check_task_metric

        if asked.model_args or asked.task:
            raise UsageError(f"{plugin} is a metric; --task and --model-args are for models")
        task = resolve_tasks([name], asked.data, asked.task_args)[0].task
        metrics = {str(metric.id): metric for metric in task.metrics}
        if str(parsed) not in metrics:
            has = f"It has: {', '.join(metrics)}."
            raise UnknownNameError(f"metric of {task.info.name}:", metric_id, metrics, hint=has)
        return check_task_metric(task, metrics[str(parsed)], n_samples=asked.limit, seed=asked.seed)

    return check


def _is_task_reference(name: str, metric_id: str) -> bool:
    """Whether what stands before the last colon names a task, so that what stands behind it is a metric."""
    if ":" in name:
        return True
    if name.endswith(".py"):
        return _has(name, "task") and not _has(name, metric_id)
    return _is_task_name(name)


def _parsed(metric_id: str) -> MetricId | None:
    try:
        return MetricId.parse(metric_id)
    except ValueError:
        return None


def _has(file: str, name: str) -> bool:
    """Whether a file exists and its module has an attribute. Raises `PluginError` where it cannot be imported."""
    if not Path(file).is_file():
        return False
    value, _ = registry.load_reference(file, f"plug-in {file!r}")
    return hasattr(value, name)


def _from_python(plugin: str) -> list[_Check]:
    """Checks of what a file or module holds. Raises `PluginError`, `UnknownNameError` and `UsageError`."""
    place, colon, attribute = plugin.partition(":")
    if not place.endswith(".py") and Path(f"{place}.py").is_file() and "/" not in place:
        place = f"{place}.py"
    if place.endswith(".py"):
        if not Path(place).is_file():
            files = (str(path) for path in Path().glob("*.py"))
            raise UnknownNameError("file", place, files, hint="There is no such file.")
    elif not colon:
        return []
    name = f"{place}{colon}{attribute}"
    value, _ = registry.load_reference(name.rstrip(":"), f"plug-in {plugin!r}")
    if isinstance(value, ModuleType):
        held = [attribute for attribute in ("task", "model") if hasattr(value, attribute)]
        return [_of_value(f"{name}:{attribute}", getattr(value, attribute)) for attribute in held] or [
            _model_check(name)
        ]
    return [_of_value(name, value)]


def _of_value(name: str, value: Any) -> _Check:
    """The check of one object, by what it has."""
    if isinstance(value, Metric | MetricMaker):
        return lambda asked: _metric_alone(value, asked)
    if hasattr(value, "from_data"):
        raise UsageError(f"{name} is a family; register it, then: mmbench check NAME --data FILE_OR_FOLDER")
    if hasattr(value, "samples") or hasattr(value, "score"):
        return _task_check(name, value)
    if capabilities(value).kinds:
        return _model_check(name, None if isinstance(value, type) else value)
    kind = f"class {value.__name__}" if isinstance(value, type) else f"object of type {type(value).__name__}"
    raise UsageError(
        f"{name} is a {kind}; expected a task (samples, requests, score), a model (generate, choose or embed) "
        "or a metric (mmbench.Metric, or what mmbench.metrics.metric declares)"
    )


def _metric_alone(metric: Metric | MetricMaker, asked: _Asked) -> Report:
    from mmbench.testing import check_metric

    return check_metric(metric, seed=asked.seed)


def _unknown(plugin: str) -> UnknownNameError:
    names = (
        _names("task")
        | _names("model")
        | _names("metric")
        | set(load_config().aliases)
        | {str(path) for path in Path().glob("*.py")}
    )
    hint = "A plug-in is a registered name (mmbench list tasks, models or metrics), FILE.py[:NAME] or TASK:METRIC-ID."
    if ("@" in plugin or "(" in plugin) and _parsed(plugin) is not None:
        hint = f'A metric is checked with its task: mmbench check "TASK:{plugin}".'
    return UnknownNameError("plug-in", plugin, names, hint=hint)
