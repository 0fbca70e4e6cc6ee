"""Read pickles of arrays and texts without running anything that they ask for.

A pickle is a program that may call any function. Here it may name a handful of things, all of which are stand-ins of this
module: the parts from which NumPy rebuilds arrays, data types and scalars. They only keep what they are given; an array is
made of it when somebody asks for it (`as_array`), by checks of our own and never by NumPy's `__setstate__`, which trusts
its input. Any other name is an error.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmbench.core import DataError

_PLAIN = re.compile(r"[<>|=]?([biufcSUO?])(\d*)")
_SIZES = {"b": (1,), "?": (1,), "i": (1, 2, 4, 8), "u": (1, 2, 4, 8), "f": (2, 4, 8), "c": (8, 16)}
_BROKEN = (
    pickle.UnpicklingError,
    ArithmeticError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    RecursionError,
    SystemError,
    TypeError,
    ValueError,
)
"""What the unpickler raises for bytes that are no pickle, or a broken one."""


class _Refused(pickle.UnpicklingError):
    """The pickle wants what it does not get."""


class _Kept:
    """Base of stand-ins: a pickle may make one and hand it a state, once."""

    __slots__ = ("state",)

    def __init__(self, state: Any = None) -> None:
        self.state = state

    def __setstate__(self, state: Any) -> None:
        if self.state is not None:
            raise _Refused("an object is given two states")
        self.state = state


class _DType(_Kept):
    """``numpy.dtype(code)``, whose state tells the order of bytes."""

    __slots__ = ("code",)

    def __init__(self, code: Any = None, *_: Any) -> None:
        super().__init__()
        self.code = code

    def plain(self) -> np.dtype[Any]:
        """The data type. Raises `UnpicklingError` unless it is a plain one: numbers, bytes, texts or objects."""
        code = _text(self.code)
        match = _PLAIN.fullmatch(code)
        if match is None or (match[1] in _SIZES and match[2] and int(match[2]) not in _SIZES[match[1]]):
            raise _Refused(f"its array has the data type {code!r}; expected numbers, texts or objects")
        order = "" if self.state is None else _text(self.state[1])
        if self.state is not None and (order not in ("<", ">", "|", "=") or any(self.state[2:5])):
            raise _Refused(f"its array has a data type {code!r} with fields; expected a plain one")
        found = np.dtype(code)
        return found.newbyteorder(order) if order in ("<", ">") else found  # type: ignore[arg-type]


class _Array(_Kept):
    """An array whose state is (version, shape, data type, whether columns come first, content)."""

    __slots__ = ()


class _Maker:
    """A callable without attributes, so that a pickle cannot change it."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make = make

    def __call__(self, *values: Any) -> Any:
        return self._make(*values)

    def __setstate__(self, state: Any) -> None:
        raise _Refused("a function is given a state")


def _reconstruct(kind: Any, *_: Any) -> _Array:
    if kind is not _ARRAY_TYPE:
        raise _Refused("it holds an array of a class of its own")
    return _Array()


def _from_buffer(buffer: Any, dtype: Any, shape: Any, order: Any = "C", *_: Any) -> _Array:
    return _Array((1, shape, dtype, order == "F", buffer))


def _scalar(dtype: Any, content: Any = None) -> Any:
    if not isinstance(dtype, _DType):
        raise _Refused("a number has no data type")
    return _made((1, (), dtype, False, content))[()]


def _encode(text: Any, encoding: Any = "latin1", *_: Any) -> bytes:
    if not isinstance(text, str) or _text(encoding) not in ("latin1", "latin-1"):
        raise _Refused("bytes are written in another way than as latin-1")
    return text.encode("latin-1")


def _bytes(*values: Any) -> bytes:
    if values:
        raise _Refused("bytes are made of something else")
    return b""


_ARRAY_TYPE = _Maker(lambda *_: _Array())
_NUMPY: Mapping[str, Any] = {
    "ndarray": _ARRAY_TYPE,
    "dtype": _DType,
    "_reconstruct": _Maker(_reconstruct),
    "scalar": _Maker(_scalar),
    "_frombuffer": _Maker(_from_buffer),
}
_MODULES: Mapping[str, tuple[str, ...]] = {
    "numpy": ("ndarray", "dtype"),
    "numpy.core.multiarray": ("_reconstruct", "scalar"),
    "numpy._core.multiarray": ("_reconstruct", "scalar"),
    "numpy.core.numeric": ("_frombuffer",),
    "numpy._core.numeric": ("_frombuffer",),
}
"""Module to the names that a pickle may want of it."""


class _Unpickler(pickle.Unpickler):
    """Gives stand-ins for what arrays are made of, and refuses everything else."""

    def find_class(self, module: str, name: str) -> Any:
        if name in _MODULES.get(module, ()):
            return _NUMPY[name]
        if (module, name) == ("_codecs", "encode"):
            return _Maker(_encode)
        if module in ("__builtin__", "builtins") and name == "bytes":
            return _Maker(_bytes)
        raise _Refused(
            f"it wants {module}.{name}, and only numbers, texts, lists, tuples, dicts and NumPy arrays of these are read"
        )

    def persistent_load(self, pid: Any) -> Any:
        raise _Refused("it refers to objects outside the file")


def read_pickle(path: Path) -> Any:
    """What a pickle of any protocol, of Python 2 or 3, holds; arrays as something that `as_array` takes.

    Texts of Python 2 come as bytes. Raises `DataError` for a file that cannot be read, that is no pickle, that is cut
    short, or that wants anything but plain values and NumPy arrays; nothing of what it wants is imported or called.
    """
    try:
        with path.open("rb") as stream:
            return _Unpickler(stream, encoding="bytes").load()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    except _Refused as error:
        raise DataError(f"{path} is not read: {error}") from error
    except _BROKEN as error:
        said = f"{type(error).__name__}: {error}".rstrip(": ")
        raise DataError(f"{path} is no whole pickle ({said})") from error


def as_array(value: Any) -> NDArray[Any] | None:
    """An array that a pickle held, or a list or tuple as an array of its items; None for anything else.

    Raises ValueError for an array whose parts do not fit.
    """
    if isinstance(value, _Array):
        return _made(value.state)
    return _objects(list(value)) if isinstance(value, list | tuple) else None


def _objects(items: list[Any]) -> NDArray[Any]:
    """An array whose elements are these, whatever they are."""
    found = np.empty(len(items), dtype=object)
    for place, item in enumerate(items):
        found[place] = item
    return found


def _made(state: Any) -> NDArray[Any]:
    """The array with this state. Raises ValueError where its parts do not fit."""
    try:
        _, shape, kind, by_column, content = state
        sizes = tuple(int(size) for size in shape)
        dtype = kind.plain()
    except _Refused as error:
        raise ValueError(str(error)) from error
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise ValueError("an array in it has no shape, no data type or no content") from error
    count = prod(sizes)
    if dtype.hasobject:
        if not isinstance(content, list) or len(content) != count:
            raise ValueError(f"an array in it has the shape {list(sizes)} and other content")
        return _shaped(_objects(content), sizes, by_column=bool(by_column))
    data = content.encode("latin-1") if isinstance(content, str) else content
    fits = isinstance(data, bytes | bytearray) and dtype.itemsize and len(data) == count * dtype.itemsize
    if not fits or min(sizes, default=0) < 0:
        raise ValueError(f"an array in it has the shape {list(sizes)} and other content")
    if not count:
        return np.zeros(sizes, dtype=dtype)
    return _shaped(np.frombuffer(data, dtype=dtype), sizes, by_column=bool(by_column))


def _shaped(flat: NDArray[Any], sizes: tuple[int, ...], *, by_column: bool) -> NDArray[Any]:
    return flat.reshape(sizes, order="F" if by_column else "C")


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
