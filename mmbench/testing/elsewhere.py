"""The same task in a fresh process: rebuilt where its class allows it, with another order of hashes."""

from __future__ import annotations

import inspect
import json
import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from mmbench.core.task import Task
from mmbench.registry import folder_of
from mmbench.testing.digests import request_digest, sample_digest
from mmbench.testing.rules import BrokenError, SkippedError, described
from mmbench.testing.subject import choose_samples, make_requests

_TIMEOUT_S = 600
# The standard library is loaded before the parent's path, which may begin with a folder that holds a json.py.
_CODE = """
import inspect, json, os, pathlib, pickle, subprocess, sys, tempfile
sys.path[:] = json.loads(pathlib.Path(sys.argv[1], "path.json").read_text(encoding="utf-8"))
from mmbench.testing.elsewhere import main
main(sys.argv[1])
"""


def portrait(task: Task, n_samples: int, seed: int) -> dict[str, str]:
    """What must be equal in every process: name to digest or text."""
    samples = list(task.samples())
    chosen = choose_samples(samples, n_samples, seed)
    requests = make_requests(task, task.info.name, chosen, seed)
    return {
        "fingerprint": task.fingerprint(),
        "metric ids": " ".join(str(metric.id) for metric in task.metrics),
        "sample ids and their order": "\n".join(sample.id for sample in samples),
        "samples": sample_digest(samples),
        "requests": request_digest(request for made in requests for request in made),
    }


def differences(task: Task, n_samples: int, seed: int) -> list[str]:
    """What a fresh process sees otherwise. Raises `SkippedError` where the task cannot be sent to one."""
    try:
        data = pickle.dumps((task, n_samples, seed))
    except Exception as error:
        raise SkippedError(f"The task cannot be pickled: {described(error)}.") from error
    answer = _ask(data, folder_of(type(task)))
    if "unpickled" not in answer:
        raise SkippedError(f"The task cannot be unpickled in another process: {answer['error']}.")
    if "error" in answer:
        raise BrokenError(f"In a fresh process it raised {answer['error']}.")
    here = portrait(task, n_samples, seed)
    return [name for name, value in here.items() if answer["portrait"][name] != value]


def _ask(data: bytes, own: list[Path]) -> dict[str, Any]:
    other = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    environment = {**os.environ, "PYTHONHASHSEED": other}
    with tempfile.TemporaryDirectory(prefix="mmbench-check-") as name:
        folder = Path(name)
        (folder / "task.pickle").write_bytes(data)
        path = [*(path or str(Path.cwd()) for path in sys.path), *map(str, own)]
        (folder / "path.json").write_text(json.dumps(path), encoding="utf-8")
        command = [sys.executable, "-P", "-c", _CODE, str(folder)]
        try:
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise BrokenError(f"A fresh process did not end within {_TIMEOUT_S} s.") from error
        try:
            answer: dict[str, Any] = json.loads((folder / "answer.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            last = done.stderr.strip().splitlines()[-1:] or ["no message"]
            raise BrokenError(f"A fresh process ended with status {done.returncode}: {last[0]}.") from error
    return answer


def main(folder: str) -> None:
    """What the fresh process does: read ``task.pickle``, write ``answer.json``."""
    answer: dict[str, Any] = {}
    try:
        data = (Path(folder) / "task.pickle").read_bytes()
        task, n_samples, seed = pickle.loads(data)  # noqa: S301 - written a moment ago by the parent
        answer["unpickled"] = True
        answer["portrait"] = portrait(_rebuilt(task), n_samples, seed)
    except Exception as error:  # noqa: BLE001 - the plug-in may raise anything; the parent reports it
        answer["error"] = described(error)
    (Path(folder) / "answer.json").write_text(json.dumps(answer), encoding="utf-8")


def _rebuilt(task: Task) -> Task:
    """A task of the same class built anew, where the class takes no arguments; else the task itself."""
    try:
        if inspect.signature(type(task)).parameters:
            return task
    except (TypeError, ValueError):
        return task
    fresh: Task = type(task)()
    return fresh
