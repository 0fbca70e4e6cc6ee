"""A picture of many questions is encoded once: every fusion gives the same whether rows are shared or copied."""

import pytest

torch = pytest.importorskip("torch", reason="fusions are torch modules: pip install 'mmbench[baselines]'")

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from mmbench.core import UsageError  # noqa: E402
from mmbench_baselines import catalog  # noqa: E402
from mmbench_baselines.card import Sizes  # noqa: E402
from mmbench_baselines.encoded import Encoded  # noqa: E402
from mmbench_baselines.fusions.attention import slots_of  # noqa: E402
from mmbench_baselines.model import build_fusion  # noqa: E402

pytestmark = pytest.mark.slow

DIM, PAIR, TRIO = 8, ("image", "text"), ("audio", "image", "text")
ABOUT = {"image": [2, 0, 2, 3, 0, 0, 2], "text": [0, 1, 2, 3, 4, 5, 6], "audio": [1, 1, 0, 1, 1, 0, 0]}
"""Which of its contents each of 7 rows is about: repeats, in no order; nobody asks about picture 1."""
COUNTS = {"image": 4, "text": 7, "audio": 2}
GONE = torch.tensor([True, True, False, True, False, True, True])
PRESENT = [None, {"image": GONE}, {"text": GONE}, {"image": GONE, "text": ~GONE}, {"image": ~GONE, "text": ~GONE}]


def encoded(modalities=PAIR, *, padded=False, seed=1, gradient=False):
    """Contents, shared by the rows; where `padded`, some tokens are padding and hold NaN."""
    draw = torch.Generator().manual_seed(seed)
    made = {}
    for number, name in enumerate(modalities):
        count, length = COUNTS[name], 3 + number
        mask = torch.ones(count, length, dtype=torch.bool)
        tokens, pooled = torch.randn(count, length, DIM, generator=draw), torch.randn(count, DIM, generator=draw)
        if padded:
            mask[::2, -1] = False
            mask[-1] = False
            tokens[~mask] = float("nan")
        leaves = Encoded(tokens.requires_grad_(gradient), pooled.requires_grad_(gradient), mask)
        made[name] = leaves.take(torch.tensor(ABOUT[name]))
    return made


def copied(shared):
    """The same contents, a copy for each row."""
    return {name: Encoded(x.each(x.tokens), x.each(x.pooled), x.each(x.mask)) for name, x in shared.items()}


def fusion(name, modalities=PAIR):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build_fusion(name, Sizes(modalities, DIM, 5))


def assert_same(one, other):
    torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("modalities", [PAIR, TRIO], ids=["two", "three"])
@pytest.mark.parametrize("name", catalog.FUSIONS)
def test_shared_rows_give_what_copies_give(name, modalities):
    made = fusion(name, modalities)
    for padded in (False, True):
        shared = encoded(modalities, padded=padded)
        for present in PRESENT:
            found = made(shared, present)
            assert found.shape == (7, 5)
            assert_same(found, made(copied(shared), present))


@pytest.mark.parametrize("name", catalog.FUSIONS)
def test_one_modality_may_be_shared_and_another_not(name):
    made, shared = fusion(name), encoded()
    for alone in PAIR:
        assert_same(made({**copied(shared), alone: shared[alone]}), made(shared))


@pytest.mark.parametrize("name", catalog.FUSIONS)
def test_gradients_are_those_of_copies_and_nan_in_padding_stays_there(name):
    made, shared = fusion(name), encoded(padded=True, gradient=True)
    leaves = [x for each in shared.values() for x in (each.tokens, each.pooled)]
    wanted = [*made.parameters(), *leaves]
    noise = torch.randn(7, 5, generator=torch.Generator().manual_seed(3))
    both = [
        torch.autograd.grad((made(given) * noise).sum(), wanted, allow_unused=True, materialize_grads=True)
        for given in (shared, copied(shared))
    ]
    for one, other in zip(*both, strict=True):
        assert torch.isfinite(one).all()
        assert_same(one, other)


@pytest.mark.parametrize("name", catalog.FUSIONS)
def test_pictures_that_nobody_asks_about_do_not_count(name):
    made, shared = fusion(name), encoded()
    image = shared["image"]
    tokens, pooled = image.tokens.clone(), image.pooled.clone()
    tokens[1], pooled[1] = 1e6, -1e6
    other = Encoded(tokens, pooled, image.mask, image.rows)
    assert torch.equal(made({**shared, "image": other}), made(shared))


def test_attention_looks_at_each_picture_once_where_questions_share_it():
    made, shared, looked = fusion("attention"), encoded(), []
    made.blocks[0].attention.key.register_forward_hook(lambda _, given, out: looked.append(tuple(given[0].shape)))
    made(shared)
    made(copied(shared))
    made(shared, {"image": GONE})
    assert looked == [(4, 3, DIM), (7, 3, DIM), (7, 3, DIM)]


def test_a_fusion_of_pooled_vectors_copies_no_token(monkeypatch):
    copies, plain = [], Encoded.each
    monkeypatch.setattr(Encoded, "each", lambda self, values: copies.append(values.ndim) or plain(self, values))
    fusion("concat")(encoded())
    assert copies == [2, 2]
    fusion("transformer")(encoded())
    assert copies.count(3) == 2


def test_rows_of_rows_are_rows():
    shared = encoded()["image"]
    first, second = torch.tensor([3, 0, 0, 6]), torch.tensor([2, 2, 0])
    twice, once = shared.take(first).take(second), shared.take(first[second])
    assert twice.rows.tolist() == once.rows.tolist() == [2, 2, 3]
    assert (len(shared), len(twice), len(Encoded(shared.tokens, shared.pooled, shared.mask))) == (7, 3, 4)
    assert torch.equal(twice.each(twice.pooled), shared.pooled[torch.tensor([2, 2, 3])])


def test_modalities_with_different_numbers_of_rows_are_refused():
    shared = encoded()
    with pytest.raises(UsageError, match="6 rows: expected"):
        fusion("concat")({**shared, "text": shared["text"].take(torch.arange(6))})


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30))
def test_questions_about_one_picture_get_slots_from_0_up(rows):
    pooled = torch.zeros(6, DIM)
    found, slots = slots_of(Encoded(pooled[:, None], pooled, torch.ones(6, 1, dtype=torch.bool), torch.tensor(rows)))
    assert found.tolist() == rows
    assert slots.tolist() == [rows[:place].count(row) for place, row in enumerate(rows)]
