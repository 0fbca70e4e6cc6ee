"""``mmbench data``, and the options that say how data are read."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import Ended
from shards import png, shard

Call = Callable[..., Ended]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(png((len(name), 0, 0)))
    return tmp_path


def write(path: Path, *rows: dict) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def test_every_problem_is_listed_at_once(here: Path, call: Call) -> None:
    good = {"image": "a.png", "question": "?", "answer": "x"}
    bad = [{**good, "image": f"no{n}.png"} for n in range(5)]
    path = write(here / "q.jsonl", {**good, "id": 1}, {**good, "id": 1}, {"image": "a.png", "question": "?"}, *bad)
    ended = call("data", "inspect", path, "--json")
    assert ended.code == 2
    found = ended.document()
    assert (found["kind"], found["rows"], found["good"]) == ("questions", 8, 6)
    assert found["labels"] == {"x": 7}
    one, two, three = found["problems"]
    assert "line 2: id '1' is taken" in one
    assert "line 3: missing field 'answer'" in two
    assert "5 images are missing: no0.png (line 4), no1.png (line 5), no2.png (line 6) and 2 more" in three
    assert "Problems (3)" in call("data", "inspect", path).out


def test_what_is_good_has_no_problems(here: Path, call: Call) -> None:
    path = write(here / "q.jsonl", {"question_id": 1, "image": "a.png", "text": "?", "label": "yes"})
    ended = call("data", "inspect", path, "--json")
    assert ended.code == 0
    assert ended.document()["read_as"] == "POPE, JSON Lines"
    assert ended.document()["problems"] == []


def test_a_file_that_cannot_be_read_at_all(here: Path, call: Call) -> None:
    (here / "q.jsonl").write_text("{no json}\n")
    ended = call("data", "inspect", "q.jsonl")
    assert ended.code == 2
    assert "not valid JSON" in ended.out + ended.err
    call("data", "inspect", "none.jsonl").refused(2, "there is no file")


def test_labels_that_are_numbers_of_classes_are_no_scores(here: Path, call: Call) -> None:
    path = write(here / "u.jsonl", *({"id": n, "text": "so", "label": n % 3} for n in range(6)))
    call("run", "--model", "constant", "--tasks", "sentiment", "--data", path).refused(
        2, "classes=negative|neutral|positive"
    )
    ended = call(
        "run", "--model", "oracle", "--tasks", "sentiment", "--data", path, "--map", "classes=bad|so-so|good", "--json"
    )
    assert ended.code == 0, ended.err
    assert ended.document()["metrics"][0]["value"] == 1


def test_a_map_is_kept_with_the_run(here: Path, call: Call) -> None:
    path = write(
        here / "my.jsonl", *({"q": f"what {n}?", "a": "red", "file": "a.png", "group": f"g{n}"} for n in range(4))
    )
    map_ = "question=q,answer=a,image=file"
    ended = call("run", "--model", "oracle", "--tasks", "vqa", "--data", path, "--map", map_, "--json")
    assert ended.code == 0, ended.err
    (run,) = ended.document()["runs"]
    source = json.loads((here / run / "run.json").read_text())["tasks"]["vqa/my"]["source"]
    assert source["data_fields"] == {"question": "q", "answer": "a", "image": "file"}
    assert call("rescore", here / run).code == 0
    assert "read as your map, JSON Lines" in ended.err


def test_a_map_without_data_is_refused(call: Call) -> None:
    call("run", "--model", "random", "--tasks", "vqa/scenes", "--map", "question=q").refused(2, "--data")


def test_a_file_that_is_named_like_a_published_dataset_is_local(here: Path, call: Call) -> None:
    path = write(here / "easy-vqa.jsonl", {"image": "a.png", "question": "?", "answer": "x"})
    ended = call("run", "--model", "oracle", "--tasks", "vqa", "--data", path, "--json")
    assert ended.document()["metrics"][0]["task"] == "vqa/easy-vqa.local"


def test_images_that_are_urls_are_fetched_on_request(here: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    monkeypatch.setenv("MMBENCH_MEDIA", str(here / "media"))
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    handler = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(here)))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    path = write(here / "q.jsonl", {"image": f"{url}/a.png", "question": "?", "answer": "x"})
    asked = ("run", "--model", "oracle", "--tasks", "vqa", "--data", path)
    try:
        call(*asked).refused(2, "1 image is a URL", "--download")
        assert call(*asked, "--download").code == 0
        missing = write(here / "m.jsonl", {"image": f"{url}/none.png", "question": "?", "answer": "x"})
        call("run", "--model", "oracle", "--tasks", "vqa", "--data", missing, "--download").refused(2, "HTTP 404")
    finally:
        server.shutdown()
        server.server_close()
    assert call(*asked, "--download").code == 0, "what is kept needs no server"


def test_parquet_with_images_is_asked_about(here: Path, call: Call) -> None:
    shard(here / "d" / "data" / "test-00000-of-00001.parquet", [1, 2, 3], question=["?"] * 3, answer=["x", "y", "z"])
    (here / "looks.py").write_text(
        "class Looks:\n    def generate(self, requests):\n"
        "        return ['xyz'[r.images[0].load().getpixel((0, 0))[0] - 1] for r in requests]\n"
    )
    ended = call("run", "--model", "looks.py", "--tasks", "vqa", "--data", here / "d", "--json")
    assert ended.document()["metrics"][0]["value"] == 1


def test_statistics_count_duplicates_within_and_across_splits(here: Path, call: Call) -> None:
    for split, colours in (("train", [1, 2, 2]), ("test", [2, 9])):
        columns = {
            "id": ["p", "q", "r"][: len(colours)],
            "question": ["?"] * len(colours),
            "answer": ["x"] * len(colours),
        }
        shard(here / "d" / f"{split}-00000-of-00001.parquet", colours, **columns)
    found = call("data", "stats", here / "d", "--json").document()
    by_split = {each["split"]: each for each in found["splits"]}
    assert by_split["train"]["rows"] == 3
    assert by_split["train"]["duplicate_images"] == 1
    assert by_split["test"]["sizes"]["width_max"] == 8
    assert [each["equal"] for each in found["overlaps"]] == [1 if found["overlaps"][0]["splits"][0] == "test" else 2]


def test_each_of_several_files_in_a_folder_is_told(here: Path, call: Call) -> None:
    write(here / "asked.jsonl", {"question_id": 1, "image": "a.png", "text": "?", "label": "yes"})
    (here / "said.json").write_text(json.dumps([{"question_id": 1, "answer": "yes"}]))
    (here / "result.json").write_text(json.dumps({"acc": 50.0, "correct": 1, "results": {"1": 0}}))
    ended = call("data", "inspect", here, "--json")
    assert ended.code == 2
    asked, result, said = ended.document()["notes"]
    assert asked == "asked.jsonl: POPE, JSON Lines, 1 rows, for vqa, mcq and yes-no"
    assert result.startswith("result.json")
    assert said.startswith("said.json")
    assert "mmbench score" in result
    assert "mmbench score" in said
    assert len(ended.document()["problems"]) == 1
    assert "asked.jsonl" in call("data", "inspect", here).out


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([{"question_id": "1", "answer": "yes"}], "--predictions"),
        ([{"image": "a.png", "answer": "yes"}], "--predictions"),
        ([{"image_id": 1, "caption": "a cat"}], "--predictions"),
        ({"1": {"prediction": "yes", "answer": "no"}}, "--predictions"),
        ({"1": {"ground_truth": "A", "question_type": "open"}, "2": {"ground_truth": "B"}}, "--references"),
        ({"1": "yes", "2": "no"}, "--predictions"),
        ([{"image": "a.png", "question": "?"}], ""),
        ([{"question": "?", "answer": "x"}], ""),
    ],
)
def test_answers_of_a_model_are_told_from_questions(rows: object, told: str, here: Path, call: Call) -> None:
    (here / "file.json").write_text(json.dumps(rows))
    ended = call("data", "inspect", here / "file.json")
    assert ended.code == 2
    assert ("mmbench score" in ended.out + ended.err) == bool(told)
    assert told in ended.out + ended.err


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"image": "a.png", "caption": ""}, "captions"),
        ({"image": "a.png", "captions": []}, "captions"),
        ({"image": "a.png", "caption": None}, "captions"),
        ({"image": "a.png"}, "captions"),
        ({"image": "a.png", "img_id": 3}, "captions"),
        ({"image": "a.png", "text": "a dog"}, "captions"),
        ({"image": "a.png", "label": "cat"}, "utterances"),
        ({"image": "a.png", "answers": []}, "questions"),
    ],
)
def test_rows_of_which_none_can_be_read_are_what_their_fields_say(
    row: object, kind: str, here: Path, call: Call
) -> None:
    (here / "a.png").write_bytes(png((1, 2, 3)))
    (here / "mine.jsonl").write_text(json.dumps(row))
    ended = call("data", "inspect", "mine.jsonl", "--json")
    assert ended.code == 2
    assert ended.document()["kind"] == kind
