"""From what is remembered of images to the texts of captions."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from mmbench.core import Generate
from mmbench_baselines.captioner.decoder import Decoder, Memory
from mmbench_baselines.captioner.search import beam_search, greedy
from mmbench_baselines.captioner.words import LONGEST, Lexicon


def write(
    decoder: Decoder,
    memory: Memory,
    lexicon: Lexicon,
    requests: Sequence[Generate],
    beam: int | None,
) -> list[str]:
    """A caption for each request, about the image in its place in the memory.

    It has at most `max_new_tokens` words and marks, and ends before any text of `stop`. `beam` is how many captions are
    kept side by side; None: the likeliest word is taken each time.
    """
    limits = torch.tensor([min(request.max_new_tokens, LONGEST) for request in requests], device=memory.summary.device)
    stops = [tuple(filter(None, request.stop)) for request in requests]

    def ended(row: int, ids: Sequence[int]) -> bool:
        return bool(stops[row]) and _cut(lexicon.text(ids), stops[row]) is not None

    writing = decoder.start(memory, beam or 1)
    found = greedy(writing, limits, ended) if beam is None else beam_search(writing, limits, beam, ended)
    texts = [lexicon.text(ids) for ids in found]
    return [
        text if (at := _cut(text, own)) is None else text[:at].rstrip() for text, own in zip(texts, stops, strict=True)
    ]


def _cut(text: str, stops: Sequence[str]) -> int | None:
    """Where the first of the stops begins; None where there is none."""
    places = [place for stop in stops if (place := text.find(stop)) >= 0]
    return min(places, default=None)
