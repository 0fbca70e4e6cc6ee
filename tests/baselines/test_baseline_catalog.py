"""The catalogue says what every baseline is, without torch; wrong names get the nearest right ones."""

import subprocess
import sys

import pytest

from mmbench.core import MissingExtraError, PluginError, UnknownNameError, UsageError
from mmbench_baselines import catalog
from mmbench_baselines.card import Card, Sizes, evaluate, read_card

NAMED = {
    "attention", "bag-of-words", "captioner", "captioner-blind", "cnn-lstm", "concat", "cross-attention", "film", "gated", "image-only", "late",
    "low-rank", "product", "sum", "tensor", "text-only", "transformer", "two-tower",
}  # fmt: skip
PAIR = ("image", "text")


def test_every_baseline_says_what_it_computes_and_where_it_comes_from():
    assert set(catalog.BASELINES) == NAMED
    for baseline in catalog.BASELINES.values():
        assert baseline.card.formula
        assert baseline.card.reference
        assert baseline.card.description
        assert baseline.parameters() > 0


def test_what_looks_at_one_modality_or_adds_them_up_is_additive_and_nothing_else_is():
    additive = {name for name, baseline in catalog.BASELINES.items() if baseline.additive}
    assert additive == {"text-only", "image-only", "late", "sum", "captioner-blind"}


def test_the_head_decides_whether_concatenation_is_additive():
    assert [catalog.is_additive("concat", head) for head in ("linear", "mlp")] == [True, False]
    assert [catalog.is_additive("sum", head) for head in ("linear", "mlp")] == [True, False]
    assert [catalog.is_additive("text-only", head) for head in ("linear", "mlp")] == [True, True]
    assert not catalog.is_additive("product", "linear")


def test_reading_every_card_loads_no_torch():
    code = (
        "import sys; from mmbench_baselines import catalog\n"
        "for b in catalog.BASELINES.values(): b.card, b.additive, b.parameters()\n"
        "print(sorted({'torch', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_closed_forms_are_arithmetic_and_read_like_it():
    assert evaluate("k*(d**2 + d) - 1", {"k": 2, "d": 3}) == 23
    assert catalog.card("fusion", "gated").closed_form == "k·(d·o + o) + k·(k·d·o + o)"
    for wrong in ("k*q", "__import__('os')", "k/d", "1.5*k"):
        with pytest.raises(PluginError):
            evaluate(wrong, {"k": 2, "d": 3})


@pytest.mark.parametrize(
    ("kind", "wrong", "right"),
    [
        ("fusion", "low_rank", "low-rank"),
        ("fusion", "gate", "gated"),
        ("encoder", "ltsm", "lstm"),
        ("head", "liner", "linear"),
    ],
)
def test_an_unknown_part_gets_the_nearest_names(kind, wrong, right):
    with pytest.raises(UnknownNameError, match=repr(right)):
        catalog.card(kind, wrong)


def test_an_unknown_baseline_gets_the_nearest_names():
    with pytest.raises(UnknownNameError, match="'two-tower'"):
        catalog.baseline("two-towers")


def test_options_are_checked_by_name_and_value():
    card = catalog.card("fusion", "low-rank")
    assert card.with_options({"rank": 3}) == {"rank": 3}
    with pytest.raises(UnknownNameError, match="'rank'"):
        card.with_options({"ranks": 3})
    for wrong in (0, -1, "3", True, 2.0):
        with pytest.raises(UsageError, match="whole number from 1 up"):
            card.with_options({"rank": wrong})


@pytest.mark.parametrize(
    ("fusion", "modalities", "said"),
    [
        ("text-only", ("audio", "image"), "needs the modality 'text'"),
        ("image-only", ("text",), "needs the modality 'image'"),
        ("attention", ("audio", "image"), "set query="),
        ("concat", ("image",), "takes 2 or more modalities"),
        ("tensor", ("a", "b", "c", "d", "e"), "takes 2 to 4 modalities"),
    ],
)
def test_a_fusion_refuses_modalities_that_it_does_not_take(fusion, modalities, said):
    card = catalog.card("fusion", fusion)
    with pytest.raises(UsageError, match=said):
        card.check_modalities(modalities, card.defaults)


def test_sizes_do_not_remember_the_order_of_modalities():
    assert Sizes(("text", "image"), 8, 8) == Sizes(PAIR, 8, 8)
    with pytest.raises(UsageError, match="name of its own"):
        Sizes(("text", "text"), 8, 8)


def test_a_missing_class_is_a_plug_in_error():
    with pytest.raises(PluginError, match="no class Nothing"):
        read_card("mmbench_baselines.fusions.concat:Nothing")
    with pytest.raises(PluginError, match="no module"):
        read_card("mmbench_baselines.nothing:Nothing")


def test_a_fusion_described_by_nothing_counts_as_one_that_lets_modalities_interact():
    assert Card("mine", "m:Mine", "").additive == "never"


def test_without_torch_a_part_names_the_extra_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r'pip install "mmbench\[baselines\]"'):
        catalog.load_part("fusion", "concat")
    with pytest.raises(UnknownNameError, match="'concat'"):
        catalog.load_part("fusion", "conca")
