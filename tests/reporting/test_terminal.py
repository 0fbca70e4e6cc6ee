"""What people read on a terminal: sentences broken between words, and what sums up at the end."""

import io
import re

import pytest

from mmbench.reporting.table import Column, Table
from mmbench.reporting.terminal import print_tables

NOTE = "speed: measured while other processes wanted the CPUs, " * 4


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def tables() -> list[Table]:
    columns = (Column("model", "left"), Column("value"))
    main = Table(columns, (("a", "1"),), title="main", notes=(NOTE,))
    return [main, Table(columns, (("a", "1"),), title="every value", in_detail=True)]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_notes_are_broken_between_words_on_a_terminal_alone(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    seen, piped = Terminal(), io.StringIO()
    print_tables(tables(), seen)
    print_tables(tables(), piped)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", seen.getvalue()).splitlines()
    assert all(len(line) <= width for line in lines)
    first = next(place for place, line in enumerate(lines) if line.startswith("• "))
    assert len(lines[first:]) > 1
    assert all(line.startswith("  ") for line in lines[first + 1 :])
    assert " ".join(line[2:] for line in lines[first:]) == NOTE.strip()
    assert f"• {NOTE}".strip() in piped.getvalue()


def test_what_sums_up_stands_at_the_end() -> None:
    seen = io.StringIO()
    print_tables(tables(), seen)
    assert 0 <= seen.getvalue().index("every value") < seen.getvalue().index("main")
