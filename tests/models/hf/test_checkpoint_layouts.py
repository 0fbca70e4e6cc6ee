"""What a folder of weights is, and what would run it, is said before anything is loaded."""

import json
import shutil
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import tiny
from helpers import evaluate, write_questions

from mmbench.core import CheckpointError
from mmbench.models.hf.adapter import HuggingFace
from mmbench.models.hf.layouts import check_folder, check_weights, fitting_adapter, most_image_tokens
from mmbench.models.hf.options import HfOptions, dtype_named
from mmbench.resolve.model_names import resolve_model


@pytest.mark.parametrize(
    ("kind", "vision", "tokens"),
    [
        ("llava", {"image_size": 336, "patch_size": 14}, 576),
        ("clip", {"image_size": 224, "patch_size": 32}, 49),
        ("siglip", {"image_size": 224, "patch_size": 16}, 196),
        ("clip", {"patch_size": 32}, None),
        ("align", {"image_size": 600}, None),
        ("llava_next", {"image_size": 336, "patch_size": 14}, None),  # several tiles an image
        ("qwen2_vl", {"patch_size": 14}, None),
        ("siglip2", {"image_size": 256, "patch_size": 16}, None),
    ],
)
def test_how_many_tokens_an_image_is_at_most(kind: str, vision: dict[str, int], tokens: int | None) -> None:
    assert most_image_tokens({"model_type": kind, "vision_config": vision}) == tokens


def test_a_checkpoint_says_how_many_tokens_an_image_is(llava: Path) -> None:
    model = resolve_model(f"hf/{llava}")
    assert model.image_tokens() == 16
    assert replace(model, options={**model.options, "processor": {"size": 64}}).image_tokens() is None
    assert resolve_model("random").image_tokens() is None


@pytest.fixture
def copy(llava: Path, tmp_path: Path) -> Path:
    """A checkpoint to damage."""
    return shutil.copytree(llava, tmp_path / "copy")


def change(file: Path, **entries: object) -> None:
    """Set entries of a JSON file."""
    file.write_text(json.dumps({**json.loads(file.read_text()), **entries}))


def cut(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])


def shards(folder: Path) -> None:
    """An index that names two shards, of which one is there."""
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    names = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))


def no_processor(folder: Path) -> None:
    for name in ("processor_config.json", "preprocessor_config.json"):
        (folder / name).unlink(missing_ok=True)


def no_tokenizer(folder: Path) -> None:
    for file in folder.glob("tokenizer*"):
        file.unlink()


def only_gguf(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()
    (folder / "model-Q4_K_M.gguf").write_bytes(b"GGUF")


def gguf_beside_config(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model.gguf")


def own_code(folder: Path) -> None:
    change(
        folder / "config.json",
        model_type="my_chat",
        auto_map={"AutoConfig": "configuration_my.MyConfig", "AutoModel": "modeling_my.MyModel"},
    )
    (folder / "modeling_my.py").write_text("raise SystemExit('the code ran')")


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "cut short": (cut, "model.safetensors"),
    "a pointer of Git LFS": (
        lambda folder: (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\n"),
        "git lfs pull",
    ),
    "garbage": (lambda folder: (folder / "model.safetensors").write_bytes(b"\xff" * 64), "model.safetensors"),
    "a shard is missing": (shards, "model-00002-of-00002.safetensors"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "model.safetensors"),
    "no processor": (no_processor, "preprocessor_config.json"),
    "a broken processor": (lambda folder: (folder / "processor_config.json").write_text("{"), "processor_config.json"),
    "no tokenizer": (no_tokenizer, "tokenizer.json"),
    "no config": (lambda folder: (folder / "config.json").unlink(), "config.json"),
    "a broken config": (lambda folder: (folder / "config.json").write_text("{"), "config.json"),
    "GGUF alone": (only_gguf, "llama-server"),
    "GGUF for weights": (gguf_beside_config, "llama-server"),
    "code of its own": (own_code, "trust_remote_code=true"),
    "another format": (
        lambda folder: (folder / "config.json").rename(folder / "params.json"),
        "vllm/",
    ),
}


def look_at(folder: Path) -> None:
    """All that is done before transformers gets to see the folder."""
    HuggingFace.weights_digest(str(folder))
    check_weights(folder)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_damaged_folder_is_one_sentence_before_anything_is_loaded(fault: str, copy: Path) -> None:
    damage, named = FAULTS[fault]
    damage(copy)
    with pytest.raises(CheckpointError) as caught:
        look_at(copy)
    assert named in str(caught.value)
    assert str(copy) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_whole_folder_is_not_complained_of(llava: Path, clip: Path) -> None:
    for folder, way in ((llava, "hf"), (clip, "hf-embed")):
        check_folder(folder, way)
        check_weights(folder)


def test_a_refused_checkpoint_makes_no_run(copy: Path, tmp_path: Path) -> None:
    no_processor(copy)
    with pytest.raises(CheckpointError):
        evaluate(f"hf/{copy}", write_questions(tmp_path, 2), tmp_path)
    assert not list(tmp_path.glob("runs/*/run.json"))


def test_two_towers_do_not_write(clip: Path) -> None:
    with pytest.raises(CheckpointError, match=f"hf-embed/{clip}"):
        HuggingFace.weights_digest(str(clip))


@pytest.mark.parametrize("mark", ["modules.json", "config_sentence_transformers.json"])
def test_an_embedding_model_does_not_write(mark: str, copy: Path) -> None:
    (copy / mark).write_text("[]" if mark == "modules.json" else "{}")
    assert fitting_adapter(str(copy)) == "hf-embed"
    with pytest.raises(CheckpointError, match="hf-embed/"):
        HuggingFace.weights_digest(str(copy))


def test_weights_for_retrieval_do_not_write(copy: Path) -> None:
    change(copy / "config.json", architectures=["ColPaliForRetrieval"], model_type="colpali")
    assert fitting_adapter(str(copy)) == "hf-embed"


def test_whole_shards_are_measured_too(copy: Path) -> None:
    shards(copy)
    whole = (copy / "model-00001-of-00002.safetensors").read_bytes()
    (copy / "model-00002-of-00002.safetensors").write_bytes(whole)
    check_weights(copy)
    (copy / "model-00002-of-00002.safetensors").write_bytes(whole + b"\0")
    with pytest.raises(CheckpointError, match="00002-of-00002"):
        check_weights(copy)


def test_a_header_longer_than_the_file_is_damage(copy: Path) -> None:
    (copy / "model.safetensors").write_bytes(struct.pack("<Q", 2**62) + b"{}")
    with pytest.raises(CheckpointError, match="cut short or damaged"):
        check_weights(copy)


def test_weights_that_are_cut_short_end_the_run_before_anything_is_asked(copy: Path, tmp_path: Path) -> None:
    cut(copy)
    with pytest.raises(CheckpointError, match=str(copy / "model.safetensors")):
        evaluate(f"hf/{copy}", write_questions(tmp_path, 2), tmp_path)
    assert not any(file.read_text() for file in tmp_path.rglob("responses.jsonl"))


def another_class(folder: Path, clip: Path) -> None:
    """The processor of a CLIP."""
    for file in folder.iterdir():
        if file.name not in ("config.json", "model.safetensors"):
            file.unlink()
    for file in clip.iterdir():
        if file.name not in ("config.json", "model.safetensors"):
            shutil.copy(file, folder)


def another_token(folder: Path, clip: Path) -> None:
    """A processor that writes another of the model's tokens for an image."""
    from transformers import AutoProcessor

    processor = AutoProcessor.from_pretrained(folder)
    processor.chat_template = tiny.TEMPLATE.replace("<image>", "<unk>")
    processor.image_token = processor.tokenizer.image_token = "<unk>"
    processor.save_pretrained(folder)


def larger_tokenizer(folder: Path, clip: Path) -> None:
    from transformers import AutoProcessor

    processor = AutoProcessor.from_pretrained(folder)
    processor.tokenizer.add_tokens(["What is it?", "shapes"])
    processor.save_pretrained(folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "named"),
    [(another_class, "LlavaProcessor"), (another_token, "config.json"), (larger_tokenizer, "tokens")],
)
def test_a_processor_of_another_model_is_named(
    change: Callable[[Path, Path], None], named: str, copy: Path, clip: Path, tmp_path: Path
) -> None:
    change(copy, clip)
    with pytest.raises(CheckpointError, match=r"processor\.save_pretrained") as caught:
        evaluate(f"hf/{copy}", write_questions(tmp_path, 2), tmp_path)
    assert named in str(caught.value)


@pytest.mark.slow
def test_a_class_that_writes_nothing_of_images_is_refused_when_it_is_opened(tmp_path: Path) -> None:
    from transformers import BertConfig, BertModel

    folder = tiny.llava(tmp_path / "copy")
    BertModel(
        BertConfig(hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2)
    ).save_pretrained(folder)
    with pytest.raises(CheckpointError, match="BertModel"):
        evaluate(f"hf/{folder}", write_questions(tmp_path, 2), tmp_path)


@pytest.mark.parametrize(
    ("given", "dtype"),
    [("bf16", "bfloat16"), ("fp16", "float16"), ("half", "float16"), ("fp32", "float32"), ("float", "float32")],
)
def test_a_dtype_has_synonyms(given: str, dtype: str) -> None:
    for written in (given, given.upper(), f"torch.{dtype}"):
        assert dtype_named(written) == dtype
    assert HfOptions.parse("hf/x", {"dtype": given}) == HfOptions.parse("hf/x", {"dtype": dtype})
