"""Describe plug-ins from their source, without importing them or the packages that they lie in."""

from __future__ import annotations

import ast
import sys
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.util import resolve_name

from mmbench.registry.entry_points import Plugin

_HOPS = 4
"""Imports that are followed from the module of an entry point to where the attribute is defined."""
_DYNAMIC = {"*", "__getattr__", "eval", "exec", "globals", "setattr", "vars"}
"""A module that uses one of these may have attributes that its source does not show."""


def describe(plugin: Plugin) -> tuple[str, str | None]:
    """What ``mmbench list`` says of a plug-in.

    Returns:
        The first line of the docstring of its attribute (else of its module), and what is wrong with the plug-in, or None.
        What goes wrong only while it is imported is found by `mmbench.registry.check`.
    """
    if plugin.duplicate_of:
        return "", f"also registered by {plugin.duplicate_of}"
    attribute = plugin.target.partition(":")[2].partition(".")[0].strip()
    try:
        text = _docstring(plugin.module, attribute, _HOPS)
    except Exception as error:  # noqa: BLE001 - a finder or a source file of a stranger may fail in any way
        return "", str(error) if isinstance(
            error, ModuleNotFoundError | AttributeError
        ) else f"{type(error).__name__}: {error}"
    return text.strip().partition("\n")[0], None


def _docstring(module: str, attribute: str, hops: int) -> str:
    """The docstring of an attribute, else of its module. Raises `ModuleNotFoundError`, `AttributeError`, `SyntaxError`."""
    tree, is_package = _parsed(module)
    own = ast.get_docstring(tree) or ""
    for node, after in zip(tree.body, [*tree.body[1:], None], strict=True):
        match node:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef() if node.name == attribute:
                return ast.get_docstring(node) or own
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=value)
            ) if name == attribute:
                below = after.value if isinstance(after, ast.Expr) else None
                return _text(below) or _description(value) or own
            case ast.ImportFrom() if hops and (source_name := _imported(node, attribute)):
                package = module if is_package else module.rpartition(".")[0]
                source = resolve_name("." * node.level + (node.module or ""), package)
                return _docstring(source, source_name, hops - 1) or own
    if attribute and not {attribute, *_DYNAMIC} & _names(tree):
        raise AttributeError(f"module {module} has no attribute {attribute!r}")
    return own


def _text(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _description(value: ast.expr | None) -> str:
    """The argument ``description`` of a call, where it is a text."""
    arguments = value.keywords if isinstance(value, ast.Call) else []
    return next((_text(each.value) for each in arguments if each.arg == "description"), "")


def _imported(node: ast.ImportFrom, attribute: str) -> str | None:
    """The name, where it is defined, of what an import binds to `attribute`."""
    return next((alias.name for alias in node.names if (alias.asname or alias.name) == attribute), None)


def _names(tree: ast.AST) -> set[str]:
    """Every name that a piece of source binds or uses."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                found.add(name)
            case ast.AsyncFunctionDef(name=name):
                found.add(name)
            case ast.alias(name=name, asname=bound):
                found.add(bound or name.partition(".")[0])
    return found


def _parsed(module: str) -> tuple[ast.Module, bool]:
    """The source of a module, and whether it is a package. A compiled module has no source, and so no docstring."""
    spec = _spec(module)
    if spec is None:
        raise ModuleNotFoundError(f"there is no module {module}")
    source = getattr(spec.loader, "get_source", lambda name: None)(module)
    is_package = spec.submodule_search_locations is not None
    return _tree("__getattr__ = None" if source is None else source), is_package


_tree = cache(ast.parse)
"""The tree of a source; one module may define many plug-ins."""


def _spec(module: str) -> ModuleSpec | None:
    """As `importlib.util.find_spec`, which imports the parents of a module."""
    spec, path, name = None, None, ""
    for part in module.split("."):
        if name and path is None:
            return None
        name = f"{name}.{part}".lstrip(".")
        specs = (finder.find_spec(name, path) for finder in sys.meta_path)
        spec = next((spec for spec in specs if spec is not None), None)
        if spec is None:
            return None
        path = spec.submodule_search_locations
    return spec
