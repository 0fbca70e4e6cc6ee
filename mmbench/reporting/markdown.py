"""Tables as GitHub-flavoured Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from mmbench.analysis.seeds import SeedGroup
from mmbench.core.visible import visible
from mmbench.reporting.load_tables import load_tables
from mmbench.reporting.summary import summary_table
from mmbench.reporting.table import Cell, Table

_MARKUP = re.compile(r"[\\|`*]|(?<=\])(?=[(\[:])|~(?=~)")
"""What is markup wherever it stands."""

_OUTER = re.compile(r"(?<![^\W_])_|_(?![^\W_])|^[#>+-](?=\s|$)")
"""What is markup at the edge of a word or of the line."""

MANY = 3
"""Of more models than this the comparison is shown first."""


def table_markdown(table: Table) -> str:
    """A pipe table, its title above and its notes below, folded away where it is long and in detail.

    Whatever could break out of a cell is escaped.
    """
    title = [f"## {escaped(table.heading)}", ""] if table.title else []
    head = "| " + " | ".join(map(escaped, table.headings)) + " |"
    rule = "|" + "|".join("---:" if column.align == "right" else ":---" for column in table.columns) + "|"
    rows = ["| " + " | ".join(map(_cell, row)) + " |" for row in table.cells]
    notes = [f"- {escaped(note)}" for note in table.said]
    body = [head, rule, *rows, *(["", *notes] if notes else [])]
    if table.is_folded:
        body = ["<details>", f"<summary>{len(rows):,} rows</summary>", "", *body, "", "</details>"]
    return "\n".join([*title, *body, ""])


def tables_markdown(tables: Iterable[Table]) -> str:
    """Markdown tables, one below the other."""
    return "\n".join(map(table_markdown, tables))


def _cell(cell: Cell) -> str:
    text = escaped(str(cell))
    return f"**{text}**" if "best" in cell.marks else text


def escaped(text: str) -> str:
    """Text in which GitHub finds no markup: no table, code, emphasis, link, picture, reference or HTML."""
    return _OUTER.sub(r"\\\g<0>", _MARKUP.sub(r"\\\g<0>", text.replace("&", "&amp;").replace("<", "&lt;")))


def _shown(text: str) -> str:
    return escaped(visible(text))


def run_markdown(groups: Sequence[SeedGroup], tasks: Sequence[str] | None = None) -> str:
    """The main table, and other metrics and slices; before it the comparison of many models, or the identity of a single run."""
    from mmbench.reporting.every_value import other_values
    from mmbench.reporting.task_tables import task_tables

    text = tables_markdown([summary_table(groups, tasks), *other_values(groups, tasks), *load_tables(groups, tasks)])
    if len(groups) > MANY:
        return f"{tables_markdown(task_tables(groups, tasks))}\n## Every metric\n\n{text}"
    if len(groups) != 1 or groups[0].several:
        return text
    run = groups[0].runs[0]
    here = run.record.machine
    version = _shown(f"mmbench {run.record.mmbench_version}")
    facts = [
        f"# {_shown(run.model.name)}",
        "",
        f"Status **{run.record.status}** · model {_shown(run.model.reference)} · seed {run.seed} · {version}  ",
        _shown(
            f"{here.cpu} × {here.cpus} · {here.accelerator or 'no accelerator'} · {here.platform} · Python {here.python}"
        ),
        "",
        "",
    ]
    return "\n".join(facts) + text
