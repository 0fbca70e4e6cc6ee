"""What several commands do with their options and around their work."""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mmbench.core.errors import RunFailedError, UsageError
from mmbench.core.visible import readable_lines, shell_command

if TYPE_CHECKING:
    from mmbench.reporting.table import Table


def say(text: str, *, err: bool = False) -> None:
    """Print text for people. Names, answers and errors in it come from elsewhere, so everything is made visible first."""
    click.echo(readable_lines(text), err=err)


def print_json(document: Any, *, indent: int | None = None) -> None:
    """Print a document as JSON: NaN and infinities, which JSON does not have, are null, and -0.0 is 0.0."""
    click.echo(json.dumps(_plain(document), indent=indent, allow_nan=False))


FORMAT = click.option(
    "--format",
    "-f",
    "format_name",
    metavar="NAME",
    help="md, csv, tex, html, json, or another of mmbench list renderers; instead of tables for the terminal.",
)
"""The option that names a format of tables."""


def checked_format(values: Mapping[str, Any]) -> str | None:
    """The format that ``--format`` or ``--md`` asks for; None for the terminal. Raises `UsageError`, `UnknownNameError`."""
    from mmbench import registry

    named: str | None = values["format_name"]
    also = [option for option in ("md", "json") if values.get({"md": "as_markdown"}.get(option, option))]
    if named is not None:
        registry.find("renderer", named)
    asked = [*(f"--{option}" for option in also), *([] if named is None else ["--format"])]
    if len(asked) > 1:
        raise UsageError(f"{' and '.join(asked)} exclude each other")
    return "md" if also == ["md"] else named


def print_as(format_name: str, tables: Sequence[Table]) -> None:
    """Print tables in a format, as they are: no ANSI sequence is taken out."""
    from mmbench.reporting.formats import render

    click.echo(render(format_name, tables), nl=False, color=True)


def _plain(document: Any) -> Any:
    if isinstance(document, dict):
        return {key: _plain(value) for key, value in document.items()}
    if isinstance(document, list | tuple):
        return [_plain(value) for value in document]
    if isinstance(document, float):
        return document + 0.0 if math.isfinite(document) else None
    return document


@contextlib.contextmanager
def resumable(kept: str) -> Iterator[str]:
    """Print the command that goes on where a command is interrupted or a part of it fails.

    Args:
        kept: A sentence on what is not lost, for an interruption.

    Yields:
        The command as it was typed.
    """
    again = shell_command(["mmbench", *sys.argv[1:]])
    try:
        yield again
    except KeyboardInterrupt as error:
        click.echo(f"\nEnded by {error}. {kept} To go on:\n  {again}", err=True)
        raise
    except RunFailedError:
        click.echo(f"To go on:\n  {again}", err=True)
        raise


def writable_file(option: str, text: str | None, inputs: Iterable[str | None], *, append: bool = False) -> Path | None:
    """Where an option writes a file, checked before anything is read; None where it is not given. Raises `UsageError`.

    Parameters: `inputs`, what the command reads, which it must never replace or land in; `append`, whether a file that is
    there is added to.
    """
    if text is None:
        return None
    if not text.strip():
        raise UsageError(f"{option} is empty: name a file, or leave {option} out")
    path = Path(text).expanduser()
    try:
        for given in filter(None, inputs):
            read = Path(given).expanduser().resolve()
            if path.resolve() == read or (read.is_dir() and path.resolve().is_relative_to(read)):
                raise UsageError(f"{option} {path} would {'change' if append else 'replace'} a file that is read")
        if path.exists() and not path.is_file():
            raise UsageError(f"{option} {path} is there already and is no file")
        if not path.parent.is_dir():
            raise UsageError(f"{option} {path}: there is no folder {path.parent}")
        place = path if append and path.exists() else path.parent
        if not os.access(place, os.W_OK):
            raise UsageError(f"{option} {path} cannot be written: no permission to write {place}")
    except (OSError, RuntimeError) as error:  # no permission to look there; a link that leads to itself
        raise UsageError(f"{option} {path} cannot be written: {error}") from error
    return path
