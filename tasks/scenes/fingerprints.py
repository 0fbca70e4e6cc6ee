"""What version 1 of the generator makes, on every machine. Another digest means other data: raise `VERSION` then."""

from __future__ import annotations

from collections.abc import Mapping

FINGERPRINTS: Mapping[str, Mapping[str, str]] = {
    "vqa/scenes": {
        "train": "772e5c7f6ba041c86fdcef92923f551ec0e6f97acf3ad0daf282837ec1482f53",
        "val": "d9c5ac787218e0444f9c93e05a115d82488e719a4466d1f983b9109e66b7b9ac",
        "test": "0c04c18b14c6804b6e5f56468fa081ddd7c87a06ec94666a5426e59d16c150bf",
    },
    "retrieval/scenes": {
        "train": "cbf9aa4a1a3db43ae696cfaeff65477c3742be0b30e063025eb88f010578cc63",
        "val": "ad773ab8dbc42e9525cafc81d8b41fe1740fbb390a77c0a3910ed33ba2adbaf9",
        "test": "59e7abbd543adb7df8971243697a71856d6dfcd050d427c10a5986e812baa88a",
    },
}
"""Task → split → digest of its texts, answers and scenes. That of the split test is the task's fingerprint."""
PIXELS = "4ddfcccb369adf9bea49d8497b2c0cc7eb35f5ed9b313315643fe6a323b25ecc"
"""`pixels_digest` of the pictures at 64 pixels."""


def pixels_digest(size: int = 64) -> str:
    """sha256 of the pixels of the first hundred pictures of the split test of `retrieval/scenes`."""
    from itertools import islice

    from mmbench.data import digest_array
    from mmbench.tasks.scenes.families import families
    from mmbench.tasks.scenes.render import render

    scenes = [scene for family in islice(families("test"), 25) for pair in family.pairs for scene in pair.scenes]
    pixels = render(scenes, size)
    return digest_array("image", "RGB", pixels.shape, str(pixels.dtype), pixels.tobytes())
