"""Everything that depends on a GPU, by the script that measures it; its steps on the CPU in a tiny size."""

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import measure_gpu


def _parts(path: Path) -> dict[str, Any]:
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["seconds"] <= measure_gpu.LIMIT_S
    problems = {name: part["problem"] for name, part in document["parts"].items() if "problem" in part}
    assert problems == {}
    return document["parts"]


@pytest.mark.gpu
def test_what_depends_on_a_gpu(repository: Path) -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("there is no GPU")
    parts = _parts(measure_gpu.measure("real", "cuda", repository / "results" / "perf"))
    assert 0 < parts["clocks"]["device_s"] <= parts["clocks"]["host_s"]
    single, offline = parts["scenarios"]["single-stream"]["figures"], parts["scenarios"]["offline"]["figures"]
    assert 0 < single["device_time_p50"]["value"] <= single["latency_p50"]["value"]
    assert single["gpu_energy_per_request"]["value"] > offline["gpu_energy_per_request"]["value"] > 0
    assert 0 < single["mfu"]["value"] < offline["mfu"]["value"] < 1
    assert parts["against_a_loop"]["share"] >= 1.1
    full, *smaller = (point["weights_bytes"] for point in parts["quantisation"]["points"])
    assert all(size is None or size < 0.6 * full for size in smaller)  # None: the extra quantisation is not installed


@pytest.mark.slow
def test_the_steps_run_on_a_cpu_in_a_tiny_size(tmp_path: Path) -> None:
    parts = _parts(measure_gpu.measure("tiny", "cpu", tmp_path))
    assert parts["clocks"]["device_s"] is None
    assert set(parts["scenarios"]) >= {"quality", "single-stream", "offline", "seconds"}
    figures = parts["scenarios"]["offline"]["figures"]
    assert figures["flops_per_request"]["value"] > 0
    assert not any(name.startswith(("gpu_", "device_time")) for name in figures)
    assert [point["setting"] for point in parts["attention"]["points"]] == ["attn=sdpa", "attn=eager"]
    assert all(point["value"] is not None for point in parts["attention"]["points"])
    assert parts["attention"]["points"][1]["drop"] == 0.0  # float32: both compute the same answers
    assert "quantisation=int4" in " ".join(parts["quantisation"]["failures"])
    assert parts["quantisation"]["points"][0]["value"] is not None


def test_without_a_gpu_the_script_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    assert measure_gpu.main(["--out", str(tmp_path)]) == 2
    assert measure_gpu.main(["--device", "cuda", "--size", "tiny", "--out", str(tmp_path)]) == 2
    assert list(tmp_path.iterdir()) == []
