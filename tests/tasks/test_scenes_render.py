"""Pictures of scenes: the right shapes in the right places, the same bytes however they are made."""

import ast
import inspect
import io
import math
import pickle
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pinned_scenes import PIXELS, pixels_digest

from mmbench.core import UsageError
from mmbench.data import cache
from mmbench_tasks.scenes import distances
from mmbench_tasks.scenes.render import render
from mmbench_tasks.scenes.scene import BACKGROUND, COLOURS, SHAPES, UNITS, Figure, Scene, checked_size, scene_media

BIG = 120  # a radius that fills the picture


def polygon(points: list[tuple[float, float]]) -> np.ndarray:
    """Which pixel centres of 256 × 256 lie inside a polygon, by the even-odd rule."""
    y, x = np.mgrid[0:UNITS, 0:UNITS] + 0.5
    inside = np.zeros((UNITS, UNITS), dtype=bool)
    for (x1, y1), (x2, y2) in zip(points, points[1:] + points[:1], strict=True):
        crosses = (y1 > y) != (y2 > y)
        with np.errstate(divide="ignore", invalid="ignore"):
            inside ^= crosses & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return inside


def corners(angles_and_radii: list[tuple[float, float]]) -> np.ndarray:
    """A polygon around the middle: angles in degrees from the top, clockwise, and radii as shares of `BIG`."""
    turned = [(math.radians(angle), radius * BIG) for angle, radius in angles_and_radii]
    return polygon([(128 + r * math.sin(a), 128 - r * math.cos(a)) for a, r in turned])


def disc(radius: float) -> np.ndarray:
    y, x = np.mgrid[0:UNITS, 0:UNITS] + 0.5 - 128
    return np.hypot(x, y) < radius * BIG


def beam(half_width: float, half_height: float) -> np.ndarray:
    w, h = half_width * BIG, half_height * BIG
    return polygon([(128 - w, 128 - h), (128 + w, 128 - h), (128 + w, 128 + h), (128 - w, 128 + h)])


EXPECTED = {
    "circle": disc(0.9),
    "cross": beam(0.94, 0.29) | beam(0.29, 0.94),
    "ring": disc(0.95) & ~disc(0.49),
    "square": beam(0.7, 0.7),
    "star": corners([(36 * n, 0.44 if n % 2 else 1.0) for n in range(10)]),
    "triangle": corners([(0, 1), (120, 1), (240, 1)]),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_is_what_its_name_says(shape):
    picture = render([Scene((Figure(shape, "red", 128, 128, BIG),))], size=UNITS)[0]
    inside = EXPECTED[shape]
    background, red = np.array(BACKGROUND), np.array(COLOURS["red"])
    share = ((picture - background.astype(float)) / (red - background))[..., 0]
    assert abs(share.sum() / inside.sum() - 1) < 0.01
    # Only pixels on the outline are mixed, and those in the middle between in and out.
    assert ((share > 0.5) != inside).mean() < 0.002
    assert ((share > 0) & (share < 1)).mean() < 0.04
    assert (picture[(share == 1) & inside] == red).all()
    assert (picture[(share == 0) & ~inside] == background).all()


@pytest.mark.parametrize("size", [24, 64, 100])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_figure_lies_where_it_is_said_to_lie_within_its_radius(shape, size):
    pixel = UNITS / size
    picture = render([Scene((Figure(shape, "yellow", 90, 150, 48),))], size)[0]
    y, x = np.nonzero((picture != BACKGROUND).any(axis=2))
    reach = np.hypot((x + 0.5) * pixel - 90, (y + 0.5) * pixel - 150).max()
    assert 48 * 0.9 - pixel < reach < 48 + 1.5 * pixel
    assert abs(x.mean() * pixel - 90 + pixel / 2) < pixel


figures = st.builds(
    Figure,
    shape=st.sampled_from(SHAPES),
    colour=st.sampled_from(list(COLOURS)),
    x=st.integers(-20, UNITS + 20),
    y=st.integers(-20, UNITS + 20),
    radius=st.integers(1, 140),
)
scenes = st.lists(st.builds(Scene, st.lists(figures, max_size=4).map(tuple)), min_size=1, max_size=5)


@pytest.mark.slow
@given(scenes, st.sampled_from([1, 5, 16, 31, 64]))
def test_a_scene_has_the_same_bytes_whatever_is_rendered_with_it(some, size):
    together = render(some, size)
    assert (together.shape, together.dtype) == ((len(some), size, size, 3), np.uint8)
    apart = np.concatenate([render([scene], size) for scene in some])
    assert np.array_equal(together, apart)
    assert np.array_equal(together[::-1], render(some[::-1], size))


@pytest.mark.slow
@given(scenes)
def test_rendering_many_at_once_is_cut_without_a_seam(some):
    many = some * 40
    assert np.array_equal(render(many, 48), np.concatenate([render(some, 48)] * 40))


def test_later_figures_cover_earlier_ones():
    under, over = Figure("square", "red", 128, 128, 100), Figure("circle", "blue", 128, 128, 40)
    assert render([Scene((under, over))])[0, 32, 32].tolist() == list(COLOURS["blue"])
    assert render([Scene((over, under))])[0, 32, 32].tolist() == list(COLOURS["red"])


def test_colours_and_background_are_exact_and_there_may_be_nothing():
    assert render([]).shape == (0, 64, 64, 3)
    assert (render([Scene(())])[0] == BACKGROUND).all()
    for colour, rgb in COLOURS.items():
        assert render([Scene((Figure("square", colour, 128, 128, 60),))])[0, 32, 32].tolist() == list(rgb)


@pytest.mark.parametrize(
    ("figure", "size", "said"),
    [
        (Figure("blob", "red", 9, 9, 9), 64, "shape 'blob'"),
        (Figure("star", "mauve", 9, 9, 9), 64, "colour 'mauve'"),
        (Figure("star", "red", 9, 9, 9), 0, "size 0"),
    ],
)
def test_what_cannot_be_rendered_is_named(figure, size, said):
    with pytest.raises(ValueError, match=said):
        render([Scene((figure,))], size)


def test_pixels_are_those_of_this_version():
    assert pixels_digest("families") == PIXELS["families"]


def test_distances_use_operations_that_every_machine_rounds_alike():
    tree = ast.parse(inspect.getsource(distances))
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "np"}
    assert used <= {"abs", "floating", "maximum", "minimum", "sqrt"}
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "math"]
    assert [alias.name for node in imported for alias in node.names] == ["sqrt"]
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Pow | ast.MatMult)]


@pytest.mark.parametrize("shape", SHAPES)
def test_distances_stay_in_single_precision(shape):
    numbers = np.linspace(-9, 9, 7, dtype=np.float32)
    assert distances.DISTANCES[shape](numbers, numbers, np.abs(numbers)).dtype == np.float32


# --- the media ---

SCENE = Scene((Figure("ring", "red", 60, 60, 30), Figure("star", "blue", 170, 150, 36)))


def test_a_medium_renders_when_it_is_loaded_and_pickles_as_its_scene():
    media = scene_media(SCENE)
    assert (media.kind, media.mime, media.path) == ("image", "image/png", None)
    assert media.attrs == {"width": 64, "height": 64}
    loaded = media.load()
    assert (loaded.mode, loaded.size) == ("RGB", (64, 64))
    assert np.array_equal(np.asarray(loaded), render([SCENE])[0])
    assert media.load() is not loaded
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(media.read()))), np.asarray(loaded))
    data = pickle.dumps(media)
    assert len(data) < 1500
    again = pickle.loads(data)
    assert again == media
    assert again.source.scene == SCENE


def test_a_digest_names_what_is_shown_and_at_which_size():
    media = scene_media(SCENE)
    assert len(media.digest) == 64
    assert media.digest == scene_media(Scene(SCENE.figures)).digest
    others = [Scene(SCENE.figures[::-1]), Scene(SCENE.figures[:1]), Scene((Figure("ring", "red", 60, 61, 30),))]
    digests = {media.digest, scene_media(SCENE, 96).digest, *(scene_media(other).digest for other in others)}
    assert len(digests) == 5


def test_pictures_are_rendered_once_while_the_cache_holds_them():
    scene = Scene((Figure("cross", "green", random.randrange(50, 200), random.randrange(50, 200), 33),))
    before = cache.stats()
    for _ in range(3):
        scene_media(scene).load()
    after = cache.stats()
    assert (after.misses - before.misses, after.hits - before.hits) == (1, 2)


@pytest.mark.parametrize("value", [15, 1025, "64", 64.0, True, None])
def test_sizes_that_make_no_sense_are_refused(value):
    with pytest.raises(UsageError, match="from 16 to 1024"):
        checked_size(value)
    assert checked_size(224) == 224
