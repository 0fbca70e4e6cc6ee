"""Options of what is measured after the quality run: its speed again, and scenarios under load with their targets."""

from collections.abc import Sequence
from typing import Annotated, Literal, TypedDict

from mmbench.resolve import forms
from mmbench.resolve.declared_option import Option
from mmbench.resolve.forms import Form

EXAMPLE = "ttft_p99=500ms,tpot_p99=50ms"
"""Latency targets as they are written."""


def _targets() -> Form:
    """Latency targets, kept as they were written."""

    def read(value: str) -> str:
        from mmbench.perf.targets import read_targets

        read_targets(value)
        return value

    return Form(
        f"targets such as {EXAMPLE}: ttft, tpot, itl or e2e, a percentile, and a time in s, ms or us",
        read,
        metavar="TARGETS",
    )


class LoadOptions(TypedDict, total=False):
    """Keywords of `mmbench.run` about speed that is measured after the quality run."""

    remeasure: Annotated[
        bool,
        Option(
            "Measure the speed of a finished run again: everything is asked once more, answers and scores stay.",
            forms.flag(),
            "speed",
            default=False,
        ),
    ]
    scenarios: Annotated[
        str | Sequence[str] | None,
        Option(
            "With --perf full: single-stream, offline, server, sweep; default: those that fit the model.",
            forms.names("S[,S…]"),
            "speed",
            default=(),
        ),
    ]
    rate: Annotated[
        float | None,
        Option(
            "Requests a second that arrive in the scenario server.",
            forms.number(above=0, metavar="PER_SECOND"),
            "speed",
        ),
    ]
    find_max_rate: Annotated[
        bool, Option("Look for the highest rate at which --slo is met.", forms.flag(), "speed", default=False)
    ]
    slo: Annotated[
        str | None,
        Option("Latency targets for the scenario server, e.g. ttft_p99=500ms,tpot_p99=50ms.", _targets(), "speed"),
    ]
    workload: Annotated[
        str | None,
        Option(
            "What scenarios ask instead of the samples: random-mm:512x512,images=2,in=256,out=128, or a JSON Lines trace.",
            forms.text("FORM|FILE"),
            "speed",
        ),
    ]
    perf_requests: Annotated[
        int,
        Option(
            "Requests of a scenario at most; p50 needs 11, p90 64, p95 130, p99 662, p99.9 6636.",
            forms.whole(1),
            "speed",
            default=662,
        ),
    ]
    perf_seconds: Annotated[
        float,
        Option(
            "Seconds after which a scenario makes no more requests.",
            forms.number(above=0, metavar="SECONDS"),
            "speed",
            default=60.0,
        ),
    ]
    perf_format: Annotated[
        Literal["vllm", "sglang", "aiperf"] | None,
        Option(
            "Also write scenarios under the field names of vllm, sglang or aiperf.",
            forms.choice("vllm", "sglang", "aiperf"),
            "speed",
        ),
    ]
