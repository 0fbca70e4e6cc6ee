"""Splits by group that do not depend on order, machine or what else there is."""

from __future__ import annotations

from collections.abc import Sequence

from mmbench.core import derive_seed


def held_out(group: str, fraction: float, seed: int = 0) -> bool:
    """Whether a group belongs to the held-out part, which gets `fraction` (0 to 1) of all groups on average.

    Decided by a hash of the group's name and the seed alone, so that adding data moves no group.
    """
    return derive_seed("split", seed, group) < fraction * 2.0**63


def split_by_group(groups: Sequence[str], fraction: float, seed: int = 0) -> tuple[list[int], list[int]]:
    """Positions of the kept and of the held-out items, each in ascending order; whole groups only.

    Parameters: `groups`, the group of every item; `fraction` (0 to 1) of the groups to hold out, on average.
    """
    out = {group for group in set(groups) if held_out(group, fraction, seed)}
    kept = [position for position, group in enumerate(groups) if group not in out]
    return kept, [position for position, group in enumerate(groups) if group in out]
