"""What a folder of runs holds at a moment, as the live page shows it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from mmbench.analysis.sample_payloads import compressed, side_by_side
from mmbench.analysis.side_by_side import Asked, SideBySide
from mmbench.core.errors import DamagedFileError, MmbenchError, UsageError
from mmbench.core.media import Media
from mmbench.core.visible import visible
from mmbench.reporting.build import RunReport, make_report
from mmbench.reporting.page.document import DataBlock
from mmbench.resolve.stored_samples import asked_of
from mmbench.results.find import is_shard, load_run
from mmbench.results.run import Run, TaskResult

PAGE = 5_000
"""Samples that the browser fetches at once."""
_WATCHED = ("run.json", "tasks/*/responses.jsonl")


def stamp_of(folder: Path) -> str:
    """Changes whenever a run of the folder does: a digest of what the file system says of its files."""
    return hashlib.sha256("".join(map(_stamp_of_run, run_folders(folder))).encode()).hexdigest()[:16]


def _stamp_of_run(run: Path) -> str:
    """Changes whenever the run does."""
    digest = hashlib.sha256()
    for pattern in _WATCHED:
        for path in sorted(run.glob(pattern)):
            try:
                state = path.stat()
            except OSError:  # replaced at this moment
                continue
            digest.update(f"{path}\0{state.st_mtime_ns}\0{state.st_size}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def run_folders(folder: Path) -> list[Path]:
    """The run directories in a folder, shards only where there is nothing else; or the folder itself where it is one.

    Hidden folders are runs that a merge or an import is still making.
    """
    if (folder / "run.json").is_file():
        return [folder]
    there_are = sorted(path.parent for path in folder.glob("*/run.json") if not path.parent.name.startswith("."))
    return [path for path in there_are if not is_shard(path)] or there_are


class Known:
    """What snapshots of one folder have in common: what has been read once and is still true."""

    def __init__(self) -> None:
        self.asked: dict[str, Asked] = {}
        """What was asked, by what identifies it."""
        self.media: dict[str, Media] = {}
        """The images of the samples that were fetched, by the name that pages have for them."""
        self._runs: dict[Path, tuple[str, Run]] = {}

    def run(self, path: str | Path, out: Path | None = None) -> Run:
        """A run, read again where its files have changed; errors as of `mmbench.results.find.load_run`."""
        del out
        path, stamp = Path(path), _stamp_of_run(Path(path))
        known = self._runs.get(path)
        if known is None or known[0] != stamp:
            known = self._runs[path] = stamp, load_run(path)
        return known[1]

    def forget(self, paths: Collection[Path]) -> None:
        """Keep the runs with these paths alone."""
        self._runs = {path: known for path, known in self._runs.items() if path in paths}


class Snapshot:
    """Runs as they are at a moment.

    Args:
        folder: A folder of runs, or a run.
        known: What earlier snapshots have read; what this one reads is added.
        foreign: Whether Python files that a run names as the source of a task may be imported.

    Raises:
        UsageError: If there is no run that can be read.
    """

    def __init__(self, folder: Path, known: Known, *, foreign: bool) -> None:
        self.stamp = stamp_of(folder)
        """As `stamp_of` when the reading began."""
        self.notes: list[str] = []
        """What could not be read."""
        self._known, self._foreign = known, foreign
        paths = [path for path in run_folders(folder) if self._readable(path)]
        known.forget(paths)
        self.report: RunReport
        self.tasks: list[SideBySide]
        self.report, self.tasks = self._read(folder, paths)

    def _readable(self, path: Path) -> bool:
        try:
            self._known.run(path)
        except MmbenchError as error:
            self._leave_out(path, error)
            return False
        return True

    def _leave_out(self, path: Path, error: MmbenchError) -> None:
        self.notes.append(visible(f"{path.name} is left out: {error}"))

    def _read(self, folder: Path, paths: Sequence[Path]) -> tuple[RunReport, list[SideBySide]]:
        """Read the runs, without those in which a file turns out to be damaged."""
        if not paths:
            raise UsageError(f"there is no run in {folder}{''.join(f'; {note}' for note in self.notes)}")
        try:
            report = make_report(paths, load=self._known.run)
            return report, side_by_side(report.read.groups, report.read.tasks, self._what_was_asked)
        except DamagedFileError as error:
            sound = [path for path in paths if str(path) != error.run]
            if len(sound) == len(paths):
                raise
            self._leave_out(Path(error.run or ""), error)
            return self._read(folder, sound)

    def _what_was_asked(self, result: TaskResult) -> Asked:
        entry = result.entry
        prompt = result.stated_key.get("prompt")  # imported runs on the same data differ by it alone
        key = f"{entry.name}\0{entry.fingerprint}\0{entry.split}\0{entry.source}\0{prompt}"
        if key not in self._known.asked:
            self._known.asked[key] = asked_of(result, foreign=self._foreign)
        return self._known.asked[key]

    def state(self) -> dict[str, Any]:
        """What the page must know before it fetches samples."""
        tasks = [
            {"name": task.title, "about": task.metadata(len(task.ids)), "pages": -(-len(task.ids) // PAGE)}
            for task in self.tasks
        ]
        return {"stamp": self.stamp, "notes": self.notes, "tasks": tasks}

    def html(self, title: str) -> str:
        """The page, which fetches everything else."""
        return self.report.html(title, blocks=[DataBlock("live", "state", compressed(b"{}"), self.state())], live=True)

    def samples(self, task: int, page: int) -> bytes | None:
        """Samples of a task as compressed JSON; None where there are none.

        Args:
            task: The place of the task in `tasks`.
            page: Which `PAGE` of its samples, from 0.

        Raises:
            NotComparableError: If a file of a run is damaged.
        """
        if not 0 <= task < len(self.tasks) or page < 0:
            return None
        found = self.tasks[task]
        places = range(page * PAGE, min((page + 1) * PAGE, len(found.ids)))
        if not places:
            return None
        document, media = found.columns(places, places)
        self._known.media.update(media)
        return compressed(document)


class Follower:
    """The newest snapshot of a folder.

    Args:
        folder: A folder of runs, or a run.
        foreign: As in `Snapshot`.
        note: Takes a sentence for each run that is left out, once.
    """

    def __init__(self, folder: Path, *, foreign: bool, note: Callable[[str], None] = lambda _: None) -> None:
        self._folder, self._foreign, self._note = folder, foreign, note
        self._known = Known()
        self._said: set[str] = set()
        self._reading = Lock()
        self.now = self._read()
        """The snapshot that was read last."""

    def follow(self) -> Snapshot:
        """Read the runs again if they have changed; where none can be read any more, the last snapshot stays.

        Whoever asks while others read gets the last snapshot, at once.
        """
        if self._reading.acquire(blocking=False):
            try:
                if stamp_of(self._folder) != self.now.stamp:
                    self.now = self._read()
            except MmbenchError as error:
                self._tell(str(error))
            finally:
                self._reading.release()
        return self.now

    def image(self, name: str) -> Media | None:
        """The image that a page has under a name; None where no sample that was fetched has it."""
        return self._known.media.get(name)

    def _read(self) -> Snapshot:
        found = Snapshot(self._folder, self._known, foreign=self._foreign)
        for note in found.notes:
            self._tell(note)
        return found

    def _tell(self, note: str) -> None:
        if note not in self._said:
            self._said.add(note)
            self._note(note)


def encoded(media: Media, *, small: bool) -> tuple[str, bytes]:
    """An image for the browser, MIME type and bytes: as models get it, or a small copy. Raises `MediaError`."""
    if small:
        from mmbench.data.thumbnails import thumbnail

        copy = thumbnail(media)
        return copy.mime, copy.data
    from mmbench.data.prepared import encoded_image

    whole = encoded_image(media)
    return whole.mime, whole.data
