"""Bodies are written in the step that makes them, and the rest of them by a task, as if a task had written all."""

import asyncio
from typing import Any

import pytest

from mmbench.models.endpoint.sending import PromptRequest


class Writing:
    """Stands for aiohttp's own method: waits for two futures and notes what happens."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.first, self.second = loop.create_future(), loop.create_future()
        self.seen: list[Any] = []

    async def write_bytes(self) -> None:
        self.seen.append("begun")
        try:
            self.seen += [await self.first, await self.second]
        except BaseException as error:
            self.seen.append(type(error))
            raise


class Prompt(PromptRequest, Writing):  # type: ignore[misc]
    """A request of which nothing but its writing is there."""

    def __init__(self) -> None:
        Writing.__init__(self)


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has `super()` of the request find the stand-in's method."""
    monkeypatch.delattr("aiohttp.ClientRequest.write_bytes")


def test_writing_begins_at_once_and_goes_on_in_a_task() -> None:
    async def play() -> list[Any]:
        request = Prompt()
        rest = request.write_bytes()
        assert request.seen == ["begun"]
        task = asyncio.create_task(rest)
        request.first.set_result(1)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        request.second.set_result(2)
        await task
        return request.seen

    assert asyncio.run(play()) == ["begun", 1, 2]


def test_a_writing_that_is_cancelled_hears_of_it() -> None:
    async def play() -> list[Any]:
        request = Prompt()
        task = asyncio.create_task(request.write_bytes())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return request.seen

    assert asyncio.run(play()) == ["begun", asyncio.CancelledError]


def test_a_connection_that_breaks_while_it_is_written_to_is_an_error_of_the_task() -> None:
    async def play() -> list[Any]:
        request = Prompt()
        task = asyncio.create_task(request.write_bytes())
        request.first.set_exception(ConnectionResetError())
        with pytest.raises(ConnectionResetError):
            await task
        return request.seen

    assert asyncio.run(play()) == ["begun", ConnectionResetError]
