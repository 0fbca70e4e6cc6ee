"""Tables as GitHub-flavoured Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from mmbench.report.comparison import comparison_tables
from mmbench.report.summary import summary_table
from mmbench.report.table import Table
from mmbench.report.text import interval, number
from mmbench.results.seeds import SeedGroup
from mmbench.results.view import RunView

MANY = 3
"""Of more models than this the comparison is shown first."""


def table_markdown(table: Table) -> str:
    """A pipe table, its title above and its notes below. Whatever could break out of a cell is escaped."""
    title = [f"## {_cell(table.title)}", ""] if table.title else []
    head = "| " + " | ".join(_cell(column.title) for column in table.columns) + " |"
    rule = "|" + "|".join("---:" if column.align == "right" else ":---" for column in table.columns) + "|"
    rows = ["| " + " | ".join(_cell(text) for text in row) + " |" for row in table.rows]
    notes = [f"- {_cell(note)}" for note in table.notes]
    return "\n".join([*title, head, rule, *rows, *(["", *notes] if notes else []), ""])


def _cell(text: str) -> str:
    flat = " ".join(text.split())
    return flat.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "\\`")


def comparison_markdown(groups: Sequence[SeedGroup], tasks: Sequence[str] | None = None) -> str:
    """A table for each task, models as rows."""
    return "\n".join(table_markdown(table) for table in comparison_tables(groups, tasks))


def run_markdown(groups: Sequence[SeedGroup], tasks: Sequence[str] | None = None) -> str:
    """The main table; before it the comparison of many models; around it, for a single run, its identity and slices."""
    text = table_markdown(summary_table(groups, tasks))
    if len(groups) > MANY:
        return f"{comparison_markdown(groups, tasks)}\n## Every metric\n\n{text}"
    if len(groups) != 1 or groups[0].several:
        return text
    view = groups[0].runs[0]
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
