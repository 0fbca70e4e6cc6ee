"""Questions of yes and no: counts of the positive class, scores, groups, and the official rules."""

from __future__ import annotations

import json
import math

import pytest
from shards import png

from mmbench import score
from mmbench.core import DataError, Response
from mmbench.data import Question, Rows, image_from_bytes
from mmbench.metrics.evaluate import evaluate
from mmbench.testing import check_task
from mmbench_tasks.yes_no import YesNoCard, YesNoTask
from mmbench_tasks.yes_no.mme_files import TASKS

FACTS = {"description": "toys", "licence": "MIT", "citation": "here", "revision": "1"}


def task_of(rows, **fields) -> YesNoTask:
    return YesNoTask(YesNoCard(name="yes-no/toys", source=Rows({"test": rows}), **{**FACTS, **fields}))


@pytest.fixture
def questions():
    answers = ["yes", "No", "true", "0"]
    return [
        Question(str(n), None, f"Is it {n}?", (text,), meta={"pair": str(n // 2)}, group=str(n // 2))
        for n, text in enumerate(answers)
    ]


def values(task, outputs):
    samples = task.samples()
    tables = task.score(samples, [(Response("ok", output),) for output in outputs])
    return {str(metric.id): evaluate(metric, tables[metric.unit]).value for metric in task.metrics}


def test_an_answer_without_yes_or_no_is_wrong_and_no_prediction_of_yes(questions):
    task = task_of(questions)
    found = values(task, ["Yes.", "yes", "I cannot tell", "no"])
    assert found["accuracy"] == 0.5
    assert found["predicted_rate(positive=yes)"] == 0.5
    assert found["recall(positive=yes)"] == 0.5
    official = values(task.with_options(extractor="pope-official"), ["Yes.", "yes", "I cannot tell", "no"])
    assert (official["accuracy"], official["predicted_rate(positive=yes)"]) == (0.75, 0.75)


def test_scores_of_the_choices_rank_the_questions(questions):
    task = task_of(questions, metrics=("auroc(positive=yes)", "accuracy", "predicted_rate(positive=yes)"))
    found = values(task, [[-0.1, -3.0], [-1.0, -1.0], [-2.0, -1.0], [-5.0, -0.1]])
    assert found["auroc(positive=yes)"] == pytest.approx(0.75)
    assert found["accuracy"] == pytest.approx((1 + 0.5 + 0 + 1) / 4)
    assert found["predicted_rate(positive=yes)"] == pytest.approx(1.5 / 4)
    assert values(task, [[0.0, -math.inf], [-math.inf, 0.0], [0.0, -math.inf], [-math.inf, 0.0]])["accuracy"] == 1.0


def test_groups_are_right_when_all_their_questions_are(questions):
    task = task_of(questions, metrics=("accuracy", "group_accuracy(of=pair)"), groups={"pair": "pair"})
    found = values(task, ["yes", "no", "yes", "yes"])
    assert (found["accuracy"], found["group_accuracy(of=pair)"]) == (0.75, 0.5)
    check_task(task, fresh_process=False).raise_if_failed()


def test_an_answer_that_is_neither_is_refused():
    with pytest.raises(DataError, match="expected yes or no"):
        task_of([Question("1", None, "?", ("maybe",))]).samples()


@pytest.fixture
def mme(tmp_path):
    """Result files of MME with two images a task: of the first both questions are answered right, of the second one."""
    for task in TASKS:
        lines = [
            f"{image}.jpg\t{question} Please answer yes or no.\t{gold}\t{said}"
            for image, (first, second) in {"1": ("Yes", "No"), "2": ("Yes", "Yes")}.items()
            for question, gold, said in (("Is it?", "Yes", first), ("Is it not?", "No", second))
        ]
        (tmp_path / f"{task}.txt").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_a_folder_of_results_of_mme_is_scored(mme):
    found = {metric.id: metric for metric in score("yes-no/mme", mme, mme).metrics}
    assert found["mme_perception"].value == pytest.approx(10 * (75 + 50))
    assert found["mme_cognition"].value == pytest.approx(4 * (75 + 50))
    assert found["accuracy"].value == 0.75
    assert found["accuracy_plus"].value == 0.5
    (mme / "OCR.txt").unlink()
    with pytest.raises(DataError, match=r"OCR\.txt"):
        score("yes-no/mme", mme, mme)


def test_the_figures_and_pairs_of_hallusionbench(tmp_path):
    def row(figure, question, gold, said, category="VD"):
        return {
            "category": category, "subcategory": "illusion", "set_id": "0", "figure_id": figure, "question_id": question,
            "visual_input": "1", "question": "Is it?", "gt_answer": gold, "model_prediction": said, "filename": "x.png",
        }  # fmt: skip

    rows = [
        row("0", "0", "1", "Yes"),
        row("0", "1", "0", "No"),
        row("1", "0", "0", "Yes"),
        row("1", "1", "1", "yes, it is"),
    ]
    rows.append(row("0", "0", "1", "No", category="VS"))
    file = tmp_path / "HallusionBench.json"
    file.write_text(json.dumps(rows))
    found = {metric.id: metric.value for metric in score("yes-no/hallusionbench", file, file).metrics}
    assert found == {
        "accuracy(extraction=rules,rule=yes-no)": pytest.approx(3 / 5),
        "group_accuracy(extraction=rules,of=figure)": 0.5,  # the figure of VS without an image is none
        "group_accuracy(extraction=rules,of=pair)": pytest.approx(1 / 3),
    }


def test_probabilities_of_hateful_memes(tmp_path):
    rows = [{"id": n, "img": f"img/{n:05d}.png", "text": "words", "label": n % 2} for n in range(4)]
    (tmp_path / "test_seen.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    predictions = tmp_path / "p.csv"
    predictions.write_text("id,proba,label\n0,0.1,0\n1,0.4,0\n2,0.2,0\n3,0.9,1\n")
    found = {metric.id: metric.value for metric in score("yes-no/hateful-memes", predictions, tmp_path).metrics}
    assert found["auroc(positive=yes)"] == 1.0
    assert found["accuracy"] == 0.75


def test_an_image_is_put_before_its_question():
    image = image_from_bytes(png((1, 2, 3)))
    task = task_of([Question("1", image, "Is it red?", ("no",))])
    (request,) = task.requests(task.samples()[0])
    assert request.parts == (image, "Is it red?\nAnswer yes or no.")
    assert request.choices == ("yes", "no")


def test_both_splits_of_hallusionbench_on_the_hub_are_read(tmp_path):
    from mmbench_tasks.yes_no.cards.hallusionbench import CARD

    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    for split, category, figure, picture in (
        ("image", "VD", "1", {"bytes": png((1, 0, 0)), "path": "a.png"}),
        ("non_image", "VS", "0", None),
    ):
        columns = {
            "category": [category], "subcategory": ["chart"], "set_id": ["0"], "figure_id": [figure], "question_id": ["2"],
            "visual_input": ["1" if picture else "0"], "question": ["Is it?"], "gt_answer": ["1"],
        }  # fmt: skip
        (tmp_path / "data").mkdir(exist_ok=True)
        table = pa.table({**columns, "image": pa.array([picture], kind)})
        pq.write_table(table, tmp_path / "data" / f"{split}-00000-of-00001.parquet")
    shown, told = CARD.source.at(tmp_path).rows("test")
    assert (shown.id, shown.meta["figure"], shown.image is None) == ("VD_chart_0_1_2", "VD_chart_0_1", False)
    assert (told.id, told.meta["figure"], told.image) == ("VS_chart_0_0_2", "", None)
    assert told.meta["pair"] == "VS_chart_0_2"
