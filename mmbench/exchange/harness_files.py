"""What the logs of lm-eval and lmms-eval share: a document of results, and a file of samples for each task."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmbench.core.errors import DataError, UsageError
from mmbench.exchange.peer_files import PeerFile, an_object, number, plain, texts
from mmbench.exchange.peer_run import PeerMetric, PeerSample

KNOWN = frozenset(
    [
        "doc_id",
        "doc",
        "target",
        "arguments",
        "resps",
        "filtered_resps",
        "filter",
        "metrics",
        "doc_hash",
        "prompt_hash",
        "target_hash",
        "token_counts",
        "input",
    ]
)
"""Fields of a sample that are no metric."""
_QUESTIONS = ("question", "query", "problem", "question_text", "instruction", "text", "sentence")
_IMAGES = ("image_id", "img_id", "image_name", "image_path", "image")
_GENERATION = {"max_gen_toks": "max_new_tokens", "until": "stop"}
_INNER_SCORES = ("score", "acc", "accuracy", "correct", "exact_match", "hit")
_STEM = re.compile(r"(?:^|_)samples_(?P<task>.+?)(?:_\d{4}-\d\d-\d\dT[\d.:-]+)?$")


@dataclass(slots=True)
class TaskFiles:
    """What the files hold of one task."""

    name: str
    """As the tool calls it."""
    config: Mapping[str, Any]
    """How the task is defined; empty without a document of results."""
    results: Mapping[str, Any]
    """``metric,filter`` to the value reported."""
    lines: list[tuple[str, dict[str, Any]]]
    """Place and content of each sample's line."""
    file: PeerFile
    """The file of samples."""


@dataclass(frozen=True, slots=True)
class HarnessFiles:
    """The files of one run, sorted."""

    document: Mapping[str, Any]
    """The document of results; empty where none was named."""
    tasks: Sequence[TaskFiles]
    """The tasks that have samples."""


def sort_files(files: Sequence[PeerFile], tool: str) -> HarnessFiles:
    """Tell results from samples, and find the task of each file of samples.

    Raises:
        DataError: If a file is neither, or is damaged.
        UsageError: If no file holds samples, two hold those of one task, or two hold results.
    """
    documents: list[tuple[PeerFile, dict[str, Any]]] = []
    samples: list[tuple[PeerFile, list[tuple[str, dict[str, Any]]]]] = []
    for file in files:
        found = _content(file)
        if isinstance(found, dict):
            documents.append((file, found))
        elif found is not None:
            samples.append((file, found))
    if len(documents) > 1:
        names = " and ".join(str(file.path) for file, _ in documents[:2])
        raise UsageError(f"{names} are results of two runs of {tool}; import one run at a time")
    if not samples:
        raise UsageError(
            f"no file holds samples: a run of {tool} writes them with --log_samples; name the samples_*.jsonl as well"
        )
    document = documents[0][1] if documents else {}
    tasks: dict[str, TaskFiles] = {}
    for file, lines in samples:
        name = _task_of(file, document)
        if name in tasks:
            raise UsageError(f"{tasks[name].file.path} and {file.path} both hold samples of {name}; name one")
        config, results = (_part(document, key, name) for key in ("configs", "results"))
        tasks[name] = TaskFiles(name, config, results, lines, file)
    return HarnessFiles(document, list(tasks.values()))


def _content(file: PeerFile) -> dict[str, Any] | list[tuple[str, dict[str, Any]]] | None:
    """A document of results, or lines of samples; None for a file of a folder that is neither. Raises `DataError`."""
    if file.suffix == ".jsonl":
        lines = list(file.lines())
        if not lines or "doc_id" not in lines[0][1]:
            raise DataError("its lines are no samples: they have no doc_id", file.path)
        return lines
    if file.suffix != ".json":
        return None
    document = an_object(file.json(), file.path)
    if isinstance(document.get("logs"), list):  # lmms-eval before 0.3
        return [(f"item {n}", an_object(each, file.path, f"item {n}")) for n, each in enumerate(document["logs"], 1)]
    if not isinstance(document.get("results"), dict):
        raise DataError("it is no document of results: it has no object 'results'", file.path)
    return document


def _part(document: Mapping[str, Any], key: str, task: str) -> Mapping[str, Any]:
    found = document.get(key)
    own = found.get(task) if isinstance(found, dict) else None
    return own if isinstance(own, dict) else {}


def _task_of(file: PeerFile, document: Mapping[str, Any]) -> str:
    """The task whose samples a file holds: of those with results the longest that its name ends in, else what its name says."""
    stem = file.path.stem
    known = [name for key in ("configs", "results") for name in (document.get(key) or ()) if isinstance(name, str)]
    ends = [name for name in known if re.search(rf"(?:^|_){re.escape(name)}(?:_\d{{4}}-\d\d-\d\dT.*)?$", stem)]
    if ends:
        return max(ends, key=len)
    if len(set(known)) == 1:
        return known[0]
    match = _STEM.search(stem)
    return match["task"] if match else stem


def generation_of(*given: Any) -> dict[str, Any]:
    """Generation parameters under our names where we have one; later mappings win."""
    found: dict[str, Any] = {}
    for each in given:
        if isinstance(each, Mapping):
            found |= {_GENERATION.get(str(key), str(key)): plain(value) for key, value in each.items()}
    if isinstance(found.get("stop"), str):
        found["stop"] = [found["stop"]]
    return found


def question_of(doc: Mapping[str, Any]) -> str | None:
    """The question of a document; None where no field is known to hold it."""
    return next((doc[name] for name in _QUESTIONS if isinstance(doc.get(name), str)), None)


def image_of(doc: Mapping[str, Any]) -> str:
    """What names the image of a document; empty where nothing does."""
    return next((str(doc[name]) for name in _IMAGES if isinstance(doc.get(name), str | int) and doc[name] != ""), "")


def choices_of(doc: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The closed answers of a document; None where it has none."""
    found = doc.get("choices", doc.get("options"))
    if isinstance(found, Mapping):
        found = found.get("text")
    return texts(found) if isinstance(found, list) and found else None


def metric_keys(lines: Iterable[Mapping[str, Any]], config: Mapping[str, Any]) -> list[str]:
    """The fields of samples that hold metrics, those of the task's definition first."""
    listed = config.get("metric_list")
    first = [str(each["metric"]) for each in listed or () if isinstance(each, Mapping) and "metric" in each]
    seen: dict[str, None] = {}
    for line in lines:
        named = line.get("metrics")
        seen |= dict.fromkeys(map(str, named) if isinstance(named, list) else [key for key in line if key not in KNOWN])
    return [*(name for name in first if name in seen), *(name for name in seen if name not in first)]


def score_of(value: Any) -> float | None:
    """What a sample got: a number, or the number that stands as the score in an object; None for anything else.

    Metrics over the whole task (BLEU, F1) keep what they are made of instead, which is no score of the sample.
    """
    if isinstance(value, Mapping):
        return next((found for name in _INNER_SCORES if (found := score_of(value.get(name))) is not None), None)
    return number(value) if isinstance(value, bool | int | float) else None


def metrics_of(keys: Sequence[tuple[str, str]], task: TaskFiles, document: Mapping[str, Any]) -> dict[str, PeerMetric]:
    """``metric,filter`` to the metric. `keys` are pairs of metric and filter."""
    directions = _part(document, "higher_is_better", task.name)
    return {
        f"{name},{kept}": PeerMetric(
            name=name,
            settings={} if kept == "none" else {"filter": kept},
            higher_is_better=directions.get(name) is not False,
            reported=number(task.results.get(f"{name},{kept}")),
        )
        for name, kept in keys
    }


def scored_only(
    samples: Sequence[PeerSample], metrics: Mapping[str, PeerMetric], tool: str
) -> tuple[dict[str, PeerMetric], tuple[str, ...]]:
    """The metrics that score samples, and a sentence on each of the others."""
    seen = {key for sample in samples for key in sample.scores}
    kept = {key: metric for key, metric in metrics.items() if key in seen}
    others = [metric for key, metric in metrics.items() if key not in seen]
    return kept, tuple(
        f"{tool}'s {each.name} is not imported: it has no score of single samples"
        + ("" if each.reported is None else f"; {tool} reports {each.reported:g}")
        for each in others
    )
