"""Every registered fusion keeps the contract; the suite sees what is broken on purpose."""

import pytest

torch = pytest.importorskip("torch", reason="fusions are torch modules: pip install 'mmbench[baselines]'")

from torch import nn  # noqa: E402

from mmbench.core import UnknownNameError, UsageError  # noqa: E402
from mmbench_baselines import catalog  # noqa: E402
from mmbench_baselines.card import Sizes  # noqa: E402
from mmbench_baselines.contract import CHECKS, check_fusion  # noqa: E402
from mmbench_baselines.encoded import Encoded  # noqa: E402
from mmbench_baselines.fusions.concat import Concat  # noqa: E402
from mmbench_baselines.fusions.low_rank import LowRank  # noqa: E402
from mmbench_baselines.model import build_fusion, count_parameters  # noqa: E402

pytestmark = pytest.mark.slow

PAIR = ("image", "text")


def failed(factory, **options):
    return {check.name for check in check_fusion(factory, **options).failed}


@pytest.mark.parametrize("name", catalog.FUSIONS)
def test_a_registered_fusion_keeps_every_promise(name):
    report = check_fusion(catalog.load_part("fusion", name))
    assert report.ok, str(report)
    assert [check.name for check in report.checks] == list(CHECKS)


@pytest.mark.parametrize("name", catalog.FUSIONS)
def test_a_registered_fusion_keeps_them_with_three_modalities(name):
    report = check_fusion(catalog.load_part("fusion", name), modalities=("text", "audio", "image"), skip={"xor"})
    assert report.ok, str(report)


@pytest.mark.parametrize("name", catalog.FUSIONS)
def test_the_card_read_from_the_source_is_that_of_the_class(name):
    assert catalog.card("fusion", name) == catalog.load_part("fusion", name).card()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("attention", {"heads": 2, "layers": 1, "query": "image"}),
        ("cross-attention", {"heads": 8, "layers": 1}),
        ("film", {"layers": 3, "query": "image"}),
        ("late", {"hidden": 5}),
        ("low-rank", {"rank": 3}),
        ("tensor", {"rank": 5}),
        ("transformer", {"heads": 1, "layers": 3}),
    ],
)
def test_options_keep_the_promises(name, options):
    report = check_fusion(lambda sizes: build_fusion(name, sizes, **options), skip={"xor"})
    assert report.ok, str(report)


@pytest.mark.parametrize("name", catalog.FUSIONS)
def test_the_closed_form_holds_where_no_two_sizes_are_equal(name):
    fusion = build_fusion(name, Sizes(PAIR, 12, 7))
    assert count_parameters(fusion) == catalog.card("fusion", name).fusion_parameters(Sizes(PAIR, 12, 7))


class ListedFactors(LowRank):
    """Low-rank fusion whose factors lie in a plain list, where torch does not find them."""

    def __init__(self, sizes, **options):
        super().__init__(sizes, **options)
        listed = [parameter.detach().double().requires_grad_() for parameter in self.factors.values()]
        del self.factors
        self.factors = dict(zip(sizes.modalities, listed, strict=True))


class Normalised(Concat):
    """Batch normalisation lets the rows of a batch look at one another."""

    count = "k*d*o + o + 2*o"

    def __init__(self, sizes, **options):
        super().__init__(sizes, **options)
        self.batch = nn.BatchNorm1d(sizes.out)

    def join(self, given):
        return self.batch(super().join(given))


class Unused(Concat):
    count = "k*d*o + o + 1"

    def __init__(self, sizes, **options):
        super().__init__(sizes, **options)
        self.spare = nn.Parameter(torch.zeros(1))


class Boastful(Concat):
    additive = "never"


class Modest(Concat):
    additive = "always"


class Careless(Concat):
    """It looks at padding and at what is missing."""

    def forward(self, encoded, present=None):
        given = [encoded[name] for name in self.sizes.modalities]
        return self.map(torch.cat([x.each(x.pooled) + x.each(x.tokens).mean(1) for x in given], dim=1))


class AsGiven(Concat):
    """It takes modalities in the order in which they come."""

    def prepare(self, encoded, present):
        given = super().prepare(encoded, present)
        given.pooled.update({name: given.pooled.pop(name) for name in encoded})
        return given


@pytest.mark.parametrize(
    ("broken", "checks"),
    [
        (ListedFactors, {"registered", "parameter-count", "state-dict"}),
        (Normalised, {"rows"}),
        (Unused, {"gradient"}),
        (Boastful, {"additive", "xor"}),
        (Modest, {"additive", "xor"}),
        (Careless, {"padding", "present", "names"}),
        (AsGiven, {"order"}),
    ],
)
def test_the_suite_finds_what_is_broken(broken, checks):
    assert failed(broken, skip=() if "xor" in checks else {"xor"}) == checks


def test_a_lost_factor_is_named():
    report = check_fusion(ListedFactors, skip={"xor"})
    (found,) = [check.detail for check in report.checks if check.name == "registered"]
    assert "factors['image'] [8, 9, 8]" in found


def test_a_fusion_that_cannot_be_built_is_a_failed_check():
    def broken(sizes):
        raise ValueError("no such thing")

    report = check_fusion(broken)
    assert str(report).splitlines()[1:] == ["FAIL  builds: ValueError: no such thing"]


def test_checking_leaves_the_generator_as_it_was():
    before = torch.get_rng_state()
    check_fusion(Concat, skip={"xor"})
    assert torch.equal(before, torch.get_rng_state())


def test_unknown_names_and_options_get_the_nearest():
    with pytest.raises(UnknownNameError, match="'product'"):
        build_fusion("produkt", Sizes(PAIR, 8, 8))
    with pytest.raises(UnknownNameError, match="'layers'"):
        build_fusion("film", Sizes(PAIR, 8, 8), layer=2)
    with pytest.raises(UsageError, match="divisor of the width 8"):
        build_fusion("attention", Sizes(PAIR, 8, 8), heads=3)
    with pytest.raises(UsageError, match="needs the modality 'text'"):
        build_fusion("text-only", Sizes(("audio", "image"), 8, 8))


def test_inputs_that_do_not_fit_are_refused():
    fusion = build_fusion("concat", Sizes(PAIR, 8, 8))
    mask = torch.ones(2, 3, dtype=torch.bool)
    good = Encoded(torch.zeros(2, 3, 8), torch.zeros(2, 8), mask)
    for wrong in (
        Encoded(torch.zeros(2, 3, 4), torch.zeros(2, 8), mask),
        Encoded(torch.zeros(2, 3, 8), torch.zeros(3, 8), mask),
        Encoded(torch.zeros(2, 4, 8), torch.zeros(2, 8), mask),
    ):
        with pytest.raises(UsageError, match="expected"):
            fusion({"image": good, "text": wrong})
    with pytest.raises(UsageError, match=r"expected bool \[2\]"):
        fusion({"image": good, "text": good}, {"text": torch.ones(2)})
    with pytest.raises(UnknownNameError, match="'text'"):
        fusion({"image": good, "text": good}, {"texd": torch.ones(2, dtype=torch.bool)})
