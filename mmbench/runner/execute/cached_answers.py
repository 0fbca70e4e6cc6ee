"""Answer from the cache that runs share, and put what the model answers into it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmbench.core.errors import MediaError, RunFailedError
from mmbench.core.media import Media
from mmbench.core.requests import Choose, Generate, Request
from mmbench.core.responses import ENDED_WELL, Call, Response, Usage
from mmbench.data.fingerprint import content_digest
from mmbench.models.outputs import cut_off
from mmbench.perf.observer import Observer
from mmbench.resolve.model_names import ResolvedModel
from mmbench.results.codec import digest
from mmbench.results.schema import CachedAnswer
from mmbench.runner.execute.executor import Sink, Todo
from mmbench.runner.execute.progress import Progress

if TYPE_CHECKING:
    from mmbench.results.answer_cache import AnswerCache

_AT_ONCE = 512
_TOKENS = ("input_tokens", "output_tokens", "reasoning_tokens", "image_tokens")


def request_key(model: str | None, options: Mapping[str, Any], request: Request) -> bytes:
    """32 bytes of all that determines an answer: the model's digest and options, and what is asked.

    Media count by the digest of their content, never by where they lie. The seed counts where the answer is drawn.
    """
    key: dict[str, Any] = {
        "model": model,
        "options": dict(options),
        "kind": request.kind,
        "parts": [["media", p.kind, _content(p)] if isinstance(p, Media) else ["text", p] for p in request.content],
    }
    if isinstance(request, Generate):
        key |= {"tokens": request.max_new_tokens, "stop": list(request.stop), "temperature": request.temperature}
        key |= {"seed": request.seed} if request.temperature > 0 else {}
        more = {"top_p": request.top_p, "thinking": request.thinking, "template": request.chat_template_kwargs}
        key |= {name: value for name, value in more.items() if value is not None}
    if messages := getattr(request, "messages", ()):
        key["messages"] = [[message.role, len(message.parts)] for message in messages]
    choices = request.choices if isinstance(request, Generate | Choose) else None
    return bytes.fromhex(digest({**key, "choices": None if choices is None else list(choices)}))


def _content(media: Media) -> str:
    """The digest of what a medium holds; one that cannot be read has its own, and fails when a model looks at it."""
    try:
        return content_digest(media)
    except MediaError:
        return media.digest


def why_not(model: ResolvedModel) -> str | None:
    """Why the answers of a model cannot be cached; None where they can."""
    if model.digest is None:
        return "its weights have no digest"
    if model.capabilities.learns:
        return "it learns from each task"
    return None


@contextlib.contextmanager
def shared_answers(folder: str | None, model: ResolvedModel, progress: Progress) -> Iterator[CachedAnswers | None]:
    """The cache in a folder, open for one model; None without a folder, or for a model that cannot use it.

    Raises `RunFailedError` when the cache cannot be opened.
    """
    if folder is None:
        yield None
        return
    if (reason := why_not(model)) is not None:
        progress.note(f"{model.name}: --cache does not serve it: {reason}")
        yield None
        return
    from mmbench.results.answer_cache import AnswerCache

    cached = CachedAnswers(AnswerCache(Path(folder)), model, progress)
    try:
        yield cached
    finally:
        cached.close()


class CachedAnswers(Observer):
    """The cache as one model uses it: answers what it can, and observes what the model answers."""

    def __init__(self, cache: AnswerCache, model: ResolvedModel, progress: Progress) -> None:
        self._cache: AnswerCache | None = cache
        self._model = model
        self._progress = progress

    def answer(self, todo: Todo, sink: Sink) -> Todo:
        """Record every answer that the cache has; what is left to ask."""
        taken = 0
        for batch, numbers in todo.batches:
            for start in range(0, len(numbers), _AT_ONCE):
                taken += self._take(todo, batch, numbers[start : start + _AT_ONCE], sink)
        if taken:
            self._progress.note(f"{todo.plan.name}: {taken:,} answers from the cache")
        left = [
            (batch, [number for number in numbers if not sink.is_answered(number)]) for batch, numbers in todo.batches
        ]
        return replace(todo, batches=[(batch, numbers) for batch, numbers in left if numbers])

    def _take(self, todo: Todo, batch: int, numbers: Sequence[int], sink: Sink) -> int:
        if self._cache is None:
            return 0
        numbers = [number for number in numbers if not sink.is_answered(number)]
        requests = todo.plan.requests(numbers)
        found: dict[int, CachedAnswer] = {}
        for known in (self._model.digest, *self._model.identity.former):
            keys = {
                place: request_key(known, self._model.options, request)
                for place, request in enumerate(requests)
                if place not in found
            }
            answers = self._cache.find(list(keys.values()))
            found |= {place: answers[key] for place, key in keys.items() if key in answers}
        hits = sorted(found)
        if hits:
            call = Call(batch, [numbers[p] for p in hits], [requests[p] for p in hits], 0.0, 0.0, cached=True)
            sink.record(call, [_response(found[place]) for place in hits])
        return len(hits)

    def on_responses(self, call: Call, new: Sequence[int], responses: Sequence[Response]) -> None:
        """Put what ended well into the cache; if that fails it is used no more, and the run goes on."""
        if self._cache is None or call.cached:
            return
        answers: Mapping[bytes, CachedAnswer] = {
            request_key(self._model.digest, self._model.options, call.requests[place]): _answer(response)
            for place, response in zip(new, responses, strict=True)
            if _is_kept(response)
        }
        try:
            self._cache.add(answers)
        except RunFailedError as error:
            self._progress.note(f"{error} The run goes on without it.")
            with contextlib.suppress(RunFailedError):
                self._cache.close()
            self._cache = None

    def close(self) -> None:
        """Write what is waiting and close the file; a cache that cannot be written does not fail the run."""
        cache, self._cache = self._cache, None
        if cache is not None:
            try:
                cache.close()
            except RunFailedError as error:
                self._progress.note(str(error))


def _is_kept(response: Response) -> bool:
    """Whether an answer ended well; one that was cut off before it had a text may well be another with more tokens."""
    return response.status in ENDED_WELL and not (response.status == "truncated" and not str(response.output).strip())


def _answer(response: Response) -> CachedAnswer:
    output = response.output
    usage = response.usage
    is_plain = output is None or isinstance(output, str | list)
    return CachedAnswer(
        status=response.status,
        output=output if is_plain else None,  # type: ignore[arg-type]
        vector=None if is_plain else _bytes(output),
        rows=None if is_plain or getattr(output, "ndim", 1) == 1 else len(output),  # type: ignore[arg-type]
        input_tokens=usage.input_tokens if usage else None,
        output_tokens=usage.output_tokens if usage else None,
        finish_reason=response.finish_reason,
        raw=response.raw,
        reasoning=response.reasoning,
        reasoning_tokens=usage.reasoning_tokens if usage else None,
        image_tokens=usage.image_tokens if usage else None,
    )


def _bytes(vector: Any) -> bytes:
    import numpy as np

    return np.ascontiguousarray(vector, dtype="<f4").tobytes()


def _response(answer: CachedAnswer) -> Response:
    output: Any = answer.output
    if answer.vector is not None:
        import numpy as np

        output = np.frombuffer(answer.vector, dtype="<f4").astype(np.float32)
        output = output if answer.rows is None else output.reshape(answer.rows, -1)
    tokens = {name: getattr(answer, name) for name in _TOKENS}
    counted = any(count is not None for count in tokens.values())
    return Response(
        answer.status,
        output,
        cut_off(answer.output_tokens, str(output), answer.finish_reason) if answer.status == "truncated" else None,
        Usage(cost_usd=0.0, **tokens) if counted else None,
        finish_reason=answer.finish_reason,
        raw=answer.raw,
        reasoning=answer.reasoning,
    )
