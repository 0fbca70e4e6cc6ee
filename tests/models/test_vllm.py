"""The adapter for vLLM's offline engine, against a stand-in with the same interface: vLLM itself needs a GPU."""

import base64
import re
import sys
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from helpers import evaluate, lines, write_questions

from mmbench.core.errors import MissingExtraError
from mmbench.core.requests import Generate
from mmbench.models.hf.placeholders import NEUTRALISED
from mmbench.models.vllm import VLLM
from mmbench.testing import check_model


@dataclass
class SamplingParams:
    """The arguments of vLLM's class that the adapter uses, with vLLM's defaults."""

    temperature: float = 1.0
    max_tokens: int | None = 16
    stop: Any = None
    seed: int | None = None
    logprobs: int | None = None


@dataclass
class LLM:
    """Answers with the colour's name, as vLLM wraps it."""

    model: str
    max_model_len: int | None = None
    revision: str | None = None
    calls: list[Any] = field(default_factory=list)
    made = []  # noqa: RUF012

    def __post_init__(self) -> None:
        LLM.made.append(self)

    def get_tokenizer(self) -> Any:
        pads = SimpleNamespace(content="<|image_pad|>", special=True)
        return SimpleNamespace(added_tokens_decoder={5: pads})

    def chat(self, messages: Any, sampling_params: Any = None, use_tqdm: bool = True) -> list[Any]:
        assert not use_tqdm
        settings = sampling_params if isinstance(sampling_params, list) else [sampling_params] * len(messages)
        assert len(settings) == len(messages)
        self.calls.append((messages, settings))
        return [self._answer(chat, each) for chat, each in zip(messages, settings, strict=True)]

    def _answer(self, chat: Any, settings: SamplingParams) -> Any:
        content = chat[-1]["content"]
        text = content if isinstance(content, str) else next(p["text"] for p in content if p["type"] == "text")
        number = int((re.findall(r"\d+", text) or ["0"])[0])
        likely = {7: logprob(" The", -0.1), 8: logprob("B", -3.0), 9: logprob(None, -0.2), 10: logprob("C", -2.0)}
        said = SimpleNamespace(
            text=f" {['red', 'green', 'blue', 'black'][number % 4]}\n",
            token_ids=(3, 4),
            logprobs=[likely] if settings.logprobs else None,
            finish_reason="stop",
        )
        return SimpleNamespace(prompt_token_ids=list(range(30)), outputs=[said])


def logprob(token: str | None, value: float) -> Any:
    return SimpleNamespace(decoded_token=token, logprob=value, rank=1)


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that looks like a checkpoint; the stand-in is importable as ``vllm``."""
    module: Any = ModuleType("vllm")
    module.__spec__ = ModuleSpec("vllm", None)
    module.LLM, module.SamplingParams = LLM, SamplingParams
    monkeypatch.setitem(sys.modules, "vllm", module)
    monkeypatch.setattr(LLM, "made", [])
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    return folder


class Chooser(VLLM):
    """Only chooses."""

    generate = None  # type: ignore[assignment]


def test_texts_tokens_and_pictures(checkpoint: Path, tmp_path: Path) -> None:
    data = write_questions(tmp_path, 10)
    args = {"system": "Be brief.", "max_model_len": 64}
    result = evaluate(f"vllm/{checkpoint}", data, tmp_path, model_args=args, batch_size=4)
    assert result.exit_code == 0
    assert [metric.metric.value for metric in result.rows() if metric.metric.id == "accuracy"] == [1.0]
    assert {(line.input_tokens, line.output_tokens, line.batch_size) for line in lines(result.path)} >= {(30, 2, 4)}
    (engine,) = LLM.made
    assert (engine.model, engine.max_model_len) == (str(checkpoint), 64)
    assert [len(messages) for messages, _ in engine.calls] == [4, 4, 2]
    chat, settings = engine.calls[0][0][0], engine.calls[0][1][0]
    assert chat[0] == {"role": "system", "content": "Be brief."}
    (url,) = [part["image_url"]["url"] for part in chat[1]["content"] if part["type"] == "image_url"]
    assert base64.b64decode(url.partition(",")[2]) == (tmp_path / "images" / "0.png").read_bytes()
    assert (settings.temperature, settings.seed, settings.stop) == (0.0, None, None)
    assert settings.max_tokens > 0


def test_drawn_answers_have_their_own_seeds_and_stops(checkpoint: Path) -> None:
    model = VLLM(str(checkpoint))
    model.open()
    requests = [
        Generate(parts=("picture 1?",), temperature=0.7, seed=2**40 + n, stop=("\n",), max_new_tokens=5) for n in (3, 4)
    ]
    # A text alone is no list of parts.
    chats = model.collate(requests)
    assert chats[0] == [{"role": "user", "content": "picture 1?"}]
    model._engine._answer = lambda *_: SimpleNamespace(
        prompt_token_ids=None, outputs=[SimpleNamespace(text="x", token_ids=[1], finish_reason="length")]
    )
    assert [each.finish_reason for each in model.generate(requests, chats)] == ["length", "length"]
    ((_, settings),) = LLM.made[0].calls
    assert [(s.seed, s.temperature, s.stop, s.max_tokens) for s in settings] == [
        (3, 0.7, ["\n"], 5),
        (4, 0.7, ["\n"], 5),
    ]


def test_choices_by_their_letters(checkpoint: Path, tmp_path: Path) -> None:
    result = evaluate(Chooser, write_questions(tmp_path, 3), tmp_path, model_args={"path": str(checkpoint)})
    assert result.exit_code == 0
    a, b, c, d = lines(result.path)[0].output
    assert (b, c) == (-3.0, -2.0)
    assert a == d < b
    _, (settings, *_) = LLM.made[0].calls[0]
    assert (settings.max_tokens, settings.logprobs, settings.temperature) == (1, 20, 0.0)


def test_it_passes_the_conformance_kit(checkpoint: Path) -> None:
    report = check_model(VLLM, options={"path": str(checkpoint)})
    report.raise_if_failed()
    assert report["generate: alone"].status == report["choose: alone"].status == "pass"


def test_other_weights_are_another_model(checkpoint: Path) -> None:
    before = VLLM.weights_digest(str(checkpoint))
    (checkpoint / "config.json").write_text('{"a": 1}')
    assert VLLM.weights_digest(str(checkpoint)) != before


def test_an_option_that_the_engine_does_not_take_is_said(checkpoint: Path, tmp_path: Path) -> None:
    result = evaluate(f"vllm/{checkpoint}", write_questions(tmp_path, 2), tmp_path, model_args={"max_modle_len": 3})
    assert result.exit_code == 4
    assert "max_modle_len" in str(result.failures)


def test_without_vllm_one_sentence_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmbench.models.vllm.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r'vllm/some/model needs an extra: pip install "mmbench\[vllm\]"'):
        evaluate("vllm/some/model", write_questions(tmp_path, 2), tmp_path)


def test_a_placeholder_in_the_data_stands_for_no_image(checkpoint: Path) -> None:
    model = VLLM(str(checkpoint), system="Say <image>.")
    model.open()
    asked = [Generate(parts=("is <|image_pad|> a tag?",), id="a"), Generate(parts=("which?",), id="b")]
    chats = model.collate(asked)
    assert [chat[-1]["content"] for chat in chats] == ["is < |image_pad|> a tag?", "which?"]
    assert chats[0][0]["content"] == "Say < image>."
    assert model.notes == {NEUTRALISED: {"a"}}
