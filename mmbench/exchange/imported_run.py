"""Write a run of another tool as a run directory: all of it, or nothing."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mmbench.core.ids import MetricId, dataset_digest
from mmbench.core.metric import ONES, Metric
from mmbench.core.responses import ENDED_WELL, Response
from mmbench.core.samples import Sample
from mmbench.core.score_table import ScoreTable
from mmbench.core.spec import RUNS
from mmbench.core.task import slices_of
from mmbench.core.visible import visible
from mmbench.exchange.peer_run import PeerMetric, PeerRun, PeerSample, PeerTask
from mmbench.metrics.evaluate import evaluate, evaluate_slices
from mmbench.metrics.formulas import ratio
from mmbench.perf.machine import machine, packages
from mmbench.resolve.task_names import ResolvedTask
from mmbench.results.codec import digest
from mmbench.results.log import ResponseLog
from mmbench.results.metric_specs import spec_of
from mmbench.results.rundir import RunDirectory, make_folder
from mmbench.results.schema import (
    SCHEMA_VERSION,
    AskedLine,
    ImportEntry,
    ModelEntry,
    PlanFile,
    ResponseLine,
    RunFile,
    ScoresFile,
    TaskEntry,
    TaskSource,
)
from mmbench.scoring.imported_scores import beside
from mmbench.scoring.tables import Scored, keep, score

_LINES = 4096
"""Lines of the log that are written at once."""
_CLOSE = 1e-6
"""How near the mean of the samples' scores must come to the value that the tool reports, so that they count as one."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A task of another tool whose samples are those of a task of ours."""

    resolved: ResolvedTask
    """Our task."""
    samples: Sequence[Sample]
    """[n] our samples, in the order of our data."""
    peers: Sequence[PeerSample]
    """[n] the other tool's."""
    how: str
    """How they were matched."""


def write_imported(
    run: PeerRun, tool: str, files: Mapping[str, str], placed: Mapping[str, Placed], out: Path = Path(RUNS)
) -> Path:
    """Write a run directory, in place of one that was made from the same files before.

    Args:
        run: What the files hold.
        tool: The tool that made them.
        files: Name of each file to its sha256.
        placed: Name of a task, as the tool calls it, to the task of ours that has its samples.
        out: The folder of all runs.

    Returns:
        The run directory.

    Raises:
        RunFailedError: If it cannot be written.
    """
    mapped = {name: each.resolved.name for name, each in placed.items()}
    identity = digest({"imported": tool, "files": sorted(files.values()), "model": run.model, "tasks": mapped})
    name = f"{tool}/{run.model}"
    target = RunDirectory.for_run(out, name, identity).path
    make_folder(out)
    scratch = RunDirectory(out / f".importing-{os.getpid()}-{identity[:8]}")
    try:
        entries = [_write_task(scratch, task, tool, run, placed.get(task.name)) for task in run.tasks]
        now = datetime.now(UTC).isoformat(timespec="seconds")
        failed = any(entry.n_failed for entry in entries)
        scratch.write(
            RunFile(
                schema_version=SCHEMA_VERSION,
                mmbench_version=packages().get("mmbench", "unknown"),
                identity=identity,
                status="partial" if failed else "complete",
                model=ModelEntry(
                    name=name,
                    reference=f"imported from {tool}",
                    version=None,
                    digest=None,
                    options={},
                    settings={key: value for key, value in run.settings.items() if value not in (None, "", {})},
                ),
                seed=run.seed,
                spec={},
                tasks={entry.name: entry for entry in entries},
                created=run.created or now,
                updated=now,
                packages=packages(),
                machine=machine(),
                git=None,
                imported=ImportEntry(tool=tool, version=run.version, model=run.model, files=dict(files)),
            )
        )
        _put_in_place(scratch.path, target)
    finally:
        shutil.rmtree(scratch.path, ignore_errors=True)
    return target


def _put_in_place(made: Path, target: Path) -> None:
    old = made.with_name(f"{made.name}.old")
    with contextlib.suppress(FileNotFoundError):
        target.rename(old)
    try:
        made.rename(target)
    except BaseException:  # what was there before is worth more than nothing
        with contextlib.suppress(OSError):
            old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _write_task(directory: RunDirectory, task: PeerTask, tool: str, run: PeerRun, placed: Placed | None) -> TaskEntry:
    full = name_in_run(task, tool, placed)
    base = full if placed is None else placed.resolved.task.info.name
    peers = list(task.samples if placed is None else placed.peers)
    asked = [asked_line(peer) for peer in peers]
    if placed is not None:
        asked = [_renamed(line, sample) for line, sample in zip(asked, placed.samples, strict=True)]
    ids = [line.id for line in asked]
    plan = _plan(task, tool, full, base, ids, placed)
    directory.write_asked(full, asked)
    directory.write_plan(plan)
    with ResponseLog(directory.task(full)) as log:
        lines = [_line(peer, f"{base}/{sample_id}/0") for peer, sample_id in zip(peers, ids, strict=True)]
        for start in range(0, len(lines), _LINES):
            log.append(lines[start : start + _LINES])
    scored, notes = _scored(task, tool, plan, asked, peers, placed)
    failed = sum(peer.status not in ENDED_WELL for peer in peers)
    source = "" if run.version is None else f" {run.version}"
    info = None if placed is None else placed.resolved.task.info
    by_ours = scored is not None and not task.metrics
    return TaskEntry(
        name=full,
        source=TaskSource(name="") if placed is None else placed.resolved.source,
        version=task.version if info is None else info.version,
        fingerprint=plan.identity["fingerprint"],
        identity_digest=plan.identity_digest,
        scored_by={
            "extractor": info.extractor if info is not None and by_ours else f"{tool}{source}",
            "options": placed.resolved.scoring_options if placed is not None and by_ours else {},
        },
        served_as=plan.identity["served"],
        split=plan.identity["split"],
        status="partial" if failed else "complete",
        n_samples=len(peers),
        split_samples=max(task.split_samples, len(peers)),
        n_requests=len(peers),
        n_failed=failed,
        batch_size=1,
        scoring=None if scored is None else keep(directory, scored),
        reason=f"imported from {tool}{source}" + ("" if placed is None else f"; samples matched by {placed.how}"),
        notes=dict.fromkeys((*task.notes, *notes), len(peers)),
    )


def name_in_run(task: PeerTask, tool: str, placed: Placed | None) -> str:
    """Full name of a task in the run directory."""
    own = re.sub(r"[^A-Za-z0-9_.+/-]", "_", task.name)[:120] or "task"
    return f"{tool}/{own}" if placed is None else placed.resolved.name


def asked_line(peer: PeerSample) -> AskedLine:
    """What was asked of one sample, as it is kept in the run."""
    return AskedLine(
        id=_id_in_run(peer.id),
        position=peer.position,
        question=peer.question,
        prompt=None if peer.prompt == peer.question else peer.prompt,
        images_sent=peer.images_sent,
        references=peer.references,
        choices=peer.choices,
        group=peer.cluster,
        slices=dict(peer.slices),
    )


def _id_in_run(own: str) -> str:
    """An id in one short line; a digest keeps apart those that would then be the same."""
    text = visible(own).replace("\n", " ")[:200]
    return text if text == own else f"{text[:190]}-{hashlib.sha256(own.encode()).hexdigest()[:8]}"


def _renamed(line: AskedLine, sample: Sample) -> AskedLine:
    """What was asked under the id and cluster of our sample; the references stay those of the tool."""
    import msgspec

    return msgspec.structs.replace(line, id=sample.id, group=sample.group, slices=dict(sample.slices))


def _plan(task: PeerTask, tool: str, full: str, base: str, ids: Sequence[str], placed: Placed | None) -> PlanFile:
    sent = {peer.images_sent for peer in task.samples}
    images = {True: "sent", False: "not sent", None: "unknown"}[next(iter(sent))] if len(sent) == 1 else "with some"
    scores = any(isinstance(peer.output, tuple) for peer in task.samples)
    info = None if placed is None else placed.resolved.task.info
    kinds = sorted(info.request_kinds) if info is not None else ["choose" if scores else "generate"]
    identity: dict[str, Any] = {
        "name": base,
        "version": task.version if info is None else info.version,
        "fingerprint": _fingerprint(task) if placed is None else placed.resolved.task.fingerprint(),
        "split": task.split if placed is None else "test",
        "prompt": task.prompt,
        "served": dict.fromkeys(kinds, "choose" if scores else "generate"),
        "options": {} if placed is None else placed.resolved.asking_options,
        "generation": {"generate": dict(task.generation)} if task.generation else {},
        "imported": {"tool": tool, "task": task.name, "images": images, **task.settings},
    }
    requests = hashlib.sha256(base.encode())
    for sample_id in ids:
        requests.update(f"\x1e{sample_id}\x1f1".encode())
    return PlanFile(
        schema_version=SCHEMA_VERSION,
        task=full,
        identity=identity,
        identity_digest=digest(identity),
        selection_digest=requests.hexdigest(),
        n_samples=len(ids),
        n_requests=len(ids),
        batch_size=1,
        batch_cost=None,
        batches=[[number] for number in range(len(ids))],
    )


def _fingerprint(task: PeerTask) -> str:
    def parts() -> Iterator[str]:
        for peer in task.samples:
            yield from (peer.id, peer.text, *peer.references, "\x1f", *(peer.choices or ()), "\x1e")

    return dataset_digest(parts())


def _line(peer: PeerSample, request_id: str) -> ResponseLine:
    output: Any = list(peer.output) if isinstance(peer.output, tuple) else peer.output
    return ResponseLine(
        id=request_id,
        status=peer.status,
        output=output,
        reasoning=peer.reasoning,
        error=peer.error,
        input_tokens=peer.tokens[0],
        output_tokens=peer.tokens[1],
        duration_s=peer.duration_s,
        finish_reason=peer.finish_reason,
    )


# --- scores ---


def _scored(
    task: PeerTask,
    tool: str,
    plan: PlanFile,
    asked: Sequence[AskedLine],
    peers: Sequence[PeerSample],
    placed: Placed | None,
) -> tuple[Scored | None, list[str]]:
    """The scores of the tool, beside those of our task where it has the samples; and what must be known of them."""
    ours = None if placed is None else _by_our_task(plan, peers, placed)
    if not task.metrics:
        return ours, []
    table, metrics = _table(task, tool, asked, peers)
    notes: list[str] = []
    part = f", or of more samples than the {len(peers):,} of {task.split_samples:,} that the files hold"
    values = [evaluate(metric, table) for metric in metrics]
    for value, (name, said) in zip(values, ((each.name, each.reported) for each in task.metrics.values()), strict=True):
        if said is not None and value.value is not None and abs(value.value - said) > _CLOSE * max(1.0, abs(said)):
            notes.append(
                f"{tool} reports {name} = {said:g}; the mean of its samples' scores is {value.value:g}, since it is made of "
                f"them in another way{part if len(peers) < task.split_samples else ''}"
            )
    slices: dict[str, dict[str, list[Any]]] = {}
    for made in metrics:
        for name, labels in evaluate_slices(made, table).items():
            for label, found in labels.items():
                slices.setdefault(name, {}).setdefault(label, []).append(found)
    scores = ScoresFile(
        schema_version=SCHEMA_VERSION,
        task=plan.task,
        task_identity=plan.identity_digest,
        primary=[str(metrics[0].id)],
        units={"sample": len(peers)},
        metrics=values,
        slices=slices,
        specs={str(each.id): spec_of(each) for each in metrics},
    )
    theirs = Scored(scores, {"sample": table})
    if ours is None:
        return theirs, notes
    both = beside(ours, scores, theirs.tables)
    if both is None:
        notes.append(
            f"{tool} and our task do not count the same samples: for our scores in the place of {tool}'s, mmbench rescore"
        )
    return both or theirs, notes


def _table(
    task: PeerTask, tool: str, asked: Sequence[AskedLine], peers: Sequence[PeerSample]
) -> tuple[ScoreTable, list[Metric]]:
    """The tool's scores as a table of samples, and its metrics over that."""
    columns: dict[str, list[float]] = {}
    metrics: list[Metric] = []
    for number, (key, metric) in enumerate(task.metrics.items()):
        given = [peer.scores.get(key) for peer in peers]
        everywhere = all(value is not None for value, peer in zip(given, peers, strict=True) if peer.scores)
        taken = [tool, *(str(each.id) for each in metrics)]
        made = _metric(metric, f"score{number}", given, taken, everywhere=everywhere)
        columns[f"score{number}"] = [0.0 if value is None else value for value in given]
        if made.columns[1] != ONES:
            columns[made.columns[1]] = [float(value is not None) for value in given]
        metrics.append(made)
    samples = [Sample(line.id, (), group=line.group, slices=line.slices) for line in asked]
    table = ScoreTable(
        unit="sample",
        unit_ids=[sample.id for sample in samples],
        cluster_ids=[sample.cluster for sample in samples],
        status=[_status(peer) for peer in peers],
        columns=columns,
        slices=slices_of(samples),
        answers=[peer.extracted for peer in peers] if any(peer.extracted is not None for peer in peers) else None,
        explanations=[peer.explanation or peer.error for peer in peers] if any(peer.explanation or peer.error for peer in peers) else None,
    )  # fmt: skip
    return table, metrics


def _by_our_task(plan: PlanFile, peers: Sequence[PeerSample], placed: Placed) -> Scored:
    answers = [(Response(peer.status, peer.output, peer.error),) for peer in peers]
    return score(placed.resolved.task, plan.identity_digest, placed.samples, answers, name=plan.task)


def _status(peer: PeerSample) -> str:
    if not peer.scores:
        return "error" if peer.status not in ENDED_WELL else "skipped"
    return peer.status if peer.status in ("truncated", "refused") else "scored"


def _metric(
    metric: PeerMetric, column: str, given: Sequence[float | None], taken: Sequence[str], *, everywhere: bool
) -> Metric:
    """A mean of the tool's scores, under the tool's name for them, so that it shares none with a metric of ours.

    `taken` is the tool, and the ids of the metrics before; `everywhere`, whether it scores every sample that is scored at all.
    """
    tool = taken[0]
    known = [value for value in given if value is not None]
    least, most = min(known), max(known)
    bounds: tuple[float | None, float | None] = (None, None)
    if least >= 0.0:
        bounds = (0.0, 1.0) if most <= 1.0 else (0.0, None)
    name = re.sub(r"[^a-z0-9_]", "_", metric.name.lower()).strip("_") or "score"
    name = name if name[0].isalpha() else f"score_{name}"
    settings = {_setting(key): _setting(value) for key, value in metric.settings.items()}
    made = MetricId(name, params=tuple({**settings, "tool": tool}.items()))
    number = 2
    while str(made) in taken:
        made = replace(made, params=(*((k, v) for k, v in made.params if k != "n"), ("n", str(number))))
        number += 1
    return Metric(
        id=made,
        unit="sample",
        columns=(column, ONES if everywhere else f"{column}_given"),
        formula=ratio,
        is_mean=True,
        higher_is_better=metric.higher_is_better,
        bounds=bounds,
        scale=100.0 if bounds == (0.0, 1.0) else 1.0,
    )


def _setting(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.+-]", "_", str(text)) or "_"
