"""A worker: opens the model once, loads what the next lease needs meanwhile, and answers one lease after the other.

It knows neither plan nor log, so that it serves in a process below the driver and on another machine alike.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from mmbench.core.errors import RunFailedError, UsageError
from mmbench.data import cache
from mmbench.models.caller import ModelCaller
from mmbench.models.remarks import notes_on, settings_of
from mmbench.perf.machine import machine, packages
from mmbench.perf.memory import accelerator_peak_bytes, accelerator_reserved_bytes, peak_bytes
from mmbench.perf.threads import compute_threads, start_threads
from mmbench.runner.execute.batch_asker import BatchAsker
from mmbench.runner.execute.event_loop import EventLoop
from mmbench.runner.execute.local_model import call_guarded
from mmbench.runner.execute.prefetch import Prepared, begin, collate
from mmbench.runner.pool.leases import AHEAD
from mmbench.runner.pool.transport import Answer, Work, WorkerInfo, WorkerSetup


class Begun:
    """A lease that has arrived, and what is prepared for it in the background."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.arrived = time.perf_counter()
        self.batch = Prepared(work.lease, [], list(work.requests))


class Worker:
    """One model in this process. `begin` may be called from another thread than the rest.

    Args:
        setup: The model, and what it may use.
    """

    def __init__(self, setup: WorkerSetup) -> None:
        self._setup = setup
        self._loop = EventLoop()
        self._caller: ModelCaller | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._stack = ExitStack()

    def open(self) -> WorkerInfo:
        """Build the model and open it.

        Raises:
            MmbenchError: If that fails, or mmbench here is of another version than that of the driver.
        """
        setup = self._setup
        own = packages().get("mmbench", "unknown")
        if own != setup.version:
            raise UsageError(
                f"mmbench is {own} on {platform.node() or 'the worker'} and {setup.version} where the run was started: install the "
                "same version on both"
            )
        started = time.perf_counter()
        os.environ.update(setup.environment)
        self._stack.enter_context(compute_threads(setup.threads))
        sys.meta_path.append(_UserFiles(setup.user_files))
        caller = ModelCaller(setup.recipe.build())
        call_guarded(setup.recipe.name, "open", caller.open, self._loop)
        if setup.loader_threads:
            self._threads = start_threads(setup.loader_threads, "mmbench-prefetch")
        self._caller = caller
        device = machine().accelerator
        return WorkerInfo(platform.node(), os.getpid(), time.perf_counter() - started, device)

    def begin(self, work: Work) -> Begun:
        """Take note of a lease that has arrived, and begin to load what it needs."""
        begun = Begun(work)
        if self._threads is not None and self._caller is not None:
            begin(self._threads, self._caller, begun.batch, self._room())
        return begun

    def _room(self) -> int:
        """Images that are decoded ahead: none before the model was seen to look at one, else what the cache has room for."""
        if not cache.loads():
            return 0
        stats = cache.stats()
        average = stats.bytes / stats.pictures if stats.pictures else 1.0
        return int(cache.capacity() / average / AHEAD)

    def answer(self, begun: Begun) -> Answer:
        """Ask the model what a lease holds. Raises `ModelUnusableError`; whatever else it raises becomes responses."""
        if (caller := self._caller) is None:
            raise RunFailedError("a worker was asked before its model was open")
        work, batch = begun.work, begun.batch
        batch.wait()
        if self._threads is None:
            collate(caller, batch)
        if batch.fatal is not None:
            raise batch.fatal
        asker = BatchAsker(caller, work.batch_size, auto=work.auto)
        start = time.perf_counter()
        responses = asker.ask_collated(batch.requests, batch.inputs, batch.failure)
        duration = time.perf_counter() - start
        on_device = asker.device.seconds()
        return Answer(
            lease=work.lease,
            responses=responses,
            waited_s=start - begun.arrived,
            duration_s=duration,
            device_s=sum(on_device) if on_device else None,
            batch_size=asker.size,
            splits=asker.splits,
            split_cause=asker.split_cause,
            peak_memory=peak_bytes(),
            gpu_allocated=accelerator_peak_bytes(),
            gpu_reserved=accelerator_reserved_bytes(),
            settings=settings_of(caller.model),
            notes=notes_on(caller.model, work.task),
        )

    def close(self) -> None:
        """Close the model. Raises `RunFailedError` if that fails."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
        caller, self._caller = self._caller, None
        try:
            if caller is not None:
                call_guarded(self._setup.recipe.name, "close", caller.close, self._loop)
        finally:
            self._loop.close()
            self._stack.close()


class _UserFiles(MetaPathFinder):
    """Finds modules that the driver imported from files given by name, because what is asked may hold objects of theirs.

    Args:
        files: Name of the module to its file.
    """

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = files

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Where a module lies, if it is one of these."""
        del path, target
        file = self._files.get(fullname)
        return None if file is None else importlib.util.spec_from_file_location(fullname, file)
