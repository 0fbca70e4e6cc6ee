"""The `fit` of every baseline: take the weights of an earlier training where there are any, and train otherwise."""

from __future__ import annotations

import contextlib
import hashlib
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import torch

from mmbench.core import DataError, FitContext, NotComparableError, Sample, TaskInfo, UsageError, derive_seed
from mmbench.data import split_by_group
from mmbench_baselines.catalog import baseline
from mmbench_baselines.examples import image_of
from mmbench_baselines.files import canonical_json, make_folder, not_written
from mmbench_baselines.model import count_parameters
from mmbench_baselines.settings import VERSION, Settings
from mmbench_baselines.shipped import place_of, shipped_folder
from mmbench_baselines.text import choices_of, text_of
from mmbench_baselines.trained import Trained, built, device_of
from mmbench_baselines.training import checkpoint
from mmbench_baselines.training.loop import Progress, Trainer, TrainingCallbacks
from mmbench_baselines.training.material import material

HELD_OUT = 0.1
"""Share of the training groups that become validation samples where a task has none."""
PACKAGES = ("mmbench", "numpy", "safetensors", "torch")
"""Packages whose versions stand on the card."""

Samples = Sequence[Sample]


@dataclass(frozen=True, slots=True)
class _Data:
    """Training and validation samples."""

    train: Samples
    val: Samples
    digest: str
    """sha256 of everything that a model is shown of them, in order."""


def fit(settings: Settings, task: TaskInfo, split: tuple[Samples, Samples], context: FitContext) -> Trained:
    """Give the trained model of these settings, samples and seed.

    The first of these that exists is taken: the checkpoint that the settings name, the weights shipped with the package
    (unless the context asks to train), the checkpoint of an earlier training, a new training.

    Raises:
        RunFailedError: If the loss diverges, or the checkpoint cannot be written.
        NotComparableError: If a checkpoint is damaged, or belongs to other data or another version.
    """
    data = _data(*split, context, references=None if baseline(settings.baseline).kind == "captions" else 1)
    if settings.checkpoint is not None:
        return _given(settings, Path(settings.checkpoint), task, data)
    if not context.retrain and (shipped := _shipped(settings, task, data, context)) is not None:
        return shipped
    if context.folder is None:
        return _train(settings, task, data, context, None)
    key = checkpoint.key_of(settings, task.name, data.digest, context.seed)
    folder = checkpoint.folder_of(context.folder, settings, task.name, context.seed, key)
    with contextlib.ExitStack() as stack:
        if not (folder / checkpoint.CARD).is_file():  # the card is written last: where it is, the checkpoint is whole
            stack.enter_context(_alone(folder, context))
        if (folder / checkpoint.CARD).is_file():
            return _load(settings, folder, task, data, context.seed)
        return _train(settings, task, data, context, folder)


def _data(train: Samples, val: Samples, context: FitContext, *, references: int | None) -> _Data:
    """Hold validation samples out where there are none, and digest what is shown: so many references, None for all.

    A digest takes a second for ten thousand samples, so the last one is kept for as long as the requests are the same.
    """
    known = _known.get(context.requests)
    if known is None or known[0] is not train or known[1] is not val or known[2] != references:
        known = train, val, references, _digested(train, val, context, references)
        _known[context.requests] = known
    return known[3]


_known: WeakKeyDictionary[Any, tuple[Samples, Samples, int | None, _Data]] = WeakKeyDictionary()


def _digested(train: Samples, val: Samples, context: FitContext, references: int | None) -> _Data:
    if not train:
        raise DataError("there are no training samples")
    if not val:
        kept, out = split_by_group([sample.cluster for sample in train], HELD_OUT)
        if not kept or not out:
            raise DataError(f"{len(train):,} training samples are too few to hold some of them out for validation")
        train, val = [train[number] for number in kept], [train[number] for number in out]
    digest = hashlib.sha256()
    for name, samples in (("train", train), ("val", val)):
        for sample in samples:
            shown = []
            for request in context.requests(sample):
                image = image_of(request)
                shown.append((request.kind, image.digest if image else "", text_of(request), choices_of(request)))
            digest.update(canonical_json([name, sample.cluster, sample.references[:references], sample.choices, shown]))
    return _Data(train, val, digest.hexdigest())


def _given(settings: Settings, folder: Path, task: TaskInfo, data: _Data) -> Trained:
    card = checkpoint.load_card(folder)
    if card.baseline != settings.baseline:
        raise NotComparableError(f"{folder} holds the baseline {card.baseline!r}, not {settings.baseline!r}")
    if card.task != task.name or card.data != data.digest:
        raise NotComparableError(
            f"{folder} was trained on {card.task} with other samples than those of {task.name} today: train it again"
        )
    return _restored(settings, folder, card)


def _shipped(settings: Settings, task: TaskInfo, data: _Data, context: FitContext) -> Trained | None:
    """The weights shipped for these settings, samples and seed; None where there are none, or none that are whole."""
    folder = shipped_folder(settings.baseline, task.name, context.seed)
    if folder is None:
        return None
    try:
        card = checkpoint.load_card(folder)
        if (card.data, card.settings) != (data.digest, settings.determines()):
            return None
        trained = _restored(settings, folder, card)
    except (NotComparableError, UsageError) as error:
        context.note(f"the weights shipped with mmbench cannot be used, training instead: {error}")
        return None
    context.note("weights: shipped with mmbench")
    trained.checkpoint = place_of(folder)
    return trained


def _load(settings: Settings, folder: Path, task: TaskInfo, data: _Data, seed: int) -> Trained:
    card = checkpoint.load_card(folder)
    if (card.task, card.data, card.seed, card.settings) != (task.name, data.digest, seed, settings.determines()):
        raise NotComparableError(f"{folder} does not hold what its name says; remove it to train again")
    return _restored(settings, folder, card)


def _restored(settings: Settings, folder: Path, card: checkpoint.Card) -> Trained:
    try:
        trained_with = Settings.parse(card.baseline, _options(card))
    except (UsageError, KeyError, TypeError, AttributeError) as error:
        raise NotComparableError(f"the settings on the card of {folder} do not fit {card.baseline}: {error}") from error
    device = device_of(settings.device)
    weights = checkpoint.load_weights(folder, card)
    try:
        model = built(
            trained_with, vocabulary=card.reader.size, classes=max(1, len(card.answers)), seed=card.seed, device=device
        )
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise NotComparableError(f"the weights in {folder} are not those of its card: {error}") from error
    return Trained(model, card, trained_with.size, str(folder), settings.search)


def _options(card: checkpoint.Card) -> dict[str, object]:
    """The settings of a card as options."""
    settings = dict(card.settings)
    encoders = {f"{name}_encoder": encoder for name, encoder in settings.pop("encoders").items()}
    options = {**settings.pop("budget"), **settings.pop("fusion"), **encoders, **settings}
    del options["baseline"]
    return options


def _train(settings: Settings, task: TaskInfo, data: _Data, context: FitContext, folder: Path | None) -> Trained:
    where = f"{settings.baseline} on {task.name}"
    found = material(baseline(settings.baseline).kind, (data.train, data.val), context.requests, settings.size)
    reader, answers = found.reader, found.answers
    if not found.train or not found.val:
        raise DataError(f"{where}: {found.train:,} training and {found.val:,} validation samples can be learned from")
    model = built(
        settings,
        vocabulary=reader.size,
        classes=max(1, len(answers)),
        seed=derive_seed("first weights", context.seed),
        device=device_of(settings.device),
    )
    objective = found.objective(model)
    earlier = None if folder is None else checkpoint.load_progress(folder)
    if earlier is not None:
        context.note(f"training goes on at step {earlier.step:,} of {settings.budget.steps:,}")
    callbacks = TrainingCallbacks(partial(_keep, folder), context.report)
    done = Trainer(model, objective, settings.budget, context.seed).run(earlier or Progress(), callbacks)
    model.load_state_dict(done.best)
    card = checkpoint.Card(
        schema_version=checkpoint.SCHEMA_VERSION,
        version=VERSION,
        baseline=settings.baseline,
        task=task.name,
        data=data.digest,
        seed=context.seed,
        settings=settings.determines(),
        words=list(reader.words),
        closing=[(None if choices is None else list(choices), list(lines)) for choices, lines in reader.closing],
        answers=list(answers),
        parameters=count_parameters(model),
        weights="",
        measure=objective.measure,
        checks=[asdict(check) for check in done.checks],
        best_step=done.best_step,
        steps=done.step,
        train_s=done.seconds,
        samples_per_s=done.seen / done.seconds if done.seconds else 0.0,
        versions={"python": platform.python_version(), **{name: metadata.version(name) for name in PACKAGES}},
        machine=_machine(model),
    )
    if folder is not None:
        card = checkpoint.save(folder, card, done.best)
    return Trained(model, card, settings.size, None if folder is None else str(folder), settings.search)


def _keep(folder: Path | None, progress: Progress) -> None:
    if folder is not None:
        checkpoint.save_progress(folder, progress)


def _machine(model: torch.nn.Module) -> str:
    device = next(model.parameters()).device
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{platform.machine()} CPU, {threads} thread{'s' if threads > 1 else ''}"


@contextlib.contextmanager
def _alone(folder: Path, context: FitContext) -> Iterator[None]:
    """Let one process train a checkpoint, and another that wants the same wait for it."""
    from filelock import FileLock, Timeout

    make_folder(folder.parent)
    path = folder.with_name(f"{folder.name}.lock")
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        context.note(f"another process is training {folder.name}; waiting for it")
        lock.acquire()
    except OSError as error:
        raise not_written(path, error) from error
    try:
        yield
    finally:
        lock.release()
