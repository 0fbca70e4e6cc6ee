"""Metrics of groups of samples that count only when all their members are right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mmbench.core.metric import ONES
from mmbench.core.score_table import ScoreStatus, ScoreTable
from mmbench.metrics.declare import MetricMaker

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

ALL_RIGHT = "all_right"
"""The column of `group_table`."""
_WORST_FIRST: tuple[ScoreStatus, ...] = ("error", "skipped", "refused", "truncated", "unparsed")
_FORMULA = "groups whose members are all right / groups"


def group_table(table: ScoreTable, groups: Sequence[str], *, unit: str, column: str = "accuracy") -> ScoreTable:
    """Make the table of groups from that of their members.

    Args:
        table: Of n members.
        groups: [n] the name of each member's group; empty: it belongs to none.
        unit: What a row is called.
        column: The members' column, 1 for right and 0 for wrong; of members with a share in between (choices that tie), the
            product is taken.

    Returns:
        A row for each group in the order of their first members, with the cluster and the slices on which all members agree (else
        the group itself is the cluster). A group has the worst status of its members: it fails with any that fails.

    Example:
        >>> members = ScoreTable("sample", ["a", "b", "c"], ["x", "x", "y"], ["scored"] * 3, {"accuracy": [1.0, 0.0, 1.0]})
        >>> found = group_table(members, ["1", "1", "2"], unit="pair")
        >>> found.unit_ids, found.columns["all_right"]
        (['1', '2'], [0.0, 1.0])
    """
    members: dict[str, list[int]] = {}
    for row, name in enumerate(groups):
        if name:
            members.setdefault(name, []).append(row)
    right, status = [], []
    for rows in members.values():
        ended = [table.status[row] for row in rows]
        worst: ScoreStatus = next((each for each in _WORST_FIRST if each in ended), "scored")
        product = 1.0
        for row in rows:
            product *= float(table.columns[column][row])
        status.append(worst)
        right.append(0.0 if worst in ("error", "skipped") else product)
    slices = {
        name: [_shared([labels[row] for row in rows], "") for rows in members.values()]
        for name, labels in table.slices.items()
    }
    return ScoreTable(
        unit=unit,
        unit_ids=list(members),
        cluster_ids=[_shared([table.cluster_ids[row] for row in rows], name) for name, rows in members.items()],
        status=status,
        columns={ALL_RIGHT: right},
        slices=slices,
    )


def _shared(labels: Sequence[str], otherwise: str) -> str:
    return labels[0] if len(set(labels)) == 1 else otherwise


group_accuracy = MetricMaker(
    "group_accuracy(extraction=[as-given]|rules,of=…)",
    description="Share of the groups (figures, pairs of questions, sets) whose members are all answered right. With extraction=rules, "
    "answers are read by rules where the published numbers ask a language model.",
    columns=(ALL_RIGHT, ONES),
    formula=_FORMULA,
    source="Thrush et al. 2022, Winoground, group score; Guan et al. 2024, HallusionBench, fAcc and qAcc",
    unit="{of}",
)
consistency = MetricMaker(
    "consistency",
    description="Share of the sentences that are judged right for every pair of images that they are put to.",
    columns=(ALL_RIGHT, ONES),
    formula=_FORMULA,
    source="Suhr et al. 2019, NLVR2, consistency",
    unit="sentence",
)
accuracy_plus = MetricMaker(
    "accuracy_plus",
    description="Share of the images of which both questions are answered right.",
    columns=(ALL_RIGHT, ONES),
    formula=_FORMULA,
    source="Fu et al. 2023, MME, accuracy+",
    unit="image",
)
circular_accuracy = MetricMaker(
    "circular_accuracy(extraction=rules)",
    description="Share of the questions that are answered right in every rotation of their options. Answers are read by rules, as "
    "the id says; the published numbers of some benchmarks ask a language model where rules find nothing.",
    columns=(ALL_RIGHT, ONES),
    formula=_FORMULA,
    source="Liu et al. 2023, MMBench, CircularEval",
    unit="question",
)
