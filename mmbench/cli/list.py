"""``mmbench list``: what is registered, without importing it."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import asdict, is_dataclass
from json import dumps
from typing import Any

import click

from mmbench import registry
from mmbench.cli.options import Command, options
from mmbench.core.errors import MmbenchError, PluginError, plugin_failed
from mmbench.core.visible import visible

_KINDS: dict[str, registry.Kind] = {f"{kind}s": kind for kind in registry.GROUPS}

_CARD = ("name", "formula", "reference", "parameters", "sizes", "closed_form", "additive")
"""What a row of ``mmbench list baselines`` has at least."""

_WIDEST = 120
"""Text is broken into lines of at most this many characters."""


@click.command(
    cls=Command,
    epilog="""\b
Examples:
  mmbench list tasks
  mmbench list models --check      # import each one in a process of its own; show what is broken
  mmbench list baselines           # formula, reference, parameters, additive or not
  mmbench list suites              # models and tasks under one name, for mmbench run --suite
  mmbench list metrics --json
  mmbench list extractors          # what each accepts, for --task-args extractor=NAME
  mmbench list datasets            # samples, licence, where the data are, pinned or not; all facts with --json
""",
)
@click.argument("what", type=click.Choice(list(_KINDS)))
@click.option("--check", is_flag=True, help="Import every plug-in in a process of its own.")
@options("json")
def command(what: str, check: bool, json: bool) -> int:
    """List what is registered; no task, model or data set is imported unless --check is given."""
    rows = _rows(what, check=check)
    if json:
        click.echo(dumps({what: rows}))
    else:
        shown = {
            "suites": _suites_text,
            "baselines": _baselines_text,
            "metrics": _metrics_text,
            "extractors": _extractors_text,
            "datasets": _datasets_text,
        }.get(what, _table)
        rows = [_visible(row) for row in rows]
        click.echo(shown(rows) if rows else f"no {what} are registered")
    return 2 if check and any(row.get("broken") for row in rows) else 0


def _visible(value: Any) -> Any:
    """A row whose texts can be printed, whatever a plug-in says of itself."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return {name: _visible(each) for name, each in value.items()}
    return [_visible(each) for each in value] if isinstance(value, list | tuple) else value


def _rows(what: str, *, check: bool) -> list[dict[str, Any]]:
    if what == "metrics":
        return _read("metric", _metric)
    if what == "extractors":
        return _read("extractor", _extractor)
    if what == "suites":
        return _read("suite", _suite)
    if what == "baselines":
        return _read("baseline", _cards)
    if what == "datasets" and not check:
        return _datasets()
    return _plugins(_KINDS[what], check=check)


def _datasets() -> list[dict[str, Any]]:
    """The facts of all datasets, and whether the hub's cache holds something of them (``here``)."""
    from mmbench.data.hf_home import is_held

    rows = registry.dataset_facts()
    return [{**row, "here": bool(row.get("hub")) and is_held(row["hub"], row["revision"])} for row in rows]


def _plugins(kind: registry.Kind, *, check: bool) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    plugins = registry.plugins(kind)
    found = registry.check(plugins) if check else [None] * len(plugins)
    for plugin, problem in zip(plugins, found, strict=True):
        description, broken = registry.describe(plugin)
        broken = problem if check else broken
        rows.append({"name": plugin.name, "description": description, "from": plugin.distribution, "broken": broken})
    return rows


def _read(kind: registry.Kind, rows_of: Callable[[str], Iterable[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The rows of plug-ins that say what they are; one that is broken is a row that says so."""
    rows: list[dict[str, Any]] = []
    for plugin in registry.plugins(kind):
        origin = {"from": plugin.distribution}
        try:
            rows += [{**row, **origin, "broken": None} for row in rows_of(plugin.name)]
        except MmbenchError as error:
            rows.append({"name": plugin.name, "description": "", **origin, "broken": str(error)})
    return rows


def _metric(name: str) -> Iterable[dict[str, Any]]:
    from mmbench.metrics.registered import maker_named

    maker = maker_named(name)
    return [
        {
            "name": name,
            "id": maker.pattern,
            "description": maker.description,
            "formula": maker.formula,
            "direction": "higher is better" if maker.higher_is_better else "lower is better",
            "range": maker.range,
            "source": maker.source,
        }
    ]


def _extractor(name: str) -> Iterable[dict[str, Any]]:
    from mmbench.extract import extractor_named

    found = extractor_named(name)
    examples = [
        {"text": text, "choices": None if choices is None else list(choices), "answer": answer}
        for text, choices, answer in found.examples
    ]
    return [
        {
            "name": name,
            "version": found.version,
            "description": found.description,
            "reads": found.reads,
            "needs_choices": found.needs_choices,
            "examples": examples,
        }
    ]


def _suite(name: str) -> Iterable[dict[str, Any]]:
    from mmbench.resolve.suites import find_suite

    return [{"name": name, **asdict(find_suite(name))}]


def _cards(name: str) -> Iterable[dict[str, Any]]:
    what = f"baselines of {name!r}"
    listed = registry.load(registry.find("baseline", name))
    try:
        rows = list(listed())
    except MmbenchError:
        raise
    except Exception as error:
        raise plugin_failed(f"{what} cannot be listed", error) from error
    for row in rows:
        missing = [field for field in _CARD if not hasattr(row, field)]
        if missing or not is_dataclass(row) or isinstance(row, type):
            raise PluginError(f"{what}: expected dataclasses with {', '.join(_CARD)}; one lacks {', '.join(missing)}")
    return [asdict(row) for row in rows]


def _table(rows: list[dict[str, Any]]) -> str:
    names = [row["name"] for row in rows]
    width = max(map(len, names))
    columns = shutil.get_terminal_size((100, 24)).columns
    lines: list[str] = []
    for name, row in zip(names, rows, strict=True):
        said = row["description"] if not row.get("broken") else _broken(row)
        tail = f"  ({row['from']})"
        line = f"{name:<{width}}  {said}"
        fits = len(click.unstyle(line)) + len(tail) <= columns
        lines.append(line + tail if fits else line)
        if not fits:
            lines.append(" " * width + tail)
    return "\n".join(lines)


def _broken(row: dict[str, Any]) -> str:
    return click.style(f"broken: {row['broken']}", fg="red")


def _suites_text(rows: list[dict[str, Any]]) -> str:
    def said(row: dict[str, Any]) -> list[str]:
        tasks = ", ".join(row["tasks"]) or "those of --tasks"
        return [row["description"], f"models: {', '.join(row['models'])}", f"tasks: {tasks}"]

    return _blocks(rows, said)


def _metrics_text(rows: list[dict[str, Any]]) -> str:
    texts = []
    for row in rows:
        facts = f"{row.get('direction')} · {row.get('range')} · {row['from']}"
        lines = [_broken(row)] if row.get("broken") else [row["description"], row["formula"], row["source"], facts]
        folded = [line for text in lines for line in textwrap.wrap(text, max(20, _columns() - 2)) or [text]]
        texts += [row.get("id", row["name"]), *(f"  {line}" for line in folded)]
    return "\n".join(texts)


def _extractors_text(rows: list[dict[str, Any]]) -> str:
    def said(row: dict[str, Any]) -> list[str]:
        needs = "needs choices · " if row["needs_choices"] else ""
        return [row["description"], f"version {row['version']} · finds a {row['reads']} · {needs}{row['from']}"]

    return _blocks(rows, said)


def _datasets_text(rows: list[dict[str, Any]]) -> str:
    """A line a dataset, then why some are not pinned."""
    cells = [("dataset", "samples", "size", "licence", "data", "here", "verified")]
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if row["broken"]:
            cells.append((row["name"], "", "", _broken(row), "", "", ""))
            continue
        if row["unpinned"]:
            reasons.setdefault(row["unpinned"], []).append(row["name"])
        count = f"{row['samples']:,}" if row["samples"] else "?"
        here, verified = "yes" if row["here"] else "-", "yes" if row["verified"] else "-"
        cells.append((row["name"], count, row["size"] or "-", row["licence"], _data_of(row), here, verified))
    widths = [max(len(click.unstyle(line[n])) for line in cells) for n in range(len(cells[0]))]
    lines = [
        "  ".join(cell.rjust(width) if n in (1, 2) else cell.ljust(width) for n, (cell, width) in enumerate(zip(line, widths, strict=True))).rstrip()
        for line in cells
    ]  # fmt: skip
    foot = [f"not pinned ({reason}): {', '.join(names)}" for reason, names in reasons.items()]
    foot.append(
        "here: the hub's cache on this machine has it. Official files: --data NAME=FOLDER. What was verified, citations and published values: "
        "mmbench list datasets --json"
    )
    return "\n".join([*lines, "", *(line for text in foot for line in textwrap.wrap(text, _columns()))])


def _data_of(row: dict[str, Any]) -> str:
    """Where the data are given out."""
    found = (
        [] if not row["hub"] else ["hub, gated" if row["gated"] else "hub, not pinned" if row["unpinned"] else "hub"]
    )
    return ", ".join([*found, *(["official files"] if row["url"] else [])]) or "package"


def _baselines_text(rows: list[dict[str, Any]]) -> str:
    def said(row: dict[str, Any]) -> list[str]:
        additive = "additive" if row["additive"] else "not additive"
        lines = [row["formula"], row["reference"], row.get("note", "")]
        return [*lines, f"{additive} · {row['parameters']:,} parameters · closed form {row['closed_form']}"]

    sizes: dict[str, int] = next((row["sizes"] for row in rows if not row.get("broken")), {})
    stated = ", ".join(f"{name} {value}" for name, value in sizes.items())
    foot = (
        f"Parameters: encoders, fusion and head (or decoder), at {stated}. Closed form: parameters of the fusion or decoder "
        "alone; k: number of modalities; d, o: width of what goes in and comes out; v: vocabulary; the rest are its "
        "options. Additive: the scores are a sum of functions of one modality each."
    )
    return "\n".join([_blocks(rows, said), "", *textwrap.wrap(foot, _columns())])


def _blocks(rows: list[dict[str, Any]], said: Callable[[dict[str, Any]], list[str]]) -> str:
    """A few lines a row, the name beside the first."""
    width = max(len(row["name"]) for row in rows) + 2
    lines: list[str] = []
    for row in rows:
        texts = [_broken(row)] if row.get("broken") else [text for text in said(row) if text]
        folded = [line for text in texts for line in textwrap.wrap(text, max(20, _columns() - width)) or [text]]
        lines += [f"{row['name'] if n == 0 else '':<{width}}{line}" for n, line in enumerate(folded)]
    return "\n".join(lines)


def _columns() -> int:
    return min(_WIDEST, shutil.get_terminal_size((100, 24)).columns)
