"""Folders of classes, and the files of MM-IMDb."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from mmbench.core import DataError
from mmbench.data import NamedImages, Record, images_from_files, listed
from mmbench_tasks.classification.card import Labelled
from mmbench_tasks.official import Read, find_file

_IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm")
CLASSES_FILE = "classes.txt"
"""A file beside the folders with lines of ``FOLDER<tab>NAME``, where folders are not called like their classes."""


def read_folder(path: Path) -> tuple[list[Labelled], tuple[str, ...]]:
    """Read a folder with a folder of images for each class, as torchvision and keras read it.

    Args:
        path: The folder. A folder ``test`` or ``val`` in it that has the classes is taken instead.

    Returns:
        The images in the order of classes and names, and the classes. A name of a folder is the class, with blanks for underscores,
        unless `CLASSES_FILE` says otherwise.

    Raises:
        DataError: If it is no such folder, or a class has no image.
    """
    if not path.is_dir():
        raise DataError(f"{path} is no folder; expected one with a folder of images for each class")
    inner = next(
        (path / name for name in ("test", "val", "validation") if (path / name).is_dir() and _classes(path / name)),
        path,
    )
    folders = _classes(inner)
    if len(folders) < 2:
        raise DataError(
            f"{path} has {len(folders)} folders in it; expected one with images for each class, at least two"
        )
    names = _names(next((each / CLASSES_FILE for each in (inner, path) if (each / CLASSES_FILE).is_file()), None))
    rows: list[Labelled] = []
    empty = []
    for folder in folders:
        files = sorted(file for file in folder.iterdir() if file.suffix.lower() in _IMAGES)
        if not files:
            empty.append(folder.name)
        label = names.get(folder.name, folder.name.replace("_", " "))
        media = images_from_files([str(file) for file in files])
        rows += [
            Labelled(f"{folder.name}/{file.name}", (label,), image) for file, image in zip(files, media, strict=True)
        ]
    if empty:
        raise DataError(f"{inner}: no images in {listed(empty)}")
    return rows, tuple(dict.fromkeys(row.labels[0] for row in rows))


def _classes(folder: Path) -> list[Path]:
    return sorted(each for each in folder.iterdir() if each.is_dir() and not each.name.startswith("."))


def _names(file: Path | None) -> dict[str, str]:
    if file is None:
        return {}
    cells = [line.split("\t", 1) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    if bad := [line[0] for line in cells if len(line) != 2]:
        raise DataError(f"{file}: expected FOLDER, a tab and NAME in every line, found {bad[0][:60]!r}")
    return {folder.strip(): name.strip() for folder, name in cells}


def labelled(records: Iterable[Record], images: NamedImages) -> list[Labelled]:
    """Rows of records with ``id``, ``labels`` (a list), and maybe ``text``, ``image`` and ``media``."""
    found: list[tuple[Labelled, str | None]] = []
    for record in records:
        media = str(record.fields["media"]) if record.has("media") else ""
        image = images.add(record.text("image"), record.place, media) if record.has("image") else None
        row = Labelled(
            str(record.fields["id"]),
            tuple(map(str, record.fields["labels"])),
            text=str(record.fields.get("text") or ""),
        )
        found.append((row, image))
    media_of = images.media()
    return [row if image is None else replace(row, image=media_of[image]) for row, image in found]


def read_mm_imdb(genres: tuple[str, ...]) -> Read:
    """A reader of ``split.json`` and the files ``dataset/ID.json``: the longest plot, and those of its genres that count.

    Args:
        genres: The genres that count; a film with none of them is left out.
    """

    def read(path: Path, split: str) -> Iterator[Record]:
        file = path if path.is_file() else find_file(path, "split.json")
        if file is None:
            raise DataError(f"{path} lacks the file split.json")
        names = json.loads(file.read_bytes()).get(split)
        if not names:
            raise DataError(f"{file} has no split {split!r}")
        absent = [name for name in names if not (file.parent / "dataset" / f"{name}.json").is_file()]
        if absent:
            raise DataError(
                f"{file.parent / 'dataset'} lacks {len(absent):,} files: {listed([f'{name}.json' for name in absent])}"
            )
        for name in names:
            film = json.loads((file.parent / "dataset" / f"{name}.json").read_bytes())
            labels = [genre for genre in film.get("genres", []) if genre in genres]
            if labels:
                fields = {
                    "id": name,
                    "labels": labels,
                    "text": max(film.get("plot") or [""], key=len),
                    "image": f"dataset/{name}.jpeg",
                }
                yield Record(file, f"{split} {name}", fields)

    return read
