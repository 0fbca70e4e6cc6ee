"""The one model of a table that every renderer draws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from mmbench.core.advice import without_advice
from mmbench.core.visible import visible

Mark = Literal["best", "incomplete", "invalid"]
"""``best``: it really leads; ``incomplete``: samples or seeds are missing; ``invalid``: not to be quoted."""

SIGNS: dict[Mark, str] = {"incomplete": "†", "invalid": "‡"}
"""What stands behind a marked cell; ``best`` is bold."""

LEGEND: dict[Mark, str] = {
    "best": "bold: it leads the others, chance and prior, beyond what other samples of the same kind would change",
    "incomplete": "†: samples or seeds of it failed or were not asked, so it covers less than the others",
    "invalid": "‡: measured under conditions that spoil it; not to be quoted",
}
"""What each mark means, for below the table."""

_LONG = 30
"""Rows of a table in detail above which a page folds it away."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in one place of a table: for people, and as full-precision numbers for programs."""

    display: str = ""
    """Text for people; empty where there is nothing to say."""
    value: float | int | str | None = None
    """The number behind it, in its natural range (0.863 where the display says 86.3); None where there is none."""
    low: float | None = None
    """Lower end of its 95 % interval or range, as `value`."""
    high: float | None = None
    """Upper end."""
    note: str | None = None
    """What must be known about this one cell; None where nothing."""
    runs: tuple[str, ...] = ()
    """Names of the runs that it comes from; empty where it comes from none, or from all of the row."""
    marks: frozenset[Mark] = frozenset()
    """What it is beside its value."""

    def __post_init__(self) -> None:
        for name in ("value", "low", "high"):
            if getattr(self, name) == 0.0:  # -0.0 is 0
                object.__setattr__(self, name, getattr(self, name) + 0)

    @property
    def number(self) -> float | int | None:
        """The value where it is a finite number; None else."""
        return self.value if isinstance(self.value, float | int) and math.isfinite(self.value) else None

    def __bool__(self) -> bool:
        """Whether it says anything."""
        return bool(self.display)

    def __str__(self) -> str:
        """The display, in one line, and the signs of its marks."""
        return f"{visible(self.display)}{''.join(sign for mark, sign in SIGNS.items() if mark in self.marks)}"


@dataclass(frozen=True, slots=True)
class Column:
    """One column."""

    title: str
    """Its heading."""
    align: Literal["left", "right"] = "right"
    """Numbers stand right, names left."""


@dataclass(frozen=True)
class Table:
    """Headings, rows of cells, and sentences below."""

    columns: tuple[Column, ...]
    """[c] the columns."""
    rows: Sequence[Sequence[Cell | str]]
    """[r][c] the cells as given; a text is a cell that has no number. Readers want `cells` or `texts`."""
    breaks: frozenset[int] = frozenset()
    """Rows that begin a new group; renderers that can, draw a line above them."""
    notes: tuple[str, ...] = field(default=())
    """What has to be said beside the numbers."""
    title: str = ""
    """What stands above it; empty where there is one table alone."""
    in_detail: bool = False
    """Whether it holds what other tables sum up, so that a terminal may leave it out and a page fold it away where it is long."""

    @classmethod
    def of(
        cls,
        titles: Sequence[str],
        rows: Sequence[Sequence[Cell | str]],
        *,
        left: int = 1,
        always: int = 99,
        **rest: Any,
    ) -> Table:
        """A table whose first `left` columns are of names.

        Of the columns after the first `always`, those that say nothing in any row are left out.
        """
        kept = [n for n in range(len(titles)) if n < always or any(row[n] for row in rows)]
        columns = tuple(Column(titles[n], "left" if n < left else "right") for n in kept)
        return cls(columns, tuple(tuple(row[n] for n in kept) for row in rows), **rest)

    @property
    def is_folded(self) -> bool:
        """Whether a page shows its title alone until somebody opens it."""
        return self.in_detail and len(self.rows) > _LONG

    @cached_property
    def cells(self) -> tuple[tuple[Cell, ...], ...]:
        """[r][c] the cells."""
        return tuple(tuple(Cell(cell) if isinstance(cell, str) else cell for cell in row) for row in self.rows)

    @cached_property
    def texts(self) -> tuple[tuple[str, ...], ...]:
        """[r][c] what people read, signs of marks included; safe to print."""
        return tuple(tuple(map(str, row)) for row in self.cells)

    @cached_property
    def headings(self) -> tuple[str, ...]:
        """[c] the titles of the columns, safe to print."""
        return tuple(visible(column.title) for column in self.columns)

    @cached_property
    def heading(self) -> str:
        """The title, safe to print."""
        return visible(self.title)

    @property
    def said(self) -> tuple[str, ...]:
        """The notes, and below them the meaning of every mark that occurs; safe to print."""
        return tuple(map(visible, self._said))

    @property
    def said_to_readers(self) -> tuple[str, ...]:
        """As `said`, without advice on what to type: for those who have the report alone."""
        return tuple(visible(without_advice(note)) for note in self._said)

    @cached_property
    def _said(self) -> tuple[str, ...]:
        found = {mark for row in self.cells for cell in row for mark in cell.marks}
        return (*self.notes, *(text for mark, text in LEGEND.items() if mark in found))
