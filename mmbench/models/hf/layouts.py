"""What the files of a checkpoint say of it before anything is loaded: whether it is whole, and which adapter runs it."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from mmbench.core.errors import CheckpointError

Way = Literal["hf", "hf-embed", "hf-encoder"]
"""A provider that runs checkpoints in the Hugging Face layout."""

ADAPTER = "adapter_config.json"
"""The file that makes a folder an adapter (LoRA and kin)."""
_GENERATES = re.compile("ForConditionalGeneration|ForCausalLM|ForVision2Seq|ForImageTextToText|LMHead")
_TWO_TOWERS = frozenset({"align", "altclip", "chinese_clip", "clip", "siglip", "siglip2", "vision-text-dual-encoder"})
"""Values of ``model_type`` that tell a dual encoder where the parts of its configuration are left at their defaults."""
_ONE_SIZE = (_TWO_TOWERS - {"siglip2"}) | {
    "blip",
    "blip-2",
    "git",
    "instructblip",
    "kosmos-2",
    "llava",
    "paligemma",
    "vipllava",
}
"""Values of ``model_type`` whose processors bring every image to one size, and make one picture of it."""
_EMBEDS = ("config_sentence_transformers.json", "modules.json")
"""Files that an embedding model brings along, whatever its class."""
PROCESSORS = ("preprocessor_config.json", "processor_config.json")
"""Files of which a processor has at least one."""
_TOKENIZERS = [
    "tokenizer.json",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "vocab.json",
    "vocab.txt",
    "tekken.json",
    "tokenizer_config.json",
]
_WEIGHTS = ["model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"]
_SERVE_GGUF = (
    "it is in llama.cpp's format: serve it with llama-server -m FILE --mmproj FILE, then write openai/NAME with "
    "--model-args base_url=http://127.0.0.1:8080"
)
_OTHERS = {
    "model_index.json": "it is a diffusion pipeline, which answers no questions",
    "open_clip_config.json": "it is in OpenCLIP's format: convert it to a CLIP of transformers, then write hf-embed/PATH",
    "params.json": "it is in its maker's own format: write vllm/PATH, or convert it to the layout of transformers",
}
"""A file to what else a folder without ``config.json`` may hold."""
_LFS = b"version https://git-lfs"
NO_PROCESSOR = (
    "has no processor for pictures (preprocessor_config.json or processor_config.json): "
    "save one beside the weights with processor.save_pretrained"
)
"""What to say of a checkpoint, after its name."""


def check_folder(folder: Path, way: Way, *, trusted: bool = False) -> None:
    """Check that a folder holds a checkpoint that this provider runs; its weights are for `check_weights`.

    Reads JSON files and loads nothing.

    Args:
        folder: The folder.
        way: The provider that is to run it.
        trusted: Whether code in the folder may run.

    Raises:
        CheckpointError: If a file is missing or damaged, or if another provider is the right one.
    """
    config = read_config(folder)
    _check_code(folder, config, trusted=trusted)
    fitting = _fitting(folder, config)
    if way == "hf" and fitting == "hf-embed":
        raise CheckpointError(f"{folder} is a {_kind(config)} that embeds and writes nothing: write hf-embed/{folder}")
    if way != "hf-encoder" and "auto_map" not in config:
        _check_processor(folder)


def fitting_adapter(folder: str) -> Way | None:
    """The provider that runs the checkpoint in a folder, told by its files; None where it holds none.

    A class for conditional generation or causal language modelling goes with ``hf``, unless the folder is marked as an
    embedding model. A class for retrieval, or one that is made of a text and a vision model, goes with ``hf-embed``, and one
    of a single modality, or of an unknown kind, with ``hf-encoder`` or ``hf``.
    """
    place = Path(folder)
    if (place / ADAPTER).is_file() and not (place / "config.json").is_file():
        return "hf"
    try:
        config = json.loads((place / "config.json").read_bytes())
    except (OSError, ValueError):
        return None
    return _fitting(place, config) if isinstance(config, dict) else None


def is_marked_as_embedding(folder: Path) -> bool:
    """Whether a folder holds files that only embedding models have."""
    return any((folder / name).is_file() for name in _EMBEDS)


def read_config(folder: Path) -> dict[str, Any]:
    """``config.json`` of a folder. Raises `CheckpointError` where there is none, or what else the folder is."""
    if not (folder / "config.json").is_file():
        files = {file.name for file in folder.iterdir()} if folder.is_dir() else set()
        raise CheckpointError(f"{folder} is no checkpoint: {what_else(files)}")
    return read_json(folder / "config.json")


def most_image_tokens(config: Mapping[str, Any]) -> int | None:
    """Tokens that every image is read as at most, whatever its size: the patches that the vision model cuts it into.

    Args:
        config: What ``config.json`` holds.

    Returns:
        The number; None for models that read images of different sizes as different numbers of tokens, and for unknown ones.
    """
    vision = config.get("vision_config")
    if config.get("model_type") not in _ONE_SIZE or not isinstance(vision, Mapping):
        return None
    size, patch = vision.get("image_size"), vision.get("patch_size")
    return (size // patch) ** 2 if isinstance(size, int) and isinstance(patch, int) and patch > 0 else None


def read_json(file: Path) -> dict[str, Any]:
    """A JSON file that holds an object. Raises `CheckpointError`."""
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{file} cannot be read as JSON: {error}") from error
    if not isinstance(found, dict):
        raise CheckpointError(f"{file} holds no JSON object")
    return found


def what_else(files: Collection[str]) -> str:
    """What a folder without ``config.json`` seems to hold, and what would run it."""
    gguf = sorted(name for name in files if name.endswith(".gguf"))
    if gguf:
        return f"{gguf[0]}: {_SERVE_GGUF}"
    other = next((f"{name}: {said}" for name, said in _OTHERS.items() if name in files), None)
    return other or "it has no config.json (save one with model.save_pretrained)"


def _fitting(folder: Path, config: dict[str, Any]) -> Way:
    names = _classes(config)
    if "ForRetrieval" in names:
        return "hf-embed"
    if _GENERATES.search(names):
        return "hf-embed" if is_marked_as_embedding(folder) else "hf"
    if config.get("model_type") in _TWO_TOWERS or {"text_config", "vision_config"} <= config.keys():
        return "hf-embed"
    return "hf-encoder" if names.endswith("Model") else "hf"


def _classes(config: dict[str, Any]) -> str:
    classes = config.get("architectures")
    return " ".join(map(str, classes)) if isinstance(classes, list) else ""


def _kind(config: dict[str, Any]) -> str:
    return _classes(config) or f"model of type {config.get('model_type')!r}"


def _check_code(folder: Path, config: dict[str, Any], *, trusted: bool) -> None:
    """Raise `CheckpointError` for a class that only the checkpoint's own code defines, which may not run."""
    mapped = config.get("auto_map")
    if not mapped or trusted:
        return
    own = [path for path in folder.glob("*.py") if path.is_file()]
    code = own[0].name if own else "the code that config.json names under auto_map"
    if not _known_to_transformers(str(config.get("model_type"))):
        raise CheckpointError(
            f"{folder} brings code of its own ({code}) for a {_kind(config)}, which transformers does not know: if you "
            f"trust that code, --model-args trust_remote_code=true; or write vllm/{folder}, or take a version of the model "
            "that was converted to transformers"
        )


def _known_to_transformers(model_type: str) -> bool:
    from transformers import CONFIG_MAPPING

    return model_type in CONFIG_MAPPING


def _check_processor(folder: Path) -> None:
    if not any((folder / name).is_file() for name in PROCESSORS):
        raise CheckpointError(f"{folder} {NO_PROCESSOR}")
    for name in PROCESSORS:
        if (folder / name).is_file():
            read_json(folder / name)
    if not any((folder / name).is_file() for name in _TOKENIZERS):
        raise CheckpointError(
            f"{folder} has no tokenizer (tokenizer.json): save one beside the weights with processor.save_pretrained"
        )


# --- weights ---


def check_weights(folder: Path) -> None:
    """Check that the files of the weights are all there and whole, by their headers.

    Raises:
        CheckpointError: If a file is missing, a pointer of Git LFS, or shorter than its header says.
    """
    files = list(weight_files(folder))
    for file in files:
        if file.suffix == ".safetensors":
            _check_length(file)


def weight_files(folder: Path) -> Iterator[Path]:
    """The files of the weights. Raises `CheckpointError` where there are none, or a shard is missing."""
    found = next((folder / name for name in _WEIGHTS if (folder / name).is_file()), None)
    if found is None:
        others = sorted(file.name for pattern in ("*.safetensors", "*.bin", "*.gguf") for file in folder.glob(pattern))
        if any(name.endswith(".gguf") for name in others):
            raise CheckpointError(f"{folder} holds {others[-1]}: {_SERVE_GGUF}")
        if others:  # of a name that the configuration or transformers itself knows of
            return
        raise CheckpointError(f"{folder} has no weights (model.safetensors): save it whole, with model.save_pretrained")
    if found.suffix != ".json":
        yield found
        return
    shards = read_json(found).get("weight_map")
    if not isinstance(shards, dict):
        raise CheckpointError(f"{found} names no shards (weight_map)")
    names = sorted(set(map(str, shards.values())))
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise CheckpointError(
            f"{folder} lacks {len(missing)} of {len(names)} shards that {found.name} names: {', '.join(missing[:3])}; "
            "download it whole: hf download OWNER/NAME --local-dir FOLDER"
        )
    yield from (folder / name for name in names)


def _check_length(file: Path) -> None:
    """Compare the length of a safetensors file with what its header says."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        start = stream.read(8)
        if _LFS.startswith(start) and start:
            raise CheckpointError(f"{file} is a pointer of Git LFS and holds no weights: git lfs pull")
        (length,) = struct.unpack("<Q", start) if len(start) == 8 else (size,)
        header = _header(stream.read(length)) if 8 + length <= size else None
    if header is None:
        raise CheckpointError(f"{file} is cut short or damaged: its header does not fit; download it again")
    ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    expected = 8 + length + max(ends, default=0)
    if size != expected:
        problem = "is cut short" if size < expected else "is damaged"
        raise CheckpointError(
            f"{file} {problem}: it has {size:,} bytes, and its header says {expected:,}; download it again"
        )


def _header(data: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(data)
    except ValueError:
        return None
    whole = isinstance(found, dict) and all(
        name == "__metadata__" or (isinstance(entry, dict) and len(entry.get("data_offsets", ())) == 2)
        for name, entry in found.items()
    )
    return found if whole else None
