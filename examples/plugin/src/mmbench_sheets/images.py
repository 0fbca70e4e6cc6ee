"""The images: sheets of noise, of which the damaged ones are darker. Made when they are asked for, the same each time."""

from mmbench.data import image_from_array

COUNT = 120
"""Sheets of the test split."""


def is_damaged(number: int) -> bool:
    """Whether a sheet is damaged: every third is."""
    return number % 3 == 0


def sheet(number: int):
    """The image of a sheet, 16 × 16 pixels."""
    import numpy as np

    generator = np.random.default_rng(number)
    level = 166 if is_damaged(number) else 170
    return image_from_array(generator.normal(level, 60, (16, 16, 3)).clip(0, 255).astype(np.uint8))
