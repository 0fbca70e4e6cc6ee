"""``lmms-eval``: read the results and samples that lmms-eval writes with ``--log_samples``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from mmbench.core.errors import DataError
from mmbench.exchange.harness_files import (
    HarnessFiles,
    TaskFiles,
    choices_of,
    generation_of,
    image_of,
    metric_keys,
    metrics_of,
    question_of,
    score_of,
    scored_only,
    sort_files,
)
from mmbench.exchange.import_lm_eval import model_of, text_of
from mmbench.exchange.peer_files import PeerFile, number, plain, texts
from mmbench.exchange.peer_run import PeerRun, PeerSample, PeerTask

TOOL = "lmms-eval"
_DATE = re.compile(r"(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d)")


def read_lmms_eval(files: Sequence[PeerFile]) -> PeerRun:
    """Read a run of lmms-eval. Raises `DataError` and `UsageError`."""
    found = sort_files(files, TOOL)
    document = found.document
    config: Any = document.get("config") if isinstance(document.get("config"), dict) else {}
    model, arguments = model_of(document)
    date = _DATE.fullmatch(str(document.get("date", "")))
    version = str(document.get("lmms_eval_version") or "")
    return PeerRun(
        version=None if not version or "unknown" in version else version,
        model=model,
        settings={"adapter": plain(config.get("model_backend") or config.get("model")), "arguments": plain(arguments)},
        seed=int(number(config.get("random_seed")) or 0),
        created="{}-{}-{}T{}:{}:{}".format(*date.groups()) if date else None,
        tasks=[_task(each, found) for each in found.tasks],
    )


def _task(task: TaskFiles, found: HarnessFiles) -> PeerTask:
    config = task.config
    names = metric_keys((line for _, line in task.lines), config)
    generation = generation_of(config.get("generation_kwargs"))
    filters = list(dict.fromkeys(str(line.get("filter", "none")) for _, line in task.lines))
    by_id: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for place, line in task.lines:
        by_id.setdefault(str(line.get("doc_id")), []).append((place, line))
    samples = [_sample(lines, names, task, generation) for lines in by_id.values()]
    kept, notes = scored_only(
        samples, metrics_of([(name, each) for each in filters for name in names], task, found.document), TOOL
    )
    sizes = found.document.get("n-samples")
    whole = sizes.get(task.name) if isinstance(sizes, Mapping) else None
    versions = config.get("metadata")
    version = (
        versions[0].get("version")
        if isinstance(versions, list) and versions and isinstance(versions[0], dict)
        else None
    )
    return PeerTask(
        name=task.name,
        version="unknown" if version is None else str(version),
        split=str(config.get("test_split") or config.get("validation_split") or "test"),
        samples=samples,
        metrics=kept,
        prompt=_template(config),
        generation=generation,
        settings={
            "examples": config.get("num_fewshot") or 0,
            "system prompt": plain(found.document.get("system_instruction")),
        },
        split_samples=int(number(whole.get("original")) or 0) if isinstance(whole, Mapping) else 0,
        notes=notes,
    )


def _template(config: Mapping[str, Any]) -> str | None:
    """The template of the prompt, unless it is a Python function, of which the log holds an address only."""
    found = config.get("doc_to_text")
    return found if isinstance(found, str) and not found.startswith("<") else None


def _sample(
    lines: Sequence[tuple[str, Mapping[str, Any]]], names: Sequence[str], task: TaskFiles, generation: Mapping[str, Any]
) -> PeerSample:
    path = task.file.path
    place, line = lines[0]
    answer = line.get("resps", line.get("filtered_resps"))
    while isinstance(answer, list) and answer:
        answer = answer[0]
    if "target" not in line and "filtered_resps" not in line:
        raise DataError("it is no sample of lmms-eval: it has neither target nor filtered_resps", path, place)
    doc = line["doc"] if isinstance(line.get("doc"), dict) else {}
    doc_id = str(line.get("doc_id"))
    read, written = _tokens(line.get("token_counts"))
    limit = number(generation.get("max_new_tokens"))
    cut = written is not None and limit is not None and limit > 0 and written >= limit
    output = str(answer) if isinstance(answer, str | int | float) else None
    return PeerSample(
        id=doc_id,
        position=int(doc_id) if doc_id.isdecimal() else None,
        question=question_of(doc),
        prompt=text_of(line.get("input"))[0],
        images_sent=_sent(task.config),
        cluster=image_of(doc),
        references=texts(line.get("target")),
        choices=choices_of(doc),
        output=output,
        status="error" if output is None else "truncated" if cut else "ok",
        finish_reason="length" if cut else "unknown",
        error="the log holds no answer" if output is None else None,
        extracted=_first_text(line.get("filtered_resps")),
        scores={
            f"{name},{each.get('filter', 'none')}": score
            for _, each in lines
            for name in names
            if (score := score_of(each.get(name))) is not None
        },
        tokens=(read, written),
    )


def _sent(config: Mapping[str, Any]) -> bool | None:
    """Whether the task sends images: where it says how a sample becomes visuals; None where its definition is not there."""
    return bool(config["doc_to_visual"]) if "doc_to_visual" in config else None


def _first_text(value: Any) -> str | None:
    while isinstance(value, list) and value:
        value = value[0]
    return str(value) if isinstance(value, str | int | float) else None


def _tokens(value: Any) -> tuple[int | None, int | None]:
    first = value[0] if isinstance(value, list) and value else value
    if not isinstance(first, Mapping):
        return None, None
    read, written = (number(first.get(name)) for name in ("input_tokens", "output_tokens"))
    return None if read is None else int(read), None if written is None else int(written)
