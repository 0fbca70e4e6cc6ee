"""The Latin-square blocks of `vqa/scenes`.

A block is K images and K questions, each asked about each image, whose answers form a Latin square: every image and
every question has every answer once. Whoever looks at one of the two alone is right on exactly one answer in K. Whoever
adds up what each says by itself, score = f(image, answer) + g(question, answer), is wrong somewhere in every block:
over a block, the scores of the right answers add up to as much as those of any other Latin square of answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mmbench.core import UsageError
from mmbench_tasks.scenes.draw import Draw
from mmbench_tasks.scenes.scene import Scene
from mmbench_tasks.scenes.skills import SKILLS

BLOCKS: Mapping[str, Mapping[str, int]] = {
    "train": {"attribute": 270, "binding": 540, "relation": 940, "count": 405},
    "val": {"attribute": 40, "binding": 90, "relation": 90, "count": 40},
    "test": {"attribute": 100, "binding": 200, "relation": 200, "count": 100},
}
"""How many blocks of each skill a split has. A block belongs to one split."""


@dataclass(frozen=True, slots=True)
class Block:
    """K images and K questions."""

    id: str
    """Split, skill and number, such as ``test-attribute-0017``."""
    skill: str
    """One of `SKILLS`."""
    scenes: tuple[Scene, ...]
    """[K] what the images show."""
    questions: tuple[str, ...]
    """[K] what is asked about each of them."""
    answers: tuple[tuple[str, ...], ...]
    """[K][K] the answer by image and question: a Latin square."""
    choices: tuple[str, ...]
    """[K] the answers in alphabetical order."""

    def sample_id(self, image: int, question: int) -> str:
        """The id of one of its K × K samples: that of the block, the image's number and the question's, from 0."""
        return f"{self.id}-{image}-{question}"


def block(split: str, skill: str, number: int) -> Block:
    """One block, made without making any other. Raises `UsageError` where there is none such."""
    if not 0 <= number < BLOCKS.get(split, {}).get(skill, 0):
        raise UsageError(f"there is no block {split}-{skill}-{number} of scenes")
    kind = SKILLS[skill]
    draw = Draw("block", split, skill, number)
    square = latin_square(draw, kind.answers)
    scenes, questions = kind.fill(draw, square)
    return Block(
        id=f"{split}-{skill}-{number:04d}",
        skill=skill,
        scenes=tuple(scenes),
        questions=tuple(questions),
        answers=square,
        choices=kind.answers,
    )


def blocks(split: str) -> Iterator[Block]:
    """All blocks of a split, the skills evenly mixed. Raises `UsageError` for a split that there is not."""
    if split not in BLOCKS:
        raise UsageError(f"scenes have no split {split!r}; they have {', '.join(BLOCKS)}")
    sizes = BLOCKS[split]
    order = sorted(
        ((2 * number + 1) / (2 * size), skill, number) for skill, size in sizes.items() for number in range(size)
    )
    for _, skill, number in order:
        yield block(split, skill, number)


def latin_square(draw: Draw, items: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """A Latin square of the items; up to 3 × 3 each of them is equally likely."""
    count = len(items)
    rows, columns, answers = draw.shuffled(range(count)), draw.shuffled(range(count)), draw.shuffled(items)
    return tuple(tuple(answers[(row + column) % count] for column in columns) for row in rows)
