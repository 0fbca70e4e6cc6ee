"""Copy the inputs of a batch to the GPU ahead: from pinned memory, on a stream of its own, while the model computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Copied:
    """Inputs on their way to the GPU."""

    inputs: dict[str, Any]
    """Tensors on the GPU, which must not be used before `take`."""
    done: Any
    """The event of their arrival."""
    cuda: Any
    """`torch.cuda`."""

    def take(self) -> dict[str, Any]:
        """The inputs; the current stream waits for them, the host does not."""
        stream = self.cuda.current_stream()
        stream.wait_event(self.done)
        for tensor in _tensors(self.inputs):
            tensor.record_stream(stream)  # its memory is not used again before this stream has read it
        return self.inputs


class Transfer:
    """Copies inputs to one device.

    Args:
        device: The torch device.
        move: From inputs to the same on the device: called with the inputs, whose tensors are pinned, on a stream of its own.
        cuda: `torch.cuda`.
    """

    def __init__(self, device: Any, move: Callable[[Mapping[str, Any]], dict[str, Any]], cuda: Any) -> None:
        self._device = device
        self._move = move
        self._cuda = cuda
        self._stream: Any = None

    def begin(self, inputs: Mapping[str, Any]) -> Copied | None:
        """Begin to copy; None where inputs stay on the CPU. May be called from any thread.

        Pinned memory that the copy still reads is not given to anybody else: torch's allocator keeps track of that.
        """
        if self._device.type != "cuda":
            return None
        with self._cuda.device(self._device):
            if self._stream is None:
                self._stream = self._cuda.Stream(self._device)
            with self._cuda.stream(self._stream):
                moved = self._move(_pinned(inputs))
                done = self._cuda.Event()
                done.record(self._stream)
        return Copied(moved, done, self._cuda)


def _pinned(value: Any) -> Any:
    """The value with its tensors in pinned memory, from which the GPU copies by itself."""
    if hasattr(value, "pin_memory"):
        return value.pin_memory()
    if isinstance(value, Mapping):
        return {name: _pinned(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_pinned(each) for each in value)
    return value


def _tensors(value: Any) -> list[Any]:
    if hasattr(value, "record_stream"):
        return [value]
    below = list(value.values()) if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else []
    return [tensor for each in below for tensor in _tensors(each)]
