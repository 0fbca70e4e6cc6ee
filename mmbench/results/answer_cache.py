"""Answers that any run may use again: one SQLite file, keyed by all that determines an answer."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from mmbench.core.errors import RunFailedError
from mmbench.results.rundir import make_folder
from mmbench.results.schema import CachedAnswer

FILE = "answers.sqlite"
"""Name of the file in the cache's folder."""
_LAYOUT = 1
"""Version of the table, kept in SQLite's ``user_version``."""
_AT_ONCE = 500
"""Keys looked up, and answers written, in one statement."""
_PATIENCE_S = 30.0
"""How long another process may keep the file to itself."""


class AnswerCache:
    """A file of answers. Several processes may use it at once; answers of the same key are the same."""

    def __init__(self, folder: Path) -> None:
        """Open the cache in a folder, made if need be. Raises `RunFailedError` when it cannot be used."""
        self.path = folder / FILE
        make_folder(folder, "--cache")
        self._waiting: dict[bytes, bytes] = {}
        with self._usable():
            self._file = sqlite3.connect(self.path, timeout=_PATIENCE_S, isolation_level=None)
            try:
                self._prepare()
            except (sqlite3.Error, RunFailedError):
                self._file.close()
                raise

    def _prepare(self) -> None:
        version = self._file.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, _LAYOUT):
            raise RunFailedError(f"the cache {self.path} has layout {version}; this mmbench knows {_LAYOUT}")
        self._file.execute("PRAGMA journal_mode = WAL")
        self._file.execute("PRAGMA synchronous = NORMAL")
        self._file.execute("CREATE TABLE IF NOT EXISTS answers (key BLOB PRIMARY KEY, answer BLOB) WITHOUT ROWID")
        self._file.execute(f"PRAGMA user_version = {_LAYOUT}")

    def find(self, keys: Sequence[bytes]) -> dict[bytes, CachedAnswer]:
        """The answers that are there. Raises `RunFailedError`."""
        found: dict[bytes, CachedAnswer] = {}
        with self._usable():
            for start in range(0, len(keys), _AT_ONCE):
                some = keys[start : start + _AT_ONCE]
                marks = ",".join("?" * len(some))
                rows = self._file.execute(f"SELECT key, answer FROM answers WHERE key IN ({marks})", some)  # noqa: S608
                found |= {key: msgspec.msgpack.decode(data, type=CachedAnswer) for key, data in rows}
        return found

    def add(self, answers: Mapping[bytes, CachedAnswer]) -> None:
        """Keep answers; they are written some hundred at a time, the rest by `close`. Raises `RunFailedError`."""
        self._waiting |= {key: msgspec.msgpack.encode(answer) for key, answer in answers.items()}
        if len(self._waiting) >= _AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Write what is waiting. Raises `RunFailedError`."""
        rows: Iterable[tuple[bytes, bytes]] = self._waiting.items()
        with self._usable():
            self._file.execute("BEGIN IMMEDIATE")
            try:
                self._file.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?)", rows)
            except sqlite3.Error:
                if self._file.in_transaction:
                    self._file.execute("ROLLBACK")
                raise
            self._file.execute("COMMIT")
        self._waiting.clear()

    def close(self) -> None:
        """Write what is waiting and close the file. Raises `RunFailedError`."""
        try:
            if self._waiting:
                self.flush()
        finally:
            self._waiting.clear()
            self._file.close()

    @contextmanager
    def _usable(self) -> Iterator[None]:
        """Make an error of the file a `RunFailedError`."""
        try:
            yield
        except (sqlite3.Error, msgspec.MsgspecError) as error:
            raise RunFailedError(
                f"the cache {self.path} cannot be used ({error}). Delete it, or give the command without --cache."
            ) from error
