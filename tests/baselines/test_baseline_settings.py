"""Options of baselines: checked by name, kind and value before anything heavy is loaded."""

import subprocess
import sys
from dataclasses import replace

import pytest

from mmbench.core import UnknownNameError, UsageError
from mmbench_baselines import catalog
from mmbench_baselines.settings import BUDGETS, TOKEN_STEPS, Budget, Settings


@pytest.mark.parametrize("name", catalog.BASELINES)
def test_without_options_a_baseline_is_what_the_catalogue_says(name):
    found = Settings.parse(name, {})
    assert (found.baseline, found.head, dict(found.encoders), dict(found.fusion)) == (name, None, {}, {})
    usual = BUDGETS[catalog.baseline(name).kind]
    assert found.budget == replace(usual, steps=TOKEN_STEPS.get(name, usual.steps)), (
        "all but the number of steps is shared"
    )
    assert (found.device, found.checkpoint) == ("auto", None)


def test_options_find_their_place():
    given = {
        "dim": 32,
        "rank": 4,
        "text_encoder": "transformer",
        "lr": 1,
        "steps": 7,
        "device": "cpu",
        "head": "linear",
    }
    found = Settings.parse("low-rank", given)
    assert (found.dim, found.head, found.device) == (32, "linear", "cpu")
    assert found.fusion == {"rank": 4}
    assert found.encoders == {"text": "transformer"}
    assert (found.budget.lr, found.budget.steps) == (1.0, 7)
    assert found.budget.batch == Budget().batch


@pytest.mark.parametrize("name", catalog.ENCODERS)
def test_every_encoder_can_be_chosen_for_what_it_reads_and_for_nothing_else(name):
    reads = "image" if name == "cnn" else "text"
    assert catalog.card("encoder", name).modality == reads
    usual = catalog.baseline("concat").encoders[reads]
    assert Settings.parse("concat", {f"{reads}_encoder": name}).encoders == ({} if name == usual else {reads: name})
    other = "text" if reads == "image" else "image"
    with pytest.raises(UsageError, match=f"encoder '{name}' reads {reads}, not {other}"):
        Settings.parse("concat", {f"{other}_encoder": name})


@pytest.mark.parametrize(
    ("baseline", "wrong", "near"),
    [
        ("concat", "stesp", "'steps'"),
        ("concat", "text_encodr", "'text_encoder'"),
        ("low-rank", "ranks", "'rank'"),
        ("two-tower", "patiense", "'patience'"),
    ],
)
def test_an_unknown_option_gets_the_nearest_and_all_there_are(baseline, wrong, near):
    with pytest.raises(UnknownNameError, match=f"option of {baseline}: '{wrong}'.*{near}.* It has: dim, size, "):
        Settings.parse(baseline, {wrong: 1})


@pytest.mark.parametrize(
    ("baseline", "option"),
    [("concat", "rank"), ("text-only", "image_encoder"), ("image-only", "text_encoder"), ("two-tower", "heads")],
)
def test_an_option_of_others_is_unknown_here(baseline, option):
    with pytest.raises(UnknownNameError, match=f"'{option}'"):
        Settings.parse(baseline, {option: "gru"})


def test_unknown_names_get_the_nearest():
    with pytest.raises(UnknownNameError, match="'concat'"):
        Settings.parse("conact", {})
    with pytest.raises(UnknownNameError, match="'lstm'"):
        Settings.parse("concat", {"text_encoder": "lstn"})
    with pytest.raises(UnknownNameError, match="'linear'"):
        Settings.parse("concat", {"head": "liner"})


WHOLE = ("dim", "size", "steps", "batch", "checks", "patience", "shift", "rank")


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("value", [True, False, 1.5, 8.0, "8", -1, None, [8], {}], ids=repr)
def test_what_is_no_whole_number_is_refused(name, value):
    with pytest.raises(UsageError, match=f"{name}={value!r}".replace("[", r"\[") if value != -1 else name):
        Settings.parse("low-rank", {name: value})


@pytest.mark.parametrize(
    ("name", "value"), [("dim", 0), ("size", 7), *((name, 0) for name in WHOLE if name not in {"dim", "size", "shift"})]
)
def test_numbers_have_a_lowest_value(name, value):
    with pytest.raises(UsageError, match=f"{name}={value}.*whole number"):
        Settings.parse("low-rank", {name: value})


@pytest.mark.parametrize("name", ["lr", "weight_decay"])
@pytest.mark.parametrize("value", [True, "fast", None, -0.1, float("nan"), float("inf"), 10**400], ids=str)
def test_what_is_no_positive_number_is_refused(name, value):
    with pytest.raises(UsageError, match=name):
        Settings.parse("concat", {name: value})


def test_a_rate_of_0_learns_nothing_and_no_decay_is_fine():
    with pytest.raises(UsageError, match="expected a positive number"):
        Settings.parse("concat", {"lr": 0})
    assert Settings.parse("concat", {"weight_decay": 0, "shift": 0}).budget.weight_decay == 0


@pytest.mark.parametrize("name", ["device", "checkpoint"])
@pytest.mark.parametrize("value", [True, 1, ["cpu"]], ids=str)
def test_device_and_checkpoint_are_texts(name, value):
    with pytest.raises(UsageError, match=f"{name}=.*expected a text"):
        Settings.parse("concat", {name: value})


@pytest.mark.parametrize(
    ("baseline", "head", "words"),
    [
        ("two-tower", "mlp", "two-tower has no head"),
        ("bag-of-words", "none", "bag-of-words has no head"),
        ("concat", "none", "concat goes with the head 'mlp'"),
        ("late", "linear", "late goes with the head 'none'"),
    ],
)
def test_a_head_that_does_not_go_with_it_is_refused(baseline, head, words):
    with pytest.raises(UsageError, match=words):
        Settings.parse(baseline, {"head": head})


def test_importing_what_start_up_needs_and_checking_options_loads_no_torch():
    code = (
        "import sys\n"
        "import mmbench_baselines.models, mmbench_baselines.adapter, mmbench_baselines.settings, mmbench_baselines.text\n"
        "import mmbench_baselines.suites\n"
        "mmbench_baselines.models.LowRank(rank=2)\n"
        "print(sorted({'torch', 'numpy', 'PIL', 'safetensors'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_option_that_is_given_at_its_default_is_the_same_model():
    given = {"rank": 8, "text_encoder": "gru", "head": "mlp", "dim": 64}
    assert Settings.parse("low-rank", given).digest() == Settings.parse("low-rank", {}).digest()
    assert Settings.parse("low-rank", {"rank": 4}).digest() != Settings.parse("low-rank", {}).digest()
