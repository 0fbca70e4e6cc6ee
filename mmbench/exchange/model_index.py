"""``model-index``: results as the block of that name in a model card on the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmbench.analysis.seeds import SeedGroup, SeedRow, group_seeds
from mmbench.core.ids import MetricId
from mmbench.exchange.material import HubFacts, Material, hub_name
from mmbench.exchange.yaml_text import yaml_mapping
from mmbench.reporting.cells import value_cell
from mmbench.results.schema import TaskEntry

TASK_TYPES: Mapping[str, str] = {
    "vqa": "visual-question-answering",
    "captioning": "image-to-text",
    "retrieval": "image-text-retrieval",
    "sentiment": "text-classification",
    "mcq": "visual-question-answering",
    "yes-no": "visual-question-answering",
    "translation": "translation",
    "classification": "zero-shot-image-classification",
}
"""Family of a task to the Hub's word for it; other families go by their own name."""


def model_index(material: Material) -> bytes:
    """The block as YAML, one entry a model, one result a task, every primary metric with its interval among the ``args``.

    Values are as tables show them: in per cent where the field does. Fields are those of the hub's specification of model cards:
    ``task`` {type, name}, ``dataset`` {type, name, config, split, revision, args}, ``metrics`` {type, value, name, args}, ``source``
    {name, url}. A dataset that is on the hub is named by its id and the hash of its commit; another one by the task's name, with a
    note. Runs of one model that differ in seed alone are one entry, with the mean.
    """
    runs = {each.run.path: each.run for each in material.scored}
    hubs = {each.result.name: each.hub for each in material.scored}
    for task in (name for name, hub in hubs.items() if hub is None):
        material.notes.append(f"{task}: no id of its data on the hub is known; the entry names the task instead")
    models = []
    for group in group_seeds(list(runs.values())):
        results = [_result(group, task, hub, material.source_url) for task, hub in hubs.items()]
        if kept := [result for result in results if result is not None]:
            models.append({"name": hub_name(group.label)[1], "results": kept})
    return yaml_mapping({"model-index": models}).encode()


def _result(group: SeedGroup, task: str, hub: HubFacts | None, source_url: str | None) -> dict[str, Any] | None:
    found = group.results(task)
    names = found[0].primary if found else ()
    rows = [row for row in group.rows(task) if row.id in names and row.value is not None]
    if not rows:
        return None
    family = task.partition("/")[0]
    result = {
        "task": {"type": TASK_TYPES.get(family, family), "name": task},
        "dataset": _dataset(found[0].entry, hub),
        "metrics": [_metric(row) for row in sorted(rows, key=lambda row: names.index(row.id))],
    }
    return {**result, "source": {"name": "mmbench", "url": source_url}} if source_url else result


def _dataset(entry: TaskEntry, hub: HubFacts | None) -> dict[str, Any]:
    args = {
        "samples": entry.n_samples,
        **({"note": entry.reason} if entry.reason else {}),
        **entry.source.options,
    }
    name = f"{entry.name} (version {entry.version})"
    if hub is None:
        named = {"type": entry.name, "name": name, "split": entry.split, "revision": entry.fingerprint}
        return {**named, "args": args}
    found = {"type": hub.id, "name": name, "config": hub.config, "split": hub.split, "revision": hub.revision}
    return {**{key: value for key, value in found.items() if value}, "args": {"fingerprint": entry.fingerprint, **args}}


def _metric(row: SeedRow) -> dict[str, Any]:
    scale = row.one.scale
    args: dict[str, Any] = {"n": row.n, "coverage": row.coverage}
    if len(row.seeds) > 1:
        args |= {"seeds": list(row.seeds)}
    elif row.one.low is not None and row.one.high is not None:
        args |= {"low": scale * row.one.low, "high": scale * row.one.high, "level": 0.95}
    shown = value_cell(row.value, scale)
    value = scale * shown.value if isinstance(shown.value, float) else None
    return {"type": MetricId.parse(row.id).name, "value": value, "name": row.id, "args": args}
