"""``mmbench plot``: what it writes, and what it refuses before anything is written."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from boards import table, written
from helpers import Ended

TASK = "vqa/made"


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["svg", "pdf", "png"])
def test_the_ending_names_the_format_and_a_caption_is_said(
    tmp_path: Path, call: Callable[..., Ended], suffix: str
) -> None:
    written(tmp_path / "runs", "model", {TASK: table(0.5, n=40)})
    ended = call("plot", "model", "--out", "runs", "-o", f"figure.{suffix}")
    assert (ended.code, ended.out) == (0, "")
    assert "95 % intervals" in ended.err
    start = {"svg": b"<?xml", "pdf": b"%PDF", "png": b"\x89PNG"}[suffix]
    assert (tmp_path / f"figure.{suffix}").read_bytes().startswith(start)


def test_what_cannot_be_drawn_is_refused(tmp_path: Path, call: Callable[..., Ended]) -> None:
    paths = [written(tmp_path / "runs", f"m{place}", {TASK: table(0.5, n=8)}) for place in range(9)]
    before = sorted(tmp_path.rglob("*"))
    for wrong in (
        ("-o", "x.txt"),
        ("-o", "nowhere/x.pdf"),
        ("-o", paths[0] / "x.pdf"),
        (),
        ("-o", "x.pdf", "--kind", "bars"),
        ("-o", "x.pdf", "--kind", "slices"),
        ("-o", "x.pdf", "--kind", "seeds"),
        ("-o", "x.pdf", "--kind", "pareto"),
        ("-o", "x.pdf", "--width", "0.5"),
        ("-o", "x.pdf", "--most", "0"),
        ("-o", "x.pdf", "--font", "No Such Font"),
        ("-o", "x.pdf", "--metric", "nothing"),
        ("-o", "x.pdf", "--tasks", "nothing"),
    ):
        ended = call("plot", *paths, *wrong)
        assert (ended.code, ended.out) == (2, ""), wrong
        assert "Traceback" not in ended.err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_sweep_is_not_begun_when_its_figure_cannot_be_drawn(
    tmp_path: Path, call: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    run = ("run", "--model", "random", "--tasks", "vqa/scenes", "--limit", "4")
    ended = call(*run, "--sweep", "batch-size=1,2", "--pareto", "front.svg")
    assert ended.code == 2
    assert "mmbench[plots]" in ended.err
    assert not list(tmp_path.iterdir())
