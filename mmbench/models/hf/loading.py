"""Loads processors and weights by transformers."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmbench.core.errors import CheckpointError, MissingExtraError, UnknownNameError, UsageError
from mmbench.models.hf.files import Checkpoint, is_folder, load_failed, torchvision_missing
from mmbench.models.hf.layouts import NO_PROCESSOR, PROCESSORS, check_weights
from mmbench.models.hf.lora import load_adapter
from mmbench.models.hf.options import HfOptions
from mmbench.models.hf.packages import quantisation_config
from mmbench.models.hf.turns import in_turns

_LOG = logging.getLogger(__name__)

GENERATES = ("AutoModelForImageTextToText", "AutoModelForMultimodalLM", "AutoModelForCausalLM")
"""The Auto classes of models that write, in the order in which they are tried."""
_TEXTS = "AutoModelForCausalLM"
"""The one among them that also has the classes of models that read texts alone …"""
_SEES = re.compile("vision|image|img")
"""… which have no entry like this in their configuration."""
_POOLER = "pooler"
"""The module of an encoder that makes one vector of its tokens; what is measured needs none."""
_NAMED = 3
"""Weights that an error names."""


def device_of(options: HfOptions) -> Any:
    """The torch device that inputs go to. Raises `UsageError` for one that there is not."""
    import torch

    name = options.device
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        why = str(error).partition("\n")[0]
        if name.startswith("cuda") and not torch.cuda.is_available():
            why = f"torch finds no GPU on this machine ({why}); leave it out, or take device=cpu"
        raise UsageError(f"device={options.device!r}: {why}") from error
    return device


def load_processor(source: Checkpoint, options: HfOptions) -> Any:
    """The processor of a checkpoint: of pictures and texts.

    Raises `CheckpointError` where there is none, `UnknownNameError` for an option that it does not have.
    """
    source = _with_own_processor(source)
    processor = load_part("AutoProcessor", source, options)
    if not hasattr(processor, "image_processor"):
        raise _no_pictures(source, options)
    parts = [getattr(processor, name, None) for name in ("image_processor", "tokenizer", "video_processor")]
    check_processor_options([*parts, processor], options.processor)
    return processor


def _with_own_processor(source: Checkpoint) -> Checkpoint:
    """The adapter in place of the checkpoint, where a processor was saved beside it."""
    folder = Path(source.adapter or "")
    if source.adapter is None or not any((folder / name).is_file() for name in PROCESSORS):
        return source
    return replace(source, place=source.adapter, revision=None)


def _no_pictures(source: Checkpoint, options: HfOptions) -> CheckpointError:
    """The exception for a processor that takes texts alone: transformers falls back to the tokenizer in silence."""
    try:
        load_part("AutoImageProcessor", source, options)
    except CheckpointError as error:
        if isinstance(error.__cause__, Exception) and torchvision_missing(error.__cause__):
            return error
    return CheckpointError(f"{source.name} {NO_PROCESSOR}")


def load_part(auto: str, source: Checkpoint, options: HfOptions) -> Any:
    """A processor, tokenizer or image processor: `auto` is the name of one of transformers' Auto classes.

    Threads may share it: they take turns with its tokenizers. Raises `CheckpointError`.
    """
    import transformers

    with _as_ours(source), quiet():
        return in_turns(
            getattr(transformers, auto).from_pretrained(
                source.place, revision=source.revision, trust_remote_code=options.trust_remote_code, **options.processor
            )
        )


def check_processor_options(parts: Sequence[Any], given: Mapping[str, Any]) -> None:
    """Raise `UnknownNameError` for an option that none of a processor's parts knows: transformers passes over it in silence."""
    known = {name for part in parts for name in getattr(getattr(part, "valid_kwargs", None), "__annotations__", ())}
    for name in given:
        if name not in known and not any(hasattr(part, name) for part in parts):
            known |= {own for part in parts if part is not None for own in vars(part) if not own.startswith("_")}
            raise UnknownNameError("option of the processor:", name, known)


def load_config(source: Checkpoint, options: HfOptions) -> Any:
    """The configuration of a checkpoint's model. Raises `CheckpointError`."""
    import transformers

    with _as_ours(source), quiet():
        return transformers.AutoConfig.from_pretrained(
            source.place, revision=source.revision, trust_remote_code=options.trust_remote_code
        )


def load_model(auto: str | Sequence[str], source: Checkpoint, options: HfOptions) -> Any:
    """Load weights, ready to answer, with their adapter where there is one.

    Args:
        auto: The name of one of transformers' Auto classes, or several, of which the first that has a class for this
            checkpoint is taken.
        source: Where they are.
        options: How they are loaded.

    Raises:
        CheckpointError: If they cannot be loaded; also when some are missing, which transformers would draw at random. A
            pooler on top is taken off where its weights are missing: encoders are often saved without.
    """
    import transformers

    if options.trust_remote_code:
        _LOG.warning("TRUST_REMOTE_CODE IS ON: CODE THAT COMES WITH %s RUNS ON THIS MACHINE", source.name)
    if source.place == source.name and is_folder(source.place):  # a name on the hub is yet to be fetched
        check_weights(Path(source.place))
    device = device_of(options)
    auto = auto if isinstance(auto, str) else _first_that_fits(auto, source, options)
    quantised = options.quantisation is not None
    with _as_ours(source), quiet():
        optional = {
            "revision": source.revision,
            "attn_implementation": options.attention,
            "device_map": options.device_map or (str(device) if quantised else None),
            "quantization_config": quantisation_config(options.quantisation, device) if options.quantisation else None,
        }
        chosen: dict[str, Any] = {
            "dtype": "bfloat16" if options.quantisation == "int4" else options.dtype,
            "trust_remote_code": options.trust_remote_code,
            **{name: value for name, value in optional.items() if value is not None},
        }
        model, found = getattr(transformers, auto).from_pretrained(source.place, output_loading_info=True, **chosen)
    missing = sorted(found["missing_keys"])
    if any(name.partition(".")[0] != _POOLER for name in missing):
        raise CheckpointError(_incomplete(source.name, missing))
    if missing:
        setattr(model, _POOLER, None)
    if source.adapter is not None:
        model = load_adapter(model, source)
    if "device_map" not in chosen:
        model = model.to(device)
    model = model.eval()
    if options.compile:
        model.compile(dynamic=True)
    return model


def weights_bytes(model: Any) -> int:
    """Bytes that the weights of a model take, those of a quantised tensor being what it is made of."""
    return sum(map(_tensor_bytes, model.parameters()))


def _tensor_bytes(tensor: Any) -> int:
    flatten = getattr(tensor, "__tensor_flatten__", None)
    if flatten is None:
        return int(tensor.numel()) * int(tensor.element_size())
    names, _ = flatten()
    return sum(_tensor_bytes(getattr(tensor, name)) for name in names)


def _first_that_fits(autos: Sequence[str], source: Checkpoint, options: HfOptions) -> str:
    """The first of these Auto classes that has a class for a checkpoint, in transformers or in its own code."""
    import transformers

    config = load_config(source, options)
    for auto in autos:
        known = getattr(getattr(transformers, auto, None), "_model_mapping", {})
        known_here = type(config) in known and (auto != _TEXTS or _SEES.search(" ".join(config.to_dict())))
        if known_here or auto in (getattr(config, "auto_map", None) or {}):
            return auto
    kind = ", ".join(getattr(config, "architectures", None) or [type(config).__name__])
    raise CheckpointError(
        f"{source.name} is a {kind} (config.json), and transformers has no class of it that writes a text about images: "
        f"vllm/{source.name} may run it, or hf-embed/{source.name} if it embeds"
    )


def _incomplete(path: str, missing: Sequence[str]) -> str:
    more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
    return f"{path} lacks weights of its model: {', '.join(missing[:_NAMED])}{more}; save it whole, with model.save_pretrained"


@contextlib.contextmanager
def _as_ours(source: Checkpoint) -> Iterator[None]:
    """Let transformers' many exceptions leave as one of ours."""
    try:
        yield
    except ImportError as error:
        missing = getattr(error, "name", None)
        if missing in ("torch", "transformers"):
            raise MissingExtraError(f"the model {source.name!r}", "models") from error
        if torchvision_missing(error):
            raise load_failed(source, error) from error
        raise CheckpointError(
            f"{source.name} needs a package that is not installed: {str(error).strip()[:300]}"
        ) from error
    except _failures() as error:
        raise load_failed(source, error) from error


def _failures() -> tuple[type[Exception], ...]:
    """What transformers raises, and safetensors for a file that is damaged."""
    usual = (OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError)
    try:
        from safetensors import SafetensorError
    except ImportError:
        return usual
    return (*usual, SafetensorError)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No progress bars of transformers between ours, and no report on weights: what matters of it is an error of ours."""
    from transformers.utils import logging as theirs

    shown, verbosity = theirs.is_progress_bar_enabled(), theirs.get_verbosity()
    theirs.disable_progress_bar()
    theirs.set_verbosity_error()
    try:
        yield
    finally:
        theirs.set_verbosity(verbosity)
        if shown:
            theirs.enable_progress_bar()
