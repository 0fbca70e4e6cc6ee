"""Score tables packed into text: exact to the bit, small, and never more memory than was bargained for."""

import base64
import zlib

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mmbench.core.score_table import ScoreTable
from mmbench.results import packing
from mmbench.results.packing import HiddenIds, PackedCodes, PackedTable, ids_digest, pack_table, unpack_tables

STATUSES = st.sampled_from(["scored", "unparsed", "refused", "error"])
WORDS = st.text("abc/#é", max_size=3)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def tables(draw):
    n = draw(st.integers(0, 40))
    rows = st.lists(WORDS, min_size=n, max_size=n)
    columns = {
        "binary": np.array(draw(st.lists(st.sampled_from([0.0, 1.0]), min_size=n, max_size=n)), dtype=np.float64),
        "real": draw(hnp.arrays(np.float64, n, elements=FLOATS)),
        "wide": draw(hnp.arrays(np.float64, (n, 3), elements=FLOATS)),
        "few": np.array(draw(st.lists(st.sampled_from([0.0, -0.0, 1 / 3, 5e-324]), min_size=n, max_size=n))),
    }
    return ScoreTable(
        unit="sample",
        unit_ids=[f"s{k}" for k in range(n)],
        cluster_ids=draw(rows),
        status=draw(st.lists(STATUSES, min_size=n, max_size=n)),
        columns=columns,
        slices={"skill": draw(rows), "": draw(rows)},
        incomplete=draw(st.none() | st.just("a gallery item failed")),
    )


def again(packed):
    """Through JSON and back, as in a file."""
    return msgspec.json.decode(msgspec.json.encode(packed), type=PackedTable)


@pytest.mark.slow
@given(tables())
def test_what_metrics_read_comes_back_to_the_bit(table):
    packed = again(pack_table(table))
    found = unpack_tables({"sample": packed})["sample"]
    assert set(found.columns) == set(table.columns)
    for name, column in table.columns.items():
        assert found.columns[name].tobytes() == np.asarray(column, np.float64).tobytes()
        assert found.columns[name].shape == column.shape
    assert list(found.status) == table.status
    assert {name: list(labels) for name, labels in found.slices.items()} == table.slices
    assert found.incomplete == table.incomplete
    assert len(found.unit_ids) == len(table.unit_ids)
    same = [[a == b for b in table.cluster_ids] for a in table.cluster_ids]
    assert [[a == b for b in found.cluster_ids] for a in found.cluster_ids] == same


def test_ids_are_known_by_their_digest_alone():
    assert ids_digest(["a", "bc"]) != ids_digest(["ab", "c"])
    assert ids_digest(["a", "b"]) != ids_digest(["b", "a"])
    hidden = HiddenIds(2, ids_digest(["a", "b"]))
    assert ids_digest(hidden) == ids_digest(["a", "b"])
    assert (list(hidden), hidden[-1], hidden[:1]) == (["#0", "#1"], "#1", ["#0"])


def packed_size(n, seed=0):
    """Bytes of a table of binary samples: four questions a picture, twelve of each skill in turn."""
    right = np.random.default_rng(seed).random(n) < 0.7
    table = ScoreTable(
        unit="sample",
        unit_ids=[f"test-{k}" for k in range(n)],
        cluster_ids=[f"picture-{k // 4}" for k in range(n)],
        status=["scored"] * n,
        columns={"accuracy": right.astype(np.float64)},
        slices={"skill": [f"skill {k // 12 % 4}" for k in range(n)]},
    )
    return len(msgspec.json.encode(pack_table(table)))


def test_five_thousand_binary_samples_take_a_kilobyte():
    sizes = [packed_size(n) for n in (5_000, 10_000, 50_000)]
    assert sizes[1] - sizes[0] <= 1000
    assert sizes[2] - sizes[1] <= 8 * 1000


def one(column=(0.0, 1.0, 1.0, 0.0, 1.0, 1.0), **changes):
    ids = [f"s{k}" for k in range(len(column))]
    table = ScoreTable("sample", ids, ids, ["scored"] * len(column), {"accuracy": np.array(column)})
    return msgspec.structs.replace(pack_table(table), **changes)


def deflated(data):
    return base64.b85encode(zlib.compress(data)).decode()


def with_codes(**changes):
    packed = one()
    column = packed.columns["accuracy"]
    codes = msgspec.structs.replace(column.codes, **changes)
    return one(columns={"accuracy": msgspec.structs.replace(column, codes=codes)})


@pytest.mark.parametrize(
    "broken",
    [
        one(n=70),
        one(n=-1),
        with_codes(data="~~"),
        with_codes(data="é"),
        with_codes(data=deflated(b"\x00\x00\x00\x00\x00\x00\x00\x00")),
        with_codes(data=deflated(b"\x60") + "00000"),
        with_codes(data=base64.b85encode(zlib.compress(b"\x60")[:-2]).decode()),
        with_codes(kinds=1),
        with_codes(kinds=10**9),
        with_codes(form="constant"),
        one(clusters=PackedCodes(form="bytes", kinds=2, data=deflated(b"\x00\x01\x02\x00\x00\x00"))),
        one(
            columns={
                "x": packing.PackedColumn(
                    width=None, values=deflated(bytes(36) + b"\xf8" * 6 + b"\x7f" * 6), codes=None
                )
            }
        ),
        one(columns={"x": packing.PackedColumn(width=0, values="", codes=None)}),
    ],
)
def test_damage_is_an_error_and_never_another_number(broken):
    with pytest.raises(ValueError, match=r"\S"):
        unpack_tables({"sample": again(broken)})


def test_nan_is_refused_before_it_is_written():
    with pytest.raises(ValueError, match="holds NaN"):
        one((0.0, float("nan")))


def test_a_bomb_is_not_inflated():
    huge = 2**27
    bomb = PackedCodes(form="bytes", kinds=2, data=deflated(bytes(1000)))
    for packed in (one(n=huge), one(n=huge, clusters=bomb, columns={})):
        with pytest.raises(ValueError, match="MiB"):
            unpack_tables({"sample": packed})
    with pytest.raises(ValueError, match="do not hold the 6 bytes"):
        unpack_tables({"sample": one(clusters=PackedCodes(form="bytes", kinds=2, data=deflated(bytes(10**7))))})
