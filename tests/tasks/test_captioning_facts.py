"""Attribute accuracy: what is read from a caption however it is worded, and that guessing does not pay."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmbench_tasks.captioning.facts import Truth, judge, statements, truth
from mmbench_tasks.scenes.captions import families
from mmbench_tasks.scenes.scene import COLOURS, NAMED

TEST = [picture for made in families("test") for picture in made.pictures]
THREE = Truth(
    frozenset(
        {"red ring", "blue star", "red square", "ring left of star", "star left of square", "ring left of square"}
    ),
    frozenset({"star above ring"}),
)


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("A red ring.", {"red ring"}),
        ("two blue stars and some circles", {"blue star"}),
        ("a ring that is red", set()),
        ("a predicted string of stars", set()),
        ("A Red Ring is to the LEFT of a blue star", {"red ring", "blue star", "ring left of star"}),
        ("the red ring is left of the star", {"red ring", "ring left of star"}),
        ("a red ring on the left side of a star", {"red ring", "ring left of star"}),
        ("a star to the right of a ring", {"ring left of star"}),
        ("a star above a ring", {"star above ring"}),
        ("a star over a ring", {"star above ring"}),
        ("a star on top of a ring", {"star above ring"}),
        ("a star below a ring", {"ring above star"}),
        ("a star beneath a ring", {"ring above star"}),
        ("a ring above a star above a square", {"ring above star", "star above square", "ring above square"}),
        (
            "a ring left of a star and a square below a circle",
            {"ring left of star", "circle above square"},
        ),
        ("from left to right: ring, star", {"ring left of star"}),
        ("ring, star (right-to-left)", {"star left of ring"}),
        ("a ring and a star, from bottom to top", {"star above ring"}),
        ("a ring on the left and a star on the right", {"ring left of star"}),
        (
            "a star on the right, a square in the centre, a ring on the left",
            {"ring left of square", "ring left of star", "square left of star"},
        ),
        ("a ring at the top and a star in the middle", {"ring above star"}),
        ("a ring in the middle and a star in the middle", set()),
        ("a ring in the top left corner and a star at the bottom right", {"ring above star", "ring left of star"}),
        ("a ring and a star next to each other", set()),
        ("a ring left of a star left of a ring", {"ring left of star", "star left of ring"}),
        ("", set()),
        ("~?~", set()),
    ],
)
def test_what_is_read(caption, expected):
    loops = {fact for fact in statements(caption) if fact.split()[0] == fact.split()[-1]}
    assert statements(caption) - loops == expected


@pytest.mark.slow
def test_every_wording_states_exactly_the_facts():
    for picture in TEST:
        true = truth(picture)
        assert len(true.facts) == {2: 3, 3: 6}[len(picture.row.shapes)]
        for caption in picture.row.captions():
            assert statements(caption) == true.facts
            assert judge(caption, true).value == 1
            assert judge(caption, true).explanation is None


@pytest.mark.parametrize(
    ("caption", "value", "explanation"),
    [
        ("a red ring, a blue star and a red square", 3 / 6, "missing: ring left of square"),
        ("a green ring left of a blue star left of a red square", 5 / 7, "missing: red ring; wrong: green ring"),
        ("a red square left of a blue star left of a red ring", 3 / 9, "wrong: square left of ring"),
        ("a red ring", 1 / 6, "missing: blue star"),
        ("a red ring and a red ring", 1 / 6, "missing: blue star"),
        ("a red ring below a blue star", 2 / 6, "missing: red square"),  # true, and not asked for
        ("a red ring above a blue star", 2 / 7, "wrong: ring above star"),
        ("nothing to see", 0, "missing"),
    ],
)
def test_intersection_over_union(caption, value, explanation):
    judged = judge(caption, THREE)
    assert judged.value == pytest.approx(value)
    assert explanation in judged.explanation


def test_whoever_lists_everything_gets_little():
    every = ", ".join(f"a {colour} {shape}" for colour, shape in product(COLOURS, NAMED))
    orders = " and ".join(
        f"a {one} left of a {two} and a {one} above a {two}" for one, two in product(NAMED, NAMED) if one != two
    )
    for picture in TEST[::9]:
        true = truth(picture)
        half = judge(
            ", ".join(f"a {c} {s}" for c, s in zip(picture.row.colours, picture.row.shapes, strict=True)), true
        )
        assert judge(every, true).value < judge(f"a {picture.row.colours[0]} {picture.row.shapes[0]}", true).value
        assert judge(f"{every} and {orders}", true).value < 0.2 < half.value


def test_what_is_true_beside_the_facts_is_seen_in_the_scene():
    for picture in TEST:
        true = truth(picture)
        places = {figure.shape: (figure.x, figure.y) for figure in picture.scene.figures}
        assert true.facts.isdisjoint(true.beside)
        for fact in true.beside:
            first, *middle, second = fact.split()
            axis = 0 if middle == ["left", "of"] else 1
            assert places[first][axis] < places[second][axis]
            assert (picture.row.axis.relation == "left of") is (axis == 1)


words = st.sampled_from(
    [*COLOURS, *NAMED, "a", "left of", "above", "on the right", "from left to right", ",", "in the middle"]
)


@given(st.lists(words, max_size=20), st.sampled_from(TEST))
def test_the_value_is_a_share_and_1_only_for_the_facts_alone(said, picture):
    caption, true = " ".join(said), truth(picture)
    judged = judge(caption, true)
    assert 0 <= judged.value <= 1
    assert (judged.value == 1) is (judged.explanation is None) is (statements(caption) - true.beside == true.facts)
