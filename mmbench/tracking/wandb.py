"""``wandb``: runs in Weights & Biases."""

from __future__ import annotations

import os
from typing import Any, ClassVar

from mmbench.tracking.tracker import CurvePoint, SampleTable, TaskResults, TrackedRun, Tracker, check_text

_QUIET = {"WANDB_SILENT": "true", "WANDB_ERROR_REPORTING": "false"}
"""What is set unless the user has set it: no chatter, no reports to the makers of the library."""


class WeightsAndBiases(Tracker):
    """Weights & Biases: values, intervals, training curves, and a table of samples with images.

    Credentials, server and mode are those of the library (``wandb login``, ``WANDB_BASE_URL``, ``WANDB_MODE=offline``).

    Args:
        project: The project; None: ``WANDB_PROJECT``, else ``mmbench``.
        entity: The user or team; None: ``WANDB_ENTITY``, else the user's own.
    """

    extra: ClassVar[str] = "wandb"
    module: ClassVar[str] = "wandb"

    def __init__(self, project: str | None = None, entity: str | None = None) -> None:
        self.project, self.entity = project, entity
        self._run: Any = None
        self._curves: set[str] = set()

    def check(self) -> None:
        """Raise `UsageError` for options that are no names."""
        check_text("project", self.project)
        check_text("entity", self.entity)

    def begin(self, run: TrackedRun) -> None:
        """Start the run, or go on with it."""
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        import wandb

        settings = wandb.Settings(console="off", disable_code=True, disable_git=True, x_disable_stats=True)
        self._run = wandb.init(
            project=self.project or os.environ.get("WANDB_PROJECT") or "mmbench",
            entity=self.entity,
            id=run.id,
            name=run.name,
            group=run.model,
            job_type="evaluation",
            config=dict(run.config),
            resume="allow",
            allow_val_change=True,
            settings=settings,
        )
        self._curves.clear()

    def curve(self, point: CurvePoint) -> None:
        """Log one point, over the steps of its own training."""
        start = f"training/{point.task}"
        if start not in self._curves:
            self._curves.add(start)
            self._run.define_metric(f"{start}/step", hidden=True)
            self._run.define_metric(f"{start}/*", step_metric=f"{start}/step")
        self._run.log({f"{start}/step": point.step, **{f"{start}/{key}": each for key, each in point.values.items()}})

    def results(self, results: TaskResults) -> None:
        """Write the values into the summary of the run, and a table of the metrics."""
        import wandb

        columns = list(results.rows[0]) if results.rows else []
        table = wandb.Table(columns=columns, data=[[row[name] for name in columns] for row in results.rows])
        values = {f"{results.task}/{name}": value for name, value in results.values.items()}
        self._run.log({**values, f"metrics/{results.task}": table})

    def samples(self, table: SampleTable) -> None:
        """Log the samples as a table."""
        import wandb

        columns = table.flat(lambda image: wandb.Image(image.pixels, caption=image.digest[:12]))
        data = [list(row) for row in zip(*columns.values(), strict=True)]
        self._run.log({f"samples/{table.task}": wandb.Table(columns=list(columns), data=data)})

    def end(self, status: str) -> str | None:
        """Send everything, and close the run."""
        run, self._run = self._run, None
        run.summary["status"] = status
        offline = getattr(run.settings, "_offline", False) or run.settings.mode == "offline"
        folder, url = run.settings.sync_dir, run.url
        run.finish(exit_code=0 if status in ("complete", "partial") else 1)
        return f"kept in {folder}; to send it: wandb sync {folder}" if offline else url
