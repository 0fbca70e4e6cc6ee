"""`mmbench.score`: a file of predictions, its samples, and what comes of them, in a world worked out by hand."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import scorable
from hypothesis import given
from hypothesis import strategies as st
from scorable import SAID, WORDS, write_json

import mmbench
from mmbench import registry
from mmbench.core import DataError, Metric, MetricId, NotComparableError, PluginError, ScoreTable, UsageError
from mmbench.metrics.evaluate import evaluate, unit_values
from mmbench.metrics.formulas import mean_metric, median_metric, ratio

STRICT = "accuracy(variant=strict)"


@pytest.fixture(autouse=True)
def _world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    scorable.install(tmp_path, monkeypatch)
    monkeypatch.chdir(tmp_path)
    write_json(tmp_path / "ref.json", WORDS)
    write_json(tmp_path / "said.json", SAID)
    yield
    registry.plugins.cache_clear()


def score(said: Any = None, task: str = "words", **options: Any) -> mmbench.ScoreResult:
    """Score these words; by default `SAID`, against the references where a family is named."""
    if said is not None:
        write_json(Path("said.json"), said)
    references = None if "tiny" in task else "ref.json"
    return mmbench.score(task, "said.json", references, **options)


def values(result: mmbench.ScoreResult) -> dict[str, float | None]:
    return {metric.id: metric.value for metric in result.metrics}


# --- values ---


def test_a_family_scores_against_references(capsys):
    result = score()
    assert (result.task, result.name) == ("words", "words/ref")
    # cat and zebra are right; 12 of the 15 letters said stand in their place; lengths 3, 5, 2, 5
    assert values(result) == {STRICT: 0.5, "overlap": 12 / 15, "median_length": 4.0, "found": 12 / 15}
    assert [metric.n for metric in result.metrics] == [4, 4, 4, 15]
    assert result.metrics[0].low < 0.5 < result.metrics[0].high
    assert result.coverage == type(result.coverage)(samples=4, predicted=4, unknown=0)
    assert {label: found[0].value for label, found in result.slices["kind"].items()} == {"long": 0.5, "short": 0.5}
    assert result.primary == (STRICT,)
    assert list(result.tables) == ["sample", "letter"]
    assert result.notes == ("The words are old.", "Their letters too.")
    assert result.exit_code == 0
    assert capsys.readouterr().err == ""


@pytest.mark.slow
def test_a_registered_task_brings_its_references_and_a_file_may_hold_a_task_or_a_family(tmp_path):
    scorable.write_source(tmp_path, "words.py")
    expected = values(score())
    assert values(score(task="words/tiny")) == expected
    assert values(score(task="words.py:tiny")) == expected
    assert values(mmbench.score("words.py:Words", "said.json")) == expected
    for family in ("words.py", "words.py:family", "words.py:Family"):
        assert values(score(task=family)) == expected, family


def test_the_values_are_those_of_a_run(tmp_path):
    class Says:
        def generate(self, requests):
            return [SAID[request.sample_id] for request in requests]

    run = mmbench.run(Says(), "words/tiny", out=tmp_path / "runs", progress=False)
    assert [row.metric for row in run.rows()] == list(score(task="words/tiny").metrics)


def test_options_pick_a_convention():
    result = score(options={"variant": "loose"})
    assert values(result)["accuracy(variant=loose)"] == 0.75
    assert score(task="words/tiny", options={"variant": "loose"}).metrics[0].value == 0.75


def test_the_order_of_the_file_changes_nothing():
    assert score(dict(reversed(SAID.items()))).to_dict() == score(SAID).to_dict()


def test_the_document_has_plain_values_alone():
    document = score(task="words/tiny").to_dict()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert set(document) == {"task", "name", "metrics", "slices", "coverage", "notes"}
    assert document["metrics"][0].items() >= {"id": STRICT, "value": 0.5, "n": 4, "primary": True}.items()
    assert document["coverage"] == {"samples": 4, "predicted": 4, "unknown": 0}
    assert document["notes"] == []


# --- what fits what ---


def test_missing_and_unknown_samples_are_counted_and_named():
    with pytest.raises(NotComparableError) as caught:
        score({"one": "cat", "four": "zebra", "5": "emu", "6": "eel"})
    text = str(caught.value)
    assert "2 of 4 samples have no prediction: two, three\n" in text
    assert "2 of 4 predictions are for unknown ids: 5, 6\n" in text
    assert "--partial scores the 2 samples that have a prediction" in text
    assert caught.value.exit_code == 3


def test_ten_of_many_are_named():
    with pytest.raises(NotComparableError, match="unknown ids: x0, x1, x2, x3, x4, x5, x6, x7, x8, x9 and 21 more"):
        score({**SAID, **{f"x{n}": "?" for n in range(31)}})


def test_partial_scores_exactly_what_has_a_prediction():
    result = score({"one": "cat", "three": "cow", "5": "emu"}, partial=True)
    assert (result.coverage.samples, result.coverage.predicted, result.coverage.unknown) == (4, 2, 1)
    assert list(result.tables["sample"].unit_ids) == ["one", "three"]
    assert values(result)[STRICT] == 0.5
    assert {metric.coverage for metric in result.metrics} == {0.5}
    assert result.metrics[0].value_failed_as_zero is None
    assert set(result.slices["kind"]) == {"short"}  # all short words have a prediction, no long one has
    assert result.slices["kind"]["short"][0].coverage == 1.0
    assert result.exit_code == 0


def test_partial_without_a_gap_is_the_whole():
    assert score(SAID, partial=True).to_dict() == score(SAID).to_dict()


@pytest.mark.parametrize("partial", [False, True])
def test_no_prediction_at_all_says_what_ids_look_like(partial):
    with pytest.raises(NotComparableError, match=r"they are for 1, 2\. Its samples are one, two, three, four"):
        score({"1": "cat", "2": "ox"}, partial=partial)
    with pytest.raises(NotComparableError, match=r"no sample of words/ref has a prediction\. Its samples"):
        score({}, partial=partial)


@pytest.mark.parametrize(("given", "said"), [(["horse", "house"], "have 2"), ([], "have 0")])
def test_a_sample_needs_one_answer_for_each_request(given, said):
    with pytest.raises(NotComparableError, match=f"sample two of words/ref takes 1 answer; the predictions {said} for"):
        score({**SAID, "two": given})


def test_ids_that_cannot_be_printed_are_escaped():
    with pytest.raises(NotComparableError, match=r"unknown ids: a b, \\ud800"):
        score({**SAID, "a\nb": "?", "\ud800": "?"})


# --- each sample ---


def test_each_unit_has_the_value_of_each_formula(tmp_path):
    result = score({**SAID, "two": "?", "four": "zebra!"}, task="words/tiny")
    result.write_per_sample(tmp_path / "each.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "each.jsonl").read_text(encoding="utf-8").splitlines()]
    assert rows == list(result.per_sample())
    assert rows[:4] == [
        {"id": "one", "values": {STRICT: 1.0, "overlap": 1.0}},
        {"id": "two", "values": {STRICT: 0.0, "overlap": 0.0}, "status": "unparsed"},
        {"id": "three", "values": {STRICT: 0.0, "overlap": 0.0}},
        {"id": "four", "values": {STRICT: 0.0, "overlap": 5 / 6}},
    ]
    assert rows[4] == {"id": "one/0", "unit": "letter", "values": {"found": 1.0}}
    assert rows[-1] == {
        "id": "four/4",
        "unit": "letter",
        "values": {"found": None},
        "status": "error",
        "explanation": "shouted",
    }
    assert len(rows) == 4 + 15
    assert result.exit_code == 4  # five letters could not be scored


def test_a_value_that_is_undefined_for_a_unit_is_null():
    rows = list(score({**SAID, "two": ""}, task="words/tiny").per_sample())
    assert rows[1] == {"id": "two", "values": {STRICT: 0.0, "overlap": None}}


columns = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20)


@pytest.mark.slow
@given(columns)
def test_for_a_mean_the_values_of_units_are_their_scores_and_average_to_the_metric(scores):
    metric = mean_metric("m", "sample", "x", bounds=(None, None))
    ids = [str(n) for n in range(len(scores))]
    table = ScoreTable("sample", ids, ids, ["scored"] * len(ids), {"x": scores})
    found = unit_values(metric, table)
    assert found.tolist() == scores
    assert math.isclose(math.fsum(found) / len(scores), evaluate(metric, table).value, rel_tol=1e-9, abs_tol=1e-9)


@pytest.mark.slow
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=9))
def test_a_unit_by_itself_has_the_value_that_evaluate_gives_it_alone(rows):
    metric = Metric(MetricId.parse("m"), "sample", ("x", "y"), formula=ratio, bounds=(None, None))
    for value, (x, y) in zip(unit_values(metric, _table(rows)), rows, strict=True):
        alone = evaluate(metric, _table([(x, y)])).value
        assert value == alone or (alone is None and math.isnan(value))


def _table(rows) -> ScoreTable:
    ids = [str(n) for n in range(len(rows))]
    columns = {"x": [float(x) for x, _ in rows], "y": [float(y) for _, y in rows]}
    return ScoreTable("sample", ids, ids, ["scored"] * len(ids), columns)


def test_a_median_has_no_value_for_a_unit():
    with pytest.raises(ValueError, match="median has no value for a single unit"):
        unit_values(median_metric("median", "sample", "x"), _table([(1.0, 1.0)]))


# --- names and files ---


@pytest.mark.parametrize(
    ("task", "error", "words"),
    [
        ("wrods", UsageError, "unknown task 'wrods'. Did you mean 'words'"),
        ("words/small", UsageError, "For references of your own: --task words --references FILE"),
        ("nobody/small", UsageError, "See: mmbench list tasks"),
        ("silent", UsageError, "task 'silent' reads no files of predictions.*--model replay"),
        ("silent/tiny", UsageError, "task 'silent/tiny' reads no files of predictions"),
        ("nothing.py", PluginError, "there is no file nothing.py"),
        ("empty.py", PluginError, "neither 'task' nor 'family'"),
        ("empty.py:X", UsageError, "unknown attribute of empty.py 'X'"),
        ("empty.py:number", PluginError, "is not a task"),
        ("empty.py:Fails", PluginError, "'empty.py:Fails' cannot be built: ZeroDivisionError"),
        ("empty.py:Bad", PluginError, "failed to read said.json and ref.json: KeyError: 'x'.*empty.py, line"),
    ],
)
def test_wrong_names_and_plug_ins_are_said(task, error, words):
    Path("empty.py").write_text(
        "number = 3\nclass Fails:\n    def __init__(self): 1 / 0\n"
        "class Bad:\n    default = name = None\n    def from_data(self): ...\n"
        "    def open_predictions(self, predictions, references, task): return {}['x']\n",
        encoding="utf-8",
    )
    with pytest.raises(error, match=words):
        mmbench.score(task, "said.json", "ref.json")


def test_references_beside_a_task_that_has_its_own_are_refused():
    with pytest.raises(UsageError, match=r"'words/tiny' has references of its own.*--task words"):
        mmbench.score("words/tiny", "said.json", "ref.json")


def test_files_that_are_none_are_said(tmp_path):
    (tmp_path / "empty.json").touch()
    for predictions, references, error, words in (
        ("none.json", "ref.json", UsageError, "--predictions none.json: there is no such file"),
        ("said.json", "none.json", UsageError, "--references none.json: there is no such file"),
        ("empty.json", "ref.json", DataError, "--predictions empty.json is empty"),
        (".", "ref.json", DataError, "--predictions . is a folder"),
        ("a\0b", "ref.json", UsageError, "cannot be read|no such file"),
        ("said.json", None, UsageError, "--task words needs --references FILE"),
    ):
        with pytest.raises(error, match=words):
            mmbench.score("words", predictions, references)


def test_options_that_a_task_does_not_have_are_refused(monkeypatch):
    with pytest.raises(UsageError, match="no variant 'fat'"):
        score(options={"variant": "fat"})
    import words_plugin

    monkeypatch.delattr(words_plugin.Words, "with_options")
    with pytest.raises(UsageError, match="task 'words/ref' takes no options; got variant"):
        score(options={"variant": "loose"})


def test_data_that_a_task_has_twice_or_not_at_all_are_refused(monkeypatch):
    import words_plugin

    monkeypatch.setattr(words_plugin.Words, "samples", lambda self, split="test": [])
    with pytest.raises(DataError, match="words/ref has no samples"):
        score()


def test_notes_may_be_one_sentence_and_notes_that_fail_are_the_plug_in_s(monkeypatch):
    import words_plugin

    monkeypatch.setattr(words_plugin.Noted, "notes", "Old.")
    assert score().notes == ("Old.",)
    monkeypatch.setattr(words_plugin.Noted, "notes", 3)
    with pytest.raises(PluginError, match="task 'words/ref' failed to say what must be known"):
        score()


def test_a_family_that_gives_a_text_where_outputs_belong_is_told(monkeypatch):
    import words_plugin

    from mmbench.core import Predicted

    monkeypatch.setattr(
        words_plugin.Family, "open_predictions", lambda self, *paths: Predicted(words_plugin.tiny, dict(SAID))
    )
    with pytest.raises(PluginError, match="the outputs for sample 'one' are a text"):
        score()
