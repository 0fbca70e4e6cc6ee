"""`sentiment/scenes` and its family: who gets what, what an answer is worth, and what is refused."""

from fractions import Fraction

import numpy as np
import pytest
from additive import check_no_whole_block
from hypothesis import given, settings
from hypothesis import strategies as st

from mmbench.core import FitContext, Response, UnknownNameError, UsageError, derive_seed
from mmbench.core.requests import as_choose
from mmbench.data import Rows
from mmbench.metrics.evaluate import evaluate, evaluate_slices
from mmbench.models.prior import TemplatePrior
from mmbench.testing import check_task
from mmbench_tasks.sentiment.card import SentimentCard, Utterance, polarity
from mmbench_tasks.sentiment.scenes import task
from mmbench_tasks.sentiment.task import SentimentTask

SAMPLES = task.samples()
SCORED = task.with_options(target="score")
SCORED_SAMPLES = SCORED.samples()


def answered(of, answer, samples=None):
    samples = of.samples() if samples is None else samples
    return of.score(samples, [[Response("ok", answer(sample, of.requests(sample)[0]))] for sample in samples])


def values(of, tables):
    return {str(metric.id): evaluate(metric, tables[metric.unit]).value for metric in of.metrics}


def test_what_the_task_says_of_itself():
    assert task.info.primary == ("accuracy", "f1(average=macro)", "block_accuracy")
    assert task.info.closed_answers
    assert SCORED.info.closed_answers
    assert SCORED.info.primary[:3] == ("mae", "pearson", "acc7")
    assert {metric.unit for metric in SCORED.metrics} == {"sample", "nonzero", "number"}
    assert task.with_options(zero_division="0").info.primary[1] == "f1(average=macro,zero_division=0)"


def test_a_model_is_asked_for_a_class_or_for_a_number():
    (request,), (scored,) = task.requests(SAMPLES[0]), SCORED.requests(SCORED_SAMPLES[0])
    assert request.choices == ("negative", "neutral", "positive")
    assert request.text.endswith("Answer with one of: negative, neutral, positive.")
    assert SAMPLES[0].parts[1] in request.text
    assert scored.choices == ("-3", "-2", "-1", "0", "1", "2", "3")
    assert "from -3 to 3" in scored.text
    assert len(request.images) == len(scored.images) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "of", [task, SCORED, task.with_options(prompt="speaker-final-v1")], ids=["class", "score", "final"]
)
def test_its_own_answers_have_the_best_value_in_every_metric(of):
    for solve in (of.solve, lambda s, r: of.solve(s, as_choose(r))):
        for name, value in values(of, answered(of, solve)).items():
            assert value == pytest.approx(0.0 if name == "mae" else 1.0, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("seen", ["sentence", "picture"])
def test_whoever_looks_at_one_modality_alone_gets_exactly_chance_and_no_block(seen, seed):
    """Any function of the sentence, or of the picture: here a hash picks the answer."""

    def blind(sample, request):
        what = request.text if seen == "sentence" else request.images[0].digest
        return sample.choices[derive_seed(seed, what) % len(sample.choices)]

    tables = answered(task, blind, SAMPLES)
    right = tables["sample"].columns["accuracy"]
    assert Fraction(int(sum(right)), len(right)) == Fraction(1, 3)
    assert values(task, tables)["block_accuracy"] == 0
    assert task.chance(SAMPLES) == {"accuracy": pytest.approx(1 / 3), "block_accuracy": pytest.approx(3.0**-9)}


@pytest.mark.slow
def test_the_template_prior_gets_chance_and_no_block():
    model = TemplatePrior()
    model.fit(task.info, task.samples("train"), (), FitContext(requests=task.requests, seed=0))
    found = values(task, answered(task, lambda sample, request: model.generate([request])[0], SAMPLES))
    assert found["block_accuracy"] == 0
    assert found["accuracy"] == pytest.approx(1 / 3)


ASKED = [sample for sample in SAMPLES if sample.group in sorted({s.group for s in SAMPLES})[:4]]
whole_numbers = st.integers(-8, 8).map(float)  # sums of these are exact


@pytest.mark.slow
@settings(max_examples=60)
@given(st.data())
def test_no_additive_model_is_right_on_a_whole_block(data):
    """Scores f(picture, answer) + g(sentence, answer): 0 on every block, save where it leaves everything tied."""
    check_no_whole_block(task, ASKED, lambda: data.draw(whole_numbers))


@pytest.mark.parametrize("of", [task, SCORED], ids=["class", "score"])
@pytest.mark.parametrize("seed", range(2))
def test_no_additive_model_with_random_weights_gets_a_block(of, seed):
    """Scores too: within a block they are -d, 0 and d, so their answers form a Latin square as well."""
    rng = np.random.default_rng(seed)
    terms: dict[tuple[str, str], float] = {}
    blocks: dict[str, list[bool]] = {}
    for sample in of.samples():
        (request,) = of.requests(sample)
        keys = request.images[0].digest, request.text
        sums = [sum(terms.setdefault((key, c), rng.standard_normal()) for key in keys) for c in request.choices]
        best = request.choices[int(np.argmax(sums))]
        blocks.setdefault(sample.group, []).append(best == sample.references[0])
    assert {len(right) for right in blocks.values()} == {9}
    assert not any(all(right) for right in blocks.values())


def test_slices_are_by_degree_and_polarity():
    (accuracy, *_, block) = task.metrics
    tables = answered(task, lambda sample, request: "neutral", SAMPLES)
    by_polarity = evaluate_slices(accuracy, tables["sample"])["polarity"]
    assert {name: value.value for name, value in by_polarity.items()} == {"negative": 0, "neutral": 1, "positive": 0}
    assert set(evaluate_slices(block, tables["block"])) == {"degree"}
    assert sum(value.n for value in evaluate_slices(block, tables["block"])["degree"].values()) == 400


# --- what an answer is worth ---


def row(name, label, score=None, group="", text="hm"):
    return Utterance(name, text, label, score, group=group)


def over(*rows, classes=("negative", "neutral", "positive"), **options):
    scored = rows[0].score is not None
    card = SentimentCard(
        name="sentiment/mine",
        description="a few",
        licence="unknown",
        citation="none",
        revision="1",
        source=Rows({"test": rows}),
        classes=classes,
        targets=("score", "class") if scored else ("class",),
    )
    return SentimentTask(card).with_options(**options)


def scores(*numbers):
    return [row(f"u{n}", polarity(number), number) for n, number in enumerate(numbers)]


def judged(of, *outputs):
    responses = [[each if isinstance(each, Response) else Response("ok", each)] for each in outputs]
    tables = of.score(of.samples(), responses)
    return {str(metric.id): evaluate(metric, tables[metric.unit]) for metric in of.metrics}, tables


def test_an_answer_that_names_no_class_is_wrong_and_is_counted():
    of = over(row("a", "negative"), row("b", "neutral"), row("c", "positive"))
    found, tables = judged(of, "Negative.", "I am not sure.", "POSITIVE")
    assert found["accuracy"].value == pytest.approx(2 / 3)
    assert found["f1(average=macro)"].value == pytest.approx(2 / 3)
    assert found["f1(average=micro)"].value == pytest.approx(4 / 5)
    assert found["accuracy"].n_unparsed == 1
    assert tables["sample"].answers == ["negative", None, "positive"]


def test_errors_are_outside_and_refusals_are_wrong():
    of = over(row("a", "negative"), row("b", "negative"), row("c", "positive"))
    found, _ = judged(of, "negative", Response("error", error="broken"), Response("refused"))
    value = found["accuracy"]
    assert (value.value, value.n, value.n_failed, value.n_refused) == (0.5, 2, 1, 1)
    assert found["f1(average=weighted)"].value == 0.5


def test_choices_that_tie_share_what_they_would_get():
    of = over(row("a", "negative"), row("b", "positive"))
    found, tables = judged(of, [1.0, 0.0, 1.0], [0.0, 0.0, 3.0])
    assert found["accuracy"].value == 0.75
    assert tables["sample"].answers[0] == "tie: negative | positive"
    broken, _ = judged(of, [1.0, float("nan"), 0.0], [1.0, 2.0])
    assert (broken["accuracy"].value, broken["accuracy"].n_failed) == (None, 2)


def test_an_answer_without_a_number_is_outside_error_and_correlation_which_say_so():
    of = over(*scores(-2.0, 1.0, 3.0, 0.0))
    found, _ = judged(of, "-1", "no idea", "It is 2.5.", "between 1 and 2")
    assert found["mae"].value == pytest.approx(0.75)
    assert (found["mae"].n, found["mae"].n_unparsed) == (4, 2)
    assert "2 of 4 answers hold no number" in found["mae"].reason
    assert found["acc7"].value == 0.0
    assert found["acc2(convention=mmsa,zero=with)"].value == 0.5
    assert found["acc2(convention=mmsa,zero=without)"].n == 3
    assert "number" not in found["acc7"].reason


def test_nothing_that_can_be_read_is_null_with_a_reason_and_0_where_it_is_wrong():
    found, _ = judged(over(*scores(-2.0, 1.0)), "?", "?")
    assert (found["mae"].value, found["pearson"].value) == (None, None)
    assert "2 of 2 answers hold no number" in found["mae"].reason
    assert (found["acc7"].value, found["acc7"].n_unparsed) == (0.0, 2)


@pytest.mark.parametrize(
    ("labels", "outputs", "why"),
    [
        ((-1.0, 2.0, 3.0), ("1", "1", "1"), "all predictions are the same"),
        ((2.0, 2.0, 2.0), ("1", "2", "3"), "all labels are the same"),
        ((2.0, 2.0, 2.0), ("1", "1", "1"), "all predictions and all labels are the same"),
        ((2.0, 1.0, 2.0), ("1", "?", "?"), "a correlation takes two numbers"),
    ],
)
def test_a_constant_has_no_correlation_and_the_reason_is_said(labels, outputs, why):
    found, _ = judged(over(*scores(*labels)), *outputs)
    assert found["pearson"].value is None
    assert f"undefined for these units: {why}" in found["pearson"].reason
    assert found["mae"].value is not None
    assert "undefined" not in (found["mae"].reason or "")


def test_one_sample_has_values_without_intervals():
    found, _ = judged(over(*scores(2.0)), "2")
    assert (found["acc7"].value, found["acc7"].low) == (1.0, None)
    assert "one cluster" in found["acc7"].reason
    assert found["pearson"].value is None
    assert found["pearson"].reason


def test_a_single_cluster_has_no_interval():
    of = over(row("a", "negative", group="v"), row("b", "positive", group="v"))
    found, _ = judged(of, "negative", "negative")
    assert (found["accuracy"].value, found["accuracy"].n_clusters, found["accuracy"].low) == (0.5, 1, None)


def test_only_zeros_leave_nothing_for_the_metrics_without_zero():
    found, _ = judged(over(*scores(0.0, 0.0)), "0", "1")
    value = found["acc2(convention=mmsa,zero=without)"]
    assert (value.value, value.reason) == (None, "no unit was scored")
    assert found["acc2(convention=mmsa,zero=with)"].value == 1.0


def test_labels_that_are_all_alike_are_a_note():
    assert "every label is 'positive'" in over(row("a", "positive"), row("b", "positive")).notes[0]
    assert over(row("a", "positive"), row("b", "negative")).notes == ("no label is 'neutral'",)
    assert "every label is 2" in over(*scores(2.0, 2.0)).notes[0]
    assert task.notes == SCORED.notes == ()


def test_a_class_that_does_not_occur_is_left_out_or_counts_as_said():
    rows = row("a", "positive"), row("b", "negative")
    answers = "positive", "negative"
    assert judged(over(*rows), *answers)[0]["f1(average=macro)"].value == 1.0
    name = "f1(average=macro,zero_division=0)"
    assert judged(over(*rows, zero_division="0"), *answers)[0][name].value == pytest.approx(2 / 3)


def test_numbers_can_be_asked_for_as_classes():
    of = over(*scores(-0.2, 0.0, 1.4), target="class")
    assert [sample.references for sample in of.samples()] == [("negative",), ("neutral",), ("positive",)]
    assert judged(of, "negative", "neutral", "positive")[0]["accuracy"].value == 1.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "mood"}, r"unknown target 'mood'\. There are: class, score"),
        ({"extractor": "number"}, "There are: .*exact"),
        ({"target": "score", "extractor": "exact"}, "There are: .*number"),
        ({"target": "score", "zero_division": "0"}, "unknown option of sentiment/scenes 'zero_division'"),
        ({"zero_division": 2}, "unknown zero_division '2'"),
        ({"tarket": "score"}, "Did you mean 'target'"),
        ({"size": 3}, "expected a number of pixels"),
    ],
)
def test_options_that_there_are_not_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        task.with_options(**options)


def test_data_with_classes_alone_have_no_scores():
    with pytest.raises(UnknownNameError, match="unknown target 'score'"):
        over(row("a", "positive")).with_options(target="score")


@pytest.mark.slow
def test_options_add_up():
    of = task.with_options(size=32).with_options(target="score").with_options(prompt="speaker-final-v1")
    assert of.info.options == {"size": 32, "target": "score", "prompt": "cot"}
    assert of.samples()[0].parts[0].attrs["width"] == 32
    assert of.info.extractor == "final-number-v2"
    assert of.with_options(target="class").info.extractor == "final-answer-v2"
    assert of.with_options(target="class").info.options["size"] == 32


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"target": "score"}, {"extractor": "mention"}, {"prompt": "speaker-final-v1"}])
def test_the_conformance_kit_has_no_complaint(options):
    check_task(task.with_options(**options), fresh_process=False).raise_if_failed()
