"""``inspect``: read logs of Inspect, ``.eval`` (a zip archive) and ``.json``, format version 2."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmbench.core.errors import DataError, UsageError
from mmbench.core.responses import FinishReason, Status
from mmbench.exchange.peer_files import Archive, PeerFile, an_object, number, plain, texts
from mmbench.exchange.peer_run import PeerMetric, PeerRun, PeerSample, PeerTask

TOOL = "inspect"
VERSION = 2
"""Version of the format."""
_VALUES = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
"""What Inspect counts letters as: correct, incorrect, partial, no answer."""
_STOPS: Mapping[str, FinishReason] = {"stop": "stop", "max_tokens": "length", "model_length": "length", "tool_calls": "tool", "content_filter": "filter"}  # fmt: skip
_GENERATION = {"max_tokens": "max_new_tokens", "stop_seqs": "stop"}


def read_inspect(files: Sequence[PeerFile]) -> PeerRun:
    """Read logs of one model, one for each task. Raises `DataError`, `UsageError`, `MissingExtraError`."""
    logs = [log for file in files if (log := _log(file)) is not None]
    if not logs:
        raise UsageError("no file is a log of inspect: name its .eval or .json files")
    tasks: dict[str, PeerTask] = {}
    headers = [header for _, header, _ in logs]
    models = list(dict.fromkeys(str(_eval(header).get("model") or "unknown") for header in headers))
    if len(models) > 1:
        raise UsageError(f"the logs are of {len(models)} models ({', '.join(models[:3])}); import one at a time")
    for file, header, samples in logs:
        task = _task(file, header, samples)
        if task.name in tasks:
            raise UsageError(f"two of the logs are of the task {task.name}; name one")
        tasks[task.name] = task
    first = _eval(headers[0])
    packages = first.get("packages")
    return PeerRun(
        version=str(packages["inspect_ai"]) if isinstance(packages, Mapping) and packages.get("inspect_ai") else None,
        model=models[0],
        settings={"arguments": plain(first.get("model_args") or {}), "address": plain(first.get("model_base_url"))},
        seed=int(number(_config(headers[0]).get("seed")) or 0),
        created=str(first["created"]) if isinstance(first.get("created"), str) else None,
        tasks=list(tasks.values()),
    )


_Log = tuple[PeerFile, Mapping[str, Any], list[tuple[str, dict[str, Any]]]]


def _log(file: PeerFile) -> _Log | None:
    """File, header and samples of a log; None for a file of another kind. Raises `DataError`."""
    if file.suffix not in (".eval", ".json"):
        return None
    if file.suffix == ".eval" or file.head(4) == b"PK\x03\x04":
        with Archive(file) as archive:
            return file, *_unpacked(archive)
    document = an_object(file.json(), file.path)
    _check(document, file)
    samples = document.get("samples")
    if not isinstance(samples, list):
        raise DataError(
            "the log holds no samples: it was written with --no-log-samples, or is a header alone", file.path
        )
    return (
        file,
        document,
        [(f"sample {n}", an_object(each, file.path, f"sample {n}")) for n, each in enumerate(samples, 1)],
    )


def _unpacked(archive: Archive) -> tuple[Mapping[str, Any], list[tuple[str, dict[str, Any]]]]:
    header_name = next((name for name in ("header.json", "_journal/start.json") if name in archive.members), None)
    if header_name is None:
        raise DataError("it is no log of inspect: it has no header.json", archive.path)
    header = an_object(archive.json(header_name), archive.path, header_name)
    _check(header, PeerFile(archive.path))
    names = [name for name in archive.members if name.startswith("samples/") and name.endswith(".json")]
    if not names:
        raise DataError("the log holds no samples", archive.path)
    names.sort(key=lambda name: [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)])
    return header, [(name, an_object(archive.json(name), archive.path, name)) for name in names]


def _check(header: Mapping[str, Any], file: PeerFile) -> None:
    version = header.get("version")
    if version != VERSION or not isinstance(header.get("eval"), dict):
        found = f"version {version}" if isinstance(version, int) else "no version"
        raise DataError(f"expected a log of inspect of format version {VERSION}, found {found}", file.path)


def _eval(header: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = header["eval"]
    return found


def _config(header: Mapping[str, Any]) -> dict[str, Any]:
    """The generation settings in force: those of the model, then those of the plan."""
    plan = header.get("plan")
    parts = [_eval(header).get("model_generate_config"), plan.get("config") if isinstance(plan, Mapping) else None]
    return {
        key: value for part in parts if isinstance(part, Mapping) for key, value in part.items() if value is not None
    }


def _task(file: PeerFile, header: Mapping[str, Any], samples: list[tuple[str, dict[str, Any]]]) -> PeerTask:
    meta = _eval(header)
    order = meta.get("dataset", {}).get("sample_ids") if isinstance(meta.get("dataset"), Mapping) else None
    places = {str(each): place for place, each in enumerate(order)} if isinstance(order, list) else {}
    by_id: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for place, sample in samples:
        if "id" not in sample or "input" not in sample:
            raise DataError("it is no sample of inspect: it has no id or no input", file.path, place)
        by_id.setdefault(str(sample["id"]), []).append((place, sample))
    epochs = max(map(len, by_id.values()))
    names = sorted(by_id, key=lambda name: places.get(name, len(places)))
    read = [_sample(name, [each for _, each in by_id[name]], places.get(name)) for name in names]
    metrics = _metrics(header, read)
    notes = (
        [f"each question was asked {epochs} times; scores are means, the first answer is kept"] if epochs > 1 else []
    )
    if header.get("status") not in ("success", None):
        notes.append(f"the log says that the evaluation ended with status {plain(header.get('status'), 40)}")
    config = _config(header)
    return PeerTask(
        name=str(meta.get("task_registry_name") or meta.get("task") or "task").rpartition("/")[2] or "task",
        version=str(meta.get("task_version", "unknown")),
        samples=read,
        metrics=metrics,
        generation={_GENERATION.get(key, key): plain(value) for key, value in config.items()},
        settings={"solver": _solver(header)},
        split_samples=len(places),
        notes=tuple(notes),
    )


def _solver(header: Mapping[str, Any]) -> str:
    plan = header.get("plan")
    steps = plan.get("steps") if isinstance(plan, Mapping) else None
    names = [str(step.get("solver")) for step in steps if isinstance(step, Mapping)] if isinstance(steps, list) else []
    return ", ".join(names) or "unknown"


def _metrics(header: Mapping[str, Any], samples: Sequence[PeerSample]) -> dict[str, PeerMetric]:
    results = header.get("results")
    listed = results.get("scores") if isinstance(results, Mapping) else None
    reported: dict[str, float | None] = {}
    for each in listed if isinstance(listed, list) else []:
        found = each.get("metrics") if isinstance(each, Mapping) else None
        if isinstance(found, Mapping):
            values = [found[name].get("value") for name in ("accuracy", "mean") if isinstance(found.get(name), Mapping)]
            reported[str(each.get("name"))] = number(values[0]) if values else None
    seen = dict.fromkeys(key for sample in samples for key in sample.scores)
    order = [*(name for name in reported if name in seen), *(name for name in seen if name not in reported)]
    return {name: PeerMetric(name=name, reported=reported.get(name)) for name in order}


def _sample(name: str, epochs: Sequence[Mapping[str, Any]], position: int | None) -> PeerSample:
    first = epochs[0]
    output = first["output"] if isinstance(first.get("output"), Mapping) else {}
    status, reason, error = _ended(first, output)
    prompt, question, images = _asked(first)
    scores: dict[str, list[float]] = {}
    for epoch in epochs:
        for key, value in _scores(epoch.get("scores")):
            scores.setdefault(key, []).append(value)
    given = first.get("scores")
    score = (
        next((each for each in given.values() if isinstance(each, Mapping)), {}) if isinstance(given, Mapping) else {}
    )
    metadata = first["metadata"] if isinstance(first.get("metadata"), Mapping) else {}
    images_named = [metadata.get(key) for key in ("image_id", "image", "image_path", "img_id")]
    return PeerSample(
        id=name,
        position=position,
        question=question if question != prompt else None,
        prompt=prompt,
        images_sent=images > 0,
        cluster=next((str(each) for each in images_named if isinstance(each, str | int)), _attached(first)),
        references=texts(first.get("target")),
        choices=texts(first.get("choices")) or None,
        output=None if status == "error" else _completion(output),
        status=status,
        finish_reason=reason,
        error=error,
        extracted=str(score["answer"]) if isinstance(score.get("answer"), str | int | float) else None,
        explanation=plain(score["explanation"], 500) if isinstance(score.get("explanation"), str) else None,
        scores={key: sum(values) / len(values) for key, values in scores.items()},
        tokens=_tokens(output.get("usage")),
        duration_s=number(output.get("time")) or 0.0,
    )


def _ended(sample: Mapping[str, Any], output: Mapping[str, Any]) -> tuple[Status, FinishReason, str | None]:
    error = sample.get("error")
    if error:
        said = error.get("message") if isinstance(error, Mapping) else error
        return "error", "unknown", plain(str(said or "it failed"), 300)
    choices = output.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], Mapping) else {}
    reason = _STOPS.get(str(choice.get("stop_reason")), "unknown")
    if reason == "length":
        return "truncated", reason, None
    return ("refused" if reason == "filter" else "ok"), reason, None


def _completion(output: Mapping[str, Any]) -> str:
    if isinstance(output.get("completion"), str):
        return str(output["completion"])
    choices = output.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], Mapping) else {}
    message = choice.get("message")
    return _text(message.get("content") if isinstance(message, Mapping) else None)[0]


def _text(content: Any) -> tuple[str, int]:
    """The text of a message's content, and the number of its images."""
    if isinstance(content, str):
        return content, 0
    parts = [part for part in content if isinstance(part, Mapping)] if isinstance(content, list) else []
    text = "\n".join(part["text"] for part in parts if part.get("type") == "text" and isinstance(part.get("text"), str))
    return text, sum(part.get("type") == "image" for part in parts)


def _asked(sample: Mapping[str, Any]) -> tuple[str, str, int]:
    """The text that was sent, the question as the data have it, and the number of images sent.

    What was sent is what stands in the conversation before the model's first answer.
    """
    question, images = _conversation(sample.get("input"))
    messages = sample.get("messages")
    before = list(_before_answer(messages)) if isinstance(messages, list) else []
    if not before:
        return question, question, images
    prompt, sent = _conversation(before)
    return prompt, question, sent


def _before_answer(messages: Sequence[Any]) -> Iterator[Mapping[str, Any]]:
    for message in messages:
        if not isinstance(message, Mapping) or message.get("role") == "assistant":
            return
        yield message


def _conversation(value: Any) -> tuple[str, int]:
    if isinstance(value, str):
        return value, 0
    found = (
        [_text(each.get("content")) for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []
    )
    return "\n".join(text for text, _ in found), sum(images for _, images in found)


def _attached(sample: Mapping[str, Any]) -> str:
    """The first image of the question as the log names it, so that questions about one image share a cluster."""
    value = sample.get("input")
    for message in value if isinstance(value, list) else []:
        content = message.get("content") if isinstance(message, Mapping) else None
        for part in content if isinstance(content, list) else []:
            if isinstance(part, Mapping) and isinstance(part.get("image"), str) and len(part["image"]) < 200:
                return str(part["image"])
    return ""


def _scores(given: Any) -> Iterator[tuple[str, float]]:
    """Name of a scorer, with a dot and a key where it gives several values, and what the sample got."""
    for name, score in given.items() if isinstance(given, Mapping) else ():
        value = score.get("value") if isinstance(score, Mapping) else None
        if isinstance(value, Mapping):
            found = [(f"{name}.{key}", _value(each)) for key, each in value.items()]
        else:
            found = [(str(name), _value(value))]
        yield from ((key, each) for key, each in found if each is not None)


def _value(value: Any) -> float | None:
    if isinstance(value, str) and value in _VALUES:
        return _VALUES[value]
    return number(value)


def _tokens(usage: Any) -> tuple[int | None, int | None]:
    if not isinstance(usage, Mapping):
        return None, None
    read, written = (number(usage.get(name)) for name in ("input_tokens", "output_tokens"))
    return None if read is None else int(read), None if written is None else int(written)
