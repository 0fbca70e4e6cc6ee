"""The gate on run directories: every policy and every verdict, on runs whose values can be counted by hand."""

import json
from pathlib import Path

import pytest
from helpers import edit_json
from stored import ACCURACY, TASK, score_table, write_run

from mmbench.core import UnknownNameError, UsageError
from mmbench.core.score_table import ScoreTable
from mmbench.gating.judge import gate
from mmbench.gating.rules import parse_requirement
from mmbench.metrics import caption_columns, caption_metrics, mean_metric, median_metric
from mmbench.reporting.verdict_words import gate_document
from mmbench.results.find import load_run

NAME = f"{TASK}:accuracy"


def right(n, of=200):
    """`n` right answers and then wrong ones."""
    return [1.0] * n + [0.0] * (of - n)


def judged(out: Path, before, after, *rules: str, metrics=(ACCURACY,)):
    """The gate's result on two runs with these tables (or scores)."""
    for name, given in (("before", before), ("after", after)):
        tables = (
            given
            if isinstance(given, dict)
            else {TASK: [given if isinstance(given, ScoreTable) else score_table(given)]}
        )
        write_run(out, name, tables, metrics)
    return gate([load_run("after", out)], [load_run("before", out)], [parse_requirement(rule) for rule in rules])


def only(result):
    (verdict,) = result.verdicts
    return verdict.word, verdict.outcome, result.exit_code


# --- regression ---


def test_without_rules_every_primary_metric_is_held_and_the_result_says_so(tmp_path):
    result = judged(tmp_path, right(150), right(120))
    assert only(result) == ("regressed", "violated", 1)
    (verdict,) = result.verdicts
    assert (verdict.check.rule.text, verdict.baseline, verdict.value) == (f"{NAME} drop<=0pt", 0.75, 0.60)
    assert (verdict.difference, verdict.gained, verdict.lost, verdict.n) == (pytest.approx(-0.15), 0, 30, 200)
    assert verdict.low < -0.15 < verdict.high < 0
    assert (result.defaults, result.family) == (1, 1)


def test_one_cluster_decides_nothing(tmp_path):
    tables = [score_table(right(n, 40), ["c"] * 40) for n in (30, 10)]
    for number, rule in enumerate(([], [f"{NAME} drop<5pt"], [f"{NAME} non-inferiority drop<5pt"])):
        result = judged(tmp_path / str(number), *tables, *rule)
        assert only(result) == ("inconclusive", "undecided", 3)
        assert result.verdicts[0].reason == "untestable"


@pytest.mark.parametrize("rule", [[], [f"{NAME} drop<5pt"]])
def test_clusters_among_which_no_drop_would_be_seen_decide_nothing(tmp_path, rule):
    """Two clusters, one degree of freedom: a drop would have to be larger than the range of the metric."""
    clusters = ["c", "d"] * 20
    result = judged(tmp_path, score_table([1.0, 0.0] * 20, clusters), score_table(right(15, 40), clusters), *rule)
    assert only(result) == ("inconclusive", "undecided", 3)
    verdict = result.verdicts[0]
    assert (verdict.reason, verdict.smallest) == ("no_drop_detectable", None)
    assert verdict.details["clusters"] == 2
    same = judged(tmp_path / "same", score_table(right(15, 40), clusters), score_table(right(15, 40), clusters))
    assert only(same) == ("same", "passed", 0)


def test_all_equal_values_are_decided_where_all_changed_and_bounded_where_none_did(tmp_path):
    assert only(judged(tmp_path / "fell", right(40, 40), right(0, 40))) == ("regressed", "violated", 1)
    assert only(judged(tmp_path / "kept", right(40, 40), right(40, 40))) == ("same", "passed", 0)
    kept = judged(tmp_path / "bound", right(40, 40), right(40, 40), f"{NAME} drop<5pt")
    assert (only(kept), kept.verdicts[0].reason) == (("inconclusive", "undecided", 3), "unchanged_too_few")


def test_runs_with_other_seeds_are_gated_and_the_result_says_so(tmp_path):
    for name, n in (("before", 150), ("after", 149)):
        path = write_run(tmp_path, name, {TASK: [score_table(right(n))]})
        edit_json(path / "run.json", lambda run, n=n: run.update(seed=n))
    result = gate([load_run("after", tmp_path)], [load_run("before", tmp_path)])
    assert (result.seeds, result.exit_code) == ((149, 150), 0)
    assert len([note for note in gate_document(result)["notes"] if "seed" in note]) == 1


def test_a_rule_takes_the_place_of_the_default_of_its_metric_alone(tmp_path):
    block = mean_metric("block_accuracy", "sample", "accuracy")
    tables = [{TASK: [score_table(right(n))], "b/b": [score_table(right(n))]} for n in (150, 60)]
    result = judged(tmp_path, *tables, f"{TASK}:latency_p50 <= 250ms", "b/b:accuracy >= 0.1", metrics=(ACCURACY, block))
    assert [(v.check.rule.name, v.check.given, v.outcome) for v in result.verdicts] == [
        (f"{TASK}:latency_p50", True, "undecided"),
        ("b/b:accuracy", True, "passed"),
        (NAME, False, "violated"),
    ]
    assert (result.defaults, result.exit_code) == (1, 1)
    sides = [load_run("after", tmp_path)], [load_run("before", tmp_path)]
    alone = gate(*sides, [parse_requirement("b/b:accuracy >= 0.1")], only=True)
    assert (len(alone.verdicts), alone.defaults, alone.exit_code) == (1, 0, 0)
    with pytest.raises(UsageError, match="--only"):
        gate(*sides, only=True)


def test_a_short_name_of_a_metric_takes_the_place_of_its_default_too(tmp_path):
    recall = mean_metric("recall@5(direction=t2i)", "sample", "accuracy")
    result = judged(tmp_path, right(150), right(60), f"{TASK}:recall@5 >= 0.1", metrics=[recall])
    assert [(v.check.rule.metric, v.outcome) for v in result.verdicts] == [("recall@5(direction=t2i)", "passed")]


def test_without_a_baseline_there_are_no_defaults(tmp_path):
    write_run(tmp_path, "after", {TASK: [score_table(right(60))], "b/b": [score_table(right(60))]})
    result = gate([load_run("after", tmp_path)], [], [parse_requirement(f"{NAME} >= 0.1")])
    assert (len(result.verdicts), result.exit_code) == (1, 0)


def test_the_same_answers_are_the_same(tmp_path):
    assert only(judged(tmp_path, right(150), right(150))) == ("same", "passed", 0)


def test_a_gain_is_improved(tmp_path):
    assert only(judged(tmp_path, right(120), right(150))) == ("improved", "passed", 0)


def test_a_drop_that_chance_explains_is_within_noise(tmp_path):
    assert only(judged(tmp_path, right(150), right(149))) == ("within noise", "passed", 0)


def test_a_tolerance_that_the_samples_cannot_resolve_is_inconclusive(tmp_path):
    result = judged(tmp_path, [1.0, 0.0] * 50, [0.0, 1.0] * 50, f"{NAME} drop<1pt")
    assert only(result) == ("inconclusive", "undecided", 3)
    (verdict,) = result.verdicts
    assert verdict.reason == "too_few_samples"
    assert verdict.smallest > verdict.check.threshold == 0.01


def test_direction_comes_from_the_metric(tmp_path):
    rank = mean_metric("mean_rank", "sample", "accuracy", higher_is_better=False, bounds=(1.0, None), scale=1.0)
    worse = judged(tmp_path / "worse", [1.0] * 40, [1.0] * 10 + [5.0] * 30, metrics=[rank])
    assert only(worse) == ("regressed", "violated", 1)
    better = judged(tmp_path / "better", [1.0] * 10 + [5.0] * 30, [1.0] * 40, metrics=[rank])
    assert only(better) == ("improved", "passed", 0)
    assert worse.verdicts[0].check.scale == 1.0


def test_points_are_what_tables_show(tmp_path):
    rank = mean_metric("mean_rank", "sample", "accuracy", higher_is_better=False, bounds=(1.0, None), scale=1.0)
    ranks = [1.0 + n % 7 for n in range(400)]
    later = [rank + n % 2 for n, rank in enumerate(ranks)]  # half a rank worse on average, surely
    name = f"{TASK}:mean_rank"
    assert only(judged(tmp_path / "a", ranks, later, f"{name} drop<0.4pt", metrics=[rank]))[1] == "violated"
    assert only(judged(tmp_path / "b", ranks, later, f"{name} drop<0.6pt", metrics=[rank]))[1] == "passed"


@pytest.mark.slow
def test_a_median_and_a_corpus_metric_are_held_by_their_bootstrap(tmp_path):
    median = median_metric("median_rank(direction=i2t)", "query_i2t", "rank")

    def ranks(values):
        ids = [f"q{n}" for n in range(len(values))]
        return ScoreTable("query_i2t", ids, ids, ["scored"] * len(ids), {"rank": values})

    result = judged(tmp_path / "m", ranks([1.0] * 60), ranks([4.0] * 60), metrics=[median])
    assert only(result) == ("regressed", "violated", 1)
    (bleu,) = [metric for metric in caption_metrics() if str(metric.id) == "bleu@4"]

    def corpus(heard):
        said = [f"a small dog runs over the green hill number {n % heard}" for n in range(60)]
        wanted = [[f"a small dog runs over the green hill number {n % 60}"] for n in range(60)]
        ids = [f"s{n}" for n in range(60)]
        return ScoreTable("sample", ids, ids, ["scored"] * 60, {"bleu": caption_columns(said, wanted)["bleu"]})

    assert only(judged(tmp_path / "same", corpus(60), corpus(60), metrics=[bleu])) == ("same", "passed", 0)
    assert only(judged(tmp_path / "worse", corpus(60), corpus(2), metrics=[bleu])) == ("regressed", "violated", 1)


@pytest.mark.slow
def test_holm_counts_every_rule_about_a_metric(tmp_path):
    names = [f"m{k}" for k in range(12)]
    metrics = [mean_metric(name, "sample", name) for name in names]

    def table(first):
        ids = [f"s{n}" for n in range(200)]
        columns = {name: right(150) for name in names} | {"m0": first}
        return ScoreTable("sample", ids, ids, ["scored"] * 200, columns)

    rules = [f"{TASK}:{name} drop<=0pt" for name in names]
    before, after = table(right(150)), table(right(145))
    alone = judged(tmp_path / "one", before, after, rules[0], metrics=metrics)
    together = judged(tmp_path / "all", before, after, *rules, metrics=metrics)
    assert alone.verdicts[0].outcome == "violated"
    assert together.verdicts[0].outcome == "passed"
    assert together.verdicts[0].p_value == pytest.approx(12 * alone.verdicts[0].p_value)
    assert together.family == 12


# --- the other policies ---


def test_non_inferiority_needs_an_interval_that_excludes_the_margin(tmp_path):
    rule = f"{NAME} non-inferiority drop<5pt"
    assert only(judged(tmp_path / "a", right(1500, 2000), right(1499, 2000), rule)) == ("within noise", "passed", 0)
    assert only(judged(tmp_path / "b", [1.0, 0.0] * 20, [0.0, 1.0] * 20, rule)) == ("inconclusive", "undecided", 3)
    assert only(judged(tmp_path / "c", right(150), right(120), rule)) == ("regressed", "violated", 1)


def test_exact_allows_no_changed_sample_even_where_the_value_is_the_same(tmp_path):
    result = judged(tmp_path, [1.0, 0.0] * 50, [0.0, 1.0] + [1.0, 0.0] * 49, f"{NAME} exact")
    assert only(result) == ("within noise", "violated", 1)
    assert result.verdicts[0].difference == 0.0
    assert result.verdicts[0].reason == "samples_changed"
    assert result.verdicts[0].details == {"changed": 2, "of": 100}


def test_exact_sees_a_status_that_changed_with_the_same_score(tmp_path):
    ids = ["a", "b"]
    before = ScoreTable("sample", ids, ids, ["scored", "scored"], {"accuracy": [1.0, 0.0]})
    after = ScoreTable("sample", ids, ids, ["scored", "unparsed"], {"accuracy": [1.0, 0.0]})
    assert judged(tmp_path, before, after, f"{NAME} exact").exit_code == 1


def test_floors_need_no_baseline(tmp_path):
    write_run(tmp_path, "alone", {TASK: [score_table(right(150))]})
    side = load_run("alone", tmp_path)
    for limit, code in (("0.75", 0), ("75%", 0), ("75pt", 0), ("0.76", 1)):
        assert gate([side], [], [parse_requirement(f"{NAME} >= {limit}")]).exit_code == code
    with pytest.raises(UsageError, match="--baseline"):
        gate([side], [], [parse_requirement(f"{NAME} drop<1pt")])
    with pytest.raises(UsageError, match="nothing to judge"):
        gate([side], [], [])


def test_a_floor_beside_a_baseline_says_what_became_of_it(tmp_path):
    rule = f"{NAME} >= 0.70"
    assert only(judged(tmp_path / "a", right(150), right(120), rule)) == ("newly failing", "violated", 1)
    assert only(judged(tmp_path / "b", right(120), right(150), rule)) == ("fixed", "passed", 0)
    assert only(judged(tmp_path / "c", right(150), right(150), rule)) == ("same", "passed", 0)
    assert only(judged(tmp_path / "d", right(130), right(100), rule)) == ("regressed", "violated", 1)


# --- what is missing ---


def test_samples_that_newly_failed_leave_the_rule_undecided(tmp_path):
    result = judged(tmp_path, right(150), [None, None, *right(150)[2:]])
    assert only(result) == ("newly failing", "undecided", 3)
    assert (result.verdicts[0].reason, result.verdicts[0].details) == ("samples_newly_failed", {"samples": 2})


def test_a_sample_that_failed_in_both_is_missing(tmp_path):
    assert only(judged(tmp_path, [None, *right(150)], [None, *right(150)])) == ("missing", "undecided", 3)


def test_samples_that_fail_no_more_are_fixed(tmp_path):
    result = judged(tmp_path, [None, *right(150)], [1.0, *right(150)])
    assert only(result) == ("fixed", "passed", 0)
    assert (result.verdicts[0].n, result.verdicts[0].details["fixed"]) == (200, 1)


def test_a_floor_is_undecided_where_samples_failed(tmp_path):
    write_run(tmp_path, "alone", {TASK: [score_table([None, *right(150)])]})
    result = gate([load_run("alone", tmp_path)], [], [parse_requirement(f"{NAME} >= 0.10")])
    assert only(result) == ("missing", "undecided", 3)


def test_a_task_that_the_run_lacks_is_missing_and_one_that_the_baseline_lacks_is_new(tmp_path):
    table = [score_table(right(150))]
    result = judged(tmp_path, {"a/a": table, "b/b": table}, {"b/b": table, "c/c": table})
    assert [(v.check.rule.task, v.word, v.outcome) for v in result.verdicts] == [
        ("a/a", "missing", "undecided"),
        ("b/b", "same", "passed"),
        ("c/c", "new", "passed"),
    ]
    assert result.exit_code == 3


def test_a_rule_about_what_the_baseline_lacks_cannot_be_decided(tmp_path):
    table = [score_table(right(150))]
    result = judged(tmp_path, {"a/a": table}, {"a/a": table, "c/c": table}, "c/c:accuracy drop<1pt")
    assert [(v.word, v.outcome, v.check.given) for v in result.verdicts] == [
        ("new", "undecided", True),
        ("same", "passed", False),
    ]
    assert (result.verdicts[0].reason, result.verdicts[0].details) == ("no_task", {"side": "baseline"})


def test_a_violated_rule_wins_over_a_missing_one(tmp_path):
    good, bad = [score_table(right(150))], [score_table(right(100))]
    result = judged(tmp_path, {"a/a": good, "b/b": good}, {"a/a": bad})
    assert [v.outcome for v in result.verdicts] == ["violated", "undecided"]
    assert result.exit_code == 1


def test_a_task_that_was_not_scored_is_missing(tmp_path):
    write_run(tmp_path, "before", {TASK: [score_table(right(150))]})
    path = write_run(tmp_path, "after", {TASK: [score_table(right(150))]})
    edit_json(path / "run.json", lambda run: run["tasks"][TASK].update(status="failed", scoring=None))
    result = gate([load_run("after", tmp_path)], [load_run("before", tmp_path)], [])
    assert only(result) == ("missing", "undecided", 3)
    assert result.verdicts[0].reason == "not_scored"
    assert result.verdicts[0].details == {"side": "run", "status": "failed"}


# --- what does not compare ---


def test_other_data_do_not_compare_and_the_reason_says_what_differs(tmp_path):
    write_run(tmp_path, "before", {TASK: [score_table(right(150))]})
    path = write_run(tmp_path, "after", {TASK: [score_table(right(150))]})
    edit_json(path / "run.json", lambda run: run["tasks"][TASK].update(fingerprint="other", version="2"))
    result = gate(
        [load_run("after", tmp_path)], [load_run("before", tmp_path)], [parse_requirement(f"{NAME} drop<1pt")]
    )
    assert only(result) == ("not comparable", "undecided", 3)
    assert result.verdicts[0].reason == "runs_differ"
    version, data = result.verdicts[0].details["differences"]
    assert version.startswith("task version")
    assert data.startswith("data fingerprint")


def test_disjoint_samples_do_not_compare(tmp_path):
    before = score_table({f"a{n}": 1.0 for n in range(30)})
    after = score_table({f"b{n}": 1.0 for n in range(30)})
    assert only(judged(tmp_path, before, after)) == ("missing", "undecided", 3)


def test_an_absolute_rule_does_not_mind_a_baseline_of_other_data(tmp_path):
    write_run(tmp_path, "before", {TASK: [score_table(right(150))]})
    path = write_run(tmp_path, "after", {TASK: [score_table(right(150))]})
    edit_json(path / "run.json", lambda run: run["tasks"][TASK].update(fingerprint="other"))
    result = gate([load_run("after", tmp_path)], [load_run("before", tmp_path)], [parse_requirement(f"{NAME} >= 0.5")])
    assert only(result) == ("not comparable", "passed", 0)


def test_a_floor_is_undecided_for_a_part_of_the_samples_of_the_baseline(tmp_path):
    result = judged(tmp_path, right(150), right(4, of=4), f"{NAME} >= 0.5")
    assert only(result) == ("not comparable", "undecided", 3)
    assert (result.verdicts[0].reason, result.verdicts[0].details) == ("fewer_samples", {"samples": 4, "of": 200})
    more = judged(tmp_path / "more", right(4, of=4), right(150), f"{NAME} >= 0.5")
    assert only(more) == ("not comparable", "passed", 0)


def test_a_floor_is_undecided_for_other_samples_of_the_same_data(tmp_path):
    write_run(tmp_path, "before", {TASK: [score_table(right(150))]})
    path = write_run(tmp_path, "after", {TASK: [score_table(right(150))]})
    edit_json(path / "tasks" / "stored__task" / "plan.json", lambda plan: plan.update(selection_digest="other"))
    sides = [load_run("after", tmp_path)], [load_run("before", tmp_path)]
    assert only(gate(*sides, [parse_requirement(f"{NAME} >= 0.5")])) == ("not comparable", "undecided", 3)


# --- rules held against the runs ---


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (f"{TASK}:acuracy drop<1pt", "Did you mean 'accuracy'"),
        (f"{TASK}:latency_50 <= 3ms", "Did you mean 'latency_p50'"),
        ("stored/tusk:accuracy drop<1pt", "Did you mean 'stored/task'"),
        (f"{NAME} >= 70", "70pt"),
        (f"{NAME} >= 1.1", "outside [0, 1]"),
        (f"{NAME} >= -0.1", "outside [0, 1]"),
        (f"{NAME} >= 250ms", "is no limit of accuracy"),
        (f"{NAME} <= 0.9", "write >="),
        (f"{NAME} drop<100pt", "can never be exceeded"),
        (f"{TASK}:latency_p50 <= 250", "give it in ms"),
        (f"{TASK}:latency_p50 <= 0ms", "above 0"),
        (f"{TASK}:latency_p50 >= 250ms", "write <="),
        (f"{TASK}:samples_per_s <= 100", "write >="),
        (f"{TASK}:peak_memory <= 2ms", "give it in B"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused(tmp_path, rule, words):
    with pytest.raises(UsageError) as error:
        judged(tmp_path, right(150), right(150), rule)
    assert words in str(error.value)


def test_an_unknown_metric_lists_those_that_there_are(tmp_path):
    with pytest.raises(UnknownNameError, match=r"stored/task has: accuracy; figures of speed and cost: latency_p50"):
        judged(tmp_path, right(150), right(150), f"{TASK}:zzz drop<1pt")


def test_runs_of_two_models_on_one_side_are_refused(tmp_path):
    for name in ("one", "two"):
        write_run(tmp_path, name, {TASK: [score_table(right(150))]})
    one, two = load_run("one", tmp_path), load_run("two", tmp_path)
    with pytest.raises(UsageError, match="different models"):
        gate([one, two], [one], [])
    with pytest.raises(UsageError, match="given twice"):
        gate([one, one], [two], [])


def test_a_run_is_not_held_against_itself(tmp_path):
    write_run(tmp_path, "one", {TASK: [score_table(right(150))]})
    one = load_run("one", tmp_path)
    for rules in ([], [parse_requirement(f"{NAME} >= 0.5")]):
        with pytest.raises(UsageError, match="is the run itself"):
            gate([one], [one], rules)


def test_an_id_without_parameters_means_the_only_metric_that_has_them(tmp_path):
    one = mean_metric("recall@5(direction=t2i)", "sample", "accuracy")
    result = judged(tmp_path / "a", right(150), right(150), f"{TASK}:recall@5 >= 0.5", metrics=[one])
    assert only(result) == ("same", "passed", 0)
    assert result.verdicts[0].check.rule.text == f"{TASK}:recall@5(direction=t2i) >= 0.5"
    other = mean_metric("recall@5(direction=i2t)", "sample", "accuracy")
    with pytest.raises(UsageError, match=r"could be any of stored/task:recall@5\(direction=t2i\), .*; name one"):
        judged(tmp_path / "b", right(150), right(150), f"{TASK}:recall@5 drop<1pt", metrics=[one, other])
    with pytest.raises(UnknownNameError, match="Did you mean 'recall@5'"):
        judged(tmp_path / "d", right(150), right(150), f"{TASK}:recall@6 >= 0.5", metrics=[one])
    rules = f"{TASK}:recall@5 >= 0.5", f"{TASK}:recall@5(direction=t2i) >= 0.6"
    with pytest.raises(UsageError, match="contradicts"):
        judged(tmp_path / "c", right(150), right(150), *rules, metrics=[one])


def test_the_drop_of_a_rank_is_a_rise(tmp_path):
    rank = mean_metric("mean_rank", "sample", "accuracy", higher_is_better=False, bounds=(1.0, None), scale=1.0)
    (verdict,) = judged(tmp_path, [1.0] * 40, [1.0] * 10 + [201.0] * 30, metrics=[rank]).verdicts
    assert (verdict.reason, verdict.difference) == ("drop", pytest.approx(150.0))
    assert not verdict.check.higher_is_better


def test_the_result_is_json_and_every_number_in_it_is_finite(tmp_path):
    document = gate_document(judged(tmp_path, right(150), right(120), f"{NAME} drop<1pt", f"{NAME} >= 0.5"))
    again = json.loads(json.dumps(document, allow_nan=False))
    assert again["exit_code"] == 1
    assert [(v["metric"], v["policy"], v["threshold"], v["limit"], v["reason_code"]) for v in again["verdicts"]] == [
        ("accuracy", "regression", "1pt", 0.01, "drop_beyond_tolerance"),
        ("accuracy", "absolute", "0.5", 0.5, "limit_kept"),
    ]
