"""What an answer holds: texts, refusals, tokens, costs, first tokens, log-probabilities."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from helpers import evaluate, lines, write_questions
from hypothesis import given
from hypothesis import strategies as st
from misbehaving import Call, Reply, always, answer, document, failed, first, reply, said, serving, stream

from mmbench import run
from mmbench.core.errors import RunFailedError
from mmbench.core.responses import Usage
from mmbench.models.endpoint.adapter import OpenAI
from mmbench.models.endpoint.answers import letter_scores
from mmbench.models.endpoint.usage import usage_of

USAGE = {"prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 107}


def of(result: Any, sample: str) -> Any:
    """The last line of a sample."""
    return [line for line in lines(result.path) if line.id.split("/")[-2] == sample][-1]


# --- texts and refusals ---

TEXTS = {
    "a text": (said("blue"), "blue"),
    "an empty text": (said(""), ""),
    "parts": (said([{"type": "text", "text": "bl"}, {"type": "text", "text": "ue"}]), "blue"),
    "parts that hold something else": (said([{"type": "thinking"}, {"type": "text", "text": "blue"}, 3]), "blue"),
    "another language": (said("синий 🟦 \u0000"), "синий 🟦 \u0000"),
    "several choices": (document(answer("blue") | {"choices": [*answer("blue")["choices"] * 2]}), "blue"),
    "without a content type": (reply(200, '{"choices": [{"message": {"content": "blue"}}]}', ""), "blue"),
    "with a content type of its own": (
        reply(200, '{"choices": [{"message": {"content": "blue"}}]}', "text/plain"),
        "blue",
    ),
    "behind a byte order mark": (
        reply(200, '\ufeff{"choices": [{"message": {"content": "blue"}, "finish_reason": "stop"}]}'),
        "blue",
    ),
    "with half of a character": (
        reply(200, '{"choices": [{"message": {"content": "blue \\ud83d"}, "finish_reason": "stop"}]}'),
        "blue \ufffd",
    ),
    "with both halves": (
        reply(200, '{"choices": [{"message": {"content": "\\ud83d\\ude00 \\ude00 blue"}, "finish_reason": "stop"}]}'),
        "\U0001f600 \ufffd blue",
    ),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_is_taken_as_it_is(name: str, ask: Any) -> None:
    sent, expected = TEXTS[name]
    with serving(always(sent)) as server:
        result = ask(server, 2)
    assert result.exit_code == 0
    assert [line.output for line in lines(result.path)] == [expected] * 2


REFUSALS = {
    "a refusal": (said(None, refusal="I will not look at this"), "I will not look at this"),
    "a filter": (said(None, "content_filter"), ""),
    "a filter in the middle": (said("the pic", "content_filter"), "the pic"),
    "a filter that answers with an error": (failed(400, "filtered", "content_filter"), "filtered"),
    "a refusal that is no text": (said(None, refusal={"why": 1}), "{'why': 1}"),
    "a refusal in a stream": (
        stream([{"choices": [{"delta": {"refusal": "no"}}]}, {"choices": [{"finish_reason": "stop"}]}]),
        "no",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_is_no_error_and_no_answer(name: str, ask: Any) -> None:
    sent, expected = REFUSALS[name]
    with serving(first(sent, on=1)) as server:
        result = ask(server)
        assert result.exit_code == 0
        assert (of(result, "q1").status, of(result, "q1").output) == ("refused", expected)
        ask(server)
    assert server.times(1) == 1


# --- tokens and costs ---


def prices(folder: Path, text: str) -> None:
    (folder / "mmbench.toml").write_text(text, encoding="utf-8")


@pytest.mark.slow
def test_tokens_are_as_the_endpoint_counts_them_and_cost_what_the_table_says(
    ask: Any, call: Any, tmp_path: Path
) -> None:
    prices(tmp_path, '[prices."test-model"]\ninput = 2\noutput = 10.0\n[prices.other]\ninput = 9\noutput = 9\n')
    with serving(always(said(usage=USAGE))) as server:
        result = ask(server, 4)
    for line in lines(result.path):
        assert (line.input_tokens, line.output_tokens) == (100, 7)
        assert line.cost_usd == pytest.approx((100 * 2 + 7 * 10) / 1e6)
    assert result.runs[0].tasks["vqa/mine"].perf.value("cost") == pytest.approx(4 * 270e-6)
    assert "on vqa/mine, cost: US$ 0.0011 for what was asked last" in call("show", result.path).out
    assert "cost: US$ 0.0011" in (result.path / "report.md").read_text()


def test_without_a_price_there_are_tokens_and_no_cost(ask: Any) -> None:
    with serving(always(said(usage=USAGE))) as server:
        result = ask(server, 2)
    assert {(line.input_tokens, line.cost_usd) for line in lines(result.path)} == {(100, None)}
    assert result.runs[0].tasks["vqa/mine"].perf.value("cost") is None


BAD_PRICES = [
    "prices = 3",
    "prices = []",
    '[prices]\n"test-model" = 3',
    '[prices."test-model"]\ninput = 1',
    '[prices."test-model"]\ninput = 1\noutput = "2"',
    '[prices."test-model"]\ninput = 1\noutput = -2',
    '[prices."test-model"]\ninput = 1\noutput = nan',
    '[prices."test-model"]\ninput = 1\noutput = inf',
    '[prices."test-model"]\ninput = true\noutput = 1',
    '[prices."test-model"]\ninput = 1\noutput = 1\ncached = 1',
    "[prices.gpt-4.1]\ninput = 1\noutput = 1",
]


@pytest.mark.parametrize("text", BAD_PRICES)
def test_a_table_that_is_none_of_prices_is_refused(text: str, tmp_path: Path, monkeypatch: Any) -> None:
    prices(tmp_path, text)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Exception, match=r"mmbench\.toml.*prices") as raised:
        OpenAI.weights_digest("test-model")
    assert getattr(raised.value, "exit_code", None) == 2


@pytest.mark.slow
def test_the_command_ends_with_2_before_it_asks(call: Any, tmp_path: Path) -> None:
    write_questions(tmp_path, 2)
    prices(tmp_path, BAD_PRICES[-1])
    with serving(always(said())) as server:
        command = ["run", "-m", "openai/m", "-t", "vqa", "--data", "mine.jsonl", "--base-url", server.url]
        call(*command).refused(2, 'prices."gpt-4"', "US dollars")
    assert server.calls == []
    assert not (tmp_path / "results").exists()


ODD_USAGE = [
    None,
    3,
    [],
    "many",
    {},
    {"prompt_tokens": "100", "completion_tokens": "7"},
    {"prompt_tokens": -1, "completion_tokens": 1.5},
    {"prompt_tokens": True, "completion_tokens": None},
    {"prompt_tokens": 10**30, "completion_tokens": 2**70},
]


@pytest.mark.parametrize("usage", ODD_USAGE)
def test_counts_that_are_none_are_left_out(usage: Any, ask: Any, tmp_path: Path) -> None:
    prices(tmp_path, '[prices."test-model"]\ninput = 2\noutput = 10\n')
    with serving(always(said(usage=usage))) as server:
        result = ask(server, 2)
    assert result.exit_code == 0
    found = {(line.output, line.input_tokens, line.output_tokens, line.cost_usd) for line in lines(result.path)}
    assert found == {("red", None, None, None)}


@pytest.mark.slow
@given(
    st.recursive(
        st.none() | st.integers() | st.floats() | st.text(),
        lambda s: st.lists(s) | st.dictionaries(st.sampled_from(["prompt_tokens", "completion_tokens"]), s),
    )
)
def test_whatever_stands_where_usage_belongs_is_no_crash(said: Any) -> None:
    found = usage_of(said, None)
    assert found is None or isinstance(found, Usage)


# --- streams ---


def event(text: str | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "choices": [{"index": 0, "delta": {} if text is None else {"content": text}, "finish_reason": finish}],
        **more,
    }


STREAM = [
    event(""),
    event("re"),
    event("d"),
    event(finish="stop"),
    {"choices": [], "usage": USAGE},
    b"data: [DONE]\n\n",
]


@pytest.mark.slow
def test_a_stream_tells_the_time_to_the_first_token_and_its_usage_at_the_end(ask: Any, call: Any) -> None:
    with serving(always(stream(STREAM, pause=0.02))) as server:
        result = ask(server, 40, args={"stream": True})
    assert server.calls[0].body["stream"] is True
    assert server.calls[0].body["stream_options"] == {"include_usage": True}
    for line in lines(result.path):
        assert (line.output, line.input_tokens, line.output_tokens) == ("red", 100, 7)
        assert line.first_token_s is not None
        assert 0.02 <= line.first_token_s <= line.duration_s - 0.06
    assert result.runs[0].tasks["vqa/mine"].perf.value("first_token_p50") >= 20
    assert "speed: first token after" in call("show", result.path).out


def test_events_may_come_in_any_pieces(ask: Any) -> None:
    whole = b"".join(e if isinstance(e, bytes) else b"data:" + json.dumps(e).encode() + b"\r\n\r\n" for e in STREAM)
    comment = b": keep-alive\n\nevent: message\nid: 3\n"
    for size in (1, 7, 64, len(whole)):
        pieces = [comment, *(whole[at : at + size] for at in range(0, len(whole), size))]
        with serving(always(stream(pieces))) as server:
            result = ask(server, 2, seed=size)
        assert {(line.output, line.input_tokens) for line in lines(result.path)} == {("red", 100)}


@pytest.mark.parametrize(
    "bad",
    [
        {"choices": 3},
        {"choices": [3]},
        {"choices": [{"delta": [1]}]},
        {"choices": [{"delta": "x"}]},
        {"choices": [{"delta": {"content": 3}}]},
        {"usage": "many"},
        {"choices": {"0": 1}},
    ],
)
def test_odd_events_are_passed_over(bad: Any, ask: Any) -> None:
    with serving(always(stream([event("red"), bad, event(finish="stop")]))) as server:
        result = ask(server, 2, args={"stream": True})
    assert [line.output for line in lines(result.path)] == ["red"] * 2


def test_an_error_in_a_stream_is_an_error(ask: Any) -> None:
    inside = stream([event("re"), {"error": {"message": "engine died", "code": 400}}], end=True)
    with serving(first(inside, on=1, then=stream(STREAM))) as server:
        result = ask(server, args={"stream": True})
    assert of(result, "q1").error == "HTTP 400: engine died"
    assert result.exit_code == 4


def test_a_server_that_does_not_stream_although_asked_to_is_understood(ask: Any) -> None:
    with serving(always(said("red"))) as server:
        result = ask(server, 2, args={"stream": True})
    assert [(line.output, line.first_token_s) for line in lines(result.path)] == [("red", None)] * 2


# --- choices ---


class Chooser(OpenAI):
    """Only chooses, so that questions with a closed answer set are asked as choices."""

    generate = None  # type: ignore[assignment]


def likely(*pairs: tuple[Any, Any]) -> dict[str, Any]:
    listed = [{"token": token, "logprob": value, "bytes": None} for token, value in pairs]
    return {"content": [{"token": "A", "logprob": -0.1, "top_logprobs": listed}]}


def choosing(logprobs: Any) -> Reply:
    whole = answer("A")
    whole["choices"][0]["logprobs"] = logprobs
    return document(whole)


def choose(reply: Reply, folder: Path, n: int = 2) -> tuple[Any, list[Call]]:
    with serving(always(reply)) as server:
        args = {"model": "m", "base_url": server.url}
        return evaluate(Chooser, write_questions(folder, n), folder, model_args=args), server.calls


def test_choices_are_letters_scored_by_the_first_token(tmp_path: Path) -> None:
    result, calls = choose(choosing(likely((" B", -0.2), ("B", -2.0), ("A", -3.0), ("x", -4.0))), tmp_path)
    assert result.exit_code == 0
    (a, b, c, d) = lines(result.path)[0].output
    assert (a, b) == (-3.0, -0.2)
    assert c == d < -4.0
    assert c == pytest.approx(-4.0)
    body = calls[0].body
    assert (body["logprobs"], body["top_logprobs"], body["max_tokens"], body["temperature"]) == (True, 20, 1, 0)
    assert "A. red\nB. green\nC. blue\nD. black" in calls[0].prompt


NO_CHOICE = {
    "no log-probabilities": (None, "gives no log-probabilities"),
    "an empty list": ({"content": []}, "gives no log-probabilities"),
    "no list of likely tokens": ({"content": [{"token": "A"}]}, "gives no log-probabilities"),
    "a list of lists": ({"content": [[1]]}, "gives no log-probabilities"),
    "none of the letters": (likely(("The", -0.1), ("E", -2.0)), "none of the letters A, B, C, D"),
    "values that are texts": (likely(("A", "high")), "not tokens with a number"),
    "values that are nothing": (likely(("A", None)), "not tokens with a number"),
    "values beyond all numbers": (likely(("A", -(10**400))), "not tokens with a number"),
    "a NaN in a text": (likely(("A", "nan")), "not all finite"),
    "entries that are numbers": ({"content": [{"top_logprobs": [1, 2]}]}, "not tokens with a number"),
    "a number instead of a list": ({"content": [{"top_logprobs": 3}]}, "not tokens with a number"),
    "a table instead of a list": ({"content": [{"top_logprobs": {"A": -1}}]}, "not tokens with a number"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NO_CHOICE)
def test_log_probabilities_that_are_none_are_an_error(name: str, tmp_path: Path) -> None:
    logprobs, words = NO_CHOICE[name]
    result, _ = choose(choosing(logprobs), tmp_path)
    assert result.exit_code == 4
    assert {line.status for line in lines(result.path)} == {"error"}
    assert words in lines(result.path)[0].error


@given(
    st.lists(st.tuples(st.sampled_from("ABCDEFab x"), st.floats(-50, 0)), min_size=1, max_size=20),
    st.integers(1, 20),
)
def test_an_unlisted_letter_is_less_likely_than_every_listed_one(pairs: list[tuple[str, float]], count: int) -> None:
    letters = "ABCDEFGHIJKLMNOPQRST"[:count]
    listed = {token.upper() for token, _ in pairs}
    if not listed & set(letters):
        with pytest.raises(RunFailedError):
            letter_scores(pairs, count)
        return
    scores = dict(zip(letters, letter_scores(pairs, count), strict=True))
    assert all(math.isfinite(score) for score in scores.values())
    for letter, score in scores.items():
        if letter in listed:
            assert score == max(value for token, value in pairs if token.upper() == letter)
        else:
            assert score < min(value for _, value in pairs)


@pytest.mark.parametrize(
    "sent", [failed(400, "no", "content_filter"), said(None, "content_filter"), said(refusal="no")]
)
def test_a_refusal_to_choose_is_a_refusal(sent: Reply, tmp_path: Path) -> None:
    result, calls = choose(sent, tmp_path, 1)
    assert [(line.status, line.finish_reason) for line in lines(result.path)] == [("refused", "filter")]
    assert (result.exit_code, len(calls), result.rows()[0].metric.n_refused) == (0, 1, 1)


def test_more_choices_than_letters_are_an_error_of_that_sample(tmp_path: Path) -> None:
    data = write_questions(tmp_path, 1)
    row = json.loads(data.read_text())
    data.write_text(json.dumps(row | {"choices": ["red", *map(str, range(20))]}))
    with serving(always(said())) as server:
        result = evaluate(Chooser, data, tmp_path, model_args={"model": "m", "base_url": server.url})
    assert result.exit_code == 4
    assert "21 choices" in str(lines(result.path)[0].error)
    assert server.calls == []


# --- a task of its own prompt and extractor ---


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "answer", "extractor", "metric"),
    [
        ("class", "The face smiles, so:\nAnswer: positive", "final-answer-v2", "accuracy"),
        ("score", "The face smiles, so:\nAnswer: 2.5", "final-number-v2", "mae"),
    ],
)
def test_sentiment_is_asked_with_its_prompt_and_read_by_the_extractor_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, answer: str, extractor: str, metric: str
) -> None:
    from mmbench_tasks.sentiment.scenes import task

    samples = task.with_options(target=target).samples()[:9]
    calls: list[Call] = []
    monkeypatch.chdir(tmp_path)
    with serving(lambda call: calls.append(call) or said(answer)) as server:
        result = run(
            *("openai/test-model", "sentiment/scenes"),
            model_args={"base_url": server.url},
            task_args={"target": target, "prompt": "speaker-final-v1"},
            ids=[sample.id for sample in samples],
            perf="off",
            progress=False,
        )
    assert result.exit_code == 0
    sentences = {str(sample.parts[-1]) for sample in samples}
    assert all(len(call.pictures) == 1 and any(text in call.prompt for text in sentences) for call in calls)
    (asked,) = result.runs[0].tasks.values()
    assert asked.entry.scored_by["extractor"] == extractor
    labels = [sample.references[0] for sample in samples]
    errors = [float(label == "positive") if target == "class" else abs(2.5 - float(label)) for label in labels]
    found = next(row.metric for row in result.rows() if row.metric.id == metric)
    assert (found.value, found.n_unparsed) == (pytest.approx(sum(errors) / 9), 0)
