"""Runs whose ranks are known, written without a model."""

from pathlib import Path

import msgspec
import numpy as np
from stored import ACCURACY, score_table, write_run

from mmbench.results.rundir import RunDirectory

NAMES = (
    "<script>alert(1)</script>",
    "a|b\\",
    "=cmd()",
    "\x1b[31mred\nline",
    "\u202eabc",
    "`x` **y** [z](u)",
    "-1",
    "{\\tex} $ & %",
)
"""Names of models that try to break out of whatever they are written into."""


def answers(share, n=400, size=4, seed=0):
    """0/1 scores of n units in clusters of `size`, of which about `share` are 1; and the ids of the clusters."""
    scores = (np.random.default_rng(seed).random(n) < share).astype(float)
    return scores.tolist(), [f"c{place // size}" for place in range(n)]


def table(share, n=400, size=4, seed=0, **more):
    """A score table of such answers."""
    scores, clusters = answers(share, n, size, seed)
    return score_table(scores, clusters, **more)


def written(out: Path, model: str, tasks, metrics=(ACCURACY,), **changes) -> Path:
    """A run of `model` with a table for each task; `changes` are made to its ``run.json``."""
    path = write_run(out, model, {task: [own] for task, own in tasks.items()}, metrics)
    if changes:
        directory = RunDirectory(path)
        directory.write(msgspec.structs.replace(directory.read(), **changes))
    return path


def seed_of(out: Path, model: str, seed: int, tasks) -> Path:
    """One seed of a model, in a directory of its own."""
    return written(out / f"seed{seed}", model, tasks, seed=seed)


def entry(path: Path, task: str, **changes) -> None:
    """Change what ``run.json`` says of a task."""
    directory = RunDirectory(path)
    run = directory.read()
    directory.write(
        msgspec.structs.replace(run, tasks={**run.tasks, task: msgspec.structs.replace(run.tasks[task], **changes)})
    )
