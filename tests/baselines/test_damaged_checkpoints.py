"""What is damaged, made up, or of something else is refused in a sentence; nothing is ever unpickled."""

import hashlib
import json
import os
import pickle
import random
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="baselines are torch modules: pip install 'mmbench[baselines]'")

from safetensors.torch import load, save  # noqa: E402
from tiny_tasks import TinyTraining, matching, questions_of  # noqa: E402

from mmbench.core import NotComparableError, RunFailedError, UsageError  # noqa: E402
from mmbench_baselines.training.checkpoint import CARD, SCHEMA_VERSION, STATE, WEIGHTS, load_card  # noqa: E402


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """The files of a good checkpoint by name."""
    folder = Path(TinyTraining(folder=tmp_path_factory.mktemp("sound")).fit().learned.checkpoint)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def half_way(tmp_path_factory):
    """The state of a training that was interrupted at its sixth step, and its folder's name."""

    def interrupt(report):
        if report.done == 6:
            raise KeyboardInterrupt

    root = tmp_path_factory.mktemp("half")
    with pytest.raises(KeyboardInterrupt):
        TinyTraining(folder=root, at_step=interrupt).fit()
    (state,) = root.rglob(STATE)
    return state.parent.name, state.read_bytes()


@pytest.fixture
def folder(tmp_path, sound):
    """A copy of the good checkpoint, not where it is looked for."""
    place = tmp_path / "copy"
    place.mkdir()
    for name, data in sound.items():
        (place / name).write_bytes(data)
    return place


def use(folder, **more):
    """A baseline with the checkpoint in this folder."""
    return TinyTraining(**more).fit(checkpoint=str(folder))


def edit(folder, **changes):
    """Change fields of the card; None takes one away."""
    card = {**json.loads((folder / CARD).read_bytes()), **changes}
    (folder / CARD).write_text(json.dumps({name: value for name, value in card.items() if value is not None}))


def replace_weights(folder, data):
    """Put other weights there, and their digest on the card: what somebody would do who wants them to be read."""
    (folder / WEIGHTS).write_bytes(data)
    edit(folder, weights=hashlib.sha256(data).hexdigest())


class Payload:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def pickles(path, target):
    """The payload as pickles of three kinds."""
    payload = Payload(target)
    made = [pickle.dumps(payload)]
    for new in (True, False):
        torch.save({"weights": payload}, path, _use_new_zipfile_serialization=new)
        made.append(path.read_bytes())
    return made


def test_the_copy_is_good(folder):
    assert use(folder).learned.checkpoint == str(folder)


# --- weights ---


def test_truncated_weights_are_refused(folder, sound):
    for length in (0, 1, 7, 8, 100, len(sound[WEIGHTS]) - 1):
        (folder / WEIGHTS).write_bytes(sound[WEIGHTS][:length])
        with pytest.raises(NotComparableError, match=r"damaged or not the file that card.json describes"):
            use(folder)
        replace_weights(folder, sound[WEIGHTS][:length])
        with pytest.raises(NotComparableError, match="not a whole safetensors file"):
            use(folder)
        (folder / CARD).write_bytes(sound[CARD])


def test_one_changed_bit_is_found(folder, sound):
    draw = random.Random(0)
    for _ in range(20):
        data = bytearray(sound[WEIGHTS])
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        (folder / WEIGHTS).write_bytes(data)
        with pytest.raises(NotComparableError, match="damaged"):
            use(folder)


def test_a_pickle_in_place_of_weights_is_never_opened(folder, tmp_path):
    target = tmp_path / "run by the pickle"
    for data in pickles(tmp_path / "pickle", target):
        replace_weights(folder, data)
        with pytest.raises(NotComparableError, match="pickled weights are never read"):
            use(folder)
        assert not target.exists()
    pickle.loads(pickle.dumps(Payload(target)))
    assert target.exists(), "the payload would have worked"


def test_made_up_weights_load_or_are_refused(folder, sound):
    draw, header = random.Random(1), int.from_bytes(sound[WEIGHTS][:8], "little")
    for _ in range(60):
        data = bytearray(sound[WEIGHTS])
        for _ in range(draw.randint(1, 3)):
            data[draw.randrange(8 + header)] = draw.randrange(256)
        replace_weights(folder, bytes(data))
        try:
            use(folder)
        except NotComparableError:
            continue


def test_weights_of_another_width_or_with_other_names_are_refused(folder, sound):
    weights = load(sound[WEIGHTS])
    name = min(weights)
    for changed in (
        {**weights, name: torch.zeros(3)},
        {**weights, "another": torch.zeros(3)},
        {other: value for other, value in weights.items() if other != name},
    ):
        replace_weights(folder, save(changed))
        with pytest.raises(NotComparableError, match="are not those of its card"):
            use(folder)


def test_missing_weights_are_named(folder):
    (folder / WEIGHTS).unlink()
    with pytest.raises(NotComparableError, match=f"cannot read .*{WEIGHTS}: No such file"):
        use(folder)


# --- the card ---


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"null", b"[]", b"7", b'"card"', b"not json", b'{"schema_version": "\xff"}', b"[" * 100_000, b"{}"],
    ids=["empty", "open", "null", "list", "number", "text", "words", "not utf-8", "deep", "no fields"],
)
def test_what_is_no_card_is_refused(folder, data):
    (folder / CARD).write_bytes(data)
    with pytest.raises(NotComparableError, match=f"{CARD} is damaged"):
        use(folder)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"smell": 1}, "unknown field `smell`"),
        ({"seed": "three"}, "Expected `int`"),
        ({"words": [1]}, "Expected `str`"),
        ({"words": None}, "missing required field `words`"),
        ({"schema_version": SCHEMA_VERSION + 1}, f"has schema {SCHEMA_VERSION + 1}; this mmbench reads up to"),
        ({"schema_version": 0}, "damaged: schema_version is 0"),
        ({"schema_version": "1"}, "damaged: schema_version is '1'"),
        ({"version": "0"}, "was trained by version 0 of the baselines"),
        ({"best_step": 999}, "no check at its best step, 999"),
        ({"checks": []}, "no check at its best step"),
        ({"baseline": "sum"}, "holds the baseline 'sum', not 'concat'"),
        ({"words": ["a"]}, "are not those of its card"),
        ({"answers": ["a"]}, "are not those of its card"),
        ({"settings": {}}, "settings on the card"),
        ({"settings": {"encoders": [], "budget": {}, "fusion": {}}}, "settings on the card"),
    ],
)
def test_a_card_that_does_not_hold_is_refused(folder, changes, words):
    edit(folder, **changes)
    with pytest.raises(NotComparableError, match=words) as error:
        use(folder)
    assert error.value.exit_code == 3
    assert len(str(error.value).splitlines()[0]) > 20


@pytest.mark.parametrize(
    "setting",
    [
        {"dim": 0},
        {"dim": 10**14},
        {"dim": 4},
        {"head": "tail"},
        {"size": "16"},
        {"encoders": {"image": "gru"}},
        {"x": 1},
    ],
    ids=str,
)
def test_settings_on_a_card_that_are_none_are_refused(folder, setting):
    settings = json.loads((folder / CARD).read_bytes())["settings"]
    edit(folder, settings={**settings, **setting})
    with pytest.raises(NotComparableError, match="card"):
        use(folder)


def test_a_folder_without_a_card_is_no_checkpoint(folder, tmp_path):
    (folder / CARD).unlink()
    for place in (folder, tmp_path / "nowhere"):
        with pytest.raises(UsageError, match=f"is not a checkpoint: cannot read {CARD}"):
            use(place)
    (folder / CARD).mkdir()
    with pytest.raises(UsageError, match="is not a checkpoint"):
        use(folder)


def test_a_checkpoint_of_other_samples_or_another_task_is_refused(folder):
    with pytest.raises(NotComparableError, match="was trained on vqa/tiny with other samples"):
        use(folder, train=questions_of("train")[:-1])
    with pytest.raises(NotComparableError, match=r"was trained on vqa/tiny .* vqa/other"):
        use(folder, task="vqa/other")
    with pytest.raises(NotComparableError, match="holds the baseline 'concat', not 'two-tower'"):
        matching().fit("two-tower", checkpoint=str(folder))
    use(folder, seed=9)  # whose seed it is does not matter to one that is named


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{"seed": 5}, {"task": "vqa/other"}, {"data": "0"}, {"settings": {}}], ids=str)
def test_a_found_checkpoint_must_hold_what_its_name_says(tmp_path, changes):
    edit(Path(TinyTraining(folder=tmp_path).fit().learned.checkpoint), **changes)
    with pytest.raises(NotComparableError, match="does not hold what its name says; remove it to train again"):
        TinyTraining(folder=tmp_path).fit()


def test_a_good_card_is_read_as_it_was_written(folder, sound):
    card = load_card(folder)
    assert card.reader.size == len(card.words) + 2
    assert card.best == max(check["val"] for check in json.loads(sound[CARD])["checks"])


# --- the state of a training ---


def resume(root, name, data):
    """Go on from this state."""
    (root / name).mkdir(parents=True, exist_ok=True)
    (root / name / STATE).write_bytes(data)
    training = TinyTraining(folder=root)
    training.fit()
    return training.reports[0].done


@pytest.mark.slow
def test_a_damaged_state_is_refused_and_a_good_one_is_not(tmp_path, half_way):
    name, state = half_way
    draw = random.Random(2)
    for length in (0, 8, len(state) // 2, len(state) - 1):
        with pytest.raises(NotComparableError, match=f"{STATE} is not a whole safetensors file"):
            resume(tmp_path, name, state[:length])
    for _ in range(20):
        changed = bytearray(state)
        changed[draw.randrange(len(state))] ^= 1 << draw.randrange(8)
        with pytest.raises(NotComparableError, match=STATE):
            resume(tmp_path, name, bytes(changed))
    with pytest.raises(NotComparableError, match="remove it to train from the beginning"):
        resume(tmp_path, name, save({"weights:a": torch.zeros(3)}))
    assert resume(tmp_path, name, state) == 5


def test_a_pickled_state_is_never_opened(tmp_path, half_way):
    target = tmp_path / "run by the pickle"
    for data in pickles(tmp_path / "pickle", target):
        with pytest.raises(NotComparableError, match="not a whole safetensors file"):
            resume(tmp_path / "root", half_way[0], data)
        assert not target.exists()


def test_a_file_where_the_folder_should_be_is_named(tmp_path, half_way):
    (tmp_path / half_way[0]).write_text("in the way")
    with pytest.raises(RunFailedError, match="cannot write"):
        TinyTraining(folder=tmp_path).fit()
