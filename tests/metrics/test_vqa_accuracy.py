"""VQA accuracy against a plain reading of the scripts that its variants are named after, and against known results."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Hashable, Sequence
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmbench.core import UnknownNameError
from mmbench.metrics import VQA_VARIANTS, vqa_accuracies, vqa_accuracy, vqa_metric
from mmbench.metrics.vqa import normalise_answer

MARKS = ';/[]"{}()=+\\_-><@`,?!'
COMMA = re.compile(r"(\d)(,)(\d)")
PERIOD = re.compile(r"(?!<=\d)(\.)(?!\d)")
NUMBERS = {"none": "0", "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6"}
NUMBERS |= {"seven": "7", "eight": "8", "nine": "9", "ten": "10"}
SOME_CONTRACTIONS = {
    "isnt": "isn't",
    "dont": "don't",
    "whats": "what's",
    "twas": "'twas",
    "oclock": "o'clock",
    "hes": "he's",
    "couldnt've": "couldn't've",
    "couldn'tve": "couldn't've",
    "yall'd've": "y'all'd've",
    "y'all'dve": "y'all'd've",
    "somebody'd": "somebodyd",
}
"""A part of the official table, which the tests' own texts keep to."""


def normal_form(text: str) -> str:
    """Mark by mark, word by word, as the official script does it."""
    out = text
    for mark in MARKS:
        glued = mark + " " in text or " " + mark in text or COMMA.search(text) is not None
        out = out.replace(mark, "" if glued else " ")
    out = PERIOD.sub("", out, count=32)
    words = [NUMBERS.get(word, word) for word in out.lower().split()]
    return " ".join(SOME_CONTRACTIONS.get(word, word) for word in words if word not in {"a", "an", "the"})


def one_line(text: str) -> str:
    return text.replace("\n", " ").replace("\t", " ").strip()


def leave_one_out(answer: str, people: Sequence[dict[str, object]]) -> Fraction:
    """Ten times nine comparisons: for each person, those whose whole record differs."""
    worth = []
    for person in people:
        others = [other for other in people if other != person]
        worth.append(min(Fraction(1), Fraction(sum(other["answer"] == answer for other in others), 3)))
    return sum(worth, Fraction()) / len(worth)


def official(answer: str, people: Sequence[dict[str, object]], *, always: bool = False) -> Fraction:
    people = [{**person, "answer": one_line(str(person["answer"]))} for person in people]
    answer = one_line(answer)
    if always or len({person["answer"] for person in people}) > 1:
        people = [{**person, "answer": normal_form(str(person["answer"]))} for person in people]
        answer = normal_form(answer)
    return leave_one_out(answer, people)


def evalai(answer: str, texts: Sequence[str]) -> Fraction:
    def processed(text: str) -> str:
        return normal_form(one_line(text.lower().replace(",", "").replace("?", "").replace("'s", " 's").strip()))

    return leave_one_out(processed(answer), with_ids([processed(text) for text in texts]))


def with_ids(texts: Sequence[str]) -> list[dict[str, object]]:
    return [{"answer": text, "answer_id": n} for n, text in enumerate(texts, 1)]


PIECES = st.sampled_from(
    [
        *"aB7 .,-?!'/\n\t",
        " ",
        "the ",
        "An",
        "two",
        "None ",
        "isnt",
        "couldn'tve",
        "y'all'dve",
        "1,000",
        "2.5",
        "'s",
        ". ",
    ]
)
TEXTS = st.lists(PIECES, max_size=5).map("".join)


@st.composite
def questions(draw: st.DrawFn) -> tuple[str, list[str]]:
    said = draw(st.lists(TEXTS, min_size=1, max_size=4))
    people = draw(st.lists(st.sampled_from(said), min_size=1, max_size=10))
    return draw(st.one_of(st.sampled_from(said), TEXTS)), people


@given(questions())
def test_every_variant_equals_the_plain_reading_of_its_script(question: tuple[str, list[str]]) -> None:
    answer, people = question
    assert vqa_accuracy(answer, people, "official-2021") == pytest.approx(float(official(answer, with_ids(people))))
    always = official(answer, with_ids(people), always=True)
    assert vqa_accuracy(answer, people, "always-normalised") == pytest.approx(float(always))
    assert vqa_accuracy(answer, people, "textvqa-evalai") == pytest.approx(float(evalai(answer, people)))
    exact = leave_one_out(answer, with_ids(people)) if len(people) > 1 else float(answer == people[0])
    assert vqa_accuracy(answer, people, "exact") == pytest.approx(float(exact))


@pytest.mark.slow
@given(questions(), st.data())
def test_the_official_script_leaves_equal_records_out_together(
    question: tuple[str, list[str]], data: st.DataObject
) -> None:
    answer, people = question
    sure = data.draw(st.lists(st.sampled_from(["yes", "maybe"]), min_size=len(people), max_size=len(people)))
    records = [{"answer": text, "answer_confidence": each} for text, each in zip(people, sure, strict=True)]
    expected = float(official(answer, records))
    assert vqa_accuracy(answer, people, "official-2021", records=sure) == pytest.approx(expected)
    for variant in set(VQA_VARIANTS) - {"official-2021"}:
        assert vqa_accuracy(answer, people, variant, records=sure) == vqa_accuracy(answer, people, variant)


@pytest.mark.slow
@given(questions(), st.sampled_from(sorted(VQA_VARIANTS)), st.data())
def test_the_order_of_people_changes_nothing(
    question: tuple[str, list[str]], variant: str, data: st.DataObject
) -> None:
    answer, people = question
    records: list[Hashable] = [n % 3 for n in range(len(people))]
    order = data.draw(st.permutations(range(len(people))))
    shuffled = vqa_accuracy(answer, [people[n] for n in order], variant, records=[records[n] for n in order])
    assert shuffled == vqa_accuracy(answer, people, variant, records=records)


@pytest.mark.parametrize(("matches", "worth"), [(0, 0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1), (10, 1)])
@pytest.mark.parametrize("variant", VQA_VARIANTS)
def test_matches_among_ten(matches: int, worth: float, variant: str) -> None:
    assert vqa_accuracy("yes", ["yes"] * matches + ["no"] * (10 - matches), variant) == worth


@pytest.mark.parametrize(("people", "worth"), [(1, 0), (2, 1 / 3), (3, 2 / 3), (4, 1), (5, 1)])
@pytest.mark.parametrize("variant", ["official-2021", "always-normalised", "textvqa-evalai"])
def test_few_people_cannot_make_a_full_score(people: int, worth: float, variant: str) -> None:
    assert vqa_accuracy("yes", ["yes"] * people, variant) == pytest.approx(worth)


def test_exact_is_to_the_letter_and_of_one_answer_plain_equality() -> None:
    assert vqa_accuracy("red", ["red"], "exact") == 1
    assert vqa_accuracy("Red", ["red"], "exact") == vqa_accuracy("red ", ["red"], "exact") == 0
    assert vqa_accuracy("red", ["red"] * 2 + ["Red"] * 8, "exact") == 0.6


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("red-brown", "red brown"),  # a mark with nothing beside it becomes a blank
        ("red- brown", "red brown"),  # with a blank beside it, it goes
        ("well-known red- brown", "wellknown red brown"),  # and so do all of its kind
        ("5,000", "5000"),  # a comma between digits
        ("5,000 (red/brown)", "5000 redbrown"),  # lets all marks go without a blank
        ("red,brown", "red brown"),
        ("U.S.A.", "usa"),
        ("2.5", "2.5"),  # a period before a digit stays
        ("v.2", "v.2"),
        ("2. 5.", "2 5"),
        ("it's: 50%", "it's: 50%"),  # apostrophes, colons and signs stay
        ("None of ten", "0 of 10"),
        ("The a an", ""),
        ("THAT  isnt\u00a0two", "that isn't 2"),
        ("couldnt've couldn'tve", "couldn't've couldn't've"),
        ("somebody'd", "somebodyd"),  # a slip of the official table
        ("let's", "let's"),
        ("im", "im"),  # the table's Im and Ive never meet a text in lower case
        ("x. " * 33, ("x " * 32 + "x.").strip()),  # the flag re.UNICODE, 32, is handed over as the count
    ],
)
def test_the_quirks_of_the_official_normalisation(text: str, expected: str) -> None:
    assert normalise_answer(text) == expected
    assert normal_form(text) == expected


def test_the_official_script_compares_as_written_where_all_agree() -> None:
    agreed, divided = ["two dogs"] * 10, ["two dogs"] * 9 + ["3"]
    for answer, when_agreed in (("two dogs", 1), (" two\tdogs\n", 1), ("Two dogs", 0), ("2 dogs", 0), ("two dogs.", 0)):
        assert vqa_accuracy(answer, agreed, "official-2021") == when_agreed
        assert vqa_accuracy(answer, divided, "official-2021") == 1
        assert vqa_accuracy(answer, agreed, "always-normalised") == 1


def test_blanks_around_answers_are_no_disagreement() -> None:
    assert vqa_accuracy("Red", ["red", "red ", "\nred"] + ["red"] * 7, "official-2021") == 0
    assert vqa_accuracy("red", ["red", "red ", "\nred"] + ["red"] * 7, "official-2021") == 1


def test_textvqa_drops_commas_and_question_marks_and_splits_off_s() -> None:
    for answer, other in (("king's cross", "king 's cross"), ("1,5,x", "15x"), ("what?", "what")):
        assert vqa_accuracy(answer, [other] * 10, "textvqa-evalai") == 1
    assert vqa_accuracy("king's cross", ["king 's cross"] * 10, "always-normalised") == 0
    assert vqa_accuracy("red,brown", ["redbrown"] * 10, "textvqa-evalai") == 1
    assert vqa_accuracy("red,brown", ["red brown"] * 10, "always-normalised") == 1


def test_records_without_ids_by_hand() -> None:
    people = ["red"] * 4 + ["blue"] * 6
    assert vqa_accuracy("red", people, "official-2021") == 1
    assert vqa_accuracy("red", people, "official-2021", records=["-"] * 10) == 0.6  # 6 others see 4, the 4 see none
    sure = ["yes", "yes", "yes", "no"] + ["yes"] * 6
    expected = (3 * 1 + 1 * 3 + 6 * 3) / 30  # three of a record see one match, one sees three, six see four
    assert vqa_accuracy("red", people, "official-2021", records=sure) == expected
    assert vqa_accuracy("red", ["Red"] * 5 + ["red."] * 5, "official-2021", records=["-"] * 10) == 0


def test_many_at_once() -> None:
    people = [["red"] * 10, ["2"] * 10]
    assert vqa_accuracies(["red", "two"], people, "official-2021") == [1, 0]
    assert vqa_accuracies(["red", "two"], people, records=[None, [1] * 10]) == [1, 1]
    assert vqa_accuracies(["red", "2"], people, "official-2021", records=[None, [1] * 10]) == [1, 0]
    with pytest.raises(ValueError, match="argument 2"):
        vqa_accuracies(["red"], people)


def test_what_cannot_be_scored() -> None:
    with pytest.raises(UnknownNameError, match=r"Did you mean 'official-2021'.*There are: official-2021, always-"):
        vqa_accuracy("red", ["red"], "oficial-2021")
    with pytest.raises(UnknownNameError, match="unknown variant"):
        vqa_metric(variant="soft")
    with pytest.raises(ValueError, match="at least one person"):
        vqa_accuracy("red", [])
    with pytest.raises(ValueError, match="as many records"):
        vqa_accuracy("red", ["red"] * 3, "official-2021", records=["a"])


def test_the_convention_is_part_of_the_metrics_name() -> None:
    assert [str(vqa_metric(variant=variant).id) for variant in VQA_VARIANTS] == [
        "vqa_accuracy(variant=official-2021)",
        "vqa_accuracy(variant=always-normalised)",
        "vqa_accuracy(variant=textvqa-evalai)",
        "vqa_accuracy(variant=exact)",
    ]
    assert vqa_metric(variant="exact").is_mean


def loaded(path: Path) -> dict[str, list]:
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        return json.load(stream)


def mean_percent(values: Sequence[float]) -> float:
    return 100 * sum(values) / len(values)


def test_textvqa_predictions_get_what_was_published(shared_data: Path) -> None:
    data = loaded(shared_data / "textvqa_val_with_predictions.json.gz")
    answers, people = data["predictions"], data["answers"]
    assert mean_percent(vqa_accuracies(answers, people, "textvqa-evalai")) == pytest.approx(74.414, abs=1e-9)
    assert round(mean_percent(vqa_accuracies(answers, people, "official-2021")), 2) == 73.43
    written = [f"{answer[:1].upper()}{answer[1:]}." for answer in answers]
    assert round(mean_percent(vqa_accuracies(written, people, "official-2021")), 2) == 54.33
    for variant in ("always-normalised", "textvqa-evalai"):
        assert vqa_accuracies(written, people, variant) == vqa_accuracies(answers, people, variant)


def test_majority_answers_of_vizwiz(shared_data: Path) -> None:
    data = loaded(shared_data / "vizwiz_val_answers.json.gz")
    people = data["answers"]
    answers = [Counter(each).most_common(1)[0][0] for each in people]
    assert round(mean_percent(vqa_accuracies(answers, people, "official-2021")), 2) == 94.11
    without_ids = vqa_accuracies(answers, people, "official-2021", records=data["confidence"])
    assert round(mean_percent(without_ids), 2) == 67.06


@pytest.mark.slow
def test_every_official_text_is_normalised_as_by_the_plain_reading(shared_data: Path) -> None:
    names = ("textvqa_val_with_predictions.json.gz", "vizwiz_val_answers.json.gz")
    texts = {text for name in names for each in loaded(shared_data / name)["answers"] for text in each}
    unlike = [text for text in texts if normalise_answer(text).replace("'", "") != normal_form(text).replace("'", "")]
    assert len(texts) > 20_000
    assert unlike == []
