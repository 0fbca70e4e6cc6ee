"""A server that writes the key back in thirty ways and more: it reaches no file and no screen."""

import base64
import html
import json
import random
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from helpers import Ended, write_questions
from hostile import OK, HostileServer, answer

from mmbench.models.endpoint.secret import without_key

KEY = "sk-Canary/7f3aQ9+zLw-0e5bD81xYt64"


def unicode_escaped(text: str) -> str:
    return "".join(f"\\u{ord(each):04x}" for each in text)


ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda key: key,
    "slashes escaped": lambda key: key.replace("/", "\\/"),
    "every mark escaped": lambda key: re.sub(r"(\W)", r"\\\1", key),
    "unicode escapes": unicode_escaped,
    "unicode escapes in capitals": lambda key: "".join(f"\\u{ord(each):04X}" for each in key),
    "every second letter escaped": lambda key: "".join(f"\\u{ord(c):04x}" if n % 2 else c for n, c in enumerate(key)),
    "escaped twice": lambda key: unicode_escaped(key).replace("\\", "\\\\"),
    "braces": lambda key: "".join(f"\\u{{{ord(each):x}}}" for each in key),
    "hex escapes": lambda key: "".join(f"\\x{ord(each):02x}" for each in key),
    "octal escapes": lambda key: "".join(f"\\{ord(each):03o}" for each in key),
    "blanks inside": " ".join,
    "a line break inside": lambda key: f"{key[:9]}\n{key[9:]}",
    "escaped line breaks": lambda key: f"{key[:9]}\\r\\n{key[9:]}",
    "a tab inside": lambda key: f"{key[:5]}\t{key[5:]}",
    "folded": lambda key: "\n    ".join(key[n : n + 8] for n in range(0, len(key), 8)),
    "invisible spaces": "\u200b".join,
    "soft hyphens": "\xad".join,
    "NUL inside": lambda key: f"{key[:7]}\x00{key[7:]}",
    "in a URL": lambda key: quote(key, safe=""),
    "all of it in a URL": lambda key: "".join(f"%{ord(each):02x}" for each in key),
    "in a URL twice": lambda key: quote(quote(key, safe=""), safe=""),
    "HTML": html.escape,
    "HTML numbers": lambda key: "".join(f"&#{ord(each)};" for each in key),
    "HTML hex numbers": lambda key: "".join(f"&#x{ord(each):X};" for each in key),
    "tags inside": lambda key: f"{key[:6]}<b>{key[6:12]}</b>{key[12:]}",
    "quoted-printable": lambda key: "".join(f"={ord(each):02X}" for each in key),
    "base64": lambda key: base64.b64encode(key.encode()).decode(),
    "base64 of the header": lambda key: base64.b64encode(f"Bearer {key}".encode()).decode(),
    "base64 in a longer text": lambda key: base64.b64encode(f"x={key}&y=1".encode()).decode(),
    "base64 for URLs": lambda key: base64.urlsafe_b64encode(key.encode()).decode(),
    "base32": lambda key: base64.b32encode(key.encode()).decode(),
    "hex": lambda key: key.encode().hex(),
    "hex with colons": lambda key: key.encode().hex(":"),
    "capitals": lambda key: key.upper(),
    "small letters": lambda key: key.lower(),
    "a list of letters": lambda key: json.dumps(list(key)),
    "full-width": lambda key: "".join(chr(ord(each) + 0xFEE0) for each in key),
    "backwards": lambda key: key[::-1],
}


def bare(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", unicodedata.normalize("NFKC", text).lower())


def assert_absent(text: str, where: object) -> None:
    """Neither the key nor any of its encodings, nor a third of it, is in a text."""
    found = bare(text)
    for encode in ENCODINGS.values():
        assert bare(encode(KEY)) not in found, where
    core = bare(KEY)
    for n in range(len(core) - 9):
        assert core[n : n + 10] not in found, (where, core[n : n + 10])


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_key_is_taken_out_of_a_text(encoding: str) -> None:
    text = without_key(f"Incorrect API key provided: {ENCODINGS[encoding](KEY)} (see docs)", KEY)
    assert_absent(text, encoding)
    assert text.startswith("Incorrect API key provided: ")
    assert text.endswith(" (see docs)")


def test_other_text_is_left_alone() -> None:
    words = "The key word is skating; 7 canaries, 3 a.m. " * 2000
    assert without_key(words, KEY) == words
    draw = random.Random(4)
    noise = "".join(draw.choice("sk-Canary/7f3aQ9\\u%&# \n") for _ in range(100_000))
    assert without_key(noise, KEY) == noise


def bodies(written: str) -> list[bytes]:
    """Answers of a server in which the key stands in a place that something might be quoted from."""
    raw = f'{{"error": {{"message": "bad key {written}"}}}}'  # as the server writes it, valid JSON or not
    long = '{"error": {"message": "' + "x" * (2**16 - 45) + written + '"}}'
    message = {**OK["choices"][0]["message"], "content": f"red {written}", "reasoning": f"as {written} says"}
    whole = {"choices": [{**OK["choices"][0], "message": message}]}
    events = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in (f"red {written[:7]}", written[7:])]
    stream = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    return [
        answer(raw, "400 Bad Request"),
        answer(long, "500 Oops"),
        answer({"error": {"message": f"echo {written}", "code": written}}),
        answer(f"<html>{written}</html>", "403 Forbidden", kind="text/html"),
        answer(whole),
        answer(stream, kind="text/event-stream"),
        answer({"choices": [{**OK["choices"][0], "finish_reason": written}]}),
        answer(f"not json {written}"),
    ]


@pytest.mark.parametrize("encoding", [name if name in ("plain", "unicode escapes") else pytest.param(name, marks=pytest.mark.slow) for name in ENCODINGS])  # fmt: skip
def test_the_key_reaches_no_file_and_no_screen(encoding: str, call: Callable[..., Ended], tmp_path: Path) -> None:
    places = bodies(ENCODINGS[encoding](KEY))
    turn = iter(range(10**6))
    data = write_questions(tmp_path, len(places) * 2)
    arguments = ["run", "-m", "openai/m", "-t", "vqa", "--data", data, "--retries", "0", "--max-errors", "999"]
    with HostileServer(lambda connection, _: connection.sendall(places[next(turn) % len(places)])) as server:
        ended = call(*arguments, "--base-url", server.url, "--concurrency", "2", OPENAI_API_KEY=KEY)
    assert ended.code == 4, ended.err
    assert any(KEY.encode() in request for request in server.requests), "it is sent where it belongs"
    assert_absent(ended.out + ended.err, "the screen")
    files = [path for path in (tmp_path / "results").rglob("*") if path.is_file()]
    assert {"run.json", "responses.jsonl", "report.md"} <= {path.name for path in files}
    for path in files:
        raw = path.read_bytes().decode("utf-8", "replace")
        assert_absent(raw, path)
        assert_absent(re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), raw), path)
