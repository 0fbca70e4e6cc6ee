"""``inspect``: logs of Inspect (format version 2, JSON), one a task, which its viewer opens."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from mmbench.analysis.sample_rows import SampleRow
from mmbench.core.score_table import MetricValue
from mmbench.exchange.material import Material, Opener, Scored, hub_name
from mmbench.results.rundir import folder_name
from mmbench.results.schema import ResponseLine

VERSION = 2
"""Version of the format."""
_STOPS: Mapping[str, str] = {"stop": "stop", "length": "max_tokens", "tool": "tool_calls", "filter": "content_filter"}
_STATUS: Mapping[str, str] = {"complete": "success", "pending": "started", "interrupted": "cancelled"}


def inspect_logs(material: Material, opened: Opener) -> None:
    """Write the logs. The images of the samples are not in them: their digests stand in the metadata."""
    for each in material.scored:
        record = each.run.record
        when = "".join(digit if digit.isalnum() else "-" for digit in record.created[:19])
        name = f"{when}_{folder_name(each.result.name)}_{each.run.path.stem}.json"
        with opened(name) as stream:
            stream.write(msgspec.json.encode(_log(each)))


def _log(each: Scored) -> dict[str, Any]:
    record, entry, rows = each.run.record, each.result.entry, list(each.rows())
    usage = _summed(rows)
    return {
        "version": VERSION,
        "status": _STATUS.get(str(each.result.status), "error"),
        "eval": {
            "eval_id": f"{record.identity[:16]}-{(entry.scoring or '')[:8]}",
            "run_id": record.identity[:22],
            "created": record.created,
            "task": entry.name,
            "task_id": entry.identity_digest[:22] or entry.name,
            "task_version": entry.version,
            "dataset": {
                "name": each.hub.id if each.hub else entry.name,
                "location": each.hub.id if each.hub else None,
                "samples": entry.n_samples,
                "sample_ids": [row.id for row in rows],
            },
            "model": _model(record.model.name),
            "model_args": _plain(record.model.options),
            "config": {},
            "packages": dict(record.packages),
            **({"revision": _revision(each)} if record.git is not None else {}),
            "metadata": {
                "exported_by": f"mmbench {record.mmbench_version}",
                "fingerprint": entry.fingerprint,
                "seed": record.seed,
            },
        },
        "plan": {"name": "mmbench", "steps": [], "config": {}},
        "results": {
            "total_samples": entry.n_samples,
            "completed_samples": sum(row.status in ("ok", "truncated", "refused") for row in rows),
            "scores": [_result(value) for value in each.result.metrics.values() if value.value is not None],
        },
        "stats": {
            "started_at": record.created,
            "completed_at": record.updated,
            "model_usage": {_model(record.model.name): usage} if usage else {},
        },
        "samples": [_sample(row, _model(record.model.name)) for row in rows],
    }


def _model(name: str) -> str:
    """A model as Inspect writes it, ``provider/name``."""
    return name if "/" in name and not name.startswith("/") else f"mmbench/{hub_name(name)[1]}"


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(dict(values), default=str))
    return found


def _revision(each: Scored) -> dict[str, Any]:
    git = each.run.record.git
    return {} if git is None else {"type": "git", "origin": "", "commit": git.commit, "dirty": git.dirty}


def _result(value: MetricValue) -> dict[str, Any]:
    metrics: dict[str, float] = {value.id: value.value or 0.0}
    metrics |= {} if value.low is None else {"interval_low": value.low}
    metrics |= {} if value.high is None else {"interval_high": value.high}
    return {
        "name": value.id,
        "scorer": value.id,
        "scored_samples": value.n,
        "unscored_samples": value.n_failed,
        "params": {"unit": value.unit, "method": value.method, "coverage": value.coverage, "level": 0.95},
        "metrics": {name: {"name": name, "value": number, "params": {}} for name, number in metrics.items()},
    }


def _sample(row: SampleRow, model: str) -> dict[str, Any]:
    question = row.question or ""
    first = row.answers[0] if row.answers else None
    document: dict[str, Any] = {
        "id": row.id,
        "epoch": 1,
        "input": question,
        "target": [] if row.asked is None else list(row.asked.references),
        "messages": [{"role": "user", "content": question}, *(_message(answer) for answer in row.answers)],
        "output": {"model": model, "choices": [_choice(answer) for answer in row.answers]},
        "scores": {name: _score(row, value) for name, value in row.values.items() if value is not None},
        "metadata": {
            "slices": dict(row.slices),
            "cluster": row.cluster,
            "status": row.status,
            "images": row.image_digests,
        },
        "model_usage": {model: usage} if (usage := _summed([row])) else {},
        "total_time": sum(answer.duration_s for answer in row.answers),
    }
    if row.asked is not None and row.asked.choices is not None:
        document["choices"] = list(row.asked.choices)
    if first is not None and first.error and not first.output:
        document["error"] = {"message": first.error, "traceback": "", "traceback_ansi": ""}
    return document


def _score(row: SampleRow, value: float) -> dict[str, Any]:
    explanation = row.explanation or (row.score_status if row.score_status != "scored" else None)
    return {"value": value, "answer": row.extracted, "explanation": explanation}


def _message(answer: ResponseLine) -> dict[str, Any]:
    text = answer.output if isinstance(answer.output, str) else json.dumps(answer.output)
    if answer.reasoning:
        content = [{"type": "reasoning", "reasoning": answer.reasoning}, {"type": "text", "text": text}]
        return {"role": "assistant", "content": content}
    return {"role": "assistant", "content": text}


def _choice(answer: ResponseLine) -> dict[str, Any]:
    return {"message": _message(answer), "stop_reason": _STOPS.get(answer.finish_reason, "unknown")}


def _summed(rows: list[SampleRow]) -> dict[str, Any] | None:
    """Tokens of all answers that say them; None where none does."""
    answers = [answer for row in rows for answer in row.answers]
    read = [answer.input_tokens for answer in answers if answer.input_tokens is not None]
    written = [answer.output_tokens for answer in answers if answer.output_tokens is not None]
    if not read and not written:
        return None
    found: dict[str, Any] = {
        "input_tokens": sum(read),
        "output_tokens": sum(written),
        "total_tokens": sum(read) + sum(written),
    }
    if costs := [answer.cost_usd for answer in answers if answer.cost_usd is not None]:
        found["total_cost"] = sum(costs)
    return found
