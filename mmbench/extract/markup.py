"""Markup around answers: Markdown, LaTeX, HTML tags and box tokens; and where a text says what its answer is."""

from __future__ import annotations

import re

_BOX_TOKENS = re.compile(r"<\|begin_of_box\|>((?:(?!<\|(?:begin|end)_of_box\|>).)*)(?:<\|end_of_box\|>|\Z)", re.DOTALL)
_TAGGED = re.compile(r"<answer>((?:(?!</?answer>).)*)(?:</answer>|\Z)", re.DOTALL | re.IGNORECASE)
_BOXED = re.compile(r"\\f?boxed\s*\{")

_REMOVED = re.compile(
    r"<\|[^|<>\n]{1,40}\|>"  # special tokens
    r"|</?[a-zA-Z][a-zA-Z0-9]{0,15}\s?/?>"  # tags
    r"|^[ \t]*```[a-zA-Z0-9]*[ \t]*$|```|`"  # code
    r"|^[ \t]{0,8}(?:#{1,6}|>)[ \t]+|^[ \t]{0,8}[-*+\u2022][ \t]+(?=[^\W\d])"  # headings, quotations, items of lists
    r"|\*{2,3}|(?<![\w*])\*(?=\S)|(?<=\S)\*(?![\w*])|~~|(?<!\w)_{1,3}(?=\w)|(?<=[^\W_])_{1,3}(?!\w)",  # emphasis
    re.MULTILINE,
)
_LINK = re.compile(r"\[([^\[\]\n]{1,200})\]\([^()\s]{1,500}\)")
_FRACTION = re.compile(r"\\[dtc]?frac\s*(?:\{([^{}]{1,40})\}|(\d))\s*(?:\{([^{}]{1,40})\}|(\d))")
_LATEX = (
    (re.compile(r"\^\s*\{?\s*\\circ\s*\}?|\\degree"), "\u00b0"),
    (
        re.compile(
            r"\\(?:f?boxed|text[a-z]{0,8}|math[a-z]{2,6}|mbox|operatorname|left|right|displaystyle)(?![a-zA-Z])"
        ),
        "",
    ),
    (re.compile(r"\\(?:times|cdot)(?![a-zA-Z])"), "\u00d7"),
    (re.compile(r"\\pm(?![a-zA-Z])"), "\u00b1"),
    (re.compile(r"\\[,;:! ]|\\q?quad(?![a-zA-Z])|(?<!\\)~"), " "),
    (re.compile(r"\\[()\[\]]|\$\$"), ""),
    (re.compile(r"\$([^$\n]{1,400})\$"), r"\1"),
    (re.compile(r"\\([%$#&_{}])"), r"\1"),
    (re.compile(r"[{}]"), ""),
)


def without_markup(text: str) -> str:
    r"""The text without Markdown, LaTeX commands and braces, HTML tags and special tokens.

    >>> without_markup("**red**"), without_markup(r"$120^{\circ}$"), without_markup(r"\boxed{\frac{1}{2}}")
    ('red', '120°', '1/2')
    """
    if "<" in text or "*" in text or "`" in text or "_" in text or "#" in text or "~~" in text or _LISTED.search(text):
        text = _REMOVED.sub("", text)
    if "](" in text:
        text = _LINK.sub(r"\1", text)
    if "\\" in text or "$" in text:
        text = _FRACTION.sub(_fraction, text)
        for pattern, plain in _LATEX:
            text = pattern.sub(plain, text)
    return text


_LISTED = re.compile(r"^[ \t]{0,8}[-+>\u2022][ \t]", re.MULTILINE)


def _fraction(match: re.Match[str]) -> str:
    above, below = (one or other for one, other in (match.group(1, 2), match.group(3, 4)))
    joined = match.string[match.start() - 1 : match.start()].isdigit()  # a mixed number
    return f"{' ' if joined else ''}{above}/{below}"


def boxes(text: str) -> list[tuple[int, str]]:
    r"""What stands in boxes, with the place where each begins: ``\boxed{…}``, box tokens and ``<answer>`` tags.

    A box that is not closed ends with the text, but for ``\boxed{``, which then is none.

    >>> boxes(r"So \boxed{\text{red}}."), boxes("<|begin_of_box|>red<|end_of_box|>")
    ([(3, '\\text{red}')], [(0, 'red')])
    """
    found = [(match.start(), match.group(1)) for match in _BOX_TOKENS.finditer(text)] if "begin_of_box" in text else []
    if "<" in text:
        found += [(match.start(), match.group(1)) for match in _TAGGED.finditer(text)]
    if "boxed" in text:
        found += _boxed(text)
    return sorted(found)


def _boxed(text: str) -> list[tuple[int, str]]:
    r"""The contents of ``\boxed{…}`` with their places; braces inside may nest."""
    opened: list[tuple[int, int] | None] = []  # of each open brace, where its box begins and its content
    starts = {match.end() - 1: match.start() for match in _BOXED.finditer(text)}
    found: list[tuple[int, str]] = []
    for match in re.finditer(r"[{}]", text):
        place = match.start()
        if match.group() == "{":
            opened.append((starts[place], place + 1) if place in starts else None)
        elif opened and (box := opened.pop()) is not None:
            begins, content = box
            found.append((begins, text[content:place]))
    return found


_SAYS = (
    r"(?:answers?|solution|choice|option|conclusion|result)|"
    r"\u7b54\u6848|\u6700\u7ec8\u7b54\u6848|\u7b54\u3048|\u56de\u7b54|\u6b63\u89e3|\uc815\ub2f5|\ub2f5\ubcc0|\ub2f5"
)
_LINE_MARKER = re.compile(
    rf"^[ \t*_#>]*(?:(?:the|my|so|final|correct|short)[ \t]+){{0,3}}(?:{_SAYS})[ \t*_]*:[ \t*_]*",
    re.IGNORECASE | re.MULTILINE,
)
_IS_MARKER = re.compile(
    r"\b(?:final|correct|right|best|the)[ \t]+(?:answer|choice|option)[ \t]+(?:is|would[ \t]+be|should[ \t]+be)\b"
    r"(?:[ \t]*:)?[ \t*_]*"
    r"|\banswer[ \t]+is\b(?:[ \t]*:)?[ \t*_]*"
    r"|(?:\u7b54\u6848|\u6b63\u786e\u7b54\u6848)[ \t]*(?:\u662f|\u4e3a|\u70ba)[ \t*_:]*"
    r"|(?:\u7b54\u3048|\u6b63\u89e3)[ \t]*\u306f[ \t*_:]*|\uc815\ub2f5[\uc740\uc774][ \t*_:]*"
    r"|^[ \t]*####[ \t]+",
    re.IGNORECASE | re.MULTILINE,
)
_SENTENCE = re.compile(r"(?:\w{2}|[\w\"')\]%\u00b0](?<=[^A-Za-z]))(?<!\b(?:St|Mr|Ms|Dr|Mt|Ft|vs))[.!?](?=\s|\Z)|\n")


def final_part(text: str) -> tuple[str, bool]:
    r"""What a text says its answer is, and whether it says so.

    That is the last of: what stands in a box (see `boxes`); what follows "Answer:" at the beginning of a line, up to its
    end; and what follows "the answer is", up to the end of the sentence. A text that says none of these ends with its
    answer: the last line that is not empty.

    >>> final_part("It is blue. No.\nAnswer: red."), final_part("Let me see.\nred\n")
    (('red.', True), ('red', False))
    """
    found = boxes(text)[-1:]
    for marker, whole_line in ((_LINE_MARKER, True), (_IS_MARKER, False)):
        if (last := _last(marker, text)) is not None:
            line = text[last.end() :].lstrip().partition("\n")[0]
            ends = None if whole_line else _SENTENCE.search(line)
            found.append((last.start(), line if ends is None else line[: ends.end()]))
    if found:
        return max(found)[1].strip().rstrip("*_").strip(), True
    return text.rstrip().rpartition("\n")[2].strip(), False


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    last = None
    for match in pattern.finditer(text):
        last = match
    return last
