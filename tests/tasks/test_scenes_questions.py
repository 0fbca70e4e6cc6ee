"""`vqa/scenes`: neither modality alone, nor any sum of the two, is right on a whole block."""

import pickle
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from additive import check_no_whole_block
from hypothesis import given
from hypothesis import strategies as st

import mmbench
from mmbench.core import FitContext, Media, Response, Task, UsageError, derive_seed
from mmbench.core.requests import as_choose
from mmbench.metrics.evaluate import evaluate
from mmbench.models.prior import TemplatePrior
from mmbench.testing import check_task
from mmbench_tasks.scenes.scoring import block_table
from mmbench_tasks.vqa.scenes import task

SAMPLES = task.samples()
SKILLS = {"attribute": 3, "binding": 2, "relation": 2, "count": 3}


def values(tables):
    return {str(metric.id): evaluate(metric, tables[metric.unit]).value for metric in task.metrics}


def answered(function, samples=SAMPLES):
    """Scores where each sample gets what the function makes of (sample, its request)."""
    return task.score(samples, [[Response("ok", function(s, task.requests(s)[0]))] for s in samples])


def by_skill(tables, unit, column):
    table = tables[unit]
    found: dict[str, list[float]] = {}
    for label, value in zip(table.slices["skill"], table.columns[column], strict=True):
        found.setdefault(label, []).append(value)
    return found


# --- the data ---


@pytest.mark.slow
def test_sizes_groups_and_slices():
    assert isinstance(task, Task)
    assert (len(SAMPLES), len(task.samples("val")), len(task.samples("train"))) == (3400, 1440, 11995)
    assert Counter(s.slices["skill"] for s in SAMPLES) == {k: (900 if n == 3 else 800) for k, n in SKILLS.items()}
    groups = Counter(s.group for s in SAMPLES)
    assert len(groups) == 600
    assert {SKILLS[group.split("-")[1]] ** 2 == size for group, size in groups.items()} == {True}
    for sample in SAMPLES[::97]:
        media, question = sample.parts
        assert isinstance(media, Media)
        assert question.endswith("?")
        assert sample.id.rpartition("-")[0].rpartition("-")[0] == sample.group
        assert set(sample.references) < set(sample.choices)
    with pytest.raises(UsageError, match="no split 'dev'"):
        task.samples("dev")


def test_what_the_task_says_of_itself():
    assert task.info.primary == ("accuracy", "block_accuracy")
    assert task.info.closed_answers
    assert task.info.splits == ("test", "train", "val")
    assert {metric.unit for metric in task.metrics} == {"sample", "block"}


# --- who gets what ---


def test_its_own_answers_are_right_in_text_and_as_choices():
    assert values(answered(task.solve)) == {"accuracy": 1.0, "block_accuracy": 1.0}
    assert values(answered(lambda s, r: task.solve(s, as_choose(r)))) == {"accuracy": 1.0, "block_accuracy": 1.0}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("seen", ["question", "image"])
def test_whoever_looks_at_one_modality_alone_gets_exactly_chance_and_no_block(seen, seed):
    """Any function of the question, or of the picture, and of the choices: here a hash picks the answer."""

    def blind(sample, request):
        what = request.text if seen == "question" else request.images[0].digest
        return sample.choices[derive_seed(seed, what, *sample.choices) % len(sample.choices)]

    tables = answered(blind)
    for skill, scores in by_skill(tables, "sample", "accuracy").items():
        assert Fraction(int(sum(scores)), len(scores)) == Fraction(1, SKILLS[skill])
    assert values(tables)["block_accuracy"] == 0
    assert values(tables)["accuracy"] == pytest.approx(task.chance(SAMPLES)["accuracy"], rel=1e-12)


def test_the_template_prior_gets_no_block():
    model = TemplatePrior()
    model.fit(task.info, task.samples("train"), (), FitContext(requests=task.requests, seed=0))
    tables = answered(lambda sample, request: model.generate([request])[0])
    assert values(tables)["block_accuracy"] == 0
    assert values(tables)["accuracy"] == pytest.approx(1400 / 3400)


whole_numbers = st.integers(-8, 8).map(float)  # sums of these are exact
SOME = [group for skill in SKILLS for group in sorted({s.group for s in SAMPLES if s.slices["skill"] == skill})[:2]]
ASKED = [sample for sample in SAMPLES if sample.group in SOME]


@pytest.mark.slow
@given(st.data())
def test_no_additive_model_is_right_on_a_whole_block(data):
    """Scores f(picture, answer) + g(question, answer): 0 on every block, save where it leaves everything tied."""
    check_no_whole_block(task, ASKED, lambda: data.draw(whole_numbers))


@pytest.mark.parametrize("seed", range(3))
def test_no_additive_model_with_random_weights_gets_a_block(seed):
    rng = np.random.default_rng(seed)
    terms: dict[tuple[str, str], float] = {}

    def additive(sample, request):
        return [
            sum(terms.setdefault((key, c), rng.standard_normal()) for key in (request.images[0].digest, request.text))
            for c in request.choices
        ]

    tables = answered(additive)
    assert values(tables)["block_accuracy"] == 0
    assert set(tables["block"].status) == {"scored"}


def test_a_product_of_the_two_is_right_on_all_blocks_of_two():
    """What a sum cannot do, a product can: a sign for the picture times a sign for the question."""
    samples = [s for s in SAMPLES if SKILLS[s.slices["skill"]] == 2]
    corner = {s.group: s.references[0] for s in samples if s.id.endswith("-0-0")}

    def product(sample, request):
        image, question = (1 - 2 * int(n) for n in sample.id.split("-")[-2:])
        lead = image * question * (1 if corner[sample.group] == "yes" else -1)
        return [-float(lead), float(lead)]

    assert set(answered(product, samples)["block"].columns["right"]) == {1.0}


@pytest.mark.slow
def test_uniform_guesses_get_what_chance_says():
    chance = task.chance(SAMPLES)
    blocks = [1 / SKILLS[g.split("-")[1]] ** SKILLS[g.split("-")[1]] ** 2 for g in {s.group for s in SAMPLES}]
    assert chance == pytest.approx({"accuracy": 1400 / 3400, "block_accuracy": sum(blocks) / 600})
    tied = answered(lambda s, r: [0.0] * len(s.choices))
    assert values(tied) == pytest.approx(chance)
    rng = np.random.default_rng(5)
    right = np.zeros(2)
    for _ in range(10):
        drawn = values(answered(lambda s, r: s.choices[rng.integers(len(s.choices))]))
        right += [drawn["accuracy"], drawn["block_accuracy"]]
    # Standard errors of ten rounds: 0.0026 and 0.0026.
    assert right / 10 == pytest.approx(list(chance.values()), abs=0.011)
    assert task.chance([]) == {}
    assert "block_accuracy" not in task.chance(SAMPLES[:3])


# --- the table of blocks ---

BLOCK = [s for s in SAMPLES if s.group == "test-binding-0007"]
OTHER = [s for s in SAMPLES if s.group == "test-count-0003"]


def blocks_of(replies, samples=BLOCK):
    responses = [[replies.get(n, Response("ok", s.references[0]))] for n, s in enumerate(samples)]
    return task.score(samples, responses)["block"]


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (Response("error", error="gone"), "error"),
        (Response("timeout", error="late"), "error"),
        (Response("refused"), "refused"),
        (Response("ok", "maybe"), "unparsed"),
    ],
)
def test_a_block_goes_the_way_of_its_worst_answer(reply, status):
    table = blocks_of({2: reply}, [*BLOCK, *OTHER])
    assert list(table.unit_ids) == ["test-binding-0007", "test-count-0003"] == list(table.cluster_ids)
    assert list(table.status) == [status, "scored"]
    assert list(table.columns["right"]) == [0.0, 1.0]
    assert list(table.slices["skill"]) == ["binding", "count"]


def test_an_error_outweighs_a_refusal_and_a_wrong_answer_stays_scored():
    assert blocks_of({0: Response("refused"), 1: Response("error", error="gone")}).status == ["error"]
    wrong = blocks_of({0: Response("ok", next(c for c in BLOCK[0].choices if c not in BLOCK[0].references))})
    assert (wrong.status, wrong.columns["right"]) == (["scored"], [0.0])


def test_ties_count_with_the_probability_that_all_are_right():
    tied = Response("ok", [1.0, 1.0])
    assert blocks_of({0: tied, 3: tied}).columns["right"] == [0.25]


def test_a_block_that_was_asked_in_part_is_skipped():
    table = blocks_of({}, [*BLOCK[:3], *OTHER])
    assert table.status == ["skipped", "scored"]
    metric = task.metrics[1]
    assert evaluate(metric, table).n == 1


def test_blocks_are_found_in_any_order():
    mixed = [*BLOCK, *OTHER][::-1]
    scores = task.score(mixed, [[Response("ok", s.references[0])] for s in mixed])
    assert scores["block"].columns["right"] == [1.0, 1.0]
    assert block_table(mixed, scores["sample"]).unit_ids == ["test-count-0003", "test-binding-0007"]


# --- options and the run ---


def test_pictures_come_in_other_sizes():
    large = task.with_options(size=224, extractor="mention")
    assert large.samples()[0].parts[0].load().size == (224, 224)
    assert large.info.options == {"size": 224, "extractor": "mention"}
    assert large.fingerprint() != task.fingerprint()
    assert large.with_options(prompt="question-only-v1").samples()[0].parts[0].attrs["width"] == 224
    assert task.with_options(prompt="question-only-v1").fingerprint() == task.fingerprint()
    with pytest.raises(UsageError, match="from 16 to 1024"):
        task.with_options(size=5)
    with pytest.raises(UsageError, match="option of vqa/scenes"):
        task.with_options(colour="red")


@pytest.mark.slow
def test_it_pickles_and_passes_the_kit():
    assert pickle.loads(pickle.dumps(task)).fingerprint() == task.fingerprint()
    check_task(task, fresh_process=False).raise_if_failed()


def test_errors_cluster_by_block_in_a_run(tmp_path):
    result = mmbench.run("oracle", "mmbench_tasks.vqa.scenes:task", out=tmp_path, limit=100, progress=False)
    metrics = {row.metric.id: row.metric for row in result.rows()}
    assert metrics["block_accuracy"].value == 1
    assert metrics["accuracy"].n_clusters == metrics["block_accuracy"].n
    assert 90 < metrics["accuracy"].n <= 100
