"""The formats that results are exported to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mmbench.exchange.eval_results import eval_results
from mmbench.exchange.every_eval_ever import every_eval_ever
from mmbench.exchange.inspect_log import inspect_logs
from mmbench.exchange.material import Material
from mmbench.exchange.model_index import model_index
from mmbench.exchange.sample_files import samples_csv, samples_parquet
from mmbench.results.codec import write_atomic
from mmbench.results.rundir import make_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One format: it makes either one file or several below a folder."""

    what: str
    """One line for people."""
    one: Callable[[Material], bytes] | None = None
    """Makes the only file."""
    several: Callable[[Material], Iterable[tuple[str, bytes]]] | None = None
    """Makes several files: path below the folder, and content."""
    is_text: bool = True
    """Whether the only file can be printed."""

    def write(self, material: Material, target: Path) -> list[Path]:
        """Write the file, or the files below the folder `target`; each as a whole or not at all. Raises `RunFailedError`."""
        if self.one is not None:
            write_atomic(target, self.one(material))
            return [target]
        written = []
        for name, content in self.several(material) if self.several else ():
            path = target / name
            make_folder(path.parent, "--output")
            write_atomic(path, content)
            written.append(path)
        return written


FORMATS: Mapping[str, Format] = {
    "csv": Format(what="one row a sample", one=samples_csv),
    "parquet": Format(what="one row a sample", one=samples_parquet, is_text=False),
    "eee": Format(what='records of "Every Eval Ever" 0.3.0, with a line a sample', several=every_eval_ever),
    "eval-results": Format(what="entries of .eval_results on the Hugging Face hub", one=eval_results),
    "model-index": Format(what="the model-index block of a model card on the hub", one=model_index),
    "inspect": Format(what="logs for the viewer of Inspect", several=inspect_logs),
}
"""Name to format."""
