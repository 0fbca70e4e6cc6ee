"""Images in a terminal: which protocol a terminal gets, and that what is sent decodes to the image."""

import base64
import io
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers import Colours, Ended, evaluate, write_questions
from PIL import Image

from mmbench.cli.picture import draw, iterm, kitty, known_protocol, sixels
from mmbench.core.media import Media
from mmbench.data import image_from_bytes
from mmbench.data.sources import FileImage

XTERM = {"TERM": "xterm-256color"}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({**XTERM, "KITTY_WINDOW_ID": "1"}, "kitty"),
        ({**XTERM, "TERM_PROGRAM": "ghostty"}, "kitty"),
        ({**XTERM, "TERM_PROGRAM": "iTerm.app"}, "iterm"),
        ({**XTERM, "TERM_PROGRAM": "WezTerm"}, "iterm"),
        ({**XTERM, "LC_TERMINAL": "iTerm2"}, "iterm"),
        ({"TERM": "foot"}, "sixel"),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/x"}, None),
        ({"TERM": "tmux-256color", "TERM_PROGRAM": "iTerm.app"}, "blocks"),
        ({**XTERM, "TERM_PROGRAM": "vscode"}, "blocks"),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, "blocks"),
        ({"TERM": "dumb"}, None),
        ({}, None),
    ],
)
def test_the_environment_says_what_a_terminal_shows(environment: dict[str, str], expected: str | None) -> None:
    assert known_protocol(environment) == expected


def noise(width: int = 50, height: int = 23) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def png_of(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def test_kitty_gets_the_png_in_chunks_that_it_takes() -> None:
    content = png_of(noise(120, 90))
    sequences = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", kitty(content, 40))
    assert "".join(f"\x1b_G{keys};{part}\x1b\\" for keys, part in sequences) == kitty(content, 40)
    assert len(sequences) > 2
    assert all(len(part) <= 4096 for _, part in sequences)
    assert all(len(part) % 4 == 0 for _, part in sequences)
    assert [keys.rpartition("m=")[2] for keys, _ in sequences] == ["1"] * (len(sequences) - 1) + ["0"]
    assert {"a=T", "f=100", "q=2", "c=40"} <= set(sequences[0][0].split(","))
    assert base64.b64decode("".join(part for _, part in sequences)) == content


def test_iterm_gets_the_png_and_its_size() -> None:
    content = png_of(noise())
    keys, text = re.fullmatch(r"\x1b\]1337;File=([^:]*):([^\x07]*)\x07", iterm(content, 30)).groups()  # type: ignore[union-attr]
    assert {"inline=1", f"size={len(content)}", "width=30"} <= set(keys.split(";"))
    assert base64.b64decode(text) == content


def decoded(text: str) -> np.ndarray:
    """The pixels of sixels, by the manual of the VT330: a decoder that shares nothing with the encoder."""
    body = re.fullmatch(r"\x1bPq(.*)\x1b\\", text, re.DOTALL)[1]  # type: ignore[index]
    _, _, width, height = map(int, re.match(r'"(\d+);(\d+);(\d+);(\d+)', body).groups())  # type: ignore[union-attr]
    pixels, colours, colour, x, top = np.full((height + 5, width, 3), -1), {}, 0, 0, 0
    for token in re.findall(
        r"#\d+;2;\d+;\d+;\d+|#\d+|!\d+.|[$-]|[?-~]", body.partition("#")[1] + body.partition("#")[2]
    ):
        if token.startswith("#") and ";" in token:
            number, _, *shares = map(int, token[1:].split(";"))
            colours[number] = [round(each * 2.55) for each in shares]
        elif token.startswith("#"):
            colour = int(token[1:])
        elif token == "$":
            x = 0
        elif token == "-":
            x, top = 0, top + 6
        else:
            count, character = (int(token[1:-1]), token[-1]) if token.startswith("!") else (1, token)
            for bit in range(6):
                if (ord(character) - 63) >> bit & 1:
                    pixels[top + bit, x : x + count] = colours[colour]
            x += count
    return pixels[:height]


def test_sixels_decode_to_the_image() -> None:
    flat = Image.new("RGB", (50, 23), (200, 30, 30))
    flat.paste((10, 20, 250), (5, 3, 30, 17))
    assert np.abs(decoded(sixels(flat)) - np.asarray(flat, dtype=int)).max() <= 3
    exact = np.asarray(noise().quantize(64).convert("RGB"), dtype=int)
    assert np.abs(decoded(sixels(noise())) - exact).max() <= 3


def test_an_image_is_small_and_keeps_its_shape_and_a_broken_one_is_a_sentence() -> None:
    wide = image_from_bytes(png_of(noise(2000, 200)))
    sent = base64.b64decode("".join(re.findall(r";([^;\x1b]*)\x1b\\", draw(wide, "kitty"))))
    assert Image.open(io.BytesIO(sent)).size == (480, 48)
    tall = draw(image_from_bytes(png_of(noise(40, 4000))), "kitty")
    keys = dict(each.split("=") for each in re.match(r"\x1b_G([^;]*)", tall)[1].split(","))  # type: ignore[index]
    assert int(keys["c"]) == 1
    assert draw(image_from_bytes(b"\x89PNG\r\n\x1a\n broken"), "kitty").startswith("[")


def test_a_strip_of_one_pixel_does_not_flood_the_terminal_and_a_path_does_not_steer_it() -> None:
    strip = image_from_bytes(png_of(noise(1, 5000)))
    assert draw(strip, "blocks").count("\n") < 50
    assert draw(strip, "sixel").count("-") < 200
    gone = Media("image", "image/png", "0" * 64, FileImage("/gone/\x1b]0;title\x07.png", ""))
    assert "\x1b" not in draw(gone, "kitty")


@pytest.mark.slow
def test_images_are_drawn_on_a_terminal_or_when_asked_for_and_never_in_a_pipe(
    tmp_path: Path, call: Callable[..., Ended]
) -> None:
    run = evaluate(Colours(), write_questions(tmp_path, 4), tmp_path).path
    assert "\x1b" not in call("show", run, "--sample", "0", TERM="xterm-kitty").out
    assert "\x1b_G" in call("show", run, "--sample", "0", "--images", TERM="xterm-kitty").out
    main, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-kitty"}
    environment = {name: value for name, value in environment.items() if name not in ("TMUX", "STY", "NO_COLOR")}
    for option, drawn in ((), True), (("--no-images",), False):
        command = [sys.executable, "-m", "mmbench", "show", str(run), "--sample", "0", *option]
        with subprocess.Popen(
            command, stdout=terminal, stderr=subprocess.DEVNULL, env=environment, cwd=tmp_path
        ) as shown:
            shown.wait(timeout=60)
        seen = os.read(main, 100_000)
        assert (b"\x1b_G" in seen) is drawn
        assert b"sample" in seen
    os.close(main)
    os.close(terminal)


@pytest.mark.slow
def test_samples_are_json_with_answers_scores_and_where_images_lie(tmp_path: Path, call: Callable[..., Ended]) -> None:
    data = write_questions(tmp_path, 4)
    run = evaluate(Colours(), data, tmp_path).path
    document = json.loads(call("show", run, "--sample", "q1", "--json").out)
    assert (document["id"], document["status"]) == ("q1", "ok")
    (path,) = document["image_paths"]
    assert Path(path).is_file()
    (score,) = document["scores"]
    assert (score["unit"], score["id"]) == ("sample", "q1")
    assert json.loads(call("show", run, "--sample", "1", "--json").out) == document
    call("show", run, "--sample", "nothing", "--json").refused(2, "nothing")
    call("show", run, "--sample", "q1", "--format", "csv").refused(2, "--json")
    asked = json.loads(call("show", "vqa", "--data", data, "--sample", "q1", "--json").out)
    assert (asked["id"], asked["references"]) == ("q1", document["references"])
    assert [part["kind"] for part in asked["parts"]] == ["image", "text"]
    assert json.loads(call("show", "vqa/scenes", "--json").out)["task"] == "vqa/scenes"
