"""``mmbench list``: what is registered, without importing it."""

from __future__ import annotations

import json
import shutil
from typing import Any, Literal

import click

from mmbench import registry

_PLUGINS: dict[str, registry.Kind] = {"tasks": "task", "models": "model", "datasets": "dataset"}


@click.command(
    epilog="""\b
Examples:
  mmbench list tasks
  mmbench list models --check      # import each one in a process of its own; show what is broken
  mmbench list metrics --json
"""
)
@click.argument("what", type=click.Choice(["tasks", "models", "metrics", "datasets"]))
@click.option("--check", is_flag=True, help="Import every plug-in in a process of its own.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def command(what: Literal["tasks", "models", "metrics", "datasets"], check: bool, as_json: bool) -> int:
    """List what is registered; nothing is imported unless --check is given."""
    rows = _metrics() if what == "metrics" else _plugins(_PLUGINS[what], check=check)
    if as_json:
        click.echo(json.dumps({what: rows}))
    else:
        click.echo(_table(what, rows))
    return 2 if check and any(row.get("broken") for row in rows) else 0


def _plugins(kind: registry.Kind, *, check: bool) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for plugin in registry.plugins(kind):
        description, broken = registry.describe(plugin)
        if plugin.duplicate_of:
            broken = f"also registered by {plugin.duplicate_of}"
        if check and broken is None:
            broken = registry.check(plugin)
        rows.append({"name": plugin.name, "description": description, "from": plugin.distribution, "broken": broken})
    return rows


def _metrics() -> list[dict[str, Any]]:
    from mmbench.metrics.catalog import CATALOG

    return [
        {
            "name": card.pattern,
            "description": card.description,
            "direction": "higher is better" if card.higher_is_better else "lower is better",
            "range": card.range,
            "from": card.reference,
        }
        for card in CATALOG
    ]


def _table(what: str, rows: list[dict[str, Any]]) -> str:
    if not rows:
        return f"no {what} are registered"
    width = max(len(row["name"]) for row in rows)
    columns = shutil.get_terminal_size((100, 24)).columns
    lines: list[str] = []
    for row in rows:
        said = row["description"] if not row.get("broken") else click.style(f"broken: {row['broken']}", fg="red")
        extra = [row[key] for key in ("direction", "range", "from") if row.get(key)]
        tail = f"  ({' · '.join(extra)})"
        line = f"{row['name']:<{width}}  {said}"
        fits = len(click.unstyle(line)) + len(tail) <= columns
        lines.append(line + tail if fits else line)
        if not fits:
            lines.append(" " * width + tail)
    return "\n".join(lines)
