"""``lm-eval``: read the results and samples that the Language Model Evaluation Harness writes with ``--log_samples``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
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
from mmbench.exchange.peer_files import PeerFile, number, plain, texts
from mmbench.exchange.peer_run import PeerRun, PeerSample, PeerTask

TOOL = "lm-eval"


def read_lm_eval(files: Sequence[PeerFile]) -> PeerRun:
    """Read a run of lm-eval. Raises `DataError` and `UsageError`."""
    found = sort_files(files, TOOL)
    document = found.document
    config = document.get("config") if isinstance(document.get("config"), dict) else {}
    model, arguments = model_of(document)
    return PeerRun(
        version=str(document["lm_eval_version"]) if document.get("lm_eval_version") else None,
        model=model,
        settings={
            "adapter": plain(document.get("model_source") or (config or {}).get("model")),
            "arguments": plain(arguments),
            "chat template": "yes" if document.get("chat_template") else "no",
        },
        seed=int(number((config or {}).get("random_seed")) or 0),
        created=_created(document.get("date")),
        tasks=[_task(each, found) for each in found.tasks],
    )


def model_of(document: Mapping[str, Any]) -> tuple[str, Any]:
    """The name of the model that a document of results names, and the arguments of its adapter."""
    config = document.get("config")
    arguments = config.get("model_args") if isinstance(config, Mapping) else None
    if isinstance(arguments, str):
        pairs = [each.partition("=") for each in arguments.split(",")]
        arguments = {key.strip(): value.strip() for key, sign, value in pairs if sign}
    given = arguments if isinstance(arguments, Mapping) else {}
    named = [given.get(key) for key in ("pretrained", "model", "model_version", "model_name")]
    named += [document.get("model_name"), config.get("model") if isinstance(config, Mapping) else None]
    return next((name for name in named if isinstance(name, str) and name.strip()), "unknown"), given


def _created(value: Any) -> str | None:
    seconds = number(value)
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (OverflowError, OSError, ValueError):
        return None


def _task(task: TaskFiles, found: HarnessFiles) -> PeerTask:
    config, places = task.config, dict[str, list[tuple[str, dict[str, Any]]]]()
    for place, line in task.lines:
        places.setdefault(str(line.get("doc_id")), []).append((place, line))
    filters = list(dict.fromkeys(str(line.get("filter", "none")) for _, line in task.lines))
    names = metric_keys((line for _, line in task.lines), config)
    samples = [_sample(doc_id, lines, names, task) for doc_id, lines in places.items()]
    metrics = metrics_of([(name, kept) for kept in filters for name in names], task, found.document)
    kept, notes = scored_only(samples, metrics, TOOL)
    first = task.lines[0][1]
    sizes = found.document.get("n-samples")
    whole = sizes.get(task.name) if isinstance(sizes, Mapping) else None
    repeats = max(len(line["resps"][0]) if _listed(line.get("resps")) else 1 for _, line in task.lines)
    return PeerTask(
        name=task.name,
        version=str(config.get("metadata", {}).get("version", "unknown"))
        if _mapped(config.get("metadata"))
        else "unknown",
        split=str(config.get("test_split") or config.get("validation_split") or "test"),
        samples=samples,
        metrics=kept,
        prompt=config["doc_to_text"] if isinstance(config.get("doc_to_text"), str) else None,
        generation=generation_of(config.get("generation_kwargs"), *_arguments(first)[1:2]),
        settings={
            "examples": config.get("num_fewshot") or 0,
            "system prompt": plain(found.document.get("system_instruction")),
        },
        split_samples=int(number((whole or {}).get("original")) or 0) if _mapped(whole) else 0,
        notes=(
            *notes,
            *([f"each question was asked {repeats} times; the first answer is kept"] if repeats > 1 else []),
        ),
    )


def _mapped(value: Any) -> bool:
    return isinstance(value, Mapping)


def _listed(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], list) and bool(value[0])


def _arguments(line: Mapping[str, Any]) -> list[Any]:
    """What the first request of a sample was made of: context, and generation parameters or a continuation."""
    found = line.get("arguments")
    if isinstance(found, Mapping):
        first = found.get("gen_args_0")
        return list(first.values()) if isinstance(first, Mapping) else []
    if isinstance(found, list) and found:
        return list(found[0]) if isinstance(found[0], list) else found
    return []


def _sample(
    doc_id: str, lines: Sequence[tuple[str, dict[str, Any]]], names: Sequence[str], task: TaskFiles
) -> PeerSample:
    place, line = lines[0]
    if "target" not in line and "filtered_resps" not in line:
        path = task.file.path
        raise DataError("it is no sample of lm-eval: it has neither target nor filtered_resps", path, place)
    doc = line["doc"] if isinstance(line.get("doc"), dict) else {}
    output, choices = _answered(line)
    prompt, sent = _asked(line, task.config)
    listed = choices_of(doc) or choices
    return PeerSample(
        id=doc_id,
        position=int(doc_id) if doc_id.isdecimal() else None,
        question=question_of(doc),
        prompt=prompt,
        images_sent=sent,
        cluster=image_of(doc),
        references=_references(line.get("target"), listed),
        choices=listed,
        output=output,
        status="error" if output is None else "ok",
        error="the log holds no answer" if output is None else None,
        extracted=_chosen(output, listed) if isinstance(output, tuple) else _extracted(line.get("filtered_resps")),
        scores={
            f"{name},{each.get('filter', 'none')}": score
            for _, each in lines
            for name in names
            if (score := score_of(each.get(name))) is not None
        },
    )


def _references(target: Any, choices: tuple[str, ...] | None) -> tuple[str, ...]:
    at = target if isinstance(target, int) else int(target) if isinstance(target, str) and target.isdecimal() else -1
    if choices and 0 <= at < len(choices) and str(target) not in choices:
        return (choices[at],)
    return texts(target)


def _answered(line: Mapping[str, Any]) -> tuple[str | tuple[float, ...] | None, tuple[str, ...] | None]:
    """The answer, and the choices among which it was made where those were scored."""
    resps = line.get("resps")
    if not _listed(resps):
        return _extracted(line.get("filtered_resps")), None
    firsts = [each[0] for each in resps if isinstance(each, list) and each]  # type: ignore[union-attr]
    if isinstance(firsts[0], list):  # a log-likelihood, and whether it is what greedy decoding would write
        scores = [number(first[0]) for first in firsts if isinstance(first, list) and first]
        if len(scores) < len(firsts) or any(score is None for score in scores):
            return None, None
        return tuple(score for score in scores if score is not None), _continuations(line, len(scores))
    return (str(firsts[0]), None) if isinstance(firsts[0], str | int | float) else (None, None)


def _continuations(line: Mapping[str, Any], count: int) -> tuple[str, ...] | None:
    found = line.get("arguments")
    if isinstance(found, Mapping):
        rows = [list(each.values()) if isinstance(each, Mapping) else [] for each in found.values()]
    else:
        rows = [each if isinstance(each, list) else [] for each in found] if isinstance(found, list) else []
    given = [row[1].strip() for row in rows if len(row) > 1 and isinstance(row[1], str)]
    return tuple(given) if len(given) == count else None


def _chosen(scores: tuple[float, ...], choices: tuple[str, ...] | None) -> str | None:
    """The first of the choices with the highest score; None where the choices are not known."""
    return choices[scores.index(max(scores))] if choices and len(choices) == len(scores) else None


def _extracted(value: Any) -> str | None:
    while isinstance(value, list) and value:
        value = value[0]
    return str(value) if isinstance(value, str | int | float) else None


def _asked(line: Mapping[str, Any], config: Mapping[str, Any]) -> tuple[str | None, bool | None]:
    """The text that was sent, and whether images were."""
    given = _arguments(line)
    if not given:
        return None, None
    text, images = text_of(given[0])
    visual = any(isinstance(each, Mapping) and each.get("visual") for each in given[1:])
    return text, bool(images or visual or config.get("doc_to_image"))


def text_of(context: Any) -> tuple[str | None, int]:
    """The text of a prompt, which may be a conversation, written out as JSON or not, and the number of its images."""
    if isinstance(context, list) and len(context) == 1 and isinstance(context[0], str):
        context = context[0]
    if isinstance(context, str) and context.startswith("[{"):
        try:
            context = json.loads(context)
        except (ValueError, RecursionError):
            return context, 0
    if isinstance(context, str):
        return context, context.count("<image>")
    if not isinstance(context, list):
        return None, 0
    pieces, images = [], 0
    for message in context:
        content = message.get("content") if isinstance(message, Mapping) else None
        for part in content if isinstance(content, list) else [content]:
            if isinstance(part, str):
                pieces.append(part)
            elif isinstance(part, Mapping) and isinstance(part.get("text"), str):
                pieces.append(part["text"])
            elif isinstance(part, Mapping) and "image" in str(part.get("type", "")):
                images += 1
    return "\n".join(pieces), images
