"""Chat templates as they are found: which content they take, and what data may hold."""

import json
from pathlib import Path
from typing import Any

import pytest
import tiny
from helpers import evaluate, lines, mmbench, write_picture, write_questions, write_rows

from mmbench import Generate
from mmbench.core import Message
from mmbench.core.errors import ModelUnusableError, RunFailedError, UsageError
from mmbench.models.hf.adapter import ALONE, NO_TEMPLATE, HuggingFace
from mmbench.models.hf.asking import Asker
from mmbench.models.hf.chat import chat_format
from mmbench.models.hf.generation import settings_of
from mmbench.models.hf.placeholders import NEUTRALISED
from mmbench.models.hf.prompts import Prompts
from mmbench.models.hf.sequences import Processing

TYPED = tiny.TEMPLATE
TEXT = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }} {% endfor %}assistant:"
JOINED = "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + ' ' }}{% endfor %}assistant:"
JSON = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] | tojson }} {% endfor %}assistant:"
EITHER = (
    "{% for m in messages %}{{ m['role'] }}: {% if m['content'] is string %}{{ m['content'] }}{% else %}"
    "{% for c in m['content'] %}{% if c['type'] == 'image' %}<image>{% else %}{{ c['text'] }}{% endif %}{% endfor %}"
    "{% endif %} {% endfor %}assistant:"
)
NO_SYSTEM = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}" + TYPED
DROPS_SYSTEM = TYPED.replace(
    "{{ m['role'] }}", "{% if m['role'] == 'system' %}{% continue %}{% endif %}{{ m['role'] }}"
)
NO_IMAGES = TYPED.replace("<image>\n", "")
BROKEN = "{{ raise_exception('not today') }}"


@pytest.fixture(scope="module")
def processor(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A processor whose template the tests replace."""
    transformers = pytest.importorskip("transformers")
    return transformers.AutoProcessor.from_pretrained(tiny.llava(tmp_path_factory.mktemp("llava")))


def written(processor: Any, template: str, *parts: Any, system: str | None = None) -> str:
    processor.chat_template = template
    (text,), _ = Prompts(Processing(processor), system).of([Generate(parts=parts)])
    return text


@pytest.mark.parametrize(
    ("template", "content"), [(TYPED, "parts"), (EITHER, "parts"), (TEXT, "text"), (JOINED, "text"), (None, "none")]
)
def test_what_a_template_takes_is_found_out(processor: Any, template: Any, content: str) -> None:
    processor.chat_template = template
    assert chat_format(processor, Processing(processor)).content == content


@pytest.mark.parametrize("template", [TYPED, EITHER, TEXT, JOINED])
def test_a_text_arrives_as_it_is(processor: Any, template: str) -> None:
    assert written(processor, template, "Which colour?") == "user: Which colour? assistant:"


def test_a_template_that_quotes_a_text_still_takes_a_text(processor: Any) -> None:
    assert written(processor, JSON, "Which colour?") == 'user: "Which colour?" assistant:'


@pytest.mark.parametrize("template", [TEXT, JOINED])
def test_images_of_a_template_that_takes_texts_are_placeholders_in_the_text(processor: Any, template: str) -> None:
    first, second = tiny.picture(0), tiny.picture(1)
    text = written(processor, template, first, "and", second, "which?")
    assert text == "user: <image>\nand\n<image>\nwhich? assistant:"


@pytest.mark.parametrize("template", [NO_SYSTEM, DROPS_SYSTEM])
def test_a_system_message_goes_before_the_question_where_the_template_has_no_such_role(
    processor: Any, template: str
) -> None:
    assert written(processor, template, "which?", system="Be brief.") == "user: Be brief.\n\nwhich? assistant:"
    assert written(processor, TYPED, "which?", system="Be brief.") == "system: Be brief. user: which? assistant:"


def test_a_template_that_always_fails_is_one_sentence_before_weights_load(processor: Any) -> None:
    processor.chat_template = BROKEN
    with pytest.raises(UsageError, match="not today"):
        Prompts(Processing(processor), None)


def test_a_template_without_images_ends_the_run_and_a_message_of_its_own_only_itself(processor: Any) -> None:
    with pytest.raises(ModelUnusableError, match=r"chat_template\.jinja"):
        written(processor, NO_IMAGES, tiny.picture(0), "which?")
    one_only = TYPED.replace("<image>\n", "{% if loop.first %}<image>\n{% endif %}")
    with pytest.raises(RunFailedError) as caught:
        written(processor, one_only, tiny.picture(0), tiny.picture(1), "which?")
    assert not isinstance(caught.value, ModelUnusableError)


@pytest.mark.parametrize("template", [TYPED, TEXT, None])
@pytest.mark.parametrize("question", ["<image>\nWhat is it?", "is <image> a tag?<image>", "<<image>image>"])
def test_placeholders_in_the_data_are_no_images(processor: Any, template: Any, question: str) -> None:
    processor.chat_template = template
    asked = Prompts(Processing(processor), "Say <image>.")
    requests = [Generate(parts=(tiny.picture(0), question), id="a"), Generate(parts=(tiny.picture(0), "b"), id="b")]
    texts, images = asked.of(requests)
    assert [text.count("<image>") for text in texts] == [1, 1]
    assert [len(own) for own in images] == [1, 1]
    assert asked.neutralised == {"a"}


def test_every_token_for_media_that_processor_and_tokenizer_know_is_a_placeholder() -> None:
    from types import SimpleNamespace

    special = ["<|vision_start|>", "<row_1_col_2>", "<fake_token_around_image>", "</s>", "<|im_end|>"]
    tokens = {number: SimpleNamespace(content=text, special=True) for number, text in enumerate(special)}
    tokens[9] = SimpleNamespace(content="image", special=False)
    tokenizer = SimpleNamespace(added_tokens_decoder=tokens, boi_token="<start_of_pic>", pad_token="<pad>")
    processor = SimpleNamespace(image_token="[IMG]", video_token="<v>", global_image_tag="<g>", tokenizer=tokenizer)
    known = chat_format(processor, lambda texts, images: {"input_ids": [[1]]})
    assert set(known.placeholders) == {"<image>", "[IMG]", "<v>", "<g>", "<start_of_pic>", *special[:3]}


@pytest.mark.slow
def test_a_placeholder_in_one_question_stops_nothing_and_is_noted(tmp_path: Path, llava: Path) -> None:
    write_picture(tmp_path / "a.png", (255, 0, 0))
    questions = ["what colour?", "<image>\nwhat colour?", "is <image> a tag?"]
    rows = [{"image": "a.png", "question": question, "answer": "red"} for question in questions]
    result = evaluate(f"hf/{llava}", write_rows(tmp_path / "mine.jsonl", rows), tmp_path)
    assert result.exit_code == 0
    (entry,) = [task.entry for task in result.runs[0].tasks.values()]
    assert entry.notes == {NEUTRALISED: 2}
    assert {line.error for line in lines(result.path) if line.status == "error"} == set()


THINKS = TYPED + "{% if enable_thinking is defined and not enable_thinking %}<think></think>{% endif %}"
BUDGET = TYPED + "{% if thinking_budget is defined %}<budget {{ thinking_budget }}>{% endif %}"


def test_a_conversation_keeps_its_roles(processor: Any) -> None:
    messages = (
        Message("system", ("Be brief.",)),
        Message("user", (tiny.picture(0), "a?")),
        Message("assistant", ("red",)),
        Message("user", (tiny.picture(1), "b?")),
    )
    for template, expected in {
        TYPED: "system: Be brief. user: <image>\na? assistant: red user: <image>\nb? assistant:",
        TEXT: "system: Be brief. user: <image>\na? assistant: red user: <image>\nb? assistant:",
        NO_SYSTEM: "user: Be brief.\n\n<image>\na? assistant: red user: <image>\nb? assistant:",
    }.items():
        processor.chat_template = template
        (text,), (images,) = Prompts(Processing(processor), None).of([Generate(messages=messages)])
        assert (text, len(images)) == (expected, 2)
    processor.chat_template = TYPED
    (text,), _ = Prompts(Processing(processor), "First.").of([Generate(messages=messages)])
    assert text.startswith("system: First.Be brief. user:")


def test_thinking_is_given_to_a_template_that_knows_it_and_refused_otherwise(processor: Any) -> None:
    def ask(template: str, **given: Any) -> str:
        processor.chat_template = template
        return Prompts(Processing(processor), None).of([Generate(parts=("a?",), **given)])[0][0]

    assert ask(THINKS, thinking=False).endswith("<think></think>")
    assert ask(THINKS, thinking=True) == ask(THINKS) == "user: a? assistant:"
    assert ask(BUDGET, thinking=300).endswith("<budget 300>")
    assert ask(BUDGET, chat_template_kwargs={"thinking_budget": 7}).endswith("<budget 7>")
    for template, thinking in ((TYPED, True), (TYPED, False), (THINKS, 300)):
        with pytest.raises(ModelUnusableError, match="thinking"):
            ask(template, thinking=thinking)


@pytest.mark.parametrize(("temperature", "top_p"), [(0.0, None), (0.0, 0.5), (0.8, None), (0.8, 0.5)])
def test_settings_of_a_request(temperature: float, top_p: float | None) -> None:
    found = settings_of([Generate(parts=("a",), temperature=temperature, top_p=top_p, max_new_tokens=3)])
    assert found["max_new_tokens"] == 3
    assert found["do_sample"] == (temperature > 0)
    assert found.get("top_p") == (None if temperature == 0 else top_p or 1.0)


LEFT_OVER: dict[str, Any] = {
    "num_beams": 3,
    "num_return_sequences": 2,
    "repetition_penalty": 1.7,
    "no_repeat_ngram_size": 1,
    "do_sample": True,
    "temperature": 0.3,
    "top_k": 5,
    "top_p": 0.5,
    "min_new_tokens": 9,
    "forced_eos_token_id": 2,
    "suppress_tokens": [30, 31],
    "bad_words_ids": [[40], [41]],
    "length_penalty": 2.0,
}


@pytest.mark.slow
def test_nothing_of_the_checkpoints_own_generation_settings_is_in_force(tmp_path: Path) -> None:
    folder = tiny.llava(tmp_path / "llava")
    write_picture(tmp_path / "a.png", (255, 0, 0))
    rows = [{"image": "a.png", "question": f"what colour {n}?", "answer": "red"} for n in range(3)]
    data = write_rows(tmp_path / "mine.jsonl", rows)
    plain = evaluate(f"hf/{folder}", data, tmp_path / "plain")
    file = folder / "generation_config.json"
    stored = json.loads(file.read_text())
    file.write_text(json.dumps({**stored, **LEFT_OVER}))
    result = evaluate(f"hf/{folder}", data, tmp_path / "other")
    assert [(line.id, line.output) for line in lines(result.path)] == [
        (line.id, line.output) for line in lines(plain.path)
    ]
    settings = result.runs[0].record.model.settings
    assert settings["generation_set_aside"] == LEFT_OVER
    assert settings["generation"]["do_sample"] is False
    assert settings["generation"]["num_beams"] == 1
    assert (settings["generation"]["eos_token_id"], settings["generation"]["pad_token_id"]) == (2, 3)
    assert plain.runs[0].record.model.settings["generation_set_aside"] == {}
    assert settings["chat_template"] == {"content": "parts", "system": True, "source": "processor"}


@pytest.mark.slow
def test_the_text_that_a_model_reads_is_shown_without_its_weights(llava: Path, tmp_path: Path) -> None:
    data = write_questions(tmp_path, 3)
    weights = [path for path in llava.iterdir() if path.suffix == ".safetensors"]
    bare = tmp_path / "bare"
    bare.mkdir()
    for path in llava.iterdir():
        if path not in weights:
            (bare / path.name).write_bytes(path.read_bytes())
    done = mmbench(
        *("show", "vqa", "--data", data, "--sample", "0", "--model", "hf/./bare", "--model-args", "system=Brief."),
        folder=tmp_path,
    )
    assert done.code == 0, done.err
    model = HuggingFace(str(bare), system="Brief.")
    request = Generate(parts=(tiny.picture(0), "what?"))
    text = model.rendered(request)
    assert text.count("<image>") == 1
    assert "Brief." in done.out
    assert "what?" in text


@pytest.mark.slow
def test_a_template_of_the_users_takes_the_place_of_the_checkpoints_own(tmp_path: Path, llava: Path) -> None:
    file = tmp_path / "mine.jinja"
    file.write_text(TYPED.replace("assistant:", "robot:"))
    model = HuggingFace(str(llava), chat_template=str(file))
    assert model.rendered(Generate(parts=("which?",))) == "user: which? robot:"
    assert model._prompts is not None
    assert model._prompts.format.source == "file"
    first = HuggingFace.weights_digest(str(llava), chat_template=str(file))
    file.write_text(TYPED)
    digests = {
        first,
        HuggingFace.weights_digest(str(llava), chat_template=str(file)),
        HuggingFace.weights_digest(str(llava)),
    }
    assert len(digests) == 3
    with pytest.raises(UsageError, match="nowhere"):
        HuggingFace(str(llava), chat_template=str(tmp_path / "nowhere.jinja"))


@pytest.mark.slow
def test_a_tokenizers_template_is_taken_where_the_processor_has_none_and_a_missing_one_is_noted(tmp_path: Path) -> None:
    folder = tiny.llava(tmp_path / "llava", None)
    data = write_questions(tmp_path, 2)
    (task,) = evaluate(f"hf/{folder}", data, tmp_path / "none").runs[0].tasks.values()
    assert task.entry.notes == {NO_TEMPLATE: 2}
    file = folder / "tokenizer_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "chat_template": JOINED}))
    run = evaluate(f"hf/{folder}", data, tmp_path / "own").runs[0]
    assert run.record.model.settings["chat_template"] == {"content": "text", "system": True, "source": "tokenizer"}
    assert [each.entry.notes for each in run.tasks.values()] == [{}]


@pytest.mark.slow
@pytest.mark.parametrize("wrong", ["images", "texts"])
def test_a_checkpoint_that_answers_otherwise_in_a_batch_is_asked_one_by_one(
    wrong: str, tmp_path: Path, llava: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The padding is read: what a mask that a model ignores does."""
    read = Asker._given

    def unmasked(self: Any, piece: Any) -> dict[str, Any]:
        given = read(self, piece)
        if ("pixel_values" in given) == (wrong == "images"):
            given["attention_mask"] = given["attention_mask"].fill_(1)
        return given

    monkeypatch.setattr(Asker, "_given", unmasked)
    model = HuggingFace(str(llava))
    model.open()
    found = model.settings["determinism"]
    assert (found["batches"], found["text_alone"]) == (("alone", False) if wrong == "images" else ("together", True))
    media = (tiny.picture(0),) if wrong == "images" else ()
    requests = [Generate(parts=(*media, text), id=text, max_new_tokens=4) for text in ("a?", "which colour is it?")]
    together = model.generate(requests, model.collate(requests))
    assert [each.text for each in together] == [model.generate([r], model.collate([r]))[0].text for r in requests]
    assert model.notes[ALONE] == {"a?", "which colour is it?"}
