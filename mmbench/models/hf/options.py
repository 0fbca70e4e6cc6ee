"""What a user can set of a model in the Hugging Face layout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from mmbench.core.errors import UnknownNameError, UsageError
from mmbench.models.hf.packages import QUANTISATIONS, check_installed
from mmbench.models.unknown_option import unknown_option_of

DTYPES = ("auto", "float32", "float16", "bfloat16")
_SYNONYMS = {
    "bf16": "bfloat16",
    "fp16": "float16",
    "half": "float16",
    "fp32": "float32",
    "float": "float32",
}
"""Other names of dtypes, as they are written elsewhere; a name of torch may also stand with its module."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HfOptions:
    """How weights are loaded. All of it may change an answer in its last bit, and is part of a run's identity."""

    revision: str | None = None
    """Branch, tag or commit on the hub; None: the default branch."""
    adapter: str | None = None
    """An adapter (LoRA and kin) to put on the checkpoint: a folder, or a name on the hub; None: none."""
    dtype: str = "auto"
    """Type of the weights, one of `DTYPES`; ``auto``: as they were saved."""
    device: str = "auto"
    """``auto`` (a GPU where torch sees one), ``cpu``, ``cuda``, ``cuda:1``, …"""
    device_map: str | Mapping[str, Any] | None = None
    """How layers are spread over devices, as transformers understands it (needs accelerate); None: all on `device`."""
    attention: str | None = None
    """Implementation of attention: ``eager``, ``sdpa``, ``flash_attention_2``; None: transformers' choice."""
    quantisation: str | None = None
    """One of `QUANTISATIONS`; None, also given as ``none``: none."""
    compile: bool = False
    """Compile the forward pass with ``torch.compile``, for shapes of any size."""
    trust_remote_code: bool = False
    """Run Python code that comes with the checkpoint."""
    processor: Mapping[str, Any] = field(default_factory=dict)
    """Options of the processor, such as ``max_pixels``."""
    chat_template: str | None = None
    """A file with the chat template to use in place of the checkpoint's own; None: its own."""

    @classmethod
    def parse(cls, model: str, given: Mapping[str, Any], own: tuple[str, ...] = ()) -> Self:
        """Check options as given on a command line; `own` are those of the adapter itself, which are left out.

        Raises `UnknownNameError` with the nearest names, `UsageError`, `MissingExtraError` for a package that an option needs.
        """
        known = [*own, *(each.name for each in fields(cls))]
        for name in given:
            if name not in known:
                raise unknown_option_of(model, name, known)
        given = {name: value for name, value in given.items() if name not in own}
        given = _checked(given)
        options = cls(**given)
        template_text(options)
        check_installed(options)
        return options


def _checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options with their values in one form. Raises `UnknownNameError`, `UsageError`."""
    given = dict(given)
    if "dtype" in given:
        given["dtype"] = dtype_named(given["dtype"])
    _among("dtype", given.get("dtype", "auto"), DTYPES)
    if given.get("quantisation") == "none":
        given["quantisation"] = None
    if given.get("quantisation") is not None:
        _among("quantisation", given["quantisation"], QUANTISATIONS)
    for name in ("trust_remote_code", "compile"):
        if not isinstance(given.get(name, False), bool):
            raise UsageError(f"{name}={given[name]!r}: expected true or false")
    if not isinstance(given.get("processor", {}), Mapping):
        raise UsageError(f"processor={given['processor']!r}: expected a table of options")
    for name in ("revision", "adapter", "device", "attention", "chat_template"):
        if not isinstance(given.get(name, ""), str | None):
            raise UsageError(f"{name}={given[name]!r}: expected a text")
    if given.get("device_map") is not None and given.get("device", "auto") != "auto":
        raise UsageError("device and device_map exclude each other; give one of them")
    if given.get("quantisation") == "int4" and given.get("dtype", "auto") not in ("auto", "bfloat16"):
        raise UsageError(f"quantisation=int4 computes in bfloat16; leave dtype={given['dtype']} out")
    return given


def template_text(options: HfOptions) -> str | None:
    """The chat template that the user gave; None where there is none. Raises `UsageError` for a file that cannot be read."""
    if options.chat_template is None:
        return None
    try:
        return Path(options.chat_template).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise UsageError(f"chat_template={options.chat_template}: the file cannot be read: {reason}") from error


def dtype_named(name: Any) -> Any:
    """A dtype by the name that torch has for it; what is no synonym stays as it is.

    >>> dtype_named("bf16"), dtype_named("torch.float16"), dtype_named("int8")
    ('bfloat16', 'float16', 'int8')
    """
    short = str(name).lower().removeprefix("torch.")
    return _SYNONYMS.get(short, short) if short in _SYNONYMS or short in DTYPES else name


def _among(name: str, value: Any, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UnknownNameError(name, str(value), known, hint=f"There are: {', '.join(known)}.")
