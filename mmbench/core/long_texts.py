"""Many texts, of which long ones wait in a temporary file rather than in memory."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterator, Sequence
from typing import IO, Any

LONG = 4096
"""Characters from which a text is kept in the file."""


class LongTexts(Sequence["str | None"]):
    """A sequence of texts that only grows. Where the file cannot be written, long texts stay in memory.

    >>> texts = LongTexts()
    >>> for text in ("a", None, "b" * 5000):
    ...     texts.append(text)
    >>> len(texts), texts[0], texts[1], len(texts[2])
    (3, 'a', None, 5000)
    """

    def __init__(self) -> None:
        self._texts: list[str | tuple[int, int] | None] = []
        self._file: IO[bytes] | None = None
        self._end = 0

    def append(self, text: str | None) -> None:
        """Add a text."""
        self._texts.append(text if text is None or len(text) < LONG else self._stored(text))

    def _stored(self, text: str) -> str | tuple[int, int]:
        data = text.encode("utf-8", "surrogatepass")
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="mmbench-texts-")  # noqa: SIM115 - as long as the texts
                weakref.finalize(self, self._file.close)
            self._file.seek(self._end)
            self._file.write(data)
        except OSError:
            return text
        place = self._end, len(data)
        self._end += len(data)
        return place

    def kept(self) -> Sequence[str | None]:
        """The texts as a plain list where all of them are in memory, else this sequence."""
        return self if self._file is not None else [text for text in self._texts if not isinstance(text, tuple)]

    def __len__(self) -> int:
        return len(self._texts)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self._read(each) for each in self._texts[index]]
        return self._read(self._texts[index])

    def __iter__(self) -> Iterator[str | None]:
        return map(self._read, self._texts)

    def _read(self, text: str | tuple[int, int] | None) -> str | None:
        if not isinstance(text, tuple) or self._file is None:
            return text if isinstance(text, str) else None
        self._file.seek(text[0])
        return self._file.read(text[1]).decode("utf-8", "surrogatepass")
