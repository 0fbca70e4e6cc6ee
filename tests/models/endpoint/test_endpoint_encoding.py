"""Images of calls are encoded in other threads, once for all calls that wait for the same one."""

import asyncio
import threading
from pathlib import Path

import pytest
from helpers import write_picture

from mmbench import Generate
from mmbench.core import MediaError
from mmbench.data import image_from_file
from mmbench.models.endpoint import payload
from mmbench.models.endpoint.adapter import OpenAI


@pytest.fixture
def model() -> OpenAI:
    return OpenAI("m", base_url="http://127.0.0.1:9")


def bodies(model, requests, cancel=()):
    """What is sent for each request, or what it raised; those at the places `cancel` are given up at once."""

    async def build():
        tasks = [asyncio.create_task(model._body(model._payloads.generate, request)) for request in requests]
        await asyncio.sleep(0)
        for place in cancel:
            tasks[place].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    return asyncio.run(build())


def test_an_image_that_many_calls_wait_for_is_encoded_once(model, tmp_path: Path, monkeypatch) -> None:
    image = image_from_file(write_picture(tmp_path / "a.png", (1, 2, 3)))
    encoded, data_url = [], payload.data_url
    go = threading.Event()

    def slow(media):
        encoded.append(threading.current_thread())
        go.wait(5)
        return data_url(media)

    monkeypatch.setattr(payload, "data_url", slow)
    threading.Timer(0.05, go.set).start()
    requests = [Generate(parts=(image, f"question {number}")) for number in range(20)]
    found = bodies(model, requests, cancel=(0, 7))
    assert [each is threading.main_thread() for each in encoded] == [False]
    assert [type(each) for each in found] == [
        asyncio.CancelledError if place in (0, 7) else bytes for place in range(20)
    ]
    assert found[3] == model._payloads.generate(requests[3])
    assert len(set(found[1:7])) == 6


def test_an_image_that_cannot_be_read_fails_every_call_that_holds_it_and_no_other(model, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    broken = image_from_file(tmp_path / "broken.png")
    whole = image_from_file(write_picture(tmp_path / "a.png", (1, 2, 3)))
    requests = [Generate(parts=(image, "?")) for image in (broken, whole, broken, whole)]
    assert [type(each) for each in bodies(model, requests)] == [MediaError, bytes, MediaError, bytes]
    assert not model._encoding


def test_images_that_do_not_fit_into_memory_together_are_sent_all_the_same(model, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(payload, "_REMEMBERED_BYTES", 100)
    images = [image_from_file(write_picture(tmp_path / f"{number}.png", (number, 2, 3), 40)) for number in range(3)]
    (body,) = bodies(model, [Generate(parts=(*images, "?"))])
    assert body.count(b"data:image/png;base64,") == 3
