"""The formats of a report by the names that users type."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePath

from mmbench.core.errors import UnknownNameError
from mmbench.reporting.csv_file import tables_csv
from mmbench.reporting.html_page import tables_html
from mmbench.reporting.json_document import tables_json
from mmbench.reporting.latex import tables_latex
from mmbench.reporting.markdown import tables_markdown
from mmbench.reporting.table import Table

RENDERERS: dict[str, Callable[[Sequence[Table]], str]] = {
    "md": tables_markdown,
    "csv": tables_csv,
    "tex": tables_latex,
    "html": tables_html,
    "json": tables_json,
}
"""Name of a format, which is also the ending of its files, to what renders it."""


def format_of(path: PurePath) -> str:
    """The format that a file's ending names. Raises `UnknownNameError` for another one."""
    name = path.suffix.lower().removeprefix(".")
    if name not in RENDERERS:
        hint = f"Name the format with --format {'|'.join(RENDERERS)}, or end the file's name with one of them."
        raise UnknownNameError("format of", path.name, (), hint=hint)
    return name
