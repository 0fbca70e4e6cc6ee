"""Peak rates of accelerators, which the use of their arithmetic (MFU) is measured against."""

from __future__ import annotations

import re
from dataclasses import dataclass

_WHOLE = ("bfloat16", "float16", "tf32", "float32")


@dataclass(frozen=True, slots=True)
class PeakRate:
    """What one accelerator can do, by the maker's figures for dense matrices."""

    pattern: str
    """Regular expression that the device's whole name matches, letter case aside."""
    tflops: dict[str, float]
    """Type of the numbers to 10¹² operations a second: ``bfloat16`` and ``float16`` with sums in float32, ``tf32``, and
    ``float32`` without tensor cores."""
    source: str
    """Where the figures stand."""


def _rates(*values: float | None) -> dict[str, float]:
    return {name: value for name, value in zip(_WHOLE, values, strict=True) if value is not None}


PEAK_RATES = (
    PeakRate(r"NVIDIA B200", _rates(2250, 2250, 1125, 75), "NVIDIA HGX B200 data sheet, an eighth, without sparsity"),
    PeakRate(
        r"NVIDIA (H200|GH200 .*|H100 80GB HBM3|H100 SXM5.*)",
        _rates(989.4, 989.4, 494.7, 66.9),
        "NVIDIA H100 Tensor Core GPU Architecture, SXM5; H200 and GH200 have the same chip",
    ),
    PeakRate(
        r"NVIDIA (H100|H200) NVL", _rates(835.5, 835.5, 417.5, 60), "NVIDIA H100 and H200 NVL data sheets, halved"
    ),
    PeakRate(r"NVIDIA H100 PCIe", _rates(756, 756, 378, 51), "NVIDIA H100 data sheet, PCIe, without sparsity"),
    PeakRate(r"(NVIDIA )?A100[- ].*", _rates(312, 312, 156, 19.5), "NVIDIA A100 data sheet"),
    PeakRate(r"NVIDIA A30", _rates(165, 165, 82, 10.3), "NVIDIA A30 data sheet"),
    PeakRate(r"NVIDIA A40", _rates(149.7, 149.7, 74.8, 37.4), "NVIDIA A40 data sheet"),
    PeakRate(r"NVIDIA A10", _rates(125, 125, 62.5, 31.2), "NVIDIA A10 data sheet"),
    PeakRate(r"NVIDIA L4", _rates(121, 121, 60, 30.3), "NVIDIA L4 data sheet, halved"),
    PeakRate(r"NVIDIA L40", _rates(181.05, 181.05, 90.5, 90.5), "NVIDIA L40 data sheet"),
    PeakRate(r"NVIDIA L40S", _rates(362.05, 362.05, 183, 91.6), "NVIDIA L40S data sheet"),
    PeakRate(r"NVIDIA RTX A6000", _rates(154.8, 154.8, 77.4, 38.7), "NVIDIA RTX A6000 data sheet"),
    PeakRate(
        r"NVIDIA RTX 6000 Ada Generation",
        _rates(364.2, 364.2, 182.1, 91.1),
        "NVIDIA Ada GPU Architecture, professional",
    ),
    PeakRate(r"NVIDIA GeForce RTX 4090", _rates(165.2, 165.2, 82.6, 82.6), "NVIDIA Ada GPU Architecture, GeForce"),
    PeakRate(r"NVIDIA GeForce RTX 3090", _rates(71, 71, 35.6, 35.6), "NVIDIA GA102 GPU Architecture"),
    PeakRate(r"Tesla V100-SXM2.*", _rates(None, 125, None, 15.7), "NVIDIA V100 data sheet"),
    PeakRate(r"Tesla V100-PCIE.*", _rates(None, 112, None, 14), "NVIDIA V100 data sheet"),
    PeakRate(r"Tesla T4", _rates(None, 65, None, 8.1), "NVIDIA T4 data sheet"),
    PeakRate(r"AMD Instinct MI300X.*", _rates(1307.4, 1307.4, 653.7, 163.4), "AMD Instinct MI300X data sheet"),
)
"""Accelerators whose rates are known. A power limit or a partition (MIG) makes less of a card; a name that says so matches
nothing here."""


def peak_flops(device: str | None, dtype: str) -> float | None:
    """The peak rate of an accelerator.

    Args:
        device: Its name, as torch or NVML say it.
        dtype: Type of the numbers that are multiplied, as in `PeakRate.tflops`.

    Returns:
        Floating-point operations a second; None where it is not known.

    >>> peak_flops("NVIDIA A100-SXM4-80GB", "bfloat16"), peak_flops("NVIDIA A100-SXM4-80GB", "int3")
    (312000000000000.0, None)
    >>> peak_flops("Voodoo 2", "float32") is None
    True
    """
    for each in PEAK_RATES:
        if device is not None and "MIG" not in device and re.fullmatch(each.pattern, device, re.IGNORECASE):
            rate = each.tflops.get(dtype)
            return None if rate is None else rate * 1e12
    return None


def mfu(flops: float, seconds: float, peak: float | None) -> float | None:
    """Model FLOPs utilisation: the share of the peak rate that useful arithmetic reached, from 0 to 1.

    Args:
        flops: Operations that the model needed (2 for each multiplication with its addition), those spent on padding left out.
        seconds: How long that took.
        peak: The peak rate, as of `peak_flops`; None: not known.

    Returns:
        flops / (seconds · peak); None where the peak rate is not known, or no time has passed.
    """
    return flops / (seconds * peak) if peak and seconds > 0 else None
