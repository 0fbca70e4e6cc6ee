"""Tables as LaTeX, in the style of booktabs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from mmbench.reporting.table import Cell, Table

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "'": r"\textquotesingle{}",
    "`": r"\textasciigrave{}",
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    "…": r"\ldots{}",
    "·": r"\textperiodcentered{}",
    "•": r"\textbullet{}",
    "†": r"\textsuperscript{\dag}",
    "‡": r"\textsuperscript{\ddag}",
    "×": r"\(\times\)",
    "±": r"\(\pm\)",
    "Δ": r"\(\Delta\)",
    "≤": r"\(\leq\)",
    "≥": r"\(\geq\)",
    "→": r"\(\rightarrow\)",
    "µ": r"\textmu{}",
    "°": r"\textdegree{}",
}
"""Characters that mean something to LaTeX, and those beyond ASCII that its standard fonts have as commands."""

_LAST_KNOWN = "\u017f"
"""Letters up to here (Latin-1 and Latin Extended-A) are known to every LaTeX; others are named by their number."""

_UNKNOWN = "\u0126\u0127\u0138\u013f\u0140\u0149\u0166\u0167\u017f"
"""The letters among them that the encoding T1 does not have."""

_MINUS = re.compile(r"^-(?=[0-9])")

_LIGATURE = re.compile(r"([-,])(?=\1)")
"""Two of these in a row would be set as another character."""

_ROWS = 45
"""Rows of a table that fit on a page."""

_NEEDS = "% \\usepackage[T1]{fontenc} \\usepackage{textcomp} \\usepackage{booktabs}\n"


def tables_latex(tables: Iterable[Table]) -> str:
    r"""LaTeX: a ``table`` environment each, ready for ``\input``: captions above, notes below, everything escaped."""
    return _NEEDS + "\n".join(_table(part) for table in tables for part in _pages(table))


def _pages(table: Table) -> list[Table]:
    """A table in parts that fit on a page, as a ``table`` environment must; notes stand below the last."""
    if len(table.rows) <= _ROWS:
        return [table]
    starts = range(0, len(table.rows), _ROWS)
    return [
        replace(
            table,
            rows=table.rows[start : start + _ROWS],
            breaks=frozenset(place - start for place in table.breaks if start < place < start + _ROWS),
            notes=table.notes if start == starts[-1] else (),
            title=f"{table.title}{' (continued)' if start else ''}",
        )
        for start in starts
    ]


def _table(table: Table) -> str:
    columns = "".join("r" if column.align == "right" else "l" for column in table.columns)
    lines = [r"\begin{table}", r"\centering"]
    if table.title:
        lines.append(rf"\caption{{{latex_escaped(table.heading)}}}")
    lines += [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", _line(map(latex_escaped, table.headings)), r"\midrule"]
    for place, row in enumerate(table.cells):
        if place in table.breaks and place:
            lines.append(r"\midrule")
        lines.append(_line(map(_cell, row)))
    lines += [r"\bottomrule", r"\end{tabular}"]
    if table.said:
        notes = [rf"\par\smallskip {latex_escaped(note)}" for note in table.said]
        lines += [r"\begin{minipage}{\linewidth}\footnotesize", *notes, r"\end{minipage}"]
    return "\n".join([*lines, r"\end{table}", ""])


def _line(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _cell(cell: Cell) -> str:
    text = _MINUS.sub(r"\\(-\\)", latex_escaped(str(cell)))
    return rf"\textbf{{{text}}}" if "best" in cell.marks else text


def latex_escaped(text: str) -> str:
    r"""Text that LaTeX sets as it is.

    >>> print(latex_escaped("50 % of a_b & {c}"))
    50 \% of a\_b \& \{c\}
    """
    known = "".join(_SPECIAL.get(each) or (each if _is_known(each) else f"(U+{ord(each):04X})") for each in text)
    return _LIGATURE.sub(r"\g<1>{}", known).replace("–", "--").replace("—", "---")


def _is_known(each: str) -> bool:
    return each in "–—" or (each <= _LAST_KNOWN and each not in _UNKNOWN)
