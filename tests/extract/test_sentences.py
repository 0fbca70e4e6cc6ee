"""Answers within sentences and markup: mentions, references, final answers and boxes; and the laws that all extractors keep."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmbench.extract import extractor_named, extractors

COLOURS = ("blue", "dark red", "red")


@pytest.mark.parametrize(
    ("text", "choices", "found"),
    [
        ("答案是红色。", ("红色", "蓝色"), "红色"),
        ("红色或者蓝色", ("红色", "蓝色"), None),
        ("ネコです", ("ネコ", "イヌ"), "ネコ"),
        ("정답은 빨간색입니다", ("빨간색", "파란색"), "빨간색"),
        ("dark blue", ("blue", "dark red"), "blue"),
        ("it has 4 legs", ("4", "14"), "4"),
        ("it has 3.14", ("3", "14"), None),
        ("the value is -1", ("1", "-1"), "-1"),
        ("minus 1", ("1", "2"), None),
        ("The power is 5 MW.", ("mW", "MW", "kW"), "MW"),
        ("blood type AB", ("A", "B", "AB", "O"), "AB"),
        ("a blood type", ("A", "B", "AB", "O"), None),
        ("the type is B", ("A", "B", "AB", "O"), "B"),
    ],
)
def test_the_only_choice_that_is_mentioned(text, choices, found):
    assert extractor_named("mention")(text, choices) == found


def test_choices_that_differ_by_case_are_two_and_one_that_stands_there_twice_is_one():
    exact, verbatim = extractor_named("exact"), extractor_named("verbatim")
    assert [exact(text, ("mW", "MW", "kW")) for text in ("mW", "MW.", "mw", "KW")] == ["mW", "MW", None, "kW"]
    assert [verbatim(text, ("mW", "MW")) for text in ("mW", "MW", "mw")] == ["mW", "MW", None]
    assert exact("three", ("four", "three", "three")) == "three"
    assert extractor_named("mention")("It is three.", ("four", "three", "three")) == "three"


@pytest.mark.parametrize(
    ("text", "references", "right"),
    [
        ("It is a red car.", ["red car"], True),
        ("It is a red car.", ["car", "truck"], True),
        ("It is a scarred wall.", ["car", "red"], False),
        ("It costs 3.14.", ["3"], False),
        ("这是红色的车", ["红色"], True),
        ("It is dark-red", ["Dark-Red"], True),
    ],
)
def test_a_sentence_contains_a_reference(text, references, right):
    contains = extractor_named("contains")
    answer = contains(text)
    assert contains.gives(answer, references) is right


@pytest.mark.parametrize(
    ("text", "choices", "found"),
    [
        ("Answer：red", ("red", "blue"), "red"),
        ("Let us see.\nThe answer is red. I am sure.", COLOURS, "red"),
        ("The answer is red. No: the answer is blue.", COLOURS, "blue"),
        ("\\boxed{red}", COLOURS, "red"),
        ("We get \\boxed{\\textbf{dark red}}, as asked.", COLOURS, "dark red"),
        ("Answer: red\n<|begin_of_box|>blue<|end_of_box|>", COLOURS, "blue"),
        ("<answer>red</answer>", COLOURS, "red"),
        ("<answer> red", COLOURS, "red"),
        ("#### red", COLOURS, "red"),
        ("It is blue, I thought.\n\nred\n", COLOURS, "red"),
        ("答案是红色。", ("红色", "蓝色"), "红色"),
        ("正解：赤", ("赤", "青"), "赤"),
        ("The answer is St. Louis.", None, "st. louis"),
        ("So the answer is 3.14.", None, "3.14"),
        ("Answer: (B) red", ("A", "B"), "B"),
        ("A dog\nis here", ("A", "B"), None),
        ("The red one", COLOURS, None),
    ],
)
def test_the_final_answer(text, choices, found):
    assert extractor_named("final-answer")(text, choices) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("**red**", "red"),
        ("*red*.", "red"),
        ("__red__", "red"),
        ("`red`", "red"),
        ("```\nred\n```", "red"),
        ("# Red", "red"),
        ("> red", "red"),
        ("- red", "red"),
        ("<b>red</b>", "red"),
        ("$\\text{red}$", "red"),
        ("\\(\\mathrm{red}\\)", "red"),
        ("[red](https://example.org/a_b)", "red"),
        ("<|begin_of_box|>red<|end_of_box|><|im_end|>", "red"),
        ("So it is \\boxed{red}.", "red"),
        ("\\boxed{red} or \\boxed{blue}", None),
        ("snake_case_name", "snake_case_name"),
        ("3*4", "3*4"),
        ("$\\frac{1}{2}$", "1/2"),
        ("$120^\\circ$", "120°"),
        ("", None),
    ],
)
def test_what_is_wrapped_is_unwrapped(text, found):
    assert extractor_named("unwrap")(text, None) == found


pieces = st.sampled_from(
    [
        "A",
        "a",
        "I",
        "(B)",
        "answer is",
        "Answer:",
        "\\boxed{",
        "}",
        "3.14",
        "-",
        "−",
        "1",
        "one",
        "and",
        "yes",
        "no",
        "红",
        "red",
        "dark",
        "**",
        "$",
        "\n",
        " ",
        ".",
        ",",
        "<|begin_of_box|>",
        "<answer>",
        "\\frac",
        "{",
        "^",
        "½",
        "e5",
        "_",
        "`",
        "(",
        "/",
    ]
)
anything = st.one_of(
    st.text(max_size=30), st.lists(pieces, max_size=12).map("".join), st.lists(pieces, max_size=12).map(" ".join)
)
sets = st.sampled_from(
    [None, COLOURS, ("A", "B", "C"), ("no", "yes"), ("1", "-1", "3"), ("mW", "MW"), ("x", "x"), ("红", "red")]
)


@pytest.mark.slow
@given(anything, sets)
def test_no_extractor_raises_and_what_is_found_is_one_of_the_closed_set(text, choices):
    for extractor in extractors():
        found = extractor(text, choices)
        assert found is None or (found if choices is None else found in choices)
        assert extractor(text, choices) == found


@pytest.mark.slow
@pytest.mark.parametrize("extractor", extractors(), ids=str)
def test_a_megabyte_takes_less_than_a_second(extractor):
    for piece in (
        " ",
        "A ",
        "1 ",
        "(",
        "answer is ",
        "the ",
        "\\boxed{x}",
        "- ",
        "one ",
        "红",
        "$",
        "*",
        "\n",
        "[a](",
        "yes ",
        "é",
        "_a",
    ):
        text = piece * (1_000_000 // len(piece))
        for choices in (None, ("A", "B"), ("yes", "no"), ("1", "2")):
            begun = time.process_time()
            extractor(text, choices)
            assert time.process_time() - begun < 1, piece
