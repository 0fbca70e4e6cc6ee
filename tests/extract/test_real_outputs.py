"""Extractors on what real models wrote, held against what the benchmarks' own scripts made of it."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mmbench.extract import extractor_named


@pytest.fixture
def layouts(shared_data: Path) -> Path:
    folder = shared_data.parent / "cases" / "layouts"
    if not folder.is_dir():
        pytest.skip("the real outputs are not beside the real data")
    return folder


def load(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def test_every_letter_of_scienceqa_is_the_one_that_its_script_found(layouts: Path) -> None:
    stored = load(layouts / "scienceqa" / "sqa_llava-v1.5-13b_result.json")
    letter = extractor_named("letter")
    found = {name: letter(text) for name, text in stored["outputs"].items()}
    known = {name: "abcdefghij"[place] for name, place in stored["results"].items() if place >= 0}
    assert len(known) == 4_203
    assert {name: found[name] for name in known} == known


@pytest.mark.parametrize(("model", "chosen"), [("llava1.5_13b", 328), ("qwen_vl", 319)])
def test_answers_of_mmmu_are_read_and_as_many_choices_are_right_as_its_script_counts(
    layouts: Path, model: str, chosen: int
) -> None:
    gold, said = load(layouts / "mmmu" / "answer_dict_val.json"), load(layouts / "mmmu" / f"{model}.json")
    letter, number = extractor_named("letter"), extractor_named("number")
    right = sum(
        letter(said[name]) == each["ground_truth"].lower()
        for name, each in gold.items()
        if each["question_type"] == "multiple-choice"
    )
    assert right == chosen
    for name, each in gold.items():
        text = said[name]
        if each["question_type"] != "multiple-choice" and text.replace(".", "", 1).isdigit():
            assert float(number(text) or "nan") == float(text)


def test_answers_of_mathvista_are_read_as_people_read_them_or_not_at_all(layouts: Path) -> None:
    stored = load(layouts / "mathvista" / "output_llava_first100.json")
    letter, final, number = map(extractor_named, ("letter", "final-answer", "number"))
    ended: Counter[str] = Counter()
    for item in stored.values():
        text, extraction, choices = item["response"], item["extraction"], item["choices"]
        if choices is None:
            found = number(text)
            ended["number read" if found is not None else "number unparsed"] += 1
            assert found is None or float(found) == float(extraction), text
            continue
        chosen = letter(text, tuple(choices))
        ended["letter read" if chosen is not None else "letter unparsed"] += 1
        if "answer is (" in text:  # then the letter stands in the text
            mark = text.rpartition("answer is (")[2][0]
            assert chosen == choices[ord(mark) - ord("A")]
            assert final(text, tuple(choices)) in (chosen, None), text
        elif chosen is not None:
            assert choices.index(chosen) == ord(extraction.strip("()")) - ord("A"), text
    assert ended == {"number read": 24, "number unparsed": 22, "letter read": 33, "letter unparsed": 21}
