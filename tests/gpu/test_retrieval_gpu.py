"""Ranks on a CUDA device are those of the CPU; and how fast they come."""

import time

import numpy as np
import pytest

from mmbench.metrics.retrieval import captions_of_images, rank_both

torch = pytest.importorskip("torch", reason="needs torch: pip install 'mmbench[baselines]'")
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def unit_vectors(generator: np.random.Generator, n: int, d: int) -> np.ndarray:
    vectors = generator.standard_normal((n, d), dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def captioned(n: int, d: int, kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(n)
    owners = np.repeat(np.arange(n), 5)
    images, noise = unit_vectors(generator, n, d), unit_vectors(generator, 5 * n, d)
    texts = {"random": noise, "learned": images[owners] + 2 * noise, "copies": noise[owners]}.get(kind)
    if texts is None:
        images[:], texts = images[0], np.repeat(noise[:1], 5 * n, axis=0)
    return images, texts / np.linalg.norm(texts, axis=1, keepdims=True), owners


@pytest.mark.parametrize("kind", ["random", "learned", "copies", "constant"])
def test_ranks_are_those_of_the_cpu(kind: str) -> None:
    images, texts, owners = captioned(900, 256, kind)
    relevant = captions_of_images(owners, len(images))
    for one, other in zip(
        rank_both(images, texts, *relevant), rank_both(images, texts, *relevant, device="cuda"), strict=True
    ):
        np.testing.assert_array_equal(one.greater, other.greater)
        np.testing.assert_array_equal(one.tied, other.tied)


def test_tf32_that_a_program_allows_changes_nothing_and_stays_allowed() -> None:
    images, texts, owners = captioned(300, 512, "random")
    relevant = captions_of_images(owners, len(images))
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        found = rank_both(images, texts, *relevant, device="cuda")
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)
    for one, other in zip(rank_both(images, texts, *relevant), found, strict=True):
        np.testing.assert_array_equal(one.greater, other.greater)


def test_the_coco_5k_split_takes_less_than_a_second() -> None:
    images, texts, owners = captioned(5000, 512, "learned")
    relevant = captions_of_images(owners, len(images))
    rank_both(images[:500], texts[:2500], *captions_of_images(owners[:2500], 500), device="cuda")
    start = time.perf_counter()
    rank_both(images, texts, *relevant, device="cuda")
    assert time.perf_counter() - start < 1.0
