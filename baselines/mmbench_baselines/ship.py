"""Train the weights that come with the package: ``python -m mmbench_baselines.ship [NAME …]``, in a clone."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import mmbench
from mmbench_baselines.shipped import SEED, SHIPPED, shipped_folder


def ship(names: Sequence[str] = tuple(SHIPPED)) -> None:
    """Train these baselines with one thread, and put their checkpoints in the place of the shipped ones."""
    for name in names:
        task = SHIPPED[name]
        place = shipped_folder(name, task, SEED)
        with tempfile.TemporaryDirectory() as folder:
            (trained,) = mmbench.train(name, task, seed=SEED, threads=1, checkpoints=folder, retrain=True).trained
            if place is not None and trained.learned is not None and trained.learned.checkpoint is not None:
                shutil.rmtree(place, ignore_errors=True)
                shutil.copytree(Path(trained.learned.checkpoint), place)


if __name__ == "__main__":
    ship(sys.argv[1:] or tuple(SHIPPED))
