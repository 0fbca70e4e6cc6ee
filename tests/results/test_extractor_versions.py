"""Results that an earlier version of an extractor scored, beside those of today."""

import dataclasses
from pathlib import Path

import msgspec
import pytest

import mmbench
from mmbench.analysis.joins import mismatches
from mmbench.extract import extractor_named, version_of_today
from mmbench.results.run import TaskResult

REFERENCE = Path(__file__).parents[2] / "results" / "reference"


@pytest.fixture
def before() -> TaskResult:
    """Scores that version 1 of ``exact`` gave."""
    return mmbench.load_run(REFERENCE / "random-seed0.json").tasks["vqa/scenes"]


def test_an_earlier_version_counts_as_todays_where_that_finds_all_that_it_found() -> None:
    assert version_of_today("exact-v1") == str(extractor_named("exact"))
    assert version_of_today("mention-v1") == "mention-v1"
    assert version_of_today("of-somebody-v1") == "of-somebody-v1"


def test_a_baseline_in_which_every_output_held_an_answer_compares_with_todays_scores(before: TaskResult) -> None:
    assert before.comparability_key["extractor"] == str(extractor_named("exact"))
    assert mismatches(before, before) == []


def test_a_result_with_outputs_without_an_answer_keeps_the_version_that_read_them(before: TaskResult) -> None:
    assert before.scores is not None
    values = [dataclasses.replace(value, n_unparsed=3) for value in before.scores.metrics]
    some = dataclasses.replace(before, scores=msgspec.structs.replace(before.scores, metrics=values))
    assert some.comparability_key["extractor"] == "exact-v1"
    assert mismatches(some, before) == []  # both were read by version 1
    plan = before.store.plan()
    assert plan is not None
    scored_by = {**plan.former_scoring, "extractor": str(extractor_named("exact"))}
    today = dataclasses.replace(before, entry=msgspec.structs.replace(before.entry, scored_by=scored_by))
    assert [each.field for each in mismatches(some, today)] == ["extractor"]
    assert mismatches(before, today) == []
