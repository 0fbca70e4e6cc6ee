"""``tensorboard``: event files that TensorBoard shows."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import Any, ClassVar

from mmbench.core.errors import UsageError
from mmbench.core.visible import shell_command
from mmbench.results.rundir import shown_path
from mmbench.tracking.tracker import CurvePoint, Image, SampleTable, TaskResults, TrackedRun, Tracker, check_text


class TensorBoard(Tracker):
    """TensorBoard: scalars, training curves, and samples as text and images.

    Args:
        folder: The log directory, with a folder for each run; None: ``tensorboard`` beside the folder of all runs.
    """

    extra: ClassVar[str] = "tensorboard"
    module: ClassVar[str] = "tensorboard"

    def __init__(self, folder: str | None = None) -> None:
        self.folder = folder
        self._logs = Path()
        self._writer: Any = None

    def check(self) -> None:
        """Raise `UsageError` where the folder cannot be one."""
        check_text("folder", self.folder)
        if self.folder is not None and Path(self.folder).expanduser().is_file():
            raise UsageError(f"--tracker-args folder={self.folder}: it is a file, and a folder is expected")

    def begin(self, run: TrackedRun) -> None:
        """Open an event file in the folder of the run; what is written beside earlier ones belongs to the same run."""
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        beside = run.path.resolve().parent.parent / "tensorboard"
        self._logs = Path(self.folder).expanduser() if self.folder else beside
        self._writer = EventFileWriter(str(self._logs / run.name))
        self._text("config", f"```json\n{json.dumps(run.config, indent=1, default=str)}\n```")

    def curve(self, point: CurvePoint) -> None:
        """Write one point of each curve."""
        for name, value in point.values.items():
            self._scalar(f"training/{point.task}/{name}", value, point.step)

    def results(self, results: TaskResults) -> None:
        """Write every value as a scalar, and the metrics as a table."""
        for name, value in results.values.items():
            self._scalar(f"{results.task}/{name}", value)
        if results.rows:
            self._text(f"metrics/{results.task}", _table(results.rows, list(results.rows[0])))

    def samples(self, table: SampleTable) -> None:
        """Write the samples as a table of texts, and their images, one sample a step, by outcome."""
        columns = [name for name in table.columns if name != "images"]
        self._text(f"samples/{table.task}", _table(table.rows, columns))
        steps: dict[str, int] = {}
        for row in table.rows:
            for image in row["images"]:
                tag = f"samples/{table.task}/{row['outcome']}"
                steps[tag] = steps.get(tag, -1) + 1
                self._image(tag, image, f"{row['id']}: {row['question'] or ''}", steps[tag])

    def end(self, status: str) -> str | None:
        """Close the file."""
        self._text("status", status)
        self._writer.close()
        return shell_command(["tensorboard", "--logdir", str(shown_path(self._logs.absolute()))])

    # --- one summary each ---

    def _add(self, step: int, **value: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        summary = Summary(value=[Summary.Value(**value)])
        self._writer.add_event(Event(wall_time=time.time(), step=step, summary=summary))

    def _scalar(self, tag: str, value: float, step: int = 0) -> None:
        self._add(step, tag=tag, simple_value=value)

    def _text(self, tag: str, text: str) -> None:
        from tensorboard.plugins.text.metadata import create_summary_metadata

        self._add(0, tag=tag, metadata=create_summary_metadata(tag, ""), tensor=_texts([text.encode()]))

    def _image(self, tag: str, image: Image, caption: str, step: int) -> None:
        from tensorboard.plugins.image.metadata import create_summary_metadata

        stream = io.BytesIO()
        image.pixels.save(stream, format="PNG")
        size = [str(side).encode() for side in image.pixels.size]
        metadata = create_summary_metadata(tag, caption[:500])
        self._add(step, tag=tag, metadata=metadata, tensor=_texts([*size, stream.getvalue()]))


def _texts(values: list[bytes]) -> Any:
    """A tensor of texts, in the form that TensorBoard's plug-ins read: of an image, its width, its height and the PNG."""
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
    from tensorboard.compat.proto.types_pb2 import DT_STRING

    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=len(values))])
    return TensorProto(dtype=DT_STRING, string_val=values, tensor_shape=shape)


def _table(rows: Any, columns: list[str]) -> str:
    """A Markdown table, in which nothing that a model wrote is Markdown or HTML."""
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    lines += [f"| {' | '.join(_cell(row[name]) for name in columns)} |" for row in rows]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    text = " ".join(str(value).split())
    return "".join(f"\\{each}" if each in "\\|`*_[]<>#!" else each for each in text)
