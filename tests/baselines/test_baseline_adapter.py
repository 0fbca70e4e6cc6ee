"""Baselines as models: what they answer, how they embed, and what they say of themselves."""

import sys
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="baselines are torch modules: pip install 'mmbench[baselines]'")

from tiny_tasks import (  # noqa: E402
    CLASSES,
    COLOURS,
    YES_NO,
    TinyTraining,
    asked,
    asks,
    captions_of,
    matching,
    picture,
    questions_of,
    requests_of,
    training_for,
)

from mmbench.core import Choose, Embed, Generate, MissingExtraError, PluginError, UsageError  # noqa: E402
from mmbench.core.model import capabilities  # noqa: E402
from mmbench.models.outputs import LOWEST_SCORE, check_outputs  # noqa: E402
from mmbench_baselines import catalog, models  # noqa: E402
from mmbench_baselines.adapter import NEVER, Baseline  # noqa: E402
from mmbench_baselines.examples import image_of  # noqa: E402
from mmbench_baselines.trained import device_of  # noqa: E402


@pytest.fixture(scope="module")
def concat():
    return TinyTraining().fit("concat", steps=60, lr=0.01, batch=12)


@pytest.fixture(scope="module")
def towers():
    return matching().fit("two-tower")


def choose_of(request, choices=None):
    return Choose(parts=request.parts, choices=choices or request.choices)


def test_there_is_a_class_for_every_baseline_and_for_nothing_else():
    assert CLASSES.keys() == catalog.BASELINES.keys()
    for name, kind in CLASSES.items():
        assert kind.__module__ == models.__name__
        assert kind.__doc__
        found = capabilities(kind)
        wanted = {"answers": {"generate", "choose"}, "embeddings": {"embed"}, "captions": {"generate"}}
        assert found.kinds == wanted[catalog.baseline(name).kind]
        assert found.learns
        assert not found.asynchronous


# --- answers ---


def test_it_writes_the_choice_that_it_scores_highest(concat):
    requests = asks(questions_of("val", pictures=9))
    scores = concat.choose([choose_of(request) for request in requests])
    for request, own, answer in zip(requests, scores, concat.generate(requests), strict=True):
        assert answer == request.choices[int(np.argmax(own))]
        assert np.logaddexp.reduce(own) <= 1e-5, "log-probabilities of some of the answers"
    assert len(set(concat.generate(requests))) > 2, "it has learned to tell questions apart"


def test_the_order_of_the_choices_does_not_count(concat):
    requests = [replace(request, parts=(request.parts[0], "Is it red?")) for request in asks(questions_of("val"))]
    turned = [replace(request, choices=request.choices[::-1]) for request in requests]
    assert concat.generate(turned) == concat.generate(requests)
    for one, other in zip(*(concat.choose([choose_of(r) for r in given]) for given in (requests, turned)), strict=True):
        assert one == pytest.approx(other[::-1], abs=1e-4)


def test_a_choice_that_training_never_showed_is_never_preferred(concat):
    (request,) = asks(questions_of("val")[:1])
    ((unknown, known),) = concat.choose([choose_of(request, ("purple", "red"))])
    assert (unknown, known > NEVER) == (NEVER, True)
    assert concat.generate([replace(request, choices=("purple", "red"))]) == ["red"]
    assert concat.choose([choose_of(request, ("purple", "pink"))]) == [[NEVER, NEVER]]
    assert concat.generate([replace(request, choices=("purple", "pink"))]) == ["purple"]


def test_it_is_never_preferred_to_the_least_probable_one_either(concat, monkeypatch):
    (request,) = asks(questions_of("val")[:1])
    low = np.full((1, len(concat._trained.card.answers)), -1e4, dtype=np.float32)
    monkeypatch.setattr(type(concat._trained), "log_probabilities", lambda self, examples: low)
    ((unknown, known),) = concat.choose([choose_of(request, ("purple", "red"))])
    assert known > unknown >= LOWEST_SCORE


def test_an_open_question_gets_the_most_probable_answer_of_training(concat):
    open_ended = [replace(request, choices=None) for request in asks(questions_of("val"))]
    everything = tuple(concat._trained.card.answers)
    for request, answer in zip(open_ended, concat.generate(open_ended), strict=True):
        (scores,) = concat.choose([choose_of(request, everything)])
        assert answer == everything[int(np.argmax(scores))]
        assert np.exp(scores).sum() == pytest.approx(1, abs=1e-5)


def test_open_questions_can_be_learned():
    train, val = ([replace(s, choices=None) for s in questions_of(split)] for split in ("train", "val"))
    learned = TinyTraining(train, val).fit("late")
    assert set(learned.generate(asks(val))) <= {*COLOURS, *YES_NO}


def test_what_it_answers_does_not_depend_on_what_else_is_asked(concat):
    requests = [choose_of(request) for request in asks(questions_of("val"))]
    together = concat.choose(requests)
    for place, request in enumerate(requests):
        (alone,) = concat.choose([request])
        assert alone == pytest.approx(together[place], abs=1e-4)
    backwards = concat.choose(requests[::-1])[::-1]
    for one, other in zip(together, backwards, strict=True):
        assert one == pytest.approx(other, abs=1e-4)


@pytest.mark.parametrize("name", ["concat", "late", "product", "attention", "cross-attention", "image-only"])
def test_a_question_without_a_picture_sees_no_image_of_its_neighbours(name):
    blind = [asked(f"b{n}", None, f"Is it {colour}?", "no", YES_NO) for n, colour in enumerate(COLOURS)]
    learned = TinyTraining(train=[*questions_of("train"), *blind]).fit(name)
    (request,) = (choose_of(request) for request in asks(blind[:1]))
    alone = learned.choose([request])[0]
    for colour in COLOURS:
        seeing = choose_of(*asks([asked("s", picture(colour, 3), "Is it red?", "no", YES_NO)]))
        (_, beside, _) = learned.choose([seeing, request, seeing])
        assert beside == pytest.approx(alone, abs=1e-5)


def test_questions_that_all_lack_a_picture_can_be_learned():
    train, val = ([replace(s, parts=s.parts[1:]) for s in questions_of(split)] for split in ("train", "val"))
    learned = TinyTraining(train, val).fit("concat")
    assert len(learned.generate(asks(val))) == len(val)


def test_two_pictures_in_a_question_are_refused_by_its_id(concat):
    request = Generate(parts=(picture("red"), picture("blue"), "Which?"), choices=YES_NO, id="vqa/tiny/s1/0")
    with pytest.raises(UsageError, match="vqa/tiny/s1/0"):
        concat.generate([request])


def test_nothing_asked_is_nothing_answered(concat, towers):
    assert concat.generate([]) == []
    assert concat.choose([]) == []
    assert len(towers.embed([])) == 0
    assert TinyTraining().fit("attention", steps=1).generate([]) == []


def test_words_and_texts_of_any_length_are_answered(concat):
    texts = ["", "?!", "word " * 5000, "zzz qqq", "\N{GRINNING FACE}", "a\n\n\nb"]
    requests = [Generate(parts=(picture("red"), text), choices=YES_NO) for text in texts]
    assert set(concat.generate(requests)) <= set(YES_NO)


# --- embeddings ---


def test_embeddings_are_unit_vectors_in_the_order_asked_for(towers):
    requests = asks(captions_of("val"))
    found = towers.embed(requests)
    assert found.dtype == np.float32
    assert found.shape == (len(requests), 8)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    order = np.random.default_rng(0).permutation(len(requests))
    np.testing.assert_allclose(towers.embed([requests[place] for place in order]), found[order], atol=1e-5)
    assert all(response.status == "ok" for response in check_outputs("embed", requests, found))


def test_an_embedding_does_not_depend_on_the_rest_of_the_batch(towers):
    requests = asks(captions_of("val"))
    together = towers.embed(requests)
    alone = np.concatenate([towers.embed([request]) for request in requests])
    np.testing.assert_allclose(alone, together, atol=1e-5)
    for name in ("image", "text"):
        places = [n for n, request in enumerate(requests) if (image_of(request) is not None) is (name == "image")]
        np.testing.assert_allclose(towers.embed([requests[n] for n in places]), together[places], atol=1e-5)


def test_equal_bags_of_words_embed_alike_to_the_bit_in_any_batch():
    learned = matching().fit("bag-of-words")
    said = [Embed(part=text) for text in ("a red square at 5", "square red 5 a at", "at 5: a SQUARE, red")]
    alone = [learned.embed([request]).tobytes() for request in said]
    beside = learned.embed([Embed(part="a much longer text than those which are compared here"), *said, said[0]])
    assert {*alone, *(row.tobytes() for row in beside[1:])} == {alone[0]}
    other = matching().fit("two-tower")
    assert not np.array_equal(*other.embed(said[:2]))


def test_odd_texts_embed_too(towers):
    found = towers.embed([Embed(part=text) for text in ("", "?!", "word " * 5000, "\N{GRINNING FACE}")])
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


# --- of itself ---


def test_it_says_what_it_has_learned(concat, towers):
    assert concat.learned.modalities == towers.learned.modalities == ("image", "text")
    assert TinyTraining().fit("text-only", steps=1).learned.modalities == ("text",)
    assert TinyTraining().fit("image-only", steps=1).learned.modalities == ("image",)
    assert concat.learned.parameters == sum(x.numel() for x in concat._trained.model.parameters())
    assert set(concat.learned.val) == {"accuracy"}
    assert set(towers.learned.val) == {"recall@1"}
    assert 0 <= concat.learned.val["accuracy"] <= 1
    assert concat.learned.train_s > 0


@pytest.mark.slow
def test_parameters_are_those_of_the_closed_form():
    for name in CLASSES:
        learned = training_for(name).fit(name, steps=1)
        card = learned._trained.card
        sizes = {"dim": 8, "vocabulary": card.reader.size, "classes": len(card.answers)}
        assert learned.learned.parameters == catalog.baseline(name).parameters(**sizes)


def test_before_fit_and_after_close_it_knows_nothing():
    learned = TinyTraining().fit("late", steps=1)
    learned.close()
    for model in (learned, CLASSES["late"]()):
        with pytest.raises(PluginError, match="'late' has not been trained"):
            model.generate(asks(questions_of("val")))
    with pytest.raises(PluginError, match="has not been trained"):
        CLASSES["two-tower"]().embed(asks(captions_of("val")))


def test_devices_that_are_not_there_are_refused_before_training(monkeypatch):
    training = TinyTraining()
    for name in ("cuda:99", "toaster", ""):
        with pytest.raises(UsageError, match=f"device={name!r} cannot be used"):
            training.fit(device=name)
    assert training.reports == []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device_of("auto").type == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device_of("auto").type == device_of("cpu").type == "cpu"


def test_options_that_only_the_parts_can_judge_are_refused_before_training():
    training = TinyTraining()
    with pytest.raises(UsageError, match="heads=3: expected a divisor of the width 8"):
        training.fit("attention", heads=3)
    assert training.reports == []


def test_options_reach_the_parts():
    learned = TinyTraining().fit("attention", heads=2, layers=1, text_encoder="bag-of-words", head="linear", steps=1)
    model = learned._trained.model
    assert (model.fusion.number("heads"), len(model.fusion.blocks)) == (2, 1)
    assert type(model.encoders["text"]).__name__ == "BagOfWords"
    assert type(model.head).__name__ == "LinearHead"


def test_without_torch_the_extra_to_install_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r'pip install "mmbench\[baselines\]"'):
        CLASSES["concat"].weights_digest()
    assert isinstance(CLASSES["concat"](), Baseline)


def test_requests_of_a_tiny_task_are_what_a_task_would_ask():
    (request,) = requests_of(questions_of("val")[0])
    assert isinstance(request, Generate)
    assert request.choices == tuple(COLOURS)
