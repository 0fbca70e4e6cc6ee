"""The controls bound what a score can mean: exact values on small sets that can be counted by hand."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import evaluate, lines, write_captions, write_questions

from mmbench import ModelInfo
from mmbench.core import Choose, DatasetInfo, Embed, FitContext, Generate, Sample, TaskInfo, UsageError
from mmbench.models.controls import Constant, Oracle, Random
from mmbench.models.prior import Prior, TemplatePrior
from mmbench.registry import find, load
from mmbench.scoring.prior import AnswerPrior

INFO = TaskInfo("t", "1", "", DatasetInfo("", "", "", ""), frozenset({"generate"}), ())


def question(text: str, *answers: str, choices: tuple[str, ...] | None = None) -> Sample:
    return Sample(id=text, parts=(text,), references=answers, choices=choices)


def ask(text: str, choices: tuple[str, ...] | None = None) -> Generate:
    return Generate(parts=(text,), choices=choices)


def fitted(model: Prior, train: Sequence[Sample]) -> Prior:
    model.fit(INFO, train, (), FitContext(lambda sample: [ask(str(sample.parts[0]), sample.choices)], 0))
    return model


# --- constant, random, oracle ---


def test_constant_scores_exactly_the_share_of_its_answer(tmp_path: Path) -> None:
    result = evaluate("constant", write_questions(tmp_path, 10), tmp_path, model_args={"text": "red"})
    assert result.rows()[0].metric.value == pytest.approx(3 / 10)


def test_constant_embeddings_score_exactly_chance(tmp_path: Path) -> None:
    result = evaluate("constant", write_captions(tmp_path, 7, 3), tmp_path, "retrieval")
    for row in result.rows():
        if row.metric.id.startswith(
            "median_rank"
        ):  # ties get their mean rank, and the median of chance is at most that
            assert row.metric.value >= row.chance, row.metric.id
        else:
            assert row.metric.value == pytest.approx(row.chance), row.metric.id


def test_oracle_is_always_right(tmp_path: Path) -> None:
    assert evaluate("oracle", write_questions(tmp_path, 10), tmp_path).rows()[0].metric.value == 1.0
    assert evaluate("oracle", write_questions(tmp_path, 10, closed=False), tmp_path).rows()[0].metric.value == 1.0
    for row in evaluate("oracle", write_captions(tmp_path), tmp_path, "retrieval").rows():
        assert row.metric.value == 1.0 or not row.primary, row.metric.id


def test_the_oracle_knows_nothing_outside_a_run() -> None:
    with pytest.raises(UsageError, match="only inside a run"):
        Oracle().generate([ask("?")])


def test_random_draws_each_choice_equally_often_and_follows_the_seed_alone() -> None:
    choices = tuple("abcd")
    requests = [Generate(parts=("?",), choices=choices, seed=seed) for seed in range(4000)]
    said = Random().generate(requests)
    assert all(900 < count < 1100 for count in Counter(said).values())
    assert Random().generate(requests[::-1])[::-1] == said


def test_random_vectors_follow_the_request_not_the_batch() -> None:
    requests = [Embed(part="x", id=f"t/s/{i}", seed=1) for i in range(6)]
    whole = Random(dim=16).embed(requests)
    assert whole.shape == (6, 16)
    assert whole.dtype == np.float32
    assert np.array_equal(np.concatenate([Random(dim=16).embed([request]) for request in requests]), whole)
    assert len({row.tobytes() for row in whole}) == 6


def test_constant_and_random_can_choose() -> None:
    request = Choose(parts=("?",), choices=("a", "b", "c"), seed=5)
    assert Constant().choose([request]) == [[0.0, 0.0, 0.0]]
    (scores,) = Random().choose([request])
    assert all(0 <= score < 1 for score in scores)
    assert Random().choose([request]) == [scores]


# --- priors ---

TRAIN = [
    question("is there a red circle?", "yes"),
    question("is there a blue circle?", "yes"),
    question("is there a red square?", "no"),
    question("what colour is it?", "red"),
    question("what colour is it?", "blue"),
    question("what colour is it?", "blue"),
    question("how many?", "3"),
    question("unlabelled"),
]


def test_prior_gives_the_most_frequent_training_answer() -> None:
    model = fitted(Prior(), [*TRAIN, question("and this?", "blue", "yes")])
    assert model.generate([ask("anything")]) == ["blue"]


def test_among_equals_the_prior_gives_the_alphabetically_first() -> None:
    assert fitted(Prior(), TRAIN).generate([ask("anything")]) == ["blue"], "blue and yes were counted twice each"


def test_prior_keeps_to_the_choices_of_the_question() -> None:
    model = fitted(Prior(), TRAIN)
    assert model.generate([ask("?", ("no", "red")), ask("?", ("never", "seen"))]) == ["no", "never"]
    assert model.choose([Choose(parts=("?",), choices=("yes", "3", "new"))]) == [[2.0, 1.0, 0.0]]


def test_template_prior_masks_the_answers_out_of_the_question() -> None:
    model = fitted(TemplatePrior(), TRAIN)
    said = model.generate([ask("is there a blue square?"), ask("What colour is it?"), ask("never asked before")])
    assert said == ["no", "blue", "blue"]
    assert fitted(TemplatePrior(), TRAIN[:2]).generate([ask("is there a red circle?")]) == ["yes"]


def test_a_template_that_masks_a_word_joins_all_its_questions() -> None:
    prior = AnswerPrior(INFO, TRAIN, lambda sample: [ask(str(sample.parts[0]), sample.choices)])
    assert prior.counts(ask("is there a red circle?")) == prior.counts(ask("is there a blue circle?"))
    assert prior.counts(ask("is there a red circle?")) != prior.counts(ask("is there a red square?"))


@pytest.mark.slow
def test_the_prior_in_a_run_equals_a_count_by_hand(tmp_path: Path) -> None:
    """On easy-VQA: count the training answers here, and score them on the very samples that were asked."""
    import mmbench

    task = load(find("task", "vqa/easy-vqa"))

    samples = task.samples("test")
    counts = Counter(sample.references[0] for sample in task.samples("train"))
    limited = mmbench.run("prior,template-prior", "vqa/easy-vqa", limit=300, out=tmp_path, progress=False)
    plain, template = (row.metric for row in limited.rows())
    asked = {line.id.split("/")[2] for line in lines(limited.paths[0])}
    chosen = [sample for sample in samples if sample.id in asked]
    right = [max(sample.choices or (), key=lambda c: (counts[c], c)) in sample.references for sample in chosen]
    assert plain.n == len(chosen)
    assert plain.value == pytest.approx(sum(right) / len(right))
    assert {row.prior for row in limited.rows()} == {template.value}, "the figure beside every model's own"
    assert template.value is not None
    assert plain.value is not None
    assert template.value >= plain.value


@pytest.mark.slow
def test_a_model_that_learns_sees_the_training_and_validation_splits_and_never_the_test_split(tmp_path: Path) -> None:
    import mmbench

    task = load(find("task", "vqa/easy-vqa"))

    seen: dict[str, Any] = {}

    class Learns:
        info = ModelInfo("learns")

        def fit(self, info: TaskInfo, train: Sequence[Sample], val: Sequence[Sample], context: FitContext) -> None:
            seen.update(name=info.name, train={s.id for s in train}, val={s.id for s in val})
            seen.update(request=context.requests(train[0])[0])

        def generate(self, requests: Sequence[Generate]) -> list[str]:
            return ["yes" for _ in requests]

    mmbench.run(Learns(), "vqa/easy-vqa", limit=20, out=tmp_path, progress=False)
    assert seen["name"] == "vqa/easy-vqa"
    assert seen["train"] == {sample.id for sample in task.samples("train")}
    assert seen["val"] == {sample.id for sample in task.samples("val")}
    assert not (seen["train"] | seen["val"]) & {sample.id for sample in task.samples("test")}
    assert seen["request"].text
    assert seen["request"].sample_id in seen["train"]


@pytest.mark.slow
def test_a_model_that_learns_is_built_once_for_each_task(tmp_path: Path) -> None:
    built: list[str] = []

    class Learns:
        @classmethod
        def weights_digest(cls) -> str:
            return "same"

        def __init__(self) -> None:
            built.append("built")

        def fit(self, info: TaskInfo, *rest: Any) -> None:
            built.append(info.name)

        def open(self) -> None:
            built.append("opened")

        def close(self) -> None:
            built.append("closed")

        def generate(self, requests: Sequence[Generate]) -> list[str]:
            return ["yes" for _ in requests]

    import mmbench

    mmbench.run(Learns, ["vqa/easy-vqa"], limit=20, out=tmp_path, progress=False)
    assert built == ["built", "vqa/easy-vqa", "opened", "closed"]


# --- choosing ---


class Chooses:
    """Scores choices by a table; everything else ties."""

    info = ModelInfo("chooses")

    def __init__(self, **scores: Any) -> None:
        self.scores = scores

    def choose(self, requests: Sequence[Choose]) -> list[Any]:
        return [self.scores.get(request.sample_id, [0.0] * len(request.choices)) for request in requests]


def test_a_model_that_only_chooses_serves_a_closed_question_and_ties_score_their_expected_value(
    tmp_path: Path,
) -> None:
    half = [1.0, 1.0, -1.0, -1.0]  # q1 is green: one of the two that tie
    model = Chooses(q0=[5.0, 0, 0, 0], q1=half, q2=[9.0, 0, 0, 0], q3=[float("-inf")] * 3 + [-1e9])
    result = evaluate(model, write_questions(tmp_path, 5), tmp_path)
    assert result.runs[0].tasks["vqa/mine"].entry.served_as == {"generate": "choose"}
    metric = result.rows()[0].metric
    assert metric.value == pytest.approx((1 + 1 / 2 + 0 + 1 + 1 / 4) / 5)
    logged = lines(result.path)
    assert logged[1].output == half
    assert json.loads(json.dumps(logged[3].output)) == [-1e30] * 3 + [-1e9]


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ([1.0, 2.0], "choose returned 2 scores for 4 choices"),
        ([1.0, 2.0, 3.0, float("nan")], "NaN or an infinite score"),
        ([1.0, 2.0, 3.0, float("inf")], "NaN or an infinite score"),
        ("red", "choose returned a str; expected 4 numbers"),
        (None, "choose returned nothing (None); expected 4 numbers"),
        (3.0, "choose returned a float; expected 4 numbers"),
    ],
)
def test_scores_that_mean_nothing_are_that_samples_error(tmp_path: Path, scores: Any, said: str) -> None:
    result = evaluate(Chooses(q1=scores), write_questions(tmp_path, 4), tmp_path)
    logged = lines(result.path)
    assert [line.status for line in logged] == ["ok", "error", "ok", "ok"]
    assert said in (logged[1].error or "")


def test_generate_is_preferred_where_a_model_has_both(tmp_path: Path) -> None:
    result = evaluate("constant", write_questions(tmp_path, 4), tmp_path)
    assert result.runs[0].tasks["vqa/mine"].entry.served_as == {"generate": "generate"}


def test_which_kind_was_used_is_part_of_the_identity(tmp_path: Path) -> None:
    class Both(Chooses):
        def generate(self, requests: Sequence[Generate]) -> list[str]:
            return ["red" for _ in requests]

    Both.__name__ = "Chooses"
    data = write_questions(tmp_path, 4)
    first = evaluate(Chooses(), data, tmp_path)
    second = evaluate(Both(), data, tmp_path)
    assert second.path == first.path
    assert {type(line.output) for line in lines(second.path, "vqa/mine")} == {str}, "no score was taken for a text"
