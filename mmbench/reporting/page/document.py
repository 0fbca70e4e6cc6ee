"""Assemble an HTML page: template, styles, scripts and data, under a content security policy that names them by digest."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import msgspec

from mmbench.core.visible import visible
from mmbench.reporting.table import Cell, Column, Table

if TYPE_CHECKING:
    from jinja2 import Template

    from mmbench.reporting.page.contents import PageContents

_UPWARDS = ("rank",)
"""Headings of numbers that are sorted from the smallest first."""

_STYLES = ("base.css",)
_REPORT_STYLES = ("base.css", "shell.css", "leaderboard.css", "plots.css", "samples.css")
_SCRIPTS = ("tables.js",)
_REPORT_SCRIPTS = (
    "vendor/preact.js",
    "vendor/preact-hooks.js",
    "vendor/htm.js",
    "shell.js",
    "axes.js",
    "tables.js",
    "leaderboard.js",
    "tradeoffs.js",
    "slices.js",
    "errors.js",
    "numbers.js",
    "origins.js",
    "samples-data.js",
    "samples-address.js",
    "samples-live.js",
    "samples-filter.js",
    "samples-words.js",
    "samples-list.js",
    "samples-detail.js",
    "samples.js",
    "start.js",
)
"""Files in ``assets/`` that go into a page, in this order; ``start.js`` comes after all views."""


@dataclass(frozen=True, slots=True)
class DataBlock:
    """Large data that a view of the report reads, compressed."""

    kind: str
    """Which view reads it, such as ``samples``."""
    name: str
    """What it holds: for samples the task's full name."""
    data: bytes
    """gzip of UTF-8 text, made without a time so that the same data give the same bytes."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """What a view must know before it inflates the data, as JSON."""


def tables_html(tables: Iterable[Table], title: str = "mmbench report") -> str:
    """Write tables as a whole HTML page. Headings sort their table; without JavaScript the tables stand as they are."""
    return _page(title, tables, _STYLES, _SCRIPTS)


def report_html(
    title: str, tables: Iterable[Table], contents: PageContents, blocks: Sequence[DataBlock] = (), *, live: bool = False
) -> str:
    """Write the report: views over `contents` and `blocks`, and the tables, which are also there without JavaScript.

    Args:
        title: The title of the page.
        tables: Tables that stand in the page as HTML.
        contents: What the views draw, made by `mmbench.reporting.page.contents`.
        blocks: Large data of single views.
        live: Whether a server of ours gives it to the browser: then the page may fetch from that, and from nowhere else.
    """
    return _page(title, tables, _REPORT_STYLES, _REPORT_SCRIPTS, contents, blocks, live=live)


def _page(
    title: str,
    tables: Iterable[Table],
    styles: Sequence[str],
    scripts: Sequence[str],
    contents: PageContents | None = None,
    blocks: Sequence[DataBlock] = (),
    *,
    live: bool = False,
) -> str:
    style, script = "".join(map(_asset, styles)), _joined(scripts)
    return _template().render(
        title=visible(title),
        policy="; ".join(
            [
                "default-src 'none'",
                f"style-src '{_digest(style)}'",
                f"script-src '{_digest(script)}'",
                *(["img-src 'self'", "connect-src 'self'"] if live else ["img-src data: blob:"] if blocks else []),
                "base-uri 'none'",
                "form-action 'none'",
            ]
        ),
        style=style,
        script=script,
        contents=None if contents is None else inert_json(contents),
        blocks=[
            (block, msgspec.json.encode(block.about).decode(), base64.b64encode(block.data).decode())
            for block in blocks
        ],
        tables=tables,
        cells=_cells,
        heading=_heading,
    )


def inert_json(document: Any) -> str:
    """JSON for a script element, in which nothing can end the element."""
    text = msgspec.json.encode(document).decode()
    for mark in "<>&\u2028\u2029":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text


@cache
def _template() -> Template:
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    return environment.from_string(_asset("page.html.j2"))


def _asset(name: str) -> str:
    return files("mmbench.reporting.page").joinpath("assets", *name.split("/")).read_text(encoding="utf-8")


def _joined(names: Iterable[str]) -> str:
    """The scripts as one. Each is a block of its own, so that their names cannot meet; libraries define globals."""
    return "".join(f"{_asset(name)}\n" if name.startswith("vendor/") else f"{{\n{_asset(name)}}}\n" for name in names)


def _digest(text: str) -> str:
    """What a content security policy calls an inline style or script by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _heading(column: Column, text: str) -> dict[str, Any]:
    return {"text": text, "number": column.align == "right", "upwards": column.title in _UPWARDS}


def _cells(table: Table, row: Sequence[Cell]) -> list[dict[str, Any]]:
    """What the template needs of the cells of a row."""
    found = []
    for cell, column in zip(row, table.columns, strict=True):
        number = cell.low if cell.value is None else cell.number
        note = "; ".join(filter(None, (cell.note, ", ".join(cell.runs))))
        found.append(
            {
                "text": str(cell),
                "number": column.align == "right",
                "value": None if number is None else repr(number),
                "note": visible(note),
                "best": "best" in cell.marks,
            }
        )
    return found
