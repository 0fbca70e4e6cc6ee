"""Addresses of the report lead back to what they were made for, whatever characters the names hold."""

import random
import re
from pathlib import Path

import pytest
from answered import answered

from mmbench.cli.main import main

pytestmark = pytest.mark.slow

MODELS = ("a|b", "a", "100% #1 & more?", 'ü/🙂 "x"=+')
TASKS = ("a", "a/b", "samples", "slices", "50%25/x?y#z")
SLICES = ("a", "a=b", 'k&i%3D|?#n+d 🙂 "')
LABELS = ("b=c", "c", "x|y=&#%2F", "<b>+ '\u202e")
COUNT = 12

PIECES = (
    "a",
    "b",
    "c",
    "a/b",
    "samples",
    "slices",
    *"=|%#?&/+ \"'<\\;,:\t\n~",
    "%2F",
    "%3D",
    "=",
    "ü",
    "🙂",
    "\u202e",
    "é",
    "..",
)
ROUND_TRIP = """(cases) => {
  const { addressOf, placeOf, filtersOf, queryOf } = mmbench.samples;
  return cases.flatMap(({ tasks, place, sample, filters }) => {
    const all = tasks.map((name) => ({ name, about: { runs: filters.runs } }));
    const query = queryOf({ ...filters, outcomes: new Set(filters.outcomes) }, all[place]);
    const made = addressOf(all[place], sample, query, all);
    const hash = new URL(mmbench.hashOf(made.path, made.query), location.href).hash;
    const at = mmbench.parsed(hash);
    const found = placeOf(at, all);
    const read = filtersOf(at.query, found.task);
    const { models, text, order, differ, slice, outcomes } = read;
    const same = [[mmbench.viewOf(at.path).id, found.task.name, found.sample], { models, text, order, differ, slice, outcomes: [...outcomes] }];
    const { runs, ...meant } = filters;
    const wanted = [["samples", tasks[place], sample], { models: meant.models, text: meant.text, order: meant.order, differ: meant.differ, slice: meant.slice, outcomes: meant.outcomes }];
    return JSON.stringify(same) === JSON.stringify(wanted) ? [] : [[hash, wanted, same]];
  });
}"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("addresses")
    ids = ["b/c", "b", "c", *(f"{n}% /?#&=|" for n in range(3, COUNT))]
    labels = {name: [LABELS[(n + shift) % len(LABELS)] for n in range(COUNT)] for shift, name in enumerate(SLICES)}
    runs = []
    pairs = [(model, "a/b") for model in MODELS] + [(f"model of {task}", task) for task in TASKS if task != "a/b"]
    for place, (model, task) in enumerate(pairs):
        answers = {each: {"output": f"answer {n}", "score": float(n > place)} for n, each in enumerate(ids)}
        runs.append(answered(folder, model, answers, task, slices=labels))
    path = folder / "report.html"
    assert main(["report", *map(str, runs), "--output", str(path)]) == 0
    return path


def test_random_names_come_back_from_their_address(report, open_page):
    chosen = random.Random(20)

    def name(least: int = 1) -> str:
        return "".join(chosen.choices(PIECES, k=chosen.randint(least, 4)))

    cases = []
    for _ in range(1500):
        tasks = list(dict.fromkeys(name() for _ in range(4)))
        runs = list(dict.fromkeys(name() for _ in range(4)))
        filters = {
            "runs": runs,
            "models": chosen.sample(range(len(runs)), chosen.randint(1, min(3, len(runs)))),
            "outcomes": chosen.sample(["right", "wrong", "failed"], chosen.randint(0, 3)),
            "slice": chosen.choice([None, {"name": name(0), "label": name()}]),
            "text": name(0),
            "order": chosen.choice(["", "worst", "best"]),
            "differ": chosen.random() < 0.5,
        }
        place = chosen.randrange(len(tasks))
        cases.append({"tasks": tasks, "place": place, "sample": name(0), "filters": filters})
    assert open_page(report).page.evaluate(ROUND_TRIP, cases) == []


def listed(page) -> int:
    page.locator(".s-status p", has_text=re.compile("samples? of")).wait_for()
    return int(page.locator(".s-status p").inner_text().split()[0])


def test_a_link_to_a_sample_opens_it_whatever_task_and_sample_are_called(report, open_page):
    page, again = open_page(report, "#samples").page, open_page(report).page
    for task in TASKS:
        listed(page)
        page.locator(".s-filters select").first.select_option(label=task)
        page.get_by_role("searchbox").fill("answer 0")
        page.locator(".s-option").click()
        again.goto("about:blank")
        again.goto(page.url)
        assert listed(again) == 1
        assert again.locator(".s-detail h2").inner_text() == "b/c"
        assert again.locator(".s-filters select").first.locator("option:checked").inner_text() == task


def test_slices_and_models_of_any_name_are_kept_in_the_address(report, open_page):
    page = open_page(report, "#a/b").page
    listed(page)
    for name in SLICES:
        for label in LABELS:
            page.locator(".s-rest select").first.select_option(label=f"{name}: {label}")
            assert listed(page) == COUNT // len(LABELS)
        page.reload()
        assert listed(page) == COUNT // len(LABELS), page.url
    page.goto(f"{page.url.partition('#')[0]}#slices?task=a/b&by=a%3Db")
    page.locator(".slice").first.wait_for()
    page.locator("details.pick summary").click()
    boxes = {each.inner_text(): each.locator("input") for each in page.locator("details.pick label").all()}
    boxes[MODELS[0]].check()
    for box in (boxes[model] for model in MODELS[1:]):
        box.uncheck()
    assert boxes[MODELS[0]].is_disabled(), "some model is always shown"
    page.reload()
    page.locator(".slice").first.wait_for()
    assert set(page.locator(".slice .name").all_inner_texts()) == {MODELS[0]}
    assert page.locator("h2 bdi").last.inner_text() == "a=b"


def test_links_of_before_are_read_where_they_had_one_meaning(report, open_page):
    page = open_page(report, "#a/b?slice=a=b=c").page
    assert listed(page) == COUNT // len(LABELS)
    page.goto(f"{page.url.partition('#')[0]}#slices?task=a/b&models=a")
    page.locator(".slice").first.wait_for()
    assert set(page.locator(".slice .name").all_inner_texts()) == {"a"}


def test_ticks_of_extreme_axes_are_short_and_tell_marks_apart(report, open_page):
    page = open_page(report).page
    for values in ([1e300, 3e300], [-2e-9, 4e-9], [0, 5e7], [0.1, 0.9], [0, 120_000]):
        texts = page.evaluate(
            "(values) => { const found = mmbench.axis(values); return found.marks.map(found.text); }", values
        )
        assert len(set(texts)) == len(texts) >= 2
        assert max(map(len, texts)) <= 9
