"""Files of sentences: a line each in a file a language, and tables with a column a language."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from mmbench.core import DataError
from mmbench.data import NamedImages, Record
from mmbench_tasks.official import Read, find_file
from mmbench_tasks.translation.card import Sentence

_LANGUAGE = "text."


def sentences(records: Iterable[Record], images: NamedImages) -> list[Sentence]:
    """Sentences of records with ``id``, maybe ``image`` and ``media``, and the roles ``text.CODE``: a text, or a list of references."""
    found: list[tuple[Sentence, str | None]] = []
    for record in records:
        texts = {}
        for name, value in record.fields.items():
            if name.startswith(_LANGUAGE) and value is not None:
                several = value if isinstance(value, list) else [value]
                texts[name.removeprefix(_LANGUAGE)] = tuple(str(each) for each in several)
        media = str(record.fields["media"]) if record.has("media") else ""
        image = images.add(record.text("image"), record.place, media) if record.has("image") else None
        found.append((Sentence(str(record.fields["id"]), texts, slices=record.slices()), image))
    media_of = images.media()
    return [row if image is None else replace(row, image=media_of[image]) for row, image in found]


def parallel(files: Mapping[str, str], languages: tuple[str, ...], images: Mapping[str, str]) -> Read:
    """A reader of files with a sentence a line, compressed or not, in the same order for all languages.

    Args:
        files: Split to the stem of its files, such as ``test_2016_flickr``; a language's file is ``STEM.CODE`` or ``STEM.CODE.gz``.
        languages: The codes; languages without a file are left out.
        images: Split to the file that names the image of each line, where there is one.
    """

    def read(path: Path, split: str) -> Iterator[Record]:
        folder = path if path.is_dir() else path.parent
        stem = files[split]
        held: dict[str, list[str]] = {}
        first = folder
        for language in languages:
            file = find_file(folder, f"{stem}.{language}") or find_file(folder, f"{stem}.{language}.gz")
            if file is not None:
                held[language], first = _lines(file), file
        if len(held) < 2:
            raise DataError(
                f"{folder} lacks the files {stem}.{languages[0]} and {stem}.{languages[1]} (or the same with .gz)"
            )
        counts = {language: len(lines) for language, lines in held.items()}
        if len(set(counts.values())) > 1:
            raise DataError(f"{folder}: {stem} has different numbers of lines: {counts}")
        named = find_file(folder, images.get(split, "-"))
        names = [] if named is None else [line.split("#")[0].strip() for line in _lines(named)]
        for number in range(len(next(iter(held.values())))):
            texts = {f"text.{language}": lines[number] for language, lines in held.items()}
            image = {"image": names[number]} if number < len(names) else {}
            yield Record(first, f"line {number + 1}", {"id": str(number), **texts, **image})

    return read


def _lines(file: Path) -> list[str]:
    try:
        data = file.read_bytes()
        text = (gzip.decompress(data) if file.suffix == ".gz" else data).decode("utf-8")
    except (OSError, EOFError, ValueError) as error:
        raise DataError(f"{file} cannot be read: {error}") from error
    return text.removesuffix("\n").split("\n")


def read_lines(path: Path) -> list[str]:
    """The lines of a file of translations, one a sentence. Raises `DataError`."""
    return _lines(path)
