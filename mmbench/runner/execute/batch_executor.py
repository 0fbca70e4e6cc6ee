"""Executor ``batch``: asks a synchronous model in this process, batch by batch, and prepares the next ones meanwhile."""

from __future__ import annotations

import time
from dataclasses import replace

from mmbench.core.phases import active
from mmbench.core.responses import Call
from mmbench.runner.execute.batch_asker import BatchAsker
from mmbench.runner.execute.executor import Executor, Sink, Todo
from mmbench.runner.execute.prefetch import Prefetch
from mmbench.runner.execute.signals import raise_if_swallowed


class BatchExecutor(Executor):
    """Asks the model that is open in this process."""

    def run(self, todo: Todo, sink: Sink) -> None:
        """Ask every batch and record its responses."""
        caller = todo.open_model().caller
        asker = BatchAsker(caller, todo.batch_size, auto=isinstance(todo.spec.batch_size, str))
        if (phases := active()) is not None:
            phases.rest_on("queue")
        try:
            for batch in Prefetch(todo.plan, caller, todo.batches, todo.spec.loader_threads):
                start = time.perf_counter()
                responses = asker.ask_collated(batch.requests, batch.inputs, batch.failure)
                duration = time.perf_counter() - start
                call = Call(batch.number, batch.numbers, batch.requests, start - todo.started, duration)
                on_device = asker.device.seconds()
                sink.record(replace(call, device_s=sum(on_device)) if on_device else call, responses)
                raise_if_swallowed()
        finally:
            if asker.size != todo.batch_size:
                sink.reduce_batch_size(asker.size)
            if asker.split_cause is not None:
                sink.report_splits(asker.splits, asker.split_cause)
