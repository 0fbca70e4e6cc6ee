"""A fusion under test: built from a seed, and given random inputs in float64."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from mmbench_baselines.card import Sizes
from mmbench_baselines.encoded import Encoded

Factory = Callable[[Sizes], nn.Module]
"""Makes a fusion with fresh weights; a `Fusion` class is one."""

WIDTH = 8
"""Width of what comes in and of what goes out."""
ROWS = 6
"""Rows of the batches."""
CLOSE = 1e-9
"""Largest difference, relative to the largest output, that counts as none (float64)."""


class BrokenPromiseError(Exception):
    """A check failed. The text says what was found."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A fusion under test."""

    factory: Factory
    sizes: Sizes
    seed: int

    def build(self, seed: int = 0, modalities: tuple[str, ...] = ()) -> Any:
        """A fusion with its weights drawn from a seed, in evaluation mode, float64."""
        sizes = replace(self.sizes, modalities=modalities or self.sizes.modalities)
        with seeded(self.seed + seed):
            return self.factory(sizes).double().eval()

    def batch(self, seed: int = 1, rows: int = ROWS) -> dict[str, Encoded]:
        """Random inputs; every modality has its own number of tokens, the last of every second row is padding."""
        with seeded(self.seed + seed):
            made = {}
            for number, name in enumerate(self.sizes.modalities):
                mask = torch.ones(rows, 4 + number, dtype=torch.bool)
                mask[::2, -1] = False
                tokens = torch.randn(*mask.shape, WIDTH, dtype=torch.float64)
                made[name] = Encoded(tokens, torch.randn(rows, WIDTH, dtype=torch.float64), mask)
            return made

    def weighted_sum(self, output: Tensor) -> Tensor:
        """A scalar that every entry of an output enters with a weight of its own."""
        with seeded(self.seed + 4):
            return (output * torch.randn(output.shape, dtype=output.dtype)).sum()


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch's generator inside the block, and put it back afterwards."""
    state = torch.get_rng_state()
    torch.manual_seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(state)


def require_same(one: Tensor, other: Tensor, otherwise: str) -> None:
    """Raise `BrokenPromiseError` with this text where two outputs differ by more than rounding."""
    gap = (one - other).abs().max().item()
    if not gap <= CLOSE * max(1.0, other.abs().max().item()):
        raise BrokenPromiseError(f"{otherwise} (by {gap:.1e})")
