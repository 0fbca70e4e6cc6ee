"""The answers of a task as its log holds them: short ones in memory, long ones read when somebody looks."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from mmbench.core.errors import DamagedFileError
from mmbench.core.responses import ENDED_WELL, Response, Status
from mmbench.results.codec import run_of
from mmbench.results.log import decode_line, embedding_of, read_embeddings, read_log, row_check
from mmbench.results.rundir import RunDirectory
from mmbench.results.schema import ResponseLine
from mmbench.scoring.asked import AskedTask

_SHORT = 32
"""Characters up to which equal answers share one object: a closed answer set then costs no memory a sample."""
_LONG = 1024
"""Characters from which an answer is left in the log."""


class StoredAnswers(Sequence[tuple[Response, ...]]):
    """[sample][request] → the first response that ended well, else the last one.

    A request without any line is an error: it was planned and never ended. Equal to the list of its items in all but memory.
    """

    def __init__(self, asked: AskedTask, directory: RunDirectory) -> None:
        """Read the log. Raises `NotComparableError` if it or the embeddings are damaged."""
        folder = directory.task(asked.name)
        self._first = asked.first
        self._log = folder / "responses.jsonl"
        self._embeddings = folder / "embeddings.bin"
        self._vectors = read_embeddings(self._embeddings)
        self._decoder = msgspec.json.Decoder(ResponseLine)
        self._found: list[Response | None] = [None] * asked.n_requests
        self._places = array("q", [-1]) * asked.n_requests
        """Where in the log the line of a long answer begins; -1 for the others."""
        self._read(asked)
        for number, earlier in asked.duplicates.items():
            self._found[number], self._places[number] = self._found[earlier], self._places[earlier]
        missing = Response("error", error="never asked: the run ended before")
        self._found = [missing if each is None else each for each in self._found]

    def _read(self, asked: AskedTask) -> None:
        places, found = asked.places(), self._found
        shared: dict[tuple[Status, str, str | None], Response] = {}
        left = {status: Response(status) for status in ("ok", "truncated", "refused", "error", "timeout")}
        begins = array("q")
        for line in read_log(self._log, begins):
            number = asked.number_of(line.id, places)
            if number is None:
                continue
            earlier = found[number]
            if earlier is not None and earlier.status in ENDED_WELL:
                continue
            output: Any = line.output
            self._places[number] = -1
            if isinstance(output, str) and len(output) <= _SHORT:
                key = line.status, output, line.error
                if (response := shared.get(key)) is None:
                    response = shared[key] = Response(*key)
                found[number] = response
            elif isinstance(output, str) and len(output) >= _LONG:
                found[number], self._places[number] = left[line.status], begins[-1]
            else:
                if line.row is not None:
                    output = self._vector(line)
                found[number] = Response(line.status, output, line.error)

    def _vector(self, line: ResponseLine) -> Any:
        """The rows that a line names, once they are what was written. Raises `DamagedFileError`."""
        file = self._embeddings
        row = embedding_of(line, self._vectors)
        if row is None:
            raise DamagedFileError(file, f"the log names its row {line.row}, which is missing", run=run_of(file))
        if line.row_check is not None and row_check(row) != line.row_check:
            raise DamagedFileError(file, "it does not match its checksum", f"row {line.row}", run=run_of(file))
        return row

    @property
    def statuses(self) -> Iterator[Status]:
        """How the request of each number ended; nothing is read."""
        return (each.status for each in self._found if each is not None)

    def __len__(self) -> int:
        return len(self._first) - 1

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        place = range(len(self))[index]
        return self._of_sample(self._first[place], self._first[place + 1])

    def __iter__(self) -> Iterator[tuple[Response, ...]]:
        start = 0
        for end in self._first[1:]:
            yield self._of_sample(start, end)
            start = end

    def _of_sample(self, start: int, end: int) -> tuple[Response, ...]:
        found: tuple[Any, ...] = tuple(self._found[start:end])
        if any(self._places[number] >= 0 for number in range(start, end)):
            return tuple(
                response if self._places[number] < 0 else self._from_log(self._places[number], self._log)
                for number, response in zip(range(start, end), found, strict=True)
            )
        return found

    def _from_log(self, place: int, path: Path) -> Response:
        with path.open("rb") as file:
            file.seek(place)
            line = decode_line(file.readline(), self._decoder)
        return Response(line.status, line.output, line.error)
