"""``mmbench gate plan``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mmbench.cli.options import Command, options
from mmbench.cli.values import print_json
from mmbench.core.errors import UsageError

if TYPE_CHECKING:
    from mmbench.gating.plan import Clusters, PlanRow, PlanSettings

_INSTEAD = ("sd", "design-effect", "clusters", "cluster-size", "icc")
"""Options that a run makes needless."""


@click.command(
    "plan",
    cls=Command,
    epilog="""\b
Examples:
  mmbench gate plan RUN --baseline RUN --tolerance 0.5pt
  mmbench gate plan RUN --metric vqa/scenes:accuracy
  mmbench gate plan --disagreement 10% --tolerance 1pt      # no run: two models that differ on 10 % of the samples
  mmbench gate plan --sd 30pt --tolerance 1pt --design-effect 3
  mmbench gate plan --disagreement 10% --icc 0.2 --cluster-size 4  # clusters and samples
  mmbench gate plan --disagreement 10% --icc 0.2 --clusters 500    # samples in 500 clusters
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
@click.option("--clusters", type=click.IntRange(2), metavar="G", help="Clusters (images, say) that there are.")
@click.option("--cluster-size", metavar="M", help="Samples of a cluster.")
@click.option("--icc", metavar="R", help="Intra-cluster correlation of the differences, from 0 to 1.")
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
        given = values["design_effect"]
        effect = 1.0 if given is None else _positive(given, "--design-effect", "none")
        sd = None if values["sd"] is None else _positive(values["sd"], "--sd", "points")
        noises = [given_noise(disagreement, sd, effect, _clusters(values))]
    else:
        if instead := [name for name in _INSTEAD if values[name.replace("-", "_")] is not None]:
            raise UsageError(f"--{instead[0]} stands in for a RUN, which tells it; give one or the other")
        if disagreement is not None and baseline is not None:
            raise UsageError("two runs show how much they disagree: leave out --disagreement")
        other = None if baseline is None else load_run(baseline, out)
        noises = noise_of(load_run(run, out), other, metrics, disagreement)
    settings = _settings(values, len(noises), disagreement)
    rows = plan_rows(noises, settings)
    _print(rows, settings, as_json=values["json"])
    return 0


def _clusters(values: dict[str, Any]) -> Clusters | None:
    """How samples cluster, as given. Raises `UsageError` for what is given by halves, or twice."""
    from mmbench.gating.amounts import parse_amount
    from mmbench.gating.plan import Clusters

    count, icc = values["clusters"], values["icc"]
    size = None if values["cluster_size"] is None else _positive(values["cluster_size"], "--cluster-size", "none")
    if count is None and size is None and icc is None:
        return None
    if values["design_effect"] is not None:
        raise UsageError("--design-effect says what --icc with --clusters or --cluster-size say; give one or the other")
    if icc is None:
        raise UsageError(
            "--clusters and --cluster-size need --icc: how alike the samples of a cluster are, from 0 to 1"
        )
    if count is None and size is None:
        raise UsageError(
            "--icc needs --cluster-size (how many samples a cluster has) or --clusters (how many there are)"
        )
    amount = parse_amount(icc, "--icc")
    if amount.kind not in ("none", "percent") or not 0 <= amount.number <= 1:
        raise UsageError(f"--icc {icc!r}: an intra-cluster correlation lies between 0 and 1")
    if size is not None and size < 1:
        raise UsageError(f"--cluster-size {values['cluster_size']!r}: a cluster has at least one sample")
    return Clusters(count, size, amount.number)


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
        print_json({**shown, "plan": [row.to_dict() for row in rows]})
        return
    from mmbench.reporting.gate import plan_table
    from mmbench.reporting.terminal import print_tables

    print_tables([plan_table(rows, settings)], sys.stdout)
