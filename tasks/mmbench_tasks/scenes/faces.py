"""The Latin-square blocks of `sentiment/scenes`: faces, and sentences that say whose mood is the speaker's.

A block is three pictures of the same three coloured faces, one sad, one calm and one glad in each, and three sentences that
name one of the colours each ("I feel just like the green one, slightly so."). The moods form a Latin square: every picture
and every sentence has every mood once, so neither says anything alone, and no sum of what both say is right on a whole block
(`mmbench_tasks.scenes.blocks`). All sentences of a block state one degree, in words of their own; so the same holds for the
score, the mood's sign times the degree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mmbench.core import UsageError
from mmbench_tasks.scenes.blocks import latin_square
from mmbench_tasks.scenes.draw import Draw
from mmbench_tasks.scenes.features import EXPRESSION_COLOUR
from mmbench_tasks.scenes.layout import place
from mmbench_tasks.scenes.scene import COLOURS, Figure, Scene

MOODS = ("negative", "neutral", "positive")
"""The classes, from the lowest to the highest."""
SIGNS: Mapping[str, int] = {"negative": -1, "neutral": 0, "positive": 1}
"""Mood to the sign of its score."""
EXPRESSIONS: Mapping[str, str] = {"negative": "sad", "neutral": "calm", "positive": "glad"}
"""Mood to the expression of the face that shows it."""
BLOCKS: Mapping[str, int] = {"train": 1333, "val": 150, "test": 400}
"""How many blocks a split has. A block belongs to one split."""
RADII = (46, 52)
"""Least and greatest radius of a face, in units."""
DEGREES: Mapping[int, tuple[str, ...]] = {
    1: ("slightly", "mildly", "a little"),
    2: ("clearly", "quite", "rather"),
    3: ("extremely", "very much", "intensely"),
}
"""Size of the score to the adverbs that state it."""
SENTENCES = (
    "I feel just like the {colour} one, {degree} so.",
    "today my mood is that of the {colour} face, {degree} so.",
    "the {colour} one looks the way I feel, {degree} so.",
    "if I were one of them, I would be the {colour} one, {degree} so.",
)
_COUNT = len(MOODS)
_NAMES = tuple(COLOURS)


@dataclass(frozen=True, slots=True)
class MoodBlock:
    """Three pictures and three sentences."""

    id: str
    """Split and number, such as ``test-0017``."""
    scenes: tuple[Scene, ...]
    """[3] what the pictures show."""
    sentences: tuple[str, ...]
    """[3] what is said beside each of them."""
    moods: tuple[tuple[str, ...], ...]
    """[3][3] the mood by picture and sentence: a Latin square."""
    degree: int
    """The size of every score that is not 0: 1, 2 or 3."""

    def sample_id(self, picture: int, sentence: int) -> str:
        """The id of one of its nine samples: that of the block, the picture's number and the sentence's, from 0."""
        return f"{self.id}-{picture}-{sentence}"

    def score(self, picture: int, sentence: int) -> int:
        """The score of a sample, from -3 to 3."""
        return SIGNS[self.moods[picture][sentence]] * self.degree


def mood_block(split: str, number: int) -> MoodBlock:
    """One block, made without making any other. Raises `UsageError` where there is none such."""
    if not 0 <= number < BLOCKS.get(split, 0):
        raise UsageError(f"there is no block {split}-{number} of faces")
    draw = Draw("faces", split, number)
    square = latin_square(draw, MOODS)
    colours = draw.some(_NAMES, _COUNT)
    degree = draw.between(min(DEGREES), max(DEGREES))
    radii = [draw.between(*RADII) for _ in colours]
    adverbs, wordings = draw.some(DEGREES[degree], _COUNT), draw.some(SENTENCES, _COUNT)
    return MoodBlock(
        id=f"{split}-{number:04d}",
        scenes=tuple(_scene(draw, colours, moods, radii) for moods in square),
        sentences=tuple(
            wording.format(colour=colour, degree=adverb)
            for wording, colour, adverb in zip(wordings, colours, adverbs, strict=True)
        ),
        moods=square,
        degree=degree,
    )


def _scene(draw: Draw, colours: list[str], moods: tuple[str, ...], radii: list[int]) -> Scene:
    """Faces of these colours and moods, placed at random; each is a disc, and its expression above it."""
    figures: list[Figure] = []
    for (x, y), colour, mood, radius in zip(place(draw, radii), colours, moods, radii, strict=True):
        figures.append(Figure("circle", colour, x, y, radius))
        figures.append(Figure(EXPRESSIONS[mood], EXPRESSION_COLOUR, x, y, radius))
    return Scene(tuple(figures))


def mood_blocks(split: str) -> Iterator[MoodBlock]:
    """All blocks of a split. Raises `UsageError` for a split that there is not."""
    if split not in BLOCKS:
        raise UsageError(f"faces have no split {split!r}; they have {', '.join(BLOCKS)}")
    for number in range(BLOCKS[split]):
        yield mood_block(split, number)
