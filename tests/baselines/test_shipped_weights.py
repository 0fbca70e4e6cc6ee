"""The weights that come with the package: used where they apply, named in the log, and made again by one command."""

import json
import shutil

import pytest

pytest.importorskip("torch", reason="baselines are torch modules: pip install 'mmbench[baselines]'")

from safetensors.torch import load_file
from tiny_tasks import TinyTraining, asks, questions_of

import mmbench
from mmbench_baselines import shipped
from mmbench_baselines.settings import VERSION, Settings
from mmbench_baselines.training import checkpoint

BYTES = 4_500_000
"""What all shipped weights may take."""


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A training of the tests' tiny task whose checkpoint is shipped; the folder in which it lies."""
    monkeypatch.setattr(shipped, "FOLDER", tmp_path / "weights")
    monkeypatch.setattr(shipped, "SHIPPED", {"concat": "vqa/tiny"})
    trained = TinyTraining(folder=tmp_path / "made").fit()
    place = shipped.shipped_folder("concat", "vqa/tiny", 0)
    shutil.copytree(trained.learned.checkpoint, place)
    return place


def test_every_shipped_checkpoint_is_whole_and_of_this_version():
    assert sum(path.stat().st_size for path in shipped.FOLDER.rglob("*") if path.is_file()) <= BYTES
    folders = {shipped.shipped_folder(name, task, shipped.SEED) for name, task in shipped.SHIPPED.items()}
    assert {path for path in shipped.FOLDER.iterdir() if path.is_dir()} == folders
    for name, task in shipped.SHIPPED.items():
        card = checkpoint.load_card(shipped.shipped_folder(name, task, shipped.SEED))
        assert (card.baseline, card.task, card.seed, card.version) == (name, task, shipped.SEED, VERSION)
        assert card.settings == json.loads(json.dumps(Settings.parse(name, {}).determines()))
        assert "1 thread" in card.machine.split(", ")
        weights = checkpoint.load_weights(shipped.shipped_folder(name, task, shipped.SEED), card)
        assert sum(value.numel() for value in weights.values()) == card.parameters


def test_they_are_used_without_training_and_without_a_copy(tiny, tmp_path):
    training = TinyTraining(folder=tmp_path / "checkpoints")
    model = training.fit()
    assert training.reports == []
    assert training.notes == ["weights: shipped with mmbench"]
    assert model.learned.checkpoint == "mmbench_baselines.shipped:concat--vqa__tiny--seed0"
    assert not (tmp_path / "checkpoints").exists()
    requests = asks(questions_of("val"))
    anew = TinyTraining(retrain=True).fit()
    assert model.generate(requests) == anew.generate(requests)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "options"),
    [
        ({"retrain": True}, {}),
        ({"seed": 1}, {}),
        ({"task": "vqa/other"}, {}),
        ({"train": questions_of("train")[2:]}, {}),
        ({}, {"lr": 0.002}),
        ({}, {"dim": 4}),
    ],
)
def test_other_settings_data_or_seeds_are_trained(tiny, changes, options):
    training = TinyTraining(**changes)
    training.fit(**options)
    assert training.reports
    assert training.notes == []


def cut(folder):
    path = folder / checkpoint.WEIGHTS
    path.write_bytes(path.read_bytes()[:-1])


def without_card(folder):
    (folder / checkpoint.CARD).unlink()


def of_another_version(folder):
    path = folder / checkpoint.CARD
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": "0"}))


@pytest.mark.slow
@pytest.mark.parametrize("damage", [cut, without_card, of_another_version, shutil.rmtree])
def test_damaged_or_missing_ones_are_trained_with_a_note(tiny, damage):
    damage(tiny)
    training = TinyTraining()
    training.fit()
    assert training.reports
    (note,) = training.notes
    assert note.startswith("the weights shipped with mmbench cannot be used")


@pytest.mark.slow
def test_a_run_says_that_its_weights_were_shipped(tmp_path):
    given = {"out": tmp_path / "runs", "checkpoints": tmp_path / "checkpoints", "progress": False}
    result = mmbench.run("concat", "vqa/scenes", limit=12, **given)
    (run,) = (json.loads(path.read_text()) for path in result.path.glob("run.json"))
    assert run["tasks"]["vqa/scenes"]["learned"]["checkpoint"].startswith("mmbench_baselines.shipped:")
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.slow
@pytest.mark.training
def test_a_training_of_today_gives_the_shipped_weights(tmp_path):
    """On the machine and with the packages that made them, to the bit; elsewhere rounding differs, and grows."""
    name, task = "attention", "vqa/scenes"
    folder = shipped.shipped_folder(name, task, shipped.SEED)
    card = checkpoint.load_card(folder)
    (trained,) = mmbench.train(name, task, retrain=True, checkpoints=tmp_path, progress=False).trained
    again = checkpoint.load_card(tmp_path / trained.learned.checkpoint)
    assert abs(again.best - card.best) <= 0.03
    shapes = {key: value.shape for key, value in load_file(folder / checkpoint.WEIGHTS).items()}
    assert {
        key: value.shape for key, value in load_file(tmp_path / trained.learned.checkpoint / checkpoint.WEIGHTS).items()
    } == shapes
    if again.versions == card.versions and again.machine == card.machine:
        assert again.weights == card.weights
