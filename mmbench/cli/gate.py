"""``mmbench gate``."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mmbench.cli.gate_plan import plan
from mmbench.cli.options import Command, options
from mmbench.cli.values import FORMAT, checked_format, print_as, print_json, say, writable_file
from mmbench.core.errors import MmbenchError, RunFailedError, UsageError

if TYPE_CHECKING:
    from mmbench.api.gate import GateInput
    from mmbench.gating.verdicts import GateResult

_EPILOG = """\b
Examples:
  mmbench gate mymodel --baseline gates/mymodel.json
  mmbench gate RUN --baseline RUN --require "vqa/scenes:accuracy drop<1pt"
  mmbench gate RUN --require "vqa/scenes:accuracy >= 0.70" --require "vqa/scenes:latency_p50 <= 250ms"
  mmbench gate RUN --baseline FILE --junit gate.xml --summary "$GITHUB_STEP_SUMMARY"
  mmbench gate R1 R2 R3 R4 R5 --baseline B1 … --baseline B5 \\
    --require "vqa/scenes:latency_p50 drop<1.2x"  # made by mmbench run --interleave
  mmbench gate RUN --baseline FILE --sequential gates/ledger.json  # on every push
  mmbench gate RUN --baseline FILE --aa           # how often would it fail an equal model?
  mmbench gate plan RUN --tolerance 0.5pt         # how many samples does a tolerance need?

\b
Rules (--require, or [[gate.rule]] tables in mmbench.toml; all of them apply, but a typed one replaces the file's rule of
the same metric and policy):
  TASK:METRIC drop<1pt                   regression: fails when the drop is significantly larger
  TASK:METRIC non-inferiority drop<1pt   passes only when the 95 % interval excludes a larger drop
  TASK:METRIC >= 0.70                    absolute: a floor, or (<=) a budget such as 250ms
  TASK:METRIC exact                      no sample may change
No primary metric that no rule is about may drop significantly, unless --only says that the rules are all. Rules about
speed need the same machine, and runs that took turns (mmbench run --interleave) where they compare.

\b
Exit codes: 0 every rule holds; 1 a rule is violated, whatever else is missing; 2 usage; 3 none is violated, but a metric or a
sample is missing, runs do not compare, or there are too few samples to tell; 4 an output could not be written.
"""


class _Requirement(click.ParamType[str]):
    """Rules in an environment variable are separated by semicolons, because they hold spaces."""

    name = "rule"
    envvar_list_splitter = ";"


class _Gate(Command):
    """Judges runs; ``plan`` as the first word is a command of its own (a run of that name is ``./plan``)."""

    commands = {"plan": plan}  # noqa: RUF012 - click asks for a plain dict
    """Commands below this one, by name."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        if args and args[0] in self.commands:
            name = args[0]
            defaults = ((parent.default_map if parent else None) or {}).get(str(info_name)) or {}
            extra["default_map"] = defaults.get(name)
            return self.commands[name].make_context(f"{info_name} {name}", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_options(ctx, formatter)
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.get_short_help_str(80)) for name, command in self.commands.items()])


@click.command(cls=_Gate, epilog=_EPILOG)
@click.argument("runs", metavar="RUN…", nargs=-1, required=True)
@click.option(
    "--baseline",
    "baselines",
    multiple=True,
    metavar="RUN|FILE",
    help="What it is held against: a run, or a file of `mmbench baseline save`. Several are repeats of one model.",
)
@click.option("--require", multiple=True, metavar="RULE", type=_Requirement(), help="A rule; see below.")
@click.option("--rules", metavar="FILE", help="Read [[gate.rule]] from this file instead of mmbench.toml.")
@click.option("--only", is_flag=True, help="Check these rules alone, not the other primary metrics.")
@click.option(
    "--sequential",
    metavar="LEDGER",
    help="For a gate on every push: count pushes in this file, and spend 6/(π²k²) of alpha on push k.",
)
@click.option("--aa", is_flag=True, help="Estimate how often these rules fail a model that is not worse.")
@click.option(
    "--simulations", type=click.IntRange(1, 1_000_000), default=500, show_default=True, help="Simulated gates of --aa."
)
@click.option("--junit", metavar="FILE", help="Write the verdicts as JUnit XML.")
@click.option("--summary", metavar="FILE", help="Append them as Markdown, as $GITHUB_STEP_SUMMARY wants it.")
@FORMAT
@options(
    "allow",
    "json",
    "out",
    allow="Go on although this differs: prompt, extractor or generation; stale: the file of a model that names a run; imported: a baseline of another tool.",
)
def command(runs: tuple[str, ...], baselines: tuple[str, ...], require: tuple[str, ...], **values: Any) -> int:
    """Hold a run against its baseline and against limits; made for CI."""
    values["format_name"] = checked_format(values)
    targets = _targets(values, (*runs, *baselines, values["rules"]))
    if values["aa"] and any(targets.values()):
        raise UsageError(
            "--aa estimates an error rate and gives no verdicts: leave out --junit, --summary and --sequential"
        )
    from mmbench.analysis.variants import checked_allowances
    from mmbench.api.gate import gate_input, judged
    from mmbench.resolve.current import STALE
    from mmbench.results.baseline import IMPORTED

    allowed = checked_allowances(values["allow"], (STALE, IMPORTED))
    found = gate_input(runs, baselines, (require, values["rules"]), values["out"], allowed)
    for note in found.notes:
        say(f"note: {note}", err=True)
    _targets(values, [str(run.path) for run in (*found.runs, *found.baselines)])  # runs that were given by name
    if values["aa"]:
        return _print_aa(found, values)
    result = judged(found, allowed, only=values["only"], ledger=targets["sequential"])
    failure = _write(result, targets)
    _print(result, values["format_name"], as_json=values["json"])
    if failure is not None:
        raise failure
    return result.exit_code


def _targets(values: Mapping[str, Any], inputs: Sequence[str | None]) -> dict[str, Path | None]:
    """Where files are to be written. Raises `UsageError` where they cannot be, or lie in what is read or in each other."""
    found = {
        option: writable_file(f"--{option}", values[option], inputs, append=option == "summary")
        for option in ("junit", "summary", "sequential")
    }
    junit = found["junit"]
    if junit is not None and junit.is_file() and not _may_replace(junit):
        raise UsageError(f"--junit {junit} is there already and is no JUnit XML: name a new file, or remove this one")
    for one, other in combinations([option for option, path in found.items() if path], 2):
        if Path(values[one]).expanduser().resolve() == Path(values[other]).expanduser().resolve():
            raise UsageError(f"--{one} and --{other} are both {values[one]}: name two files")
    return found


def _may_replace(path: Path) -> bool:
    """Whether a file is empty or begins as JUnit XML does."""
    try:
        with path.open("rb") as file:
            start = file.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n")
    except OSError as error:
        raise UsageError(f"--junit {path} cannot be read: {error.strerror or error}") from error
    return not start or (start.startswith(b"<") and b"<testsuite" in start)


def _write(result: GateResult, targets: dict[str, Path | None]) -> MmbenchError | None:
    """Write what was asked for; what kept a file from being written, if anything did."""
    from mmbench.reporting.gate import SUMMARY_LIMIT, summary_markdown
    from mmbench.reporting.junit import junit_xml
    from mmbench.results.codec import write_atomic, write_failed

    failure: MmbenchError | None = None
    if (junit := targets["junit"]) is not None:
        try:
            write_atomic(junit, junit_xml(result))
        except RunFailedError as error:
            failure = error
    if (summary := targets["summary"]) is not None:
        try:
            written = summary.stat().st_size if summary.exists() else 0
            text = summary_markdown(result, SUMMARY_LIMIT - written - 1)
            if not text:
                say(f"note: {summary} is full; nothing was appended", err=True)
            with summary.open("a", encoding="utf-8", newline="\n") as file:
                file.write(f"\n{text}" if written and text else text)
        except OSError as error:
            failure = write_failed(summary, error)
    return failure


def _print(result: GateResult, format_name: str | None, *, as_json: bool) -> None:
    from mmbench.reporting.gate import gate_table
    from mmbench.reporting.terminal import print_tables
    from mmbench.reporting.verdict_words import gate_document

    if as_json:
        print_json(gate_document(result))
        return
    if format_name is not None:
        print_as(format_name, [gate_table(result)])
        return
    print_tables([gate_table(result)], sys.stdout)


def _print_aa(given: GateInput, values: dict[str, Any]) -> int:
    from mmbench.gating.aa import false_alarms

    simulations, only = values["simulations"], values["only"]
    found = false_alarms(given.runs, given.baselines, given.rules, simulations=simulations, only=only)
    from mmbench.core.visible import visible
    from mmbench.reporting.gate import false_alarm_lines

    if values["json"]:
        print_json(found.to_dict())
    else:
        say("\n".join(map(visible, false_alarm_lines(found))))
    return 0
