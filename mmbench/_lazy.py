"""Lazy exports: a package names what it offers, and each name loads its module when it is first used."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_exports(
    package: str, modules: Mapping[str, tuple[str, ...]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make the module-level ``__getattr__`` and ``__dir__`` of a package.

    Args:
        package: The package's ``__name__``.
        modules: Full name of a module to the names that it provides.

    Returns:
        The two functions, in this order. ``__getattr__`` raises AttributeError for a name that no module provides.
    """
    where = {name: module for module, names in modules.items() for name in names}

    def get(name: str) -> Any:
        if name not in where:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(where[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    return get, lambda: sorted({*vars(sys.modules[package]), *where})
