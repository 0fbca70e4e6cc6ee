"""The Pareto front against its definition, point by point."""

import itertools
from xml.etree import ElementTree as ET

import pytest

from mmbench.comparison.sweep import SweepPoint, front
from mmbench.core.score_table import MetricValue
from mmbench.reporting.pareto import pareto_figure, ticks


def test_the_front_holds_what_no_other_point_dominates() -> None:
    grid = list(itertools.product((1.0, 2.0, 3.0), (1.0, 2.0, 3.0)))
    for points in itertools.combinations(grid, 4):
        expected = [
            not any(b[0] >= a[0] and b[1] >= a[1] and (b[0] > a[0] or b[1] > a[1]) for b in points) for a in points
        ]
        assert front(points) == expected


def test_equal_points_are_both_on_the_front_and_unknown_ones_on_none() -> None:
    assert front([(1.0, 2.0), (1.0, 2.0), (None, 9.0), (9.0, None)]) == [True, True, False, False]


@pytest.mark.parametrize("values", [[0.0], [5.0, 5.0], [1e9, 1.1e9], [-3.0, 0.001], [0.1234, 0.1235]])
def test_ticks_enclose_the_values_in_even_steps(values: list[float]) -> None:
    found = ticks(values)
    assert found[0] <= min(values) <= max(values) <= found[-1]
    assert 2 <= len(found) <= 8
    steps = [b - a for a, b in itertools.pairwise(found)]
    assert max(steps) == pytest.approx(min(steps))


def test_a_figure_of_values_without_speed_and_with_markup_in_names_is_well_formed() -> None:
    value = MetricValue(
        "accuracy", 0.5, 0.4, 0.6, 10, 0, 0, 0, 1.0, 0.5, 10, "wilson", higher_is_better=True, unit="sample"
    )
    points = [
        SweepPoint("a<b", f"q=<{place}>&", "vqa", value, weights_bytes=size)
        for place, size in enumerate((1_000, 2_000, None))
    ]
    drawn = ET.fromstring(pareto_figure(points, ".svg"))
    texts = [each.text for each in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {"q=<0>&", "q=<1>&", "no samples/s", "size of the weights"} <= set(texts)
    assert "q=<2>&" not in texts
    assert len(list(drawn.iter("{http://www.w3.org/2000/svg}circle"))) == 2
