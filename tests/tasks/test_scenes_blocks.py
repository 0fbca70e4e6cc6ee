"""The generator's blocks: Latin squares, clear pictures, answers that can be seen in them, random access."""

import os
import re
import subprocess
import sys
from collections import Counter
from itertools import combinations
from math import hypot

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pinned_scenes import FINGERPRINTS

from mmbench.core import UsageError, rows_digest
from mmbench_tasks.scenes import families as captioned
from mmbench_tasks.scenes.blocks import BLOCKS, block, blocks
from mmbench_tasks.scenes.draw import Draw
from mmbench_tasks.scenes.layout import GAP, MARGIN, OPPOSITE, RELATIONS, Wish, holds, place
from mmbench_tasks.scenes.scene import COLOURS, NAMED, SHAPES, UNITS
from mmbench_tasks.scenes.skills import RADII, SKILLS
from mmbench_tasks.vqa.scenes import CARD

TEST = list(blocks("test"))
SPLITS = ("train", "val", "test")
LARGEST = max(RADII[1], *(high for _, high in captioned.RADII.values()))


def of_skill(skill):
    return [made for made in TEST if made.skill == skill]


# --- an oracle that reads the question and looks at the scene; it shares no code with the generator ---

WORDS = {"left": (-1, 0), "right": (1, 0), "above": (0, -1), "higher": (0, -1), "below": (0, 1), "lower": (0, 1)}


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


@pytest.mark.slow
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


def test_pictures_show_what_is_asked_about_and_nothing_beside_it():
    assert len(NAMED) == 4
    assert set(NAMED) < set(SHAPES)
    figures = {"attribute": 3, "binding": 2, "relation": 2, "count": 4}
    for made in TEST:
        named = set(re.findall("|".join(SHAPES), " ".join(made.questions)))
        for scene in made.scenes:
            shapes = [figure.shape for figure in scene.figures]
            assert len(shapes) == figures[made.skill]
            assert set(shapes) <= set(NAMED)
            assert named <= set(shapes)
            if made.skill in ("attribute", "relation"):
                assert sorted(shapes) == sorted(named)


@pytest.mark.parametrize("skill", ["attribute", "binding", "relation"])
def test_every_shape_is_asked_about_about_equally_often(skill):
    asked = Counter(shape for made in of_skill(skill) for shape in {f.shape for f in made.scenes[0].figures})
    expected = sum(asked.values()) / len(NAMED)
    assert asked.keys() == set(NAMED)
    assert sum((count - expected) ** 2 / expected for count in asked.values()) < 16.3  # chi square, 3 df, 0.1 %


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


@pytest.mark.slow
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
    assert MARGIN * 64 / UNITS == 7  # pixels


def test_questions_and_captions_use_figures_of_the_radii_that_they_state():
    for made in TEST:
        for scene in made.scenes:
            assert all(RADII[0] <= figure.radius <= RADII[1] for figure in scene.figures)
    stated = [range(low, high + 1) for low, high in captioned.RADII.values()]
    for made in captioned.families("test"):
        for scene in (scene for pair in made.pairs for scene in pair.scenes):
            assert all(any(figure.radius in one for one in stated) for figure in scene.figures)


@st.composite
def wishes(draw):
    """Two to four radii as large as they come, and a wish about any two of the figures."""
    radii = draw(st.lists(st.integers(24, LARGEST), min_size=2, max_size=4))
    first, second = draw(st.permutations(range(len(radii))))[:2]
    return radii, Wish(draw(st.sampled_from(RELATIONS)), first, second)


@given(wishes(), st.integers(0, 10**6))
def test_places_grant_wishes(wished, seed):
    radii, wish = wished
    places = place(Draw("wish", seed), radii, wish)
    first, second = places[wish.first], places[wish.second]
    assert holds(wish.relation, first, second)
    assert holds(OPPOSITE[wish.relation], second, first)
    assert not holds(wish.relation, second, first)
    for (x, y), radius in zip(places, radii, strict=True):
        assert radius + GAP <= min(x, y)
        assert max(x, y) <= UNITS - radius - GAP
    for (one, r), (two, s) in combinations(list(zip(places, radii, strict=True)), 2):
        assert hypot(one[0] - two[0], one[1] - two[1]) >= r + s + GAP
    assert place(Draw("wish", seed), radii, wish) == places


class CountedDraw(Draw):
    """Counts the numbers that are drawn from ranges: two for each spot that is tried."""

    numbers = 0

    def between(self, low, high):
        self.numbers += 1
        return super().between(low, high)


@pytest.mark.parametrize(
    ("figures", "first", "second", "most"), [(2, 0, 1, 200), (3, 0, 1, 250), (4, 0, 1, 800), (4, 3, 0, 2000)]
)
@pytest.mark.parametrize("relation", RELATIONS)
def test_even_the_largest_figures_are_placed_after_few_tries(relation, figures, first, second, most):
    """Spots tried for a scene, on average."""
    tried = 0
    for seed in range(100):
        draw = CountedDraw("tries", seed)
        place(draw, [LARGEST] * figures, Wish(relation, first, second))
        tried += draw.numbers // 2
    assert tried / 100 < most


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


@pytest.mark.slow
def test_splits_have_their_sizes_and_share_no_block_and_no_scene():
    seen: dict[str, str] = {}
    for split in SPLITS:
        made = list(blocks(split))
        assert Counter(one.skill for one in made) == BLOCKS[split]
        assert all(one.id.startswith(f"{split}-{one.skill}-") for one in made)
        for text in {scene.description for one in made for scene in one.scenes}:
            assert seen.setdefault(text, split) == split
    assert len(seen) == 1400 + 600 + 4985


def test_the_first_blocks_of_a_split_mix_the_skills():
    part = TEST[: len(TEST) // 10]
    assert {skill: count * 10 for skill, count in Counter(made.skill for made in part).items()} == BLOCKS["test"]


def test_a_block_is_the_same_alone_in_a_fresh_process():
    code = "from mmbench_tasks.scenes.blocks import block; print(block('test', 'relation', 123))"
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == repr(block("test", "relation", 123)), done.stderr


def test_a_split_that_there_is_not_is_refused():
    with pytest.raises(UsageError, match="no split 'dev'"):
        next(blocks("dev"))


@pytest.mark.slow
@pytest.mark.parametrize("split", SPLITS)
def test_questions_are_those_of_this_version(split):
    assert rows_digest(CARD.source.rows(split)) == FINGERPRINTS["vqa/scenes"][split]
