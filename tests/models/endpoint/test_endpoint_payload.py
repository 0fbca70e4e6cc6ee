"""What a call holds: pictures untouched, the prompt in its order, what the user wished."""

import base64
import hashlib
import io
import json
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import evaluate, write_model, write_questions, write_rows
from misbehaving import always, said, serving
from PIL import Image

from mmbench.core import Generate, Media
from mmbench.core.errors import RunFailedError, UsageError
from mmbench.data import image_from_bytes
from mmbench.models.endpoint import payload
from mmbench.models.endpoint.adapter import OpenAI
from mmbench.models.endpoint.payload import Payloads, Wishes, data_url


def noise(size: int = 24) -> Image.Image:
    pixels = np.random.default_rng(3).integers(0, 256, (size, size, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def split(url: str) -> tuple[str, bytes]:
    head, _, data = url.partition(",")
    return head.removeprefix("data:").removesuffix(";base64"), base64.b64decode(data, validate=True)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.gif", "a.bmp", "a.tiff"])
def test_png_and_jpeg_are_passed_through_untouched_and_others_sent_as_png(name: str, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    file = tmp_path / "images" / name
    noise().save(file, **({"lossless": True} if name == "a.webp" else {}))
    data = write_rows(tmp_path / "mine.jsonl", [{"image": name, "question": "what?", "answer": "red"}])
    with serving(always(said())) as server:
        result = evaluate("openai/m", data, tmp_path, model_args={"base_url": server.url})
    assert result.exit_code == 0
    ((url,),) = [call.pictures for call in server.calls]
    mime, sent = split(url)
    if name in ("a.png", "a.jpg"):
        assert mime == {"a.png": "image/png", "a.jpg": "image/jpeg"}[name]
        assert hashlib.sha256(sent).digest() == hashlib.sha256(file.read_bytes()).digest()
    else:
        assert mime == "image/png"
        with Image.open(file) as original, Image.open(io.BytesIO(sent)) as seen:
            assert seen.convert("RGB").tobytes() == original.convert("RGB").tobytes()


@pytest.mark.slow
def test_a_picture_of_several_megabytes_arrives_whole(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    noise(1200).save(tmp_path / "images" / "large.png")
    assert (tmp_path / "images" / "large.png").stat().st_size > 2**22
    data = write_rows(tmp_path / "mine.jsonl", [{"image": "large.png", "question": "what?", "answer": "red"}])
    with serving(always(said())) as server:
        assert evaluate("openai/m", data, tmp_path, model_args={"base_url": server.url}).exit_code == 0
    ((url,),) = [call.pictures for call in server.calls]
    assert split(url)[1] == (tmp_path / "images" / "large.png").read_bytes()


def test_a_picture_that_cannot_be_read_is_an_error_of_that_sample(ask: Any, tmp_path: Path) -> None:
    with serving(always(said())) as server:

        def lost(call: Any) -> Any:
            (tmp_path / "images" / "29.png").unlink(missing_ok=True)
            return said()

        server.behave = lost
        result = ask(server, 30, concurrency=1)  # images are encoded ahead, the last ones not yet
    assert result.exit_code == 4
    assert server.times(29) == 0


def test_a_call_holds_what_was_wished(ask: Any) -> None:
    wishes = {"system": "Be brief.", "detail": "low", "tokens_field": "max_completion_tokens"}
    with serving(always(said())) as server:
        ask(server, 1, args={**wishes, "extra": {"top_p": 0.5, "model": "another"}})
    (call,) = server.calls
    assert call.body["messages"][0] == {"role": "system", "content": "Be brief."}
    text, picture = sorted(call.body["messages"][1]["content"], key=lambda part: part["type"], reverse=True)
    assert (text["type"], picture["image_url"]["detail"]) == ("text", "low")
    assert call.body["max_completion_tokens"] > 0
    assert "max_tokens" not in call.body
    assert (call.body["top_p"], call.body["model"], call.body["temperature"]) == (0.5, "another", 0.0)
    assert "stream" not in call.body


def test_parts_keep_their_order_and_a_text_alone_is_a_text() -> None:
    buffer = io.BytesIO()
    noise().save(buffer, "PNG")
    picture = image_from_bytes(buffer.getvalue())
    payloads = Payloads(Wishes(model="m"))
    body = json.loads(
        payloads.generate(Generate(parts=("a", picture, "b"), stop=("\n",), temperature=0.7, seed=2**40 + 5))
    )
    assert [part["type"] for part in body["messages"][0]["content"]] == ["text", "image_url", "text"]
    assert (body["stop"], body["temperature"], body["seed"]) == (["\n"], 0.7, 5)
    body = json.loads(payloads.generate(Generate(parts=("a", "b"))))
    assert body["messages"] == [{"role": "user", "content": "a\nb"}]
    assert "seed" not in body


@pytest.mark.slow
def test_encoded_pictures_stay_within_64_mb() -> None:
    payloads = Payloads(Wishes(model="m"))
    tracemalloc.start()
    for number in range(40):
        buffer = io.BytesIO()
        Image.new("RGB", (2, 2)).save(buffer, "PNG")
        data = buffer.getvalue() + number.to_bytes(4, "big") * 2**19
        payloads.generate(Generate(parts=(image_from_bytes(data),)))
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held < 80 * 2**20
    assert payloads.missing(Generate(parts=(image_from_bytes(b"\x89PNG\r\n\x1a\n"),)))


def test_images_that_would_be_dropped_before_their_turn_are_not_encoded_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payload, "_REMEMBERED_BYTES", 40_000)
    model, begun = OpenAI("m", base_url="http://localhost:1/v1"), list[Media]()
    monkeypatch.setattr(model, "_encoding_of", begun.append)
    for size, expected in ((500, 2), (20_000, 1)):
        image, other = (image_from_bytes(tiny_png() + bytes([number]) * size) for number in range(2))
        model.prepare_ahead([Generate(parts=(image,))])
        model._payloads.encode(image)
        model.prepare_ahead([Generate(parts=(other,))])
        assert len(begun) == expected, size
        begun.clear()


def tiny_png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (2, 2)).save(buffer, "PNG")
    return buffer.getvalue()


def test_what_is_no_picture_is_refused() -> None:
    sound = replace(image_from_bytes(b"\x89PNG\r\n\x1a\n"), kind="audio")
    with pytest.raises(RunFailedError, match="audio"):
        data_url(sound)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sytem": "x"}, "Did you mean 'system'"),
        ({"stream": "yes"}, "stream='yes': expected true or false"),
        ({"extra": "x"}, "extra='x': expected a table"),
        ({"system": 3}, "system=3: expected a text"),
        ({"request_timeout": 0}, "request_timeout=0: expected a positive number"),
        ({"request_timeout": True}, "expected a positive number"),
        ({"base_url": "localhost:8000"}, "expected http://… or https://…"),
        ({"base_url": "http://"}, "expected http://… or https://…"),
        ({"base_url": "http://host:port/v1"}, "expected http://… or https://…"),
        ({"base_url": 3}, "expected http://… or https://…"),
        ({"ca_file": "absent.pem"}, "ca_file='absent.pem': there is no such file"),
        ({"ca_file": 3}, "ca_file=3"),
    ],
)
def test_options_are_checked_before_anything_is_written(options: dict[str, Any], words: str, tmp_path: Path) -> None:
    data = write_questions(tmp_path, 1)
    with pytest.raises(UsageError) as raised:
        evaluate("openai/m", data, tmp_path, model_args={"base_url": "http://127.0.0.1:9", **options})
    assert words in str(raised.value)
    assert not (tmp_path / "runs").exists()


def test_certificates_that_are_none_are_refused(ask: Any, tmp_path: Path) -> None:
    (tmp_path / "text.pem").write_text("no certificate")
    with serving(always(said())) as server, pytest.raises(UsageError, match="cannot be read as certificates"):
        ask(server, args={"ca_file": str(tmp_path / "text.pem")})


def test_the_name_of_the_model_may_hold_slashes(tmp_path: Path) -> None:
    data = write_questions(tmp_path, 1)
    with serving(always(said())) as server:
        url = f"{server.url}/"
        assert evaluate("openai/meta/llama:free", data, tmp_path, model_args={"base_url": url}).exit_code == 0
    assert server.calls[0].body["model"] == "meta/llama:free"


@pytest.mark.slow
def test_an_alias_holds_address_and_extra_fields(call: Any, tmp_path: Path) -> None:
    write_questions(tmp_path, 2)
    with serving(always(said())) as server:
        alias = f'[models.mine]\nmodel = "openai/m"\n[models.mine.args]\nbase_url = "{server.url}"\nextra = {{ top_k = 1 }}\n'
        (tmp_path / "mmbench.toml").write_text(alias)
        ended = call("run", "-m", "mine", "-t", "vqa", "--data", "mine.jsonl")
    assert ended.code == 0, ended.err
    assert server.calls[0].body["top_k"] == 1


def test_the_adapter_loads_no_http_library_before_it_is_opened() -> None:
    code = "import sys, mmbench.models.endpoint.adapter; sys.exit(bool({'aiohttp', 'numpy', 'PIL'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_models_of_ones_own_may_use_it(tmp_path: Path) -> None:
    data = write_questions(tmp_path, 2)
    source = """
        from mmbench.models.endpoint.adapter import OpenAI
        class Polite(OpenAI):
            async def generate(self, request):
                request.parts = (*request.parts, "Please.")
                return await super().generate(request)
    """
    write_model(tmp_path, source, "polite.py")
    with serving(always(said())) as server:
        args = {"model": "m", "base_url": server.url}
        result = evaluate(f"{tmp_path}/polite.py:Polite", data, tmp_path, model_args=args)
    assert result.exit_code == 0
    assert server.calls[0].prompt.endswith("Please.")


def test_the_digest_does_not_depend_on_the_key(monkeypatch: Any) -> None:
    one = OpenAI.weights_digest("m")
    monkeypatch.setenv("OPENAI_API_KEY", "another-key-altogether")
    assert OpenAI.weights_digest("m") == one
