"""Pair accuracy: whether the two captions of a pair find their own picture rather than each other's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mmbench.core import Response, Sample, ScoreStatus, ScoreTable, sample_table
from mmbench.metrics import expected_pair, expected_pair_late
from mmbench_tasks.retrieval.scoring import embed, embed_late, is_late, usual_length

UNIT = "pair_t2i"
"""What a row of the table is."""
CHANCE = 0.25
"""Expected value where the order of the two pictures is random for either caption."""


def pair_table(
    samples: Sequence[Sample], responses: Sequence[Sequence[Response]], pairs: Mapping[str, Sequence[int]]
) -> ScoreTable:
    """One row for each pair: `expected_pair` with captions as queries and pictures as items.

    A pair fails with any of its four embeddings. A pair of which one sample was not asked is skipped.

    Parameters: `responses[i]` answers for the picture and the only caption of `samples[i]`; `pairs`, id to the places of
    its one or two samples.
    """
    everything = [response for answered in responses for response in answered]
    vectors: Any
    vectors, problems = (embed_late if is_late(everything) else embed)(everything, usual_length(everything))
    whole = {name: places for name, places in pairs.items() if len(places) == 2}
    found = dict.fromkeys(pairs, 0.0)
    if whole:
        found.update(zip(whole, _values(vectors, problems, list(whole.values())), strict=True))
    status: list[ScoreStatus] = []
    reasons: list[str | None] = []
    for name, members in pairs.items():
        reason = next((problem for row in members for problem in problems[2 * row : 2 * row + 2] if problem), None)
        ended: ScoreStatus = "skipped" if name not in whole else "error" if reason else "scored"
        status.append(ended)
        reasons.append(reason if ended == "error" else None)
    first = [samples[members[0]] for members in pairs.values()]
    columns = {"pair": [found[name] if ended == "scored" else 0.0 for name, ended in zip(pairs, status, strict=True)]}
    table = sample_table(first, status, columns, explanations=reasons, unit=UNIT)
    return replace(table, unit_ids=list(pairs))


def _values(vectors: Any, problems: Sequence[str | None], pairs: Sequence[Sequence[int]]) -> list[float]:
    """`expected_pair` of each pair of samples, by late interaction where items have several vectors; 0 where one failed.

    Parameters: `vectors` of picture and caption of each sample, one after the other.
    """
    if isinstance(vectors, np.ndarray):
        both, places = vectors.reshape(len(vectors) // 2, 2, -1), np.array(pairs)
        return [float(value) for value in expected_pair(both[places, 1], both[places, 0])]
    values = [0.0] * len(pairs)
    for number, members in enumerate(pairs):
        if not any(problem for row in members for problem in problems[2 * row : 2 * row + 2]):
            captions, images = ([vectors[2 * row + part] for row in members] for part in (1, 0))
            values[number] = float(expected_pair_late([captions], [images])[0])
    return values
