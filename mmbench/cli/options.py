"""Options of commands, from their declarations: click options, variables, and ``--help`` in groups."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from mmbench.core.errors import UnknownNameError
from mmbench.resolve import forms
from mmbench.resolve.declared_option import GROUPS, Option
from mmbench.resolve.options import OPTIONS, check_meaning

PREFIX = "MMBENCH_"
"""What the variables of options begin with."""

_Function = TypeVar("_Function", bound=Callable[..., Any])


class DeclaredOption(click.Option):
    """A click option that is made from a declaration and reads values as it says."""

    def __init__(self, declared: Option) -> None:
        self.declared = declared
        form = declared.form
        bare = {} if declared.bare is None else {"is_flag": False, "flag_value": declared.bare}
        super().__init__(
            [
                *([f"-{declared.short}"] if declared.short else []),
                *(f"--{name}" for name in declared.spellings),
                declared.keyword,
            ],
            help=declared.help,
            metavar=None if form.flag else f"[{form.metavar}]" if bare else form.metavar,
            multiple=form.many,
            default=() if form.many else declared.default,
            show_default=not form.flag and not form.many,
            type=click.BOOL if form.flag else click.UNPROCESSED,
            **({"is_flag": True} if form.flag else bare),
        )

    def value_from_envvar(self, ctx: click.Context) -> Any:
        """The text of the variable; several values are separated by semicolons."""
        text = self.resolve_envvar_value(ctx)
        return text if text is None or not self.multiple else text.split(";")

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        """Read the value as its source writes it: as text, or, checked already, from ``mmbench.toml``."""
        source = ctx.get_parameter_source(str(self.name))
        if source is ParameterSource.COMMANDLINE:
            return self.declared.parsed(value, f"--{self.declared.name}")
        if source is ParameterSource.ENVIRONMENT:
            return self.declared.parsed(value, self._variable_given())
        return value if source is ParameterSource.DEFAULT_MAP else self.declared.default

    def _variable_given(self) -> str:
        return next(name for name in variables(self) if os.environ.get(name))


class Command(click.Command):
    """A command whose ``--help`` lists options in groups."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, group by group."""
        records: dict[str, list[tuple[str, str]]] = {heading: [] for heading in GROUPS.values()}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            group = parameter.declared.group if isinstance(parameter, DeclaredOption) else "other"
            if record is not None:
                records[GROUPS[group]].append(record)
        for heading, found in records.items():
            if found:
                with formatter.section(heading):
                    formatter.write_dl(found)


def options(*wanted: str | Option, **changes: str) -> Callable[[_Function], _Function]:
    """Decorate a command with declared options.

    Args:
        wanted: Names of shared options, or declarations of the command's own.
        changes: Keyword of a shared option to a sentence for ``--help`` in the place of its own.
    """

    def decorate(function: _Function) -> _Function:
        found = [OPTIONS[each] if isinstance(each, str) else each for each in wanted]
        made = [DeclaredOption(replace(each, help=changes.get(each.keyword, each.help))) for each in found]
        if isinstance(function, click.Command):
            function.params += made
        else:
            kept: list[click.Parameter] = getattr(function, "__click_params__", [])
            function.__click_params__ = kept + made[::-1]  # type: ignore[attr-defined]
        return function

    return decorate


def declared(command: click.Command) -> dict[str, Option]:
    """What the options of a command take, by every long name that users type."""
    found: dict[str, Option] = {}
    for parameter in command.params:
        if isinstance(parameter, DeclaredOption):
            found |= dict.fromkeys(parameter.declared.spellings, parameter.declared)
        elif isinstance(parameter, click.Option):
            each = _described(parameter)
            found |= dict.fromkeys(each.spellings, each)
    return found


def _described(option: click.Option) -> Option:
    """The declaration of an option that was written for click."""
    kind = option.type
    if option.is_flag:
        form = forms.flag()
    elif isinstance(kind, click.Choice):
        form = forms.choice(*map(str, kind.choices))
    elif isinstance(kind, click.types.IntParamType):
        least = getattr(kind, "min", None)
        form = forms.whole(None if least is None else int(least))
    elif isinstance(kind, click.types.FloatParamType):
        form = forms.number()
    else:
        form = forms.text(option.metavar or "TEXT")
    if option.multiple:
        form = forms.texts(option.metavar or "TEXT")
    first, *others = sorted((name.lstrip("-") for name in option.opts), key=len, reverse=True)
    long = tuple(name for name in others if len(name) > 1)
    return Option(option.help or "", form, name=first, also=long, parameter=str(option.name))


# --- environment variables ---


def below(command: click.Command) -> dict[str, click.Command]:
    """Commands below a command, by name."""
    return getattr(command, "commands", {})


def name_variables(command: click.Command, name: str) -> None:
    """Give every option of a command, and of those below it, its environment variables."""
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            parameter.envvar = list(_variables_of(parameter, name))
    for under, each in below(command).items():
        name_variables(each, f"{name}_{under}")


def variables(option: click.Option) -> list[str]:
    """The environment variables of an option, the one that wins first."""
    return [option.envvar] if isinstance(option.envvar, str) else list(option.envvar or ())


def _variables_of(option: click.Option, command: str) -> Iterator[str]:
    """``MMBENCH_RUN_LIMIT``, and ``MMBENCH_LIMIT`` for an option that commands share."""
    each = option.declared if isinstance(option, DeclaredOption) else _described(option)
    shared = {spelling for option in OPTIONS.values() for spelling in option.spellings}
    yield from (_variable(spelling, f"{PREFIX}{command}_") for spelling in each.spellings)
    yield from (_variable(spelling) for spelling in each.spellings if spelling in shared)


def check_environment(command: click.Command, name: str, others: Iterable[str]) -> None:
    """Refuse variables that nearly have the name of an option.

    Args:
        command: The command that is about to run.
        name: Its name.
        others: Names of all commands; variables of the others are not looked at.

    Raises:
        UnknownNameError: For a variable that looks like one of the command, with the nearest.
        RenamedOptionError: For the variable of an option whose name stood for another one before.
    """
    elsewhere = tuple(f"{PREFIX}{other.upper()}_" for other in others if other != name)
    found = [each for each in os.environ if each.startswith(PREFIX) and not each.startswith(elsewhere)]
    if not found:
        return
    owners = {each: option for option in _all_options(command) for each in variables(option)}
    known = set(owners)
    given = {str(owners[each].name).replace("_", "-"): each for each in found if each in owners}
    for option, variable in given.items():
        check_meaning(option, f"environment variable {variable}:", given)
    shared = {_variable(spelling) for option in OPTIONS.values() for spelling in option.spellings}
    for variable in sorted({*found} - known - shared):
        short = {each.removeprefix(PREFIX): each for each in known}
        if near := difflib.get_close_matches(variable.removeprefix(PREFIX), short, cutoff=0.8):
            raise UnknownNameError("environment variable", variable, [short[each] for each in near])


def _variable(spelling: str, start: str = PREFIX) -> str:
    return f"{start}{spelling}".upper().replace("-", "_")


def _all_options(command: click.Command) -> Iterator[click.Option]:
    yield from (parameter for parameter in command.params if isinstance(parameter, click.Option))
    for each in below(command).values():
        yield from _all_options(each)
