"""METEOR and SPICE in Java: the same values as pycocoevalcap's, and clear words where something is missing."""

from __future__ import annotations

import gzip
import importlib.util
import json
import shutil
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from mmbench.core.errors import MissingExtraError, RunFailedError, UsageError
from mmbench.metrics import caption_metrics, meteor_columns, spice_columns
from mmbench.metrics.captions.declarations import meteor

pytestmark = pytest.mark.slow

needs_extra = pytest.mark.skipif(
    importlib.util.find_spec("pycocoevalcap") is None, reason="pip install 'mmbench[coco]'"
)
needs_java = pytest.mark.skipif(shutil.which("java") is None, reason="no java on the PATH")
ONE = (["a cat"], [["a cat", "one cat"]])


@needs_extra
@needs_java
def test_meteor_of_the_coco_demo_is_that_of_the_official_scorer(shared_data, monkeypatch):
    """Whatever the user's locale: Turkish has its own lower-case i, and a comma in its numbers."""
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Duser.language=tr -Duser.country=TR -Dfile.encoding=ISO-8859-1")
    with gzip.open(shared_data / "anchor_fakecap_scores.json.gz") as file:
        anchor = json.load(file)
    n = len(anchor["hyps"])
    # Beside the 1,000: a failure, the same words, other words, no word, a separator of the protocol.
    ours = [None, "a cat on a mat", "xyzzy", "", "a ||| cat"]
    theirs = [["a"], ["a dog", "a cat on a mat"], ["a cat"], ["a cat"], ["a cat"]]
    columns = meteor_columns([*anchor["hyps"], *ours], [*anchor["refs_tokenized"], *theirs], tokenised=True)
    each = meteor.function(columns["meteor"])
    np.testing.assert_allclose(each[:n], anchor["meteor_per"], rtol=0, atol=1e-9)
    whole = meteor.function(columns["meteor"][:n].sum(axis=0)).item()
    assert whole == pytest.approx(anchor["measured"]["meteor"], abs=1e-9)
    assert round(whole, 3) == 0.195
    assert each[n:].tolist() == [0, 1, 0, 0, 1]


def statistics(lengths, content, function, chunks):
    """A row of METEOR's statistics with exact matches alone, the same on both sides but for the lengths."""
    row = np.zeros(23)
    row[:4], row[4:6], row[6:8], row[20], row[21:] = lengths, content, function, chunks, content + function
    return row


def test_meteor_formula_gives_what_the_archive_evaluates():
    """Printed by meteor-1.5.jar, -l en, for these statistics on its EVAL line."""
    synonym = statistics((10, 12, 4, 6), 4, 2, 2)
    synonym[[14, 15]] = 1  # one function word more, by its meaning
    synonym[21:] += 1
    rows = [
        synonym,
        statistics((2, 2, 0, 0), 2, 0, 2),
        statistics((2, 2, 0, 0), 1, 0, 1),
        statistics((0, 6, 0, 3), 0, 0, 0),
    ]
    np.testing.assert_allclose(meteor.function(np.stack(rows)), [0.3328299405496036, 0.4, 0.2, 0.0], rtol=0, atol=1e-12)


def test_metrics_that_need_java_are_there_when_asked_for():
    names = [str(metric.id) for metric in caption_metrics(with_meteor=True, with_spice=True)]
    assert names[-2:] == ["meteor", "spice"]
    assert not {"meteor", "spice"} & {str(metric.id) for metric in caption_metrics()}


@pytest.mark.parametrize("score", [meteor_columns, spice_columns])
def test_without_the_extra_its_name_is_said(score, monkeypatch):
    monkeypatch.setitem(sys.modules, "pycocoevalcap", None)
    with pytest.raises(MissingExtraError, match=r'needs an extra: pip install "mmbench\[coco\]"'):
        score(*ONE)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package pycocoevalcap without anything in it, and a PATH without Java."""
    monkeypatch.delitem(sys.modules, "pycocoevalcap", raising=False)
    folder = tmp_path / "site" / "pycocoevalcap"
    for name in ("meteor", "spice/lib"):
        (folder / name).mkdir(parents=True)
    (folder / "__init__.py").touch()
    (tmp_path / "bin").mkdir()
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return folder


def models(package):
    for name in ("stanford-corenlp-3.6.0.jar", "stanford-corenlp-3.6.0-models.jar"):
        (package / "spice/lib" / name).touch()


def java(package, body):
    """Put a program called java on the PATH, which is Python."""
    path = package.parents[1] / "bin/java"
    path.write_text(f"#!{sys.executable} -I\nimport json, os, sys, time\n{textwrap.dedent(body)}")
    path.chmod(0o755)


def test_without_java_one_sentence_says_so(package):
    models(package)
    for name, score in (("METEOR", meteor_columns), ("SPICE", spice_columns)):
        with pytest.raises(UsageError, match=f"^{name} runs in Java, and no java is on the PATH"):
            score(*ONE, tokenised=True)


def test_spice_names_the_models_that_are_missing_and_how_to_get_them(package):
    (package / "spice/lib/stanford-corenlp-3.6.0.jar").touch()
    with pytest.raises(UsageError, match=r"^SPICE needs stanford-corenlp-3\.6\.0-models\.jar in .*get_stanford_models"):
        spice_columns(*ONE, tokenised=True)


def test_what_meteor_is_asked(package):
    """The protocol: candidates last, without its separator; one line each, whatever a caption holds."""
    java(
        package,
        """
        asked = sys.stdin.readlines()
        with open("asked.json", "w") as file:
            json.dump([sys.argv[1:], asked], file)
        for line in asked:
            print(" ".join(["1.0"] * 23))
        """,
    )
    found = meteor_columns(["a ||| b\rc", None, "d"], [["e", "f"], ["g"], ["h"]], tokenised=True)["meteor"]
    assert found.shape == (3, 23)
    assert found[:, 0].tolist() == [1, 0, 1]
    assert found[:, 20].tolist() == [0, 0, 0]  # all words match in one chunk: no penalty
    arguments, asked = json.loads((package / "meteor/asked.json").read_text())
    assert asked == ["SCORE ||| e ||| f ||| a b c\n", "SCORE ||| h ||| d\n"]
    assert arguments[:2] == ["-Duser.language=en", "-Duser.country=US"]
    assert " ".join(arguments).endswith("meteor-1.5.jar - - -stdio -l en -norm")


def test_what_spice_is_asked_and_what_is_read(package):
    models(package)
    java(
        package,
        """
        asked = json.load(open(sys.argv[sys.argv.index("-out") - 1]))
        scores = [{"image_id": one["image_id"], "scores": {"All": {"f": len(one["refs"]) / 4}}} for one in asked[::-1]]
        json.dump(scores, open(sys.argv[sys.argv.index("-out") + 1], "w"))
        """,
    )
    found = spice_columns(["a", None, "b"], [["c", "d"], ["e"], ["f"]], tokenised=True)
    assert found["spice"].tolist() == [0.5, 0, 0.25]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("sys.exit('Error: Unable to access jarfile')", "ended with code 1: Error: Unable to access jarfile"),
        (
            "sys.stderr.write('Picked up JAVA_TOOL_OPTIONS: -Dx=y\\nException: no memory\\n  at x')\nsys.exit(1)",
            "ended with code 1: Exception: no memory",
        ),
        ("sys.exit(3)", "ended with code 3: it said nothing"),
        ("print('1.0 2.0')", "METEOR gave 1 lines for 1 captions, or not 23 numbers"),
        ("print('Hello')", "METEOR gave 1 lines for 1 captions"),
        ("pass", "METEOR gave 0 lines for 1 captions"),
    ],
)
def test_a_process_that_fails_is_no_score(package, body, message):
    java(package, body)
    with pytest.raises(RunFailedError, match=message):
        meteor_columns(*ONE, tokenised=True)


@pytest.mark.parametrize("scores", ["[]", "{", '[{"image_id": 0, "scores": {"All": {"f": null}}}]', "[NaN]"])
def test_spice_scores_that_are_missing_are_no_zeros(package, scores):
    models(package)
    java(package, f"open(sys.argv[sys.argv.index('-out') + 1], 'w').write({scores!r})")
    with pytest.raises(RunFailedError, match="SPICE"):
        spice_columns(*ONE, tokenised=True)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for the process in /proc")
def test_a_process_that_hangs_is_ended_with_its_children(package):
    java(
        package,
        """
        child = os.fork()
        if child:
            with open("child", "w") as file:
                file.write(str(child))
        time.sleep(60)
        """,
    )
    started = time.monotonic()
    with pytest.raises(RunFailedError, match=r"METEOR was not done within 1\.5 s and was ended"):
        meteor_columns(["a cat"] * 20_000, [["a cat"]] * 20_000, tokenised=True, timeout_s=1.5)
    assert time.monotonic() - started < 15
    child = int((package / "meteor/child").read_text())
    for _ in range(100):
        if not running(child):
            break
        time.sleep(0.05)
    assert not running(child)


def running(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_nothing_to_score_starts_nothing(package):
    models(package)
    java(package, "sys.exit('started')")
    assert meteor_columns([None], [["a"]], tokenised=True)["meteor"].tolist() == [[0.0] * 23]
    assert spice_columns([None], [["a"]], tokenised=True)["spice"].tolist() == [0.0]
