"""``eval-results``: the entries of ``.eval_results/*.yaml`` in a model's repository on the Hugging Face hub."""

from __future__ import annotations

from typing import Any

from mmbench.core.ids import MetricId
from mmbench.exchange.material import HubFacts, Material, Scored
from mmbench.exchange.yaml_text import yaml_list


def eval_results(material: Material) -> bytes:
    """One entry for each primary metric of each task whose data are on the hub; the others are left out, with a note.

    Fields are those of the hub's format: ``dataset`` {id, task_id, revision}, ``value``, ``date``, ``source`` {url, name},
    ``notes``. Values are as tables show them: in per cent where the field does; ``notes`` has the metric's full id, the
    interval, n and coverage.
    """
    entries: list[dict[str, Any]] = []
    for each in material.scored:
        if each.hub is None:
            material.notes.append(
                f"{each.result.name} is left out: no id of its data on the hub is known, and every entry needs one"
            )
            continue
        given = [name for name in each.result.primary if each.result.metrics[name].value is not None]
        entries += [_entry(each, each.hub, name, material.source_url) for name in given]
    return (yaml_list(entries) if entries else "[]\n").encode()


def _entry(each: Scored, hub: HubFacts, name: str, source_url: str | None) -> dict[str, Any]:
    value = each.result.metrics[name]
    dataset: dict[str, Any] = {"id": hub.id, "task_id": hub.config or hub.id.partition("/")[2]}
    if hub.revision:
        dataset["revision"] = hub.revision
    said = [str(MetricId.parse(name)), f"n = {value.n}", f"coverage {value.coverage:.4g}", f"split {hub.split}"]
    if value.low is not None and value.high is not None:
        said.insert(1, f"95 % interval {value.low * value.scale:.4g} to {value.high * value.scale:.4g}")
    entry: dict[str, Any] = {
        "dataset": dataset,
        "value": None if value.value is None else value.value * value.scale,
        "date": each.run.record.updated[:10],
        "notes": f"mmbench {each.run.record.mmbench_version}, {each.result.name}: " + ", ".join(said),
    }
    return {**entry, "source": {"url": source_url, "name": "mmbench"}} if source_url else entry
