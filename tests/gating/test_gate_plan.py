"""How many samples a tolerance needs, and how often a gate raises a false alarm."""

import math

import numpy as np
import pytest
from stored import ACCURACY, TASK, score_table, write_run

from mmbench.core import NotComparableError, UnknownNameError, UsageError
from mmbench.core.score_table import ScoreTable
from mmbench.gating.aa import false_alarms
from mmbench.gating.judge import gate
from mmbench.gating.plan import Clusters, PlanSettings, given_noise, noise_of, plan_rows, tolerances_within
from mmbench.gating.rules import parse_requirement
from mmbench.metrics import mean_metric, median_metric
from mmbench.metrics.regression import mae, number_columns
from mmbench.reporting.gate import false_alarm_lines
from mmbench.results.find import load_run
from mmbench.stats import paired_mean_difference

Z = 1.6448536269514722 + 0.8416212335729143


def stored(out, **tables):
    """Runs with these tables, read."""
    for name, given in tables.items():
        write_run(out, name, {TASK: [given]}, (ACCURACY,))
    return [load_run(name, out) for name in tables]


def scores(n, disagreement, seed=0, share=0.7, size=1):
    """Two tables of `n` binary samples, `disagreement` of them different; clusters of `size` differ as a whole."""
    generator = np.random.default_rng(seed)
    a = (generator.random(n) < share).astype(float)
    flips = np.repeat(generator.random(n // size) < disagreement, size)
    b = np.where(flips, 1 - a, a)
    clusters = [f"c{k // size}" for k in range(n)]
    return score_table(a.tolist(), clusters), score_table(b.tolist(), clusters)


def test_the_textbook_number():
    (row,) = plan_rows([given_noise(0.10, None, 1.0)], PlanSettings(tolerances=(1.0,)))
    assert row.needed == math.ceil((Z / 0.01) ** 2 * 0.10) == 6183


def test_a_drop_that_the_disagreement_rules_out_is_not_planned_for():
    assert tolerances_within(0.1, [10.0]) == (10.0,)
    with pytest.raises(UsageError, match=r"--tolerance 20pt: two runs that differ on 10 % .* more than 10pt"):
        tolerances_within(0.1, [20.0])
    assert tolerances_within(0.01, ()) == (0.1, 0.25, 0.5, 1.0)
    assert tolerances_within(0.0005, ()) == (0.05,)
    assert tolerances_within(None, [20.0]) == (20.0,)


def test_runs_of_different_models_are_no_repeats_and_a_run_is_not_its_own_baseline(tmp_path):
    one, two = stored(tmp_path, a=score_table([1.0, 0.0] * 20), b=score_table([1.0, 0.0] * 20))
    with pytest.raises(UsageError, match="different models"):
        false_alarms([one, two], [], [], simulations=10)
    with pytest.raises(UsageError, match="is the run itself"):
        false_alarms([one], [one], [], simulations=10)
    with pytest.raises(UsageError, match="is the run itself"):
        noise_of(one, one, [], None)


def test_clusters_and_rules_ask_for_more():
    def needed(effect=1.0, rules=1):
        return plan_rows([given_noise(0.10, None, effect)], PlanSettings(tolerances=(1.0,), rules=rules))[0].needed

    assert needed(effect=3.0) == pytest.approx(3 * needed(), abs=3)
    assert needed(rules=12) > 1.7 * needed()


def clustered(clusters, *tolerances):
    settings = PlanSettings(tolerances=tolerances or (1.0,))
    return plan_rows([given_noise(0.10, None, 1.0, clusters)], settings)


def test_clusters_of_a_size_multiply_the_samples_by_kishs_design_effect():
    (plain,), (alone,) = clustered(None), clustered(Clusters(size=4.0, icc=0.0))
    (row,) = clustered(Clusters(size=4.0, icc=0.2))
    assert alone.needed == pytest.approx(plain.needed, abs=4)
    assert row.noise.design_effect == pytest.approx(1.6)
    assert row.needed == 4 * row.clusters == pytest.approx(1.6 * plain.needed, abs=8)
    assert clustered(Clusters(size=1.0, icc=0.9))[0].needed == plain.needed


def test_in_given_clusters_the_samples_are_found_or_there_are_too_few_clusters():
    """The variance of the mean of m samples in each of G clusters is sd² (icc / G + (1 - icc) / (G m))."""
    (row,) = clustered(Clusters(count=1500, icc=0.2))
    size = row.needed / 1500
    assert size == int(size)
    for m, enough in ((size, True), (size - 1, False)):
        se = (0.10 * (0.2 / 1500 + 0.8 / (1500 * m))) ** 0.5
        assert (Z * se <= 0.01) is enough
    (short,) = clustered(Clusters(count=5, icc=0.2), 1.0)
    assert (short.needed, short.clusters) == (None, math.ceil(0.2 * 0.10 * (Z / 0.01) ** 2))


@pytest.mark.slow
@pytest.mark.parametrize("count", [5, 10])
def test_what_clusters_at_hand_show_is_found_8_times_in_10(count):
    clusters = Clusters(count=count, size=10.0, icc=0.3)
    (row,) = plan_rows([given_noise(None, 30.0, 1.0, clusters)], PlanSettings(tolerances=(5.0,)))
    assert (row.noise.n, row.noise.df) == (10 * count, count - 1)
    generator, codes = np.random.default_rng(count), np.repeat(np.arange(count), 10)
    found = 0
    for _ in range(3000):
        noise = 30 * (0.3**0.5 * generator.normal(size=count)[codes] + 0.7**0.5 * generator.normal(size=10 * count))
        found += paired_mean_difference(np.zeros(10 * count), row.smallest + noise, codes).p_upper <= 0.05
    assert 0.77 <= found / 3000 <= 0.83


def test_a_run_with_clusters_is_planned_for_in_clusters(tmp_path):
    a, b = scores(2000, 0.1, size=10)
    baseline, run = stored(tmp_path, a=a, b=b)
    for other in (baseline, None):
        (row,) = plan_rows(noise_of(run, other, [], None), PlanSettings(tolerances=(1.0,)))
        assert (row.noise.clusters.count, row.noise.clusters.size) == (200, 10.0)
        assert row.needed == 10 * row.clusters
    a, b = scores(2000, 0.1)
    run = stored(tmp_path / "alone", a=a)[0]
    assert plan_rows(noise_of(run, None, [], None), PlanSettings(tolerances=(1.0,)))[0].clusters is None


def test_few_clusters_and_tolerances_beyond_the_range(tmp_path):
    one, two = ["c"] * 40, ["c", "d"] * 20
    single, double, other = stored(
        tmp_path,
        single=score_table([1.0, 0.0] * 20, one),
        double=score_table([1.0, 0.0] * 20, two),
        other=score_table([1.0] * 15 + [0.0] * 25, two),
    )
    with pytest.raises(NotComparableError, match="one cluster"):
        noise_of(single, None, [], None)
    (row,) = plan_rows(noise_of(other, double, [], None), PlanSettings(tolerances=(1.0,)))
    assert row.smallest is None
    with pytest.raises(UsageError, match="can never be exceeded"):
        plan_rows(noise_of(other, double, [], None), PlanSettings(tolerances=(150.0,)))


def test_an_sd_is_in_points():
    (row,) = plan_rows([given_noise(None, 30.0, 1.0)], PlanSettings(tolerances=(1.0,)))
    assert row.needed == math.ceil((Z * 30) ** 2)


def test_two_runs_tell_their_noise_clusters_included(tmp_path):
    a, b = scores(2000, 0.1, size=10)
    baseline, run = stored(tmp_path, a=a, b=b)
    (noise,) = noise_of(run, baseline, [], None)
    (row,) = plan_rows([noise], PlanSettings(tolerances=(1.0,)))
    result = gate([run], [baseline], [])
    assert row.smallest == pytest.approx(100 * result.verdicts[0].smallest)
    assert row.needed == pytest.approx((Z * noise.sd / 0.01) ** 2, rel=2e-3)
    assert "% differ" in row.noise.basis


def test_one_run_plans_for_models_that_agree_by_chance_alone_or_for_a_share(tmp_path):
    a, _ = scores(1000, 0.1)
    (run,) = stored(tmp_path, a=a)
    share = run.tasks[TASK].metrics["accuracy"].value
    (noise,) = noise_of(run, None, [], None)
    assert noise.sd == pytest.approx(math.sqrt(2 * share * (1 - share)))
    (less,) = noise_of(run, None, [f"{TASK}:accuracy"], 0.1)
    assert less.sd == pytest.approx(math.sqrt(0.1))
    assert less.design_effect == pytest.approx(1.0)


def test_constant_scores_say_nothing(tmp_path):
    (run,) = stored(tmp_path, a=score_table([1.0] * 50))
    (row,) = plan_rows(noise_of(run, None, [], None), PlanSettings(tolerances=(1.0,)))
    assert row.needed is None
    assert "same score" in row.noise.basis


def test_what_cannot_be_planned_is_refused(tmp_path):
    a, b = scores(100, 0.1)
    baseline, run = stored(tmp_path, a=a, b=b)
    with pytest.raises(UnknownNameError, match="Did you mean 'stored/task:accuracy'"):
        noise_of(run, None, ["stored/task:acuracy"], None)
    median = median_metric("median_rank(direction=i2t)", "query_i2t", "rank")
    ids = ["a", "b", "c"]
    table = ScoreTable("query_i2t", ids, ids, ["scored"] * 3, {"rank": [1.0, 2.0, 5.0]})
    write_run(tmp_path, "ranked", {TASK: [table]}, (median,))
    with pytest.raises(NotComparableError, match="give --baseline too"):
        noise_of(load_run("ranked", tmp_path), None, [f"{TASK}:{median.id}"], None)
    half = mean_metric("accuracy", "sample", "accuracy")
    write_run(tmp_path, "halves", {TASK: [score_table([0.5, 1.0, 0.0])]}, (half,))
    with pytest.raises(UsageError, match="scores of 0 and 1"):
        noise_of(load_run("halves", tmp_path), None, [], 0.1)
    with pytest.raises(UsageError, match="too small"):
        plan_rows(noise_of(run, baseline, [], None), PlanSettings(tolerances=(1e-12,)))


# --- A against A ---


@pytest.mark.slow
def test_swapped_answers_raise_about_as_many_false_alarms_as_alpha(tmp_path):
    a, b = scores(600, 0.2, size=4)
    baseline, run = stored(tmp_path, a=a, b=b)
    found = false_alarms([run], [baseline], [], simulations=250)
    assert 0.015 <= found.rate <= 0.10
    assert found.low <= found.rate <= found.high
    assert (found.rules, found.left_out, found.pairs) == (1, (), 0)
    assert false_alarms([run], [baseline], [], simulations=250) == found  # seeded


def test_answers_that_one_side_did_not_give_are_left_out_of_a_null_as_the_gate_leaves_them_out(tmp_path):
    labels = np.linspace(-3, 3, 40)
    predictions = labels + np.random.default_rng(0).normal(0, 1, 40)
    silent = np.where(np.arange(40) % 2, predictions, np.nan)
    ids = [f"s{place}" for place in range(40)]
    for name, given in (("all", predictions), ("some", silent)):
        status = ["unparsed" if np.isnan(each) else "scored" for each in given]
        table = ScoreTable("number", ids, ids, status, number_columns(given, labels))
        write_run(tmp_path, name, {TASK: [table]}, (mae(),))
    run, baseline = load_run("some", tmp_path), load_run("all", tmp_path)
    assert false_alarms([run], [baseline], [], simulations=60).rate == 0.0  # what both answered is the same


@pytest.mark.slow
def test_even_a_clearly_worse_run_gives_a_null(tmp_path):
    """The swap takes the difference away and leaves the disagreement."""
    baseline, run = stored(tmp_path, a=score_table([1.0] * 150 + [0.0] * 50), b=score_table([1.0] * 100 + [0.0] * 100))
    assert gate([run], [baseline], []).exit_code == 1
    assert false_alarms([run], [baseline], [], simulations=100).rate < 0.1


@pytest.mark.slow
def test_one_run_is_drawn_anew_and_several_are_gated_against_each_other(tmp_path):
    a, b = scores(600, 0.2, size=4)
    for name, table in (("x", a), ("y", b)):
        write_run(tmp_path / name, "model", {TASK: [table]})
    runs = [load_run("model", tmp_path / name) for name in ("x", "y")]
    found = false_alarms(runs, [], [], simulations=100)
    assert found.rate < 0.1
    assert found.pairs == 2
    assert any("ordered pairs" in line for line in false_alarm_lines(found))
    assert "drawn anew" in found.how


@pytest.mark.slow
def test_rules_that_are_no_comparison_of_metrics_are_named(tmp_path):
    a, b = scores(100, 0.2)
    baseline, run = stored(tmp_path, a=a, b=b)
    rules = [parse_requirement(f"{TASK}:{rule}") for rule in ("accuracy drop<1pt", "latency_p50 <= 3ms")]
    found = false_alarms([run], [baseline], rules, simulations=20)
    assert found.left_out == (f"{TASK}:latency_p50 <= 3ms",)
    with pytest.raises(NotComparableError, match="none of the rules"):
        false_alarms([run], [baseline], rules[1:], simulations=20, only=True)


@pytest.mark.slow
def test_a_cluster_as_large_as_all_others_differs_between_the_sides_that_one_run_makes(tmp_path):
    generator = np.random.default_rng(8)
    sizes = [120, *[4] * 30]
    groups = [f"image {n}" for n, size in enumerate(sizes) for _ in range(size)]
    rates = np.repeat(generator.beta(4, 1, len(sizes)), sizes)
    named = {f"q{n}": float(right) for n, right in enumerate(generator.random(len(groups)) < rates)}
    write_run(tmp_path, "model", {TASK: [score_table(named, groups)]})
    found = false_alarms([load_run("model", tmp_path)], [], [], simulations=300)
    assert 0.005 <= found.rate <= 0.09  # the gate itself: 2 to 5 %, in tests/calibration
