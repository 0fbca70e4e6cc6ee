"""Recipes: what another process needs to build a model."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mmbench import registry
from mmbench.core.errors import UsageError
from mmbench.resolve.identity import Identity
from mmbench.resolve.model_names import ResolvedModel


@dataclass(frozen=True, slots=True)
class ModelRecipe:
    """A model as plain data: it pickles, and builds wherever the same packages and files are."""

    name: str
    """Name of the model, for messages."""
    reference: str
    """``module:Name`` or ``/path/file.py:Name`` of its class."""
    module: str
    """Name of the module that the class lies in."""
    options: Mapping[str, Any]
    """Arguments of the class."""
    instance: bytes = field(default=b"", repr=False)
    """The model itself, pickled, where an object was given rather than a class."""

    @classmethod
    def of(cls, model: ResolvedModel) -> ModelRecipe:
        """Describe a model.

        Raises:
            UsageError: If it can be built in this process only: its class is made inside a function, or it is an object
                that cannot be pickled.
        """
        target = model.target
        made = target if isinstance(target, type) else type(target)
        problem = "its class is made inside a function" if "<locals>" in made.__qualname__ else None
        instance = b""
        if made is not target and problem is None:
            try:
                instance = pickle.dumps(target)
            except Exception as error:  # noqa: BLE001 - whatever keeps a user's object from being pickled
                problem = f"it cannot be pickled ({type(error).__name__}: {error})"
        if problem is not None:
            raise UsageError(
                f"model {model.name!r} cannot be built in another process: {problem}; give it as FILE.py:Name"
            )
        file = getattr(sys.modules.get(made.__module__), "__mmbench_file__", None)
        return cls(
            model.name, f"{file or made.__module__}:{made.__qualname__}", made.__module__, model.options, instance
        )

    def build(self) -> Any:
        """Build the model, not open. Raises `PluginError`, `RunFailedError`."""
        target, module = registry.load_reference(self.reference, f"model {self.name!r}")
        sys.modules.setdefault(self.module, module)
        if self.instance:
            return pickle.loads(self.instance)  # noqa: S301 - pickled by the process that asks for it
        return ResolvedModel(self.name, self.reference, target, Identity(None), self.options).build()
