"""The best caption for images that nobody looks at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from mmbench.core.task import TaskInfo

Grams = Counter[tuple[str, ...]]

_SCORES_CAPTIONS = frozenset({"bleu@1", "bleu@2", "bleu@3", "bleu@4", "rouge_l", "cider_d", "meteor", "spice"})
_IMAGES = 2000
"""Images whose references are read, evenly spread over all."""
_ORDERS = 4


def scores_captions(task: TaskInfo) -> bool:
    """Whether answers are compared with references n-gram by n-gram, so that no answer is simply right."""
    return not _SCORES_CAPTIONS.isdisjoint(task.primary)


def best_caption(references: Sequence[Sequence[str]]) -> str:
    """Of all references, the one that has the highest corpus BLEU-4 where it is given for every image.

    Args:
        references: [image][reference] texts; of more than 2,000 images, 2,000 evenly spread ones are read.

    Returns:
        The alphabetically first among equals; an empty text if there are no references.

    Example:
        >>> best_caption([["a man on a horse"], ["a man on a bench"], ["two cats"]])
        'a man on a bench'
    """
    import numpy as np

    from mmbench.metrics.captions.declarations import bleu
    from mmbench.metrics.captions.tokenize import tokenize_captions

    images = [texts for texts in references if texts]
    if not images:
        return ""
    step = max(1.0, len(images) / _IMAGES)
    images = [images[int(n * step)] for n in range(min(len(images), _IMAGES))]
    texts = sorted({text for each in images for text in each})
    words = dict(zip(texts, (line.split() for line in tokenize_captions(texts)), strict=True))
    shown: Counter[tuple[tuple[str, ...], int]] = Counter()  # (n-gram, k): images with a reference that has it k times
    for each in images:
        most: Grams = Counter()
        for text in each:
            most |= Counter(_grams(words[text]))
        shown.update((gram, time) for gram, count in most.items() for time in range(1, count + 1))
    lengths = [sorted({len(words[text]) for text in each}) for each in images]
    closest = {
        length: sum(min(known, key=lambda other: (abs(other - length), other)) for known in lengths)
        for length in {len(found) for found in words.values()}
    }
    rows = np.zeros((len(texts), 2 * _ORDERS + 2))
    for row, text in zip(rows, texts, strict=True):
        tokens = words[text]
        for gram, count in Counter(_grams(tokens)).items():
            row[len(gram) - 1] += sum(shown[gram, time] for time in range(1, count + 1))
        row[_ORDERS:-2] = [max(len(tokens) - order, 0) * len(images) for order in range(_ORDERS)]
        row[-2:] = len(tokens) * len(images), closest[len(tokens)]
    return texts[int(bleu.function(rows, k=_ORDERS).argmax())]


def _grams(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for order in range(1, _ORDERS + 1):
        yield from (tuple(words[place : place + order]) for place in range(len(words) - order + 1))
