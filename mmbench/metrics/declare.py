"""Declare a metric: its id, formula, range and source beside the function that computes it.

A declaration is a `MetricMaker`. It documents itself (`mmbench list metrics` and the reference page are read from it),
makes the metric from parameters, and makes it again from an id. Importing one needs no numpy where its functions import
numpy themselves.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from functools import lru_cache, partial, update_wrapper
from typing import TYPE_CHECKING, Any

from mmbench.core.errors import UnknownNameError
from mmbench.core.ids import MetricId
from mmbench.core.metric import Events, Maker, Metric

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Given = Mapping[str, str]
"""Parameter to its value, as the id says it."""

_PATTERN = re.compile(r"(?P<name>[a-z][a-z0-9_]*)(?:@(?P<cutoff>k|[0-9|]+))?(?:\((?P<parameters>[^()]*)\))?")
CUTOFF = "k"
"""The parameter that stands behind the ``@`` of an id."""
ANY = "…"
"""Stands in a pattern for a value that may be any word."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a declared metric."""

    choices: tuple[str, ...] = ()
    """The values that it may have; empty where any word will do."""
    default: str | None = None
    """The value that ids leave out; None where the parameter must be given."""


def parse_pattern(pattern: str) -> tuple[str, dict[str, Parameter]]:
    """Read the id of a declaration.

    Args:
        pattern: An id with alternatives in the place of values, separated by ``|``. A default, which ids leave out, stands
            first and in brackets. ``…`` allows any word, and ``@k`` any cut-off.

    Returns:
        The metric's name, and its parameters by name.

    Raises:
        ValueError: If it is no such pattern.

    Example:
        >>> name, parameters = parse_pattern("recall@k(direction=…,ties=[expected]|optimistic)")
        >>> name, list(parameters), parameters["ties"].default
        ('recall', ['k', 'direction', 'ties'], 'expected')
    """
    match = _PATTERN.fullmatch(pattern)
    if match is None:
        raise ValueError(f"not a pattern of metric ids: {pattern!r}")
    found: dict[str, Parameter] = {}
    if match["cutoff"]:
        found[CUTOFF] = Parameter(() if match["cutoff"] == "k" else tuple(match["cutoff"].split("|")))
    for item in filter(None, (match["parameters"] or "").split(",")):
        key, sign, text = item.strip().partition("=")
        if not sign or key in found:
            raise ValueError(f"not a pattern of metric ids: {pattern!r}")
        words = text.split("|")
        default = words[0][1:-1] if words[0].startswith("[") and words[0].endswith("]") else None
        choices = () if ANY in words else tuple(word.strip("[]") for word in words)
        found[key] = Parameter(choices, default)
    return match["name"], found


@dataclass(eq=False)
class MetricMaker:
    """A declared metric, or a family of metrics that differ in their parameters. Called with those, it makes the `Metric`.

    Without a function it is a mean: the sum of the first of two columns divided by that of the second. `metric` declares
    what has one.

    Raises:
        ValueError: If the pattern is not one, or the function does not take one or two arrays.

    Example:
        >>> solved = MetricMaker(
        ...     "solved(of=…)",
        ...     description="Share of the puzzles that are solved.",
        ...     columns=("{of}_solved", "1"),
        ...     formula="mean over puzzles",
        ...     source="this page",
        ... )
        >>> chess = solved(of="chess")
        >>> str(chess.id), chess.columns, chess.is_mean
        ('solved(of=chess)', ('chess_solved', '1'), True)
    """

    pattern: str
    """Its ids; see `parse_pattern`."""
    _: KW_ONLY
    description: str
    """What it measures, in a sentence or two."""
    columns: tuple[str, ...] | Callable[[Given], tuple[str, ...]]
    """The columns that make up a row. ``{parameter}`` stands for a value; a function gets all of them."""
    formula: str
    """The formula for people."""
    source: str
    """Paper or reference implementation."""
    unit: str | Callable[[Given], str] = "sample"
    """The table that has the columns, written in the same way."""
    function: Any = None
    """The formula of sums, or the computation on rows and weights; None for a mean."""
    bounds: tuple[float | None, float | None] = (0.0, 1.0)
    """As in `Metric`."""
    scale: float = 100.0
    """As in `Metric`."""
    higher_is_better: bool = True
    """As in `Metric`."""
    score_interval: bool = True
    """As in `Metric`."""
    undefined: Callable[[Floats], str] | None = None
    """As in `Metric`."""
    events: Callable[[Floats, Given], Events | None] | None = None
    """(sums, parameters) → as in `Metric`; None for parameters with which it does not apply."""
    name: str = ""
    """What it is registered as: by default the name in its ids, else that with a dot and another word behind it."""
    parameters: Mapping[str, Parameter] = field(init=False)
    """Its parameters by name, the cut-off first."""

    def __post_init__(self) -> None:
        name, self.parameters = parse_pattern(self.pattern)
        self.name = self.name or name
        if self.function is not None and _arrays(self.function) not in (1, 2):
            raise ValueError(f"metric {self.pattern}: its function takes either sums, or rows and weights")

    @property
    def range(self) -> str:
        """The natural range as an interval: ``[0, 1]``, ``[1, ∞)``."""
        low, high = self.bounds
        return f"{'(-∞' if low is None else f'[{low:g}'}, {'∞)' if high is None else f'{high:g}]'}"

    def __call__(self, **given: str | int) -> Metric:
        """Make the metric with these parameters; equal parameters give the same object.

        Raises:
            UnknownNameError: If there is no such parameter, a parameter does not have that value, or one is missing.
        """
        values = _checked(self, {key: str(value) for key, value in given.items()})
        return _made(self, tuple(sorted(values.items())))

    def from_id(self, metric_id: MetricId) -> Metric:
        """Make the metric that has this id.

        Raises:
            UnknownNameError: If no metric of this maker has it.
        """
        cutoff = {} if metric_id.cutoff is None else {CUTOFF: metric_id.cutoff}
        found = self(**cutoff, **dict(metric_id.params))
        if found.id != metric_id:
            raise UnknownNameError("metric", str(metric_id), [str(found.id)])
        return found

    def example(self) -> Metric:
        """Make one of its metrics: every parameter has its default or its first choice, or else ``x`` or the cut-off 1."""
        first = {name: (each.choices or ("1" if name == CUTOFF else "x",))[0] for name, each in self.parameters.items()}
        return self(**first)


@lru_cache(maxsize=1024)
def _made(maker: MetricMaker, parameters: tuple[tuple[str, str], ...]) -> Metric:
    values = dict(parameters)
    named = {key: value for key, value in values.items() if value != maker.parameters[key].default}
    cutoff = named.pop(CUTOFF, None)
    unit, columns = maker.unit, maker.columns
    computed = _computation(maker.function, values)
    return Metric(
        id=MetricId(parse_pattern(maker.pattern)[0], None if cutoff is None else int(cutoff), tuple(named.items())),
        unit=unit.format_map(values) if isinstance(unit, str) else unit(values),
        columns=columns(values) if callable(columns) else tuple(name.format_map(values) for name in columns),
        is_mean=maker.function is None,
        higher_is_better=maker.higher_is_better,
        bounds=maker.bounds,
        scale=maker.scale,
        score_interval=maker.score_interval,
        source=maker.source,
        undefined=maker.undefined,
        events=None if maker.events is None else partial(_events, maker.events, values),
        text=maker.formula,
        maker=Maker(maker.name, parameters),
        **computed,
    )


def _events(events: Callable[[Floats, Given], Events | None], values: Given, sums: Floats) -> Events | None:
    return events(sums, values)


def _checked(maker: MetricMaker, given: dict[str, str]) -> dict[str, str]:
    """The value of every parameter. Raises `UnknownNameError`."""
    known = maker.parameters
    values: dict[str, str] = {}
    for key in [*known, *given]:
        if key not in known:
            raise UnknownNameError(f"parameter of metric {maker.pattern}:", key, known)
        parameter = known[key]
        value = given.get(key, parameter.default)
        if value is None:
            raise UnknownNameError(f"metric without the parameter {key}:", maker.name, [], hint=f"See {maker.pattern}.")
        allowed = value in parameter.choices or value == parameter.default or not parameter.choices
        if not allowed or (key == CUTOFF and not re.fullmatch("[1-9][0-9]*", value)):
            hint = f"There are: {', '.join(parameter.choices)}." if parameter.choices else ""
            raise UnknownNameError(f"{key} of metric {maker.name}:", value, parameter.choices, hint=hint)
        values[key] = value
    return values


def _computation(function: Callable[..., Any] | None, values: Given) -> dict[str, Any]:
    """``formula`` or ``compute`` of a metric; the function gets the parameters that it names, the cut-off as a number."""
    if function is None:
        from mmbench.metrics.formulas import ratio

        return {"formula": ratio}
    taken = inspect.signature(function).parameters.values()
    own: dict[str, Any] = {p.name: values[p.name] for p in taken if p.kind is p.KEYWORD_ONLY and p.name in values}
    if CUTOFF in own:
        own[CUTOFF] = int(own[CUTOFF])
    kind = "formula" if _arrays(function) == 1 else "compute"
    return {kind: partial(function, **own) if own else function}


def _arrays(function: Callable[..., Any]) -> int:
    """How many arrays a metric's function takes: the sums alone, or rows and weights."""
    kinds = [parameter.kind for parameter in inspect.signature(function).parameters.values()]
    return len([kind for kind in kinds if kind is not inspect.Parameter.KEYWORD_ONLY])


def metric(pattern: str, **declared: Any) -> Callable[[Callable[..., Any]], MetricMaker]:
    """Declare a metric that is no mean: a decorator of the function that computes it.

    The function takes either ``sums``, float64 [..., d], and returns float64 [...]; or ``rows``, float64 [n, d], and
    ``weights``, float64 [b, n], and returns float64 [b]. Parameters of the id that it needs are keyword-only arguments, as
    text (the cut-off ``k`` as a number). What its docstring says before the formula and the arguments is the description.

    Args:
        pattern: The id, with the values that its parameters may have; see `parse_pattern`.
        **declared: ``columns``, ``formula`` and ``source``, and what else `MetricMaker` takes.

    Returns:
        The decorator; what it returns makes the metric, and is what an entry point of ``mmbench.metrics`` names.

    Raises:
        ValueError: As `MetricMaker` does.

    Example:
        >>> @metric("spread", columns=("x", "x*x", "1"), formula="mean of x² - (mean of x)²", source="this page")
        ... def spread(sums):
        ...     '''Variance of the scores.'''
        ...     return sums[..., 1] / sums[..., 2] - (sums[..., 0] / sums[..., 2]) ** 2
        >>> str(spread().id), spread.description
        ('spread', 'Variance of the scores.')
    """

    def declare(function: Callable[..., Any]) -> MetricMaker:
        prose = re.split(r"\n(?=\.\. |Args:|Returns:|Raises:|Example:)", inspect.getdoc(function) or "")[0]
        maker = MetricMaker(pattern, description=" ".join(prose.split()), function=function, **declared)
        update_wrapper(maker, function)
        return maker

    return declare
