"""``mmbench score``: the table, the document, a line a sample; what is refused, and how."""

import gzip
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import scorable
from helpers import Ended, mmbench
from scorable import SAID, WORDS, write_json

from mmbench import registry
from mmbench.core.score_table import MetricValue
from mmbench.reporting.predictions import MOST_LABELS, scored_tables

WHOLE = ("score", "--task", "words", "--references", "ref.json", "--predictions", "said.json")
TINY = ("score", "--task", "words/tiny", "--predictions", "said.json")


@pytest.fixture(autouse=True)
def _world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    scorable.install(tmp_path, monkeypatch)
    write_json(tmp_path / "ref.json", WORDS)
    write_json(tmp_path / "said.json", SAID)
    yield
    registry.plugins.cache_clear()


# --- what it prints ---


def test_a_table_has_every_metric_with_its_interval_and_the_slices_below(call: Callable[..., Ended]) -> None:
    ended = call(*WHOLE)
    assert ended.code == 0, ended.err
    rows = [line.split() for line in ended.out.splitlines() if line.strip()]
    assert rows[1:3] == [["words/ref:", "4", "samples"], ["metric", "value", "95", "%", "interval", "n"]]
    assert [(row[0], row[1], row[-1]) for row in rows[4:8]] == [
        ("accuracy(variant=strict)", "50.0", "4"),
        ("overlap", "80.0", "4"),
        ("median_length", "4.00", "4"),  # no per cent
        ("found", "80.0", "15"),
    ]
    slices = rows.index(["words/ref", "by", "kind:", "accuracy(variant=strict)"])
    assert rows[slices + 1] == ["kind", "value", "95", "%", "interval", "n"]
    assert [row[:2] for row in rows[slices + 3 : slices + 5]] == [["long", "50.0"], ["short", "50.0"]]


def test_notes_and_progress_go_to_stderr(call: Callable[..., Ended]) -> None:
    ended = call(*WHOLE)
    assert ended.err.splitlines() == [
        "words/ref: 4 of 4 samples have a prediction",
        "note: The words are old.",
        "note: Their letters too.",
    ]
    assert call(*WHOLE, "-q").err.splitlines() == ended.err.splitlines()[1:]


def test_json_is_one_document_whatever_the_task_prints(call: Callable[..., Ended]) -> None:
    ended = call(*WHOLE, "--json")
    assert ended.code == 0
    assert "loud" in ended.err
    document = ended.document()
    assert document["task"] == "words"
    assert document["name"] == "words/ref"
    assert [(metric["id"], metric["value"], metric["n"]) for metric in document["metrics"]] == [
        ("accuracy(variant=strict)", 0.5, 4),
        ("overlap", 0.8, 4),
        ("median_length", 4.0, 4),
        ("found", 0.8, 15),
    ]
    assert all(metric["low"] <= metric["value"] <= metric["high"] for metric in document["metrics"])
    assert document["coverage"] == {"samples": 4, "predicted": 4, "unknown": 0}
    assert document["notes"] == ["The words are old.", "Their letters too."]


def test_set_picks_a_convention(call: Callable[..., Ended]) -> None:
    (first, *_) = call(*WHOLE, "--set", "variant=loose", "--json").document()["metrics"]
    assert (first["id"], first["value"]) == ("accuracy(variant=loose)", 0.75)


def test_interval_bootstraps_every_metric(call: Callable[..., Ended]) -> None:
    mean = "accuracy(variant=strict)"
    methods = {metric["id"]: metric["method"] for metric in call(*WHOLE, "--json").document()["metrics"]}
    assert methods[mean] == "cluster-score"
    for kind, name in (("bca", "cluster-bootstrap-bca"), ("percentile", "cluster-bootstrap")):
        metrics = {metric["id"]: metric for metric in call(*WHOLE, "--interval", kind, "--json").document()["metrics"]}
        assert metrics[mean]["method"] == f"{name}(resamples=2000,seed=0)"
        assert metrics[mean]["low"] < metrics[mean]["value"] < metrics[mean]["high"]
        assert all(metric["low"] is not None or metric["reason"] for metric in metrics.values())
    call(*WHOLE, "--interval", "bcaa").refused(2, "'bcaa' is not one of 'standard', 'percentile', 'bca'")


def test_what_does_not_fit_is_refused_and_partial_prints_the_coverage(
    call: Callable[..., Ended], tmp_path: Path
) -> None:
    write_json(tmp_path / "said.json", {"one": "cat", "two": "?", "five": "emu"})
    call(*WHOLE).refused(
        3,
        "2 of 4 samples have no prediction: three, four",
        "1 of 3 predictions are for unknown ids: five",
        "--partial scores the 2 samples",
    )
    ended = call(*WHOLE, "--partial")
    assert ended.code == 0, ended.err
    assert "words/ref: 2 of 4 samples, 50.00 %; predictions for unknown ids that were ignored: 1" in ended.out
    assert "1 of 2 outputs hold no answer (unparsed) and score 0; look at one with --per-sample FILE" in ended.out
    assert "coverage" in ended.out
    document = call(*WHOLE, "--partial", "--json").document()
    assert document["coverage"] == {"samples": 4, "predicted": 2, "unknown": 1}
    assert {metric["coverage"] for metric in document["metrics"]} == {0.5}
    (tmp_path / "mmbench.toml").write_text("[score]\npartial = true\nset = ['variant=loose']\n", encoding="utf-8")
    assert call(*WHOLE).code == 0


def test_what_could_not_be_scored_is_told_and_exits_with_4(call: Callable[..., Ended], tmp_path: Path) -> None:
    write_json(tmp_path / "said.json", {**SAID, "four": "zebra!"})
    ended = call(*TINY)
    assert ended.code == 4
    assert "5 of 15 units of letter could not be scored; four/0: shouted" in ended.out
    assert call(*TINY, "--json").document()["metrics"][3]["n_failed"] == 5


# --- each sample ---


def test_per_sample_writes_a_line_for_each_unit(call: Callable[..., Ended], tmp_path: Path) -> None:
    ended = call(*WHOLE, "--per-sample", "each.jsonl")
    assert ended.code == 0, ended.err
    lines = (tmp_path / "each.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[0]) == {"id": "one", "values": {"accuracy(variant=strict)": 1.0, "overlap": 1.0}}
    assert len(lines) == 4 + 15
    before = ended.out
    assert call(*WHOLE, "--per-sample", "each.jsonl").out == before  # it may be replaced


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("nowhere/each.jsonl", "there is no folder nowhere"),
        (".", "is there already and is no file"),
        (os.devnull, "is there already and is no file"),
        ("said.json", "would replace a file that is read"),
        ("./strangers/../ref.json", "would replace a file that is read"),
        ("link", "would replace a file that is read"),
    ],
)
def test_a_place_where_nothing_can_be_written_is_refused_before_anything_is_read(
    call: Callable[..., Ended], tmp_path: Path, path: str, words: str
) -> None:
    (tmp_path / "link").symlink_to("said.json")
    call(*WHOLE, "--per-sample", path).refused(2, words)
    assert json.loads((tmp_path / "said.json").read_text()) == SAID


@pytest.mark.slow
def test_a_full_disk_is_a_sentence_and_the_values_are_printed(tmp_path: Path) -> None:
    scorable.write_source(tmp_path, "words.py")

    (tmp_path / "each.jsonl").write_text("old", encoding="utf-8")
    limited = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))\n"
    )
    (tmp_path / "limited.py").write_text(limited + "from words import *\n", encoding="utf-8")
    arguments = ["score", "--task", "limited.py:tiny", "--predictions", "said.json", "--per-sample", "each.jsonl"]
    ended = mmbench(*arguments, folder=tmp_path, PYTHONDONTWRITEBYTECODE="1")
    ended.refused(4, "no space left to write each.jsonl")
    assert "accuracy(variant=strict)" in ended.out
    assert (tmp_path / "each.jsonl").read_text() == "old"
    assert not list(tmp_path.glob(".each*"))


# --- options and bad input ---


def test_options_have_variables_and_keys_in_the_file(call: Callable[..., Ended], tmp_path: Path) -> None:
    (tmp_path / "mmbench.toml").write_text(
        '[score]\ntask = "words"\nreferences = "ref.json"\npredictions = "none.json"\nset = "variant=loose"\n'
        'per-sample = "each.jsonl"\njson = true\n',
        encoding="utf-8",
    )
    ended = call("score", MMBENCH_SCORE_PREDICTIONS="said.json")
    assert ended.code == 0, ended.err
    assert ended.document()["metrics"][0]["id"] == "accuracy(variant=loose)"
    assert (tmp_path / "each.jsonl").is_file()


def test_help_shows_examples_formats_and_exit_codes(call: Callable[..., Ended]) -> None:
    shown = call("score", "--help")
    assert shown.code == 0
    for words in ("mmbench score --task captioning", "variant=official-2021", "text_image_index", "samples do not fit"):
        assert words in shown.out
    assert "score" in call("--help").out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["Missing option '--predictions'"]),
        (["-p", "said.json"], ["name one task: --task T"]),
        (["--task", "words,silent", "-p", "said.json"], ["name one task: --task T; got words, silent"]),
        (["--task", "wrods", "-p", "said.json"], ["unknown task 'wrods'. Did you mean 'words'?"]),
        (["--task", "words", "-p", "said.json"], ["--task words needs --references FILE"]),
        ([*TINY[1:], "-r", "ref.json"], ["has references of its own", "--task words"]),
        ([*TINY[1:], "--set", "variant"], ["--set 'variant': expected K=V"]),
        ([*TINY[1:], "--set", "variant=fat"], ["no variant 'fat'"]),
        ([*TINY[1:], "--refrences", "x"], ["No such option", "--references"]),
        (["--task", "words", "-r", "none.json", "-p", "said.json"], ["--references none.json: there is no such file"]),
        (["--task", "words/tiny", "-p", "empty.json"], ["--predictions empty.json is empty"]),
        (["--task", "words/tiny", "-p", "strangers"], ["--predictions strangers is a folder; expected a file"]),
        (["--task", "words/tiny", "-p", "torn.json"], ["torn.json is no JSON"]),
        (["--task", "words/tiny", "-p", "list.json"], ["list.json: expected an object"]),
        (["--task", "silent", "-p", "said.json"], ["'silent' reads no files of predictions", "replay"]),
    ],
)
def test_wrong_input_is_refused_in_a_sentence(
    call: Callable[..., Ended], tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    (tmp_path / "empty.json").touch()
    (tmp_path / "torn.json").write_text('{"one": "ca', encoding="utf-8")
    write_json(tmp_path / "list.json", [])
    ended = call("score", *arguments)
    ended.refused(2, *words)
    assert ended.out == ""


# --- the families of this package, on real files ---


def values_of(ended: Ended) -> dict[str, float]:
    assert ended.code == 0, ended.err
    return {metric["id"]: metric["value"] for metric in ended.document()["metrics"]}


@pytest.mark.slow
def test_captions_get_what_the_official_scorer_gives_them(
    call: Callable[..., Ended], tmp_path: Path, shared_data: Path
) -> None:
    arguments = ["score", "--task", "captioning", "--references", shared_data / "coco_val2014_captions.json.gz"]
    arguments += ["--predictions", shared_data / "captions_val2014_fakecap_results.json"]
    call(*arguments).refused(3, "39,504 of 40,504 samples have no prediction: 42, 73, 74, 133", "--partial")
    ended = call(*arguments, "--partial", "--json", "--per-sample", "each.jsonl")
    anchor = json.loads(gzip.decompress((shared_data / "anchor_fakecap_scores.json.gz").read_bytes()))
    official = {
        **{f"bleu@{n}": value for n, value in enumerate(anchor["measured"]["bleu"], start=1)},
        "rouge_l": anchor["measured"]["rouge"],
        "cider_d": anchor["measured"]["cider"],
    }
    values = values_of(ended)
    assert {name: values[name] for name in official} == pytest.approx(official, rel=1e-9)
    assert ended.document()["coverage"] == {"samples": 40504, "predicted": 1000, "unknown": 0}
    rows = [json.loads(line) for line in (tmp_path / "each.jsonl").read_text(encoding="utf-8").splitlines()]
    each = {row["id"]: row["values"] for row in rows}
    assert len(rows) == len(each) == 1000
    columns = {f"bleu@{n}": found for n, found in enumerate(anchor["bleu_per"], start=1)}
    columns |= {"rouge_l": anchor["rouge_per"], "cider_d": anchor["cider_per"]}
    for name, expected in columns.items():
        assert [each[str(image)][name] for image in anchor["image_ids"]] == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.slow
def test_answers_get_what_the_conventions_of_vqa_give_them(
    call: Callable[..., Ended], tmp_path: Path, shared_data: Path
) -> None:
    data = json.loads(gzip.decompress((shared_data / "textvqa_val_with_predictions.json.gz").read_bytes()))
    asked = zip(data["question_ids"], data["answers"], strict=True)
    people = [
        {"question_id": question, "answers": [{"answer": text, "answer_id": n} for n, text in enumerate(answers, 1)]}
        for question, answers in asked
    ]
    write_json(tmp_path / "annotations.json", {"annotations": people})
    said = zip(data["question_ids"], data["predictions"], strict=True)
    write_json(tmp_path / "results.json", [{"question_id": question, "answer": answer} for question, answer in said])
    arguments = ["score", "--task", "vqa", "--references", "annotations.json", "--predictions", "results.json"]
    for variant, published in (("official-2021", 0.7343), ("textvqa-evalai", 0.74414)):
        (value,) = values_of(call(*arguments, "--json", "--set", f"variant={variant}")).values()
        assert value == pytest.approx(published, abs=5e-5)


def test_the_python_call_of_the_page_scores_official_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], repository: Path
) -> None:
    page = (repository / "docs" / "how-to" / "score-predictions.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    said = [{"answer": "yes", "answer_id": n} for n in range(1, 11)]
    write_json(tmp_path / "annotations.json", {"annotations": [{"question_id": n, "answers": said} for n in (7, 8)]})
    write_json(tmp_path / "results.json", [{"question_id": 7, "answer": "yes"}, {"question_id": 8, "answer": "no"}])
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    assert capsys.readouterr().out == "0.5 2\n"
    assert len((tmp_path / "each.jsonl").read_text(encoding="utf-8").splitlines()) == 2


@pytest.mark.slow
def test_embeddings_find_what_belongs_to_them(call: Callable[..., Ended], shared_data: Path) -> None:
    ended = call("score", "--task", "retrieval", "-p", shared_data / "retrieval_synth_coco5k.npz", "--json")
    values = values_of(ended)
    i2t = [values[f"hit_rate@{k}(direction=i2t)"] for k in (1, 5, 10)]
    t2i = [values[f"recall@{k}(direction=t2i)"] for k in (1, 5, 10)]
    assert i2t == pytest.approx([0.9696, 0.9974, 0.9994], abs=5e-5)
    assert t2i == pytest.approx([0.7730, 0.9138, 0.9462], abs=5e-5)


# --- the table ---


def value(metric: str = "m", **fields: object) -> MetricValue:
    known = {"low": None, "high": None, "n": 3, "n_failed": 0, "n_unparsed": 0, "n_refused": 0, "coverage": 1.0}
    made = {"value_failed_as_zero": None, "n_clusters": 3, "method": "none", "higher_is_better": True, "unit": "sample"}
    return MetricValue(metric, 0.25, **{**known, **made, **fields})  # type: ignore[arg-type]


def test_a_slice_with_too_many_labels_is_a_note() -> None:
    labels = {f"{n:02}": [value()] for n in range(MOST_LABELS + 1)}
    (table,) = scored_tables("t", "3 samples", [value()], {"kind": labels}, ["m"])
    assert table.notes == (f"kind: {MOST_LABELS + 1} labels are too many for a table; --json has their values",)
    labels.pop("00")
    _, by_kind = scored_tables("t", "3 samples", [value()], {"kind": labels}, ["m"])
    assert len(by_kind.rows) == MOST_LABELS


def test_a_table_of_a_slice_names_its_metrics_where_they_are_several() -> None:
    metrics = [value("a"), value("b"), value("c")]
    _, table = scored_tables("t", "3 samples", metrics, {"kind": {"x": metrics, "y": metrics}}, ["a", "b"])
    assert table.title == "t by kind"
    assert [column.title for column in table.columns][:3] == ["kind", "metric", "value"]
    assert [row[:3] for row in table.texts] == [
        ("x", "a", "25.0"),
        ("x", "b", "25.0"),
        ("y", "a", "25.0"),
        ("y", "b", "25.0"),
    ]


def test_a_reason_stands_below_with_the_metrics_that_share_it() -> None:
    metrics = [value("a", reason="undefined"), value("b", reason="undefined"), value("c")]
    (table,) = scored_tables("t", "3 samples", metrics, {}, ["a"])
    assert table.title == "t: 3 samples"
    assert table.notes == ("a, b: undefined",)
    assert [column.title for column in table.columns][-1] == "n"
    metrics = [value(name, reason="undefined") for name in "abcdefg"]
    assert scored_tables("t", "3 samples", metrics, {}, ["a"])[0].notes == ("a, b, c, d and 3 more: undefined",)
    (table,) = scored_tables("t", "3 samples", [value(coverage=0.5)], {}, ["a"])
    assert [column.title for column in table.columns][-2:] == ["n", "coverage"]
    (table,) = scored_tables("t", "3 samples", [value(coverage=0.5, n_failed=3)], {}, ["a"])
    assert [column.title for column in table.columns][-2:] == ["failed", "coverage"]
