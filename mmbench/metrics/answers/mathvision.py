"""MathVision's answers: an option's letter or text, or an expression of the same value to two decimals."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

_SENTENCES = ("the final answer is", "the answer is", "the correct answer is", "the answer should be")
_LETTERS = "ABCDE"
_BOX = re.compile(r"oxed\{(.*)\}", re.DOTALL)
_DROPPED = (
    "\\text",
    "\\mbox",
    "\\left",
    "\\right",
    "^{\\circ}",
    "^\\circ",
    "{m}^3",
    "m^3",
    "{units}",
    "units",
    "{km}",
    "km",
)
_MARKUP = ("\\!", "\\$", "$", "\\%")
_TOKEN = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+|\\(?:d|t)?frac|\\sqrt|\\pi|\\cdot|\\times|\\div|pi|[-+*/^(){}])")
_FRACTION = re.compile(r"-?\d+/-?\d+")
_BARE_FRACTION = re.compile(r"\\[dt]?frac\s*(\d)\s*(\d)")
"""A fraction of two digits without braces, as LaTeX takes it."""
_DECIMALS = 2
_DEEP = 40


def mathvision_extract(output: str) -> str:
    r"""Find the answer in what a model wrote, in the form in which it is compared.

    It is the letter that the output begins or ends with, a number behind the last "is", the last ``\boxed{}``, or what
    follows "the answer is"; LaTeX markup, units and blanks are dropped.

    Args:
        output: What the model wrote.

    Returns:
        The answer in lower case. Source: ``evaluate.py`` and ``utils.py`` of github.com/mathllm/MATH-V.

    Example:
        >>> mathvision_extract("So the answer is $\\boxed{\\frac{1}{2}}$."), mathvision_extract("It must be (C).")
        ('\\frac{1}{2}', 'c')
    """
    text = output.strip()
    for letter in _LETTERS:
        ends, begins = (f" {letter}.", f" ({letter})."), (f"{letter}\n", f"({letter})\n", f"({letter}) {letter}\n")
        if text.endswith(ends) or text.startswith(begins):
            text = letter
    behind = text.split("is ")[-1].rstrip(".")
    if _is_number(behind):
        text = behind
    if "oxed{" not in text:
        for sentence in _SENTENCES:
            for spelt in (sentence, sentence.replace("the", "The")):
                if spelt in text:
                    text = text.split(spelt)[-1].strip().split("\n")[0].split(". ")[0]
    elif text.count("oxed{") > 1:
        text = "\\boxed{" + text.split("oxed{")[-1]
    text = _bare(text)
    for letter in _LETTERS.lower():
        text = text.replace(f"({letter})", letter)
    for letter in _LETTERS.lower():
        text = text.replace(f"{{{letter}}}", letter)
    return text.rstrip(".").lstrip(":").strip()


def mathvision_match(answer: str, references: Sequence[str]) -> bool:
    r"""Say whether an extracted answer equals a reference: as a text, or as a value to two decimals.

    Args:
        answer: What `mathvision_extract` gives.
        references: The letter and the text of the right option, or the value.

    Returns:
        Whether one is equal.

    Example:
        >>> mathvision_match("\\frac{1}{2}", ["0.5"]), mathvision_match("c", ["C", "12"]), mathvision_match("x", ["y"])
        (True, True, False)
    """
    return any(_equal(answer.lower(), reference.lower()) for reference in references)


def _equal(answer: str, reference: str) -> bool:
    if not answer.replace(" ", "") or not reference.replace(" ", ""):
        return False
    if answer.strip() == reference.strip():
        return True
    both = [_parts(text) for text in (answer, reference)]
    if both[0][0] != both[1][0] or len(both[0][1]) != len(both[1][1]):
        return False
    return all(_same_value(one, other) for one, other in zip(both[0][1], both[1][1], strict=True))


def _parts(text: str) -> tuple[str, list[str]]:
    """The kind of brackets around a tuple, and its elements; of any other text the text alone."""
    for kind in ("()", "[]"):
        inside = text[1:-1].split(",")
        if text[:1] + text[-1:] == kind and len(inside) > 1:
            return kind, inside
    return "", [text]


def _same_value(one: str, other: str) -> bool:
    if one == other:
        return True
    values = [latex_value(text) for text in (one, other)]
    return None not in values and round(values[0] or 0.0, _DECIMALS) == round(values[1] or 0.0, _DECIMALS)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _bare(text: str) -> str:
    """The content of the box, or the text, behind the last sign of equality, without blanks, markup and units."""
    text = text.lower().replace("{}", "")
    if boxes := _BOX.findall(text):
        text = boxes[-1]
    closing, opening = text.find("}"), text.find("{")
    if closing != -1 and (opening == -1 or closing < opening):
        text = text.split("}")[0]
    text = text.split("=")[-1].split("\\approx")[-1]
    for mark in (" ", "\\,", "\n"):
        text = text.replace(mark, "")
    text = text.replace("\u221e", "\\infty").replace("+\\infty", "\\infty").replace("\\\\", "\\")
    for mark in (*_DROPPED, *_MARKUP):
        text = text.replace(mark, "")
    text = text.replace("tfrac", "frac").replace("dfrac", "frac").replace("{.", "{0.")
    if text.startswith("."):
        text = f"0{text}"
    if _FRACTION.fullmatch(text):
        above, below = text.split("/")
        text = f"\\frac{{{above}}}{{{below}}}"
    return text


def latex_value(text: str) -> float | None:
    r"""Compute the value of a number or an expression of numbers in LaTeX.

    Args:
        text: Digits, ``+ - * / ^``, ``\frac``, ``\sqrt``, ``\pi`` and brackets.

    Returns:
        The value; None for anything else, and where it is not finite.

    Example:
        >>> latex_value("\\frac{3}{4}+2"), latex_value("2\\sqrt{9}"), latex_value("\\frac12"), latex_value("2x")
        (2.75, 6.0, 0.5, None)
    """
    tokens: list[str] = []
    text = _BARE_FRACTION.sub(r"\\frac{\1}{\2}", text)
    place = 0
    while place < len(text.rstrip()):
        token = _TOKEN.match(text, place)
        if token is None:
            return None
        tokens.append(token.group(1))
        place = token.end()
    try:
        value = _Expression(tokens).whole()
    except (ValueError, ZeroDivisionError, OverflowError, IndexError):
        return None
    return value if math.isfinite(value) else None


class _Expression:
    """A parser of sums of products of powers; a missing sign between two factors is a product."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = [*tokens, ""]
        self._place = 0
        self._depth = 0

    def whole(self) -> float:
        value = self._sum()
        if self._tokens[self._place]:
            raise ValueError("something follows the expression")
        return float(value)

    def _taken(self, *tokens: str) -> str:
        """The next token where it is one of these, which is then passed; else nothing."""
        token = self._tokens[self._place]
        if token and token in tokens:
            self._place += 1
            return token
        return ""

    def _sum(self) -> float:
        self._depth += 1
        if self._depth > _DEEP:
            raise ValueError("too deep")
        value = self._product()
        while sign := self._taken("+", "-"):
            other = self._product()
            value = value + other if sign == "+" else value - other
        self._depth -= 1
        return value

    def _product(self) -> float:
        if sign := self._taken("-", "+"):
            return -self._product() if sign == "-" else self._product()
        value = self._power()
        while True:
            if self._taken("/", "\\div"):
                value /= self._signed()
            elif self._taken("*", "\\cdot", "\\times"):
                value *= self._signed()
            elif self._tokens[self._place] not in ("", "+", "-", ")", "}", "^"):
                value *= self._power()
            else:
                return value

    def _signed(self) -> float:
        return -self._power() if self._taken("-") else self._power()

    def _power(self) -> float:
        base = self._atom()
        if not self._taken("^"):
            return base
        exponent = self._signed()
        if abs(exponent) > 1_000 or (base < 0 and not float(exponent).is_integer()):
            raise ValueError("no real number of a usual size")
        return float(base**exponent)

    def _atom(self) -> float:
        mark = self._tokens[self._place]
        self._place += 1
        if mark in ("(", "{"):
            value = self._sum()
            if not self._taken(")" if mark == "(" else "}"):
                raise ValueError("a bracket is not closed")
            return value
        if mark.endswith("frac"):
            above = self._atom()
            return above / self._atom()
        if mark == "\\sqrt":
            return math.sqrt(self._atom())
        if mark in ("\\pi", "pi"):
            return math.pi
        return float(mark)
