"""Results as the ``model-index`` block of a model card on the Hugging Face Hub."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mmbench.analysis.seeds import SeedGroup, SeedRow
from mmbench.core.ids import MetricId
from mmbench.reporting.build import RunReport
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


def model_index(report: RunReport, source: str | None = None) -> str:
    """The block as YAML, one entry a model, one result a task, every metric with its interval among the ``args``.

    Values are as tables show them: in per cent where the field does. Fields are those of the Hub's specification of model cards:
    ``task`` {type, name}, ``dataset`` {type, name, config, split, revision}, ``metrics`` {type, value, name, args}, ``source``
    {name, url}. Parameters: `source`, the address where the results can be seen.
    """
    models = [
        {"name": group.label, "results": results}
        for group in report.read.groups
        if (results := [r for task, ids in report.metrics.items() for r in _results(group, task, ids, source)])
    ]
    return "\n".join(_yaml({"model-index": models})) + "\n"


def _results(group: SeedGroup, task: str, names: Sequence[str], source: str | None) -> Iterable[dict[str, Any]]:
    rows = [row for row in group.rows(task) if row.id in names and row.value is not None]
    if not rows:
        return []
    entry = group.results(task)[0].entry
    family = task.partition("/")[0]
    result = {
        "task": {"type": TASK_TYPES.get(family, family), "name": task},
        "dataset": _dataset(entry),
        "metrics": [_metric(row) for row in sorted(rows, key=lambda row: names.index(row.id))],
    }
    return [{**result, "source": {"name": "mmbench", "url": source}} if source else result]


def _dataset(entry: TaskEntry) -> dict[str, Any]:
    return {
        "type": entry.name,
        "name": f"{entry.name} (version {entry.version})",
        "split": entry.split,
        "revision": entry.fingerprint,
        "args": {
            "samples": entry.n_samples,
            **({"note": entry.reason} if entry.reason else {}),
            **entry.source.options,
        },
    }


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


def _yaml(value: Mapping[str, Any], indent: str = "") -> list[str]:
    """Lines of block YAML: mappings with names from here, lists of mappings, lists and scalars."""
    lines: list[str] = []
    for key, each in value.items():
        name = f"{indent}{key if key.replace('-', '').replace('_', '').isalpha() else _scalar(key)}:"
        if isinstance(each, Mapping):
            lines += [name, *_yaml(each, indent + "  ")] if each else [f"{name} {{}}"]
        elif isinstance(each, list) and each and isinstance(each[0], Mapping):
            lines.append(name)
            for item in each:
                first, *rest = _yaml(item, indent + "  ")
                lines += [f"{indent}- {first.lstrip()}", *rest]
        elif isinstance(each, list):
            lines.append(f"{name} [{', '.join(map(_scalar, each))}]")
        else:
            lines.append(f"{name} {_scalar(each)}")
    return lines


def _scalar(value: Any) -> str:
    """A number, a truth value, null, or a text between quotes: no text is ever taken for something else."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        text = repr(value)
        mantissa, e, exponent = text.partition("e")
        return text if not e else f"{mantissa}{'' if '.' in mantissa else '.0'}e{exponent}"
    return '"' + "".join(map(_quoted, str(value))) + '"'


def _quoted(each: str) -> str:
    if each in '"\\':
        return f"\\{each}"
    if each.isprintable():
        return each
    code = ord(each)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
