"""Find which samples of two runs are the same question, where the runs do not share ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mmbench.results.schema import AskedLine

How = Literal["id", "position", "content"]
"""What samples were matched by: their ids; their places in the data; their questions and references, in order."""


@dataclass(frozen=True, slots=True)
class Matching:
    """Samples of one run and those of another that ask the same."""

    how: How
    """What they were matched by."""
    pairs: list[tuple[int, int]]
    """Places in the first run and in the second, in the order of the first."""


def match(a: Sequence[AskedLine], b: Sequence[AskedLine]) -> Matching:
    """Match the samples of two runs.

    Three ways are tried: equal ids; equal places in the data; equal questions and references, where the n-th sample with the same
    question and references in one run is the n-th in the other. The way that brings most samples together whose questions or
    references agree is taken, ids first where several bring as many. Pairs by place that do not agree are dropped; pairs by id stay,
    since a revision of the data changes questions under the same id.

    Args:
        a: What the first run was asked.
        b: What the second run was asked.

    Returns:
        The pairs; none where nothing fits.
    """
    ways: list[Matching] = [Matching("id", _by_id(a, b)), Matching("position", _by_position(a, b))]
    agreeing = [sum(agree(a[i], b[j]) for i, j in way.pairs) for way in ways]
    if max(agreeing) < min(len(a), len(b)):
        ways.append(Matching("content", _by_content(a, b)))
        agreeing.append(len(ways[-1].pairs))
    best = max(range(len(ways)), key=lambda n: (agreeing[n], -n))
    return ways[best]


def agree(a: AskedLine, b: AskedLine) -> bool:
    """Whether two samples can be the same question: by their texts where both are known, else by their references.

    Where nothing can be held against each other they agree.
    """
    if (known := same_question(a, b)) is not None:
        return known
    left, right = ({folded(each) for each in line.references} for line in (a, b))
    return not left or not right or bool(left & right)


def same_question(a: AskedLine, b: AskedLine) -> bool | None:
    """Whether two samples have the same question; None where that is not known.

    A question that stands whole within the prompt of the other run, of which the question alone is not known, is the same.
    """
    if a.question is not None and b.question is not None:
        return folded(a.question) == folded(b.question)
    left, right = folded(a.question or a.prompt or ""), folded(b.question or b.prompt or "")
    return (left in right or right in left) if left and right else None


def folded(text: str) -> str:
    """A text without case, and with single spaces."""
    return " ".join(text.casefold().split())


def _by_id(a: Sequence[AskedLine], b: Sequence[AskedLine]) -> list[tuple[int, int]]:
    places = {line.id: place for place, line in enumerate(b)}
    return [(i, places[line.id]) for i, line in enumerate(a) if line.id in places]


def _by_position(a: Sequence[AskedLine], b: Sequence[AskedLine]) -> list[tuple[int, int]]:
    places = {line.position: place for place, line in enumerate(b) if line.position is not None}
    found = [(i, places[line.position]) for i, line in enumerate(a) if line.position in places]
    return [(i, j) for i, j in found if agree(a[i], b[j])]


def _by_content(a: Sequence[AskedLine], b: Sequence[AskedLine]) -> list[tuple[int, int]]:
    known: dict[tuple[str, frozenset[str]], list[int]] = {}
    for place, line in enumerate(b):
        for text in _texts(line):
            known.setdefault((text, _right(line)), []).append(place)
    taken: set[int] = set()
    found = []
    for i, line in enumerate(a):
        free = (j for text in _texts(line) for j in known.get((text, _right(line)), ()) if j not in taken)
        if (j := next(free, None)) is not None:
            taken.add(j)
            found.append((i, j))
    return found


def _right(line: AskedLine) -> frozenset[str]:
    return frozenset(map(folded, line.references))


def _texts(line: AskedLine) -> list[str]:
    """The question; where only a prompt is known, that and each of its lines, one of which may be the question."""
    if line.question is not None:
        return [folded(line.question)]
    lines = [] if line.prompt is None else [folded(line.prompt), *map(folded, line.prompt.splitlines())]
    return [text for text in dict.fromkeys(lines) if text]
