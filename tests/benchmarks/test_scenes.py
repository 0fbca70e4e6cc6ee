"""Scenes: rendering, making samples and fingerprints, all without a cache."""

from __future__ import annotations

import time

import numpy as np
import pytest
from PIL import Image, ImageDraw

from mmbench_tasks.retrieval import scenes as retrieval
from mmbench_tasks.scenes.blocks import blocks
from mmbench_tasks.scenes.faces import mood_blocks
from mmbench_tasks.scenes.render import render
from mmbench_tasks.scenes.scene import BACKGROUND, COLOURS
from mmbench_tasks.sentiment import scenes as sentiment
from mmbench_tasks.vqa import scenes as vqa

TARGET_S = 0.5
SCENES = [scene for block in blocks("test") for scene in block.scenes][:1000]
FACES = [scene for block in mood_blocks("test") for scene in block.scenes][:1000]


@pytest.mark.parametrize("scenes", [SCENES, FACES], ids=["shapes", "faces"])
@pytest.mark.benchmark(group="scenes", timer=time.process_time, min_rounds=5, warmup=True)
def test_1000_scenes_at_64_pixels_render_in_half_a_second(benchmark, slowness, scenes):
    pixels = benchmark(render, scenes)
    assert pixels.shape == (1000, 64, 64, 3)
    assert benchmark.stats.stats.min <= TARGET_S * slowness


@pytest.mark.benchmark(group="scenes", timer=time.process_time, min_rounds=5)
def test_1000_scenes_drawn_by_pil_for_comparison(benchmark):
    """Discs alone, without smooth edges, one picture after the other."""

    def once():
        pictures = []
        for scene in SCENES:
            picture = Image.new("RGB", (64, 64), BACKGROUND)
            drawing = ImageDraw.Draw(picture)
            for figure in scene.figures:
                x, y, r = figure.x / 4, figure.y / 4, figure.radius / 4
                drawing.ellipse((x - r, y - r, x + r, y + r), fill=COLOURS[figure.colour])
            pictures.append(np.asarray(picture))
        return np.stack(pictures)

    assert benchmark(once).shape == (1000, 64, 64, 3)


@pytest.mark.parametrize("module", [vqa, retrieval, sentiment], ids=["vqa", "retrieval", "sentiment"])
@pytest.mark.benchmark(group="scenes", timer=time.process_time, min_rounds=5)
def test_samples_and_fingerprint_of_the_test_split_take_a_second_together(benchmark, module, slowness):
    cached = [each for each in vars(module).values() if hasattr(each, "cache_clear")]
    assert cached

    def forget():
        for each in cached:
            each.cache_clear()

    def afresh():
        forget()
        samples = module.task.samples()
        forget()
        return samples, module.task.fingerprint()

    samples, _ = benchmark(afresh)
    assert len(samples) > 1000
    assert benchmark.stats.stats.min <= slowness
