"""Pickles of arrays are read, whoever wrote them; pickles that want anything else run nothing."""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmbench.core import DataError
from mmbench.data.pickles import as_array, read_pickle

ARRAYS = {
    "floats": np.arange(6, dtype=np.float32).reshape(2, 3),
    "by column": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "big-endian": np.arange(3, dtype=">i4"),
    "bytes": np.array([[b"video", b"0.5", b"1.25"], [b"v", b"1", b"2"]]),
    "texts": np.array(["so good", "b\u00e9 bad"]),
    "objects": np.array(["a", None, 3, b"x"], dtype=object),
    "rows of objects": np.array([["v", "0", "1"], ["w", "1", "2"]], dtype=object),
    "truths": np.array([True, False]),
    "empty": np.zeros((0, 3)),
    "one number": np.array(3.0),
}
PLAIN = {
    "text": "é",
    "bytes": b"\xff",
    "nothing": None,
    "numbers": [1, -2.5, 10**30, True],
    "nested": ({"a": [(1, 2)]},),
    "float32": np.float32(1.5),
    "np.str_": np.str_("hi"),
}


def written(path, content):
    path.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content))
    return path


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_and_plain_values_come_back_as_they_were(tmp_path, protocol):
    found = read_pickle(written(tmp_path / "x.pkl", pickle.dumps({"arrays": ARRAYS, "plain": PLAIN}, protocol)))
    assert found["plain"] == PLAIN
    assert type(found["plain"]["float32"]) is np.float32
    for name, expected in ARRAYS.items():
        array = as_array(found["arrays"][name])
        assert (array.dtype, array.shape) == (expected.dtype, expected.shape)
        assert (array == expected).all()


def test_lists_and_tuples_are_arrays_of_their_items(tmp_path):
    found = read_pickle(written(tmp_path / "x.pkl", {"list": ["a", [1, 2]], "text": "abc"}))
    assert as_array(found["list"]).tolist() == ["a", [1, 2]]
    assert as_array(found["text"]) is None


PYTHON_2 = (  # {'test': {'labels': numpy.array([1.5, -2.0], '<f4'), 'id': ['caf\xe9']}} as Python 2 and NumPy 1 write it
    b"\x80\x02}q\x01U\x04testq\x02}q\x03(U\x06labelsq\x04cnumpy.core.multiarray\n_reconstruct\nq\x05cnumpy\nndarray\nq\x06"
    b"K\x00\x85q\x07U\x01bq\x08\x87q\x09Rq\x0a(K\x01K\x02\x85q\x0bcnumpy\ndtype\nq\x0cU\x02f4q\x0dK\x00K\x01\x87q\x0eRq\x0f"
    b"(K\x03U\x01<q\x10NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x11b\x89U\x08\x00\x00\xc0?\x00\x00\x00\xc0q\x12tq\x13b"
    b"U\x02idq\x14]q\x15U\x04caf\xe9q\x16aus."
)


def test_pickles_of_python_2_are_read_with_their_texts_as_bytes(tmp_path):
    found = read_pickle(written(tmp_path / "x.pkl", PYTHON_2))
    assert as_array(found[b"test"][b"labels"]).tolist() == [1.5, -2.0]
    assert found[b"test"][b"id"] == [b"caf\xe9"]


# --- what is not read ---


class Calls:
    def __init__(self, function, *arguments):
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


class OfItsOwn(np.ndarray):
    pass


def hostile(folder):
    mark = f"touch {folder}/pwned"
    evil = Calls(os.system, mark)
    return {
        "a call": evil,
        "a call in a list": {"test": {"labels": [evil]}},
        "a call in an array": np.array([evil], dtype=object),
        "a call in a call": Calls(subprocess.Popen, ["touch", f"{folder}/pwned"]),
        "eval": Calls(eval, f"__import__('os').system('{mark}')"),
        "getattr": Calls(getattr, "", "join"),
        "partial": partial(os.system, mark),
        "a class": OfItsOwn,
        "an array of a class of its own": np.zeros(2).view(OfItsOwn),
        "a masked array": np.ma.array([1.0]),
        "a function": os.path.join,
        "NumPy's loader": Calls(np.load, f"{folder}/x.pkl"),
        "NumPy's memory map": Calls(np.memmap, f"{folder}/pwned", "f8", "w+", 0, (1,)),
    }


@pytest.mark.parametrize("name", hostile("."))
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_what_wants_anything_else_is_refused_and_not_run(tmp_path, name, protocol):
    path = written(tmp_path / "x.pkl", pickle.dumps(hostile(tmp_path)[name], protocol))
    with pytest.raises(DataError, match=r"x\.pkl is not read: it ") as caught:
        read_pickle(path)
    assert "\n" not in str(caught.value)
    assert [file.name for file in tmp_path.iterdir()] == ["x.pkl"]


def test_the_error_names_what_was_wanted(tmp_path):
    path = written(tmp_path / "x.pkl", Calls(os.system, "true"))
    with pytest.raises(DataError, match=r"it wants (posix|nt)\.system, and only numbers, texts"):
        read_pickle(path)


@pytest.mark.parametrize(
    "array",
    [np.zeros(2, dtype=[("a", "f8"), ("b", object)]), np.array(["2020-01-01"], dtype="M8[D]"), np.zeros(1, "V8")],
)
def test_arrays_of_anything_but_numbers_and_texts_are_errors_when_they_are_wanted(tmp_path, array):
    found = read_pickle(written(tmp_path / "x.pkl", array))
    with pytest.raises(ValueError, match="expected numbers, texts or objects"):
        as_array(found)


def test_states_that_do_not_fit_are_errors(tmp_path):
    f8 = np.dtype("f8")
    for state in (
        (1, (4,), f8, False, b"short"),
        (1, (-1,), f8, False, b""),
        (1, (10**12,), f8, False, b""),
        (1, (2,), np.dtype("O"), False, b"\x41" * 16),  # bytes as if they were objects
        (1, (1,), "f8", False, b"\x00" * 8),
        (1, "x", f8, False, b""),
        (1,),
    ):
        path = written(tmp_path / "x.pkl", Stateful(state))
        found = read_pickle(path)
        with pytest.raises(ValueError, match="an array in it"):
            as_array(found)


class Stateful:
    """Pickles as an array with a state of our choice."""

    def __init__(self, state):
        self.state = state

    def __reduce__(self):
        return np.zeros(0).__reduce__()[0], (np.ndarray, (0,), b"b"), self.state


def test_a_data_type_with_a_forged_state_is_an_error(tmp_path):
    """Fields, and flags that hide them, make NumPy itself read bytes as pointers."""

    class Forged:
        def __reduce__(self):
            forged = (3, "|", None, ("a",), {"a": (np.dtype("O"), 0)}, 8, 1, 0)
            return np.dtype, ("V8", False, True), forged

    path = written(tmp_path / "x.pkl", Stateful((1, (1,), Forged(), False, b"\x41" * 8)))
    with pytest.raises(ValueError, match="data type"):
        as_array(read_pickle(path))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "no whole pickle"),
        (b"hello, I am text", "no whole pickle"),
        (b"\x80\x04", "no whole pickle"),
        (b"\x80\x63.", "no whole pickle"),
        (b"cos\nsystem\n(S'true'\ntR.", "it wants os.system"),
        (b"\x80\x02Pabc\n.", "outside the file"),
        (b"\x80\x02X\xff\xff\xff\x7f", "no whole pickle"),
        (b"(" * 50_000 + b".", "no whole pickle"),
    ],
)
def test_what_is_no_pickle_is_an_error(tmp_path, content, expected):
    with pytest.raises(DataError, match=expected):
        read_pickle(written(tmp_path / "x.pkl", content))


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_pickle(tmp_path / "x.pkl")


WHOLE = pickle.dumps({"arrays": ARRAYS, "plain": PLAIN}, 2)


@pytest.mark.slow
@pytest.mark.parametrize("end", range(0, len(WHOLE), 41))
def test_a_pickle_that_is_cut_short_is_an_error(tmp_path, end):
    with pytest.raises(DataError, match="no whole pickle"):
        read_pickle(written(tmp_path / "x.pkl", WHOLE[:end]))


@pytest.mark.slow
@settings(max_examples=150)
@given(st.data())
def test_damaged_bytes_give_values_or_one_clear_error(tmp_path_factory, data):
    damaged = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path = written(tmp_path_factory.mktemp("damaged") / "x.pkl", bytes(damaged))
    try:
        found = read_pickle(path)
    except DataError:
        return
    if isinstance(found, dict) and isinstance(found.get("arrays"), dict):
        for value in found["arrays"].values():
            with contextlib.suppress(ValueError):
                as_array(value)
