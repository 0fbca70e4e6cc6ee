"""The samples of runs as a page holds them: compressed documents, one a task, and one with the images of all."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from mmbench.analysis.sample_choice import spread, stratified, with_others
from mmbench.analysis.seeds import SeedGroup
from mmbench.analysis.side_by_side import Asked, Entrant, SideBySide
from mmbench.core.errors import MediaError
from mmbench.core.media import Media
from mmbench.results.codec import canonical_json
from mmbench.results.run import TaskResult

MAX_SAMPLES = 20_000
"""Samples that a page shows at most, of all its tasks together."""
THUMBNAILS = 200
"""Samples of a task whose images a page shows at most."""
IMAGES = ""
"""Stands in place of a task in the payload that holds the images."""
_LEVEL = 3  # level 6 makes a page an eighth smaller and takes three times as long
_THREADS = 4
"""Threads at most that make thumbnails: what they do is done outside the interpreter's lock."""

_QUESTION = ("task version", "data fingerprint", "split", "task options", "prompt")
"""What must agree before the samples of two results stand side by side."""


class Payload(NamedTuple):
    """One part of the samples of a page."""

    task: str
    """Full name of the task; `IMAGES` for the images."""
    metadata: dict[str, Any]
    """What the page knows before it opens the data: of a task, what `SideBySide.metadata` gives; empty for the images."""
    data: bytes
    """A JSON document, compressed by gzip; the same runs give the same bytes."""


def side_by_side(
    groups: Sequence[SeedGroup], tasks: Sequence[str], asked: Callable[[TaskResult], Asked]
) -> list[SideBySide]:
    """Put the runs of each task side by side that were asked the same questions.

    Args:
        groups: The models, with labels that no two share.
        tasks: Full names of the tasks.
        asked: Reads again what a task asked; called once for each set of questions.

    Returns:
        At least one for each task that a run was asked; runs of other data, prompt or options stand apart. Saved baselines, which keep
        no answers, are left out.

    Raises:
        NotComparableError: If a plan on disk is damaged.
    """
    found = []
    for task in tasks:
        apart: dict[bytes, list[Entrant]] = {}
        for group in groups:
            for run in group.runs:
                result = run.tasks.get(task)
                if result is not None and result.status != "incompatible" and result.store.has_ids:
                    label = group.label if len(group.runs) == 1 else f"{group.label}, seed {run.seed}"
                    apart.setdefault(_question(result), []).append(Entrant(label, run, result))
        for number, entrants in enumerate(apart.values(), 1):
            title = task if len(apart) == 1 else f"{task}, questions {number} of {len(apart)}"
            found.append(SideBySide(title, entrants, asked(entrants[0].result)))
    return found


def _question(result: TaskResult) -> bytes:
    key = result.stated_key
    return canonical_json({name: key.get(name) for name in _QUESTION})


def sample_payloads(
    tasks: Sequence[SideBySide],
    *,
    max_samples: int = MAX_SAMPLES,
    thumbnails: int = THUMBNAILS,
    progress: Callable[[str], None] = lambda _: None,
) -> Iterator[Payload]:
    """Compress the samples of a page, task by task, and its images last.

    Args:
        tasks: The tasks, from `side_by_side`.
        max_samples: Samples at most, of all tasks together; every task gets an equal share of them, or all that it has.
        thumbnails: Samples of each task at most whose images are shown: some of every outcome.
        progress: Is told what is read next.

    Raises:
        NotComparableError: If a file of a run is damaged.
    """
    media: dict[str, Media] = {}
    shares = spread({number: len(task.ids) for number, task in enumerate(tasks)}, max_samples)
    for task, share in zip(tasks, shares.values(), strict=True):
        progress(f"{task.title}: {share:,} samples of {len(task.entrants):,} runs")
        shown = stratified(task.ids, task.strata, min(thumbnails, share))
        data, images = task.columns(with_others(task.ids, shown, share), shown)
        media |= images
        yield Payload(task.entrants[0].result.name, task.metadata(share), compressed(data))
    if media:
        progress(f"{len(media):,} images")
        yield Payload(IMAGES, {}, compressed(msgspec.json.encode(thumbnail_documents(media))))


def thumbnail_documents(media: Mapping[str, Media]) -> dict[str, dict[str, Any]]:
    """Small copies of images by name: ``src``, a ``data:`` URL, with ``size`` of the image itself; ``gone`` says why there is none."""
    import os
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as threads:
        return dict(zip(media, threads.map(_thumbnail_document, media.values()), strict=True))


def _thumbnail_document(media: Media) -> dict[str, Any]:
    from mmbench.data.thumbnails import thumbnail

    try:
        copy = thumbnail(media)
    except MediaError as error:
        return {"gone": type(error.__cause__ or error).__name__}
    text = base64.b64encode(copy.data).decode()
    return {"src": f"data:{copy.mime};base64,{text}", "size": copy.full_size}


def compressed(data: bytes) -> bytes:
    """The data by gzip, without a date."""
    return gzip.compress(data, _LEVEL, mtime=0)
