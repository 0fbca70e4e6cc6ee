"""Files that are damaged, of another tool or hostile are refused in one sentence, and nothing is written."""

import json
import math
import struct
import tracemalloc
import zlib
from pathlib import Path

import pytest
from peer_outputs import WRITERS, imported, inspect_log, lm_eval, vlmevalkit

import mmbench
from mmbench.core.errors import DataError, NotComparableError, UnknownNameError, UsageError
from mmbench.exchange.imported_run import _put_in_place
from mmbench.exchange.importers import read_peer
from mmbench.exchange.peer_files import peer_files


def broken(tool: str, folder: Path, how: str) -> list[Path]:
    paths = WRITERS[tool](folder)
    last = paths[0] if tool == "vlmevalkit" else paths[-1]
    data = last.read_bytes()
    if how == "empty":
        last.write_bytes(b"")
    elif how == "truncated":
        last.write_bytes(data[: len(data) * 2 // 3])
    elif how == "noise":
        last.write_bytes(bytes(range(256)) * 20)
    elif how == "list":
        last.write_text("[1, 2]\n", encoding="utf-8")
    elif how == "deep":
        last.write_text("[" * 100_000 + "\n", encoding="utf-8")
    elif how == "nothing":
        last.write_text('{"doc_id": 0}\n', encoding="utf-8")
    return paths


@pytest.mark.parametrize("how", ["empty", "truncated", "noise", "list", "deep", "nothing"])
@pytest.mark.parametrize("tool", ["lm-eval", "lmms-eval", "inspect"])
def test_a_damaged_file_is_one_sentence_and_nothing_is_written(tool: str, how: str, tmp_path: Path) -> None:
    paths = broken(tool, tmp_path / "in", how)
    with pytest.raises(UsageError) as caught:
        mmbench.import_run(tool, paths, out=tmp_path / "runs")
    assert caught.value.exit_code == 2
    assert len(str(caught.value)) < 600
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("how", ["empty", "noise"])
@pytest.mark.parametrize("ending", ["tsv", "xlsx"])
def test_a_damaged_table_is_one_sentence(how: str, ending: str, tmp_path: Path) -> None:
    path = vlmevalkit(tmp_path, ending)[0]
    path.write_bytes(b"" if how == "empty" else bytes(range(256)) * 20)
    with pytest.raises(UsageError):
        mmbench.import_run("vlmevalkit", path, out=tmp_path / "runs")


@pytest.mark.parametrize("tool", WRITERS)
@pytest.mark.parametrize("other", WRITERS)
def test_the_tool_that_made_the_files_is_named(tool: str, other: str, tmp_path: Path) -> None:
    if tool == other:
        return
    with pytest.raises(UsageError) as caught:
        mmbench.import_run(other, WRITERS[tool](tmp_path / "in")[:1], out=tmp_path / "runs")
    assert f"mmbench import {tool}" in str(caught.value)


@pytest.mark.slow
def test_odd_values_of_every_kind_do_not_end_in_a_traceback(tmp_path: Path) -> None:
    odd = [None, True, -1, math.pi, 10**400, "", "text", [], [[]], [None], {}, {"a": {"b": []}}, [[["x"]]]]
    names = ("doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics", "exact_match", "doc_id")
    for name in names:
        for value in odd:
            paths = lm_eval(tmp_path / "in", fix=lambda lines, name=name, value=value: [{**lines[0], name: value}])
            try:
                read_peer("lm-eval", peer_files(paths))
            except (UsageError, NotComparableError):
                continue


def test_an_unknown_version_of_a_log_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    path.write_text(json.dumps(inspect_log(version=3)), encoding="utf-8")
    with pytest.raises(DataError):
        mmbench.import_run("inspect", path, out=tmp_path / "runs")


def bomb(path: Path, stated: int, method: int = 8) -> None:
    """An archive whose only member unpacks to 64 MiB of zeros and states another size."""
    packer = zlib.compressobj(9, wbits=-15)
    data = packer.compress(bytes(2**26)) + packer.flush()
    name = b"header.json"
    sizes = len(data), stated, len(name)
    local = struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, method, 0, 0, 0, *sizes, 0) + name
    central = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, method, 0, 0, 0, *sizes, 0, 0, 0, 0, 0, 0) + name
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, len(central), len(local) + len(data), 0)
    path.write_bytes(local + data + central + end)


@pytest.mark.slow
@pytest.mark.parametrize("stated", [100, 2**30])
@pytest.mark.parametrize("method", [8, 93])
def test_an_archive_that_unpacks_to_too_much_is_refused_before_it_does(
    stated: int, method: int, tmp_path: Path
) -> None:
    bomb(tmp_path / "bomb.eval", stated, method)
    tracemalloc.start()
    with pytest.raises(DataError):
        mmbench.import_run("inspect", tmp_path / "bomb.eval", out=tmp_path / "runs")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2**23


def test_names_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError):
        mmbench.import_run("helm", tmp_path)
    with pytest.raises(UsageError):
        mmbench.import_run("lm-eval", "")
    with pytest.raises(UsageError):
        mmbench.import_run("lm-eval", tmp_path / "none.json")
    with pytest.raises(UsageError):
        mmbench.import_run("lm-eval", [])
    with pytest.raises(UnknownNameError):
        imported("lm-eval", tmp_path, task="other=vqa/scenes")


def test_ids_that_would_be_the_same_in_a_run_are_kept_apart(tmp_path: Path) -> None:
    log = inspect_log()
    names = ["k" * 250 + "a", "k" * 250 + "b", "a\nb", "a b"]
    log["samples"] = [{**log["samples"][0], "id": name} for name in names]
    (tmp_path / "log.json").write_text(json.dumps(log), encoding="utf-8")
    found = mmbench.import_run("inspect", tmp_path / "log.json", out=tmp_path / "runs")
    task = next(iter(found.run.tasks.values()))
    ids = [line.id for line in task.asked()]
    assert len(set(ids)) == len(names)
    assert list(task.tables()["sample"].unit_ids) == ids
    assert ids[-1] == "a b"


def test_two_tasks_that_would_have_one_name_are_refused(tmp_path: Path) -> None:
    line = json.dumps({"doc_id": 0, "target": "a", "resps": [["a"]], "filtered_resps": ["a"], "exact_match": 1.0})
    for name in ("samples_a b.jsonl", "samples_a_b.jsonl"):
        (tmp_path / name).write_text(line + "\n", encoding="utf-8")
    with pytest.raises(UsageError):
        mmbench.import_run(
            "lm-eval", [tmp_path / "samples_a b.jsonl", tmp_path / "samples_a_b.jsonl"], out=tmp_path / "runs"
        )
    assert not (tmp_path / "runs").exists()


def test_a_judged_table_without_numbers_gives_answers_without_scores(tmp_path: Path) -> None:
    (tmp_path / "M_DATA.tsv").write_text("index\tprediction\tanswer\n1\tA\tA\n2\tB\tA\n", encoding="utf-8")
    (tmp_path / "M_DATA_result.tsv").write_text(
        "index\tprediction\tanswer\thit\n1\tA\tA\tyes\n2\tB\tA\tno\n", encoding="utf-8"
    )
    found = mmbench.import_run("vlmevalkit", tmp_path, out=tmp_path / "runs")
    task = found.run.tasks["vlmevalkit/DATA"]
    assert task.entry.n_samples == 2
    assert not task.metrics


def test_a_run_that_cannot_be_put_in_place_leaves_the_earlier_one(tmp_path: Path) -> None:
    earlier = tmp_path / "run"
    earlier.mkdir()
    (earlier / "run.json").write_text("{}", encoding="utf-8")
    with pytest.raises(OSError, match="gone"):
        _put_in_place(tmp_path / "gone", earlier)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert (earlier / "run.json").read_text(encoding="utf-8") == "{}"


def test_an_answer_that_ends_in_half_of_a_character_is_read(tmp_path: Path) -> None:
    line = {"doc_id": 0, "target": "😀", "resps": [["so \ud83d"]], "filtered_resps": ["so \ud83d"], "exact_match": 1.0}
    path = tmp_path / "samples_mine.jsonl"
    path.write_text(json.dumps(line) + "\n", encoding="utf-8")
    task = mmbench.import_run("lm-eval", path, out=tmp_path / "runs").run.tasks["lm-eval/mine"]
    assert [each.output for each in task.responses()] == ["so ?"]
    assert task.asked()[0].references == ("😀",)
