"""Bring metrics to one scale before they are averaged: an affine map for each, chosen by name."""

from __future__ import annotations

from typing import Literal, NamedTuple

Rescaling = Literal["same", "range", "chance"]
"""``same``: nothing is changed, and only one metric of one range is averaged; ``range``: from 0 at the worse end of a metric's
natural range to 1 at the better one; ``chance``: from 0 at what guessing gets to 1 at the better end."""

RESCALINGS: tuple[Rescaling, ...] = ("same", "range", "chance")
"""All of them."""


class Scale(NamedTuple):
    """What metrics must share to be averaged as they are."""

    factor: float
    """What tables multiply by."""
    higher_is_better: bool
    """Direction."""
    bounds: tuple[float | None, float | None] | None
    """The natural range; None where it is not written down."""
    name: str = ""
    """The metric's name without its parameters; empty where values are rescaled."""

    def __str__(self) -> str:
        ends = "an unknown range" if self.bounds is None else "from {} to {}".format(*map(_end, self.bounds))
        direction = f"{'higher' if self.higher_is_better else 'lower'} is better"
        return f"{self.name}, {ends}, {direction}" if self.name else f"{ends}, {direction}"

    def averages_with(self, other: Scale) -> bool:
        """Whether values may be averaged as they are: one metric, one range, one direction."""
        same_range = self.bounds is None or other.bounds is None or self.bounds == other.bounds
        return (self.name, *self[:2]) == (other.name, *other[:2]) and same_range


def _end(bound: float | None) -> str:
    return "any number" if bound is None else f"{bound:g}"


class Affine(NamedTuple):
    """The map from a value to ``slope * value + offset``."""

    slope: float = 1.0
    """What values are multiplied by; negative where lower is better."""
    offset: float = 0.0
    """What is added."""

    def __call__(self, value: float) -> float:
        """Map one value."""
        return self.slope * value + self.offset


AS_IS = Affine()
"""The map that changes nothing."""

RESCALED = Scale(100.0, higher_is_better=True, bounds=None)
"""The scale of a mean of rescaled values: shown in per cent, the more the better."""


def affine(rescaling: Rescaling, scale: Scale, guess: float | None) -> Affine | None:
    """The map that brings a metric to the common scale.

    Args:
        rescaling: Which scale.
        scale: The metric's own.
        guess: What guessing gets, the better of chance and prior; None where unknown.

    Returns:
        The map; None where the metric cannot be brought there: an end of its range, or what guessing gets, is unknown, or the
        two are one number.

    >>> affine("range", Scale(1.0, True, (0.0, 200.0)), None)(150.0)
    0.75
    >>> affine("chance", Scale(100.0, True, (0.0, 1.0)), 0.5)(0.75)
    0.5
    >>> affine("chance", Scale(100.0, True, (0.0, 1.0)), None) is None
    True
    """
    if rescaling == "same":
        return AS_IS
    low, high = scale.bounds or (None, None)
    worst, best = (low, high) if scale.higher_is_better else (high, low)
    zero = guess if rescaling == "chance" else worst
    if zero is None or best is None or best == zero:
        return None
    slope = 1.0 / (best - zero)
    return Affine(slope, -zero * slope)
