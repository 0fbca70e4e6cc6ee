"""The training loop: AdamW, warm-up and cosine, the best weights on validation samples, resumable at every check."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import torch
from torch import Tensor, nn

from mmbench.core import FitProgress, RunFailedError
from mmbench_baselines.examples import Rows
from mmbench_baselines.settings import Budget
from mmbench_baselines.training.batches import batches, random_shifts
from mmbench_baselines.training.objectives import Objective, Validation

WARM_UP = 0.05
"""Share of the steps over which the learning rate rises."""
LONGEST_GRADIENT = 1.0
"""Norm to which a longer gradient is cut."""

Weights = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Check:
    """One look at the validation samples."""

    step: int
    """After how many steps."""
    loss: float
    """Mean training loss since the check before."""
    val: float
    """Value of the objective's measure."""
    val_loss: float
    """Mean loss on the validation samples."""


@dataclass
class Progress:
    """Everything that a killed training needs to go on as if nothing had happened."""

    step: int = 0
    """Steps done."""
    seen: int = 0
    """Training samples seen in all of them."""
    seconds: float = 0.0
    """Time spent in all sessions."""
    checks: list[Check] = field(default_factory=list)
    """The looks at the validation samples, in order."""
    best_step: int = 0
    """When the best weights were found; 0: not yet."""
    best: Weights = field(default_factory=dict)
    """State dict with the best validation value."""
    weights: Weights = field(default_factory=dict)
    """State dict after `step` steps."""
    optimiser: Weights = field(default_factory=dict)
    """State of the optimiser, ``number/name`` to tensor."""


@dataclass(frozen=True, slots=True)
class TrainingCallbacks:
    """Where a training writes to."""

    save: Callable[[Progress], None]
    """Keeps the state, so that a killed training goes on from there."""
    report: Callable[[FitProgress], None]
    """Shows progress."""


class Trainer:
    """Trains one model on one objective within a budget."""

    def __init__(self, model: nn.Module, objective: Objective, budget: Budget, seed: int) -> None:
        self.model, self.objective, self.budget, self.seed = model, objective, budget, seed
        self.optimiser = torch.optim.AdamW(
            model.parameters(), lr=budget.lr, weight_decay=budget.weight_decay, betas=(0.9, 0.98), fused=True
        )

    def run(self, progress: Progress, callbacks: TrainingCallbacks) -> Progress:
        """Train to the end of the budget, or until validation no longer improves.

        Raises `RunFailedError` when the loss is not finite; what was saved last is then the last good state.
        """
        if progress.step:
            self.model.load_state_dict(progress.weights)
            self._load_optimiser(progress.optimiser)
        every = max(1, self.budget.steps // self.budget.checks)
        started, losses, earlier = time.monotonic(), list[float](), progress.seconds
        last = (self.objective.measure, progress.checks[-1].val) if progress.checks else None
        for rows in self._remaining(progress):
            if progress.step >= self.budget.steps or self._is_done(progress):
                break
            loss = self._step(rows, progress.step)
            if not math.isfinite(loss):
                raise self._diverged("training", loss, progress.step + 1, progress)
            losses.append(loss)
            progress.step += 1
            progress.seen += len(rows)
            if progress.step % every == 0 or progress.step == self.budget.steps:
                progress.seconds = earlier + time.monotonic() - started
                last = self._check(progress, sum(losses) / len(losses))
                progress.seconds = earlier + time.monotonic() - started
                callbacks.save(progress)
                losses.clear()
            mean = sum(losses[-20:]) / len(losses[-20:]) if losses else progress.checks[-1].loss
            callbacks.report(FitProgress(progress.step, self.budget.steps, mean, last))
        return progress

    def _remaining(self, progress: Progress) -> Iterator[Rows]:
        return islice(batches(self.objective.train.groups, self.budget.batch, self.seed), progress.step, None)

    def _step(self, rows: Rows, step: int) -> float:
        rate = self.budget.lr * rate_at(step, self.budget.steps)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        loss = self.objective.loss(rows, random_shifts(len(rows), self.budget.shift, self.seed, step))
        value = loss.item()
        if math.isfinite(value):
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), LONGEST_GRADIENT)
            self.optimiser.step()
        return value

    def _check(self, progress: Progress, loss: float) -> tuple[str, float]:
        self.model.eval()
        found = self.objective.validate()
        self.model.train()
        if not math.isfinite(found.loss):
            raise self._diverged("validation", found.loss, progress.step, progress)
        progress.weights = _copied(self.model.state_dict())
        if not progress.best_step or found.rank > _rank_of(progress):
            progress.best_step, progress.best = progress.step, _copied(progress.weights)
        progress.optimiser = self._optimiser_state()
        progress.checks.append(Check(progress.step, loss, found.value, found.loss))
        return self.objective.measure, found.value

    def _is_done(self, progress: Progress) -> bool:
        """Whether the last checks brought nothing better, or nothing better is possible."""
        if not progress.checks:
            return False
        best = next(number for number, check in enumerate(progress.checks) if check.step == progress.best_step)
        perfect = all(check.val == 1.0 for check in progress.checks[-2:]) and len(progress.checks) > 1
        return perfect or len(progress.checks) - 1 - best >= self.budget.patience

    def _diverged(self, which: str, loss: float, step: int, progress: Progress) -> RunFailedError:
        kept = (
            f"what was reached at step {progress.checks[-1].step:,} is kept" if progress.checks else "nothing is kept"
        )
        return RunFailedError(
            f"the {which} loss is {loss} at step {step:,}; {kept}. A lower learning rate may help: "
            f"lr={self.budget.lr / 4:g}"
        )

    def _optimiser_state(self) -> Weights:
        state = self.optimiser.state_dict()["state"]
        return {
            f"{number}/{name}": value.detach().clone() for number, own in state.items() for name, value in own.items()
        }

    def _load_optimiser(self, saved: Weights) -> None:
        state: dict[int, Weights] = {}
        for key, value in saved.items():
            number, _, name = key.partition("/")
            state.setdefault(int(number), {})[name] = value
        self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": state})


def rate_at(step: int, steps: int) -> float:
    """Share of the highest learning rate at a step, counted from 0: linear warm-up, then a cosine down to 0.

    >>> [round(rate_at(step, 100), 2) for step in (0, 4, 52, 99)]
    [0.2, 1.0, 0.5, 0.0]
    """
    warm = max(1, round(WARM_UP * steps))
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step + 1 - warm) / (steps - warm + 1)))


def _copied(weights: Weights) -> Weights:
    return {name: value.detach().cpu().clone() for name, value in weights.items()}


def _rank_of(progress: Progress) -> tuple[float, float]:
    best = next(check for check in progress.checks if check.step == progress.best_step)
    return Validation(best.val, best.val_loss).rank
