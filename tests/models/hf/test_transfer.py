"""Inputs that are copied to the GPU ahead, with a stand-in for torch.cuda that writes down the order of things."""

from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from mmbench.models.hf.transfer import Transfer


class Tensor:
    """What the transfer needs of a tensor."""

    def __init__(self, log: list[str], where: str = "cpu") -> None:
        self.log, self.where = log, where

    def pin_memory(self) -> "Tensor":
        self.log.append("pin")
        return Tensor(self.log, "pinned")

    def record_stream(self, stream: str) -> None:
        self.log.append(f"{self.where} kept for {stream}")


class Cuda:
    """``torch.cuda``: the stream that is current is known, and every call is logged."""

    def __init__(self, log: list[str]) -> None:
        self.log = log
        self.current = SimpleNamespace(name="main", wait_event=lambda event: log.append(f"main waits for {event.at}"))
        self.streams = 0

    def current_stream(self) -> Any:
        return self.current

    @contextmanager
    def device(self, device: Any) -> Any:
        yield

    @contextmanager
    def stream(self, stream: Any) -> Any:
        self.log.append(f"on {stream}")
        yield
        self.log.append(f"off {stream}")

    def Stream(self, device: Any) -> str:  # noqa: N802 - as in torch
        self.streams += 1
        return f"side{self.streams}"

    def Event(self) -> Any:  # noqa: N802 - as in torch
        event = SimpleNamespace(at=None)

        def record(stream: str) -> None:
            event.at = stream
            self.log.append(f"event on {stream}")

        event.record = record
        return event


def _transfer(log: list[str], device: str) -> tuple[Transfer, Cuda]:
    def move(inputs: Any) -> dict[str, Any]:
        log.append("move " + ",".join(sorted(each.where for each in inputs.values())))
        return {name: Tensor(log, "gpu") for name in inputs}

    cuda = Cuda(log)
    return Transfer(SimpleNamespace(type=device), move, cuda), cuda


def test_a_batch_is_pinned_copied_on_a_stream_of_its_own_and_waited_for_by_the_gpu_alone() -> None:
    log: list[str] = []
    transfer, cuda = _transfer(log, "cuda")
    copied = transfer.begin({"input_ids": Tensor(log)})
    assert copied is not None
    assert log == ["on side1", "pin", "move pinned", "event on side1", "off side1"]
    log.clear()
    assert set(copied.take()) == {"input_ids"}
    assert log == ["main waits for side1", f"gpu kept for {cuda.current}"]
    transfer.begin({"input_ids": Tensor(log)})
    assert cuda.streams == 1


def test_nothing_is_copied_ahead_for_the_cpu() -> None:
    log: list[str] = []
    transfer, _ = _transfer(log, "cpu")
    assert transfer.begin({"input_ids": Tensor(log)}) is None
    assert log == []
