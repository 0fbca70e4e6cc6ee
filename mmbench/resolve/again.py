"""The commands that made a stored run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mmbench.core.visible import shell_command, visible
from mmbench.resolve.options import OPTIONS
from mmbench.results.run import Run

_MOST = 8
"""Values of an option that a command spells out."""
_JOINED = ("ids", "scenarios", "tasks")
"""Options whose values stand behind one another with commas."""
_LEFT_OUT = ("model", "tasks", "checkpoints", "cache")
"""Options that are written otherwise, or name folders of the machine that made the run and change no answer."""


def run_commands(run: Run) -> list[str]:
    """The commands that made a run, in order: of each what differs from the defaults, and no more."""
    if (origin := run.record.imported) is not None:
        ours = [word for task in run.tasks.values() if task.source.name for word in ("--task", task.source.name)]
        return [visible(shell_command(["mmbench", "import", origin.tool, *origin.files, *ours]))]
    specs = (*run.record.earlier_specs, run.record.spec)
    latest_first = dict.fromkeys(_run_command(run, spec) for spec in reversed(specs))
    return list(latest_first)[::-1]


def _run_command(run: Run, spec: Mapping[str, Any]) -> str:
    model = str(spec.get("model") or run.model.name)
    words = ["mmbench", "run", "--model", model, "--tasks", ",".join(map(str, spec.get("tasks") or run.tasks))]
    return visible(shell_command([*words, *_options(spec)]))


def _options(spec: Mapping[str, Any]) -> Iterator[str]:
    for option in OPTIONS.values():
        value = spec.get(option.keyword)
        if option.keyword in _LEFT_OUT or value in (None, [], {}, (), option.default):
            continue
        for text in [""] if option.form.flag else _texts(option.keyword, value):
            yield f"--{option.name}"
            if text:
                yield text


def _texts(keyword: str, value: Any) -> list[str]:
    """The values of an option as a command line takes them; of very many the first ones and an ellipsis."""
    if keyword == "data":
        return [f"{each['name']}={each['path']}" if each.get("name") else str(each.get("path")) for each in value]
    if isinstance(value, Mapping):
        return [",".join(f"{key}={each}" for key, each in value.items())]
    if not isinstance(value, list | tuple):
        return [str(value)]
    texts = [str(each) if isinstance(each, str | int | float) else "…" for each in value]
    texts = texts if len(texts) <= _MOST else [*texts[:_MOST], "…"]
    return [",".join(texts)] if keyword in _JOINED else texts
