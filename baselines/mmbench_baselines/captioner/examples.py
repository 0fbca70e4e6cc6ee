"""Images with all that is said about them, as arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from mmbench.core import Generate, Media, Request, Sample, UsageError
from mmbench_baselines.captioner.words import BOUNDARY, UNKNOWN, Lexicon
from mmbench_baselines.encoded import Raw
from mmbench_baselines.examples import Images, Rows, image_of

IGNORED = -100
"""Stands where no word is to be learned: behind the end, and for a word that training did not show."""


@dataclass(frozen=True, slots=True)
class Described:
    """n requests, each about an image by number, with the captions of its sample."""

    images: Images
    """[m images]"""
    image: Rows
    """[n] number of the image."""
    captions: NDArray[np.int64]
    """[n, c, w] words of up to c captions each; -1 behind the last word, and throughout where there are fewer captions."""
    references: tuple[tuple[str, ...], ...]
    """[n] the captions as they were written."""
    groups: tuple[str, ...]
    """[n] what is never torn apart."""

    def __len__(self) -> int:
        return len(self.image)

    def raw(self, rows: Rows, device: torch.device, shifts: NDArray[np.int64] | None = None) -> Raw:
        """The images of some rows, one each."""
        return self.images.raw(self.image[rows], device, shifts)

    def targets(self, rows: Rows, turn: int, at_a_time: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(words, what follows each), int64 [rows · k, w]: k captions of each row, at most `at_a_time`.

        Each has its turn. Of a row that has fewer than k captions some come twice. What follows is `IGNORED` where there
        is nothing to learn.
        """
        own = self.captions[rows]
        counts = (own[:, :, 0] >= 0).sum(axis=1)
        k = min(at_a_time, int(counts.max(initial=1)))
        which = (turn + np.arange(k)[None, :]) % counts[:, None]
        chosen = np.take_along_axis(own, which[:, :, None], axis=1).reshape(len(rows) * k, -1)
        lengths = (chosen >= 0).sum(axis=1)
        chosen = chosen[:, : int(lengths.max())]
        words = np.pad(np.where(chosen < 0, BOUNDARY, chosen), ((0, 0), (1, 0)), constant_values=BOUNDARY)
        following = np.pad(chosen, ((0, 0), (0, 1)), constant_values=-1)
        following[np.arange(len(following)), lengths] = BOUNDARY
        return words, np.where((following < 0) | (following == UNKNOWN), IGNORED, following)


def image_to_describe(request: Request) -> Media:
    """The image of a request. Raises `UsageError` where it has none, or more than one."""
    medium = image_of(request)
    if medium is None:
        raise UsageError(f"request {request.id}: a captioner describes an image, and there is none")
    return medium


def described(
    samples: Sequence[Sample], requests: Callable[[Sample], Sequence[Request]], lexicon: Lexicon, size: int
) -> Described:
    """The requests to write something about samples that have captions. Images are `size` pixels wide.

    Captions without words, and samples without captions, are left out.
    """
    numbers: dict[str, int] = {}
    media: list[Media] = []
    rows: list[tuple[int, list[list[int]], tuple[str, ...], str]] = []
    for sample in samples:
        captions = [ids for reference in sample.references if (ids := lexicon.encode(reference))]
        for request in requests(sample) if captions else ():
            if isinstance(request, Generate):
                medium = image_to_describe(request)
                number = numbers.setdefault(medium.digest, len(media))
                if number == len(media):
                    media.append(medium)
                rows.append((number, captions, sample.references, sample.cluster))
    most = max((len(row[1]) for row in rows), default=1)
    longest = max((len(caption) for row in rows for caption in row[1]), default=1)
    table = np.full((len(rows), most, longest), -1, dtype=np.int64)
    for place, row in enumerate(rows):
        for number, caption in enumerate(row[1]):
            table[place, number, : len(caption)] = caption
    return Described(
        Images.load(media, size),
        np.array([row[0] for row in rows], dtype=np.int64),
        table,
        tuple(row[2] for row in rows),
        tuple(row[3] for row in rows),
    )
