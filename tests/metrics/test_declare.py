"""Declarations: patterns of ids, parameters, and the metrics that come from them."""

from __future__ import annotations

import pytest

from mmbench.core import MetricId
from mmbench.core.errors import UnknownNameError
from mmbench.core.metric import ONES, Maker
from mmbench.metrics.declare import MetricMaker, Parameter, metric, parse_pattern

FIELDS = {"formula": "a formula", "source": "this page"}


@metric("power@k(of=…,sign=[plus]|minus)", columns=("{of}", ONES), unit="table_{sign}", **FIELDS)
def power(sums, *, k, sign):
    """A power of a mean.

    Of any column.

    .. math:: x^k

    Args:
        sums: Anything.
    """
    return (sums[..., 0] / sums[..., 1]) ** k * (1 if sign == "plus" else -1)


def test_a_pattern_says_which_values_a_parameter_has():
    assert parse_pattern("x@1|2(a=[p]|q,b=…)") == (
        "x",
        {"k": Parameter(("1", "2")), "a": Parameter(("p", "q"), "p"), "b": Parameter()},
    )
    assert parse_pattern("x@k") == ("x", {"k": Parameter()})


@pytest.mark.parametrize("pattern", ["X", "x(a)", "x(a=1,a=2)", "x@0.5", "x(a=1", ""])
def test_what_is_no_pattern_is_refused(pattern):
    with pytest.raises(ValueError, match="not a pattern"):
        parse_pattern(pattern)


def test_a_maker_fills_in_its_parameters():
    found = power(k=2, of="speed")
    assert str(found.id) == "power@2(of=speed)"
    assert (found.unit, found.columns, found.is_mean) == ("table_plus", ("speed", "1"), False)
    assert found.maker == Maker("power", (("k", "2"), ("of", "speed"), ("sign", "plus")))
    assert (found.text, found.source) == ("a formula", "this page")
    assert power.description == "A power of a mean. Of any column."
    assert str(power(k=2, of="speed", sign="minus").id) == "power@2(of=speed,sign=minus)"


def test_the_function_gets_what_it_names():
    np = pytest.importorskip("numpy")
    assert power(k=3, of="x").formula(np.array([4.0, 2.0])) == 8
    assert power(k=1, of="x", sign="minus").formula(np.array([4.0, 2.0])) == -2


def test_equal_parameters_give_one_object():
    assert power(k=2, of="x") is power(of="x", k="2")
    assert power.from_id(MetricId.parse("power@2(of=x)")) is power(k=2, of="x", sign="plus")


def test_one_or_two_arrays_decide_what_a_function_is():
    @metric("both", columns=("x",), **FIELDS)
    def both(rows, weights):
        """Rows and weights."""
        return (rows[:, 0] * weights).sum(axis=1)

    assert (power(k=1, of="x").compute, both().formula) == (None, None)
    with pytest.raises(ValueError, match="takes either sums, or rows and weights"):
        metric("three", columns=("x",), **FIELDS)(lambda a, b, c: a)


def test_without_a_function_it_is_a_mean():
    share = MetricMaker("share", description="A share.", columns=("x", "y"), bounds=(None, 1.0), **FIELDS)
    assert share().is_mean
    assert (share.range, share().bounds) == ("(-∞, 1]", (None, 1.0))


@pytest.mark.parametrize(
    "given",
    [
        {"of": "x"},
        {"k": 2},
        {"k": 0, "of": "x"},
        {"k": "two", "of": "x"},
        {"k": 2, "of": "x", "sign": "none"},
        {"k": 2, "of": "x", "more": 1},
    ],
)
def test_parameters_that_do_not_fit_are_refused(given):
    with pytest.raises(UnknownNameError):
        power(**given)


@pytest.mark.parametrize("text", ["power(of=x)", "power@2(of=x,sign=plus)", "power@2(of=x,sign=other)"])
def test_an_id_that_the_maker_does_not_write_is_not_its_own(text):
    with pytest.raises(UnknownNameError):
        power.from_id(MetricId.parse(text))


def test_columns_and_unit_may_depend_on_the_parameters():
    maker = MetricMaker(
        "chosen(by=a|b)",
        description="A mean of one of two columns.",
        columns=lambda given: ("left" if given["by"] == "a" else "right", ONES),
        unit=lambda given: given["by"] * 2,
        name="chosen.by",
        **FIELDS,
    )
    assert (maker(by="b").columns, maker(by="b").unit, maker.name) == (("right", "1"), "bb", "chosen.by")
    assert str(maker.example().id) == "chosen(by=a)"
