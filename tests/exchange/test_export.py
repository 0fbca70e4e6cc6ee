"""Runs in the formats of other tools, read back by the tools' own libraries where they are at hand."""

import csv
import hashlib
import io
import json
import os
import subprocess
import zipfile

import pytest
import yaml
from boards import NAMES, seed_of, table, written
from helpers import Colours, evaluate, write_questions
from stored import TASK, score_table, write_run

import mmbench as package
from mmbench import Generation, Usage, registry
from mmbench.cli.main import main
from mmbench.core import NotComparableError, RunFailedError, UnknownNameError, UsageError
from mmbench.exchange.model_index import TASK_TYPES
from mmbench.exchange.yaml_text import yaml_mapping


class Formula(Colours):
    """Answers with what a spreadsheet would run, and fails once."""

    def answer(self, request):
        if request.sample_id == "q3":
            raise ValueError("no")
        return Generation('=cmd("x")' if request.sample_id == "q1" else "red", Usage(7, 2), reasoning="so")


@pytest.fixture
def run(tmp_path):
    return evaluate(Formula(), write_questions(tmp_path, 5), tmp_path, batch_size=1).path


def exported(run, to, target, **options):
    return package.export(run, to, target, **options)


def test_csv_has_a_row_a_sample_and_runs_nothing(run, tmp_path):
    (path,) = exported(run, "csv", tmp_path / "a.csv")
    rows = list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline="")))
    assert [row["id"] for row in rows] == [f"q{n}" for n in range(5)]
    assert json.loads(rows[0]["references"]) == package.load_run(run).samples()["references"][0]
    assert rows[1]["answer"] == '\'=cmd("x")'
    assert rows[3]["accuracy"] == ""
    frame = package.load_run(run).samples()
    assert [float(row["duration_s"]) for row in rows] == frame["duration_s"].tolist()


def test_tasks_of_different_columns_are_one_table(tmp_path):
    """Also where the columns of a later task belong between those of an earlier one."""
    first = score_table([1.0, 0.0], slices={"kind": ["a", "b"]})
    second = score_table([0.5], slices={"other": ["c"]})
    run = write_run(tmp_path, "mine", {TASK: [first], "stored/second": [second], "stored/third": [first]})
    (path,) = exported(run, "csv", tmp_path / "a.csv")
    rows = list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline="")))
    frame = package.load_run(run).samples()
    assert list(rows[0]) == list(frame.columns)
    assert [row["slice:kind"] for row in rows] == ["a", "b", "", "a", "b"]
    assert [row["slice:other"] for row in rows] == ["", "", "c", "", ""]
    assert [float(row["accuracy"]) for row in rows] == [1, 0, 0.5, 1, 0]
    parquet = pytest.importorskip("pyarrow.parquet")
    (path,) = exported(run, "parquet", tmp_path / "a.parquet")
    read = parquet.read_table(path)
    assert read.column_names == list(frame.columns)
    assert read.column("slice:other").to_pylist() == [None, None, "c", None, None]


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1+1", "a=1", "", '"', "a\r\nb"]
)
def test_no_text_is_a_formula(text, tmp_path):
    run = write_run(tmp_path, "mine", {TASK: [score_table([1.0], answers=[text])]})
    (path,) = exported(run, "csv", tmp_path / "a.csv")
    (row,) = csv.DictReader(io.StringIO(path.read_bytes().decode(), newline=""))
    assert row["extracted"] == (text if text[:1] in ("a", "", '"') else f"'{text}")


class Chooses:
    """Answers with a score for each choice."""

    info = {"digest": "chooses"}  # noqa: RUF012 - it never changes

    def choose(self, requests):
        return [[0.0, -1.0, -2.0, -3.0] for _ in requests]


def test_texts_and_lists_of_two_runs_are_json_in_one_column(run, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    chosen = evaluate(Chooses(), write_questions(tmp_path, 5), tmp_path).path
    (path,) = exported([run, chosen], "parquet", tmp_path / "a.parquet")
    answers = parquet.read_table(path).column("answer").to_pylist()
    assert json.loads(answers[0]) == "red"
    assert isinstance(json.loads(answers[-1]), list)


def test_a_failure_leaves_neither_file_nor_temporary(run, tmp_path, monkeypatch):
    def fail(*given):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mmbench.exchange.every_eval_ever._sample", fail)
    with pytest.raises(RunFailedError):
        exported(run, "eee", tmp_path / "records")
    assert [each for each in (tmp_path / "records").rglob("*") if each.is_file()] == []


def test_parquet_is_the_frame(run, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    (path,) = exported(run, "parquet", tmp_path / "a.parquet")
    read = parquet.read_table(path).to_pandas()
    frame = package.load_run(run).samples()
    assert list(read.columns) == list(frame.columns)
    for name in ("id", "answer", "accuracy", "duration_s", "score_status"):
        assert read[name].astype(str).tolist() == frame[name].astype(str).tolist()


def test_every_eval_ever_says_value_interval_and_where_the_samples_lie(run, tmp_path):
    paths = exported(run, "eee", tmp_path / "records", organisation="lab")
    lines, document = paths
    record = json.loads(document.read_text())
    assert record["source_metadata"]["source_organization_name"] == "lab"
    (accuracy,) = [r for r in record["evaluation_results"] if r["metric_config"]["metric_id"] == "accuracy"]
    (value,) = [row.metric for row in package.load_run(run).rows() if row.id == "accuracy"]
    assert accuracy["score_details"]["score"] == value.value
    interval = accuracy["score_details"]["uncertainty"]["confidence_interval"]
    assert (interval["lower"], interval["upper"], interval["confidence_level"]) == (value.low, value.high, 0.95)
    generation = accuracy["generation_config"]["generation_args"]
    assert (generation["temperature"], generation["max_tokens"]) == (0.0, 16)
    detailed = record["detailed_evaluation_results"]
    assert tmp_path / "records" / detailed["file_path"] == lines
    assert detailed["checksum"] == hashlib.sha256(lines.read_bytes()).hexdigest()
    samples = [json.loads(line) for line in lines.read_text().splitlines()]
    assert len(samples) == detailed["total_rows"] == 5
    assert [each["evaluation"]["is_correct"] for each in samples] == [True, False, False, False, True]
    assert samples[0]["token_usage"] == {"input_tokens": 7, "output_tokens": 2, "total_tokens": 9}
    assert samples[0]["output"]["reasoning_trace"] == ["so"]
    assert "ValueError" in samples[3]["error"]
    assert all(each["evaluation_id"] == record["evaluation_id"] for each in samples)
    assert exported(run, "eee", tmp_path / "records") == paths


@pytest.mark.elsewhere
def test_every_eval_ever_takes_the_records(run, tmp_path):
    """Against the JSON schemas in its own package, which needs a newer Python to be installed: see ``.ci/exports``."""
    jsonschema = pytest.importorskip("jsonschema")
    if not (wheel := os.environ.get("MMBENCH_TEST_SCHEMAS")):
        pytest.skip("needs the schemas: .ci/exports")
    with zipfile.ZipFile(wheel) as archive:
        schemas = [
            json.loads(archive.read(f"every_eval_ever/schemas/{name}.schema.json"))
            for name in ("eval", "instance_level_eval")
        ]
    hub = write_run(tmp_path, "mine", {"vqa/textvqa": [score_table([1.0, 0.0, 1.0])]})
    for each in (run, hub):
        lines, document = exported(each, "eee", tmp_path / f"records-{each.name}")
        jsonschema.validate(json.loads(document.read_text()), schemas[0])
        for line in lines.read_text().splitlines():
            jsonschema.validate(json.loads(line), schemas[1])


def test_a_task_that_scores_no_samples_has_values_alone(tmp_path):
    run = write_run(tmp_path, "mine", {TASK: [table(0.5)]})
    document = json.loads(exported(run, "eee", tmp_path / "records")[-1].read_text())
    assert document["evaluation_results"]


def test_eval_results_are_read_by_the_hubs_library(tmp_path):
    hub = pytest.importorskip("huggingface_hub")
    tasks = {"vqa/textvqa": table(0.75), TASK: table(0.5)}
    run = written(tmp_path, "mine", tasks)
    (path,) = exported(run, "eval-results", tmp_path / "a.yaml", source_url="https://example.org")
    (entry,) = hub.parse_eval_result_entries(yaml.safe_load(path.read_text()))
    assert entry.dataset_id == "lmms-lab-encoder/textvqa"
    assert 70 < entry.value < 80
    assert entry.source_url == "https://example.org"
    assert entry.date == package.load_run(run).record.updated[:10]


def block(*runs, tmp_path, **options):
    (path,) = exported(list(runs), "model-index", tmp_path / "block.yaml", **options)
    return yaml.safe_load(path.read_bytes())["model-index"]


def test_the_model_index_has_the_fields_of_the_hubs_specification(tmp_path):
    run = written(tmp_path, "mine", {TASK: table(0.75)})
    (model,) = block(run, tmp_path=tmp_path, source_url="https://example.org/results?a=b#c")
    assert model["name"] == "mine"
    (result,) = model["results"]
    assert result["task"] == {"type": "stored", "name": TASK}
    assert result["dataset"] == {
        "type": TASK, "name": f"{TASK} (version 1)", "split": "test", "revision": "data", "args": {"samples": 400},
    }  # fmt: skip
    (metric,) = result["metrics"]
    assert (metric["type"], metric["name"]) == ("accuracy", "accuracy")
    assert metric["args"]["low"] < metric["value"] < metric["args"]["high"]
    assert 70 < metric["value"] < 80
    assert result["source"] == {"name": "mmbench", "url": "https://example.org/results?a=b#c"}


def test_a_dataset_of_the_hub_goes_by_its_id_and_commit(tmp_path):
    data = pytest.importorskip("huggingface_hub.repocard_data")
    run = written(tmp_path, "mine", {"vqa/textvqa": table(0.75), "yes-no/pope": table(0.5)})
    (model,) = block(run, tmp_path=tmp_path)
    _, results = data.model_index_to_eval_results([model])
    assert {each.dataset_type for each in results} == {"lmms-lab-encoder/textvqa", "lmms-lab-encoder/POPE"}
    pinned = {each.dataset_type: each.dataset_revision for each in results}["lmms-lab-encoder/POPE"]
    assert pinned is None or len(pinned) == 40
    assert {each.dataset_split for each in results} == {"validation", "test"}


def test_every_family_of_this_package_has_a_word_of_the_hub():
    families = {plugin.name.partition("/")[0] for plugin in registry.plugins("task")}
    assert families == TASK_TYPES.keys()


def test_seeds_are_one_entry_with_their_mean(tmp_path):
    runs = [seed_of(tmp_path, "mine", seed, {TASK: table(0.5, seed=seed)}) for seed in (0, 1)]
    (model,) = block(*runs, tmp_path=tmp_path)
    (metric,) = model["results"][0]["metrics"]
    assert metric["args"]["seeds"] == [0, 1]
    assert "low" not in metric["args"]


def test_hostile_names_come_back_as_they_were(tmp_path):
    names = [*NAMES, "yes", "~", "1.0", "a: b # c", "'", '"', "\U0001f600\x85\ufeff"]
    runs = [written(tmp_path, name, {TASK: table(0.5)}) for name in names]
    assert [model["name"] for model in block(*runs, tmp_path=tmp_path)] == names


@pytest.mark.parametrize("value", [0, -3, 1e-7, 1e22, 1.5e300, 0.1, -0.0, True, False, None, "1e5", "null", ""])
def test_scalars_keep_their_type(value):
    read = yaml.safe_load(yaml_mapping({"a": value}))["a"]
    assert read == value
    assert type(read) is type(value)


def test_a_log_of_inspect_has_every_sample(run, tmp_path):
    (path,) = exported(run, "inspect", tmp_path / "logs")
    log = json.loads(path.read_text())
    assert (log["version"], log["status"]) == (2, "error")  # one request failed
    assert [sample["id"] for sample in log["samples"]] == [f"q{n}" for n in range(5)]
    assert log["samples"][0]["scores"]["accuracy"]["value"] == 1
    assert log["samples"][3]["scores"] == {}
    assert "ValueError" in log["samples"][3]["error"]["message"]
    (value,) = [row.value for row in package.load_run(run).rows() if row.id == "accuracy"]
    assert log["results"]["scores"][0]["metrics"]["accuracy"]["value"] == value


@pytest.mark.elsewhere
def test_inspect_reads_its_log(run, tmp_path):
    """In an environment of its own: its requirements and those of constraints.txt exclude each other; see ``.ci/exports``."""
    if not (python := os.environ.get("MMBENCH_TEST_INSPECT")):
        pytest.skip("needs inspect-ai: .ci/exports")
    exported(run, "inspect", tmp_path / "logs")
    code = """
import glob
from inspect_ai.log import read_eval_log
(path,) = glob.glob("logs/*.json")
log = read_eval_log(path)
print(len(log.samples), log.samples[0].scores["accuracy"].value, log.samples[0].output.completion)
"""
    read = subprocess.run([python, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert read.stdout.split() == ["5", "1.0", "red"]


def test_what_is_wrong_is_refused(run, tmp_path):
    with pytest.raises(UnknownNameError):
        exported(run, "excel", tmp_path / "a")
    with pytest.raises(UnknownNameError):
        exported(run, "csv", tmp_path / "a", tasks="captioning")
    (tmp_path / "file").touch()
    with pytest.raises(UsageError):
        exported(run, "eee", tmp_path / "file")
    with pytest.raises(UsageError):
        exported(run, "inspect", tmp_path / "file" / "below")
    (next(run.glob("tasks/*/scores/*.npz"))).write_bytes(b"x")
    with pytest.raises(NotComparableError):
        exported(run, "csv", tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_an_export_replaces_no_file_of_a_run_that_is_named_by_its_model(run, capsys):
    before = (run / "run.json").read_bytes()
    name = package.load_run(run).record.model.name
    place = str(run / "run.json")
    assert main(["export", name, "--to", "csv", "--output", place, "--out", str(run.parent)]) == 2
    assert place in capsys.readouterr().err
    assert (run / "run.json").read_bytes() == before


@pytest.mark.parametrize(
    ("to", "place"), [("csv", "run.json"), ("csv", "new.csv"), ("eee", "folder"), ("inspect", ".")]
)
def test_an_export_by_python_neither_replaces_a_file_of_its_run_nor_lands_among_them(run, to, place):
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with pytest.raises(UsageError):
        exported(run, to, run / place)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
