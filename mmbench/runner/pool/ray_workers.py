"""Workers as actors of a Ray cluster, one each; the queue of leases stays with the driver.

Nothing of Ray keeps or repeats a lease: actors are not restarted and their methods not called again, so that a worker that
dies costs what it held, which the driver leases to another. Actors end with the driver that made them.
"""

from __future__ import annotations

import contextlib
import pickle
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mmbench.core.errors import MmbenchError, RunFailedError, UsageError
from mmbench.perf.machine import packages
from mmbench.runner.execute.signals import restoring_interrupts
from mmbench.runner.pool.cluster import bundle, check_room, connect, load_ray, nodes, room
from mmbench.runner.pool.ray_actor import RayActor
from mmbench.runner.pool.resources import Share
from mmbench.runner.pool.shipping import Shipper
from mmbench.runner.pool.transport import (
    Answered,
    Died,
    Event,
    NotStarted,
    Ready,
    Transport,
    Unusable,
    Work,
    WorkerSetup,
)

_AHEAD = "ahead"
_MISSING = re.compile(r"No module named '([\w.]+)'")
_ADDRESS = re.compile(r"ip=([\w.:]+)")
_PLACING_S = 20.0
"""Seconds after which a worker that no node has taken counts as one that waits for room: something else runs there."""
_NO_ROOM_S = 300.0
"""Seconds after which a run ends whose workers all wait for a node."""


@dataclass(slots=True)
class _Remote:
    """A worker."""

    actor: Any
    group: Any
    """The placement group that holds its resources; None where Ray needs none."""
    since: float
    """When it was begun to be started."""
    shipper: Shipper
    """Packs its leases."""
    placed: bool = False
    """Whether a node has taken it."""
    ready: bool = False


class RayWorkers(Transport):
    """Transport to actors on a cluster.

    Args:
        address: As in `cluster.connect`.
        media: Files that every worker must be able to read; none where their bytes are sent.
        ship_media: Whether the bytes of images are sent with the requests.
    """

    kind = "ray"

    def __init__(self, address: str, media: Sequence[str] = (), *, ship_media: bool = False) -> None:
        self._ray = load_ray()
        self._media = () if ship_media else tuple(media)
        self._ship = ship_media
        self._ours = connect(address)
        self._workers: dict[int, _Remote] = {}
        self._asked: dict[Any, tuple[int, str]] = {}  # reference → worker, what was asked of it
        self._share: Share | None = None
        self._room: int | None = None
        self._alone_since = time.monotonic()

    def reserve(self, share: Share, workers: int | None) -> int:
        """How many workers there is room for now; the cluster is asked to grow for the others. Raises `UsageError`.

        Args:
            share: What each of them needs.
            workers: How many there are to be; None: as many as there is room for.
        """
        self._share = share
        self._room = check_room(share, workers)
        return self._room

    def room(self) -> int:
        """How many workers the cluster has room for now, those that there are included."""
        with contextlib.suppress(Exception):  # whatever Ray raises while its head node cannot be asked
            self._room = self._room if self._share is None else room(self._share, nodes())
        return self._room or 0

    @property
    def waiting(self) -> int:
        """Workers that wait for a node with room, as far as is known."""
        unplaced = [each for each in self._workers.values() if not each.placed]
        beyond = 0 if self._room is None else max(0, len(self._workers) - self._room)
        late = sum(time.monotonic() - each.since > _PLACING_S for each in unplaced)
        return max(min(len(unplaced), beyond), late)

    def start(self, worker: int, setup: WorkerSetup) -> None:
        """Make an actor, which waits where no node has room."""
        need = Share(setup.threads or 1, setup.cpus, setup.gpus)
        group = self._group(need) if setup.gpus > 1 else None
        made = self._ray.remote(
            num_cpus=setup.cpus,
            num_gpus=setup.gpus,
            max_restarts=0,
            max_task_retries=0,
            concurrency_groups={_AHEAD: 1},
        )(RayActor)
        if group is not None:
            from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

            made = made.options(
                scheduling_strategy=PlacementGroupSchedulingStrategy(group, placement_group_capture_child_tasks=True)
            )
        actor = made.remote()
        self._workers[worker] = _Remote(actor, group, time.monotonic(), Shipper(files=self._ship))
        self._asked[actor.placed.options(concurrency_group=_AHEAD).remote()] = worker, "placed"
        self._asked[actor.open.remote(_pickled(setup), list(self._media))] = worker, "open"

    @staticmethod
    def _group(need: Share) -> Any:
        """Resources on one node, for a model that is spread over several GPUs and may start actors of its own there."""
        from ray.util.placement_group import placement_group

        return placement_group([bundle(need)], strategy="STRICT_PACK")

    def submit(self, worker: int, work: Work) -> None:
        """Send a lease. Raises `RunFailedError` for requests that cannot be pickled."""
        found = self._workers.get(worker)
        if found is None:
            return
        found.actor.begin.options(concurrency_group=_AHEAD).remote(work.lease, _pickled(work, found.shipper))
        self._asked[found.actor.answer.remote(work.lease)] = worker, "answer"

    def wait(self, timeout_s: float) -> Sequence[Event]:
        """What has happened."""
        if not self._asked:
            time.sleep(timeout_s)
            return ()
        with restoring_interrupts():
            ended, _ = self._ray.wait(list(self._asked), num_returns=1, timeout=timeout_s)
            if ended and len(self._asked) > 1:  # what else has ended by now
                ended, _ = self._ray.wait(list(self._asked), num_returns=len(self._asked), timeout=0)
            events = [event for each in ended if (event := self._event(each)) is not None]
        return events or self._without_room()

    def _event(self, reference: Any) -> Event | None:
        asked = self._asked.pop(reference, None)
        if asked is None:  # of a worker that has died meanwhile
            return None
        worker, method = asked
        try:
            data = self._ray.get(reference)
            value: Any = None if method == "close" else pickle.loads(data)  # noqa: S301 - from a worker of this run
        except Exception as error:  # noqa: BLE001 - whatever Ray, or a stranger's object, raises
            return self._failed(worker, method, error)
        if method == "close":
            self._forget(worker, kill=True)
            return Died(worker, "has closed its model")
        if isinstance(value, MmbenchError):
            self._forget(worker, kill=True)
            return NotStarted(worker, value) if method == "open" else Unusable(worker, value)
        if method == "placed":
            self._workers[worker].placed = True
            return None
        if method == "open":
            self._workers[worker].ready = True
            return Ready(worker, value)
        return Answered(worker, value)

    def _failed(self, worker: int, method: str, error: Exception) -> Event:
        errors = self._ray.exceptions
        self._forget(worker, kill=True)
        text = " ".join(str(error).split())
        if isinstance(error, errors.RayActorError) and "creation task" not in text:
            node = "node has died" in text or "node was terminated" in text or "preempted" in text
            return Died(worker, "was lost with its machine" if node else "died", blamed=not node)
        opening = method in ("placed", "open")
        if opening and (missing := _MISSING.search(text)) is not None:
            return NotStarted(worker, UsageError(_without_mmbench(missing[1], text)))
        if opening:
            return NotStarted(
                worker,
                UsageError(
                    f"a worker could not begin on its node: {text[-400:]}. Install the same mmbench on every node"
                ),
            )
        return Unusable(worker, RunFailedError(f"a worker failed: {type(error).__name__}: {text[:400]}"))

    def _without_room(self) -> Sequence[Event]:
        """The end of workers that wait for a node, where none has been at work for long."""
        now = time.monotonic()
        if any(each.ready for each in self._workers.values()):
            self._alone_since = now
        late = [
            number for number, each in self._workers.items() if now - max(each.since, self._alone_since) > _NO_ROOM_S
        ]
        for number in late:
            self._forget(number, kill=True)
        error = RunFailedError(
            f"no node of the cluster has had room for a worker in {_NO_ROOM_S:.0f} s; the same command goes on when there is one"
        )
        return [NotStarted(number, error) for number in late]

    def stop(self, worker: int) -> None:
        """Let an actor close its model, then end it."""
        if (found := self._workers.get(worker)) is not None:
            self._asked[found.actor.close.remote()] = worker, "close"

    def kill(self, worker: int) -> None:
        """End an actor."""
        self._forget(worker, kill=True)

    def _forget(self, worker: int, *, kill: bool) -> None:
        found = self._workers.pop(worker, None)
        self._asked = {reference: asked for reference, asked in self._asked.items() if asked[0] != worker}
        if found is None:
            return
        with contextlib.suppress(Exception):  # it may be gone, and the cluster with it
            if kill:
                self._ray.kill(found.actor, no_restart=True)
            if found.group is not None:
                self._ray.util.remove_placement_group(found.group)

    def close(self, patience_s: float) -> None:
        """Let the actors close their models, end them, and disconnect."""
        ready = [each for each in self._workers.values() if each.ready]
        with contextlib.suppress(Exception):  # as above
            if ready:
                ending = [each.actor.close.remote() for each in ready]
                self._ray.wait(ending, num_returns=len(ending), timeout=patience_s)
        for worker in list(self._workers):
            self._forget(worker, kill=True)
        with contextlib.suppress(Exception):
            from ray.autoscaler.sdk import request_resources

            request_resources(bundles=[])
        if self._ours:
            self._ray.shutdown()


def _without_mmbench(module: str, text: str) -> str:
    """What to say of a node whose Python lacks what a worker begins with."""
    found = _ADDRESS.search(text)
    node = f"the node {found[1]}" if found is not None else "a node of the cluster"
    return f"{node} cannot import {module}: install mmbench {packages().get('mmbench', '')} in the Python that 'ray start' uses there"


def _pickled(message: Any, shipper: Shipper | None = None) -> bytes:
    try:
        return pickle.dumps(message if shipper is None else shipper.pack(message), pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        raise RunFailedError(
            f"what a worker needs cannot be pickled ({type(error).__name__}: {error}); run in this process (without --ray)"
        ) from error
