"""The ``mmbench`` command: finds the subcommand, turns every failure into a sentence and an exit code."""

from __future__ import annotations

import errno
import io
import os
import sys
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

import click

from mmbench.core.errors import MmbenchError, RunFailedError, UsageError, missing_package
from mmbench.core.ids import nearest_names
from mmbench.core.visible import readable_lines, shown_name, visible

if TYPE_CHECKING:
    from mmbench.resolve.config import Known

COMMANDS = {
    "run": "Evaluate models on tasks; the same command again resumes.",
    "train": "Have a model learn tasks ahead of any run; a run does so by itself.",
    "score": "Score a file of predictions, without a model.",
    "show": "Look at a task, a run, one sample of either, or several runs side by side.",
    "compare": "Compare runs: differences with intervals and p-values, and what flipped.",
    "explain": "Say where the gap between two runs comes from: data, prompt, extraction, decoding, metric.",
    "workers": "Have more or fewer workers ask a run that is under way.",
    "merge": "Put the shards of a run together (mmbench run --shard).",
    "rescore": "Apply today's metrics to the stored answers of a run, and say what moved.",
    "repair": "Rebuild what is damaged in a run directory from what is not.",
    "report": "Tables and leaderboards of runs, with ranks: Markdown, CSV, LaTeX, HTML, JSON.",
    "view": "Look at runs in the browser: the report, live, with all samples.",
    "plot": "Figures of runs for papers: intervals, Pareto fronts, slices, seeds.",
    "import": "Turn the output of lmms-eval, lm-eval, VLMEvalKit or Inspect into a run.",
    "export": "Write runs for other tools: CSV, Parquet, Every Eval Ever, the hub, Inspect.",
    "track": "Send runs to experiment trackers: wandb, tensorboard, mlflow.",
    "gate": "Hold a run against its baseline and against limits; for CI.",
    "baseline": "Keep a run as a small file, for `mmbench gate`.",
    "data": "Look into data files, fetch public datasets, count what they hold.",
    "list": "List tasks, models, baselines, suites, metrics or data sets.",
    "check": "Check that your task, model or metric keeps its promises.",
    "doctor": "Say what is installed, what is broken, and what to do about it.",
}
"""Subcommand to its line in ``mmbench --help``; each lives in the module of its name."""

BUG = 70
"""Exit code for an unexpected exception."""

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What writing to a full or broken disk fails with."""


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        from mmbench.cli.options import name_variables

        command = _command(cmd_name)
        name_variables(command, cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            near = nearest_names(args[0], COMMANDS)
            hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
            ctx.fail(f"unknown command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _version(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    del parameter
    if value:
        from mmbench import __version__

        click.echo(f"mmbench {__version__}")
        ctx.exit()


_HELP = """Evaluate multimodal models: how good, how sure, how fast.

\b
Examples:
  mmbench run --model template-prior,random --tasks vqa
  mmbench run --model mymodel --tasks vqa,retrieval
  mmbench run --model mymodel --tasks vqa --data my.jsonl
  mmbench run --suite tiny
  mmbench compare template-prior mymodel
  mmbench show vqa/easy-vqa --sample 0
"""


@click.group(
    cls=_Lazy,
    help=_HELP,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Every option of a command is also an environment variable (--batch-size of run: MMBENCH_RUN_BATCH_SIZE or "
    "MMBENCH_BATCH_SIZE) and a key in mmbench.toml ([run] batch-size = 32).",
)
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Print the version and exit."
)
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Evaluate multimodal models."""
    from mmbench.cli.options import check_environment
    from mmbench.resolve.config import load_config

    ctx.default_map = load_config().command_defaults({name: partial(_known_of, name) for name in COMMANDS})
    if ctx.invoked_subcommand is not None:
        _check_address_space(ctx.invoked_subcommand)
        check_environment(_command(ctx.invoked_subcommand), ctx.invoked_subcommand, COMMANDS)


def _command(name: str) -> click.Command:
    command: click.Command = import_module(f"mmbench.cli.{name}").command
    return command


def _known_of(name: str) -> Known:
    return _known(_command(name))


def _known(command: click.Command) -> Known:
    """What ``mmbench.toml`` may set of a command, and of those below it."""
    from mmbench.cli.options import below, declared

    return {**declared(command), **{name: _known(each) for name, each in below(command).items()}}


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code of the plan. Never raises but for `SystemExit` of an embedding program."""
    if sys.stdout is None:  # it was closed: what is printed goes nowhere
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - stays open
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal without Unicode gets escapes, not the end of the run
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        result = cli.main(args=arguments, prog_name="mmbench", standalone_mode=False)
    except click.ClickException as error:
        said = io.StringIO()
        error.show(file=said)
        click.echo(readable_lines(said.getvalue()), nl=False, err=True)
        return UsageError.exit_code
    except click.Abort as error:  # click's word for a KeyboardInterrupt, which is its cause
        return getattr(error.__cause__, "exit_code", 130)
    except MmbenchError as error:
        return _refuse(error)
    except KeyboardInterrupt as error:
        return getattr(error, "exit_code", 130)
    except BrokenPipeError:
        _drop_output()
        return 0
    except Exception as error:  # noqa: BLE001 - the top-level handler: whatever arrives here is a bug and is shown whole
        if (refused := _environment_error(error)) is not None:
            return _refuse(refused)
        if isinstance(error, ImportError) and (missing := missing_package(error)) is not None:
            return _refuse(missing)
        if isinstance(error, OSError) and error.errno in _NO_ROOM and error.filename is None:
            _drop_output()
            click.echo(f"error: the output cannot be written: {error.strerror}", err=True)
            return RunFailedError.exit_code
        import traceback

        click.echo(traceback.format_exc(), err=True)
        click.echo("This is a bug in mmbench. Please report it with the lines above.", err=True)
        return BUG
    return result if isinstance(result, int) else 0


_NO_MEMORY = ("cannot allocate memory", "failed to map segment", "unable to allocate")


def _environment_error(error: Exception) -> MmbenchError | None:
    """The error for what the machine or the command's own words make impossible; None for anything else."""
    said = str(error).lower()
    if isinstance(error, MemoryError) or (
        isinstance(error, ImportError | OSError) and any(map(said.count, _NO_MEMORY))
    ):
        return RunFailedError(f"memory has run out ({visible(str(error), 200) or 'MemoryError'})")
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        return UsageError(f"a name is too long for a file: {shown_name(str(error.filename or ''))}")
    if isinstance(error, ValueError) and "embedded null" in said:
        return UsageError("a name holds a NUL character, which no file has")
    if isinstance(error, UnicodeEncodeError):
        return UsageError(f"a text is not valid Unicode: {shown_name(ascii(error.object[error.start : error.end]))}")
    return None


_NEEDED_BYTES = 2**29
_NEEDED_A_THREAD = 2**26
_LIGHT = ("list", "doctor")
"""Commands that do without numpy."""


def _check_address_space(command: str) -> None:
    """Refuse to begin where numpy's libraries could not be loaded: they end the process without a word. Raises `UsageError`."""
    try:
        import resource
    except ImportError:  # not on Windows
        return
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    threads = int(os.environ.get("OPENBLAS_NUM_THREADS") or 0) or min(os.cpu_count() or 1, 64)
    needed = _NEEDED_BYTES + threads * _NEEDED_A_THREAD
    if command not in _LIGHT and limit != resource.RLIM_INFINITY and limit < needed:
        raise UsageError(
            f"the limit on address space (ulimit -v) is {limit >> 20:,} MiB; numpy and its {threads} threads need about "
            f"{needed >> 20:,} MiB: raise it, or set OPENBLAS_NUM_THREADS=1"
        )


def _refuse(error: MmbenchError) -> int:
    click.secho("error: ", fg="red", bold=True, nl=False, err=True)
    click.echo(readable_lines(str(error)), err=True)
    return error.exit_code


def _drop_output() -> None:
    """Let what is still to be written to stdout go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
