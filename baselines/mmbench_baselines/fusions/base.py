"""What all fusions share: checks of what comes in, and one meaning for missing and padded content."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor, nn

from mmbench.core import UnknownNameError, UsageError
from mmbench_baselines.card import Additivity, Card, Option, Sizes
from mmbench_baselines.encoded import Encoded

Present = Mapping[str, Tensor]
"""Modality to bool [n]: False in the rows where it is missing. A modality that is not named is there in all rows."""


class PerExample(Mapping[str, Tensor]):
    """Modality to a tensor that is made when it is first asked for: most fusions never look at tokens."""

    def __init__(self, make: Mapping[str, Callable[[], Tensor]]) -> None:
        self._make = make
        self._made: dict[str, Tensor] = {}

    def __getitem__(self, name: str) -> Tensor:
        if name not in self._made:
            self._made[name] = self._make[name]()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._make)

    def __len__(self) -> int:
        return len(self._make)


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """Checked inputs by modality, in alphabetical order; what is missing or padded is 0."""

    tokens: Mapping[str, Tensor]
    """float [n, t, d]; t may differ between modalities."""
    mask: Mapping[str, Tensor]
    """bool [n, t]: neither padding nor missing."""
    pooled: dict[str, Tensor]
    """float [n, d]."""
    present: dict[str, Tensor]
    """bool [n, 1]."""
    shared: dict[str, Encoded]
    """Modalities that no row lacks and of which several rows may share one: as encoded, with `Encoded.rows`."""

    def mapped(self, name: str, function: Callable[[Tensor], Tensor]) -> Tensor:
        """A function of each row's tokens, [n, t, …]; made once for the rows that share them."""
        if name not in self.shared:
            return function(self.tokens[name])
        other = self.shared[name]
        return other.each(function(torch.where(other.mask[:, :, None], other.tokens, torch.zeros_like(other.tokens))))


class Fusion(nn.Module):
    """Base of the fusions. A subclass describes itself by the literals below and defines `join`.

    Its constructor takes `Sizes` and its options by name and raises `UnknownNameError` or `UsageError`. What is missing
    counts as the neutral element of the fusion's formula: 0 in a sum, 1 in a product, a token that nobody looks at.
    """

    name: ClassVar[str] = ""
    """What users type."""
    formula: ClassVar[str] = ""
    """What it computes: x_m is the pooled vector of modality m, t_m its tokens, q the one that asks."""
    reference: ClassVar[str] = ""
    """Source of the formula."""
    count: ClassVar[str] = "0"
    """Closed form of its parameters: k modalities, width d in and o out, and its options by name."""
    additive: ClassVar[Additivity] = "never"
    """Whether logits stay a sum of functions of one modality each."""
    head: ClassVar[str] = "mlp"
    """The head that it goes with unless set otherwise."""
    least: ClassVar[int] = 2
    """Modalities at least."""
    most: ClassVar[int] = 0
    """Modalities at most; 0: any number."""
    needs: ClassVar[tuple[str, ...]] = ()
    """Modalities that must be among them."""
    defaults: ClassVar[Mapping[str, Option]] = {}
    """Options and their defaults."""

    def __init__(self, sizes: Sizes, **options: Option) -> None:
        super().__init__()
        card = self.card()
        self.sizes = sizes
        self.options = card.with_options(options)
        card.check_modalities(sizes.modalities, self.options)

    @classmethod
    def card(cls) -> Card:
        """What the class says of itself."""
        stated = {each.name: getattr(cls, each.name) for each in fields(Card) if hasattr(cls, each.name)}
        target, summary = f"{cls.__module__}:{cls.__qualname__}", (cls.__doc__ or "").partition("\n")[0]
        return Card(**{**stated, "name": cls.name or cls.__name__, "target": target, "description": summary})

    @property
    def closed_form(self) -> int:
        """The number of parameters that it says it has."""
        return self.card().fusion_parameters(self.sizes, self.options)

    @property
    def query(self) -> str:
        """The modality that asks."""
        return str(self.options["query"])

    @property
    def others(self) -> tuple[str, ...]:
        """The modalities that are asked."""
        return tuple(name for name in self.sizes.modalities if name != self.query)

    def number(self, option: str) -> int:
        """The value of an option that is a number."""
        return int(self.options[option])

    def per_modality(self, out: int, names: tuple[str, ...] | None = None) -> nn.ModuleDict:
        """An affine map from d to `out` for each modality, or for each of `names`."""
        return nn.ModuleDict({name: nn.Linear(self.sizes.dim, out) for name in names or self.sizes.modalities})

    def forward(self, encoded: Mapping[str, Encoded], present: Present | None = None) -> Tensor:
        """Fuse encoded modalities, in any order, to [n, o]. Raises `UsageError` on names or shapes that do not fit."""
        return self.join(self.prepare(encoded, present or {}))

    def join(self, given: Prepared) -> Tensor:
        """The formula: prepared inputs to [n, o]. Must be overridden."""
        raise TypeError(f"{type(self).__name__} does not define join")

    def prepare(self, encoded: Mapping[str, Encoded], present: Present) -> Prepared:
        """Check names and shapes, put modalities in order, and clear what is missing or padded."""
        names = self.sizes.modalities
        for name in [*encoded, *present]:
            if name not in names:
                hint = f"Fusion {self.card().name!r} was built for {', '.join(names)}."
                raise UnknownNameError("modality", name, names, hint=hint)
        for name in names:
            if name not in encoded:
                raise UsageError(
                    f"fusion {self.card().name!r}: {name!r} is not given; mark the rows without it in `present`"
                )
        rows = len(encoded[names[0]])
        pooled: dict[str, Tensor] = {}
        there: dict[str, Tensor] = {}
        for name in names:
            given = encoded[name]
            self._check_shapes(name, given, rows)
            here = present.get(name)
            if here is None:
                here = torch.ones(rows, dtype=torch.bool, device=given.pooled.device)
            elif here.shape != (rows,) or here.dtype != torch.bool:
                raise UsageError(f"present[{name!r}] is {here.dtype} {list(here.shape)}: expected bool [{rows}]")
            values = given.each(given.pooled)
            pooled[name] = torch.where(here[:, None], values, torch.zeros_like(values))
            there[name] = here[:, None]
        mask = PerExample({name: partial(_mask, encoded[name], there[name]) for name in names})
        tokens = PerExample({name: partial(_tokens, encoded[name], mask, name) for name in names})
        shared = {name: encoded[name] for name in names if name not in present and encoded[name].rows is not None}
        return Prepared(tokens, mask, pooled, there, shared)

    def _check_shapes(self, name: str, given: Encoded, rows: int) -> None:
        dim, length = self.sizes.dim, given.mask.shape[-1]
        m = len(given.pooled) if given.rows is not None else rows
        shapes = given.pooled.shape, given.tokens.shape, given.mask.shape
        if shapes != ((m, dim), (m, length, dim), (m, length)) or len(given) != rows or length < 1:
            raise UsageError(
                f"modality {name!r}: pooled {list(given.pooled.shape)}, tokens {list(given.tokens.shape)}, mask "
                f"{list(given.mask.shape)}, {len(given)} rows: expected [{m}, {dim}], [{m}, t, {dim}], [{m}, t] and {rows}"
            )


def _mask(given: Encoded, there: Tensor) -> Tensor:
    return given.each(given.mask) & there


def _tokens(given: Encoded, mask: Mapping[str, Tensor], name: str) -> Tensor:
    tokens = given.each(given.tokens)
    return torch.where(mask[name][:, :, None], tokens, torch.zeros_like(tokens))
