"""Block YAML of plain values: mappings with names from here, lists, numbers, and texts between quotes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def yaml_list(items: Sequence[Mapping[str, Any]]) -> str:
    """A document that is a list of mappings."""
    return "\n".join(_items(items)) + "\n"


def yaml_mapping(value: Mapping[str, Any]) -> str:
    """A document that is a mapping."""
    return "\n".join(_yaml(value)) + "\n"


def _items(items: Sequence[Mapping[str, Any]], indent: str = "") -> list[str]:
    lines: list[str] = []
    for item in items:
        first, *rest = _yaml(item, indent + "  ")
        lines += [f"{indent}- {first.lstrip()}", *rest]
    return lines


def _yaml(value: Mapping[str, Any], indent: str = "") -> list[str]:
    """Lines of block YAML: mappings with names from here, lists of mappings, lists and scalars."""
    lines: list[str] = []
    for key, each in value.items():
        name = f"{indent}{key if key.replace('-', '').replace('_', '').isalpha() else _scalar(key)}:"
        if isinstance(each, Mapping):
            lines += [name, *_yaml(each, indent + "  ")] if each else [f"{name} {{}}"]
        elif isinstance(each, list) and each and isinstance(each[0], Mapping):
            lines += [name, *_items(each, indent)]
        elif isinstance(each, list):
            lines.append(f"{name} [{', '.join(map(_scalar, each))}]")
        else:
            lines.append(f"{name} {_scalar(each)}")
    return lines


def _scalar(value: Any) -> str:
    """A number, a truth value, null, or a text between quotes: no text is ever taken for something else."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        text = repr(value)
        mantissa, e, exponent = text.partition("e")
        return text if not e else f"{mantissa}{'' if '.' in mantissa else '.0'}e{exponent}"
    return '"' + "".join(map(_quoted, str(value))) + '"'


def _quoted(each: str) -> str:
    if each in '"\\':
        return f"\\{each}"
    if each.isprintable():
        return each
    code = ord(each)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
