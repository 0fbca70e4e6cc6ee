"""What ``--sweep`` varies: one setting of the options for each value, or for each combination of values."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmbench.core.errors import OptionError, UsageError
from mmbench.resolve import forms
from mmbench.resolve.declared_option import Option
from mmbench.resolve.options import OF_MODEL, OPTIONS

_NONE = ("none", "null")
"""Values that stand for the option not being given."""
_GROUPS = ("model", "speed", "ask")
"""Groups of options of `mmbench run` that can be varied; others choose what is run, on what, or what is shown."""
_FIXED = ("model-args", "checkpoints", "retrain", "cache", "perf", "reask")
"""Options of these groups that cannot: they are no single value, or answers would not be asked anew."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One combination of the values that are swept."""

    label: str
    """As it is shown: ``quantisation=int8``."""
    options: Mapping[str, Any]
    """Keywords of `mmbench.run` that it sets; None: the option is not given."""
    of_model: Mapping[str, Any]
    """Options of the model that it sets, or takes away where the value is None."""

    @property
    def folder(self) -> str | None:
        """Where its runs lie below the folder of all runs; None: there, as they differ by the model's options."""
        return self.label.replace("/", "_") if self.options else None

    def applied(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Keywords of `mmbench.run` with this setting put in."""
        args = {**OPTIONS["model-args"].value(options.get("model_args")), **self.of_model}
        kept = {name: value for name, value in args.items() if value is not None}
        mine = dict.fromkeys(name for name, own in OF_MODEL.items() if own in self.of_model)
        return {**options, **self.options, **mine, "model_args": kept}


@dataclass(frozen=True, slots=True)
class Swept:
    """What became of one setting when it was planned."""

    label: str
    """As it is shown."""
    jobs: tuple[int, ...]
    """Places of its jobs in the plan; empty where it could not be planned."""
    problem: str | None = None
    """Why it could not be planned."""


def settings(sweep: Sequence[str]) -> list[Setting]:
    """The settings that a sweep asks for, in the order of the values; the last option varies fastest.

    Args:
        sweep: ``OPTION=V,V`` each, as the option ``sweep`` has it. The option is one of `mmbench run` that concerns the
            model, speed or asking; any other name is an option of the model.

    Raises:
        UsageError: For an option that cannot be varied.
        OptionError: For a value that the option does not take.
    """
    found = []
    for values in itertools.product(*(list(_values(text)) for text in sweep)):
        options = {name: value for _, own, _ in values for name, value in own.items()}
        of_model = {name: value for _, _, own in values for name, value in own.items()}
        found.append(Setting(", ".join(label for label, _, _ in values), options, of_model))
    return found


def _values(text: str) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """(label, keywords, options of the model) of every value of one option."""
    name, _, given = text.partition("=")
    name = name.strip().replace("_", "-")
    option = OPTIONS.get(name)
    if option is not None and option.keyword not in OF_MODEL and (option.group not in _GROUPS or name in _FIXED):
        raise UsageError(
            f"--sweep {text}: --{name} cannot be varied within one table; a sweep varies options of the model, of asking "
            "and of speed"
        )
    for value in (each.strip() for each in given.split(",")):
        label = f"{name}={value}"
        if option is None:
            yield label, {}, {name.replace("-", "_"): None if value in _NONE else _typed(value)}
        elif option.keyword in OF_MODEL:
            yield label, {}, {OF_MODEL[option.keyword]: _read(option, value, text)}
        else:
            yield label, {option.keyword: _read(option, value, text)}, {}


def _read(option: Option, value: str, text: str) -> Any:
    if value in _NONE:
        return None
    try:
        return option.parsed([value] if option.form.many else value, f"--sweep {option.name}")
    except OptionError as error:
        raise OptionError(f"--sweep {text}: {option.name}", value, option.form.expected) from error


def _typed(value: str) -> Any:
    return forms.key_values([f"value={value}"])["value"]
