"""Write the generated pages: ``python docs/reference/generate.py``.

run-directory.md and baseline-file.md come from the docstrings of the persisted records; options.md, metrics.md, extractors.md and
datasets.md from the declarations. The index of the bundled cards, which `mmbench list datasets` reads, is written beside them.
"""

from __future__ import annotations

import ast
import json
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
    "mmbench/results/schema/runs.py": (
        "RunFile",
        "ModelEntry",
        "TaskEntry",
        "LearnedEntry",
        "TaskSource",
        "Machine",
        "GitState",
    ),
    "mmbench/results/schema/imports.py": ("ImportEntry", "AskedLine"),
    "mmbench/results/schema/plans.py": ("PlanFile",),
    "mmbench/results/schema/answers.py": ("ResponseLine",),
    "mmbench/results/schema/values.py": ("ScoresFile", "MetricSpec"),
    "mmbench/results/schema/speed.py": (
        "PerfFile",
        "TaskPerf",
        "PerfScenario",
        "SpeedIdentity",
        "PerfFigure",
        "PerfReason",
        "CostFit",
        "Turn",
    ),
    "mmbench/results/schema/timings.py": ("RequestTiming",),
    "mmbench/core/score_table.py": ("MetricValue", "ScoreTable"),
}
HEAD = """# The run directory

Made from the docstrings of the records by `python docs/reference/generate.py`; edit those, not this page.

```text
results/runs/<model>--<identity>/     slashes in names become __
  run.json                            RunFile: status, model, tasks, machine; replaced as a whole
  tasks/<task>/plan.json              PlanFile: what is asked, in which batches
  tasks/<task>/responses.jsonl        ResponseLine, one a request that ended; append-only
  tasks/<task>/asked.jsonl            AskedLine, one a sample; only of imported runs
  tasks/<task>/embeddings.bin         64-byte header (magic MMBEMB1, uint32 dim), then float32 rows, little-endian
  tasks/<task>/scores/<name>.json     ScoresFile: every value; named by its content, never changed in place
  tasks/<task>/scores/<name>.npz      ScoreTable: the scores behind it
  tasks/<task>/load/<scenario>-<id>.jsonl   RequestTiming, one a request of a scenario of --perf full
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

LEDGER_PAGE = ROOT / "docs" / "reference" / "gate-ledger.md"
LEDGER_SOURCES = {"mmbench/gating/ledger.py": ("LedgerFile", "CountedPush")}
LEDGER_HEAD = """# The ledger of gates

Made from the docstrings of the records by `python docs/reference/generate.py`; edit those, not this page.

`mmbench gate … --sequential LEDGER` counts pushes in one JSON document ([why](../how-to/ci.md#a-gate-on-every-push)). It is read
strictly, and refused when its content does not match its digest.
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

DATASETS_PAGE = ROOT / "docs" / "reference" / "datasets.md"
DATASETS_HEAD = """# Datasets

Made from the cards by `python docs/reference/generate.py`; edit those, not this page. [Add a dataset](../how-to/add-a-dataset.md) says
how a card is written, [score predictions](../how-to/score-predictions.md) how files of a card are scored.

```sh
mmbench list datasets                                            # what is there, and what lies on this disk
mmbench run --model M --tasks yes-no/pope,vqa/textvqa            # from the hub
mmbench run --model M --tasks yes-no/pope --data pope=FOLDER     # from the official files, or a folder as on the hub
mmbench score --task yes-no/pope --predictions FILE --references FOLDER
```

| family | what is asked | datasets |
|---|---|---|
| `vqa` | an open question about an image | VQAv2, GQA, OK-VQA, A-OKVQA, TextVQA, VizWiz, ChartQA, DocVQA, InfographicVQA, OCRBench, RealWorldQA, easy-VQA |
| `mcq` | a question with lettered options | MMMU, MMMU-Pro, ScienceQA, AI2D, MMBench, MMStar, SEED-Bench, MathVista, MathVision, A-OKVQA, MuirBench, NExT-QA |
| `yes-no` | yes or no | POPE, MME, HallusionBench, NLVR2, Hateful Memes |
| `captioning` | a description | COCO (Karpathy, 2017), Flickr30k, nocaps, TextCaps |
| `retrieval` | captions by image and images by caption | COCO Karpathy (5K, 1K), Flickr30k, Winoground, SugarCrepe |
| `sentiment` | how somebody feels | CMU-MOSI, CMU-MOSEI, MVSA, MELD, MUStARD, Memotion |
| `translation` | a description in another language | Multi30k |
| `classification` | the class of an image | a folder of classes, MM-IMDb |

Values are comparable where the whole id of a metric is the same. An id with `extraction=rules` says that the published numbers ask a
language model what was answered, and these do not.
"""
INDEX = ROOT / "tasks" / "mmbench_tasks" / registry.INDEX

PAGES = {
    DATASETS_PAGE: (DATASETS_HEAD, {}),
    INDEX: ("", {}),
    PAGE: (HEAD, SOURCES),
    BASELINE_PAGE: (BASELINE_HEAD, BASELINE_SOURCES),
    LEDGER_PAGE: (LEDGER_HEAD, LEDGER_SOURCES),
    METRICS_PAGE: (METRICS_HEAD, {}),
    EXTRACTORS_PAGE: (EXTRACTORS_HEAD, {}),
    OPTIONS_PAGE: (OPTIONS_HEAD, {}),
}


def render(page: Path) -> str:
    """Render one of the pages."""
    if page == OPTIONS_PAGE:
        return _options_page()
    if page == INDEX:
        return (
            json.dumps({card.name: registry.facts_of(card) for card in _cards()}, indent=1, ensure_ascii=False) + "\n"
        )
    head, sources = PAGES[page]
    if page == DATASETS_PAGE:
        return "\n".join([head, *_datasets()])
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


def _cards() -> Iterator[Any]:
    """The cards that mmbench itself registers."""
    for plugin in registry.plugins("dataset"):
        if plugin.distribution.startswith("mmbench=="):
            yield registry.load(plugin)


def _datasets() -> Iterator[str]:
    """A section for each family with a table, then one for each of its datasets."""
    families: dict[str, list[Any]] = {}
    for card in _cards():
        families.setdefault(card.name.partition("/")[0], []).append(card)
    for family, cards in families.items():
        rows = [
            (
                f"[{card.name}](#{_anchor(card.name)})",
                f"{card.samples:,}" if card.samples else "",
                card.licence,
                _pin(card),
            )
            for card in cards
        ]
        yield "\n".join([f"## {family}", "", *_table(("dataset", "samples", "licence", "hub"), rows), ""])
        for card in cards:
            yield "\n".join([f"### {card.name}", "", *_facts(card), ""])


def _anchor(name: str) -> str:
    return name.replace("/", "")


def _pin(card: Any) -> str:
    hub = getattr(card.source, "hub", None)
    if hub is None:
        return ""
    state = "gated, pinned" if hub.gated else "pinned" if hub.revision else "not pinned"
    return f"`{hub.id}` ({state})"


def _facts(card: Any) -> Iterator[str]:
    """What a card says, a fact a line."""
    task = registry.load(registry.find("task", card.name))
    hub, official = getattr(card.source, "hub", None), getattr(card.source, "official", None)
    facts = [f"{card.description[:1].upper()}{card.description[1:]}."]
    if hub is not None:
        of = f", configuration `{hub.config}`" if hub.config else ""
        former = f", formerly {', '.join(f'`{name}`' for name in hub.also)}" if hub.also else ""
        pin = f"at `{hub.revision}`" if hub.revision else f"not pinned: {hub.unpinned}"
        facts.append(f"- Hub: `{hub.id}`{former}{of}, split `{hub.splits.get('test', 'test')}`, {pin}")
    if official is not None:
        files = ", ".join(f"`{name}`" for name in official.files.get("test", ()))
        facts.append(f"- Official files: {files + ' from ' if files else ''}<{official.url}>")
    facts += [f"- Licence: {card.licence}", f"- Citation: {card.citation}", f"- Splits: {', '.join(card.splits)}"]
    facts.append(f"- Metrics: {', '.join(f'`{name}`' for name in task.info.primary)}")
    facts += [f"- Extractor: `{task.info.extractor}`"] if task.info.extractor else []
    facts += [f"- Prompt: `{task.info.prompt.partition(':')[0]}`"] if task.info.prompt else []
    facts += [f"- Published, same convention: {name}: {value}" for name, value in card.published.items()]
    facts.append(f"- Verified: {card.verified or 'nothing yet'}")
    for fact in facts:
        yield from wrap(
            fact,
            120,
            subsequent_indent="  " if fact.startswith("-") else "",
            break_long_words=False,
            break_on_hyphens=False,
        )
        if not fact.startswith("-"):
            yield ""


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
