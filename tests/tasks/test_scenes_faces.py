"""The generator's faces: Latin squares, clear expressions, sentences that name one face, random access."""

import os
import re
import subprocess
import sys
from collections import Counter
from itertools import combinations
from math import hypot

import numpy as np
import pytest
from pinned_scenes import FINGERPRINTS, PIXELS, pixels_digest

from mmbench.core import UsageError, rows_digest
from mmbench_tasks.scenes.faces import BLOCKS, DEGREES, MOODS, RADII, mood_block, mood_blocks
from mmbench_tasks.scenes.features import FEATURES, PAINT
from mmbench_tasks.scenes.layout import GAP
from mmbench_tasks.scenes.render import render
from mmbench_tasks.scenes.scene import COLOURS, UNITS, Figure, Scene
from mmbench_tasks.sentiment.scenes import CARD

TEST = list(mood_blocks("test"))
SPLITS = ("train", "val", "test")

# --- an oracle that reads the sentence and looks at the scene; it shares no code with the generator ---

SHOWN = {"sad": "negative", "calm": "neutral", "glad": "positive"}
SIZES = {"slightly": 1, "mildly": 1, "a little": 1, "clearly": 2, "quite": 2, "rather": 2} | dict.fromkeys(
    ("extremely", "very much", "intensely"), 3
)


def look(scene, sentence):
    """The mood of the face that the sentence names, and its score."""
    (colour,) = re.findall("|".join(COLOURS), sentence)
    (disc,) = [figure for figure in scene.figures if figure.shape == "circle" and figure.colour == colour]
    (above,) = [f for f in scene.figures if f.shape in SHOWN and (f.x, f.y) == (disc.x, disc.y)]
    (adverb,) = re.findall("|".join(SIZES), sentence)
    mood = SHOWN[above.shape]
    return mood, {"negative": -1, "neutral": 0, "positive": 1}[mood] * SIZES[adverb]


def test_whoever_reads_and_looks_is_always_right():
    for made in TEST:
        for p, scene in enumerate(made.scenes):
            for s, sentence in enumerate(made.sentences):
                assert look(scene, sentence) == (made.moods[p][s], made.score(p, s))


def test_every_picture_and_every_sentence_of_a_block_has_every_mood_once():
    for made in TEST:
        for line in (*made.moods, *zip(*made.moods, strict=True)):
            assert sorted(line) == sorted(MOODS)


def test_all_latin_squares_and_degrees_occur_about_equally_often():
    every = [made for split in SPLITS for made in mood_blocks(split)]
    for seen, kinds, most in (
        (Counter(made.moods for made in every), 12, 31.3),  # chi square, 11 df, 0.1 %
        (Counter(made.degree for made in every), 3, 13.9),  # 2 df
    ):
        assert len(seen) == kinds
        expected = len(every) / kinds
        assert sum((count - expected) ** 2 / expected for count in seen.values()) < most


def test_the_pictures_of_a_block_differ_in_moods_and_places_alone():
    for made in TEST:
        assert len({tuple((f.colour, f.radius) for f in scene.figures[::2]) for scene in made.scenes}) == 1
        for scene in made.scenes:
            assert sorted(figure.shape for figure in scene.figures[1::2]) == ["calm", "glad", "sad"]
            for disc, above in zip(scene.figures[::2], scene.figures[1::2], strict=True):
                assert (disc.x, disc.y, disc.radius) == (above.x, above.y, above.radius)


def test_sentences_of_a_block_name_a_colour_each_in_words_of_their_own():
    masked = set()
    for made in TEST:
        colours = [re.findall("|".join(COLOURS), sentence) for sentence in made.sentences]
        assert sorted(colour for (colour,) in colours) == sorted({f.colour for f in made.scenes[0].figures[::2]})
        degrees = [re.search("|".join(SIZES), sentence).group() for sentence in made.sentences]
        assert len(set(degrees)) == 3
        assert set(degrees) <= set(DEGREES[made.degree])
        masked |= {re.sub("|".join([*COLOURS, *SIZES]), "_", sentence) for sentence in made.sentences}
    assert len(masked) == 4
    assert not any(
        re.search(rf"\b{mood}\b", sentence) for made in TEST for sentence in made.sentences for mood in MOODS
    )


def test_faces_lie_apart_and_inside_the_picture():
    for made in TEST:
        for scene in made.scenes:
            discs = scene.figures[::2]
            for disc in discs:
                assert RADII[0] <= disc.radius <= RADII[1]
                assert disc.radius + GAP <= min(disc.x, disc.y)
                assert max(disc.x, disc.y) <= UNITS - disc.radius - GAP
            for one, two in combinations(discs, 2):
                assert hypot(one.x - two.x, one.y - two.y) >= one.radius + two.radius + GAP


# --- what expressions look like ---


def painted(expression):
    """Which pixels of a face that fills the picture are eyes or mouth: bool [256, 256]."""
    scene = Scene((Figure("circle", "blue", 128, 128, 120), Figure(expression, "white", 128, 128, 120)))
    return (render([scene], UNITS)[0] == PAINT).all(axis=-1)


@pytest.mark.parametrize(("expression", "bend"), [("glad", 1), ("calm", 0), ("sad", -1)])
def test_corners_of_the_mouth_point_up_or_down_or_neither(expression, bend):
    drawn = painted(expression)
    assert (drawn == drawn[:, ::-1]).all()
    mouth = drawn[100:]  # below the eyes
    height = [float(np.flatnonzero(mouth[:, column]).mean()) for column in (128, 180)]
    assert np.sign(round((height[0] - height[1]) / 20)) == bend
    eyes = drawn[:100]
    assert eyes[:, :120].any()
    assert eyes[:, 136:].any()


def test_features_lie_inside_their_face():
    y, x = np.mgrid[0:UNITS, 0:UNITS] + 0.5 - 128
    for expression in FEATURES:
        assert np.hypot(x, y)[painted(expression)].max() < 0.9 * 120


def test_expressions_differ_in_many_pixels_at_the_usual_size():
    for one, two in combinations(FEATURES, 2):
        scenes = [
            Scene((Figure("circle", "red", 128, 128, 46), Figure(each, "white", 128, 128, 46))) for each in (one, two)
        ]
        first, second = render(scenes, 64).astype(int)
        assert (np.abs(first - second).max(axis=-1) > 100).sum() >= 20


# --- access ---


@pytest.mark.slow
def test_splits_have_their_sizes_and_share_no_block_and_no_picture():
    seen: dict[str, str] = {}
    for split in SPLITS:
        made = list(mood_blocks(split))
        assert len(made) == BLOCKS[split]
        for text in {scene.description for one in made for scene in one.scenes}:
            assert seen.setdefault(text, split) == split
    assert len(seen) == 3 * sum(BLOCKS.values())
    assert 9 * sum(BLOCKS.values()) == 11_997 + 1_350 + 3_600


def test_a_block_is_the_same_alone_in_a_fresh_process():
    code = "from mmbench_tasks.scenes.faces import mood_block; print(mood_block('test', 123))"
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == repr(mood_block("test", 123)), done.stderr


def test_a_split_that_there_is_not_is_refused():
    with pytest.raises(UsageError, match="no split 'dev'"):
        next(mood_blocks("dev"))


@pytest.mark.slow
@pytest.mark.parametrize("split", SPLITS)
def test_samples_are_those_of_this_version(split):
    assert rows_digest(CARD.source.rows(split)) == FINGERPRINTS["sentiment/scenes"][split]


def test_pixels_are_those_of_this_version():
    assert pixels_digest("faces") == PIXELS["faces"]
