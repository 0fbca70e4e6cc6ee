"""Pair accuracy: whether the two captions of a pair find their own picture rather than each other's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from mmbench.core import Response, Sample, ScoreStatus, ScoreTable, sample_table
from mmbench.metrics import expected_pair
from mmbench_tasks.retrieval.scoring import embed, usual_length

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
    vectors, problems = embed(
        [response for answered in responses for response in answered],
        usual_length(response for answered in responses for response in answered),
    )
    both = vectors.reshape(len(samples), 2, -1)
    whole = {name: places for name, places in pairs.items() if len(places) == 2}
    found = dict.fromkeys(pairs, 0.0)
    if whole:
        places = np.array(list(whole.values()))
        values = expected_pair(both[places, 1], both[places, 0]).tolist()
        found.update(zip(whole, values, strict=True))
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
