"""Counts, sizes and duplicates of a dataset."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from mmbench.core import Media, MediaError
from mmbench.core.card import rows_digest
from mmbench.data.fingerprint import content_digest

_FREQUENT = 20
_THREADS = 4
_BANDS, _BITS = 4, 16
NEAR = 3
"""Bits of 64 in which the hashes of near-duplicates differ at most."""


@dataclass(frozen=True, slots=True)
class SplitStatistics:
    """One split."""

    split: str
    """Its name."""
    rows: int
    """Rows."""
    images: int
    """Different images, by what identifies them."""
    without_image: int
    """Rows without an image."""
    answers: Mapping[str, int]
    """The most frequent answers, labels or captions, and in how many rows they are."""
    answers_in_all: int
    """Different answers."""
    sizes: Mapping[str, int]
    """Smallest, median and largest width and height of the images that were looked at, in pixels; empty where none was."""
    looked_at: int
    """Images that were decoded."""
    unreadable: int
    """Images that could not be decoded."""
    duplicate_images: int
    """Images whose bytes another image of the split has as well, beside the first of each."""
    duplicate_rows: int
    """Rows that ask the same of the same images as an earlier one."""
    fingerprint: str
    """Digest of everything that could change a score."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """What two splits share."""

    splits: tuple[str, str]
    """Their names."""
    equal: int
    """Images of the first with the same bytes as one of the second."""
    near: int
    """Further images of the first that look like one of the second: `NEAR` bits of a 64-bit difference hash."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """A dataset."""

    splits: tuple[SplitStatistics, ...]
    """Split by split."""
    overlaps: tuple[Overlap, ...]
    """Every pair of splits that was looked at."""


@dataclass(frozen=True, slots=True)
class _Looked:
    """What is kept of an image that was decoded."""

    width: int
    height: int
    digest: str
    difference: int


def statistics(splits: Mapping[str, Sequence[Any]], *, most_images: int | None = None) -> Statistics:
    """Count what is in some splits.

    Args:
        splits: Split to its rows.
        most_images: Images of each split that are decoded, the first ones; None: all, 0: none.

    Raises:
        DataError: If rows cannot be read. Images that cannot be decoded are counted.
    """
    looked = {name: _look_at(_different(rows), most_images) for name, rows in splits.items()}
    found = tuple(_of_split(name, rows, looked[name]) for name, rows in splits.items())
    names = list(splits)
    pairs = [(a, b) for place, a in enumerate(names) for b in names[place + 1 :]]
    return Statistics(found, tuple(_overlap(a, b, looked[a], looked[b]) for a, b in pairs if looked[a] and looked[b]))


def _media_of(row: Any) -> tuple[Media, ...]:
    several = getattr(row, "images", None)
    if several is not None:
        return tuple(several)
    image = getattr(row, "image", None)
    return () if image is None else (image,)


def _different(rows: Iterable[Any]) -> dict[str, Media]:
    return {media.digest: media for row in rows for media in _media_of(row)}


def _look_at(media: Mapping[str, Media], most: int | None) -> dict[str, _Looked | None]:
    """Digest to what was seen; None for an image that cannot be decoded."""
    chosen = list(media.items())[: len(media) if most is None else most]
    with ThreadPoolExecutor(_THREADS) as pool:
        return dict(zip([name for name, _ in chosen], pool.map(_look, [each for _, each in chosen]), strict=True))


def _look(media: Media) -> _Looked | None:
    decode = getattr(media.source, "decode", media.load)
    try:
        image = decode()
        small = image.convert("L").resize((9, 8))
        return _Looked(image.width, image.height, content_digest(media), _difference(bytes(small.tobytes())))
    except MediaError:
        return None


def _difference(pixels: bytes) -> int:
    """Whether each of nine pixels in eight rows is darker than the next: a hash that changes little when an image does."""
    found = 0
    for row in range(8):
        for column in range(8):
            found = found << 1 | (pixels[9 * row + column] < pixels[9 * row + column + 1])
    return found


def _of_split(name: str, rows: Sequence[Any], looked: Mapping[str, _Looked | None]) -> SplitStatistics:
    seen = [each for each in looked.values() if each is not None]
    answers = Counter(text for row in rows for text in dict.fromkeys(_answers(row)))
    contents = Counter(each.digest for each in seen)
    asked = Counter((getattr(row, "question", row.id), tuple(m.digest for m in _media_of(row))) for row in rows)
    return SplitStatistics(
        split=name,
        rows=len(rows),
        images=len(_different(rows)),
        without_image=sum(not _media_of(row) for row in rows),
        answers=dict(answers.most_common(_FREQUENT)),
        answers_in_all=len(answers),
        sizes=_sizes(seen),
        looked_at=len(seen),
        unreadable=len(looked) - len(seen),
        duplicate_images=sum(count - 1 for count in contents.values()),
        duplicate_rows=sum(count - 1 for count in asked.values()),
        fingerprint=rows_digest(rows),
    )


def _answers(row: Any) -> Iterator[str]:
    for name in ("answers", "captions"):
        yield from getattr(row, name, ())
    if hasattr(row, "label"):
        yield str(row.label)


def _sizes(seen: Sequence[_Looked]) -> dict[str, int]:
    if not seen:
        return {}
    found: dict[str, int] = {}
    for side in ("width", "height"):
        values = sorted(getattr(each, side) for each in seen)
        found |= {
            f"{side}_min": values[0],
            f"{side}_median": values[len(values) // 2],
            f"{side}_max": values[-1],
        }
    return found


def _overlap(a: str, b: str, of_a: Mapping[str, _Looked | None], of_b: Mapping[str, _Looked | None]) -> Overlap:
    others = [each for each in of_b.values() if each is not None]
    contents = {each.digest for each in others}
    bands: dict[tuple[int, int], list[int]] = defaultdict(list)
    for each in others:
        for key in _bands(each.difference):
            bands[key].append(each.difference)
    equal = near = 0
    for each in filter(None, of_a.values()):
        if each.digest in contents:
            equal += 1
        elif any(
            (each.difference ^ other).bit_count() <= NEAR for key in _bands(each.difference) for other in bands[key]
        ):
            near += 1
    return Overlap((a, b), equal, near)


def _bands(hashed: int) -> list[tuple[int, int]]:
    """Quarters of a hash, with their place; two hashes that differ in three bits share one of the four."""
    return [(place, hashed >> _BITS * place & (1 << _BITS) - 1) for place in range(_BANDS)]
