"""A model sees the same pixels behind an endpoint, in transformers, in vLLM and as a Python object."""

import base64
import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import evaluate, write_rows
from misbehaving import Call, Reply, said, serving
from PIL import Image

from mmbench import Generate
from mmbench.data import cache, decode, image_from_file, prepared
from mmbench.models import vllm
from mmbench.models.hf.prompts import pil_image

PIXELS = np.random.default_rng(11).integers(0, 256, (7, 5, 3), dtype=np.uint8)


def seen(image: Image.Image) -> str:
    """What a model says that describes every pixel."""
    found = image.convert("RGB")
    return f"{found.size} {hashlib.sha256(found.tobytes()).hexdigest()}"


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


class Loads:
    """Looks at its images by `load`."""

    def generate(self, requests: Any) -> list[str]:
        return [seen(request.images[0].load()) for request in requests]


class Reads:
    """Looks at the encoded bytes, as a model does that sends them elsewhere."""

    def generate(self, requests: Any) -> list[str]:
        return [seen(opened(request.images[0].read())) for request in requests]


def look(call: Call) -> Reply:
    """A server that leaves EXIF and transparency aside."""
    return said(seen(opened(base64.b64decode(call.pictures[0].partition(",")[2]))))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Images of which a viewer shows another thing than their bare pixels."""
    folder = tmp_path / "images"
    folder.mkdir()
    base = Image.fromarray(PIXELS)
    turned = Image.Exif()
    turned[0x0112] = 8
    clear = base.convert("RGBA")
    clear.putalpha(90)
    base.save(folder / "plain.png")
    base.save(folder / "plain.jpg")
    base.save(folder / "turned.jpg", exif=turned)
    base.save(folder / "turned.png", exif=turned)
    clear.save(folder / "clear.png")
    clear.save(folder / "clear.webp", lossless=True)
    base.quantize(8).save(folder / "palette.gif", transparency=2)
    base.save(folder / "key.png", transparency=tuple(int(value) for value in PIXELS[0, 0]))
    base.convert("CMYK").save(folder / "cmyk.jpg")
    Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 200).save(folder / "deep.png")
    names = sorted(path.name for path in folder.iterdir())
    rows = [{"id": name, "image": name, "question": "what?", "answer": "red"} for name in names]
    return write_rows(tmp_path / "mine.jsonl", rows)


def outputs(result: Any) -> dict[str, tuple[str, Any]]:
    """Status and answer by sample."""
    (task,) = result.runs[0].tasks.values()
    return {line.id.split("/")[2]: (line.status, line.output) for line in task.responses()}


def test_every_adapter_sees_the_same_pixels(data: Path, tmp_path: Path) -> None:
    loads = outputs(evaluate(Loads(), data, tmp_path))
    assert len(loads) == 10
    assert {status for status, _ in loads.values()} == {"ok"}
    assert outputs(evaluate(Reads(), data, tmp_path)) == loads
    with serving(look) as server:
        result = evaluate("openai/m", data, tmp_path, model_args={"base_url": server.url})
    assert outputs(result) == loads
    for name, (_, expected) in loads.items():
        request = Generate(parts=("what?", image_from_file(tmp_path / "images" / name)))
        url = vllm._picture(request.images[0])["url"]
        assert seen(opened(base64.b64decode(url.partition(",")[2]))) == expected
        image = pil_image(request.images[0])
        assert seen(image) == expected


@pytest.mark.parametrize("name", ["turned.jpg", "plain.png"])
def test_an_image_of_many_questions_is_decoded_once_in_a_run(
    name: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Any] = []
    reader = decode._reader
    monkeypatch.setattr(decode, "_reader", lambda found: opened.append(found) or reader(found))
    prepared.clear()
    cache.clear()
    rows = [{"image": name, "question": f"what {number}?", "answer": "red"} for number in range(24)]
    many = write_rows(tmp_path / "many.jsonl", rows)
    with serving(look) as server:
        result = evaluate("openai/m", many, tmp_path, concurrency=16, model_args={"base_url": server.url})
    assert result.exit_code == 0
    assert (len(server.calls), len(opened)) == (24, 1)


def test_a_broken_file_fails_its_own_questions_only(data: Path, tmp_path: Path) -> None:
    good = (tmp_path / "images" / "plain.jpg").read_bytes()
    (tmp_path / "images" / "plain.jpg").write_bytes(good[: len(good) // 2])
    (tmp_path / "images" / "cmyk.jpg").write_bytes(good)
    (tmp_path / "images" / "key.png").write_text("no image")
    loads = outputs(evaluate(Loads(), data, tmp_path))
    with serving(look) as server:
        result = evaluate("openai/m", data, tmp_path, model_args={"base_url": server.url})
    assert result.exit_code == 4
    assert len(server.calls) == 8
    found = outputs(result)
    assert found == loads
    assert {name for name, (status, _) in found.items() if status == "error"} == {"plain.jpg", "key.png"}
