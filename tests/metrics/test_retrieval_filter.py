"""The filter in float32 and the exact products behind it: both directions at once, under any damage."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import ThreadpoolController

from mmbench.metrics import captions_of_images, rank_both, rank_counts
from mmbench.metrics.retrieval import blocks
from mmbench.metrics.retrieval.blocks import CpuEngine
from mmbench.metrics.retrieval.counts import Relevant
from mmbench.metrics.retrieval.grid import exact_scores, float32_error, side
from mmbench.metrics.retrieval.ranks import count_all

NAMES = ("indptr", "greater", "tied", "best_positives", "gallery")


def unit_vectors(generator, n, d):
    vectors = generator.standard_normal((n, d))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def same(first, second):
    return all(np.array_equal(getattr(a, n), getattr(b, n)) for a, b in zip(first, second, strict=True) for n in NAMES)


def on_grid(vectors, *, shared):
    """The grid that `ranks` documents, in Python's whole numbers: 26 bits below a norm in (2**-0.75, 2**0.25]."""
    rows = []
    norms = [np.sqrt(sum(float(x) ** 2 for x in vector)) for vector in vectors]
    for vector, norm in zip(vectors, [max(norms)] * len(norms) if shared else norms, strict=True):
        power = 0
        while norm and norm / 2.0**power > 2**0.25:
            power += 1
        while norm and norm / 2.0**power <= 2**-0.75:
            power -= 1
        rows.append([round(Fraction(float(x)) * Fraction(2) ** (26 - power)) for x in vector])
    return rows


def by_definition(queries, gallery, relevant):
    """Counts from exact whole numbers, one product after the other."""
    asking, items = on_grid(queries, shared=False), on_grid(gallery, shared=True)
    greater, tied = [], []
    for place, row in enumerate(relevant.rows):
        scores = [sum(a * b for a, b in zip(asking[row], item, strict=True)) for item in items]
        for positive in relevant.positives[relevant.indptr[place] : relevant.indptr[place + 1]]:
            greater.append(sum(score > scores[positive] for score in scores))
            tied.append(sum(score == scores[positive] for score in scores))
    return greater, tied


def nearly_equal(generator, n, d):
    """Vectors in families that differ by the least that float32 can say, or not at all."""
    vectors = unit_vectors(generator, max(1, n // 6), d)[generator.integers(0, max(1, n // 6), n)]
    for row in range(n):
        place = generator.integers(d)
        step = [-np.inf, np.inf][generator.integers(2)]
        for _ in range(generator.integers(0, 4)):
            vectors[row, place] = np.nextafter(vectors[row, place], np.float32(step))
    return vectors


@pytest.mark.slow
@settings(max_examples=40)
@given(st.integers(0, 2**32), st.integers(1, 9), st.sampled_from([1, 3, 17]), st.sampled_from([1.0, 1e-20, 1e18]))
def test_counts_in_both_directions_are_those_of_the_definition(seed, n, d, scale):
    generator = np.random.default_rng(seed)
    images = nearly_equal(generator, n, d) * np.float32(scale)
    texts = nearly_equal(generator, int(generator.integers(1, 30)), d)
    if generator.integers(2):  # lengths of all sizes
        texts *= np.float32(2.0) ** generator.integers(-9, 9, (len(texts), 1)).astype(np.float32)
    relevant = captions_of_images(generator.integers(0, n, len(texts)), n)
    found = rank_both(images, texts, *relevant)
    for counts, sides, asked in zip(found, ((images, texts), (texts, images)), relevant, strict=True):
        greater, tied = by_definition(*sides, asked)
        assert counts.greater.tolist() == greater
        assert counts.tied.tolist() == tied


CASES = {
    "random": lambda rng: (unit_vectors(rng, 90, 33), unit_vectors(rng, 2500, 33)),
    "nearly equal": lambda rng: (nearly_equal(rng, 90, 33), nearly_equal(rng, 2500, 33)),
    "a constant model": lambda rng: (np.ones((90, 7), np.float32), np.full((2500, 7), 0.3, np.float32)),
    "constant pictures": lambda rng: (np.ones((90, 7), np.float32), unit_vectors(rng, 2500, 7)),
    "zeros": lambda rng: (np.zeros((90, 7), np.float32), unit_vectors(rng, 2500, 7)),
    "opposites": lambda rng: (unit_vectors(rng, 90, 1), unit_vectors(rng, 2500, 1)),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_one_product_serves_both_directions(case):
    generator = np.random.default_rng(4)
    images, texts = CASES[case](generator)
    i2t, t2i = captions_of_images(generator.integers(0, 90, 2500), 90)
    apart = (
        rank_counts(images[i2t.rows], texts, i2t.indptr, i2t.positives),
        rank_counts(texts, images, t2i.indptr, t2i.positives),
    )
    assert same(rank_both(images, texts, i2t, t2i), apart)
    assert same(rank_both(images, texts, i2t, t2i, block=61), apart)
    exact = images.astype(np.float64) @ texts.astype(np.float64).T
    if case == "random":
        owners = t2i.positives
        assert apart[1].greater.tolist() == (exact > exact[owners, np.arange(2500)]).sum(axis=0).tolist()
    if case == "a constant model":
        assert (apart[0].tied == 2500).all()
        assert (apart[1].tied == 90).all()


@pytest.mark.slow
@pytest.mark.parametrize("controlled", [True, False])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("case", CASES)
def test_threads_change_nothing(case, threads, controlled, monkeypatch):
    if not controlled:  # a BLAS that cannot be told how many threads to use
        monkeypatch.setattr(blocks, "_blas", lambda: ThreadpoolController().select(user_api="none"))
    generator = np.random.default_rng(4)
    images, texts = CASES[case](generator)
    relevant = captions_of_images(generator.integers(0, 90, 2500), 90)
    sides = side("images", images).shared(), side("texts", texts).shared()
    engine = CpuEngine(threads)
    found = count_all(*sides, relevant, engine)
    engine.close()
    if side("images", images).of_one_scale():
        assert same(found, rank_both(images, texts, *relevant))


def test_the_threads_of_the_blas_come_back():
    def threads():
        return [each["num_threads"] for each in blocks._blas().info()]

    before = threads()
    with blocks.single_threaded_products() as used:
        assert set(threads()) <= {1}
        assert used == max(before, default=None)
    images = np.ones((3, 2), np.float32)
    with pytest.raises(ValueError, match="block 0"):
        rank_counts(images, images, np.arange(4), np.arange(3), block=0)
    rank_counts(images, images, np.arange(4), np.arange(3))
    assert threads() == before


def test_rankings_in_several_threads_leave_the_blas_as_it_was():
    before = [each["num_threads"] for each in blocks._blas().info()]
    images = unit_vectors(np.random.default_rng(1), 200, 8)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: rank_counts(images, images, np.arange(201), np.arange(200)), range(8)))
    assert all((each.greater == found[0].greater).all() for each in found)
    assert [each["num_threads"] for each in blocks._blas().info()] == before


def test_many_positives_are_counted_as_few_are():
    generator = np.random.default_rng(8)
    images, texts = nearly_equal(generator, 40, 16), nearly_equal(generator, 700, 16)
    # Pictures of one class answer to every text of the class: far more positives than are compared one by one.
    classes = np.arange(40) % 2
    of_text = np.arange(700) % 2
    rows = [np.flatnonzero(of_text == label) for label in classes]
    columns = [np.flatnonzero(classes == label) for label in of_text]
    i2t, t2i = (
        Relevant(np.arange(len(lists)), np.cumsum([0, *map(len, lists)]), np.concatenate(lists))
        for lists in (rows, columns)
    )
    for counts, sides, asked in zip(
        rank_both(images, texts, i2t, t2i), ((images, texts), (texts, images)), (i2t, t2i), strict=True
    ):
        scores = sides[0].astype(np.float64) @ sides[1].astype(np.float64).T  # exact enough where it tells apart
        for query in range(0, len(sides[0]), 37):
            span = slice(asked.indptr[query], asked.indptr[query + 1])
            positives = asked.positives[span]
            above = (scores[query][None] > scores[query, positives][:, None] + 1e-6).sum(axis=1)
            reached = (scores[query][None] >= scores[query, positives][:, None] - 1e-6).sum(axis=1)
            assert (above <= counts.greater[span]).all()
            assert (counts.greater[span] + counts.tied[span] <= reached).all()
    first = np.concatenate([row[:3] for row in rows])
    few = rank_counts(images, texts, np.arange(0, 121, 3), first)
    many = rank_both(images, texts, i2t, t2i)[0]
    for query, row in enumerate(rows):
        assert few.greater[3 * query : 3 * query + 3].tolist() == many.greater[i2t.indptr[query] :][:3].tolist()
        assert few.tied[3 * query : 3 * query + 3].tolist() == many.tied[i2t.indptr[query] :][:3].tolist()
        assert len(row) > 16


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_files_mapped_to_memory_rank_as_arrays_do(tmp_path, dtype):
    generator = np.random.default_rng(2)
    images, texts = (unit_vectors(generator, n, 24).astype(dtype) for n in (300, 1500))
    relevant = captions_of_images(np.arange(1500) % 300, 300)
    mapped = []
    for name, vectors in (("images", images), ("texts", texts)):
        np.save(tmp_path / name, vectors)
        mapped.append(np.load(tmp_path / f"{name}.npy", mmap_mode="r"))
    found = rank_both(*mapped, *relevant, block=200)
    assert same(found, rank_both(images.astype(np.float32), texts.astype(np.float32), *relevant))


@settings(max_examples=50)
@given(st.integers(0, 2**32), st.sampled_from([1, 2, 64, 1000]))
def test_a_product_in_float32_keeps_to_its_bound_in_any_order(seed, d):
    generator = np.random.default_rng(seed)
    one, two = (side("x", unit_vectors(generator, 20, d) * np.float32(generator.uniform(0.1, 9))) for _ in range(2))
    left, right = one.part(slice(None)), two.part(slice(None))
    bound = float32_error(d, one.norms, float(two.norms.max()))
    exact = exact_scores(left, right)
    order = generator.permutation(d)
    worst = np.zeros(20, np.float32)
    for place in order:  # one sum after the other: the worst order there is
        worst += left[:, place] * right[:, place]
    assert (np.abs(worst - exact) <= bound).all()
    assert (np.abs((left[:, order] * right[:, order]).sum(axis=1, dtype=np.float32) - exact) <= bound).all()


def test_the_grid_holds_whole_numbers_that_float32_can_say():
    vectors = np.random.default_rng(0).standard_normal((50, 40)).astype(np.float32)
    vectors[0, 0] = 30
    whole = side("x", vectors).part(slice(None))
    assert whole.dtype == np.float32
    assert (whole == np.rint(whole)).all()
    assert np.linalg.norm(whole.astype(float), axis=1).max() < 2**26.26


def test_what_does_not_fit_is_refused():
    images, texts = np.ones((2, 3), np.float32), np.ones((4, 3), np.float32)
    i2t, t2i = captions_of_images(np.array([0, 0, 1, 1]), 2)
    with pytest.raises(ValueError, match="the images hold NaN"):
        rank_both(images * np.nan, texts, i2t, t2i)
    with pytest.raises(ValueError, match="the texts hold NaN or infinite"):
        rank_both(images, texts.astype(np.float64) * 1e300, i2t, t2i)
    with pytest.raises(ValueError, match="expected floats"):
        rank_both(images.astype(int), texts, i2t, t2i)
    with pytest.raises(ValueError, match="increasing order"):
        rank_both(images, texts, Relevant(np.array([1, 0]), i2t.indptr, i2t.positives), t2i)
    with pytest.raises(ValueError, match="outside the 2 images"):
        captions_of_images(np.array([0, 2]), 2)
    with pytest.raises(ValueError, match="outside the gallery of 2"):
        rank_both(images, texts, i2t, Relevant(t2i.rows, t2i.indptr, t2i.positives + 1))


def test_a_side_without_queries_stands_in_the_gallery():
    generator = np.random.default_rng(3)
    images, texts = unit_vectors(generator, 5, 8), unit_vectors(generator, 9, 8)
    none = np.empty(0, dtype=np.int64)
    silent = Relevant(none, np.zeros(1, dtype=np.int64), none)
    some = Relevant(np.array([1, 4]), np.array([0, 1, 3]), np.array([8, 0, 2]))
    forth, back = rank_both(images, texts, some, silent)
    assert same([forth], [rank_counts(images[[1, 4]], texts, some.indptr, some.positives)])
    assert len(back.greater) == 0
