"""What a fusion promises of interaction: whether its logits are a sum of functions of one modality each."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import torch
from torch.nn import functional as F  # noqa: N812 - torch's own habit

from mmbench_baselines.contract.subject import CLOSE, WIDTH, BrokenPromiseError, Subject, seeded
from mmbench_baselines.encoded import Encoded
from mmbench_baselines.heads import LinearHead, MlpHead

XOR_STEPS = 300
"""Steps of training after which a model that has not solved the block counts as unable to."""
XOR_TRIES = 3
"""Fresh starts that a model gets where it should be able to solve the block."""


def check_additive(subject: Subject) -> str:
    """Additivity is what the mixed second differences of the logits say."""
    fusion = subject.build()
    affine, mlp = _relative_differences(subject, fusion, LinearHead), _relative_differences(subject, fusion, MlpHead)
    for head, found, expected in (
        ("an affine head", max(affine.values(), default=0.0), fusion.additive != "never"),
        ("an MLP", max(mlp.values(), default=0.0), fusion.additive == "always"),
    ):
        if (found < CLOSE) != expected:
            raise BrokenPromiseError(
                f"additive={fusion.additive!r}, but under {head} the mixed difference of the logits is {found:.1e} of them"
            )
    return f"{fusion.additive!r} is what the mixed differences of the logits say"


def _relative_differences(subject: Subject, fusion: Any, head: Callable[..., Any]) -> dict[tuple[str, str], float]:
    """By pair of modalities, the largest |z(a, b) - z(a, b') - z(a', b) + z(a', b')| relative to the largest |z|."""
    with seeded(subject.seed + 2):
        top = head(WIDTH, 3).double()
    found = {}
    for pair in combinations(subject.sizes.modalities, 2):
        with torch.no_grad():
            logits = top(fusion(_square(subject, pair), None)).view(2, 2, 3)
        mixed = logits[0, 0] - logits[0, 1] - logits[1, 0] + logits[1, 1]
        found[pair] = (mixed.abs().max() / logits.abs().max().clamp(min=1e-300)).item()
    return found


def _square(subject: Subject, pair: tuple[str, str]) -> dict[str, Encoded]:
    """Four rows: two contents of one modality by two of the other; what else there is stays the same."""
    batch = subject.batch(3, rows=2)
    rows = {pair[0]: torch.tensor([0, 0, 1, 1]), pair[1]: torch.tensor([0, 1, 0, 1])}
    return {name: value.take(rows.get(name, torch.zeros(4, dtype=torch.int64))) for name, value in batch.items()}


def check_xor(subject: Subject) -> str:
    """An XOR block is learned if, and only if, the model is not additive."""
    additive = subject.build().additive
    for title, head, able in (
        ("an affine head", LinearHead, additive == "never"),
        ("an MLP", MlpHead, additive != "always"),
    ):
        if able != _solves_xor(subject, head, tries=XOR_TRIES if able else 1):
            raise BrokenPromiseError(
                f"with {title} it {'does not solve' if able else 'solves'} a 2 × 2 XOR block; additive={additive!r}"
            )
        if additive == "never":
            break
    return "it cannot be solved" if additive == "always" else "it is solved where the model is not additive"


def _solves_xor(subject: Subject, head: Callable[..., Any], *, tries: int) -> bool:
    """Train on one block of random features, a few hundred steps: is every answer right, by a margin, in the end?"""
    names = subject.sizes.modalities
    pairs = list(combinations(names, 2)) or [(names[0], names[0])]
    differences = _relative_differences(subject, subject.build(), MlpHead)
    pair = max(pairs, key=lambda names: differences.get(names, 0.0))
    batch, answers = _square(subject, pair), torch.tensor([0, 1, 1, 0])
    for attempt in range(tries):
        fusion = subject.build(10 + attempt)
        with seeded(subject.seed + 20 + attempt):
            top = head(WIDTH, 2).double()
        learner = torch.optim.Adam([*fusion.parameters(), *top.parameters()], lr=0.02)
        for _ in range(XOR_STEPS):
            loss = F.cross_entropy(top(fusion(batch, None)), answers)
            if loss.item() < 0.1:  # every answer has a probability above e^-0.4 > 1/2
                return True
            learner.zero_grad()
            loss.backward()
            learner.step()
    return False
