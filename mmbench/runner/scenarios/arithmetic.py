"""Count the floating-point operations of a model's requests before it is measured, in a pass of its own."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from mmbench.core.requests import Request
from mmbench.models.caller import USER_ERRORS, ModelCaller
from mmbench.models.remarks import settings_of
from mmbench.perf.flops import counted_flops
from mmbench.perf.gpu_figures import Arithmetic
from mmbench.perf.memory import loaded_torch
from mmbench.perf.peak_rates import peak_flops
from mmbench.runner.execute.batch_asker import describe_error

MOST = 8
"""Requests that are counted, spread evenly over the prompts."""


def arithmetic_of(caller: ModelCaller, prompts: Sequence[Request]) -> Arithmetic | None:
    """Count the operations of a few requests, each asked by itself so that padding is not counted.

    Args:
        caller: The open model; its answers are thrown away.
        prompts: What it is asked.

    Returns:
        The count, or why there is none; None for a model that does not compute with torch in this process.
    """
    asynchronous = any(caller.is_async(kind) for kind in {prompt.kind for prompt in prompts})
    if "torch" not in sys.modules or caller.capabilities.remote or asynchronous:
        return None
    settings = settings_of(caller.model)
    device, dtype = _device(), _dtype(settings)
    known = Arithmetic(None, 0, None, device, dtype, None if dtype is None else peak_flops(device, dtype))
    if "flash" in str(settings.get("attention") or ""):
        why = f"attention={settings['attention']} computes outside torch, where nothing is counted; take sdpa or eager"
        return replace(known, reason=why)
    chosen = prompts[:: max(1, len(prompts) // MOST)][:MOST]
    counts: list[int] = []
    try:
        with _uncompiled():
            for prompt in chosen:
                inputs = caller.collate([prompt]) if caller.collates else None
                counts.append(counted_flops(lambda p=prompt, i=inputs: caller.call(p.kind, [p], i)))  # type: ignore[misc]
    except USER_ERRORS as error:
        return replace(known, reason=f"the pass that counts failed: {describe_error(error)}")
    if not any(counts):
        return None  # torch is loaded, but it is not what the model computes with
    return replace(known, flops=sum(counts) / len(counts), n=len(counts))


def _device() -> str | None:
    torch = loaded_torch()
    return None if torch is None else str(torch.cuda.get_device_name())


def _dtype(settings: dict[str, Any]) -> str | None:
    """The type in which products are computed; None where the model does not say."""
    dtype = settings.get("dtype")
    if dtype != "float32":
        return dtype if isinstance(dtype, str) else None
    torch = loaded_torch()
    return "tf32" if torch is not None and torch.backends.cuda.matmul.allow_tf32 else "float32"


@contextlib.contextmanager
def _uncompiled() -> Iterator[None]:
    """Run compiled models as they were written: what torch.compile makes of them cannot be counted."""
    compiler: Any = getattr(sys.modules["torch"], "compiler", None)
    if not hasattr(compiler, "set_stance"):
        yield
        return
    with compiler.set_stance("force_eager"):
        yield
