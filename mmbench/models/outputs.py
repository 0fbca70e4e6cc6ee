"""Check what a model returned: each output becomes a `Response`, never a silent wrong answer."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence, Set
from functools import lru_cache
from typing import Any, get_args

from mmbench.core.errors import MmbenchError
from mmbench.core.reasoning import may_hold_reasoning, split_reasoning
from mmbench.core.requests import Choose, Request, RequestKind
from mmbench.core.responses import FinishReason, Generation, Response, Usage

LOWEST_SCORE = -1e30
"""What a log-probability of minus infinity is stored as: JSON has no infinities."""
FINISH_REASONS: tuple[FinishReason, ...] = get_args(FinishReason)
"""Why a generation may have ended."""
_SHORT = 32
"""Characters up to which what was made of an answer is remembered."""
_HALF_PAIR = re.compile("[\ud800-\udfff]")


class BadOutputError(MmbenchError):
    """A model's return value cannot be told apart into answers: too few, too many, or not a sequence."""

    exit_code = 4


def check_outputs(kind: RequestKind, requests: Sequence[Request], outputs: Any) -> list[Response]:
    """One response for every request; embeddings become float32 [dim] or [n, dim], which `same_length` then holds to one dim.

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
        return [
            _short(output) if output.__class__ is str and len(output) <= _SHORT else _generation(output)
            for output in found
        ]
    return [_scores(request, output) for request, output in zip(requests, found, strict=True)]


def _kind_of(value: Any) -> str:
    return "nothing (None)" if value is None else f"a {type(value).__name__}"


def _failed(message: str) -> Response:
    return Response("error", error=message)


@lru_cache(maxsize=4096)
def _short(text: str) -> Response:
    """As `_generation`, for short texts, which come again and again: equal ones share a response."""
    return _generation(text)


def _generation(output: Any) -> Response:
    """How a generation ended, whatever model it comes from: its status, and its answer without the reasoning."""
    if isinstance(output, str):
        text, generation = str(output), None
        if text.isascii() and not may_hold_reasoning(text):  # most answers are short and plain
            return Response("ok", text)
    elif isinstance(output, Generation):
        text, generation = output.text, output
    else:
        return _failed(f"generate returned {_kind_of(output)}; expected a str or mmbench.Generation")
    if (problem := _unusable(text, generation)) is not None:
        return _failed(problem)
    text = str(text)
    answer, inside, unfinished = split_reasoning(text)
    if generation is None:
        generation = Generation(text)
    try:
        usage = None if generation.usage is None else _usage(generation.usage)
        first, first_answer = (_seconds(s) for s in (generation.first_token_s, generation.first_answer_token_s))
    except (AttributeError, TypeError, ValueError, OverflowError):
        return _failed(f"generate returned a Generation whose usage is not made of numbers: {generation.usage!r}")
    refused = generation.refused or generation.finish_reason == "filter"
    cut = generation.finish_reason == "length" or (unfinished and generation.finish_reason == "unknown")
    truncated = cut and not refused
    return Response(
        "refused" if refused else "truncated" if truncated else "ok",
        answer,
        cut_off(usage.output_tokens if usage else None, answer, generation.finish_reason) if truncated else None,
        usage,
        first_token_s=first,
        first_answer_token_s=first_answer,
        finish_reason=generation.finish_reason,
        raw=None if answer == text else text,
        reasoning="\n\n".join(part for part in (generation.reasoning, inside) if part) or None,
    )


def _seconds(value: Any) -> float | None:
    return None if value is None else float(value)


def _unusable(text: Any, generation: Generation | None) -> str | None:
    """Why a generation cannot be kept; None where it can."""
    if not isinstance(text, str):
        return f"generate returned a Generation whose text is {_kind_of(text)}"
    texts = [text]
    if generation is not None:
        reason: Any = generation.finish_reason
        if reason not in FINISH_REASONS:
            return f"generate returned a Generation with finish_reason {reason!r}; expected {', '.join(FINISH_REASONS)}"
        reasoning: Any = generation.reasoning
        if reasoning is not None and not isinstance(reasoning, str):
            return f"generate returned a Generation whose reasoning is {_kind_of(reasoning)}"
        texts.append(reasoning or "")
    if any(not each.isascii() and _HALF_PAIR.search(each) for each in texts):
        return "generate returned a text with half of a surrogate pair, which cannot be stored"
    return None


def cut_off(tokens: int | None, answer: str, reason: FinishReason) -> str:
    """The sentence that says of a truncated response what happened to it.

    >>> cut_off(16, "", "length")
    'cut off by the limit on new tokens after 16 tokens, before any answer'
    """
    if reason != "length":
        return "its reasoning has no end: it was probably cut off"
    after = "" if tokens is None else f" after {tokens:,} token{'' if tokens == 1 else 's'}"
    return f"cut off by the limit on new tokens{after}{'' if answer.strip() else ', before any answer'}"


def _usage(usage: Usage) -> Usage:
    """The counts as Python's own numbers, whatever library they came from. Raises TypeError or ValueError."""
    counts = (
        usage.input_tokens,
        usage.output_tokens,
        usage.reasoning_tokens,
        usage.image_tokens,
        usage.cached_tokens,
    )
    if usage.cost_usd is None and all(count is None or type(count) is int for count in counts):
        return usage
    cost = None if usage.cost_usd is None else float(usage.cost_usd)
    if cost is not None and not math.isfinite(cost):
        raise ValueError(f"cost {cost}")
    return Usage(
        input_tokens=None if usage.input_tokens is None else int(usage.input_tokens),
        output_tokens=None if usage.output_tokens is None else int(usage.output_tokens),
        cost_usd=cost,
        reasoning_tokens=None if usage.reasoning_tokens is None else int(usage.reasoning_tokens),
        image_tokens=None if usage.image_tokens is None else int(usage.image_tokens),
        cached_tokens=None if usage.cached_tokens is None else int(usage.cached_tokens),
    )


def _scores(request: Request, output: Any) -> Response:
    if isinstance(output, Generation) and (output.refused or output.finish_reason == "filter"):
        return _generation(output)
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

    if vector.ndim not in (1, 2) or vector.size == 0:
        return f"embed returned an output of shape {list(vector.shape)}; expected a vector [dim], or several [n, dim]"
    if not np.isfinite(vector).all():
        return "embed returned NaN or infinite values"
    return None


def same_length(responses: Sequence[Response], dim: int | None) -> list[Response]:
    """Embeddings of another length than `dim` (None: than the first of these) become errors."""
    import numpy as np

    checked: list[Response] = []
    for response in responses:
        length = None if response.output is None else int(np.shape(response.output)[-1])
        if length is not None and dim is None:
            dim = length
        if length is not None and length != dim:
            checked.append(_failed(f"embed returned a vector of length {length}; the first one had {dim}"))
        else:
            checked.append(response)
    return checked
