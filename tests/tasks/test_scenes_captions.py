"""The captioned scenes: five true and complete wordings each, four pictures that the same words describe, random access."""

import os
import re
import subprocess
import sys
from collections import Counter
from itertools import combinations, pairwise
from math import hypot

import pytest
from pinned_scenes import FINGERPRINTS

from mmbench.core import UsageError, rows_digest
from mmbench_tasks.captioning.scenes import CARD
from mmbench_tasks.scenes.captions import FAMILIES, OBJECTS, RADII, families, family
from mmbench_tasks.scenes.layout import GAP, MARGIN
from mmbench_tasks.scenes.scene import COLOURS, NAMED, SHAPES, UNITS

SPLITS = ("train", "val", "test")
MADE = {split: list(families(split)) for split in SPLITS}
TEST = [picture for made in MADE["test"] for picture in made.pictures]

# --- an oracle that reads a caption and looks at the scene; it shares no code with the generator ---

NAMED_THING = re.compile(rf"a ({'|'.join(COLOURS)}) ({'|'.join(SHAPES)})")
RIGHT, LEFT, DOWN, UP = (1, 0), (-1, 0), (0, 1), (0, -1)
DIRECTIONS = {  # from the thing that is named first to the one that is named last
    "to the left of": RIGHT,
    "to the right of": LEFT,
    "above": DOWN,
    "below": UP,
    "from left to right": RIGHT,
    "from right to left": LEFT,
    "from top to bottom": DOWN,
    "from bottom to top": UP,
    "on the left": RIGHT,
    "at the top": DOWN,
}


def read(caption):
    """The things as they are named, and the direction in which they follow each other."""
    (direction,) = {way for words, way in DIRECTIONS.items() if words in caption}
    return NAMED_THING.findall(caption), direction


def is_true(caption, scene):
    things, (right, down) = read(caption)
    places = {(figure.colour, figure.shape): (figure.x, figure.y) for figure in scene.figures}
    if len(things) != len(scene.figures) or set(things) != set(places):
        return False
    for one, two in pairwise(things):
        across, along = places[two][0] - places[one][0], places[two][1] - places[one][1]
        lead, aside = (right * across, abs(along)) if right else (down * along, abs(across))
        if lead - aside < MARGIN:
            return False
    return True


def test_every_caption_says_all_of_its_picture_and_nothing_of_the_others_in_its_family():
    for made in MADE["test"]:
        for number, picture in enumerate(made.pictures):
            for caption in picture.row.captions():
                assert [is_true(caption, other.scene) for other in made.pictures] == [
                    n == number for n in range(len(made.pictures))
                ]


def test_there_are_five_wordings_and_no_more():
    for picture in TEST:
        assert len(set(picture.row.captions())) == 5
    masked = {NAMED_THING.sub("_", caption) for picture in TEST for caption in picture.row.captions()}
    assert len(masked) == len(OBJECTS) * 2 * 5


def test_the_pictures_of_a_family_have_captions_of_the_same_shapes_and_colours():
    for made in MADE["test"]:
        things = [read(picture.row.captions()[0])[0] for picture in made.pictures]
        assert len({tuple(sorted(word for thing in named for word in thing)) for named in things}) == 1
        assert len(set(map(tuple, things))) == 4
        drawn, swapped, reverse, both = things
        assert reverse == drawn[::-1]
        assert both == swapped[::-1]
        assert sum(a != b for a, b in zip(drawn, swapped, strict=True)) == 2
        assert [shape for _, shape in drawn] == [shape for _, shape in swapped]


def test_both_axes_and_all_shapes_and_colours_occur_about_equally_often():
    rows = [made.pictures[0].row for made in MADE["train"]]
    for counts, kinds in (
        (Counter(row.axis.relation for row in rows), 2),
        (Counter(shape for row in rows for shape in row.shapes), len(NAMED)),
        (Counter(colour for row in rows for colour in row.colours), len(COLOURS)),
    ):
        expected = sum(counts.values()) / kinds
        assert len(counts) == kinds
        assert sum((count - expected) ** 2 / expected for count in counts.values()) < 16.3  # chi square, 3 df, 0.1 %


def test_shapes_lie_apart_and_inside_the_picture():
    for picture in TEST:
        figures = picture.scene.figures
        assert len({figure.shape for figure in figures}) == len(figures)
        for figure in figures:
            assert RADII[0] <= figure.radius <= RADII[1]
            assert figure.radius + GAP <= min(figure.x, figure.y)
            assert max(figure.x, figure.y) <= UNITS - figure.radius - GAP
        for one, two in combinations(figures, 2):
            assert hypot(one.x - two.x, one.y - two.y) >= one.radius + two.radius + GAP


# --- sizes and access ---


def test_splits_have_their_sizes_and_share_no_picture():
    pictures = {split: [picture for made in MADE[split] for picture in made.pictures] for split in SPLITS}
    assert {split: len(found) for split, found in pictures.items()} == {"train": 6000, "val": 500, "test": 1000}
    seen = {picture.scene.description for found in pictures.values() for picture in found}
    assert len(seen) == 7500
    assert Counter(len(picture.row.shapes) for picture in pictures["test"]) == {2: 500, 3: 500}
    assert all(p.id.startswith(f"{split}-") for split in SPLITS for p in pictures[split])


def test_a_picture_is_the_same_alone_in_a_fresh_process():
    code = "from mmbench_tasks.scenes.captions import family; print(family('test', 123))"
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == repr(family("test", 123)), done.stderr


def test_a_split_that_there_is_not_is_refused():
    with pytest.raises(UsageError, match="no split 'dev'"):
        next(families("dev"))


@pytest.mark.parametrize("split", SPLITS)
def test_captions_are_those_of_this_version(split):
    assert rows_digest(CARD.source.rows(split)) == FINGERPRINTS["captioning/scenes"][split]
    assert set(FAMILIES) == set(SPLITS)
