"""Texts by number, each once; long ones are cut in the middle, so that many outputs of any length fit into one page."""

from __future__ import annotations

from collections.abc import Iterable

LONGEST = 20_000
"""Characters of a text that are kept at most."""
_LEAST = 200
"""Characters that are kept however many texts there are."""


class TextPool:
    """Texts by number. Equal texts share one.

    Args:
        budget: Characters of all texts together. When they exceed it, texts are cut shorter, the longest first.
        longest: Characters of one text at most.
    """

    def __init__(self, budget: int = 48 * 2**20, longest: int = LONGEST) -> None:
        self.texts: list[str] = []
        """The texts by number, cut where they are in `cuts`."""
        self.cuts: dict[int, tuple[int, int]] = {}
        """Number of a text that is cut to its true length and to the place of the gap, both in characters."""
        self._known: dict[str | tuple[int, str], int] = {}
        self._budget, self._longest = budget, longest
        self._held = 0

    def add(self, text: str) -> int:
        """The number of a text."""
        number = self._known.get(text)
        if number is None:
            number = self._new(text)
        return number

    def numbers(self, texts: Iterable[str | None]) -> list[int | None]:
        """The numbers of several texts; None for None."""
        known, found = self._known, list[int | None]()
        for text in texts:
            number = None if text is None else known.get(text)
            if number is None and text is not None:
                number = self._new(text)
                known = self._known  # another one, where texts were shortened
            found.append(number)
        return found

    def _new(self, text: str) -> int:
        kept, key = text, text  # type: str, str | tuple[int, str]
        if len(text) > self._longest:
            kept = _ends(text, self._longest)
            key = (len(text), kept)
            if key in self._known:
                return self._known[key]
        number = self._known[key] = len(self.texts)
        self.texts.append(kept)
        self._held += len(kept)
        if kept is not text:
            self.cuts[number] = (len(text), _head(self._longest))
        while self._held > self._budget and self._longest > _LEAST:
            self._shorten()
        return number

    def _shorten(self) -> None:
        """Halve what is kept of a text at most, and cut the texts that are there already."""
        self._longest = max(_LEAST, self._longest // 2)
        for number, text in enumerate(self.texts):
            if len(text) > self._longest:
                length = self.cuts.get(number, (len(text), 0))[0]
                kept = self.texts[number] = _ends(text, self._longest)
                self.cuts[number] = (length, _head(self._longest))
                self._held -= len(text) - len(kept)
        self._known = {
            (self.cuts[number][0], text) if number in self.cuts else text: number
            for number, text in enumerate(self.texts)
        }


def _head(longest: int) -> int:
    """How many characters of the beginning are kept; answers tend to stand at the end."""
    return longest // 2


def _ends(text: str, longest: int) -> str:
    head = _head(longest)
    return text[:head] + text[len(text) - (longest - head) :]
