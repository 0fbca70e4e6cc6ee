"""``hf-embed/PATH`` and ``hf-encoder/IMAGE+TEXT``: pictures and texts in one space, by models of many makes."""

import re
from pathlib import Path
from typing import Any

import kin
import numpy as np
import pytest
import tiny
from helpers import evaluate, write_captions

from mmbench.core import CheckpointError, Embed, RunFailedError
from mmbench.models.hf.embedding import HuggingFaceEmbedding, HuggingFaceEncoders

pytestmark = pytest.mark.slow

MEDIA = [tiny.picture(n) for n in range(3)]
TEXTS = ["red", "a much longer text about a blue square", "no"]


def unit(rows: Any) -> Any:
    """Rows of length 1."""
    rows = np.asarray(rows)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def opened(folder: Path, **options: Any) -> HuggingFaceEmbedding:
    """The model, ready to be asked."""
    model = HuggingFaceEmbedding(str(folder), **options)
    model.open()
    return model


def embedded(model: Any, parts: list[Any]) -> Any:
    """Unit vectors, as the runner would ask for them."""
    requests = [Embed(part=part) for part in parts]
    return unit(model.embed(requests, model.collate(requests)))


def expected(folder: Path, texts: list[str], **options: Any) -> Any:
    """What transformers itself makes of pictures and texts in one call; `options` are the processor's."""
    import torch
    from transformers import AutoModel, AutoProcessor

    processor, model = AutoProcessor.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    pictures = [medium.load() for medium in MEDIA]
    with torch.inference_mode():
        return model(
            **processor(
                text=texts, images=pictures, return_tensors="pt", **{"padding": True, "truncation": True, **options}
            )
        )


FULL = {"padding": "max_length", "max_length": kin.POSITIONS}
CALLS: dict[str, dict[str, Any]] = {"siglip": FULL, "siglip2": {**FULL, "max_num_patches": 16}}


@pytest.mark.parametrize("make", sorted(set(kin.MAKES) - {"flava"}))
def test_every_make_embeds_as_transformers_does(make: str, tmp_path: Path) -> None:
    folder = kin.build(make, tmp_path / make)
    model = opened(folder)
    output = expected(folder, TEXTS, **CALLS.get(make, {}))
    np.testing.assert_allclose(embedded(model, MEDIA), unit(output.image_embeds), atol=1e-5)
    np.testing.assert_allclose(embedded(model, TEXTS), unit(output.text_embeds), atol=1e-5)
    np.testing.assert_allclose(embedded(model, TEXTS[:1]), embedded(model, TEXTS)[:1], atol=1e-5)
    assert len(np.unique(embedded(model, MEDIA), axis=0)) == 3


@pytest.mark.filterwarnings("ignore:The `device` argument:FutureWarning")  # transformers 4, of its own FLAVA
def test_of_a_vector_for_every_token_the_first_is_taken(tmp_path: Path) -> None:
    """FLAVA compares the projections of the first tokens of both towers."""
    import torch
    from transformers import AutoModel, AutoProcessor

    folder = kin.build("flava", tmp_path / "flava")
    reference, processor = AutoModel.from_pretrained(folder).eval(), AutoProcessor.from_pretrained(folder)
    with torch.inference_mode():
        seen = reference.image_model(**processor(images=[m.load() for m in MEDIA], return_tensors="pt"))
        read = reference.text_model(**processor(text=TEXTS, padding=True, return_tensors="pt"))
        pictures = reference.image_projection(seen.last_hidden_state[:, 0])
        texts = reference.text_projection(read.last_hidden_state[:, 0])
    np.testing.assert_allclose(embedded(opened(folder), MEDIA), unit(pictures), atol=1e-5)
    np.testing.assert_allclose(embedded(opened(folder), TEXTS), unit(texts), atol=1e-5)


@pytest.mark.parametrize("make", ["siglip", "siglip2"])
def test_texts_of_a_siglip_are_padded_whole_also_where_the_tokenizer_states_no_length(
    make: str, tmp_path: Path
) -> None:
    """It reads the last position: without the padding the vectors would be others, in silence."""
    folder = kin.build(make, tmp_path / make, model_max_length=10**30)
    output = expected(folder, TEXTS, **CALLS[make])
    np.testing.assert_allclose(embedded(opened(folder), TEXTS), unit(output.text_embeds), atol=1e-5)
    short = expected(folder, TEXTS, **{**CALLS[make], "padding": True})
    assert np.abs(unit(short.text_embeds) - unit(output.text_embeds)).max() > 0.01


@pytest.mark.parametrize("make", ["metaclip_2", "siglip"])
@pytest.mark.parametrize("stated", [10**30, kin.POSITIONS])
def test_a_text_that_is_too_long_is_cut(make: str, stated: int, tmp_path: Path) -> None:
    folder = kin.build(make, tmp_path / make, model_max_length=stated)
    long = ["red square " * 60]
    output = expected(folder, long, truncation=True, max_length=kin.POSITIONS)
    model = opened(folder)
    np.testing.assert_allclose(embedded(model, long), unit(output.text_embeds), atol=1e-5)
    requests = [Embed(part=text, id=f"task/{text[:3]}") for text in (*long, "blue circle")]
    model.collate(requests)
    (cut,) = model.notes.values()
    assert cut - {""} == {"task/red"}


def test_half_precision_is_embedded_in_single(tmp_path: Path) -> None:
    folder = kin.build("siglip", tmp_path / "siglip")
    halves = opened(folder, dtype="bfloat16")
    requests = [Embed(part=medium) for medium in MEDIA]
    assert halves.embed(requests, halves.collate(requests)).dtype == np.float32
    assert np.abs(embedded(halves, MEDIA) - embedded(opened(folder), MEDIA)).max() < 0.05


@pytest.mark.parametrize("make", ["siglip", "siglip2"])
def test_a_siglip_runs_on_retrieval(make: str, tmp_path: Path) -> None:
    folder = kin.build(make, tmp_path / make)
    result = evaluate(f"hf-embed/{folder}", write_captions(tmp_path, 8, 2), tmp_path, "retrieval", batch_size=3)
    assert result.exit_code == 0


def without(folder: Path, *dropped: str) -> Path:
    """The checkpoint without the weights whose names hold one of these."""
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    kept = {name: weight for name, weight in weights.items() if not any(part in name for part in dropped)}
    assert len(kept) < len(weights)
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    return folder


@pytest.mark.parametrize("dropped", ["text_projection", "layers.1.mlp"])
def test_two_towers_without_some_weights_are_not_drawn_at_random(dropped: str, tmp_path: Path) -> None:
    folder = without(tiny.clip(tmp_path / "clip"), dropped)
    with pytest.raises(CheckpointError, match=f"lacks weights of its model: .*{re.escape(dropped)}"):
        opened(folder)
    with pytest.raises(CheckpointError, match="lacks weights"):
        evaluate(f"hf-embed/{folder}", write_captions(tmp_path, 3), tmp_path, "retrieval")


def encoders(folder: Path) -> tuple[Path, Path]:
    """A picture encoder and a text encoder of 32 numbers each, both with a pooler."""
    import torch
    from transformers import BertConfig, BertModel, ViTConfig, ViTModel

    words = tiny.tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        ViTModel(ViTConfig(**kin.SEES)).save_pretrained(folder / "see")
        text = BertConfig(**kin.SIZES, vocab_size=len(words), max_position_embeddings=kin.POSITIONS)
        BertModel(text).save_pretrained(folder / "read")
    kin._pictures("vit", "ViT").save_pretrained(folder / "see")
    words.save_pretrained(folder / "read")
    return folder / "see", folder / "read"


def test_a_pooler_that_was_not_saved_is_not_drawn_at_random(tmp_path: Path) -> None:
    """Classifiers and language models come without: the mean of the tokens takes its place."""
    import torch
    from transformers import AutoModel

    see, read = encoders(tmp_path)
    whole = HuggingFaceEncoders(f"{see}+{read}")
    whole.open()
    pixels = whole._parts["pixels"](images=[m.load() for m in MEDIA], return_tensors="pt")
    with torch.inference_mode():
        output = AutoModel.from_pretrained(see).eval()(**pixels)
    np.testing.assert_allclose(embedded(whole, MEDIA), unit(output.pooler_output), atol=1e-5)
    texts = embedded(whole, TEXTS)

    without(see, "pooler")
    without(read, "pooler")
    bare = HuggingFaceEncoders(f"{see}+{read}")
    bare.open()
    np.testing.assert_allclose(embedded(bare, MEDIA), unit(output.last_hidden_state.mean(1)), atol=1e-5)
    np.testing.assert_allclose(embedded(bare, TEXTS), texts, atol=1e-6)


def test_an_encoder_without_other_weights_is_refused(tmp_path: Path) -> None:
    see, read = encoders(tmp_path)
    without(read, "layer.1.")
    with pytest.raises(CheckpointError, match=r"read lacks weights of its model: encoder\.layer\.1"):
        HuggingFaceEncoders(f"{see}+{read}").open()


def test_two_towers_are_no_encoder_of_a_pair(tmp_path: Path, clip: Path) -> None:
    _, read = encoders(tmp_path)
    with pytest.raises(RunFailedError, match="both encoders in one: hf-embed/"):
        HuggingFaceEncoders(f"{clip}+{read}").open()


def test_clip_embeds_as_transformers_does(clip: Path) -> None:
    model, output = opened(clip), expected(clip, TEXTS)
    np.testing.assert_allclose(embedded(model, MEDIA), unit(output.image_embeds), atol=1e-5)
    np.testing.assert_allclose(embedded(model, TEXTS), unit(output.text_embeds), atol=1e-5)


def test_two_towers_run_on_retrieval(tmp_path: Path, clip: Path) -> None:
    result = evaluate(f"hf-embed/{clip}", write_captions(tmp_path, 8, 2), tmp_path, "retrieval", batch_size=8)
    assert result.exit_code == 0


def test_a_pair_of_encoders_runs_on_retrieval(tmp_path: Path, clip: Path, llava: Path) -> None:
    import torch
    from transformers import BertConfig, BertModel, CLIPVisionConfig, CLIPVisionModel

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        vision = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
        CLIPVisionModel(CLIPVisionConfig(**vision, image_size=32, patch_size=8)).save_pretrained(tmp_path / "see")
        text = BertConfig(**vision, vocab_size=512, max_position_embeddings=64)
        BertModel(text).save_pretrained(tmp_path / "read")
    tiny._pictures().save_pretrained(tmp_path / "see")
    tiny.tokenizer().save_pretrained(tmp_path / "read")
    data = write_captions(tmp_path, 6, 2)
    result = evaluate(f"hf-encoder/{tmp_path / 'see'}+{tmp_path / 'read'}", data, tmp_path, "retrieval")
    assert result.exit_code == 0


def test_a_model_that_writes_is_no_two_tower_model(tmp_path: Path, llava: Path) -> None:
    with pytest.raises(CheckpointError, match="no two-tower model"):
        evaluate(f"hf-embed/{llava}", write_captions(tmp_path, 3), tmp_path, "retrieval")
