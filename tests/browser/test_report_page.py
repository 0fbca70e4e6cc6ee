"""The report as its readers use it: views, sorting, search, keys, hostile names, accessibility, nothing beyond the file."""

import re
from pathlib import Path

import numpy as np
import pytest
from stored import ACCURACY, measured, score_table, write_run

from mmbench.cli.main import main
from mmbench.metrics import auroc, binary_columns, score_column
from mmbench.results.rundir import RunDirectory
from mmbench.results.schema import SCHEMA_VERSION, PerfFile, PerfReason

pytestmark = pytest.mark.slow

HOSTILE = "x </script><img src=x onerror=alert(1)> {{7*7}} \u202egnp"
NAMES = ("alpha", "beta", HOSTILE, "a model with a very long name that goes on and on and on/checkpoint-12000")
SKILLS = (0.9, 0.8, 0.7, 0.95)
TASKS = ("yes-no/one", "yes-no/two")
VIEWS = ("leaderboard", "tradeoffs", "slices", "errors", "numbers", "origins")
UNITS = 160


def table(seed, skill):
    """Answers of a model to yes-no questions, with every way to end, probabilities and slices of many labels."""
    right = np.random.default_rng(7).random(UNITS) < 0.5
    stated = np.clip(np.where(right, skill, 1 - skill) + np.random.default_rng(seed).normal(0, 0.25, UNITS), 0, 1)
    given = stated > 0.5
    ends = {3: "unparsed", 5: "truncated", 7: "refused"}
    status = {f"s{n}": ends[n % 40] for n in range(UNITS) if n % 40 in ends}
    scores = [None if n % 80 == 9 else float(given[n] == right[n]) for n in range(UNITS)]
    slices = {"kind": [f"</script><b>{n % 3}" for n in range(UNITS)], "many": [f"label {n % 60}" for n in range(UNITS)]}
    made = score_table(scores, [f"c{n // 2}" for n in range(UNITS)], status, slices=slices)
    made.columns.update(binary_columns(given.astype(float), right) | score_column(stated, right))
    return made


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    runs = []
    for place, (name, skill) in enumerate(zip(NAMES, SKILLS, strict=True)):
        tables = {task: [table(place + 10 * n, skill - 0.1 * n)] for n, task in enumerate(TASKS)}
        runs.append(write_run(folder / "runs", name, tables, (ACCURACY, auroc(positive="yes"))))
        why = [PerfReason(code="too_few_samples", detail="<b>only 12</b> requests were measured")] if place == 1 else []
        speed = measured({"samples_per_s": 10.0 ** (place + 1), "latency_p50": 90.0 - place, "peak_memory": 2e9}, why)
        RunDirectory(runs[-1]).write_perf(PerfFile(schema_version=SCHEMA_VERSION, tasks={TASKS[0]: speed}))
    path = folder / "report.html"
    assert main(["report", *map(str, runs), "--leaderboard", "--output", str(path), "--title", f"<b>{HOSTILE}"]) == 0
    return path


def models(page, board=1):
    """The models of a board, from top to bottom."""
    return page.locator("section.board").nth(board).locator("tbody th.model").all_inner_texts()


def shown(name):
    return name.replace("\u202e", "\\u202e")


def test_the_leaderboard_sorts_filters_and_searches(report, open_page):
    page = open_page(report).page
    assert page.locator("h1").inner_text() == shown(f"<b>{HOSTILE}")
    assert page.locator("section.board").count() == 3
    assert models(page) == list(map(shown, (NAMES[3], *NAMES[:3])))
    heading = page.locator("section.board").nth(1).get_by_role("button", name="Model", exact=True)
    heading.focus()
    page.keyboard.press("Enter")
    assert models(page) == sorted(map(shown, NAMES))
    page.keyboard.press("Enter")
    assert models(page) == sorted(map(shown, NAMES), reverse=True)
    assert "sort=model" in page.url
    page.get_by_role("searchbox").fill("ALPH")
    assert models(page) == ["alpha"]
    page.reload()
    assert models(page) == ["alpha"], "the address says what is shown"
    page.locator(".controls select").select_option(TASKS[1])
    assert page.locator("section.board h2").all_inner_texts() == [TASKS[1]]


def test_a_row_opens_and_says_why_its_speed_must_not_be_quoted(report, open_page):
    page = open_page(report, f"#leaderboard?task={TASKS[0]}").page
    row = page.get_by_role("button", name="beta")
    assert page.locator("section.board tr", has=row).locator("td").last.inner_text() == "100 ‡"
    row.focus()
    page.keyboard.press("Enter")
    assert "<b>only 12</b> requests were measured" in page.locator("tr.details").inner_text()


def test_values_intervals_and_marks_are_drawn_on_one_axis(report, open_page):
    page = open_page(report, f"#leaderboard?task={TASKS[0]}").page
    widths = page.locator("tbody .interval .bar").evaluate_all(
        "(all) => all.map((each) => each.getBoundingClientRect().width)"
    )
    assert len(widths) == len(NAMES)
    assert min(widths) > 2
    texts = page.locator("section.board tbody td.value").all_inner_texts()
    lefts = page.locator("tbody .interval .dot").evaluate_all(
        "(all) => all.map((each) => each.getBoundingClientRect().left)"
    )
    values = [float(text.rstrip("†")) for text in texts]
    line = np.polynomial.Polynomial.fit(values, lefts, 1)
    assert np.abs(line(np.array(values)) - lefts).max() < 1.0, "places are proportional to values, to a pixel"


def test_plots_show_what_the_tables_say(report, open_page):
    page = open_page(report, "#tradeoffs?cost=samples_per_s").page
    front = page.locator("tbody tr", has_text="yes").locator("th").all_inner_texts()
    assert front == [NAMES[3]], "the model that must not be quoted and those that are beaten are not on the line"
    assert page.locator("svg.pareto .point").count() == len(NAMES)
    page.goto(f"{page.url.split('#')[0]}#slices?by=many")
    page.locator(".slice").first.wait_for()  # data are inflated without blocking
    assert page.locator(".slice").count() == 25
    page.get_by_role("button", name="Show more").click()
    assert page.locator(".slice").count() == 60
    page.get_by_role("searchbox").fill("label 7")
    assert page.locator(".slice h3").all_inner_texts() == ["label 7"]
    page.goto(f"{page.url.split('#')[0]}#errors")
    page.locator(".matrix").wait_for()
    assert page.locator(".matrix tbody tr").count() == 2
    assert page.locator(".calibration svg .point").count() > 5


def test_every_value_is_read_when_it_is_asked_for(report, open_page):
    page = open_page(report, "#numbers").page
    page.get_by_role("button", name=re.compile("^Show")).first.click()
    page.get_by_role("searchbox").fill("auroc many=label")
    rows = page.locator("#view tbody tr")
    rows.first.wait_for()
    assert rows.count() == 200
    page.get_by_role("searchbox").fill("auroc alpha kind=")
    assert rows.count() == 3
    assert "</script><b>" in rows.first.inner_text()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), ("dark", 390)])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_page(report, open_page, scheme, width):
    opened = open_page(report, scheme=scheme, width=width)
    page = opened.page
    for view in VIEWS:
        page.evaluate("(hash) => { location.hash = hash; }", view)
        page.wait_for_function(
            "(view) => document.querySelector('#views [aria-current]').getAttribute('href') === '#' + view", arg=view
        )
        page.wait_for_function("() => !document.querySelector('#view')?.innerText.includes('reading')")
        assert opened.axe() == [], view
        assert page.evaluate("document.documentElement.scrollWidth") <= width, view


def test_paper_is_white_also_where_the_screen_is_dark(report, open_page):
    page = open_page(report, scheme="dark").page
    paper = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(paper) != "rgb(255, 255, 255)"
    page.emulate_media(media="print")
    assert page.evaluate(paper) == "rgb(255, 255, 255)"


def test_no_view_but_the_origins_speaks_of_commands(report, open_page):
    page = open_page(report).page
    for view in VIEWS:
        page.evaluate("(hash) => { location.hash = hash; }", view)
        for button in page.get_by_role("button", name=re.compile("^Show|^alpha")).all():
            button.click()
        text = page.locator("body").inner_text()
        assert bool(re.search(r"mmbench (run|show|report|rescore)|(?<!-)--[a-z]", text)) == (view == "origins"), view


def test_a_page_without_scripts_shows_the_tables(report, browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.resolve().as_uri())
    assert page.locator("#tables table").first.is_visible()
    context.close()


def test_scripts_of_ours_write_text_alone(repository):
    assets = repository / "mmbench" / "reporting" / "page" / "assets"
    found = {path.name: path.read_text(encoding="utf-8") for path in assets.glob("*.js")}
    assert len(found) > 5
    for name, text in found.items():
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|cssText", text
        ), name
        assert not re.search(r"https?://(?!www\.w3\.org)", text), name


def test_code_and_leaderboard_take_400_kb_at_most(report):
    text = report.read_text(encoding="utf-8")
    data = sum(map(len, re.findall(r'<script type="application/octet-stream"[^>]*>(.*?)</script>', text, re.DOTALL)))
    assert len(text.encode()) - data < 400_000
