"""What must be known beside the values in a table, as notes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mmbench.analysis.seeds import SeedGroup
from mmbench.core.advice import Advised
from mmbench.core.score_table import MetricValue
from mmbench.core.visible import shell_command
from mmbench.reporting.text import figure
from mmbench.results.run import Run, TaskResult
from mmbench.results.rundir import shown_path
from mmbench.results.schema import LOOKED_AT, PerfScenario

BOUNDS = "bounds: the value if every truncated, unparsed, refused and failed output were wrong, and if each were right"
"""What the column of bounds means."""
_LOOK = "mmbench show RUN --sample ID"
_REASK = ", and ask them again with --reask truncated --max-new-tokens N"
_PASSING = ("not_steady", "throttled", "foreign_gpu_process", "cpu_pressure")
"""Reasons why a speed must not be quoted that another time of the day may not have."""
_NAMED = 4
"""Metrics that a note names, of those that share a reason."""


def seed_notes(groups: Sequence[SeedGroup]) -> list[str]:
    """What the columns over seeds mean; empty where every model has one seed."""
    several = [group for group in groups if group.several]
    if not several:
        return []
    orders: dict[tuple[int, ...], list[str]] = {}
    for group in several:
        orders.setdefault(group.seeds, []).append(group.label)
    if len(orders) == 1:
        order = f"in the order of the seeds {_listed(next(iter(orders)))}"
    else:
        order = "; ".join(f"{', '.join(labels)}: seeds {_listed(seeds)}" for seeds, labels in orders.items())
    threshold = several[0].threshold
    mean = f"over seeds: value is the mean of the seeds that have one; each seed {order}"
    no_interval = "the smallest and largest of them are no confidence interval"
    solved = Advised(f"solved: seeds at {100 * threshold:.1f} or above", f" (--solved {threshold:g})")
    return [f"{mean}; {no_interval}", solved]


def result_notes(group: SeedGroup, task: str, *, speed: bool) -> list[tuple[str, str]]:
    """(where, text) of what must be known beside a model's values of a task; `where` starts with a comma or is empty.

    What several seeds have in common is said once. `speed`: also the time to the first token, and why figures of speed are missing.
    """
    found: dict[tuple[str, str], list[int]] = {}
    for run in group.runs:
        for note in _notes_on_result(run.tasks[task], run, speed=speed) if task in run.tasks else ():
            found.setdefault(note, []).append(run.seed)
    notes = []
    for (where, text), seeds in found.items():
        which = "" if len(seeds) == len(group.runs) else f", seed{'s' * (len(seeds) > 1)} {_listed(seeds)}"
        notes.append((which + where, text))
    return notes


def _notes_on_result(result: TaskResult, run: Run, *, speed: bool) -> list[tuple[str, str]]:
    notes = [("", result.reason)] if result.reason else []
    notes += [
        ("", f"{count:,} of {result.entry.n_requests:,} requests: {text}") for text, count in result.entry.notes.items()
    ]
    notes += value_notes(
        [value for name, value in result.metrics.items() if name in result.primary], others=_others(result, run)
    )
    perf = None if result.perf is None else result.perf.quality
    if perf is None:
        return notes
    if (perf.identity.workers or 1) > 1 and result.entry.promise is not None:
        notes.append(("", _promised(result)))
    if speed:
        notes += [(", speed", note) for note in speed_notes(perf)]
        if perf.turn is None and (passing := [each for each in perf.reasons if each.code in _PASSING]):
            text = (
                "what spoilt the speed may have passed"
                if len(passing) == len(perf.reasons)
                else "a part of this may have passed"
            )
            notes.append(
                (
                    ", speed",
                    Advised(text, "; the same command with --remeasure measures it again and keeps answers and scores"),
                )
            )
        if perf.n_samples > result.entry.n_samples:
            more = f"measured on {perf.n_samples:,.0f} samples, when more were asked than are scored here"
            notes.append((", speed", more))
        if (first := perf.value("first_token_p50")) is not None:
            notes.append((", speed", f"first token after {figure(first)} ms (p50)"))
    if (cost := perf.value("cost")) is not None:
        notes.append((", cost", f"US$ {cost:,.4f} for what was asked last"))
    return notes


def _promised(result: TaskResult) -> str:
    """What another number of workers would have in common with a result."""
    if result.entry.promise == "bytes":
        return "with any number of workers the scores are the same bytes, if the model is deterministic"
    return f"another number of workers is asked the same requests, maybe not together: {result.entry.promise_reason}"


def speed_notes(perf: PerfScenario) -> list[str]:
    """Why figures of speed must not be quoted or are missing, and what else must be known of them."""
    notes = [reason.detail for reason in perf.reasons]
    notes += [] if perf.complete else ["the session ended early: figures are of what was measured until then"]
    missing = [figure.reason for figure in perf.figures.values() if figure.value is None and figure.reason]
    return list(dict.fromkeys([*notes, *perf.notes, *missing]))


def _others(result: TaskResult, run: Run) -> str:
    """Which extractors would find answers where the task's finds none, and the command that scores by the first of them."""
    counts = result.entry.readable_by
    if not counts:
        return ""
    unparsed = max((value.n_unparsed for value in result.metrics.values() if value.unit == "sample"), default=0)
    of = f"of the first {LOOKED_AT:,}" if unparsed > LOOKED_AT else "of them"
    best = list(counts.items())[:_NAMED]
    listed = ", ".join(f"{name} {count:,}" for name, count in best)
    only = ["--tasks", result.name] if len(run.tasks) > 1 else []
    command = ["mmbench", "rescore", str(shown_path(run.path)), *only, "--task-args", f"extractor={best[0][0]}"]
    return f"other extractors would find an answer in some {of} ({listed}): {shell_command(command)}; "


def value_notes(metrics: Sequence[MetricValue], look: str = _LOOK, *, others: str = "") -> list[tuple[str, str]]:
    """(where, text), as in `result_notes`, of values and their reasons, each once however many metrics share it.

    `look`: how to look at an output that holds no answer. `others`: what is said of other extractors.
    """
    by_reason: dict[str, list[str]] = {}
    for metric in metrics:
        if metric.reason:
            by_reason.setdefault(metric.reason, []).append(metric.id)
    notes = [(f", {named(ids)}", reason) for reason, ids in by_reason.items()]
    if (first := _first_with(metrics, lambda metric: metric.n_truncated)) is not None:
        text = Advised(
            f"{first.n_truncated:,} of {first.n:,} {_counted(first)} were cut off by the limit on new tokens (truncated) and "
            "score what their text is worth, 0 without an answer",
            f"; look at one with {look}{_REASK if look == _LOOK else ''}",
        )
        notes.append(("", text))
    if (first := _first_with(metrics, lambda metric: metric.n_unparsed)) is not None:
        text = Advised(
            f"{first.n_unparsed:,} of {first.n:,} {_counted(first)} hold no answer (unparsed) and score 0",
            f"; {others}look at one with {look}, and at the task's extractor",
        )
        notes.append(("", text))
    if (first := _first_with(metrics, lambda metric: metric.n_refused)) is not None:
        notes.append(("", f"{first.n_refused:,} of {first.n:,} {_counted(first)} were refused and score 0"))
    return notes


def _first_with(metrics: Sequence[MetricValue], count: Callable[[MetricValue], int]) -> MetricValue | None:
    """The first metric that counts any, one over samples before others: units made of samples count the same outputs again."""
    return next((metric for metric in sorted(metrics, key=lambda each: each.unit != "sample") if count(metric)), None)


def _counted(metric: MetricValue) -> str:
    return "outputs" if metric.unit == "sample" else f"units of scoring ({metric.unit})"


def named(ids: Sequence[str]) -> str:
    """The first few of several names, and how many more there are."""
    return ", ".join(ids) if len(ids) <= _NAMED else f"{', '.join(ids[:_NAMED])} and {len(ids) - _NAMED} more"


def _listed(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds))
