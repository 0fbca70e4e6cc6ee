"""Which caption is written: the likeliest word each time, or the best of several kept side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from mmbench_baselines.captioner.words import BOUNDARY, UNKNOWN

LENGTH_POWER = 0.7
"""A caption of n words, its end among them, counts as its log-probability divided by n to this power: with 0 short ones
win, since every word costs something, with 1 long ones whose words are easy to tell."""

Ended = Callable[[int, Sequence[int]], bool]
"""Whether a caption ends here whatever the model would write next: number of the row, ids so far."""


class Writer(Protocol):
    """Captions being written, each a word at a time; `mmbench_baselines.captioner.decoder.Writing` is one."""

    def step(self, words: Tensor) -> Tensor:
        """Logits, float [rows, v], of what follows these words, int64 [rows]; the first ones are `BOUNDARY`."""

    def keep(self, rows: Tensor) -> None:
        """Go on with these rows, int64 [rows]."""


def never(row: int, ids: Sequence[int]) -> bool:
    """No text ends a caption."""
    return False


def greedy(writer: Writer, limits: Tensor, ended: Ended = never) -> list[list[int]]:
    """The likeliest word each time, up to `limits`, int64 [n], words a caption: ids, without the end."""
    written: list[list[int]] = [[] for _ in limits]
    live = [limit > 0 for limit in limits.tolist()]
    words = torch.full_like(limits, BOUNDARY)
    while any(live):
        words = _log_probabilities(writer.step(words)).argmax(dim=1)
        for row, (word, limit) in enumerate(zip(words.tolist(), limits.tolist(), strict=True)):
            if live[row] and word != BOUNDARY:
                written[row].append(word)
            live[row] &= word != BOUNDARY and len(written[row]) < limit and not ended(row, written[row])
    return written


def beam_search(writer: Writer, limits: Tensor, beam: int, ended: Ended = never) -> list[list[int]]:
    """The best of `beam` captions kept for each of n rows, by `LENGTH_POWER`; the writer has n·beam of them.

    Each time, those that go on are followed by every word, and of these and of those that have ended the best remain. A
    row is over when all of its captions have ended; one that reaches its limit, int64 [n], counts without an end. With a
    beam of 1 it is `greedy`; with one that nothing falls out of it finds the best caption there is.
    """
    n, device = len(limits), limits.device
    written: list[list[list[int]]] = [[[] for _ in range(beam)] for _ in range(n)]
    totals = torch.full((n, beam), -torch.inf, device=device)
    totals[:, 0] = 0.0  # all begin alike: one is enough
    lengths = torch.zeros(n, beam, dtype=torch.int64, device=device)
    over = (limits <= 0)[:, None].repeat(1, beam)
    words = torch.full((n * beam,), BOUNDARY, dtype=torch.int64, device=device)
    firsts = torch.arange(n, device=device)[:, None] * beam
    while not bool(over.all()):
        added = _log_probabilities(writer.step(words)).view(n, beam, -1)
        size = added.shape[2]
        ended_here = torch.full_like(added, -torch.inf)
        ended_here[:, :, BOUNDARY] = 0.0
        reached = totals[:, :, None] + torch.where(over[:, :, None], ended_here, added)
        after = lengths + (~over).long()
        totals_of, chosen = _best(reached, after, beam)
        parents, following = chosen // size, chosen % size
        totals, lengths, over = totals_of, after.gather(1, parents), over.gather(1, parents)
        written = [[[*own[p]] for p in row] for own, row in zip(written, parents.tolist(), strict=True)]
        finished = over.tolist()
        for row, (own, next_words, limit) in enumerate(zip(written, following.tolist(), limits.tolist(), strict=True)):
            for place, word in enumerate(next_words):
                if not finished[row][place]:
                    if word != BOUNDARY:
                        own[place].append(word)
                    finished[row][place] = word == BOUNDARY or len(own[place]) >= limit or ended(row, own[place])
        over = torch.tensor(finished, dtype=torch.bool, device=device)
        writer.keep((firsts + parents).reshape(-1))
        words = following.reshape(-1)
    best = _normalised(totals, lengths).argmax(dim=1).tolist()
    return [own[place] for own, place in zip(written, best, strict=True)]


def _best(reached: Tensor, lengths: Tensor, beam: int) -> tuple[Tensor, Tensor]:
    """(total, place) of the `beam` best of totals [n, beam, v] of captions [n, beam] of these lengths; both [n, beam]."""
    ranked = _normalised(reached, lengths[:, :, None]).flatten(1)
    chosen = ranked.topk(beam, dim=1).indices
    return reached.flatten(1).gather(1, chosen), chosen


def _normalised(totals: Tensor, lengths: Tensor) -> Tensor:
    return totals / lengths.clamp(min=1).to(totals.dtype) ** LENGTH_POWER


def _log_probabilities(logits: Tensor) -> Tensor:
    """Of every word that can be written: never `UNKNOWN`."""
    known = logits.clone()
    known[:, UNKNOWN] = -torch.inf
    return known.log_softmax(dim=1)
