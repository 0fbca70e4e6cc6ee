"""Tables of speed under load: a row for each model and scenario, below the tables of quality."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from mmbench.analysis.seeds import SeedGroup
from mmbench.reporting.cells import figure_cell, share_cell
from mmbench.reporting.table import Cell, Table
from mmbench.results.schema import PerfFigure, PerfScenario, TaskPerf
from mmbench.results.schema.speed import QUALITY

_FIGURES = {
    "requests/s": "requests_per_s",
    "output tokens/s": "output_tokens_per_s",
    "p50 ms": "latency_p50",
    "p90 ms": "latency_p90",
    "p95 ms": "latency_p95",
    "p99 ms": "latency_p99",
    "p99.9 ms": "latency_p99.9",
    "TTFT p50": "first_token_p50",
    "TTFT p99": "first_token_p99",
    "answer p50": "first_answer_token_p50",
    "TPOT p50": "time_per_output_token_p50",
    "TPOT p99": "time_per_output_token_p99",
    "ITL p50": "inter_token_latency_p50",
    "ITL p99": "inter_token_latency_p99",
    "from send p99": "service_time_p99",
    "lag p99": "dispatch_lag_p99",
    "goodput/s": "goodput",
    "max rate/s": "max_rate",
    "cold ms": "cold_call",
    "GPU p50": "device_time_p50",
    "J/request": "gpu_energy_per_request",
    "J/token": "gpu_energy_per_output_token",
    "GFLOP/request": "flops_per_request",
    "MFU": "mfu",
}
"""Heading to figure, in the order of the columns."""
_NAMES = ("model", "scenario", "load")
_MEANINGS = {
    "p50 ms": "p50 … p99.9 ms: end of the answer - due time of the request; failed requests lie above every percentile",
    "TTFT p50": "TTFT: first token of any kind - due time, in ms",
    "answer p50": "answer: first token that is not reasoning - due time, in ms",
    "TPOT p50": "TPOT: (end - first token) / (output tokens - 1) of each request, in ms",
    "ITL p50": "ITL: gaps between the pieces of answers, all requests pooled, in ms",
    "GPU p50": "GPU: from a call's first piece of work on the GPU to its last, by CUDA events, in ms",
    "J/request": "J/request, J/token: energy of the whole board over requests and tokens written, idle use included",
    "GFLOP/request": "GFLOP/request: 2 for each multiplication and addition in products, convolutions and attention, padding left out",
    "MFU": "MFU: FLOPs of the requests a second over the peak rate of the device",
    "lag p99": "lag: when a request was sent - when it was due, in ms",
}
"""Heading to its formula, said below the table where the column is there."""


def load_tables(groups: Sequence[SeedGroup], tasks: Sequence[str] | None = None) -> list[Table]:
    """A table for each task that was measured under load; none where no run was.

    Args:
        groups: The models, with their runs over seeds; each run has rows of its own.
        tasks: Full names; None: all of the runs.
    """
    names = list(dict.fromkeys(name for group in groups for name in group.tasks))
    tables = (_table(groups, name) for name in names if tasks is None or name in tasks)
    return [table for table in tables if table is not None]


def _table(groups: Sequence[SeedGroup], task: str) -> Table | None:
    rows: list[tuple[Cell | str, ...]] = []
    breaks: list[int] = []
    notes: list[str] = []
    for label, scenarios in _measured(groups, task):
        breaks.append(len(rows))
        rows += [(label, scenario.name, load_of(scenario), *_cells(scenario)) for scenario in scenarios]
        notes += [f"{label}, {said}" for said in (*_notes(scenarios), *_reasons(scenarios))]
    if not rows:
        return None
    table = Table.of(
        (*_NAMES, *_FIGURES),
        rows,
        left=len(_NAMES),
        always=len(_NAMES) + 1,
        breaks=frozenset(breaks[1:]),
        title=f"{task}: speed under load",
    )
    said = [text for heading, text in _MEANINGS.items() if any(_begins(each, heading) for each in table.headings)]
    return replace(table, notes=(*said, *notes))


def _begins(heading: str, meant: str) -> bool:
    """Whether a column is among those that a formula is about: percentiles of one latency share their first word."""
    return heading.split(" ", maxsplit=1)[0] == meant.split(" ", maxsplit=1)[0]


def _measured(groups: Sequence[SeedGroup], task: str) -> Iterator[tuple[str, list[PerfScenario]]]:
    """Label and scenarios of each run that was measured under load."""
    for group in groups:
        for run in group.runs:
            perf: TaskPerf | None = run.tasks[task].perf if task in run.tasks else None
            found = [each for each in (perf.scenarios if perf else []) if each.name != QUALITY]
            if found:
                yield (f"{group.label}, seed {run.seed}" if group.several else group.label), found


def load_of(scenario: PerfScenario) -> str:
    """The load of a scenario in a few words: rate, requests in flight or batch size, and threads where they were set."""
    identity, parts = scenario.identity, []
    rate = identity.settings.get("rate")
    if identity.settings.get("find_max_rate"):
        rate = scenario.value("offered_per_s")
    if rate is not None:
        parts.append(f"{rate:,.4g}/s")
    elif identity.concurrency is None:
        parts.append("trace")
    if identity.batch_size is not None and identity.batch_size > 1:
        parts.append(f"batches of {identity.batch_size:,}")
    if identity.concurrency is not None and (identity.concurrency > 1 or not parts):
        parts.append(f"{identity.concurrency:,} in flight")
    if identity.threads:
        parts.append(f"{identity.threads} thread{'s' * (identity.threads > 1)}")
    workload = identity.settings.get("workload")
    parts += [f"{workload}"] if workload not in (None, "samples") else []
    return ", ".join(parts)


def _cells(scenario: PerfScenario) -> list[Cell]:
    """The figures of a scenario; the first token of the answer only where it is not the first token of all."""
    figures = scenario.figures
    shown = {heading: figures.get(name) for heading, name in _FIGURES.items()}
    first, answer = scenario.value("first_token_p50"), scenario.value("first_answer_token_p50")
    if first is None or answer is None or math.isclose(first, answer, rel_tol=0.01):
        shown.pop("answer p50")
    return [_cell(scenario, shown.get(heading), heading) for heading in _FIGURES]


def _cell(scenario: PerfScenario, figure: PerfFigure | None, heading: str) -> Cell:
    if figure is None:
        return Cell()
    if figure.value is None:
        return Cell("–", note=figure.reason)
    shown = figure_cell(figure.value / 1e9 if heading.startswith("GFLOP") else figure.value)
    if heading == "MFU":
        shown = share_cell(figure.value)
    cell = replace(shown, value=figure.value, low=figure.low, high=figure.high)
    return cell if scenario.valid else replace(cell, marks=frozenset({"invalid"}))


def _notes(scenarios: Sequence[PerfScenario]) -> Iterator[str]:
    """What else must be known: each sentence once, with the scenarios that it is about."""
    found: dict[str, dict[str, None]] = {}
    for scenario, place in _placed(scenarios):
        missing = [f"{each.reason}" for each in scenario.figures.values() if each.value is None and each.reason]
        for note in (*scenario.notes, *missing):
            found.setdefault(note, {})[place] = None
    for note, places in found.items():
        yield f"{', '.join(places)}: {note}"


def _reasons(scenarios: Sequence[PerfScenario]) -> Iterator[str]:
    """Why figures must not be quoted: each kind of reason once, with the scenarios that it is about."""
    found: dict[str, list[tuple[str, str]]] = {}
    for scenario, place in _placed(scenarios):
        for reason in scenario.reasons:
            found.setdefault(reason.code, []).append((place, reason.detail))
    for each in found.values():
        more = f" (the first of these {len(each)})" if len(each) > 1 else ""
        yield f"{', '.join(place for place, _ in each)}: {each[0][1]}{more}"


def _placed(scenarios: Sequence[PerfScenario]) -> list[tuple[PerfScenario, str]]:
    """Each scenario with its name, and its load where several share the name."""
    names = [scenario.name for scenario in scenarios]
    return [
        (each, each.name if names.count(each.name) == 1 else f"{each.name} ({load_of(each)})") for each in scenarios
    ]
