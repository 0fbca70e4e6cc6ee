"""Loads processors and weights by transformers."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import Any

from mmbench.core.errors import MissingExtraError, RunFailedError, UsageError
from mmbench.models.hf.files import load_failed
from mmbench.models.hf.options import HfOptions

_LOG = logging.getLogger(__name__)

GENERATES = "AutoModelForImageTextToText"
"""The Auto class of models that write."""
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
        raise UsageError(f"device={options.device!r}: {str(error).partition(chr(10))[0]}") from error
    return device


def load_processor(path: str, options: HfOptions) -> Any:
    """The processor of a checkpoint: of pictures and texts. Raises `RunFailedError` where there is none."""
    processor = load_part("AutoProcessor", path, options)
    if not hasattr(processor, "image_processor"):
        raise RunFailedError(
            f"{path} has no processor for pictures (preprocessor_config.json or processor_config.json): "
            "save one beside the weights with processor.save_pretrained"
        )
    return processor


def load_part(auto: str, path: str, options: HfOptions) -> Any:
    """A processor, tokenizer or image processor: `auto` is the name of one of transformers' Auto classes.

    Raises `RunFailedError`.
    """
    import transformers

    with _as_ours(path), _quiet():
        return getattr(transformers, auto).from_pretrained(
            path, revision=options.revision, trust_remote_code=options.trust_remote_code, **options.processor
        )


def load_model(auto: str, path: str, options: HfOptions) -> Any:
    """The weights, ready to answer: `auto` is the name of one of transformers' Auto classes.

    Raises `RunFailedError`; also for a model that writes when weights are missing, which transformers would draw at random
    (encoders may come without a head that is not used; transformers' warning must do for them).
    """
    import transformers

    if options.trust_remote_code:
        _LOG.warning("TRUST_REMOTE_CODE IS ON: CODE THAT COMES WITH %s RUNS ON THIS MACHINE", path)
    device = device_of(options)
    optional = {
        "revision": options.revision,
        "attn_implementation": options.attention,
        "device_map": options.device_map or (str(device) if options.quantisation else None),
        "quantization_config": _quantisation(options.quantisation),
    }
    chosen: dict[str, Any] = {"dtype": options.dtype, "trust_remote_code": options.trust_remote_code}
    chosen |= {name: value for name, value in optional.items() if value is not None}
    with _as_ours(path), _quiet():
        model, found = getattr(transformers, auto).from_pretrained(path, output_loading_info=True, **chosen)
    if auto == GENERATES and found["missing_keys"]:
        raise RunFailedError(_incomplete(path, sorted(found["missing_keys"])))
    if "device_map" not in chosen:
        model = model.to(device)
    return model.eval()


def _incomplete(path: str, missing: Sequence[str]) -> str:
    more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
    return f"{path} lacks weights of its model: {', '.join(missing[:_NAMED])}{more}; save it whole, with model.save_pretrained"


def _quantisation(name: str | None) -> Any:
    if name is None:
        return None
    package = "bitsandbytes" if name.endswith("bit") else "torchao"
    if find_spec(package) is None:
        raise UsageError(f"quantisation={name} needs the package {package}: pip install {package}")
    import transformers

    if package == "bitsandbytes":
        return transformers.BitsAndBytesConfig(load_in_8bit=name == "8bit", load_in_4bit=name == "4bit")
    return transformers.TorchAoConfig(f"{name}_weight_only")


@contextlib.contextmanager
def _as_ours(path: str) -> Iterator[None]:
    """Let transformers' many exceptions leave as one of ours."""
    try:
        yield
    except ImportError as error:
        missing = getattr(error, "name", None)
        if missing in ("torch", "transformers"):
            raise MissingExtraError(f"the model {path!r}", "models") from error
        raise RunFailedError(f"{path} needs a package that is not installed: {str(error).strip()[:300]}") from error
    except _failures() as error:
        raise load_failed(path, error) from error


def _failures() -> tuple[type[Exception], ...]:
    """What transformers raises, and safetensors for a file that is damaged."""
    usual = (OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError)
    try:
        from safetensors import SafetensorError
    except ImportError:
        return usual
    return (*usual, SafetensorError)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars of transformers between ours."""
    from transformers.utils import logging as theirs

    shown = theirs.is_progress_bar_enabled()
    theirs.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            theirs.enable_progress_bar()
