"""The generator's blocks: Latin squares, clear pictures, answers that can be seen in them, random access."""

import os
import re
import subprocess
import sys
from collections import Counter
from itertools import combinations
from math import hypot

import pytest

from mmbench.core import UsageError
from mmbench.tasks.scenes import families as captioned
from mmbench.tasks.scenes.blocks import BLOCKS, block, blocks, find
from mmbench.tasks.scenes.draw import Draw
from mmbench.tasks.scenes.fingerprints import FINGERPRINTS
from mmbench.tasks.scenes.layout import GAP, MARGIN, OPPOSITE, RELATIONS, Wish, holds, place
from mmbench.tasks.scenes.scene import COLOURS, SHAPES, UNITS
from mmbench.tasks.scenes.skills import SKILLS
from mmbench.tasks.vqa.scenes import dataset

TEST = list(blocks("test"))
SPLITS = ("train", "val", "test")


def of_skill(skill):
    return [made for made in TEST if made.skill == skill]


# --- an oracle that reads the question and looks at the scene; it shares no code with the generator ---

WORDS = {"left": (-1, 0), "right": (1, 0), "above": (0, -1), "higher": (0, -1), "further up": (0, -1)}
WORDS |= {"below": (0, 1), "lower": (0, 1), "further down": (0, 1)}


def answer_to(question, scene):
    shapes = re.findall("|".join(SHAPES), question)
    colours = re.findall("|".join(COLOURS), question)
    direction = re.search("|".join(WORDS), question)
    if "how many" in question or "number" in question:
        return str(sum(figure.colour == colours[0] for figure in scene.figures))
    if direction:
        one, two = ([f for f in scene.figures if f.shape == shape] for shape in shapes)
        assert (len(one), len(two)) == (1, 1)
        x, y = WORDS[direction.group()]
        lead = x * (one[0].x - two[0].x) + y * (one[0].y - two[0].y)
        return "yes" if lead > 0 else "no"
    if colours:
        return "yes" if any((f.colour, f.shape) == (colours[0], shapes[0]) for f in scene.figures) else "no"
    (figure,) = [figure for figure in scene.figures if figure.shape == shapes[0]]
    return figure.colour


@pytest.mark.parametrize("skill", SKILLS)
def test_whoever_reads_and_looks_is_always_right(skill):
    asked = 0
    for made in of_skill(skill):
        for scene, answers in zip(made.scenes, made.answers, strict=True):
            assert [answer_to(question, scene) for question in made.questions] == list(answers)
            asked += len(answers)
    assert asked >= 800


# --- Latin squares ---


@pytest.mark.parametrize("skill", SKILLS)
def test_every_image_and_every_question_of_a_block_has_every_answer_once(skill):
    size = {"attribute": 3, "binding": 2, "relation": 2, "count": 3}[skill]
    for made in of_skill(skill):
        assert len(made.choices) == len(made.scenes) == len(made.questions) == size
        for row in made.answers:
            assert sorted(row) == list(made.choices)
        for column in zip(*made.answers, strict=True):
            assert sorted(column) == list(made.choices)
        assert len(set(made.questions)) == size


def test_all_latin_squares_occur_about_equally_often():
    for skill, squares in (("attribute", 12), ("binding", 2), ("relation", 2), ("count", 12)):
        seen = Counter(made.answers for split in SPLITS for made in blocks(split) if made.skill == skill)
        assert len(seen) == squares
        expected = sum(seen.values()) / squares
        assert sum((count - expected) ** 2 / expected for count in seen.values()) < 31.3  # chi square, 11 df, 0.1 %


@pytest.mark.parametrize("skill", SKILLS)
def test_the_images_of_a_block_differ_in_what_is_asked_and_in_places_alone(skill):
    for made in of_skill(skill):
        radii = {tuple(sorted(figure.radius for figure in scene.figures)) for scene in made.scenes}
        assert len(radii) == 1
        shapes = {tuple(sorted(figure.shape for figure in scene.figures)) for scene in made.scenes}
        colours = {tuple(sorted(figure.colour for figure in scene.figures)) for scene in made.scenes}
        both = {tuple(sorted((figure.colour, figure.shape) for figure in scene.figures)) for scene in made.scenes}
        if skill != "count":
            assert len(shapes) == len(colours) == 1
        if skill == "relation":
            assert len(both) == 1


def test_questions_are_put_in_several_ways():
    for skill in SKILLS:
        masked = {
            re.sub("|".join([*SHAPES, *COLOURS]), "_", question)
            for made in of_skill(skill)
            for question in made.questions
        }
        assert len(masked) >= 4


# --- pictures ---


def all_scenes():
    yield from (scene for split in SPLITS for made in blocks(split) for scene in made.scenes)
    yield from (scene for made in captioned.families("test") for pair in made.pairs for scene in pair.scenes)


def test_shapes_lie_apart_and_inside_the_picture():
    for scene in all_scenes():
        for figure in scene.figures:
            for coordinate in (figure.x, figure.y):
                assert figure.radius + GAP <= coordinate <= UNITS - figure.radius - GAP
        for one, two in combinations(scene.figures, 2):
            assert hypot(one.x - two.x, one.y - two.y) >= one.radius + two.radius + GAP
    assert GAP * 64 / UNITS == 2  # pixels


def test_relations_are_clear_to_the_eye():
    for made in of_skill("relation"):
        named = re.findall("|".join(SHAPES), made.questions[0])
        across = re.search("left|right", made.questions[0]) is not None
        for scene in made.scenes:
            one, two = (next(f for f in scene.figures if f.shape == shape) for shape in named)
            x, y = abs(one.x - two.x), abs(one.y - two.y)
            assert (x - y if across else y - x) >= MARGIN
    assert MARGIN * 64 / UNITS == 4  # pixels


@pytest.mark.parametrize("relation", RELATIONS)
def test_places_grant_wishes(relation):
    for seed in range(20):
        places = place(Draw("wish", seed), [36, 30, 36, 24], Wish(relation, 2, 0))
        assert holds(relation, places[2], places[0])
        assert holds(OPPOSITE[relation], places[0], places[2])
        assert not holds(relation, places[0], places[2])


def test_what_cannot_be_placed_or_named_is_refused():
    with pytest.raises(ValueError, match="do not fit"):
        place(Draw("x"), [80, 80])
    with pytest.raises(ValueError, match="relation 'beside'"):
        holds("beside", (0, 0), (1, 1))


# --- draws ---


def test_draws_are_fair_and_none_is_drawn_twice():
    draw = Draw("fair")
    assert Counter(draw.below(3) for _ in range(3000)).keys() == {0, 1, 2}
    assert {draw.between(4, 6) for _ in range(200)} == {4, 5, 6}
    orders = Counter(tuple(draw.shuffled("abc")) for _ in range(6000))
    assert len(orders) == 6
    assert all(850 < count < 1150 for count in orders.values())
    assert all(len(set(draw.some(range(9), 4))) == 4 for _ in range(50))
    with pytest.raises(ValueError, match="3 of 2"):
        draw.some("ab", 3)


# --- access ---


def test_splits_have_their_sizes_and_share_no_block_and_no_scene():
    seen: dict[str, str] = {}
    for split in SPLITS:
        made = list(blocks(split))
        assert Counter(one.skill for one in made) == BLOCKS[split]
        assert all(one.id.startswith(f"{split}-{one.skill}-") for one in made)
        for text in {scene.description for one in made for scene in one.scenes}:
            assert seen.setdefault(text, split) == split
    assert len(seen) == 1400 + 600 + 4998


def test_the_first_blocks_of_a_split_mix_the_skills():
    part = TEST[: len(TEST) // 10]
    assert {skill: count * 10 for skill, count in Counter(made.skill for made in part).items()} == BLOCKS["test"]


def test_an_id_leads_to_its_sample():
    for made in TEST[::37]:
        for image, scene in enumerate(made.scenes):
            for question, text in enumerate(made.questions):
                found, i, q = find(made.sample_id(image, question))
                assert (found.scenes[i], found.questions[q]) == (scene, text)
                assert found == made


def test_a_block_is_the_same_alone_in_a_fresh_process():
    code = "from mmbench.tasks.scenes.blocks import find; print(find('test-relation-0123-1-0'))"
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == repr((block("test", "relation", 123), 1, 0)), done.stderr


@pytest.mark.parametrize(
    "name",
    [
        "test-attribute-0017-1-3",
        "test-attribute-0100-0-0",
        "test-attribute-17-0-0",
        "test-colour-0001-0-0",
        "dev-count-0001-0-0",
        "test-count-0001-0",
        "test-count-0001-0-x",
        "",
    ],
)
def test_an_id_that_there_is_not_is_refused(name):
    with pytest.raises(UsageError, match="there is no"):
        find(name)


def test_a_split_that_there_is_not_is_refused():
    with pytest.raises(UsageError, match="no split 'dev'"):
        next(blocks("dev"))


@pytest.mark.parametrize("split", SPLITS)
def test_questions_are_those_of_this_version(split):
    assert dataset.digest(split) == FINGERPRINTS["vqa/scenes"][split]
