"""Notes that end in advice on what to type, which readers of a shared report cannot follow."""

from __future__ import annotations


class Advised(str):
    """A note with advice for the command line behind it; `plain` is the note alone.

    It is the whole text wherever a text is wanted.

    Args:
        plain: What is so.
        advice: What to type, with the punctuation that joins it to `plain`.

    Example:
        >>> note = Advised("3 outputs hold no answer", "; look at one with mmbench show RUN --sample ID")
        >>> str(note)
        '3 outputs hold no answer; look at one with mmbench show RUN --sample ID'
        >>> without_advice(note)
        '3 outputs hold no answer'
    """

    __slots__ = ("plain",)
    plain: str

    def __new__(cls, plain: str, advice: str) -> Advised:
        """Join both, and remember where the advice begins."""
        made = super().__new__(cls, plain + advice)
        made.plain = plain
        return made


def without_advice(note: str) -> str:
    """A note without what to type."""
    return note.plain if isinstance(note, Advised) else note


def prefixed(prefix: str, note: str) -> str:
    """A note behind a prefix, which keeps its advice apart."""
    if isinstance(note, Advised):
        return Advised(prefix + note.plain, note[len(note.plain) :])
    return prefix + note
