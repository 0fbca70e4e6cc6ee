"""The append-only log: whole lines only, whatever happens; rows before the lines that name them."""

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmbench.core import NotComparableError, RunFailedError
from mmbench.results import log as log_module
from mmbench.results.log import AppendFile, EmbeddingFile, ResponseLog, read_embeddings, read_log
from mmbench.results.schema import ResponseLine

plain_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
numbers = st.floats(allow_nan=False, allow_infinity=False)
some_lines = st.lists(
    st.builds(
        ResponseLine,
        id=plain_text,
        status=st.sampled_from(["ok", "error", "timeout", "refused"]),
        output=st.none() | plain_text | st.lists(numbers, max_size=4),
        row=st.none() | st.integers(0, 9),
        error=st.none() | plain_text,
        input_tokens=st.none() | st.integers(0, 10**6),
        cost_usd=st.none() | numbers,
        start_s=numbers,
        batch=st.integers(0, 10**6),
        batch_size=st.integers(1, 64),
    ),
    max_size=8,
)


def write(folder: Path, lines: list[ResponseLine]) -> Path:
    with ResponseLog(folder) as log:
        log.append(lines)
    return folder / "responses.jsonl"


@pytest.mark.slow
@given(lines=some_lines)
def test_lines_read_back_as_written(tmp_path_factory: pytest.TempPathFactory, lines: list[ResponseLine]) -> None:
    path = write(tmp_path_factory.mktemp("log"), lines)
    assert list(read_log(path)) == lines
    assert path.read_bytes().count(b"\n") == len(lines), "one line each, also where a text holds line breaks"


@pytest.mark.slow
@given(lines=some_lines, data=st.data())
def test_a_log_that_is_cut_anywhere_keeps_its_whole_lines_and_goes_on_after_them(
    tmp_path_factory: pytest.TempPathFactory, lines: list[ResponseLine], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("log")
    path = write(folder, lines)
    whole = path.read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    kept = whole[:cut].count(b"\n")
    assert list(read_log(path)) == lines[:kept]
    more = ResponseLine(id="next", status="ok")
    with ResponseLog(folder) as log:
        log.append([more])
    assert list(read_log(path)) == [*lines[:kept], more]


def test_a_torn_line_longer_than_a_block_is_cut_off(tmp_path: Path) -> None:
    path = write(tmp_path, [ResponseLine(id="a", status="ok")])
    whole = path.read_bytes()
    with path.open("ab") as file:
        file.write(b'{"id":"' + b"x" * 200_000)
    with ResponseLog(tmp_path):
        pass
    assert path.read_bytes() == whole
    path.write_bytes(b"x" * 200_000)
    with ResponseLog(tmp_path):
        pass
    assert path.read_bytes() == b""


def test_a_log_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert list(read_log(tmp_path / "responses.jsonl")) == []


def test_a_block_of_zeros_from_a_power_cut_is_a_torn_line(tmp_path: Path) -> None:
    path = write(tmp_path, [ResponseLine(id="a", status="ok")])
    with path.open("ab") as file:
        file.write(b"\0" * 4096)
    assert [line.id for line in read_log(path)] == ["a"]


def test_a_write_that_fails_is_taken_back_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the bytes arrive, then the disk is full: the half is cut off again."""
    file = AppendFile(tmp_path / "file")
    file.append(b"before")
    real, calls = os.write, []

    def half_then_full(fd: int, data: Any) -> int:
        calls.append(len(data))
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(fd, bytes(data)[: len(data) // 2])

    monkeypatch.setattr(os, "write", half_then_full)
    with pytest.raises(RunFailedError, match="no space left"):
        file.append(b"a longer piece")
    monkeypatch.undo()
    assert (tmp_path / "file").read_bytes() == b"before"
    file.append(b" and after")
    file.close()
    assert (tmp_path / "file").read_bytes() == b"before and after"


def test_short_writes_of_the_system_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = AppendFile(tmp_path / "file")
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, bytes(data)[:3]))
    file.append(b"0123456789")
    file.close()
    assert (tmp_path / "file").read_bytes() == b"0123456789"


def test_nothing_is_written_after_the_file_is_closed(tmp_path: Path) -> None:
    """Not even when the operating system has given the descriptor to another file."""
    file = AppendFile(tmp_path / "file")
    file.close()
    other = (tmp_path / "other").open("wb")
    with other, pytest.raises(RunFailedError):
        file.append(b"late")
    assert (tmp_path / "other").read_bytes() == b""


def test_rows_are_synced_before_the_lines_that_name_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    monkeypatch.setattr(log_module, "FSYNC_INTERVAL_S", -1.0)
    monkeypatch.setattr(AppendFile, "sync", lambda self: synced.append(self.path.name))
    with ResponseLog(tmp_path) as log:
        row = log.embeddings.append(np.ones((1, 3), dtype=np.float32))
        log.append([ResponseLine(id="a", status="ok", row=row)])
        assert synced == ["embeddings.bin", "responses.jsonl"]
    assert synced == ["embeddings.bin", "responses.jsonl"] * 2


# --- embeddings ---


def test_embeddings_read_back_as_written_in_batches(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).standard_normal((10, 7)).astype(np.float32)
    path = tmp_path / "embeddings.bin"
    file = EmbeddingFile(path, 0)
    assert [file.append(vectors[:4]), file.append(vectors[4:5]), file.append(vectors[5:])] == [0, 4, 5]
    file.close()
    found = read_embeddings(path)
    assert found is not None
    assert np.array_equal(found, vectors)
    assert path.stat().st_size == 64 + vectors.nbytes


@pytest.mark.parametrize("torn", [0, 1, 63, 64, 65, 64 + 28, 64 + 28 * 3 + 5, 64 + 28 * 9])
def test_rows_that_no_line_names_are_cut_off(tmp_path: Path, torn: int) -> None:
    path = tmp_path / "embeddings.bin"
    file = EmbeddingFile(path, 0)
    vectors = np.arange(70, dtype=np.float32).reshape(10, 7)
    file.append(vectors)
    file.close()
    os.truncate(path, torn)
    rows = max(0, (torn - 64) // 28)
    for named in range(rows + 1):
        file = EmbeddingFile(path, named)
        file.append(-vectors[:2])
        file.close()
        found = read_embeddings(path)
        assert found is not None
        assert np.array_equal(found, np.concatenate([vectors[:named], -vectors[:2]]))
        path.write_bytes(path.read_bytes()[: 64 + 28 * named] + vectors[named:rows].tobytes())


@pytest.mark.parametrize("content", [b"", b"MMBEMB1\n", b"X" * 200, b"MMBEMB1\n" + bytes(192)])
def test_embeddings_that_are_damaged_are_refused_where_lines_name_them(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "embeddings.bin"
    path.write_bytes(content)
    with pytest.raises(NotComparableError, match="damaged"):
        EmbeddingFile(path, 3)


def test_no_embeddings_are_no_file(tmp_path: Path) -> None:
    assert read_embeddings(tmp_path / "embeddings.bin") is None
    with ResponseLog(tmp_path) as log:
        log.append([ResponseLine(id="a", status="ok", output="text")])
    assert not (tmp_path / "embeddings.bin").exists()
