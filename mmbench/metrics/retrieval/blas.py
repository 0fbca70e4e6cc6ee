"""How many threads NumPy's BLAS uses for a product, where it is an OpenBLAS that can be asked.

Threads that each multiply and count a block of their own use the machine better than one product in many threads
followed by counting: the threads of OpenBLAS wait in a busy loop for the next product and take the time of those that
count. The number is a setting of the process, so it is set while it is needed and comes back.
"""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from threading import Lock

_MODULES = ("numpy._core._multiarray_umath", "numpy.core._multiarray_umath")
_NAMES = tuple(f"{first}openblas_{{}}_num_threads{last}" for first in ("scipy_", "") for last in ("64_", ""))

_Control = tuple[Callable[[], int], Callable[[int], None]]


class _Held:
    """Who asked for single threads, and what to go back to."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.holders = 0
        self.before = 1


_held = _Held()


@contextmanager
def single_threaded_products() -> Iterator[int | None]:
    """Inside, products run in the thread that asks for them.

    Yields the number of threads that they used before; None where the BLAS cannot be asked and does as it did.
    """
    control = _control()
    if control is None:
        yield None
        return
    get, put = control
    with _held.lock:
        if not _held.holders:
            _held.before = get()
            put(1)
        _held.holders += 1
    try:
        yield _held.before
    finally:
        with _held.lock:
            _held.holders -= 1
            if not _held.holders:
                put(_held.before)


@cache
def _control() -> _Control | None:
    """What reads and sets the number of threads of the OpenBLAS that NumPy is linked to."""
    for module in _MODULES:
        with suppress(ImportError, OSError, TypeError):
            # A handle of the extension module finds the symbols of the libraries that it loaded, too.
            library = ctypes.CDLL(importlib.import_module(module).__file__)
            for name in _NAMES:
                if hasattr(library, name.format("set")) and hasattr(library, name.format("get")):
                    return library[name.format("get")], library[name.format("set")]
    return None
