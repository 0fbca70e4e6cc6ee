"""Tables of runs: one model of a table, several renderers; and reports with ranks, from Python as from the command line.

``make_report(runs, options=Options(…))`` is ``mmbench report``; `Report.tables` go to any of the `RENDERERS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmbench._lazy import lazy_exports

if TYPE_CHECKING:
    from mmbench.reporting.build import Options, Report, make_report
    from mmbench.reporting.formats import RENDERERS

__all__ = ["RENDERERS", "Options", "Report", "make_report"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {"mmbench.reporting.build": ("Options", "Report", "make_report"), "mmbench.reporting.formats": ("RENDERERS",)},
)
