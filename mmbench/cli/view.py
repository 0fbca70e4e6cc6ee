"""``mmbench view``."""

from __future__ import annotations

from pathlib import Path

import click

from mmbench.cli.options import Command, options
from mmbench.cli.values import say


@click.command(
    cls=Command,
    epilog="""\b
Examples:
  mmbench view                                  # the runs in results/runs
  mmbench view results/runs --open              # and open the browser
  mmbench view results/runs/mymodel--1a2b3c4d   # one run
  mmbench view --port 8000                      # a port of your choice, say for an SSH tunnel

The page is that of mmbench report --output page.html with all samples and images in full size, and it follows runs in progress.
It is served on 127.0.0.1 only, to whoever has the printed address, which holds a random token. On a remote machine:
ssh -L 8000:127.0.0.1:8000 HOST. Ctrl-C ends it. Exit codes: 0 ended by Ctrl-C; 2 no run, or the port is taken.
""",
)
@click.argument("folder", default="results/runs", required=False)
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="0: any that is free.")
@click.option("--open", "open_browser", is_flag=True, help="Open the page in the browser.")
@click.option("--title", default="mmbench", show_default=True, help="Title of the page.")
@options("allow", allow="foreign-source: import a Python file that a run names, so that the page shows what was asked.")
def command(folder: str, port: int, open_browser: bool, title: str, allow: tuple[str, ...]) -> int:
    """Look at runs in the browser: the report, live, with all samples."""
    from mmbench.api.view import view

    def ready(url: str) -> None:
        click.echo(url)
        say("Ctrl-C ends it.", err=True)
        if open_browser:
            click.launch(url)

    if Path(folder).expanduser().is_dir():
        say(f"reading the runs in {folder} …", err=True)
    view(folder, port=port, title=title, allow=allow, ready=ready, note=lambda text: say(f"note: {text}", err=True))
    return 0
