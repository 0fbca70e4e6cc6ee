"""What the gate writes: a table, Markdown and XML from one model, whatever names and reasons hold."""

import json
import re
from dataclasses import replace
from typing import get_args
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmbench.gating.amounts import PERF_METRICS, Amount
from mmbench.gating.plan import PlanSettings, given_noise, plan_rows
from mmbench.gating.preconditions import RuleCheck
from mmbench.gating.rules import Rule
from mmbench.gating.verdicts import GateResult, ReasonCode, Verdict
from mmbench.reporting.gate import SUMMARY_LIMIT, gate_table, plan_table, summary_markdown
from mmbench.reporting.junit import junit_xml
from mmbench.reporting.verdict_words import gate_document, gate_notes, headline, points, reason_text, verdict_text

HOSTILE = "a|b\n\n# <script>alert(1)</script> `x` ![](http://h/x.png) ]]> & \x00\x1b[31m\u202e\ud800\ufffe \"q\" 'p' \\"


def check(task="a/b", metric="accuracy", policy="regression", threshold=0.01):
    perf = PERF_METRICS.get(metric)
    rule = Rule(task, metric, policy, Amount(1.0, "points", "1pt"), 0.05, "<")
    return RuleCheck(rule, perf, perf is None, 100.0 if perf is None else 1.0, threshold)


def verdict(outcome="passed", word="same", reason="unchanged", details=None, task="a/b", **numbers):
    return Verdict(check(task), word, outcome, reason, details or {}, **numbers)


def result(*verdicts, run="run", baseline="base"):
    return GateResult(run, baseline, verdicts, "mymodel")


RUN = {"side": "run"}
DROPPED = {"baseline": 0.75, "value": 0.6, "difference": -0.15, "low": -0.2, "high": -0.1}
ALL = result(
    verdict(baseline=0.75, value=0.75, difference=0.0, n=200, p_value=1.0, smallest=0.0),
    verdict("violated", "regressed", "drop_beyond_tolerance", **DROPPED),
    verdict("undecided", "missing", "no_task", RUN),
    Verdict(
        check(metric="latency_p50", threshold=1.2),
        "not comparable",
        "undecided",
        "other_machine",
        {"machine": {"cpus": (1, 64)}},
        baseline=10.0,
        value=13.0,
        difference=1.3,
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
    assert "FAIL a/b:accuracy drop<1pt: regressed: a drop of 15.00pt, more than 1.00pt and significant" in said
    assert "? a/b:accuracy drop<1pt: missing: the run has no a/b" in said
    assert table.heading == "gate failed: run against base, 4 rules: 1 violated, 2 undecided, 1 passed"


@pytest.mark.parametrize(("outcome", "shown"), [("passed", "within the limit"), ("violated", "misses the limit")])
def test_a_limit_that_no_baseline_tells_more_about_says_which_side_the_run_is_on(outcome, shown):
    limit = Verdict(check(metric="latency_p50", policy="absolute"), "not comparable", outcome, "limit_kept", value=2.7)
    table = gate_table(result(limit))
    assert table.texts[0][-1] == shown
    assert any(shown in note for note in table.said) == (outcome == "violated")


def test_a_reason_that_many_rules_share_is_said_once():
    many = result(*[verdict("undecided", "missing", "nothing_in_common", task=f"t{n}") for n in range(9)])
    (note,) = [note for note in gate_table(many).said if "missing" in note]
    assert note.startswith("? t0:accuracy drop<1pt; t1:")
    assert "and 6 more: missing: the two runs have no values in common" in note


def test_junit_has_a_test_for_each_rule():
    root = ET.fromstring(junit_xml(ALL))
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("4", "1", "2")
    cases = root.findall("./testsuite/testcase")
    assert [case.get("name") for case in cases][:2] == ["a/b:accuracy drop<1pt"] * 2
    assert [child.tag for case in cases for child in case] == ["system-out", "failure", "error", "error"]
    failure = root.find(".//failure")
    assert failure is not None
    assert failure.get("message") == f"regressed: {reason_text(ALL.verdicts[1])}"
    assert "difference: -0.15" in str(failure.text)


def test_names_in_junit_do_not_depend_on_how_the_gate_ended():
    good, bad = result(verdict(), run="mymodel (a)"), result(verdict("violated", "regressed"), run="mymodel (b)")
    for each in (good, bad):
        suite = ET.fromstring(junit_xml(each)).find("testsuite")
        assert suite is not None
        assert suite.get("name") == "mmbench gate mymodel"
        assert suite.findtext("system-out") == headline(each)


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
    failed = Verdict(check(policy=policy), word, "violated", "limit_missed")
    assert verdict_text(failed) == shown
    (row,) = gate_table(result(failed)).texts
    assert row[-1] == shown
    failure = ET.fromstring(junit_xml(result(failed))).find(".//failure")
    assert failure is not None
    assert failure.get("message") == f"{shown}: below the floor of 1pt"


@pytest.mark.parametrize(("factor", "shown"), [(1.0, "×1"), (1.0004, "×1"), (2.0, "×2 worse"), (0.5, "×2 better")])
def test_a_figure_that_is_the_same_is_neither_better_nor_worse(factor, shown):
    each = Verdict(check(metric="latency_p50"), "within noise", "passed", "faster", {}, 10.0, 10.0, factor)
    (row,) = gate_table(result(each)).texts
    assert shown in row


def hostile(text):
    return result(verdict("violated", "regressed", "untestable", {"why": text}, text), run=text, baseline=text)


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
    failing = [
        verdict("violated", "regressed", "untestable", {"why": f"reason {k}"}, f"task/{k:05}", value=0.5)
        for k in range(n)
    ]
    return result(*[verdict(task=f"fine/{k:05}", value=0.5) for k in range(n)], *failing)


@pytest.mark.slow
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
    document = json.loads(json.dumps(gate_document(ALL), allow_nan=False))
    root = ET.fromstring(junit_xml(ALL))
    reasons = [each["reason"] for each in document["verdicts"] if each["outcome"] != "passed"]
    messages = [each.get("message") for each in [*root.iter("failure"), *root.iter("error")]]
    assert all(any(reason in message for message in messages) for reason in reasons)
    assert document["exit_code"] == ALL.exit_code


def test_every_reason_has_a_sentence_in_which_every_amount_is_filled_in():
    details = {
        "side": "baseline",
        "why": "why",
        "status": "failed",
        "differences": ["data"],
        "machine": {"cpus": (1, 64)},
    }
    counts = dict.fromkeys(
        ("changed", "of", "samples", "repeats", "baseline_repeats", "needed", "clusters", "pairs"), 3
    )
    for reason in get_args(ReasonCode):
        text = reason_text(
            verdict(reason=reason, details={**details, **counts, "conditions": ["1", "8"]}, difference=1.0)
        )
        assert text.strip()
        assert "{" not in text, reason


def test_the_drop_of_a_rank_is_called_a_rise():
    rank = replace(check(threshold=0.0), higher_is_better=False, scale=1.0)
    assert (
        reason_text(Verdict(rank, "regressed", "violated", "drop", difference=150.0)) == "a rise of 150.00, significant"
    )
    assert points(0.0123, 100.0) == "1.23pt"


def test_notes_say_what_stands_beside_the_verdicts():
    plain = result(verdict(p_value=0.5))
    assert gate_notes(plain) == []
    default = replace(check(), given=False)
    assert len(gate_notes(replace(plain, verdicts=[replace(verdict(), check=default)]))) == 1
    assert len(gate_notes(replace(plain, verdicts=[verdict(), replace(verdict(), check=default)]))) == 1
    assert len(gate_notes(replace(plain, verdicts=[verdict(p_value=0.5)] * 3))) == 1
    assert len(gate_notes(replace(plain, repeats=(3, 3)))) == 1


def test_the_table_of_a_plan():
    settings = PlanSettings(tolerances=(1.0, 0.5), rules=3)
    table = plan_table(plan_rows([given_noise(0.1, None, 2.0)], settings), settings)
    assert [row[1] for row in table.texts] == ["1pt", "0.5pt"]
    assert "shared by 3 rules" in " ".join(table.said)
