"""Score tables on disk: what is read is what was written, and the same content is the same bytes."""

import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmbench.core import NotComparableError, ScoreTable
from mmbench.results.npz import decode_tables, encode_tables
from mmbench.results.rundir import RunDirectory
from mmbench.results.schema import ScoresFile

plain = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
finite = st.floats(allow_nan=False, allow_infinity=False)
STATUSES = ["scored", "unparsed", "refused", "error", "skipped"]


@st.composite
def tables(draw: st.DrawFn) -> ScoreTable:
    n = draw(st.integers(0, 6))

    def column(elements: Any) -> list[Any]:
        return draw(st.lists(elements, min_size=n, max_size=n))

    names = draw(st.lists(st.sampled_from(["accuracy", "f1", "a b", "ünï"]), min_size=1, unique=True))
    return ScoreTable(
        unit=draw(st.sampled_from(["sample", "query_t2i"])),
        unit_ids=draw(st.lists(plain, min_size=n, max_size=n, unique=True)),
        cluster_ids=column(plain),
        status=column(st.sampled_from(STATUSES)),
        columns={name: np.array(column(finite)) for name in names},
        slices={name: column(plain) for name in draw(st.lists(st.sampled_from(["type", "a/b"]), unique=True))},
        answers=draw(st.none()) if draw(st.booleans()) else column(st.none() | plain),
        explanations=None if draw(st.booleans()) else column(st.none() | plain),
        incomplete=draw(st.none() | plain),
    )


def same(one: ScoreTable, other: ScoreTable) -> bool:
    return (
        (one.unit, list(one.unit_ids), list(one.cluster_ids), list(one.status), one.incomplete)
        == (other.unit, list(other.unit_ids), list(other.cluster_ids), list(other.status), other.incomplete)
        and {name: list(labels) for name, labels in one.slices.items()} == other.slices
        and (one.answers, one.explanations) == (other.answers, other.explanations)
        and one.columns.keys() == other.columns.keys()
        and all(np.array_equal(one.columns[name], other.columns[name]) for name in one.columns)
    )


@pytest.mark.slow
@given(table=tables())
def test_tables_read_back_as_written(table: ScoreTable) -> None:
    found = decode_tables(encode_tables({table.unit: table}))
    assert list(found) == [table.unit]
    assert same(table, found[table.unit])


@pytest.mark.slow
@given(table=tables(), seed=st.integers(0, 99))
def test_the_same_content_is_the_same_bytes_in_whatever_order_it_was_built(table: ScoreTable, seed: int) -> None:
    def shuffled(mapping: Any) -> dict[str, Any]:
        items = list(mapping.items())
        random.Random(seed).shuffle(items)
        return dict(items)

    other = ScoreTable(
        unit=table.unit,
        unit_ids=tuple(table.unit_ids),
        cluster_ids=tuple(table.cluster_ids),
        status=tuple(table.status),
        columns=shuffled({name: list(column) for name, column in table.columns.items()}),
        slices=shuffled(table.slices),
        answers=table.answers,
        explanations=table.explanations,
        incomplete=table.incomplete,
    )
    last = ScoreTable("zzz", [], [], [], {})
    assert encode_tables({table.unit: table, "zzz": last}) == encode_tables({"zzz": last, table.unit: other})


def test_columns_of_several_numbers_keep_their_shape() -> None:
    table = ScoreTable("sample", ["a", "b"], ["a", "b"], ["scored"] * 2, {"bleu": np.arange(8.0).reshape(2, 4)})
    assert decode_tables(encode_tables({"sample": table}))["sample"].columns["bleu"].shape == (2, 4)  # type: ignore[union-attr]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_score_that_is_no_number_is_never_written(value: float) -> None:
    table = ScoreTable("sample", ["a"], ["a"], ["scored"], {"accuracy": [value]})
    with pytest.raises(ValueError, match="column 'accuracy' of table 'sample' holds NaN or an infinity"):
        encode_tables({"sample": table})


@pytest.mark.slow
def test_tables_that_are_not_what_was_written_are_refused(tmp_path: Path) -> None:
    """Flip bits, cut, empty: never another exception, and never other numbers."""
    table = ScoreTable(
        "sample", ["a", "b"], ["x", "x"], ["scored", "error"], {"accuracy": [1.0, 0.0]}, {"type": ["p", ""]}
    )
    values = ScoresFile(
        schema_version=1, task="t", task_identity="", primary=[], units={"sample": 2}, metrics=[], slices={}
    )
    directory = RunDirectory(tmp_path)
    name = directory.write_scores(values, {"sample": table})
    assert same(table, directory.read_tables("t", name)["sample"])
    path = directory.task("t") / "scores" / f"{name}.npz"
    whole = path.read_bytes()
    draw = random.Random(7)
    damaged = [whole[:cut] for cut in range(0, len(whole), 37)]
    for _ in range(300):
        broken = bytearray(whole)
        broken[draw.randrange(len(broken))] ^= 1 << draw.randrange(8)
        damaged.append(bytes(broken))
    for content in damaged:
        path.write_bytes(content)
        with pytest.raises(NotComparableError, match=r"\.npz is damaged"):
            directory.read_tables("t", name)
        with suppress(ValueError):
            decode_tables(content)  # no other exception, even past the check of the content
    path.unlink()
    with pytest.raises(NotComparableError, match="is missing"):
        directory.read_tables("t", name)
