"""The formats that results are exported to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mmbench.core.collecting import collection_paused
from mmbench.exchange.eval_results import eval_results
from mmbench.exchange.every_eval_ever import every_eval_ever
from mmbench.exchange.inspect_log import inspect_logs
from mmbench.exchange.material import Material, Opener
from mmbench.exchange.model_index import model_index
from mmbench.exchange.sample_files import samples_csv, samples_parquet
from mmbench.results.codec import writing_atomic
from mmbench.results.rundir import make_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One format: it makes either one file or several below a folder."""

    what: str
    """One line for people."""
    one: Callable[[Material, IO[bytes]], None] | None = None
    """Writes the only file."""
    several: Callable[[Material, Opener], None] | None = None
    """Writes several files, each opened by its path below the folder."""
    is_text: bool = True
    """Whether the only file can be printed."""

    def write(self, material: Material, target: Path) -> list[Path]:
        """Write the file, or the files below the folder `target`; each as a whole or not at all. Raises `RunFailedError`."""
        if self.one is not None:
            with writing_atomic(target) as stream, collection_paused():
                self.one(material, stream)
            return [target]
        written: list[Path] = []

        @contextmanager
        def opened(name: str) -> Iterator[IO[bytes]]:
            path = target / name
            make_folder(path.parent, "--output")
            with writing_atomic(path) as stream:
                yield stream
            written.append(path)

        if self.several is not None:
            with collection_paused():
                self.several(material, opened)
        return written


def _whole(content: Callable[[Material], bytes]) -> Callable[[Material, IO[bytes]], None]:
    """The writer of a file that is made as a whole."""

    def write(material: Material, stream: IO[bytes]) -> None:
        stream.write(content(material))

    return write


FORMATS: Mapping[str, Format] = {
    "csv": Format(what="one row a sample", one=samples_csv),
    "parquet": Format(what="one row a sample", one=samples_parquet, is_text=False),
    "eee": Format(what='records of "Every Eval Ever" 0.3.0, with a line a sample', several=every_eval_ever),
    "eval-results": Format(what="entries of .eval_results on the Hugging Face hub", one=_whole(eval_results)),
    "model-index": Format(what="the model-index block of a model card on the hub", one=_whole(model_index)),
    "inspect": Format(what="logs for the viewer of Inspect", several=inspect_logs),
}
"""Name to format."""
