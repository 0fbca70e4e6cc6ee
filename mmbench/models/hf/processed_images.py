"""Keep what an image processor made, so that an image that several questions are about is processed once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from threading import local
from typing import Any

from mmbench.data.cache import DigestCache

CAPACITY = 64 * 2**20
"""Bytes of processed images that are kept."""

Row = dict[str, Any]
"""What was made of one image: tensors by name."""


class ProcessedImages:
    """The processed images of one image processor, by the digest of the image. Safe to use from several threads.

    Not every processor can be helped: some make one tensor of the patches of all images, or pad images to the largest of a
    batch. So the first call with several images is compared with calls for one image each, and nothing is kept unless both
    made the same to the last bit. Images of one size are processed together; where those of several sizes do not come out
    in one shape, processing them together must have done more, and nothing is kept from then on.

    Args:
        image_processor: Of transformers; changed in place so that its calls use what is kept. Any other is left as it is.
        capacity: Bytes that are kept.
    """

    def __init__(self, image_processor: Any, capacity: int = CAPACITY) -> None:
        from transformers import ImageProcessingMixin

        self._kept: DigestCache[Row] = DigestCache(capacity, _bytes_of)
        self._digests = local()
        self._fits: bool | None = None
        self._make: Any = None
        self._process: Any = None
        if isinstance(image_processor, ImageProcessingMixin):
            self._install(image_processor)

    def _install(self, image_processor: Any) -> None:
        """Python looks up ``__call__`` in the class: a subclass of the same name takes its place, as for tokenizers (`in_turns`)."""
        kind: Any = type(image_processor)
        self._process = partial(kind.__call__, image_processor)
        body = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__doc__": kind.__doc__}
        body["__call__"] = lambda _, images, *args, **given: self._called(images, args, given)
        object.__setattr__(image_processor, "__class__", type(kind.__name__, (kind,), body))

    @contextmanager
    def known(self, images: Sequence[Any], digests: Sequence[str]) -> Iterator[None]:
        """Inside the block, this thread processes these images (PIL), which have these digests; an empty one is unknown."""
        self._digests.of = {id(image): digest for image, digest in zip(images, digests, strict=True) if digest}
        try:
            yield
        finally:
            self._digests.of = {}

    def _called(self, images: Any, args: tuple[Any, ...], given: dict[str, Any]) -> Any:
        digests: Mapping[int, str] = getattr(self._digests, "of", {})
        flat = _flat(images) if digests and not args and self._fits is not False else None
        if flat is None or not all(id(image) in digests for image in flat):
            return self._process(images, *args, **given)
        nested = images[0] is not flat[0]
        if self._fits is None:
            whole = self._process(images, **given)
            self._fits = self._fitting(whole, flat, nested, given)
            return whole
        rows = self._rows(flat, nested, given, digests)
        joined = None if rows is None else _joined(rows)
        if joined is None:
            self._fits = False
            return self._process(images, **given)
        return self._make(joined)

    def _fitting(self, whole: Any, flat: Sequence[Any], nested: bool, given: dict[str, Any]) -> bool | None:
        """Whether images processed together are those processed alone; None where there are too few to say."""
        if len(flat) < 2:
            return None
        rows = _split(whole, len(flat))
        if rows is None:
            return False
        self._make = type(whole)
        for place in (0, len(flat) - 1):
            alone = _split(self._process([[flat[place]]] if nested else [flat[place]], **given), 1)
            if alone is None or not _equal(alone[0], rows[place]):
                return False
        return True

    def _rows(
        self, flat: Sequence[Any], nested: bool, given: dict[str, Any], digests: Mapping[int, str]
    ) -> list[Row] | None:
        """What is made of each image; None where that cannot be told apart. Images of a size are processed together."""
        asked = repr(sorted(given.items()))
        keys = [f"{digests[id(image)]} {nested} {asked}" for image in flat]
        rows = {key: row for key in set(keys) if (row := self._kept.peek(key)) is not None}
        missing: dict[Any, dict[str, Any]] = {}
        for key, image in zip(keys, flat, strict=True):
            if key not in rows:
                missing.setdefault(image.size, {})[key] = image
        for of_size in missing.values():
            made = self._process([[image] if nested else image for image in of_size.values()], **given)
            split = _split(made, len(of_size))
            if split is None:
                return None
            for key, row in zip(of_size, split, strict=True):
                rows[key] = row
                self._kept.put(key, row)
        return [rows[key] for key in keys]


def _flat(images: Any) -> list[Any] | None:
    """The images of a list, or of a list of lists of one image each; None for anything else."""
    if not isinstance(images, list) or not images:
        return None
    if all(isinstance(each, list) and len(each) == 1 for each in images):
        return [own[0] for own in images]
    return None if any(isinstance(each, list) for each in images) else images


def _split(made: Any, n: int) -> list[Row] | None:
    """What was made of each of `n` images; None where something was made of all of them together."""
    import torch

    values = dict(made)
    if not values or any(not isinstance(value, torch.Tensor) or value.shape[:1] != (n,) for value in values.values()):
        return None
    # Copies: a view would keep the whole batch.
    return [{name: value[place].clone() for name, value in values.items()} for place in range(n)]


def _joined(rows: Sequence[Row]) -> Row | None:
    """What a processor would make of all images, from what it made of each; None where the shapes differ."""
    import torch

    if any(row[name].shape != value.shape for name, value in rows[0].items() for row in rows):
        return None
    return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}


def _equal(one: Row, other: Row) -> bool:
    import torch

    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def _bytes_of(row: Row) -> int:
    return sum(int(tensor.nbytes) for tensor in row.values())
