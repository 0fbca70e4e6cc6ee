"""Make text that comes from elsewhere safe to show: everything in it can be seen, and none of it steers a terminal."""

from __future__ import annotations

import re
import shlex

LONGEST = 120
"""Characters of a name, such as a sample id, that are shown where a sentence mentions it."""

_LONGEST_WORD = 1000
_ENDLESS = re.compile(rf"\S{{{_LONGEST_WORD},}}")


def visible(text: str, most: int | None = None) -> str:
    r"""Text in one line, in which everything can be seen.

    Runs of white space become one space; control characters, marks of direction and what else does not print become
    escapes, so that a name can neither steer a terminal nor pass for another one.

    Args:
        text: The text.
        most: Characters at most, from 8 up; of a longer text the beginning and the end are kept. None: all of them.

    Returns:
        What may be printed, put into a table or written to a page.

    Example:
        >>> print(visible("a\n\tb\x1b[31m\u202ec"))
        a b\x1b[31m\u202ec
        >>> visible("abcdefghijklmnop", 9)
        'abcd…mnop'
    """
    flat = " ".join(text.split())
    if not flat.isprintable():
        flat = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in flat)
    if most is not None and len(flat) > most:
        kept = most - 1
        flat = f"{flat[: (kept + 1) // 2]}…{flat[len(flat) - kept // 2 :]}"
    return flat


def visible_lines(text: str) -> str:
    r"""The same for a text of several lines, whose line breaks and indents are kept.

    >>> print(visible_lines("one\n  two\x07\r"))
    one
      two\x07\r
    """
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    return "\n".join(
        "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in line)
        for line in text.split("\n")
    )


def readable_lines(text: str) -> str:
    """What a message shows: `visible_lines`, with words that are longer than any name or path shortened."""
    shown = visible_lines(text)
    return _ENDLESS.sub(lambda found: visible(found[0], LONGEST), shown) if len(shown) > _LONGEST_WORD else shown


def shown_name(name: str) -> str:
    """A name of any length, such as a sample id, as a sentence mentions it; see `visible` and `LONGEST`."""
    return visible(name, LONGEST)


def shell_command(words: list[str]) -> str:
    r"""A command to show and to paste: words are quoted where need be, and what does not print is written as an escape.

    >>> print(shell_command(["mmbench", "run", "--data", "my file", "a\x1bb"]))
    mmbench run --data 'my file' $'a\x1bb'
    """
    return " ".join(map(_shell_word, words))


def _shell_word(word: str) -> str:
    if word.isprintable():
        return shlex.quote(word)
    escaped = "".join(
        f"\\{each}" if each in "'\\" else each if each.isprintable() else each.encode("unicode_escape").decode()
        for each in word
    )
    return f"$'{escaped}'"
