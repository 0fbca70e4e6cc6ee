"""Official outputs of models, scored by the cards of their benchmarks: the numbers are those that were published."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmbench import score
from mmbench.extract.official import scienceqa_official


@pytest.fixture
def layouts(shared_data: Path) -> Path:
    folder = shared_data.parent / "cases" / "layouts"
    if not folder.is_dir():
        pytest.skip("needs the folder ../shared/cases beside the checkout")
    return folder


def values(result):
    return {metric.id: metric.value for metric in result.metrics}


@pytest.mark.parametrize(("file", "right"), [("llava1.5_13b.json", 330), ("qwen_vl.json", 325)])
def test_mmmu(layouts, file, right):
    result = score("mcq/mmmu-val", layouts / "mmmu" / file, layouts / "mmmu" / "answer_dict_val.json")
    assert values(result) == {"accuracy(rule=mmmu)": pytest.approx(right / 900)}
    assert len(result.slices["subject"]) == 30


def test_mmmu_pro_reads_the_response_and_not_what_is_right(layouts):
    file = layouts / "mmmu-pro" / "gpt4o_standard10_direct_head60.jsonl"
    assert values(score("mcq/mmmu-pro-standard-10", file, file)) == {"accuracy(rule=mmmu-pro)": pytest.approx(25 / 60)}


def test_mathvista(layouts):
    file = layouts / "mathvista" / "output_llava_first100.json"
    result = score("mcq/mathvista-mini", file, file)
    assert values(result) == {"accuracy(extraction=rules,rule=mathvista)": pytest.approx(0.27)}
    official = [item["true_false"] for item in json.loads(file.read_text()).values()]
    ours = [bool(unit["values"]["accuracy(extraction=rules,rule=mathvista)"]) for unit in result.per_sample()]
    assert ours == official


def test_next_qa(layouts):
    result = score(
        "mcq/next-qa", layouts / "nextqa" / "HGA_head200.json", layouts / "nextqa" / "val_head200.csv", partial=True
    )
    assert values(result) == {"accuracy": pytest.approx(99 / 199)}
    assert set(result.slices["kind"]) == {"causal", "temporal", "descriptive"}
    assert "TP" not in result.slices["type"]


def test_yes_to_every_question_of_pope(layouts, tmp_path):
    questions = layouts / "pope" / "coco_pope_random_head60.json"
    rows = [json.loads(line) for line in questions.read_text().splitlines()]
    answers = tmp_path / "answers.jsonl"
    answers.write_text("".join(json.dumps({"question_id": row["question_id"], "text": "Yes"}) + "\n" for row in rows))
    found = values(score("yes-no/pope", answers, questions))
    assert found["accuracy"] == 0.5
    assert found["f1(positive=yes)"] == pytest.approx(2 / 3)
    assert found["predicted_rate(positive=yes)"] == 1.0


def test_true_for_every_sentence_of_nlvr2(layouts, tmp_path):
    questions = layouts / "nlvr2" / "dev_head60.json"
    rows = [json.loads(line) for line in questions.read_text().splitlines()]
    answers = tmp_path / "answers.csv"
    answers.write_text("identifier,prediction\n" + "".join(f"{row['identifier']},True\n" for row in rows))
    sentences = {}
    for row in rows:
        split, group, _, sentence = row["identifier"].rsplit("-", 3)
        sentences.setdefault((split, group, sentence), []).append(row["label"] == "True")
    found = values(score("yes-no/nlvr2", answers, questions))
    assert found["accuracy"] == pytest.approx(sum(row["label"] == "True" for row in rows) / len(rows))
    assert found["consistency"] == pytest.approx(sum(map(all, sentences.values())) / len(sentences))


def test_science_qa_reads_every_answer_as_llava_does(layouts):
    """The questions are not at hand: of 4,241 answers the file says which option LLaVA's evaluation read, and -1 for none."""
    result = json.loads((layouts / "scienceqa" / "sqa_llava-v1.5-13b_result.json").read_text())
    assert round(100 * result["correct"] / result["count"], 2) == 74.39
    options = tuple("12345")
    found = {key: scienceqa_official(text, options) for key, text in result["outputs"].items()}
    read = {key: -1 if option is None else options.index(option) for key, option in found.items()}
    differ = {key: (result["outputs"][key], place) for key, place in result["results"].items() if read[key] != place}
    assert {place for _, place in differ.values()} == {
        -1
    }  # letters beyond the last option, which only the questions tell
    assert all(read[key] >= 2 for key in differ)
    assert len(differ) < 100


def test_textvqa_by_id_and_by_image_and_question(layouts):
    references = layouts / "textvqa" / "TextVQA_0.5.1_val_first100.json"
    for name in ("llava-v1.5-13b_first100_vqa_results.json", "llava-v1.5-13b_first100.jsonl"):
        assert values(score("vqa/textvqa", layouts / "textvqa" / name, references)) == {
            "vqa_accuracy(variant=textvqa-evalai)": pytest.approx(0.627)
        }
