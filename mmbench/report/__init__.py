"""Tables of runs: one model of a table, several renderers; and reports with ranks, from Python as from the command line.

``make_report(runs, options=Options(…))`` is ``mmbench report``; `Report.tables` go to any of the `RENDERERS`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmbench.report.build import Options, Report, make_report
    from mmbench.report.formats import RENDERERS

__all__ = ["RENDERERS", "Options", "Report", "make_report"]

_WHERE = {
    "Options": "mmbench.report.build",
    "Report": "mmbench.report.build",
    "make_report": "mmbench.report.build",
    "RENDERERS": "mmbench.report.formats",
}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'mmbench.report' has no attribute {name!r}")
    return getattr(import_module(_WHERE[name]), name)
