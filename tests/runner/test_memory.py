"""Models whose weights do not fit are refused before anything is loaded, by the headers of their files."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest
from helpers import write_model, write_questions

from mmbench.core import PluginError, UnknownNameError
from mmbench.models.hf.weights_size import WeightsSize, in_memory, size_of_checkpoint, stored_bytes
from mmbench.runner.plan import memory
from mmbench.runner.plan.planner import make_plan

GIB = 2**30


def write_weights(file: Path, **tensors: tuple[str, int]) -> None:
    """A safetensors file with these tensors, name to type and bytes; what is in them takes no room on the disk."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, (dtype, size) in tensors.items():
        header[name] = {"dtype": dtype, "shape": [size], "data_offsets": [end, end + size]}
        end += size
    write_header(file, json.dumps(header).encode(), end)


def write_header(file: Path, data: bytes, size: int, length: int | None = None) -> None:
    file.write_bytes(struct.pack("<Q", len(data) if length is None else length) + data)
    with file.open("r+b") as stream:
        stream.truncate(8 + len(data) + size)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A folder with 8 GiB of weights in float32, and a little that has no fraction."""
    folder = tmp_path / "large"
    folder.mkdir()
    config = {"architectures": ["LlavaForConditionalGeneration"], "model_type": "llava", "dtype": "float32"}
    for name, held in (("config.json", config), ("preprocessor_config.json", {}), ("tokenizer.json", {})):
        (folder / name).write_text(json.dumps(held))
    write_weights(folder / "model.safetensors", a=("F32", 6 * GIB), b=("F32", 2 * GIB), c=("I64", 1024))
    return folder


def test_headers_tell_the_bytes_of_each_type_over_all_shards(checkpoint):
    assert stored_bytes(checkpoint) == {"F32": 8 * GIB, "I64": 1024}
    (checkpoint / "model.safetensors").unlink()
    shards = {f"w{number}": f"model-{number}.safetensors" for number in range(3)}
    for name in shards.values():
        write_weights(checkpoint / name, w=("BF16", GIB))
    (checkpoint / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))
    assert stored_bytes(checkpoint) == {"BF16": 3 * GIB}
    assert size_of_checkpoint(str(checkpoint), {}) == WeightsSize(6 * GIB), "config.json says that they load in float32"


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({}, WeightsSize(8 * GIB + 1024, mapped=True)),
        ({"dtype": "bf16", "device": "cpu"}, WeightsSize(4 * GIB + 1024, device="cpu")),
        ({"quantisation": "int8", "device": "cuda:1"}, WeightsSize(2 * GIB + 1024, device="gpu")),
        ({"quantisation": "4bit", "device_map": "auto"}, WeightsSize(GIB + 1024, spread=True)),
    ],
)
def test_a_type_and_a_quantisation_change_what_weights_take(checkpoint, options, size):
    assert size_of_checkpoint(str(checkpoint), options) == size


def test_what_is_stored_in_another_way_is_known_as_it_is_stored_or_not_at_all(checkpoint, tmp_path):
    assert in_memory({"F8_E4M3": 10, "F32": 4}, None, None) == (14, True)
    assert in_memory({"": 100}, None, None) == (100, True)
    assert in_memory({"": 100}, "bfloat16", None) is None
    assert size_of_checkpoint(str(tmp_path / "none"), {}) is None
    config = json.loads((checkpoint / "config.json").read_text())
    (checkpoint / "config.json").write_text(json.dumps({**config, "dtype": "bfloat16", "quantization_config": {}}))
    assert size_of_checkpoint(str(checkpoint), {}) == WeightsSize(8 * GIB + 1024, mapped=True)


@pytest.mark.parametrize(
    "write",
    [
        lambda file: file.write_bytes(b""),
        lambda file: write_header(file, b"{}", 0, length=2**63),
        lambda file: write_header(file, b"{}", 2**40, length=2**39),
        lambda file: write_header(file, b"[" * 100_000, 0),
        lambda file: write_header(file, b'{"a": {"dtype": "F32", "data_offsets": [0, 8]}}', 4),
        lambda file: write_header(file, b'{"a": {"dtype": "F32", "data_offsets": [8, 0]}}', 8),
        lambda file: write_header(file, b'{"a": {"dtype": "F32", "data_offsets": [0, 1e400]}}', 8),
        lambda file: write_header(file, b'{"a": 3}', 0),
        lambda file: write_header(file, b"\xff\xfe", 0),
    ],
)
def test_a_damaged_or_hostile_header_says_nothing(checkpoint, write):
    write(checkpoint / "model.safetensors")
    assert size_of_checkpoint(str(checkpoint), {}) is None


# --- what is refused ---


@pytest.fixture
def planned(checkpoint: Path, monkeypatch: pytest.MonkeyPatch):
    """Plans a command for the checkpoint, on a machine with some GiB free."""
    monkeypatch.chdir(checkpoint.parent)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    write_questions(checkpoint.parent, 3)

    def plan(gib: float | None, **options: Any):
        monkeypatch.setattr(memory, "free_bytes", lambda: None if gib is None else int(gib * GIB))
        return make_plan(f"hf/{checkpoint}", "vqa", "out", {"data": "mine.jsonl", **options})

    return plan


def refused(planned, gib: float, **options: Any) -> list[memory.TooLarge]:
    with pytest.raises(memory.MemoryShortError) as caught:
        planned(gib, **options)
    return list(caught.value.models)


def test_weights_that_do_not_fit_are_refused_with_what_would(planned):
    (found,) = refused(planned, 7.0)
    assert (Path(found.model).name, found.size.bytes, found.free) == ("large", 8 * GIB + 1024, {"": 7 * GIB})
    assert found.remedies == ["--dtype bfloat16", "--quantisation int8", "--quantisation 4bit"]
    for gib, options in (
        (9.0, {}),
        (9.0, {"workers": 4}),
        (None, {}),
        (7.0, {"allow": "memory"}),
        (4.1, {"dtype": "bfloat16"}),
    ):
        assert planned(gib, **options).jobs
    (found,) = refused(planned, 9.0, workers=4, dtype="bfloat16")
    assert (found.workers, found.remedies[0]) == (4, "--workers 2")
    with pytest.raises(UnknownNameError):
        planned(7.0, allow="memry")


def test_a_model_of_the_users_own_may_tell_its_size(planned, checkpoint):
    source = """
        class Mine:
            @classmethod
            def weights_size(cls, bytes):
                return bytes if isinstance(bytes, str) else 1.0 * bytes * (1 // (bytes > 0))
            def __init__(self, bytes):
                self.bytes = bytes
            def generate(self, requests):
                return ["a"] * len(requests)
    """
    write_model(checkpoint.parent, source, "mine.py")
    free = {"data": "mine.jsonl", "workers": 2}
    assert planned(9.0)
    assert make_plan("mine.py", "vqa", "out", {**free, "model_args": {"bytes": 4 * GIB}}).jobs
    with pytest.raises(memory.MemoryShortError):
        make_plan("mine.py", "vqa", "out", {**free, "model_args": {"bytes": 5 * GIB}})
    write_model(checkpoint.parent, source.replace("def generate", "async def generate"), "served.py")
    assert make_plan("served.py", "vqa", "out", {**free, "model_args": {"bytes": 5 * GIB}}).jobs, "it is opened once"
    for wrong in (-1, "many"):
        with pytest.raises(PluginError):
            make_plan("mine.py", "vqa", "out", {**free, "model_args": {"bytes": wrong}})


def test_weights_larger_than_any_node_of_a_cluster_are_said(planned):
    (job,) = planned(None).jobs
    assert memory.too_large_for(job.model, [4 * GIB, 9 * GIB]) is None
    assert memory.too_large_for(job.model, []) is None
    assert memory.too_large_for(job.model, [4 * GIB, 7 * GIB]) is not None


def test_a_run_of_which_nothing_is_left_needs_no_memory(planned, monkeypatch):
    monkeypatch.setattr(memory, "is_left", lambda job: False)
    assert planned(7.0).jobs
    refused(planned, 7.0, remeasure=True)


def test_weights_must_fit_on_the_gpus_that_their_worker_sees(planned, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.setattr(memory, "gpu_free_bytes", lambda names: dict.fromkeys(names, 20 * GIB))
    for options in ({}, {"workers": 2}, {"workers": 4}):
        assert planned(1.0, device="cuda", **options).jobs
    (found,) = refused(planned, 1.0, device="cuda", workers=5)
    assert found.remedies[:2] == ["--workers 4", "--dtype bfloat16"]
    monkeypatch.setattr(memory, "gpu_free_bytes", lambda names: dict.fromkeys(names, 6 * GIB))
    (found,) = refused(planned, 1.0, device="cuda")
    assert "device_map=auto" in found.remedies[-1]
    assert planned(1.0, device="cuda", workers=2, gpus_per_worker=0).jobs, "workers see none; the model says so"
    monkeypatch.setattr(memory, "gpu_free_bytes", lambda names: {})
    assert planned(1.0, device="cuda").jobs
