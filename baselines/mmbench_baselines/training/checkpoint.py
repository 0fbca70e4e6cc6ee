"""What was learned, on disk: weights as safetensors beside a card that says what they are. Nothing is ever unpickled."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
from torch import Tensor

from mmbench.core import NotComparableError, UsageError
from mmbench_baselines.files import digest, make_folder, write_atomic
from mmbench_baselines.settings import VERSION, Settings
from mmbench_baselines.text import Reader
from mmbench_baselines.training.loop import Check, Progress, Weights

SCHEMA_VERSION = 1
"""Version of the card; grows when a field is added, removed or changes its meaning."""
CARD, WEIGHTS = "card.json", "model.safetensors"
"""The two files of a checkpoint."""
STATE = "training.safetensors"
"""What a killed training goes on from; removed when it is over."""


class Card(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``card.json``: what the weights beside it are."""

    schema_version: int
    """`SCHEMA_VERSION` of the writer."""
    version: str
    """`mmbench_baselines.settings.VERSION` of the code that trained them."""
    baseline: str
    """Name of the baseline."""
    task: str
    """Full name of the task whose training split it learned."""
    data: str
    """sha256 of the training and validation samples as they were shown."""
    seed: int
    """Seed of initial weights, order and shifts."""
    settings: dict[str, Any]
    """What the user can set: width, encoders, head, options of the fusion, budget."""
    words: list[str]
    """Words by id, from 2 up."""
    closing: list[tuple[list[str] | None, list[str]]]
    """Choices and the lines of text that are left out where a question has them."""
    answers: list[str]
    """Answers by class; empty for two towers."""
    parameters: int
    """Number of weights."""
    weights: str
    """sha256 of ``model.safetensors``."""
    measure: str
    """What was measured on the validation samples."""
    checks: list[dict[str, float]]
    """Step, training loss, validation value and validation loss, in order."""
    best_step: int
    """The step whose weights these are."""
    steps: int
    """Steps that were done; fewer than the budget's where validation no longer improved."""
    train_s: float
    """Seconds of training in all sessions, validation included."""
    samples_per_s: float
    """Training samples a second, over these seconds."""
    versions: dict[str, str]
    """Versions of Python and of the packages that can change a weight."""
    machine: str
    """Processor or GPU that it was trained on, and the number of threads."""

    @property
    def reader(self) -> Reader:
        """How texts are read."""
        closing = tuple((None if choices is None else tuple(choices), tuple(lines)) for choices, lines in self.closing)
        return Reader(tuple(self.words), closing)

    @property
    def best(self) -> float:
        """The validation value of these weights."""
        return next(check["val"] for check in self.checks if check["step"] == self.best_step)


def key_of(settings: Settings, task: str, data: str, seed: int) -> str:
    """sha256 over all that determines a checkpoint: code version, settings, task, samples, seed."""
    return digest({"settings": settings.digest(), "task": task, "data": data, "seed": seed})


def folder_of(root: Path, settings: Settings, task: str, seed: int, key: str) -> Path:
    """Where the checkpoint with this key lies under `root`."""
    return root / f"{settings.baseline}--{task.replace('/', '__')}--seed{seed}--{key[:12]}"


def save(folder: Path, card: Card, weights: Weights) -> Card:
    """Write weights, then the card, each as a whole; what lay there before stays until then. Raises `RunFailedError`.

    Returns:
        The card with the digest of the weights.
    """
    data = _encode(weights)
    card = msgspec.structs.replace(card, weights=hashlib.sha256(data).hexdigest())
    make_folder(folder)
    write_atomic(folder / WEIGHTS, data)
    document = json.dumps(msgspec.to_builtins(card), indent=1, allow_nan=False, ensure_ascii=False)
    write_atomic(folder / CARD, f"{document}\n".encode())
    for over in (folder / STATE, *folder.glob(".*.tmp")):  # a training that was killed while it wrote leaves the latter
        over.unlink(missing_ok=True)
    return card


def load_card(folder: Path) -> Card:
    """Read and check the card. Raises `UsageError` where there is none, `NotComparableError` where it is no good."""
    path = folder / CARD
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{folder} is not a checkpoint: cannot read {CARD} ({error.strerror or error})") from error
    try:
        document = msgspec.json.decode(data)
        schema = document.get("schema_version") if isinstance(document, dict) else None
        if not isinstance(schema, int) or schema < 1:
            raise msgspec.ValidationError(f"schema_version is {schema!r}")
        if schema > SCHEMA_VERSION:
            raise NotComparableError(
                f"{path} has schema {schema}; this mmbench reads up to {SCHEMA_VERSION}: upgrade it"
            )
        card = msgspec.convert(document, Card)
        if card.best_step not in {check.get("step") for check in card.checks}:
            raise msgspec.ValidationError(f"there is no check at its best step, {card.best_step}")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise NotComparableError(f"{path} is damaged: {error}") from error
    if card.version != VERSION:
        raise NotComparableError(
            f"{folder} was trained by version {card.version} of the baselines, this is version {VERSION}: train it again"
        )
    return card


def load_weights(folder: Path, card: Card) -> Weights:
    """The weights of a card, byte for byte those that were saved. Raises `NotComparableError` for anything else."""
    path = folder / WEIGHTS
    try:
        data = path.read_bytes()
    except OSError as error:
        raise NotComparableError(f"cannot read {path}: {error.strerror or error}; train it again") from error
    if hashlib.sha256(data).hexdigest() != card.weights:
        raise NotComparableError(
            f"{path} is damaged or not the file that {CARD} describes; remove {folder} to train again"
        )
    return _decode(data, path)


def save_progress(folder: Path, progress: Progress) -> None:
    """Keep the state of a training in one file, written as a whole. Raises `RunFailedError`."""
    make_folder(folder)
    facts = {
        "step": progress.step,
        "seen": progress.seen,
        "seconds": progress.seconds,
        "best_step": progress.best_step,
        "checks": [asdict(check) for check in progress.checks],
    }
    tensors = {
        f"{part}:{name}": value
        for part in ("best", "weights", "optimiser")
        for name, value in getattr(progress, part).items()
    }
    said = json.dumps(facts, allow_nan=False)
    write_atomic(folder / STATE, _encode(tensors, {"progress": said, "digest": _digest(said, tensors)}))


def load_progress(folder: Path) -> Progress | None:
    """The state of a training that was cut short; None where there is none. Raises `NotComparableError` when damaged."""
    path = folder / STATE
    if not path.is_file():
        return None
    data = path.read_bytes()
    tensors = _decode(data, path)
    try:
        length = int.from_bytes(data[:8], "little")
        said: dict[str, str] = json.loads(data[8 : 8 + length])["__metadata__"]
        if said["digest"] != _digest(said["progress"], tensors):
            raise ValueError("its content is not what was written")
        facts: dict[str, Any] = json.loads(said["progress"])
        facts["checks"] = [Check(**check) for check in facts["checks"]]
        parts: dict[str, Weights] = {"best": {}, "weights": {}, "optimiser": {}}
        for name, value in tensors.items():
            part, _, own = name.partition(":")
            parts[part][own] = value
        return Progress(**{**facts, **parts})
    except (KeyError, TypeError, ValueError) as error:
        raise NotComparableError(f"{path} is damaged ({error}); remove it to train from the beginning") from error


def _encode(tensors: Mapping[str, Tensor], facts: dict[str, str] | None = None) -> bytes:
    from safetensors.torch import save as encode

    data: bytes = encode({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, facts)
    return data


def _decode(data: bytes, path: Path) -> Weights:
    from safetensors import SafetensorError
    from safetensors.torch import load as decode

    try:
        tensors: Weights = decode(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise NotComparableError(
            f"{path} is not a whole safetensors file ({error}); pickled weights are never read. Remove it to train again"
        ) from error
    return tensors


def _digest(said: str, tensors: Mapping[str, Tensor]) -> str:
    found = hashlib.sha256(said.encode())
    for name, value in sorted(tensors.items()):
        found.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()
