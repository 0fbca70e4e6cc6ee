"""Samples as tensors: pictures once, missing pictures, moved pictures, which answers count."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="baselines are torch modules: pip install 'mmbench[baselines]'")

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from hypothesis.extra import numpy as arrays  # noqa: E402
from tiny_tasks import COLOURS, YES_NO, TinyTraining, asked, captions_of, matching, picture, questions_of, requests_of  # noqa: E402

from mmbench.core import DataError, Embed, Generate, Media, Sample, UsageError  # noqa: E402
from mmbench.data import split_by_group  # noqa: E402
from mmbench_baselines import examples as module  # noqa: E402
from mmbench_baselines.examples import (  # noqa: E402
    Images,
    allowed_mask,
    captions,
    frequent_answers,
    image_of,
    inputs,
    questions,
)
from mmbench_baselines.text import Reader  # noqa: E402
from mmbench_baselines.training.fit import HELD_OUT  # noqa: E402

CPU = torch.device("cpu")
ANSWERS = ("blue", "green", "no", "red", "yes")


def read(samples, answers=ANSWERS, size=16):
    reader = Reader.learn(request for sample in samples for request in requests_of(sample))
    return questions(samples, requests_of, reader, answers, size)


def test_a_picture_and_a_text_are_there_once_however_many_questions_share_them():
    found = read(questions_of("train", pictures=5))
    assert found.images.pixels.shape == (5, 16, 16, 3)
    assert found.image.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert len(found.texts.ids) == len({sample.parts[1] for sample in questions_of("train", pictures=5)})
    assert found.groups[:3] == ("train-picture-0", "train-picture-0", "train-picture-1")
    assert [ANSWERS[number] for number in found.answers[:4]] == ["blue", "yes", "green", "no"]


def test_equal_pixels_are_one_picture_and_every_picture_gets_the_size_asked_for():
    samples = [asked(f"s{n}", picture("red", size=40), "What?", "red", ("red",), group="g") for n in range(3)]
    found = read(samples, size=24)
    assert found.images.pixels.shape == (1, 24, 24, 3)
    assert found.image.tolist() == [0, 0, 0]


def test_a_question_without_a_picture_has_number_minus_1_and_is_marked_as_lacking_it():
    samples = [asked("a", None, "Is it red?", "yes", YES_NO), asked("b", picture("red"), "Is it red?", "yes", YES_NO)]
    found = read(samples)
    assert found.image.tolist() == [-1, 0]
    _, _, present = inputs(found, np.array([1, 0, 1]), CPU, wanted=("image", "text"))
    assert {name: here.tolist() for name, here in present.items()} == {"image": [True, False, True]}


def test_where_no_question_has_a_picture_one_stands_in():
    found = read([asked("a", None, "Is it red?", "yes", YES_NO)])
    raw, where, present = inputs(found, np.array([0]), CPU, wanted=("image", "text"))
    assert raw["image"].values.shape == (1, 3, 16, 16)
    assert where["image"].tolist() == [0]
    assert present["image"].tolist() == [False]


def test_more_than_one_picture_is_refused_by_the_id_of_the_request():
    twice = Generate(parts=(picture("red"), "or", picture("blue"), "?"), id="vqa/tiny/s7/0")
    with pytest.raises(UsageError, match=r"vqa/tiny/s7/0: .*one image and a text; given: image, image"):
        image_of(twice)
    sound = Media("audio", "audio/wav", "0" * 64, picture("red").source)
    for request in (Generate(parts=(sound, "what?"), id="s8"), Embed(part=sound, id="s8")):
        with pytest.raises(UsageError, match=r"s8: .*given: audio"):
            image_of(request)


def test_the_image_of_a_request_is_found_wherever_it_stands():
    medium = picture("red")
    assert image_of(Generate(parts=("What is", medium, "?"))) is medium
    assert image_of(Embed(part=medium)) is medium
    assert image_of(Embed(part="a text")) is None
    assert image_of(Generate(parts=("no picture",))) is None


def test_questions_whose_answer_training_never_showed_are_left_out():
    samples = [asked(name, picture("red"), f"{name}?", name, None) for name in ("red", "purple", "blue")]
    found = read([*samples, Sample("nothing", ("What?",))])
    assert [ANSWERS[number] for number in found.answers] == ["red", "blue"]
    assert found.groups == ("red", "blue")
    assert len(found) == 2


def test_the_most_frequent_answers_are_kept_in_alphabetical_order(monkeypatch):
    samples = [Sample(f"s{n}", (), (answer, "not this")) for n, answer in enumerate("bbbaaacd")]
    assert frequent_answers(samples) == ("a", "b", "c", "d")
    monkeypatch.setattr(module, "MOST_ANSWERS", 3)
    assert frequent_answers(samples) == ("a", "b", "c")
    with pytest.raises(DataError, match="no answers"):
        frequent_answers([Sample("s", ())])


def test_inputs_hold_each_picture_once_and_say_whose_it_is():
    found = read(questions_of("train"))
    rows = np.array([7, 0, 6, 1])
    raw, where, present = inputs(found, rows, CPU, wanted=("image", "text"))
    assert raw["image"].values.shape == (2, 3, 16, 16)
    assert present == {}
    for place, row in enumerate(rows):
        pixels = found.images.pixels[found.image[row]].transpose(2, 0, 1) / np.float32(255)
        np.testing.assert_allclose(raw["image"].values[where["image"][place]].numpy(), pixels, rtol=1e-6)
        ids, mask = (x[where["text"][place]] for x in (raw["text"].values, raw["text"].mask))
        expected = found.texts.ids[found.text[row]]
        assert ids[mask].tolist() == expected[expected > 0].tolist()
    assert raw["text"].mask.any(dim=0).all(), "no column is padding alone"
    assert set(inputs(found, rows, CPU, wanted=("text",))[0]) == {"text"}


def test_captions_stand_beside_their_picture():
    samples = captions_of("train", pictures=3)
    reader = Reader.learn(request for sample in samples for request in requests_of(sample))
    found = captions(samples, requests_of, reader, 16)
    assert found.image.tolist() == [0, 0, 1, 1, 2, 2]
    assert sorted(found.text.tolist()) == [0, 1, 2, 3, 4, 5]
    assert found.groups == tuple(f"train-{n}" for n in (0, 0, 1, 1, 2, 2))
    assert set(found.answers.tolist()) == {-1}


@pytest.mark.parametrize("parts", [(picture("red"), "a", picture("blue")), ("a", "b")])
def test_captions_of_two_pictures_or_of_none_are_refused_by_the_sample(parts):
    with pytest.raises(UsageError, match=f"sample s3: .*given: {sum(isinstance(p, Media) for p in parts)}"):
        captions([Sample("s3", parts)], requests_of, Reader((), ()), 16)


pixels = arrays.arrays(np.uint8, st.tuples(st.integers(1, 3), st.just(5), st.just(5), st.just(3)))


@pytest.mark.slow
@given(pixels, st.data())
def test_shifts_move_pictures_down_and_right_and_repeat_their_edges(before, data):
    count, size = before.shape[:2]
    shifts = data.draw(arrays.arrays(np.int64, (count, 2), elements=st.integers(-7, 7)))
    moved = Images(before).raw(np.arange(count), CPU, shifts).values
    for number, (down, right) in enumerate(shifts):
        rows, columns = (np.clip(np.arange(size) - by, 0, size - 1) for by in (down, right))
        expected = before[number][rows][:, columns].transpose(2, 0, 1)
        np.testing.assert_array_equal((moved[number] * 255).round().to(torch.uint8).numpy(), expected)


def test_each_picture_gets_a_shift_of_its_own_whatever_rows_share_it():
    found = read(questions_of("train"))
    shifts = np.array([[2, 0], [0, -3], [9, 9], [9, 9]])
    raw, _, _ = inputs(found, np.array([2, 3, 0, 1]), CPU, wanted=("image",), shifts=shifts)
    expected = found.images.raw(np.array([0, 1]), CPU, shifts[:2])
    assert torch.equal(raw["image"].values, expected.values)


def test_answers_that_a_question_allows():
    asked_about = [("no", "yes"), None, ("purple", "red"), ("purple",)]
    assert allowed_mask(asked_about, ("no", "red", "yes")).tolist() == [
        [True, False, True],
        [True, True, True],
        [False, True, False],
        [False, False, False],
    ]


# --- what fit says of samples that it cannot learn from ---


def test_without_training_samples_there_is_nothing_to_learn():
    with pytest.raises(DataError, match="no training samples"):
        TinyTraining(train=[]).fit()


def test_where_there_are_no_validation_samples_whole_groups_are_held_out():
    train = questions_of("train", pictures=40)
    kept, out = ([train[number] for number in part] for part in split_by_group([s.cluster for s in train], HELD_OUT))
    given, found = TinyTraining(kept, out).fit("late", steps=1), TinyTraining(train, []).fit("late", steps=1)
    assert {sample.cluster for sample in kept}.isdisjoint(sample.cluster for sample in out)
    assert found._trained.card.data == given._trained.card.data
    with pytest.raises(DataError, match="too few to hold some of them out"):
        TinyTraining(train=questions_of("train", pictures=1), val=[]).fit()


def test_samples_without_answers_or_with_new_ones_only_are_refused():
    plain = [Sample(f"s{n}", (picture(colour), "What?")) for n, colour in enumerate(COLOURS)]
    with pytest.raises(DataError, match="no answers to learn from"):
        TinyTraining(train=plain, requests=lambda sample: [Generate(parts=sample.parts)]).fit()
    with pytest.raises(DataError, match="0 validation samples can be learned from"):
        TinyTraining(val=[asked("v", picture("red"), "What?", "purple", None)]).fit()


def test_two_towers_need_pictures_and_captions():
    with pytest.raises(UsageError, match="two towers take one image with its captions"):
        matching(requests=lambda sample: [Embed(part=sample.parts[1])]).fit("two-tower")
    with pytest.raises(DataError, match="0 training and 0 validation samples"):
        matching(requests=lambda sample: [Embed(part=sample.parts[0])]).fit("two-tower")
