"""Select the samples of a split that are asked."""

from __future__ import annotations

from collections.abc import Sequence

from mmbench.core.errors import DataError, UnknownNameError
from mmbench.core.samples import Sample
from mmbench.core.spec import Selection
from mmbench.core.task import Task


def samples_of(task: Task, split: str) -> Sequence[Sample]:
    """The samples of a split. Raises `UnknownNameError` for one that the task does not have, `DataError`."""
    info = task.info
    if split not in info.splits:
        raise UnknownNameError(f"split of {info.name}", split, info.splits, hint=f"It has {', '.join(info.splits)}.")
    return task.samples(split)


def select(samples: Sequence[Sample], selection: Selection, task: str) -> Sequence[Sample]:
    """The selected samples in their order; `Selection.limit` takes whole groups, as many as fit, and at least one.

    Raises:
        DataError: If there are no samples, or ids occur twice.
        UnknownNameError: If a selected id does not exist.
    """
    if not samples:
        raise DataError(f"{task} has no samples in its split {selection.split!r}")
    _check_unique(samples, task)
    if selection.ids:
        wanted = set(selection.ids)
        known = {sample.id for sample in samples}
        for sample_id in selection.ids:
            if sample_id not in known:
                raise UnknownNameError(f"sample of {task}", sample_id, known)
        samples = [sample for sample in samples if sample.id in wanted]
    return samples if selection.limit is None else _whole_groups(samples, selection.limit)


def note_on_part(chosen: int, every: int, selection: Selection) -> str | None:
    """The note that stands beside scores of a part of a split; None for the whole.

    >>> note_on_part(197, 9673, Selection(limit=200))
    '197 of the 9,673 samples of test: --limit 200'
    """
    if chosen == every:
        return None
    options = [
        *(["--ids"] if selection.ids else []),
        *([f"--limit {selection.limit}"] if selection.limit is not None else []),
    ]
    return f"{chosen:,} of the {every:,} samples of {selection.split}: {' '.join(options)}"


def _check_unique(samples: Sequence[Sample], task: str) -> None:
    ids = {sample.id for sample in samples}
    if len(ids) == len(samples):
        return
    seen: set[str] = set()
    twice = sorted({s.id for s in samples if s.id in seen or seen.add(s.id)})  # type: ignore[func-returns-value]
    raise DataError(f"{task} has {len(twice)} sample ids that occur more than once: {', '.join(twice[:5])}")


def _whole_groups(samples: Sequence[Sample], limit: int) -> Sequence[Sample]:
    sizes: dict[str, int] = {}
    for sample in samples:
        sizes[sample.cluster] = sizes.get(sample.cluster, 0) + 1
    chosen: set[str] = set()
    taken = 0
    for cluster, size in sizes.items():
        if taken and taken + size > limit:
            break
        chosen.add(cluster)
        taken += size
        if taken >= limit:
            break
    return [sample for sample in samples if sample.cluster in chosen]
