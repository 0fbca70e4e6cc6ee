"""Digests of plug-in values, to see whether two of them are equal and whether one was changed."""

from __future__ import annotations

import hashlib
import pickle
from array import array
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from typing import Any

from mmbench.core.media import Media
from mmbench.core.requests import Request
from mmbench.core.samples import Sample

Hash = Any


def digest(value: object) -> str:
    """sha256 of a value by content: texts, numbers, arrays, media, mappings, sequences and dataclasses of these.

    Lists and tuples with equal items are equal, mappings whatever the order of their keys. Anything else counts by its
    pickle, or by its type where it has none.
    """
    found = hashlib.sha256()
    _feed(found, value)
    return found.hexdigest()


def sample_digest(samples: Iterable[Sample]) -> str:
    """sha256 of what the harness uses of the samples: everything but `meta`."""
    return digest([_content(sample) for sample in samples])


def _content(sample: Sample) -> tuple[object, ...]:
    return sample.id, sample.parts, sample.references, sample.choices, sample.group, dict(sample.slices)


def same_sample(one: Sample, other: Sample) -> bool:
    """Whether two samples are equal in what the harness uses of them."""
    return _content(one) == _content(other)


def request_digest(requests: Iterable[Request]) -> str:
    """sha256 of requests: class, content, options, ids and seeds."""
    return digest(list(requests))


def _put(found: Hash, tag: str, data: bytes) -> None:
    found.update(f"{tag}{len(data)}:".encode())
    found.update(data)


def _feed(found: Hash, value: object) -> None:
    if value is None or isinstance(value, bool | int):
        _put(found, type(value).__name__, repr(value).encode())
    elif isinstance(value, float):
        _put(found, "float", float(value).hex().encode())
    elif isinstance(value, str):
        _put(found, "text", value.encode("utf-8", "surrogatepass"))
    elif isinstance(value, bytes):
        _put(found, "bytes", value)
    elif isinstance(value, Media):
        _put(found, "media", f"{value.kind} {value.mime} {value.digest}".encode())
    elif isinstance(value, Mapping):
        _sequence(found, "mapping", [item for _, item in sorted((digest(key), (key, value[key])) for key in value)])
    elif isinstance(value, Set):
        _sequence(found, "set", sorted(map(digest, value)))
    elif isinstance(value, array):
        _put(found, f"array {value.typecode}", value.tobytes())
    elif isinstance(value, Sequence):
        _sequence(found, "sequence", value)
    elif is_dataclass(value) and not isinstance(value, type):
        _put(found, "class", type(value).__qualname__.encode())
        _sequence(found, "fields", [getattr(value, field.name) for field in fields(value)])
    else:
        _feed_other(found, value)


def _sequence(found: Hash, tag: str, items: Sequence[object]) -> None:
    _put(found, tag, str(len(items)).encode())
    for item in items:
        _feed(found, item)


def _feed_other(found: Hash, value: Any) -> None:
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if hasattr(value, "dtype") and hasattr(value, "tobytes"):
        _put(found, f"{value.dtype} {getattr(value, 'shape', ())}", value.tobytes())
        return
    try:
        data = pickle.dumps(value)
    except Exception:  # noqa: BLE001 - whatever cannot be pickled counts by its type alone
        data = type(value).__qualname__.encode()
    _put(found, "other", data)
