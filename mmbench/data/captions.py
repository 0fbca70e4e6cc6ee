"""Read captioned pictures, references without their pictures, and captions that were written, by picture.

The layouts of COCO, JSONL, JSON and CSV. Ids are texts: ``139`` and ``"139"`` are one.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mmbench.core import DataError
from mmbench.data.images import NamedImages
from mmbench.data.layouts import CAPTIONS
from mmbench.data.questions import image_names
from mmbench.data.reading import read_dataset
from mmbench.data.records import Record, cut, describe, listed
from mmbench.data.rows import Captioned
from mmbench.data.tables.open import SUFFIXES, read_records
from mmbench.data.tables.table import Table
from mmbench.data.tables.text import read_json, read_text, record_of


@dataclass(slots=True)
class _Draft:
    """A picture whose captions are being collected."""

    id: str
    name: str
    place: str
    captions: list[str] = field(default_factory=list)
    group: str = ""
    slices: Mapping[str, str] = field(default_factory=dict)


def read_captions(path: Path) -> list[Captioned]:
    """Read the captioned pictures in a file, or in the only data file of a folder; in the order of their first mention.

    Either the annotation layout of COCO (``images`` with ``id`` and ``file_name``, ``annotations`` with ``image_id``
    and ``caption``), or records with ``image`` and ``caption`` (a text) or ``captions`` (a list; in CSV separated by
    ``|``), and if wanted ``id`` (else the picture's name is the id); records of one picture are merged.

    Raises `DataError`; pictures that are missing or have no captions are reported together. Pictures are not decoded.
    """
    return list(read_dataset(path, CAPTIONS, captioned_of).rows("test"))


def captioned_of(records: Iterable[Record], images: NamedImages) -> list[Captioned]:
    """Make captioned images of records, those of one image merged; in the order of their first mention.

    A record has ``image`` (as in `mmbench.data.questions_of`) and ``caption`` (a text, or a list of texts) or ``captions``, and may
    have ``id`` (else the image's name is the id), ``media`` (what identifies the image), ``group`` and ``slices``.

    Args:
        records: The records.
        images: Finds the images.

    Raises:
        DataError: If a record lacks something, or an image has several ids; images that are missing are reported together.
    """
    drafts: dict[str, _Draft] = {}
    by_id: dict[str, str] = {}
    for record in records:
        names = image_names(record, images)
        if len(names) != 1:
            raise record.error(f"field 'image': expected one image, found {len(names)}")
        (name,) = names
        draft = drafts.get(name)
        if draft is None:
            identifier = _record_id(record, name)
            if identifier in by_id:
                raise record.error(
                    f"id {identifier!r} is taken by {drafts[by_id[identifier]].place}, for another image"
                )
            group = record.identifier(record.fields["group"], "field 'group'") if record.has("group") else ""
            draft = drafts[name] = _Draft(identifier, name, record.place, group=group, slices=record.slices())
            by_id[identifier] = name
        elif record.has("id") and _record_id(record, name) != draft.id:
            raise record.error(f"image {cut(name)!r} has another id than at {draft.place} ({draft.id!r})")
        draft.captions += _captions(record)
    return _captioned(list(drafts.values()), list(drafts), images)


def _captioned(drafts: Sequence[_Draft], names: Sequence[str], images: NamedImages) -> list[Captioned]:
    media = images.media()
    return [
        Captioned(draft.id, media[name], tuple(draft.captions), group=draft.group, slices=draft.slices)
        for draft, name in zip(drafts, names, strict=True)
    ]


def read_references(path: Path) -> dict[str, tuple[str, ...]]:
    """Read the captions that people gave to pictures, which need not be there: picture id → its captions, in order.

    One of: the annotation layout of COCO (``annotations`` with ``image_id`` and ``caption``; ``images`` with ``id`` may
    be missing); one JSON object ``{image id: [captions]}``; records with ``image_id``, ``id`` or ``image`` and with
    ``caption`` or ``captions``, those of one picture merged. A JSON file may be compressed (``.json.gz``).

    Raises `DataError`.
    """
    whole = _whole(path)
    if isinstance(whole, dict):
        return _coco_references(path, whole) if "annotations" in whole or "images" in whole else _mapped(path, whole)
    found: dict[str, list[str]] = {}
    for record in _records(path, whole):
        found.setdefault(_picture_id(record, "image"), []).extend(_captions(record))
    return {image: tuple(captions) for image, captions in found.items()}


def read_candidates(path: Path) -> dict[str, str]:
    """Read captions that a model wrote, one a picture: picture id → caption, in the order of the file.

    The layout of COCO's results (a JSON list of objects with ``image_id`` and ``caption``), or records with ``image_id``
    or ``id`` and with ``caption`` or ``output``. A JSON file may be compressed (``.json.gz``). A caption may be empty.

    Raises `DataError`, also for pictures that have several captions, with a list of them.
    """
    whole = _whole(path)
    if isinstance(whole, dict):
        raise DataError(f"{path}: expected a list of objects with 'image_id' and 'caption', found an object")
    found: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for record in _records(path, whole):
        image = _picture_id(record)
        found[image] = _candidate(record)
        counts[image] += 1
    if twice := [f"{image} ({count} times)" for image, count in counts.items() if count > 1]:
        several = "1 picture has" if len(twice) == 1 else f"{len(twice):,} pictures have"
        raise DataError(f"{path}: {several} more than one caption: {listed(twice)}")
    return found


def _whole(path: Path) -> Any:
    """What a JSON file holds, compressed or not; None for a file of another kind."""
    name = path.name.lower()
    if name.endswith(".json"):
        text = read_text(path)
    elif name.endswith(".json.gz"):
        text = _unpacked(path)
    elif path.suffix.lower() in SUFFIXES:
        return None
    else:
        kinds = ", ".join((*SUFFIXES, ".json.gz"))
        raise DataError(f"{path}: unknown kind of file {path.suffix!r}; expected one of {kinds}")
    value = read_json(path, text)
    if isinstance(value, dict) and "annotations" not in value:
        counts = Counter(json.loads(text, object_pairs_hook=_Pairs).keys())
        if twice := [key for key, count in counts.items() if count > 1]:
            raise DataError(f"{path}: keys that stand there more than once: {listed(twice)}")
    return value


class _Pairs(list[tuple[str, Any]]):
    """A JSON object with all that it holds."""

    def keys(self) -> list[str]:
        return [key for key, _ in self]


def _unpacked(path: Path) -> str:
    """The text in a compressed file. Raises `DataError`."""
    try:
        return gzip.decompress(path.read_bytes()).decode("utf-8-sig")
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text (byte 0x{error.object[error.start]:02x})") from error


def _records(path: Path, whole: Any) -> Iterator[Record]:
    """The records of a file, or of the list that a JSON file holds, counted from 0. Raises `DataError` for none."""
    if whole is None:
        yield from read_records(path)
        return
    if not isinstance(whole, list):
        raise DataError(f"{path}: expected a list of objects, found {describe(whole)}")
    if not whole:
        raise DataError(f"{path} holds no rows")
    for n, item in enumerate(whole):
        yield record_of(path, f"item {n}", item)


def _picture_id(record: Record, *more: str) -> str:
    for name in ("image_id", "id", *more):
        if record.has(name):
            return record.identifier(record.fields[name], f"field {name!r}")
    raise record.missing("image_id", "id", *more)


def _candidate(record: Record) -> str:
    for name in ("caption", "output"):
        if name in record.fields:
            value = record.fields[name]
            blank = isinstance(value, str) and not value.strip()
            return "" if blank else record.text(name, number=record.is_csv)
    if record.is_csv:  # an empty cell is left out
        return ""
    raise record.missing("caption", "output")


def _mapped(path: Path, whole: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    if not whole:
        raise DataError(f"{path} holds no captions")
    found: dict[str, tuple[str, ...]] = {}
    for image, captions in whole.items():
        record = Record(path, f"key {image!r}", {"captions": captions})
        found[record.identifier(image, "the key")] = tuple(record.texts("captions"))
    return found


def _coco_references(path: Path, whole: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    if "images" not in whole and isinstance(whole.get("annotations"), list):
        items = enumerate(whole["annotations"])
        records = [record_of(path, f"annotations[{n}]", item) for n, item in items]
        if not records:
            raise DataError(f"{path} holds no captions: 'annotations' is empty")
        ids = dict.fromkeys(_picture_of(record) for record in records)
        whole = {**whole, "images": [{"id": image} for image in ids]}
    return {draft.id: tuple(draft.captions) for draft in _coco(path, whole, named=False)}


def _picture_of(annotation: Record) -> str:
    if not annotation.has("image_id"):
        raise annotation.missing("image_id")
    return annotation.identifier(annotation.fields["image_id"], "field 'image_id'")


def coco_records(table: Table) -> Table:
    """The images of COCO's annotations, one row each. Raises `DataError`."""
    whole = table.whole or {}

    def read() -> Iterator[Record]:
        for draft in _coco(table.path, whole):
            yield Record(table.path, draft.place, {"id": draft.id, "image": draft.name, "captions": draft.captions})

    return replace(table, read=read)


def _record_id(record: Record, name: str) -> str:
    if record.has("id"):
        return record.identifier(record.fields["id"], "field 'id'")
    return record.identifier(name, "field 'image'")


def _captions(record: Record) -> list[str]:
    if record.has("caption") and record.has("captions"):
        raise record.error("it has both 'caption' and 'captions'; give one of the two fields")
    if record.has("captions"):
        return record.texts("captions")
    if isinstance(record.fields.get("caption"), list):
        return record.texts("caption")
    if record.has("caption"):
        return [record.text("caption")]
    raise record.missing("caption", "captions")


def _coco(path: Path, whole: Mapping[str, Any], *, named: bool = True) -> list[_Draft]:
    """The pictures of annotations in their order; `named`: each has a file name."""
    for name in ("annotations", "images"):
        if not isinstance(whole.get(name), list):
            raise DataError(
                f"{path}: expected COCO annotations (an object with the lists 'images' and 'annotations') or a list of "
                f"objects; {name!r} is {describe(whole[name]) if name in whole else 'not there'}"
            )
    if not whole["images"]:
        raise DataError(f"{path} holds no pictures: 'images' is empty")
    drafts = _coco_pictures(path, whole["images"], named=named)
    unknown: list[str] = []
    blank: list[str] = []
    for n, item in enumerate(whole["annotations"]):
        record = record_of(path, f"annotations[{n}]", item)
        identifier = record.text("image_id", number=True)
        caption = record.fields.get("caption")
        if identifier not in drafts:
            unknown.append(f"{identifier} ({record.place})")
        elif isinstance(caption, str) and not caption.strip():
            blank.append(record.place)
        else:
            drafts[identifier].captions.append(record.text("caption"))
    bare = [f"{draft.id} ({draft.name})" if draft.name else draft.id for draft in drafts.values() if not draft.captions]
    for what, items in (
        ("captions of pictures that are not in 'images'", unknown),
        ("empty captions", blank),
        ("pictures without captions", bare),
    ):
        if items:
            raise DataError(f"{path}: {what}: {listed(items)}")
    return list(drafts.values())


def _coco_pictures(path: Path, images: list[object], *, named: bool) -> dict[str, _Draft]:
    drafts: dict[str, _Draft] = {}
    for n, item in enumerate(images):
        record = record_of(path, f"images[{n}]", item)
        if not record.has("id"):
            raise record.missing("id")
        identifier = record.identifier(record.fields["id"], "field 'id'")
        if identifier in drafts:
            raise record.error(f"id {identifier!r} is taken by {drafts[identifier].place}")
        drafts[identifier] = _Draft(identifier, record.text("file_name") if named else "", record.place)
    return drafts
