"""How a captioner learns: every word of a caption from the words before it; measured by writing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own habit

from mmbench_baselines.captioner.examples import IGNORED, Described
from mmbench_baselines.captioner.model import Captioner
from mmbench_baselines.captioner.search import greedy
from mmbench_baselines.captioner.words import LONGEST, Lexicon, split
from mmbench_baselines.examples import Rows
from mmbench_baselines.training.objectives import AT_ONCE, Validation

AT_A_TIME = 3
"""Captions of an image that are learned in one step: its tokens are made once for them."""
ASKED = 300
"""Validation samples that are described at a check: evenly spread where there are more."""


class Captioning:
    """Cross-entropy of the words of reference captions, each given those before it; measured by writing captions.

    The measure is the share of right words: 1 less the number of words to insert, delete or replace for the nearest
    reference, divided by that reference's length (the word error rate of speech recognition), not below 0. It is 1 where
    a caption is a reference, and still tells models apart whose captions never are.
    """

    measure = "word_accuracy"

    def __init__(self, model: Captioner, train: Described, val: Described, lexicon: Lexicon) -> None:
        self.model, self.train, self.val, self.lexicon = model, train, val, lexicon
        self._device = next(model.parameters()).device
        step = max(1, -(-len(val) // ASKED))
        self._asked = np.arange(0, len(val), step)
        self._longest = min(LONGEST, 2 * train.captions.shape[2])

    def logits(
        self, examples: Described, rows: Rows, turn: int, at_a_time: int, shifts: NDArray[np.int64] | None = None
    ) -> tuple[Tensor, Tensor]:
        """(float [n, v], int64 [n]): what is foreseen for each word of some captions of these rows, and what is right."""
        words, following = examples.targets(rows, turn, at_a_time)
        found = self.model(examples.raw(rows, self._device, shifts), torch.from_numpy(words).to(self._device))
        return found.flatten(0, 1), torch.from_numpy(following).to(self._device).flatten()

    def loss(self, rows: Rows, shifts: NDArray[np.int64]) -> Tensor:
        """Mean cross-entropy of a word, over `AT_A_TIME` captions of each row, which the shifts pick."""
        logits, right = self.logits(self.train, rows, int(np.abs(shifts).sum()), AT_A_TIME, shifts)
        return F.cross_entropy(logits, right, ignore_index=IGNORED)

    def validate(self) -> Validation:
        """Word accuracy of greedy captions, and the mean loss of a word over all references."""
        right, loss, count = 0.0, 0.0, 0
        with torch.no_grad():
            for start in range(0, len(self._asked), AT_ONCE):
                rows = self._asked[start : start + AT_ONCE]
                logits, wanted = self.logits(self.val, rows, 0, self.val.captions.shape[1])
                loss += F.cross_entropy(logits, wanted, ignore_index=IGNORED, reduction="sum").item()
                count += int((wanted != IGNORED).sum())
                memory = self.model.remember(self.val.raw(rows, self._device))
                limits = torch.full((len(rows),), self._longest, device=self._device)
                for row, ids in zip(rows.tolist(), greedy(self.model.decoder.start(memory), limits), strict=True):
                    right += word_accuracy(self.lexicon.text(ids), self.val.references[row])
        return Validation(right / len(self._asked), loss / max(1, count))


def word_accuracy(caption: str, references: Sequence[str]) -> float:
    """Share of right words, against the nearest reference; see `Captioning`.

    >>> word_accuracy("a red star", ["a blue star left of a ring", "a red ring"])
    0.6666666666666667
    """
    written = split(caption)
    wanted = [split(reference) for reference in references]
    if written in wanted:
        return 1.0
    return max(0.0, *(1 - _edits(written, words) / max(1, len(words)) for words in wanted))


def _edits(one: Sequence[str], other: Sequence[str]) -> int:
    """Fewest insertions, deletions and replacements that make one the other."""
    before = list(range(len(other) + 1))
    for number, word in enumerate(one, start=1):
        row = [number]
        for place, wanted in enumerate(other):
            row.append(min(before[place + 1] + 1, row[place] + 1, before[place] + (word != wanted)))
        before = row
    return before[-1]
