"""The scenario protocol: a way in which requests arrive, when to stop, and what makes the figures worthless.

A new scenario is a module with a subclass of `Scenario`, and its name in `mmbench.runner.scenarios.known`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

from mmbench.core.errors import UsageError
from mmbench.runner.scenarios.bench import Bench
from mmbench.runner.scenarios.settings import LoadSettings


class Facts(NamedTuple):
    """What is known of a model and its prompts before anything is asked."""

    model: str
    """Name of the model."""
    concurrent: bool
    """Whether it takes several requests at once (its methods are ``async def``)."""
    generates: bool
    """Whether it is asked for texts."""
    streams: bool | None
    """Whether its answers come token by token; None: unknown."""
    prompts: int
    """Number of prompts."""


class Scenario(ABC):
    """One scenario. Objects hold nothing but what they were given.

    Args:
        settings: What the user asked for.
    """

    name: ClassVar[str]
    """As users name it."""
    concurrent: ClassVar[bool] = False
    """Whether it needs a model that takes several requests at once."""

    def __init__(self, settings: LoadSettings) -> None:
        self.settings = settings

    def check(self, facts: Facts) -> None:
        """Refuse what cannot be measured, before anything is asked. Raises `UsageError`."""
        if self.concurrent and not facts.concurrent:
            raise UsageError(
                f"scenario {self.name}: {facts.model} takes one call at a time (its methods are not async def), so requests "
                "cannot arrive while others are in flight; for it there are single-stream and offline"
            )

    @abstractmethod
    def most_requests(self, facts: Facts) -> int:
        """Requests that it makes at most, its own warm-up and searches included."""

    @abstractmethod
    def measure(self, bench: Bench) -> None:
        """Measure on a bench. Raises `UsageError` for what turns out only now, and what loads raise."""
