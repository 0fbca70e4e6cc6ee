"""Text of servers, models and data files: shown so that it can be seen, on terminal, in Markdown and in HTML; exact for programs."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import Ended, edit_json, lines, only_run, write_model, write_questions
from stored import score_table, write_run

from mmbench.core.visible import readable_lines, shell_command, visible, visible_lines

NASTY = "\x1b[31mred\x1b]0;title\x07\x00\u202eabc\u200b\x9b2J\x7f\ud83d"
"""Colours, a window title, NUL, a mark of direction, an invisible space, C1 controls, DEL and half a surrogate pair."""
STEERS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


@pytest.mark.parametrize("show", [visible, visible_lines, readable_lines, lambda text: shell_command([text])])
def test_every_character_can_be_seen(show: Callable[[str], str]) -> None:
    for code in [*range(0x300), *range(0x2000, 0x2070), 0xFEFF, 0xFFF9, 0xE0001, 0xE0041, *range(0xD800, 0xD810)]:
        shown = show(f"a{chr(code)}b")
        assert not STEERS.search(shown), hex(code)
        shown.encode()
    assert visible("naïve 日本語 🙂") == "naïve 日本語 🙂"


def test_a_command_with_control_characters_can_still_be_pasted() -> None:
    import subprocess

    words = ["printf", "%s", "a\x1b[31m'b\\c\u202e\n"]
    done = subprocess.run(["bash", "-c", shell_command(words)], capture_output=True, check=True)
    assert done.stdout.decode() == words[2]


def test_long_names_are_shortened_in_messages_and_kept_elsewhere() -> None:
    assert len(visible("x" * 5000, 120)) == 120
    assert len(readable_lines("unknown sample " + "x" * 5000)) < 200
    assert readable_lines("short " * 1000) == "short " * 1000


ANSWERS = f"""
    class Says:
        def generate(self, requests):
            return [{NASTY[:-1]!r} + request.sample_id for request in requests]
"""


def test_show_prints_no_control_character_of_an_answer(call: Callable[..., Ended], tmp_path: Path) -> None:
    write_questions(tmp_path, 3)
    write_model(tmp_path, ANSWERS)
    ran = call("run", "-m", "mymodel", "-t", "vqa", "--data", "mine.jsonl")
    run = only_run(tmp_path / "results" / "runs")
    assert lines(run)[0].output == NASTY[:-1] + "q0", "what is stored is exact"
    shown = call("show", "mymodel", "--sample", "q0")
    assert shown.code == 0, shown.err
    assert "\\x1b[31mred" in shown.out
    for ended in (ran, shown):
        assert not STEERS.search(ended.out + ended.err)


def test_what_a_failing_model_says_steers_nothing(call: Callable[..., Ended], tmp_path: Path) -> None:
    write_questions(tmp_path, 4)
    write_model(
        tmp_path, f"class Says:\n    async def generate(self, request):\n        raise ValueError({NASTY[:-1]!r})\n"
    )
    for option in (["--max-errors", "1"], ["--max-errors", "1", "--quiet"], ["--max-errors", "9"]):
        ended = call("run", "-m", "mymodel", "-t", "vqa", "--data", "mine.jsonl", "--retries", "0", *option)
        assert ended.code == 4
        assert not STEERS.search(ended.out + ended.err)
    report = (only_run(tmp_path / "results" / "runs") / "report.md").read_text(encoding="utf-8")
    assert not STEERS.search(report)


def test_an_argument_that_is_repeated_in_a_message_steers_nothing(call: Callable[..., Ended]) -> None:
    for command in (["show", "a\x1b[31mb"], ["\x1b[31mb"], ["show", "a", "--\x1b[31mb"], ["list", "\x1b[31m"]):
        ended = call(*command)
        assert ended.code == 2
        assert not STEERS.search(ended.out + ended.err)


MARKUP = "**x** [a](javascript:alert(1)) <img src=x onerror=alert(1)> | `c` # \x1b[31m"


def test_names_are_escaped_in_every_place_of_a_page(call: Callable[..., Ended], tmp_path: Path) -> None:
    out = tmp_path / "results" / "runs"
    table = score_table([1.0, 0.0], slices={MARKUP: [MARKUP, "b"]})
    runs = [write_run(out, "plain", {"stored/task": [table]}), write_run(out, "other", {"stored/task": [table]})]

    def rename(document: dict) -> None:  # type: ignore[type-arg]
        document["model"] |= {"name": MARKUP, "reference": MARKUP}
        document["machine"] |= {"cpu": MARKUP, "platform": MARKUP}
        document["mmbench_version"] = MARKUP

    edit_json(runs[0] / "run.json", rename)
    for command in (
        ["show", runs[0], "--md"],
        ["compare", *runs, "--md", "--slices"],
        ["report", *runs, "--format", "md"],
    ):
        page = call(*command).out
        assert page, command
        assert not STEERS.search(page)
        plain = re.sub(r"\\.", "", page)
        for markup in ("](", "<img", "**x**", "`c`"):
            assert markup not in plain, (command, markup)
    page = call("report", *runs, "--format", "html", "--title", MARKUP).out
    assert "<img src=x" not in page  # unlike the images that scripts of the page make
    assert not STEERS.search(page)
    assert MARKUP in texts(json.loads(call("report", *runs, "--format", "json").out))
    assert MARKUP in call("report", *runs, "--format", "csv").out


def texts(document: object) -> set[str]:
    """Every text in a JSON document."""
    if isinstance(document, dict):
        return set(document) | set().union(*map(texts, document.values()))
    if isinstance(document, list):
        return set().union(*map(texts, document))
    return {document} if isinstance(document, str) else set()
