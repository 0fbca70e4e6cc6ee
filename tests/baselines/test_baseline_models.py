"""Encoders and whole models: shapes, padding, word order, shared pictures, two towers."""

import pytest

torch = pytest.importorskip("torch", reason="baselines are torch modules: pip install 'mmbench[baselines]'")

from mmbench.core import UnknownNameError, UsageError  # noqa: E402
from mmbench_baselines import catalog  # noqa: E402
from mmbench_baselines.encoded import Encoded, Raw  # noqa: E402
from mmbench_baselines.model import build, build_encoder, count_parameters  # noqa: E402
from mmbench_baselines.two_tower import MAX_SCALE, TwoTower  # noqa: E402

TEXT = ("bag-of-words", "gru", "lstm", "transformer")
DIM, WORDS = 16, 30


def seeded(make, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def encoder(name, dim=DIM, **options):
    return seeded(lambda: build_encoder(name, dim, WORDS, **options)).eval()


def sentences(rows=5, length=7, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, WORDS, (rows, length), generator=generator)


def pictures(rows=3, size=32, seed=2):
    return torch.rand(rows, 3, size, size, generator=torch.Generator().manual_seed(seed))


def batch(rows=3, name="concat"):
    """What a baseline looks at."""
    both = {"image": Raw(pictures(rows)), "text": Raw(sentences(rows))}
    return {modality: both[modality] for modality in catalog.baseline(name).encoders}


def model(name, **recipe):
    return seeded(lambda: build(name, vocabulary=WORDS, classes=5, dim=DIM, **recipe)).eval()


@pytest.mark.parametrize("name", TEXT)
def test_padding_changes_nothing_for_a_text_encoder(name):
    ids = sentences()
    plain = encoder(name)(Raw(ids))
    assert plain.tokens.shape == (5, 7, DIM)
    assert plain.pooled.shape == (5, DIM)
    before, after = torch.full((5, 2), 9), torch.full((5, 3), 17)
    padded = torch.cat([before, ids, after], dim=1)
    mask = torch.zeros(padded.shape, dtype=torch.bool)
    mask[:, 2:9] = True
    found = encoder(name)(Raw(padded, mask))
    torch.testing.assert_close(found.pooled, plain.pooled)
    torch.testing.assert_close(found.tokens[found.mask], plain.tokens[plain.mask])


@pytest.mark.parametrize("name", TEXT)
def test_rows_of_text_do_not_mix_and_empty_rows_are_finite(name):
    ids = sentences()
    whole = encoder(name)(Raw(ids)).pooled
    alone = encoder(name)(Raw(ids[2:3])).pooled
    torch.testing.assert_close(alone[0], whole[2])
    nothing = encoder(name)(Raw(ids, torch.zeros_like(ids, dtype=torch.bool)))
    assert torch.isfinite(nothing.pooled).all()


@pytest.mark.parametrize("name", ["gru", "lstm", "transformer"])
def test_encoders_that_read_see_the_order_of_words(name):
    ids = sentences()
    assert not torch.allclose(encoder(name)(Raw(ids)).pooled, encoder(name)(Raw(ids.flip(1))).pooled, atol=1e-3)


def test_equal_bags_give_equal_vectors_to_the_bit():
    bags = encoder("bag-of-words", dim=128)
    ids = sentences(rows=1, length=23)
    shuffles = [torch.randperm(23, generator=torch.Generator().manual_seed(seed)) for seed in range(50)]
    orders = torch.cat([ids[:, order] for order in shuffles])
    found = bags(Raw(orders)).pooled
    assert torch.equal(found, found[:1].expand_as(found))
    padded = torch.cat([torch.zeros_like(ids), ids[:, shuffles[0]], torch.ones_like(ids)], dim=1)
    mask = (torch.arange(padded.shape[1]) // 23 == 1)[None]
    assert torch.equal(bags(Raw(padded, mask)).pooled, found[:1])
    assert not torch.equal(bags(Raw(torch.cat([ids, ids[:, :1]], dim=1))).pooled, found[:1])


def test_the_bag_of_words_tower_cannot_tell_equal_bags_apart():
    towers = model("bag-of-words")
    ids = sentences(rows=4)
    encoded = towers.encode({"image": Raw(pictures(4)), "text": Raw(torch.cat([ids, ids.flip(1)]))})
    vectors = towers.embed(encoded["text"])
    assert torch.equal(vectors[:4], vectors[4:])


@pytest.mark.parametrize("size", [32, 64, 40])
def test_the_cnn_takes_any_resolution(size):
    found = encoder("cnn")(Raw(pictures(size=size)))
    length = found.tokens.shape[1]
    assert 1 < length < size**2
    assert (found.tokens.shape, found.mask.shape) == ((3, length, DIM), (3, length))
    assert found.pooled.shape == (3, DIM)
    assert found.mask.all()


def test_the_cnn_knows_where_it_looks():
    blank = torch.zeros(1, 3, 64, 64)
    tokens = encoder("cnn")(Raw(blank)).tokens[0]
    assert torch.pdist(tokens).min() > 1e-3


def test_half_of_what_the_cnn_pools_starts_as_an_average_over_the_picture():
    cnn = encoder("cnn")
    averages = torch.rand(2, 64, 16, generator=torch.Generator().manual_seed(0))
    elsewhere = averages[:, :, torch.arange(16).roll(5)]
    here, there = (cnn.to_pooled(grid.flatten(1)) for grid in (averages, elsewhere))
    torch.testing.assert_close(here[:, : DIM // 2], there[:, : DIM // 2])
    assert ((here - there)[:, DIM // 2 :].abs() > 1e-4).all()


def test_pictures_of_a_batch_do_not_mix():
    cnn = encoder("cnn")
    torch.testing.assert_close(cnn(Raw(pictures())).pooled[1], cnn(Raw(pictures()[1:2])).pooled[0])


def test_what_is_no_picture_is_refused():
    with pytest.raises(UsageError, match=r"\[n, 3, h, w\]"):
        encoder("cnn")(Raw(torch.zeros(2, 1, 64, 64)))


def test_an_unknown_option_of_an_encoder_gets_the_nearest():
    with pytest.raises(UnknownNameError, match="'channels'"):
        encoder("cnn", channel=3)
    with pytest.raises(UnknownNameError, match="It has: none"):
        encoder("gru", layers=2)


@pytest.mark.parametrize("name", catalog.BASELINES)
def test_a_baseline_has_as_many_parameters_as_its_closed_form_says(name):
    baseline = catalog.baseline(name)
    built = model(name)
    assert count_parameters(built) == baseline.parameters(dim=DIM, vocabulary=WORDS, classes=5)
    assert getattr(built, "additive", False) == baseline.additive


@pytest.mark.parametrize("name", sorted(catalog.FUSIONS))
def test_a_picture_shared_by_many_questions_is_encoded_once(name):
    made = model(name)
    which = {"image": torch.tensor([0, 1, 1, 0, 1]), "text": torch.tensor([2, 1, 0, 1, 2])}
    once = batch(name=name)
    logits = made({modality: Raw(raw.values[which[modality]]) for modality, raw in once.items()})
    encoded = made.encode(once)
    found = made.fuse({modality: each.take(which[modality]) for modality, each in encoded.items()})
    assert logits.shape == (5, 5)
    torch.testing.assert_close(found, logits)


@pytest.mark.parametrize("name", ["late", "concat", "attention"])
def test_a_missing_picture_has_no_influence_on_the_logits(name):
    made = model(name)
    gone = {"image": torch.tensor([True, False, True])}
    one = made(batch(), gone)
    other = made({**batch(), "image": Raw(torch.cat([pictures()[:1], torch.ones(1, 3, 32, 32), pictures()[2:]]))}, gone)
    torch.testing.assert_close(one, other)


def test_a_linear_head_makes_concatenation_additive():
    assert model("concat", head="linear").additive
    assert not model("concat").additive
    assert not model("sum", head="mlp").additive


def test_a_recipe_may_name_its_encoders_and_options():
    made = model("low-rank", encoders={"text": "transformer"}, options={"rank": 2})
    assert made(batch()).shape == (3, 5)
    assert made.fusion.options == {"rank": 2}
    with pytest.raises(UnknownNameError, match="'gru'"):
        model("concat", encoders={"text": "grü"})
    with pytest.raises(UnknownNameError, match="modality"):
        made.encode({"sound": Raw(sentences())})


def test_two_towers_score_by_cosine_times_a_bounded_temperature():
    towers = model("two-tower")
    encoded = towers.encode(batch())
    image, text = towers.embed(encoded["image"]), towers.embed(encoded["text"])
    torch.testing.assert_close(image.norm(dim=1), torch.ones(3))
    torch.testing.assert_close(towers.fuse(encoded), image @ text.T / 0.07)
    with torch.no_grad():
        towers.log_scale.fill_(50.0)
    assert towers.scale.item() == pytest.approx(MAX_SCALE)


def test_the_loss_of_two_towers_is_infonce_both_ways():
    vectors = {"image": torch.eye(3), "text": torch.eye(3)[[1, 0, 2]]}
    towers = model("two-tower")
    ones = torch.ones(3, 1, dtype=torch.bool)
    encoded = {name: Encoded(x[:, None], x, ones) for name, x in vectors.items()}
    scores = (vectors["image"] @ vectors["text"].T / 0.07).double()
    own = [-scores[i, i] + torch.logsumexp(scores[i], 0) for i in range(3)]
    own += [-scores[i, i] + torch.logsumexp(scores[:, i], 0) for i in range(3)]
    torch.testing.assert_close(towers.loss(encoded).double(), sum(own) / 6)


def without_gradient(made, output):
    """Names of the parameters that an output does not depend on."""
    found = dict(made.named_parameters())
    gradients = torch.autograd.grad(
        output.sum(), list(found.values()), retain_graph=True, allow_unused=True, materialize_grads=True
    )
    return {name for name, gradient in zip(found, gradients, strict=True) if not gradient.any()}


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, each in catalog.BASELINES.items() if each.kind != "captions"])
def test_gradient_reaches_all_but_the_output_of_an_encoder_that_is_not_asked_for(name):
    made = model(name)
    encoded = made.encode(batch(name=name))
    loss = made.loss(encoded) if isinstance(made, TwoTower) else made.fuse(encoded).square().sum()
    expected = set()
    if "image" in encoded:
        looks_at_tokens = name in {"attention", "cross-attention", "film", "transformer"}
        asked_for = encoded["image"].tokens if looks_at_tokens else encoded["image"].pooled
        weighted = asked_for * torch.arange(asked_for.numel()).view_as(asked_for)
        expected = {key for key in without_gradient(made, weighted) if key.startswith("encoders.image.")}
    assert without_gradient(made, loss) == expected


def test_there_are_exactly_two_towers():
    with pytest.raises(UsageError, match="2 modalities"):
        TwoTower({"text": encoder("gru")})
