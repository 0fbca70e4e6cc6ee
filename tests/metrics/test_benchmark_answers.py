"""What one answer is worth by the rules of single benchmarks, against slow references written here."""

from __future__ import annotations

import random
from functools import cache

import numpy as np
import pytest

from mmbench.metrics import (
    anls,
    direct_answer_score,
    gqa_match,
    latex_value,
    levenshtein,
    mathvision_extract,
    mathvision_match,
    mathvista_match,
    mathvista_typed,
    mmmu_choice,
    mmmu_open_candidates,
    mmmu_open_match,
    ocrbench_match,
    realworldqa_match,
    relaxed_match,
)

WORDS = ["color", "colour", "Paint", "the", "RED", "", "red,", "12", "12.5", "ça"]


def slow_distance(first, second):
    @cache
    def of(i, j):
        if not i or not j:
            return i + j
        return min(of(i - 1, j) + 1, of(i, j - 1) + 1, of(i - 1, j - 1) + (first[i - 1] != second[j - 1]))

    return of(len(first), len(second))


def slow_anls(answer, references, threshold):
    found = []
    for reference in references:
        one, other = (" ".join(text.lower().split()) for text in (answer, reference))
        longest = max(len(answer), len(reference))
        found.append(1 - slow_distance(one, other) / longest if longest else 1.0)
    best = max(found)
    return best if best >= threshold else 0.0


def test_the_edit_distance_is_that_of_the_recursion():
    draw = random.Random(3)
    for _ in range(100):
        first, second = ("".join(draw.choices("ab c", k=draw.randint(0, 7))) for _ in range(2))
        assert levenshtein(first, second) == slow_distance(first, second)


@pytest.mark.parametrize("threshold", [0.0, 0.5, 0.8])
def test_anls_is_that_of_the_slow_reference(threshold):
    draw = random.Random(5)
    for _ in range(120):
        answer, *references = (" ".join(draw.choices(WORDS, k=draw.randint(0, 3))) for _ in range(3))
        assert anls(answer, references, threshold=threshold) == pytest.approx(
            slow_anls(answer, references, threshold), abs=1e-12
        )


def test_anls_at_its_edges():
    assert anls("ab", ["ac"]) == 0.5  # at the threshold it counts
    assert anls("abc", ["axx"]) == 0.0
    assert anls("", [""]) == 1.0
    assert anls("A  B", ["a b"]) == 1.0
    with pytest.raises(ValueError, match="reference"):
        anls("x", [])


@pytest.mark.parametrize(
    ("answer", "references", "right"),
    [
        ("105", ["100"], True),
        ("105.01", ["100"], False),
        ("-95", ["-100"], True),
        ("0", ["0"], True),
        ("0.0", ["0"], False),
        ("11%", ["0.11"], True),
        ("11", ["11%"], False),
        ("Blue", ["blue"], True),
        ("blue", ["red", "blue"], True),
        ("nan", ["nan"], False),
    ],
)
def test_relaxed_accuracy(answer, references, right):
    assert relaxed_match(answer, references) is right


def test_answers_as_texts():
    assert gqa_match(" Yes. ", ["yes"])
    assert not gqa_match("yes it is", ["yes"])
    assert realworldqa_match("North.", ["north"])
    assert not realworldqa_match("It is north", ["north"])
    assert [direct_answer_score(text, ["a", "a", "a", "a", "b", "b"]) for text in "abc"] == [1.0, 2 / 3, 0.0]


def test_the_rules_of_ocrbench():
    assert ocrbench_match("Answer:\nThe CENTRE", ["the centre"])
    assert not ocrbench_match("cent re", ["centre"])
    assert ocrbench_match("\\frac { a } { B }", ["\\frac{a}{B}"], part="HME100k")
    assert not ocrbench_match("\\frac{A}{b}", ["\\frac{a}{B}"], part="HME100k")


OPTIONS = ("Paris in spring", "London", "Rome", "Berlin")


@pytest.mark.parametrize(
    ("output", "found"),
    [
        ("B", "London"),
        ("B.", "London"),
        ("(C) because", "Rome"),
        ("(A) or rather (C)", "Rome"),
        ("A B", "London"),
        ("It was clearly the city of rome there", "Rome"),
        ("rome", None),
        ("", None),
    ],
)
def test_options_as_mmmu_reads_them(output, found):
    assert mmmu_choice(output, OPTIONS) == found


def test_only_mmmu_pro_looks_behind_the_marker_first():
    text = "(A) is tempting.\nAnswer: B"
    assert mmmu_choice(text, OPTIONS) == "Paris in spring"
    assert mmmu_choice(text, OPTIONS, pro=True) == "London"


def test_open_answers_as_mmmu_reads_them():
    assert mmmu_open_match("Hence x is 1,234.567", ["1234.57"])
    assert mmmu_open_match("the answer is about c", ["C"])  # a single letter with a blank before it
    assert not mmmu_open_match("abc", ["C"])
    assert mmmu_open_match("So the reaction gives MgS", ["$MgS$", "MgS"])
    assert not mmmu_open_match("3.02", ["3.01"])
    assert 300.0 in mmmu_open_candidates("a = 2\nb = 3e2")
    assert 2.0 not in mmmu_open_candidates("a = 2\nb = 5")  # only the last clause may be an equation


@pytest.mark.parametrize(
    ("extraction", "kind", "precision", "answer", "right"),
    [
        ("3.0", "integer", None, "3", True),
        ("3.7", "integer", None, "3", True),
        ("three", "integer", None, "3", False),
        ("1.249", "float", 2, "1.25", True),
        ("1.2", "float", 1, "1.2", True),
        ("1e999", "integer", None, "1", False),
        ("[1, 2]", "list", None, "[1, 2]", True),
    ],
)
def test_typed_answers_of_mathvista(extraction, kind, precision, answer, right):
    assert mathvista_match(mathvista_typed(extraction, kind, precision=precision), [answer]) is right


def test_an_option_of_mathvista_is_the_nearest():
    assert mathvista_typed("145", "text", choices=["135°", "145°"]) == "145°"
    assert (
        mathvista_typed("b", "text", choices=["x", "y"]) == "x"
    )  # a bare small letter is a text, and the first of equals wins
    assert mathvista_typed("the answer is (b)", "text", choices=["x", "y"]) == "y"


@pytest.mark.parametrize(
    ("output", "references", "right"),
    [
        ("The answer is (D).", ["D", "12"], True),
        ("\\boxed{12}", ["D", "12"], True),
        ("so the final answer is 0.5", ["\\frac{1}{2}"], True),
        ("First \\boxed{3}, no: \\boxed{4}", ["4"], True),
        ("x = 12 km", ["12"], True),
        ("", ["1"], False),
        ("\\boxed{(1,2)}", ["(1, 2)"], True),
        ("\\boxed{2x}", ["4"], False),
        ("\\boxed{__import__('os')}", ["1"], False),
    ],
)
def test_answers_of_mathvision(output, references, right):
    assert mathvision_match(mathvision_extract(output), references) is right


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1+2*3^2", 19.0),
        ("-\\frac{1}{4}", -0.25),
        ("\\frac{1}{2}\\sqrt{16}", 2.0),
        ("2(3+4)", 14.0),
        ("2\\pi", 2 * np.pi),
        ("2^3^2", 512.0),
        ("1/0", None),
        ("9^9^9", None),
        ("((", None),
        ("", None),
        ("(" * 200 + "1", None),
    ],
)
def test_values_of_expressions(text, value):
    assert latex_value(text) == (None if value is None else pytest.approx(value))
