"""``mlflow``: runs in MLflow."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, ClassVar

from mmbench.core.errors import UsageError
from mmbench.tracking.tracker import CurvePoint, SampleTable, TaskResults, TrackedRun, Tracker, check_text
from mmbench.tracking.wanted import is_installed

_QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ENABLE_ASYNC_LOGGING": "false"}
"""What is set unless the user has set it: no reports to the makers of the library."""
_TAG = "mmbench.id"
"""The tag by which a run is found again: MLflow gives its runs ids of its own."""
_VALUE_CHARACTERS = 500
"""Longest value of a parameter that every server takes."""
_AT_ONCE = 100
"""Parameters or metrics in one request at most."""
_ENDS = {"complete": "FINISHED", "partial": "FINISHED", "interrupted": "KILLED"}


class MLflow(Tracker):
    """MLflow: parameters, metrics with intervals, training curves, and tables of samples with images.

    Server and credentials are those of the library (``MLFLOW_TRACKING_URI`` and its kin).

    Args:
        experiment: The experiment, made where it does not exist; None: ``MLFLOW_EXPERIMENT_NAME``, else ``mmbench``.
        uri: Address of the server or of a store; None: ``MLFLOW_TRACKING_URI``, else the library's own default.
    """

    extra: ClassVar[str] = "mlflow"
    module: ClassVar[str] = "mlflow"

    def __init__(self, experiment: str | None = None, uri: str | None = None) -> None:
        self.experiment, self.uri = experiment, uri
        self._client: Any = None
        self._id = ""

    def check(self) -> None:
        """Raise `UsageError` for options that are no texts, and where there is no server and no database to write to."""
        check_text("experiment", self.experiment)
        check_text("uri", self.uri)
        uri = self.uri or os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:"
        if uri.startswith("sqlite") and not is_installed("sqlalchemy"):
            raise UsageError(
                "--track mlflow: say where the server is, MLFLOW_TRACKING_URI=http://… or --tracker-args uri=http://…; for a "
                "database in this folder: pip install mlflow"
            )

    def begin(self, run: TrackedRun) -> None:
        """Find the run by its id, or make it, and write the parameters that it does not have yet."""
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        from mlflow.tracking import MlflowClient

        self._client = MlflowClient(self.uri)
        name = self.experiment or os.environ.get("MLFLOW_EXPERIMENT_NAME") or "mmbench"
        experiment = self._client.get_experiment_by_name(name)
        place = experiment.experiment_id if experiment else self._client.create_experiment(name)
        earlier = self._client.search_runs([place], f"tags.`{_TAG}` = '{run.id}'", max_results=1)
        tags = {_TAG: run.id, "mmbench.model": run.model}
        found = earlier[0] if earlier else self._client.create_run(place, tags=tags, run_name=run.name)
        self._id = found.info.run_id
        self._client.update_run(self._id, status="RUNNING")
        self._params(run.config, found.data.params)
        self._client.log_dict(self._id, dict(run.config), "config.json")

    def _params(self, config: Mapping[str, Any], known: Mapping[str, str]) -> None:
        """Write parameters; MLflow refuses to change one, so what differs from an earlier session stands in config.json alone."""
        from mlflow.entities import Param

        flat = {_key(name): str(value)[:_VALUE_CHARACTERS] for name, value in _flat(config)}
        new = [Param(name, value) for name, value in flat.items() if name not in known]
        for start in range(0, len(new), _AT_ONCE):
            self._client.log_batch(self._id, params=new[start : start + _AT_ONCE])

    def _metrics(self, values: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        every = [Metric(_key(name), float(value), now, step) for name, value in values.items()]
        for start in range(0, len(every), _AT_ONCE):
            self._client.log_batch(self._id, metrics=every[start : start + _AT_ONCE])

    def curve(self, point: CurvePoint) -> None:
        """Log one point of each curve."""
        self._metrics({f"training/{point.task}/{name}": value for name, value in point.values.items()}, point.step)

    def results(self, results: TaskResults) -> None:
        """Log every value, and a file with the metrics under their own names."""
        self._metrics({f"{results.task}/{name}": value for name, value in results.values.items()}, 0)
        document = {"task": results.task, "status": results.status, "metrics": [dict(row) for row in results.rows]}
        self._client.log_dict(self._id, document, f"metrics/{_file(results.task)}.json")

    def samples(self, table: SampleTable) -> None:
        """Log the samples as a table, one column for each image of a sample."""
        import mlflow

        columns = table.flat(lambda image: mlflow.Image(image.pixels))
        self._client.log_table(self._id, columns, f"samples/{_file(table.task)}.json")

    def end(self, status: str) -> str | None:
        """Close the run."""
        self._client.set_tag(self._id, "mmbench.status", status)
        self._client.set_terminated(self._id, status=_ENDS.get(status, "FAILED"))
        return f"run {self._id} in {self._client.tracking_uri}"


def _flat(values: Mapping[str, Any], start: str = "") -> list[tuple[str, Any]]:
    """Values of nested mappings under dotted names."""
    found: list[tuple[str, Any]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            found += _flat(value, f"{start}{name}.")
        else:
            found.append((f"{start}{name}", value))
    return found


def _key(name: str) -> str:
    """A name as MLflow allows it: other characters become ``_``, and a digest keeps apart what would then be the same.

    >>> _key("vqa/my/accuracy"), _key("recall@5(direction=t2i)")
    ('vqa/my/accuracy', 'recall_5_direction_t2i_-fba86b')
    """
    kept = re.sub(r"[^\w\-. :/]", "_", name, flags=re.ASCII)
    if kept == name and len(name) <= 200 and not name.startswith("/") and ".." not in name:
        return name
    kept = re.sub(r"\.{2,}", "_", kept).lstrip("/")
    return f"{kept[:200]}-{sha256(name.encode()).hexdigest()[:6]}"


def _file(name: str) -> str:
    """A name as one step of a path."""
    return _key(name.replace("/", "__"))
