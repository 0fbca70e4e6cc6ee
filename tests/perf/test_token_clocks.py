"""Clocks of tokens and latency targets, on requests whose times are written by hand."""

import pytest

from mmbench.core.errors import UsageError
from mmbench.perf.targets import check_can_be_given, good_requests, read_targets
from mmbench.perf.token_clocks import (
    DISPATCH_LAG,
    FIRST_ANSWER_TOKEN,
    FIRST_TOKEN,
    INTER_TOKEN,
    LATENCY,
    PER_OUTPUT_TOKEN,
    SERVICE,
    summarise,
    values_of,
)
from mmbench.results.schema import RequestTiming

ONE = RequestTiming(
    prompt=0,
    due_s=1.0,
    asked_s=1.1,
    sent_s=1.2,
    ended_s=3.2,
    first_token_s=1.7,
    first_answer_token_s=2.2,
    pieces_s=(1.7, 2.2, 2.3, 3.1),
    output_tokens=7,
)
"""Due at 1.0, sent at 1.2, thinks from 1.7, answers from 2.2, over at 3.2; seven tokens in four pieces."""


def timing(latency: float, status: str = "ok", **more: float) -> RequestTiming:
    return RequestTiming(
        prompt=0,
        due_s=0.0,
        asked_s=0.0,
        sent_s=0.0,
        ended_s=latency,
        status=status,
        **more,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("clock", "expected"),
    [
        (LATENCY, [2.2]),
        (SERVICE, [2.0]),
        (DISPATCH_LAG, [0.2]),
        (FIRST_TOKEN, [0.7]),
        (FIRST_ANSWER_TOKEN, [1.2]),
        (PER_OUTPUT_TOKEN, [1.5 / 6]),
        (INTER_TOKEN, [0.1, 0.5, 0.8]),
    ],
    ids=lambda clock: getattr(clock, "name", ""),
)
def test_each_clock_is_its_formula(clock: object, expected: list[float]) -> None:
    assert values_of(clock, [ONE]) == pytest.approx(expected)  # type: ignore[arg-type]


def test_an_answer_of_one_token_has_no_time_per_output_token() -> None:
    assert values_of(PER_OUTPUT_TOKEN, [timing(1.0, first_token_s=0.5, output_tokens=1)]) == []


def test_gaps_are_pooled_over_requests_and_failures_have_none() -> None:
    two = [ONE, ONE, timing(9.0, "error")]
    assert len(values_of(INTER_TOKEN, two)) == 6
    assert values_of(LATENCY, two)[-1] == float("inf")


def test_a_clock_without_values_says_why() -> None:
    summary = summarise(FIRST_TOKEN, [timing(1.0)] * 20)
    assert (summary.n, summary.percentiles) == (0, [])
    assert summary.missing == FIRST_TOKEN.lacking
    assert summarise(LATENCY, [timing(1.0)] * 20).missing is None


def test_times_of_some_tokens_are_not_answers_that_come_whole() -> None:
    whole, first = summarise(FIRST_ANSWER_TOKEN, [timing(1.0)]), timing(1.0, first_token_s=0.2)
    assert summarise(FIRST_ANSWER_TOKEN, [first]).missing not in (None, whole.missing)
    assert "pieces_s" in str(summarise(INTER_TOKEN, [first]).missing)


def test_a_target_is_shown_as_users_type_it() -> None:
    typed = "ttft_p99=500ms,tpot_p50=50ms,itl_p90=5ms,e2e_p95=2000ms"
    assert ",".join(target.typed for target in read_targets(typed)) == typed


def test_a_mean_that_failures_would_flatter_is_left_out() -> None:
    assert summarise(LATENCY, [timing(1.0)] * 20).mean == 1.0
    assert summarise(LATENCY, [*[timing(1.0)] * 20, timing(1.0, "timeout")]).mean is None


# --- targets ---


@pytest.mark.parametrize(
    "text",
    ["", "ttft", "ttft_p99", "ttft_p0=1s", "ttft_p100=1s", "ttft=0ms", "ttft=1", "speed=1s", "e2e=1s,e2e_p99=2s"],
)
def test_what_is_no_target_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        read_targets(text)


def test_targets_have_a_clock_a_quantile_and_seconds() -> None:
    first, second, third = read_targets("ttft_p99=500ms, tpot_p99.9=50ms,latency_p50=2s")
    assert (first.clock, first.q, first.seconds) == (FIRST_TOKEN, 0.99, 0.5)
    assert (second.clock, second.q, second.seconds) == (PER_OUTPUT_TOKEN, 0.999, 0.05)
    assert (third.clock, third.q, third.seconds) == (LATENCY, 0.5, 2.0)
    assert second.floor == 6636


@pytest.mark.parametrize(("slow", "verdict"), [(0, "met"), (6, "met"), (7, "missed"), (20, "missed")])
def test_a_target_is_met_when_its_percentile_is_within_it(slow: int, verdict: str) -> None:
    (target,) = read_targets("e2e_p90=1s")
    timings = [*[timing(0.5)] * (64 - slow), *[timing(2.0)] * slow]
    assert target.verdict(timings) == verdict  # the order statistic 57 of 64


def test_below_the_floor_a_target_is_missed_or_undecided() -> None:
    (target,) = read_targets("e2e_p90=1s")
    assert target.verdict([timing(0.5)] * 60) == "undecided"
    assert target.verdict([*[timing(0.5)] * 50, *[timing(2.0)] * 6]) == "undecided"
    assert target.verdict([*[timing(0.5)] * 50, *[timing(2.0)] * 7]) == "missed"


def test_a_failed_request_meets_no_target() -> None:
    targets = read_targets("e2e_p90=1s")
    assert good_requests(targets, [timing(0.5), timing(0.5, "error"), timing(2.0)]) == 1


def test_certainty_is_that_of_early_stopping() -> None:
    (target,) = read_targets("e2e_p90=1s")
    assert target.is_certain([timing(0.5)] * 44)  # 0.9 ** 44 < 1 %
    assert not target.is_certain([timing(0.5)] * 43)
    assert target.more_needed([timing(0.5)] * 40) == 4
    assert target.more_needed([*[timing(0.5)] * 40, timing(2.0)]) == 64 - 41


def test_targets_that_a_model_cannot_give_are_refused() -> None:
    targets = read_targets("ttft=1s")
    check_can_be_given(targets, "m", generates=True, streams=None)
    for generates, streams in ((True, False), (False, None)):
        with pytest.raises(UsageError):
            check_can_be_given(targets, "m", generates=generates, streams=streams)
    check_can_be_given(read_targets("e2e=1s"), "m", generates=False, streams=False)
