"""What a caption of a scene says, and how much of it is right.

The facts of a picture are its coloured shapes (``red ring``) and the order of every two of them along its axis (``ring
left of star``): three facts for two shapes, six for three. Shapes of a picture are all different, so that a wrong colour
makes one fact wrong and not the order, too. Of a caption, whatever its wording, these statements are read:

- a colour directly before a shape (``a red ring``);
- a relation between a shape and the next one that is named: left of, right of, above or over or on top of, below or
  under or beneath;
- where a shape is, said after it: left, middle or centre, right; top, middle or centre, bottom;
- an order of all shapes as they are named: from left to right, and the like.

What follows from two statements counts as stated, too. Attribute accuracy is intersection over union: the number of
facts that are both stated and true, over the number of those that are stated or true. So a caption that says more than it
knows loses what it gains. What is true beside the facts (in a row from left to right, that one shape is higher than another)
neither gains nor costs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

from mmbench_tasks.scenes.scene import COLOURS, SHAPES

if TYPE_CHECKING:
    from mmbench_tasks.scenes.captions import Picture

Order = tuple[str, str, str]
"""(shape, ``left of`` or ``above``, shape)"""

_MENTION = re.compile(rf"\b(?:({'|'.join(COLOURS)})\W+)?({'|'.join(SHAPES)})(?:s|es)?\b")
_BETWEEN = {
    ("left of", False): r"\bleft(?:\s+side)?\s+of\b",
    ("left of", True): r"\bright(?:\s+side)?\s+of\b",
    ("above", False): r"\b(?:above|over|on\s+top\s+of)\b",
    ("above", True): r"\b(?:below|under|underneath|beneath)\b",
}
"""(relation, whether the second comes first) → what says so between two shapes."""
_THROUGHOUT = {
    ("left of", False): r"\bleft\W+to\W+right\b",
    ("left of", True): r"\bright\W+to\W+left\b",
    ("above", False): r"\btop\W+to\W+bottom\b",
    ("above", True): r"\bbottom\W+to\W+top\b",
}
_PLACES = {
    "left of": (r"\bleft\b", r"\b(?:middle|cent(?:re|er))\b", r"\bright\b"),
    "above": (r"\btop\b", r"\b(?:middle|cent(?:re|er))\b", r"\bbottom\b"),
}


@dataclass(frozen=True, slots=True)
class Truth:
    """What is true of a picture."""

    facts: frozenset[str]
    """What a complete caption states."""
    beside: frozenset[str]
    """What is true, too, and not asked for."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a caption is worth."""

    value: float
    """Attribute accuracy, from 0 to 1."""
    explanation: str | None
    """Facts that are missing and statements that are wrong; None where there are none."""


def truth(picture: Picture) -> Truth:
    """The facts of a picture.

    >>> from mmbench_tasks.scenes.captions import family
    >>> sorted(truth(family("test", 0).pictures[0]).facts)
    ['...', '...', '...']
    """
    row, figures = picture.row, picture.scene.figures
    seen = {f"{colour} {shape}" for colour, shape in zip(row.colours, row.shapes, strict=True)}
    beside = {
        _told(order)
        for one, two in combinations(figures, 2)
        for first, second in ((one, two), (two, one))
        for order, less in (
            ((first.shape, "left of", second.shape), first.x < second.x),
            ((first.shape, "above", second.shape), first.y < second.y),
        )
        if less
    }
    facts = seen | {_told((first, row.axis.relation, second)) for first, second in combinations(row.shapes, 2)}
    return Truth(frozenset(facts), frozenset(beside - facts))


def judge(caption: str, true: Truth) -> Judgement:
    """Attribute accuracy of a caption, and what is not right about it.

    >>> row = Truth(frozenset({"red ring", "blue star", "ring left of star"}), frozenset())
    >>> judge("a red ring to the left of a star", row)
    Judgement(value=0.6666666666666666, explanation='missing: blue star')
    """
    stated = statements(caption) - true.beside
    missing, wrong = sorted(true.facts - stated), sorted(stated - true.facts)
    parts = [f"{what}: {', '.join(items)}" for what, items in (("missing", missing), ("wrong", wrong)) if items]
    return Judgement(len(stated & true.facts) / len(stated | true.facts), "; ".join(parts) or None)


def statements(caption: str) -> frozenset[str]:
    """Every fact that a caption states, right or wrong.

    >>> sorted(statements("From left to right: a red ring, two blue stars."))
    ['blue star', 'red ring', 'ring left of star']
    """
    text = caption.lower()
    mentions = list(_MENTION.finditer(text))
    shapes = [match[2] for match in mentions]
    after = [text[one.end() : two.start()] for one, two in pairwise(mentions)]
    after += [text[match.end() :] for match in mentions[-1:]]
    orders = {*_between(shapes, after), *_throughout(shapes, text), *_by_place(shapes, after)}
    seen = {f"{match[1]} {match[2]}" for match in mentions if match[1]}
    return frozenset(seen | {_told(order) for order in _closed(orders)})


def _told(order: Order) -> str:
    return " ".join(order)


def _ordered(first: str, relation: str, second: str, *, other_way: bool) -> Order:
    return (second, relation, first) if other_way else (first, relation, second)


def _between(shapes: Sequence[str], after: Sequence[str]) -> Iterator[Order]:
    for (first, second), words in zip(pairwise(shapes), after, strict=False):
        for (relation, other_way), pattern in _BETWEEN.items():
            if re.search(pattern, words):
                yield _ordered(first, relation, second, other_way=other_way)


def _throughout(shapes: Sequence[str], text: str) -> Iterator[Order]:
    for (relation, other_way), pattern in _THROUGHOUT.items():
        if re.search(pattern, text):
            yield from (_ordered(one, relation, two, other_way=other_way) for one, two in pairwise(shapes))


def _by_place(shapes: Sequence[str], after: Sequence[str]) -> Iterator[Order]:
    """Orders of shapes that are said to be at different places of an axis."""
    relations = "|".join([*_BETWEEN.values(), *_THROUGHOUT.values()])
    plain = [re.sub(relations, " ", words) for words in after]
    for relation, patterns in _PLACES.items():
        placed = [
            (rank, shape)
            for shape, words in zip(shapes, plain, strict=True)
            for rank, pattern in enumerate(patterns)
            if re.search(pattern, words)
        ]
        placed.sort(key=lambda item: item[0])
        if placed and {rank for rank, _ in placed} != {1}:
            yield from ((a, relation, b) for (low, a), (high, b) in combinations(placed, 2) if low < high)


def _closed(orders: Iterable[Order]) -> set[Order]:
    """The orders, and what follows from them: from a before b and b before c, a before c."""
    found = set(orders)
    while (
        more := {
            (first, relation, third)
            for first, relation, second in found
            for again, same, third in found
            if (again, same) == (second, relation)
        }
        - found
    ):
        found |= more
    return found
