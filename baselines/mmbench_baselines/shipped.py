"""Weights that come with the package, so that a first run need not train. Loads no torch.

``weights/`` holds one checkpoint for each entry of `SHIPPED`, laid out as in a folder of checkpoints. They are used for
the same settings, data, seed and `settings.VERSION`, unless the user asks for ``--retrain``. To make them again, in a
clone of the repository, run ``python -m mmbench_baselines.ship``: some minutes each, on one thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

SHIPPED: Mapping[str, str] = {
    "attention": "vqa/scenes",
    "captioner": "captioning/scenes",
    "concat": "vqa/scenes",
    "low-rank": "vqa/scenes",
    "two-tower": "retrieval/scenes",
}
"""Name of a baseline to the task whose weights are shipped."""
SEED = 0
"""Seed of their training."""
FOLDER = Path(__file__).parent / "weights"
"""Where they lie."""


def shipped_folder(baseline: str, task: str, seed: int) -> Path | None:
    """Return the folder of the shipped checkpoint of a baseline; None where none was shipped for this task and seed."""
    if SHIPPED.get(baseline) != task or seed != SEED:
        return None
    return FOLDER / f"{baseline}--{task.replace('/', '__')}--seed{seed}"


def place_of(folder: Path) -> str:
    """Name a shipped folder in a way that is the same on every machine."""
    return f"{__name__}:{folder.name}"
