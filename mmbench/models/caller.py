"""Call a model's methods, and match models with tasks by what both declare."""

from __future__ import annotations

import inspect
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from mmbench.core.model import Capabilities, capabilities
from mmbench.core.requests import Request, RequestKind, as_choose
from mmbench.core.task import TaskInfo

USER_ERRORS = (Exception, SystemExit)
"""What a user's code may raise to fail: a model that calls `sys.exit` must not end the run, let alone with exit code 0."""


@contextmanager
def without_copies() -> Iterator[None]:
    """End a copy of this process that a user's code has forked and let return: it would ask and log everything again."""
    own = os.getpid()
    try:
        yield
    finally:
        if os.getpid() != own:
            os._exit(1)


def served_kinds(task: TaskInfo, model: Capabilities) -> tuple[dict[RequestKind, RequestKind], list[str]]:
    """Match a model with a task.

    Returns:
        (kind of request that the task makes → kind that the model is asked; problems, a sentence each). Without problems
        the model can answer the task.
    """
    served: dict[RequestKind, RequestKind] = {}
    problems: list[str] = []
    for kind in sorted(task.request_kinds):
        if kind in model.kinds:
            served[kind] = kind
        elif kind == "generate" and task.closed_answers and "choose" in model.kinds:
            served[kind] = "choose"
        else:
            also = ", and its answers are open, so `choose` cannot serve it" if "choose" in model.kinds else ""
            problems.append(f"{task.name} needs a method `{kind}`{also if kind == 'generate' else ''}")
    if lacking := sorted(set(task.modalities) - model.modalities):
        takes = ", ".join(sorted(model.modalities)) or "nothing"
        problems.append(f"{task.name} asks with {', '.join(lacking)}, and the model takes {takes}")
    most = task.max_images if "image" in task.modalities else 0
    if model.max_images is not None and most > model.max_images:
        problems.append(f"{task.name} asks with up to {most} images a request, and the model takes {model.max_images}")
    if model.learns and "train" not in task.splits:
        problems.append(f"{task.name} has no training split, and the model learns from one (it has `fit`)")
    return served, problems


class ModelCaller:
    """One built model. Not thread-safe beyond `collate`, which background threads call."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.capabilities = capabilities(model)

    def is_async(self, kind: RequestKind) -> bool:
        """Whether the method for this kind takes one request and is awaited."""
        return kind in self.capabilities.asynchronous

    @property
    def collates(self) -> bool:
        """Whether the model prepares its inputs ahead."""
        return self.capabilities.collates

    def collate(self, requests: Sequence[Request]) -> Any:
        """The model's own preparation of a batch."""
        with without_copies():
            return self.model.collate(tuple(requests))

    def call(self, kind: RequestKind, requests: Sequence[Request], inputs: Any) -> Any:
        """Ask a batch, as a tuple that the model cannot reorder; `inputs` is what `collate` made, where it has it."""
        method: Callable[..., Any] = getattr(self.model, kind)
        with without_copies():
            return method(tuple(requests), inputs=inputs) if self.collates else method(tuple(requests))

    async def call_one(self, kind: RequestKind, request: Request) -> Any:
        """Ask one request of an async method."""
        return await getattr(self.model, kind)(request)

    def prepare_ahead(self, requests: Sequence[Request]) -> None:
        """Show an async model the requests that it will soon be asked, where it has a method `prepare_ahead`."""
        method = getattr(self.model, "prepare_ahead", None)
        if callable(method):
            with suppress(*USER_ERRORS):  # what fails here fails again when it is asked, and is recorded then
                method(requests)

    def open(self) -> Awaitable[None] | None:
        """Call `open()` of the model where it has one; what it returned, to be awaited when it is async."""
        return self._call("open")

    def close(self) -> Awaitable[None] | None:
        """Call `close()` of the model where it has one; what it returned, to be awaited when it is async."""
        return self._call("close")

    def _call(self, name: str) -> Awaitable[None] | None:
        method = getattr(self.model, name, None)
        result = method() if callable(method) else None
        return result if inspect.isawaitable(result) else None


def as_served(request: Request, served: Mapping[RequestKind, RequestKind]) -> Request:
    """The request in the form in which the model is asked."""
    return as_choose(request) if served[request.kind] == "choose" else request
