"""``mmbench compare`` as it is typed: what is on the screen, exit codes, and inputs that stay as they were."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import Ended, edit_json, write_captions, write_model, write_questions

SOURCE = """
    class Red:
        def generate(self, requests):
            return ["red"] * len(requests)

    class Other:
        def generate(self, requests):
            return [None if r.sample_id == "q5" else "green" if r.sample_id in ("q0", "q1") else "red" for r in requests]
"""


def files(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below a folder with its time and content."""
    found = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in found}


@pytest.fixture
def runs(call: Callable[..., Ended], tmp_path: Path) -> Path:
    """Runs of two models on eight questions; the second fails on one. The first is right on q0 and q4."""
    write_model(tmp_path, SOURCE)
    write_questions(tmp_path)
    for name in ("Red", "Other"):
        call("run", "--model", f"mymodel.py:{name}", "--tasks", "vqa", "--data", "mine.jsonl")
    return tmp_path / "results" / "runs"


def test_two_runs_are_compared_and_left_as_they_were(call: Callable[..., Ended], runs: Path) -> None:
    before = files(runs)
    ended = call("compare", "mymodel.py:Red", "mymodel.py:Other")
    assert ended.code == 0, ended.err
    for words in (
        "vqa/mine: mymodel.py:Other against mymodel.py:Red",
        "28.6",
        "+0.0",
        "1 failed in mymodel.py:Other alone",
    ):
        assert words in ended.out
    assert files(runs) == before


def test_what_flipped_is_shown_with_picture_question_and_both_answers(call: Callable[..., Ended], runs: Path) -> None:
    ended = call("compare", "mymodel.py:Red", "mymodel.py:Other", "--flips", "20")
    assert ended.code == 0, ended.err
    worse = next(line for line in ended.out.splitlines() if line.strip().startswith("q0"))
    for words in ("worse", "'red'", "'green'", "'what colour is picture 0?'"):
        assert words in worse
    assert "images/0.png" in "".join(ended.out.split())  # a long path wraps
    assert "q1" in ended.out


def test_questions_that_cannot_be_read_any_more_leave_ids_and_answers(
    call: Callable[..., Ended], runs: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.jsonl").unlink()
    ended = call("compare", "mymodel.py:Red", "mymodel.py:Other", "--flips", "20")
    assert ended.code == 0, ended.err
    assert "'green'" in ended.out
    assert "questions and pictures are not shown" in ended.out
    write_questions(tmp_path, 9)
    assert "the data have changed" in call("compare", "mymodel.py:Red", "mymodel.py:Other", "--flips", "2").out


def test_json_is_one_document(call: Callable[..., Ended], runs: Path) -> None:
    arguments = ("compare", "mymodel.py:Red", "mymodel.py:Other", "--json", "--flips", "1", "--explain")
    document = call(*arguments).document()
    (metric,) = document["metrics"]
    assert (metric["task"], metric["id"], metric["difference"]["n"], metric["only_a"]) == ("vqa/mine", "accuracy", 7, 1)
    assert document["flips"][0]["answer_b"] == "green"
    assert {each["section"] for each in document["explain"]} >= {"model"}
    assert document["refused"] == {}
    assert document["slices"] == []


def test_markdown_and_slices(call: Callable[..., Ended], runs: Path) -> None:
    ended = call("compare", "mymodel.py:Red", "mymodel.py:Other", "--md", "--slices")
    assert ended.code == 0, ended.err
    assert "| metric | mymodel.py:Red | mymodel.py:Other | difference |" in ended.out


def test_a_run_and_its_copy_were_made_alike(call: Callable[..., Ended], runs: Path) -> None:
    shutil.copytree(next(runs.glob("*Red*")), runs / "copy--00000000")
    ended = call("compare", "mymodel.py:Red", "copy", "--explain", "--flips", "3")
    assert ended.code == 0, ended.err
    assert "were made alike" in ended.out


def test_three_runs_are_a_matrix(call: Callable[..., Ended], runs: Path) -> None:
    call("run", "--model", "oracle", "--tasks", "vqa", "--data", "mine.jsonl")
    ended = call("compare", "mymodel.py:Red", "mymodel.py:Other", "oracle")
    assert ended.code == 0, ended.err
    assert "row minus column" in ended.out
    assert "Holm" in ended.out
    document = call("compare", "mymodel.py:Red", "mymodel.py:Other", "oracle", "--json").document()
    assert [each["pair"] for each in document["pairs"]] == [[0, 1], [0, 2], [1, 2]]


# --- what does not compare ---


def test_runs_on_other_samples_are_refused_with_all_that_differs(call: Callable[..., Ended], runs: Path) -> None:
    call("run", "--model", "oracle", "--tasks", "vqa", "--data", "mine.jsonl", "--limit", "3")
    ended = call("compare", "mymodel.py:Red", "oracle")
    assert ended.code == 3
    for words in ("vqa/mine: not comparable", "number of samples", "selected samples"):
        assert words in ended.out
    assert "not comparable: vqa/mine" in ended.err
    document = call("compare", "mymodel.py:Red", "oracle", "--json")
    assert document.code == 3
    assert document.document()["refused"]["vqa/mine"][0]["field"] == "number of samples"


def test_disjoint_samples_are_refused(call: Callable[..., Ended], runs: Path) -> None:
    for model, ids in (("oracle", "q1,q2"), ("random", "q3,q4")):
        call("run", "--model", model, "--tasks", "vqa", "--data", "mine.jsonl", "--ids", ids)
    ended = call("compare", "oracle", "random")
    assert ended.code == 3
    assert "selected samples" in ended.out


def test_runs_of_other_tasks_have_nothing_to_compare(call: Callable[..., Ended], runs: Path, tmp_path: Path) -> None:
    write_captions(tmp_path)
    call("run", "--model", "random", "--tasks", "retrieval", "--data", "captions.jsonl")
    ended = call("compare", "mymodel.py:Red", "random")
    assert ended.code == 3
    assert "random has not run it" in ended.out
    assert "nothing to compare" in ended.err


def test_a_run_without_scores_is_refused(call: Callable[..., Ended], runs: Path) -> None:
    (path,) = runs.glob("*Other*")
    edit_json(
        path / "run.json", lambda document: document["tasks"]["vqa/mine"].update(scoring=None, status="interrupted")
    )
    ended = call("compare", "mymodel.py:Red", "mymodel.py:Other")
    assert ended.code == 3
    assert "interrupted, no scores" in ended.out


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: (path / "run.json").write_text("{", encoding="utf-8"), "run.json is damaged"),
        (lambda path: edit_json(path / "run.json", lambda d: d.update(schema_version=99)), "schema 99"),
        (lambda path: next(path.glob("tasks/*/scores/*.npz")).write_bytes(b"PK"), "damaged"),
        (lambda path: next(path.glob("tasks/*/scores/*.json")).unlink(), "is missing"),
        (lambda path: next(path.glob("tasks/*/plan.json")).write_text("[]", encoding="utf-8"), "plan.json is damaged"),
    ],
)
def test_a_damaged_run_is_one_sentence_and_code_3(
    call: Callable[..., Ended], runs: Path, damage: Callable[[Path], object], words: str
) -> None:
    damage(next(runs.glob("*Other*")))
    before = files(runs)
    call("compare", "mymodel.py:Red", "mymodel.py:Other").refused(3, words)
    assert files(runs) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["mymodel.py:Red"], ["name a second run"]),
        ([], ["Missing argument"]),
        (["mymodel.py:Red", "mymodel.py:Rad"], ["there is no run", "Did you mean"]),
        (["mymodel.py:Red", "mymodel.py:Red"], ["given twice"]),
        (["mymodel.py:Red", "mymodel.py:Other", "--metric", "acuracy"], ["'accuracy'"]),
        (["mymodel.py:Red", "mymodel.py:Other", "--tasks", "vqa/mime"], ["'vqa/mine'"]),
        (["mymodel.py:Red", "mymodel.py:Other", "--flips", "0"], ["at least 1"]),
        (["mymodel.py:Red", "mymodel.py:Other", "--json", "--md"], ["exclude each other"]),
    ],
)
def test_mistakes_get_a_sentence(
    call: Callable[..., Ended], runs: Path, arguments: list[str], words: list[str]
) -> None:
    call("compare", *arguments).refused(2, *words)


def test_slices_and_flips_are_for_two_runs(call: Callable[..., Ended], runs: Path) -> None:
    shutil.copytree(next(runs.glob("*Other*")), runs / "third--00000000")
    for option in (["--flips", "3"], ["--slices"]):
        call("compare", "mymodel.py:Red", "mymodel.py:Other", "third", *option).refused(2, option[0])
