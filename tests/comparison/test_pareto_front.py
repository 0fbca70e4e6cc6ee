"""The Pareto front against its definition, point by point."""

import itertools
from xml.etree import ElementTree as ET

import pytest

from mmbench.comparison.sweep import SweepPoint, front
from mmbench.core.score_table import MetricValue
from mmbench.reporting.figures.make import sweep_figure
from mmbench.reporting.figures.pareto import sweep_panels
from mmbench.reporting.sweep_table import sweep_tables
from mmbench.results.schema import PerfFigure, PerfReason, PerfScenario, SpeedIdentity, TaskPerf


def test_the_front_holds_what_no_other_point_dominates() -> None:
    grid = list(itertools.product((1.0, 2.0, 3.0), (1.0, 2.0, 3.0)))
    for points in itertools.combinations(grid, 4):
        expected = [
            not any(b[0] >= a[0] and b[1] >= a[1] and (b[0] > a[0] or b[1] > a[1]) for b in points) for a in points
        ]
        assert front(points) == expected


def test_equal_points_are_both_on_the_front_and_unknown_ones_on_none() -> None:
    assert front([(1.0, 2.0), (1.0, 2.0), (None, 9.0), (9.0, None)]) == [True, True, False, False]


@pytest.mark.slow
def test_a_figure_of_values_without_speed_and_with_markup_in_names_is_well_formed() -> None:
    value = MetricValue(
        "accuracy", 0.5, 0.4, 0.6, 10, 0, 0, 0, 1.0, 0.5, 10, "wilson", higher_is_better=True, unit="sample"
    )
    points = [
        SweepPoint("a<b", f"q=<{place}>&", "vqa", value, weights_bytes=size)
        for place, size in enumerate((1_000, 2_000, None))
    ]
    drawn = ET.fromstring(sweep_figure(points, ".svg"))
    texts = [each.text for each in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {"q=<0>&", "q=<1>&", "not measured", "size of the weights (kB) ↓"} <= set(texts)
    assert "q=<2>&" not in texts


def _spoilt(place: int, per_s: float | None) -> SweepPoint:
    value = MetricValue(
        "accuracy", 0.5, 0.4, 0.6, 10, 0, 0, 0, 1.0, 0.5, 10, "wilson", higher_is_better=True, unit="sample"
    )
    speed = PerfScenario(
        name="quality",
        identity=SpeedIdentity(batch_size=1, concurrency=1, threads=0, workers=1),
        complete=True,
        valid=False,
        reasons=[PerfReason(code="cpu_pressure", detail="others want the CPUs")],
        figures={
            name: PerfFigure(value=per_s, unit="1/s", formula="f", reason=None if per_s else "too few")
            for name in ("samples_per_s", "output_tokens_per_s")
        },
    )
    return SweepPoint("m", f"q={place}", "vqa", value, perf=TaskPerf(scenarios=[speed]))


def test_speeds_that_must_not_be_quoted_are_shown_marked_and_why_there_is_no_front() -> None:
    points = [_spoilt(1, 10.0), _spoilt(2, 20.0), _spoilt(3, None)]
    (table,) = sweep_tables(points)
    for heading in ("samples/s", "tokens/s"):
        column = [row[table.headings.index(heading)] for row in table.cells]
        assert [cell.value for cell in column] == [10.0, 20.0, None]
        assert [cell.marks for cell in column] == [{"invalid"}, {"invalid"}, frozenset()]
        assert column[2].note == "too few"
    assert any("no front of speed" in note for note in table.notes)
    (panel, memory) = sweep_panels(points)
    assert [(point.cost, point.quotable, point.on_front) for point in panel.points] == [
        (10.0, False, False),
        (20.0, False, False),
    ]
    assert memory.points == ()
