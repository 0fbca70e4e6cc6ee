"""Count the floating-point operations of a model, in a pass of its own: counting makes everything slower."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

_FUSED = (
    "_scaled_dot_product_flash_attention_for_cpu",
    "_scaled_dot_product_flash_attention",
    "_scaled_dot_product_efficient_attention",
    "_scaled_dot_product_cudnn_attention",
    "_scaled_dot_product_fused_attention_overrideable",
)
"""Fused kernels of attention in torch. Its own counter knows some of them, on the CPU none: it takes them for free."""


def counted_flops(call: Callable[[], Any]) -> int:
    """Floating-point operations of everything that torch computes inside a call.

    Counted are products of matrices, convolutions and attention, by `torch.utils.flop_counter`: 2 for each multiplication
    with its addition. Element-wise operations (norms, activations, softmax) are not. Attention counts the whole square of
    queries and keys, also where a mask makes half of it zero.

    Args:
        call: What is counted; called once.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    aten = torch.ops.aten
    formulas = {getattr(aten, name): _fused for name in _FUSED if hasattr(aten, name)}
    with FlopCounterMode(display=False, custom_mapping=formulas) as counter:
        call()
    return int(counter.get_total_flops())


def _fused(query: Sequence[int], key: Sequence[int], value: Sequence[int], *rest: Any, **named: Any) -> int:
    """The formula as torch's counter calls it: with shapes in place of tensors."""
    del rest, named
    return attention_flops(query, key, value)


def attention_flops(query: Sequence[int], key: Sequence[int], value: Sequence[int]) -> int:
    r"""Operations of scaled dot-product attention.

    .. math:: 2 \cdot b\, h\, q\, k\, d + 2 \cdot b\, h\, q\, k\, d_v

    Args:
        query: Shape ``[…, h, q, d]`` of the queries, b being the product of what stands first.
        key: Shape ``[…, h', k, d]`` of the keys; h' may be smaller than h, where heads share keys.
        value: Shape ``[…, h', k, d_v]`` of the values.

    Returns:
        Products of queries with keys and of weights with values; the softmax between them is not counted.

    >>> attention_flops([1, 2, 3, 4], [1, 2, 5, 4], [1, 2, 5, 4])
    480
    """
    pairs = prod(query[:-2]) * query[-2] * key[-2]
    return 2 * pairs * query[-1] + 2 * pairs * value[-1]
