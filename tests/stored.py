"""Run directories written without a model: whatever score tables a test needs, of any size."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmbench.core.metric import Metric
from mmbench.core.score_table import ScoreStatus, ScoreTable
from mmbench.metrics import mean_metric
from mmbench.metrics.evaluate import evaluate, evaluate_slices
from mmbench.results import codec
from mmbench.results.metric_specs import spec_of
from mmbench.results.rundir import RunDirectory
from mmbench.results.schema import (
    SCHEMA_VERSION,
    Machine,
    ModelEntry,
    PerfFigure,
    PerfReason,
    PerfScenario,
    PlanFile,
    RunFile,
    ScoresFile,
    SpeedIdentity,
    TaskEntry,
    TaskPerf,
    TaskSource,
)

ACCURACY = mean_metric("accuracy", "sample", "accuracy")
TASK = "stored/task"


def score_table(
    scores: Sequence[float | None] | Mapping[str, float | None],
    clusters: Sequence[str] | None = None,
    status: Mapping[str, ScoreStatus] | None = None,
    **more: Any,
) -> ScoreTable:
    """A table of samples with the column ``accuracy``; None is a unit that failed. Ids are ``s0``, ``s1`` … or given.

    `status`: of units whose status is another than ``scored``.
    """
    named = scores if isinstance(scores, Mapping) else {f"s{n}": score for n, score in enumerate(scores)}
    ids = list(named)
    return ScoreTable(
        unit="sample",
        unit_ids=ids,
        cluster_ids=ids if clusters is None else list(clusters),
        status=["error" if score is None else (status or {}).get(name, "scored") for name, score in named.items()],
        columns={"accuracy": [score or 0.0 for score in named.values()]},
        **more,
    )


def write_run(
    out: Path,
    model: str,
    tables: Mapping[str, Sequence[ScoreTable]],
    metrics: Sequence[Metric] = (ACCURACY,),
    **identity: Any,
) -> Path:
    """A complete run of `model` under `out`, with the tables of each task; `identity` is what its plans say besides."""
    directory = RunDirectory.for_run(out, model, codec.digest(model))
    directory.path.mkdir(parents=True)
    entries = {}
    for task, given in tables.items():
        by_unit = {table.unit: table for table in given}
        n = len(given[0].unit_ids)
        plan = _plan(task, n, {"options": {}, **identity})
        directory.write_plan(plan)
        scoring = directory.write_scores(_scores(task, plan, by_unit, metrics), by_unit)
        entries[task] = _entry(task, plan, n, scoring)
    directory.write(_run_file(model, entries))
    return directory.path


def measured(values: Mapping[str, float | None], reasons: Sequence[PerfReason] = (), **more: Any) -> TaskPerf:
    """A quality run with these figures, asked one by one unless `more` says otherwise."""
    units = {"latency_p50": "ms", "peak_memory": "B"}
    figures = {
        name: PerfFigure(
            value=value, unit=units.get(name, "1/s"), formula="as given", reason="absent" if value is None else None
        )
        for name, value in values.items()
    }
    identity = SpeedIdentity(batch_size=more.pop("batch_size", 1), concurrency=1, threads=0, workers=1)
    scenario = PerfScenario(
        name="quality",
        identity=identity,
        complete=True,
        valid=not reasons,
        reasons=list(reasons),
        figures=figures,
        **more,
    )
    return TaskPerf(scenarios=[scenario])


def _plan(task: str, n: int, identity: Mapping[str, Any]) -> PlanFile:
    whole = {"name": task, "version": "1", "fingerprint": "data", "split": "test", **identity}
    return PlanFile(
        schema_version=SCHEMA_VERSION,
        task=task,
        identity=whole,
        identity_digest=codec.digest(whole),
        selection_digest=codec.digest([task, n]),
        n_samples=n,
        n_requests=n,
        batch_size=64,
        batch_cost=None,
        batches=[list(range(n))],
    )


def _scores(task: str, plan: PlanFile, tables: Mapping[str, ScoreTable], metrics: Sequence[Metric]) -> ScoresFile:
    fitting = [metric for metric in metrics if metric.unit in tables]
    slices: dict[str, dict[str, list[Any]]] = {}
    for metric in fitting:
        for name, labels in evaluate_slices(metric, tables[metric.unit]).items():
            for label, value in labels.items():
                slices.setdefault(name, {}).setdefault(label, []).append(value)
    return ScoresFile(
        schema_version=SCHEMA_VERSION,
        task=task,
        task_identity=plan.identity_digest,
        primary=[str(fitting[0].id)],
        units={unit: len(table.unit_ids) for unit, table in tables.items()},
        metrics=[evaluate(metric, tables[metric.unit]) for metric in fitting],
        slices=slices,
        specs={str(metric.id): spec_of(metric) for metric in fitting},
    )


def _entry(task: str, plan: PlanFile, n: int, scoring: str) -> TaskEntry:
    return TaskEntry(
        name=task,
        source=TaskSource(name=task),
        version="1",
        fingerprint="data",
        identity_digest=plan.identity_digest,
        served_as={"generate": "generate"},
        split="test",
        status="complete",
        n_samples=n,
        n_requests=n,
        scoring=scoring,
    )


def _run_file(model: str, entries: dict[str, TaskEntry]) -> RunFile:
    return RunFile(
        schema_version=SCHEMA_VERSION,
        mmbench_version="0.1.0",
        identity=codec.digest(model),
        status="complete",
        model=ModelEntry(name=model, reference=model, digest=model, options={}),
        seed=0,
        spec={},
        tasks=entries,
        created="2026-01-01T00:00:00+00:00",
        updated="2026-01-01T00:00:00+00:00",
        packages={},
        machine=Machine(platform="", python="", cpu="", cpus=1, memory_bytes=None, accelerator=None),
        git=None,
    )
