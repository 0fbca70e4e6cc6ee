"""The samples of a report as its readers look at them: lists, filters, side by side, permalinks, keys, copies, and hostile answers."""

import json
import re
import shutil
import threading
from pathlib import Path

import pytest
from answered import answered, asked, plain_image
from stored import TASK

from mmbench.api.report import report as make_report
from mmbench.core.media import Media
from mmbench.data.sources import FileImage

pytestmark = pytest.mark.slow

HOSTILE = "</script><img src=x onerror=alert(1)> {{7*7}} \u202egnp"
COUNT = 400
IDS = [f"s{n:03}" if n % 97 else f"{HOSTILE}/{n}" for n in range(1, COUNT + 1)]
MANY = "stored/many"


def question(n: int) -> str:
    return f"Which of the {n} shapes is <b>red</b>?"


def answer(n: int, wrong: int) -> dict:
    """The answer to sample n of a model that gets every `wrong`-th wrong, and ends in every way that there is."""
    if n % 40 == 3:
        return {"status": "refused", "output": "I cannot help with that", "score_status": "refused", "score": 0.0}
    if n % 40 == 7:
        return {"status": "error", "error": "connection lost", "score": None}
    if n % 40 == 11:
        return {"status": "truncated", "output": "it is the", "finish_reason": "length", "score_status": "truncated"}
    right = n % wrong != 0
    text = f"the {'red' if right else 'blue'} circle to the left of the ring, {HOSTILE}"
    extra = {"reasoning": "hmm " * 600, "raw": f"<think>hmm</think>{text}"} if wrong == 5 else {}
    return {"output": text, "score": float(right), "extracted": "red" if right else "blue", "duration_s": 0.5, **extra}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of four models on one task, of two on a large one."""
    out = tmp_path_factory.mktemp("runs")
    labels = {"kind": [f"kind {n % 3}" for n in range(COUNT)], "row": [f"<i>row {n % 7}" for n in range(COUNT)]}
    for name, wrong in (("alpha", 2), ("beta", 3), ("gamma", 5), (HOSTILE, 7)):
        answered(out, name, {each: answer(n, wrong) for n, each in enumerate(IDS)}, slices=labels)
    endless = "🙂 " * 100 + "x " * 2_499_900
    long = {f"m{n}": {"output": endless if n == 17 else f"answer {n}"} for n in range(20_000)}
    answered(out, "large", long, task=MANY)
    return out


@pytest.fixture(scope="module")
def page_file(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report over them; the data of the tasks are given, images with them, of which one is gone."""
    target = tmp_path_factory.mktemp("page")
    images = {each: plain_image((n % 256, 90, 200), (480, 320)) for n, each in enumerate(IDS[:6])}
    images[IDS[2]] = Media("image", "image/png", "f" * 64, FileImage(str(target / "gone.png"), ""))
    with pytest.MonkeyPatch.context() as patch:
        what = asked({each: question(n) for n, each in enumerate(IDS)}, images, choices=("red", "blue"))
        patch.setattr("mmbench.api.report.asked_of", lambda result, **_: what)
        made = make_report(sorted(folder.glob("*")))
        text = made.page("Samples", max_samples=25_000)
        assert text == make_report(sorted(folder.glob("*"))).page("Samples", max_samples=25_000)
    path = target / "page.html"
    path.write_text(text, encoding="utf-8")
    return path


def listed(page) -> int:
    """How many samples the list holds."""
    page.locator(".s-status p", has_text=re.compile("samples? of")).wait_for()
    return int(page.locator(".s-status p").inner_text().split()[0].replace(",", ""))


def opened(page) -> str:
    return page.locator(".s-detail h2").inner_text()


def test_samples_are_filtered_by_outcome_slice_text_and_models(page_file, open_page):
    page = open_page(page_file, f"#{TASK}?model=alpha&model=beta").page
    assert listed(page) == COUNT
    page.get_by_role("button", name="refused").click()
    assert listed(page) == sum(n % 40 == 3 for n in range(COUNT))
    assert "outcome=refused" in page.url
    page.get_by_role("button", name="refused").click()
    page.get_by_label("Only where they differ").check()
    differing = sum(n % 40 not in (3, 7, 11) and (n % 2 == 0) != (n % 3 == 0) for n in range(COUNT))
    assert listed(page) == differing
    page.get_by_label("Slice").select_option(label="kind: kind 1")
    assert listed(page) == sum(
        n % 40 not in (3, 7, 11) and (n % 2 == 0) != (n % 3 == 0) and n % 3 == 1 for n in range(COUNT)
    )
    page.get_by_label("Only where they differ").uncheck()
    page.get_by_label("Slice").select_option("")
    page.get_by_role("searchbox").fill("OF THE 39 SHAPES")
    assert listed(page) == 1
    assert opened(page) == IDS[39]
    page.get_by_role("searchbox").fill("")
    page.get_by_label("Model 2").select_option("")
    assert page.locator(".s-answer").count() == 1
    page.reload()
    assert listed(page) == COUNT, "the address says what is shown"
    assert page.locator(".s-answer h3 bdi").all_inner_texts() == ["alpha"]


def test_models_stand_side_by_side_with_the_words_in_which_they_differ(page_file, open_page):
    page = open_page(page_file, f"#{TASK}/{IDS[4]}?model=alpha&model=beta&model=gamma").page
    page.locator(".s-answer").nth(2).wait_for()
    assert page.locator(".s-answer .s-verdict strong").all_inner_texts() == ["wrong", "right", "right"]
    assert page.locator(".s-answer").nth(1).locator("mark").all_inner_texts() == [" red"]
    text = page.locator(".s-answer").nth(2).inner_text()
    assert "Reasoning, 2,400 characters" in text
    page.locator(".s-answer").nth(2).get_by_text("Raw output").click()
    assert "<think>hmm</think>" in page.locator(".s-answer").nth(2).inner_text()
    page.get_by_text("The request as asked").click()
    assert "Answer shortly." in page.locator(".s-message").inner_text()
    assert page.locator(".s-facts").get_by_text("red", exact=True).is_visible()


def test_a_permalink_opens_a_sample_also_one_that_the_filters_leave_out(page_file, open_page):
    page = open_page(page_file, f"#{TASK}/{IDS[5]}?model=beta&text=nothing+like+this").page
    assert listed(page) == 0
    assert opened(page) == IDS[5]
    odd = IDS.index(f"{HOSTILE}/97")
    page = open_page(page_file, f"#{TASK}").page
    page.get_by_role("searchbox").fill(question(odd))
    assert listed(page) == 1
    page.locator(".s-option").click()
    address = page.url
    again = open_page(page_file, address[address.index("#") :]).page
    again.locator(".s-detail").wait_for()
    assert again.evaluate("document.querySelector('.s-detail h2').textContent") == IDS[odd]


def test_keys_move_search_and_help(page_file, open_page):
    page = open_page(page_file, f"#{TASK}").page
    assert listed(page) == COUNT
    first = opened(page)
    for key in ("j", "ArrowDown", "j"):
        page.keyboard.press(key)
    third = opened(page)
    assert page.locator(".s-option[aria-selected=true]").get_attribute("aria-posinset") == "4"
    for key in ("k", "ArrowUp", "k", "k"):
        page.keyboard.press(key)
    assert opened(page) == first != third
    page.keyboard.press("/")
    page.keyboard.type("jd?")
    assert page.get_by_role("searchbox").input_value() == "jd?"
    page.get_by_role("searchbox").fill("")
    page.keyboard.press("Escape")
    page.keyboard.press("d")
    assert page.get_by_label("Only where they differ").is_checked()
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keys").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")


def test_images_are_enlarged_and_one_that_is_gone_is_a_box_with_its_path(page_file, open_page):
    page = open_page(page_file, f"#{TASK}/{IDS[0]}").page
    page.get_by_role("button", name="Image: enlarge").click()
    dialog = page.get_by_role("dialog", name="Image")
    assert "480 × 320" in dialog.inner_text()
    assert dialog.locator("img").evaluate("(each) => each.naturalWidth") == 320
    page.keyboard.press("Escape")
    page = open_page(page_file, f"#{TASK}/{IDS[2]}").page
    page.locator(".s-gone").wait_for()
    assert page.locator(".s-gone").get_attribute("aria-label").endswith("gone.png")


def test_samples_are_copied_as_json_lines(page_file, open_page):
    page = open_page(page_file, f"#{TASK}/{IDS[4]}?model=alpha&model=beta").page
    page.locator(".s-detail").wait_for()
    page.evaluate("() => { navigator.clipboard.writeText = async (text) => { window.copied = text; }; }")
    page.keyboard.press("c")
    page.get_by_text("2 lines copied").wait_for()
    rows = [json.loads(line) for line in page.evaluate("window.copied").splitlines()]
    assert [(row["model"], row["outcome"], row["extracted"]) for row in rows] == [
        ("alpha", "wrong", "blue"),
        ("beta", "right", "red"),
    ]
    assert rows[0]["id"] == IDS[4]
    assert rows[0]["question"] == question(4)
    assert rows[0]["slices"] == {"kind": "kind 1", "row": "<i>row 4"}
    page.get_by_role("button", name="Copy all as JSON Lines").click()
    page.get_by_text(f"{2 * COUNT} lines copied").wait_for()


def test_twenty_thousand_samples_scroll_with_few_elements_and_a_long_output_is_folded(page_file, open_page):
    page = open_page(page_file, f"#{MANY}").page
    assert listed(page) == 20_000
    assert page.locator(".s-option").count() < 60
    page.locator(".s-list").evaluate("(list) => { list.scrollTop = list.scrollHeight; }")
    page.locator(".s-option[aria-posinset='20000']").wait_for()
    assert page.locator(".s-option").count() < 60
    page.get_by_role("searchbox").fill("x x x")
    assert listed(page) == 1
    assert "5,000,000 characters" in page.locator(".s-fold").inner_text()
    page.locator(".s-fold").click()
    assert "4,980,000" in page.locator(".s-gap").inner_text()
    page.evaluate("() => { navigator.clipboard.writeText = async (text) => { window.copied = text; }; }")
    page.get_by_role("button", name="Copy as JSON Lines", exact=True).click()
    page.get_by_text("1 line copied").wait_for()
    assert "4,980,000" in json.loads(page.evaluate("window.copied"))["answer"]


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (390, "dark")])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_window(page_file, open_page, width, scheme):
    opened_page = open_page(page_file, f"#{TASK}", width=width, scheme=scheme)
    assert listed(opened_page.page) == COUNT
    if width < 600:
        opened_page.page.get_by_role("button", name="Filters").click()
    assert opened_page.axe() == []
    opened_page.page.locator(".s-option").first.click()
    opened_page.page.locator(".s-detail").wait_for()
    assert opened_page.axe() == []
    assert opened_page.page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_live_page_fetches_all_samples_and_follows_a_run(folder, browser, tmp_path, monkeypatch):
    from mmbench.live import snapshot
    from mmbench.live.server import Server

    runs = tmp_path / "runs"
    for name in ("alpha", "beta"):
        (found,) = folder.glob(f"{name}--*")
        shutil.copytree(found, runs / found.name)
    images = {each: plain_image((n % 256, 90, 200), (480, 320)) for n, each in enumerate(IDS)}
    monkeypatch.setattr(snapshot, "asked_of", lambda *_, **__: asked(dict.fromkeys(IDS, "Is it red?"), images))
    server = Server(0, "Live")
    server.follower = snapshot.Follower(runs, foreign=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    try:
        page, problems = context.new_page(), []
        page.set_default_timeout(10_000)
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda each: each.url.startswith(server.url) or problems.append(each.url))
        page.goto(f"{server.url}#{TASK}")
        assert listed(page) == COUNT
        assert page.locator(".s-picture img").evaluate("(each) => each.decode().then(() => each.naturalWidth)") == 320
        page.locator(".s-picture").click()
        zoomed = page.get_by_role("dialog").locator("img")
        assert zoomed.evaluate("(each) => each.decode().then(() => each.naturalWidth)") == 480
        page.keyboard.press("Escape")
        (found,) = folder.glob("gamma--*")
        shutil.copytree(found, runs / found.name)
        page.get_by_label("Model 3").locator("option", has_text="gamma").wait_for(state="attached")
        assert problems == []
        page.route("**/state", lambda each: each.abort())
        page.get_by_text("does not answer any more").wait_for()
    finally:
        context.close()
        server.shutdown()
        server.server_close()
        thread.join()
