"""Samples as tensors: every image and every text once, and which of them each question is about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmbench.core import DataError, Embed, Media, Request, Sample, UsageError
from mmbench.data import load_pixels
from mmbench_baselines.encoded import Raw
from mmbench_baselines.text import PADDING, Choices, Reader, choices_of, text_of

MOST_ANSWERS = 3000
"""Answers that a head has at most: the most frequent ones of training."""

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Images:
    """Every image once."""

    pixels: NDArray[np.uint8]
    """[m, size, size, 3]"""

    @classmethod
    def load(cls, media: Sequence[Media], size: int) -> Images:
        """Decode and resize. Raises `MediaError`. Where no question has an image there is one black one."""
        return cls(load_pixels(media, size) if media else np.zeros((1, size, size, 3), dtype=np.uint8))

    def raw(self, numbers: Rows, device: torch.device, shifts: NDArray[np.int64] | None = None) -> Raw:
        """Images by number, float [n, 3, size, size]; `shifts` [n, 2] moves each down and right, edges repeated."""
        chosen = self.pixels[numbers]
        if shifts is not None and shifts.size:
            chosen = _moved(chosen, shifts)
        return Raw(torch.from_numpy(chosen).to(device).permute(0, 3, 1, 2).float().div_(255))


def _moved(pixels: NDArray[np.uint8], shifts: NDArray[np.int64]) -> NDArray[np.uint8]:
    most = int(np.abs(shifts).max(initial=0))
    size = pixels.shape[1]
    padded = np.pad(pixels, ((0, 0), (most, most), (most, most), (0, 0)), mode="edge")
    moved = np.empty_like(pixels)
    for number, (down, right) in enumerate((most - shifts).tolist()):
        moved[number] = padded[number, down : down + size, right : right + size]
    return moved


@dataclass(frozen=True, slots=True)
class Texts:
    """Every text once."""

    ids: NDArray[np.int64]
    """[m, t] words, `PADDING` behind the last."""

    @classmethod
    def load(cls, texts: Sequence[tuple[str, Choices]], reader: Reader) -> Texts:
        """Look the words up."""
        rows = reader.encode(texts) or [[PADDING]]
        ids = np.full((len(rows), max(map(len, rows), default=1)), PADDING, dtype=np.int64)
        for number, row in enumerate(rows):
            ids[number, : len(row)] = row
        return cls(ids)

    def raw(self, numbers: Rows, device: torch.device) -> Raw:
        """Texts by number, int64 [n, t], as long as the longest of them."""
        chosen = self.ids[numbers]
        mask = chosen != PADDING
        chosen = chosen[:, : int(mask.sum(axis=1).max(initial=1))]
        ids = torch.from_numpy(chosen).to(device)
        return Raw(ids, ids != PADDING)


@dataclass(frozen=True, slots=True)
class Examples:
    """n questions (or captions), each about an image and a text by number."""

    images: Images
    """[m images]"""
    texts: Texts
    """[m texts]"""
    image: Rows
    """[n] number of the image; -1 where there is none."""
    text: Rows
    """[n] number of the text."""
    answers: Rows
    """[n] number of the right answer, -1 for captions and for an answer that training never showed."""
    allowed: tuple[Choices, ...]
    """[n] the closed answer set; None where there is none."""
    groups: tuple[str, ...]
    """[n] what is never torn apart."""

    def __len__(self) -> int:
        return len(self.text)


class _Rows:
    """Collects examples; every image and every text gets a number when it first comes."""

    def __init__(self) -> None:
        self.images: dict[str, tuple[int, Media]] = {}
        self.texts: dict[tuple[str, Choices], int] = {}
        self.rows: list[tuple[int, int, int, Choices, str]] = []

    def add(self, image: Media | None, request: Request, answer: int, group: str) -> None:
        """Add what a request says of an image."""
        number = -1 if image is None else self.images.setdefault(image.digest, (len(self.images), image))[0]
        text = text_of(request), choices_of(request)
        self.rows.append((number, self.texts.setdefault(text, len(self.texts)), answer, text[1], group))

    def examples(self, reader: Reader, size: int) -> Examples:
        """Decode the images, `size` pixels wide, and look the words up."""
        image, text, answer = np.array([row[:3] for row in self.rows], dtype=np.int64).reshape(-1, 3).T.copy()
        return Examples(
            Images.load([image for _, image in self.images.values()], size),
            Texts.load(list(self.texts), reader),
            image,
            text,
            answer,
            tuple(row[3] for row in self.rows),
            tuple(row[4] for row in self.rows),
        )


def image_of(request: Request) -> Media | None:
    """The image of a request; None where it has none. Raises `UsageError` where it has more than one, or a sound."""
    media = (
        request.media if not isinstance(request, Embed) else [request.part] if isinstance(request.part, Media) else []
    )
    if len(media) > 1 or any(medium.kind != "image" for medium in media):
        kinds = ", ".join(medium.kind for medium in media)
        raise UsageError(f"request {request.id}: a baseline takes one image and a text; given: {kinds}")
    return media[0] if media else None


def frequent_answers(train: Iterable[Sample]) -> tuple[str, ...]:
    """The answers that a head gets: the first references of the training samples. Raises `DataError` without any."""
    counts = Counter(sample.references[0] for sample in train if sample.references)
    if not counts:
        raise DataError("the training samples have no answers to learn from")
    kept = sorted(counts, key=lambda answer: (-counts[answer], answer))[:MOST_ANSWERS]
    return tuple(sorted(kept))


def questions(
    samples: Sequence[Sample],
    requests: Callable[[Sample], Sequence[Request]],
    reader: Reader,
    answers: Sequence[str],
    size: int,
    *,
    unknown: bool = False,
) -> Examples:
    """Questions with an answer among `answers`. Images are `size` pixels wide.

    Those with another answer are left out to learn from; with `unknown` they are kept to be asked, with the answer -1.
    """
    known = {answer: number for number, answer in enumerate(answers)}
    found = _Rows()
    for sample in samples:
        answer = known.get(sample.references[0], -1) if sample.references else None
        if answer is not None and (answer >= 0 or unknown):
            for request in requests(sample):
                found.add(image_of(request), request, answer, sample.cluster)
    return found.examples(reader, size)


def captions(
    samples: Sequence[Sample], requests: Callable[[Sample], Sequence[Request]], reader: Reader, size: int
) -> Examples:
    """Captions with their images: one row for each text of a sample, beside the sample's image."""
    found = _Rows()
    for sample in samples:
        made = requests(sample)
        media = [image for request in made if (image := image_of(request)) is not None]
        if len(media) != 1:
            raise UsageError(f"sample {sample.id}: two towers take one image with its captions; given: {len(media)}")
        for request in made:
            if image_of(request) is None:
                found.add(media[0], request, -1, sample.cluster)
    return found.examples(reader, size)


def inputs(
    examples: Examples,
    rows: Rows,
    device: torch.device,
    *,
    wanted: Iterable[str],
    shifts: NDArray[np.int64] | None = None,
) -> tuple[dict[str, Raw], dict[str, Tensor], dict[str, Tensor]]:
    """What the encoders get for these rows: (raw by modality, row of it for each example, who has the modality).

    Every image and text is there once, however many rows share it. `shifts` holds one pair for each image.
    """
    raw: dict[str, Raw] = {}
    where: dict[str, Tensor] = {}
    present: dict[str, Tensor] = {}
    for name in wanted:
        numbers = examples.image[rows] if name == "image" else examples.text[rows]
        here = numbers >= 0
        unique, places = np.unique(np.maximum(numbers, 0), return_inverse=True)
        if name == "image":
            raw[name] = examples.images.raw(unique, device, None if shifts is None else shifts[: len(unique)])
        else:
            raw[name] = examples.texts.raw(unique, device)
        where[name] = torch.from_numpy(places.reshape(-1)).to(device)
        if not here.all():
            present[name] = torch.from_numpy(here).to(device)
    return raw, where, present


def allowed_mask(allowed: Sequence[Choices], answers: Sequence[str]) -> Tensor:
    """bool [n, c]: which answers each question allows; all, where the question is open."""
    known = {answer: number for number, answer in enumerate(answers)}
    masks: Mapping[Choices, Tensor] = {choices: _mask(choices, known) for choices in set(allowed)}
    return torch.stack([masks[choices] for choices in allowed])


def _mask(choices: Choices, known: Mapping[str, int]) -> Tensor:
    mask = torch.zeros(len(known), dtype=torch.bool)
    for choice in known if choices is None else choices:
        if choice in known:
            mask[known[choice]] = True
    return mask
