"""Keep the scores that another tool gave beside those of a task of ours, in one table of samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import msgspec

from mmbench.core.ids import MetricId
from mmbench.core.metric import ONES
from mmbench.core.score_table import COUNTED, MetricValue, ScoreTable
from mmbench.results.schema import ScoresFile
from mmbench.scoring.tables import Scored

TOOL = "tool"
"""Parameter in the id of a metric of another tool, which names that."""


def is_foreign(metric_id: str) -> bool:
    """Whether a metric is the score of another tool."""
    return any(key == TOOL for key, _ in MetricId.parse(metric_id).params)


def beside(ours: Scored, scores: ScoresFile, tables: Mapping[str, ScoreTable]) -> Scored | None:
    """Add the metrics of another tool to a scoring of the same samples.

    Args:
        ours: The scoring of our task.
        scores: An imported scoring, or one that holds its metrics.
        tables: Its tables.

    Returns:
        One scoring in which the tool's metrics are primary too and come first, with the values that they had; None where that cannot be,
        because the two do not count the same samples.
    """
    own, theirs = ours.tables.get("sample"), tables.get("sample")
    foreign = [value for value in scores.metrics if is_foreign(value.id)]
    if own is None or theirs is None or not foreign or not _same_units(own, theirs):
        return None
    columns = {name for value in foreign for name in scores.specs[value.id].columns if name != ONES}
    if columns & own.columns.keys():
        return None
    ids = {value.id for value in foreign}
    places = {unit: place for place, unit in enumerate(theirs.unit_ids)}
    order = [places[unit] for unit in own.unit_ids]
    added = {name: [theirs.columns[name][place] for place in order] for name in sorted(columns)}
    table = replace(own, columns={**own.columns, **added})
    merged = msgspec.structs.replace(
        ours.scores,
        primary=[*(name for name in scores.primary if name in ids), *ours.scores.primary],
        metrics=[*foreign, *ours.scores.metrics],
        slices=_slices(ours.scores, scores, ids),
        specs={**{name: scores.specs[name] for name in ids}, **ours.scores.specs},
    )
    return replace(ours, scores=merged, tables={**ours.tables, "sample": table})


def _same_units(one: ScoreTable, other: ScoreTable) -> bool:
    """Whether two tables count the same samples."""
    left, right = (
        {unit: status in COUNTED for unit, status in zip(table.unit_ids, table.status, strict=True)}
        for table in (one, other)
    )
    return left == right


def _slices(ours: ScoresFile, scores: ScoresFile, ids: set[str]) -> dict[str, dict[str, list[MetricValue]]]:
    found = {name: {label: [*values] for label, values in labels.items()} for name, labels in ours.slices.items()}
    for name, labels in scores.slices.items():
        for label, values in labels.items():
            kept = [value for value in values if value.id in ids]
            if kept:
                found.setdefault(name, {}).setdefault(label, []).extend(kept)
    return found
