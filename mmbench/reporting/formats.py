"""The formats of a report: the registered renderers, by the names that users type."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import TypeAlias

from mmbench import registry
from mmbench.core.errors import PluginError, UnknownNameError, plugin_errors
from mmbench.reporting.table import Table

Renderer: TypeAlias = Callable[[Sequence[Table]], str]
"""Makes a text of the tables of a report; what is registered in the entry-point group ``mmbench.renderers``."""


class _Renderers(Mapping[str, Renderer]):
    def __getitem__(self, name: str) -> Renderer:
        if name not in self:
            raise KeyError(name)
        found: Renderer = registry.load(registry.find("renderer", name))
        return found

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and registry.is_registered("renderer", name)

    def __iter__(self) -> Iterator[str]:
        return (plugin.name for plugin in registry.plugins("renderer"))

    def __len__(self) -> int:
        return len(registry.plugins("renderer"))


RENDERERS: Mapping[str, Renderer] = _Renderers()
"""Name of a format, which is also the ending of its files, to what renders it, imported when it is looked up."""


def render(format_name: str, tables: Sequence[Table]) -> str:
    """Tables as text in a format.

    Args:
        format_name: The registered name of the renderer.
        tables: The tables.

    Raises:
        UnknownNameError: If there is no such format.
        PluginError: If the renderer fails, or returns no text.
    """
    if format_name not in RENDERERS:
        raise UnknownNameError("format", format_name, RENDERERS)
    with plugin_errors(f"report format {format_name!r}"):
        text = RENDERERS[format_name](tables)
    if not isinstance(text, str):
        raise PluginError(f"report format {format_name!r} returned a {type(text).__name__}; expected text")
    return text


def format_of(path: PurePath) -> str:
    """The format that a file's ending names. Raises `UnknownNameError` for another one."""
    name = path.suffix.lower().removeprefix(".")
    if name not in RENDERERS:
        hint = f"Name the format with --format {'|'.join(RENDERERS)}, or end the file's name with one of them."
        raise UnknownNameError("format of", path.name, (), hint=hint)
    return name
