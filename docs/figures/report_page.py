"""Photograph a view of a report: ``python docs/figures/report_page.py REPORT.html PICTURE.png [--hash "#slices"] [--width 390] [--dark]``.

Needs Chromium and the package playwright. Pictures are for papers and talks; none is kept in the repository.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def photograph(report, picture, *, view="", width=1400, height=900, dark=False):
    """Write a PNG of a view, at twice the resolution."""
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
        )
        page.goto(Path(report).resolve().as_uri() + view)
        page.wait_for_timeout(500)  # data that the view inflates
        page.screenshot(path=picture)
        browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("report")
    parser.add_argument("picture")
    parser.add_argument("--hash", dest="view", default="")
    parser.add_argument("--width", type=int, default=1400)
    parser.add_argument("--height", type=int, default=900)
    parser.add_argument("--dark", action="store_true")
    given = vars(parser.parse_args())
    photograph(given.pop("report"), given.pop("picture"), **given)
