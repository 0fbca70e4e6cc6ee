"""What a fusion promises of its inputs: rows, padding, order, and what is missing."""

from __future__ import annotations

from dataclasses import replace

import torch

from mmbench.core import UsageError
from mmbench_baselines.contract.subject import ROWS, BrokenPromiseError, Subject, require_same
from mmbench_baselines.encoded import Encoded


def check_rows(subject: Subject) -> str:
    """Rows do not mix, in training neither."""
    fusion, batch = subject.build(), subject.batch()
    whole = fusion(batch, None)
    for row in range(ROWS):
        alone = fusion({name: value.take(torch.tensor([row])) for name, value in batch.items()}, None)
        require_same(alone[0], whole[row], f"row {row} differs when it comes alone")
    leaves = {name: replace(value, pooled=value.pooled.clone().requires_grad_()) for name, value in batch.items()}
    leaves = {name: replace(value, tokens=value.tokens.clone().requires_grad_()) for name, value in leaves.items()}
    fused = fusion.train()(leaves, None)[0]
    subject.weighted_sum(fused).backward()
    for name, value in leaves.items():
        for tensor in (value.pooled, value.tokens):
            if tensor.grad is not None and tensor.grad[1:].abs().max().item() > 0:
                raise BrokenPromiseError(f"row 0 depends on {name!r} of other rows")
    return "none depends on another, in training neither"


def check_padding(subject: Subject) -> str:
    """Neither the content nor the length of padding counts."""
    fusion, batch = subject.build(), subject.batch()
    plain = fusion(batch, None)
    for name, value in batch.items():
        filled = torch.where(value.mask[:, :, None], value.tokens, torch.full_like(value.tokens, float("nan")))
        tokens = torch.cat([filled, torch.full_like(filled[:, :2], 1e6)], dim=1)
        mask = torch.cat([value.mask, torch.zeros_like(value.mask[:, :2])], dim=1)
        require_same(
            fusion({**batch, name: Encoded(tokens, value.pooled, mask)}, None), plain, f"padding of {name!r} counts"
        )
    return "neither its content nor its length counts"


def check_order(subject: Subject) -> str:
    """The order in which modalities are given does not count."""
    batch, names = subject.batch(), subject.sizes.modalities
    plain = subject.build()(batch, None)
    backwards = subject.build(0, names[::-1])(dict(reversed(batch.items())), None)
    if not torch.equal(plain, backwards):
        raise BrokenPromiseError("another order of the modalities gives other outputs")
    return "the order in which modalities are given does not count, to the bit"


def check_present(subject: Subject) -> str:
    """What is missing does not count, and the rows that have it stay as they are."""
    fusion, batch, names = subject.build(), subject.batch(), subject.sizes.modalities
    everything = {name: torch.ones(ROWS, dtype=torch.bool) for name in names}
    plain = fusion(batch, None)
    if not torch.equal(fusion(batch, everything), plain):
        raise BrokenPromiseError("marking every modality as present changes the output")
    some = torch.arange(ROWS) % 3 != 0
    moved = False
    for name in names:
        value = batch[name]
        gone = {name: some}
        out = fusion(batch, gone)
        nans = torch.where(some[:, None], value.pooled, torch.full_like(value.pooled, float("nan")))
        tokens = torch.where(some[:, None, None], value.tokens, torch.full_like(value.tokens, float("nan")))
        require_same(
            fusion({**batch, name: Encoded(tokens, nans, value.mask)}, gone), out, f"missing {name!r} still counts"
        )
        require_same(out[some], plain[some], f"rows that have {name!r} change when others lack it")
        moved = moved or not torch.allclose(out[~some], plain[~some])
    if not moved:
        raise BrokenPromiseError("no output changes whichever modality is missing")
    if not torch.isfinite(fusion(batch, {name: ~everything[name] for name in names})).all():
        raise BrokenPromiseError("the output is not finite where all modalities are missing")
    return "what is missing does not count, and the rows that have it stay as they are"


def check_names(subject: Subject) -> str:
    """Unknown modalities and those that are not given are refused."""
    fusion, batch = subject.build(), subject.batch()
    first = subject.sizes.modalities[0]
    for wrong, what in (
        ({**batch, "smell": batch[first]}, "an unknown modality"),
        ({name: value for name, value in batch.items() if name != first}, "a modality that is not given"),
    ):
        try:
            fusion(wrong, None)
        except UsageError:
            continue
        raise BrokenPromiseError(f"{what} does not raise UsageError")
    return "unknown and absent modalities raise UsageError"
