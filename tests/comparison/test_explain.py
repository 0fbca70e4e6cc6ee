"""Every difference between two runs that is no result."""

from pathlib import Path

from helpers import edit_json
from stored import TASK, score_table, write_run

from mmbench.comparison.explain import Explained, explain
from mmbench.results.find import load_run


def test_runs_made_alike_differ_in_nothing_but_the_model(tmp_path: Path) -> None:
    a, b = (load_run(write_run(tmp_path, name, {TASK: [score_table([1.0])]}), tmp_path) for name in ("one", "two"))
    assert {each.section for each in explain(a, b)} == {"model"}
    assert explain(a, a) == []


def test_every_difference_is_named_by_section(tmp_path: Path) -> None:
    one = write_run(tmp_path, "one", {TASK: [score_table([1.0])], "a/lone": [score_table([1.0])]}, prompt="1: say it")
    two = write_run(tmp_path, "two", {TASK: [score_table([1.0])]})

    def change(document: dict) -> None:
        document["packages"] = {"numpy": "9.9"}
        document["machine"]["cpus"] = 64
        document["spec"] = {"batching": {"size": 4}}
        document["git"] = {"commit": "a" * 40, "dirty": False}
        document["seed"] = 3

    edit_json(two / "run.json", change)
    found = explain(load_run(one, tmp_path), load_run(two, tmp_path))
    for each in (
        Explained("packages", "numpy", "-", "9.9"),
        Explained("machine", "cpus", "1", "64"),
        Explained("spec", "batching.size", "-", "4"),
        Explained("repository", "dirty", "-", "False"),
        Explained("run", "seed", "0", "3"),
        Explained(TASK, "prompt", "1: say it", "none"),
        Explained("a/lone", "task", "run", "-"),
    ):
        assert each in found
