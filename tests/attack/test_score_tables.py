"""Score tables of strangers: whatever an archive claims, every command says that it is damaged, in little memory."""

import hashlib
import io
import json
import struct
import tracemalloc
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from helpers import Ended, edit_json
from stored import score_table, write_run

from mmbench.results import npz
from mmbench.results.npz import decode_tables, encode_tables

TASK = "stored/task"
COLUMN = "sample/column/accuracy.npy"


def header(shape: str, kind: str = "'<f8'") -> bytes:
    text = f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (64 - (10 + len(text) + 1) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def saved(array: object) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(array), allow_pickle=True)
    return buffer.getvalue()


def archive(entries: Iterable[tuple[str, bytes | list[bytes]]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made:
        for name, data in entries:
            with made.open(name, "w", force_zip64=True) as file:
                for piece in [data] if isinstance(data, bytes) else data:
                    file.write(piece)
    return buffer.getvalue()


def with_entry(whole: bytes, name: str, data: bytes | list[bytes] | None) -> bytes:
    """An archive in which one entry is another; None leaves it out."""
    with zipfile.ZipFile(io.BytesIO(whole)) as read:
        kept: list[tuple[str, bytes | list[bytes]]] = [(n, read.read(n)) for n in read.namelist() if n != name]
    return archive([*kept, (name, data)] if data is not None else kept)


def lying_size(whole: bytes) -> bytes:
    """The directory of the archive claims a hundred bytes where there are many more."""
    data = bytearray(with_entry(whole, COLUMN, [header("(4,)"), b"\0" * 4_000_000]))
    for mark, place in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        at = data.rfind(mark)
        data[at + place : at + place + 4] = struct.pack("<I", 100)
    return bytes(data)


LIES: dict[str, Callable[[bytes], bytes]] = {
    "a shape of a trillion": lambda whole: with_entry(whole, COLUMN, header("(1000000000000,)") + b"\0" * 800),
    "a negative shape": lambda whole: with_entry(whole, COLUMN, header("(-1,)") + b"\0" * 32),
    "an overflowing shape": lambda whole: with_entry(whole, COLUMN, header("(4611686018427387904, 4)") + b"\0" * 32),
    "a shape of truth": lambda whole: with_entry(whole, COLUMN, header("(True,)") + b"\0" * 8),
    "a shape that is code": lambda whole: with_entry(whole, COLUMN, header("(__import__('os').getpid(),)") + b"\0" * 32),
    "over a gigabyte": lambda whole: with_entry(whole, COLUMN, [header("(138412032,)"), *[b"\0" * 2**24] * 66]),
    "a size that lies": lying_size,
    "objects": lambda whole: with_entry(whole, COLUMN, header("(1,)", "'|O'") + b"cposix\nsystem\n(S'true'\ntR."),
    "texts": lambda whole: with_entry(whole, COLUMN, saved(["1.0", "0.0"])),
    "whole numbers": lambda whole: with_entry(whole, COLUMN, saved([1, 0, 1, 0])),
    "not a number": lambda whole: with_entry(whole, COLUMN, saved([np.nan, 0.0, 1.0, 1.0])),
    "infinite": lambda whole: with_entry(whole, COLUMN, saved([np.inf, 0.0, 1.0, 1.0])),
    "too few rows": lambda whole: with_entry(whole, COLUMN, saved([1.0, 0.0])),
    "too many rows": lambda whole: with_entry(whole, COLUMN, saved([1.0] * 9)),
    "no dimension": lambda whole: with_entry(whole, COLUMN, saved(1.0)),
    "three dimensions": lambda whole: with_entry(whole, COLUMN, saved(np.zeros((4, 1, 1)))),
    "a code beyond the labels": lambda whole: with_entry(whole, "sample/code/status.npy", saved(np.array([0, 0, 0, 9], "<i4"))),
    "a code below 0": lambda whole: with_entry(whole, "sample/code/status.npy", saved(np.array([0, 0, 0, -1], "<i4"))),
    "a status of its own": lambda whole: with_entry(whole, "sample/label/status.npy", saved(np.frombuffer(b'["perfect"]', "u1"))),
    "ids that repeat": lambda whole: with_entry(whole, "sample/text/unit_ids.npy", saved(np.frombuffer(b'["a","a","a","a"]', "u1"))),
    "ids that are numbers": lambda whole: with_entry(whole, "sample/text/unit_ids.npy", saved(np.frombuffer(b"[1,2,3,4]", "u1"))),
    "ids that nest": lambda whole: with_entry(whole, "sample/text/unit_ids.npy", saved(np.frombuffer(b"[" * 100_000, "u1"))),
    "no ids": lambda whole: with_entry(whole, "sample/text/unit_ids.npy", None),
    "no clusters": lambda whole: with_entry(whole, "sample/code/cluster_ids.npy", None),
    "another unit": lambda whole: with_entry(whole, "block/text/unit_ids.npy", saved(np.frombuffer(b"[]", "u1"))),
    "a path": lambda whole: with_entry(whole, "../../../evil", b"x"),
    "nothing": lambda _: archive([]),
    "no archive": lambda _: b"PK\x03\x04 and so on",
}  # fmt: skip


SLOW = [pytest.param("over a gigabyte", marks=pytest.mark.slow)]


@pytest.mark.parametrize("lie", [*SLOW, *(lie for lie in LIES if lie != "over a gigabyte")])
def test_a_table_that_lies_is_damage_to_every_command(lie: str, call: Callable[..., Ended], tmp_path: Path) -> None:
    out = tmp_path / "results" / "runs"
    table = score_table([1.0, 0.0, 1.0, 1.0])
    run, other = (write_run(out, name, {TASK: [table]}) for name in ("a", "b"))
    (values,) = run.glob("tasks/*/scores/*.json")
    arrays = LIES[lie](values.with_suffix(".npz").read_bytes())
    digests = hashlib.sha256(values.read_bytes()).digest() + hashlib.sha256(arrays).digest()
    name = hashlib.sha256(digests).hexdigest()[:8]
    values.with_name(f"{name}.npz").write_bytes(arrays)
    values.rename(values.with_name(f"{name}.json"))
    edit_json(run / "run.json", lambda document: document["tasks"][TASK].update(scoring=name))
    tracemalloc.start()
    try:
        commands = [
            ["compare", other, run, "--flips", "3"],
            ["gate", run, "--baseline", other],
            ["report", run, other],
            ["report", run, other, "--leaderboard"],
            ["baseline", "save", run, tmp_path / "saved.json"],
            ["show", run, "--sample", "s1"],
        ]
        for command in (["compare", run, other], commands[list(LIES).index(lie) % len(commands)]):
            ended = call(*command)
            assert ended.code == 3, (command, ended)
            assert f"{name}.npz is damaged" in ended.out + ended.err
            assert "Traceback" not in ended.err
        assert tracemalloc.get_traced_memory()[1] < 100 * 2**20
    finally:
        tracemalloc.stop()
    assert not (tmp_path / "evil").exists()


def test_what_is_written_is_read_in_both_orders_of_memory() -> None:
    table = score_table([1.0, 0.0], answers=["a", None], slices={"of/two": ["x", ""]})
    wide = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    found = decode_tables(encode_tables({"sample": type(table)(**{**fields(table), "columns": {"wide": wide}})}))
    assert found["sample"].columns["wide"].tolist() == wide.tolist()  # type: ignore[union-attr]
    assert json.loads(json.dumps(found["sample"].slices)) == {"of/two": ["x", ""]}


def fields(table: object) -> dict[str, object]:
    return {name: getattr(table, name) for name in table.__dataclass_fields__}  # type: ignore[attr-defined]


def test_the_bound_is_on_what_all_tables_take_together(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = encode_tables({"sample": score_table([1.0] * 1000)})
    monkeypatch.setattr(npz, "MAX_TABLES", 5_000)
    with pytest.raises(ValueError, match="at most 5,000"):
        decode_tables(whole)
