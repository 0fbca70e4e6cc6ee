"""Every format says what the table says, and lets nothing out of a cell."""

import csv
import hashlib
import io
import json
import math
import re
import shutil
import subprocess
from base64 import b64encode
from html.parser import HTMLParser

import pytest
from boards import NAMES
from hypothesis import given, settings
from hypothesis import strategies as st

from mmbench.reporting.formats import RENDERERS
from mmbench.reporting.latex import latex_escaped
from mmbench.reporting.markdown import table_markdown
from mmbench.reporting.page.document import tables_html
from mmbench.reporting.table import LEGEND, Cell, Column, Table, visible
from mmbench.reporting.terminal import print_tables

BOARD = Table(
    (Column("model", "left"), Column("rank"), Column("accuracy"), Column("95 % interval"), Column("n")),
    (
        (Cell("one", runs=("one--1",)), Cell("1", 1, 1, 1), Cell("86.3", 0.8632352941, marks=frozenset({"best"})),
         Cell("[84.6, 87.9]", None, 0.846, 0.879), Cell("3,400", 3400)),
        (Cell("two"), Cell("2–3", 2, 2, 3), Cell("-2.5", -0.025, marks=frozenset({"incomplete", "invalid"}), note="half"),
         Cell("n/a"), "12"),
        (Cell("three"), Cell("2–3", 3, 2, 3), Cell("n/a", math.nan), "", ""),
    ),
    frozenset({1}),
    ("said & done",),
    "vqa/scenes: 3,400 samples",
)  # fmt: skip
PLAIN = Table((Column("a", "left"), Column("b")), (("x", "1"),))


def hostile(names=NAMES):
    """A table in which everything that is text comes from elsewhere."""
    columns = (Column(names[0], "left"), *(Column(name) for name in names))
    rows = [(name, *(Cell(each, note=each, runs=(each,)) for each in names)) for name in names]
    return Table(columns, rows, notes=names, title=names[0])


def in_detail(count):
    """A table of `count` rows that another one sums up."""
    rows = [(f"<m{place}>", "1") for place in range(count)]
    return Table((Column("a", "left"), Column("b")), rows, notes=("said",), title="<t>: every value", in_detail=True)


# --- the model ---


def test_texts_are_cells_and_cells_know_their_marks():
    assert PLAIN.cells == ((Cell("x"), Cell("1")),)
    assert BOARD.texts[1][2] == "-2.5†‡"
    assert [bool(cell) for cell in BOARD.cells[2]] == [True, True, True, False, False]
    assert BOARD.cells[2][2].number is None
    assert BOARD.said == ("said & done", *LEGEND.values())
    assert PLAIN.said == ()


@given(st.text())
def test_visible_text_is_one_printable_line(text):
    shown = visible(text)
    assert shown == "" or shown.isprintable()
    assert visible(shown) == shown


# --- terminal ---


def test_a_terminal_shows_names_as_they_are():
    stream = io.StringIO()
    name = "file.py:M: [b]:smile:"
    print_tables([Table((Column(name, "left"), Column("b")), ((name, "1"),), notes=(name,), title=name)], stream)
    assert stream.getvalue().count(name) == 4


# --- Markdown ---


def test_markdown_has_bold_leaders_signs_and_a_legend():
    lines = table_markdown(BOARD).splitlines()
    assert lines[0] == "## vqa/scenes: 3,400 samples"
    assert lines[4] == "| one | 1 | **86.3** | [84.6, 87.9] | 3,400 |"
    assert lines[5] == "| two | 2–3 | -2.5†‡ | n/a | 12 |"
    assert lines[8] == "- said &amp; done"
    assert [line.partition(":")[0] for line in lines[9:]] == ["- bold", "- †", "- ‡"]


@pytest.mark.parametrize(("count", "folded"), [(30, False), (31, True)])
def test_pages_fold_long_tables_in_detail_and_lose_nothing_of_them(count, folded):
    table = in_detail(count)
    text = table_markdown(table)
    lines = text.splitlines()
    assert lines[0] == "## &lt;t>: every value"
    assert sum(line.startswith("| &lt;m") for line in lines) == count
    assert (lines.count("<details>"), lines.count("</details>")) == (folded, folded)
    if folded:  # GitHub reads a table in details only behind an empty line
        assert lines.index("</details>") > lines.index("- said")
        assert lines[lines.index("| a | b |") - 1] == ""
    page = Page(tables_html([table, BOARD]))
    assert [tag for tag, _ in page.tags].count("details") == folded
    assert len(page.cells) == 2 * (count + 1) + len(BOARD.columns) * (len(BOARD.rows) + 1)


def test_markdown_keeps_hostile_names_in_their_cells():
    lines = table_markdown(hostile()).splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) for row in rows} == {len(NAMES) + 2}
    text = "\n".join(lines)
    assert "<script" not in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert r"\`x\` \*\*y\*\* [z]\(u)" in text
    assert "\\\\x1b[31mred line" in text


def test_markdown_leaves_what_is_no_markup_as_it_is():
    row = ("block_accuracy", "[84.6, 87.9]", "hit_rate@1(direction=i2t)", "-25.0", "a_", "+45.1")
    text = table_markdown(Table(tuple(map(Column, "abcdef")), (row,)))
    assert "| block_accuracy | [84.6, 87.9] | hit_rate@1(direction=i2t) | -25.0 | a\\_ | +45.1 |" in text


# --- CSV ---


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_csv_has_full_precision_and_a_column_for_every_end():
    text = RENDERERS["csv"]([BOARD, PLAIN])
    assert text.count("\r\n") == text.count("\n") == 5
    rows = rows_of(text)
    assert list(rows[0]) == ["table", "model", "rank", "rank low", "rank high", "accuracy", "95 % interval low",
                             "95 % interval high", "n", "a", "b", "marks"]  # fmt: skip
    assert (rows[0]["accuracy"], rows[0]["n"], rows[0]["95 % interval low"]) == ("0.8632352941", "3400", "0.846")
    assert (rows[1]["accuracy"], rows[1]["rank"], rows[1]["rank high"]) == ("-0.025", "2", "3")
    assert rows[1]["marks"] == "accuracy: incomplete, invalid, half"
    assert rows[2]["accuracy"] == "", "no text in a column of numbers"
    assert (rows[3]["a"], rows[3]["b"], rows[3]["table"]) == ("x", "1", "")
    assert "table" not in rows_of(RENDERERS["csv"]([PLAIN]))[0]


def test_csv_runs_no_formula_and_loses_no_column():
    text = RENDERERS["csv"]([hostile()])
    records = list(csv.reader(io.StringIO(text, newline="")))
    assert {len(record) for record in records} == {len(NAMES) + 3}
    assert len(set(records[0])) == len(records[0])
    assert not [field for record in records for field in record if field[:1] in ("=", "+", "-", "@", "\t", "\r")]
    assert "'=cmd()" in records[1]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(), min_size=1, max_size=3), st.lists(st.text(), min_size=1, max_size=3))
def test_csv_survives_any_text(titles, names):
    rows = [[name, *titles[1:]] for name in names]
    records = list(csv.reader(io.StringIO(RENDERERS["csv"]([Table(tuple(map(Column, titles)), rows)]), newline="")))
    assert [len(record) for record in records] == [len(titles)] * (len(names) + 1)


# --- JSON ---


def test_json_is_one_document_with_everything():
    document = json.loads(RENDERERS["json"]([BOARD, hostile()]), parse_constant=pytest.fail)
    first, second = document["tables"]
    assert first["rows"][0][2] == {"text": "86.3", "value": 0.8632352941, "marks": ["best"]}
    assert first["rows"][1][2] == {
        "text": "-2.5", "value": -0.025, "note": "half", "marks": ["incomplete", "invalid"],
    }  # fmt: skip
    assert first["rows"][2][2] == {"text": "n/a", "value": None}
    assert first["breaks"] == [1]
    assert second["title"] == NAMES[0]
    assert [row[0]["text"] for row in second["rows"]] == list(NAMES)


# --- LaTeX ---

_COMMAND = r"\\(?:[a-zA-Z]+(?:\{\})?|[&%#_{}$\\()])"


def test_latex_has_rules_bold_and_notes():
    text = RENDERERS["tex"]([BOARD])
    assert [line for line in text.splitlines() if line.startswith((r"\top", r"\mid", r"\bottom"))] == [
        r"\toprule", r"\midrule", r"\midrule", r"\bottomrule",
    ]  # fmt: skip
    assert r"one & 1 & \textbf{86.3} & {[}84.6, 87.9{]} & 3,400 \\" in text
    assert r"two & 2--3 & \(-\)2.5\textsuperscript{\dag}\textsuperscript{\ddag} & n/a & 12 \\" in text
    assert r"said \& done" in text
    assert r"\begin{tabular}{lrrrr}" in text


@given(st.text())
def test_latex_escapes_whatever_means_something(text):
    escaped = latex_escaped(visible(text))
    bare = re.sub(_COMMAND, "", escaped)
    assert not re.search(r"[\\$&#%_^~\"`<>|]", bare)
    assert not re.search(r"--,|,,|\?`|!`", escaped)
    depth = 0
    for each in bare.replace("{[}", "").replace("{]}", "").replace("{*}", ""):
        depth += {"{": 1, "}": -1}.get(each, 0)
        assert depth >= 0
    assert depth == 0
    assert all(ord(each) < 0x180 for each in escaped)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_latex_compiles(tmp_path):
    letters = "".join(map(chr, range(0x21, 0x180)))
    (tmp_path / "tables.tex").write_text(
        RENDERERS["tex"]([BOARD, hostile((*NAMES, letters, "--,,–—"))]), encoding="utf-8"
    )
    packages = r"\usepackage[T1]{fontenc}\usepackage{textcomp}\usepackage{booktabs}"
    (tmp_path / "page.tex").write_text(
        rf"\documentclass{{article}}{packages}\begin{{document}}\input{{tables}}\end{{document}}"
    )
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-draftmode", "page"],
        cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]


# --- HTML ---


class Page(HTMLParser):
    """Elements with their attributes, and the texts of table cells."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.cells, self.inside = [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag in ("td", "th"):
            self.cells.append("")
            self.inside = True

    def handle_endtag(self, tag):
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, data):
        if self.inside:
            self.cells[-1] += data


def test_html_is_a_whole_page_that_loads_nothing():
    text = tables_html([BOARD, hostile()], title="<b>")
    page = Page(text)
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert {tag for tag, _ in page.tags} & {"link", "img", "iframe", "object", "base", "b"} == set()
    assert not [
        name for _, attributes in page.tags for name in attributes if name in ("src", "href") or name.startswith("on")
    ]
    assert not re.search(r"https?:|url\(|@import", text)
    policy = next(
        each["content"] for _, each in page.tags if "content-security" in (each.get("http-equiv") or "").lower()
    )
    for tag in ("style", "script"):
        (inline,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, flags=re.DOTALL)
        digest = b64encode(hashlib.sha256(inline.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_html_shows_every_cell_and_sorts_by_the_number_behind_it():
    page = Page(tables_html([BOARD]))
    assert page.cells == [*BOARD.headings, *(text for row in BOARD.texts for text in row)]
    keys = [each.get("data-v") for tag, each in page.tags if tag == "td"]
    assert keys == ["1", "0.8632352941", "0.846", "3400", "2", "-0.025", None, None, "3", None, None, None]
    assert [tag for tag, _ in page.tags].count("tbody") == 2
    assert Page(tables_html([hostile()])).cells[len(NAMES) + 1] == visible(NAMES[0])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(), min_size=2, max_size=4))
def test_html_keeps_any_text_in_its_cell(names):
    page = Page(tables_html([hostile(tuple(names))]))
    count = len(names) + 1
    assert page.cells == [visible(names[0]), *map(visible, names), *(visible(t) for n in names for t in (n, *names))]
    assert len(page.cells) == count * count


# --- any of them ---


@pytest.mark.parametrize("name", RENDERERS)
def test_a_table_without_rows_is_rendered_and_the_same_table_gives_the_same_bytes(name):
    assert RENDERERS[name]([Table((Column("model", "left"),), ())])
    assert RENDERERS[name]([BOARD]) == RENDERERS[name]([BOARD])


def test_csv_says_how_far_a_run_came_beside_the_numbers_and_drops_a_column_of_nothing():
    columns = (Column("model"), Column("accuracy"), Column("95 % interval"))
    rows = (("a", Cell("50.0", 0.5), Cell("[40.0, 60.0]", None, 0.4, 0.6)), ("b", Cell("interrupted"), Cell("n/a")))
    found = rows_of(RENDERERS["csv"]([Table(columns, rows)]))
    assert list(found[0]) == ["model", "accuracy", "95 % interval low", "95 % interval high", "marks"]
    assert (found[1]["accuracy"], found[1]["marks"], found[0]["marks"]) == ("", "accuracy: interrupted", "")
