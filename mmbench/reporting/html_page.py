"""Tables as one HTML page that needs nothing else: no network, no other file, and no JavaScript but to sort."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable
from importlib.resources import files

from mmbench.core.visible import visible
from mmbench.reporting.table import Cell, Column, Table

_UPWARDS = ("rank",)
"""Headings of numbers that are sorted from the smallest first."""


def tables_html(tables: Iterable[Table], title: str = "mmbench report") -> str:
    """A whole HTML page, with tables that can be sorted.

    Everything that is not from here is escaped, and the page's policy lets no other script run.

    Headings sort their table by click or key; without JavaScript the tables stand as they are. It follows the reader's choice
    of dark or light, and tables scroll sideways on a narrow screen, with their first column in place. Long tables in detail are folded.
    """
    title = visible(title)
    style, script = _part("page.css"), _part("page.js")
    policy = f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; base-uri 'none'"
    head = [
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_text(title)}</title>",
        f"<style>{style}</style>",
        "</head>",
        "<body>",
        f"<h1>{_text(title)}</h1>",
    ]
    return "\n".join([*head, *map(_section, tables), f"<script>{script}</script>", "</body>", "</html>", ""])


def _part(name: str) -> str:
    return files("mmbench.reporting").joinpath("page", name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """What a content security policy calls an inline style or script by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _section(table: Table) -> str:
    name = _text(table.heading or "Table", quote=True)
    lines = ["<section>"]
    if table.title:
        lines.append(f"<h2><bdi>{_text(table.heading)}</bdi></h2>")
    if table.is_folded:
        lines += ["<details>", f"<summary>{len(table.rows):,} rows</summary>"]
    lines += [f'<div class="scroll" role="region" tabindex="0" aria-label="{name}">', "<table>", "<thead>", "<tr>"]
    lines += [_heading(column, text) for column, text in zip(table.columns, table.headings, strict=True)]
    lines += ["</tr>", "</thead>", "<tbody>"]
    for place, row in enumerate(table.cells):
        if place and place in table.breaks:
            lines += ["</tbody>", "<tbody>"]
        cells = [
            _cell(cell, column, is_name=n == 0) for n, (cell, column) in enumerate(zip(row, table.columns, strict=True))
        ]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    lines += ["</tbody>", "</table>", "</div>"]
    if table.said:
        lines += ['<ul class="notes">', *(f"<li>{_text(note)}</li>" for note in table.said), "</ul>"]
    if table.is_folded:
        lines.append("</details>")
    return "\n".join([*lines, "</section>"])


def _heading(column: Column, text: str) -> str:
    kind = ' class="n"' if column.align == "right" else ""
    first = ' data-first="up"' if column.title in _UPWARDS else ""
    return f'<th scope="col"{kind}{first}><bdi>{_text(text)}</bdi></th>'


def _cell(cell: Cell, column: Column, *, is_name: bool) -> str:
    number = cell.low if cell.value is None else cell.number
    attributes = ' class="n"' if column.align == "right" else ""
    if number is not None:
        attributes += f' data-v="{number!r}"'
    told = "; ".join(filter(None, (cell.note, ", ".join(cell.runs))))
    if told:
        attributes += f' title="{_text(visible(told), quote=True)}"'
    text = f"<bdi>{_text(str(cell))}</bdi>" if cell else ""
    if "best" in cell.marks:
        text = f"<strong>{text}</strong>"
    return f'<th scope="row"{attributes}>{text}</th>' if is_name else f"<td{attributes}>{text}</td>"


def _text(text: str, *, quote: bool = False) -> str:
    return html.escape(text, quote=quote)
