"""Bad input on the command line: one clear sentence, the right exit code, no traceback, nothing lost."""

import json
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import (
    Ended,
    edit_json,
    log_of,
    mmbench,
    only_run,
    statuses,
    write_captions,
    write_model,
    write_picture,
    write_questions,
    write_rows,
)

LOOKS = """
    class Looks:
        def generate(self, requests):
            for request in requests:
                request.images[0].load()
            return ["red" for _ in requests]
"""

BLIND = """
    class Blind:
        def generate(self, requests):
            return ["red" for _ in requests]
"""

RED = 'class Red:\n    def generate(self, requests):\n        return ["red" for _ in requests]\n'


# --- names and options ---


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "randm", "--tasks", "vqa/easy-vqa"], ["unknown model 'randm'. Did you mean 'random'?"]),
        (["--model", "mymodell", "--tasks", "vqa/easy-vqa"], ["unknown model 'mymodell'. Did you mean 'mymodel'?"]),
        (["--model", "mymodel:Rad", "--tasks", "vqa/easy-vqa"], ["Did you mean 'Red'?"]),
        (["--model", "random", "--tasks", "vqaa"], ["unknown task 'vqaa'. Did you mean 'vqa'?"]),
        (["--model", "random", "--tasks", "vqa/esy-vqa"], ["Did you mean 'vqa/easy-vqa'?", "--tasks vqa --data FILE"]),
        (["--model", "random", "--tasks", "vqa/easy-vqa", "--limt", "3"], ["No such option", "--limit"]),
        (
            ["--model", "random", "--tasks", "vqa/easy-vqa", "--model-args", "dym=3"],
            ["option of model 'random': 'dym'", "'dim'"],
        ),
        (["--model", "random", "--tasks", "vqa/easy-vqa", "--model-args", "dim"], ["--model-args 'dim': expected K=V"]),
        (
            ["--model", "random", "--tasks", "vqa/easy-vqa", "--device", "cuda"],
            ["unknown option of model 'random': 'device'"],
        ),
        (
            ["--model", "random", "--tasks", "vqa/easy-vqa", "--task-args", "extractr=exact"],
            ["Did you mean 'extractor'?"],
        ),
        (
            ["--model", "random", "--tasks", "vqa/easy-vqa", "--task-args", "extractor=mension"],
            ["Did you mean 'mention'?"],
        ),
        (
            ["--model", "random", "--tasks", "vqa/easy-vqa", "--limit", "0"],
            ["--limit 0: expected a whole number, at least 1"],
        ),
        (["--model", "random", "--tasks", "vqa/easy-vqa", "--limit", "-1"], ["--limit -1: expected a whole number"]),
        (
            ["--model", "random", "--tasks", "vqa/easy-vqa", "--limit", "ten"],
            ["--limit 'ten': expected a whole number"],
        ),
        (["--model", "random", "--tasks", "vqa/easy-vqa", "--batch-size", "0"], ["--batch-size 0"]),
        (
            ["--model", "random", "--tasks", "vqa/easy-vqa", "--batch-size", "large"],
            ["expected 'auto' or a whole number"],
        ),
        (["--model", "random", "--tasks", "vqa/easy-vqa", "--ids", "test-99999"], ["unknown sample of vqa/easy-vqa"]),
        (["--model", "random", "--tasks", "vqa/easy-vqa", "--split", "dev"], ["'dev'", "test"]),
        (["--model", "random", "--tasks", "vqa/easy-vqa,vqa/easy-vqa"], ["task 'vqa/easy-vqa' is given twice"]),
        (["--model", "random,random", "--tasks", "vqa/easy-vqa"], ["model 'random' is given twice"]),
        (["--model", "random", "--tasks", ","], ["no tasks given; see: mmbench list tasks"]),
        (["--model", "random"], ["no tasks given; see: mmbench list tasks", "--suite"]),
        (["--tasks", "vqa/easy-vqa"], ["no model given: --model or --suite is needed"]),
        (["--model", "random", "--tasks", "vqa/easy-vqa", "--data", "nowhere.jsonl"], ["nowhere.jsonl"]),
        (["--model", "random", "--tasks", "vqa/easy-vqa", "--data", "x.jsonl"], ["no task in 'vqa/easy-vqa' takes it"]),
        (["--model", "random", "--tasks", "vqa/easy-vqa", "--data", "vqa="], ["expected PATH, or NAME=PATH"]),
        (["--model", "replay", "--tasks", "vqa/easy-vqa"], ["model 'replay' needs --model-args file=…"]),
        (["--model", "random", "--tasks", "vqa/easy-vqa", "--max-errors", "-1"], ["--max-errors -1"]),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, list) else None,
)
def test_a_wrong_name_or_option_is_refused_with_the_nearest(
    call: Callable[..., Ended], tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    write_model(tmp_path, RED)
    ended = call("run", *arguments)
    ended.refused(2, *words)
    assert ended.out == ""
    assert not (tmp_path / "results").exists(), "nothing was written"


def test_an_unknown_command_gets_the_nearest(tmp_path: Path) -> None:
    mmbench("rum", folder=tmp_path).refused(2, "unknown command 'rum'. Did you mean 'run'?")


def test_a_model_that_cannot_be_imported_is_refused(tmp_path: Path) -> None:
    write_model(tmp_path, "import torchh\n")
    mmbench("run", "--model", "mymodel", "--tasks", "vqa/easy-vqa", folder=tmp_path).refused(
        2, "mymodel.py cannot be imported: ModuleNotFoundError: No module named 'torchh'"
    )


def test_a_model_file_that_exits_when_imported_is_refused(tmp_path: Path) -> None:
    """A script without ``if __name__ == "__main__"``: its exit code 0 must not become ours."""
    write_model(tmp_path, RED + "import sys\nsys.exit(0)\n")
    mmbench("run", "--model", "mymodel", "--tasks", "vqa/easy-vqa", folder=tmp_path).refused(2, "SystemExit: 0")


# --- models that do not fit ---


def test_all_that_a_model_lacks_is_listed_before_it_is_built(tmp_path: Path) -> None:
    write_model(tmp_path, "class Embeds:\n    def __init__(self): 1 / 0\n    def embed(self, requests): ...\n")
    write_questions(tmp_path)
    write_captions(tmp_path)
    arguments = ["--model", "mymodel,prior", "--tasks", "vqa,retrieval"]
    data = ["--data", "vqa=mine.jsonl", "--data", "retrieval=captions.jsonl"]
    ended = mmbench("run", *arguments, *data, folder=tmp_path)
    ended.refused(
        2,
        "these models cannot answer these tasks:",
        "mymodel × vqa/mine: vqa/mine needs a method `generate`",
        "prior × vqa/mine: vqa/mine has no training split",
        "prior × retrieval/captions: retrieval/captions needs a method `embed`",
        "--skip-incompatible",
    )
    assert not (tmp_path / "results").exists()


def test_skip_incompatible_shows_them_as_not_applicable_and_succeeds(tmp_path: Path) -> None:
    write_questions(tmp_path)
    write_captions(tmp_path)
    arguments = ["--model", "constant,prior", "--tasks", "vqa,retrieval", "--skip-incompatible", "--out", "runs"]
    data = ["--data", "vqa=mine.jsonl", "--data", "retrieval=captions.jsonl"]
    ended = mmbench("run", *arguments, *data, folder=tmp_path)
    assert ended.code == 0, ended.err
    rows = [line.split() for line in ended.out.splitlines() if line.split()[:1] == ["prior"]]
    assert [row[1:3] for row in rows] == [["vqa/mine", "n/a"], ["retrieval/captions", "n/a"]]
    assert "prior on vqa/mine: vqa/mine has no training split" in ended.out
    document = mmbench("run", *arguments, *data, "--json", folder=tmp_path).document()
    assert {metric["model"] for metric in document["metrics"]} == {"constant"}
    assert len(document["runs"]) == 2


# --- a model that misbehaves ---


def test_one_sample_that_raises_costs_that_sample_and_exit_code_4(tmp_path: Path) -> None:
    source = """
        from pathlib import Path

        class Picky:
            def generate(self, requests):
                with open("asked.txt", "a") as file:
                    file.writelines(request.sample_id + "\\n" for request in requests)
                if any(request.sample_id == "q5" for request in requests) and not Path("healed").exists():
                    raise ValueError("cannot look at this")
                return ["red" for _ in requests]
    """
    write_model(tmp_path, source)
    write_questions(tmp_path, 20)
    arguments = ["run", "--model", "mymodel", "--tasks", "vqa", "--data", "mine.jsonl", "--out", "runs"]
    ended = mmbench(*arguments, "--json", folder=tmp_path)
    assert ended.code == 4
    assert "Traceback" not in ended.err
    (metric,) = ended.document()["metrics"]
    assert (metric["n"], metric["n_failed"], metric["coverage"]) == (19, 1, 0.95)
    assert metric["value"] == pytest.approx(5 / 19), "q0, q4 … q16 are red; an error is no answer"
    table = mmbench("show", "mymodel", "--out", "runs", folder=tmp_path)
    assert "95.00 %" in table.out
    assert "1 of 20 requests failed: 1 × " in table.out
    assert "(first: sample q5)" in table.out
    (tmp_path / "asked.txt").unlink()
    assert mmbench(*arguments, folder=tmp_path).code == 4
    assert (tmp_path / "asked.txt").read_text(encoding="utf-8") == "q5\n", "resume asks only what failed"
    (tmp_path / "healed").touch()
    assert mmbench(*arguments, folder=tmp_path).code == 0


def test_max_errors_stops_early_and_says_so(tmp_path: Path) -> None:
    write_model(tmp_path, "class Bad:\n    def generate(self, requests):\n        raise ValueError('never')\n")
    write_questions(tmp_path, 100)
    arguments = ["run", "--model", "mymodel", "--tasks", "vqa", "--data", "mine.jsonl", "--out", "runs"]
    ended = mmbench(*arguments, "--max-errors", "3", "--batch-size", "2", folder=tmp_path)
    ended.refused(4, "4 of 4 requests failed, more than --max-errors 3 allows", "sample q0: ValueError: never")
    assert "stopped" in ended.out
    assert len(log_of(only_run(tmp_path / "runs")).read_bytes().splitlines()) == 4
    fraction = mmbench(*arguments, "--max-errors", "0.1", folder=tmp_path)
    fraction.refused(4, "requests failed, more than --max-errors 0.1 allows")


def test_a_failed_model_leaves_the_failure_in_the_document(tmp_path: Path) -> None:
    write_model(tmp_path, "class Bad:\n    def __init__(self): 1 / 0\n    def generate(self, requests): ...\n")
    write_questions(tmp_path)
    ended = mmbench(
        "run", "--model", "mymodel,constant", "--tasks", "vqa", "--data", "mine.jsonl", "--json", "-q", folder=tmp_path
    )
    assert ended.code == 4
    document = ended.document()
    assert document["failures"] == {"mymodel": "model 'mymodel' cannot be built: ZeroDivisionError: division by zero"}
    assert {metric["model"] for metric in document["metrics"]} == {"constant"}


# --- pictures ---


def bomb(path: Path) -> None:
    """A small PNG that claims to be 50,000 x 50,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)))


def spoil(folder: Path) -> dict[str, str]:
    """Spoil pictures 1 to 4 of the questions; sample id to a word of its error."""
    images = folder / "images"
    (images / "1.png").write_bytes(b"this is no picture at all")
    big = write_picture(images / "2.png", (1, 2, 3), 64)
    big.write_bytes(big.read_bytes()[:-30])
    bomb(images / "3.png")
    (images / "4.png").write_bytes(b"")
    return {"q1": "is not a picture", "q2": "is truncated or corrupt", "q3": "50000 x 50000", "q4": "is empty"}


def test_pictures_that_cannot_be_read_fail_alone_when_the_model_looks(tmp_path: Path) -> None:
    write_model(tmp_path, LOOKS)
    write_questions(tmp_path, 12)
    bad = spoil(tmp_path)
    arguments = ["run", "--model", "mymodel", "--tasks", "vqa", "--data", "mine.jsonl", "--out", "runs"]
    ended = mmbench(*arguments, folder=tmp_path)
    assert ended.code == 4
    assert "Traceback" not in ended.err
    run = only_run(tmp_path / "runs")
    assert {sample for sample, status in statuses(run).items() if status == "error"} == set(bad)
    for line in log_of(run).read_text(encoding="utf-8").splitlines():
        document = json.loads(line)
        sample = document["id"].split("/")[-2]
        if sample in bad:
            assert bad[sample] in document["error"]
            assert "images/" in document["error"], "the file is named"


def test_pictures_that_nobody_looks_at_do_not_have_to_be_readable(tmp_path: Path) -> None:
    write_model(tmp_path, BLIND)
    write_questions(tmp_path, 12)
    spoil(tmp_path)
    ended = mmbench("run", "--model", "mymodel", "--tasks", "vqa", "--data", "mine.jsonl", folder=tmp_path)
    assert ended.code == 0, ended.err


def test_a_larger_limit_for_pictures_may_be_set(tmp_path: Path) -> None:
    write_model(tmp_path, LOOKS)
    write_questions(tmp_path, 4)
    write_picture(tmp_path / "images" / "1.png", (1, 2, 3), 40)
    arguments = ["run", "--model", "mymodel", "--tasks", "vqa", "--data", "mine.jsonl", "--out", "runs"]
    assert mmbench(*arguments, folder=tmp_path, MMBENCH_MAX_IMAGE_PIXELS="1000").code == 4
    assert statuses(only_run(tmp_path / "runs"))["q1"] == "error"
    assert mmbench(*arguments, folder=tmp_path, MMBENCH_MAX_IMAGE_PIXELS="1600").code == 0


def test_missing_pictures_are_listed_before_anything_runs(tmp_path: Path) -> None:
    write_questions(tmp_path, 12)
    for i in (3, 7):
        (tmp_path / "images" / f"{i}.png").unlink()
    ended = mmbench("run", "--model", "random", "--tasks", "vqa", "--data", "mine.jsonl", folder=tmp_path)
    ended.refused(2, "2 pictures are missing: 3.png (line 4), 7.png (line 8)")


def test_a_picture_that_disappears_during_the_run_fails_alone(tmp_path: Path) -> None:
    source = """
        from pathlib import Path

        class Looks:
            def generate(self, requests):
                Path("images/6.png").unlink(missing_ok=True)
                for request in requests:
                    request.images[0].load()
                return ["red" for _ in requests]
    """
    write_model(tmp_path, source)
    write_questions(tmp_path, 12)
    arguments = ["run", "--model", "mymodel", "--tasks", "vqa", "--data", "mine.jsonl", "--out", "runs"]
    assert mmbench(*arguments, "--batch-size", "4", folder=tmp_path).code == 4
    found = statuses(only_run(tmp_path / "runs"))
    assert [sample for sample, status in found.items() if status == "error"] == ["q6"]


# --- data ---

GOOD = {"id": "a", "image": None, "question": "what?", "answer": "red"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", ["holds no rows"]),
        ("\n\n", ["holds no rows"]),
        (json.dumps(GOOD) + "\n{broken\n", ["line 2: not valid JSON"]),
        (json.dumps(GOOD) + '\n["a list"]\n', ["line 2: expected an object, found a list"]),
        (json.dumps(GOOD) + '\n{"id": "b", "image": null, "question": "?"}\n', ["line 2: missing field 'answer'"]),
        (json.dumps(GOOD) + '\n{"id": "b", "image": null, "qestion": "?", "answer": "x"}\n', ["line 2", "'qestion'"]),
        (json.dumps(GOOD) + '\n{"id": "b", "image": 3, "question": "?", "answer": "x"}\n', ["line 2: field 'image'"]),
        (
            json.dumps(GOOD) + '\n{"id": "b", "image": null, "question": "?", "answer": {}}\n',
            ["line 2: field 'answer'"],
        ),
        (json.dumps(GOOD) + "\n" + json.dumps(GOOD) + "\n", ["line 2: id 'a' is taken by line 1"]),
    ],
    ids=["empty", "blank", "broken", "list", "lacks-a-field", "misspelt-field", "image-type", "answer-type", "twice"],
)
def test_a_broken_data_file_is_refused_with_file_and_line(
    call: Callable[..., Ended], tmp_path: Path, content: str, words: list[str]
) -> None:
    (tmp_path / "mine.jsonl").write_text(content, encoding="utf-8")
    call("run", "--model", "random", "--tasks", "vqa", "--data", "mine.jsonl").refused(2, "mine.jsonl", *words)
    assert not (tmp_path / "results").exists()


def test_broken_captions_are_refused_with_file_and_line(tmp_path: Path) -> None:
    write_captions(tmp_path, 3)
    with (tmp_path / "captions.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"image": "c0.png"}\n')
    ended = mmbench("run", "--model", "random", "--tasks", "retrieval", "--data", "captions.jsonl", folder=tmp_path)
    ended.refused(2, "captions.jsonl, line 4: missing field 'caption' or 'captions'")


def test_an_empty_folder_of_data_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ended = mmbench("run", "--model", "random", "--tasks", "vqa", "--data", "empty", folder=tmp_path)
    ended.refused(2, "empty is a folder", "found none")


# --- run directories ---


RUN_RED = ("run", "--model", "mymodel", "--tasks", "vqa", "--data", "mine.jsonl", "--out", "runs")


def test_an_edited_model_file_is_another_run_and_no_stale_resume(call: Callable[..., Ended], tmp_path: Path) -> None:
    write_questions(tmp_path, 12)
    write_model(tmp_path, RED)
    assert call(*RUN_RED).code == 0
    first = only_run(tmp_path / "runs")
    write_model(tmp_path, RED.replace('"red"', '"blue"'))
    assert call(*RUN_RED).code == 0
    (second,) = (path for path in (tmp_path / "runs").iterdir() if path != first)
    assert {json.loads(line)["output"] for line in log_of(second).read_text(encoding="utf-8").splitlines()} == {"blue"}
    write_model(tmp_path, RED)
    assert call(*RUN_RED).code == 0
    assert len(list((tmp_path / "runs").iterdir())) == 2


def test_a_run_of_a_newer_schema_says_upgrade(call: Callable[..., Ended], tmp_path: Path) -> None:
    write_questions(tmp_path, 12)
    write_model(tmp_path, RED)
    call(*RUN_RED)
    run = only_run(tmp_path / "runs")
    for path in (run / "run.json", run / "tasks" / "vqa__mine" / "plan.json", next(run.glob("tasks/*/scores/*.json"))):
        whole = path.read_bytes()
        edit_json(path, lambda document: document.update(schema_version=7))
        call(*RUN_RED).refused(3, f"{path.relative_to(tmp_path)} has schema 7", "Upgrade mmbench to read it.")
        path.write_bytes(whole)
    edit_json(run / "run.json", lambda document: document.update(schema_version=7))
    call("show", "mymodel", "--out", "runs").refused(3, "Upgrade mmbench to read it.")


def test_an_unknown_field_in_run_json_is_damage_and_nothing_is_overwritten(
    call: Callable[..., Ended], tmp_path: Path
) -> None:
    write_questions(tmp_path, 12)
    write_model(tmp_path, RED)
    call(*RUN_RED)
    path = only_run(tmp_path / "runs") / "run.json"
    edit_json(path, lambda document: document.update(colour="blue"))
    before = path.read_bytes()
    call(*RUN_RED).refused(3, "run.json is damaged", "colour")
    assert path.read_bytes() == before


def test_a_torn_last_line_is_dropped_and_a_damaged_middle_line_is_reported(
    call: Callable[..., Ended], tmp_path: Path
) -> None:
    write_questions(tmp_path, 12)
    write_model(tmp_path, RED)
    call(*RUN_RED)
    log = log_of(only_run(tmp_path / "runs"))
    os.truncate(log, log.stat().st_size - 20)
    assert call(*RUN_RED).code == 0
    assert len(log.read_bytes().splitlines()) == 12
    kept = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join([*kept[:4], b'{"id": "half\n', *kept[5:]]))
    call(*RUN_RED).refused(3, "responses.jsonl, line 5 is damaged")
    assert len(log.read_bytes().splitlines()) == 12, "nothing was thrown away"


def test_changed_data_under_the_same_name_are_asked_anew_and_the_old_answers_kept(
    call: Callable[..., Ended], tmp_path: Path
) -> None:
    write_questions(tmp_path, 12)
    write_model(tmp_path, RED)
    call(*RUN_RED)
    write_questions(tmp_path, 10)
    ended = call(*RUN_RED)
    assert ended.code == 0
    assert "vqa/mine: data, prompt or version changed; earlier answers are kept in vqa__mine." in ended.err
    folders = sorted(path.name for path in (only_run(tmp_path / "runs") / "tasks").iterdir())
    assert len(folders) == 2


def test_rows_of_a_csv_file_are_held_to_the_same(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("image,question,answer\n,what?,\n", encoding="utf-8")
    ended = mmbench("run", "--model", "random", "--tasks", "vqa", "--data", "mine.csv", folder=tmp_path)
    ended.refused(2, "mine.csv, line 2")


def test_ids_of_a_task_plugin_that_occur_twice_are_refused(tmp_path: Path) -> None:
    source = """
        from mmbench import DatasetInfo, Generate, PerSampleTask, Sample, SampleScore, TaskInfo, mean_metric

        class Twice(PerSampleTask):
            info = TaskInfo("twice/x", "1", "", DatasetInfo("", "", "", ""), frozenset({"generate"}), ("accuracy",))
            metrics = (mean_metric("accuracy", "sample", "accuracy"),)
            columns = ("accuracy",)
            def fingerprint(self): return "1"
            def samples(self, split="test"): return [Sample("s", ("?",))] * 2
            def requests(self, sample): return [Generate(parts=sample.parts)]
            def score_sample(self, sample, response): return SampleScore({"accuracy": 1.0})
            def solve(self, sample, request): return ""
            def chance(self, samples): return {}

        task = Twice()
    """
    write_model(tmp_path, source, "twice.py")
    ended = mmbench("run", "--model", "random", "--tasks", "twice.py", folder=tmp_path)
    ended.refused(2, "twice/x has 1 sample ids that occur more than once: s")


def test_predictions_that_lack_a_sample_are_errors_of_that_sample(tmp_path: Path) -> None:
    write_questions(tmp_path, 4)
    write_rows(tmp_path / "said.jsonl", [{"id": f"q{i}", "prediction": "red"} for i in range(3)])
    arguments = ["run", "--model", "replay", "--model-args", "file=said.jsonl", "--tasks", "vqa", "--out", "runs"]
    ended = mmbench(*arguments, "--data", "mine.jsonl", folder=tmp_path)
    assert ended.code == 4
    assert statuses(only_run(tmp_path / "runs"))["q3"] == "error"


def test_a_pair_that_does_not_fit_is_no_obstacle_where_each_model_and_each_task_has_another(tmp_path: Path) -> None:
    write_model(tmp_path, "class Answers:\n    def generate(self, requests): return ['red'] * len(requests)\n")
    write_questions(tmp_path)
    write_captions(tmp_path)
    data = ["--data", "vqa=mine.jsonl", "--data", "retrieval=captions.jsonl", "--out", "runs"]
    both = ["--model", "mymodel,random", "--tasks", "vqa,retrieval"]
    ended = mmbench("run", *both, *data, folder=tmp_path)
    assert ended.code == 0, ended.err
    assert "mymodel on retrieval/captions: retrieval/captions needs a method `embed`" in ended.out
    alone = ["--model", "mymodel", "--tasks", "vqa,retrieval"]
    mmbench("run", *alone, *data, folder=tmp_path).refused(2, "mymodel × retrieval/captions")
