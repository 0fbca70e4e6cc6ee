"""The cache of decoded pictures: decoded once, bounded, safe to share, and honest about who looks."""

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmbench.core import Media, MediaError
from mmbench.data import FileImage, cache, image_from_array, image_from_file, loads, preload, stats
from mmbench.data.cache import ImageCache

MEGABYTE = 512 * 512 * 4


@pytest.fixture(autouse=True)
def _fresh_cache() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()
    cache.resize(cache.CAPACITY)


def picture(folder: Path, name: str, colour: tuple[int, int, int] = (255, 0, 0), size: int = 32) -> Media:
    path = folder / name
    Image.new("RGB", (size, size), colour).save(path)
    return image_from_file(path)


class Counting:
    """Decoders that count their calls."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.calls: Counter[str] = Counter()
        self._seconds = seconds

    def __call__(self, name: str, size: int = 512):
        def decode() -> Image.Image:
            self.calls[name] += 1
            time.sleep(self._seconds)
            return Image.new("RGB", (size, size))

        return decode


def test_a_picture_that_serves_many_questions_is_decoded_once(tmp_path: Path) -> None:
    media = picture(tmp_path, "a.png")
    for _ in range(12):
        media.load()
    assert (stats().misses, stats().hits, stats().loads) == (1, 11, 12)


def test_equal_files_share_one_decoded_picture(tmp_path: Path) -> None:
    picture(tmp_path, "a.png").load()
    picture(tmp_path, "b.png").load()
    picture(tmp_path, "c.png", (0, 0, 255)).load()
    assert stats().pictures == 2


def test_callers_may_change_what_they_get(tmp_path: Path) -> None:
    media = picture(tmp_path, "a.png")
    first = media.load()
    first.paste((0, 0, 0), (0, 0, 32, 32))
    first.info["note"] = "mine"
    second = media.load()
    assert np.asarray(second)[0, 0].tolist() == [255, 0, 0]
    assert "note" not in second.info


def test_preload_decodes_but_does_not_count_as_a_look(tmp_path: Path) -> None:
    media = picture(tmp_path, "a.png")
    preload(media)
    assert (loads(), stats().misses, stats().pictures) == (0, 1, 1)
    Path(media.path or "").unlink()
    assert media.load().size == (32, 32)
    assert (loads(), stats().misses) == (1, 1)


def test_preload_leaves_errors_to_whoever_looks(tmp_path: Path) -> None:
    media = picture(tmp_path, "a.png")
    Path(media.path or "").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    preload(media)
    with pytest.raises(MediaError, match="truncated or corrupt"):
        media.load()
    assert stats().pictures == 0


def test_reading_bytes_and_preloading_foreign_sources_count_nothing(tmp_path: Path) -> None:
    picture(tmp_path, "a.png").read()
    preload(image_from_array(np.zeros((2, 2, 3), np.uint8)))
    preload(Media("audio", "audio/wav", "0" * 64, FileImage("a.wav", "0" * 64)))
    assert (stats().loads, stats().hits, stats().misses) == (0, 0, 0)


def test_the_least_recently_used_leave_first() -> None:
    store, decoders = ImageCache(3 * MEGABYTE), Counting()
    for name in ("a", "b", "c", "a", "d", "a", "c", "b"):
        store.load(name, decoders(name))
    assert decoders.calls == {"a": 1, "b": 2, "c": 1, "d": 1}
    assert store.stats().bytes == 3 * MEGABYTE


def test_what_is_larger_than_the_cache_is_given_but_not_kept() -> None:
    store, decoders = ImageCache(MEGABYTE - 1), Counting()
    for _ in range(2):
        assert store.load("a", decoders("a")).size == (512, 512)
    assert decoders.calls["a"] == 2
    assert (store.stats().pictures, store.stats().bytes) == (0, 0)


def test_resize_lets_go_at_once(tmp_path: Path) -> None:
    picture(tmp_path, "a.png").load()
    cache.resize(0)
    assert (stats().pictures, stats().bytes) == (0, 0)


def test_without_a_digest_nothing_is_kept(tmp_path: Path) -> None:
    media = picture(tmp_path, "a.png")
    FileImage(str(media.path)).load()
    assert (stats().loads, stats().pictures) == (1, 0)


def test_threads_that_ask_at_the_same_time_decode_once() -> None:
    store, decoders = ImageCache(), Counting(seconds=0.05)
    barrier = threading.Barrier(16)

    def look(n: int) -> tuple[int, int]:
        barrier.wait()
        name = "ab"[n % 2]
        return store.load(name, decoders(name)).size

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(look, range(16))) == {(512, 512)}
    assert decoders.calls == {"a": 1, "b": 1}


def test_an_error_reaches_every_thread_and_is_not_remembered() -> None:
    store = ImageCache()
    barrier = threading.Barrier(4)

    def broken() -> Image.Image:
        time.sleep(0.05)
        raise MediaError("broken")

    def look(_: int) -> str:
        barrier.wait()
        try:
            store.load("a", broken)
        except MediaError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(look, range(4))) == ["broken"] * 4
    assert store.load("a", Counting()("a")).size == (512, 512)


def test_many_threads_on_a_small_cache_get_the_right_pictures(tmp_path: Path) -> None:
    cache.resize(5 * 32 * 32 * 4)
    media = [picture(tmp_path, f"{n}.png", (n * 10, 0, 0)) for n in range(12)]
    rng = np.random.default_rng(0)
    orders = rng.integers(0, 12, (8, 200)).tolist()

    def look(order: list[int]) -> bool:
        return all(media[n].load().getpixel((0, 0)) == (n * 10, 0, 0) for n in order)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(look, orders))
    assert loads() == 1600
    assert stats().bytes <= 5 * 32 * 32 * 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_starts_with_a_cache_of_its_own(tmp_path: Path) -> None:
    code = f"""
import os
import subprocess
from mmbench.data import cache, image_from_file
media = image_from_file({str(tmp_path / "a.png")!r})
media.load()
cache._CACHE._lock.acquire()
child = os.fork()
if child == 0:
    os._exit(0 if media.load().size == (32, 32) and cache.loads() == 1 else 1)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    picture(tmp_path, "a.png")
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, timeout=30, check=False).returncode == 0
