"""Official files of captions: Karpathy's splits, BLIP's copies of them, and annotations of COCO whose images have a domain."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmbench.core import DataError
from mmbench.data import Captioned, NamedImages, Record, captioned_of, read_records
from mmbench_tasks.official import Read, find_file, with_fields

_DIGITS = re.compile(r"(\d{6,})\.\w+$")
CAPTIONS = 5
"""Captions of an image that count in retrieval."""


def five_captions(records: Iterable[Record], images: NamedImages) -> list[Captioned]:
    """Captioned images with their first five captions, as retrieval counts them."""
    return [replace(row, captions=row.captions[:CAPTIONS]) for row in captioned_of(records, images)]


def karpathy(*patterns: str) -> Read:
    """A reader of Karpathy's file, of which the test split is taken, or of BLIP's file of that split.

    Rows have ``id``, ``image`` and ``captions``.

    Args:
        patterns: The files, in the order in which they are looked for.
    """

    def read(path: Path, split: str) -> Iterator[Record]:
        found = (find_file(path, pattern) for pattern in patterns)
        file = path if path.is_file() else next((each for each in found if each is not None), None)
        if file is None:
            raise DataError(f"{path} lacks the file {' or '.join(patterns)}")
        for record in read_records(file):
            if "sentences" not in record.fields:
                captions = record.fields.get("caption")
                named = captions if isinstance(captions, list) else [captions]
                yield with_fields(record, id=_number(record.text("image")), captions=named, caption=None)
            elif str(record.fields.get("split")) == split:
                image = "/".join(str(record.fields[name]) for name in ("filepath", "filename") if record.has(name))
                captions = [sentence["raw"] for sentence in record.fields["sentences"]]
                number = str(record.fields.get("cocoid") or _number(image))
                yield with_fields(record, id=number, image=image, captions=captions)

    return read


def _number(name: str) -> str:
    """The number of an image of COCO without zeros, by its file name; the file name of any other."""
    digits = _DIGITS.search(name) if "COCO_" in name or name.rsplit("/", maxsplit=1)[-1][:1] == "0" else None
    return str(int(digits.group(1))) if digits else name.rpartition("/")[2]


def coco_with_domains(pattern: str) -> Read:
    """A reader of annotations of COCO whose images have a ``domain``, as those of nocaps. Rows are captions."""

    def read(path: Path, split: str) -> Iterator[Record]:
        del split
        file = path if path.is_file() else find_file(path, pattern)
        if file is None:
            raise DataError(f"{path} lacks the file {pattern}")
        try:
            whole: Any = json.loads(file.read_bytes())
            images = {image["id"]: image for image in whole["images"]}
            for number, annotation in enumerate(whole["annotations"]):
                image = images[annotation["image_id"]]
                fields = {
                    "id": str(annotation["image_id"]),
                    "image": image["file_name"],
                    "caption": annotation["caption"],
                    "domain": image.get("domain", ""),
                }
                yield Record(file, f"annotations[{number}]", fields)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{file} is no file of annotations as COCO has them: {error!r}") from error

    return read
