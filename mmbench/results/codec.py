"""JSON in and out: strict on reading, finite on writing, atomic on disk."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

import msgspec

from mmbench.core.errors import DamagedFileError, NewerSchemaError, NotComparableError, RunFailedError
from mmbench.results.former_speed import task_perf
from mmbench.results.schema import SCHEMA_VERSION, PerfFile, PlanFile, RunFile, ScoresFile

T = TypeVar("T")
R = TypeVar("R", bound=msgspec.Struct)

_SEALED = (RunFile, PlanFile, PerfFile)
"""Records with a digest of their own; that of scores is their name."""

MAX_FILE = 2**29
"""Bytes of a JSON document of a run at most; a larger one is not read."""


def _add_learned(document: dict[str, Any]) -> dict[str, Any]:
    """Version 2 added `TaskEntry.learned`: nothing is known of what models of version 1 had learned."""
    return {**document, "schema_version": 2}


def _add_first_token_and_cache(document: dict[str, Any]) -> dict[str, Any]:
    """3 added ``first_token_ms``, ``cost_usd`` and ``n_cached`` to a task's figures, and two fields to the log."""
    return {**document, "schema_version": 3}


def _add_recipes(document: dict[str, Any]) -> dict[str, Any]:
    """Version 4 added ``recipes`` to `ScoresFile`: how the metrics of earlier files come from their tables is not said there."""
    return {**document, "schema_version": 4}


_MOVED = re.compile(r"^mmbench\.(tasks|baselines)(?=[.:])")

_BATCHING = {"size": "batch_size", "cost": "batch_cost", "workers": "loader_threads", "timeout_s": "timeout"}
"""Names in ``spec.batching`` before schema version 5 that have changed, to today's."""


def _add_former_identities(document: dict[str, Any]) -> dict[str, Any]:
    """Version 5 added `RunFile.former_identities` and `ModelEntry.version`, and made `RunFile.spec` flat.

    Two packages had moved until then.
    """
    found = {**document, "schema_version": 5}
    if isinstance(model := document.get("model"), dict):
        found["model"] = _with_todays_module(model, "reference")
    if isinstance(spec := document.get("spec"), dict):
        found["spec"] = _flattened(spec)
    if isinstance(tasks := document.get("tasks"), dict):
        found["tasks"] = {
            name: {**task, "source": _with_todays_module(task["source"], "name")}
            if isinstance(task, dict) and isinstance(task.get("source"), dict)
            else task
            for name, task in tasks.items()
        }
    return found


def _with_todays_module(record: dict[str, Any], key: str) -> dict[str, Any]:
    text = record.get(key)
    return {**record, key: _MOVED.sub(r"mmbench_\1", text)} if isinstance(text, str) else record


def _flattened(spec: dict[str, Any]) -> dict[str, Any]:
    """The options of a run side by side, under the names that users type."""
    flat: dict[str, Any] = {}
    for name, value in spec.items():
        if name in ("selection", "batching") and isinstance(value, dict):
            flat |= {_BATCHING.get(str(key), str(key)): each for key, each in value.items()}
        elif name == "measure":
            flat["perf"] = "quick" if value else "off"
        else:
            flat[name] = value
    return flat


def _name_specs(document: dict[str, Any]) -> dict[str, Any]:
    """Version 6 renamed ``recipes`` to ``specs``, and added to each the metric's maker, which earlier files do not name."""
    renamed = {"specs" if name == "recipes" else name: value for name, value in document.items()}
    return {**renamed, "schema_version": 6}


_ONLY_SCORE = ("extractor", "variant", "also", "ties", "protocol", "zero_division")
"""Options of our tasks that change only how answers are scored."""


def _split_identity(document: dict[str, Any]) -> dict[str, Any]:
    """Version 7 took how answers are scored out of the identity of what was asked, and added how responses ended.

    How responses of earlier runs ended is not known.
    """
    found = {**document, "schema_version": 7}
    identity = document.get("identity")
    if isinstance(identity, dict):  # a plan
        options = identity.get("options", {})
        asked = {name: value for name, value in identity.items() if name != "extractor"}
        asked["options"] = {name: value for name, value in options.items() if name not in _ONLY_SCORE}
        scoring = {name: value for name, value in options.items() if name in _ONLY_SCORE}
        found |= {"identity": asked, "identity_digest": digest(asked)}
        found["former_scoring"] = {"extractor": identity.get("extractor"), "options": scoring}
    elif "machine" in document:  # run.json
        tasks = document.get("tasks", {}).items()
        found["tasks"] = {name: {**task, "identity_digest": ""} for name, task in tasks}
    return found


def _add_seals(document: dict[str, Any]) -> dict[str, Any]:
    """Version 8 added seals, and how a user's data are read: earlier files have none of the first and were read without a map.

    Seals are digests in ``run.json``, plans and ``perf.json``, and checksums in the log.
    """
    return {**document, "schema_version": 8}


def _split_speed(document: dict[str, Any]) -> dict[str, Any]:
    """Version 9 made scenarios of the figures of speed: name, identity, validity, and figures with unit and formula."""
    found = {**document, "schema_version": 9}
    tasks = document.get("tasks")
    if isinstance(tasks, dict):  # those of run.json are other records
        found["tasks"] = {
            name: task_perf(task) if isinstance(task, dict) and "main_loop_s" in task else task
            for name, task in tasks.items()
        }
    return found


def _add_parts(document: dict[str, Any]) -> dict[str, Any]:
    """Version 10 added what is known of runs that several commands or workers asked, or another tool: none of the earlier ones was."""
    return {**document, "schema_version": 10}


def _add_earlier_specs(document: dict[str, Any]) -> dict[str, Any]:
    """Version 11 added `RunFile.earlier_specs`: earlier files know the last command alone."""
    return {**document, "schema_version": 11}


MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {
    1: _add_learned,
    2: _add_first_token_and_cache,
    3: _add_recipes,
    4: _add_former_identities,
    5: _name_specs,
    6: _split_identity,
    7: _add_seals,
    8: _split_speed,
    9: _add_parts,
    10: _add_earlier_specs,
}
"""Schema version to the pure function that turns a document of it into one of the next version."""

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the system says when a disk, a quota or a limit on a file's size is exhausted."""


def canonical_json(value: Any) -> bytes:
    """Compact JSON with sorted keys; the same value gives the same bytes. Raises ValueError on NaN and infinities."""
    return json.dumps(
        msgspec.to_builtins(value), sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False
    ).encode()


def digest(value: Any) -> str:
    """sha256 of the canonical JSON, 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def pretty_json(value: Any) -> bytes:
    """Indented JSON in the order of the fields, with a final line break. Raises ValueError on NaN and infinities."""
    text = json.dumps(msgspec.to_builtins(value), indent=1, allow_nan=False, ensure_ascii=False)
    return (text + "\n").encode()


def seal(document: Mapping[str, Any]) -> str:
    """What stands in the field ``digest`` of a record: sha256 over all other fields. It finds damage, not forgery."""
    return digest({name: value for name, value in document.items() if name != "digest"})


def sealed(record: R) -> R:
    """A record that has a field ``digest``, with that filled in."""
    return msgspec.structs.replace(record, digest=seal(msgspec.to_builtins(record)))


def write_atomic(path: Path, data: bytes, *, private: bool = False) -> None:
    """Replace a file as a whole: readers see the old bytes or the new.

    Args:
        path: The file.
        data: Its content.
        private: Whether nobody but the user may read it (0600).

    Raises:
        RunFailedError: If it cannot be written.
    """
    with writing_atomic(path, private=private) as file:
        file.write(data)


@contextlib.contextmanager
def writing_atomic(path: Path, *, private: bool = False) -> Iterator[IO[bytes]]:
    """Write a file piece by piece that replaces another as a whole, or not at all where anything fails.

    Args:
        path: The file.
        private: As in `write_atomic`.

    Yields:
        Where to write.

    Raises:
        RunFailedError: If it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb", opener=_private if private else None) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise write_failed(path, error) from error
        raise


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def write_failed(path: Path, error: OSError) -> RunFailedError:
    """What to say when a result cannot be written."""
    if error.errno in NO_SPACE:
        return RunFailedError(
            f"no space left to write {path}. Everything before is kept: free some space and give the same command again."
        )
    return RunFailedError(f"cannot write {path}: {error.strerror or error}. Everything before is kept.")


def read_record(path: Path, kind: type[T]) -> T:
    """Read one JSON file strictly.

    Raises:
        DamagedFileError: If it is not what a writer of its version wrote.
        NewerSchemaError: If it was written by a newer mmbench.
        NotComparableError: If it is missing or cannot be read.
    """
    return decode_record(read_file(path), kind, path)


def read_file(path: Path, most: int = MAX_FILE) -> bytes:
    """The bytes of a file of a run, which must be a regular file of at most `most` bytes.

    Raises:
        DamagedFileError: If it is missing, larger, or no regular file.
        NotComparableError: If the system does not let it be read.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a FIFO must not make anybody wait
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DamagedFileError(path, "it is missing", run=run_of(path)) from error
    except OSError as error:
        raise NotComparableError(f"cannot read {path}: {error.strerror or error}") from error
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode):
            raise DamagedFileError(path, "it is no regular file", run=run_of(path))
        if found.st_size > most:
            raise DamagedFileError(path, f"it has {found.st_size:,} bytes; at most {most:,} are read", run=run_of(path))
        with open(file, "rb", closefd=False) as opened:
            return opened.read(found.st_size)
    except OSError as error:
        raise NotComparableError(f"cannot read {path}: {error.strerror or error}") from error
    finally:
        os.close(file)


def run_of(path: Path) -> Path | None:
    """The run directory that a file of a run belongs to; None for other files."""
    if path.name in ("run.json", "perf.json"):
        return path.parent
    return next((parent.parent for parent in list(path.parents)[:4] if parent.name == "tasks"), None)


def decode_record(data: bytes, kind: type[T], path: Path, *, believed: bool = False) -> T:
    """Decode one JSON document strictly, and hold it against its digest.

    Args:
        data: The document.
        kind: The record that it holds.
        path: What errors name.
        believed: Whether a content that does not match its digest is taken all the same.

    Raises:
        DamagedFileError: As in `read_record`, and so `NewerSchemaError`.
    """
    try:
        document = msgspec.json.decode(data)
        if not isinstance(document, dict):
            raise msgspec.ValidationError("not an object")
        migrated = migrate(document, path)
        if kind is ScoresFile:
            check_metric_values(migrated)
        record = msgspec.convert(migrated, kind)
        sealed_by_now = document["schema_version"] == SCHEMA_VERSION and kind in _SEALED
        if sealed_by_now and not believed and document.get("digest") != seal(document):
            raise msgspec.ValidationError("its content does not match its digest")
    except (msgspec.MsgspecError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DamagedFileError(path, error, run=run_of(path)) from error
    return record


def migrate(document: dict[str, Any], path: Path) -> dict[str, Any]:
    """Bring a document to today's schema. Raises `NewerSchemaError`, or msgspec's error for an impossible version."""
    version = document.get("schema_version")
    if not isinstance(version, int) or version < 1:
        raise msgspec.ValidationError(f"schema_version is {version!r}")
    if version > SCHEMA_VERSION:
        raise NewerSchemaError(path, version, SCHEMA_VERSION)
    while version < SCHEMA_VERSION:
        document = MIGRATIONS[version](document)
        version += 1
    return document


def check_metric_values(document: Mapping[str, Any]) -> None:
    """Refuse unknown fields inside metric values, which are dataclasses and so not checked by msgspec itself."""
    from mmbench.core.score_table import MetricValue

    known = field_names(MetricValue)
    slices = document.get("slices")
    labelled = [values for labels in slices.values() for values in labels.values()] if isinstance(slices, dict) else []
    for values in [document.get("metrics", []), *labelled]:
        for value in values:
            if isinstance(value, dict) and (unknown := set(value) - known):
                raise msgspec.ValidationError(f"metric value has unknown fields {sorted(unknown)}")


def field_names(kind: type) -> set[str]:
    """Names of the fields of a dataclass."""
    return {field.name for field in fields(kind)} if is_dataclass(kind) else set()
