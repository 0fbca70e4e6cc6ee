"""Prepared images: whoever decodes the bytes, however naively, sees the pixels of `load`."""

import struct
import sys
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmbench.core import Media, MediaError
from mmbench.data import cache, decode, encoded_image, image_from_array, image_from_bytes, image_from_file, prepared

PIXELS = np.random.default_rng(7).integers(0, 256, (6, 9, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    prepared.clear()
    cache.clear()
    yield
    prepared.clear()
    cache.clear()


def encoded(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    stream = BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


def png(depth: int, colour: int, row: bytes, width: int) -> bytes:
    """A PNG of one row, of a kind that PIL does not write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, 1, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" + row)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def animation() -> bytes:
    frames = [Image.fromarray(PIXELS), Image.fromarray(255 - PIXELS)]
    return encoded(frames[0], save_all=True, append_images=frames[1:])


rgb = Image.fromarray(PIXELS)
alpha = rgb.convert("RGBA")
alpha.putalpha(Image.fromarray(PIXELS[..., 0]))
deep = Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 257)

PLAIN = {
    "png": encoded(rgb),
    "grey png": encoded(rgb.convert("L")),
    "jpeg": encoded(rgb, "JPEG"),
    "grey jpeg": encoded(rgb.convert("L"), "JPEG"),
    "progressive jpeg": encoded(rgb, "JPEG", progressive=True),
    "jpeg said to be upright": encoded(rgb, "JPEG", exif=exif(1)),
    "jpeg with an orientation of no meaning": encoded(rgb, "JPEG", exif=exif(9)),
}
CHANGED = {
    **{f"jpeg turned {turn}": encoded(rgb, "JPEG", exif=exif(turn)) for turn in range(2, 9)},
    "png turned": encoded(rgb, exif=exif(6)),
    "png turned by a mirror": encoded(rgb, exif=exif(2)),
    "alpha": encoded(alpha),
    "grey alpha": encoded(alpha.convert("LA")),
    "transparent colour": encoded(rgb, transparency=tuple(int(value) for value in PIXELS[0, 0])),
    "transparent grey": encoded(rgb.convert("L"), transparency=int(np.asarray(rgb.convert("L"))[0, 0])),
    "palette": encoded(rgb.quantize(16)),
    "palette with transparency": encoded(rgb.quantize(16), transparency=3),
    "16-bit grey": encoded(deep),
    "16-bit colour": png(16, 2, PIXELS[0].astype(">u2").tobytes() + (PIXELS[1].astype(">u2") * 257).tobytes(), 18),
    "1 bit": encoded(rgb.convert("1")),
    "cmyk": encoded(rgb.convert("CMYK"), "JPEG"),
    "animated png": animation(),
    "gif": encoded(rgb, "GIF"),
    "webp": encoded(rgb, "WEBP"),
    "webp with alpha": encoded(alpha, "WEBP", lossless=True),
    "bmp": encoded(rgb, "BMP"),
    "tiff": encoded(rgb, "TIFF"),
}


def naive(data: bytes) -> np.ndarray:
    """What a server sees that leaves EXIF and transparency aside and keeps the low byte of what is too large."""
    with Image.open(BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("name", PLAIN)
def test_what_any_decoder_reads_alike_is_passed_through(name: str) -> None:
    media = image_from_bytes(PLAIN[name])
    found = encoded_image(media)
    assert found.data == PLAIN[name] == media.read()
    assert found.mime == ("image/jpeg" if "jpeg" in name else "image/png")
    assert np.array_equal(naive(found.data), np.asarray(media.load()))


@pytest.mark.parametrize("name", CHANGED)
def test_all_else_is_sent_as_the_pixels_of_load(name: str) -> None:
    media = image_from_bytes(CHANGED[name])
    found = encoded_image(media)
    assert found.mime == "image/png"
    assert media.read() == found.data
    with Image.open(BytesIO(found.data)) as image:
        assert (image.mode, image.has_transparency_data, image.getexif()) == ("RGB", False, {})
    assert np.array_equal(naive(found.data), np.asarray(media.load()))


def test_the_background_is_white_and_sixteen_bits_are_scaled() -> None:
    clear = encoded(Image.new("RGBA", (2, 2), (255, 0, 0, 0)))
    assert naive(image_from_bytes(clear).read())[0, 0].tolist() == [255, 255, 255]
    half = encoded(Image.fromarray(np.full((2, 2), 20000, np.uint16)))
    assert naive(image_from_bytes(half).read())[0, 0].tolist() == [78, 78, 78]


def test_the_name_of_a_file_decides_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PLAIN["jpeg"])
    assert encoded_image(image_from_file(tmp_path / "a.png")).mime == "image/jpeg"
    (tmp_path / "b.jpg").write_bytes(CHANGED["webp"])
    assert encoded_image(image_from_file(tmp_path / "b.jpg")).mime == "image/png"


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_a_file_cut_off_anywhere_is_never_handed_on(form: str) -> None:
    whole = encoded(Image.fromarray(np.tile(PIXELS, (8, 8, 1))), form)
    for length in range(0, int(len(whole) * 0.9), 97):
        with pytest.raises(MediaError):
            image_from_bytes(whole[:length]).read()


def test_text_in_a_png_and_a_bomb_are_never_handed_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no image")
    with pytest.raises(MediaError):
        image_from_file(tmp_path / "a.png").read()
    monkeypatch.setenv("MMBENCH_MAX_IMAGE_PIXELS", "53")
    with pytest.raises(MediaError, match="limit"):
        encoded_image(image_from_bytes(PLAIN["png"]))


def test_pixels_and_sources_of_others_are_sent_as_they_load() -> None:
    media = image_from_array(PIXELS)
    assert np.array_equal(naive(encoded_image(media).data), PIXELS)

    class Cropped:
        path = None

        def read(self) -> bytes:
            return PLAIN["png"]

        def load(self) -> Image.Image:
            return rgb.crop((0, 0, 2, 2))

    foreign = Media("image", "image/png", "f" * 64, Cropped())
    assert np.array_equal(naive(encoded_image(foreign).data), PIXELS[:2, :2])


@pytest.mark.parametrize("first", ["read", "load"])
@pytest.mark.parametrize("name", ["png", "jpeg turned 6", "alpha"])
def test_an_image_is_prepared_once(name: str, first: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, saved = count(monkeypatch)
    media = image_from_bytes({**PLAIN, **CHANGED}[name])
    for method in (first, "read", "load", "read", "load"):
        getattr(media, method)()
    assert (len(opened), len(saved)) == (1, name != "png")


def test_an_image_is_prepared_once_for_many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    opened, saved = count(monkeypatch)
    same = [image_from_bytes(CHANGED["alpha"]) for _ in range(16)]
    with ThreadPoolExecutor(8) as pool:
        assert len({found.data for found in pool.map(encoded_image, same)}) == 1
    assert (len(opened), len(saved)) == (1, 1)


def count(monkeypatch: pytest.MonkeyPatch) -> tuple[list[Any], list[Any]]:
    """Files decoded and PNGs written from now on."""
    opened: list[Any] = []
    saved: list[Any] = []
    reader, writer = decode._reader, prepared._png

    def read(found: Any) -> Any:
        opened.append(found)
        return reader(found)

    def write(image: Any) -> bytes:
        saved.append(image)
        return writer(image)

    monkeypatch.setattr(decode, "_reader", read)
    monkeypatch.setattr(prepared, "_png", write)
    return opened, saved


def test_what_is_remembered_is_bounded() -> None:
    small = cache.DigestCache[bytes](1000, len)
    for number in range(20):
        small.get(f"{number}", lambda: b"x" * 100)
    assert sum(len(value) for value in small._values.values()) <= 1000
    assert sys.getsizeof(small._pending) < 1000
    assert not small._pending
