"""The task `captioning`: what is asked, what becomes of errors, refusals and empty captions, and the options."""

import pickle

import pytest
from PIL import Image

from mmbench.core import CardError, Generate, Media, Response, Task, UsageError
from mmbench.data import Captioned, Rows, image_from_array
from mmbench.metrics.evaluate import evaluate
from mmbench_tasks.captioning import CaptioningCard, CaptioningTask

CAPTIONS = (
    ("A black dog runs across the wet grass.", "a dog running on grass", "The dog is on the grass."),
    ("Two people ride horses along the beach.", "people riding horses by the sea"),
    ("A plate with rice and a fried egg.", "An egg on top of some rice", "a plate of food", "rice, egg and a fork"),
    ("A man reads a newspaper on a bench.", "a man on a bench is reading"),
)
IDS = ("bleu@1", "bleu@2", "bleu@3", "bleu@4", "rouge_l", "cider_d")


def picture(n: int) -> Media:
    import numpy as np

    return image_from_array(np.full((2, 2, 3), n, np.uint8))


def rows(captions=CAPTIONS):
    return [Captioned(f"p{n}", picture(n), texts) for n, texts in enumerate(captions)]


def card(**fields) -> CaptioningCard:
    facts = {"licence": "CC0-1.0", "citation": "none", "revision": "1", "source": Rows({})}
    return CaptioningCard(name="captioning/made-up", description="for tests", **{**facts, **fields})


def task_of(captions=CAPTIONS) -> CaptioningTask:
    return CaptioningTask(card(source=Rows({"test": rows(captions)})))


def table_of(task, *answers):
    responses = [[each if isinstance(each, Response) else Response("ok", each)] for each in answers]
    return task.score(task.samples(), responses)["sample"]


def values(task, table):
    return {str(metric.id): evaluate(metric, table).value for metric in task.metrics}


# --- what is asked ---


def test_it_is_a_task_and_declares_its_metrics():
    task = task_of()
    assert isinstance(task, Task)
    assert tuple(str(metric.id) for metric in task.metrics) == IDS
    assert task.info.primary == ("bleu@4", "rouge_l", "cider_d")
    assert task.chance(task.samples()) == {}
    assert pickle.loads(pickle.dumps(task.samples())) == task.samples()


def test_a_request_is_the_picture_and_a_versioned_prompt():
    task = task_of()
    for sample in task.samples():
        (request,) = task.requests(sample)
        assert isinstance(request, Generate)
        assert request.parts == (*sample.parts, "Describe the picture in one short sentence.")
        assert request.images == list(sample.parts)
        assert request.choices is None
        assert 30 <= request.max_new_tokens <= 100
    assert "one-sentence-v1" in task.info.prompt
    assert not task.info.closed_answers


def test_the_references_are_the_captions_and_errors_cluster_by_picture():
    for sample, captions in zip(task_of().samples(), CAPTIONS, strict=True):
        assert sample.references == captions
        assert sample.cluster == sample.id


def test_another_prompt_is_another_task():
    task = task_of()
    other = task.with_options(prompt="caption-v1")
    assert other.requests(other.samples()[0])[0].text == "a caption of the picture:"
    assert (other.info.options, task.info.options) == ({"prompt": "caption-v1"}, {})
    assert other.info.prompt != task.info.prompt


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"promt": "caption-v1"}, "There are: prompt, also"),
        ({"prompt": "shapes"}, "There are: one-sentence-v1"),
        ({"prompt": 3}, "prompt"),
        ({"also": "meteo"}, "There are: meteor, spice"),
        ({"also": "meteor,bleu"}, "There are: meteor, spice"),
        ({"also": 3}, "There are: meteor, spice"),
    ],
)
def test_options_that_there_are_not(options, said):
    with pytest.raises(UsageError, match=said):
        task_of().with_options(**options)


def test_a_split_that_there_is_not():
    with pytest.raises(UsageError, match="no split 'train'"):
        task_of().samples("train")


def test_a_card_without_a_licence_is_refused():
    with pytest.raises(CardError) as refused:
        card(licence=" ")
    assert (refused.value.card, refused.value.field) == ("captioning/made-up", "licence")


# --- what an answer is worth ---


def test_the_task_s_own_answers():
    task = task_of()
    table = table_of(task, *(task.solve(sample, task.requests(sample)[0]) for sample in task.samples()))
    got = values(task, table)
    assert all(got[name] == pytest.approx(1) for name in IDS[:5])
    assert list(table.status) == ["scored"] * 4
    assert list(table.answers) == [captions[0] for captions in CAPTIONS]
    assert table.explanations == [None] * 4


def test_scores_equal_those_of_the_official_scorer():
    """On words that any tokeniser takes as they are."""
    bleu = pytest.importorskip("pycocoevalcap.bleu.bleu")
    cider = pytest.importorskip("pycocoevalcap.cider.cider")
    rouge = pytest.importorskip("pycocoevalcap.rouge.rouge")
    plain = [tuple("".join(c for c in text.lower() if c.isalpha() or c == " ") for text in each) for each in CAPTIONS]
    said = ["a dog on the grass", "two people ride along the sea", "a plate", "the man is reading a newspaper"]
    task = task_of(plain)
    got = values(task, table_of(task, *said))
    truth, results = dict(enumerate(map(list, plain))), {n: [text] for n, text in enumerate(said)}
    expected, _ = bleu.Bleu(4).compute_score(truth, results, verbose=0)
    assert [got[name] for name in IDS[:4]] == pytest.approx(expected, abs=1e-12)
    assert got["rouge_l"] == pytest.approx(rouge.Rouge().compute_score(truth, results)[0], abs=1e-12)
    assert got["cider_d"] == pytest.approx(cider.Cider().compute_score(truth, results)[0], abs=1e-12)


def test_captions_are_tokenised_first():
    task = task_of()
    plain = [each[0] for each in CAPTIONS]
    shouted = [f'"{text.upper()}"\n' for text in plain]
    assert values(task, table_of(task, *shouted)) == pytest.approx(values(task, table_of(task, *plain)))


def test_refusals_and_empty_captions_count_as_empty_and_errors_do_not_count():
    task = task_of()
    right = [captions[0] for captions in CAPTIONS]
    whole = values(task, table_of(task, *right))
    for nothing, status in (
        (Response("refused"), "refused"),
        (Response("refused", "I would rather not."), "refused"),
        ("", "unparsed"),
        (" \n", "unparsed"),
    ):
        table = table_of(task, nothing, *right[1:])
        got = values(task, table)
        assert table.status[0] == status
        assert table.columns["rouge_l"][0] == table.columns["cider_d"][0] == 0
        assert got["rouge_l"] == pytest.approx(0.75)
        assert got["bleu@4"] < 1, "the length that is missing costs"
        assert table.answers[0] is None
    for failed in (Response("error", error="gone"), Response("timeout", error="late")):
        table = table_of(task, failed, *right[1:])
        got = values(task, table)
        assert table.status[0] == "error"
        assert table.explanations[0] == failed.error
        assert not any(column[0].any() for column in table.columns.values())
        assert got["bleu@4"] == pytest.approx(1)
        assert got["rouge_l"] == pytest.approx(1)
        assert list(table.columns["cider_d"][1:]) == pytest.approx(
            list(table_of(task, *right).columns["cider_d"][1:])
        ), "its references still count"
    assert whole["rouge_l"] == pytest.approx(1)


def test_cider_of_a_single_picture_is_0_and_says_why():
    task = task_of(CAPTIONS[:1])
    table = table_of(task, CAPTIONS[0][0])
    assert values(task, table)["cider_d"] == 0
    assert set(table.remarks) == {"cider_d"}
    assert table.remarks["cider_d"] in (
        next(v for m in task.metrics if (v := evaluate(m, table)).id == "cider_d").reason or ""
    )
    assert values(task, table)["bleu@4"] == pytest.approx(1)


def test_document_frequencies_are_those_of_the_pictures_that_are_scored():
    task = task_of()
    samples, said = task.samples(), [each[0] for each in CAPTIONS]
    part = task.score(samples[:2], [[Response("ok", text)] for text in said[:2]])["sample"]
    whole = table_of(task, *said)
    assert list(part.columns["rouge_l"]) == list(whole.columns["rouge_l"][:2])
    assert list(part.columns["cider_d"]) != list(whole.columns["cider_d"][:2])


def test_meteor_is_an_option():
    task = task_of().with_options(also="meteor")
    assert task.info.primary == ("bleu@4", "rouge_l", "cider_d", "meteor")
    assert [str(metric.id) for metric in task.metrics] == [*IDS, "meteor"]
    both = task.with_options(also=["meteor", "spice"])
    assert both.info.primary[-2:] == ("meteor", "spice")
    assert task.info.options == {"also": "meteor"}


def test_what_java_finds_becomes_columns(monkeypatch):
    """The processes themselves have tests of their own."""
    import numpy as np

    from mmbench import metrics
    from mmbench.metrics.captions import java

    asked = []

    def columns(name, width):
        def made(candidates, references):
            asked.append((name, list(candidates), [tuple(texts) for texts in references]))
            return {name: np.zeros((len(candidates), *width))}

        return made

    monkeypatch.setattr(metrics, "meteor_columns", columns("meteor", (java.METEOR_STATISTICS,)))
    monkeypatch.setattr(metrics, "spice_columns", columns("spice", ()))
    said = ["a dog", Response("error", error="gone"), "", "a bench"]
    given = (["a dog", None, "", "a bench"], list(CAPTIONS))
    for also, names in (("spice", ["spice"]), ("meteor,spice", ["meteor", "spice"])):
        asked.clear()
        task = task_of().with_options(also=also)
        table = table_of(task, *said)
        assert asked == [(name, *given) for name in names]
        assert [values(task, table)[name] for name in names] == [0] * len(names)


def test_a_picture_s_own_id_and_file(tmp_path):
    """A run over a user's pictures, in a few lines."""
    import mmbench

    for n in range(3):
        Image.new("RGB", (8, 8), (40 * n, 0, 90)).save(tmp_path / f"{n}.png")
    text = "".join(f'{{"image": "{n}.png", "captions": ["number {n} of three", "picture {n}"]}}\n' for n in range(3))
    (tmp_path / "mine.jsonl").write_text(text)
    result = mmbench.run(["oracle", "random"], "captioning", data=tmp_path / "mine.jsonl", out=tmp_path, progress=False)
    assert result.exit_code == 0
    got = {(row.model, row.metric.id): row.metric.value for row in result.rows()}
    assert got["oracle", "bleu@4"] == pytest.approx(1)
    assert got["oracle", "cider_d"] > 1
    assert got["random", "rouge_l"] == 0
    assert {row.task for row in result.rows()} == {"captioning/mine"}
