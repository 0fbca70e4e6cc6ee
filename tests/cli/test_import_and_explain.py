"""``mmbench import`` and ``mmbench explain`` as a user types them."""

import json

import pytest
from helpers import evaluate, write_questions

import mmbench
from mmbench.cli.main import main


class Reader:
    """Answers with a colour in a sentence, and fails once where it is told to."""

    def __init__(self, text="{}", fails=()):
        self.text, self.fails = text, fails

    def generate(self, requests):
        return [self.answer(request) for request in requests]

    def answer(self, request):
        if request.sample_id in self.fails:
            raise ValueError("no")
        return self.text.format("red")


def two(tmp_path, one, other, **options):
    data = write_questions(tmp_path, 8)
    paths = [
        evaluate(model, data, tmp_path / name, batch_size=1, **more).path
        for name, model, more in (("a", one, {}), ("b", other, options))
    ]
    return [str(path) for path in paths]


def explained(capsys, *arguments):
    code = main(["explain", *arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_two_runs_of_ours_differ_in_their_answers_and_failures(tmp_path, capsys):
    paths = two(tmp_path, Reader(), Reader("blue", fails=("q3",)))
    code, document = explained(capsys, *paths, "--examples", "2")
    (task,) = document["tasks"]
    points = {part["cause"]: part["points"] for part in task["parts"] if part["points"]}
    assert code == 0
    assert abs(sum(points.values()) - task["gap"]) < 1e-12
    assert set(points) <= {"failures", "answers"}
    assert task["rescored"] == "a"
    assert task["samples"]["shared"] == 7
    answers = next(part for part in task["parts"] if part["cause"] == "answers")
    assert {example["output_b"] for example in answers["examples"]} == {"blue"}


def test_another_extractor_is_worth_what_it_reads(tmp_path, capsys):
    paths = two(tmp_path, Reader("It is {}."), Reader("It is {}."))
    mmbench.rescore(paths[0], task_args={"extractor": "exact"})
    mmbench.rescore(paths[1], task_args={"extractor": "mention"})
    code, document = explained(capsys, *paths)
    (task,) = document["tasks"]
    points = {part["cause"]: part["points"] for part in task["parts"] if part["points"]}
    assert code == 0
    assert task["gap"] > 0
    assert points == {"extraction": task["gap"]}
    assert {fact["about"] for fact in task["facts"] if "extractor" in fact["name"]} == {"scoring"}


@pytest.mark.slow
def test_tables_and_markdown_name_the_causes(tmp_path, capsys):
    paths = two(tmp_path, Reader(), Reader("blue"))
    assert main(["explain", *paths, "--examples", "1"]) == 0
    assert "other answers" in capsys.readouterr().out
    assert main(["explain", *paths, "--md"]) == 0
    assert capsys.readouterr().out.startswith("## ")


@pytest.mark.slow
def test_what_cannot_be_explained_has_a_code(tmp_path, capsys):
    paths = two(tmp_path, Reader(), Reader("blue"))
    assert main(["explain", paths[0], paths[0]]) == 2
    assert main(["explain", *paths, "--examples", "-1"]) == 2
    assert main(["explain", *paths, "--metric", "nothing"]) == 2
    assert main(["explain", *paths, "--tasks", "nothing"]) == 2
    write_questions(tmp_path / "c", 3)
    other = [{"id": f"z{n}", "image": f"images/{n}.png", "question": f"other {n}?", "answer": "x"} for n in range(3)]
    data = tmp_path / "c" / "mine.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in other), encoding="utf-8")
    alone = evaluate(Reader(), data, tmp_path / "c").path
    capsys.readouterr()
    code, document = explained(capsys, paths[0], str(alone))
    assert code == 3
    assert len(document["refused"]) == 1


def test_import_says_what_it_made_and_which_tool_a_file_is_of(tmp_path, capsys):
    lines = [
        {"doc_id": n, "doc": {"question": f"{n}?"}, "target": "a", "arguments": {}, "resps": [["a"]], "filtered_resps": ["a"], "metrics": ["acc"], "prompt_hash": "", "acc": n % 2}
        for n in range(4)
    ]  # fmt: skip
    path = tmp_path / "samples_mine.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    out = str(tmp_path / "runs")
    assert main(["import", "lm-eval", str(path), "--model", "org/m", "--out", out, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["tasks"] == {"lm-eval/mine": {"samples": 4, "metrics": {"acc(tool=lm-eval)": 0.5}}}
    assert main(["show", "lm-eval/org/m", "--out", out]) == 0
    assert "imported" in capsys.readouterr().out
    assert main(["import", "inspect", str(path), "--out", out]) == 2
    assert "import lm-eval" in capsys.readouterr().err
    assert main(["import", "elsewhere", str(path)]) == 2
    assert main(["import", "lm-eval", str(tmp_path / "nowhere")]) == 2


CUT = """
from mmbench import Generation

class Cut:
    def generate(self, requests):
        return [self.answer(request) for request in requests]

    def answer(self, request):
        if request.sample_id in ("q0", "q3") and request.max_new_tokens < 20:
            return Generation("well, let me", finish_reason="length")
        return Generation("red", finish_reason="stop")
"""


@pytest.mark.slow
def test_two_settings_in_one_run_differ_by_what_was_cut_off(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_questions(tmp_path, 8)
    (tmp_path / "cut.py").write_text(CUT, encoding="utf-8")
    asked = ["run", "--model", "cut.py:Cut", "--tasks", "vqa", "--data", "mine.jsonl", "--perf", "off"]
    assert main([*asked, "--max-new-tokens", "8"]) == 0
    assert main([*asked, "--max-new-tokens", "64", "--reask", "truncated"]) == 0
    (run,) = (tmp_path / "results" / "runs").iterdir()
    capsys.readouterr()
    names = "vqa/mine(max_new_tokens=8)=vqa/mine(max_new_tokens=64)"
    code, document = explained(capsys, str(run), str(run), "--tasks", names)
    (task,) = document["tasks"]
    points = {part["cause"]: part["points"] for part in task["parts"] if part["points"]}
    assert code == 0
    assert points == {"truncation": task["gap"]}
    assert task["due_to"] == ["max_new_tokens"]


def test_metrics_of_different_ranges_are_named_and_have_no_interval(tmp_path):
    for name, scores in (("ten", [7, 3, 5, 9, 2, 10]), ("one", [1, 0, 1, 1, 0, 1])):
        lines = [
            {"doc_id": n, "target": "a", "resps": [["a"]], "filtered_resps": ["a"], "exact_match": score}
            for n, score in enumerate(scores)
        ]
        path = tmp_path / f"samples_{name}.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        mmbench.import_run("lm-eval", path, model=name, out=tmp_path / "runs")
    pair = "lm-eval/ten=lm-eval/one"
    [task] = mmbench.explain("lm-eval/ten", "lm-eval/one", tasks=pair, out=tmp_path / "runs").tasks
    assert task.attribution.gap == pytest.approx(4 / 6 - 6)
    assert sum(part.points for part in task.attribution.parts) == pytest.approx(task.attribution.gap)
    assert all(part.difference is None for part in task.attribution.parts)
    assert any("range" in note for note in task.notes)
