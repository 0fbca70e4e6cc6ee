"""The samples of several runs as columns: what became of each, what was asked and answered, and which images are shown."""

import base64
import gzip
import json
import shutil
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import msgspec
import pytest
from answered import answered, asked, log, plain_image
from boards import entry
from PIL import Image
from stored import ACCURACY, TASK, score_table, write_run

from mmbench.analysis.collection import collect
from mmbench.analysis.outcomes import OUTCOMES
from mmbench.analysis.sample_payloads import IMAGES, sample_payloads, side_by_side
from mmbench.analysis.side_by_side import Asked
from mmbench.core.media import Media
from mmbench.core.score_table import ScoreTable
from mmbench.data.sources import FileImage
from mmbench.metrics import mean_metric
from mmbench.results.rundir import RunDirectory
from mmbench.results.schema import ResponseLine

IDS = ("a", "b", "c")


def payloads(folder: Path, what: Asked | None = None, **options):
    """Task to document, with `IMAGES` for the images."""
    read = collect(sorted(folder.glob("*")), folder)
    found = sample_payloads(side_by_side(read.groups, read.tasks, lambda _: what or Asked()), **options)
    return {task: (about, json.loads(gzip.decompress(data))) for task, about, data in found}


def column(values, n):
    """A column row by row."""
    return values if isinstance(values, list) else [values] * n


def texts(document, numbers):
    return [None if number is None else document["texts"][number] for number in column(numbers, len(document["ids"]))]


def test_each_run_has_a_column_for_each_thing(tmp_path):
    answered(
        tmp_path,
        "m1",
        {
            "a": {"output": "yes", "score": 1.0, "extracted": "yes", "duration_s": 0.25},
            "b": {"output": "no", "raw": "<think>hm</think>no", "reasoning": "hm", "why": "the reference is yes"},
            "c": {"status": "error", "error": "connection lost", "score": None},
        },
    )
    answered(tmp_path, "m2", {name: {"output": "perhaps", "score": 0.5} for name in IDS[:2]})
    about, document = payloads(tmp_path, asked({name: f"Is it {name}?" for name in IDS}))[TASK]
    assert (about["samples"], about["of"], about["runs"], about["metric"]) == (3, 3, ["m1", "m2"], "accuracy")
    first, second = document["runs"]
    assert [OUTCOMES[code] for code in first["outcome"]] == ["right", "wrong", "failed"]
    assert [code if code < 0 else OUTCOMES[code] for code in second["outcome"]] == ["partly", "partly", -1]
    assert first["values"]["accuracy"] == [1.0, 0.0, None]
    (answers,) = first["answers"]
    assert texts(document, answers["output"]) == ["yes", "no", None]
    assert texts(document, answers["raw"]) == [None, "<think>hm</think>no", None]
    assert texts(document, answers["reasoning"]) == [None, "hm", None]
    assert texts(document, answers["error"]) == [None, None, "connection lost"]
    assert answers["duration_ms"][0] == 250.0
    assert texts(document, first["extracted"])[0] == "yes"
    assert texts(document, first["why"]) == [None, "the reference is yes", None]
    assert texts(document, document["question"]) == ["Is it a?", "Is it b?", "Is it c?"]
    (request,) = document["asked"][0]
    role, part = request["messages"][0]
    assert role == "user"
    assert "".join(document["texts"][number] for number in part) == "Is it a?\nAnswer shortly."


@pytest.mark.parametrize("status", ["truncated", "unparsed", "refused"])
def test_what_ended_otherwise_is_neither_right_nor_wrong(tmp_path, status):
    answered(tmp_path, "m", {"a": {"output": "x", "score_status": status, "score": 1.0}, "b": {"output": "y"}})
    document = payloads(tmp_path)[TASK][1]
    assert [OUTCOMES[code] for code in document["runs"][0]["outcome"]] == [status, "wrong"]


def test_the_last_answer_to_a_request_counts_and_several_requests_stand_apart(tmp_path):
    path = answered(tmp_path, "m", {"a": {"output": "first"}, "b": {"output": "only"}})
    again = ResponseLine(id=f"{TASK}/a/0", status="ok", output="second")
    scores = ResponseLine(id=f"{TASK}/a/1", status="ok", output=[-0.123456, -2.0])
    log(path, [again, scores])
    document = payloads(tmp_path)[TASK][1]
    first, second = document["runs"][0]["answers"]
    assert texts(document, first["output"]) == ["second", "only"]
    assert second["choice_scores"] == [[-0.1235, -2.0], None]


def test_scores_of_queries_belong_to_their_samples(tmp_path):
    metric = mean_metric("recall@1", "query", "hit")
    ids = ["a/0", "a/1", "b/0"]
    table = ScoreTable("query", ids, ids, ["scored"] * 3, {"hit": [1.0, 0.0, 1.0]})
    path = write_run(tmp_path, "m", {TASK: [table]}, [metric])
    log(path, [ResponseLine(id=f"{TASK}/{name}", status="ok") for name in ids])
    run = payloads(tmp_path)[TASK][1]["runs"][0]
    assert run["values"] == {"recall@1": [0.5, 1.0]}
    assert [OUTCOMES[code] for code in run["outcome"]] == ["partly", "right"]


@pytest.mark.parametrize(
    ("bounds", "ends", "expected"),
    [
        ((None, None), [None, None], ["scored", "scored", "scored"]),
        ((0.0, None), [0.0, None], ["wrong", "scored", "scored"]),
        ((None, 7.0), [None, 7.0], ["scored", "scored", "right"]),
        ((0.0, 7.0), [0.0, 7.0], ["wrong", "partly", "right"]),
    ],
)
def test_only_a_bound_of_the_metric_makes_a_score_right_or_wrong(tmp_path, bounds, ends, expected):
    table = score_table([0.0, 3.0, 7.0])
    path = write_run(tmp_path, "m", {TASK: [table]}, [replace(ACCURACY, bounds=bounds)])
    log(path, [ResponseLine(id=f"{TASK}/{name}/0", status="ok", output="x") for name in table.unit_ids])
    about, document = payloads(tmp_path)[TASK]
    assert [OUTCOMES[code] for code in column(document["runs"][0]["outcome"], 3)] == expected
    assert list(about["ends"]) == ends


def test_a_run_without_scores_stands_beside_one_that_has_them(tmp_path):
    path = answered(tmp_path, "a first", {name: {"output": "yes"} for name in IDS})
    (scored,) = (path / "tasks").glob("*/scores")
    shutil.rmtree(scored)
    run = RunDirectory(path).read()
    entries = {name: msgspec.structs.replace(entry, scoring=None) for name, entry in run.tasks.items()}
    RunDirectory(path).write(msgspec.structs.replace(run, tasks=entries))
    answered(tmp_path, "second", {name: {"output": "yes", "score": 1.0} for name in IDS})
    about, document = payloads(tmp_path)[TASK]
    assert about["metric"] == "accuracy"
    assert [OUTCOMES[run["outcome"]] for run in document["runs"]] == ["unscored", "right"]


def test_too_many_samples_are_left_out_and_counted(tmp_path):
    rows = {f"s{n}": {"output": str(n), "score": float(n % 2)} for n in range(50)}
    answered(tmp_path, "m", rows)
    about, document = payloads(tmp_path, max_samples=20, thumbnails=4)[TASK]
    assert (about["samples"], about["of"], len(document["ids"])) == (20, 50, 20)
    assert payloads(tmp_path, max_samples=20, thumbnails=4)[TASK] == (about, document)


def test_images_are_small_copies_upright_each_once_and_what_is_gone_is_said(tmp_path):
    sideways = Image.new("RGB", (900, 600), (0, 0, 255))
    exif = sideways.getexif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    turned = plain_image((0, 0, 255), (900, 600), format="JPEG", exif=exif)
    gone = Media("image", "image/png", "f" * 64, FileImage(str(tmp_path / "data" / "x.png"), ""))
    answered(tmp_path / "runs", "m", {name: {"output": "yes"} for name in (*IDS, "d")})
    images = {"a": turned, "b": turned, "c": gone, "d": plain_image((255, 0, 0))}
    found = payloads(tmp_path / "runs", asked(dict.fromkeys(images, "What is it?"), images))
    document, shown = found[TASK][1], found[IMAGES][1]
    places = [numbers[0] for numbers in document["images"]]
    assert places[0] == places[1]
    assert len(shown) == len(document["listed_images"]) == 3
    named = [document["listed_images"][place] for place in places]
    assert shown[named[0]["name"]]["size"] == [600, 900]
    copy = shown[named[0]["name"]]["src"].partition("base64,")[2]
    assert Image.open(BytesIO(base64.b64decode(copy))).size == (213, 320)
    assert named[2]["path"] == "x.png"  # nothing of the machine
    assert shown[named[2]["name"]] == {"gone": "FileNotFoundError"}
    assert shown[named[3]["name"]]["size"] == [24, 16]


def test_five_megabytes_are_cut_and_half_a_surrogate_is_no_obstacle(tmp_path):
    answered(tmp_path, "m", {"a": {"output": "x" * 5_000_000}, "b": {"output": "y"}})
    document = payloads(tmp_path, asked({"a": "one \ud800 two", "b": "three"}))[TASK][1]
    number = document["runs"][0]["answers"][0]["output"][0]
    assert document["cuts"][str(number)][0] == 5_000_000
    assert len(document["texts"][number]) < 50_000
    assert document["texts"][document["question"][0]] == "one ? two"


def test_names_of_slices_may_hold_half_a_surrogate_too(tmp_path):
    answered(tmp_path, "m", {"a": {"output": "x"}})
    document = payloads(tmp_path, asked({"a": "one"}, slices={"file": "caf\udce9"}))[TASK][1]
    assert document["slices"]["file"]["labels"] == ["caf?"]


def test_runs_that_were_asked_other_questions_stand_apart(tmp_path):
    answered(tmp_path, "m1", {"a": {"output": "yes"}})
    other = answered(tmp_path, "m2", {"a": {"output": "yes"}})
    entry(other, TASK, fingerprint="other data")
    read = collect(sorted(tmp_path.glob("*")), tmp_path)
    apart = side_by_side(read.groups, read.tasks, lambda _: Asked())
    assert [[each.label for each in task.entrants] for task in apart] == [["m1"], ["m2"]]
    assert len({task.title for task in apart}) == 2
