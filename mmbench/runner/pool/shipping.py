"""Leases on their way to a worker: bytes of images travel once to each worker, by their digest.

Driver and worker keep the same list of images, the ones used last, because both go through the same leases in the same order. So
the driver knows what the worker has, and sends only what it lacks.
"""

from __future__ import annotations

import copyreg
import hashlib
import io
import pickle
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmbench.core.errors import MediaError
from mmbench.data.sources import BytesImage, FileImage
from mmbench.data.tables.shards import Cell
from mmbench.data.tables.tar import Member
from mmbench.runner.pool.transport import Work

CAPACITY = 256 * 2**20
"""Bytes of images that a worker keeps, as their files lie."""
_LEAST = 1024
"""Bytes of an image below which it is sent each time: a reference costs as much."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A lease as it is sent."""

    work: bytes
    """`Work`, pickled; images that travel apart are named by their digest in it."""
    used: Sequence[str]
    """Digests of these images, in the order in which they stand there first."""
    new: Mapping[str, bytes]
    """Bytes of those that the worker lacks."""


class Shelf:
    """Images that one worker keeps, or, with the driver, their sizes.

    Args:
        capacity: Bytes that they may have together; what a lease uses is kept in any case.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._kept: OrderedDict[str, tuple[int, BytesImage | None]] = OrderedDict()  # those used last stand last
        self._size = 0

    def __contains__(self, digest: str) -> bool:
        return digest in self._kept

    def __getitem__(self, digest: str) -> BytesImage | None:
        return self._kept[digest][1]

    def use(self, digests: Sequence[str], new: Mapping[str, tuple[int, BytesImage | None]]) -> None:
        """Go through the images of a lease: keep new ones, and forget those that were used longest ago.

        Args:
            digests: All images that travel apart.
            new: Size of each that was not kept, and the image.
        """
        for digest in digests:
            if digest not in self._kept:
                self._kept[digest] = new[digest]
                self._size += new[digest][0]
            self._kept.move_to_end(digest)
        while self._size > self._capacity and len(self._kept) > len(digests):
            _, (size, _) = self._kept.popitem(last=False)
            self._size -= size


class Shipper:
    """Packs leases for one worker, in the order in which they are sent.

    Args:
        files: Whether images in files are sent as well, because the worker cannot read them.
        capacity: As in `Shelf`; that of the worker must be the same.
    """

    def __init__(self, *, files: bool = False, capacity: int = CAPACITY) -> None:
        self._shelf = Shelf(capacity)
        self._used: dict[str, None] = {}
        self._new: dict[str, bytes] = {}
        # A table of types costs nothing for all other objects, as a method of the pickler would.
        sources = (BytesImage, FileImage, Member, Cell) if files else (BytesImage,)
        self._reducers: dict[type, Any] = {**copyreg.dispatch_table, **dict.fromkeys(sources, self._reduced)}
        self.sent_bytes = 0
        """Bytes of images that were sent until now."""

    def pack(self, work: Work) -> Parcel:
        """Make the parcel of a lease. Raises whatever keeps a request from being pickled."""
        self._used, self._new = {}, {}
        pickler = pickle.Pickler(stream := io.BytesIO(), pickle.HIGHEST_PROTOCOL)
        pickler.dispatch_table = self._reducers
        pickler.dump(work)
        self._shelf.use(list(self._used), {digest: (len(data), None) for digest, data in self._new.items()})
        self.sent_bytes += sum(map(len, self._new.values()))
        return Parcel(stream.getvalue(), list(self._used), self._new)

    def _reduced(self, source: Any) -> Any:
        """What pickle is to write in the place of an image: its digest, unless it is small.

        What cannot be read stays as it is, and is an error of its own requests where the model looks at it.
        """
        if isinstance(source, BytesImage) and len(source.data) < _LEAST:
            return source.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
        digest: str = source.digest
        if not digest or not (digest in self._shelf or digest in self._new):
            try:
                data = source.raw()
            except MediaError:
                return source.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
            digest = digest or hashlib.sha256(data).hexdigest()
            if digest not in self._shelf:
                self._new[digest] = data
        self._used[digest] = None
        return _from_shelf, (digest,)


def _from_shelf(digest: str) -> BytesImage:
    """Stands in a parcel for what `unpack` has on its shelf."""
    raise KeyError(digest)


def unpack(parcel: Parcel, shelf: Shelf) -> Work:
    """The lease in a parcel, in a worker that unpacks all of them in their order.

    Args:
        parcel: As it was sent.
        shelf: What the worker keeps.
    """
    new = {digest: (len(data), BytesImage(data, digest)) for digest, data in parcel.new.items()}
    shelf.use(parcel.used, new)
    unpickler = _Unpickler(io.BytesIO(parcel.work))
    unpickler.shelf = shelf
    work: Work = unpickler.load()
    return work


class _Unpickler(pickle.Unpickler):
    shelf: Shelf

    def find_class(self, module: str, name: str) -> Any:
        """What a name in a parcel stands for; images are taken from the shelf."""
        found = super().find_class(module, name)
        return self.shelf.__getitem__ if found is _from_shelf else found
