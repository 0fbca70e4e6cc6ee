"""The one model of a table that every renderer draws."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Column:
    """One column."""

    title: str
    """Its heading."""
    align: Literal["left", "right"] = "right"
    """Numbers stand right, names left."""


@dataclass(frozen=True, slots=True)
class Table:
    """Headings, rows of text, and sentences below."""

    columns: tuple[Column, ...]
    """[c] the columns."""
    rows: tuple[tuple[str, ...], ...]
    """[r][c] the cells, as text for people."""
    breaks: frozenset[int] = frozenset()
    """Rows that begin a new group; renderers that can, draw a line above them."""
    notes: tuple[str, ...] = field(default=())
    """What has to be said beside the numbers."""
    title: str = ""
    """What stands above it; empty where there is one table alone."""
