"""Tables of runs: one model of a table, several renderers; and reports with ranks, from Python as from the command line.

``make_report(runs, options=ReportOptions(…))`` is ``mmbench report``; `RunReport.tables` go to any of the `RENDERERS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmbench._lazy import lazy_exports

if TYPE_CHECKING:
    from mmbench.reporting.build import ReportOptions, RunReport, make_report
    from mmbench.reporting.formats import RENDERERS

__all__ = ["RENDERERS", "ReportOptions", "RunReport", "make_report"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "mmbench.reporting.build": ("ReportOptions", "RunReport", "make_report"),
        "mmbench.reporting.formats": ("RENDERERS",),
    },
)
