"""What a fusion promises as a torch module: shapes, parameters, gradients, state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mmbench_baselines.contract.subject import CLOSE, ROWS, WIDTH, BrokenPromiseError, Subject


def check_builds(subject: Subject) -> str:
    """A batch of rows gives a finite vector for each."""
    fusion = subject.build()
    if fusion.additive not in ("always", "affine-head", "never"):
        raise BrokenPromiseError(f"additive={fusion.additive!r}: expected 'always', 'affine-head' or 'never'")
    fused = fusion(subject.batch(), None)
    if fused.shape != (ROWS, WIDTH):
        raise BrokenPromiseError(f"{ROWS} rows gave {list(fused.shape)}: expected [{ROWS}, {WIDTH}]")
    if not torch.isfinite(fused).all():
        raise BrokenPromiseError("the output is not finite")
    return f"{', '.join(subject.sizes.modalities)} give {list(fused.shape)}"


def check_registered(subject: Subject) -> str:
    """Every trained tensor is registered, so that it is trained and saved."""
    fusion = subject.build()
    known = {id(parameter) for parameter in fusion.parameters()}
    lost = [
        f"{place} {list(value.shape)}"
        for place, value in _tensors(fusion)
        if value.requires_grad and id(value) not in known
    ]
    if lost:
        raise BrokenPromiseError(
            f"not registered, so neither trained nor saved: {', '.join(sorted(lost))}; use ParameterDict or ParameterList"
        )
    return f"{len(known)} tensors are registered"


def _tensors(fusion: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Every tensor that an attribute of the module holds, inside containers and unregistered modules too."""
    pending: list[tuple[str, Any]] = [("", fusion)]
    seen: set[int] = set()
    while pending:
        place, value = pending.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Tensor):
            yield place, value
        elif isinstance(value, Mapping):
            pending += [(f"{place}[{key!r}]", item) for key, item in value.items()]
        elif isinstance(value, list | tuple | set):
            pending += [(f"{place}[{number}]", item) for number, item in enumerate(value)]
        elif isinstance(value, nn.Module):
            pending += [(f"{place}.{key}".lstrip("."), item) for key, item in vars(value).items()]


def check_parameter_count(subject: Subject) -> str:
    """The number of parameters is the closed form."""
    fusion = subject.build()
    counted, said = sum(parameter.numel() for parameter in fusion.parameters()), fusion.closed_form
    if counted != said:
        raise BrokenPromiseError(f"{counted} parameters; the closed form says {said}")
    return f"{counted} parameters, as the closed form says"


def check_gradient(subject: Subject) -> str:
    """A gradient reaches every parameter."""
    fusion = subject.build()
    fused = fusion(subject.batch(), None)
    subject.weighted_sum(fused).backward()
    dead = [
        name for name, value in fusion.named_parameters() if value.grad is None or value.grad.abs().max().item() < CLOSE
    ]
    if dead:
        raise BrokenPromiseError(f"no gradient reaches {', '.join(dead)}")
    return "it reaches every parameter"


def check_state_dict(subject: Subject) -> str:
    """A copy loaded from the state dict gives the same output to the bit."""
    first, second = subject.build(0), subject.build(100)
    second.load_state_dict(first.state_dict())
    batch = subject.batch()
    if not torch.equal(first(batch, None), second(batch, None)):
        raise BrokenPromiseError("a copy loaded from the state dict gives other outputs")
    return "a copy gives the same output to the bit"
