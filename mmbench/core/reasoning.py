"""Tell the answer in a generated text from the reasoning before it, by the markers of known model families."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Markers:
    """How one family of models marks its reasoning; each field is a regular expression without groups."""

    name: str
    """The family, or what its marker is called."""
    begin: str
    """What begins the reasoning."""
    end: str
    """What ends it. Standing alone it makes reasoning of everything before it: chat templates often write `begin` themselves."""
    frame: str = ""
    """What stands around the whole answer after reasoning, and is no part of it; empty where there is nothing."""
    signs: tuple[str, ...] = ("<",)
    """Texts of which every marker holds one: a text with none of them needs no closer look."""


def _tag(name: str) -> tuple[str, str]:
    """Opening and closing tag, whatever their case."""
    return rf"(?i:<{name}>)", rf"(?i:</{name}>)"


FAMILIES: tuple[Markers, ...] = (
    Markers("DeepSeek-R1, Qwen3, GLM-V, MiMo-VL, Ernie and others", *_tag("think"), r"(?i:</?(?:answer|response)>)"),
    Markers("thinking", *_tag("thinking")),
    Markers("EXAONE Deep", *_tag("thought")),
    Markers("reasoning", *_tag("reasoning")),
    Markers("Keye-VL", *_tag("analysis")),
    Markers("Seed-OSS", *_tag("seed:think")),
    Markers("Kimi-VL", "◁think▷", "◁/think▷", signs=("◁",)),
    Markers("Magistral", r"\[THINK\]", r"\[/THINK\]", signs=("THINK]",)),
    Markers("Command A Reasoning", r"<\|START_THINKING\|>", r"<\|END_THINKING\|>", r"<\|(?:START|END)_RESPONSE\|>"),
    Markers(
        "OpenThinker, Sky-T1",
        r"<\|begin_of_thought\|>",
        r"<\|end_of_thought\|>",
        r"<\|(?:begin|end)_of_solution\|>",
    ),
    Markers("MedGemma", "<unused94>", "<unused95>"),
    Markers("Gemma 4", r"<\|channel>thought", r"<channel\|>"),
    Markers("LLaVA-CoT", "<SUMMARY>", "<CONCLUSION>", "</CONCLUSION>"),
    Markers(
        "gpt-oss",
        r"<\|channel\|>(?:analysis|commentary)[^<\n]{0,80}<\|message\|>",
        r"(?:<\|end\|>)?(?:<\|start\|>assistant)?<\|channel\|>final[^<\n]{0,80}<\|message\|>",
        r"<\|(?:return|end)\|>",
    ),
    Markers("gpt-oss without its special tokens", r"(?!)", "assistantfinal", signs=("assistantfinal",)),
)
"""Every family whose markers are known."""
_SIGNS = tuple(dict.fromkeys(sign for family in FAMILIES for sign in family.signs))


class Split(NamedTuple):
    """A generated text in its two parts."""

    answer: str
    """What is not reasoning, the text itself where it holds no marker."""
    reasoning: str | None
    """The reasoning without its markers, blocks apart by a blank line; None where there is none."""
    unfinished: bool = False
    """Whether reasoning was begun and never ended."""


def may_hold_reasoning(text: str) -> bool:
    """Whether a text needs a closer look; False says that it holds no marker. Much faster than `split_reasoning`."""
    for sign in _SIGNS:  # noqa: SIM110, any() takes twice the time
        if sign in text:
            return True
    return False


def split_reasoning(text: str) -> Split:
    r"""Take reasoning out of a generated text.

    A block that is never ended is all reasoning. An end without a beginning makes reasoning of everything before it. The
    answer holds no beginning and no end of any family; where one was found, neither white space nor a frame surrounds it.
    The time is linear in the length of the text.

    Args:
        text: The text as it was generated.

    Returns:
        Answer and reasoning, and whether the reasoning is unfinished.

    Example:
        >>> split_reasoning("<think>Blue? No, red.</think>\n\nred")
        Split(answer='red', reasoning='Blue? No, red.', unfinished=False)
        >>> split_reasoning("Blue? No, red.</think>red").answer
        'red'
        >>> split_reasoning("red")
        Split(answer='red', reasoning=None, unfinished=False)
    """
    if not may_hold_reasoning(text):
        return Split(text, None)
    answer, reasoning, found = [""], [""], False
    inside: int | None = None
    place = 0
    for match in _pattern().finditer(text):
        role, number = _role(match)
        if inside is not None and (role != "end" or number != inside):
            continue
        found = True
        before, place = text[place : match.start()], match.end()
        if inside is not None:
            reasoning.append(before)
            inside = None
        elif role == "end":
            reasoning += [*answer, before]
            answer = []
        else:
            answer.append(before)
            inside = number
    if not found:
        return Split(text, None)
    (answer if inside is None else reasoning).append(text[place:])
    return Split(_unframed(_joined(answer, "\n")), _joined(reasoning, "\n\n") or None, inside is not None)


def left_open(prompt: str) -> str:
    r"""The marker with which a prompt ends, when it makes a model go on with reasoning; empty where it does not.

    >>> left_open("<|im_start|>assistant\n<think>\n")
    '<think>'
    """
    tail = prompt[-200:].rstrip()
    if not may_hold_reasoning(tail):
        return ""
    for family in FAMILIES:
        if found := re.search(f"(?:{family.begin})\\Z", tail):
            return found.group()
    return ""


def marks_reasoning(token: str) -> bool:
    """Whether a token is, or belongs to, a marker of a family.

    >>> marks_reasoning("[/THINK]"), marks_reasoning("<|channel|>"), marks_reasoning("</s>")
    (True, True, False)
    """
    return bool(_pattern().fullmatch(token) or _frames().fullmatch(token)) or token in _PIECES


_PIECES = frozenset({"<|channel|>", "<|message|>", "<|start|>", "<|channel>", "<channel|>"})
"""Tokens of which markers are put together."""


@cache
def _pattern() -> re.Pattern[str]:
    """Every beginning and end of every family, in groups ``begin0``, ``end0`` and so on."""
    parts = [(f"(?P<begin{n}>{each.begin})", f"(?P<end{n}>{each.end})") for n, each in enumerate(FAMILIES)]
    return re.compile("|".join(part for pair in parts for part in pair))


def _role(match: re.Match[str]) -> tuple[str, int]:
    """``begin`` or ``end``, and the number of the family."""
    name = match.lastgroup or ""
    role = name.rstrip("0123456789")
    return role, int(name.removeprefix(role))


@cache
def _frames() -> re.Pattern[str]:
    return re.compile("|".join(family.frame for family in FAMILIES if family.frame))


def _unframed(answer: str) -> str:
    """The answer without what stands around all of it; unchanged where such a frame also stands inside."""
    frames = deque(_frames().finditer(answer))
    start, end = 0, len(answer)
    while frames and not answer[start : frames[0].start()].strip():
        start = frames.popleft().end()
    while frames and not answer[frames[-1].end() : end].strip():
        end = frames.pop().start()
    return answer if frames else answer[start:end].strip()


def _joined(parts: list[str], by: str) -> str:
    return by.join(stripped for part in parts if (stripped := part.strip()))
