"""Names to plug-ins, through entry points. Nothing is imported before it is used; what is broken is shown, not dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmbench._lazy import lazy_exports
from mmbench.registry.entry_points import GROUPS, Kind, Plugin, broken_metadata, find, is_registered, plugins
from mmbench.registry.importing import folder_of, import_file, import_target, importable, load_reference

if TYPE_CHECKING:
    from mmbench.registry.checking import check
    from mmbench.registry.datasets import INDEX, dataset_facts, facts_of
    from mmbench.registry.describing import describe
    from mmbench.registry.loading import as_task, configured, is_family, load, source_at, task_from_python

__all__ = [
    "GROUPS",
    "INDEX",
    "Kind",
    "Plugin",
    "as_task",
    "broken_metadata",
    "check",
    "configured",
    "dataset_facts",
    "describe",
    "facts_of",
    "find",
    "folder_of",
    "import_file",
    "import_target",
    "importable",
    "is_family",
    "is_registered",
    "load",
    "load_reference",
    "plugins",
    "source_at",
    "task_from_python",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "mmbench.registry.checking": ("check",),
        "mmbench.registry.datasets": ("INDEX", "dataset_facts", "facts_of"),
        "mmbench.registry.describing": ("describe",),
        "mmbench.registry.loading": ("as_task", "configured", "is_family", "load", "source_at", "task_from_python"),
    },
)
