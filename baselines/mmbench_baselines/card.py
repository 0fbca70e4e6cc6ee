"""What a fusion, encoder or head says of itself, read from its source: nothing is imported, so torch need not be there.

A part is a class whose body assigns literals: ``name``, ``formula``, ``reference``, ``count`` (the closed form of its
number of parameters), ``additive``, ``head``, ``least``, ``most``, ``needs``, ``defaults``.
"""

from __future__ import annotations

import ast
import importlib.util
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from mmbench.core import PluginError, UnknownNameError, UsageError

Additivity = Literal["always", "affine-head", "never"]
"""Whether logits are a sum of functions of one modality each: under every head, under an affine head only, or never."""

Option = int | str
"""The value of an option: a number from 1 up, or a name."""

_OPERATORS: Mapping[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Pow: operator.pow,
}


@dataclass(frozen=True, slots=True)
class Sizes:
    """Between what a fusion stands."""

    modalities: tuple[str, ...]
    """Names of the modalities, kept in alphabetical order: the order in which they are given means nothing."""
    dim: int
    """d: width of every token and pooled vector that comes in."""
    out: int
    """o: width of the vector that goes out."""

    def __post_init__(self) -> None:
        if len(set(self.modalities)) != len(self.modalities) or not all(
            name and "." not in name for name in self.modalities
        ):
            given = ", ".join(map(repr, self.modalities))
            raise UsageError(f"modalities {given}: each needs a name of its own, without a dot")
        if self.dim < 1 or self.out < 1:
            raise UsageError(f"dim {self.dim}, out {self.out}: expected at least 1")
        object.__setattr__(self, "modalities", tuple(sorted(self.modalities)))


@dataclass(frozen=True, slots=True)
class Card:
    """One part of a baseline, as its class describes it."""

    name: str
    """What users type."""
    target: str
    """``module:Class``."""
    description: str
    """First line of the class's docstring."""
    formula: str = ""
    """What it computes, in one line of mathematics."""
    reference: str = ""
    """Where it was published, or what it stands for."""
    count: str = "0"
    """Closed form of its number of parameters, in its sizes and options."""
    additive: Additivity = "never"
    """Whether logits stay a sum of functions of one modality each."""
    head: str = "mlp"
    """The head that a fusion goes with unless set otherwise."""
    least: int = 2
    """How many modalities it takes at least."""
    most: int = 0
    """How many modalities it takes at most; 0: any number."""
    needs: tuple[str, ...] = ()
    """Modalities that must be among them whatever the options are."""
    modality: str = ""
    """What an encoder reads."""
    defaults: Mapping[str, Option] = field(default_factory=dict)
    """Its options and their defaults. ``query`` names the modality that asks."""

    @property
    def closed_form(self) -> str:
        """`count` as people write it."""
        powers = {"**2": "²", "**k": "ᵏ"}
        text = self.count
        for code, shown in powers.items():
            text = text.replace(code, shown)
        return text.replace("*", "·")

    @property
    def modalities(self) -> str:
        """Which modalities it takes, in words."""
        if self.most:
            text = str(self.least) if self.least == self.most else f"{self.least} to {self.most}"
        else:
            text = f"{self.least} or more"
        required = [*self.needs, *([str(self.defaults["query"])] if "query" in self.defaults else [])]
        return f"{text}, with {' and '.join(required)}" if required else text

    def with_options(self, options: Mapping[str, Option], what: str = "fusion") -> dict[str, Option]:
        """The defaults, with these in their place. Raises `UnknownNameError` and `UsageError`."""
        for name, value in options.items():
            if name not in self.defaults:
                known = ", ".join(self.defaults) or "none"
                raise UnknownNameError(f"option of {what} {self.name!r}", name, self.defaults, hint=f"It has: {known}.")
            wanted = type(self.defaults[name])
            if type(value) is not wanted or (isinstance(value, int) and value < 1) or value == "":
                expected = "a whole number from 1 up" if wanted is int else "a name"
                raise UsageError(f"{what} {self.name!r}: {name}={value!r}: expected {expected}")
        return {**self.defaults, **options}

    def check_modalities(self, modalities: tuple[str, ...], options: Mapping[str, Option]) -> None:
        """Raise `UsageError` where it does not take these modalities."""
        given = ", ".join(modalities) or "none"
        for name in self.needs:
            if name not in modalities:
                raise UsageError(f"fusion {self.name!r} needs the modality {name!r}; given: {given}")
        query = options.get("query")
        if query is not None and query not in modalities:
            raise UsageError(f"fusion {self.name!r} lets {query!r} ask, which is not among {given}; set query=…")
        if len(modalities) < self.least or (self.most and len(modalities) > self.most):
            raise UsageError(f"fusion {self.name!r} takes {self.modalities} modalities; given: {given}")

    def parameters(self, **values: Option) -> int:
        """The closed form in numbers: sizes and options by name, options at their defaults where none is given."""
        return evaluate(self.count, {**self.defaults, **values})

    def fusion_parameters(self, sizes: Sizes, options: Mapping[str, Option] = MappingProxyType({})) -> int:
        """The closed form of a fusion between these sizes."""
        return self.parameters(**{**options, "k": len(sizes.modalities), "d": sizes.dim, "o": sizes.out})


def evaluate(expression: str, values: Mapping[str, Option]) -> int:
    """The value of a closed form such as ``k*d*o + o``. Raises `PluginError` on anything but whole-number arithmetic."""

    def value_of(node: ast.expr) -> int:
        if isinstance(node, ast.Constant) and type(node.value) is int:
            return node.value
        if isinstance(node, ast.Name):
            value = values.get(node.id)
            if isinstance(value, int):
                return value
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            return _OPERATORS[type(node.op)](value_of(node.left), value_of(node.right))
        raise PluginError(f"the closed form {expression!r} holds {ast.unparse(node)!r}, which is not a known number")

    return value_of(ast.parse(expression, mode="eval").body)


@cache
def read_card(target: str) -> Card:
    """The card of ``module:Class``, read from the source of the module. Raises `PluginError`."""
    module, _, name = target.partition(":")
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise PluginError(f"there is no module {module}")
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            said = _literals(node, frozenset(Card.__dataclass_fields__) - {"target", "description"})
            return Card(
                **{"name": name, **said}, target=target, description=(ast.get_docstring(node) or "").partition("\n")[0]
            )
    raise PluginError(f"there is no class {name} in {module}")


def _literals(node: ast.ClassDef, wanted: frozenset[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for statement in node.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name, value = statement.targets[0].id, statement.value
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value:
            name, value = statement.target.id, statement.value
        else:
            continue
        if name in wanted:
            found[name] = ast.literal_eval(value)
    return found
