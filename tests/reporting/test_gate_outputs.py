"""What the gate writes: a table, Markdown and XML from one model, whatever names and reasons hold."""

import json
import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmbench.gating.amounts import Amount
from mmbench.gating.plan import Settings, given_noise, plan_rows
from mmbench.gating.rules import Rule
from mmbench.gating.verdicts import GateResult, Verdict
from mmbench.reporting.gate import SUMMARY_LIMIT, gate_table, plan_table, summary_markdown
from mmbench.reporting.junit import junit_xml

HOSTILE = "a|b\n\n# <script>alert(1)</script> `x` ![](http://h/x.png) ]]> & \x00\x1b[31m\u202e\ud800\ufffe \"q\" 'p' \\"


def rule(task="a/b", metric="accuracy", policy="regression"):
    return Rule(task, metric, policy, Amount(1.0, "points", "1pt"), 0.05, "<")


def verdict(outcome="passed", word="same", reason="no sample changed", task="a/b", **numbers):
    return Verdict(rule(task), word, outcome, reason, **numbers)


def result(*verdicts, notes=(), run="run", baseline="base"):
    return GateResult(run, baseline, verdicts, notes, "mymodel")


ALL = result(
    verdict(baseline=0.75, value=0.75, difference=0.0, n=200, p_value=1.0, smallest=0.0),
    verdict(
        "violated", "regressed", "a drop of 15.00pt", baseline=0.75, value=0.6, difference=-0.15, low=-0.2, high=-0.1
    ),
    verdict("undecided", "missing", "the run has no a/b"),
    Verdict(
        rule(metric="latency_p50"),
        "not comparable",
        "undecided",
        "another machine",
        10.0,
        13.0,
        1.3,
        scale=1.0,
        unit="ms",
    ),
)


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ((), 3),
        (("passed",), 0),
        (("passed", "undecided"), 3),
        (("violated", "undecided", "passed"), 1),
        (("violated", "passed"), 1),
    ],
)
def test_exit_codes(outcomes, code):
    assert result(*map(verdict, outcomes)).exit_code == code


def test_the_table_shows_points_with_signs_and_every_reason_below():
    table = gate_table(ALL)
    rows = [list(row) for row in table.texts]
    assert [row[0] for row in rows] == ["ok", "FAIL", "?", "?"]
    assert "-15.00" in rows[1]
    assert "[-20.00, -10.00]" in rows[1]
    assert "×1.3 worse" in rows[3]
    assert "13 ms" in rows[3]
    said = "\n".join(table.said)
    assert "FAIL a/b:accuracy drop<1pt: regressed: a drop of 15.00pt" in said
    assert "? a/b:accuracy drop<1pt: missing: the run has no a/b" in said
    assert table.heading == "gate failed: run against base, 4 rules: 1 violated, 2 undecided, 1 passed"


@pytest.mark.parametrize(("outcome", "shown"), [("passed", "within the limit"), ("violated", "misses the limit")])
def test_a_limit_that_no_baseline_tells_more_about_says_which_side_the_run_is_on(outcome, shown):
    limit = Verdict(
        rule(policy="absolute"), "not comparable", outcome, "within the budget of 1ms", None, 2.7, unit="ms"
    )
    table = gate_table(result(limit))
    assert table.texts[0][-1] == shown
    assert any(shown in note for note in table.said) == (outcome == "violated")


def test_a_reason_that_many_rules_share_is_said_once():
    many = result(*[verdict("undecided", "missing", "the run has no a/b", task=f"t{n}") for n in range(9)])
    (note,) = [note for note in gate_table(many).said if "missing" in note]
    assert note.startswith("? t0:accuracy drop<1pt; t1:")
    assert "and 6 more: missing: the run has no a/b" in note


def test_junit_has_a_test_for_each_rule():
    root = ET.fromstring(junit_xml(ALL))
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("4", "1", "2")
    cases = root.findall("./testsuite/testcase")
    assert [case.get("name") for case in cases][:2] == ["a/b:accuracy drop<1pt"] * 2
    assert [child.tag for case in cases for child in case] == ["system-out", "failure", "error", "error"]
    failure = root.find(".//failure")
    assert failure is not None
    assert failure.get("message") == "regressed: a drop of 15.00pt"
    assert "difference: -0.15" in str(failure.text)


def test_names_in_junit_do_not_depend_on_how_the_gate_ended():
    good, bad = result(verdict(), run="mymodel (a)"), result(verdict("violated", "regressed"), run="mymodel (b)")
    for each in (good, bad):
        suite = ET.fromstring(junit_xml(each)).find("testsuite")
        assert suite is not None
        assert suite.get("name") == "mmbench gate mymodel"
        assert suite.findtext("system-out") == each.headline


@pytest.mark.parametrize(
    ("policy", "word", "shown"),
    [
        ("absolute", "same", "misses the limit"),
        ("absolute", "within noise", "misses the limit"),
        ("absolute", "improved", "misses the limit"),
        ("absolute", "new", "misses the limit"),
        ("absolute", "newly failing", "newly failing"),
        ("absolute", "regressed", "regressed"),
        ("exact", "within noise", "changed"),
        ("exact", "improved", "changed"),
    ],
)
def test_a_rule_that_does_not_hold_never_reads_as_if_it_did(policy, word, shown):
    failed = Verdict(rule(policy=policy), word, "violated", "below the floor of 0.5")
    assert failed.shown == shown
    (row,) = gate_table(result(failed)).texts
    assert row[-1] == shown
    failure = ET.fromstring(junit_xml(result(failed))).find(".//failure")
    assert failure is not None
    assert failure.get("message") == f"{shown}: below the floor of 0.5"


@pytest.mark.parametrize(("factor", "shown"), [(1.0, "×1"), (1.0004, "×1"), (2.0, "×2 worse"), (0.5, "×2 better")])
def test_a_figure_that_is_the_same_is_neither_better_nor_worse(factor, shown):
    each = Verdict(rule(metric="latency_p50"), "within noise", "passed", "x", 10.0, 10.0, factor, scale=1.0, unit="ms")
    (row,) = gate_table(result(each)).texts
    assert shown in row


def hostile(text):
    return result(verdict("violated", "regressed", text, task=text), notes=(text,), run=text, baseline=text)


@given(st.text() | st.just(HOSTILE))
def test_any_text_is_legal_xml(text):
    root = ET.fromstring(junit_xml(hostile(text)))
    assert len(root.findall(".//failure")) == 1
    shown = root.find(".//testcase").get("classname")
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", shown)


def test_hostile_text_is_no_markup_in_markdown():
    text = summary_markdown(hostile(HOSTILE))
    assert "<script>" not in text
    assert "\x1b" not in text
    assert "\x00" not in text
    lines = text.splitlines()
    assert sum(line.startswith("#") for line in lines) == 1  # the headline alone
    (row,) = [line for line in lines if line.startswith("| FAIL")]
    bars = re.findall(r"(?<!\\)\|", row)
    (head,) = [line for line in lines if line.startswith("|") and "rule" in line and "FAIL" not in line]
    assert len(bars) == len(re.findall(r"(?<!\\)\|", head))
    assert "![](" not in text


def many(n):
    failing = [verdict("violated", "regressed", f"reason {k}", task=f"task/{k:05}", value=0.5) for k in range(n)]
    return result(*[verdict(task=f"fine/{k:05}", value=0.5) for k in range(n)], *failing)


def test_a_summary_fits_the_page_and_what_fails_comes_first():
    whole = summary_markdown(many(10), 10**9)
    assert whole.index("FAIL") < whole.index("| ok")
    assert SUMMARY_LIMIT == 1024 * 1024
    room = SUMMARY_LIMIT // 16
    text = summary_markdown(many(800), room)
    assert room * 0.95 < len(text.encode()) <= room
    assert "more rules are left out" in text
    assert "task/00000" in text
    assert text.startswith("## gate failed")


@pytest.mark.parametrize("room", [-5, 0, 50, 400, 3000])
def test_a_summary_is_never_longer_than_the_room_that_is_left(room):
    text = summary_markdown(many(40), room)
    assert len(text.encode()) <= max(room, 0)
    assert not text or text.endswith("\n")


def test_outputs_agree_with_each_other():
    document = json.loads(json.dumps(ALL.to_dict(), allow_nan=False))
    root = ET.fromstring(junit_xml(ALL))
    reasons = [each["reason"] for each in document["verdicts"] if each["outcome"] != "passed"]
    messages = [each.get("message") for each in [*root.iter("failure"), *root.iter("error")]]
    assert all(any(reason in message for message in messages) for reason in reasons)
    assert document["exit_code"] == ALL.exit_code


def test_the_table_of_a_plan():
    settings = Settings(tolerances=(1.0, 0.5), rules=3)
    table = plan_table(plan_rows([given_noise(0.1, None, 2.0)], settings), settings)
    assert [row[1] for row in table.texts] == ["1pt", "0.5pt"]
    assert "shared by 3 rules" in " ".join(table.said)
