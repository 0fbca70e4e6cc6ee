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


class AnswerBook:
    """The answer to each request: the first response that ended well, else the last one.

    It is filled as answers are logged, or from a log. Long answers stay in the log, and equal short ones share an object.

    Args:
        n_requests: How many requests there are.
    """

    def __init__(self, n_requests: int) -> None:
        self.found: list[Response | None] = [None] * n_requests
        """[n_requests] status, output and error; None where nothing ended, and without the output where it is long."""
        self.places = array("q", [-1]) * n_requests
        """[n_requests] where in the log the line of a long answer begins; -1 for the others."""
        self._shared: dict[tuple[Status, str, str | None], Response] = {}
        self._left = {status: Response(status) for status in ("ok", "truncated", "refused", "error", "timeout")}

    def add(self, number: int, line: ResponseLine, begins: int, vector: Any = None) -> None:
        """Add what one line of the log holds.

        Args:
            number: Number of the request.
            line: The line.
            begins: Where in the log it begins.
            vector: The embedding that it names; None for other kinds.
        """
        earlier = self.found[number]
        if earlier is not None and earlier.status in ENDED_WELL:
            return
        output: Any = line.output
        self.places[number] = -1
        if isinstance(output, str) and len(output) <= _SHORT:
            key = line.status, output, line.error
            if (response := self._shared.get(key)) is None:
                response = self._shared[key] = Response(*key)
            self.found[number] = response
        elif isinstance(output, str) and len(output) >= _LONG:
            self.found[number], self.places[number] = self._left[line.status], begins
        else:
            self.found[number] = Response(line.status, output if vector is None else vector, line.error)


class StoredAnswers(Sequence[tuple[Response, ...]]):
    """[sample][request] → the first response that ended well, else the last one.

    A request without any line is an error: it was planned and never ended. Equal to the list of its items in all but memory.

    Args:
        asked: The task.
        directory: The run.
        book: What the log holds, where this process wrote all of it; None: the log is read.

    Raises:
        NotComparableError: If the log or the embeddings are damaged.
    """

    def __init__(self, asked: AskedTask, directory: RunDirectory, book: AnswerBook | None = None) -> None:
        folder = directory.task(asked.name)
        self._first = asked.first
        self._log = folder / "responses.jsonl"
        self._embeddings = folder / "embeddings.bin"
        self._vectors = read_embeddings(self._embeddings)
        self._decoder = msgspec.json.Decoder(ResponseLine)
        book = self._read(asked) if book is None else book
        self._places = book.places
        for number, earlier in asked.duplicates.items():
            book.found[number], book.places[number] = book.found[earlier], book.places[earlier]
        missing = Response("error", error="never asked: the run ended before")
        self._found = [missing if each is None else each for each in book.found]
        self._some_are_long = max(book.places, default=-1) >= 0
        self._one_each = self._first == array("l", range(len(self._first)))

    def _read(self, asked: AskedTask) -> AnswerBook:
        places, book = asked.places(), AnswerBook(asked.n_requests)
        begins = array("q")
        for line in read_log(self._log, begins):
            number = asked.number_of(line.id, places)
            if number is not None:
                book.add(number, line, begins[-1], None if line.row is None else self._vector(line))
        return book

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
        return (each.status for each in self._found)

    def __len__(self) -> int:
        return len(self._first) - 1

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        place = range(len(self))[index]
        return self._of_sample(self._first[place], self._first[place + 1])

    def __iter__(self) -> Iterator[tuple[Response, ...]]:
        return zip(self._found, strict=True) if self._one_each and not self._some_are_long else self._every()

    def _every(self) -> Iterator[tuple[Response, ...]]:
        start = 0
        for end in self._first[1:]:
            yield self._of_sample(start, end)
            start = end

    def _of_sample(self, start: int, end: int) -> tuple[Response, ...]:
        found = tuple(self._found[start:end])
        if self._some_are_long and any(self._places[number] >= 0 for number in range(start, end)):
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
