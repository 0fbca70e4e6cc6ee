"""Threads that share a tokenizer take turns."""

from __future__ import annotations

from functools import wraps
from threading import RLock
from typing import Any

_IN_TURN = ("__call__", "encode", "encode_plus", "batch_encode_plus", "decode", "batch_decode")
"""The methods of a tokenizer that run Rust code without holding Python's lock."""


def in_turns(part: Any) -> Any:
    """Let only one thread at a time use a tokenizer, or each tokenizer of a processor.

    A fast tokenizer keeps how it cuts and pads as a state, which every call sets. A call of another thread in between
    would be padded as this one asks, in silence, or fail ("Already borrowed"). The tokenizer itself is guarded, so that it
    does not matter who calls it: a processor, the adapter, or code that came with the checkpoint. Images are still
    processed by all threads at once.

    Args:
        part: A processor or tokenizer of transformers; it is changed in place.

    Returns:
        The same object.
    """
    from transformers import PreTrainedTokenizerBase

    for owned in (part, *getattr(part, "__dict__", {}).values()):
        if isinstance(owned, PreTrainedTokenizerBase):
            # Python looks up ``__call__`` in the class. Some tokenizers take an assignment to an attribute for their own.
            object.__setattr__(owned, "__class__", _taking_turns(type(owned)))
    return part


def _taking_turns(kind: type) -> type:
    """A subclass with a lock of its own, under the same name: processors and files look at the name."""
    lock = RLock()

    def guarded(method: Any) -> Any:
        @wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:
            with lock:
                return method(*args, **kwargs)

        return call

    methods = {name: guarded(getattr(kind, name)) for name in _IN_TURN if hasattr(kind, name)}
    named = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__doc__": kind.__doc__}
    return type(kind.__name__, (kind,), {**methods, **named})
