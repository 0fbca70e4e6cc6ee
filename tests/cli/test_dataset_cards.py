"""A stranger's datasets: cards of at most 25 lines in a distribution of their own, run by name."""

import ast
import json
import sys
from pathlib import Path

import pytest
from helpers import COLOURS, write_picture

from mmbench import registry

POINTS = """
[mmbench.datasets]
vqa/squares = square_cards:QUESTIONS
captioning/squares = square_cards:CAPTIONS
retrieval/squares = square_cards:PAIRS
vqa/renamed = square_cards:QUESTIONS
vqa/bare = bare_card:CARD
sentiment/squares = square_cards:OTHER_FAMILY
"""

SOURCE = '''
"""Coloured squares of a stranger."""

from pathlib import Path

from mmbench.data import Captioned, Question, image_from_file
from mmbench_tasks.captioning import CaptioningCard
from mmbench_tasks.retrieval import RetrievalCard
from mmbench_tasks.vqa import VqaCard

COLOURS = ("red", "green", "blue", "black")


def image(colour):
    return image_from_file(Path(__file__).parent / f"{colour}.png")


class Questions:
    """A question about each square."""

    def rows(self, split):
        for colour in COLOURS:
            yield Question(f"{split}-{colour}", image(colour), "What colour is it?", (colour,), COLOURS)


class Captions:
    """Two captions of each square."""

    def rows(self, split):
        return [Captioned(colour, image(colour), (f"there is one {colour} square here", f"it is {colour}")) for colour in COLOURS]


QUESTIONS = VqaCard(
    name="vqa/squares",
    description="the colour of four squares",
    licence="CC0-1.0",
    citation="a test",
    revision="1",
    source=Questions(),
    closed_answers=True,
)
CAPTIONS = CaptioningCard(
    name="captioning/squares",
    description="four squares to describe",
    licence="CC0-1.0",
    citation="a test",
    revision="1",
    source=Captions(),
)
PAIRS = RetrievalCard(
    name="retrieval/squares",
    description="four squares to find",
    licence="CC0-1.0",
    citation="a test",
    revision="1",
    source=Captions(),
)
OTHER_FAMILY = VqaCard(
    name="sentiment/squares", description="x", licence="CC0-1.0", citation="x", revision="1", source=Questions()
)
'''
BARE = '''
"""A card that nobody licensed."""

from mmbench.data import Rows
from mmbench_tasks.vqa import VqaCard

CARD = VqaCard(name="vqa/bare", description="x", citation="x", revision="1", source=Rows({"test": ()}))
'''
NAMES = ("vqa/squares", "captioning/squares", "retrieval/squares")


@pytest.fixture(autouse=True)
def _squares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "strangers"
    info = place / "squares-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: squares\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(POINTS, encoding="utf-8")
    (place / "square_cards.py").write_text(SOURCE.lstrip(), encoding="utf-8")
    (place / "bare_card.py").write_text(BARE.lstrip(), encoding="utf-8")
    for name, colour in COLOURS.items():
        write_picture(place / f"{name}.png", colour)
    monkeypatch.syspath_prepend(place)
    for module in ("square_cards", "bare_card"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    registry.plugins.cache_clear()


def test_a_card_has_at_most_25_lines() -> None:
    cards = [
        node for node in ast.parse(SOURCE).body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
    ]
    assert [(node.end_lineno or 0) - node.lineno + 1 <= 25 for node in cards] == [True] * 4


def test_datasets_are_run_by_name_and_their_own_answers_are_right(call) -> None:
    done = call("run", "--model", "oracle", "--tasks", ",".join(NAMES), "--json")
    assert done.code == 0, done.err
    assert {row["task"] for row in json.loads(done.out)["metrics"]} == set(NAMES)
    best = {row["id"]: row["value"] for row in json.loads(done.out)["metrics"]}
    assert [best[name] for name in ("accuracy", "bleu@4", "recall@1(direction=t2i)")] == pytest.approx([1, 1, 1])


@pytest.mark.slow
def test_datasets_are_listed_among_tasks_without_being_imported(call) -> None:
    names = [row["name"] for row in json.loads(call("list", "tasks", "--json").out)["tasks"]]
    assert set(NAMES) < set(names)
    assert "square_cards" not in sys.modules
    rows = {row["name"]: row for row in json.loads(call("list", "datasets", "--json").out)["datasets"]}
    assert set(NAMES) < set(rows)  # their facts are those of the cards, which are imported for them
    assert rows["vqa/squares"]["licence"]
    assert rows["vqa/bare"]["broken"]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_kit_finds_nothing_wrong(call, name: str) -> None:
    assert call("check", name).code == 0


@pytest.mark.parametrize("command", [("run", "--model", "random", "--tasks"), ("check",)])
def test_a_card_without_a_licence_is_one_sentence(call, command: tuple[str, ...]) -> None:
    done = call(*command, "vqa/bare")
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert "'vqa/bare' has no licence" in done.err


def test_a_card_of_another_family_is_refused(call) -> None:
    done = call("run", "--model", "random", "--tasks", "sentiment/squares")
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert "SentimentCard" in done.err


@pytest.mark.slow
def test_check_refuses_a_name_that_is_not_the_tasks(call) -> None:
    done = call("check", "vqa/renamed", "--json")
    (report,) = json.loads(done.out)["reports"]
    failed = {check["name"] for check in report["checks"] if check["status"] == "fail"}
    assert (done.code, failed) == (4, {"registered name"})


def test_the_list_of_datasets_says_what_is_known_without_importing_a_card(call, tmp_path):
    home = {"HF_HOME": str(tmp_path)}
    rows = {row["name"]: row for row in json.loads(call("list", "datasets", "--json", **home).out)["datasets"]}
    pope, textvqa, winoground = rows["yes-no/pope"], rows["vqa/textvqa"], rows["retrieval/winoground"]
    assert (pope["samples"], pope["licence"], pope["unpinned"], pope["here"]) == (9000, "MIT", "", False)
    assert pope["hub"] == ["lmms-lab-encoder/POPE", "lmms-lab/POPE"]
    assert textvqa["unpinned"]
    assert winoground["gated"]
    (tmp_path / "hub" / "datasets--lmms-lab--POPE" / "snapshots" / pope["revision"]).mkdir(parents=True)
    text = call("list", "datasets", **home).out
    line = next(line for line in text.splitlines() if line.startswith("yes-no/pope"))
    assert line.split()[-2:] == ["yes", "yes"]
    assert "no full hash is known" in text
