"""The pre-processing of the official caption metrics, without Java: tokens, lower case, punctuation dropped.

Written from observed behaviour alone: strings went through the official program, and what came back is reproduced.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

from mmbench.metrics.captions._rules import CAPITALISED, LOWERED, NUMBERED, OTHERS, TITLES, rules

_DROPPED = frozenset(("''", "'", "``", "`", *".?!,:-;", "--", "..."))
"""The official list, as far as it has an effect: the brackets in it are upper case (``-LRB-``) while every token is lower case by
then, so that they survive as ``-lrb-``."""
_BREAKS = re.compile("[\n\r\x0b\x0c\x85\u2028\u2029]")
"""What ends a line for one program or another; here it is a space, so that no caption moves another."""
_ALONE = re.compile(r"""[A-Za-z\-'",!?;:()&]+\.?""")
"""Characters of a piece between spaces whose tokens depend on nothing around it …"""
_JOINED = re.compile(r"(?:art|ca|figs?|nos?|op|pp|prop)\.$", re.IGNORECASE)
_LETTER = re.compile(r"[a-z]\.")
"""… unless it ends in what a number may follow, or its last token is a letter and a period."""
_WORD = re.compile(r"([A-Za-z]+),?|([A-Za-z]{2,})\.")
"""A word, maybe before a comma or a period, is a token by itself …"""
_ENDS = re.compile("([!?])")
"""What ends a word for the rule of the final sigma, within one token too."""
_SPLIT = frozenset({"cannot", "gimme", "gonna", "gotta", "lemme", "wanna"})
"""… unless it is one of these …"""
_SHORTENED = frozenset(f"{TITLES} {OTHERS} {LOWERED} {CAPITALISED} {NUMBERED}".lower().split())
"""… or one of these with its period."""
_SEEN_BEHIND = 40
"""Characters of the following captions that may matter to the end of one: a word that begins a sentence, and a space."""
_MOST_PIECES = 2**18
"""Pieces that are remembered."""


class _Pieces(dict[str, str | None]):
    """Piece between spaces → its tokens joined by spaces; None for one that must be read with what stands around it."""

    def __missing__(self, piece: str) -> str | None:
        found: str | None = None
        word = _WORD.fullmatch(piece)
        if not piece:
            found = ""
        elif (
            word is not None
            and (token := (word[1] or word[2]).lower()) not in _SPLIT
            and (word[1] or token not in _SHORTENED)
        ):
            found = token
        elif _ALONE.fullmatch(piece) and not _JOINED.search(piece):
            tokens = _tokens(f"{piece} ", 0, len(piece))[0]
            if not (tokens and _LETTER.fullmatch(tokens[-1])):
                found = " ".join(tokens)
        if len(self) >= _MOST_PIECES:
            self.clear()
        self[piece] = found
        return found


@cache
def _pieces() -> _Pieces:
    return _Pieces()


def ptb_tokenize(text: str) -> list[str]:
    """Split a caption as the official metrics see it: Penn Treebank style, lower case, punctuation dropped.

    Brackets stay as ``-lrb-`` and ``-rrb-``; line breaks of any kind count as spaces; emoji, control characters and what
    else the official program drops are dropped. A token may hold U+00A0 in the place of a space ("25 1/2").

    Args:
        text: The caption.

    Returns:
        Its tokens. Source: the behaviour of the tokenizer in coco-caption (``PTBTokenizer -preserveLines -lowerCase`` of 2014) and
        its list of punctuation.

    Example:
        >>> ptb_tokenize("A man's dog (brown) can't wait, at 5 p.m.!")
        ['a', 'man', "'s", 'dog', '-lrb-', 'brown', '-rrb-', 'ca', "n't", 'wait', 'at', '5', 'p.m.']
    """
    line = tokenize_captions([text])[0]
    return line.split(" ") if line else []


def tokenize_captions(texts: Sequence[str]) -> list[str]:
    """Tokenise many captions as `ptb_tokenize` does.

    The captions are read as the official program reads them, one a line. A letter and a period at the end of one ("a sign with
    a P.") are one token, or two where the next caption begins like a sentence ("A man"), and "No." keeps its period before one
    that begins with a number: its own quirks, kept so that numbers are equal.

    Args:
        texts: The captions.

    Returns:
        For each, its tokens joined by one space; an empty text where there are none.

    Example:
        >>> tokenize_captions(["A cat.", "...", "Two dogs, one ball"])
        ['a cat', '', 'two dogs one ball']
    """
    known = _pieces().__getitem__
    lines = [text if text.isascii() and text.isprintable() else _BREAKS.sub(" ", text) for text in texts]
    found: list[str] = []
    for number, line in enumerate(lines):
        pieces = line.split(" ")
        tokens = list(map(known, pieces))
        if None in tokens:
            behind = "\n".join(lines[number + 1 : number + 4])[:_SEEN_BEHIND]
            tokens = list(_mixed(f"{line}\n{behind}\n", pieces, tokens))
        found.append(" ".join([token for token in tokens if token]))
    return found


def _cased(text: str) -> bool:
    return any(
        character.isupper() or character.islower() or character.istitle()
        for character in text
        if character not in "\xaa\xba"
    )


def _lowered(token: str) -> str:
    """Lower case; a capital sigma is final where letters with case stand before it and none behind it, between ``!`` and ``?``."""
    if "\u03a3" not in token:
        return token.lower()
    if parts := _ENDS.split(token)[1:]:
        first = token[: len(token) - sum(map(len, parts))]
        return "".join(map(_lowered, (first, *parts)))
    head, _, tail = token.rpartition("\u03a3")
    small = "\u03c2" if _cased(head) and not _cased(tail) else "\u03c3"
    return head.replace("\u03a3", "\u03c3").lower() + small + tail.lower()


def _mixed(text: str, pieces: Sequence[str], found: Sequence[str | None]) -> Iterator[str]:
    """The tokens of a caption of which some pieces must be read with what stands around them."""
    start = read = 0
    for piece, known in zip(pieces, found, strict=True):
        end = start + len(piece)
        apart = known is not None and not (text.startswith(" .", end) and piece.endswith("."))  # ". . ." is one token
        if apart and read <= start:
            if known:
                yield known
        elif read < end:
            tokens, read = _tokens(text, max(start, read), end)
            yield from tokens
        start = end + 1


def _tokens(text: str, at: int, end: int) -> tuple[list[str], int]:
    """Tokens from a place on until `end` is reached, and where the last one ends."""
    found: list[str] = []
    every = rules()
    while at < end:
        longest, stop, render = 0, at, None
        for rule in every:
            match = rule.pattern.match(text, at)
            if match is not None and match.end() > longest:
                longest = match.end()
                stop = match.end(match.lastindex) if match.lastindex else longest
                render = rule.render
        if render is None:
            at += 1
            continue
        token = _lowered(render(text[at:stop]))
        if token and token not in _DROPPED:
            found.append(token)
        at = stop
    return found, at
