"""The address of an endpoint, however users give it, and the fields that it does not take."""

import json
from collections import Counter
from typing import Any

import pytest
from misbehaving import Behaviour, Call, Reply, always, document, failed, said, serving

from mmbench.core import Choose, Generate
from mmbench.core.errors import UsageError
from mmbench.models.endpoint.adapter import OpenAI
from mmbench.models.endpoint.address import base_address, other_address
from mmbench.models.endpoint.advice import advice_on
from mmbench.models.endpoint.payload import Payloads, wishes_of

NOT_FOUND = document({"detail": "Not Found"}, 404)


def only_at(path: str, then: Reply | None = None) -> Behaviour:
    """A server that takes calls at one path."""
    return lambda call: (then or said()) if call.path == path else NOT_FOUND


def paths(server: Any) -> Counter[str]:
    return Counter(call.path for call in server.calls)


@pytest.mark.parametrize("given", ["", "/", "/v1", "/v1/", "/v1/chat/completions", "/v1/chat/completions/"])
@pytest.mark.parametrize("at", ["/v1/chat/completions", "/chat/completions"])
def test_any_form_of_the_address_is_corrected_once(given: str, at: str, ask: Any) -> None:
    with serving(only_at(at)) as server:
        base = server.url.removesuffix("/v1")
        result = ask(server, 12, args={"base_url": f"{base}{given}"}, concurrency=1)
    assert result.exit_code == 0
    found = paths(server)
    assert found.pop(at) == 12
    assert result.runs[0].record.model.settings == {"address": f"{base}{at}"}
    assert sum(found.values()) == (at.startswith("/v1") != given.startswith("/v1"))


def test_calls_that_start_together_try_the_other_address_once(ask: Any) -> None:
    with serving(only_at("/v1/chat/completions")) as server:
        result = ask(server, 40, args={"base_url": server.url.removesuffix("/v1")}, concurrency=16)
    assert result.exit_code == 0
    found = paths(server)
    assert found["/v1/chat/completions"] == 40
    assert found["/chat/completions"] <= 16


def test_where_nothing_is_both_addresses_are_named(ask: Any) -> None:
    with serving(always(NOT_FOUND)) as server:
        result = ask(server, 4, concurrency=1)
    assert result.exit_code == 4
    assert set(paths(server)) == {"/v1/chat/completions", "/chat/completions"}
    reason = result.runs[0].record.reason
    assert f"{server.url}/chat/completions" in reason
    assert f"{server.url.removesuffix('/v1')}/chat/completions" in reason


@pytest.mark.slow
def test_an_unknown_model_is_not_looked_for_elsewhere(ask: Any) -> None:
    with serving(always(failed(404, "The model 'm' does not exist"))) as server:
        assert ask(server, 4, concurrency=1).exit_code == 4
    assert len(server.calls) == 1


def test_an_address_that_has_answered_is_kept(ask: Any) -> None:
    def forgets(call: Call) -> Reply:
        return said() if len(server.calls) < 3 else NOT_FOUND

    with serving(always(said())) as server:
        server.behave = forgets
        assert ask(server, 6, concurrency=1).exit_code == 4
    assert set(paths(server)) == {"/v1/chat/completions"}


def test_a_refusal_at_the_other_address_is_an_answer(ask: Any) -> None:
    with serving(only_at("/v1/chat/completions", failed(401, "no"))) as server:
        result = ask(server, 4, args={"base_url": server.url.removesuffix("/v1")}, concurrency=1)
    assert f"{server.url}/chat/completions refused the key" in result.runs[0].record.reason


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ("https://h/api/v1/", "https://h/api/v1"),
        ("https://h/v1beta/openai/chat/completions", "https://h/v1beta/openai"),
        ("http://[::1]:8/chat/completions//", "http://[::1]:8"),
    ],
)
def test_base_addresses(given: str, base: str) -> None:
    assert base_address(given) == base


@pytest.mark.parametrize("url", ["http://h/chat/completions", "http://h/v1/chat/completions", "https://h/a/v2beta"])
def test_the_other_address_differs_and_is_a_whole_one(url: str) -> None:
    other = other_address(url)
    assert other != url
    assert other.endswith("/chat/completions")


FIELDS = ("temperature", "max_tokens", "stop", "seed", "stream_options", "stream")


@pytest.mark.parametrize(
    "given", ["temperature,stop", "[temperature, stop]", '["temperature","stop"]', ["temperature", "stop"]]
)
def test_fields_are_left_out_in_any_form(given: Any) -> None:
    assert wishes_of("m", {"omit": given}).omit == ("temperature", "stop")


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_that_is_omitted_is_not_sent(field: str) -> None:
    request = Generate(parts=("what?",), temperature=0.5, stop=("\n",))
    full = set(json.loads(Payloads(wishes_of("m", {"stream": True})).generate(request)))
    assert set(FIELDS) <= full
    assert set(json.loads(Payloads(wishes_of("m", {"stream": True, "omit": field})).generate(request))) == full - {
        field
    }


def test_a_field_of_extra_is_omitted_too_and_choices_as_well() -> None:
    payloads = Payloads(wishes_of("m", {"extra": {"top_k": 1}, "omit": ["top_k", "logprobs"]}))
    assert "top_k" not in json.loads(payloads.generate(Generate(parts=("what?",))))
    body = json.loads(payloads.choose(Choose(parts=("what?",), choices=("a", "b"))))
    assert "logprobs" not in body
    assert "top_logprobs" in body


@pytest.mark.parametrize("given", ["model", ["messages"], 3, [1], "", "a,,b", {"temperature": True}])
def test_what_cannot_be_omitted_is_refused(given: Any) -> None:
    with pytest.raises(UsageError, match="omit="):
        OpenAI.weights_digest("m", omit=given)


@pytest.mark.parametrize(
    ("message", "param", "expected"),
    [
        ("Unsupported parameter: 'temperature' is not supported with this model.", None, "omit=temperature"),
        ("Unsupported value", "temperature", "omit=temperature"),
        ("stream_options only with stream", None, "omit=stream_options"),
        ('[{"loc": ["body", "seed"], "msg": "extra"}]', None, "omit=seed"),
        ("Use 'max_completion_tokens', not 'max_tokens'.", None, "tokens_field=max_completion_tokens"),
        ("Use 'max_completion_tokens', not 'max_tokens'.", None, "omit=max_tokens"),
    ],
)
def test_an_answer_that_names_a_field_says_what_to_do(message: str, param: Any, expected: str, ask: Any) -> None:
    reply = document({"error": {"message": message, "param": param}}, 400)
    with serving(always(reply)) as server:
        result = ask(server, 2, args={"stream": True, "extra": {"seed": 1}})
    (task,) = result.runs[0].tasks.values()
    errors = [line.error for line in task.responses()]
    assert all(f"--model-args {expected}" in error for error in errors)
    assert len(errors) == 2


@pytest.mark.parametrize("message", ["The model stopped.", "please stop or stream", "best_of is unknown", "bad image"])
def test_an_answer_that_names_none_of_our_fields_gets_no_advice(message: str) -> None:
    body = b'{"model":"m","messages":[],"stop":["x"],"stream":true,"temperature":0.0}'
    assert advice_on(json.dumps({"error": {"message": message}}).encode(), body, "max_tokens") == ""


def test_advice_keeps_what_is_omitted_already() -> None:
    body = b'{"model":"m","seed":1}'
    assert advice_on(b"'seed' is not supported", body, "max_tokens", ["temperature"]).endswith("omit=temperature,seed")


def test_advice_is_enough(ask: Any) -> None:
    def picky(call: Call) -> Reply:
        wrong = [name for name in ("temperature", "max_tokens") if name in call.body]
        return failed(400, f"Unsupported parameter: '{wrong[0]}'") if wrong else said()

    with serving(picky) as server:
        assert ask(server, 2).exit_code == 4
        assert ask(server, 2, args={"omit": "temperature,max_tokens"}).exit_code == 0
