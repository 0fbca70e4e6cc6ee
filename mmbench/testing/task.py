"""`check_task`: does a task keep its promises?"""

from __future__ import annotations

from typing import Any

from mmbench.core.errors import DataError, MissingExtraError
from mmbench.core.metric import Metric
from mmbench.core.score_table import ScoreTable
from mmbench.core.task import Task
from mmbench.testing.metric import check_metric
from mmbench.testing.report import Check, Report
from mmbench.testing.rules import BrokenError, KitRule, Stages, described, judge, others
from mmbench.testing.subject import TaskSubject
from mmbench.testing.task_basics import BASICS, METHODS
from mmbench.testing.task_scores import SCORES


def check_task(
    task: Task | type[Any], *, n_samples: int = 64, seed: int = 0, fresh_process: bool = True, registered: str = ""
) -> Report:
    """Check a task, and its metrics over the tables that it makes.

    Args:
        task: A task, or a class that takes no arguments.
        n_samples: How many samples are asked about and scored (whole groups; ids and splits are checked on all of them).
        seed: The seed of the choice of samples and of all made-up answers.
        fresh_process: Whether to look at the task in a process of its own as well, where it can be pickled.
        registered: The name under which the task is registered, which must be the task's own; empty for none.

    Raises:
        MissingExtraError: If a package that the data need is not installed.
        DataError: If the data cannot be read, which says nothing about the task.
    """
    built: Any = task
    if isinstance(task, type):
        try:
            built = task()
        except MissingExtraError:
            raise
        except Exception as error:  # noqa: BLE001 - a plug-in may raise anything; it becomes the detail of its check
            failed = Check(
                "build", "fail", f"it raised {described(error)}.", "Let the class be called without arguments."
            )
            return Report("task", task.__name__, (failed,))
    subject = TaskSubject(built, n_samples, seed)
    subject.fresh_process, subject.registered = fresh_process, registered
    methods = judge(METHODS, subject)
    if methods.status == "fail":
        return Report("task", type(built).__name__, (methods,))
    _read(subject)
    checks = [methods, *(judge(rule, subject) for rule in (*BASICS, *SCORES))]
    checks += _metric_checks(subject)
    return Report("task", _name(built), tuple(checks))


def check_task_metric(task: Task, metric: Metric, *, n_samples: int = 64, seed: int = 0) -> Report:
    """Check one metric of a task over the table that the task makes of middling answers. Parameters as above."""
    subject = TaskSubject(task, n_samples, seed)
    found: dict[str, ScoreTable] = {}

    def tables(subject: TaskSubject) -> str:
        found.update(subject.tables(subject.mixed))
        if metric.unit not in found:
            raise BrokenError(f"Metric {metric.id} reads a table {metric.unit!r}, which score does not return.")
        return f"{len(found[metric.unit].unit_ids)} rows."

    made = judge(KitRule("table", "Check the whole task first.", tables), subject)
    if made.status == "fail":
        return Report("metric", str(metric.id), (made,))
    return check_metric(metric, found[metric.unit], seed=seed)


def _name(task: Any) -> str:
    try:
        return str(task.info.name)
    except Exception:  # noqa: BLE001 - the check "info" says what is wrong with it
        return type(task).__name__


def _read(subject: TaskSubject) -> None:
    """Read the test samples; only what is wrong with the data is raised."""
    try:
        list(subject.task.samples("test"))
    except (DataError, MissingExtraError):
        raise
    except Exception:  # noqa: BLE001, S110 - the check "samples" meets it again and says so
        pass


def _metric_checks(subject: TaskSubject) -> list[Check]:
    stages = Stages()

    def whole(metric: Metric) -> str:
        tables = stages.get("tables", lambda: subject.tables(subject.mixed))
        report = check_metric(metric, tables.get(metric.unit), seed=subject.seed)
        if report.failed:
            raise BrokenError(" ".join(f"{check.name}: {check.detail}" for check in report.failed))
        return f"{report.summary()}."

    try:
        metrics = [] if others(Metric, subject.metrics) else subject.metrics
    except Exception:  # noqa: BLE001 - the check "metric ids" says what is wrong with them
        return []
    found = []
    for metric in metrics:
        rule: KitRule[Metric] = KitRule(f"metric {metric.id}", "Run check_metric on it with this task's table.", whole)
        found.append(judge(rule, metric))
    return found
