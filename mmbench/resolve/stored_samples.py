"""The samples that a stored run was asked, read again from the data of its task."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from mmbench.analysis.side_by_side import Asked
from mmbench.core.errors import DataError, MmbenchError, NotComparableError, plugin_errors
from mmbench.core.media import Media
from mmbench.core.requests import Generate, Request
from mmbench.core.samples import Sample
from mmbench.core.task import Task
from mmbench.core.visible import visible
from mmbench.resolve.task_names import resolve_source
from mmbench.results.run import TaskResult

_FOLDERS = re.compile(r"""(?<![\w.:/~-])~?/(?:[^\s/'"]+/)+""")
"""The folders of an absolute path."""


def stored_samples(
    result: TaskResult, *, foreign: bool = False, note: Callable[[str], None] = lambda _: None
) -> Sequence[Sample]:
    """Read the samples of the split that a task of a run was asked.

    Args:
        result: The task of the run.
        foreign: Whether Python files and modules that the run names may be imported.
        note: Takes a sentence where images are gone.

    Returns:
        All samples of the split, in the order of the data, also those that the run left out; of an imported run what the other tool
        asked, without images. Images that are gone stand in for themselves: their path is known, and their digest is not.

    Raises:
        UsageError: If the task or its data are not to be had.
        ForeignSourceError: If the task is a Python file or module, and `foreign` is False.
        NotComparableError: If the data have changed since the run.
    """
    if not result.source.name:
        return _of_another_tool(result)
    try:
        return _task_and_samples(result, foreign=foreign)[1]
    except DataError as error:
        _, samples, problem = _without_images(result, error, foreign=foreign)
    note(problem)
    return samples


def _task_and_samples(result: TaskResult, *, foreign: bool) -> tuple[Task, Sequence[Sample]]:
    task = resolve_source(result.source, foreign=foreign).task
    then, now = result.entry.fingerprint, task.fingerprint()
    if now != then:
        raise NotComparableError(
            f"the data of {result.name} have changed since this run (fingerprint {then[:12]}, now {now[:12]})"
        )
    return task, task.samples(result.entry.split)


def asked_of(result: TaskResult, *, foreign: bool = False) -> Asked:
    """What a task of a run asked, for a page that shows samples. Nothing is fetched for it.

    Args:
        result: The task of the run.
        foreign: Whether Python files and modules that the run names may be imported.

    Returns:
        Samples and requests; without them, and with a note that says why, where the task or its data are not to be had or have changed.
        Images that are gone stand in for themselves, and a note says so.
    """
    from mmbench.data.hub import nothing_fetched

    if not result.source.name:
        samples = _of_another_tool(result)
        told = "Another tool asked this: images are not shown, and prompts as far as its files hold them."
        return Asked({sample.id: sample for sample in samples}, _asked_there, note=told)
    path = result.source.data_path
    folder = None if path is None else str(Path(path) if Path(path).is_dir() else Path(path).parent)
    note: str | None = None
    try:
        with nothing_fetched(), plugin_errors(f"task {result.name!r} failed to give its samples"):
            try:
                task, read = _task_and_samples(result, foreign=foreign)
            except DataError as error:
                task, read, note = _without_images(result, error, foreign=foreign)
            if read:
                task.requests(read[0])
    except MmbenchError as error:
        return Asked(note=f"What was asked is not shown: {_without_folders(str(error), folder)}", folder=folder)
    return Asked({sample.id: sample for sample in read}, task.requests, note, folder)


def _without_folders(text: str, folder: str | None) -> str:
    """A text without the folders of this machine: a page that shows it may be mailed. Addresses on the web stay."""
    inside = text if folder is None else text.replace(f"{folder.rstrip(os.sep)}{os.sep}", "")
    return visible(_FOLDERS.sub("", inside))


def _without_images(result: TaskResult, problem: DataError, *, foreign: bool) -> tuple[Task, Sequence[Sample], str]:
    """The task and its samples where image files are gone, and a note that says so.

    Raises:
        DataError: The problem, if it is another one, or the samples are not as many as the run says.
    """
    from mmbench.data.images import GONE, missing_images_stand_in

    with missing_images_stand_in():
        task = resolve_source(result.source, foreign=foreign).task
        samples = task.samples(result.entry.split)
    media = [part for sample in samples for part in sample.parts if isinstance(part, Media)]
    gone = len({each.digest for each in media if each.attrs.get(GONE)})
    if not gone or len(samples) != result.entry.split_samples:
        raise problem
    images = "1 image is" if gone == 1 else f"{gone:,} images are"
    return task, samples, f"{images} gone, so that the data cannot be checked against the fingerprint of the run."


def _of_another_tool(result: TaskResult) -> list[Sample]:
    """The samples of an imported run as the other tool asked them: without images, which are not kept."""
    texts = [line.prompt if line.question is None else line.question for line in result.asked()]
    return [
        Sample(
            id=line.id,
            parts=() if text is None else (text,),
            references=line.references,
            choices=line.choices,
            group=line.group,
            slices=line.slices,
            meta={} if line.prompt is None else {"prompt": line.prompt},
        )
        for line, text in zip(result.asked(), texts, strict=True)
    ]


def _asked_there(sample: Sample) -> list[Request]:
    """What the other tool asked about a sample, as far as that is known."""
    prompt = sample.meta.get("prompt")
    return [Generate(parts=sample.parts if prompt is None else (prompt,), sample_id=sample.id)]
