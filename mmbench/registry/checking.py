"""Find broken plug-ins by importing them, in one child process for all; only what ends or blocks that gets another.

Nothing of the working directory can be imported there (``-P``), and nothing that a plug-in prints arrives here.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import IO

from mmbench.core.errors import UsageError
from mmbench.registry.entry_points import Plugin
from mmbench.registry.importing import import_target

TIMEOUT_S = 60.0
"""Seconds that importing one plug-in may take."""


def check(plugins: Sequence[Plugin], timeout_s: float = TIMEOUT_S) -> list[str | None]:
    """Import plug-ins outside this process; what is wrong with each, or None.

    A plug-in that fails is tried a second time in a process of its own, since another one may have spoiled the first.

    Args:
        plugins: The plug-ins.
        timeout_s: Seconds that importing one may take.
    """
    targets = list(dict.fromkeys(plugin.target for plugin in plugins if not plugin.duplicate_of))
    found: dict[str, str | None] = {}
    while left := [target for target in targets if target not in found]:
        found |= _import_all(left, timeout_s)
    if len(targets) > 1:
        for target in [target for target, problem in found.items() if problem]:
            found |= _import_all([target], timeout_s)
    return [
        f"also registered by {plugin.duplicate_of}" if plugin.duplicate_of else found[plugin.target]
        for plugin in plugins
    ]


def _import_all(targets: Sequence[str], timeout_s: float) -> dict[str, str | None]:
    """Target to what is wrong with it, up to the first that ends the child or takes too long."""
    command = [sys.executable, "-P", "-c", "from mmbench.registry.checking import serve; serve()"]
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    found: dict[str, str | None] = {}
    target = targets[0]
    with subprocess.Popen(command, text=True, encoding="utf-8", **streams) as child:  # type: ignore[call-overload]
        lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=_read, args=(child.stdout, lines), daemon=True).start()
        try:
            with contextlib.suppress(BrokenPipeError):
                child.stdin.write(json.dumps(list(targets)))
                child.stdin.close()
            for target in targets:
                line = lines.get(timeout=timeout_s)
                if not line.endswith("\n"):  # the child has ended
                    found[target] = f"importing it ended the process: exit status {child.wait(timeout_s)}"
                    break
                found[target] = json.loads(line)
        except (queue.Empty, subprocess.TimeoutExpired):
            found[target] = f"importing it took more than {timeout_s:g} s"
        finally:
            child.kill()
    return found


def _read(stream: IO[str], lines: queue.SimpleQueue[str]) -> None:
    """Pass lines on, and an empty one at the end."""
    with contextlib.suppress(OSError, ValueError):
        for line in stream:
            lines.put(line)
    lines.put("")


def serve() -> None:
    """Import the targets that stdin names, a JSON list, and write what is wrong with each as a line of JSON."""
    targets = json.load(sys.stdin)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for target in targets:
        problem = None
        try:
            import_target(target, "it")
        except UsageError as error:
            problem = (str(error).splitlines() or [type(error).__name__])[-1]
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is the plug-in's
            problem = f"it cannot be imported: {type(error).__name__}: {error}"
        answers.write(json.dumps(problem) + "\n")
        answers.flush()
    os._exit(0)  # not waiting for threads that a plug-in has started
