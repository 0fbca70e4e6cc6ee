"""Rules about speed: repeats on one machine, or no verdict."""

import math
from pathlib import Path

import numpy as np
import pytest
from helpers import edit_json
from scipy import stats as scipy_stats
from stored import TASK, measured, score_table, write_run

from mmbench.analysis.turns import Pair, ratio_of
from mmbench.gating.judge import gate
from mmbench.gating.rules import parse_requirement
from mmbench.results.find import load_run
from mmbench.results.rundir import RunDirectory
from mmbench.results.schema import SCHEMA_VERSION, PerfFile, PerfReason, Turn
from mmbench.stats import mann_whitney

DROP = f"{TASK}:latency_p50 drop<1.2x"


def session(out: Path, model: str, latency: float | None = 10.0, **more):
    """A run of `model` in a folder of its own, with this latency in ms."""
    path = write_run(out, model, {TASK: [score_table([1.0, 0.0] * 20)]})
    values = {
        "samples_per_s": 1000.0 / (latency or 1.0),
        "latency_p50": latency,
        "peak_memory": more.pop("memory", 1e9),
    }
    perf = measured(values, **more)
    RunDirectory(path).write_perf(PerfFile(schema_version=SCHEMA_VERSION, tasks={TASK: perf}))
    return load_run(path, out)


def sessions(out: Path, model: str, latencies, command: str = "f" * 16, **more):
    """Runs of a model that took turns with another, pair by pair; those of another command were made on another day."""
    turns = [
        Turn(session=command, number=n + 1, of=len(latencies), first=n % 2 == 0, against="")
        for n in range(len(latencies))
    ]
    return [session(out / f"{model}{n}", model, latency, turn=turns[n], **more) for n, latency in enumerate(latencies)]


def verdict(runs, baselines, rule=DROP):
    result = gate(runs, baselines, [parse_requirement(rule)], only=True)
    (found,) = result.verdicts
    return found


FAST, SLOW = (10.0, 10.1, 10.3, 10.2, 10.4), (13.0, 13.1, 13.5, 13.2, 13.4)
FACTOR = math.prod(slow / fast for slow, fast in zip(SLOW, FAST, strict=True)) ** 0.2


def test_slower_by_more_than_the_factor_in_every_repeat_is_violated(tmp_path):
    found = verdict(sessions(tmp_path, "b", SLOW), sessions(tmp_path, "a", FAST))
    assert (found.word, found.outcome) == ("regressed", "violated")
    assert found.difference == pytest.approx(FACTOR)
    assert found.p_value == 1 / 32
    assert (found.baseline, found.value, found.n, found.check.perf.unit) == (10.2, 13.2, 5, "ms")


def test_faster_is_improved_and_throughput_goes_the_other_way(tmp_path):
    slow, fast = sessions(tmp_path, "a", SLOW), sessions(tmp_path, "b", FAST)
    assert verdict(fast, slow).word == "improved"
    rule = f"{TASK}:samples_per_s drop<1.2x"
    assert verdict(fast, slow, rule).word == "improved"
    found = verdict(slow, fast, rule)
    assert (found.word, found.outcome) == ("regressed", "violated")
    assert found.difference == pytest.approx(FACTOR)


def test_significant_but_within_the_factor_passes(tmp_path):
    found = verdict(sessions(tmp_path, "b", (11.0, 11.1, 11.2, 11.3, 11.4)), sessions(tmp_path, "a", FAST))
    assert (found.word, found.outcome) == ("regressed", "passed")
    assert (found.reason, found.check.threshold) == ("slower_within_factor", 1.2)


def test_a_large_factor_that_the_repeats_do_not_agree_on_passes(tmp_path):
    found = verdict(sessions(tmp_path, "b", (9.0, 15.0, 15.1, 15.2, 9.9)), sessions(tmp_path, "a", FAST))
    assert (found.word, found.outcome) == ("within noise", "passed")


@pytest.mark.parametrize("pairs", [1, 4])
def test_too_few_pairs_can_show_nothing(tmp_path, pairs):
    found = verdict(sessions(tmp_path, "b", SLOW[:pairs]), sessions(tmp_path, "a", FAST[:pairs]))
    assert (found.word, found.outcome, found.reason) == ("not comparable", "undecided", "too_few_pairs")
    assert found.details == {"pairs": pairs, "needed": 5}


def test_speeds_of_runs_that_did_not_take_turns_do_not_compare(tmp_path):
    baselines = sessions(tmp_path, "a", FAST)
    alone = [session(tmp_path / f"c{n}", "c", latency) for n, latency in enumerate(SLOW)]
    another_day = sessions(tmp_path, "b", SLOW, command="0" * 16)
    for runs in (alone, another_day):
        found = verdict(runs, baselines)
        assert (found.word, found.outcome, found.reason) == ("not comparable", "undecided", "not_interleaved")
        assert verdict(runs, baselines, f"{TASK}:latency_p50 <= 1s").outcome == "passed", "a budget needs no turns"


def test_a_run_whose_speed_must_not_be_quoted_leaves_its_pair_out(tmp_path):
    runs = sessions(tmp_path, "b", SLOW)
    runs[2] = session(
        tmp_path / "again", "b", 13.5, reasons=[PerfReason(code="throttled", detail="hot")], turn=turn_of(runs[2])
    )
    found = verdict(runs, sessions(tmp_path, "a", FAST))
    assert (found.reason, found.details["pairs"]) == ("too_few_pairs", 4)


def turn_of(run):
    return run.tasks[TASK].perf.quality.turn


def test_memory_is_compared_over_repeats_that_need_no_turns(tmp_path):
    runs = [session(tmp_path / f"b{n}", "b", memory=2e9 + n) for n in range(3)]
    found = verdict(
        runs, [session(tmp_path / f"a{n}", "a", memory=1e9 + n) for n in range(3)], f"{TASK}:peak_memory drop<1.2x"
    )
    assert (found.word, found.outcome) == ("regressed", "violated")
    assert found.p_value == scipy_stats.mannwhitneyu([4, 5, 6], [1, 2, 3], alternative="greater").pvalue == 0.05


@pytest.mark.slow
@pytest.mark.parametrize("day", [pytest.param(0.05, marks=pytest.mark.nightly), 0.10])
def test_equal_models_that_take_turns_alarm_as_often_as_alpha_says(day):
    """Simulated: a day shifts all its runs, load drifts within it, and each run has noise of its own of 3 %.

    The rule that holds runs of one day against those of another by their ranks alarms far more often.
    """
    draw, trials = np.random.default_rng(19), 4000
    alarms = {"turns": 0, "days": 0}
    for _ in range(trials):
        drift = draw.normal(0, day / 3) * np.linspace(-1, 1, 10)
        one_day = draw.normal(0, day) + drift + draw.normal(0, 0.03, 10)
        mine, theirs = one_day.reshape(5, 2).T
        turned = np.arange(5) % 2 == 1  # the order within a pair alternates
        mine, theirs = np.where(turned, theirs, mine), np.where(turned, mine, theirs)
        ratio = ratio_of([Pair(math.exp(a), math.exp(b)) for a, b in zip(mine, theirs, strict=True)])
        alarms["turns"] += ratio.p_larger <= 0.05
        other_day = draw.normal(0, day) + draw.normal(0, 0.03, 5)
        alarms["days"] += mann_whitney(mine, other_day, "greater") <= 0.05
    assert alarms["turns"] / trials < 0.05
    assert alarms["days"] / trials > 0.2


def test_a_model_that_is_slower_is_found_by_taking_turns():
    draw, found = np.random.default_rng(1), 0
    for _ in range(200):
        days = draw.normal(0, 0.1)
        logs = days + draw.normal(0, 0.03, (5, 2)) + [0.2, 0.0]
        found += ratio_of([Pair(*pair) for pair in np.exp(logs)]).p_larger <= 0.05
    assert found > 190


def test_another_machine_does_not_compare_and_the_reason_names_the_difference(tmp_path):
    baselines = sessions(tmp_path, "a", FAST)
    runs = sessions(tmp_path, "b", SLOW)
    edit_json(runs[1].path / "run.json", lambda run: run["machine"].update(cpu="Another", cpus=64))
    runs = [load_run(side.path, tmp_path) for side in runs]
    found = verdict(runs, baselines)
    assert (found.word, found.outcome) == ("not comparable", "undecided")
    assert found.reason == "other_machine"
    assert found.details["machine"]["cpus"] == (1, 64)


def test_speeds_under_other_conditions_do_not_compare(tmp_path):
    found = verdict(sessions(tmp_path, "b", SLOW, batch_size=8), sessions(tmp_path, "a", FAST))
    assert (found.word, found.outcome, found.reason) == ("not comparable", "undecided", "other_conditions")
    assert found.details == {"conditions": ["batch_size 1", "batch_size 8"]}


def test_a_figure_that_was_not_measured_is_missing_with_its_reason(tmp_path):
    found = verdict([session(tmp_path / "b", "b", None)], sessions(tmp_path, "a", FAST))
    assert (found.word, found.outcome) == ("missing", "undecided")
    assert (found.reason, found.details["side"]) == ("not_measured", "run")
    assert found.details["why"] == "absent"
    tokens = verdict(sessions(tmp_path, "c", FAST), [], f"{TASK}:output_tokens_per_s >= 10/s")
    assert (tokens.word, tokens.outcome) == ("missing", "undecided")


def test_a_figure_that_should_not_be_quoted_decides_nothing(tmp_path):
    run = session(tmp_path / "b", "b", 5.0, reasons=[PerfReason(code="cpu_pressure", detail="a busy machine")])
    found = verdict([run], [], f"{TASK}:latency_p50 <= 250ms")
    assert (found.word, found.outcome, found.value) == ("missing", "undecided", None)
    assert found.details == {"side": "run", "why": "a busy machine"}


def test_a_baseline_without_the_figure_leaves_the_rule_undecided(tmp_path):
    found = verdict(sessions(tmp_path, "b", FAST), [session(tmp_path / "a", "a", None)])
    assert (found.word, found.outcome, found.details["side"]) == ("new", "undecided", "baseline")


@pytest.mark.parametrize(("limit", "outcome"), [("10.2ms", "passed"), ("0.0102s", "passed"), ("10.1ms", "violated")])
def test_a_budget_holds_the_median_of_the_runs_and_needs_no_baseline(tmp_path, limit, outcome):
    assert verdict(sessions(tmp_path, "b", FAST), [], f"{TASK}:latency_p50 <= {limit}").outcome == outcome


def test_a_budget_is_judged_on_any_machine_and_says_that_the_baseline_does_not_compare(tmp_path):
    found = verdict(sessions(tmp_path, "b", FAST[:1]), sessions(tmp_path, "a", FAST[:1]), f"{TASK}:peak_memory <= 2GB")
    assert (found.word, found.outcome) == ("not comparable", "passed")


def test_metrics_are_those_of_the_first_runs_whatever_the_repeats_are(tmp_path):
    runs, baselines = sessions(tmp_path, "b", FAST), sessions(tmp_path, "a", FAST)
    rules = [parse_requirement(f"{TASK}:accuracy exact"), parse_requirement(DROP)]
    result = gate(runs, baselines, rules)
    assert [each.outcome for each in result.verdicts] == ["passed", "passed"]
    assert result.repeats == (5, 5)
    assert result == gate(runs, baselines, rules)
