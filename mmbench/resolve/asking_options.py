"""Options that say what is asked: tasks, the user's data, prompts and generation parameters.

Declared as those of `mmbench.resolve.options`, which says how; annotations are therefore evaluated in this module.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

from mmbench.core.spec import DataSource
from mmbench.resolve import forms
from mmbench.resolve.declared_option import Option

Data = str | Path | Mapping[str, str | Path] | Sequence[DataSource]
"""A path, {task or dataset name: path}, or data sources."""


class TaskOptions(TypedDict, total=False):
    """Keywords that choose and change tasks."""

    data: Annotated[
        Data | None, Option("Your own data for a task family.", forms.sources(), "data", default=(), identity=True)
    ]
    map: Annotated[
        Mapping[str, str] | None,
        Option(
            "Which fields of your data mean what, e.g. question=text,answer=label,image=img.",
            forms.roles(),
            "data",
            default={},
            identity=True,
        ),
    ]
    download: Annotated[
        bool, Option("Fetch and keep images that your data name by URL.", forms.flag(), "data", default=False)
    ]
    task_args: Annotated[
        Mapping[str, Any] | None,
        Option("Options of the tasks, e.g. extractor=mention.", forms.pairs(), "data", default={}, identity=True),
    ]


class AskOptions(TypedDict, total=False):
    """Keywords that change what models are asked. Each that differs from a task's own makes a variant of it."""

    prompt: Annotated[
        str | Sequence[str] | None,
        Option(
            "Prompts by name, or files; with several, each task is asked with each.",
            forms.names("NAME|FILE[,…]"),
            "ask",
            default=(),
            identity=True,
        ),
    ]
    max_new_tokens: Annotated[
        int | None, Option("How much a model may write at most, in tokens.", forms.whole(1), "ask", identity=True)
    ]
    temperature: Annotated[
        float | None,
        Option("0: always the likeliest token; above: draw.", forms.number(least=0), "ask", identity=True),
    ]
    top_p: Annotated[
        float | None,
        Option("Draw among the likeliest tokens with this share.", forms.number(above=0, most=1), "ask", identity=True),
    ]
    stop: Annotated[
        str | Sequence[str] | None,
        Option("Stop before this text; repeatable.", forms.texts("TEXT"), "ask", default=(), identity=True),
    ]
    thinking: Annotated[
        Literal["on", "off"] | int | None,
        Option(
            "Whether the model reasons first, or for how many tokens at most.", forms.thinking(), "ask", identity=True
        ),
    ]
    repeats: Annotated[
        int | None,
        Option("Ask each question K times: mean, pass@K, majority, variances.", forms.whole(1), "ask", identity=True),
    ]
    chat_template_kwargs: Annotated[
        Mapping[str, Any] | None,
        Option("Given to the chat template of the model.", forms.pairs(), "ask", default={}, identity=True),
    ]
