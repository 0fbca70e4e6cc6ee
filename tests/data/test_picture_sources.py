"""Pictures: what decoding gives for every kind of file, and a clear error for every broken one."""

import pickle
import struct
import subprocess
import sys
import warnings
import zlib
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from mmbench.core import MediaError, UsageError
from mmbench.data import ArrayImage, BytesImage, FileImage, image_from_array, image_from_bytes, image_from_file

RED, WHITE, BLUE = (255, 0, 0), (255, 255, 255), (0, 0, 255)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    """A PNG written by hand, so that headers may lie and depths need no encoder."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def encoded(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    stream = BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def decode(data: bytes) -> Image.Image:
    return BytesImage(data).load()


def corners() -> Image.Image:
    """3 x 2 pixels, all different, so that every turn is told apart."""
    pixels = np.arange(18, dtype=np.uint8).reshape(2, 3, 3) * 10
    return Image.fromarray(pixels)


@pytest.mark.parametrize("form", ["PNG", "BMP", "PPM", "TIFF", "GIF", "JPEG", "WEBP"])
def test_every_common_format_gives_a_plain_rgb_picture(form: str) -> None:
    picture = decode(encoded(Image.new("RGB", (8, 6), RED), form))
    assert (picture.mode, picture.size) == ("RGB", (8, 6))
    assert type(picture) is Image.Image
    assert not isinstance(picture, ImageFile.ImageFile)
    assert np.abs(np.asarray(picture).astype(int) - RED).max() <= 3


def test_lossless_pixels_are_exact() -> None:
    assert np.array_equal(np.asarray(decode(encoded(corners()))), np.asarray(corners()))


@pytest.mark.parametrize(
    ("orientation", "undo"),
    [
        (1, lambda pixels: pixels),
        (2, lambda pixels: pixels[:, ::-1]),
        (3, lambda pixels: pixels[::-1, ::-1]),
        (4, lambda pixels: pixels[::-1]),
        (5, lambda pixels: pixels.transpose(1, 0, 2)),
        (6, lambda pixels: np.rot90(pixels, -1)),
        (7, lambda pixels: pixels[::-1, ::-1].transpose(1, 0, 2)),
        (8, lambda pixels: np.rot90(pixels, 1)),
    ],
)
@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_exif_orientation_is_applied_once(orientation, undo, form) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = decode(encoded(corners(), form, exif=exif.tobytes()))
    assert np.array_equal(np.asarray(picture), undo(np.asarray(corners())))
    assert picture.getexif().get(0x0112, 1) == 1


def test_exif_orientation_of_a_jpeg() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode(encoded(Image.new("RGB", (30, 20)), "JPEG", exif=exif.tobytes())).size == (20, 30)


def test_broken_exif_leaves_the_picture_as_it_lies() -> None:
    assert decode(encoded(corners(), exif=b"Exif\x00\x00not a TIFF header")).size == (3, 2)


def test_transparency_lies_over_white() -> None:
    clear = Image.new("RGBA", (2, 1), (*RED, 255))
    clear.putpixel((1, 0), (*BLUE, 0))
    half = Image.new("LA", (1, 1), (0, 128))
    assert np.asarray(decode(encoded(clear))).tolist() == [[[255, 0, 0], [255, 255, 255]]]
    assert np.asarray(decode(encoded(half)))[0, 0, 0] == 127


@pytest.mark.parametrize("form", ["PNG", "GIF"])
def test_palette_with_a_transparent_colour(form: str) -> None:
    picture = Image.new("P", (2, 1), 0)
    picture.putpalette([*RED, *BLUE])
    picture.putpixel((1, 0), 1)
    assert np.asarray(decode(encoded(picture, form))).tolist() == [[[255, 0, 0], [0, 0, 255]]]
    assert np.asarray(decode(encoded(picture, form, transparency=1))).tolist() == [[[255, 0, 0], [255, 255, 255]]]


def test_sixteen_bit_grey_is_scaled_not_cut_off() -> None:
    values = (0, 257, 32768, 65535)
    data = png(4, 1, 16, 0, b"\x00" + b"".join(struct.pack(">H", value) for value in values))
    assert np.asarray(decode(data))[0, :, 0].tolist() == [0, 1, 128, 255]


def test_sixteen_bit_colour_and_one_bit_and_cmyk() -> None:
    deep = png(1, 1, 16, 2, b"\x00" + struct.pack(">HHH", 65535, 0, 65535))
    assert np.asarray(decode(deep)).tolist() == [[[255, 0, 255]]]
    assert np.asarray(decode(encoded(Image.new("1", (1, 1), 1)))).tolist() == [[[255, 255, 255]]]
    cyan = decode(encoded(Image.new("CMYK", (8, 8), (255, 0, 0, 0)), "JPEG"))
    assert cyan.mode == "RGB"
    assert np.abs(np.asarray(cyan)[0, 0].astype(int) - (0, 255, 255)).max() < 10


def test_floating_point_pixels_are_refused() -> None:
    with pytest.raises(MediaError, match="no defined range"):
        decode(encoded(Image.new("F", (2, 2), 0.5), "TIFF"))


def test_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in (RED, BLUE)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert np.asarray(decode(data))[0, 0].tolist() == [255, 0, 0]


def test_missing_file_unreadable_folder_and_empty_file_name_the_file(tmp_path: Path) -> None:
    empty = tmp_path / "empty.png"
    empty.touch()
    for path, words in ((tmp_path / "no.png", "does not exist"), (tmp_path, "cannot be read"), (empty, "is empty")):
        with pytest.raises(MediaError, match=words) as caught:
            FileImage(str(path)).load()
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(MediaError, match="does not exist"):
        FileImage(str(tmp_path / "no.png")).read()
    with pytest.raises(MediaError, match="does not exist"):
        image_from_file(tmp_path / "no.png")


def test_text_in_a_png_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "page.png"
    path.write_text("<html>404</html>")
    media = image_from_file(path)
    assert media.mime == "image/png"
    with pytest.raises(MediaError, match=r"page\.png is not a picture in a known format"):
        media.load()


def test_postscript_never_reaches_an_interpreter() -> None:
    with pytest.raises(MediaError, match="not a picture"):
        decode(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"])
def test_truncated_pictures_at_every_length(form: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    data = encoded(Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)), form)
    failed = 0
    for length in range(1, len(data) - 40, 7):
        try:
            picture = decode(data[:length])
        except MediaError:
            failed += 1
        else:  # some decoders can do without the last bytes
            assert picture.size == (16, 16)
    assert failed >= len(range(1, len(data) - 40, 7)) * 0.8
    path = tmp_path / f"half.{form.lower()}"
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(MediaError, match=r"half\.\w+ is truncated or corrupt: \w"):
        FileImage(str(path)).load()


def test_noise_after_a_good_signature_is_always_a_media_error() -> None:
    rng = np.random.default_rng(1)
    good = encoded(corners())
    for _ in range(100):
        data = bytearray(good)
        for position in rng.integers(8, len(data), 4):
            data[position] = rng.integers(0, 256)
        with suppress(MediaError):
            assert decode(bytes(data)).mode == "RGB"


@pytest.mark.parametrize(("width", "height"), [(60_000, 60_000), (10_000, 10_000), (2_000_000_000, 2)])
def test_a_bomb_is_refused_before_decoding_and_without_a_warning(width: int, height: int) -> None:
    limit = Image.MAX_IMAGE_PIXELS
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with pytest.raises(MediaError, match=rf"is {width} x {height} pixels, over the limit of 89,478,485"):
            decode(png(width, height, 8, 2, b"\x00" * 9))
    assert seen == []
    assert limit == Image.MAX_IMAGE_PIXELS


def test_no_warning_of_pil_reaches_the_screen(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png(10_000, 10_000, 8, 2, b"\x00" * 9))
    code = (
        "import sys; from mmbench.data import image_from_file, preload; from mmbench.core import MediaError\n"
        "media = image_from_file(sys.argv[1]); preload(media)\n"
        "try: media.load()\n"
        "except MediaError as error: print(error)"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code, str(path)], cwd=root, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "bomb.png is 10000 x 10000 pixels" in done.stdout


def test_the_limit_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(Image.new("RGB", (20, 10)))
    monkeypatch.setenv("MMBENCH_MAX_IMAGE_PIXELS", "199")
    with pytest.raises(MediaError, match="over the limit of 199; set MMBENCH_MAX_IMAGE_PIXELS"):
        decode(data)
    monkeypatch.setenv("MMBENCH_MAX_IMAGE_PIXELS", "200")
    assert decode(data).size == (20, 10)


@pytest.mark.parametrize("text", ["many", "0", "-5", "1e9"])
def test_a_limit_that_is_no_number_is_a_usage_error(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMBENCH_MAX_IMAGE_PIXELS", text)
    with pytest.raises(UsageError, match="expected a positive whole number"):
        decode(encoded(corners()))


def test_sources_pickle_and_read_the_same(tmp_path: Path) -> None:
    data = encoded(corners())
    path = tmp_path / "a.png"
    path.write_bytes(data)
    pixels = np.asarray(corners())
    for media in (image_from_file(path), image_from_bytes(data), image_from_array(pixels)):
        again = pickle.loads(pickle.dumps(media))
        assert again == media
        assert np.array_equal(np.asarray(again.load()), pixels)
        assert np.array_equal(np.asarray(decode(again.read())), pixels)
    assert image_from_file(path).path == str(path)
    assert image_from_bytes(data).path is None


def test_an_array_must_be_a_picture() -> None:
    for pixels in (np.zeros((2, 2), np.uint8), np.zeros((2, 2, 3), np.float32), np.zeros((0, 2, 3), np.uint8)):
        with pytest.raises(MediaError, match="expected uint8"):
            ArrayImage(pixels).load()


def test_a_source_per_file_is_small(tmp_path: Path) -> None:
    source = FileImage(str(tmp_path / "a.png"), "0" * 64)
    assert not hasattr(source, "__dict__")
    assert sys.getsizeof(source) <= 64


def test_importing_the_package_loads_no_pil_and_no_numpy() -> None:
    code = "import sys, mmbench.data; print(sorted({'PIL', 'numpy'} & set(sys.modules)))"
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
