"""Controls: models that do not look, and one that knows the answers. They bound what a score can mean."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mmbench.core.errors import UsageError
from mmbench.core.ids import derive_seed
from mmbench.core.model import MODALITIES
from mmbench.core.requests import Choose, Embed, Generate, Request
from mmbench.core.responses import Output

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.float32]]

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Random:
    """Guess uniformly: a choice of the closed answer set (letters where there is none), a random unit vector."""

    version = "1"
    modalities = MODALITIES

    def __init__(self, dim: int = 64) -> None:
        self.dim = dim

    def generate(self, requests: Sequence[Generate]) -> list[str]:
        """A uniformly drawn choice, or eight letters where any text may be an answer."""
        return [self._text(request) for request in requests]

    def _text(self, request: Generate) -> str:
        draw = random.Random(request.seed)
        return draw.choice(request.choices) if request.choices else "".join(draw.choices(_LETTERS, k=8))

    def choose(self, requests: Sequence[Choose]) -> list[list[float]]:
        """Uniform scores in [0, 1)."""
        return [[draw.random() for _ in r.choices] for r in requests for draw in [random.Random(r.seed)]]

    def embed(self, requests: Sequence[Embed]) -> Array:
        """float32 [n, dim]: directions uniform on the sphere, drawn for each request by its id."""
        import numpy as np

        rows = [
            np.random.default_rng(derive_seed(request.seed, request.id)).standard_normal(self.dim)
            for request in requests
        ]
        return np.asarray(rows, dtype=np.float32)


class Constant:
    """Say the same to everything: one text, equal scores for all choices, one vector."""

    version = "1"
    modalities = MODALITIES

    def __init__(self, text: str = "yes") -> None:
        self.text = str(text)

    def generate(self, requests: Sequence[Generate]) -> list[str]:
        """The constant text."""
        return [self.text] * len(requests)

    def choose(self, requests: Sequence[Choose]) -> list[list[float]]:
        """Zero for every choice: a tie, which scores its expected value."""
        return [[0.0] * len(request.choices) for request in requests]

    def embed(self, requests: Sequence[Embed]) -> Array:
        """float32 [n, 8], all ones."""
        import numpy as np

        return np.ones((len(requests), 8), dtype=np.float32)


class Oracle:
    """Give the right answer, as the task itself solves it: scores below 100 % show a fault of the task."""

    version = "1"
    modalities = MODALITIES

    def __init__(self) -> None:
        self._solve: Callable[[Request], Output] | None = None

    def reveal(self, solve: Callable[[Request], Output]) -> None:
        """Receive the solutions; the runner calls this on no other model."""
        self._solve = solve

    def _answer(self, request: Request) -> Output:
        if self._solve is None:
            raise UsageError("the oracle answers only inside a run, where the task gives it the solutions")
        return self._solve(request)

    def generate(self, requests: Sequence[Generate]) -> list[Any]:
        """The task's own answers."""
        return [self._answer(request) for request in requests]

    def choose(self, requests: Sequence[Choose]) -> list[Any]:
        """1 for a right choice, 0 for a wrong one."""
        return [self._answer(request) for request in requests]

    def embed(self, requests: Sequence[Embed]) -> list[Any]:
        """Vectors that rank every positive first."""
        return [self._answer(request) for request in requests]


def reveal_to(model: object, solver: Callable[[], Callable[[Request], Output]]) -> None:
    """Make the solver and give it to the oracle; do nothing for any other model."""
    if isinstance(model, Oracle):
        model.reveal(solver())
