"""Preparing images that are passed through, beside decoding each of them once."""

import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmbench.data import encoded_image, image_from_file, prepared

MOST = 1.1
"""Times what decoding takes."""
IMAGES = 24
ROUNDS = 7


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """JPEG and PNG files of 640 x 480, as large as those of usual datasets."""
    folder = tmp_path_factory.mktemp("images")
    draw = np.random.default_rng(0)
    made = []
    for number in range(IMAGES):
        coarse = Image.fromarray(draw.integers(0, 256, (24, 32, 3), dtype=np.uint8))
        made.append(folder / f"{number}.{'png' if number % 2 else 'jpg'}")
        coarse.resize((640, 480), Image.Resampling.BICUBIC).save(made[-1])
    return made


def seconds(work: Callable[[], Any]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def test_passing_images_through_costs_little_more_than_decoding_them(benchmark: Any, files: list[Path]) -> None:
    media = [image_from_file(file) for file in files]

    def decode() -> None:
        for file in files:
            with Image.open(BytesIO(file.read_bytes())) as image:
                image.load()

    def prepare() -> None:
        prepared.clear()
        for each in media:
            encoded_image(each)

    decode()
    prepare()
    assert [encoded_image(each).data for each in media] == [file.read_bytes() for file in files]
    pairs = [(seconds(prepare), seconds(decode)) for _ in range(ROUNDS)]
    benchmark.pedantic(prepare)
    ratio = min(own for own, _ in pairs) / min(bare for _, bare in pairs)
    benchmark.extra_info["times_of_decoding"] = round(ratio, 3)
    assert ratio <= MOST, f"{ratio:.2f} times of decoding"


def test_an_image_that_is_known_is_not_decoded_again(benchmark: Any, files: list[Path]) -> None:
    media = [image_from_file(file) for file in files]
    for each in media:
        encoded_image(each)
    again = seconds(lambda: [encoded_image(each) for each in media])
    prepared.clear()
    first = seconds(lambda: [encoded_image(each) for each in media])
    benchmark.pedantic(lambda: [encoded_image(each) for each in media])
    assert again < first / 5
