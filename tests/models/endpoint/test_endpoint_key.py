"""The key goes to the endpoint and nowhere else: no file, no screen, no message, no other host."""

import json
from pathlib import Path
from typing import Any

import pytest
from helpers import lines, mmbench, write_questions
from misbehaving import (
    Reply,
    always,
    answer,
    document,
    failed,
    first,
    raw,
    reply,
    said,
    serving,
    stream,
)

from mmbench.core.errors import UsageError
from mmbench.models.endpoint.adapter import OpenAI
from mmbench.models.endpoint.failures import Endpoint

pytestmark = pytest.mark.slow

ESCAPED = "\\u0073k-canary-5f2d91c07ab34e8896"


def written(folder: Path) -> str:
    """Every file below a folder."""
    return "\n".join(
        path.read_bytes().decode("utf-8", "replace") for path in sorted(folder.rglob("*")) if path.is_file()
    )


def echoes(key: str) -> dict[str, Reply]:
    """Ways in which a server may say the key."""
    far = "x " * 90
    pieces = [{"choices": [{"delta": {"content": piece}}]} for piece in (key[:7], key[7:])]
    return {
        "in an answer": said(f"your key is {key}!"),
        "in a refusal": said(None, refusal=f"not for {key}"),
        "in parts": said([{"type": "text", "text": key[:5]}, {"type": "text", "text": key[5:]}]),
        "in a stream, in pieces": stream([*pieces, {"choices": [{"finish_reason": "stop"}]}]),
        "in a finish_reason": said(None, key),
        "in an error for good": failed(400, f"Incorrect API key provided: {key}"),
        "in an error, where it is cut": failed(400, far + key),
        "in an error, escaped": reply(400, '{"error": {"message": "' + ESCAPED + '"}}'),
        "in an error that is a page": reply(500, f"<p>{key}</p>" * 9, "text/html"),
        "in a filter's error": failed(400, f"filtered: {key}", "content_filter"),
        "in a filter's error, where it is cut": failed(400, far + key, "content_filter"),
        "in an error with status 200": document({"error": {"message": f"{key} is bad"}}),
        "in a page with status 200": reply(200, f"<html>{far}{key}", "text/html"),
        "in broken JSON": reply(200, '{"choices": ' + key),
        "in a redirect": reply(307, "", Location=f"http://127.0.0.1:9/?key={key}"),
        "in a status line": raw(f"HTTP/1.1 200{key} OK\r\n\r\n".encode()),
        "in a header that is none": raw(f"HTTP/1.1 200 OK\r\n{key}\r\n\r\n".encode()),
        "in no HTTP": raw(f"{key}\r\n\r\n".encode()),
        "in the answer to a refused key": failed(401, f"Incorrect API key provided: {key}"),
    }


@pytest.mark.parametrize("name", echoes(""))
def test_a_key_that_the_server_says_is_in_no_file_and_no_message(
    name: str, ask: Any, key: str, tmp_path: Path, capfd: Any, caplog: Any
) -> None:
    with serving(first(echoes(key)[name], echoes(key)[name], on=1)) as server:
        result = ask(server, retries=1, cache=tmp_path / "cache")
        assert server.calls[0].headers["Authorization"] == f"Bearer {key}"
    shown = capfd.readouterr()
    everything = [written(tmp_path), shown.out, shown.err, caplog.text, repr(result), repr(result.to_dict())]
    for text in everything:
        assert key not in text
        assert key[:12] not in text


@pytest.mark.parametrize("name", ["in an error for good", "in the answer to a refused key", "in an answer"])
def test_nor_on_the_screen(name: str, key: str, tmp_path: Path) -> None:
    write_questions(tmp_path, 6)
    command = ["run", "-m", "openai/m", "-t", "vqa", "--data", "mine.jsonl", "--retries", "1"]
    with serving(always(echoes(key)[name])) as server:
        ended = mmbench(*command, "--base-url", server.url, folder=tmp_path, OPENAI_API_KEY=key)
        again = mmbench(*command, "--base-url", server.url, "--json", folder=tmp_path, OPENAI_API_KEY=key)
    assert ended.code == again.code == (0 if name == "in an answer" else 4)
    if name == "in the answer to a refused key":
        assert "OPENAI_API_KEY" in ended.err
        assert len(server.calls) <= 32
    for text in (ended.out, ended.err, again.out, again.err, written(tmp_path)):
        assert key[:12] not in text
    report = mmbench("report", *sorted((tmp_path / "results" / "runs").iterdir()), "--format", "json", folder=tmp_path)
    assert key[:12] not in report.out + report.err


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_host_gets_neither_the_key_nor_a_call(status: int, ask: Any) -> None:
    with serving(always(said())) as other:
        away = reply(status, b"", Location=f"{other.url}/chat/completions")
        with serving(always(away)) as server:
            assert ask(server, 20, concurrency=4).exit_code == 4
            assert len(server.calls) <= 4
    assert other.calls == []


def test_cookies_are_not_sent_back(ask: Any) -> None:
    with serving(always(reply(200, json.dumps(answer()), Set_Cookie="who=me; Path=/"))) as server:
        ask(server)
    assert all("Cookie" not in call.headers for call in server.calls)


def test_a_server_of_ones_own_needs_no_key(ask: Any, monkeypatch: Any) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with serving(always(said())) as server:
        assert ask(server).exit_code == 0
    assert "Authorization" not in server.calls[0].headers


def test_the_key_may_lie_in_another_variable(ask: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("MY_KEY", "another-secret-key")
    with serving(always(failed(401))) as server:
        result = ask(server, args={"key_env": "MY_KEY"})
    assert server.calls[0].headers["Authorization"] == "Bearer another-secret-key"
    assert "MY_KEY" in str(result.failures)


def test_a_placeholder_for_a_key_is_no_secret_and_stays_in_answers(ask: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "red")
    with serving(always(said("red"))) as server:
        result = ask(server)
    assert {line.output for line in lines(result.path)} == {"red"}


def test_openai_itself_needs_a_key(call: Any, tmp_path: Path) -> None:
    write_questions(tmp_path, 2)
    command = ["run", "-m", "openai/gpt-4o-mini", "-t", "vqa", "--data", "mine.jsonl"]
    ended = call(*command, OPENAI_API_KEY=" ")
    ended.refused(2, "OPENAI_API_KEY", "--base-url")


def test_a_complete_run_needs_no_key(ask: Any, monkeypatch: Any) -> None:
    with serving(always(said())) as server:
        assert ask(server).exit_code == 0
        monkeypatch.delenv("OPENAI_API_KEY")
        assert ask(server).exit_code == 0
    assert len(server.calls) == 6


@pytest.mark.parametrize(
    "url",
    [
        "https://me:hunter22@api.example.com/v1",
        "https://hunter22@api.example.com/v1",
        "me:hunter22@api.example.com/v1",
        "ftp://me:hunter22@example.com",
        "https://api.example.com/v1?key=hunter22",
        "https://api.example.com/v1#hunter22",
        "https://me:hunter22@[::1/v1",
    ],
)
def test_an_address_that_holds_a_password_is_refused_without_showing_it(url: str, call: Any, tmp_path: Path) -> None:
    write_questions(tmp_path, 2)
    before = written(tmp_path)
    ended = call("run", "-m", "openai/m", "-t", "vqa", "--data", "mine.jsonl", "--base-url", url)
    ended.refused(2, "base_url holds a name, a password or a query")
    assert "hunter22" not in ended.out + ended.err
    assert written(tmp_path) == before


@pytest.mark.parametrize("key_value", ["sk-two\nlines", "sk-schlüssel", "sk-nul\x01"])
def test_a_key_that_no_header_can_hold_is_refused_without_showing_it(key_value: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key_value)
    with pytest.raises(UsageError) as raised:
        OpenAI("m", base_url="http://127.0.0.1:9/v1")
    assert "sk-" not in str(raised.value)


def test_a_key_given_as_the_name_of_its_variable_is_not_shown(key: str) -> None:
    with pytest.raises(UsageError) as raised:
        OpenAI.weights_digest("m", key_env=key)
    assert key not in str(raised.value)


def test_the_key_is_in_no_repr(key: str) -> None:
    assert key not in repr(Endpoint(url="http://x", key=key, key_name="K"))
