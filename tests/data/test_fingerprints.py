"""Digests: what they cover, and that nothing runs together."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mmbench.core import DataError, MediaError
from mmbench.data import (
    dataset_digest,
    digest_array,
    digest_bytes,
    digest_file,
    image_from_array,
    image_from_bytes,
    image_from_file,
    images_from_files,
)

parts = st.lists(st.text(st.characters(exclude_categories=["Cs"])) | st.binary(), max_size=5)


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 300_000])
def test_a_file_has_the_digest_of_its_bytes(size: int, tmp_path: Path) -> None:
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    path = tmp_path / "data"
    path.write_bytes(data)
    assert digest_file(path) == digest_bytes(data) == hashlib.sha256(data).hexdigest()


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing\.json cannot be read"):
        digest_file(tmp_path / "nothing.json")


@pytest.mark.slow
@given(parts, parts)
def test_different_parts_have_different_digests(a: list[str | bytes], b: list[str | bytes]) -> None:
    assert (dataset_digest(a) == dataset_digest(b)) == (a == b)


def test_texts_and_bytes_and_boundaries_are_told_apart() -> None:
    cases: list[list[str | bytes]] = [["a"], [b"a"], ["a", ""], ["", "a"], ["1:a"], ["ab"], ["a", "b"], []]
    assert len({dataset_digest(case) for case in cases}) == len(cases)


def test_every_field_of_an_array_counts() -> None:
    cases = [
        digest_array("image", "RGB", (2, 2, 3), "uint8", b"\0" * 12),
        digest_array("video", "RGB", (2, 2, 3), "uint8", b"\0" * 12),
        digest_array("image", "HSV", (2, 2, 3), "uint8", b"\0" * 12),
        digest_array("image", "RGB", (4, 1, 3), "uint8", b"\0" * 12),
        digest_array("image", "RGB", (2, 2, 3), "int8", b"\0" * 12),
        digest_array("image", "RGB", (2, 2, 3), "uint8", b"\1" * 12),
        digest_array("image", "RGB", (2, 2, 3), "uint8", b"\0" * 12, rate=1),
        digest_array("image", "RGB", (2, 2, 3), "uint8", b"\0" * 12, rate=2),
    ]
    assert len(set(cases)) == len(cases)
    assert digest_array("audio", "mono", [1], "int16", b"", 8000) == digest_array(
        "audio", "mono", (1,), "int16", b"", 8000.0
    )


def test_the_shape_of_an_array_reaches_its_digest() -> None:
    flat, tall = np.zeros((1, 4, 3), np.uint8), np.zeros((4, 1, 3), np.uint8)
    assert image_from_array(flat).digest != image_from_array(tall).digest


@pytest.mark.parametrize(
    ("form", "mime"),
    [("PNG", "png"), ("JPEG", "jpeg"), ("GIF", "gif"), ("BMP", "bmp"), ("WEBP", "webp"), ("TIFF", "tiff")],
)
def test_the_mime_type_comes_from_the_content(form: str, mime: str, tmp_path: Path) -> None:
    path = tmp_path / "picture.xyz"
    Image.new("RGB", (2, 2)).save(path, form)
    media = image_from_file(path)
    assert media.mime == f"image/{mime}"
    assert image_from_bytes(path.read_bytes()) == media
    assert media.digest == digest_bytes(path.read_bytes())


def test_else_from_the_suffix(tmp_path: Path) -> None:
    for name, mime in (("a.JPG", "image/jpeg"), ("a.txt", "application/octet-stream")):
        (tmp_path / name).write_text("words")
        assert image_from_file(tmp_path / name).mime == mime


def test_many_files_keep_their_order(tmp_path: Path) -> None:
    paths = [tmp_path / f"{n}.png" for n in range(200)]
    for n, path in enumerate(paths):
        path.write_bytes(b"%d" % n)
    assert [media.digest for media in images_from_files(paths)] == [digest_bytes(b"%d" % n) for n in range(200)]
    with pytest.raises(MediaError, match=r"gone\.png does not exist"):
        images_from_files([*paths, tmp_path / "gone.png"])
