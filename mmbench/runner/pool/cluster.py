"""A Ray cluster as the driver sees it: connecting to it, and the room that it has for workers. Imports ray when it is used."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from mmbench.core.errors import MissingExtraError, MmbenchError, UsageError
from mmbench.core.spec import RunSpec
from mmbench.perf.threads import VARIABLES
from mmbench.runner.pool.resources import Share

_REACH_S = 10.0
"""Seconds that a connection to the address may take."""
_CONNECT_S = 60.0
"""Seconds that Ray may take to answer."""
_DASHBOARD = 8265
_MOST = 10_000
"""Workers of a run that are not yet taken for a slip of the keyboard."""
_LOG_IN = (
    "put its token into ~/.ray/auth_token or RAY_AUTH_TOKEN here and on every node, and set RAY_AUTH_MODE=token "
    "(docs/how-to/many-machines.md)"
)


def load_ray() -> Any:
    """The module ray. Raises `MissingExtraError`."""
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError("--ray", "ray") from error
    return ray


def connect(address: str) -> bool:
    """Connect this process to a cluster.

    Args:
        address: ``HOST:PORT``, or ``auto`` for the cluster that this machine belongs to (or ``RAY_ADDRESS`` names).

    Returns:
        Whether it was not connected before, so that it is ours to disconnect.

    Raises:
        MissingExtraError: If ray is not installed.
        UsageError: If nothing answers there in time, it asks for a token, or it runs another version of Ray or Python.
    """
    ray = load_ray()
    if ray.is_initialized():
        return False
    if address != "auto":
        check_address(address)
    failed: list[BaseException] = []

    def begin() -> None:  # in a thread: Ray may wait for minutes, and takes SIGTERM for itself in the main one
        try:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR", namespace="mmbench")
        except BaseException as error:  # noqa: BLE001 - told in the main thread
            failed.append(error)

    beginning = threading.Thread(target=begin, daemon=True)
    beginning.start()
    beginning.join(_CONNECT_S)
    _take_signals_back()
    if beginning.is_alive():
        raise UsageError(
            f"--ray {address}: no Ray cluster answered within {_CONNECT_S:.0f} s; is it the address of its head node?"
        )
    if failed:
        raise _explained(address, failed[0]) from failed[0]
    return True


def _take_signals_back() -> None:
    """Install the handlers of this process once more: the native part of Ray puts one in their place that ends it with SIGABRT."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            if (own := signal.getsignal(number)) is not None:
                signal.signal(number, own)


def check_address(address: str) -> None:
    """Raise `UsageError` where an address is none, or nothing takes connections there."""
    host, _, port = address.rpartition(":")
    if "://" in address or not host or not port.isdecimal():
        raise UsageError(
            f"--ray {address}: expected auto or HOST:PORT of the head node, as 'ray start --head' prints it (port 6379 unless told "
            "otherwise); mmbench runs on a machine of the cluster, not through Ray Client"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_REACH_S).close()
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"--ray {address}: nothing answers there ({error}); start a cluster with: ray start --head"
        ) from error
    if int(port) == _DASHBOARD:
        raise UsageError(
            f"--ray {address}: {port} is the port of the dashboard; give that of the cluster, 6379 unless told otherwise"
        )


def _explained(address: str, error: BaseException) -> MmbenchError:
    """The sentence for what `ray.init` raises."""
    text = " ".join(str(error).split())
    where = f"--ray {address}"
    if type(error).__name__ == "AuthenticationError" or "auth_token" in text or "Unauthenticated" in text:
        return UsageError(f"{where}: the cluster asks for its token: {_LOG_IN}")
    if "ersion mismatch" in text:
        return UsageError(f"{where}: the cluster runs other versions than this machine: {text[:300]}")
    if isinstance(error, ConnectionError) and address == "auto":
        return UsageError(
            f"{where}: no cluster runs on this machine; start one with 'ray start --head', or give --ray HOST:PORT"
        )
    if isinstance(
        error, ConnectionError
    ):  # all that Ray says where it is refused; the address itself takes connections
        return UsageError(
            f"{where}: the cluster refuses this machine, as it does where its token is missing or wrong: {_LOG_IN}"
        )
    return UsageError(f"{where}: cannot connect: {type(error).__name__}: {text[:300]}")


# --- room ---


def cluster_share(spec: RunSpec) -> Share:
    """What each worker may use: one GPU where the cluster has any, and one CPU, unless the options say otherwise."""
    gpus = spec.gpus_per_worker
    if gpus is None:
        gpus = int(any(node.get("GPU", 0.0) >= 1 for node in nodes()))
    threads = spec.threads or spec.cpus_per_worker or 1
    environment = dict.fromkeys(VARIABLES, str(threads))
    return Share(threads, float(spec.cpus_per_worker or 1), float(gpus), environment)


def nodes() -> list[Mapping[str, float]]:
    """The resources of each node that is alive."""
    return [node["Resources"] for node in load_ray().nodes() if node["Alive"]]


def node_memory() -> list[int]:
    """Bytes of memory that each node offers to what runs there, as Ray counts them."""
    return [int(node["memory"]) for node in nodes() if "memory" in node]


def room(share: Share, there: Sequence[Mapping[str, float]]) -> int:
    """How many workers with such a share the nodes have room for, whatever else runs there."""
    return sum(
        int(min([node.get("CPU", 0.0) / share.cpus, *([node.get("GPU", 0.0) / share.gpus] if share.gpus else [])]))
        for node in there
    )


def check_room(share: Share, workers: int | None) -> int:
    """Ask the cluster to grow where it has no room for all workers.

    Args:
        share: What each of them needs.
        workers: How many there are to be; None: as many as there is room for.

    Returns:
        How many of them it has room for now.

    Raises:
        UsageError: If no node has room for one, and for far too many workers.
    """
    check_count(workers or 1)
    there = nodes()
    fit = room(share, there)
    if fit == 0:
        most = {name: max((node.get(name, 0.0) for node in there), default=0.0) for name in ("CPU", "GPU")}
        raise UsageError(
            f"a worker needs {share.cpus:g} CPUs and {share.gpus:g} GPUs on one node, and no node of the cluster has both: the largest "
            f"have {most['CPU']:g} CPUs and {most['GPU']:g} GPUs; ask for less (--cpus-per-worker, --gpus-per-worker)"
        )
    if workers is None:
        return fit
    if fit < workers:
        from ray.autoscaler.sdk import request_resources

        request_resources(bundles=[bundle(share)] * workers)
    return min(fit, workers)


def check_count(workers: int) -> None:
    """Raise `UsageError` for more workers than any cluster has: each would be an actor that waits for a node."""
    if workers > _MOST:
        raise UsageError(
            f"{workers:,} workers are more than the {_MOST:,} that a run may have on a cluster; ask for fewer"
        )


def bundle(share: Share) -> dict[str, float]:
    """The resources of one worker as Ray counts them."""
    return {"CPU": share.cpus, **({"GPU": share.gpus} if share.gpus else {})}
