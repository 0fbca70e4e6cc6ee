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
        "train": "86de4ae5388677c3cbafe1de73eca2145ec385d9d327463496a999fec7d8f344",
        "val": "ca7c46fd0347dffe93d0b1b664e7e90f264207d4d5c3e7b6e5f8b2f2933aa0b5",
        "test": "203c200b73046cb4c43eeedc4c067d9f442f3ab5b7bc3ac5c4bed1f3c0340c96",
    },
}
"""Task → split → digest of its texts, answers and scenes. That of the split test is the task's fingerprint."""
PIXELS = "8f89229a58cee2772dc78b6a23c53d9cba9e8ff0d07a87588b5fd82ff4a4f012"
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
