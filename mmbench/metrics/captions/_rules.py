r"""The rules of the official tokenizer of COCO captions, as far as they can be observed from outside.

The official program always takes the longest token that some rule allows, and the first of these rules where several
are as long; what a rule wants to see behind its token counts. Each rule here stands for tokens that were seen to stay
whole: they were found by sending it millions of short strings. The program's source was not looked at, nor any port
of it. Numbers of telephones, for one, are what 4,415 combinations of groups of digits, signs and brackets showed.

In a pattern with a group, the token ends where its last group ends, and the rest is what has to follow.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from mmbench.metrics.captions._characters import DIGITS, LETTERS, MARKS, SYMBOLS

Render = Callable[[str], str]

SPACES = " \t\xa0\u2000-\u200a\u3000"
"""What the program takes for white space, as the inside of a character class."""

_NAMED_LETTER = "&[aeiou](?:acute|grave|uml);"
"""Letters that HTML names; of those the program knows vowels with an accent."""
_SOFT_HYPHEN = "\xad"
_QUOTES = {
    **dict.fromkeys("\u2018\u201b\u2039\x91", "`"),
    **dict.fromkeys("\u2019\u203a\x92", "'"),
    **dict.fromkeys("\u201c\xab\x93", "``"),
    **dict.fromkeys("\u201d\xbb\x94", "''"),
    "`": "`",
}
_SIGNS = {
    '"': "''",
    "(": "-lrb-",
    ")": "-rrb-",
    "[": "-lsb-",
    "]": "-rsb-",
    "{": "-lcb-",
    "}": "-rcb-",
    **dict.fromkeys("\x80\xa4\u20a0\u20ac", "$"),
    "\xa3": "#",
    "\xa2": "cents",
    "\xbc": "1/4",
    "\xbd": "1/2",
    "\xbe": "3/4",
    "\u2153": "1/3",
    "\u2154": "2/3",
    "\u2026": "...",
    **dict.fromkeys("\x96\x97\u2013\u2014\u2015", "--"),
}
_ENTITIES = {
    "lt": "<",
    "gt": ">",
    "amp": "&",
    "quot": "''",
    "apos": "'",
    "nbsp": "",
    "mdash": "--",
    "ndash": "--",
    "md": "--",
}
_BRACKETS = str.maketrans({"(": "-lrb-", ")": "-rrb-"})
_FIXED_SPACES = str.maketrans(" ", "\xa0")

# Abbreviations whose period is theirs wherever they stand, those where a period followed by a letter or a sign is too,
# those that must begin with a capital, and those that need a number behind them.
TITLES = (
    "adj adm adv alex asst atty attys ave brig capt cf cie cmdr col comdr cpl det dr drs elec dept ens ft gen gov "
    "govs hon insp invt jos lieut lt maj mlle messrs mme mr mrs ms msgr mt natl pfc ph pres prof profs pvt rep reps rev "
    "sen sens sfc sgt spc st ste supt supts treas vs wm assoc"
)
OTHERS = (
    "al ala apr ariz assn aug bhd bldg blvd bros calif co colo conn corp cos ct dak dec ed.d esq est etc ext feb fla fri ga inc ind "
    "intl jan jr jul jun kan kans ky ltd mar md mich minn mo mon mont neb nev nov oct okla penn ph.d plc "
    "rd rt sep sept seq sq sr sys tel tenn thu thurs tue tues univ va vt wed wis wisc wyo"
)
CAPITALISED = "Ark Az Del Ill La Mass Miss Ore Pa Tex Wash"
LOWERED = "mfg mtg pte ptes ppte pptes pty ptys ppty pptys"
"""Abbreviations in which one letter must be a small one: f, t, e or y."""
_LOWERED_TITLES = "m(?-i:[ft])g"
_LOWERED_OTHERS = "p?pt(?-i:[ey])s?"
_SENTENCE_STARTERS = (
    "A About According Additionally After An As At But Earlier He Her Here However If In It Last Many More Mr. Ms. Now "
    "Once One Other Our She Since So Some Such That The Their Then There These They This We What When While Yet You"
)
"""Words that end a sentence before them, if all that stands there is a letter and a period."""
NUMBERED = "art ca fig figs no nos op pp prop"


@dataclass(frozen=True, slots=True)
class TokenRule:
    """One kind of token."""

    pattern: re.Pattern[str]
    """What it looks like."""
    render: Render
    """What the program writes for it."""


def _plain(token: str) -> str:
    return token.replace(_SOFT_HYPHEN, "")


def _same(token: str) -> str:
    return token


def _clitic(token: str) -> str:
    token = token.lower().replace("&apos;", "'")
    return "".join(_QUOTES.get(character, character) for character in _plain(token))


def _quoted(token: str) -> str:
    return "".join(_QUOTES.get(character, character) for character in token)


def _bracketed(token: str) -> str:
    return _plain(token).translate(_FIXED_SPACES).translate(_BRACKETS)


def _dashes(token: str) -> str:
    return "--" if 2 <= len(token) <= 4 else token


def _sign(token: str) -> str:
    return _SIGNS.get(token, token)


def _entity(token: str) -> str:
    return _ENTITIES[token[1:-1].lower()]


def _joined(token: str) -> str:
    return re.sub("&amp;", "&", _plain(token), flags=re.IGNORECASE)


def _any(words: str) -> str:
    return "|".join(sorted(words.split(), key=len, reverse=True)).replace(".", r"\.")


def _capitalised(words: str) -> str:
    return "|".join(f"(?-i:{word[0]}){word[1:]}" for word in words.split()).replace(".", r"\.")


def _tag() -> str:
    name = "[a-z][a-z0-9_:.-]*"
    attribute = rf" +{name}(?: *= *(?:\"[^\"\n]*\"|'[^'\n]*'))?"
    return rf"<{name}(?:{attribute})* */? *>|</{name} *>|<[!?][a-z-][^>\n]*>"


def _words() -> Iterator[tuple[str, Render]]:
    """Words, numbers, and what is made of them."""
    letter = rf"(?:[{LETTERS}]|{_NAMED_LETTER})"
    both = rf"(?:[{LETTERS}{DIGITS}]|{_NAMED_LETTER})"
    digit = rf"[{DIGITS}]"
    hyphen = "[-_\u058a\u2010\u2011]"
    word = rf"(?:[{LETTERS}{MARKS}{_SOFT_HYPHEN}]|{letter})(?:[{MARKS}{_SOFT_HYPHEN}]|{both})*"
    quote = "(?:['\u2019\x92]|&apos;)"
    quotes = "(?:['`\u2018\u2019\u201b\x91\x92]|&apos;)"
    prefix = rf"(?:[dlo]{quotes}(?=[{LETTERS}{DIGITS}]{{2}}))"
    ascii_both = "[a-z0-9]"
    acronym = r"[a-z](?:\.[a-z])+\."
    hyphened = rf"{ascii_both}[a-z0-9.,{_SOFT_HYPHEN}]*(?:-(?:{acronym}|[a-z0-9{_SOFT_HYPHEN}]+))+"
    part = rf"{prefix}?[{LETTERS}{DIGITS}]+"
    compound = rf"{part}(?:{hyphen}{part})*"
    dotted = rf"{word}(?:[.!?]{word})+"
    ampersand = "[A-Z]+(?:(?:&(?i:amp);|[&+])[A-Z]+)+"
    yield rf"(can)not(?!{both})|(gon|wan)na(?!{both})|(got)ta(?!{both})|(gim|lem)me(?!{both})", _plain
    yield rf"([a-z{_SOFT_HYPHEN}]*[a-mo-z])n{quotes}t", _plain
    yield rf"({dotted}|(?:[{MARKS}]|{both})+){quote}(?:ll|re|ve|[smd])", _plain
    yield word, _plain
    yield rf"{letter}+[aeiouy]{quotes}(?-i:[aeiouA-Z]){letter}*", _plain
    yield rf"(?-i:[A-HJ-XZdlno]){quotes}[{LETTERS}]{{2,}}", _plain
    yield compound, _plain
    yield hyphened, _plain
    yield rf"[+-]?(?:{digit}*(?:[.,:\u066b\u066c{_SOFT_HYPHEN}]{digit}+)+|{digit}+)", _plain
    yield dotted, _plain
    yield rf"((?:{word}|{compound}|{hyphened}|{dotted}|(?-i:{ampersand}))\.)[,;:\u3001]", _plain
    side = "[a-z0-9]+(?:-[a-z]+){0,2}"
    yield rf"{side}(?:\\?/{side}){{1,2}}", _plain
    yield rf"{digit}{{1,2}}[-/]{digit}{{1,2}}[-/]{digit}{{2,4}}", _plain
    yield rf"(?:{digit}{{1,4}}[- \xa0])?{digit}{{1,4}}(?:\\?/|\u2044){digit}{{1,4}}", _bracketed
    area = r"(?:\([0-9]{2,3}\)[ \xa0]?|\+{0,2}(?:[0-9]{2,4}[- \xa0])?[0-9]{2,4}[- \xa0])"
    yield rf"{area}[0-9]{{3,4}}[- \xa0]?[0-9]{{3,5}}", _bracketed
    yield rf"(?-i:{ampersand})", _joined


def _abbreviations() -> Iterator[tuple[str, Render]]:
    """What keeps its period."""
    yield rf"([a-z])\.[{SPACES}\n]+(?:{_capitalised(_SENTENCE_STARTERS)}|{_tag()})[{SPACES}\n]", _plain
    yield r"[a-z](?:\.[a-z])*\.", _plain
    yield rf"(?:{_any(TITLES)}|{_LOWERED_TITLES})\.", _plain
    yield (
        rf"((?:{_any(OTHERS)}|{_LOWERED_OTHERS}|{_capitalised(CAPITALISED)})\.)(?:[{LETTERS}{DIGITS}]|[^{LETTERS}{DIGITS}{SPACES}\n].)?",
        _plain,
    )
    yield rf"((?:{_any(NUMBERED)})\.)[{SPACES}\n]?[{DIGITS}]", _plain


def _apostrophes() -> Iterator[tuple[str, Render]]:
    """Clitics, and words that begin or end with an apostrophe."""
    quote = "['\u2019\x92]"
    quotes = "(?:['`\u2018\u2019\u201b\x91\x92]|&apos;)"
    yield rf"n{quotes}t", _clitic
    yield r"'(?:ll|re|ve|[smd])(?![a-z])|(?:[\u2019\x92]|&apos;)(?:ll|re|ve|[smd])", _clitic
    yield rf"(?:{quote}|&apos;)n(?:{quote}|&apos;)", _plain
    yield rf"'n(?=[{SPACES}\n])|(?:[\u2019\x92]|&apos;)n|(?:{quote}|&apos;)(?:till?|cause|em)", _plain
    yield "('t)(?:is|was)", _plain
    yield rf"(?:[dlj]|ol)(?:{quote}|&apos;)", _plain
    yield rf"(y(?:{quote}|&apos;))[{LETTERS}]", _plain
    yield rf"(?:{quote}|&apos;)[0-9]0s", _plain
    yield rf"(?:{quote}|&apos;)[0-9][0-9](?=[{SPACES}\n])", _plain
    yield "c'mon|c'est|cap'n|dunkin'|e'er|ev'ry|li'l|nat'l|s'mores", _plain
    yield "o['`\u2018\u2019\u201b\x91\x92]o", _plain


def _addresses() -> Iterator[tuple[str, Render]]:
    """Addresses, names of files, what social media write, and mark-up."""
    path = r"(?:/[^ \t\n\"`<>|()]+[^ \t\n\"`<>|.!?(){},-])?"
    yield r"https?://[^ \t\n\"<>|(){}]+[^ \t\n\"<>|.!?(){},-]", _same
    yield rf"www\.(?:[^ \t\n\"`<>|.!?(){{}},]+\.)+[a-z]{{2,4}}{path}", _plain
    yield rf"www\.(?:[^ \t\n\"`<>|.!?(){{}},/]+\.)+[a-z]{{2,4}}{path}", _plain
    unusual = r"[^ \t\n!\"$'(),\-./0-9:;<=>?@A-Z\[\\\]^_`{|}]"
    yield rf"(?:(?-i:{unusual})+\.)+(?:com|net|org|edu){path}", _plain
    local = r"(?:&lt;|<)?[a-z0-9][^ \t\n\xa0\"<>|(){}]*"
    yield rf"{local}@(?:[^ \t\n\xa0\"<>|(){{}}.]+\.)*[^ \t\n\xa0\"<>|(){{}}.]+(?:&gt;|>)?", _same
    endings = (
        "bat|bmp|c|cgi|class|cpp|dll|docx?|exe|gif|gz|h|html?|jar|java|jpe?g|mov|mp3|pdf|php|pl|png|ppt|ps|py|sql|tar|txt|"
        "wav|x|xml|zip"
    )
    stem = f"[{LETTERS}{DIGITS}{MARKS}{_SOFT_HYPHEN}]+"
    yield rf"{stem}(?:\.{stem})*\.(?:{endings})(?=[{SPACES}\n.,!?])", _same
    yield "@[a-z_][a-z_0-9]*|@+", _plain
    yield rf"#(?:[{LETTERS}{MARKS}{_SOFT_HYPHEN}]|{_NAMED_LETTER})+|#+|[cf]\#|c\+\+", _plain
    yield r"(?-i:[A-Z]+)\$", _plain
    yield _tag(), _bracketed


def _signs() -> Iterator[tuple[str, Render]]:
    """Emoticons, punctuation and single signs."""
    yield r"[<>]?[:;=](?-i:[-o*'])?(?-i:[()dpDPO\\{@|\[\]])(?![a-z0-9])", _bracketed
    yield r"(?-i:[\^x=~<>'-]_[\^x=~<>'-])", _plain
    yield r"(?-i:\([\^x=~<>'-]{2}\))", _bracketed
    yield "&(?:lt|gt|amp|quot|apos|nbsp|[mn]dash|(?-i:MD));", _entity
    yield "&#[0-9]+;", _plain
    yield "[`\u2018-\u201f\u2039\u203a\xab\xbb\x91-\x94]{1,2}", _quoted
    yield "[!?]+", _plain
    yield "-+", _dashes
    yield "_+", _plain
    yield r"(?:\\\*){1,3}|\*+", _plain
    yield "[\xb2\xb3\xb9\u2070\u2074-\u2079]+|[\u2080-\u2089]+", _plain
    yield r"\.{3,5}|\.(?:[ \xa0]\.){2,4}", lambda _: "..."
    yield "''|<<|>>|-[lr][crs]b-", _plain
    yield f"[!-/:-@\\[-`{{-~\u3001\uffe6{SYMBOLS}{re.escape(''.join(_SIGNS))}]", _sign
    yield _SOFT_HYPHEN, lambda _: "-"


@cache
def rules() -> tuple[TokenRule, ...]:
    """All rules, in the order in which they win where their tokens are as long."""
    found = (*_abbreviations(), *_addresses(), *_words(), *_apostrophes(), *_signs())
    return tuple(TokenRule(re.compile(pattern, re.IGNORECASE | re.ASCII), render) for pattern, render in found)
