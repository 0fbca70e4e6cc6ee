"""Rules as they are written on the command line or in a file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mmbench.core.errors import UnknownNameError, UsageError
from mmbench.core.ids import MetricId
from mmbench.gating.amounts import PERF_METRICS, Amount, parse_amount, share

Policy = Literal["regression", "non-inferiority", "absolute", "exact"]
"""``regression`` fails when the drop exceeds the tolerance and is significant; ``non-inferiority`` passes only when the
interval excludes a drop beyond the tolerance; ``absolute``: a floor or a budget; ``exact``: no sample may change."""

POLICIES: tuple[Policy, ...] = ("regression", "non-inferiority", "absolute", "exact")
"""Every policy."""
ALPHA = 0.05
"""Level of a rule that names none: how often `regression` may fail by chance over all its rules together."""
MISSED = 0.025
"""How often a drop beyond a margin may be missed: what a 95 % interval leaves out at that end."""
KEYS = ("metric", "policy", "tolerance", "limit", "alpha")
"""Keys of a ``[[gate.rule]]``."""

_DROP = re.compile(
    r"(?P<name>\S.*?)\s+(?:(?P<policy>regression|non-inferiority)\s+)?drop\s*(?P<sign><=?|≤)\s*(?P<amount>[^\s<>=]+(?: ?[A-Za-z%$/]+)?)"
    r"(?:\s+alpha\s*=\s*(?P<alpha>\S+))?"
)
_LIMIT = re.compile(r"(?P<name>\S(?:[^<>=≥≤()]|\([^()]*\))*?)\s*(?P<sign>>=|<=|≥|≤|==|>|<|=)\s*(?P<amount>[^\s<>=].*)")
_EXACT = re.compile(r"(?P<name>\S.*?)\s+exact")
_FORMS = "TASK:METRIC drop<1pt, TASK:METRIC >= 0.70, TASK:METRIC <= 250ms or TASK:METRIC exact"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule about one metric of one task."""

    task: str
    """Full name of the task."""
    metric: str
    """Id of the metric with its convention, or the name of a figure of speed."""
    policy: Policy
    """How it is judged."""
    amount: Amount | None
    """The tolerance, or for ``absolute`` the limit; None for ``exact``."""
    alpha: float
    """Level of its test, one-sided; it means something for ``regression`` alone."""
    sign: str | None = None
    """``>=`` or ``<=`` of a limit, ``<`` or ``<=`` of a drop, as written (both allow the tolerance itself); None where nobody
    wrote one."""
    source: str = ""
    """Where it was written, for messages."""

    @property
    def name(self) -> str:
        """``TASK:METRIC``."""
        return f"{self.task}:{self.metric}"

    @property
    def text(self) -> str:
        """The rule in one line, as it would be typed."""
        if self.amount is None:
            return f"{self.name} exact"
        if self.policy == "absolute":
            return f"{self.name} {self.sign or 'limit'} {self.amount.text}"
        policy = "non-inferiority " if self.policy == "non-inferiority" else ""
        level = "" if self.alpha == ALPHA else f" alpha={self.alpha:g}"
        return f"{self.name} {policy}drop{self.sign or '<='}{self.amount.text}{level}"


def parse_requirement(text: str) -> Rule:
    """A rule of ``--require``. Raises `UsageError`.

    >>> parse_requirement("vqa/scenes:accuracy drop<1pt").amount
    Amount(number=1.0, kind='points', text='1pt')
    """
    where = f"--require {text!r}"
    plain = text.strip()
    if match := _DROP.fullmatch(plain):
        policy: Policy = "non-inferiority" if match["policy"] == "non-inferiority" else "regression"
        return _rule(match["name"], policy, match["amount"], match["alpha"], match["sign"].replace("≤", "<="), where)
    if match := _EXACT.fullmatch(plain):
        return _rule(match["name"], "exact", None, None, None, where)
    if match := _LIMIT.fullmatch(plain):
        sign = {"≥": ">=", "≤": "<="}.get(match["sign"], match["sign"])
        if sign not in (">=", "<="):
            raise UsageError(f"{where}: write >= or <=, not {sign}")
        return _rule(match["name"], "absolute", match["amount"], None, sign, where)
    raise UsageError(f"{where}: expected {_FORMS}")


def rules_of_table(tables: Any, path: str) -> list[Rule]:
    """The rules of ``[[gate.rule]]`` of a file. Raises `UsageError`."""
    if not isinstance(tables, list) or not all(isinstance(table, Mapping) for table in tables):
        raise UsageError(f"{path}: rules are tables of their own: [[gate.rule]]")
    return [_from_table(table, f"{path}, rule {number}") for number, table in enumerate(tables, 1)]


def _from_table(table: Mapping[str, Any], where: str) -> Rule:
    for key in table:
        if key not in KEYS:
            raise UnknownNameError(f"key of {where}:", str(key), KEYS, hint=f"It has: {', '.join(KEYS)}.")
    name, policy = table.get("metric"), table.get("policy", "regression")
    if not isinstance(name, str):
        raise UsageError(f'{where}: needs metric = "TASK:METRIC"')
    if policy not in POLICIES:
        raise UnknownNameError(f"policy in {where}:", str(policy), POLICIES, hint=f"Known: {', '.join(POLICIES)}.")
    wanted = {"absolute": "limit", "exact": None}.get(policy, "tolerance")
    for key in ("tolerance", "limit"):
        if key in table and key != wanted:
            raise UsageError(f"{where}: policy {policy!r} has no {key}" + (f"; it has a {wanted}" if wanted else ""))
    if wanted is not None and wanted not in table:
        raise UsageError(f'{where}: policy {policy!r} needs {wanted} = "…"')
    return _rule(name, policy, table[wanted] if wanted else None, table.get("alpha"), None, where)


def _rule(name: str, policy: Policy, amount: Any, alpha: Any, sign: str | None, where: str) -> Rule:
    task, metric = split_name(name, where)
    parsed = None if amount is None else parse_amount(amount, where)
    if alpha is not None and policy != "regression":
        why = "it looks at the 95 % interval" if policy == "non-inferiority" else "it is no test"
        raise UsageError(f"{where}: policy {policy!r} has no alpha: {why}")
    level = ALPHA if alpha is None else share(alpha, f"{where}: alpha", least=0.0, most=0.5)
    if parsed is not None and policy != "absolute":
        _check_tolerance(parsed, metric, policy, where)
    if policy in ("exact", "non-inferiority") and metric in PERF_METRICS:
        raise UsageError(f"{where}: {metric} is a figure of speed or cost; policies for it are regression and absolute")
    return Rule(task, metric, policy, parsed, level, sign, where)


def split_name(name: str, where: str) -> tuple[str, str]:
    """``TASK:METRIC`` as (task, metric id in canonical form). Raises `UsageError`."""
    task, sign, metric = name.strip().rpartition(":")
    if not sign or not task.strip() or not metric.strip():
        raise UsageError(f"{where}: {name!r} names no metric; expected TASK:METRIC, such as vqa/scenes:accuracy")
    try:
        return task.strip(), str(MetricId.parse(metric))
    except ValueError as error:
        raise UsageError(f"{where}: {error}") from None


def _check_tolerance(amount: Amount, metric: str, policy: Policy, where: str) -> None:
    """Refuse a unit that could mean two things, and a tolerance that makes no sense."""
    number = amount.text.strip().rstrip("%").strip()
    if amount.number < 0:
        raise UsageError(f"{where}: a tolerance is not negative, got {amount.text!r}")
    if policy == "non-inferiority" and amount.number == 0:
        raise UsageError(f"{where}: a margin of 0 can never be shown to hold; give one above 0")
    if metric in PERF_METRICS:
        if amount.kind != "factor" or amount.number < 1:
            raise UsageError(
                f"{where}: {amount.text!r} is no tolerance of {metric}; write a factor from 1 up, such as 1.2x (at most 1.2 times "
                "as slow, or as much)"
            )
    elif amount.kind in ("none", "percent") and (amount.number != 0 or amount.kind == "percent"):
        raise UsageError(
            f"{where}: {amount.text!r} could be points or a share: write {number}pt for points as tables show them "
            f"(1pt of an accuracy is 0.01)"
        )
    elif amount.kind not in ("none", "points"):
        raise UsageError(f"{where}: {amount.text!r} is no tolerance of {metric}; write points, such as 0.5pt")


def replaced(rules: Iterable[Rule], typed: Iterable[Rule]) -> list[tuple[Rule, Rule]]:
    """(rule of a file, rule that was typed) wherever the two have metric and policy in common: what is typed wins."""
    by_key = {(rule.name, rule.policy): rule for rule in typed}
    return [(rule, by_key[rule.name, rule.policy]) for rule in rules if (rule.name, rule.policy) in by_key]


def check_together(rules: Iterable[Rule]) -> None:
    """Raise `UsageError` for two rules that say the same, or contradict each other."""
    seen: dict[tuple[str, Policy], Rule] = {}
    for rule in rules:
        earlier = seen.get((rule.name, rule.policy))
        if earlier is not None:
            same = (earlier.amount, earlier.alpha) == (rule.amount, rule.alpha)
            what = "is given twice" if same else f"contradicts {earlier.text!r}"
            raise UsageError(f"{rule.text!r} {what} ({earlier.source}; {rule.source}): keep one of the two")
        seen[rule.name, rule.policy] = rule
    for (name, policy), rule in seen.items():
        if policy == "exact" and (other := seen.get((name, "regression")) or seen.get((name, "non-inferiority"))):
            raise UsageError(
                f"{rule.text!r} contradicts {other.text!r}: one allows no change, the other does; keep one"
            )
