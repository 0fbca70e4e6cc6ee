"""Import what a registered name, a file or a dotted reference stands for; whatever goes wrong is one sentence."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from mmbench.core.errors import PluginError, UnknownNameError, UsageError, missing_package


def import_target(target: str, what: str) -> Any:
    """The object behind ``package.module:Name``. Raises `PluginError`."""
    module_name, _, attribute = target.partition(":")
    try:
        with redirect_stdout(sys.stderr):  # what a plug-in prints must not land in a JSON document
            value: Any = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        raise _import_failed(f"{what} cannot be imported", error) from error
    return _attribute(value, attribute, what)


@contextmanager
def importable(*folders: Path | str) -> Iterator[None]:
    """Let modules in these folders be imported, after all others, so that none of them stands in for another's module."""
    added = [text for text in map(str, folders) if text not in sys.path]
    sys.path += added
    try:
        yield
    finally:
        for text in added:
            with suppress(ValueError):
                sys.path.remove(text)


def folder_of(value: Any) -> list[Path]:
    """The folder from which a user's own code imports its helpers: that of its file, and the working directory; else none."""
    module = sys.modules.get(getattr(value, "__module__", None) or "")
    file = getattr(module, "__file__", None)
    here = Path.cwd()
    own = hasattr(module, "__mmbench_file__") or (file is not None and Path(file).is_relative_to(here))
    return [Path(file).resolve().parent, here] if own and file is not None else []


def import_file(path: Path, what: str) -> ModuleType:
    """Import a Python file as a module named after it, its folder importable meanwhile. Raises `PluginError`."""
    path = path.resolve()
    name = path.stem.replace(".", "_")
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__mmbench_file__", None) == str(path):
        del sys.modules[name]
    elif loaded is not None or (importlib.util.find_spec(name) is not None and _found_elsewhere(name, path)):
        name = f"mmbench_user_{name}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"{what}: {path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    module.__dict__["__mmbench_file__"] = str(path)
    sys.modules[name] = module
    try:
        with redirect_stdout(sys.stderr), importable(path.parent):
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        sys.modules.pop(name, None)
        raise _import_failed(f"{what}: {path} cannot be imported", error) from error
    return module


def _import_failed(what: str, error: BaseException) -> UsageError:
    missing = missing_package(error) if isinstance(error, ImportError) else None
    said = f"{error}" if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"
    return missing or PluginError(f"{what}: {said}")


def _found_elsewhere(name: str, path: Path) -> bool:
    spec = importlib.util.find_spec(name)
    return spec is not None and spec.origin != str(path)


def _attribute(module: Any, attribute: str, what: str) -> Any:
    value, file = module, getattr(module, "__mmbench_file__", None)
    shown = Path(file).name if file else module.__name__
    try:
        for part in filter(None, attribute.split(".")):
            value = getattr(value, part)
    except AttributeError as error:
        raise UnknownNameError(f"attribute of {shown}", attribute, vars(module), hint=f"({what})") from error
    except (Exception, SystemExit) as error:  # a lazy attribute imports what it stands for
        raise _import_failed(f"{what} cannot be imported", error) from error
    return value


def load_reference(reference: str, what: str) -> tuple[Any, ModuleType]:
    """The object (or module) behind ``file.py``, ``file.py:Name`` or ``package.module:Name``, and its module.

    Raises `PluginError` when it cannot be imported, `UnknownNameError` for a missing attribute.
    """
    place, _, attribute = reference.partition(":")
    if place.endswith(".py"):
        path = Path(place)
        if not path.is_file():
            raise PluginError(f"{what}: there is no file {place}")
        module: ModuleType = import_file(path, what)
        folder = path.resolve().parent
    else:
        folder = Path.cwd()
        with importable(folder):
            module = import_target(place, what)
    with importable(folder):  # a lazy attribute imports what it stands for
        return _attribute(module, attribute, what), module
