"""Observers of the calls of a model."""

from __future__ import annotations

from collections.abc import Sequence

from mmbench.core.responses import Call, Response


class Observer:
    """Told of every call of a task after its responses are in the log. Subclasses override what concerns them."""

    def start(self) -> None:
        """The model is ready and the first request is about to be asked."""

    def on_responses(self, call: Call, new: Sequence[int], responses: Sequence[Response]) -> None:
        """Responses have been logged.

        Args:
            call: The call that they came from.
            new: Which of the requests of the call they answer, by place; the others had been answered before.
            responses: The responses, in the order of `new`.
        """

    def finish(self) -> None:
        """Nothing more is asked in this session; called also after an exception."""
