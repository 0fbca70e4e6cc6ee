"""Every option that commands share, declared once: name, type, default, range, help, group, and whether it is identity.

The command line, ``mmbench.toml``, environment variables, the keywords of `mmbench.run` and `mmbench.train`, and
``docs/reference/options.md`` all come from these declarations. A keyword of Python is declared by the annotation of its
type, so mypy and the program read the same line; annotations are therefore evaluated in this module.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from mmbench.core.errors import RenamedOptionError, UnknownNameError, UsageError
from mmbench.core.spec import CACHE, CHECKPOINTS, DataSource
from mmbench.resolve import forms
from mmbench.resolve.asking_options import AskOptions, TaskOptions
from mmbench.resolve.command_options import OF_COMMANDS
from mmbench.resolve.declared_option import Option
from mmbench.resolve.load_options import LoadOptions
from mmbench.resolve.scale_options import ScaleOptions

if TYPE_CHECKING:
    from mmbench.runner.execute.progress import Progress

REUSED = {"workers": "loader-threads"}
"""Options whose name stood for another one before, to what that is called now. In files and variables, which may be old, they need
the other one beside them."""


class TrainOptions(TaskOptions, total=False):
    """Keywords of `mmbench.train`."""

    model_args: Annotated[
        Mapping[str, Any] | None, Option("Options of the model.", forms.pairs(), "model", default={}, identity=True)
    ]
    device: Annotated[
        str | None, Option("Given to the model as its option 'device'.", forms.text(), "model", identity=True)
    ]
    checkpoints: Annotated[
        str | Path | None,
        Option("Where models keep what they have learned.", forms.folder(), "model", default=CHECKPOINTS),
    ]
    retrain: Annotated[
        bool,
        Option(
            "Train even where a model comes with weights for the task.",
            forms.flag(),
            "model",
            default=False,
            identity=True,
        ),
    ]
    seed: Annotated[
        int, Option("Seed of all that is drawn; the first of --seeds.", forms.whole(), "what", default=0, identity=True)
    ]
    seeds: Annotated[
        int, Option("Repeat with N seeds, from --seed on, each a run of its own.", forms.whole(1), "what", default=1)
    ]
    threads: Annotated[
        int | None,
        Option("CPU threads for training and inference; default: chosen by the model.", forms.whole(1), "speed"),
    ]
    progress: "bool | Progress"


class RunOptions(TrainOptions, AskOptions, LoadOptions, ScaleOptions, total=False):
    """Keywords of `mmbench.run`."""

    suite: Annotated[
        str | None, Option("Models and tasks under one name, see: mmbench list suites.", forms.text("S"), "what")
    ]
    allow: Annotated[
        str | Sequence[str] | None,
        Option(
            "What is refused otherwise, by name: outside-images sends images of any folder to an endpoint, memory loads a model "
            "whose weights seem not to fit.",
            forms.names("LIST"),
            "what",
            default=(),
        ),
    ]
    images: Annotated[
        str | Sequence[str] | None,
        Option(
            "Images of this folder may be sent to an endpoint, beside those in the folder of the data; repeatable.",
            forms.texts("FOLDER"),
            "data",
            default=(),
        ),
    ]
    reask: Annotated[
        Literal["truncated"] | None,
        Option(
            "Take over what ended by itself with fewer --max-new-tokens, and ask only the rest again.",
            forms.choice("truncated"),
            "ask",
        ),
    ]
    skip_incompatible: Annotated[
        bool,
        Option(
            "Show what a model cannot answer as n/a, also where nothing else is left of it.",
            forms.flag(),
            "what",
            default=False,
        ),
    ]
    max_errors: Annotated[
        float,
        Option(
            "Stop when more requests fail; a fraction counts after 50 requests.",
            forms.number(least=0, metavar="N|FRACTION"),
            "what",
            default=0.5,
        ),
    ]
    max_cost: Annotated[
        float | None,
        Option("Stop when the command has cost this much; resumable.", forms.number(above=0, metavar="USD"), "what"),
    ]
    split: Annotated[str, Option("Split that is asked.", forms.text(), "data", default="test", identity=True)]
    limit: Annotated[
        int | None, Option("At most N samples a task, whole groups (images) only.", forms.whole(1), "data")
    ]
    ids: Annotated[Sequence[str] | None, Option("Only these sample ids.", forms.ids("ID[,ID…]"), "data", default=())]
    base_url: Annotated[
        str | None,
        Option(
            "Address of an endpoint; given to the model as its option 'base_url'.",
            forms.text("URL"),
            "model",
            identity=True,
        ),
    ]
    dtype: Annotated[
        str | None, Option("Given to the model as its option 'dtype'.", forms.text(), "model", identity=True)
    ]
    attn: Annotated[
        str | None,
        Option(
            "Implementation of attention: eager, sdpa, flash_attention_2; given to the model as its option 'attention'.",
            forms.text(),
            "model",
            identity=True,
        ),
    ]
    compile: Annotated[
        bool,
        Option(
            "Compile the model (torch.compile); given to it as its option 'compile'.",
            forms.flag(),
            "model",
            default=False,
            identity=True,
        ),
    ]
    quantisation: Annotated[
        str | None,
        Option(
            "How weights are quantised: none, int8, int4, 8bit, 4bit; given to the model as its option 'quantisation'.",
            forms.text(),
            "model",
            identity=True,
        ),
    ]
    sweep: Annotated[
        str | Sequence[str] | Mapping[str, Sequence[Any]] | None,
        Option(
            "One run for each value of an option, and a table of quality against speed and memory; none: without it.",
            forms.sweep(),
            "what",
            default=(),
        ),
    ]
    strict: Annotated[
        bool,
        Option(
            "Exit code 4 where a speed must not be quoted (perf.json says why).", forms.flag(), "speed", default=False
        ),
    ]
    interleave: Annotated[
        str | Any | None,
        Option(
            "Measure speed by turns with this model: --repeats pairs of runs (5), for gate rules about speed.",
            forms.text("MODEL"),
            "what",
        ),
    ]
    pareto: Annotated[
        str | Path | None,
        Option(
            "With --sweep, draw quality against speed and memory, and the Pareto fronts, into an .svg, .pdf or .png file.",
            forms.file(),
            "results",
        ),
    ]
    batch_size: Annotated[
        int | Literal["auto", "search"],
        Option(
            "Requests a batch; auto: 64, for checkpoints up to 256 where requests are small, halved when memory runs out; "
            "search: the fastest of 1, 2, 4 …, by the clock.",
            forms.batch_size(),
            "speed",
            default="auto",
        ),
    ]
    batch_cost: Annotated[
        float | None,
        Option("Upper bound on a batch's summed cost in tokens.", forms.number(above=0, metavar="COST"), "speed"),
    ]
    loader_threads: Annotated[
        int, Option("Threads that prepare batches ahead; 0: none.", forms.whole(0), "speed", default=2)
    ]
    concurrency: Annotated[
        int, Option("Most requests in flight, for models with async methods.", forms.whole(1), "speed", default=16)
    ]
    executor: Annotated[
        str | None,
        Option("How batches reach the model: a registered executor; default: in this process.", forms.text(), "speed"),
    ]
    timeout: Annotated[
        float | None,
        Option(
            "Give up a request after this, asking again included, for models with async methods; a batch, with --workers.",
            forms.number(above=0, metavar="SECONDS"),
            "speed",
        ),
    ]
    give_up: Annotated[
        float,
        Option(
            "Stop when no byte has come from an endpoint for so long; resumable.",
            forms.number(above=0, metavar="SECONDS"),
            "speed",
            default=300.0,
        ),
    ]
    retries: Annotated[
        int,
        Option(
            "Ask again after faults that may pass, for models with async methods.", forms.whole(0), "speed", default=8
        ),
    ]
    perf: Annotated[
        Literal["quick", "full", "off"],
        Option(
            "Measure speed and memory: of the quality run (quick), and under load afterwards (full).",
            forms.choice("quick", "full", "off"),
            "speed",
            default="quick",
        ),
    ]
    cache: Annotated[
        str | Path | None,
        Option(
            f"Share answers between runs: what was answered there is not asked again. Without a value: {CACHE}.",
            forms.folder(),
            "speed",
            bare=CACHE,
        ),
    ]
    track: Annotated[
        str | Sequence[str] | None,
        Option(
            "Send each run to these experiment trackers, see: mmbench list trackers.",
            forms.names("LIST"),
            "results",
            default=(),
        ),
    ]
    tracker_args: Annotated[
        Mapping[str, Any] | None, Option("Options of the trackers.", forms.pairs(), "results", default={})
    ]
    track_samples: Annotated[
        int,
        Option(
            "Samples of a task that trackers get, spread over right, wrong, truncated and the rest; 0: none.",
            forms.whole(0),
            "results",
            default=100,
        ),
    ]
    track_wait: Annotated[
        float,
        Option(
            "Wait so long for trackers when everything is over.",
            forms.number(above=0, metavar="SECONDS"),
            "results",
            default=60.0,
        ),
    ]
    solved: Annotated[
        float,
        Option(
            "A seed counts as having solved a task from this value up (0 to 1).",
            forms.number(least=0, most=1, metavar="VALUE"),
            "results",
            default=0.95,
        ),
    ]


def _declared(*keywords: type) -> dict[str, Option]:
    """The options that the annotations of typed dictionaries declare, by name."""
    found: dict[str, Option] = {}
    for each in keywords:
        for key, annotation in each.__annotations__.items():
            for option in get_args(annotation)[1:]:
                if isinstance(option, Option):
                    name = key.replace("_", "-")
                    found[name] = dataclasses.replace(option, name=name)
    return found


OPTIONS: dict[str, Option] = {**_declared(RunOptions), **{option.name: option for option in OF_COMMANDS}}
"""Every option that commands share, by name."""

OF_MODEL = {
    "base_url": "base_url",
    "device": "device",
    "dtype": "dtype",
    "attn": "attention",
    "compile": "compile",
    "quantisation": "quantisation",
}
"""Keywords that are options of the model, by the names that models have for them."""

OF_TRAIN = tuple(option.keyword for option in _declared(TrainOptions).values())
"""Keywords of `mmbench.train`."""

OF_RUN = tuple(option.keyword for option in _declared(RunOptions).values())
"""Keywords of `mmbench.run`."""


def checked(given: Mapping[str, Any], keywords: Iterable[str], what: str) -> dict[str, Any]:
    """Check keywords that were given from Python.

    Args:
        given: Keyword to value. ``progress`` is passed through.
        keywords: Those that the function has.
        what: The function, for messages: ``mmbench.run``.

    Returns:
        Every keyword with its value as the program uses it, or its default. The values of `OF_MODEL` are among
        ``model_args`` as well.

    Raises:
        UnknownNameError: For a keyword that the function does not have, with the nearest.
        OptionError: For a value of another type or out of range.
    """
    known = tuple(keywords)
    for keyword in given:
        if keyword not in (*known, "progress"):
            raise UnknownNameError(f"option of {what}:", keyword, (*known, "progress"))
    found = {keyword: _by_keyword(keyword).value(given.get(keyword)) for keyword in known}
    if "data" in found:
        found["data"] = read_by(found["data"], found)
    of_model = {own: found[name] for name, own in OF_MODEL.items() if found.get(name) not in (None, False, "none")}
    if "model_args" in found:
        found["model_args"] = {**found["model_args"], **of_model}
    return {**found, "progress": given.get("progress", True)}


def read_by(sources: Iterable[DataSource], values: Mapping[str, Any]) -> tuple[DataSource, ...]:
    """The user's own data, to be read as ``--map`` and ``--download`` say.

    Raises:
        UsageError: If there is a map and no data.
    """
    fields, download = dict(values.get("map") or {}), bool(values.get("download"))
    found = tuple(sources)
    if fields and not found:
        raise UsageError("--map is for your own data: add --data [NAME=]PATH")
    if not (fields or download):
        return found
    return tuple(dataclasses.replace(source, fields=fields, download=download) for source in found)


def _by_keyword(keyword: str) -> Option:
    return OPTIONS[keyword.replace("_", "-")]


def check_meaning(name: str, what: str, beside: Iterable[str]) -> None:
    """Refuse an option in a file or a variable that may be meant as it was before.

    Args:
        name: The option.
        what: Where it stands: ``key of [run] in mmbench.toml:``.
        beside: The options that are given there as well.

    Raises:
        RenamedOptionError: If its name stood for another option before, which is not given.
    """
    new = REUSED.get(name)
    if new is not None and new not in beside:
        raise RenamedOptionError(name, new, what)
