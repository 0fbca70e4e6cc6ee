"""Numbers in what a model wrote: the one that stands there, and none where that is not clear."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmbench.extract import extractor_named, number_text

CASES = [
    # text, number, final-number
    ("2", "2", "2"),
    (" -2.50 ", "-2.5", "-2.5"),
    ("+1.5", "1.5", "1.5"),
    ("\u22122", "-2", "-2"),
    (".5", "0.5", "0.5"),
    ("2.", "2", "2"),
    ('"2"', "2", "2"),
    ("-0.0", "0", "0"),
    ("1e-05", "1e-05", "1e-05"),
    ("I would say -1.5.", "-1.5", "-1.5"),
    ("It is 2, clearly 2.0!", "2", "2"),
    ("**3**", "3", "3"),
    ("Score: 2", "2", "2"),
    ("Answer: 2", "2", "2"),
    ("It is 1 or 2.\nAnswer: 2.", None, "2"),
    ("From -3 to 3 it is 2.\nFinal answer: **2**", None, "2"),
    ("2\nAnswer: unsure", "2", None),
    ("1 or 2", None, None),
    ("between 1-2", None, None),
    ("3/5", None, None),
    ("20%", None, None),
    ("1,5", None, None),
    ("1.2.3", None, None),
    ("v2", None, None),
    ("2nd", None, None),
    ("score-2", None, None),
    ("nan", None, None),
    ("inf", None, None),
    ("1e999", None, None),
    ("\u0662", None, None),
    ("two", None, None),
    ("", None, None),
]


@pytest.mark.parametrize(("text", "plain", "final"), CASES)
def test_numbers_that_are_found(text, plain, final):
    assert extractor_named("number")(text, None) == plain
    assert extractor_named("final-number")(text, ("-1", "1")) == final


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["{}", "It is {}.", "<b>{}</b>", "say {}!"]))
def test_every_finite_number_is_found_as_it_was_written(value, around):
    found = extractor_named("number")(around.format(repr(value)), None)
    assert float(found) == value


@given(st.text(max_size=40))
def test_whatever_is_written_gives_a_finite_number_or_none(text):
    for name in ("number", "final-number"):
        found = extractor_named(name)(text)
        assert found is None or math.isfinite(float(found))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_text_of_a_number_is_the_number(value):
    assert float(number_text(value)) == value
