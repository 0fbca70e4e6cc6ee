"""The conformance kit: does a task, a model or a metric keep the promises that the harness relies on?

`check_task`, `check_model` and `check_metric` return a `Report`; in a test of your plug-in one line is enough::

    check_task(MyTask()).raise_if_failed()

On the command line: ``mmbench check PLUGIN``.
"""

from mmbench.testing.metric import check_metric
from mmbench.testing.model import check_model
from mmbench.testing.probe import ProbeTask
from mmbench.testing.report import Check, ConformanceError, Report
from mmbench.testing.task import check_task

__all__ = ["Check", "ConformanceError", "ProbeTask", "Report", "check_metric", "check_model", "check_task"]
