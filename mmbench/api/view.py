"""`mmbench.view`: the report of a folder of runs, live in a browser."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path

from mmbench.core.errors import UsageError
from mmbench.core.ids import names_of
from mmbench.core.spec import RUNS
from mmbench.resolve.allowances import FOREIGN_SOURCE, allowances

__all__ = ["view"]


def view(
    folder: str | Path = RUNS,
    *,
    port: int = 0,
    title: str = "mmbench",
    allow: str | Iterable[str] = (),
    ready: Callable[[str], None] = lambda _: None,
    note: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve the report of a folder of runs on this machine until Ctrl-C: all samples, and runs in progress.

    Args:
        folder: A folder of runs, or one run.
        port: The port on 127.0.0.1; 0 for any that is free.
        title: The title of the page.
        allow: ``foreign-source`` to import a Python file or module that a run names as the source of a task, to show what was asked.
        ready: Takes the address of the page once it is served. The address holds a random token; without it nothing is answered.
        note: Takes a sentence for each run that cannot be read and is left out.

    Raises:
        UsageError: If the folder has no run that can be read, or the port is taken.

    Example:
        >>> import mmbench
        >>> mmbench.view("results/runs", ready=print)  # doctest: +SKIP
    """
    from mmbench.live.server import Server
    from mmbench.live.snapshot import Follower

    foreign = FOREIGN_SOURCE in allowances(names_of(allow), (FOREIGN_SOURCE,))
    path = Path(folder).expanduser()
    if not path.is_dir():
        raise UsageError(f"there is no folder {path}: name a folder of runs, or make a run, which lands in {RUNS}")
    with contextlib.suppress(KeyboardInterrupt):
        server = Server(port, title)
        try:
            server.follower = Follower(path, foreign=foreign, note=note)
            ready(server.url)
            server.serve_forever(poll_interval=0.2)
        finally:
            server.server_close()
