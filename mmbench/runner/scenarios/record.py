"""From what was measured to the record of a scenario: figures with formula and interval, and what speaks against them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from mmbench.perf import validity
from mmbench.perf.gpu_figures import gpu_figures, gpu_reasons
from mmbench.perf.machine import machine
from mmbench.perf.percentiles import sample_floor
from mmbench.perf.token_clocks import DEVICE_TIME, LATENCY, NONE_ENDED_WELL, SERVICE, Summary, needed, summarise
from mmbench.results.schema import PerfFigure, PerfReason, PerfScenario, RequestTiming, SpeedIdentity
from mmbench.runner.scenarios.bench import Bench, Measurement


def record_of(measurement: Measurement, bench: Bench, *, threads: int | None, per_sample: float | None) -> PerfScenario:
    """The record of one scenario.

    Args:
        measurement: What was measured.
        bench: Where.
        threads: CPU threads, as given.
        per_sample: Requests that a sample stands for; None where prompts are no samples of the task.
    """
    timings, load = measurement.measured, measurement.load
    gpu = gpu_reasons(measurement.gpu) if measurement.gpu is not None else []
    reasons = [*measurement.reasons, *_reasons(measurement, bench), *gpu]
    counted = list(_counted(measurement))
    rates = _rates(measurement, counted, bench, per_sample)
    arithmetic = bench.arithmetic.figures(rates["requests_per_s"].value) if bench.arithmetic is not None else {}
    return PerfScenario(
        name=measurement.name,
        identity=SpeedIdentity(
            batch_size=measurement.batch_size,
            concurrency=measurement.concurrency,
            threads=threads or 0,
            workers=1,
            settings=measurement.settings,
        ),
        complete=load.complete,
        valid=not reasons,
        reasons=reasons,
        notes=[
            *measurement.notes,
            *([] if load.complete else ["ended early: the figures are of what was measured until then"]),
        ],
        figures={
            **rates,
            **arithmetic,
            **_latencies(measurement),
            **_tokens(counted),
            **_of_gpu(measurement),
            **measurement.figures,
        },
        n_requests=len(counted),
        n_samples=len(counted) / per_sample if per_sample else 0.0,
        n_warm_up=len(load.timings) - len(timings),
        n_failed=sum(not timing.ended_well for timing in timings),
        n_calls=round(sum(1 / timing.batch_size for timing in timings)),
        wall_s=load.wall_s,
        machine=machine(),
        measured=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _of_gpu(measurement: Measurement) -> dict[str, PerfFigure]:
    """What the GPU did over the whole load, its warm-up included."""
    if measurement.gpu is None:
        return {}
    well = [timing for timing in measurement.load.timings if timing.ended_well]
    return gpu_figures(measurement.gpu, len(well), _sum(timing.output_tokens for timing in well))


def _window(measurement: Measurement) -> tuple[float, float]:
    timings = measurement.measured
    if measurement.window is not None:
        return measurement.window
    if not timings:
        return 0.0, 0.0
    return timings[0].due_s, max(timing.ended_s for timing in timings)


def _counted(measurement: Measurement) -> Iterator[RequestTiming]:
    """Requests that the rates count: those that ended well within the window."""
    start, end = _window(measurement)
    timings = measurement.measured if measurement.window is None else measurement.load.timings
    for timing in timings:
        if timing.ended_well and (start < timing.ended_s <= end):
            yield timing


def _rates(
    measurement: Measurement, counted: Sequence[RequestTiming], bench: Bench, per_sample: float | None
) -> dict[str, PerfFigure]:
    start, end = _window(measurement)
    seconds = end - start
    span = "seconds from the first due time to the last end"
    if measurement.window is not None:
        span = "seconds from the end of the first wave until no more requests were made, and ended meanwhile"
    few = "too few requests ended well: more --perf-requests or --perf-seconds"
    if measurement.measured and not any(timing.ended_well for timing in measurement.measured):
        few = NONE_ENDED_WELL
    prompts = bench.subject.prompts
    images = [len(prompts[timing.prompt].images) for timing in counted]
    counts: dict[str, tuple[float | None, str]] = {
        "requests_per_s": (len(counted), "requests that ended well"),
        "samples_per_s": (len(counted) / per_sample if per_sample else None, "samples whose requests ended well"),
        "images_per_s": (sum(images) if any(images) else None, "images of requests that ended well"),
        "input_tokens_per_s": (_sum(timing.input_tokens for timing in counted), "tokens read, padding left out"),
        "output_tokens_per_s": (_sum(timing.output_tokens for timing in counted), "tokens written, padding left out"),
    }
    return {
        name: PerfFigure(
            value=total / seconds if seconds > 0 and counted else None,
            unit="1/s",
            formula=f"{what} / {span}",
            n=len(counted),
            reason=None if seconds > 0 and counted else few,
        )
        for name, (total, what) in counts.items()
        if total is not None
    }


def _tokens(counted: Sequence[RequestTiming]) -> dict[str, PerfFigure]:
    """Mean tokens of a request, those of images apart where they are known."""
    read, pictures = _sum(each.input_tokens for each in counted), _sum(each.image_tokens for each in counted)
    totals = {
        "input_tokens": (read, "tokens read"),
        "image_tokens": (pictures, "tokens read that stand for images"),
        "text_tokens": (None if read is None or pictures is None else read - pictures, "tokens read - image tokens"),
        "output_tokens": (_sum(each.output_tokens for each in counted), "tokens written"),
    }
    return {
        f"{name}_a_request": PerfFigure(
            value=total / len(counted),
            unit="1",
            formula=f"{what}, mean of the requests that the rates count",
            n=len(counted),
        )
        for name, (total, what) in totals.items()
        if total is not None
    }


def _sum(counts: Iterator[int | None]) -> int | None:
    """The sum of counts; None where one of them is unknown."""
    found = list(counts)
    return sum(each for each in found if each is not None) if found and None not in found else None


def _latencies(measurement: Measurement) -> dict[str, PerfFigure]:
    figures: dict[str, PerfFigure] = {}
    for clock in measurement.clocks:
        summary = summarise(clock, measurement.measured)
        if summary.missing is not None and clock.by_token and not _generates(measurement):
            continue
        if summary.missing is not None and clock is DEVICE_TIME:
            continue
        figures |= _of_clock(summary)
    if measurement.concurrency is None:
        figures["most_in_flight"] = PerfFigure(
            value=measurement.load.most_in_flight, unit="1", formula="requests sent and not ended, the most at any time"
        )
    return figures


def _generates(measurement: Measurement) -> bool:
    return any(timing.output_tokens is not None for timing in measurement.load.timings)


def _of_clock(summary: Summary) -> dict[str, PerfFigure]:
    """Percentiles and mean of a latency, in milliseconds."""
    clock, figures = summary.clock, {}
    formula = f"{clock.formula}; percentile p: order statistic number floor(n p), counted from 0"
    for each in summary.percentiles:
        figures[f"{clock.name}_p{100 * each.q:g}"] = PerfFigure(
            value=_ms(each.value),
            unit="ms",
            formula=formula,
            n=each.n,
            low=_ms(each.low),
            high=_ms(each.high),
            reason=None if each.value is not None else "it falls on a request that failed",
        )
    if not summary.percentiles:
        few = f"{summary.n} values: {needed()}; more --perf-requests or --perf-seconds"
        figures[f"{clock.name}_p50"] = PerfFigure(
            value=None, unit="ms", formula=formula, n=summary.n, reason=summary.missing or few
        )
    if summary.mean is not None:
        figures[f"{clock.name}_mean"] = PerfFigure(
            value=_ms(summary.mean), unit="ms", formula=f"{clock.formula}; mean", n=summary.n
        )
    return figures


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else 1e3 * seconds


def _reasons(measurement: Measurement, bench: Bench) -> list[PerfReason]:
    timings, load = measurement.measured, measurement.load
    fewest = sample_floor(0.5)
    few = PerfReason(
        code="too_few_samples",
        detail=f"{len(timings)} requests were measured, {fewest} are needed: more --perf-requests or --perf-seconds",
    )
    failed = [timing.error for timing in timings if not timing.ended_well]
    clock = LATENCY if measurement.concurrency is None else SERVICE
    times = [value for timing in timings if timing.ended_well for value in clock.of(timing)]
    well = [timing for timing in timings if timing.ended_well]
    cached = sum((timing.cached_tokens or 0) > (timing.input_tokens or 0) / 2 for timing in well)
    return validity.reasons(
        [
            few if len(timings) < fewest else None,
            validity.failures(len(failed), len(timings), failed[-1] if failed else None),
            validity.not_steady(times) if measurement.clocks else None,
            validity.client_bound(load.use) if bench.subject.remote and load.use is not None else None,
            validity.cpu_pressure(load.use) if load.use is not None else None,
            validity.throttled(load.use) if load.use is not None else None,
            validity.cached_by_server(cached, len(well)) or bench.cached_by_server,
        ]
    )
