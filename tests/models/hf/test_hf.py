"""``hf/PATH``: a checkpoint that transformers can load answers in batches as it would answer alone."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import tiny
from helpers import evaluate, lines, write_questions

from mmbench import Choose, Generate, Usage, run
from mmbench.core import CheckpointError, UnknownNameError, UsageError
from mmbench.models.hf.adapter import HuggingFace
from mmbench.models.hf.answers import Answers

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(llava: Path) -> Any:
    """The LLaVA-like model, opened."""
    built = HuggingFace(str(llava))
    built.open()
    return built


def asked(number: int, text: str = "what colour is the circle?", **options: Any) -> Generate:
    """A question about noise."""
    return Generate(parts=(tiny.picture(number), text), **{"max_new_tokens": 8, **options})


def ask(model: Any, requests: list[Any]) -> list[Any]:
    """As the runner does."""
    return model.generate(requests, model.collate(requests))


QUESTIONS = ["what?", "which colour is the square, left of the star? answer with one word", "yes or no"]


def test_a_batch_is_answered_as_each_request_alone(model: Any) -> None:
    requests = [asked(n, QUESTIONS[n % 3]) for n in range(6)]
    together = [answer.text for answer in ask(model, requests)]
    assert together == [ask(model, [request])[0].text for request in requests]
    assert len(set(together)) > 1


def test_answers_are_those_of_transformers_own_generate(model: Any, llava: Path) -> None:
    from transformers import AutoModelForImageTextToText, AutoProcessor

    processor = AutoProcessor.from_pretrained(llava)
    reference = AutoModelForImageTextToText.from_pretrained(llava)
    for number in range(3):
        request = asked(number, QUESTIONS[number])
        inputs = processor(
            text=f"user: <image>\n{QUESTIONS[number]} assistant:", images=request.media[0].load(), return_tensors="pt"
        )
        written = reference.generate(**inputs, max_new_tokens=8, do_sample=False)[0, inputs["input_ids"].shape[1] :]
        assert ask(model, [request])[0].text == processor.decode(written, skip_special_tokens=True).strip()


def test_padding_is_neither_text_nor_counted(model: Any) -> None:
    short, long = ask(model, [asked(0, max_new_tokens=2), asked(1, max_new_tokens=9)])
    assert short.usage.output_tokens <= 2
    assert long.usage.output_tokens <= 9
    alone = ask(model, [asked(0, max_new_tokens=2)])[0]
    assert (alone.text, alone.usage) == (short.text, short.usage)
    end = next(iter(model._answers.ends))
    cut = model._answers.of(asked(0), [50, 51, end, 3, 3, 3], Usage(7))
    assert 0 < short.usage.image_tokens < short.usage.input_tokens
    assert cut.usage.output_tokens == 3
    assert cut.usage.input_tokens == 7
    assert cut.finish_reason == "stop"


def test_how_a_generation_ended_is_read_from_its_tokens(model: Any) -> None:
    def reason(tokens: list[int], **options: Any) -> str:
        return model._answers.of(asked(0, max_new_tokens=3, **options), tokens, Usage(7)).finish_reason

    end, text = next(iter(model._answers.ends)), model._answers.text([50, 51, 52])
    assert reason([50, 51, 52]) == "length"
    assert reason([50, 51, 52, 53, end]) == "length"
    assert reason([50, 51, end]) == "stop"
    assert reason([50, end, 3]) == "stop"
    assert reason([50, 51]) == "unknown"
    assert reason([50, 51, 52], stop=(text[-1],)) == "stop"


def test_a_prompt_that_begins_the_reasoning_leaves_none_in_the_answer(tmp_path: Path) -> None:
    folder = tiny.llava(tmp_path / "thinks", tiny.TEMPLATE.replace("assistant:", "assistant:<think>\n"))
    result = evaluate(f"hf/{folder}", write_questions(tmp_path, 2), tmp_path)
    assert [(line.status, line.output) for line in lines(result.path)] == [("truncated", "")] * 2
    assert all(line.reasoning for line in lines(result.path))


def test_markers_that_are_special_tokens_are_not_lost(tmp_path: Path) -> None:
    built = HuggingFace(str(tiny.llava(tmp_path / "special")))
    built.open()
    words = built._processing.processor.tokenizer
    words.add_special_tokens({"additional_special_tokens": ["<image>", "[THINK]", "[/THINK]", "<|im_end|>"]})
    tokens = words("[THINK]blue[/THINK]red<|im_end|></s>", add_special_tokens=False)["input_ids"]
    assert Answers(words, frozenset()).text(tokens) == "[THINK]blue[/THINK]red"


def test_several_pictures_and_none_in_one_prompt(model: Any) -> None:
    several = Generate(parts=(tiny.picture(0), "and", tiny.picture(1), "which?"), max_new_tokens=4)
    none = Generate(parts=("what colour is red?",), max_new_tokens=4)
    other = Generate(parts=(tiny.picture(0), "and", tiny.picture(2), "which?"), max_new_tokens=4)
    assert ask(model, [several, other])[0].text == ask(model, [several])[0].text
    assert isinstance(ask(model, [none])[0].text, str)


def test_stop_texts_end_the_answer(model: Any) -> None:
    whole = ask(model, [asked(0)])[0].text
    assert len(whole) > 2
    assert ask(model, [asked(0, stop=(whole[2],))])[0].text == whole.partition(whole[2])[0]


def test_drawn_answers_depend_on_the_seed_of_the_request_alone(model: Any) -> None:
    def drawn(seed: int, companions: int) -> str:
        requests = [asked(0, temperature=30.0, seed=seed), *[asked(n, temperature=30.0) for n in range(companions)]]
        return str(ask(model, requests)[0].text)

    assert drawn(1, 0) == drawn(1, 3)
    assert len({drawn(seed, 0) for seed in range(4)}) > 1


def test_choices_get_their_log_likelihood(model: Any) -> None:
    """Against one forward pass a choice, without padding."""
    import torch

    requests = [
        Choose(parts=(tiny.picture(n), QUESTIONS[n]), choices=("red", "dark blue", "no")[: 3 - n % 2]) for n in range(3)
    ]
    found = model.choose(requests, model.collate(requests))
    for request, scores in zip(requests, found, strict=True):
        for choice, score in zip(request.choices, scores, strict=True):
            inputs = model.collate([request]).pieces[0].inputs
            tokens = torch.tensor(
                [model._processing.processor.tokenizer(choice, add_special_tokens=False)["input_ids"]]
            )
            ids = torch.cat([inputs["input_ids"], tokens], dim=1)
            mask = torch.ones_like(ids)
            with torch.inference_mode():
                logits = model._asker.model(
                    input_ids=ids, attention_mask=mask, pixel_values=inputs["pixel_values"]
                ).logits
            said = logits[0, -tokens.shape[1] - 1 : -1].log_softmax(-1).gather(1, tokens[0][:, None]).sum()
            assert score == pytest.approx(float(said), abs=1e-5)


def test_a_run_uses_batches_and_resumes(tmp_path: Path, llava: Path) -> None:
    data = write_questions(tmp_path, 20)
    result = evaluate(f"hf/{llava}", data, tmp_path, batch_size=8)
    assert result.exit_code == 0
    assert {line.batch_size for line in lines(result.path)} == {8, 4}
    assert all(line.output_tokens for line in lines(result.path))
    again = evaluate(f"hf/{llava}", data, tmp_path, batch_size=8)
    assert again.path == result.path
    assert len(lines(again.path)) == 20


def test_sentiment_is_asked_with_a_prompt_and_a_named_extractor(tmp_path: Path, llava: Path) -> None:
    from mmbench_tasks.sentiment.scenes import task

    ids = [sample.id for sample in task.samples()[:3]]
    options = {"ids": ids, "task_args": {"target": "score"}, "out": tmp_path, "perf": "off", "progress": False}
    result = run(f"hf/{llava}", "sentiment/scenes", **options)
    assert result.exit_code == 0
    assert {row.metric.n + row.metric.n_failed for row in result.rows() if row.metric.unit == "sample"} == {3}
    (task_of_run,) = result.runs[0].tasks.values()
    assert task_of_run.entry.scored_by["extractor"] == "number-v2"


def test_other_weights_are_another_model(tmp_path: Path, llava: Path) -> None:
    copy = shutil.copytree(llava, tmp_path / "copy")
    assert HuggingFace.weights_digest(str(copy)) == HuggingFace.weights_digest(str(llava))
    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (copy / "model.safetensors").write_bytes(weights)
    assert HuggingFace.weights_digest(str(copy)) != HuggingFace.weights_digest(str(llava))


# --- what may be wrong ---


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("hf/./nowhere", "there is no folder './nowhere'; a model on the hub is OWNER/NAME"),
        ("hf/somebody/something", "hf download somebody/something; or give a folder: hf/PATH"),
        ("hf/not a name", "is no name of a model on the hub"),
    ],
)
def test_what_is_not_there_says_what_to_type_instead(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        evaluate(name, write_questions(tmp_path, 2), tmp_path)
    assert said in str(caught.value)


def test_a_folder_without_a_checkpoint_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"it has no config\.json"):
        evaluate(f"hf/{tmp_path / 'empty'}", write_questions(tmp_path, 2), tmp_path)


def test_unknown_options_get_the_nearest_names(tmp_path: Path, llava: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'quantisation'"):
        HuggingFace(str(llava), quantization="4bit")
    with pytest.raises(UnknownNameError, match="Did you mean 'float16'"):
        HuggingFace(str(llava), dtype="float61")
    with pytest.raises(UsageError, match="cuda:7"):
        HuggingFace(str(llava), device="cuda:7").open()


def test_a_wrong_option_is_refused_before_anything_is_run(tmp_path: Path, llava: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"'sytem'\. Did you mean 'system'"):
        evaluate(f"hf/{llava}", write_questions(tmp_path, 2), tmp_path, model_args={"sytem": "be brief"})
    assert not (tmp_path / "runs").exists()


def test_weights_that_are_missing_or_cut_short_are_not_drawn_at_random(tmp_path: Path, llava: Path) -> None:
    from safetensors.torch import load_file, save_file

    copy = shutil.copytree(llava, tmp_path / "copy")
    weights = load_file(copy / "model.safetensors")
    kept = {name: weight for name, weight in weights.items() if "layers.1.mlp" not in name}
    save_file(kept, copy / "model.safetensors", {"format": "pt"})
    with pytest.raises(CheckpointError, match=r"lacks weights of its model: .*layers\.1\.mlp"):
        HuggingFace(str(copy)).open()
    (copy / "model.safetensors").write_bytes((llava / "model.safetensors").read_bytes()[:5000])
    with pytest.raises(CheckpointError, match="cut short"):
        HuggingFace(str(copy)).open()


def test_a_template_of_another_model_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    folder = tiny.llava(tmp_path / "model", tiny.TEMPLATE.replace("<image>", "<picture>"))
    with pytest.raises(UsageError, match=r"chat_template\.jinja"):
        evaluate(f"hf/{folder}", write_questions(tmp_path, 200), tmp_path, batch_size=4)


def test_code_of_the_checkpoint_is_not_run_unless_asked_for(tmp_path: Path, llava: Path) -> None:
    copy = shutil.copytree(llava, tmp_path / "copy")
    config = json.loads((copy / "config.json").read_text())
    config |= {
        "model_type": "own",
        "auto_map": {"AutoConfig": "own.OwnConfig", "AutoModelForImageTextToText": "own.Own"},
    }
    (copy / "config.json").write_text(json.dumps(config))
    (copy / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(CheckpointError, match="trust_remote_code=true"):
        evaluate(f"hf/{copy}", write_questions(tmp_path, 2), tmp_path)
    assert not (tmp_path / "ran").exists()


def test_memory_that_never_suffices_fails_each_sample_and_ends(
    tmp_path: Path, llava: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    def never(*_: Any, **__: Any) -> Any:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 EiB")

    monkeypatch.setattr(HuggingFace, "_write", never)
    result = evaluate(f"hf/{llava}", write_questions(tmp_path, 8), tmp_path)
    assert result.exit_code == 4
    assert all("out of memory" in str(line.error) for line in lines(result.path))
    assert len(lines(result.path)) == 8
