"""Write the generated pages: ``python docs/reference/generate.py``.

run-directory.md and baseline-file.md come from the docstrings of the persisted records; options.md, metrics.md and extractors.md from the
declarations.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from textwrap import wrap
from typing import Any

from mmbench import registry
from mmbench.extract import extractor_named
from mmbench.metrics import maker_named

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "run-directory.md"
SOURCES = {
    "mmbench/results/schema.py": (
        "RunFile",
        "ModelEntry",
        "TaskEntry",
        "LearnedEntry",
        "TaskSource",
        "Machine",
        "GitState",
        "PlanFile",
        "ResponseLine",
        "ScoresFile",
        "MetricSpec",
        "PerfFile",
        "TaskPerf",
        "Latency",
    ),
    "mmbench/core/score_table.py": ("MetricValue", "ScoreTable"),
}
HEAD = """# The run directory

Made from the docstrings of the records by `python docs/reference/generate.py`; edit those, not this page.

```text
results/runs/<model>--<identity>/     slashes in names become __
  run.json                            RunFile: status, model, tasks, machine; replaced as a whole
  tasks/<task>/plan.json              PlanFile: what is asked, in which batches
  tasks/<task>/responses.jsonl        ResponseLine, one a request that ended; append-only
  tasks/<task>/embeddings.bin         64-byte header (magic MMBEMB1, uint32 dim), then float32 rows, little-endian
  tasks/<task>/scores/<name>.json     ScoresFile: every value; named by its content, never changed in place
  tasks/<task>/scores/<name>.npz      ScoreTable: the scores behind it
  perf.json                           PerfFile: speed and memory of the last session that asked something
  report.md                           the table, and values per slice
  *.damaged                           what `mmbench repair` or `mmbench run` set aside
```

`run.json` and the log are readable by their owner alone.

All JSON is read strictly: an unknown field or a newer `schema_version` is an error, never ignored. A request may have
several lines in the log, when it failed and was asked again: the first that ended well counts, else the last.
"""

BASELINE_PAGE = ROOT / "docs" / "reference" / "baseline-file.md"
BASELINE_SOURCES = {
    "mmbench/results/saved.py": ("BaselineFile", "SavedTask"),
    "mmbench/results/packing.py": ("PackedTable", "PackedColumn", "PackedLabels", "PackedCodes"),
}
BASELINE_HEAD = """# The baseline file

Made from the docstrings of the records by `python docs/reference/generate.py`; edit those, not this page.

`mmbench baseline save RUN FILE` writes one JSON document: what `run.json` says of the run, every value, and the score of every unit,
packed. It is read strictly, as a run directory is ([run-directory.md](run-directory.md) has `RunFile`, `PlanFile`, `ScoresFile` and
`TaskPerf`), and refused when its content does not match its digest.
"""

METRICS_PAGE = ROOT / "docs" / "reference" / "metrics.md"
METRICS_HEAD = """# Metrics

Made from the declarations of the registered metrics by `python docs/reference/generate.py`; edit those, not this page.

An id has the alternatives of a parameter separated by `|`; `…` is any word, `k` a cut-off, and a default in brackets is left out of ids.
`mmbench list metrics` shows the metrics of installed packages, too; [add a metric](../how-to/add-a-metric.md) says how they get there.
"""

EXTRACTORS_PAGE = ROOT / "docs" / "reference" / "extractors.md"
EXTRACTORS_HEAD = """# Extractors

Made from the declarations of the registered extractors by `python docs/reference/generate.py`; edit those, not this page.

An extractor finds the answer in what a model wrote: `--task-args extractor=NAME`. An output that holds no answer that the extractor
accepts is unparsed: it scores 0 and is counted apart. Where a question has a closed set of answers, what is found is one of the set, as
it is written there. `mmbench list extractors` shows the extractors of installed packages, too;
[add an extractor](../how-to/extractors.md) says how they get there.
"""

OPTIONS_PAGE = ROOT / "docs" / "reference" / "options.md"
OPTIONS_HEAD = """# Options

Made from the declarations of the options by `python docs/reference/generate.py`; edit those, not this page.

An option is typed (`--batch-size 8`), set by a variable of the environment (`MMBENCH_RUN_BATCH_SIZE` for one command,
`MMBENCH_BATCH_SIZE` for all that have it), written in `mmbench.toml` (`[run]` and `batch-size = 8`), or given in Python
(`batch_size=8`). What is typed wins over the environment, and that over the file; Python reads neither. A value of another type, out of
range, or under a misspelt name is refused alike everywhere. **Identity**: another value makes another run, or asks a task again.

## Shared options
"""

PAGES = {
    PAGE: (HEAD, SOURCES),
    BASELINE_PAGE: (BASELINE_HEAD, BASELINE_SOURCES),
    METRICS_PAGE: (METRICS_HEAD, {}),
    EXTRACTORS_PAGE: (EXTRACTORS_HEAD, {}),
    OPTIONS_PAGE: (OPTIONS_HEAD, {}),
}


def render(page: Path) -> str:
    """Render one of the pages."""
    if page == OPTIONS_PAGE:
        return _options_page()
    head, sources = PAGES[page]
    if page == METRICS_PAGE:
        return "\n".join([head, *_metrics()])
    if page == EXTRACTORS_PAGE:
        return "\n".join([head, *_extractors()])
    pieces = [head]
    for file, names in sources.items():
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
        pieces += [_record(classes[name]) for name in names]
    return "\n".join(pieces)


def _metrics() -> Iterator[str]:
    """A section for each metric that mmbench itself registers."""
    for plugin in registry.plugins("metric"):
        if plugin.distribution.startswith("mmbench=="):
            maker = maker_named(plugin.name)
            direction = "higher is better" if maker.higher_is_better else "lower is better"
            unit = f"`{maker.unit}`" if isinstance(maker.unit, str) else "depends on the parameters"
            facts = [f"Formula: {maker.formula}", f"Range: {maker.range}, {direction}"]
            facts += [f"Table: {unit}", f"Source: {maker.source}", f"Maker: `{plugin.name}`, `{plugin.target}`"]
            lines = [wrapped for fact in facts for wrapped in wrap(f"- {fact}", 120, subsequent_indent="  ")]
            yield "\n".join([f"## `{maker.pattern}`", "", *wrap(maker.description, 120), "", *lines, ""])


def _extractors() -> Iterator[str]:
    """A section for each extractor that mmbench itself registers."""
    for plugin in registry.plugins("extractor"):
        if plugin.distribution.startswith("mmbench=="):
            found = extractor_named(plugin.name)
            needs = "; needs a closed set of answers" if found.needs_choices else ""
            facts = f"Version {found.version}; finds a {found.reads}{needs}."
            head = ("output", "closed set", "answer")
            table = _table(head, [_example(*example) for example in found.examples])
            yield "\n".join([f"## `{found.name}`", "", *wrap(found.description, 120), "", facts, "", *table, ""])


def _example(text: str, choices: Sequence[str] | None, answer: str | None) -> tuple[str, str, str]:
    """The cells of an example."""
    shown = text.encode("unicode_escape").decode("ascii") if not text.isprintable() else text
    return f"`` {shown} ``", ", ".join(choices or ()), "unparsed" if answer is None else answer


def _record(node: ast.ClassDef) -> str:
    lines = [f"## {node.name}", "", ast.get_docstring(node) or "", "", "| field | type | meaning |", "|:---|:---|:---|"]
    for field, text in zip(node.body, node.body[1:], strict=False):
        documented = isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and documented:
            meaning = " ".join(str(text.value.value).split()).replace("|", "\\|")
            kind = ast.unparse(field.annotation).replace("|", "\\|")
            lines.append(f"| `{field.target.id}` | `{kind}` | {meaning} |")
    return "\n".join([*lines, ""])


def _options_page() -> str:
    from mmbench.cli.main import COMMANDS
    from mmbench.cli.options import below, declared
    from mmbench.resolve.declared_option import GROUPS, Option
    from mmbench.resolve.options import OF_RUN, OF_TRAIN, OPTIONS

    commands = {name: import_module(f"mmbench.cli.{name}").command for name in COMMANDS}
    for name in tuple(commands):
        commands |= {f"{name} {under}": command for under, command in below(commands[name]).items()}
    known = {name: declared(command) for name, command in commands.items()}
    functions = {"run": (*OF_RUN, "out"), "train": OF_TRAIN}
    pieces = [OPTIONS_HEAD]
    for group, heading in GROUPS.items():
        rows = []
        for option in (each for each in OPTIONS.values() if each.group == group):
            takes = [name for name, options in known.items() if option.name in options]
            python = [f"`{name}`" for name, keywords in functions.items() if option.keyword in keywords]
            rows.append((*_cells(option), "yes" if option.identity else "", ", ".join(takes), ", ".join(python)))
        if rows:
            head = ("option", "value", "default", "meaning", "identity", "commands", "Python")
            pieces += [f"### {heading}", "", *_table(head, rows), ""]
    pieces += ["## Options of one command", ""]
    for name, options in known.items():
        own: dict[str, Option] = {option.name: option for option in options.values() if option.name not in OPTIONS}
        if own:
            head = ("option", "value", "default", "meaning")
            pieces += [f"### mmbench {name}", "", *_table(head, [_cells(option) for option in own.values()]), ""]
    return "\n".join(pieces)


def _cells(option: Any) -> tuple[str, ...]:
    names = ", ".join(f"`--{name}`" for name in option.spellings)
    none = option.default is None or option.default is False or option.form.many
    default = "" if none else f"`{option.default}`"
    return names, option.form.expected, default, option.help


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, [":---"] * len(head), *rows]
    return [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines]


if __name__ == "__main__":
    for each in PAGES:
        each.write_text(render(each), encoding="utf-8")
