"""What version 3 of the generator makes, on every machine. Another digest means other data: raise `VERSION` then."""

from __future__ import annotations

from collections.abc import Mapping

FINGERPRINTS: Mapping[str, Mapping[str, str]] = {
    "vqa/scenes": {
        "train": "30b5a193ec4c3771238e0205472618e443e6ecf71f007558c89edfd7ed099eaa",
        "val": "7733fd54cbd26785621e126586d84a816435c5a1b57aaac588a25ff8fb10d4d5",
        "test": "f657c19391494285c9f1d41697f12199ef03acbf747b910a2fe8f9b21b6b43d5",
    },
    "retrieval/scenes": {
        "train": "b7c9a71ae11e6800dcf17da4b9bb5717871fc8e5fb2a9909b11a4be35c0b0a10",
        "val": "6b79a7b28a53d9385a0d1e4ddecbf7488653816d69c2c1a2a9a3659062aab49f",
        "test": "c036e0f2bc0b59d0eef29ee9cead3fa0209f1661579daee45dad645747b2c42c",
    },
}
"""Task → split → digest of its texts, answers and scenes. That of the split test is the task's fingerprint."""
PIXELS = "091d9c2afcd2ed3bf05c7a765100bc213e75d2a428726dd1cab4510daf82a408"
"""`pixels_digest` of the pictures at 64 pixels."""


def pixels_digest(size: int = 64) -> str:
    """sha256 of the pixels of the first hundred pictures of the split test of `retrieval/scenes`."""
    from itertools import islice

    from mmbench.data import digest_array
    from mmbench_tasks.scenes.families import families
    from mmbench_tasks.scenes.render import render

    scenes = [scene for family in islice(families("test"), 25) for pair in family.pairs for scene in pair.scenes]
    pixels = render(scenes, size)
    return digest_array("image", "RGB", pixels.shape, str(pixels.dtype), pixels.tobytes())
