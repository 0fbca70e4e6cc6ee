"""What several commands do with their options and around their work."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from mmbench.core.errors import RunFailedError, UsageError
from mmbench.core.visible import readable_lines, shell_command


def say(text: str, *, err: bool = False) -> None:
    """Print text for people. Names, answers and errors in it come from elsewhere, so everything is made visible first."""
    click.echo(readable_lines(text), err=err)


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
