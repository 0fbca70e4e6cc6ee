"""Recipes: what another process needs to build a model."""

from __future__ import annotations

import hashlib
import pickle
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mmbench import registry
from mmbench.core.errors import PluginError, RunFailedError, UsageError
from mmbench.resolve.identity import Identity, digest_of_class, digest_of_module
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
    """The model itself, pickled, where an object was given rather than a class, or a model has learned."""
    source: str | None = None
    """Digest of the file or package that the class comes from, which must be the same where it is built; None for a
    registered model, whose version stands for it, and where it is not known."""
    instance_digest: str = ""
    """sha256 of `instance`, held against what arrives."""

    @classmethod
    def of(cls, model: ResolvedModel, learned: object | None = None) -> ModelRecipe:
        """Describe a model.

        Args:
            model: The model.
            learned: The same, built and fitted and not open, where it learns.

        Raises:
            UsageError: If it can be built in this process only: its class is made inside a function, or it is an object
                that cannot be pickled.
        """
        target = model.target if learned is None else learned
        made = target if isinstance(target, type) else type(target)
        problem = "its class is made inside a function" if "<locals>" in made.__qualname__ else None
        if made.__module__ == "__main__" and not hasattr(sys.modules["__main__"], "__file__"):
            problem = "its class was typed into a notebook or an interpreter"
        instance = b""
        if made is not target and problem is None:
            try:
                instance = pickle.dumps(target)
            except Exception as error:  # noqa: BLE001 - whatever keeps a user's object from being pickled
                what = "it" if learned is None else "what it has learned"
                problem = f"{what} cannot be pickled ({type(error).__name__}: {error})"
        if problem is not None:
            how = "give it as FILE.py:Name" if learned is None else "ask it in this process (--workers 1)"
            raise UsageError(f"model {model.name!r} cannot be built in another process: {problem}; {how}")
        file = getattr(sys.modules.get(made.__module__), "__mmbench_file__", None)
        reference = f"{file or made.__module__}:{made.__qualname__}"
        digest = hashlib.sha256(instance).hexdigest()
        return cls(model.name, reference, made.__module__, model.options, instance, model.identity.source, digest)

    def build(self) -> Any:
        """Build the model, not open.

        Raises:
            PluginError: If it cannot be imported here, or comes from another file than where it was described.
            RunFailedError: If its constructor fails, or what was pickled cannot be read.
        """
        target, module = registry.load_reference(self.reference, f"model {self.name!r}")
        if self.source is not None and self.source not in (digest_of_module(module), digest_of_class(target)):
            raise PluginError(
                f"model {self.name!r}: {getattr(module, '__file__', self.reference)} on {platform.node() or 'this machine'} differs "
                "from the file that the run was started with; make them the same, and give the command again"
            )
        sys.modules.setdefault(self.module, module)
        if self.instance:
            return self._unpickled(target)
        return ResolvedModel(self.name, self.reference, target, Identity(None), self.options).build()

    def _unpickled(self, target: object) -> Any:
        if hashlib.sha256(self.instance).hexdigest() != self.instance_digest:
            raise RunFailedError(
                f"model {self.name!r}: its weights are not those that were sent; give the command again"
            )
        try:
            with registry.importable(*registry.folder_of(target)):
                return pickle.loads(self.instance)  # noqa: S301 - pickled by the process that asks for it
        except Exception as error:
            raise RunFailedError(
                f"model {self.name!r} cannot be read where it is asked: {type(error).__name__}: {error}"
            ) from error
