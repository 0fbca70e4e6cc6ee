"""Which images may leave the machine: those in the folder of the data file, and in folders that the user names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

from mmbench.core.errors import UsageError
from mmbench.core.media import Media
from mmbench.core.visible import shown_name
from mmbench.resolve.allowances import OUTSIDE_IMAGES
from mmbench.runner.plan.job import Job
from mmbench.runner.plan.task_plan import TaskPlan

_NAMED = 3


def check_leaving(jobs: Iterable[Job], folders: Sequence[str], allowed: frozenset[str]) -> None:
    """Refuse to send images to an endpoint that a user's data file names and that lie elsewhere, once links are followed.

    A data file may be someone else's, and a name or a link in it may lead anywhere. Models of this machine may read such
    images.

    Args:
        jobs: What is about to run.
        folders: ``--images``.
        allowed: ``--allow``.

    Raises:
        UsageError: If an image lies outside, or a folder is none.
    """
    named = [Path(each).expanduser() for each in folders]
    for folder in named:
        if not folder.is_dir():
            raise UsageError(f"--images {str(folder)!r}: there is no such folder")
    if OUTSIDE_IMAGES in allowed:
        return
    checked = set[int]()
    for job in jobs:
        if not job.model.capabilities.remote:
            continue
        for plan in job.plans:
            if plan.source.data_path is not None and id(plan.samples) not in checked:
                checked.add(id(plan.samples))
                _check(job.model.name, plan, Path(plan.source.data_path), named)


def _check(model: str, plan: TaskPlan, data: Path, named: Sequence[Path]) -> None:
    own = data if data.is_dir() else data.parent
    roots = [os.path.realpath(each) + os.sep for each in (own, *_blobs(own), *named)]
    places = {path: _real(path) for path in dict.fromkeys(_paths(plan))}
    outside = [path for path, place in places.items() if not place.startswith(tuple(roots))]
    if outside:
        shown = ", ".join(
            shown_name(path) + ("" if places[path] == path else f" → {shown_name(places[path])}")
            for path in outside[:_NAMED]
        )
        more = f" and {len(outside) - _NAMED:,} more" if len(outside) > _NAMED else ""
        raise UsageError(
            f"{plan.name}: {len(outside):,} image{'s' * (len(outside) > 1)} outside {roots[0].rstrip(os.sep)} would be sent to "
            f"{model}: {shown}{more}. To send images of another folder: --images FOLDER; of any: --allow {OUTSIDE_IMAGES}"
        )


def _blobs(folder: Path) -> Iterator[Path]:
    """Where the cache of the hub keeps the files of a folder: ``NAME/snapshots/REVISION`` has links to ``NAME/blobs``."""
    for each in Path(os.path.realpath(folder), "_").parents:
        blobs = each.parent.parent / "blobs"
        # In the cache they are a folder. A link would lead wherever whoever made it likes.
        if each.parent.name == "snapshots" and Path(os.path.realpath(blobs)) == blobs:
            yield blobs


def _paths(plan: TaskPlan) -> Iterator[str]:
    """The files of all images that are asked about, and of the examples in a prompt."""
    for sample in plan.samples:
        for part in sample.parts:
            if isinstance(part, Media) and part.path is not None:
                yield part.path
    for request in plan.requests([0]) if plan.n_requests else ():
        yield from (media.path for media in request.media if media.path is not None)


@cache
def _real_folder(folder: str) -> str:
    return os.path.realpath(folder)


def _real(path: str) -> str:
    """Where a file really lies. The folders of many images are few, and are followed once."""
    folder, name = os.path.split(os.path.abspath(path))  # noqa: PTH100 - a text
    place = os.path.join(_real_folder(folder), name)  # noqa: PTH118 - a text
    return os.path.realpath(place) if os.path.islink(place) else place  # noqa: PTH114 - a text
