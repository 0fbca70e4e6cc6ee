"""What each kind of baseline learns from: samples become arrays, and an objective over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from torch import nn

from mmbench.core import PluginError, Request, Sample
from mmbench_baselines.captioner.examples import described
from mmbench_baselines.captioner.model import Captioner
from mmbench_baselines.captioner.words import Lexicon
from mmbench_baselines.catalog import Kind
from mmbench_baselines.examples import captions, frequent_answers, questions
from mmbench_baselines.model import FusionModel
from mmbench_baselines.text import Reader
from mmbench_baselines.training.captioning import Captioning
from mmbench_baselines.training.objectives import Answering, Matching, Objective
from mmbench_baselines.two_tower import TwoTower

Samples = Sequence[Sample]
M = TypeVar("M", bound=nn.Module)
Requests = Callable[[Sample], Sequence[Request]]


@dataclass(frozen=True, slots=True)
class Material:
    """What is learned from, before there is a model."""

    reader: Reader
    """The words; those of a captioner are the ones that it writes."""
    answers: tuple[str, ...]
    """The answers that a head gets; empty where there is none."""
    train: int
    """How many training samples can be learned from."""
    val: int
    """How many validation samples something can be learned about."""
    objective: Callable[[nn.Module], Objective]
    """What is minimised and measured, for a model that was built for this material."""


def material(kind: Kind, split: tuple[Samples, Samples], requests: Requests, size: int) -> Material:
    """The material in the training and validation samples. Raises `DataError` where there is nothing to learn."""
    return {"answers": _asked, "embeddings": _matched, "captions": _described}[kind](split, requests, size)


def _read(train: Samples, requests: Requests) -> Reader:
    return Reader.learn(request for sample in train for request in requests(sample))


def _asked(split: tuple[Samples, Samples], requests: Requests, size: int) -> Material:
    reader, answers = _read(split[0], requests), frequent_answers(split[0])
    train = questions(split[0], requests, reader, answers, size)
    val = questions(split[1], requests, reader, answers, size, unknown=True)

    def objective(model: nn.Module) -> Objective:
        return Answering(_of(FusionModel, model), train, val, answers)

    return Material(reader, answers, len(train), int((val.answers >= 0).sum()), objective)


def _matched(split: tuple[Samples, Samples], requests: Requests, size: int) -> Material:
    reader = _read(split[0], requests)
    train, val = (captions(samples, requests, reader, size) for samples in split)

    def objective(model: nn.Module) -> Objective:
        return Matching(_of(TwoTower, model), train, val)

    return Material(reader, (), len(train), len(val), objective)


def _described(split: tuple[Samples, Samples], requests: Requests, size: int) -> Material:
    lexicon = Lexicon.learn(caption for sample in split[0] for caption in sample.references)
    train, val = (described(samples, requests, lexicon, size) for samples in split)

    def objective(model: nn.Module) -> Objective:
        return Captioning(_of(Captioner, model), train, val, lexicon)

    return Material(Reader(lexicon.words, ()), (), len(train), len(val), objective)


def _of(kind: type[M], model: nn.Module) -> M:
    if not isinstance(model, kind):
        raise PluginError(f"{type(model).__name__} cannot learn what {kind.__name__} learns")
    return model
