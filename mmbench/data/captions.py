"""Read captioned pictures from COCO annotations, JSONL, JSON or CSV."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmbench.core import DataError
from mmbench.data.pictures import Pictures
from mmbench.data.records import Record, describe, find_data_file, listed, read_json, read_records, read_text, record_of
from mmbench.data.rows import Captioned


@dataclass(slots=True)
class _Draft:
    """A picture whose captions are being collected."""

    id: str
    name: str
    place: str
    captions: list[str] = field(default_factory=list)


def read_captions(path: Path) -> list[Captioned]:
    """Read the captioned pictures in a file, or in the only data file of a folder; in the order of their first mention.

    Either the annotation layout of COCO (``images`` with ``id`` and ``file_name``, ``annotations`` with ``image_id``
    and ``caption``), or records with ``image`` and ``caption`` (a text) or ``captions`` (a list; in CSV separated by
    ``|``), and if wanted ``id`` (else the picture's name is the id); records of one picture are merged.

    Raises `DataError`; pictures that are missing or have no captions are reported together. Pictures are not decoded.
    """
    path = find_data_file(path)
    if path.suffix.lower() == ".json" and isinstance(whole := read_json(path, read_text(path)), dict):
        drafts = _coco(path, whole)
    else:
        drafts = _from_records(path)
    pictures = Pictures(path)
    for draft in drafts:
        pictures.add(draft.name, draft.place)
    media = pictures.media()
    return [Captioned(draft.id, media[draft.name], tuple(draft.captions)) for draft in drafts]


def _from_records(path: Path) -> list[_Draft]:
    by_name: dict[str, _Draft] = {}
    by_id: dict[str, _Draft] = {}
    for record in read_records(path):
        name = record.text("image")
        draft = by_name.get(name)
        if draft is None:
            identifier = _record_id(record, name)
            if identifier in by_id:
                raise record.error(f"id {identifier!r} is taken by {by_id[identifier].place}, for another picture")
            draft = by_name[name] = by_id[identifier] = _Draft(identifier, name, record.place)
        elif record.has("id") and _record_id(record, name) != draft.id:
            raise record.error(f"picture {name!r} has another id than at {draft.place} ({draft.id!r})")
        draft.captions += _captions(record)
    return list(by_name.values())


def _record_id(record: Record, name: str) -> str:
    if record.has("id"):
        return record.identifier(record.fields["id"], "field 'id'")
    return record.identifier(name, "field 'image'")


def _captions(record: Record) -> list[str]:
    if record.has("caption") and record.has("captions"):
        raise record.error("it has both 'caption' and 'captions'; give one of the two fields")
    if record.has("captions"):
        return record.texts("captions")
    if record.has("caption"):
        return [record.text("caption")]
    raise record.missing("caption", "captions")


def _coco(path: Path, whole: Mapping[str, Any]) -> list[_Draft]:
    for name in ("images", "annotations"):
        if not isinstance(whole.get(name), list):
            raise DataError(
                f"{path}: expected COCO annotations (an object with the lists 'images' and 'annotations') or a list of "
                f"objects; {name!r} is {describe(whole[name]) if name in whole else 'not there'}"
            )
    if not whole["images"]:
        raise DataError(f"{path} holds no pictures: 'images' is empty")
    drafts = _coco_pictures(path, whole["images"])
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
    bare = [f"{draft.id} ({draft.name})" for draft in drafts.values() if not draft.captions]
    for what, items in (
        ("captions of pictures that are not in 'images'", unknown),
        ("empty captions", blank),
        ("pictures without captions", bare),
    ):
        if items:
            raise DataError(f"{path}: {what}: {listed(items)}")
    return list(drafts.values())


def _coco_pictures(path: Path, images: list[object]) -> dict[str, _Draft]:
    drafts: dict[str, _Draft] = {}
    for n, item in enumerate(images):
        record = record_of(path, f"images[{n}]", item)
        if not record.has("id"):
            raise record.missing("id")
        identifier = record.identifier(record.fields["id"], "field 'id'")
        if identifier in drafts:
            raise record.error(f"id {identifier!r} is taken by {drafts[identifier].place}")
        drafts[identifier] = _Draft(identifier, record.text("file_name"), record.place)
    return drafts
