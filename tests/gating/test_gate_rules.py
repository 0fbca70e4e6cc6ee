"""Rules as people type them: what each means, and every way in which one can be wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmbench.core.errors import UsageError
from mmbench.gating.amounts import parse_amount, share
from mmbench.gating.rules import ALPHA, Rule, check_together, parse_requirement, rules_of_table


@pytest.mark.parametrize(
    ("text", "policy", "number", "kind", "sign"),
    [
        ("vqa/scenes:accuracy drop<1pt", "regression", 1.0, "points", "<"),
        ("vqa/scenes:accuracy drop <= 0.5 pt", "regression", 0.5, "points", "<="),
        ("vqa/scenes:accuracy regression drop<0", "regression", 0.0, "none", "<"),
        ("vqa/scenes:accuracy non-inferiority drop≤1pt", "non-inferiority", 1.0, "points", "<="),
        ("vqa/scenes:accuracy >= 0.70", "absolute", 0.70, "none", ">="),
        ("vqa/scenes:accuracy>=70%", "absolute", 0.70, "percent", ">="),
        ("vqa/scenes:latency_p50 <= 0.25s", "absolute", 250.0, "ms", "<="),
        ("vqa/scenes:peak_memory <= 1.5 GiB", "absolute", 1.5 * 2**30, "bytes", "<="),
        ("vqa/scenes:latency_p50 drop<1.2x", "regression", 1.2, "factor", "<"),
    ],
)
def test_a_requirement_is_read(text, policy, number, kind, sign):
    rule = parse_requirement(text)
    assert (rule.task, rule.policy, rule.sign) == ("vqa/scenes", policy, sign)
    assert rule.amount is not None
    assert (rule.amount.number, rule.amount.kind) == (number, kind)
    assert rule.alpha == ALPHA


def test_metric_ids_with_parameters_are_read_in_their_canonical_form():
    rule = parse_requirement("retrieval/scenes:recall@5( direction=t2i ) drop<1pt alpha=0.01")
    assert (rule.metric, rule.alpha) == ("recall@5(direction=t2i)", 0.01)
    assert (
        parse_requirement("a/b:acc2(zero=without,convention=mmsa) exact").metric == "acc2(convention=mmsa,zero=without)"
    )
    floor = parse_requirement("sentiment/scenes:f1( average=macro )>=0.70")
    assert (floor.metric, floor.sign, floor.amount.number) == ("f1(average=macro)", ">=", 0.70)


def test_a_task_from_a_file_may_hold_colons():
    assert parse_requirement("my.py:Task:accuracy exact").task == "my.py:Task"


@pytest.mark.parametrize(
    "text",
    [
        "vqa/scenes:accuracy drop<1pt",
        "vqa/scenes:accuracy drop<=0pt",
        "vqa/scenes:accuracy drop<=2pt",
        "retrieval/scenes:recall@5(direction=t2i) >= 0.5",
        "vqa/scenes:accuracy non-inferiority drop<1pt",
        "vqa/scenes:accuracy drop<1pt alpha=0.01",
        "vqa/scenes:accuracy >= 0.70",
        "vqa/scenes:accuracy exact",
        "sentiment/scenes:acc2(convention=mmsa,zero=without) >= 0.5",
        "retrieval/scenes:median_rank(direction=i2t) <= 3",
    ],
)
def test_what_a_rule_shows_can_be_typed_again(text):
    rule = parse_requirement(text)
    assert rule.text == text
    assert parse_requirement(rule.text).text == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected TASK:METRIC drop<1pt"),
        ("accuracy drop<1pt", "names no metric"),
        ("vqa/scenes:accuracy", "expected TASK:METRIC drop<1pt"),
        ("vqa/scenes:Accuracy drop<1pt", "not a metric id"),
        ("vqa/scenes:accuracy drop<0.5", "could be points or a share: write 0.5pt"),
        ("vqa/scenes:accuracy drop<0.5%", "could be points or a share: write 0.5pt"),
        ("vqa/scenes:accuracy drop<5ms", "is no tolerance of accuracy"),
        ("vqa/scenes:accuracy drop<1.2x", "is no tolerance of accuracy"),
        ("vqa/scenes:accuracy drop<-1pt", "not negative"),
        ("vqa/scenes:accuracy drop<nan", "must be a finite number"),
        ("vqa/scenes:accuracy drop<infpt", "must be a finite number"),
        ("vqa/scenes:accuracy drop<inf pt", "must be a finite number"),
        ("vqa/scenes:accuracy drop<1e999pt", "must be a finite number"),
        ("vqa/scenes:accuracy >= nan", "must be a finite number"),
        ("vqa/scenes:accuracy >= -inf", "must be a finite number"),
        ("vqa/scenes:accuracy >= high", "is no number"),
        ("vqa/scenes:accuracy >= 3 apples", "unknown unit 'apples'"),
        ("vqa/scenes:accuracy >= 3apples", "unknown unit 'apples'"),
        ("vqa/scenes:accuracy > 0.7", "write >= or <=, not >"),
        ("vqa/scenes:accuracy = 0.7", "write >= or <=, not ="),
        ("vqa/scenes:accuracy non-inferiority drop<0pt", "can never be shown"),
        ("vqa/scenes:accuracy non-inferiority drop<1pt alpha=0.1", "has no alpha"),
        ("vqa/scenes:accuracy drop<1pt alpha=0", "must be above 0"),
        ("vqa/scenes:accuracy drop<1pt alpha=nan", "finite"),
        ("vqa/scenes:accuracy drop<1pt alpha=0.9", "at most 0.5"),
        ("vqa/scenes:latency_p50 drop<20%", "write a factor from 1 up"),
        ("vqa/scenes:latency_p50 drop<0.8x", "write a factor from 1 up"),
        ("vqa/scenes:latency_p50 drop<1pt", "write a factor from 1 up"),
        ("vqa/scenes:latency_p50 exact", "figure of speed"),
    ],
)
def test_a_requirement_that_is_wrong_is_one_sentence(text, words):
    with pytest.raises(UsageError, match="--require") as error:
        parse_requirement(text)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@given(st.text(max_size=60))
def test_any_text_is_a_rule_or_a_usage_error(text):
    try:
        rule = parse_requirement(text)
    except UsageError:
        return
    assert parse_requirement(rule.text).text == rule.text


def rule_of(**table):
    (rule,) = rules_of_table([{"metric": "vqa/scenes:accuracy", **table}], "mmbench.toml")
    return rule


def test_a_table_says_the_same_as_the_requirement():
    def plain(rule: Rule):
        return rule.name, rule.policy, rule.amount and rule.amount.number, rule.alpha

    assert plain(rule_of(tolerance="0.5pt", alpha=0.01)) == plain(
        parse_requirement("vqa/scenes:accuracy drop<0.5pt alpha=0.01")
    )
    assert plain(rule_of(policy="absolute", limit=0.7)) == plain(parse_requirement("vqa/scenes:accuracy >= 0.7"))
    assert plain(rule_of(policy="exact")) == plain(parse_requirement("vqa/scenes:accuracy exact"))
    assert plain(rule_of(policy="non-inferiority", tolerance="1pt")) == plain(
        parse_requirement("vqa/scenes:accuracy non-inferiority drop<1pt")
    )


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"tolerence": "1pt"}, "Did you mean 'tolerance'"),
        ({"policy": "regresion", "tolerance": "1pt"}, "Did you mean 'regression'"),
        ({}, "needs tolerance"),
        ({"tolerance": 0.5}, "could be points or a share"),
        ({"tolerance": float("nan")}, "finite"),
        ({"tolerance": True}, "is no number"),
        ({"tolerance": ["1pt"]}, "is no number"),
        ({"policy": "absolute", "tolerance": "1pt"}, "it has a limit"),
        ({"policy": "absolute", "limit": 0.7, "alpha": 0.05}, "has no alpha"),
        ({"policy": "exact", "tolerance": "1pt"}, "has no tolerance"),
        ({"tolerance": "1pt", "alpha": "much"}, "is no number"),
        ({"metric": 3, "tolerance": "1pt"}, "needs metric"),
        ({"policy": ["exact"]}, "unknown policy"),
    ],
)
def test_a_table_that_is_wrong_is_one_sentence_with_its_place(table, words):
    with pytest.raises(UsageError, match=r"mmbench\.toml, rule 1") as error:
        rule_of(**table)
    assert words in str(error.value)


@pytest.mark.parametrize("tables", ["x", {"metric": "a:b"}, [3]])
def test_rules_that_are_no_tables(tables):
    with pytest.raises(UsageError, match=r"\[\[gate\.rule\]\]"):
        rules_of_table(tables, "mmbench.toml")


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ("a/b:accuracy drop<1pt", "a/b:accuracy drop<1pt", "is given twice"),
        ("a/b:accuracy drop<1pt", "a/b:accuracy drop<=1pt", "is given twice"),
        ("a/b:accuracy drop<1pt", "a/b:accuracy drop<2pt", "contradicts 'a/b:accuracy drop<1pt'"),
        ("a/b:accuracy drop<1pt", "a/b:accuracy drop<1pt alpha=0.01", "contradicts"),
        ("a/b:accuracy >= 0.7", "a/b:accuracy >= 0.8", "contradicts"),
        ("a/b:accuracy exact", "a/b:accuracy drop<1pt", "one allows no change"),
        ("a/b:accuracy non-inferiority drop<1pt", "a/b:accuracy exact", "one allows no change"),
    ],
)
def test_two_rules_that_do_not_go_together(first, second, words):
    with pytest.raises(UsageError) as error:
        check_together(map(parse_requirement, [first, second]))
    assert words in str(error.value)


def test_rules_of_different_kinds_go_together():
    check_together(map(parse_requirement, ["a/b:accuracy drop<1pt", "a/b:accuracy >= 0.7", "a/b:f1 drop<1pt"]))


def test_units_of_amounts():
    assert parse_amount("1kB", "x").number == 1000
    assert parse_amount("2/s", "x").kind == "rate"
    assert parse_amount("3$", "x").kind == parse_amount("3 USD", "x").kind == "usd"
    assert share("5%", "alpha", least=0.0, most=0.5) == share(0.05, "alpha", least=0.0, most=0.5)
