"""The report in a real browser: Debian's Chromium, driven by Playwright, without network."""

import importlib.util
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
HAS_PLAYWRIGHT = importlib.util.find_spec("playwright") is not None

AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@dataclass
class Opened:
    """A page, and what it did that it should not have."""

    page: Any
    problems: list[str] = field(default_factory=list)
    """Messages on the console, uncaught errors, dialogs, and requests beyond the file itself."""

    def axe(self) -> list[str]:
        """What axe-core finds, a line for each element."""
        spec = importlib.util.find_spec("axe_playwright_python")
        if spec is None or not spec.submodule_search_locations:
            pytest.skip("needs the package axe-playwright-python, which brings axe-core")
        script = Path(spec.submodule_search_locations[0]) / "axe.min.js"
        if not self.page.evaluate("() => Boolean(window.axe)"):
            self.page.evaluate(f"{script.read_text(encoding='utf-8')}; 0")
        options = {"runOnly": {"type": "tag", "values": AXE_TAGS}}
        found = self.page.evaluate("(options) => axe.run(document, options)", options)
        return [
            f"{violation['id']}: {node['html'][:200]} {node.get('failureSummary', '')}"
            for violation in found["violations"]
            for node in violation["nodes"]
        ]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One Chromium for the tests of a module; they are skipped where there is none."""
    if CHROMIUM is None or not HAS_PLAYWRIGHT:
        pytest.skip("needs Chromium and the package playwright: apt-get install chromium; pip install playwright")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # The sandbox needs privileges that containers lack; the pages are our own.
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Opened]]:
    """Open a file, with ``hash``, ``scheme`` (light or dark) and ``width``; every problem fails the test at its end."""
    opened: list[tuple[Any, Opened]] = []

    def open_file(path: Path, hash: str = "", *, scheme: str = "light", width: int = 1400) -> Opened:  # noqa: A002
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
        found = Opened(context.new_page())
        address = path.resolve().as_uri()
        page = found.page
        page.set_default_timeout(5000)
        page.on("console", lambda message: found.problems.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: found.problems.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (found.problems.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on(
            "request",
            lambda request: (
                None
                if request.url.split("#")[0] == address or request.url.startswith(("blob:", "data:"))
                else found.problems.append(f"request: {request.url}")
            ),
        )
        page.goto(f"{address}{hash}")
        opened.append((context, found))
        return found

    yield open_file
    for context, found in opened:
        context.close()
        assert found.problems == []
