"""Figures show the values on disk, and nothing on them overlaps."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from boards import NAMES, entry, seed_of, table, written
from stored import measured, score_table

import mmbench
from mmbench.analysis.confusion import confusion
from mmbench.analysis.reliability import reliability
from mmbench.core.errors import MissingExtraError, UnknownNameError, UsageError
from mmbench.core.score_table import ScoreTable
from mmbench.metrics import binary_columns, class_columns, score_column
from mmbench.reporting.figures.labels import Box, Spot, placed
from mmbench.reporting.figures.make import Plot
from mmbench.results.rundir import RunDirectory
from mmbench.results.schema import SCHEMA_VERSION, PerfFile, PerfReason, TaskPerf

TASK = "vqa/made"


def speed(path: Path, perf: TaskPerf) -> None:
    RunDirectory(path).write_perf(PerfFile(schema_version=SCHEMA_VERSION, tasks={TASK: perf}))


def lines_of(plot: Plot, place: int = 0) -> list[Any]:
    return list(plot.figure.axes[place].lines)


def dots_of(plot: Plot, place: int = 0) -> list[Any]:
    """Marks of values, which are single points."""
    return [line for line in lines_of(plot, place) if line.get_marker() in "osD^vPX*"]


def texts_of(plot: Plot) -> Iterator[tuple[str, Any]]:
    """Every text of a figure with its place in pixels, 300 an inch."""
    import matplotlib.text
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(plot.figure)
    canvas.draw()  # puts ticks and labels where they belong
    renderer = canvas.get_renderer()
    for text in plot.figure.findobj(matplotlib.text.Text):
        if text.get_visible() and text.get_text().strip():
            yield text.get_text(), text.get_window_extent(renderer)


def check_layout(plot: Plot) -> None:
    """Raise where a text leaves the figure, or two texts overlap by more than the room around their letters."""
    found = list(texts_of(plot))
    whole = plot.figure.bbox
    for text, box in found:
        assert box.x0 >= -3, text
        assert box.x1 <= whole.width + 3, text
        assert box.y0 >= -3, text
        assert box.y1 <= whole.height + 3, text
    for (a, first), (b, second) in itertools.combinations(found, 2):
        across = min(first.x1, second.x1) - max(first.x0, second.x0)
        down = min(first.y1, second.y1) - max(first.y0, second.y0)
        assert not (across > 4 and down > 7), (a, b)


@pytest.mark.slow
def test_intervals_are_those_on_disk_beside_chance_and_prior(tmp_path: Path) -> None:
    paths = [written(tmp_path, name, {TASK: table(share)}) for name, share in (("bad", 0.3), ("good", 0.8))]
    for path in paths:
        entry(path, TASK, chance={"accuracy": 0.25}, prior={"accuracy": 0.35})
    plot = mmbench.plot(paths)
    (bad, good) = (mmbench.load_run(path).tasks[TASK].metrics["accuracy"] for path in paths)
    assert [tick.get_text() for tick in plot.figure.axes[0].get_yticklabels()] == ["good", "bad"]
    assert [dot.get_xdata()[0] for dot in dots_of(plot)] == [100 * (good.value or 0), 100 * (bad.value or 0)]
    drawn = {tuple(line.get_xdata()) for line in lines_of(plot)}
    assert {(100 * value.low, 100 * value.high) for value in (bad, good)} <= drawn  # type: ignore[operator]
    assert {(25.0, 25.0), (35.0, 35.0)} <= drawn


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".svg", ".pdf", ".png"])
def test_the_same_runs_give_the_same_bytes_with_fonts_that_publishers_take(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path, "model", {TASK: table(0.5)})
    first, second = (mmbench.plot([path]).encoded(suffix) for _ in range(2))
    assert first == second
    assert not any(word in first for word in (b"CreationDate", b"dc:date"))
    if suffix == ".pdf":
        assert b"/FontFile2" in first
        assert b"/Type3" not in first
    if suffix == ".svg":
        assert b">model</text>" in first


@pytest.mark.slow
@pytest.mark.parametrize("font", ["sans", "serif"])
@pytest.mark.parametrize("kind", ["intervals", "pareto", "slices"])
def test_nothing_overlaps_with_hostile_and_long_names(tmp_path: Path, kind: str, font: str) -> None:
    names = [*NAMES[:7], "hf/Lab/" + "A-Very-Long-Name-" * 5]
    paths = []
    for place, name in enumerate(names):
        made = table(0.2 + 0.07 * place, seed=place, slices={"$a_1$": ["视觉", "x" * 80, "$x^2$", "{}"] * 100})
        paths.append(written(tmp_path, name, {TASK: made, f"vqa/{'long-' * 12}name": table(0.5)}))
        speed(paths[-1], measured({"latency_p50": 10.0 + place, "samples_per_s": 5.0}))
    check_layout(mmbench.plot(paths, kind, font=font))


@pytest.mark.slow
def test_forty_models_and_three_tasks_fit_and_more_are_left_out_with_a_note(tmp_path: Path) -> None:
    tasks = {f"vqa/{name}": table(0.5, n=40) for name in "abc"}
    paths = [written(tmp_path, f"model-{place}", tasks) for place in range(42)]
    plot = mmbench.plot(paths, width=6.75)
    check_layout(plot)
    assert [len(dots_of(plot, place)) for place in range(3)] == [40] * 3
    assert len({axes.get_position().y0 for axes in plot.figure.axes[:3]}) == 1  # side by side
    assert sum("42" in note for note in plot.notes) == 3


@pytest.mark.slow
def test_seeds_show_each_value_and_their_mean_with_an_interval_around_it(tmp_path: Path) -> None:
    shares = (0.4, 0.5, 0.7)
    paths = [seed_of(tmp_path, "model", seed, {TASK: table(share, seed=seed)}) for seed, share in enumerate(shares)]
    plot = mmbench.plot(paths, "seeds")
    each = [mmbench.load_run(path).tasks[TASK].metrics["accuracy"].value or 0.0 for path in paths]
    (ticks,) = (line for line in lines_of(plot) if line.get_marker() == "|")
    assert ticks.get_xdata() == pytest.approx([100 * value for value in each])
    (mean,) = dots_of(plot)
    assert mean.get_xdata()[0] == pytest.approx(100 * sum(each) / 3)
    (low, high), *_ = (line.get_xdata() for line in lines_of(plot) if len(line.get_xdata()) == 2)
    assert low < mean.get_xdata()[0] < high
    with pytest.raises(UsageError):
        mmbench.plot(paths[:1], "seeds")


@pytest.mark.slow
def test_a_slice_of_two_thousand_labels_shows_those_of_most_samples(tmp_path: Path) -> None:
    labels = ["big"] * 30 + ["small"] * 20 + [f"label {n}" for n in range(1998)]
    made = table(0.5, n=2048, slices={"country": labels, "kind": ["a", "b"] * 1024})
    path = written(tmp_path, "model", {TASK: made})
    plot = mmbench.plot([path], "slices", slices="country", most=2)
    assert [tick.get_text() for tick in plot.figure.axes[0].get_yticklabels()] == ["all samples", "big", "small"]
    stored = mmbench.load_run(path).tasks[TASK].slices["country"]
    wanted = [100 * (stored[label][0].value or 0) for label in ("big", "small")]
    assert [dot.get_xdata()[0] for dot in dots_of(plot)][1:] == wanted
    assert any("2,000" in note for note in plot.notes)
    default = mmbench.plot([path], "slices")
    assert len(default.figure.axes) == 1
    assert any("country (2,000 labels)" in note for note in default.notes)


def test_without_matplotlib_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    path = written(tmp_path, "model", {TASK: table(0.5, n=8)})
    with pytest.raises(MissingExtraError) as caught:
        mmbench.plot([path])
    assert caught.value.extra == "plots"


@pytest.mark.slow
def test_models_on_other_data_stand_in_a_panel_of_their_own(tmp_path: Path) -> None:
    paths = [written(tmp_path, name, {TASK: table(0.5)}) for name in ("a", "b")]
    entry(paths[1], TASK, fingerprint="other")
    plot = mmbench.plot(paths)
    assert [[tick.get_text() for tick in axes.get_yticklabels()] for axes in plot.figure.axes[:2]] == [["a"], ["b"]]


@pytest.mark.slow
def test_the_front_is_a_staircase_and_speeds_that_must_not_be_quoted_are_rings_beside_it(tmp_path: Path) -> None:
    models = {"slow": (0.9, 100.0), "quick": (0.5, 10.0), "worse": (0.4, 50.0), "spoilt": (0.6, 5.0)}
    paths = []
    for name, (share, latency) in models.items():
        paths.append(written(tmp_path, name, {TASK: table(share)}))
        reasons = [PerfReason(code="cpu_pressure", detail="")] if name == "spoilt" else []
        speed(paths[-1], measured({"latency_p50": latency}, reasons))
    plot = mmbench.plot(paths, "pareto")
    dots = {dot.get_xdata()[0]: dot for dot in dots_of(plot)}
    assert {cost: dot.get_markerfacecolor() == "white" for cost, dot in dots.items()} == {
        100.0: False,
        10.0: False,
        50.0: False,
        5.0: True,
    }
    quick, slow = (dots[cost].get_ydata()[0] for cost in (10.0, 100.0))
    border = next(line for line in lines_of(plot) if len(line.get_xdata()) == 3)
    assert list(border.get_xdata()) == [10.0, 100.0, 100.0]
    assert list(border.get_ydata()) == [quick, quick, slow]
    check_layout(plot)


def test_a_cost_that_was_not_measured_is_refused_with_the_reason(tmp_path: Path) -> None:
    path = written(tmp_path, "model", {TASK: table(0.5, n=8)})
    speed(path, measured({"latency_p50": 3.0, "samples_per_s": None}))
    with pytest.raises(UsageError, match="absent") as refused:
        mmbench.plot([path], "pareto", against="throughput")
    assert not isinstance(refused.value, UnknownNameError)
    with pytest.raises(UnknownNameError):
        mmbench.plot([path], "pareto", against="latency_p5")


def test_names_never_cover_a_dot_or_another_name() -> None:
    within = Box(0, 0, 3, 2)
    grid = itertools.product(range(6), range(6))
    spots = [Spot(f"{x}{y}", 0.2 + 0.3 * x, 0.2 + 0.3 * y, (0, 0), 0.25 + 0.05 * x, 0.1, first=x > 3) for x, y in grid]
    found = placed(spots, within)
    assert len(found) > 12
    boxes = [label.box for label in found.values()]
    assert all(within.holds(box) for box in boxes)
    assert not any(a.shared(b) for a, b in itertools.combinations(boxes, 2))
    assert not any(box.shared(spot.dot) for box in boxes for spot in spots)
    for spot, label in found.items():
        if label.line is None:
            assert all(label.box.distance(spot.x, spot.y) <= label.box.distance(each.x, each.y) for each in spots)


def of_classes(count: int = 3) -> ScoreTable:
    """Answers among some classes with long names, every tenth of them none."""
    draw = np.random.default_rng(0)
    right = np.arange(400) % count
    given = np.where(draw.random(400) < 0.7, right, draw.integers(0, count, 400))
    silent = np.arange(400) % 10 == 3
    names = [f"a class with a long name {place}" for place in range(count)]
    answers = [None if quiet else names[each] for quiet, each in zip(silent, given, strict=True)]
    made = score_table([float(each) for each in right == given], answers=answers)
    made.columns.update(class_columns(np.eye(count)[given] * ~silent[:, None], right))  # type: ignore[attr-defined]
    return made


@pytest.mark.slow
def test_a_matrix_has_the_shares_of_each_class(tmp_path: Path) -> None:
    paths = [written(tmp_path, "model", {TASK: of_classes()}), written(tmp_path, "many", {TASK: of_classes(40)})]
    plot = mmbench.plot(paths, "confusion")
    check_layout(plot)
    (axes,) = plot.figure.axes
    found = confusion(of_classes())
    assert found is not None
    shares = found.counts / found.counts.sum(axis=1, keepdims=True)
    assert np.asarray(axes.collections[0].get_array()).ravel() == pytest.approx(shares.ravel())
    assert [text.get_text() for text in axes.texts] == [f"{100 * each:.0f}" for each in shares.ravel() if each]
    with pytest.raises(UsageError):
        mmbench.plot(paths[1:], "confusion")
    with pytest.raises(UsageError):
        mmbench.plot([written(tmp_path, "plain", {TASK: table(0.5)})], "confusion")


@pytest.mark.slow
def test_a_reliability_diagram_has_the_bins_with_their_intervals(tmp_path: Path) -> None:
    draw = np.random.default_rng(2)
    stated = draw.random(500)
    actual = draw.random(500) < stated**2
    made = score_table([1.0] * 500)
    made.columns.update(binary_columns(stated > 0.5, actual) | score_column(stated, actual))  # type: ignore[attr-defined]
    paths = [written(tmp_path, name, {TASK: made}) for name in ("one", "two")]
    plot = mmbench.plot(paths, "calibration", width=5.5)
    check_layout(plot)
    found = reliability(made)
    assert found is not None
    for place in (0, 1):
        assert [(dot.get_xdata()[0], dot.get_ydata()[0]) for dot in dots_of(plot, place)] == [
            (each.stated, each.observed) for each in found.bins
        ]
    assert sum(f"{100 * found.error:.1f}" in note for note in plot.notes) == 2
    with pytest.raises(UsageError):
        mmbench.plot([written(tmp_path, "plain", {TASK: table(0.5)})], "calibration")
