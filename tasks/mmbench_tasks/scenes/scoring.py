"""Block accuracy: from a table of samples to a table of blocks."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from mmbench.core import ONES, Sample, ScoreStatus, ScoreTable
from mmbench.metrics import MetricMaker

UNIT = "block"
"""What a row of the table is."""
_WORST: tuple[ScoreStatus, ...] = ("error", "refused", "unparsed", "truncated")


block_accuracy = MetricMaker(
    "block_accuracy",
    description="Share of the Latin-square blocks, K images × K questions, on which every answer is right.",
    columns=("right", ONES),
    formula="blocks with every answer right / blocks",
    source="mean over blocks; ties: probability that all are right, each broken at random by itself",
    unit=UNIT,
)


def block_table(samples: Sequence[Sample], table: ScoreTable, column: str = "accuracy") -> ScoreTable:
    """One row for each Latin-square block, that is for each cluster of the samples.

    A block gets the product of its samples' scores: 1 where all are right, 0 where any is wrong. Answers that a model
    leaves tied are each right with some probability; the product is then the probability that all are right, over
    independent random choices among what ties. A block fails with any of its samples; else it is refused or unparsed,
    and scores 0, with any of them; else it is truncated with any of them, and scores what their answers are worth. A
    block of which some samples were not asked is skipped.

    Parameters: `samples` and the `table` of their scores, in one order; a block with K choices has K × K samples.
    """
    rows: dict[str, list[int]] = {}
    for row, sample in enumerate(samples):
        rows.setdefault(sample.cluster, []).append(row)
    scores = table.columns[column]
    status: list[ScoreStatus] = []
    right: list[float] = []
    for members in rows.values():
        found = {table.status[row] for row in members}
        ended: ScoreStatus = next((worst for worst in _WORST if worst in found), "scored")
        if len(members) < len(samples[members[0]].choices or ()) ** 2:
            ended = "skipped"
        status.append(ended)
        right.append(prod(sorted(float(scores[row]) for row in members)) if ended in ("scored", "truncated") else 0.0)
    return ScoreTable(
        unit=UNIT,
        unit_ids=list(rows),
        cluster_ids=list(rows),
        status=status,
        columns={"right": right},
        slices={
            name: [labels[members[0]] for members in rows.values()] for name, labels in sorted(table.slices.items())
        },
    )


def block_chance(samples: Sequence[Sample]) -> float | None:
    """Expected block accuracy of uniformly random choices: (1/K)^(K·K), averaged over whole blocks; None for none."""
    sizes: dict[str, list[int]] = {}
    for sample in samples:
        sizes.setdefault(sample.cluster, []).append(len(sample.choices or ()))
    chances = [prod(1 / k for k in found) for found in sizes.values() if len(found) == found[0] ** 2 > 0]
    return sum(chances) / len(chances) if chances else None
