"""A trained baseline: weights and card together, ready to answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from mmbench.core import Choose, Embed, Generate, Learned, Media, UsageError
from mmbench_baselines.captioner.examples import image_to_describe
from mmbench_baselines.captioner.model import Captioner
from mmbench_baselines.captioner.words import Lexicon
from mmbench_baselines.captioner.writing import write
from mmbench_baselines.catalog import baseline
from mmbench_baselines.examples import Examples, Images, Texts, image_of, inputs
from mmbench_baselines.model import FusionModel, build
from mmbench_baselines.settings import Search, Settings
from mmbench_baselines.text import choices_of, text_of
from mmbench_baselines.two_tower import TwoTower

if TYPE_CHECKING:
    from mmbench_baselines.training.checkpoint import Card


@dataclass
class Trained:
    """A model with its card."""

    model: FusionModel | TwoTower | Captioner
    """In evaluation mode, on its device."""
    card: Card
    """What it is."""
    size: int
    """Images are brought to this many pixels."""
    checkpoint: str | None = None
    """Where it lies; None: nowhere."""
    search: Search = field(default_factory=Search)
    """How captions are written."""
    _places: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.model.eval()
        self._places = {answer: place for place, answer in enumerate(self.card.answers)}
        self._device = next(self.model.parameters()).device
        self._reader = self.card.reader

    @property
    def learned(self) -> Learned:
        """What stands beside its results."""
        return Learned(
            parameters=self.card.parameters,
            train_s=self.card.train_s,
            samples_per_s=self.card.samples_per_s,
            modalities=baseline(self.card.baseline).modalities,
            checkpoint=self.checkpoint,
            weights=self.card.weights or None,
            val={self.card.measure: self.card.best},
        )

    def places(self, choices: Sequence[str]) -> list[int | None]:
        """The class of each choice; None for one that training never showed."""
        return [self._places.get(choice) for choice in choices]

    def examples(self, requests: Sequence[Generate | Choose]) -> Examples:
        """Decode the images of some questions and look their words up; every image is there once."""
        media = [image_of(request) for request in requests]
        texts = [(text_of(request), choices_of(request)) for request in requests]
        numbers = {medium.digest: medium for medium in media if medium is not None}
        order = {digest: number for number, digest in enumerate(numbers)}
        return Examples(
            Images.load(list(numbers.values()), self.size),
            Texts.load(texts, self._reader),
            np.array([-1 if medium is None else order[medium.digest] for medium in media], dtype=np.int64),
            np.arange(len(texts)),
            np.zeros(0, dtype=np.int64),
            (),
            ("",) * len(texts),
        )

    def log_probabilities(self, examples: Examples) -> NDArray[np.float32]:
        """The log-probabilities of all answers, float32 [n, c]."""
        model = self.model
        if not isinstance(model, FusionModel):
            raise UsageError(f"baseline {self.card.baseline!r} does not choose among answers")
        if not len(examples):
            return np.empty((0, len(self.card.answers)), dtype=np.float32)
        with torch.no_grad():
            raw, where, present = inputs(examples, np.arange(len(examples)), self._device, wanted=model.encoders)
            encoded = model.encode(raw)
            logits = model.fuse({name: each.take(where[name]) for name, each in encoded.items()}, present or None)
            found: NDArray[np.float32] = logits.log_softmax(dim=1).cpu().numpy()
        return found

    def embeddings(self, requests: Sequence[Embed]) -> NDArray[np.float32]:
        """Unit vectors, float32 [n, dim], of images and texts."""
        model = self.model
        if not isinstance(model, TwoTower):
            raise UsageError(f"baseline {self.card.baseline!r} does not embed")
        vectors = np.empty((len(requests), self.card.settings["dim"]), dtype=np.float32)
        shown = np.array([image_of(request) is not None for request in requests], dtype=bool)
        for name, rows in (("image", np.flatnonzero(shown)), ("text", np.flatnonzero(~shown))):
            if not len(rows):
                continue
            asked = [requests[row] for row in rows.tolist()]
            if name == "image":
                media = [request.part for request in asked if isinstance(request.part, Media)]
                raw = Images.load(media, self.size).raw(np.arange(len(rows)), self._device)
            else:
                texts = [(text_of(request), None) for request in asked]
                raw = Texts.load(texts, self._reader).raw(np.arange(len(rows)), self._device)
            with torch.no_grad():
                vectors[rows] = model.embed(model.encode({name: raw})[name]).cpu().numpy()
        return vectors

    def captions(self, requests: Sequence[Generate]) -> list[str]:
        """What is written about the image of each request. Raises `UsageError` where one has none."""
        model = self.model
        if not isinstance(model, Captioner):
            raise UsageError(f"baseline {self.card.baseline!r} does not write captions")
        media = [image_to_describe(request) for request in requests]
        numbers = {medium.digest: medium for medium in media}
        if not numbers:
            return []
        order = {digest: number for number, digest in enumerate(numbers)}
        images = Images.load(list(numbers.values()), self.size)
        rows = np.array([order[medium.digest] for medium in media], dtype=np.int64)
        with torch.no_grad():
            memory = model.remember(images.raw(np.arange(len(numbers)), self._device))
            about = memory.take(torch.from_numpy(rows).to(self._device))
            return write(model.decoder, about, Lexicon(tuple(self.card.words)), requests, self.search.beam)


def built(
    settings: Settings, *, vocabulary: int, classes: int, seed: int, device: torch.device
) -> FusionModel | TwoTower | Captioner:
    """A model with its first weights, drawn from a generator of its own: the process's stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed every GPU as well
        model = build(
            settings.baseline,
            vocabulary,
            classes,
            dim=settings.dim,
            head=settings.head,
            encoders=settings.encoders,
            options=settings.fusion,
        )
    return model.to(device)


def device_of(name: str) -> torch.device:
    """The device by the name that a user gave. Raises `UsageError` for one that is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UsageError(f"device={name!r} cannot be used: {str(error).splitlines()[0]}") from error
    return device
