"""Adapters (LoRA and kin): which checkpoint they were trained on, and how the two are loaded together."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mmbench.core.errors import CheckpointError, MissingExtraError, UsageError
from mmbench.models.hf.files import Checkpoint, checkpoint_digest, folder_digest, is_folder, locate
from mmbench.models.hf.layouts import ADAPTER, Way, check_folder, read_json
from mmbench.perf.requirements import check_not_too_old

_NAMED = 3
"""Weights that an error names."""


@dataclass(frozen=True, slots=True)
class Adapted:
    """A model, and what adapts it."""

    base: str
    """The checkpoint: a folder, or a name on the hub."""
    revision: str | None
    """Its revision on the hub."""
    adapter: str | None = None
    """The adapter: a folder, or a name on the hub; None where there is none."""

    def check(self, way: Way, *, trusted: bool = False) -> None:
        """Check the files where the checkpoint is a folder; see `check_folder`, which raises."""
        if Path(self.base).is_dir():
            check_folder(Path(self.base), way, trusted=trusted)

    def digest(self) -> str:
        """Digest of the checkpoint, and of the adapter where there is one. Raises `UsageError`."""
        try:
            base = checkpoint_digest(self.base, self.revision)
        except CheckpointError:
            raise
        except UsageError as error:
            raise self._not_at_hand(error) if self.adapter else error from error
        if self.adapter is None:
            return base
        own = folder_digest(Path(self.adapter)) if is_folder(self.adapter) else checkpoint_digest(self.adapter, None)
        return hashlib.sha256(f"{base} adapted by {own}".encode()).hexdigest()

    def locate(self) -> Checkpoint:
        """Where to load from what has been digested; raises as `digest` does."""
        found = locate(self.base, self.revision)
        return found if self.adapter is None else replace(found, adapter=locate(self.adapter, None).place)

    def _not_at_hand(self, error: UsageError) -> CheckpointError:
        return CheckpointError(
            f"the adapter {self.adapter} was trained on {self.base}, which is not at hand ({error}); where it lies "
            f"elsewhere: hf/PATH --model-args adapter={self.adapter}"
        )


def adapted(path: str, revision: str | None, adapter: str | None) -> Adapted:
    """Tell the checkpoint and the adapter that a user means.

    Args:
        path: A checkpoint, or the folder of an adapter.
        revision: Of the checkpoint on the hub.
        adapter: The adapter; None: there is none, unless `path` is one.

    Raises:
        CheckpointError: If `adapter` is no adapter, or names no base.
        MissingExtraError: If there is an adapter and the extra ``peft`` is not installed.
        UsageError: If `path` is an adapter and another one is given.
    """
    folder = Path(path)
    is_adapter = (folder / ADAPTER).is_file() and not (folder / "config.json").is_file()
    if not is_adapter and adapter is None:
        return Adapted(path, revision)
    if find_spec("peft") is None:
        raise MissingExtraError(f"the adapter {adapter or path}", "peft")
    check_not_too_old(f"the adapter {adapter or path}", ("peft",))
    if not is_adapter:
        if is_folder(str(adapter)) and not (Path(str(adapter)) / ADAPTER).is_file():
            raise CheckpointError(f"adapter={adapter}: there is no {ADAPTER} in it")
        return Adapted(path, revision, adapter)
    if adapter is not None:
        raise UsageError(f"{path} is an adapter itself; write the checkpoint that both adapt, with one of them")
    config = read_json(folder / ADAPTER)
    base = config.get("base_model_name_or_path")
    if not isinstance(base, str) or not base:
        raise CheckpointError(
            f"{folder / ADAPTER} does not say what it was trained on (base_model_name_or_path): "
            f"hf/BASE --model-args adapter={path}"
        )
    beside = folder / base
    if not Path(base).is_dir() and beside.is_dir():
        base = str(beside)
    return Adapted(base, revision or config.get("revision"), path)


def load_adapter(model: Any, source: Checkpoint) -> Any:
    """Put the adapter of a checkpoint into its loaded model, which stays of its own class.

    Raises:
        CheckpointError: If the adapter belongs to another model, or is of a kind that adds to the prompt.
    """
    import peft

    place = str(source.adapter)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what matters of them is checked below
            config = peft.PeftConfig.from_pretrained(place)
            if config.is_prompt_learning:
                raise CheckpointError(
                    f"{source.adapter} is a {config.peft_type.value}, which adds to the prompt; LoRA and kin are served"
                )
            config.inference_mode = True
            wrapped = peft.PeftModel(model, config)
            found = wrapped.load_adapter(place, adapter_name="default", is_trainable=False)
    except (OSError, TypeError, ValueError, RuntimeError, KeyError) as error:
        problem = " ".join(str(error).split())[:300]
        raise CheckpointError(f"the adapter {source.adapter} does not fit {source.name}: {problem}") from error
    strangers = [*found.missing_keys, *found.unexpected_keys]
    if strangers:
        raise CheckpointError(
            f"the adapter {source.adapter} does not fit {source.name}: {len(strangers)} of its weights have no place there "
            f"or are missing ({', '.join(map(str, strangers[:_NAMED]))})"
        )
    return wrapped.get_base_model()
