"""Tables as GitHub-flavoured Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from mmbench.report.summary import interval, number, summary_table
from mmbench.report.table import Table
from mmbench.results.view import RunView


def table_markdown(table: Table) -> str:
    """A pipe table and its notes. Whatever could break out of a cell is escaped."""
    head = "| " + " | ".join(_cell(column.title) for column in table.columns) + " |"
    rule = "|" + "|".join("---:" if column.align == "right" else ":---" for column in table.columns) + "|"
    rows = ["| " + " | ".join(_cell(text) for text in row) + " |" for row in table.rows]
    notes = [f"- {_cell(note)}" for note in table.notes]
    return "\n".join([head, rule, *rows, *(["", *notes] if notes else []), ""])


def _cell(text: str) -> str:
    flat = " ".join(text.split())
    return flat.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "\\`")


def run_markdown(views: Sequence[RunView], tasks: list[str] | None = None) -> str:
    """The main table of runs; for a single run also its identity, its machine and the values per slice."""
    text = table_markdown(summary_table(views, tasks))
    if len(views) != 1:
        return text
    view = views[0]
    run = view.run
    here = run.machine
    facts = [
        f"# {run.model.name}",
        "",
        f"Status **{run.status}** · model {run.model.reference} · seed {run.seed} · mmbench {run.mmbench_version}  ",
        f"{here.cpu} × {here.cpus} · {here.accelerator or 'no accelerator'} · {here.platform} · Python {here.python}",
        "",
        "",
    ]
    return "\n".join(facts) + text + "".join(_slices(view, name) for name in view.scores)


def _slices(view: RunView, task: str) -> str:
    scores = view.scores[task]
    lines: list[str] = []
    for name, labels in scores.slices.items():
        lines += ["", f"## {task} by {name}", "", f"| {_cell(name)} | metric | value | 95 % interval | n |"]
        lines.append("|:---|:---|---:|---:|---:|")
        for label, values in sorted(labels.items()):
            lines += [
                f"| {_cell(label)} | {value.id} | {number(value.value, value.scale)} | {interval(value)} | {value.n:,} |"
                for value in values
                if value.id in scores.primary
            ]
    return "\n".join(lines) + "\n" if lines else ""
