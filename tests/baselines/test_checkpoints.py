"""What was learned, kept: to the bit, found again by all that determines it, and safe on a full disk."""

import contextlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="baselines are torch modules: pip install 'mmbench[baselines]'")

from safetensors.torch import load_file
from tiny_tasks import (
    CLASSES,
    QUICK,
    YES_NO,
    TinyTraining,
    asked,
    asks,
    captions_of,
    described_of,
    picture,
    questions_of,
    requests_of,
    training_for,
)

from mmbench.core import Choose, RunFailedError, UsageError
from mmbench_baselines import catalog
from mmbench_baselines.adapter import CaptioningBaseline
from mmbench_baselines.settings import Settings
from mmbench_baselines.training import checkpoint

pytestmark = pytest.mark.slow


def folder_of(learned):
    return Path(learned.learned.checkpoint)


def outputs(learned):
    """All that it says about the validation samples, to the bit."""
    if hasattr(learned, "embed"):
        return learned.embed(asks(captions_of("val"))).tobytes()
    if isinstance(learned, CaptioningBaseline):
        return learned.generate(asks(described_of("val")))
    requests = asks(questions_of("val"))
    chosen = learned.choose([Choose(parts=request.parts, choices=request.choices) for request in requests])
    return [learned.generate(requests), chosen]


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_a_loaded_baseline_answers_as_the_trained_one_to_the_bit(tmp_path, name):
    first, second = (training_for(name, folder=tmp_path) for _ in range(2))
    trained, loaded = first.fit(name), second.fit(name)
    assert (len(first.reports), second.reports) == (QUICK["steps"], []), "the second one does not train"
    assert outputs(loaded) == outputs(trained)
    assert loaded.learned == trained.learned
    assert loaded.learned.modalities == catalog.baseline(name).modalities
    given = training_for(name).fit(name, checkpoint=str(folder_of(trained)))
    assert outputs(given) == outputs(trained)


def test_a_checkpoint_is_two_files_that_others_can_read(tmp_path):
    learned = TinyTraining(folder=tmp_path, seed=3).fit("low-rank", rank=2, text_encoder="lstm")
    folder = folder_of(learned)
    assert folder.parent == tmp_path
    assert folder.name.startswith("low-rank--vqa__tiny--seed3--")
    assert {path.name for path in folder.iterdir()} == {"card.json", "model.safetensors"}
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    said = {name: card[name] for name in ("baseline", "task", "seed", "answers", "measure", "steps", "parameters")}
    assert said == {
        "baseline": "low-rank",
        "task": "vqa/tiny",
        "seed": 3,
        "answers": ["blue", "green", "no", "red", "yes"],
        "measure": "accuracy",
        "steps": QUICK["steps"],
        "parameters": learned.learned.parameters,
    }
    assert card["settings"]["fusion"] == {"rank": 2}
    assert card["settings"]["encoders"] == {"text": "lstm"}
    assert card["settings"]["budget"]["steps"] == QUICK["steps"]
    assert {"mmbench", "python", "torch"} <= set(card["versions"])
    assert "device" not in card["settings"]
    weights = load_file(folder / "model.safetensors")
    assert sum(value.numel() for value in weights.values()) == learned.learned.parameters


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert TinyTraining().fit().learned.checkpoint is None
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_is_found_where_nothing_may_be_written(tmp_path):
    folder = folder_of(TinyTraining(folder=tmp_path).fit())
    (lock,) = tmp_path.glob("*.lock")
    lock.unlink()
    lock.mkdir()
    again = TinyTraining(folder=tmp_path)
    assert folder_of(again.fit()) == folder
    assert again.reports == []
    (folder / checkpoint.CARD).unlink()
    with pytest.raises(RunFailedError, match=r"cannot write .*lock"):
        TinyTraining(folder=tmp_path).fit()


# --- by all that determines it ---

OPTIONS = {
    "dim": 4,
    "size": 24,
    "head": "linear",
    "steps": 13,
    "batch": 7,
    "lr": 0.00217,
    "weight_decay": 0.0123,
    "shift": 9,
    "checks": 17,
    "patience": 77,
    "text_encoder": "lstm",
}
"""Values that are nobody's default."""


def other_samples():
    """By what differs: training and validation samples that are not those of a `TinyTraining`."""
    train, val = questions_of("train"), questions_of("val")
    first, rest = train[0], train[1:]
    medium, text = first.parts
    yield "a picture", [replace(first, parts=(picture("red", 7), text)), *rest], val
    yield "a word", [replace(first, parts=(medium, text.replace("What", "Which"))), *rest], val
    yield "an answer", [replace(first, references=("red",)), *rest], val
    yield "the choices", [replace(first, choices=("red", "green", "blue")), *rest], val
    yield "a group", [replace(first, group="another"), *rest], val
    yield "the order", [*rest, first], val
    yield "one sample less", rest, val
    yield "one validation sample less", train, val[1:]
    yield "one that changes sides", [*train, val[0]], val[1:]
    yield "one more without a picture", [*train, asked("new", None, "Is it?", "yes", YES_NO)], val


def test_every_change_of_seed_setting_task_or_sample_gives_a_checkpoint_of_its_own(tmp_path):
    quick = {**QUICK, "steps": 1}
    trainings = {
        "as it is": (TinyTraining(), {}),
        "seed": (TinyTraining(seed=1), {}),
        "task": (TinyTraining(task="vqa/other"), {}),
    }
    trainings |= {f"option {name}": (TinyTraining(), {name: value}) for name, value in OPTIONS.items()}
    trainings |= {what: (TinyTraining(train, val), {}) for what, train, val in other_samples()}
    open_ended = TinyTraining(requests=lambda sample: [replace(each, choices=None) for each in requests_of(sample)])
    trainings["choices that are not shown"] = (open_ended, {})
    folders = {}
    for what, (training, options) in trainings.items():
        training.folder = tmp_path
        folders[folder_of(training.fit(**{**quick, **options}))] = what
        assert training.reports, f"{what}: it trains"
    assert len(folders) == len(trainings)
    for what, (training, options) in trainings.items():
        training.reports.clear()
        assert folders[folder_of(training.fit(**{**quick, **options}))] == what
        assert training.reports == []


def test_the_names_of_samples_and_what_models_never_see_do_not_count(tmp_path):
    folder_of(TinyTraining(folder=tmp_path).fit())
    renamed = [
        replace(sample, id=f"x{sample.id}", meta={"a": 1}, slices={"b": "c"}) for sample in questions_of("train")
    ]
    training = TinyTraining(renamed, folder=tmp_path)
    training.fit()
    assert training.reports == []


def test_the_options_of_a_fusion_count_and_how_a_number_is_written_does_not():
    keys = [Settings.parse("low-rank", options).digest() for options in ({}, {"rank": 3}, {"rank": 4})]
    assert len(set(keys)) == 3
    assert len({Settings.parse("two-tower", {"lr": rate}).digest() for rate in (1, 1.0)}) == 1


def test_the_digest_of_weights_changes_with_every_option_but_the_device():
    digest = CLASSES["concat"].weights_digest
    found = [digest(), *(digest(**{name: value}) for name, value in OPTIONS.items())]
    assert len(set(found)) == len(found)
    assert digest(device="cpu") == digest()
    assert len({kind.weights_digest() for kind in CLASSES.values()}) == len(CLASSES)


def test_the_digest_of_a_given_checkpoint_is_that_of_its_weights(tmp_path):
    one, other = (folder_of(TinyTraining(folder=tmp_path, seed=seed).fit()) for seed in (0, 1))
    digest = CLASSES["concat"].weights_digest
    assert digest(checkpoint=str(one)) == json.loads((one / "card.json").read_text())["weights"]
    assert len({digest(), digest(checkpoint=str(one)), digest(checkpoint=str(other))}) == 3
    with pytest.raises(UsageError, match="is not a checkpoint"):
        digest(checkpoint=str(tmp_path))


# --- a full disk ---


@contextlib.contextmanager
def files_up_to(size):
    """No file of this process may grow beyond `size` bytes."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


limits = pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")


@limits
def test_a_full_disk_while_the_state_is_saved_leaves_the_one_before(tmp_path):
    earlier = TinyTraining(folder=tmp_path, seed=1).fit()
    whole = TinyTraining(folder=tmp_path / "whole").fit()
    with contextlib.ExitStack() as stack:
        training = TinyTraining(
            folder=tmp_path, at_step=lambda report: report.done == 5 and stack.enter_context(files_up_to(5_000))
        )
        with pytest.raises(RunFailedError, match=r"no space left to write .*training.safetensors") as error:
            training.fit()
    assert error.value.exit_code == 4
    assert training.reports[-1].done == 7
    (state,) = tmp_path.glob(f"*seed0*/{checkpoint.STATE}")
    progress = checkpoint.load_progress(state.parent)
    assert progress is not None
    assert progress.step == 4
    assert [path.name for path in state.parent.iterdir()] == [checkpoint.STATE], "nothing half-written is left"
    again = TinyTraining(folder=tmp_path, seed=1)
    assert outputs(again.fit()) == outputs(earlier)
    assert again.reports == []
    assert outputs(TinyTraining(folder=tmp_path).fit()) == outputs(whole)


@limits
def test_a_full_disk_at_the_end_costs_no_step(tmp_path, monkeypatch):
    unbroken = outputs(TinyTraining(folder=tmp_path / "whole").fit())
    folder, end, write = tmp_path / "full", QUICK["steps"], checkpoint.write_atomic

    def refuse(path, data):
        with files_up_to(100 if path.name == checkpoint.CARD else len(data)):
            write(path, data)

    with contextlib.ExitStack() as stack:
        training = TinyTraining(
            folder=folder, at_step=lambda at: at.done == end and stack.enter_context(files_up_to(5_000))
        )
        with pytest.raises(RunFailedError, match=r"no space left to write .*model.safetensors"):
            training.fit()
    again = TinyTraining(folder=folder)
    monkeypatch.setattr(checkpoint, "write_atomic", refuse)
    with pytest.raises(RunFailedError, match=r"no space left to write .*card.json"):
        again.fit()
    monkeypatch.undo()
    assert outputs(again.fit()) == unbroken
    assert again.reports == []
    (made,) = folder.glob("concat*/")
    assert {path.name for path in made.iterdir()} == {checkpoint.CARD, checkpoint.WEIGHTS}


def test_numbers_on_the_card_are_finite(tmp_path):
    card = TinyTraining(folder=tmp_path).fit()._trained.card
    assert all(np.isfinite(list(check.values())).all() for check in card.checks)
    assert card.train_s > 0
    assert card.samples_per_s > 0
