"""What processors need and take: no torchvision where a PIL class will do, options that exist, pictures at all."""

import json
import shutil
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import tiny
from helpers import evaluate, lines, write_questions

from mmbench.core import CheckpointError, UnknownNameError
from mmbench.models.hf.adapter import HuggingFace
from mmbench.models.hf.files import locate
from mmbench.models.hf.loading import load_processor
from mmbench.models.hf.options import HfOptions

SINCE_5 = pytest.mark.skipif(version("transformers") < "5", reason="transformers 4 says less of it")
NO_TORCHVISION = pytest.mark.skipif(find_spec("torchvision") is not None, reason="torchvision is installed")


def as_on_the_hub(folder: Path, pictures: str, processor: str, model: str) -> Path:
    """A folder with the files that a checkpoint of the hub has beside its weights."""
    folder.mkdir()
    tiny.tokenizer().save_pretrained(folder)
    (folder / "config.json").write_text(json.dumps({"model_type": model}))
    named = {"image_processor_type": pictures, "processor_class": processor}
    (folder / "preprocessor_config.json").write_text(json.dumps(named))
    return folder


@NO_TORCHVISION
@pytest.mark.parametrize("kind", ["CLIPImageProcessor", "CLIPImageProcessorFast"])
def test_the_class_on_pil_is_taken_where_there_is_no_torchvision(kind: str, tmp_path: Path) -> None:
    folder = as_on_the_hub(tmp_path / "clip", kind, "CLIPProcessor", "clip")
    found = type(load_processor(locate(str(folder), None), HfOptions()).image_processor).__name__
    assert found.removesuffix("Pil") == "CLIPImageProcessor"  # transformers 4 has the class on PIL under the bare name


@NO_TORCHVISION
@pytest.mark.parametrize(
    ("pictures", "processor", "model"),
    [
        ("Qwen2VLImageProcessor", "Qwen2VLProcessor", "qwen2_vl"),  # reads videos as well
        ("Qwen2VLImageProcessor", "Qwen2_5_VLProcessor", "qwen2_5_vl"),
        ("LlavaOnevisionImageProcessor", "LlavaOnevisionProcessor", "llava_onevision"),
        ("GotOcr2ImageProcessorFast", "InternVLProcessor", "internvl"),
        pytest.param("Sam2ImageProcessor", "CLIPProcessor", "clip", marks=SINCE_5),  # has no class on PIL
    ],
)
def test_where_there_is_no_class_on_pil_one_sentence_says_what_to_install(
    pictures: str, processor: str, model: str, tmp_path: Path
) -> None:
    folder = as_on_the_hub(tmp_path / "model", pictures, processor, model)
    with pytest.raises(CheckpointError) as caught:
        load_processor(locate(str(folder), None), HfOptions())
    assert str(caught.value) == f"the processor of {folder} needs torchvision: pip install torchvision"


def test_a_folder_without_a_processor_for_pictures_says_what_to_save(tmp_path: Path, llava: Path) -> None:
    copy = shutil.copytree(llava, tmp_path / "copy")
    for name in ("processor_config.json", "preprocessor_config.json"):
        (copy / name).unlink(missing_ok=True)
    with pytest.raises(CheckpointError, match=r"no processor for pictures \(preprocessor_config\.json or"):
        evaluate(f"hf/{copy}", write_questions(tmp_path, 2), tmp_path)


@pytest.mark.slow
def test_options_reach_the_processor_and_are_part_of_the_identity(tmp_path: Path, llava: Path) -> None:
    small = {"size": {"shortest_edge": 16}, "crop_size": {"height": 32, "width": 32}}
    model = HuggingFace(str(llava), processor=small)
    model.open()
    assert model._processing.processor.image_processor.size["shortest_edge"] == 16
    data = write_questions(tmp_path, 2)
    plain = evaluate(f"hf/{llava}", data, tmp_path)
    other = evaluate(f"hf/{llava}", data, tmp_path, model_args={"processor": small})
    assert plain.exit_code == other.exit_code == 0
    assert plain.path != other.path


@pytest.mark.parametrize("model", ["hf", "hf-embed"])
def test_an_option_that_the_processor_has_not_is_not_passed_over(model: str, llava: Path, clip: Path) -> None:
    from mmbench.models.hf.embedding import HuggingFaceEmbedding

    kind: Any = HuggingFace if model == "hf" else HuggingFaceEmbedding
    with pytest.raises(UnknownNameError, match=r"'crop_sice'\. Did you mean 'crop_size'"):
        kind(str(llava if model == "hf" else clip), processor={"crop_sice": 16}).open()


@pytest.mark.slow
def test_a_processor_that_gives_up_fails_its_sample_and_no_other(
    tmp_path: Path, llava: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A time-out of its own (it may fetch something) is an error like any other: counted, and asked again."""
    collate = HuggingFace.collate

    def late(self: Any, requests: Any) -> Any:
        if any(request.sample_id == "q3" for request in requests):
            raise TimeoutError("the processor waited for 30 s")
        return collate(self, requests)

    data = write_questions(tmp_path, 8)
    with monkeypatch.context() as patch:
        patch.setattr(HuggingFace, "collate", late)
        result = evaluate(f"hf/{llava}", data, tmp_path)
    assert result.exit_code == 4
    failed = [line for line in lines(result.path) if line.status == "error"]
    assert [(line.id.split("/")[-2], line.status) for line in failed] == [("q3", "error")]
    assert failed[0].error == "TimeoutError: the processor waited for 30 s"
    assert evaluate(f"hf/{llava}", data, tmp_path).exit_code == 0
    assert len(lines(result.path)) == 9
