"""A bound on what a command may spend."""

from __future__ import annotations

from collections.abc import Sequence

from mmbench.core.errors import StoppedError
from mmbench.core.responses import Call, Response
from mmbench.perf.observer import Observer


class Budget(Observer):
    """Stops a command that has spent as much as it may; what was answered is kept, and the same command goes on.

    One budget serves all models and tasks of a command. Requests that are in flight when it is reached are still answered.

    Args:
        most: US dollars.
    """

    def __init__(self, most: float) -> None:
        self.spent = 0.0
        """US dollars so far."""
        self._most = most

    @property
    def reached(self) -> str | None:
        """That nothing more may be spent, in a sentence; None where something may."""
        if self.spent < self._most:
            return None
        return f"US$ {self.spent:,.4f} are spent, and --max-cost allows {self._most:g}"

    def on_responses(self, call: Call, new: Sequence[int], responses: Sequence[Response]) -> None:
        """Add what the responses cost. Raises `StoppedError` when the bound is reached, or no price is known."""
        for response in responses:
            self._add(response, free=call.cached)
        if self.reached:
            raise StoppedError(self.reached)

    def spend(self, response: Response) -> None:
        """Add what one response cost that goes into no log. Raises as `on_responses` does."""
        self._add(response, free=False)
        if self.reached:
            raise StoppedError(self.reached)

    def _add(self, response: Response, *, free: bool) -> None:
        usage = response.usage
        if usage is not None and usage.cost_usd is not None:
            self.spent += usage.cost_usd
        elif response.status == "ok" and not free:  # a refusal may come without a count of tokens
            raise StoppedError(
                '--max-cost needs the model\'s price: add [prices."MODEL"] to mmbench.toml, or leave --max-cost out'
            )
