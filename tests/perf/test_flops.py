"""FLOPs against closed forms, peak rates against their names, and the clock of the device."""

from types import SimpleNamespace
from typing import Any

import pytest

from mmbench.perf import device_clock
from mmbench.perf.device_clock import DeviceClock
from mmbench.perf.flops import counted_flops
from mmbench.perf.peak_rates import PEAK_RATES, mfu, peak_flops


def test_layers_count_two_for_each_multiplication_and_addition() -> None:
    torch = pytest.importorskip("torch")
    linear, convolution = torch.nn.Linear(7, 11), torch.nn.Conv2d(3, 5, kernel_size=3)
    assert counted_flops(lambda: linear(torch.zeros(4, 7))) == 2 * 4 * 7 * 11
    assert counted_flops(lambda: convolution(torch.zeros(2, 3, 10, 12))) == 2 * 2 * 5 * 3 * 9 * 8 * 10


@pytest.mark.parametrize(("heads", "shared", "causal"), [(6, 6, False), (6, 6, True), (6, 2, False)])
@pytest.mark.parametrize("backend", ["FLASH_ATTENTION", "MATH"])
def test_attention_on_the_cpu_counts_by_every_backend(heads: int, shared: int, causal: bool, backend: str) -> None:
    torch = pytest.importorskip("torch")
    from torch.nn.attention import SDPBackend, sdpa_kernel

    b, q, k, d = 2, 5 if not causal else 9, 9, 8
    query, key = torch.zeros(b, heads, q, d), torch.zeros(b, shared, k, d)
    attend = torch.nn.functional.scaled_dot_product_attention
    with sdpa_kernel(getattr(SDPBackend, backend)):
        counted = counted_flops(lambda: attend(query, key, key, is_causal=causal, enable_gqa=shared != heads))
    assert counted == 2 * b * heads * q * k * d * 2


@pytest.mark.slow
def test_a_language_model_counts_what_its_sizes_say() -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    width, inner, layers, words, tokens = 32, 48, 3, 100, 17
    config = transformers.LlamaConfig(
        hidden_size=width,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=words,
        attn_implementation="sdpa",
    )
    model = transformers.LlamaForCausalLM(config).eval()
    with torch.no_grad():
        counted = counted_flops(lambda: model(torch.zeros(2, tokens, dtype=torch.int64)))
    projections = width * width * 2 + width * (width // 2) * 2
    linear = 2 * tokens * (layers * (projections + 3 * width * inner) + width * words)
    attention = layers * 4 * tokens * tokens * width
    rotary = 2 * (width // 4 // 2) * tokens  # angles: one outer product of positions and frequencies
    assert counted - 2 * (linear + attention) in (0, rotary, 2 * rotary)


def test_peak_rates_are_found_by_the_names_that_drivers_give() -> None:
    names = {
        "NVIDIA H100 80GB HBM3": 989.4,
        "NVIDIA H100 PCIe": 756,
        "NVIDIA H100 NVL": 835.5,
        "NVIDIA H200": 989.4,
        "NVIDIA A100 80GB PCIe": 312,
        "NVIDIA A100-SXM4-40GB": 312,
        "NVIDIA L4": 121,
        "NVIDIA L40": 181.05,
        "NVIDIA L40S": 362.05,
        "NVIDIA GeForce RTX 4090": 165.2,
    }
    assert {name: peak_flops(name, "bfloat16") for name in names} == {name: 1e12 * rate for name, rate in names.items()}
    for name in (None, "NVIDIA H100 80GB HBM3 MIG 1g.10gb", "NVIDIA A10G", "NVIDIA L4 Ti", "cpu"):
        assert peak_flops(name, "bfloat16") is None
    assert peak_flops("Tesla T4", "bfloat16") is None  # it has no such units
    for each in PEAK_RATES:
        assert each.tflops["float32"] <= each.tflops["float16"]


def test_utilisation_is_of_the_peak_and_unknown_where_the_peak_is() -> None:
    assert mfu(494.7e12, 2.0, 989.4e12) == pytest.approx(0.25)
    assert mfu(1.0, 1.0, None) is None
    assert mfu(1.0, 0.0, 1e12) is None


class Cuda:
    """Events whose times the test sets: the GPU reaches the first one late, and ends after the host has gone on."""

    def __init__(self) -> None:
        self.times = iter([10.0, 35.5, 50.0, 51.25])
        self.waited = 0

    def Event(self, enable_timing: bool) -> Any:  # noqa: N802 - as in torch
        assert enable_timing
        event = SimpleNamespace(ms=None)

        def record() -> None:
            event.ms = next(self.times)

        def synchronize() -> None:
            self.waited += 1

        event.record, event.synchronize = record, synchronize
        event.elapsed_time = lambda other: other.ms - event.ms
        return event


def test_the_device_clock_reads_events_and_waits_for_them_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = Cuda()
    monkeypatch.setattr(device_clock, "loaded_torch", lambda: SimpleNamespace(cuda=cuda))
    clock = DeviceClock()
    for _ in range(2):
        with clock.stretch():
            pass
    assert cuda.waited == 0
    assert clock.seconds() == pytest.approx([0.0255, 0.00125])
    assert clock.seconds() == []


def test_without_a_gpu_the_device_clock_has_nothing_to_say() -> None:
    clock = DeviceClock()
    with clock.stretch():
        pass
    assert clock.seconds() == []
