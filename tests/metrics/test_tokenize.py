"""Captions are tokenised as the official program does, without Java."""

import gzip
import hashlib
import json
import random
from pathlib import Path

import hard_captions
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mmbench.metrics import ptb_tokenize
from mmbench.metrics.captions.tokenize import tokenize_captions

needs_java = pytest.mark.skipif(not hard_captions.has_official(), reason="needs Java and the extra coco")
KNOWN = json.loads(hard_captions.DATA.read_text(encoding="utf-8"))
COCO = "4dfdd47564339de1df644552cdf00aee8996426a4712ee8e962f868c81cdb1b4"
"""sha256 of the official program's lines for all captions of COCO val2014, joined by line breaks."""


@pytest.mark.parametrize("kind", KNOWN)
def test_hard_captions_are_as_the_official_program_has_them(kind: str) -> None:
    """The file was made by the official program: see `hard_captions`."""
    assert len(KNOWN[kind]) == 60
    wrong = [(caption, ptb_tokenize(caption), line) for caption, line in KNOWN[kind] if _line(caption) != line]
    assert wrong == []


def _line(caption: str) -> str:
    return " ".join(ptb_tokenize(caption))


@pytest.mark.slow
@needs_java
def test_other_hard_captions_too() -> None:
    """Strings that nobody has looked at, against the program itself."""
    captions = [caption for kind in hard_captions.KINDS for caption in hard_captions.hard(kind, 40, 7)]
    official = hard_captions.official(captions)
    right = sum(_line(caption) == line for caption, line in zip(captions, official, strict=True))
    assert right >= 0.999 * len(captions)


@pytest.mark.slow
def test_all_coco_captions_are_as_the_official_program_has_them(shared_data: Path) -> None:
    """202,654 of them, in the order of the file; the digest is that of the program's own output."""
    with gzip.open(shared_data / "coco_val2014_captions.json.gz") as stream:
        captions = [caption for own in json.load(stream).values() for caption in own]
    assert len(captions) == 202_654
    lines = "\n".join(tokenize_captions(captions))
    assert hashlib.sha256(lines.encode()).hexdigest() == COCO


@pytest.mark.slow
@needs_java
@pytest.mark.parametrize("seed", [1, 2])
def test_strings_of_characters_are_as_the_official_program_has_them(seed: int) -> None:
    """No words that somebody chose: characters, glued at random."""
    draw = random.Random(seed)
    kinds = [
        [chr(code) for code in range(33, 127)],
        ["a", "b", "A", ".", ".", "-", "'", "'", "n", "t", "s", "U.S.", "Mr.", "no.", "c++", "-lrb-", "1", "/"],
        [*"ab.,'-1 ", *"é\u201c\u201d\u2018\u2019\u2014…½猫は한и،。\uff01ー\u200b\xad\xa0\u0301😀"],
        [
            "&amp;",
            "&eacute;",
            "&lt;",
            "<",
            ">",
            "a",
            "b1",
            "=",
            '"',
            "'",
            "/",
            ".com",
            "http://",
            "www.",
            "@",
            "#",
            ":",
            ")",
            "(",
            ";",
        ],
    ]
    captions = ["".join(draw.choice(kind) for _ in range(draw.randint(2, 8))) for kind in kinds for _ in range(2000)]
    official = hard_captions.official(captions)
    wrong = [each for each in zip(captions, map(_line, captions), official, strict=True) if each[1] != each[2]]
    assert len(wrong) <= 4, wrong[:10]


@pytest.mark.parametrize(
    ("caption", "tokens"),
    [
        ("C++ and c# (-lrb-)", "c++ and c# -lrb- -lrb- -rrb-"),
        ("more'n. more'n a", "more n. more 'n a"),
        ("Calif.a. Dr.a.", "calif. a. dr.a"),
        ("a dog (brown) [big] {old}", "a dog -lrb- brown -rrb- -lsb- big -rsb- -lcb- old -rcb-"),
        ("25 1/2 dogs", "25\xa01/2 dogs"),
        ("a\rb\x0bc\x0cd\x85e\u2028f\u2029g\nh", "a b c d e f g h"),
        ("a \U0001f600 dog\U0001f44d\U0001f3fd", "a dog"),
        ("\u201cstop\u201d, the dog\u2019s sign", "stop the dog 's sign"),
        ("", ""),
        (" ... ", ""),
        ("!", ""),
        ("\u0130stanbul", "i\u0307stanbul"),
    ],
)
def test_known_traps(caption: str, tokens: str) -> None:
    assert _line(caption) == tokens


def test_brackets_survive_the_list_of_punctuation() -> None:
    assert ptb_tokenize("(a)") == ["-lrb-", "a", "-rrb-"]


@given(st.lists(st.text(max_size=20), max_size=6))
@example(["0@\x1e0", "a\nb"])
def test_there_is_one_line_for_each_caption_and_no_break_in_it(captions: list[str]) -> None:
    lines = tokenize_captions(captions)
    assert len(lines) == len(captions)
    assert not any(
        "\n" in line for line in lines
    )  # other control characters stay inside addresses, as in the official program


@given(st.text(alphabet="abc DEF'.,-", max_size=30), st.sampled_from(["two dogs", "it", "", "...", "x."]))
def test_a_caption_does_not_depend_on_one_that_begins_no_sentence(caption: str, neighbour: str) -> None:
    assert tokenize_captions([caption, neighbour])[0] == _line(caption)


def test_the_one_thing_that_a_neighbour_changes() -> None:
    """As in the official program: the period after a letter ends a sentence where the next caption begins like one."""
    sign = "a sign with a P."
    assert tokenize_captions([sign, "A lamp post"])[0] == "a sign with a p"
    assert tokenize_captions([sign, "lamp posts"])[0] == "a sign with a p."
    assert ptb_tokenize(sign)[-1] == "p."
