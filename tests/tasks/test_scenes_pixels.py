"""Pictures of scenes as one array: rendered together, and never another picture than one by one."""

import time

import numpy as np
import pytest
from PIL import Image

from mmbench.core import Media, MediaError
from mmbench.data import load_pixels
from mmbench_tasks.scenes import media as scenes_media
from mmbench_tasks.scenes.blocks import blocks
from mmbench_tasks.scenes.scene import Figure, Scene, scene_media


def pictures(n: int, size: int = 64) -> list[Media]:
    scenes = [scene for block in blocks("val") for scene in block.scenes]
    return [scene_media(scene, size) for scene in scenes[:n]]


@pytest.mark.parametrize("own", [64, 32, 100])
def test_they_equal_those_loaded_one_by_one_at_any_size(own: int) -> None:
    media = pictures(12, own)
    for size in (own, 64, 17):
        found = [item.load() for item in media]
        fit = [i if i.size == (size, size) else i.resize((size, size), Image.Resampling.BILINEAR) for i in found]
        assert np.array_equal(load_pixels(media, size), np.stack([np.asarray(image) for image in fit]))


def test_sizes_may_be_mixed_and_are_made_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    media = [item for pair in zip(pictures(6, 64), pictures(6, 48), strict=True) for item in pair]
    whole = load_pixels(media, 64)
    monkeypatch.setattr(scenes_media, "_AT_ONCE", 3 * 48 * 48 * 2)
    assert np.array_equal(load_pixels(media, 64), whole)
    assert np.array_equal(whole[::2], load_pixels(pictures(6, 64), 64))


def test_a_scene_that_cannot_be_painted_is_named() -> None:
    bad = scene_media(Scene((Figure("blob", "red", 128, 128, 40),)))
    with pytest.raises(MediaError, match=f"digest {bad.digest[:12]} cannot be loaded: ValueError: shape 'blob'"):
        load_pixels([*pictures(3), bad], 64)


def test_many_are_much_faster_than_one_by_one() -> None:
    media = pictures(300)
    start = time.process_time()
    load_pixels(media, 64)
    together = time.process_time() - start
    start = time.process_time()
    for item in media:
        item.source.decode()  # type: ignore[attr-defined]
    assert together < (time.process_time() - start) / 2
