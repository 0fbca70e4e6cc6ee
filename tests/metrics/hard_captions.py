# ruff: noqa: SIM905 - lists of pieces read best as a line of text
"""Captions that are hard to tokenise, drawn from pieces; and what the official program makes of them, where it is there.

``python tests/metrics/hard_captions.py`` writes ``data/hard_captions.json``: needs Java and the extra `coco`.
"""

import json
import random
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

DATA = Path(__file__).parent / "data" / "hard_captions.json"
DROPPED = {"''", "'", "``", "`", "-LRB-", "-RRB-", "-LCB-", "-RCB-", *".?!,:-;", "--", "..."}
"""The list of the official wrapper, by which it drops tokens."""
WORDS = "a the man dog sign red two bus stop that reads it on with Main street near They She He And U.S. Mr Dr".split()
KINDS: dict[str, list[str]] = {
    "contractions": "can't don't isn't I'm we've they'll he'd dog's dogs' y'all 'tis 'twas gonna wanna gotta cannot gimme lemme "
    "o'clock rock'n'roll 'em 'cause ain't shouldn't've CAN'T d'you l'eau O'Neill ma'am".split(),
    "curly": "can\u2019t \u201cstop\u201d \u2018stop\u2019 dog\u2019s \u2019tis \u00abstop\u00bb \u2039stop\u203a `stop' ``stop'' don\u2018t \u201eso\u201c".split(),
    "quotes": '"stop" \'stop\' ""stop"" "stop." "\'s" \'70s \'90s 70\'s 6\'2" 5\' "a b" \'n\' 12"'.split(" "),
    "brackets": "(red) [red] {red} (a) (1) ((x)) ) ( [ ] { } :) (the) word(s) a)b".split(),
    "abbreviations": "Mr. Dr. St. Ave. a.m. p.m. U.S. U.S.A. e.g. i.e. etc. vs. Jan. Inc. Co. No. no. Ph.D. J. Mt. Rd. ft. Jr.".split(),
    "numbers": "1 25 1/2 3/4 25 1,000 3.5 -3 +4 1st 2nd 10:30 10:30am 1990s 50% $5 $5.00 #1 12th .5 1,000,000.5 2-3 4x4 100km \u00bd 25\u00bd".split(),
    "dates": "12/25/2010 2010-12-25 555-1234 (555) 555-1234 1-800-555-1234 10-12 9/11".split(),
    "money": "$ \u20ac5 \u00a35 5\u00a2 \u00a5 US$5 C$ 5$".split(),
    "dashes": "- -- --- a-b well-known black-and-white \u2013 \u2014 a\u2014b co-op -a a- -- -red x-ray _ __ a_b".split(),
    "dots": ". .. ... .... a... ...a \u2026 end. a.b one.two a..b ?. !. !!! ??? ?! !?".split(),
    "marks": ", ; : ! ? , a,b a;b a:b a!b & a&b AT&T R&B * ** a*b ^ ~ ~5 | a|b \\ a\\b / a/b and/or + = < > <3 -> =>".split(),
    "addresses": "www.example.com http://a.org/b?c=d https://x.y example.com me@example.com @user #tag #1 ftp://a.b foo.jpg a.txt".split(),
    "mark-up": "<b> </b> <br/> &amp; &lt; &gt; &quot; &nbsp; &#39; <a href='x'> <!-- --> &copy;".split(" "),
    "faces": ":) :-) :( ;) :D =) :P <3 ^_^ -_- :/ :o xD".split(),
    "emoji": "\U0001f600 \u2764\ufe0f \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f44d\U0001f3fd a\U0001f600b \u2603 \u2713 \u2605".split(),
    "latin": "caf\u00e9 na\u00efve \u00c9cole stra\u00dfe \u0130stanbul \u1e9e \u00d8re \ufb01ne na\u0308ive so\u00adft \u00e6on \u0153uf".split(),
    "scripts": "\u732b\u306f \u043a\u043e\u0442 \u0642\u0637 \u092c\u093f\u0932\u094d\u0932\u0940 \u0e41\u0e21\u0e27 \u03b3\u03ac\u03c4\u03b1 \u05d7\u05ea\u05d5\u05dc \uace0\uc591\uc774 \u65e5\u672c\u3002 \u00bfqu\u00e9? \u00a1hola!".split(),
    "names": "C++ c++ C# f# G# c+ -lrb- -RRB- -LSB- -rcb- a-lrb- -x-b- more'n. more'n rock'n 'n'. \u2019night M'n. b-U.S. x-p.m. DA-U.S.-S a.b-c.d.-e".split(),
    "shortened": "Calif. Calif.a. Ark.a Mfg. MFG. mtg. Pty. PTY. pte. PPTES. ArK. TeX. MaSS. La.b Dr.a. etc.a Inc.b Ms. Wash.1".split(),
    "entities": "&eacute; caf&eacute;. 1&eacute; a-&eacute; l'&Eacute;ole &uuml;ber AT&AMP;T R&amp;B &apos;no &apos;s &quot;a&quot; &MD;".split(),
    "commas": "\u0939\u093f\u0902., \u00e9.; AT&T., a-b.: o'clock., U.S., 1.5., dog.. . .1 . . .".split(" "),
    "spaces": ["a\tb", "a\xa0b", "a\u2003b", "a\u200bb", "a\u3000b", " a", "b ", "a  b"],
    "signs": "\u00a9 \u00ae \u2122 \u00b0 5\u00b0 \u00b7 \u2022 \u00a7 \u00b1 \u00d7 \u00b2 m\u00b2 \u2190 \u2030 \u00b5m".split(),
}


def hard(kind: str, count: int, seed: int) -> list[str]:
    """Captions with pieces of one kind between words, some of them glued together."""
    draw = random.Random(f"{kind} {seed}")
    found = []
    for _ in range(count):
        pieces = [
            draw.choice(KINDS[kind]) if draw.random() < 0.4 else draw.choice(WORDS) for _ in range(draw.randint(2, 7))
        ]
        glue = draw.random() < 0.15
        caption = ("" if glue else " ").join(pieces) + draw.choice(["", "", ".", " .", "!", "?", ","])
        found.append(caption)
    return found


def has_official() -> bool:
    """Whether the official program can be run here."""
    return shutil.which("java") is not None and find_spec("pycocoevalcap") is not None


def official(captions: list[str]) -> list[str]:
    """What the official program and its wrapper make of captions without line breaks, each between two plain ones."""
    spec = find_spec("pycocoevalcap")
    assert spec is not None
    assert spec.submodule_search_locations
    jar = Path(spec.submodule_search_locations[0]) / "tokenizer" / "stanford-corenlp-3.4.1.jar"
    lines = [line for caption in captions for line in (caption, "x")]  # nothing of what follows begins a sentence
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "captions"
        file.write_text("\n".join(lines), encoding="utf-8", newline="")
        command = ["java", "-Dfile.encoding=UTF-8", "-cp", str(jar), "edu.stanford.nlp.process.PTBTokenizer"]
        command += ["-preserveLines", "-lowerCase", str(file)]
        ended = subprocess.run(command, capture_output=True, check=True, timeout=300)
    out = ended.stdout.decode("utf-8").split("\n")[: len(lines)]
    return [" ".join(token for token in line.rstrip().split(" ") if token not in DROPPED) for line in out[::2]]


def write() -> None:
    """Make the file anew."""
    kinds = {kind: hard(kind, 60, 0) for kind in KINDS}
    made = official([caption for captions in kinds.values() for caption in captions])
    rows = iter(made)
    document = {kind: [[caption, next(rows)] for caption in captions] for kind, captions in kinds.items()}
    DATA.write_text(json.dumps(document, ensure_ascii=True, indent=0) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
