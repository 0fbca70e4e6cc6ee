"""Every surface keeps the promise: value, interval, n, coverage and full metric id of every metric and slice.

Each surface is what a user types, and is read back by a parser of its format. What is expected comes from the files of the runs alone,
so that a metric, a slice or a surface that is added is walked too.
"""

import base64
import csv
import gzip
import html.parser
import io
import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stored import ACCURACY, score_table, write_run

from mmbench.cli.main import main
from mmbench.core.score_table import MetricValue
from mmbench.metrics import mean_metric
from mmbench.reporting.formats import RENDERERS
from mmbench.reporting.text import number, percent, signed
from mmbench.results.find import load_run

pytestmark = pytest.mark.slow

FIRST, SECOND = "stored/first", "stored/second"
LOSS = mean_metric(
    "loss(convention=mult,zero=with)", "sample", "loss", higher_is_better=False, bounds=(-1.0, None), scale=1.0
)

NEGATIVE_ZERO = re.compile(r"(?<![\w.])-0(?:\.0*)?(?:e-?[0-9]+)?(?![\w.])")


def table(seed: int, n: int = 60) -> Any:
    """Scores with failed and unparsed units, clusters and two slice names; a loss around 0, so that zeros may be negative."""
    draw = np.random.default_rng(seed)
    scores = [None if place % 20 == 7 else float(draw.random() < 0.6) for place in range(n)]
    made = score_table(
        scores,
        [f"c{place // 2}" for place in range(n)],
        {f"s{place}": "unparsed" for place in range(0, n, 15)},
        slices={"kind": ["<i>" if place % 3 else "a|b" for place in range(n)], "whole": ["all"] * n},
    )
    made.columns["loss"] = [0.0 if score is None else -0.0 if place % 3 else 1e-9 for place, score in enumerate(scores)]
    return made


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    out = tmp_path_factory.mktemp("runs")
    metrics = (ACCURACY, LOSS)
    tables = {name: {FIRST: [table(seed)], SECOND: [table(seed + 9)]} for seed, name in enumerate(("=a|b", "<m>"))}
    return [write_run(out, name, own, metrics) for name, own in tables.items()]


def typed(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """What a command prints, on a terminal that is wide enough."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "400")
        code = main([*map(str, arguments)])
    assert code in (0, 1, 3)
    return capsys.readouterr().out


# --- what is expected ---


@dataclass(frozen=True)
class Fact:
    """A value that must be found in one row."""

    task: str
    id: str
    slice: tuple[str, str] | None
    value: MetricValue

    @property
    def exact(self) -> dict[str, float]:
        """The numbers at full precision."""
        parts = {name: getattr(self.value, name) for name in ("value", "low", "high", "n", "coverage")}
        return {name: part for name, part in parts.items() if part is not None}

    @property
    def shown(self) -> list[str]:
        """The texts that people read."""
        scale, low, high = self.value.scale, self.value.low, self.value.high
        interval = "n/a" if low is None or high is None else f"[{number(low, scale)}, {number(high, scale)}]"
        return [number(self.value.value, scale), interval, f"{self.value.n:,}", percent(self.value.coverage)]


def facts(path: Path) -> list[Fact]:
    found = []
    for task in load_run(path).tasks.values():
        found += [Fact(task.name, value.id, None, value) for value in task.metrics.values()]
        found += [
            Fact(task.name, value.id, (name, label), value)
            for name, labels in task.slices.items()
            for label, values in labels.items()
            for value in values
        ]
    assert {fact.slice for fact in found} > {None, ("kind", "<i>")}
    assert len({fact.id for fact in found}) == 2
    return found


# --- how the formats are read back: [row][cell], with the heading of its table as the first cell ---


def markdown_rows(text: str) -> Iterator[list[str]]:
    title = ""
    for line in text.splitlines():
        title = line.removeprefix("## ") if line.startswith("## ") else title
        if line.startswith("|") and not line.startswith("|:"):
            cells = re.split(r"(?<!\\)\|", line)[1:-1]
            yield [unescaped(title), *(unescaped(cell.strip()) for cell in cells)]


def unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text.replace("**", "")).replace("&lt;", "<").replace("&amp;", "&")


def latex_rows(text: str) -> Iterator[list[str]]:
    title = ""
    plain = {r"\textless{}": "<", r"\textgreater{}": ">", r"\textbar{}": "|", r"{[}": "[", r"{]}": "]", r"\(-\)": "-"}
    for written, meant in plain.items():
        text = text.replace(written, meant)
    text = re.sub(r"\\textsuperscript\{\\d?dag\}", "†", text.replace(r"\_", "_").replace(r"\%", "%"))
    for line in text.splitlines():
        title = line.removeprefix(r"\caption{").removesuffix("}") if line.startswith(r"\caption") else title
        if line.endswith(r"\\"):
            yield [title, *(cell.strip() for cell in re.split(r"(?<!\\)&", line.removesuffix(r"\\")))]


class _Html(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.title = ""
        self.inside = ""
        self.blocks: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if dict(attrs).get("data-kind") == "values":
            self.blocks.append([dict(attrs)["data-name"], ""])
            self.inside = "block"
        if tag in ("h2", "td", "th"):
            self.inside = tag
            self.title = "" if tag == "h2" else self.title
        if tag == "tr":
            self.rows.append([self.title])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self.inside = "" if tag in (self.inside, "script") else self.inside

    def handle_data(self, data: str) -> None:
        if self.inside == "block":
            self.blocks[-1][1] += data
        elif self.inside == "h2":
            self.title += data
        elif self.inside:
            self.rows[-1][-1] += data


def html_rows(text: str) -> list[list[str]]:
    """The rows of the tables in the page, and of the tables in detail that it holds as data."""
    parser = _Html()
    parser.feed(text)
    rows = list(parser.rows)
    for title, data in parser.blocks:
        table = json.loads(gzip.decompress(base64.b64decode(data)))
        rows += [[title, *(cell if isinstance(cell, str) else cell[0] for cell in row)] for row in table["rows"]]
    return rows


def terminal_rows(text: str) -> Iterator[list[str]]:
    title = ""
    for line in text.splitlines():
        cells = re.split(r"\s{2,}", line.strip())
        if line and not line.startswith((" ", "•")):
            title = line.strip()
        if len(cells) > 1:
            yield [title, *cells]


def csv_rows(text: str) -> list[dict[str, str]]:
    return [{key: value.removeprefix("'") for key, value in row.items()} for row in csv.DictReader(io.StringIO(text))]


READERS: dict[str, Callable[[str], Any]] = {
    "terminal": terminal_rows,
    "md": markdown_rows,
    "tex": latex_rows,
    "html": html_rows,
}


def holds(row: list[str], fact: Fact, model: str | None = None) -> bool:
    """Whether a row is about a value and has all of it; a mark may stand behind a number."""
    cells = [cell.rstrip("†‡") for cell in row]
    about = fact.slice is None or any(cell in ("=".join(fact.slice), fact.slice[1]) for cell in cells)
    named = any(fact.id in cell for cell in cells) and fact.task in " ".join(row) and (not model or model in cells)
    return about and named and all(text in cells for text in fact.shown)


def walk(text: str, name: str, path: Path, model: str | None = None) -> None:
    """Every value of a run is in one row of a surface, with all that belongs to it."""
    expected = facts(path)
    assert not NEGATIVE_ZERO.search(text)
    if name in READERS:
        rows = list(READERS[name](text))
        assert [fact for fact in expected if not any(holds(row, fact, model) for row in rows)] == []
        return
    numbers = list(csv_numbers(text) if name == "csv" else json_numbers(json.loads(text)))
    for fact in expected:
        about = [found for words, found in numbers if fact.id in words and fact.task in " ".join(words)]
        exact = [{round_trip(each) for each in found} for found in about]
        wanted = {round_trip(each) for each in fact.exact.values()}
        assert any(wanted <= found for found in exact), fact


def round_trip(value: float) -> str:
    return repr(float(value) + 0.0)


def csv_numbers(text: str) -> Iterator[tuple[list[str], list[float]]]:
    for row in csv_rows(text):
        words = [value for value in row.values() if value]
        yield words, [float(word) for word in words if re.fullmatch(r"-?[0-9.]+(e-?[0-9]+)?", word)]


def json_numbers(document: Any, around: tuple[str, ...] = ()) -> Iterator[tuple[list[str], list[float]]]:
    """(texts, numbers) of every object with its values, and of every row of a table with its title."""
    if isinstance(document, dict):
        title = document.get("title")
        around = (*around, title) if isinstance(title, str) else around
        flat = list(scalars(document))
        yield (
            [*around, *(each for each in flat if isinstance(each, str))],
            [each for each in flat if isinstance(each, int | float)],
        )
        for value in document.values():
            yield from json_numbers(value, around)
    elif isinstance(document, list):
        if document and all(isinstance(each, dict) and "text" in each for each in document):
            flat = [value for each in document for value in scalars(each)]
            yield (
                [*around, *(each for each in flat if isinstance(each, str))],
                [each for each in flat if isinstance(each, int | float)],
            )
        for each in document:
            yield from json_numbers(each, around)


def scalars(document: dict[str, Any]) -> Iterator[Any]:
    for value in document.values():
        if isinstance(value, dict) and "text" not in value:
            yield from scalars(value)
        elif not isinstance(value, dict | list):
            yield value


# --- the walk ---


@pytest.mark.parametrize("name", ["terminal", *RENDERERS])
def test_report_and_show(name: str, runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    chosen = [] if name == "terminal" else ["--format", name]
    text = typed(capsys, "report", *runs, *chosen)
    for path in runs:
        walk(text, name, path, None if name == "csv" else load_run(path).model.name)
        walk(typed(capsys, "show", path, *chosen), name, path)
    both = typed(capsys, "show", *runs, *chosen)
    for path in runs:
        walk(both, name, path)


def test_run_as_json_and_on_the_terminal(runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    """What ``mmbench run`` prints when it ends, made of runs that are there already."""
    from mmbench.api.run import RunResult
    from mmbench.cli.run import _print

    result = RunResult(tuple(map(load_run, runs)), (FIRST, SECOND), {})
    for as_json, name in ((True, "json"), (False, "terminal")):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("COLUMNS", "400")
            _print(result, as_json)
        text = capsys.readouterr().out
        for path in runs:
            walk(text, name, path)


# --- two runs ---


@pytest.mark.parametrize("name", ["terminal", "document", *RENDERERS])
def test_compare(name: str, runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    chosen = {"terminal": [], "document": ["--json"]}.get(name, ["--format", name])
    text = typed(capsys, "compare", *runs, "--all", "--slices", *chosen)
    document = json.loads(typed(capsys, "compare", *runs, "--all", "--slices", "--json"))
    assert not NEGATIVE_ZERO.search(text)
    found = [*document["metrics"], *document["slices"]]
    assert {(each["task"], each["id"]) for each in found} == {(fact.task, fact.id) for fact in facts(runs[0])}
    rows = list(READERS[name](text)) if name in READERS else []
    numbers = list(csv_numbers(text)) if name == "csv" else list(json_numbers(json.loads(text))) if not rows else []
    for each in found:
        own, scale = each["difference"], each["scale"]
        if rows:
            interval = "n/a" if own["low"] is None else f"[{signed(own['low'], scale)}, {signed(own['high'], scale)}]"
            values = [number(each[side]["value"], scale) for side in "ab"]
            wanted = [*values, signed(own["value"], scale), interval, f"{own['n']:,}", percent(each["coverage"])]
            label = each["slice"] and each["slice"]["label"]
            about = [row for row in rows if each["id"] in " ".join(row) and each["task"] in row[0]]
            assert any(set(wanted) <= set(row) and (not label or label in row) for row in about), each
        else:
            exact = [each["a"]["value"], each["b"]["value"], own["value"], own["low"], own["high"], own["n"]]
            wanted_exact = {round_trip(part) for part in [*exact, each["coverage"]] if part is not None}
            about_exact = [own for words, own in numbers if any(each["id"] in word for word in words)]
            assert any(wanted_exact <= set(map(round_trip, own)) for own in about_exact), each


def test_gate(runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    summary = tmp_path / "summary.md"
    asked = ("gate", runs[1], "--baseline", runs[0], "--require", f"{FIRST}:accuracy >= 50pt", "--summary", summary)
    text = typed(capsys, *asked)
    document = json.loads(typed(capsys, *asked[:-2], "--json"))
    texts = {
        "terminal": text,
        "md": summary.read_text(),
        **{name: typed(capsys, *asked[:-2], "-f", name) for name in ("tex", "html")},
    }
    for verdict in document["verdicts"]:
        assert verdict["metric"] in verdict["rule"]
        assert verdict["value"] is not None
        assert verdict["n"]
        assert 0 < verdict["coverage"] < 1
        assert verdict["low"] is not None
        scale = 100.0 if verdict["metric"] == "accuracy" else 1.0
        wanted = [number(verdict["value"], scale), f"{verdict['n']:,}", percent(verdict["coverage"])]
        for name, shown in texts.items():
            rows = list(READERS[name](shown))
            about = [row for row in rows if any(verdict["rule"] in cell for cell in row)]
            assert any(
                set(wanted) <= {cell.rstrip("†‡") for cell in row} and any("[" in cell for cell in row) for row in about
            ), name
        exact = [
            verdict[each] for each in ("baseline", "value", "difference", "low", "high", "p_value", "n", "coverage")
        ]
        wanted_exact = {round_trip(each) for each in exact if each is not None}
        for name, numbers in (
            ("csv", csv_numbers(typed(capsys, *asked[:-2], "-f", "csv"))),
            ("json", json_numbers(json.loads(typed(capsys, *asked[:-2], "-f", "json")))),
        ):
            told = [set(map(round_trip, own)) for words, own in numbers if verdict["rule"] in words]
            assert any(wanted_exact <= own for own in told), name


def test_zero_has_no_sign() -> None:
    assert number(-0.0, 100.0) == number(-1e-9, 100.0) == "0.0"
    assert not math.copysign(1.0, float(number(-0.0, 1.0))) < 0
