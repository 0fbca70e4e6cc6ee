"""A family whose predictions come in files and whose every value can be worked out by hand."""

import json
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from mmbench import registry

SOURCE = '''
"""Words that are to be repeated."""

import json
from dataclasses import replace

from mmbench import DatasetInfo, Generate, Metric, MetricId, PerSampleTask, Sample, SampleScore, ScoreTable, TaskInfo
from mmbench import mean_metric
from mmbench.core import DataError, Predicted, UsageError
from mmbench.metrics.formulas import median_metric, ratio

TINY = {"one": ["cat", "short"], "two": ["horse", "long"], "three": ["ox", "short"], "four": ["zebra", "long"]}


class Words(PerSampleTask):
    """Say the word. Letters are units of their own."""

    columns = ("right",)
    notes = ()

    def __init__(self, name="words/tiny", words=TINY, variant="strict"):
        self.words, self.variant = words, variant
        self.info = TaskInfo(name, "1", "says", DatasetInfo("words", "1", "CC0-1.0", ""), frozenset({"generate"}),
                             (f"accuracy(variant={variant})",))

    def with_options(self, variant):
        if variant not in ("strict", "loose"):
            raise UsageError(f"no variant {variant!r}")
        return type(self)(self.info.name, self.words, variant)

    @property
    def metrics(self):
        hits = Metric(MetricId.parse("overlap"), "sample", ("hits", "letters"), formula=ratio)
        return [mean_metric(f"accuracy(variant={self.variant})", "sample", "right"), hits,
                median_metric("median_length", "sample", "letters"), mean_metric("found", "letter", "found")]

    def fingerprint(self): return "1"
    def samples(self, split="test"):
        return [Sample(name, (word,), (word,), slices={"kind": kind}) for name, (word, kind) in self.words.items()]
    def requests(self, sample): return [Generate(parts=sample.parts)]
    def score_sample(self, sample, response):
        said = response.output if self.variant == "strict" else response.output.lower()
        if said == "?":
            return SampleScore({"right": 0.0}, "unparsed")
        return SampleScore({"right": float(said == sample.references[0])}, answer=said)
    def score(self, samples, responses):
        print("loud")
        table = super().score(samples, responses)["sample"]
        said = [response.output for (response,) in responses]
        hits = [float(sum(a == b for a, b in zip(word, s.references[0]))) for word, s in zip(said, samples)]
        letters = [(s, n) for s in samples for n in range(len(s.references[0]))]
        found = [float(s.references[0][n] in word) for word, s in zip(said, samples) for n in range(len(s.references[0]))]
        columns = {**table.columns, "hits": hits, "letters": [float(len(word)) for word in said]}
        status = ["error" if "!" in said[samples.index(s)] else "scored" for s, n in letters]
        return {
            "sample": replace(table, columns=columns),
            "letter": ScoreTable("letter", [f"{s.id}/{n}" for s, n in letters], [s.id for s, n in letters], status,
                                 {"found": found}, explanations=["shouted" if x == "error" else None for x in status]),
        }
    def chance(self, samples): return {}


class Noted(Words):
    """Has something to say."""

    notes = ("The words are old.", "Their letters too.")


def _read(path):
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path} is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise DataError(f"{path}: expected an object")
    return document


class Family:
    """Words."""

    name, default = "words", "words/tiny"

    def from_data(self, name, path): raise NotImplementedError
    def open_predictions(self, predictions, references, task):
        if task is None and references is None:
            raise UsageError("--task words needs --references FILE")
        task = task or Noted(f"words/{references.stem}", _read(references))
        return Predicted(task, {name: [said] if isinstance(said, str) else said for name, said in _read(predictions).items()})


class Silent:
    """A family that reads no files of predictions."""

    name, default = "silent", None

    def from_data(self, name, path): raise NotImplementedError


family, tiny, silent = Family(), Words(), Silent()
'''

POINTS = """
[mmbench.tasks]
words = words_plugin:family
words/tiny = words_plugin:tiny
silent = words_plugin:silent
silent/tiny = words_plugin:tiny_of_nobody
"""

WORDS = {"one": ["cat", "short"], "two": ["horse", "long"], "three": ["ox", "short"], "four": ["zebra", "long"]}
SAID = {"one": "cat", "two": "house", "three": "OX", "four": "zebra"}
"""Two of four are right; three where case does not matter."""


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the family below `folder` and register it, in this process."""
    place = folder / "strangers"
    info = place / "words-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: words\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(POINTS, encoding="utf-8")
    write_source(place, "words_plugin.py", 'tiny_of_nobody = Words("silent/tiny")\n')
    monkeypatch.syspath_prepend(place)
    monkeypatch.delitem(sys.modules, "words_plugin", raising=False)
    registry.plugins.cache_clear()


def write_source(folder: Path, name: str, more: str = "") -> Path:
    """The family as a Python file."""
    path = folder / name
    path.write_text(textwrap.dedent(SOURCE).lstrip() + more, encoding="utf-8")
    return path


def write_json(path: Path, document: Any) -> Path:
    """A JSON file."""
    path.write_text(json.dumps(document), encoding="utf-8")
    return path
