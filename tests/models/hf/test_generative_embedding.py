"""``hf-embed/PATH`` with vision-language models: hidden states, and late interaction; equal to what is computed by hand."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from helpers import evaluate, lines, mmbench, write_captions

from mmbench.core import CheckpointError, Embed, UsageError
from mmbench.models.hf.embedding import HuggingFaceEmbedding

MEDIA = [tiny.picture(n) for n in range(3)]
TEXTS = ["red", "a much longer text about a blue square", "no"]


def opened(folder: Path, **options: Any) -> HuggingFaceEmbedding:
    model = HuggingFaceEmbedding(str(folder), **options)
    model.open()
    return model


def embedded(model: HuggingFaceEmbedding, parts: list[Any]) -> Any:
    requests = [Embed(part=part) for part in parts]
    return model.embed(requests, model.collate(requests))


def by_hand(folder: Path, part: Any, pooling: str, instruction: str = "") -> Any:
    """The states of one item, without padding: its message through the chat template, then the last token or the mean."""
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    processor = AutoProcessor.from_pretrained(folder)
    model = AutoModelForImageTextToText.from_pretrained(folder).eval()
    content = {"type": "text", "text": part} if isinstance(part, str) else {"type": "image"}
    said = [{"role": "user", "content": [content]}]
    if instruction:
        said.insert(0, {"role": "system", "content": [{"type": "text", "text": instruction}]})
    text = processor.apply_chat_template(said, add_generation_prompt=True)
    images = None if isinstance(part, str) else [part.load()]
    inputs = processor(text=text, images=images, return_tensors="pt")
    with torch.inference_mode():
        states = model(**inputs, output_hidden_states=True).hidden_states[-1][0]
    return (states[-1] if pooling == "last" else states.mean(dim=0)).numpy()


@pytest.mark.slow
@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_a_model_that_writes_embeds_by_its_hidden_states(pooling: str, llava: Path) -> None:
    model = opened(llava, pooling=pooling)
    for parts in (MEDIA, TEXTS):
        together = embedded(model, parts)
        assert together.dtype == np.float32
        expected = np.stack([by_hand(llava, part, pooling) for part in parts])
        np.testing.assert_allclose(together, expected, atol=1e-4)
        assert len(np.unique(together.round(3), axis=0)) == 3


@pytest.mark.slow
def test_an_instruction_is_the_system_message_of_each_kind(llava: Path) -> None:
    plain = embedded(opened(llava, pooling="last"), TEXTS[:1])
    both = opened(llava, pooling="last", instruction="answer with one word")
    np.testing.assert_allclose(
        embedded(both, TEXTS[:1])[0], by_hand(llava, TEXTS[0], "last", "answer with one word"), atol=1e-4
    )
    assert np.abs(plain - embedded(both, TEXTS[:1])).max() > 0.01
    images = opened(llava, pooling="last", instruction={"image": "answer with one word"})
    np.testing.assert_allclose(embedded(images, TEXTS[:1]), plain, atol=1e-5)
    np.testing.assert_allclose(embedded(images, MEDIA[:1]), embedded(both, MEDIA[:1]), atol=1e-5)


def sentence_transformers(llava: Path, folder: Path, **pooling: bool) -> Path:
    """The files that Sentence Transformers puts beside an embedding model."""
    shutil.copytree(llava, folder)
    (folder / "modules.json").write_text(json.dumps([{"type": "sentence_transformers.models.Transformer"}]))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 64, **pooling}))
    return folder


@pytest.mark.slow
def test_a_checkpoint_that_says_how_it_is_pooled_is_pooled_so(llava: Path, tmp_path: Path) -> None:
    folder = sentence_transformers(
        llava, tmp_path / "mean", pooling_mode_mean_tokens=True, pooling_mode_cls_token=False
    )
    model = opened(folder)
    np.testing.assert_allclose(embedded(model, TEXTS[:1])[0], by_hand(llava, TEXTS[0], "mean"), atol=1e-4)
    assert model.settings["pooling"] == "mean"
    result = evaluate(f"hf-embed/{folder}", write_captions(tmp_path, 6, 2), tmp_path, "retrieval", batch_size=4)
    assert result.exit_code == 0


@pytest.mark.parametrize("mode", ["pooling_mode_cls_token", "pooling_mode_weightedmean_tokens"])
def test_a_pooling_that_is_not_served_is_refused(mode: str, llava: Path, tmp_path: Path) -> None:
    folder = sentence_transformers(llava, tmp_path / "other", **{mode: True})
    with pytest.raises(CheckpointError, match=mode):
        HuggingFaceEmbedding(str(folder)).open()


def test_a_layer_on_top_is_not_left_out_in_silence(llava: Path, tmp_path: Path) -> None:
    folder = sentence_transformers(llava, tmp_path / "dense", pooling_mode_lasttoken=True)
    (folder / "modules.json").write_text(
        json.dumps([{"type": "sentence_transformers.models.Dense", "path": "2_Dense"}])
    )
    with pytest.raises(CheckpointError, match="dense layer"):
        HuggingFaceEmbedding(str(folder)).open()


def test_a_model_that_only_writes_does_not_embed_unless_told_how(llava: Path) -> None:
    with pytest.raises(CheckpointError, match="pooling=last"):
        HuggingFaceEmbedding(str(llava)).open()


@pytest.mark.parametrize("options", [{"pooling": "last"}, {"instruction": "find it"}])
def test_two_towers_take_no_options_of_hidden_states(options: dict[str, Any], clip: Path) -> None:
    with pytest.raises(UsageError, match="two-tower"):
        HuggingFaceEmbedding(str(clip), **options).open()


@pytest.mark.parametrize("options", [{"pooling": "first"}, {"instruction": 3}, {"instruction": {"video": "x"}}])
def test_wrong_options_are_refused_at_once(options: dict[str, Any], llava: Path) -> None:
    with pytest.raises(UsageError, match=next(iter(options))):
        HuggingFaceEmbedding(str(llava), **options)


# --- late interaction ---


@pytest.fixture(scope="session")
def colpali(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ColPali-like checkpoint."""
    return tiny.colpali(tmp_path_factory.mktemp("colpali"))


def official(folder: Path) -> tuple[list[Any], list[Any], Any, Any]:
    """Vectors of images and texts one by one, and their scores, as the model card does it."""
    import torch
    from transformers import AutoProcessor, ColPaliForRetrieval

    processor, model = AutoProcessor.from_pretrained(folder), ColPaliForRetrieval.from_pretrained(folder).eval()
    with torch.inference_mode():
        seen = [model(**processor(images=[medium.load()], return_tensors="pt")).embeddings[0] for medium in MEDIA]
        read = [model(**processor(text=[text], return_tensors="pt")).embeddings[0] for text in TEXTS]
        return seen, read, processor.score_retrieval(read, seen), processor.score_retrieval(seen, read)


@pytest.mark.slow
def test_colpali_gives_the_vectors_and_scores_of_its_own_library(colpali: Path) -> None:
    from mmbench.metrics import max_sim

    model = opened(colpali)
    images, texts = embedded(model, MEDIA), embedded(model, TEXTS)
    seen, read, t2i, i2t = official(colpali)
    for own, theirs in zip([*images, *texts], [*seen, *read], strict=True):
        np.testing.assert_allclose(own, theirs.numpy(), atol=1e-5)
    assert len({len(own) for own in texts}) > 1, "padding is no vector"
    for row, text in enumerate(texts):
        for column, image in enumerate(images):
            assert max_sim(text, image) == pytest.approx(float(t2i[row, column]), rel=1e-4)
            assert max_sim(image, text) == pytest.approx(float(i2t[column, row]), rel=1e-4)


@pytest.mark.slow
def test_colpali_runs_on_retrieval_and_goes_on(colpali: Path, tmp_path: Path) -> None:
    data = write_captions(tmp_path, 6, 2)
    result = evaluate(f"hf-embed/{colpali}", data, tmp_path, "retrieval", batch_size=4)
    assert result.exit_code == 0
    assert all(line.rows for line in lines(result.path))
    again = evaluate(f"hf-embed/{colpali}", data, tmp_path, "retrieval", batch_size=4)
    assert again.path == result.path
    with pytest.raises(UsageError, match="late interaction"):
        HuggingFaceEmbedding(str(colpali), pooling="last").open()


@pytest.mark.slow
def test_colpali_does_not_write(colpali: Path, tmp_path: Path) -> None:
    ended = mmbench("run", "--model", f"hf/{colpali}", "--tasks", "vqa/scenes", "--limit", "4", folder=tmp_path)
    assert ended.code == 2
    assert f"hf-embed/{colpali}" in ended.err
