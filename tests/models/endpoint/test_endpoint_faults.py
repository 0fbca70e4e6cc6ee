"""What a run does when the server has trouble: asked again, counted as an error, or stopped at once; never lost."""

import gzip
import json
import socket
import ssl
import time
import tracemalloc
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from helpers import lines, log_of, statuses
from misbehaving import (
    Reply,
    always,
    answer,
    document,
    endless,
    failed,
    first,
    hang,
    raw,
    reply,
    said,
    serving,
    stream,
)

from mmbench import RunResult

pytestmark = pytest.mark.slow

WHOLE = json.dumps(answer()).encode()


def cut(body: bytes = WHOLE, keep: int = 40, *, reset: bool = False) -> Reply:
    """An answer that ends before the length that its header tells."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    return raw(head + body[:keep], reset=reset)


def reason_of(result: RunResult) -> str:
    """What the run says went wrong."""
    (run,) = result.runs
    return " ".join([*result.failures.values(), *(task.reason or "" for task in run.tasks.values())])


# --- what may pass ---

PASSING = {
    "429": failed(429, "slow down"),
    "500": failed(500, "oops"),
    "502 with a page": reply(502, "<html><body>Bad gateway</body></html>", "text/html"),
    "503": failed(503, "busy"),
    "504": reply(504, b""),
    "408": failed(408),
    "520, by a proxy": reply(520, b""),
    "529": failed(529),
    "reset before the answer": raw(b"", reset=True),
    "reset in the middle of the body": cut(reset=True),
    "closed in the middle of the body": cut(),
    "closed without a word": raw(b""),
    "no HTTP at all": raw(b"220 mail.example.org ESMTP\r\n"),
    "truncated JSON": reply(200, WHOLE[:40]),
    "NaN, which is no JSON": reply(200, '{"choices": NaN}'),
    "an empty body": reply(200, b""),
    "bytes that are no UTF-8": reply(200, b'{"choices": "\xff\xfe"}'),
    "an error inside status 200, with a code": document({"error": {"message": "overloaded", "code": 503}}),
    "an empty list of choices": document(answer() | {"choices": []}),
    "no text and no finish_reason": said(None, None),
    "a finish_reason that is a table": said(None, {"a": 1}),  # type: ignore[arg-type]
    "a stream that broke off": stream([{"choices": [{"delta": {"content": "re"}}]}], end=False),
    "a stream that ended without an end": stream([{"choices": [{"delta": {"content": "re"}}]}]),
}


@pytest.mark.parametrize("name", PASSING)
def test_what_may_pass_is_asked_again(name: str, ask: Any) -> None:
    with serving(first(PASSING[name], PASSING[name], on=2)) as server:
        result = ask(server)
    assert result.exit_code == 0
    assert server.times(2) == 3
    assert len(server.calls) == 8
    assert {line.output for line in lines(result.path)} == {"red"}


@pytest.mark.parametrize("name", PASSING)
def test_what_does_not_pass_is_an_error_of_that_sample_and_asked_again_by_the_same_command(name: str, ask: Any) -> None:
    def behave(call: Any) -> Reply:
        return PASSING[name] if call.number == 2 else said()

    with serving(behave) as server:
        result = ask(server, retries=2)
        assert result.exit_code == 4
        assert server.times(2) == 3
        assert [sample for sample, status in statuses(result.path).items() if status != "ok"] == ["q2"]
        server.behave = always(said())
        assert ask(server, retries=2).exit_code == 0
    assert [server.times(n) for n in range(6)] == [1, 1, 4, 1, 1, 1]


def test_a_burst_of_500_delays_and_loses_nothing(ask: Any) -> None:
    with serving(first(*[failed(500)] * 40)) as server:
        result = ask(server, 30, retries=20)
    assert result.exit_code == 0
    assert len(server.calls) == 70
    assert sorted(statuses(result.path)) == sorted(f"q{n}" for n in range(30))


@pytest.mark.parametrize("kind", ["seconds", "date"])
def test_retry_after_holds_everybody(kind: str, ask: Any) -> None:
    # A date has whole seconds: two seconds ahead are at least one.
    wait = "1" if kind == "seconds" else format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    with serving(first(failed(429, Retry_After=wait), on=0)) as server:
        result = ask(server, 12, concurrency=1)
    assert result.exit_code == 0
    again = [call.at for call in server.calls]
    assert again[1] - again[0] >= 0.9
    assert again[-1] - again[1] < 5


def test_retry_after_of_an_hour_is_not_waited_for(ask: Any) -> None:
    with serving(first(failed(429, Retry_After="3600"), on=0)) as server:
        assert ask(server).exit_code == 4
    assert server.times(0) == 1


@pytest.mark.parametrize("value", ["soon", "-5", "nan", "inf", "1e999", "Mon, 99 Foo 2020 25:61:61 GMT", "\u0663"])
def test_a_retry_after_that_says_nothing_is_ignored(value: str, ask: Any) -> None:
    value = value.encode().decode("latin-1")
    with serving(first(failed(429, Retry_After=value), on=0)) as server:
        assert ask(server).exit_code == 0


def test_a_call_that_hangs_is_given_up_and_asked_again(ask: Any) -> None:
    with serving(first(hang(), on=3)) as server:
        start = time.monotonic()
        result = ask(server, args={"request_timeout": 0.3})
    assert result.exit_code == 0
    assert server.times(3) == 2
    assert time.monotonic() - start < 10


def test_a_server_that_is_asked_too_much_is_asked_less(ask: Any) -> None:
    """It serves four at once; 64 are allowed. Without adaptation nearly every call would be refused."""
    flying, refused = [0], [0]

    def behave(call: Any) -> Reply:
        def send(handler: Any) -> None:
            flying[0] += 1
            try:
                time.sleep(0.004)
                full = flying[0] > 4
                refused[0] += full
                (failed(429) if full else said())(handler)
            finally:
                flying[0] -= 1

        return send

    with serving(behave) as server:
        result = ask(server, 200, concurrency=64, retries=30)
    assert result.exit_code == 0
    assert refused[0] < 200


# --- what does not ---

FOR_GOOD = {
    "400": (failed(400, "no such parameter"), "HTTP 400: no such parameter"),
    "413": (failed(413, "too large"), "HTTP 413: too large"),
    "422": (reply(422, '{"detail": "wrong type"}'), "HTTP 422: wrong type"),
    "501": (failed(501, "no chat"), "HTTP 501: no chat"),
    "a page with status 200": (reply(200, "<!doctype html><p>Hi</p>", "text/html"), "a web page, not JSON"),
    "a page that claims to be JSON": (reply(200, "<html>"), "a web page, not JSON"),
    "choices that are a number": (document({"choices": 3}), "no choices"),
    "choices that are a table": (document({"choices": {"0": {}}}), "no choices"),
    "a choice that is a text": (document({"choices": ["red"]}), "no choices"),
    "no message": (document({"choices": [{"text": "red"}]}), "without a message"),
    "a message that is a text": (document({"choices": [{"message": "red"}]}), "without a message"),
    "content that is a number": (said(3), "holds no text"),
    "a list": (document([1, 2]), "a JSON list, not an object"),
    "null": (document(None), "a JSON NoneType, not an object"),
    "an error inside status 200": (document({"error": {"message": "bad picture"}}), "bad picture"),
    "an error that is a text": (document({"error": "bad picture"}), "bad picture"),
    "depth": (reply(200, b'{"a": ' + b"[" * 100_000), "no valid JSON"),
}


@pytest.mark.parametrize("name", FOR_GOOD)
def test_an_answer_that_is_none_is_an_error_of_that_sample(name: str, ask: Any) -> None:
    bad, words = FOR_GOOD[name]
    with serving(first(bad, bad, on=1)) as server:
        result = ask(server, retries=1)
    assert result.exit_code == 4
    (failure,) = [line for line in lines(result.path) if line.status != "ok"]
    assert failure.status == "error"
    assert words in str(failure.error)
    assert failure.output is None
    assert server.times(1) == (2 if "no valid JSON" in words else 1)


HOPELESS = {
    "a refused key": (failed(401, "Incorrect API key"), ["refused the key", "OPENAI_API_KEY"]),
    "an unknown model": (failed(404, "The model does not exist"), ["knows no such model", "does not exist"]),
    "no credit": (failed(429, "quota", "insufficient_quota"), ["lack of credit"]),
    "payment required": (failed(402, "pay"), ["lack of credit"]),
    "the wrong kind of server": (failed(405), ["takes no such call"]),
    "a redirect": (reply(308, b"", Location="http://127.0.0.1:9/elsewhere"), ["redirects to http://127.0.0.1:9/"]),
    "a redirect to nowhere": (reply(302, b""), ["redirects to nowhere", "--base-url"]),
}


@pytest.mark.parametrize("name", HOPELESS)
def test_what_no_other_request_would_survive_stops_the_run_at_once(name: str, ask: Any) -> None:
    bad, words = HOPELESS[name]
    with serving(always(bad)) as server:
        result = ask(server, 100, concurrency=4)
        assert result.exit_code == 4
        assert len(server.calls) <= 8
        for word in words:
            assert word in reason_of(result)
        server.behave = always(said())
        assert ask(server, 100, concurrency=4).exit_code == 0


@pytest.mark.parametrize("inside", [False, True])
def test_access_refused_to_every_request_stops_the_run_early(inside: bool, ask: Any) -> None:
    error = {"error": {"message": "not in your country", "code": 403}}
    with serving(always(document(error, 200 if inside else 403))) as server:
        result = ask(server, 100, concurrency=4)
        assert result.exit_code == 4
        assert 16 <= len(server.calls) <= 24
        for word in ("refused access to every request", "HTTP 403: not in your country", "came from OPENAI_API_KEY"):
            assert word in reason_of(result)
        server.behave = always(said())
        assert ask(server, 100, concurrency=4).exit_code == 0


def test_access_refused_to_some_requests_is_their_error_and_stops_nothing(ask: Any) -> None:
    """A firewall in front of the endpoint refuses what it does not like in a picture or a text."""
    with serving(lambda call: failed(403, "blocked") if call.number % 2 else said()) as server:
        result = ask(server, 80, concurrency=4, max_errors=1.0 * 80)
        assert result.exit_code == 4
        assert [server.times(n) for n in range(80)] == [1] * 80
        refused = [line for line in lines(result.path) if line.status != "ok"]
        assert len(refused) == 40
        assert {line.error for line in refused} == {"HTTP 403: blocked"}


def test_a_request_that_a_moderation_flags_is_refused_and_not_asked_again(ask: Any) -> None:
    flagged = {
        "error": {"code": 403, "message": "flagged", "metadata": {"reasons": ["violence"], "flagged_input": "x"}}
    }
    with serving(lambda call: document(flagged, 403) if call.number < 30 else said()) as server:
        result = ask(server, 40, concurrency=4)
        assert result.exit_code == 0
        assert statuses(result.path)["q3"] == "refused"
        assert ask(server, 40).exit_code == 0
    assert [server.times(n) for n in range(40)] == [1] * 40


def test_a_refused_key_in_the_middle_keeps_what_was_answered(ask: Any) -> None:
    with serving(lambda call: failed(401) if call.number >= 20 else said()) as server:
        result = ask(server, 40, concurrency=4)
        assert result.exit_code == 4
        kept = {sample for sample, status in statuses(result.path).items() if status == "ok"}
        assert len(kept) >= 16
        server.behave = always(said())
        assert ask(server, 40, concurrency=4).exit_code == 0
    assert all(server.times(int(sample[1:])) == 1 for sample in kept)


def test_nothing_listens_there(ask: Any, tmp_path: Path) -> None:
    with serving(always(said())) as server:
        pass
    start = time.monotonic()
    result = ask(server, 100)
    assert result.exit_code == 4
    assert f"{server.url}/chat/completions cannot be reached" in reason_of(result)
    assert time.monotonic() - start < 10


def test_a_port_that_accepts_and_says_nothing_times_out(ask: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, serving(always(said())) as server:
        server.url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        result = ask(server, 3, args={"request_timeout": 0.1}, retries=1)
    assert result.exit_code == 4
    assert "did not answer within 0.1 s" in reason_of(result)


# --- certificates ---


def test_a_certificate_that_nobody_vouches_for_stops_the_run(certificate: tuple[Path, Path], ask: Any) -> None:
    with serving(always(said()), certificate) as server:
        result = ask(server, 50)
        assert result.exit_code == 4
        assert "certificate that cannot be verified" in reason_of(result)
        assert "ca_file=FILE" in reason_of(result)
        assert server.calls == []
        assert ask(server, 50, args={"ca_file": str(certificate[0])}).exit_code == 0


def test_https_to_a_server_without_it_says_so(ask: Any) -> None:
    with serving(always(said())) as server:
        server.url = server.url.replace("http:", "https:")
        result = ask(server)
    assert result.exit_code == 4
    assert "is it http:// instead?" in reason_of(result)


def test_a_handshake_that_breaks_may_pass(certificate: tuple[Path, Path], ask: Any, monkeypatch: Any) -> None:
    with serving(always(said()), certificate) as server:
        listening: Any = server._http.socket
        accept, broken = ssl.SSLSocket.accept, [0]

        def sometimes(self: Any) -> Any:
            if self is listening and broken[0] < 3:
                broken[0] += 1
                connection, _ = socket.socket.accept(self)
                connection.recv(10)
                connection.close()
                raise OSError("broken off")
            return accept(self)

        monkeypatch.setattr(ssl.SSLSocket, "accept", sometimes)
        assert ask(server, args={"ca_file": str(certificate[0])}).exit_code == 0
    assert broken[0] == 3


# --- size ---


def test_an_answer_of_300_mb_is_neither_read_nor_stored(ask: Any) -> None:
    start = b'{"choices": [{"message": {"content": "'
    large, sent = endless(300 * 2**20, start=start)
    with serving(first(large, on=1)) as server:
        result = ask(server)
        time.sleep(0.1)
    assert result.exit_code == 4
    (failure,) = [line for line in lines(result.path) if line.status == "error"]
    assert "longer than 8 MB" in str(failure.error)
    assert sent[0] < 100 * 2**20
    assert log_of(result.path).stat().st_size < 10_000
    assert server.times(1) == 1


@pytest.mark.parametrize("status", [200, 500])
def test_an_answer_that_unpacks_to_300_mb_takes_no_such_memory(status: int, ask: Any) -> None:
    packed = gzip.compress(b"x" * (300 * 2**20), 1)
    with serving(first(reply(status, packed, Content_Encoding="gzip"), on=1)) as server:
        tracemalloc.start()
        result = ask(server)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 60 * 2**20
    assert result.exit_code == (4 if status == 200 else 0)


def test_a_stream_without_an_end_is_cut_off(ask: Any) -> None:
    event = {"choices": [{"delta": {"content": "x" * 2**20}}]}
    without_a_line = b"data: " + b"x" * 2**20
    for events in ([event] * 300, [without_a_line] * 300):
        with serving(first(stream(events), on=1)) as server:
            result = ask(server, seed=len(str(events[0])))
        assert [line.error for line in lines(result.path) if line.status == "error"] == [
            "the endpoint's answer is longer than 8 MB"
        ]
