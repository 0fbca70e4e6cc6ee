"""`captioning/scenes`: exact match and attribute accuracy tell who looks, where BLEU alone would flatter who does not."""

import pickle
import random
from collections import Counter

import pytest

import mmbench
from mmbench.core import Response, Task, UsageError
from mmbench.metrics.evaluate import evaluate, evaluate_slices
from mmbench.scoring.blind_caption import best_caption
from mmbench.testing import check_task
from mmbench_tasks.captioning.scenes import exact_matches, task

pytestmark = pytest.mark.slow

SAMPLES = task.samples()
TRAIN = task.samples("train")
PRIMARY = ("bleu@4", "rouge_l", "cider_d", "exact_match", "attribute_accuracy")


def table_of(say, samples=SAMPLES):
    return task.score(samples, [[Response("ok", say(sample))] for sample in samples])["sample"]


def values(table):
    return {str(metric.id): evaluate(metric, table).value for metric in task.metrics}


def metric(name):
    return next(each for each in task.metrics if str(each.id) == name)


# --- samples ---


def test_sizes_groups_and_slices():
    assert isinstance(task, Task)
    assert task.info.primary == PRIMARY
    assert (len(SAMPLES), len(TRAIN), len(task.samples("val"))) == (1000, 6000, 500)
    assert set(Counter(sample.cluster for sample in SAMPLES).values()) == {4}
    assert Counter(sample.slices["shapes"] for sample in SAMPLES) == {"2": 500, "3": 500}
    assert set(Counter(sample.slices["row"] for sample in SAMPLES)) == {"left to right", "top to bottom"}
    assert all(len(set(sample.references)) == 5 for sample in SAMPLES)
    for sample in SAMPLES[::50]:
        assert len(sample.parts[0].source.scene.figures) == int(sample.slices["shapes"])


def test_splits_share_no_picture_and_no_group():
    seen = [{(s.parts[0].digest, s.cluster) for s in task.samples(split)} for split in task.info.splits]
    for part in (0, 1):
        sets = [{pair[part] for pair in one} for one in seen]
        assert len(set.union(*sets)) == sum(map(len, sets))


def test_the_prompt_says_what_is_wanted():
    (request,) = task.requests(SAMPLES[0])
    assert "colour" in request.text
    assert "order" in request.text


# --- who gets what ---


@pytest.mark.parametrize("wording", range(5))
def test_every_right_wording_is_right(wording):
    table = table_of(lambda sample: sample.references[wording])
    got = values(table)
    assert all(got[name] == pytest.approx(1) for name in PRIMARY if name != "cider_d")
    assert got["cider_d"] > 3.5
    assert table.explanations == [None] * len(SAMPLES)
    assert [task.solve(sample, task.requests(sample)[0]) for sample in SAMPLES] == [s.references[0] for s in SAMPLES]


def test_a_captioner_that_never_looks_has_a_good_bleu_and_is_not_right():
    """The reason why there are two more metrics here."""
    caption = best_caption([sample.references for sample in TRAIN])
    got = values(table_of(lambda sample: caption))
    assert 0.30 < got["bleu@4"] < 0.45
    assert got["exact_match"] < 0.01
    assert got["attribute_accuracy"] < 0.10
    draw = random.Random(0)
    got = values(table_of(lambda sample: draw.choice(draw.choice(TRAIN).references)))
    assert 0.25 < got["bleu@4"] < 0.35
    assert got["exact_match"] < 0.01
    assert got["attribute_accuracy"] < 0.10


def test_no_caption_is_right_for_two_pictures_of_a_family():
    table = table_of(lambda sample: SAMPLES[4 * (SAMPLES.index(sample) // 4)].references[0])
    got = values(table)
    assert got["exact_match"] == 0.25
    assert got["bleu@4"] > 0.6
    assert got["attribute_accuracy"] < 0.6


def test_case_punctuation_and_space_do_not_make_a_caption_wrong():
    got = values(table_of(lambda sample: f"  {sample.references[2].capitalize().replace(',', '')}.\n"))
    assert got["exact_match"] == 1


def test_another_wording_is_not_exact_and_has_its_facts():
    def say(sample):
        return sample.references[0].replace("a ", "one ")

    got = values(table_of(say))
    assert got["exact_match"] == 0
    assert got["attribute_accuracy"] == 1


def test_exact_matches_by_hand():
    captions = ["A red ring, a blue star.", "a red ring", "", None]
    assert list(exact_matches(captions, [["a red ring a blue star", "x"]] * 4)) == [1, 0, 0, 0]


def test_the_explanation_says_what_is_missing_and_what_is_wrong():
    sample = SAMPLES[0]
    first, *_ = sample.references
    table = table_of(lambda each: "a green dog" if each is sample else first)
    assert table.explanations[0].startswith("missing: ")
    assert table.explanations[1].count("wrong: ") == 1
    assert table.answers[0] == "a green dog"


def test_failed_and_refused_pictures():
    some = SAMPLES[:8]
    responses = [[Response("ok", sample.references[0])] for sample in some]
    responses[0] = [Response("error", error="gone")]
    responses[1] = [Response("refused", "No.")]
    table = task.score(some, responses)["sample"]
    assert list(table.status[:3]) == ["error", "refused", "scored"]
    assert table.explanations[0] == "gone"
    for name in ("exact_match", "attribute_accuracy"):
        assert list(table.columns[name][:3]) == [0, 0, 1]
        assert evaluate(metric(name), table).value == pytest.approx(6 / 7)


def test_values_by_the_number_of_shapes():
    two = [sample for sample in SAMPLES if sample.slices["shapes"] == "2"]
    said = {sample.id for sample in two}
    table = table_of(lambda sample: sample.references[0] if sample.id in said else "nothing")
    slices = evaluate_slices(metric("exact_match"), table)["shapes"]
    assert (slices["2"].value, slices["3"].value) == (1, 0)


# --- options and the run ---


def test_pictures_come_in_other_sizes():
    large = task.with_options(size=128)
    assert large.samples()[0].parts[0].load().size == (128, 128)
    assert large.fingerprint() != task.fingerprint()
    other = large.with_options(prompt="one-sentence-v1")
    assert other.info.options == {"size": 128, "prompt": "one-sentence-v1"}
    assert other.samples()[0].parts[0].load().size == (128, 128)
    with pytest.raises(UsageError, match="from 16 to 1024"):
        task.with_options(size=5000)
    with pytest.raises(UsageError, match="option of captioning/scenes"):
        task.with_options(sise=64)


def test_it_pickles_and_passes_the_kit():
    assert pickle.loads(pickle.dumps(task)).fingerprint() == task.fingerprint()
    check_task(task, fresh_process=False).raise_if_failed()


def test_controls_in_a_run(tmp_path):
    result = mmbench.run(
        ["oracle", "random", "prior", "template-prior"], "captioning", out=tmp_path, progress=False, perf="off"
    )
    assert result.exit_code == 0
    got = {(row.model, row.metric.id): row for row in result.rows()}
    blind = got["prior", "bleu@4"]
    assert got["oracle", "exact_match"].metric.value == 1
    assert got["random", "bleu@4"].metric.value < 0.01
    assert 0.30 < blind.metric.value < 0.45
    assert {got[model, "bleu@4"].prior for model in ("oracle", "random", "prior")} == {blind.metric.value}
    assert got["template-prior", "bleu@4"].metric.value == blind.metric.value
