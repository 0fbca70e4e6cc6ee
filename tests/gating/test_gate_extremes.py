"""Verdicts beside the bounds of truncated, unparsed, refused and failed answers."""

from xml.etree import ElementTree as ET

import pytest
from stored import TASK, score_table, write_run

from mmbench.gating.judge import gate
from mmbench.gating.rules import parse_requirement
from mmbench.reporting.gate import gate_table, summary_markdown
from mmbench.reporting.junit import junit_xml
from mmbench.reporting.verdict_words import gate_document
from mmbench.results.find import load_run

NAME = f"{TASK}:accuracy"


def right(n, of=200):
    return [1.0] * n + [0.0] * (of - n)


def unclear(status, first, last):
    return {f"s{n}": status for n in range(first, last)}


def judged(out, before, after, *rules):
    for name, table in (("before", before), ("after", after)):
        write_run(out, name, {TASK: [table]})
    return gate([load_run("after", out)], [load_run("before", out)], [parse_requirement(rule) for rule in rules])


def only(result):
    (verdict,) = result.verdicts
    return verdict.outcome, verdict.at_bound


def test_answers_that_were_all_scored_leave_no_doubt(tmp_path):
    result = judged(tmp_path, score_table(right(150)), score_table(right(149)))
    assert only(result) == ("passed", None)
    assert result.verdicts[0].bound_low is None


@pytest.mark.parametrize("status", ["truncated", "unparsed", "refused"])
def test_a_pass_that_wrong_answers_of_the_baseline_give_is_in_doubt(tmp_path, status):
    before = score_table(right(100), status=unclear(status, 150, 200))
    result = judged(tmp_path, before, score_table(right(100)))
    assert only(result) == ("passed", "violated")
    verdict = result.verdicts[0]
    assert (verdict.bound_low, verdict.bound_high) == (pytest.approx(-0.25), 0.0)
    assert result.exit_code == 0


def test_a_violation_that_unparsed_answers_of_the_run_make_is_in_doubt(tmp_path):
    after = score_table(right(100), status=unclear("unparsed", 100, 150))
    result = judged(tmp_path, score_table(right(150)), after)
    assert only(result) == ("violated", "passed")
    few = score_table(right(100), status=unclear("unparsed", 100, 102))
    assert only(judged(tmp_path / "few", score_table(right(150)), few)) == ("violated", None)


def test_a_margin_that_holds_for_what_was_found_alone_is_in_doubt(tmp_path):
    before = score_table(right(100), status=unclear("refused", 180, 200))
    result = judged(tmp_path, before, score_table(right(101)), f"{NAME} non-inferiority drop<4pt")
    assert only(result) == ("passed", "violated")


def test_failures_of_the_baseline_count_too(tmp_path):
    before = score_table([*right(180, 180), *[None] * 20])
    result = judged(tmp_path, before, score_table(right(180)))
    assert only(result) == ("passed", "violated")
    assert result.verdicts[0].bound_low == pytest.approx(-0.1)


@pytest.mark.parametrize(("limit", "expected"), [("0.50", None), ("0.45", None), ("0.60", "passed"), ("0.80", None)])
def test_limits_are_held_against_the_bounds_of_the_value(tmp_path, limit, expected):
    after = score_table(right(100), status={**unclear("truncated", 90, 110), **unclear("unparsed", 190, 200)})
    write_run(tmp_path, "after", {TASK: [after]})
    result = gate([load_run("after", tmp_path)], [], [parse_requirement(f"{NAME} >= {limit}")])
    verdict = result.verdicts[0]
    assert (verdict.bound_low, verdict.bound_high) == (0.45, 0.6)
    assert verdict.at_bound == ("violated" if limit == "0.50" else expected)


def test_a_limit_that_failures_leave_undecided_has_bounds_too(tmp_path):
    write_run(tmp_path, "after", {TASK: [score_table([*right(90, 180), *[None] * 20])]})
    result = gate([load_run("after", tmp_path)], [], [parse_requirement(f"{NAME} >= 0.4")])
    assert (only(result), result.verdicts[0].reason) == (("undecided", None), "samples_failed")
    assert (result.verdicts[0].bound_low, result.verdicts[0].bound_high) == (0.45, 0.55)


def test_every_output_has_the_bounds_and_the_doubt(tmp_path):
    before = score_table(right(100), status=unclear("unparsed", 150, 200))
    result = judged(tmp_path, before, score_table(right(100)))
    (found,) = gate_document(result)["verdicts"]
    fields = {name: found[name] for name in ("bound_low", "bound_high", "overturned", "outcome_at_bound")}
    assert fields == {
        "bound_low": pytest.approx(-0.25),
        "bound_high": 0.0,
        "overturned": True,
        "outcome_at_bound": "violated",
    }
    table = gate_table(result)
    assert table.texts[0][[column.title for column in table.columns].index("bounds")] == "[-25.00, +0.00]"
    markdown = summary_markdown(result)
    case = ET.fromstring(junit_xml(result)).find(".//testcase/system-out")
    for text in (table.texts[0][-1], " ".join(table.said), markdown, found["reason"], case.text):
        assert "in doubt" in text
    assert "[-25.00, +0.00]" in markdown
    assert "bound_low: -0.25" in case.text
