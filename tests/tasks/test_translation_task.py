"""Descriptions to translate: files of lines, languages, and the values of sacreBLEU."""

from __future__ import annotations

import gzip

import pytest
from sacrebleu.metrics import BLEU, CHRF
from shards import png

from mmbench import score
from mmbench.core import DataError, Response, UsageError
from mmbench.data import Rows, image_from_bytes
from mmbench.testing import check_task
from mmbench_tasks.translation import Sentence, TranslationCard, TranslationTask

GERMAN = ["Ein Mann fährt Rad.", "Zwei Hunde spielen im Schnee.", "Eine Frau liest ein Buch."]
GUESSED = ["Ein Mann fährt ein Rad.", "Hunde spielen im Schnee.", "Eine Frau liest ein Buch."]


@pytest.fixture
def multi30k(tmp_path):
    folder = tmp_path / "data" / "task1" / "raw"
    folder.mkdir(parents=True)
    for language, lines in {"en": ["A man.", "Two dogs.", "A woman."], "de": GERMAN}.items():
        (folder / f"test_2016_flickr.{language}.gz").write_bytes(
            gzip.compress("".join(f"{line}\n" for line in lines).encode())
        )
    return tmp_path


def test_lines_are_scored_as_sacrebleu_does(multi30k, tmp_path):
    predictions = tmp_path / "out.de"
    predictions.write_text("".join(f"{line}\n" for line in GUESSED))
    result = score("translation/multi30k", predictions, multi30k)
    bleu, chrf = result.metrics
    assert bleu.id == "sacrebleu(case=mixed,eff=no,nrefs=1,smooth=exp,tok=13a)"
    assert 100 * bleu.value == pytest.approx(BLEU().corpus_score(GUESSED, [GERMAN]).score)
    assert 100 * chrf.value == pytest.approx(CHRF().corpus_score(GUESSED, [GERMAN]).score)
    lower = score("translation/multi30k", predictions, multi30k, options={"case": "lc"})
    assert 100 * lower.metrics[0].value == pytest.approx(BLEU(lowercase=True).corpus_score(GUESSED, [GERMAN]).score)
    predictions.write_text("one line\n")
    with pytest.raises(DataError, match="1 lines"):
        score("translation/multi30k", predictions, multi30k)


def test_a_missing_language_is_named(multi30k, tmp_path):
    predictions = tmp_path / "out.cs"
    predictions.write_text("a\nb\nc\n")
    with pytest.raises(DataError, match="cs"):
        score("translation/multi30k", predictions, multi30k, options={"target": "cs"})


def test_a_file_of_lines_is_scored_against_a_file_of_lines(tmp_path):
    (tmp_path / "refs.de").write_text("\n".join(GERMAN) + "\n")
    (tmp_path / "out.de").write_text("\n".join(GERMAN) + "\n")
    assert score("translation", tmp_path / "out.de", tmp_path / "refs.de").metrics[0].value == 1.0


@pytest.fixture
def task():
    rows = [
        Sentence(str(n), {"en": (f"text {n}",), "de": (text,)}, image_from_bytes(png((n, 0, 0))))
        for n, text in enumerate(GERMAN)
    ]
    card = TranslationCard(
        name="translation/toys",
        source=Rows({"test": rows}),
        description="toys",
        licence="MIT",
        citation="here",
        revision="1",
    )
    return TranslationTask(card)


def test_how_a_sentence_is_put_and_that_an_empty_one_is_unparsed(task):
    (request,) = task.requests(task.samples()[0])
    assert "from English into German" in request.parts[1]
    assert request.parts[1].endswith("\ntext 0")
    other = task.with_options(source="de", target="en")
    assert "from German into English" in other.requests(other.samples()[0])[0].parts[1]
    with pytest.raises(UsageError):
        task.with_options(source="de", target="de")
    table = task.score(task.samples(), [(Response("ok", text),) for text in ("", GERMAN[1], GERMAN[2])])["sample"]
    assert list(table.status) == ["unparsed", "scored", "scored"]
    check_task(task, fresh_process=False).raise_if_failed()
