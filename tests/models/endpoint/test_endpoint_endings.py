"""How an answer ended is told alike for answers in one piece and for streams."""

import json
from typing import Any, NamedTuple

import pytest
from helpers import lines
from hypothesis import given
from hypothesis import strategies as st
from misbehaving import Reply, always, answer, document, first, reply, said, serving, stream

from mmbench.models.endpoint.events import DONE, Event, EventParser
from mmbench.models.endpoint.failures import status_inside

USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 16,
    "completion_tokens_details": {"reasoning_tokens": 12},
    "prompt_tokens_details": {"image_tokens": 4},
}
END = b"data: [DONE]\n\n"


def event(finish: Any = None, index: int | None = 0, **delta: Any) -> dict[str, Any]:
    """One event of a stream."""
    choice = {"delta": delta, "finish_reason": finish}
    return {"choices": [choice if index is None else {"index": index, **choice}]}


def piecemeal(finish: Any = "stop", *deltas: dict[str, Any], usage: Any = None) -> Reply:
    """A stream of these deltas with its end."""
    return stream([*(event(**delta) for delta in deltas), event(finish), {"choices": [], "usage": usage}, END])


class Ending(NamedTuple):
    """What one answer must become."""

    sent: Reply
    status: str
    output: str
    finish: str
    reasoning: str | None = None


PARTS = [{"type": "thinking", "thinking": [{"type": "text", "text": "blue?"}]}, {"type": "text", "text": "red"}]
ENDINGS = {
    "cut off with a text": Ending(said("re", "length"), "truncated", "re", "length"),
    "cut off with a text, streamed": Ending(piecemeal("length", {"content": "re"}), "truncated", "re", "length"),
    "cut off in the name of another provider": Ending(said("re", "MAX_TOKENS"), "truncated", "re", "length"),
    "cut off in a field of reasoning": Ending(
        said(None, "length", reasoning_content="blue?"), "truncated", "", "length", "blue?"
    ),
    "cut off in a field of reasoning, with an empty text": Ending(
        said("", "length", reasoning="blue?"), "truncated", "", "length", "blue?"
    ),
    "cut off in a field of reasoning, streamed": Ending(
        piecemeal("length", {"reasoning_content": "bl"}, {"reasoning_content": "ue?"}),
        "truncated",
        "",
        "length",
        "blue?",
    ),
    "cut off in a block of reasoning": Ending(said("<think>blue?", "length"), "truncated", "", "length", "blue?"),
    "ended with an empty text": Ending(said(""), "ok", "", "stop"),
    "ended with null": Ending(said(None), "ok", "", "stop"),
    "ended with no parts": Ending(said([]), "ok", "", "stop"),
    "ended with an empty text, streamed": Ending(piecemeal("stop", {"content": ""}), "ok", "", "stop"),
    "ended after reasoning alone": Ending(said(None, reasoning_content="blue?"), "ok", "", "stop", "blue?"),
    "ended after reasoning alone, streamed": Ending(
        piecemeal("stop", {"reasoning": "blue?"}), "ok", "", "stop", "blue?"
    ),
    "wanted a tool": Ending(said(None, "tool_calls", tool_calls=[{"id": "x"}]), "ok", "", "tool"),
    "a finish_reason of its own": Ending(said("red", "eos"), "ok", "red", "stop"),
    "a finish_reason that nobody knows": Ending(said("red", "bored"), "ok", "red", "unknown"),
    "no finish_reason": Ending(said("red", None), "ok", "red", "unknown"),
    "no finish_reason, streamed": Ending(stream([event(content="red"), END]), "ok", "red", "unknown"),
    "filtered": Ending(said(None, "content_filter"), "refused", "", "filter"),
    "filtered in the middle of a stream": Ending(
        piecemeal("content_filter", {"content": "re"}), "refused", "re", "filter"
    ),
    "filtered in the name of another provider": Ending(said("", "SAFETY"), "refused", "", "filter"),
    "filtered by an error in status 200": Ending(
        document({"error": {"message": "no", "code": "content_filter"}}), "refused", "no", "filter"
    ),
    "filtered by an error in a stream": Ending(
        stream([event(content="re"), {"error": {"message": "no", "type": "content_policy_violation"}}]),
        "refused",
        "no",
        "filter",
    ),
    "filtered by an error in the choice": Ending(
        document({"choices": [{"error": {"code": "content_filter", "message": "no"}, "finish_reason": "error"}]}),
        "refused",
        "no",
        "filter",
    ),
    "filtered with status 403": Ending(
        document({"error": {"message": "no", "code": "content_filter"}}, 403), "refused", "no", "filter"
    ),
    "filtered with status 400 by the type of the error": Ending(
        document({"error": {"message": "no", "type": "DataInspectionFailed"}}, 400), "refused", "no", "filter"
    ),
    "thinking before the answer": Ending(said("<think>blue?</think>\n\nred"), "ok", "red", "stop", "blue?"),
    "thinking before the answer, streamed": Ending(
        piecemeal("stop", {"content": "<thi"}, {"content": "nk>blue?</think>"}, {"content": "\nred"}),
        "ok",
        "red",
        "stop",
        "blue?",
    ),
    "typed parts": Ending(said(PARTS), "ok", "red", "stop", "blue?"),
    "typed parts, streamed": Ending(
        piecemeal("stop", {"content": PARTS[:1]}, {"content": PARTS[1:]}), "ok", "red", "stop", "blue?"
    ),
    "parts of the type reasoning": Ending(
        said([{"type": "reasoning", "text": "blue?"}, {"type": "output_text", "text": "red"}]),
        "ok",
        "red",
        "stop",
        "blue?",
    ),
    "details of reasoning": Ending(
        said("red", reasoning_details=[{"type": "reasoning.text", "text": "blue?"}]), "ok", "red", "stop", "blue?"
    ),
    "the same reasoning in two fields": Ending(
        said("red", reasoning="blue?", reasoning_content="blue?"), "ok", "red", "stop", "blue?"
    ),
    "another choice before": Ending(
        document({"choices": [{**answer("blue")["choices"][0], "index": 1}, answer("red")["choices"][0]]}),
        "ok",
        "red",
        "stop",
    ),
    "another choice between, streamed": Ending(
        stream(
            [event(index=1, content="blue"), event(content="re"), event("length", 1), event(content="d"), event("stop")]
        ),
        "ok",
        "red",
        "stop",
    ),
    "choices without an index, streamed": Ending(
        stream([event(None, None, content="red"), event("stop", None)]), "ok", "red", "stop"
    ),
    "events after the end": Ending(
        stream([event(content="red"), event("stop"), END, event(content="blue"), {"error": "late"}]),
        "ok",
        "red",
        "stop",
    ),
    "a stream that calls itself JSON": Ending(
        reply(200, b"data: " + json.dumps(event("stop", content="red")).encode() + b"\n\n" + END), "ok", "red", "stop"
    ),
    "a stream of one whole answer": Ending(stream([answer("red"), END]), "ok", "red", "stop"),
    "lines that end with CR": Ending(
        stream([b"data: " + json.dumps(event("stop", content="red")).encode() + b"\r\r", b"data: [DONE]\r\r"]),
        "ok",
        "red",
        "stop",
    ),
    "data in several lines": Ending(
        stream(
            [b'data: {"choices": [{"delta": {"content":\n', b'data: "red"}, "finish_reason":\ndata: "stop"}]}\n\n', END]
        ),
        "ok",
        "red",
        "stop",
    ),
    "no blank lines between the events": Ending(
        stream([b"data: " + json.dumps(event(content="red")).encode() + b"\n", b'data: {"choices": []}\n', END]),
        "ok",
        "red",
        "unknown",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ENDINGS)
def test_how_an_answer_ended(name: str, ask: Any) -> None:
    ending = ENDINGS[name]
    with serving(always(ending.sent)) as server:
        result = ask(server, 1, args={"stream": True})
        assert result.exit_code == 0
        assert len(server.calls) == 1
        (line,) = lines(result.path)
        assert (line.status, line.output, line.finish_reason, line.reasoning) == ending[1:]
        ask(server, 1, args={"stream": True})
        assert len(server.calls) == 1
    (value,) = [row.metric for row in result.rows() if row.primary]
    assert (value.n, value.n_failed, value.value) == (1, 0, float(ending.output == "red"))
    counted = (value.n_truncated, value.n_refused, value.n_unparsed)
    assert counted == {"truncated": (1, 0, 0), "refused": (0, 1, 0)}.get(
        ending.status, (0, 0, int(ending.output not in ("red", "blue", "green", "black")))
    )


def inside(**error: Any) -> Reply:
    """An error in an answer with status 200."""
    return document({"error": {"message": "no", **error}})


PASSING = {
    "a code in words": inside(type="rate_limit_error", code="rate_limit_exceeded"),
    "a number as a text": inside(type="server_error", code="502"),
    "a type alone": inside(type="overloaded_error", code=None),
    "a type in another spelling": inside(type="ServiceUnavailableError"),
    "a status": inside(status="RESOURCE_EXHAUSTED"),
    "an error that is a text": document({"error": "overloaded"}),
    "an error without the word": document(
        {"object": "error", "message": "no", "type": "InternalServerError", "code": 500}
    ),
    "an error in the choice": document(
        {"choices": [{"error": {"message": "up"}, "message": {"content": ""}, "finish_reason": "error"}]}
    ),
    "an error in the message": document({"choices": [{"message": {"content": "re", "error": {"code": 503}}}]}),
    "finish_reason error": said("re", "error"),
    "finish_reason abort": said(None, "abort"),
    "finish_reason error, streamed": piecemeal("error", {"content": "re"}),
    "the end alone": stream([END]),
    "nothing": stream([]),
    "reasoning alone and no finish_reason": stream([event(reasoning_content="blue?"), END]),
    "reasoning alone, in one piece": said(None, None, reasoning_content="blue?"),
    "an error in a stream": stream(
        [event(content="r"), {"error": {"message": "no", "type": "server_error", "code": None}}]
    ),
    "an unnamed error in a stream": stream([event(content="r"), {"error": {"message": "no"}}]),
    "an event that is an error": stream([event(content="re"), b'event: error\ndata: {"message": "mid"}\n\n', END]),
    "an event that is an error in words": stream([event(content="re"), b"event: error\ndata: mid\n\n", END]),
    "an error in a choice of a stream": stream([event(content="re"), {"choices": [{"error": {"code": 502}}]}, END]),
    "a torn stream": stream([event(content="red")]),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PASSING)
def test_what_may_pass_is_asked_again_and_is_never_a_wrong_answer(name: str, ask: Any) -> None:
    with serving(first(PASSING[name], PASSING[name])) as server:
        result = ask(server, 1, args={"stream": True}, retries=2)
        assert result.exit_code == 0
        assert len(server.calls) == 3
        server.behave = always(PASSING[name])
        failed = ask(server, 1, args={"stream": True}, retries=0, seed=1)
    (line,) = lines(failed.path)
    assert (failed.exit_code, line.status, line.output) == (4, "error", None)


FINAL = {
    "an invalid request": inside(type="invalid_request_error", code=None),
    "an error of no kind": inside(),
    "no choices": document({}),
    "a number for a text": said(3),
}


@pytest.mark.parametrize("name", FINAL)
def test_what_will_not_pass_is_an_error_at_once(name: str, ask: Any) -> None:
    with serving(always(FINAL[name])) as server:
        result = ask(server, 1, retries=3, max_errors=5)
        assert len(server.calls) == 1
    assert (result.exit_code, lines(result.path)[0].status) == (4, "error")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"code": 429}, 429),
        ({"code": "502", "type": "server_error"}, 502),
        ({"code": 1302, "type": "rate_limit_error"}, 429),
        ({"code": None, "type": "server_error"}, 500),
        ({"code": True}, 200),
        ({"code": "insufficient_quota"}, 402),
        ("Rate limit exceeded", 429),
        ("boom", 200),
        (3, 200),
        (None, 200),
        ([], 200),
    ],
)
def test_an_error_means_a_status(error: Any, status: int) -> None:
    assert status_inside(error) == status


def test_tokens_of_reasoning_and_images_are_counted(ask: Any) -> None:
    with serving(always(said("red", usage=USAGE))) as server:
        (line,) = lines(ask(server, 1).path)
    assert (line.input_tokens, line.image_tokens, line.output_tokens, line.reasoning_tokens) == (9, 4, 16, 12)


def test_the_first_token_and_the_first_of_the_answer_are_told_apart(ask: Any) -> None:
    deltas = [
        {"content": "<think>"},
        {"content": "blue?"},
        {"content": "</think>"},
        {"content": "\n"},
        {"content": "red"},
    ]
    field = [{"reasoning_content": "blue?"}, {"reasoning_content": "no"}, {"content": "red"}]
    for pieces, gap in ((deltas, 4), (field, 2)):
        sent = stream([*(event(**delta) for delta in pieces), event("stop"), END], pause=0.02)
        with serving(always(sent)) as server:
            (line,) = lines(ask(server, 1, args={"stream": True}, seed=gap).path)
        assert line.first_answer_token_s - line.first_token_s >= 0.015 * gap


def test_an_answer_that_was_cut_off_before_a_text_is_never_cached(ask: Any, tmp_path: Any) -> None:
    cache = str(tmp_path / "cache")
    for sent, asked in ((said(None, "length"), 2), (said("re", "length"), 1)):
        with serving(always(sent)) as server:
            again = [ask(server, 1, cache=cache, seed=seed, args={"system": str(asked)}) for seed in (1, 2)]
            assert len(server.calls) == asked
    (line,) = lines(again[1].path)
    assert (line.status, line.output, line.finish_reason, line.cached) == ("truncated", "re", "length", True)
    assert line.error is not None


@given(st.lists(st.sampled_from(["a", "{}", "", '{"a": 1}', "é"]), max_size=5), st.data())
def test_events_do_not_depend_on_how_they_are_cut(texts: list[str], data: st.DataObject) -> None:
    end = data.draw(st.sampled_from(["\n", "\r", "\r\n"]))
    sent = "".join(f": ping{end}event: x{end}data: {text}{end}{end}" for text in texts).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=5)))
    parser, found = EventParser(), []
    for start, stop in zip([0, *cuts], [*cuts, len(sent)], strict=True):
        found += parser.feed(sent[start:stop])
    assert [*found, *parser.end()] == [Event("x", text.encode()) for text in texts]


def test_the_last_event_needs_no_blank_line() -> None:
    parser = EventParser()
    assert parser.feed(b"\xef\xbb\xbfdata: [DONE]") == []
    assert parser.end() == [Event("message", DONE)]
