"""Check, before anything is loaded, that there is memory for the weights of every model in every worker."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mmbench.core.errors import MmbenchError, PluginError, UsageError
from mmbench.models.caller import USER_ERRORS
from mmbench.models.hf.weights_size import WeightsSize
from mmbench.perf.free_memory import free_bytes, gpu_free_bytes
from mmbench.resolve.allowances import MEMORY
from mmbench.resolve.model_names import ResolvedModel
from mmbench.runner.execute.executor import asks_with_workers
from mmbench.runner.plan.job import Job
from mmbench.runner.plan.upcoming import is_left
from mmbench.runner.pool.resources import shares, visible_gpus

_SMALLER = {"dtype": ("bfloat16",), "quantisation": ("int8", "4bit")}
"""Options of a model, and values of theirs that make its weights smaller."""
_OTHER_GPUS = (Path("/dev/kfd"), Path("/dev/dxg"))
"""Files of GPUs that are not NVIDIA's own devices, of whose memory nothing is known."""


@dataclass(frozen=True, slots=True)
class TooLarge:
    """A model whose weights do not fit into the memory that there is."""

    model: str
    """Its name."""
    size: WeightsSize
    """What its weights take at least."""
    workers: int
    """Workers that are to have a copy each."""
    free: Mapping[str, int]
    """Free bytes of every GPU that they may lie on, by its name, or of this machine under ``""``."""
    remedies: Sequence[str]
    """What to type for them to fit."""

    def __str__(self) -> str:
        size, workers, free = self.size, self.workers, list(self.free.values())
        on_gpu = "" not in self.free
        said = (
            f"{self.model}: its weights take at least {_amount(size.bytes)} of {'GPU memory' if on_gpu else 'memory'}"
        )
        if workers > 1 and size.mapped and not on_gpu:
            said += f", which {workers:,} workers share"
        elif workers > 1:
            said += f" in each of {workers:,} workers, {_amount(size.bytes * workers)} together"
        least = "" if min(free) == max(free) else f"{_amount(min(free))} to "
        where = "" if not on_gpu else " on 1 GPU" if len(free) == 1 else f" on each of {len(free):,} GPUs"
        help_ = f"make it fit with {', or '.join(self.remedies)}" if self.remedies else "take a smaller model"
        return f"{said}, and {least}{_amount(max(free))} are free{where}; {help_}"


class MemoryShortError(UsageError):
    """Weights of models do not fit into memory.

    Attributes:
        models: Those that do not.
    """

    def __init__(self, models: Sequence[TooLarge]) -> None:
        several = "these models do not fit into memory:\n  " if len(models) > 1 else ""
        super().__init__(several + "\n  ".join(map(str, models)) + f"; or try all the same: --allow {MEMORY}")
        self.models = models


def check_memory(jobs: Sequence[Job], allowed: frozenset[str], *, again: bool = False) -> None:
    """Refuse models whose weights alone do not fit. Nothing is said where a size is not known.

    Workers on a cluster are not looked at (see `too_large_for`), and neither are runs of which nothing is left to ask.

    Args:
        jobs: What is about to run.
        allowed: ``--allow``.
        again: Whether what is answered is asked again (``--remeasure``).

    Raises:
        MemoryShortError: If there are any.
    """
    if MEMORY in allowed:
        return
    found: dict[str, TooLarge] = {}
    for job in jobs:
        problem = _problem(job, again=again or job.spec.perf == "full") if job.spec.ray is None else None
        if problem is not None:
            found.setdefault(str(problem), problem)
    if found:
        raise MemoryShortError(list(found.values()))


def _problem(job: Job, *, again: bool) -> TooLarge | None:
    size = _size(job.model, {})
    free = None if size is None else _there(job, size)
    if size is None or free is None or _fits(job, size, _workers(job), free):
        return None
    if is_left(job) is False and not again:
        return None
    return TooLarge(job.model.name, size, _workers(job), free, list(_remedies(job, size, free)))


def too_large_for(model: ResolvedModel, offered: Iterable[int]) -> str | None:
    """What to say where no node of a cluster offers the memory for the weights of one worker on CPUs; None where one does.

    Args:
        model: The model.
        offered: Bytes that each node offers, as far as is known.
    """
    size, most = _size(model, {}), max(offered, default=None)
    if size is None or most is None or size.device == "gpu" or size.bytes <= most:
        return None
    return (
        f"{model.name}: its weights take at least {_amount(size.bytes)} of memory, and no node of the cluster offers more than "
        f"{_amount(most)}"
    )


def _size(model: ResolvedModel, changes: Mapping[str, Any]) -> WeightsSize | None:
    """What the class of a model says that its weights will take, by `weights_size`. Raises `PluginError` where that fails."""
    tell = getattr(model.target, "weights_size", None)
    if not isinstance(model.target, type) or not callable(tell):
        return None
    try:
        found = tell(**{**model.options, **changes})
        if found is None or isinstance(found, WeightsSize):
            return found
        return WeightsSize(int(float(found)), by_options=False)
    except MmbenchError:
        raise
    except USER_ERRORS as error:
        raise PluginError(f"model {model.name!r} failed in weights_size(): {type(error).__name__}: {error}") from error


# --- what there is ---


def _there(job: Job, size: WeightsSize) -> dict[str, int] | None:
    """Free bytes of every GPU that the weights may lie on, by its name; of this machine under ``""``; None: not known."""
    if not _on_gpu(job, size):
        known = None if size.device == "auto" and any(path.exists() for path in _OTHER_GPUS) else free_bytes()
        return None if known is None else {"": known}
    names = [] if job.spec.by_workers and job.spec.gpus_per_worker == 0 else visible_gpus()
    known_of = gpu_free_bytes(names)
    return known_of if names and len(known_of) == len(names) else None


def _on_gpu(job: Job, size: WeightsSize) -> bool:
    if size.device != "auto":
        return size.device == "gpu"
    if not visible_gpus() or (job.spec.gpus_per_worker == 0 and job.spec.by_workers):
        return False
    try:
        return not version("torch").endswith("+cpu")
    except PackageNotFoundError:
        return False


# --- whether it fits ---


def _fits(job: Job, size: WeightsSize, workers: int, there: Mapping[str, int]) -> bool:
    if "" in there:
        return size.bytes * (1 if size.mapped else workers) <= there[""]
    needed: Counter[str] = Counter()
    for mine in _gpus(job, size, workers, list(there)):
        needed.update({name: size.bytes // len(mine) for name in mine})
    return all(needed[name] <= there[name] for name in needed)


def _gpus(job: Job, size: WeightsSize, workers: int, names: Sequence[str]) -> list[Sequence[str]]:
    """The GPUs that the weights of each worker lie on."""
    if workers == 1:
        number = re.fullmatch(r"cuda:(\d+)", str(job.model.options.get("device")))
        first = int(number[1]) if number is not None else 0
        return [names] if size.spread else [names[first : first + 1] or names[:1]]
    seen = [
        share.environment["CUDA_VISIBLE_DEVICES"].split(",")
        for share in shares(replace(job.spec, workers=workers), job.model.options)
    ]
    return [mine if size.spread else mine[:1] for mine in seen]


def _remedies(job: Job, size: WeightsSize, there: Mapping[str, int]) -> Iterator[str]:
    """Options that would make it fit."""
    fewer = (count for count in range(_workers(job) - 1, 0, -1) if _fits(job, size, count, there))
    if (count := next(fewer, None)) is not None:
        yield f"--workers {count}"
    for option, values in _SMALLER.items() if size.by_options else ():
        for value in values:
            smaller = _size(job.model, {option: value})
            if smaller is not None and smaller.bytes < size.bytes and _fits(job, smaller, _workers(job), there):
                yield f"--{option} {value}"
    if "" not in there and not size.spread and len(there) > 1 and size.bytes <= sum(there.values()):
        yield "more GPUs for each worker (--gpus-per-worker N --model-args device_map=auto)"


def _workers(job: Job) -> int:
    """Processes that open the model."""
    return (job.spec.workers or 1) if asks_with_workers(job.spec, job.model) else 1


def _amount(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.1f} MiB"
