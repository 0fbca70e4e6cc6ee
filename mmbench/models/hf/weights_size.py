"""How much memory the weights of a checkpoint will take, told by the headers of its files before anything is loaded."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from mmbench.core.errors import MmbenchError
from mmbench.models.hf.files import Checkpoint
from mmbench.models.hf.layouts import read_json, weight_files
from mmbench.models.hf.lora import adapted
from mmbench.models.hf.options import dtype_named

_LONGEST = 16 * 2**20
"""Bytes of a header, or of an index of shards, that are read; one that claims to be longer is damaged or hostile."""
_FLOATS = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
"""Types of numbers with a fraction, as safetensors and as torch name them."""
_BYTES = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2}
"""Bytes of such a number."""
_QUANTISED = {"8bit": 1.0, "int8": 1.0, "4bit": 0.5, "int4": 0.5}
"""Bytes of a number at least, by the value of the option ``quantisation``."""


@dataclass(frozen=True, slots=True)
class WeightsSize:
    """How much memory the weights of a model take at least; what it computes with them comes on top."""

    bytes: int
    """Bytes of one copy."""
    mapped: bool = False
    """Whether they stay as they lie on disk, so that processes that compute on CPUs share one copy of them."""
    device: Literal["auto", "cpu", "gpu"] = "auto"
    """Where they lie; ``auto``: on a GPU where there is one."""
    spread: bool = False
    """Whether they are spread over all GPUs that a process sees, rather than on the first of them."""
    by_options: bool = True
    """Whether the options ``dtype`` and ``quantisation`` of the model may make them smaller."""


class _Tensor(msgspec.Struct):
    """What is read of a tensor's entry in the header of a safetensors file; the rest is skipped."""

    dtype: str = ""
    data_offsets: tuple[int, int] = (0, 0)


def size_of_checkpoint(path: str, options: Mapping[str, Any]) -> WeightsSize | None:
    """The memory that a checkpoint takes when transformers loads it.

    Args:
        path: A folder, or a name on the hub.
        options: Fields of `HfOptions` as given; others are passed over.

    Returns:
        None where it is not known: the files are not on this machine, or say too little.
    """
    try:
        source = adapted(path, options.get("revision"), options.get("adapter")).locate()
        folder = folder_of(source)
        if folder is None:
            return None
        config = read_json(folder / "config.json")
        stored = stored_bytes(folder)
    except (MmbenchError, OSError):
        return None
    if stored is None:
        return None
    dtype, quantisation = dtype_named(options.get("dtype") or "auto"), options.get("quantisation")
    if dtype == "auto":
        as_stored = "quantization_config" in config or "" in stored
        dtype = None if as_stored else str(dtype_named(config.get("dtype") or config.get("torch_dtype")))
    found = in_memory(stored, dtype, None if quantisation == "none" else quantisation)
    if found is None:
        return None
    device = str(options.get("device") or "auto")
    return WeightsSize(
        found[0],
        mapped=found[1],
        device="cpu" if device == "cpu" else "auto" if device == "auto" else "gpu",
        spread=options.get("device_map") is not None,
    )


def folder_of(source: Checkpoint) -> Path | None:
    """The folder with the files of a checkpoint; None where the hub has yet to be asked for them."""
    if Path(source.place).is_dir():
        return Path(source.place)
    from huggingface_hub import try_to_load_from_cache

    kept = try_to_load_from_cache(source.place, "config.json", revision=source.revision)
    return Path(kept).parent if isinstance(kept, str) else None


def in_memory(stored: Mapping[str, int], dtype: str | None, quantisation: str | None) -> tuple[int, bool] | None:
    """Bytes that stored weights take once they are loaded, and whether they stay as they are stored.

    Args:
        stored: As `stored_bytes` gives them.
        dtype: Type that numbers with a fraction are loaded in; None, or one that is not known: as they are stored.
        quantisation: As in `HfOptions`.

    Returns:
        None where the stored types are not known, so that it cannot be told.
    """
    if quantisation is None and dtype not in _BYTES:
        return sum(stored.values()), True
    wanted = _BYTES[str(dtype)] if quantisation is None else _QUANTISED.get(quantisation)
    if wanted is None or "" in stored:
        return None
    others = sum(size for name, size in stored.items() if name not in _FLOATS)
    numbers = sum(size // _BYTES[_FLOATS[name]] for name, size in stored.items() if name in _FLOATS)
    mapped = quantisation is None and all(_FLOATS.get(name, dtype) == dtype for name in stored)
    return int(others + numbers * wanted), mapped


def stored_bytes(folder: Path) -> dict[str, int] | None:
    """Bytes of the weights in a folder by their type, as safetensors names it; ``""`` for files that do not tell theirs.

    Returns:
        None where a file is damaged, or is of a kind that is not known.

    Raises:
        CheckpointError: If files are missing.
    """
    if any(file.stat().st_size > _LONGEST for file in folder.glob("*.index.json")):
        return None
    total: dict[str, int] = {}
    for file in weight_files(folder):
        found = _tensor_bytes(file) if file.suffix == ".safetensors" else {"": file.stat().st_size}
        if found is None:
            return None
        for name, size in found.items():
            total[name] = total.get(name, 0) + size
    return total or None


def _tensor_bytes(file: Path) -> dict[str, int] | None:
    """Bytes by type in a safetensors file; None where its header does not fit."""
    with file.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        start = stream.read(8)
        (length,) = struct.unpack("<Q", start) if len(start) == 8 else (size,)
        if length > min(_LONGEST, size - 8):
            return None
        data = stream.read(length)
    try:
        header = msgspec.json.decode(data, type=dict[str, _Tensor])
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    found: dict[str, int] = {}
    for tensor in header.values():
        begin, end = tensor.data_offsets
        if not 0 <= begin <= end:
            return None
        found[tensor.dtype] = found.get(tensor.dtype, 0) + end - begin
    found.pop("", None)
    return found if sum(found.values()) <= size - 8 - length else None
