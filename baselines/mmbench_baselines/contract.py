"""What every fusion promises, checked: `check_fusion` takes any fusion, ours or yours, and says what it breaks.

The checks run in float64 on small random inputs, change no global state, and take a second or two.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own habit

from mmbench.core import UsageError
from mmbench_baselines.card import Sizes
from mmbench_baselines.encoded import Encoded
from mmbench_baselines.heads.linear import LinearHead
from mmbench_baselines.heads.mlp import MlpHead

Factory = Callable[[Sizes], nn.Module]
"""Makes a fusion with fresh weights; a `Fusion` class is one."""
Batch = Mapping[str, Encoded]

WIDTH = 8
"""Width of what comes in and of what goes out."""
ROWS = 6
"""Rows of the batches."""
CLOSE = 1e-9
"""Largest difference, relative to the largest output, that counts as none (float64)."""
XOR_STEPS = 300
"""Steps of training after which a model that has not solved the block counts as unable to."""
XOR_TRIES = 3
"""Fresh starts that a model gets where it should be able to solve the block."""


class BrokenPromiseError(Exception):
    """A check failed. The text says what was found."""


@dataclass(frozen=True, slots=True)
class FusionCheck:
    """One promise, and whether it is kept."""

    name: str
    """Short name, unique within its report."""
    ok: bool
    """Whether it is kept."""
    detail: str
    """One sentence: what was found."""

    def __str__(self) -> str:
        return f"{'pass' if self.ok else 'FAIL'}  {self.name}: {self.detail}"


@dataclass(frozen=True, slots=True)
class FusionReport:
    """Every check of one fusion."""

    name: str
    """Its name."""
    checks: tuple[FusionCheck, ...]
    """In the order in which they were made."""

    @property
    def ok(self) -> bool:
        """No check failed."""
        return not self.failed

    @property
    def failed(self) -> tuple[FusionCheck, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if not check.ok)

    def __str__(self) -> str:
        return "\n".join(
            [f"fusion {self.name}: {len(self.failed)} of {len(self.checks)} failed", *map(str, self.checks)]
        )


@dataclass(frozen=True, slots=True)
class _Subject:
    """A fusion under test."""

    factory: Factory
    sizes: Sizes
    seed: int

    def build(self, seed: int = 0, modalities: tuple[str, ...] = ()) -> Any:
        """A fusion with its weights drawn from a seed, in evaluation mode, float64."""
        sizes = replace(self.sizes, modalities=modalities or self.sizes.modalities)
        with _seeded(self.seed + seed):
            return self.factory(sizes).double().eval()

    def batch(self, seed: int = 1, rows: int = ROWS) -> dict[str, Encoded]:
        """Random inputs; every modality has its own number of tokens, the last of every second row is padding."""
        with _seeded(self.seed + seed):
            made = {}
            for number, name in enumerate(self.sizes.modalities):
                mask = torch.ones(rows, 4 + number, dtype=torch.bool)
                mask[::2, -1] = False
                tokens = torch.randn(*mask.shape, WIDTH, dtype=torch.float64)
                made[name] = Encoded(tokens, torch.randn(rows, WIDTH, dtype=torch.float64), mask)
            return made


class _seeded:  # noqa: N801 - reads as a statement
    """Seed torch's generator inside a block, and put it back afterwards."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.state = torch.empty(0)

    def __enter__(self) -> None:
        self.state = torch.get_rng_state()
        torch.manual_seed(self.seed)

    def __exit__(self, *_: object) -> None:
        torch.set_rng_state(self.state)


def check_fusion(
    factory: Factory, *, modalities: tuple[str, ...] = ("image", "text"), seed: int = 0, skip: Collection[str] = ()
) -> FusionReport:
    """Check every promise of a fusion between these modalities.

    `factory` makes a fusion from `Sizes`: a module with ``additive``, ``closed_form`` and ``forward(encoded, present)``,
    as `fusions.base.Fusion` has them. Whatever it raises is a failed check, never an exception. `skip` names checks to
    leave out; ``xor``, which trains, takes longest.
    """
    subject = _Subject(factory, Sizes(modalities, WIDTH, WIDTH), seed)
    checks = []
    for name, check in CHECKS.items():
        if name in skip:
            continue
        try:
            found = FusionCheck(name, ok=True, detail=check(subject))
        except BrokenPromiseError as error:
            found = FusionCheck(name, ok=False, detail=str(error))
        except Exception as error:  # noqa: BLE001 - a fusion may raise anything; it is reported
            found = FusionCheck(name, ok=False, detail=f"{type(error).__name__}: {error}")
        checks.append(found)
        if name == "builds" and not found.ok:
            break
    named = getattr(factory, "name", "") or getattr(factory, "__name__", type(factory).__name__)
    return FusionReport(str(named), tuple(checks))


def _builds(subject: _Subject) -> str:
    fusion = subject.build()
    if fusion.additive not in ("always", "affine-head", "never"):
        raise BrokenPromiseError(f"additive={fusion.additive!r}: expected 'always', 'affine-head' or 'never'")
    fused = fusion(subject.batch(), None)
    if fused.shape != (ROWS, WIDTH):
        raise BrokenPromiseError(f"{ROWS} rows gave {list(fused.shape)}: expected [{ROWS}, {WIDTH}]")
    if not torch.isfinite(fused).all():
        raise BrokenPromiseError("the output is not finite")
    return f"{', '.join(subject.sizes.modalities)} give {list(fused.shape)}"


def _registered(subject: _Subject) -> str:
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


def _parameter_count(subject: _Subject) -> str:
    fusion = subject.build()
    counted, said = sum(parameter.numel() for parameter in fusion.parameters()), fusion.closed_form
    if counted != said:
        raise BrokenPromiseError(f"{counted} parameters; the closed form says {said}")
    return f"{counted} parameters, as the closed form says"


def _gradient(subject: _Subject) -> str:
    fusion = subject.build()
    fused = fusion(subject.batch(), None)
    (fused * _noise(fused, subject.seed)).sum().backward()
    dead = [
        name for name, value in fusion.named_parameters() if value.grad is None or value.grad.abs().max().item() < CLOSE
    ]
    if dead:
        raise BrokenPromiseError(f"no gradient reaches {', '.join(dead)}")
    return "it reaches every parameter"


def _state_dict(subject: _Subject) -> str:
    first, second = subject.build(0), subject.build(100)
    second.load_state_dict(first.state_dict())
    batch = subject.batch()
    if not torch.equal(first(batch, None), second(batch, None)):
        raise BrokenPromiseError("a copy loaded from the state dict gives other outputs")
    return "a copy gives the same output to the bit"


def _rows(subject: _Subject) -> str:
    fusion, batch = subject.build(), subject.batch()
    whole = fusion(batch, None)
    for row in range(ROWS):
        alone = fusion({name: value.take(torch.tensor([row])) for name, value in batch.items()}, None)
        _same(alone[0], whole[row], f"row {row} differs when it comes alone")
    leaves = {name: replace(value, pooled=value.pooled.clone().requires_grad_()) for name, value in batch.items()}
    leaves = {name: replace(value, tokens=value.tokens.clone().requires_grad_()) for name, value in leaves.items()}
    fused = fusion.train()(leaves, None)[0]
    (fused * _noise(fused, subject.seed)).sum().backward()
    for name, value in leaves.items():
        for tensor in (value.pooled, value.tokens):
            if tensor.grad is not None and tensor.grad[1:].abs().max().item() > 0:
                raise BrokenPromiseError(f"row 0 depends on {name!r} of other rows")
    return "none depends on another, in training neither"


def _padding(subject: _Subject) -> str:
    fusion, batch = subject.build(), subject.batch()
    plain = fusion(batch, None)
    for name, value in batch.items():
        filled = torch.where(value.mask[:, :, None], value.tokens, torch.full_like(value.tokens, float("nan")))
        tokens = torch.cat([filled, torch.full_like(filled[:, :2], 1e6)], dim=1)
        mask = torch.cat([value.mask, torch.zeros_like(value.mask[:, :2])], dim=1)
        _same(fusion({**batch, name: Encoded(tokens, value.pooled, mask)}, None), plain, f"padding of {name!r} counts")
    return "neither its content nor its length counts"


def _order(subject: _Subject) -> str:
    batch, names = subject.batch(), subject.sizes.modalities
    plain = subject.build()(batch, None)
    backwards = subject.build(0, names[::-1])(dict(reversed(batch.items())), None)
    if not torch.equal(plain, backwards):
        raise BrokenPromiseError("another order of the modalities gives other outputs")
    return "the order in which modalities are given does not count, to the bit"


def _present(subject: _Subject) -> str:
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
        _same(fusion({**batch, name: Encoded(tokens, nans, value.mask)}, gone), out, f"missing {name!r} still counts")
        _same(out[some], plain[some], f"rows that have {name!r} change when others lack it")
        moved = moved or not torch.allclose(out[~some], plain[~some])
    if not moved:
        raise BrokenPromiseError("no output changes whichever modality is missing")
    if not torch.isfinite(fusion(batch, {name: ~everything[name] for name in names})).all():
        raise BrokenPromiseError("the output is not finite where all modalities are missing")
    return "what is missing does not count, and the rows that have it stay as they are"


def _names(subject: _Subject) -> str:
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


def _additive(subject: _Subject) -> str:
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


def _relative_differences(subject: _Subject, fusion: Any, head: Callable[..., Any]) -> dict[tuple[str, str], float]:
    """By pair of modalities, the largest |z(a, b) - z(a, b') - z(a', b) + z(a', b')| relative to the largest |z|."""
    with _seeded(subject.seed + 2):
        top = head(WIDTH, 3).double()
    found = {}
    for pair in combinations(subject.sizes.modalities, 2):
        with torch.no_grad():
            logits = top(fusion(_square(subject, pair), None)).view(2, 2, 3)
        mixed = logits[0, 0] - logits[0, 1] - logits[1, 0] + logits[1, 1]
        found[pair] = (mixed.abs().max() / logits.abs().max().clamp(min=1e-300)).item()
    return found


def _square(subject: _Subject, pair: tuple[str, str]) -> dict[str, Encoded]:
    """Four rows: two contents of one modality by two of the other; what else there is stays the same."""
    batch = subject.batch(3, rows=2)
    rows = {pair[0]: torch.tensor([0, 0, 1, 1]), pair[1]: torch.tensor([0, 1, 0, 1])}
    return {name: value.take(rows.get(name, torch.zeros(4, dtype=torch.int64))) for name, value in batch.items()}


def _xor(subject: _Subject) -> str:
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


def _solves_xor(subject: _Subject, head: Callable[..., Any], *, tries: int) -> bool:
    """Train on one block of random features, a few hundred steps: is every answer right, by a margin, in the end?"""
    names = subject.sizes.modalities
    pairs = list(combinations(names, 2)) or [(names[0], names[0])]
    differences = _relative_differences(subject, subject.build(), MlpHead)
    pair = max(pairs, key=lambda names: differences.get(names, 0.0))
    batch, answers = _square(subject, pair), torch.tensor([0, 1, 1, 0])
    for attempt in range(tries):
        fusion = subject.build(10 + attempt)
        with _seeded(subject.seed + 20 + attempt):
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


def _noise(like: Tensor, seed: int) -> Tensor:
    with _seeded(seed + 4):
        return torch.randn(like.shape, dtype=like.dtype)


def _same(one: Tensor, other: Tensor, otherwise: str) -> None:
    gap = (one - other).abs().max().item()
    if not gap <= CLOSE * max(1.0, other.abs().max().item()):
        raise BrokenPromiseError(f"{otherwise} (by {gap:.1e})")


CHECKS: Mapping[str, Callable[[_Subject], str]] = {
    "builds": _builds,
    "registered": _registered,
    "parameter-count": _parameter_count,
    "gradient": _gradient,
    "state-dict": _state_dict,
    "rows": _rows,
    "padding": _padding,
    "order": _order,
    "present": _present,
    "names": _names,
    "additive": _additive,
    "xor": _xor,
}
"""Every check by name: it returns what it found, or raises `BrokenPromiseError`."""
