"""The task `vqa`: what is asked, what an answer is worth, chance, options, and the user's own data."""

import dataclasses
import json
import pickle
import tracemalloc
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mmbench.core import (
    CardError,
    Choose,
    DataError,
    Generate,
    Response,
    Sample,
    Task,
    UnknownNameError,
    UsageError,
)
from mmbench.core.requests import as_choose
from mmbench.data import Question, Rows, image_from_array
from mmbench_tasks.vqa import VqaCard, VqaTask
from mmbench_tasks.vqa.family import family

IMAGES = [image_from_array(np.full((2, 2, 3), shade, np.uint8)) for shade in range(3)]
CARD = VqaCard(
    name="vqa/made-up",
    description="for tests",
    licence="CC0-1.0",
    citation="none",
    revision="1",
    source=Rows({}),
    closed_answers=True,
)


def question(n: int = 0, answers: tuple[str, ...] = ("red",), choices: tuple[str, ...] | None = ("blue", "red")):
    return Question(f"q{n}", IMAGES[n % 3], "What colour is it?", answers, choices, {"type": "colour"})


def task_over(*rows: Question) -> VqaTask:
    return VqaTask(dataclasses.replace(CARD, source=Rows({"test": rows})))


def outcome(row: Question, output: object, task: VqaTask | None = None) -> tuple[float, str, str | None]:
    task = task or task_over(row)
    table = task.score(task_over(row).samples(), [[Response("ok", output)]])["sample"]
    return table.columns["accuracy"][0], table.status[0], table.answers[0]


def test_it_is_a_task() -> None:
    assert isinstance(task_over(), Task)


def test_what_a_sample_holds() -> None:
    (sample,) = task_over(question()).samples()
    assert sample.parts == (IMAGES[0], "What colour is it?")
    assert (sample.references, sample.choices, sample.slices) == (("red",), ("blue", "red"), {"type": "colour"})
    assert pickle.loads(pickle.dumps(sample)) == sample


def test_errors_cluster_by_picture() -> None:
    samples = task_over(*[question(n) for n in range(6)]).samples()
    clusters = [sample.cluster for sample in samples]
    assert clusters[:3] == clusters[3:]
    assert len(set(clusters)) == 3
    lone = task_over(dataclasses.replace(question(), image=None)).samples()[0]
    assert (lone.parts, lone.cluster) == (("What colour is it?",), "q0")


def test_the_request_is_picture_then_prompt_and_carries_the_choices() -> None:
    task = task_over(question(), question(1, choices=None))
    closed, open_ = task.samples()
    (request,) = task.requests(closed)
    assert isinstance(request, Generate)
    assert request.parts == (IMAGES[0], "What colour is it?\nAnswer with one of: blue, red.")
    assert (request.choices, request.max_new_tokens, request.temperature) == (("blue", "red"), 16, 0.0)
    assert task.requests(open_)[0].text == "What colour is it?\nAnswer with a single word or phrase."
    assert task.requests(closed) == task.requests(closed)


def test_braces_in_a_question_are_no_placeholders() -> None:
    row = dataclasses.replace(question(choices=("{question}", "red")), question="What is {choices} in {0}?")
    task = task_over(row)
    assert task.requests(task.samples()[0])[0].text == "What is {choices} in {0}?\nAnswer with one of: {question}, red."


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("red", (1.0, "scored", "red")),
        ("Red.", (1.0, "scored", "red")),
        ("blue", (0.0, "scored", "blue")),
        ("The circle is red.", (0.0, "unparsed", None)),
        ("", (0.0, "unparsed", None)),
    ],
)
def test_a_text_is_right_wrong_or_unparsed(output: str, expected: tuple[float, str, str | None]) -> None:
    assert outcome(question(), output) == expected


def test_an_unparsed_answer_says_which_extractor_found_nothing() -> None:
    task = task_over(question())
    table = task.score(task.samples(), [[Response("ok", "It is red")]])["sample"]
    assert table.explanations == ["extractor exact finds no answer in it"]


def test_any_reference_is_right_after_the_same_normalisation() -> None:
    row = question(answers=("Crimson.", "Red"), choices=None)
    assert outcome(row, '"crimson"')[0] == 1.0
    assert outcome(row, "RED!")[0] == 1.0
    assert outcome(row, "blue")[0] == 0.0
    mixed = question(answers=("crimson", "RED"), choices=("red", "blue"))
    assert outcome(mixed, "red") == (1.0, "scored", "red")


def test_verbatim_means_to_the_letter() -> None:
    task = task_over(question(answers=("Red",), choices=None)).with_options(extractor="verbatim")
    row = question(answers=("Red",), choices=None)
    assert outcome(row, "Red", task)[0] == 1.0
    assert outcome(row, "red", task)[0] == 0.0


def test_mention_finds_what_exact_does_not() -> None:
    task = task_over(question()).with_options(extractor="mention")
    assert outcome(question(), "The circle is red.", task) == (1.0, "scored", "red")


@pytest.mark.slow
@given(
    st.lists(st.sampled_from([0.0, -1.5, 2.0, float("-inf"), 3]), min_size=4, max_size=4),
    st.sets(st.sampled_from("abcd"), min_size=1),
)
def test_scores_give_the_expected_accuracy_over_ties(scores: list[float], right: set[str]) -> None:
    row = question(answers=tuple(sorted(right)), choices=tuple("abcd"))
    best = [choice for choice, score in zip("abcd", scores, strict=True) if score == max(scores)]
    expected = Fraction(len(right & set(best)), len(best))
    for output in (scores, np.array(scores, np.float64), tuple(scores)):
        value, status, answer = outcome(row, output)
        assert (value, status) == (float(expected), "scored")
        assert answer == (best[0] if len(best) == 1 else "tie: " + " | ".join(best))


@pytest.mark.parametrize("output", [[1.0], [1.0, float("nan")], [1.0, 2.0, 3.0], [], None])
def test_scores_that_do_not_fit_are_an_error_not_a_wrong_answer(output: object) -> None:
    assert outcome(question(), output)[1] == "error"
    assert outcome(question(choices=None), [1.0, 0.0])[1] == "error"


def test_failures_and_refusals_are_kept_apart() -> None:
    task = task_over(*[question(n) for n in range(3)])
    answered = [Response("error", error="boom"), Response("timeout", error="late"), Response("refused")]
    table = task.score(task.samples(), [[response] for response in answered])["sample"]
    assert table.status == ["error", "error", "refused"]
    assert list(table.columns["accuracy"]) == [0.0, 0.0, 0.0]


def test_chance_is_the_share_of_right_choices() -> None:
    task = task_over(
        question(0, choices=("blue", "red")), question(1, choices=("a", "b", "RED", "red."), answers=("red",))
    )
    assert task.chance(task.samples()) == {"accuracy": (1 / 2 + 2 / 4) / 2}
    mixed = task_over(question(), question(1, choices=None))
    assert mixed.chance(mixed.samples()) == {}
    assert task.chance([]) == {}


@given(
    st.lists(st.sampled_from(["red", "Blue", "dark red", "no"]), min_size=1, max_size=3),
    st.booleans(),
    st.sampled_from(["exact", "verbatim", "mention", "leading", "final-answer"]),
)
def test_the_oracle_is_always_right(answers: list[str], closed: bool, extractor: str) -> None:
    row = question(answers=("elsewhere", *answers), choices=("Blue", "dark red", "no", "red") if closed else None)
    task = task_over(row).with_options(extractor=extractor)
    (sample,) = task.samples()
    (request,) = task.requests(sample)
    assert outcome(row, task.solve(sample, request), task)[0] == 1.0
    if closed:
        choose = as_choose(request)
        assert isinstance(choose, Choose)
        assert outcome(row, task.solve(sample, choose), task)[0] == 1.0


def test_scoring_is_pure_and_order_does_not_matter() -> None:
    task = task_over(*[question(n) for n in range(4)])
    samples = task.samples()
    responses = [[Response("ok", text)] for text in ("red", "blue", "?", "Red")]
    forth = task.score(samples, responses)["sample"]
    back = task.score(samples[::-1], responses[::-1])["sample"]
    assert list(forth.columns["accuracy"]) == list(back.columns["accuracy"])[::-1] == [1.0, 0.0, 0.0, 1.0]
    assert forth == task.score(samples, responses)["sample"]
    assert forth.slices == {"type": ["colour"] * 4}


def test_the_metric_is_the_mean() -> None:
    (metric,) = task_over().metrics
    assert (str(metric.id), metric.unit, metric.is_mean) == ("accuracy", "sample", True)
    assert task_over().info.primary == ("accuracy",)


def test_options_change_what_is_asked_and_are_recorded() -> None:
    plain = task_over(question())
    other = plain.with_options(extractor="final-answer").with_options(prompt="final-answer-v1")
    assert other.info.options == {"extractor": "final-answer", "prompt": "cot"}
    assert other.info.extractor == "final-answer-v2"
    assert (other.info.prompt or "").startswith("final-answer-v1: ")
    request = other.requests(other.samples()[0])[0]
    assert isinstance(request, Generate)
    assert request.max_new_tokens > 16
    assert "Answer:" in request.text
    assert (plain.info.extractor, plain.info.options) == ("exact-v2", {})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"extracter": "exact"}, "Did you mean 'extractor'.*There are: extractor, prompt, variant"),
        ({"extractor": "exakt"}, "Did you mean 'exact'.*mmbench list extractors"),
        ({"prompt": "short-answer-v0"}, "Did you mean 'short-answer-v1'"),
        ({"prompt": 1}, "unknown prompt '1'"),
        ({"extractor": []}, "unknown extractor"),
    ],
)
def test_unknown_options_get_the_nearest_names(options: dict[str, object], words: str) -> None:
    with pytest.raises(UnknownNameError, match=words):
        task_over().with_options(**options)


def test_a_split_that_is_not_there() -> None:
    with pytest.raises(UsageError, match="vqa/made-up has no split 'val'; it has test"):
        task_over().samples("val")


@pytest.mark.parametrize("field", ["name", "revision", "licence", "citation"])
def test_a_card_must_say_where_its_data_come_from(field: str) -> None:
    with pytest.raises(CardError) as refused:
        dataclasses.replace(CARD, **{field: " "})
    assert (refused.value.field, refused.value.exit_code) == (field, 2)


def own_file(folder: Path, n: int = 3) -> Path:
    Image.new("RGB", (4, 4), "red").save(folder / "a.png")
    rows = [
        {"image": "a.png", "question": f"Colour of thing {i}?", "answer": "red", "choices": ["red", "blue"]}
        for i in range(n)
    ]
    path = folder / "mine.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def test_own_data(tmp_path: Path) -> None:
    path = own_file(tmp_path)
    task = family.from_data("mine", path)
    assert (family.name, family.default) == ("vqa", "vqa/scenes")
    info = task.info
    assert (info.name, info.dataset.licence, info.splits, info.closed_answers) == (
        "vqa/mine",
        "unknown",
        ("test",),
        True,
    )
    assert len(info.dataset.revision) == 64
    assert [sample.id for sample in task.samples()] == ["row-0", "row-1", "row-2"]
    assert task.chance(task.samples()) == {"accuracy": 0.5}
    assert family.from_data("mine", tmp_path).info == info


def test_one_open_question_opens_the_task(tmp_path: Path) -> None:
    path = own_file(tmp_path)
    with path.open("a") as stream:
        stream.write('\n{"image": "a.png", "question": "?", "answer": "x"}')
    task = family.from_data("mine", path)
    assert not task.info.closed_answers
    assert task.chance(task.samples()) == {}


def test_the_fingerprint_follows_content_not_layout(tmp_path: Path) -> None:
    path = own_file(tmp_path)
    before = family.from_data("mine", path).fingerprint()
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    prints = set()
    for change in (
        {},
        {"question": "other?"},
        {"answer": "blue"},
        {"choices": ["blue", "red"]},
        {"choices": None},
        {"type": "x"},
        {"id": "y"},
        {"image": None},
    ):
        path.write_text("\n\n".join(json.dumps({**row, **(change if n == 1 else {})}) for n, row in enumerate(rows)))
        prints.add(family.from_data("mine", path).fingerprint())
    assert before in prints
    Image.new("RGB", (4, 4), "blue").save(tmp_path / "a.png")
    prints.add(family.from_data("mine", path).fingerprint())
    assert len(prints) == 9


def test_own_data_that_are_broken(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no file"):
        family.from_data("mine", tmp_path / "none.jsonl")


@pytest.mark.slow
def test_a_hundred_thousand_samples_are_affordable(tmp_path: Path) -> None:
    n = 20_000
    path = own_file(tmp_path, n)
    family.from_data("warm-up", path)
    tracemalloc.start()
    try:
        task = family.from_data("mine", path)
        samples: list[Sample] = task.samples()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(samples) == n
    assert held / n < 600
