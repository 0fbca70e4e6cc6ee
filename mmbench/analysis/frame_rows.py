"""Stored runs as flat rows for data frames: one for each value of a metric, one for each figure of speed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from mmbench.core.score_table import MetricValue
from mmbench.results.run import Run, TaskResult
from mmbench.results.rundir import shown_path
from mmbench.results.schema import PerfScenario

_ENDINGS = ("truncated", "unparsed", "refused", "failed")


def metric_rows(run: Run, tasks: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Every value of the tasks of a run, over all units and then by slice.

    Args:
        run: The run.
        tasks: Full names; those that it lacks are skipped.

    Yields:
        ``run`` (its path), ``model``, ``seed``, ``task``, ``metric`` (the id), ``slice`` and ``label`` (None over all units),
        ``primary``, ``value``, ``low`` and ``high`` (the 95 % interval), ``chance`` and ``prior`` (over all units alone), ``n``,
        ``coverage``, the shares ``truncated``, ``unparsed``, ``refused`` and ``failed`` of all units, ``bound_low`` and
        ``bound_high``, ``n_clusters``, ``method``, ``unit``, ``scale``, ``higher_is_better``, ``codes`` and ``reason``. All but
        the shares are as in `MetricValue`.
    """
    for name in tasks:
        result = run.tasks.get(name)
        if result is None:
            continue
        for value in result.metrics.values():
            yield _row(run, result, value, (None, None))
        for slice_name, labels in sorted(result.slices.items()):
            for label, values in sorted(labels.items()):
                yield from (_row(run, result, value, (slice_name, label)) for value in values)


def _row(run: Run, result: TaskResult, value: MetricValue, place: tuple[str | None, str | None]) -> dict[str, Any]:
    total = value.n + value.n_failed
    guessing = result.entry if place[0] is None else None
    return {
        **_names(run, result.name),
        "metric": value.id,
        "slice": place[0],
        "label": place[1],
        "primary": value.id in result.primary,
        "value": value.value,
        "low": value.low,
        "high": value.high,
        "chance": None if guessing is None else guessing.chance.get(value.id),
        "prior": None if guessing is None else guessing.prior.get(value.id),
        "n": value.n,
        "coverage": value.coverage,
        **{name: getattr(value, f"n_{name}") / total if total else None for name in _ENDINGS},
        "bound_low": value.bound_low,
        "bound_high": value.bound_high,
        "n_clusters": value.n_clusters,
        "method": value.method,
        "unit": value.unit,
        "scale": value.scale,
        "higher_is_better": value.higher_is_better,
        "codes": list(value.codes),
        "reason": value.reason,
    }


def perf_rows(run: Run, tasks: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Every figure of speed, memory, energy and cost of the tasks of a run.

    Args:
        run: The run.
        tasks: Full names; those that it lacks, or that were not measured, are skipped.

    Yields:
        ``run`` (its path), ``model``, ``seed``, ``task``, ``scenario``, the conditions ``batch_size``, ``concurrency``,
        ``threads``, ``workers`` and ``settings``, ``figure`` (its name), ``value``, ``unit``, ``low`` and ``high`` (the 95 %
        interval), ``n``, ``valid`` (False: it must not be quoted), ``reasons`` (codes of why), ``complete``, ``formula``, and
        ``reason`` (why the value is None).
    """
    for name in tasks:
        perf = run.tasks[name].perf if name in run.tasks else None
        for scenario in perf.scenarios if perf is not None else ():
            yield from _figures(run, name, scenario)


def _figures(run: Run, task: str, scenario: PerfScenario) -> Iterator[dict[str, Any]]:
    identity = scenario.identity
    for name, figure in scenario.figures.items():
        yield {
            **_names(run, task),
            "scenario": scenario.name,
            "batch_size": identity.batch_size,
            "concurrency": identity.concurrency,
            "threads": identity.threads,
            "workers": identity.workers,
            "settings": dict(identity.settings),
            "figure": name,
            "value": figure.value,
            "unit": figure.unit,
            "low": figure.low,
            "high": figure.high,
            "n": figure.n,
            "valid": scenario.valid,
            "reasons": [reason.code for reason in scenario.reasons],
            "complete": scenario.complete,
            "formula": figure.formula,
            "reason": figure.reason,
        }


def _names(run: Run, task: str) -> dict[str, Any]:
    return {"run": str(shown_path(run.path)), "model": run.model.name, "seed": run.seed, "task": task}
