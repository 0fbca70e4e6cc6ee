"""What endpoints charge, from ``[prices."MODEL"]`` in mmbench.toml. Prices are no part of a run's identity."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmbench.core.errors import UsageError

FILE = "mmbench.toml"
"""Where prices are looked for, in the working directory."""


@dataclass(frozen=True, slots=True)
class Price:
    """What an endpoint charges."""

    input: float
    """US dollars for a million tokens read."""
    output: float
    """US dollars for a million tokens written."""

    def cost(self, read: int | None, written: int | None) -> float | None:
        """US dollars for so many tokens; None where they were not counted."""
        return None if read is None or written is None else (read * self.input + written * self.output) / 1e6


def price_of(model: str, path: Path | None = None) -> Price | None:
    """The price of a model; None where there is none. Raises `UsageError` where a table of prices is none.

    All tables are checked: ``[prices.gpt-4.1]`` without quotes is a table in a table, and would never be found.
    """
    file = path or Path(FILE)
    if not file.is_file():
        return None
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8")).get("prices", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise UsageError(f"{file} cannot be read: {error}") from error
    if not isinstance(tables, dict):
        raise UsageError(f'{file}: prices is no table; expected [prices."MODEL"]')
    prices = {name: _price(file, name, table) for name, table in tables.items()}
    return prices.get(model)


def _price(file: Path, name: str, table: Any) -> Price:
    if not isinstance(table, dict) or set(table) != {"input", "output"} or not all(map(_is_price, table.values())):
        raise UsageError(
            f'{file}, [prices."{name}"]: expected input = … and output = …, US dollars for a million tokens, '
            "with the whole name of the model in quotes"
        )
    return Price(float(table["input"]), float(table["output"]))


def _is_price(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")
