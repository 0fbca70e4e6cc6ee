"""``mmbench gate plan``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mmbench.cli.options import Command, options
from mmbench.core.errors import UsageError

if TYPE_CHECKING:
    from mmbench.gating.plan import PlanRow, PlanSettings


@click.command(
    "plan",
    cls=Command,
    epilog="""\b
Examples:
  mmbench gate plan RUN --baseline RUN --tolerance 0.5pt
  mmbench gate plan RUN --metric vqa/scenes:accuracy
  mmbench gate plan --disagreement 10% --tolerance 1pt      # no run: two models that differ on 10 % of the samples
  mmbench gate plan --sd 30pt --tolerance 1pt --design-effect 3
""",
)
@click.argument("run", metavar="[RUN]", required=False)
@click.option("--baseline", metavar="RUN|FILE", help="A second run: what the two differ in is the noise.")
@click.option("--metric", "metrics", multiple=True, metavar="TASK:METRIC", help="Default: the primary metrics.")
@click.option("--tolerance", "tolerances", multiple=True, metavar="POINTS", help="Drop to be seen, such as 0.5pt.")
@click.option("--disagreement", metavar="SHARE", help="Share of the samples on which two runs differ, such as 10%.")
@click.option("--sd", metavar="POINTS", help="Standard deviation of the difference of one sample, such as 30pt.")
@click.option(
    "--design-effect", metavar="X", help="How many times clusters multiply the variance; with a run, it tells."
)
@click.option(
    "--alpha", default="0.05", show_default=True, metavar="A", help="One-sided level over all rules together."
)
@click.option("--power", default="0.8", show_default=True, metavar="P", help="How often such a drop shall be seen.")
@click.option("--rules", type=click.IntRange(1, 100_000), help="Rules that share alpha; default: as many as metrics.")
@options("json", "out")
def plan(run: str | None, baseline: str | None, metrics: tuple[str, ...], **values: Any) -> int:
    """Say how many samples a tolerance needs."""
    from mmbench.gating.amounts import share
    from mmbench.gating.plan import given_noise, noise_of, plan_rows
    from mmbench.results.find import load_run

    out = Path(values["out"])
    disagreement = values["disagreement"]
    if disagreement is not None:
        disagreement = share(disagreement, "--disagreement", least=0.0, most=1.0)
    if run is None:
        if (disagreement is None) == (values["sd"] is None):
            raise UsageError("give a RUN, or one of --disagreement and --sd")
        if baseline is not None or metrics:
            raise UsageError("--baseline and --metric need a RUN")
        effect = (
            1.0 if values["design_effect"] is None else _positive(values["design_effect"], "--design-effect", "none")
        )
        sd = None if values["sd"] is None else _positive(values["sd"], "--sd", "points")
        noises = [given_noise(disagreement, sd, effect)]
    else:
        if values["sd"] is not None or values["design_effect"] is not None:
            raise UsageError("--sd and --design-effect stand in for a RUN; give one or the other")
        if disagreement is not None and baseline is not None:
            raise UsageError("two runs show how much they disagree: leave out --disagreement")
        other = None if baseline is None else load_run(baseline, out)
        noises = noise_of(load_run(run, out), other, metrics, disagreement)
    settings = _settings(values, len(noises), disagreement)
    rows = plan_rows(noises, settings)
    _print(rows, settings, as_json=values["json"])
    return 0


def _settings(values: dict[str, Any], metrics: int, disagreement: float | None) -> PlanSettings:
    from mmbench.gating.amounts import share
    from mmbench.gating.plan import PlanSettings, tolerances_within

    alpha = share(values["alpha"], "--alpha", least=0.0, most=0.5)
    power = share(values["power"], "--power", least=alpha, most=0.9999)
    given = tuple(_positive(text, "--tolerance", "points") for text in values["tolerances"])
    return PlanSettings(tolerances_within(disagreement, given), alpha, power, values["rules"] or metrics)


def _positive(text: str, option: str, kind: str) -> float:
    """A number above 0, in points where that is its kind. Raises `UsageError`."""
    from mmbench.gating.amounts import parse_amount

    amount = parse_amount(text, option)
    if amount.kind != kind or amount.number <= 0:
        what = "points above 0, such as 0.5pt" if kind == "points" else "a number above 0, such as 3"
        raise UsageError(f"{option} {text!r}: expected {what}")
    return amount.number


def _print(rows: list[PlanRow], settings: PlanSettings, *, as_json: bool) -> None:
    if as_json:
        shown = {"alpha": settings.alpha, "power": settings.power, "rules": settings.rules}
        click.echo(json.dumps({**shown, "plan": [row.to_dict() for row in rows]}, allow_nan=False))
        return
    from mmbench.reporting.gate import plan_table
    from mmbench.reporting.terminal import print_tables

    print_tables([plan_table(rows, settings)], sys.stdout)
