"""Rules about speed: repeats on one machine, or no verdict."""

from pathlib import Path

import pytest
from helpers import edit_json
from scipy import stats as scipy_stats
from stored import TASK, measured, score_table, write_run

from mmbench.gating.judge import gate
from mmbench.gating.rules import parse_requirement
from mmbench.results.find import load_run
from mmbench.results.rundir import RunDirectory
from mmbench.results.schema import SCHEMA_VERSION, PerfFile, PerfReason

DROP = f"{TASK}:latency_p50 drop<1.2x"


def session(out: Path, model: str, latency: float | None = 10.0, **more):
    """A run of `model` in a folder of its own, with this latency in ms."""
    path = write_run(out, model, {TASK: [score_table([1.0, 0.0] * 20)]})
    values = {"samples_per_s": 1000.0 / (latency or 1.0), "latency_p50": latency, "peak_memory": 1e9}
    perf = measured(values, **more)
    RunDirectory(path).write_perf(PerfFile(schema_version=SCHEMA_VERSION, tasks={TASK: perf}))
    return load_run(path, out)


def sessions(out: Path, model: str, latencies):
    return [session(out / f"{model}{n}", model, latency) for n, latency in enumerate(latencies)]


def verdict(runs, baselines, rule=DROP):
    result = gate(runs, baselines, [parse_requirement(rule)], only=True)
    (found,) = result.verdicts
    return found


FAST, SLOW = (10.0, 10.1, 10.3), (13.0, 13.1, 13.5)


def test_slower_by_more_than_the_factor_in_every_repeat_is_violated(tmp_path):
    found = verdict(sessions(tmp_path, "b", SLOW), sessions(tmp_path, "a", FAST))
    assert (found.word, found.outcome) == ("regressed", "violated")
    assert found.difference == pytest.approx(13.1 / 10.1)
    assert found.p_value == scipy_stats.mannwhitneyu(SLOW, FAST, alternative="greater").pvalue == 0.05
    assert (found.baseline, found.value, found.n, found.check.perf.unit) == (10.1, 13.1, 3, "ms")


def test_faster_is_improved_and_throughput_goes_the_other_way(tmp_path):
    slow, fast = sessions(tmp_path, "a", SLOW), sessions(tmp_path, "b", FAST)
    assert verdict(fast, slow).word == "improved"
    rule = f"{TASK}:samples_per_s drop<1.2x"
    assert verdict(fast, slow, rule).word == "improved"
    found = verdict(slow, fast, rule)
    assert (found.word, found.outcome) == ("regressed", "violated")
    assert found.difference == pytest.approx(13.1 / 10.1)


def test_significant_but_within_the_factor_passes(tmp_path):
    found = verdict(sessions(tmp_path, "b", (11.0, 11.1, 11.2)), sessions(tmp_path, "a", FAST))
    assert (found.word, found.outcome) == ("regressed", "passed")
    assert (found.reason, found.check.threshold) == ("slower_within_factor", 1.2)


def test_a_large_factor_that_the_repeats_do_not_agree_on_passes(tmp_path):
    found = verdict(sessions(tmp_path, "b", (9.0, 15.0, 15.1)), sessions(tmp_path, "a", FAST))
    assert (found.word, found.outcome) == ("within noise", "passed")


@pytest.mark.parametrize("repeats", [1, 2])
def test_too_few_repeats_can_show_nothing(tmp_path, repeats):
    found = verdict(sessions(tmp_path, "b", SLOW[:repeats]), sessions(tmp_path, "a", FAST[:repeats]))
    assert (found.word, found.outcome) == ("not comparable", "undecided")
    assert found.reason == "too_few_repeats"
    assert found.details == {"repeats": repeats, "baseline_repeats": repeats, "needed": 3}


def test_another_machine_does_not_compare_and_the_reason_names_the_difference(tmp_path):
    baselines = sessions(tmp_path, "a", FAST)
    runs = sessions(tmp_path, "b", SLOW)
    edit_json(runs[1].path / "run.json", lambda run: run["machine"].update(cpu="Another", cpus=64))
    runs = [load_run(side.path, tmp_path) for side in runs]
    found = verdict(runs, baselines)
    assert (found.word, found.outcome) == ("not comparable", "undecided")
    assert found.reason == "other_machine"
    assert found.details["machine"]["cpus"] == (1, 64)


def test_other_batch_sizes_do_not_compare(tmp_path):
    runs = [session(tmp_path / f"b{n}", "b", latency, batch_size=8) for n, latency in enumerate(SLOW)]
    found = verdict(runs, sessions(tmp_path, "a", FAST))
    assert (found.reason, found.details) == ("other_batch_sizes", {"sizes": [1, 8]})


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


@pytest.mark.parametrize(("limit", "outcome"), [("10.1ms", "passed"), ("0.0101s", "passed"), ("10ms", "violated")])
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
    assert result.repeats == (3, 3)
    assert result == gate(runs, baselines, rules)
