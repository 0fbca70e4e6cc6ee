"""Kinds of option values: how each is read from text or from a Python or TOML value, and what is expected."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmbench.core.ids import names_of
from mmbench.core.spec import DataSource, Shard

_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


@dataclass(frozen=True, slots=True)
class Form:
    """A kind of option value."""

    expected: str
    """What a value must be, to end the sentence "expected …"."""
    read: Callable[[Any], Any]
    """Checks a value of Python or TOML and returns it as the program uses it; reading twice changes nothing.

    Raises ValueError or TypeError.
    """
    parse: Callable[[Any], Any] = str
    """Turns text into something that `read` takes: one text, or a sequence of texts where `many` is set."""
    metavar: str = ""
    """What stands for the value in ``--help``."""
    many: bool = False
    """Whether the option can be given several times."""
    choices: tuple[str, ...] = ()
    """All values, where these are few."""
    flag: bool = False
    """Whether the option stands alone on the command line, without a value."""


def text(metavar: str = "NAME") -> Form:
    """A text that is not empty."""
    return Form("a text that is not empty", _text, metavar=metavar)


def folder() -> Form:
    """A folder, as text or as a path."""
    return Form("a folder", lambda value: _text(str(value) if isinstance(value, Path) else value), metavar="FOLDER")


def flag() -> Form:
    """True or false."""
    return Form("true or false", _flag, _truth, flag=True)


def whole(least: int | None = None) -> Form:
    """A whole number with a lower bound."""
    return Form("a whole number" if least is None else _at_least(least), lambda value: _whole(value, least), int, "N")


def number(*, least: float = -math.inf, above: float = -math.inf, most: float = math.inf, metavar: str = "X") -> Form:
    """A finite number within bounds."""
    bounds = {"at least": least, "above": above, "at most": most}
    said = " and ".join(f"{word} {bound:g}" for word, bound in bounds.items() if math.isfinite(bound))

    def read(value: Any) -> float:
        if isinstance(value, bool | str) or not math.isfinite(value) or not (value >= least and above < value <= most):
            raise ValueError
        return value if isinstance(value, int) else float(value)

    return Form(f"a number{' ' * bool(said)}{said}", read, _number, metavar)


def choice(*values: str) -> Form:
    """One of a few words."""

    def read(value: Any) -> Any:
        if value not in values:
            raise ValueError
        return value

    return Form(" or ".join(values), read, metavar=f"[{'|'.join(values)}]", choices=values)


def thinking() -> Form:
    """``on``, ``off``, or a number of tokens."""

    def read(value: Any) -> bool | int:
        if isinstance(value, bool):
            return value
        if value in ("on", "off"):
            return bool(value == "on")
        return _whole(value, 1)

    return Form("on, off or a whole number of tokens", read, _words_or_whole, "on|off|TOKENS")


def _words_or_whole(given: str) -> str | int:
    return given if given in ("on", "off") else int(given)


def batch_size() -> Form:
    """The words ``auto`` and ``search``, or a whole number from 1."""
    words = ("auto", "search")
    return Form(
        "'auto', 'search' or a whole number, at least 1",
        lambda value: value if value in words else _whole(value, 1),
        lambda given: given if given in words else int(given),
        "N|auto|search",
    )


def shard() -> Form:
    """One part of several, ``K/N``."""
    return Form("K/N with whole numbers and 1 ≤ K ≤ N", _shard, Shard.parse, "K/N")


def texts(metavar: str) -> Form:
    """Texts, each given by itself."""
    return Form("a text, or a list of texts", lambda value: tuple(_texts(value)), tuple, metavar, many=True)


def names(metavar: str) -> Form:
    """Names, separated by commas; the items of a list are separated as well."""
    return Form("names, separated by commas", lambda value: names_of(_texts(value)), names_of, metavar, many=True)


def ids(metavar: str) -> Form:
    """Names, separated by commas; the items of a list are taken as they are."""
    return Form(
        "ids, separated by commas",
        lambda value: names_of(value) if isinstance(value, str) else tuple(_texts(value)),
        names_of,
        metavar,
        many=True,
    )


def pairs() -> Form:
    """Options of a plug-in: ``K=V`` pairs, or a mapping."""
    return Form("K=V[,K=V…]", _pairs, key_values, "K=V[,K=V…]", many=True)


def roles() -> Form:
    """Which fields mean what: ``ROLE=FIELD`` pairs, or a mapping."""
    return Form("ROLE=FIELD[,ROLE=FIELD…]", _roles, _role_pairs, "ROLE=FIELD[,…]", many=True)


def sources() -> Form:
    """The user's own data: paths, alone or with the name of a task or dataset."""
    return Form("PATH, or NAME=PATH once for each name", _sources, _parsed_sources, "[NAME=]PATH", many=True)


def sweep() -> Form:
    """Values of options that runs are made with: ``OPTION=V,V``, or a mapping of options to lists of values."""
    return Form(
        "OPTION=V,V[,V…] with at least two different values, each option once",
        _sweep,
        list,
        "OPTION=V,V[,V…]",
        many=True,
    )


def file() -> Form:
    """A file, as text or as a path."""
    return Form("a file", lambda value: _text(str(value) if isinstance(value, Path) else value), metavar="FILE")


# --- reading ---


def _at_least(least: int) -> str:
    return f"a whole number, at least {least}"


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError
    return value


def _texts(value: Any) -> Sequence[str]:
    found = [value] if isinstance(value, str) else list(value)
    if not all(isinstance(each, str) for each in found):
        raise TypeError
    return found


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _truth(given: str | bool) -> bool:
    if isinstance(given, bool):
        return given
    if given.lower() not in (*_TRUE, *_FALSE):
        raise ValueError
    return given.lower() in _TRUE


def _whole(value: Any, least: int | None) -> int:
    found = operator.index(value)  # a TypeError for text and for fractions
    if isinstance(value, bool) or (least is not None and found < least):
        raise ValueError
    return found


def _shard(value: Any) -> Shard:
    if isinstance(value, Shard):
        return value
    return Shard.parse(_text(value))


def _number(given: str) -> float:
    try:
        return int(given)
    except ValueError:
        return float(given)


def _pairs(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return key_values(_texts(value))
    if not all(isinstance(key, str) for key in value):
        raise TypeError
    return dict(value)


def key_values(texts: Iterable[str]) -> dict[str, Any]:
    """Read ``K=V`` pairs, several in one text separated by commas.

    Args:
        texts: The texts. A value may hold commas that are not followed by another pair.

    Returns:
        Keys to values: JSON where a value is JSON, else its text.

    Raises:
        ValueError: For a pair without key or ``=``.

    >>> key_values(["depth=4,name=small", "fast=true"])
    {'depth': 4, 'name': 'small', 'fast': True}
    """
    found: dict[str, Any] = {}
    for given in texts:
        for pair in _split(given):
            key, sign, value = pair.partition("=")
            if not sign or not key.strip():
                raise ValueError(given)
            found[key.strip()] = _json_or_text(value)
    return found


def _split(given: str) -> list[str]:
    """Split at commas that are followed by ``key=``."""
    found: list[str] = []
    for piece in given.split(","):
        if found and "=" not in piece:
            found[-1] += f",{piece}"
        else:
            found.append(piece)
    return found


def _json_or_text(given: str) -> Any:
    import json

    try:
        value = json.loads(given)
    except json.JSONDecodeError:
        return given
    return given if isinstance(value, float) and not math.isfinite(value) else value


def as_text(value: Any) -> str:
    """A value of a ``K=V`` pair as text from which it is read again."""
    import json

    return value if isinstance(value, str) and _json_or_text(value) == value else json.dumps(value)


def _roles(value: Any) -> dict[str, str]:
    found = dict(value) if isinstance(value, Mapping) else _role_pairs(_texts(value))
    if not all(isinstance(each, str) and each.strip() for pair in found.items() for each in pair):
        raise TypeError
    return found


def _role_pairs(texts: Iterable[str]) -> dict[str, str]:
    """``ROLE=FIELD`` pairs, whose fields are texts whatever they look like. Raises ValueError."""
    found: dict[str, str] = {}
    for given in texts:
        for pair in _split(given):
            role, sign, name = pair.partition("=")
            if not (sign and role.strip() and name.strip()):
                raise ValueError(given)
            found[role.strip()] = name.strip()
    return found


def _parsed_sources(texts: Iterable[str]) -> tuple[DataSource, ...]:
    return _once(DataSource.parse(given) for given in texts)


def _sources(value: Any) -> tuple[DataSource, ...]:
    if isinstance(value, str | Path):
        return (DataSource(_text(str(value))),)
    if isinstance(value, Mapping):
        return tuple(DataSource(_text(str(path)), _text(name) if name else None) for name, path in value.items())
    found = tuple(value)
    if not all(isinstance(each, DataSource) for each in found):
        raise TypeError
    return _once(found)


def _sweep(value: Any) -> tuple[str, ...]:
    if isinstance(value, Mapping):
        value = [f"{name}={','.join(map(as_text, values))}" for name, values in value.items()]
    found = tuple(_texts(value))
    names = [text.partition("=")[0].strip() for text in found]
    for text in found:
        values = [each.strip() for each in text.partition("=")[2].split(",")]
        if len(values) < 2 or not all(values) or len(set(values)) < len(values):
            raise ValueError(text)
    if not all(names) or len(set(names)) < len(names):
        raise ValueError(value)
    return found


def _once(given: Iterable[DataSource]) -> tuple[DataSource, ...]:
    found = tuple(given)
    if len({source.name for source in found}) != len(found):
        raise ValueError
    return found
