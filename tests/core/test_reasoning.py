"""Reasoning never reaches the answer, and a text without reasoning stays as it is."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmbench.core.reasoning import FAMILIES, left_open, marks_reasoning, split_reasoning

PAIRS = [
    ("<think>", "</think>"),
    ("<THINK>", "</Think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<analysis>", "</analysis>"),
    ("<seed:think>", "</seed:think>"),
    ("◁think▷", "◁/think▷"),
    ("[THINK]", "[/THINK]"),
    ("<|START_THINKING|>", "<|END_THINKING|><|START_RESPONSE|>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>\n<|begin_of_solution|>"),
    ("<unused94>", "<unused95>"),
    ("<|channel>thought\n", "<channel|>"),
    ("<SUMMARY>", "<CONCLUSION>"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
]
MARKS = [mark for pair in PAIRS for mark in pair] + ["assistantfinal", "<answer>", "</answer>"]
TEXTS = st.lists(st.one_of(st.text(), st.sampled_from(MARKS)), max_size=12).map("".join)


@pytest.mark.parametrize(("begin", "end"), PAIRS)
def test_every_family_is_read_whole_cut_off_and_without_its_beginning(begin: str, end: str) -> None:
    assert split_reasoning(f"{begin}\nblue? no\n{end}\n\nred") == ("red", "blue? no", False)
    assert split_reasoning(f"{begin}blue? no") == ("", "blue? no", True)
    assert split_reasoning(f"blue? no{end}red") == ("red", "blue? no", False)
    assert split_reasoning(f"{begin}{end} red") == ("red", None, False)
    assert left_open(f"<|user|>colour?\n{begin}\n").strip() == begin.strip()
    assert left_open(f"{begin}colour?") == ""


def test_there_is_a_pair_for_every_family() -> None:
    for family in FAMILIES:
        marked = [split_reasoning(f"{begin}x{end}y").reasoning == "x" for begin, end in PAIRS]
        assert any(marked), family.name


@pytest.mark.parametrize(
    ("text", "answer", "reasoning"),
    [
        ("a</think>b</think>red", "red", "a\n\nb"),
        ("Sure.<think>x</think>red", "Sure.\nred", "x"),
        ("red <think>or blue", "red", "or blue"),
        ("<think>the tag <think> opens</think>red", "red", "the tag <think> opens"),
        ("<think>x [/THINK] y</think>red", "red", "x [/THINK] y"),
        ("<think>x</think><answer>red</answer>", "red", "x"),
        ("<think>x</think><answer>re", "re", "x"),
        ("<think>x</think>So <answer>red</answer>.", "So <answer>red</answer>.", "x"),
        ("<answer>red</answer>", "<answer>red</answer>", None),
        ("weassistantfinalred", "red", "we"),
        ("1 < 2, [think] so, <thinker>", "1 < 2, [think] so, <thinker>", None),
        ("  red\n", "  red\n", None),
        ("", "", None),
    ],
)
def test_where_the_answer_ends_up(text: str, answer: str, reasoning: str | None) -> None:
    assert split_reasoning(text)[:2] == (answer, reasoning)


@given(st.text(alphabet=st.characters(exclude_characters="<[◁▷]>"), max_size=200))
def test_a_text_without_markers_is_unchanged(text: str) -> None:
    if "assistantfinal" not in text:
        assert split_reasoning(text) == (text, None, False)


@given(TEXTS)
def test_an_answer_never_holds_a_marker(text: str) -> None:
    answer = split_reasoning(text).answer
    assert split_reasoning(answer).reasoning is None
    assert answer == text or not any(marks_reasoning(mark) and mark in answer for mark in MARKS[:28])


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece", ["<", "<think>", "</think>", "<think></think>", "</think><answer>", "<|channel|>final", "["]
)
def test_the_time_is_linear(piece: str) -> None:
    def seconds(count: int) -> float:
        text = piece * count
        start = time.process_time()
        split_reasoning(text)
        return time.process_time() - start

    small = min(seconds(2_000) for _ in range(3))
    assert min(seconds(20_000) for _ in range(3)) < 40 * small + 0.01
