r"""Tables in LaTeX are typeset by the LaTeX of Debian, whatever names they hold.

It takes ``apt-get install texlive-latex-base texlive-latex-recommended lmodern``.
"""

import shutil
import subprocess
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pytest
from boards import NAMES, entry, seed_of, table, written

import mmbench
from mmbench.cli.main import main
from mmbench.reporting.latex import latex_escaped, tables_latex
from mmbench.reporting.table import Cell, Column, Table

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex"),
]

TASK = "vqa/made_up & co"


def compiled(folder: Path, tables: str) -> str:
    """Typeset tables in an article whose preamble is what their first line asks for; the log. Fails where LaTeX does."""
    needs, _, body = tables.partition("\n")
    preamble = needs.removeprefix("% ")
    assert "booktabs" in preamble
    text = f"\\documentclass{{article}}\n{preamble}\n\\begin{{document}}\n{body}\n\\end{{document}}\n"
    (folder / "paper.tex").write_text(text, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "paper.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (folder / "paper.pdf").read_bytes().startswith(b"%PDF")
    return done.stdout


def hostile(out: Path) -> Sequence[Path]:
    """Runs with names that try to break out, several seeds, slices, failures and a task that not all have."""
    paths = []
    for place, name in enumerate(NAMES):
        slices = {"type_$x$": [("a&b", "50 %", "\\input{/etc/passwd}", "^^M~")[n % 4] for n in range(400)]}
        tables = {TASK: table(0.2 + 0.08 * place, seed=place, slices=slices), "vqa/other": table(0.5, seed=place)}
        paths.append(written(out / "hostile", name, tables))
    entry(paths[0], TASK, status="partial", reason="a reason with 10 % of $ and _ and \\undefined", n_failed=3)
    paths += [seed_of(out, "seeded_model", seed, {TASK: table(0.5, seed=seed)}) for seed in range(2)]
    return paths


def test_reports_and_comparisons_of_hostile_names_compile(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = hostile(tmp_path)
    report = mmbench.report(paths, all_metrics=True, leaderboard=True)
    log = compiled(tmp_path, report.render("tex"))
    assert "Missing character" not in log
    for command in (["compare", *map(str, paths[:3])], ["compare", *map(str, paths[:2])], ["show", str(paths[0])]):
        capsys.readouterr()
        assert main([*command, "--format", "tex"]) == 0
        compiled(tmp_path, capsys.readouterr().out)


def test_the_reference_runs_compile(tmp_path: Path, repository: Path) -> None:
    runs = [
        *(repository / "results" / "reference").glob("concat-*.json"),
        *(repository / "results" / "reference").glob("film-*.json"),
    ]
    report = mmbench.report(sorted(runs), leaderboard=True)
    compiled(tmp_path, report.render("tex"))


def test_every_character_up_to_the_end_of_the_plane_compiles(tmp_path: Path) -> None:
    known = [chr(code) for code in range(0x20, 0x2FFF) if unicodedata.category(chr(code))[0] != "C"]
    characters = [*known, "中", "한", "🙂", "\u202e", "\x1b", "\x00"]
    rows = [[Cell("".join(characters[start : start + 8]))] for start in range(0, len(characters), 8)]
    compiled(tmp_path, tables_latex([Table((Column("all", "left"),), rows, title="".join(characters[:90]))]))
    assert latex_escaped("中") == "(U+4E2D)"
