"""``mmbench show``, ``list`` and ``doctor``: look at tasks, runs, samples and plug-ins."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import Ended, edit_json, log_of, mmbench, only_run, write_captions, write_model, write_questions
from stored import score_table, write_run

# --- show: tasks ---


def test_a_task_is_shown_as_a_card(call: Callable[..., Ended]) -> None:
    ended = call("show", "vqa/easy-vqa")
    assert ended.code == 0, ended.err
    for word in ("9,673 samples in 1,000 clusters", "MIT", "short-answer-v1", "exact-v2", "accuracy*", "fingerprint"):
        assert word in ended.out


def test_no_name_of_a_file_decides_what_an_error_was_about(call: Callable[..., Ended], tmp_path: Path) -> None:
    """The task is found although the words of an error stand in the name of its file."""
    write_model(tmp_path, "from mmbench_tasks.vqa.scenes import task as Parity\n", "outfits.py")
    ended = call("show", "outfits.py:Parity")
    assert ended.code == 0, ended.err
    assert ended.out.startswith("task        vqa/scenes")


def test_a_family_stands_for_its_default(call: Callable[..., Ended]) -> None:
    from mmbench_tasks.vqa.family import family

    assert call("show", "vqa").out == call("show", str(family.default)).out


@pytest.mark.slow
def test_a_sample_of_a_task_is_shown_as_a_model_sees_it(call: Callable[..., Ended]) -> None:
    by_place, by_id = call("show", "vqa/easy-vqa", "--sample", "0"), call("show", "vqa/easy-vqa", "--sample", "test-0")
    assert by_place.code == 0, by_place.err
    assert by_place.out == by_id.out
    for word in ("sample", "image", ".png", "asked", "generate: <image>", "choices", "references"):
        assert word in by_place.out


def test_your_own_data_are_shown_too(call: Callable[..., Ended], tmp_path: Path) -> None:
    write_questions(tmp_path)
    ended = call("show", "vqa", "--data", "mine.jsonl", "--sample", "q3")
    assert "what colour is picture 3?" in ended.out
    assert "black" in ended.out
    assert "images/3.png" in ended.out
    write_captions(tmp_path)
    assert (
        "embed: picture number 2, take 1" in call("show", "retrieval", "--data", "captions.jsonl", "--sample", "2").out
    )


def test_your_own_data_are_found_by_the_name_that_a_run_gives_them(call: Callable[..., Ended], tmp_path: Path) -> None:
    write_questions(tmp_path)
    named = call("show", "vqa/mine", "--data", "mine.jsonl", "--sample", "q3")
    assert named.code == 0, named.err
    assert named.out == call("show", "vqa", "--data", "mine.jsonl", "--sample", "q3").out
    assert call("show", "vqa/other", "--data", "mine.jsonl").code == 2


def test_a_picture_that_cannot_be_read_is_shown_without_it(call: Callable[..., Ended], tmp_path: Path) -> None:
    write_questions(tmp_path)
    (tmp_path / "images" / "3.png").write_bytes(b"no picture")
    ended = call("show", "vqa", "--data", "mine.jsonl", "--sample", "q3")
    assert ended.code == 0, ended.err
    assert "images/3.png" in ended.out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["vqaa"], ["unknown task 'vqaa'. Did you mean 'vqa'"]),
        (["vqa/easy-vqa", "--sample", "test-9673"], ["unknown sample of vqa/easy-vqa 'test-9673'", "9,673 samples"]),
        (["vqa/easy-vqa", "--sample", "9673"], ["unknown sample", "counted from 0"]),
        (["vqa/easy-vqa", "--sample", "-1"], ["unknown sample"]),
        (["vqa/easy-vqa", "--split", "dev", "--sample", "0"], ["'dev'"]),
        (["."], ["there is no run '.'"]),
    ],
)
def test_what_is_not_there_cannot_be_shown(call: Callable[..., Ended], arguments: list[str], words: list[str]) -> None:
    call("show", *arguments).refused(2, *words)


# --- show: runs ---


@pytest.fixture
def run(call: Callable[..., Ended], tmp_path: Path) -> Path:
    """A run of `constant` on questions, with one sample that failed."""
    source = """
        class Says:
            def generate(self, requests):
                return [None if request.sample_id == "q2" else "red" for request in requests]
    """
    write_model(tmp_path, source)
    write_questions(tmp_path)
    call("run", "--model", "mymodel", "--tasks", "vqa", "--data", "mine.jsonl", "--out", "results/runs")
    return only_run(tmp_path / "results" / "runs")


def test_a_run_is_shown_as_its_table(call: Callable[..., Ended], run: Path) -> None:
    for reference in (str(run), run.name, "mymodel"):
        ended = call("show", reference)
        assert ended.code == 0, ended.err
        assert "(partial)" in ended.out
        assert "vqa/mine" in ended.out
        assert "87.50 %" in ended.out


def test_the_whole_name_of_a_task_or_run_wins_over_the_beginning_of_a_run(
    call: Callable[..., Ended], tmp_path: Path
) -> None:
    out = tmp_path / "results" / "runs"
    for name in ("vqa-x", "ckpt-1000", "ckpt-10000"):
        write_run(out, name, {"stored/task": [score_table([1.0])]})
    assert call("show", "vqa").out.startswith("task ")
    assert "ckpt-1000--" in call("show", "ckpt-1000").out
    assert "vqa-x" in call("show", "vqa-").out
    ended = call("show", "ckpt")
    assert ended.code == 2
    assert "ckpt-10000--" in ended.err


def test_a_saved_baseline_is_shown_as_the_run_that_it_was_made_from(call: Callable[..., Ended], tmp_path: Path) -> None:
    labels = {"slices": {"half": ["left", "right"]}}
    write_run(tmp_path / "results" / "runs", "model", {"stored/task": [score_table([1.0, 0.0], **labels)]})
    assert call("baseline", "save", "model", "model.json").code == 0
    assert call("show", "model.json", "--md").out == call("show", "model", "--md").out
    assert "right" in call("show", "model.json", "--md").out


def test_a_sample_of_a_run_is_shown_with_its_answer_and_score(call: Callable[..., Ended], run: Path) -> None:
    ended = call("show", "mymodel", "--sample", "q0")
    for word in (
        "what colour is picture 0?",
        "images/0.png",
        "references  red",
        "answer      red",
        "scored, accuracy 1",
    ):
        assert word in ended.out, ended.out
    assert "scored, accuracy 0" in call("show", "mymodel", "--sample", "q1").out
    failed = call("show", "mymodel", "--sample", "q2").out
    assert "error: generate returned nothing (None)" in failed
    assert "error, not scored" in failed


def test_a_sample_of_a_retrieval_run_is_shown_with_its_queries(call: Callable[..., Ended], tmp_path: Path) -> None:
    write_captions(tmp_path)
    call("run", "--model", "random", "--tasks", "retrieval", "--data", "captions.jsonl", "--out", "runs")
    ended = call("show", "random", "--out", "runs", "--sample", "c1.png")
    assert ended.code == 0, ended.err
    assert "embedding, row" in ended.out
    assert "query_i2t c1.png: scored" in ended.out
    assert "query_t2i c1.png/1: scored" in ended.out


def test_a_sample_of_changed_data_is_not_shown_beside_old_answers(
    call: Callable[..., Ended], run: Path, tmp_path: Path
) -> None:
    write_questions(tmp_path, 6)
    call("show", "mymodel", "--sample", "q0").refused(3, "the data of vqa/mine have changed since this run")


def test_a_run_of_several_tasks_has_to_be_told_which(call: Callable[..., Ended], run: Path, tmp_path: Path) -> None:
    write_captions(tmp_path)
    data = ["--data", "vqa=mine.jsonl", "--data", "retrieval=captions.jsonl"]
    call("run", "--model", "constant", "--tasks", "vqa,retrieval", *data)
    call("show", "constant", "--sample", "q0").refused(2, "vqa/mine", "retrieval/captions")
    assert call("show", "constant", "--sample", "q0", "--tasks", "vqa/mine").code == 0
    call("show", "constant", "--sample", "q0", "--task", "vqa/mime").refused(2, "Did you mean 'vqa/mine'")


def test_damaged_runs_are_refused(call: Callable[..., Ended], run: Path) -> None:
    scores = next(run.glob("tasks/*/scores/*.npz"))
    whole = scores.read_bytes()
    scores.write_bytes(whole[: len(whole) // 2])
    call("show", "mymodel", "--sample", "q0").refused(3, "is damaged")
    scores.write_bytes(whole)
    log = log_of(run)
    log.write_bytes(b"broken\n" + log.read_bytes())
    call("show", "mymodel", "--sample", "q0").refused(3, "responses.jsonl, line 1 is damaged")
    edit_json(run / "run.json", lambda document: document.update(schema_version=99))
    call("show", "mymodel").refused(3, "Upgrade mmbench")


# --- list ---


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("tasks", ["vqa/easy-vqa", "retrieval", "mmbench=="]),
        ("models", ["random", "oracle", "template-prior", "replay"]),
        ("metrics", ["accuracy", "higher is better"]),
        ("datasets", ["easy-vqa"]),
    ],
)
def test_lists(call: Callable[..., Ended], what: str, words: list[str]) -> None:
    ended = call("list", what)
    assert ended.code == 0
    for word in words:
        assert word in ended.out
    document = call("list", what, "--json").document()
    assert list(document) == [what]
    assert all(row.get("name", row.get("id")) and row["description"] for row in document[what])


def test_an_unknown_list_is_refused(call: Callable[..., Ended]) -> None:
    call("list", "modls").refused(2, "modls", "models")


@pytest.fixture
def strangers(tmp_path: Path) -> Path:
    """Distributions of strangers: one that works, and three that are broken in different ways."""
    folder = tmp_path / "strangers"
    info = folder / "strange-2.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: strange\nVersion: 2.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(
        "[mmbench.models]\n"
        "fine = strange_fine:Model\n"
        "gone = strange_gone:Model\n"
        "raises = strange_raises:Model\n"
        "lacks = strange_fine:Modle\n",
        encoding="utf-8",
    )
    fine = '"""Fine and strange."""\nclass Model:\n    def generate(self, requests): return ["red" for _ in requests]\n'
    (folder / "strange_fine.py").write_text(fine, encoding="utf-8")
    (folder / "strange_raises.py").write_text("raise RuntimeError('no luck')\n", encoding="utf-8")
    return folder


@pytest.mark.slow
def test_broken_plugins_are_shown_and_never_dropped(tmp_path: Path, strangers: Path) -> None:
    listed = mmbench("list", "models", "--json", folder=tmp_path, PYTHONPATH=str(strangers))
    assert listed.code == 0, "a list is no check"
    rows = {row["name"]: row for row in listed.document()["models"]}
    assert rows["fine"] == {
        "name": "fine", "description": "Fine and strange.", "from": "strange==2.0", "broken": None
    }  # fmt: skip
    assert {name for name, row in rows.items() if row["broken"]} == {"gone", "lacks", "raises"}
    checked = mmbench("list", "models", "--check", folder=tmp_path, PYTHONPATH=str(strangers))
    assert checked.code == 2
    shown = {line.split()[0]: line for line in checked.out.splitlines() if line[:1].strip()}
    assert {"fine", "gone", "raises", "lacks", "random", "oracle"} <= set(shown)
    assert "strange_gone" in shown["gone"]
    assert "broken: it cannot be imported: RuntimeError: no luck" in shown["raises"]
    assert "'Modle'" in shown["lacks"]
    assert [name for name, line in shown.items() if "broken" in line] == ["gone", "lacks", "raises"]


@pytest.mark.slow
def test_a_broken_plugin_does_not_keep_the_others_from_running(tmp_path: Path, strangers: Path) -> None:
    write_questions(tmp_path)
    arguments = ["--tasks", "vqa", "--data", "mine.jsonl"]
    ended = mmbench("run", "--model", "fine,constant", *arguments, folder=tmp_path, PYTHONPATH=str(strangers))
    assert ended.code == 0, ended.err
    broken = mmbench("run", "--model", "raises", *arguments, folder=tmp_path, PYTHONPATH=str(strangers))
    broken.refused(2, "model 'raises' (strange==2.0) cannot be imported: RuntimeError: no luck")


@pytest.mark.slow
def test_the_doctor_says_what_is_broken_and_what_to_do(tmp_path: Path, strangers: Path) -> None:
    healthy = mmbench("doctor", folder=tmp_path)
    assert healthy.code == 0, healthy.out
    assert "nothing is broken" in healthy.out
    assert "machine" in healthy.out
    assert "numpy" in healthy.out
    sick = mmbench("doctor", folder=tmp_path, PYTHONPATH=str(strangers))
    assert sick.code == 2
    assert "model raises (strange==2.0): it cannot be imported: RuntimeError: no luck" in sick.out
    assert sick.out.count("broken ") == 3


@pytest.mark.slow
def test_the_doctor_measures_what_the_harness_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    from mmbench.testing import overhead

    monkeypatch.setattr(overhead, "_ROUNDS", 1)
    batches, one_by_one = overhead.measure_overhead(200)
    for each in (batches, one_by_one):
        assert 1 < each.us_per_sample < 10_000
        assert abs(each.us_measuring) < each.us_per_sample
        assert {"load", "post-process", "score"} <= set(each.where_us)
        assert sum(each.where_us.values()) > 0


@pytest.mark.slow
def test_the_doctor_looks_at_the_output_folder(call: Callable[..., Ended], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    ended = call("doctor", "--out", "file/runs")
    assert ended.code == 2
    assert "cannot be written to; choose another --out" in ended.out


def test_json_lists_are_one_document(call: Callable[..., Ended]) -> None:
    ended = call("list", "models", "--json")
    assert json.loads(ended.out)
    assert ended.err == ""
