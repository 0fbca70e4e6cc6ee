"""Take a key out of foreign text, however a server wrote it back."""

from __future__ import annotations

import base64
import re
from functools import lru_cache

_BETWEEN = (
    r"(?:[^a-z0-9]|\\+[nrtbfv0]|\\+u(?:\{[0-9a-f]{1,6}\}|[0-9a-f]{4})|\\+x[0-9a-f]{2}|\\+[0-7]{3}|%(?:25)*[0-9a-f]{2}|=[0-9a-f]{2}"
    r"|&(?:amp;)*(?:#x?[0-9a-f]{1,6}|[a-z]{2,8});|<[^<>]{0,60}>){0,12}?"
)
"""What may stand between two letters of a key: marks, blanks, line breaks and invisible characters, as they are or escaped,
and tags."""


@lru_cache(maxsize=8)
def _pattern(key: str) -> re.Pattern[str]:
    """What finds a key: its letters and digits in their order, each as it is or escaped, and the key in base64 and hex."""
    letters = [each for each in key if each.isascii() and each.isalnum()]
    forms = [_BETWEEN.join(map(_letter, letters)), _BETWEEN.join(map(_letter, reversed(letters)))]
    forms += [_BETWEEN.join(map(re.escape, each)) for each in _encoded(key.encode())]
    return re.compile("|".join(forms), re.IGNORECASE)


def _letter(each: str) -> str:
    code = ord(each)
    codes = sorted({ord(each.lower()), ord(each.upper())})
    hexadecimal, decimal = "|".join(f"{n:02x}" for n in codes), "|".join(map(str, codes))
    octal = "|".join(f"{n:03o}" for n in codes)
    return (
        rf"(?:{each}|{chr(code + 0xFEE0)}|\\+u(?:00(?:{hexadecimal})|\{{0*(?:{hexadecimal})\}})|\\+x(?:{hexadecimal})"
        rf"|\\+(?:{octal})|%(?:25)*(?:{hexadecimal})|=(?:{hexadecimal})"
        rf"|&(?:amp;)*#(?:0*(?:{decimal})|x0*(?:{hexadecimal}));?)"
    )


def _encoded(key: bytes) -> list[str]:
    """The key in hex, in base 32, and in base 64 at each of its three alignments, without what its neighbours change."""
    found = [key.hex(), base64.b32encode(key).decode().rstrip("=")[:-1]]
    for before in range(3):
        text = base64.b64encode(b"\0" * before + key).decode().rstrip("=")
        inner = text[(0, 2, 3)[before] : -1]
        found += [inner, inner.replace("+", "-").replace("/", "_")]
    return list(dict.fromkeys(found))


def without_key(text: str, key: str) -> str:
    r"""The text with ``[key]`` wherever the key stands in it.

    Case does not matter, nor what stands between its letters, nor how they are escaped: as JSON, URL, HTML, quoted-printable
    or hex, in base 32 or 64, full-width or backwards.

    >>> without_key(r"your key is sk-A1\/b2 \u0063\u0033d4", "sk-a1/b2c3d4")
    'your key is [key]'
    """
    return text if len(text) < len(key) // 2 else _pattern(key).sub("[key]", text)
