"""``eee``: the records of "Every Eval Ever", schema 0.3.0: one aggregate a task, with one line a sample beside it.

Fields and their meaning: https://github.com/evaleval/every_eval_ever. Values of every ``additional_details`` and of
``metadata`` are texts there, and images have no field: their digests stand in the metadata.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from mmbench.analysis.outcomes import end_scores, is_best, sample_metric
from mmbench.analysis.sample_rows import SampleRow
from mmbench.core.ids import MetricId
from mmbench.core.score_table import MetricValue
from mmbench.exchange.material import Material, Opener, Scored, hub_name
from mmbench.results.schema import ResponseLine

SCHEMA = "0.3.0"
"""The version of the schema that is written."""


def every_eval_ever(material: Material, opened: Opener, now: datetime | None = None) -> None:
    """Write the records.

    Args:
        material: What to write. Each task becomes one aggregate with every metric of it; its name is made from the run and the
            scoring, so that the same export has the same names again.
        opened: Opens a file by its path below the output folder, which is that of the collection's own repository
            (``data/<collection>/<developer>/<model>``).
        now: What ``retrieved_timestamp`` says; None: the present.
    """
    stamp = str((now or datetime.now(UTC)).timestamp())
    for each in material.scored:
        name, record = each.result.name, each.run.record
        developer, model = hub_name(record.model.name)
        key = f"{record.identity}/{name}/{each.result.entry.scoring}/{each.run.seed}"
        folder = f"data/mmbench/{_folder(developer)}/{_folder(model.rpartition('/')[2])}/{_uuid(key)}"
        evaluation = f"{name}/{model}/{stamp}"
        document = _aggregate(each, material, evaluation, stamp)
        if (primary := sample_metric(each.result)) is not None:
            file = f"{folder}_samples.jsonl"
            checksum, total = hashlib.sha256(), 0
            with opened(file) as stream:
                for line in _lines(each, primary, evaluation, model):
                    stream.write(line)
                    checksum.update(line)
                    total += 1
            document["detailed_evaluation_results"] = {
                "format": "jsonl",
                "file_path": file,
                "hash_algorithm": "sha256",
                "checksum": checksum.hexdigest(),
                "total_rows": total,
            }
        else:
            material.notes.append(f"{name} scores something other than samples: it gets no lines of samples")
        with opened(f"{folder}.json") as stream:
            stream.write(json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False).encode())


def _uuid(key: str) -> uuid.UUID:
    """A UUID that the same key gets again; of version 4, which the schema asks for."""
    return uuid.UUID(bytes=hashlib.sha256(key.encode()).digest()[:16], version=4)


def _folder(name: str) -> str:
    """A name as one step of a path."""
    kept = "".join(each if each.isalnum() or each in "-_." else "_" for each in name).lstrip(".")
    return kept[:100] or "unknown"


def _aggregate(each: Scored, material: Material, evaluation: str, stamp: str) -> dict[str, Any]:
    record = each.run.record
    developer, model = hub_name(record.model.name)
    remote = "mmbench.models.endpoint" in record.model.reference
    return {
        "schema_version": SCHEMA,
        "evaluation_id": evaluation,
        "evaluation_timestamp": record.created,
        "retrieved_timestamp": stamp,
        "source_metadata": {
            "source_name": "mmbench",
            "source_type": "evaluation_run",
            "source_organization_name": material.organisation,
            "evaluator_relationship": "other",
            **({"source_organization_url": material.source_url} if material.source_url else {}),
        },
        "eval_library": {"name": "mmbench", "version": record.mmbench_version},
        "model_info": {
            "name": record.model.name,
            "id": model,
            "developer": developer,
            "additional_details": {
                "deployment_type": "unknown" if remote else "self_deployed",
                "model_availability": "unknown",
                "reference": record.model.reference,
                "options": json.dumps(record.model.options, ensure_ascii=False, sort_keys=True),
                **({"digest": record.model.digest} if record.model.digest else {}),
                "seed": str(record.seed),
            },
        },
        "evaluation_results": [
            _result(each, value) for value in each.result.metrics.values() if value.value is not None
        ],
    }


def _result(each: Scored, value: MetricValue) -> dict[str, Any]:
    metric, entry = MetricId.parse(value.id), each.result.entry
    spec = each.result.specs.get(value.id)
    low, high = (None, None) if spec is None else spec.bounds
    config: dict[str, Any] = {
        "evaluation_description": f"{value.id} of {entry.name}, version {entry.version}",
        "metric_id": value.id,
        "metric_name": value.id,
        "metric_kind": metric.name,
        "metric_unit": "proportion" if value.scale == 100 else "points",
        "metric_parameters": _texts(dict(metric.params) | ({"k": metric.cutoff} if metric.cutoff else {})),
        "lower_is_better": not value.higher_is_better,
        "score_type": "continuous",
        "min_score": "-Infinity" if low is None else low,
        "max_score": "Infinity" if high is None else high,
    }
    uncertainty: dict[str, Any] = {"num_samples": value.n}
    if value.low is not None and value.high is not None:
        uncertainty["confidence_interval"] = {
            "lower": value.low,
            "upper": value.high,
            "confidence_level": 0.95,
            "method": value.method,
        }
    counts = {"n": value.n, "n_failed": value.n_failed, "n_unparsed": value.n_unparsed, "n_refused": value.n_refused}
    counts |= {"n_truncated": value.n_truncated, "n_clusters": value.n_clusters}
    return {
        "evaluation_result_id": f"{entry.name}:{value.id}",
        "evaluation_name": entry.name,
        "source_data": _source(each),
        "metric_config": config,
        "score_details": {
            "score": value.value,
            "details": _texts({**counts, "coverage": value.coverage, "unit": value.unit}),
            "uncertainty": uncertainty,
        },
        "generation_config": _generation(each),
    }


def _generation(each: Scored) -> dict[str, Any]:
    plan = each.result.store.plan()
    asked = dict(plan.identity) if plan is not None else {}
    args: dict[str, Any] = {}
    for given in asked.get("generation", {}).values():  # by kind of request and modalities
        for theirs, ours in (("temperature", "temperature"), ("top_p", "top_p"), ("max_tokens", "max_new_tokens")):
            if given.get(ours) is not None:
                args[theirs] = given[ours]
    if asked.get("prompt"):
        args["prompt_template"] = str(asked["prompt"])
    rest = {name: value for name, value in asked.items() if name in ("version", "fingerprint", "split", "options")}
    return {"generation_args": args, "additional_details": _texts(rest)}


def _source(each: Scored) -> dict[str, Any]:
    entry, hub = each.result.entry, each.hub
    details = _texts({"fingerprint": entry.fingerprint, "task_version": entry.version, "split": entry.split})
    if hub is None:
        return {"dataset_name": entry.name, "source_type": "other", "additional_details": details}
    details |= _texts({"config": hub.config or "default", **({"revision": hub.revision} if hub.revision else {})})
    return {
        "dataset_name": entry.name,
        "source_type": "hf_dataset",
        "hf_repo": hub.id,
        "hf_split": hub.split,
        "samples_number": entry.n_samples,
        "additional_details": details,
    }


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in values.items()
    }


def _lines(each: Scored, primary: str, evaluation: str, model: str) -> Iterator[bytes]:
    """A line a sample, scored by the metric `primary`."""
    (_, best), encoder = end_scores(each.result, primary), msgspec.json.Encoder()
    extractor = str((each.result.entry.scored_by or {}).get("extractor") or "none")
    for row in each.rows():
        document = {
            "schema_version": SCHEMA,
            "evaluation_id": evaluation,
            "model_id": model,
            "evaluation_name": each.result.name,
            "evaluation_result_id": f"{each.result.name}:{primary}",
            **_sample(row, row.values.get(primary), best, extractor),
        }
        yield encoder.encode(document) + b"\n"


def _sample(row: SampleRow, score: float | None, best: float | None, extractor: str) -> dict[str, Any]:
    question, references = row.question or "", [] if row.asked is None else list(row.asked.references)
    raw = [_raw(answer) for answer in row.answers]
    extracted = row.extracted if row.extracted is not None else (raw[0] if len(raw) == 1 else "")
    digests = [digest for digest in row.image_digests if digest]
    document: dict[str, Any] = {
        "sample_id": row.id,
        "sample_hash": hashlib.sha256("\0".join([question, *references, *digests]).encode()).hexdigest(),
        "interaction_type": "single_turn",
        "input": {"raw": question, "reference": references},
        "output": {"raw": raw},
        "messages": None,
        "answer_attribution": [
            {
                "turn_idx": 0,
                "source": "output.raw",
                "extracted_value": extracted,
                "extraction_method": extractor,
                "is_terminal": True,
            }
        ],
        "evaluation": {"score": score or 0.0, "is_correct": is_best(score, best)},
        "performance": {"latency_ms": 1e3 * sum(answer.duration_s for answer in row.answers)},
        "error": next((answer.error for answer in row.answers if answer.error), None),
        "metadata": _texts(
            {**row.slices, "status": row.status or "unknown", "score_status": row.score_status or "unknown"}
        ),
    }
    if row.asked is not None and row.asked.choices is not None:
        document["input"]["choices"] = list(row.asked.choices)
    if reasoning := [answer.reasoning for answer in row.answers if answer.reasoning]:
        document["output"]["reasoning_trace"] = reasoning
    if digests:
        document["metadata"]["images"] = " ".join(digests)
    if (usage := _usage(row)) is not None:
        document["token_usage"] = usage
    if len(row.answers) == 1 and (first := row.answers[0].first_token_s) is not None:
        document["performance"]["time_to_first_token_ms"] = 1e3 * first
    return document


def _raw(answer: ResponseLine) -> str:
    if answer.raw is not None:
        return answer.raw
    return answer.output if isinstance(answer.output, str) else json.dumps(answer.output)


def _usage(row: SampleRow) -> dict[str, int] | None:
    """Tokens over all requests, where both counts are known for each of them."""
    read = [answer.input_tokens for answer in row.answers]
    written = [answer.output_tokens for answer in row.answers]
    if not row.answers or None in read or None in written:
        return None
    sums = sum(filter(None, read)), sum(filter(None, written))
    found = {"input_tokens": sums[0], "output_tokens": sums[1], "total_tokens": sum(sums)}
    reasoning = [answer.reasoning_tokens for answer in row.answers if answer.reasoning_tokens is not None]
    return {**found, "reasoning_tokens": sum(reasoning)} if reasoning else found
