"""Captioners as models: what they write, what they may not depend on, and what they refuse."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="baselines are torch modules: pip install 'mmbench[baselines]'")

from tiny_tasks import COLOURS, TinyTraining, asks, described_of, describing, picture  # noqa: E402

from mmbench.core import DataError, Generate, NotComparableError, PluginError, UnknownNameError, UsageError  # noqa: E402
from mmbench.data import load_pixels  # noqa: E402
from mmbench_baselines import catalog  # noqa: E402
from mmbench_baselines.captioner.model import Captioner  # noqa: E402
from mmbench_baselines.captioner.words import split  # noqa: E402
from mmbench_baselines.encoded import Raw  # noqa: E402
from mmbench_baselines.model import build, count_parameters  # noqa: E402
from mmbench_baselines.settings import Search, Settings  # noqa: E402
from mmbench_baselines.training import captioning  # noqa: E402
from mmbench_baselines.training.captioning import word_accuracy  # noqa: E402
from mmbench_baselines.training.material import material  # noqa: E402

pytestmark = pytest.mark.slow

WELL = {"search": "greedy", "steps": 120, "lr": 0.01, "batch": 6, "dim": 16, "checks": 4}
BOTH = ["captioner", "captioner-blind"]


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """A captioner that has learned its few pictures by heart, and where it lies."""
    return describing(folder=tmp_path_factory.mktemp("learned")).fit("captioner", **WELL)


@pytest.fixture(scope="module")
def blind():
    return describing().fit("captioner-blind", **WELL)


def beamed(model, beam):
    """The same weights, written with by beam search."""
    found = type(model)(device="cpu", search="beam", beam=beam)
    found._trained = replace(model._trained, search=Search(beam))
    return found


def requests_about(media, **more):
    return [Generate(parts=(medium, "Describe it."), id=f"r{n}", **more) for n, medium in enumerate(media)]


# --- what is learned ---


def test_it_says_of_a_picture_what_its_references_say(learned):
    said = learned.generate(asks(described_of("train")))
    assert all(text in sample.references for text, sample in zip(said, described_of("train"), strict=True))
    assert learned.learned.val["word_accuracy"] > 0.9
    assert len({colour for colour in COLOURS for text in said if colour in text}) == len(COLOURS)


def test_its_blind_twin_says_the_same_of_every_picture(blind):
    media = [picture(colour, place) for colour in COLOURS for place in range(3)]
    assert len(set(blind.generate(requests_about(media)))) == 1
    model = blind._trained.model
    words = torch.randint(0, 5, (4, 6), generator=torch.Generator().manual_seed(1))
    made = [model(Raw(torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(n))), words) for n in (1, 2)]
    assert torch.equal(*made)
    assert not [name for name, _ in model.named_parameters() if name.startswith("encoders")]


def test_only_the_one_that_sees_looks_at_images(learned, blind):
    assert learned.learned.modalities == ("image", "text")
    assert blind.learned.modalities == ("text",)


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("options", [{}, {"layers": 2, "heads": 2}])
def test_its_parameters_are_those_of_the_closed_form_and_gradient_reaches_all(name, options):
    model = build(name, vocabulary=9, dim=8, options=options)
    assert isinstance(model, Captioner)
    baseline = catalog.baseline(name)
    around = baseline.parameters(dim=8, vocabulary=9) - baseline.card.parameters(d=8, v=9)
    assert count_parameters(model) == around + baseline.card.parameters(d=8, v=9, **options)
    pictures = Raw(torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)))
    words = torch.tensor([[0, 2, 3, 4, 5], [0, 4, 6, 7, 8]])
    model(pictures, words).square().mean().backward()
    used = {0, 2, 3, 4, 5, 6, 7, 8}
    for which, value in model.named_parameters():
        assert torch.any(value.grad), which
    assert set(model.decoder.embedding.weight.grad.any(dim=1).nonzero()[:, 0].tolist()) == used


def test_no_word_knows_what_comes_after_it():
    model = build("captioner", vocabulary=9, dim=8).eval()
    pictures = Raw(torch.rand(1, 3, 16, 16))
    words = torch.tensor([[0, 2, 3, 4, 5]])
    for place in range(1, 5):
        other = words.clone()
        other[0, place:] = 8
        before, after = model(pictures, words)[0], model(pictures, other)[0]
        torch.testing.assert_close(before[:place], after[:place])
        assert not torch.allclose(before[place:], after[place:])


def test_written_word_by_word_is_as_read_at_once():
    model = build("captioner", vocabulary=9, dim=8).eval()
    memory = model.remember(Raw(torch.rand(3, 3, 16, 16)))
    words = torch.randint(0, 9, (6, 7), generator=torch.Generator().manual_seed(3))
    whole = model.decoder(memory, words)
    writing = model.decoder.start(memory, each=2)
    for place in range(7):
        torch.testing.assert_close(writing.step(words[:, place]), whole[:, place], atol=1e-5, rtol=1e-5)
    order = torch.tensor([1, 0, 2, 2, 5, 5])
    writing.keep(order)
    longer = torch.cat([words[order], torch.full((6, 1), 4)], dim=1)
    torch.testing.assert_close(writing.step(longer[:, -1]), model.decoder(memory, longer)[:, -1], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", BOTH)
def test_the_loss_is_the_mean_surprise_of_the_words_of_its_captions(name, monkeypatch):
    training = describing()
    monkeypatch.setattr(captioning, "AT_A_TIME", 9)
    found = material("captions", (training.train, training.val), training.requests, 16)
    model = build(name, vocabulary=found.reader.size, dim=8).eval()
    objective = found.objective(model)
    surprise = []
    for row in (1, 4):
        pixels = torch.from_numpy(load_pixels([training.train[row].parts[0]], 16))
        medium = Raw(pixels.permute(0, 3, 1, 2).float() / 255)
        for caption in training.train[row].references:
            ids = objective.lexicon.encode(caption)
            logits = model(medium, torch.tensor([[0, *ids]]))[0].log_softmax(dim=1)
            surprise += [-logits[place, word].item() for place, word in enumerate([*ids, 0])]
    loss = objective.loss(np.array([1, 4]), np.zeros((2, 2), dtype=np.int64))
    assert loss.item() == pytest.approx(np.mean(surprise), rel=1e-4)


def test_what_is_measured_is_how_near_greedy_captions_come(learned):
    trained = learned._trained
    training = describing()
    said = learned.generate(asks(training.val))
    near = [word_accuracy(text, sample.references) for text, sample in zip(said, training.val, strict=True)]
    assert trained.card.best == pytest.approx(np.mean(near))


@pytest.mark.parametrize(
    ("caption", "references", "expected"),
    [
        ("a b c", ["x", "a b c"], 1.0),
        ("a b c", ["a b c d"], 3 / 4),
        ("a c b", ["a b c"], 1 / 3),
        ("", ["a b"], 0.0),
        ("a b c d e f", ["x y"], 0.0),
        ("b c", ["a b c", "x y"], 2 / 3),
    ],
)
def test_word_accuracy_counts_insertions_deletions_and_replacements(caption, references, expected):
    assert word_accuracy(caption, references) == pytest.approx(expected)


# --- how it writes ---


@pytest.mark.parametrize("beam", [None, 1, 3])
def test_what_it_writes_does_not_depend_on_what_else_is_asked(learned, beam):
    model = learned if beam is None else beamed(learned, beam)
    requests = requests_about([picture(colour, place) for place in (0, 9, 30) for colour in COLOURS])
    requests[4].max_new_tokens = 2
    requests[5].stop = ("red",)
    together = model.generate(requests)
    assert [model.generate([request])[0] for request in requests] == together
    assert model.generate(requests[::-1]) == together[::-1]
    assert model.generate(requests) == together


def test_a_beam_of_one_writes_what_greedy_search_writes(learned):
    requests = requests_about([picture(colour, place) for place in (1, 17) for colour in COLOURS])
    assert beamed(learned, 1).generate(requests) == learned.generate(requests)


@pytest.mark.parametrize("beam", [None, 4])
def test_it_writes_no_more_than_it_may(learned, beam):
    model = learned if beam is None else beamed(learned, beam)
    for most in (1, 2, 3, 64):
        said = model.generate(requests_about([picture("red"), picture("blue")], max_new_tokens=most))
        assert all(1 <= len(split(text)) <= most for text in said)
    assert model.generate(requests_about([picture("red")], max_new_tokens=0)) == [""]


@pytest.mark.parametrize("beam", [None, 4])
def test_it_stops_before_what_it_is_told(learned, beam):
    model = learned if beam is None else beamed(learned, beam)
    (free,) = model.generate(requests_about([picture("green", 5)]))
    words = split(free)
    for one, other in pairwise(words):
        (text,) = model.generate(requests_about([picture("green", 5)], stop=(other.strip(), "nowhere")))
        assert other.strip() not in text
        if beam is None:
            assert text == free[: free.index(other.strip())].rstrip()
        assert one
    assert model.generate(requests_about([picture("green", 5)], stop=("", "nowhere"))) == [free]


def test_nothing_asked_is_nothing_written(learned):
    assert learned.generate([]) == []


def test_the_prompt_is_not_read(learned):
    media = [picture("red")] * 3
    texts = ["", "zzz " * 5000, "\N{GRINNING FACE}"]
    requests = [Generate(parts=(medium, text)) for medium, text in zip(media, texts, strict=True)]
    assert len(set(learned.generate([*requests, Generate(parts=(media[0],))]))) == 1


# --- what it refuses ---


@pytest.mark.parametrize("name", BOTH)
def test_a_request_without_a_picture_or_with_two_is_refused_by_its_id(learned, blind, name):
    model = {"captioner": learned, "captioner-blind": blind}[name]
    for parts in (("Describe it.",), (picture("red"), picture("blue"))):
        with pytest.raises(UsageError, match="captioning/tiny/s1/0"):
            model.generate([Generate(parts=parts, id="captioning/tiny/s1/0")])
    training = describing()
    training.train = [replace(training.train[0], parts=("Describe it.",)), *training.train[1:]]
    with pytest.raises(UsageError, match="there is none"):
        training.fit(name)
    assert training.reports == []


def test_training_samples_without_captions_are_refused():
    training = describing()
    training.train = [replace(sample, references=()) for sample in training.train]
    with pytest.raises(DataError, match="no captions to learn from"):
        training.fit("captioner")
    training = describing()
    training.val = [replace(sample, references=()) for sample in training.val]
    with pytest.raises(DataError, match="captioner on captioning/tiny: 6 training and 0 validation samples"):
        training.fit("captioner")


def test_words_of_the_validation_split_that_training_never_showed_are_no_obstacle():
    training = describing()
    training.val = [replace(sample, references=("quite another thing",)) for sample in training.val]
    assert training.fit("captioner").learned.val["word_accuracy"] == 0.0


@pytest.mark.parametrize(
    ("wrong", "near"), [("beems", "'beam'"), ("serch", "'search'"), ("layrs", "'layers'"), ("stesp", "'steps'")]
)
def test_an_unknown_option_gets_the_nearest(wrong, near):
    with pytest.raises(UnknownNameError, match=f"option of captioner: '{wrong}'.*{near}"):
        Settings.parse("captioner", {wrong: 1})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"search": "bean"}, "'beam'"),
        ({"search": "beam", "beam": 0}, "beam=0: expected a whole number from 1 up"),
        ({"search": "beam", "beam": True}, "beam=True: expected a whole number"),
        ({"search": "greedy", "beam": 8}, "leave one of the two out"),
        ({"layers": 0}, "decoder 'captioner': layers=0"),
        ({"head": "mlp"}, "captioner has no head"),
        ({"image_encoder": "gru"}, "reads text, not image"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, words):
    with pytest.raises((UsageError, UnknownNameError), match=words):
        Settings.parse("captioner", options)


def test_no_other_baseline_has_a_search_and_the_blind_one_has_no_encoder():
    with pytest.raises(UnknownNameError, match="'search'"):
        Settings.parse("concat", {"search": "beam"})
    with pytest.raises(UnknownNameError, match="'image_encoder'"):
        Settings.parse("captioner-blind", {"image_encoder": "cnn"})


# --- what is kept ---


def test_another_search_is_no_other_checkpoint(learned):
    plain, wide = (Settings.parse("captioner", given) for given in ({"search": "greedy"}, {"beam": 2}))
    assert plain.digest() == wide.digest()
    assert (plain.search, wide.search) == (Search(None), Search(2))
    assert Settings.parse("captioner", {"search": "beam"}).search == Settings.parse("captioner", {}).search == Search(4)
    training = describing(folder=None)
    again = training.fit("captioner", checkpoint=learned.learned.checkpoint, search="beam", beam=2)
    assert training.reports == []
    requests = asks(described_of("val"))
    assert again.generate(requests) == beamed(learned, 2).generate(requests)


def test_a_checkpoint_of_other_captions_is_not_taken(learned):
    training = describing()
    first, *rest = training.train
    training.train = [replace(first, references=(first.references[0], "something else")), *rest]
    with pytest.raises(NotComparableError, match="other samples"):
        training.fit("captioner", checkpoint=learned.learned.checkpoint)
    with pytest.raises(NotComparableError, match="holds the baseline 'captioner', not 'captioner-blind'"):
        describing().fit("captioner-blind", checkpoint=learned.learned.checkpoint)


def test_a_training_that_was_killed_ends_with_the_same_bytes(tmp_path):
    class KilledError(Exception):
        pass

    def kill(progress):
        if progress.done == 6:
            raise KilledError

    whole = describing(folder=tmp_path / "whole").fit("captioner")
    with pytest.raises(KilledError):
        describing(folder=tmp_path / "killed", at_step=kill).fit("captioner")
    training = describing(folder=tmp_path / "killed")
    resumed = training.fit("captioner")
    assert training.reports[0].done == 5
    weights = [model._trained.model.state_dict() for model in (whole, resumed)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_it_learns_to_write_what_questions_are_answered_with():
    training = TinyTraining()
    said = training.fit("captioner").generate(asks(training.val))
    assert len(said) == len(training.val)


def test_captions_are_asked_of_a_captioner_alone(learned):
    trained = TinyTraining().fit("concat", steps=1)._trained
    with pytest.raises(UsageError, match="'concat' does not write captions"):
        trained.captions([])
    with pytest.raises(UsageError, match="'captioner' does not embed"):
        learned._trained.embeddings([])
    learner = type(learned)()
    with pytest.raises(PluginError, match="'captioner' has not been trained"):
        learner.generate(asks(described_of("val")))
