"""Where weights lie and how they are kept: maps of devices, quantisation, and the packages that these need."""

from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tiny
from helpers import evaluate, mmbench, write_questions

from mmbench import Generate
from mmbench.core import CheckpointError, MissingExtraError, UsageError
from mmbench.models.hf import packages
from mmbench.models.hf.adapter import HuggingFace
from mmbench.models.hf.loading import GENERATES, load_model, weights_bytes
from mmbench.models.hf.options import HfOptions

REQUESTS = [Generate(parts=(tiny.picture(n), "what colour is the circle?"), max_new_tokens=6) for n in range(3)]


def answers(folder: Path, **options: Any) -> list[str]:
    """What a model loaded so says."""
    model = HuggingFace(str(folder), **options)
    model.open()
    return [answer.text for answer in model.generate(REQUESTS, model.collate(REQUESTS))]


@pytest.mark.slow
@pytest.mark.parametrize("chosen", ["auto", "cpu", "sequential", {"": "cpu"}])
def test_a_map_of_devices_changes_no_answer(chosen: Any, llava: Path) -> None:
    pytest.importorskip("accelerate")
    assert answers(llava, device_map=chosen) == answers(llava)


@pytest.mark.parametrize(
    ("options", "package", "said"),
    [
        ({"device_map": "auto"}, "accelerate", 'device_map=auto needs an extra: pip install "mmbench[models]"'),
        (
            {"quantisation": "8bit"},
            "bitsandbytes",
            'quantisation=8bit needs an extra: pip install "mmbench[quantisation]"',
        ),
        ({"quantisation": "int8"}, "torchao", 'quantisation=int8 needs an extra: pip install "mmbench[quantisation]"'),
        (
            {"quantisation": "int8"},
            "accelerate",
            'quantisation=int8 needs an extra: pip install "mmbench[quantisation]"',
        ),
    ],
)
def test_a_package_that_is_missing_is_one_sentence_before_anything_is_run(
    options: dict[str, Any], package: str, said: str, tmp_path: Path, llava: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "find_spec", lambda name: None if name == package else object())
    with pytest.raises(MissingExtraError) as caught:
        evaluate(f"hf/{llava}", write_questions(tmp_path, 2), tmp_path, model_args=options)
    assert str(caught.value) == said
    assert not (tmp_path / "runs").exists()


def test_flash_attention_names_its_package(llava: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="pip install flash-attn"):
        HuggingFace(str(llava), attention="flash_attention_2")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"device": "cpu", "device_map": "auto"}, "device and device_map exclude each other"),
        ({"quantisation": "int4", "dtype": "float16"}, "int4 computes in bfloat16; leave dtype=float16 out"),
        ({"quantisation": "int9"}, "There are: 8bit, 4bit, int8, int4"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: dict[str, Any], said: str, llava: Path) -> None:
    with pytest.raises(UsageError, match=said):
        HuggingFace(str(llava), **options)


def test_a_map_that_is_none_is_named(tmp_path: Path, llava: Path) -> None:
    pytest.importorskip("accelerate")
    with pytest.raises(CheckpointError, match="found atuo"):
        evaluate(f"hf/{llava}", write_questions(tmp_path, 2), tmp_path, model_args={"device_map": "atuo"})


QUANTISED = """
    import sys
    from collections import Counter
    import torch
    from mmbench.models.hf.adapter import HuggingFace

    class Model(HuggingFace):
        def open(self):
            super().open()
            layers = [m for m in self._asker.model.modules() if isinstance(m, torch.nn.Linear)]
            print(dict(Counter(type(m.weight).__name__ for m in layers)), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("name", "package", "kind"), [("int8", "torchao", "Int8Tensor"), ("8bit", "bitsandbytes", "Int8Params")]
)
def test_weights_of_eight_bits_answer_on_the_cpu(
    name: str, package: str, kind: str, tmp_path: Path, llava: Path
) -> None:
    """In a process of its own: these packages set what is global when they are imported."""
    if find_spec(package) is None or find_spec("accelerate") is None:
        pytest.skip(f"needs {package} and accelerate")
    write_questions(tmp_path, 4)
    (tmp_path / "quantised.py").write_text("\n".join(line[4:] for line in QUANTISED.splitlines()))
    args = f"path={llava},quantisation={name},device=cpu"
    command = ["run", "-m", "quantised", "-t", "vqa", "--data", "mine.jsonl", "--model-args", args, "--batch-size", "2"]
    ended = mmbench(*command, folder=tmp_path)
    assert ended.code == 0, ended.err
    assert f"'{kind}': 2" in ended.err
    assert "accuracy" in ended.out


def test_int4_needs_a_gpu_and_says_so(tmp_path: Path, llava: Path) -> None:
    if find_spec("torchao") is None or find_spec("accelerate") is None:
        pytest.skip("needs torchao and accelerate")
    write_questions(tmp_path, 2)
    args = "quantisation=int4,device=cpu"
    ended = mmbench(
        "run", "-m", f"hf/{llava}", "-t", "vqa", "--data", "mine.jsonl", "--model-args", args, folder=tmp_path
    )
    ended.refused(2, "quantisation=int4 needs a GPU, and the device is cpu")


def test_quantisation_none_is_none_and_compile_is_a_switch(llava: Path) -> None:
    assert HuggingFace(str(llava), quantisation="none").options.quantisation is None
    with pytest.raises(UsageError, match="compile='yes': expected true or false"):
        HuggingFace(str(llava), compile="yes")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch's own, when its compiler is imported
def test_a_compiled_model_is_compiled_where_it_is_called_and_others_are_not(llava: Path) -> None:
    for compiled in (True, False):
        options = HfOptions.parse("hf", {"compile": compiled, "device": "cpu"})
        model = load_model(GENERATES, HuggingFace(str(llava)).source, options)
        assert (model._compiled_call_impl is not None) == compiled  # torch compiles at the first call
        assert weights_bytes(model) == 4 * sum(each.numel() for each in model.parameters())


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["auto", "bfloat16"])
def test_files_tell_beforehand_what_the_weights_take_once_they_are_loaded(dtype: str, llava: Path) -> None:
    model = load_model(GENERATES, HuggingFace(str(llava)).source, HfOptions.parse("hf", {"dtype": dtype}))
    size = HuggingFace.weights_size(str(llava), dtype=dtype)
    assert size is not None
    assert (size.bytes, size.mapped) == (weights_bytes(model), dtype == "auto")


def test_weights_of_tensors_that_are_made_of_others_count_what_they_are_made_of() -> None:
    import torch

    inner = {"data": torch.zeros(6, 4, dtype=torch.int8), "scale": torch.zeros(6, dtype=torch.bfloat16)}
    quantised = SimpleNamespace(**inner, __tensor_flatten__=lambda: (list(inner), None))
    plain = torch.zeros(3, dtype=torch.float32)
    assert weights_bytes(SimpleNamespace(parameters=lambda: [quantised, plain])) == 24 + 12 + 12


def test_a_gpu_that_there_is_not_is_one_sentence(llava: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(UsageError, match="no GPU on this machine"):
        HuggingFace(str(llava), device="cuda").open()
