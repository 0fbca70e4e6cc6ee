"""Packages that an option needs beyond transformers, asked for before anything is loaded; how weights are quantised."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from mmbench.core.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    from mmbench.models.hf.options import HfOptions

_QUANTISER = {"8bit": "bitsandbytes", "4bit": "bitsandbytes", "int8": "torchao", "int4": "torchao"}
"""What quantises weights, by the value of the option ``quantisation``."""
QUANTISATIONS = tuple(_QUANTISER)
"""``8bit`` and ``4bit`` by bitsandbytes, ``int8`` and ``int4`` (weights alone) by torchao."""


def check_installed(options: HfOptions) -> None:
    """Raise `MissingExtraError` or `UsageError`, with what to install, where an option needs what is not there."""
    if options.quantisation is not None:
        for package in (_QUANTISER[options.quantisation], "accelerate"):
            if find_spec(package) is None:
                raise MissingExtraError(f"quantisation={options.quantisation}", "quantisation")
    if options.device_map is not None and find_spec("accelerate") is None:
        raise MissingExtraError(f"device_map={options.device_map}", "models")
    if options.attention == "flash_attention_2" and find_spec("flash_attn") is None and find_spec("kernels") is None:
        raise UsageError("attention=flash_attention_2 needs the package flash-attn: pip install flash-attn")


def quantisation_config(name: str, device: Any) -> Any:
    """What transformers takes as ``quantization_config``; the dtype of ``int4`` must be bfloat16.

    Raises `UsageError` for what the torch `device` cannot run.
    """
    import transformers

    if _QUANTISER[name] == "bitsandbytes":
        return transformers.BitsAndBytesConfig(load_in_8bit=name == "8bit", load_in_4bit=name == "4bit")
    from torchao import quantization

    if name == "int8":
        return transformers.TorchAoConfig(quantization.Int8WeightOnlyConfig())
    if device.type != "cuda":
        raise UsageError(
            f"quantisation=int4 needs a GPU, and the device is {device}; int8, 8bit and 4bit run there too"
        )
    # The format whose kernels come with torch itself; the default one wants a further package.
    return transformers.TorchAoConfig(quantization.Int4WeightOnlyConfig(int4_packing_format="tile_packed_to_4d"))
