"""The best caption for pictures that nobody looks at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from mmbench.core.task import TaskInfo

Grams = Counter[tuple[str, ...]]

_SCORES_CAPTIONS = frozenset({"bleu@1", "bleu@2", "bleu@3", "bleu@4", "rouge_l", "cider_d", "meteor", "spice"})
_PICTURES = 2000
"""Pictures whose references are read, evenly spread over all."""
_ORDERS = 4


def scores_captions(task: TaskInfo) -> bool:
    """Whether answers are compared with references n-gram by n-gram, so that no answer is simply right."""
    return not _SCORES_CAPTIONS.isdisjoint(task.primary)


def best_caption(references: Sequence[Sequence[str]]) -> str:
    """Of all references, the one that has the highest corpus BLEU-4 where it is said of every picture.

    Parameters: `references`, [picture][reference] texts; of more than 2,000 pictures, 2,000 evenly spread ones are read.
    Of equals, the alphabetically first; an empty text where there are no references.

    >>> best_caption([["a man on a horse"], ["a man on a bench"], ["two cats"]])
    'a man on a bench'
    """
    import numpy as np

    from mmbench.metrics.captions.metrics import bleu
    from mmbench.metrics.captions.tokenize import tokenize_captions

    pictures = [texts for texts in references if texts]
    if not pictures:
        return ""
    step = max(1.0, len(pictures) / _PICTURES)
    pictures = [pictures[int(n * step)] for n in range(min(len(pictures), _PICTURES))]
    texts = sorted({text for each in pictures for text in each})
    words = dict(zip(texts, (line.split() for line in tokenize_captions(texts)), strict=True))
    shown: Counter[tuple[tuple[str, ...], int]] = (
        Counter()
    )  # (n-gram, k): pictures with a reference that has it k times
    for each in pictures:
        most: Grams = Counter()
        for text in each:
            most |= Counter(_grams(words[text]))
        shown.update((gram, time) for gram, count in most.items() for time in range(1, count + 1))
    lengths = [sorted({len(words[text]) for text in each}) for each in pictures]
    closest = {
        length: sum(min(known, key=lambda other: (abs(other - length), other)) for known in lengths)
        for length in {len(found) for found in words.values()}
    }
    rows = np.zeros((len(texts), 2 * _ORDERS + 2))
    for row, text in zip(rows, texts, strict=True):
        said = words[text]
        for gram, count in Counter(_grams(said)).items():
            row[len(gram) - 1] += sum(shown[gram, time] for time in range(1, count + 1))
        row[_ORDERS:-2] = [max(len(said) - order, 0) * len(pictures) for order in range(_ORDERS)]
        row[-2:] = len(said) * len(pictures), closest[len(said)]
    return texts[int(bleu(rows).argmax())]


def _grams(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for order in range(1, _ORDERS + 1):
        yield from (tuple(words[place : place + order]) for place in range(len(words) - order + 1))
