"""Make a picture of a report: ``python docs/figures/report_page.py REPORT.html PICTURE [--hash "#slices"] [--width 390] [--dark]``.

PICTURE is a PNG at twice the resolution, for talks, or an SVG. README's is made by

    mmbench report results/reference/*.json --leaderboard --output report.html
    python docs/figures/report_page.py report.html docs/report.svg --hash "#leaderboard?task=vqa/scenes" --height 640

Needs Chromium and the package playwright; an SVG also ``pdftocairo`` (Debian's poppler-utils) and the package scour. Pixels are kept
out of the repository.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SCOUR = (
    "--set-precision=4",
    "--set-c-precision=4",
    "--enable-id-stripping",
    "--shorten-ids",
    "--remove-descriptive-elements",
)
SCOUR += ("--enable-comment-stripping", "--strip-xml-prolog", "--indent=none")


@contextmanager
def opened(report, view, width, height, *, dark):
    """The report in a browser, once its view has read its data."""
    from playwright.sync_api import sync_playwright

    chromium = next(filter(None, map(shutil.which, BROWSERS)), None)
    if chromium is None:
        sys.exit(f"no browser found: install one of {', '.join(BROWSERS)}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(
            viewport={"width": width, "height": height},
            device_scale_factor=2,
            color_scheme="dark" if dark else "light",
            bypass_csp=True,  # for a style of ours, in an SVG
        )
        page.goto(Path(report).resolve().as_uri() + view)
        page.wait_for_timeout(500)  # data that the view inflates
        yield page
        browser.close()


def drawn(page, picture, width, height):
    """Write an SVG: what the browser prints on one page of the size of the window, with letters as outlines."""
    page.add_style_tag(content="@page { margin: 0 !important } .scroll { background: none !important }")
    page.emulate_media(media="screen")
    with tempfile.TemporaryDirectory() as scratch:
        printed, vectors = Path(scratch, "page.pdf"), Path(scratch, "page.svg")
        page.pdf(path=printed, width=f"{width}px", height=f"{height}px", print_background=True, page_ranges="1")
        subprocess.run([shutil.which("pdftocairo") or "pdftocairo", "-svg", printed, vectors], check=True)
        subprocess.run([sys.executable, "-m", "scour.scour", "-i", vectors, "-o", picture, *SCOUR], check=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("report")
    parser.add_argument("picture")
    parser.add_argument("--hash", dest="view", default="")
    parser.add_argument("--width", type=int, default=1400)
    parser.add_argument("--height", type=int, default=900)
    parser.add_argument("--dark", action="store_true")
    given = parser.parse_args()
    with opened(given.report, given.view, given.width, given.height, dark=given.dark) as shown:
        if given.picture.endswith(".svg"):
            drawn(shown, given.picture, given.width, given.height)
        else:
            shown.screenshot(path=given.picture)
