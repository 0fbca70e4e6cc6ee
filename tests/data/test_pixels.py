"""Many pictures as one array: equal to one by one, each decoded once, memory bounded, errors that name the picture."""

import tracemalloc
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import write_picture
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from mmbench.core import Media, MediaError, PluginError
from mmbench.data import cache, image_from_array, image_from_bytes, image_from_file, load_pixels, pixels


def one_by_one(media: Sequence[Media], size: int) -> Any:
    """What `load_pixels` promises, in the plainest way."""
    found = [item.load() for item in media]
    fit = [i if i.size == (size, size) else i.resize((size, size), Image.Resampling.BILINEAR) for i in found]
    return np.stack([np.asarray(image) for image in fit])


def noise(height: int, width: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def encoded(values: Any, form: str) -> bytes:
    stream = BytesIO()
    Image.fromarray(values).save(stream, form)
    return stream.getvalue()


@pytest.fixture
def media(tmp_path: Path) -> list[Media]:
    """Pictures of every source, some of them twice, of several sizes."""
    files = []
    for n, (height, width) in enumerate([(8, 8), (20, 12), (5, 9)]):
        path = tmp_path / f"{n}.png"
        Image.fromarray(noise(height, width, n)).save(path)
        files.append(image_from_file(path))
    made = [image_from_array(noise(8, 8, 7)), image_from_bytes(encoded(noise(16, 16, 8), "JPEG"))]
    return [files[0], made[0], files[1], files[0], made[1], files[2], made[0]]


@pytest.mark.parametrize("size", [1, 8, 16])
def test_it_equals_loading_one_by_one(media: list[Media], size: int) -> None:
    found = load_pixels(media, size)
    assert (found.dtype, found.shape) == (np.uint8, (7, size, size, 3))
    assert np.array_equal(found, one_by_one(media, size))


@pytest.mark.slow
@given(
    st.lists(arrays.arrays(np.uint8, st.tuples(st.integers(1, 6), st.integers(1, 6), st.just(3))), max_size=5),
    st.integers(1, 7),
)
def test_it_equals_loading_one_by_one_whatever_the_sizes(values: list[Any], size: int) -> None:
    made = [image_from_array(value) for value in values]
    found = load_pixels(made, size)
    assert found.shape == (len(values), size, size, 3)
    assert not values or np.array_equal(found, one_by_one(made, size))


def test_a_smaller_picture_is_antialiased() -> None:
    stripes = np.zeros((16, 16, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    found = load_pixels([image_from_array(stripes)], 4)
    assert 110 < found.min() <= found.max() < 145, "grey, not black or white at random"


def test_no_pictures_are_no_rows() -> None:
    assert load_pixels([], 4).shape == (0, 4, 4, 3)


@dataclass(frozen=True)
class Counted:
    """A source that counts how often it is loaded."""

    log: list[str]
    name: str
    path: None = None

    def read(self) -> bytes:
        return b""

    def load(self) -> Image.Image:
        self.log.append(self.name)
        return Image.new("RGB", (2, 2), (len(self.name), 0, 0))


def counted(log: list[str], name: str, digest: str | None = None) -> Media:
    return Media("image", "image/png", name if digest is None else digest, Counted(log, name))


def test_pictures_with_one_digest_are_loaded_once() -> None:
    log: list[str] = []
    found = load_pixels([counted(log, name) for name in ("a", "bb", "a", "a", "bb")], 2)
    assert log == ["a", "bb"]
    assert found[:, 0, 0, 0].tolist() == [1, 2, 1, 1, 2]


def test_pictures_without_a_digest_are_never_taken_for_one_another() -> None:
    log: list[str] = []
    assert load_pixels([counted(log, "a", ""), counted(log, "bb", "")], 2)[:, 0, 0, 0].tolist() == [1, 2]


def test_the_cache_of_decoded_pictures_is_left_alone(media: list[Media]) -> None:
    cache.clear()
    load_pixels(media, 8)
    found = cache.stats()
    assert (found.loads, found.misses, found.pictures, found.bytes) == (0, 0, 0, 0)


# --- many at once ---


@dataclass(frozen=True)
class Grey:
    """A source that makes many at once."""

    level: int
    path: None = None

    def read(self) -> bytes:
        return b""

    def load(self) -> Image.Image:
        if self.level > 255:
            raise OverflowError("too bright")
        return Image.new("RGB", (4, 4), (self.level,) * 3)

    @classmethod
    def load_many(cls, sources: Sequence["Grey"], size: int) -> Any:
        CHUNKS.append(len(sources))
        levels = np.array([source.level for source in sources])
        if levels.max() > 255:
            raise OverflowError("too bright")
        return np.broadcast_to(levels[:, None, None, None], (len(sources), size, size, 3)).astype(np.uint8)


CHUNKS: list[int] = []


def greys(*levels: int) -> list[Media]:
    return [Media("image", "image/png", f"grey {level}", Grey(level)) for level in levels]


def test_a_source_that_can_makes_many_at_once_each_one_once() -> None:
    CHUNKS.clear()
    media = greys(1, 2, 3, 2, 1)
    assert np.array_equal(load_pixels(media, 4), one_by_one(media, 4))
    assert CHUNKS == [3]


def test_sources_of_several_kinds_keep_their_places() -> None:
    media = [greys(9)[0], image_from_array(noise(4, 4)), *greys(8, 9)]
    assert np.array_equal(load_pixels(media, 4), one_by_one(media, 4))


def test_memory_beside_the_result_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "_AT_ONCE", 2**18)
    CHUNKS.clear()
    media = greys(*range(256))
    tracemalloc.start()
    found = load_pixels(media, 128)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert max(CHUNKS) == 2**18 // (3 * 128 * 128)
    assert sum(CHUNKS) == 256
    assert peak < found.nbytes + 2**22


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (np.zeros((2, 4, 4, 3), dtype=np.float32), r"float32 \[2, 4, 4, 3\]; expected uint8 \[2, 4, 4, 3\]"),
        (np.zeros((1, 4, 4, 3), dtype=np.uint8), r"uint8 \[1, 4, 4, 3\]; expected uint8 \[2, 4, 4, 3\]"),
    ],
)
def test_what_load_many_returns_is_checked(monkeypatch: pytest.MonkeyPatch, returned: Any, words: str) -> None:
    monkeypatch.setattr(Grey, "load_many", classmethod(lambda cls, sources, size: returned))
    with pytest.raises(PluginError, match=f"Grey.load_many returned {words}"):
        load_pixels(greys(1, 2), 4)


# --- errors ---


def test_a_picture_that_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    good = write_picture(tmp_path / "good.png", (1, 2, 3))
    broken = image_from_file(good)
    gone = write_picture(tmp_path / "gone.png", (4, 5, 6))
    missing = image_from_file(gone)
    gone.unlink()
    with pytest.raises(MediaError, match=r"gone\.png does not exist"):
        load_pixels([broken, missing], 8)
    log: list[str] = []
    odd = counted(log, "a")
    object.__setattr__(odd.source, "load", lambda: 1 / 0)
    with pytest.raises(MediaError, match="image with digest a cannot be loaded: ZeroDivisionError"):
        load_pixels([odd], 8)


def test_among_many_at_once_the_bad_one_is_named() -> None:
    with pytest.raises(MediaError, match="digest grey 300 cannot be loaded: OverflowError: too bright"):
        load_pixels(greys(1, 2, 300, 4), 4)


def test_a_fault_of_load_many_alone_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Grey, "load_many", classmethod(lambda cls, sources, size: 1 / 0))
    with pytest.raises(PluginError, match=r"Grey\.load_many failed: ZeroDivisionError"):
        load_pixels(greys(1, 2), 4)


def test_what_is_no_picture_and_no_size_is_refused() -> None:
    sound = Media("audio", "audio/wav", "d" * 64, Grey(1))
    with pytest.raises(MediaError, match="audio with digest dddddddddddd is no picture"):
        load_pixels([sound], 4)
    with pytest.raises(ValueError, match="size 0: expected at least 1 pixel"):
        load_pixels([], 0)
