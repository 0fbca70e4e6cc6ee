"""Models that write without end: answers are scored one after the other, to the same bytes."""

import tracemalloc
from pathlib import Path

import pytest
from helpers import only_run, scores_of, start_python, write_model, write_questions
from stored import score_table

from mmbench.core.long_texts import LONG, LongTexts
from mmbench.results.npz import decode_tables, encode_tables
from mmbench.results.rundir import RunDirectory

MANY = """
    import hashlib

    class Writes:
        def generate(self, requests):
            return [f"{r.sample_id} 🙂 {hashlib.md5(r.sample_id.encode()).hexdigest()} " + "x" * 200_000 for r in requests]
"""


def test_texts_in_a_file_are_stored_to_the_same_bytes() -> None:
    given = ["a", None, "é" * LONG, 'quoted " \\ \n' * 1000, "", "🙂" * 5000, None]
    texts = LongTexts()
    for text in given:
        texts.append(text)
    assert isinstance(texts.kept(), LongTexts)
    assert (list(texts), texts[2:4], texts[-1], len(texts)) == (given, given[2:4], None, 7)
    scores = [1.0] * len(given)
    plain, waiting = ({"sample": score_table(scores, answers=each)} for each in (given, texts))
    assert encode_tables(plain) == encode_tables(waiting)
    assert decode_tables(encode_tables(waiting))["sample"].answers == given


def test_short_texts_are_a_plain_list() -> None:
    texts = LongTexts()
    texts.append("a")
    assert texts.kept() == ["a"]


@pytest.mark.slow
def test_long_answers_are_scored_within_a_bound_and_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eighty answers of 200 kB, 800 kB in memory: a quarter of them would break the bound."""
    import mmbench as package
    from mmbench.core import long_texts
    from mmbench.scoring import answers

    data = write_questions(tmp_path, 80, closed=False)
    write_model(tmp_path, MANY)
    monkeypatch.chdir(tmp_path)
    options = {"data": data, "batch_size": 1, "loader_threads": 0, "progress": False, "perf": "off"}
    package.run("random", "vqa", data=data, progress=False, out=tmp_path / "warm")
    tracemalloc.start()
    package.run("mymodel.py:Writes", "vqa", out=tmp_path / "one", **options)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16e6
    monkeypatch.setattr(long_texts, "LONG", 2**40)
    monkeypatch.setattr(answers, "_LONG", 2**40)
    package.run("mymodel.py:Writes", "vqa", out=tmp_path / "two", **options)
    first, second = (scores_of(only_run(tmp_path / name)) for name in ("one", "two"))
    assert list(first.values()) == list(second.values())
    run = RunDirectory(only_run(tmp_path / "one"))
    (entry,) = run.read().tasks.values()
    assert run.read_tables(entry.name, str(entry.scoring))["sample"].answers is not None


@pytest.mark.nightly
def test_two_thousand_answers_of_a_megabyte(tmp_path: Path) -> None:
    """The size of the first report: at most 300 MB above the imports, the whole run included."""
    write_questions(tmp_path, 2000, closed=False)
    write_model(
        tmp_path, 'class Big:\n    def generate(self, r):\n        return ["yes " + "x" * 1_000_000 for _ in r]\n'
    )
    peak = "from mmbench.perf.memory import peak_bytes; print(peak_bytes())"
    imports = "import numpy, PIL.Image, msgspec, rich.table, mmbench.api.run"
    run = 'mmbench.run("mymodel.py:Big", "vqa", data={"vqa": "mine.jsonl"}, progress=False)'
    empty, whole = (
        int(start_python("-c", f"import mmbench; {code}; {peak}", folder=tmp_path).communicate()[0].split()[-1])
        for code in (imports, run)
    )
    assert whole - empty < 300e6
