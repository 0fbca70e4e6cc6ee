"""Rules for every method of a model."""

from __future__ import annotations

from collections.abc import Callable

from mmbench.core.requests import Request
from mmbench.core.responses import Response
from mmbench.models.outputs import same_length
from mmbench.testing.digests import request_digest
from mmbench.testing.model_calls import Sitting, in_batches, odd_requests
from mmbench.testing.rules import BrokenError, KitRule, NotedError, SkippedError, described


def _batches(sitting: Sitting) -> str:
    before = {name: request_digest(pool) for name, pool in sitting.pools.items()}
    sitting.stages.get("digests of the requests", lambda: before)
    answers = sitting.answers()
    count = sum(map(len, answers.values()))
    sizes = sorted({len(batch) for pool in sitting.pools.values() for batch in in_batches(pool)})
    if sitting.caller.is_async(sitting.kind):
        return f"{count} requests, up to {sizes[-1]} at a time, got {count} answers."
    return f"{count} requests in batches of {', '.join(map(str, sizes))} got {count} answers."


def _outputs(sitting: Sitting) -> str:
    answers = [response for found in sitting.answers().values() for response in found]
    if sitting.kind == "embed":
        answers = same_length(answers, None)
    sitting.stages.get("valid outputs", lambda: _valid(sitting, answers))
    if refused := sum(response.status == "refused" for response in answers):
        raise NotedError(f"{refused} of {len(answers)} simple questions were refused.")
    return f"{len(answers)} outputs are valid."


def _valid(sitting: Sitting, answers: list[Response]) -> list[Response]:
    requests = [request for pool in sitting.pools.values() for request in pool]
    for request, response in zip(requests, answers, strict=True):
        if response.status == "error":
            raise BrokenError(f"For request {request.id!r}, {response.error}.")
    return answers


def _comparable(sitting: Sitting) -> None:
    """Skip unless the answers are there and valid."""
    sitting.answers()
    sitting.stages.get("valid outputs", list)


def _repeat(sitting: Sitting) -> str:
    _comparable(sitting)
    found = _compare(sitting, lambda pool: [r for batch in in_batches(pool) for r in sitting.ask(batch)])
    if found:
        sitting.unsteady = True
        raise NotedError(f"The same batches again give other answers: {found}. Such a run cannot be repeated.")
    return "Equal calls give equal answers."


def _alone(sitting: Sitting) -> str:
    _steady(sitting)
    if found := _compare(sitting, lambda pool: [sitting.ask([request])[0] for request in pool]):
        raise BrokenError(f"One by one it answers otherwise than in a batch: {found}.")
    return "One by one it answers as in a batch."


def _reversed(sitting: Sitting) -> str:
    _steady(sitting)
    if found := _compare(sitting, lambda pool: sitting.ask(list(pool)[::-1])[::-1]):
        raise BrokenError(f"With the batch in another order it answers otherwise: {found}.")
    return "The order of a batch changes no answer."


def _steady(sitting: Sitting) -> None:
    _comparable(sitting)
    if sitting.unsteady:
        raise SkippedError("Its answers differ from call to call, so nothing can be compared.")


def _compare(sitting: Sitting, ask: Callable[[list[Request]], list[Response]]) -> str | None:
    """Ask every pool again; how many answers differ from the first ones, with an example, or None."""
    apart: list[str] = []
    count = 0
    for name, answers in sitting.answers().items():
        pool = sitting.pools[name]
        for request, one, other in zip(pool, answers, ask(pool), strict=True):
            count += 1
            if found := sitting.difference(one, other):
                apart.append(f"for {request.id!r}, {found}")
    return f"{len(apart)} of {count} ({apart[0]})" if apart else None


def _untouched(sitting: Sitting) -> str:
    before: dict[tuple[str, ...], str] = sitting.stages.get("digests of the requests", dict)
    for name, pool in sitting.pools.items():
        if before.get(name) != request_digest(pool):
            raise BrokenError("Requests are other after a call than before.")
    return "Requests are left alone."


def _odd(sitting: Sitting) -> str:
    _comparable(sitting)
    requests = odd_requests(sitting.kind, sitting.pools)
    unanswered = []
    for name, request in requests.items():
        try:
            response = sitting.ask([request])[0]
        except Exception as error:  # noqa: BLE001 - a model may raise anything; in a run it is that sample's error
            unanswered.append(f"{name}: {described(error)}")
            continue
        if response.status == "error":
            unanswered.append(f"{name}: {response.error}")
    if unanswered:
        raise NotedError(f"It does not answer {'; '.join(unanswered)}.")
    return f"It answers {', '.join(requests)}." if requests else "There is nothing unusual to ask."


MODEL_RULES: tuple[KitRule[Sitting], ...] = (
    KitRule("batches", "Return one output for each request, for a batch of any size.", _batches),
    KitRule("outputs", "Return text, one finite number a choice, or finite vectors of one length.", _outputs),
    KitRule(
        "repeat",
        "Decode greedily at temperature 0, put the network into evaluation mode, draw from request.seed.",
        _repeat,
    ),
    KitRule(
        "alone", "Look at padding and attention masks (pad on the left to generate); draw from request.seed.", _alone
    ),
    KitRule("order", "Return outputs in the order of the requests; keep no state between them.", _reversed),
    KitRule("requests", "Copy what you change: the runner uses the requests again.", _untouched),
    KitRule(
        "unusual input", "Nothing, if your data hold no such thing: in a run it is an error of that sample alone.", _odd
    ),
)
"""In order: later checks build on earlier ones."""
