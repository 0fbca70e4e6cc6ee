"""Check what a model returned: each output becomes a `Response`, never a silent wrong answer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

from mmbench.core.errors import MmbenchError
from mmbench.core.requests import Choose, Request, RequestKind
from mmbench.core.responses import Generation, Response, Status, Usage

LOWEST_SCORE = -1e30
"""What a log-probability of minus infinity is stored as: JSON has no infinities."""


class BadOutputError(MmbenchError):
    """A model's return value cannot be told apart into answers: too few, too many, or not a sequence."""

    exit_code = 4


def check_outputs(kind: RequestKind, requests: Sequence[Request], outputs: Any) -> list[Response]:
    """One response for every request; embeddings become float32 [dim], which `same_length` then holds to one dim.

    Raises `BadOutputError` when the outputs cannot be matched to the requests.
    """
    if kind == "embed":
        return _embeddings(requests, outputs)
    if isinstance(outputs, str | bytes | Mapping | Set) or not isinstance(outputs, Iterable):
        raise BadOutputError(f"{kind} returned {_kind_of(outputs)}; expected a list with one output for each request")
    found = list(outputs)
    if len(found) != len(requests):
        raise BadOutputError(f"{kind} returned {len(found)} outputs for {len(requests)} requests")
    if kind == "generate":
        return [_generation(output) for output in found]
    return [_scores(request, output) for request, output in zip(requests, found, strict=True)]


def _kind_of(value: Any) -> str:
    return "nothing (None)" if value is None else f"a {type(value).__name__}"


def _failed(message: str) -> Response:
    return Response("error", error=message)


def _generation(output: Any) -> Response:
    if isinstance(output, str):
        return _text(str(output), "ok", None)
    if not isinstance(output, Generation):
        return _failed(f"generate returned {_kind_of(output)}; expected a str or mmbench.Generation")
    text: Any = output.text
    if not isinstance(text, str):
        return _failed(f"generate returned a Generation whose text is {_kind_of(text)}")
    try:
        usage = None if output.usage is None else _usage(output.usage)
    except (AttributeError, TypeError, ValueError, OverflowError):
        return _failed(f"generate returned a Generation whose usage is not made of numbers: {output.usage!r}")
    answer = _text(str(text), "refused" if output.refused else "ok", usage)
    return answer if output.first_token_s is None else replace(answer, first_token_s=float(output.first_token_s))


def _text(text: str, status: Status, usage: Usage | None) -> Response:
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        return _failed("generate returned a text with half of a surrogate pair, which cannot be stored")
    return Response(status, text, usage=usage)


def _usage(usage: Usage) -> Usage:
    """The counts as Python's own numbers, whatever library they came from. Raises TypeError or ValueError."""
    cost = None if usage.cost_usd is None else float(usage.cost_usd)
    if cost is not None and not math.isfinite(cost):
        raise ValueError(f"cost {cost}")
    return Usage(
        input_tokens=None if usage.input_tokens is None else int(usage.input_tokens),
        output_tokens=None if usage.output_tokens is None else int(usage.output_tokens),
        cost_usd=cost,
    )


def _scores(request: Request, output: Any) -> Response:
    n = len(request.choices) if isinstance(request, Choose) else 0
    try:
        scores = [float(score) for score in _plain(output)]
    except (TypeError, ValueError):
        return _failed(f"choose returned {_kind_of(output)}; expected {n} numbers, one for each choice")
    if len(scores) != n:
        return _failed(f"choose returned {len(scores)} scores for {n} choices")
    if any(math.isnan(score) or score == math.inf for score in scores):
        return _failed("choose returned NaN or an infinite score")
    return Response("ok", [max(score, LOWEST_SCORE) for score in scores])


def _plain(value: Any) -> Any:
    """Tensors as NumPy arrays; everything else as it is."""
    if hasattr(value, "detach"):
        value = value.detach()
        return value.float().cpu().numpy() if value.dtype.is_floating_point else value.cpu().numpy()
    return value


def _embeddings(requests: Sequence[Request], outputs: Any) -> list[Response]:
    import numpy as np

    if isinstance(outputs, str | bytes | Mapping) or not (
        hasattr(outputs, "__len__") and hasattr(outputs, "__getitem__")
    ):
        raise BadOutputError(f"embed returned {_kind_of(outputs)}; expected an array [n, dim] or a list of vectors")
    if len(outputs) != len(requests):
        raise BadOutputError(f"embed returned {len(outputs)} vectors for {len(requests)} requests")
    outputs = _plain(outputs)
    responses: list[Response] = []
    for output in outputs:
        try:
            with np.errstate(over="ignore"):
                vector: Any = np.array(_plain(output), dtype=np.float32)  # a copy: models reuse their buffers
        except (TypeError, ValueError):
            responses.append(_failed(f"embed returned {_kind_of(output)}; expected a vector of numbers"))
            continue
        problem = _problem(vector)
        responses.append(Response("ok", vector) if problem is None else _failed(problem))
    return responses


def _problem(vector: Any) -> str | None:
    import numpy as np

    if vector.ndim != 1 or len(vector) == 0:
        return f"embed returned an output of shape {list(vector.shape)}; expected a vector [dim]"
    if not np.isfinite(vector).all():
        return "embed returned NaN or infinite values"
    return None


def same_length(responses: Sequence[Response], dim: int | None) -> list[Response]:
    """Embeddings of another length than `dim` (None: than the first of these) become errors."""
    checked: list[Response] = []
    for response in responses:
        length = len(response.output) if response.output is not None else None
        if length is not None and dim is None:
            dim = length
        if length is not None and length != dim:
            checked.append(_failed(f"embed returned a vector of length {length}; the first one had {dim}"))
        else:
            checked.append(response)
    return checked
