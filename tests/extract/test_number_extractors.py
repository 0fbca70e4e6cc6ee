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
    ("3/5", "0.6", "0.6"),
    ("20%", "20", "20"),
    ("1,5", None, None),
    ("1.2.3", None, None),
    ("v2", None, None),
    ("2nd", None, None),
    ("score-2", None, None),
    ("nan", None, None),
    ("inf", None, None),
    ("1e999", None, None),
    ("\u0662", None, None),
    ("two", "2", "2"),
    ("", None, None),
]


@pytest.mark.parametrize(("text", "plain", "final"), CASES)
def test_numbers_that_are_found(text, plain, final):
    assert extractor_named("number")(text, None) == plain
    assert extractor_named("final-number")(text, None) == final


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("point five", None),
        ("3 point 14", None),
        ("minus 1", "-1"),
        ("–1", "-1"),
        ("−1", "-1"),
        ("— 1", None),
        ("- 1", None),
        ("−  1", "-1"),
        ("3.14", "3.14"),
        ("3.14.", "3.14"),
        ("It is 3.14!", "3.14"),
        ("1,234", "1234"),
        ("1,234.5", "1234.5"),
        ("1 000 000", None),
        ("1\u202f000\u202f000", "1000000"),
        ("1/2", "0.5"),
        ("1 1/2", "1.5"),
        ("2½", "2.5"),
        ("½", "0.5"),
        ("−½", "-0.5"),
        ("20%", "20"),
        ("20 per cent", "20"),
        ("-20 %", "-20"),
        ("negative one", "-1"),
        ("minus twenty-one", "-21"),
        ("two hundred and five", "205"),
        ("one hundred", "100"),
        ("the red one", None),
        ("There is one dog", "1"),
        ("one", "1"),
        ("One.", "1"),
        ("The answer is one.", "1"),
        ("no one", None),
        ("three point one four", "3.14"),
        ("two and a half", "2.5"),
        ("two thirds", "0.6666666666666666"),
        ("2 million", "2000000"),
        ("$5", "5"),
        ("-$5", "-5"),
        ("$-5", "-5"),
        ("5€", "5"),
        ("US$ 5", "5"),
        ("1.5 × 10^-6", "1.5e-06"),
        ("$1.5\\times 10^{-6}$", "1.5e-06"),
        ("10^3", "1000"),
        ("\\frac{3}{5}", "0.6"),
        ("$-\\frac{3}{5}$", "-0.6"),
        ("2\\frac{1}{2}", "2.5"),
        ("\\sqrt{3}", None),
        ("\\sqrt 3", None),
        ("共有3只狗", "3"),
        ("负1", "-1"),
        ("零下5度", "-5"),
        ("３", "3"),
        ("－３", "-3"),
        ("x = -2", "-2"),
        ("5 - 3", None),
        ("1-2", None),
        ("2020-01-02", None),
        ("10:30", None),
        ("1.2.3", None),
        ("v2", None),
        ("2nd", None),
        ("±3", None),
        ("1,5", None),
        ("3万", "30000"),
        ("three bars with values smaller than 6", None),
        ("3 (three) dogs", "3"),
        ("minus -1", None),
        ("1/0", None),
        ("nan", None),
        ("inf", None),
        ("1e5", "100000"),
        ("minus (1)", "-1"),
        ("\\boxed{-3}", "-3"),
        ("**-3**", "-3"),
        ("<b>-3</b>", "-3"),
        ("seven hundred thousand", "700000"),
        ("a hundred", None),
        ("5cm", "5"),
        ("60°", "60"),
        ("$120^{\\circ}$", "120"),
        ("two, three", None),
        ("3.0", "3"),
        ("0.0", "0"),
        ("-0", "0"),
        (".5", "0.5"),
        ("+.5", "0.5"),
        ("twenty twenty", None),
        ("one and two", None),
        ("one of them", None),
        ("20 - 30", None),
        ("-5 degrees below", "-5"),
    ],
)
def test_numbers_in_all_their_forms(text, found):
    assert extractor_named("number")(text) == found


@pytest.mark.parametrize(
    ("text", "choices", "found"),
    [
        ("The length is 5cm.", ("6cm", "5cm"), "5cm"),
        ("It is 90 degrees.", ("45°", "90°"), "90°"),
        ("There are three dogs", ("two", "three"), "three"),
        ("3", ("2", "4"), None),
        ("3", ("3", "3.0"), None),
        ("-1", ("1", "2"), None),
        ("3.14", ("3", "4"), None),
    ],
)
def test_with_a_closed_set_it_is_the_choice_that_holds_the_number(text, choices, found):
    assert extractor_named("number")(text, choices) == found


signs = st.sampled_from(["-", "\u2212", "\u2013", "\uff0d", "minus ", "Minus ", "negative ", "\u2212 ", "\\(-", "**-"])


@given(
    signs,
    st.sampled_from(["1", "3.14", "1,500", "2/3", "1e5", "20 %", "one", "twenty-one", "½", "$5", "5cm", "2 million"]),
)
def test_a_negative_number_is_never_read_as_a_positive_one(sign, figure):
    for frame in ("{}", "It is {}.", "Answer: {}", "about {} degrees", "= {}", "({})", "a\n{}\nb"):
        for name in ("number", "final-number"):
            found = extractor_named(name)(frame.format(sign + figure))
            assert found is None or float(found) < 0, frame.format(sign + figure)


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
