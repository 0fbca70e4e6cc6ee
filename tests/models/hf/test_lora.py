"""Adapters: a folder of LoRA weights runs with the checkpoint that it was trained on."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import tiny
from helpers import evaluate, write_questions

from mmbench.core import CheckpointError, Generate, UsageError
from mmbench.models.hf.adapter import HuggingFace

pytest.importorskip("peft")
pytestmark = pytest.mark.slow  # importing peft takes five seconds


@pytest.fixture(scope="session")
def lora(tmp_path_factory: pytest.TempPathFactory, llava: Path) -> Path:
    """An adapter of the LLaVA-like checkpoint, with weights that change its answers."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForImageTextToText

    folder = tmp_path_factory.mktemp("lora")
    model = AutoModelForImageTextToText.from_pretrained(llava)
    with torch.random.fork_rng(devices=[]), pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.warn", lambda *_, **__: None)
        torch.manual_seed(1)
        config = LoraConfig(target_modules=["q_proj", "v_proj"], r=4, init_lora_weights=False)
        get_peft_model(model, config).save_pretrained(folder)
    return folder


QUESTION = "what colour is the circle"


def answered(path: Path, **options: Any) -> str:
    model = HuggingFace(str(path), **options)
    model.open()
    requests = [Generate(parts=(tiny.picture(3), QUESTION), max_new_tokens=8)]
    return str(model.generate(requests, model.collate(requests))[0].text)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of peft's own
def test_an_adapter_answers_as_peft_itself_has_it(llava: Path, lora: Path) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForImageTextToText, AutoProcessor

    processor = AutoProcessor.from_pretrained(llava)
    model = PeftModel.from_pretrained(AutoModelForImageTextToText.from_pretrained(llava), lora).eval()
    said = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": QUESTION}]}]
    text = processor.apply_chat_template(said, add_generation_prompt=True)
    inputs = processor(text=text, images=[tiny.picture(3).load()], return_tensors="pt")
    with torch.inference_mode():
        written = model.generate(**inputs, max_new_tokens=8, do_sample=False)
    tokens = written[0, inputs["input_ids"].shape[1] :]
    expected = processor.tokenizer.decode(tokens, skip_special_tokens=True).strip()
    assert answered(lora) == expected
    assert answered(llava, adapter=str(lora)) == expected
    assert answered(llava) != expected


def test_both_digests_tell_an_adapted_checkpoint(llava: Path, lora: Path, tmp_path: Path) -> None:
    both = HuggingFace.weights_digest(str(lora))
    assert both == HuggingFace.weights_digest(str(llava), adapter=str(lora))
    assert both != HuggingFace.weights_digest(str(llava))
    other = shutil.copytree(lora, tmp_path / "other")
    (other / "adapter_model.safetensors").write_bytes((lora / "adapter_model.safetensors").read_bytes() + b" ")
    assert HuggingFace.weights_digest(str(llava), adapter=str(other)) != both
    base = shutil.copytree(llava, tmp_path / "base")
    (base / "generation_config.json").write_text("{}")
    assert HuggingFace.weights_digest(str(base), adapter=str(lora)) != both


def rebased(lora: Path, folder: Path, base: str | None) -> Path:
    """The adapter, trained on something else."""
    shutil.copytree(lora, folder)
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps({**config, "base_model_name_or_path": base}))
    return folder


@pytest.mark.parametrize("base", ["/nowhere/base", "somebody/something"])
def test_a_base_that_is_not_at_hand_is_named(
    base: str, lora: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(CheckpointError) as caught:
        HuggingFace.weights_digest(str(rebased(lora, tmp_path / "lora", base)))
    assert base in str(caught.value)
    assert f"adapter={tmp_path / 'lora'}" in str(caught.value)


def test_a_base_may_lie_beside_the_adapter(llava: Path, lora: Path, tmp_path: Path) -> None:
    shutil.copytree(llava, tmp_path / "base")
    own = rebased(lora, tmp_path / "lora", "../base")
    assert HuggingFace.weights_digest(str(own)) == HuggingFace.weights_digest(str(tmp_path / "base"), adapter=str(own))


def test_an_adapter_that_names_no_base_says_how_to_name_it(lora: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="base_model_name_or_path"):
        HuggingFace.weights_digest(str(rebased(lora, tmp_path / "lora", None)))


def test_what_is_no_adapter_is_not_taken_for_one(llava: Path, lora: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match=r"adapter_config\.json"):
        HuggingFace.weights_digest(str(llava), adapter=str(tmp_path / "empty"))
    with pytest.raises(UsageError, match="adapter itself"):
        HuggingFace.weights_digest(str(lora), adapter=str(lora))


def test_an_adapter_of_another_model_is_not_put_on_in_part(lora: Path, llava: Path, tmp_path: Path) -> None:
    """PEFT warns and goes on with weights that are missing: the answers would be those of the bare checkpoint."""
    from safetensors.torch import load_file, save_file

    own = shutil.copytree(lora, tmp_path / "lora")
    weights = load_file(own / "adapter_model.safetensors")
    renamed = {name.replace("layers.1.", "layers.7."): weight for name, weight in weights.items()}
    save_file(renamed, own / "adapter_model.safetensors", {"format": "pt"})
    with pytest.raises(CheckpointError, match="does not fit"):
        evaluate(f"hf/{llava}", write_questions(tmp_path, 2), tmp_path, model_args={"adapter": str(own)})
