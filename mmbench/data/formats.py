"""The picture formats that are read, told apart by their first bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

PREFIX = 16
"""Bytes of a file that `sniff` needs."""

UNKNOWN_MIME = "application/octet-stream"
"""The MIME type of what neither content nor suffix explains."""


@dataclass(frozen=True, slots=True)
class ImageFormat:
    """One format, and the PIL class that reads it."""

    name: str
    """As people write it."""
    mime: str
    """MIME type."""
    suffixes: tuple[str, ...]
    """Usual suffixes of its files, lower case."""
    reader: str
    """``module:class`` of PIL's reader."""
    matches: Callable[[bytes], bool]
    """Whether a file that begins with these bytes is of this format."""


def _begins(*signatures: bytes) -> Callable[[bytes], bool]:
    return lambda prefix: prefix.startswith(signatures)


def _is_webp(prefix: bytes) -> bool:
    return prefix[:4] == b"RIFF" and prefix[8:12] == b"WEBP"


def _is_avif(prefix: bytes) -> bool:
    return prefix[4:12] in (b"ftypavif", b"ftypavis")


def _is_pnm(prefix: bytes) -> bool:
    return len(prefix) > 2 and prefix[:1] == b"P" and prefix[1:2] in b"123456" and prefix[2:3].isspace()


FORMATS: tuple[ImageFormat, ...] = (
    ImageFormat("PNG", "image/png", (".png",), "PIL.PngImagePlugin:PngImageFile", _begins(b"\x89PNG\r\n\x1a\n")),
    ImageFormat(
        "JPEG", "image/jpeg", (".jpg", ".jpeg", ".jpe"), "PIL.JpegImagePlugin:JpegImageFile", _begins(b"\xff\xd8\xff")
    ),
    ImageFormat("GIF", "image/gif", (".gif",), "PIL.GifImagePlugin:GifImageFile", _begins(b"GIF87a", b"GIF89a")),
    ImageFormat("WebP", "image/webp", (".webp",), "PIL.WebPImagePlugin:WebPImageFile", _is_webp),
    ImageFormat("BMP", "image/bmp", (".bmp",), "PIL.BmpImagePlugin:BmpImageFile", _begins(b"BM")),
    ImageFormat(
        "TIFF",
        "image/tiff",
        (".tif", ".tiff"),
        "PIL.TiffImagePlugin:TiffImageFile",
        _begins(b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"),
    ),
    ImageFormat(
        "PNM", "image/x-portable-anymap", (".pnm", ".ppm", ".pgm", ".pbm"), "PIL.PpmImagePlugin:PpmImageFile", _is_pnm
    ),
    ImageFormat("AVIF", "image/avif", (".avif",), "PIL.AvifImagePlugin:AvifImageFile", _is_avif),
    ImageFormat(
        "JPEG 2000",
        "image/jp2",
        (".jp2", ".j2k", ".jpx"),
        "PIL.Jpeg2KImagePlugin:Jpeg2KImageFile",
        _begins(b"\x00\x00\x00\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"),
    ),
)
"""Every format that is read, the most frequent first."""


def sniff(prefix: bytes) -> ImageFormat | None:
    """The format of a file that begins with `prefix` (`PREFIX` bytes suffice), or None."""
    return next((known for known in FORMATS if known.matches(prefix)), None)


def guess_mime(prefix: bytes, path: str) -> str:
    """MIME type by the content's first bytes, else by the suffix of `path`."""
    found = sniff(prefix)
    if found is not None:
        return found.mime
    suffix = PurePath(path).suffix.lower()
    return next((known.mime for known in FORMATS if suffix in known.suffixes), UNKNOWN_MIME)
