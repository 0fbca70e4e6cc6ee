"""``--sweep``: one run for each value of an option, side by side, with paired drops, fronts and a figure."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from helpers import COLOURS, Ended, write_model, write_questions

MODEL = f"""
import time
COLOURS = {list(COLOURS)!r}
class Pruned:
    def __init__(self, right: int = 12):
        if right > 12:
            raise ValueError("there are twelve")
        self.right = right
    def generate(self, requests):
        if self.right < 0:
            raise RuntimeError("no kernel")
        time.sleep(0.1)  # long beside what the harness does
        return [self.answer(int(request.sample_id[1:])) for request in requests]
    def answer(self, n):
        return COLOURS[(n + (n >= self.right)) % len(COLOURS)]
"""
RUN = ("run", "--model", "mymodel", "--tasks", "vqa", "--data", "mine.jsonl", "--out", "runs", "--batch-size", "2")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_questions(tmp_path, 12)
    write_model(tmp_path, MODEL)
    return tmp_path


def _rows(ended: Ended) -> dict[str, Any]:
    return {row["setting"]: row for row in json.loads(ended.out)["sweep"]}


@pytest.mark.slow
def test_each_value_is_a_run_and_a_row_and_one_that_fails_keeps_no_other_from_going_on(
    call: Callable[..., Ended], folder: Path
) -> None:
    ended = call(*RUN, "--sweep", "right=none,9,6,-1,13", "--json")
    rows = _rows(ended)
    assert ended.code == 4
    assert [row["value"] for row in rows.values()] == [1.0, 0.75, 0.5, None, None]
    assert rows["right=none"]["drop"] is None
    assert rows["right=9"]["drop"] == pytest.approx(0.25)
    assert rows["right=6"]["drop"] == pytest.approx(0.5)
    assert 0 < rows["right=6"]["drop_low"] < 0.5 < rows["right=6"]["drop_high"]
    assert "no kernel" in rows["right=-1"]["problem"]
    assert "there are twelve" in rows["right=13"]["problem"]
    assert len(set(json.loads(ended.out)["runs"])) == 5
    again = call(*RUN, "--model-args", "right=9", "--json")  # the same run as that of the sweep: nothing is asked
    assert json.loads(again.out)["runs"][0] in json.loads(ended.out)["runs"]


@pytest.mark.slow
def test_options_that_are_no_identity_of_a_run_get_folders_of_their_own(
    call: Callable[..., Ended], folder: Path
) -> None:
    ended = call(*RUN, "--sweep", "batch_size=1,4", "--json")
    document = json.loads(ended.out)
    assert ended.code == 0
    assert [row["setting"] for row in document["sweep"]] == ["batch-size=1", "batch-size=4"]
    assert [Path(run).parent.name for run in document["runs"]] == ["batch-size=1", "batch-size=4"]
    assert document["sweep"][1]["drop"] == 0.0


@pytest.mark.slow
def test_variants_of_a_task_are_paired_and_stand_in_one_table(call: Callable[..., Ended], folder: Path) -> None:
    ended = call(*RUN, "--sweep", "max-new-tokens=none,3", "--sweep", "right=12,6", "--json")
    rows = json.loads(ended.out)["sweep"]
    assert ended.code == 0
    assert [row["setting"] for row in rows] == [
        f"max-new-tokens={tokens}, right={right}" for tokens in ("none", "3") for right in (12, 6)
    ]
    assert {row["task"] for row in rows} == {"vqa/mine"}
    assert [row["drop"] for row in rows] == [None, 0.5, 0.0, 0.5]


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".svg", ".pdf", ".png"])
def test_the_figure_has_every_value(call: Callable[..., Ended], folder: Path, suffix: str) -> None:
    ended = call(*RUN, "--sweep", "right=12,9", "--pareto", f"front{suffix}")
    written = (folder / f"front{suffix}").read_bytes()
    assert ended.code == 0
    assert "of the drop" in ended.out
    if suffix != ".svg":
        assert written.startswith({".png": b"\x89PNG", ".pdf": b"%PDF"}[suffix])
    else:
        texts = [each.text for each in ET.fromstring(written).iter("{http://www.w3.org/2000/svg}text")]
        assert {"right=12", "right=9", "samples a second ↑"} <= set(texts)


@pytest.mark.parametrize(
    "given",
    [
        ("--sweep", "limit=1,2"),
        ("--sweep", "right=3"),
        ("--sweep", "right=3,3"),
        ("--sweep", "wrong=3,4"),
        ("--sweep", "batch-size=0,4"),
        ("--sweep", "right=1,2", "--sweep", "right=3,4"),
        ("--sweep", "right=1,2", "--seeds", "2"),
        ("--sweep", "right=1,2", "--pareto", "front.txt"),
        ("--sweep", "right=1,2", "--pareto", "nowhere/front.svg"),
        ("--pareto", "front.svg"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused_before_anything_runs(
    call: Callable[..., Ended], folder: Path, given: tuple[str, ...]
) -> None:
    assert call(*RUN, *given).code == 2
    assert not (folder / "runs").exists()


def test_a_dry_run_names_the_settings(call: Callable[..., Ended], folder: Path) -> None:
    plan = json.loads(call(*RUN, "--sweep", "right=12,9", "--dry-run", "--json").out)["plan"]
    assert [job["setting"] for job in plan] == ["right=12", "right=9"]
    assert len({job["path"] for job in plan}) == 2
