"""What version 2 of the generator makes, on every machine. Another digest means other data: raise `VERSION` then."""

from __future__ import annotations

from collections.abc import Mapping

FINGERPRINTS: Mapping[str, Mapping[str, str]] = {
    "vqa/scenes": {
        "train": "e0412062d6047f179bbf591eb36c69e216a50593944ecce01f471df1417e0a81",
        "val": "e8faab9d86a168c48bce76b9a4950b222152427bcc030d19941a2adf2f22d9e0",
        "test": "edadd433b2a7b2cd2aa200716e26eaa9bc97c43bc06fde283c6d772ae66e4d30",
    },
    "retrieval/scenes": {
        "train": "1e678f69b2d945e4814226820af431a015bf8b1e2748b26ddfe5d5e6686e98b4",
        "val": "e8a3e5c95b0c1568f80ac3030e77336185530e920d8729a0c63b3b1357616fbf",
        "test": "df8c36ce4ce9c958510f80bd1fb089153f2200e9f2f71988476ea5663f22a6d5",
    },
}
"""Task → split → digest of its texts, answers and scenes. That of the split test is the task's fingerprint."""
PIXELS = "0869ebd099ea5fd46bf2f25d93f934dc4da5d97d76d5e7e7cbff1c473d793937"
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
