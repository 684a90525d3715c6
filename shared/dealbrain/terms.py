"""What public collections are found by: the terms of one inverted index, and what a search asks of it.

Pure. A collection's terms are short pieces of what it says (three letters inside a word, one or two where
a word begins), its owner, and what its listings are (pieces of their processors' names, steps of their
prices). A search turns into terms in the same way: the index answers every collection that has all of
them, which leaves some too many, and a plain look at the text, the processors and the prices decides.
"""

import math
import unicodedata
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise

from dealbrain import facts

# From this length on a word is looked for inside words, below it only where words begin.
INSIDE_WORDS_FROM = 3
# Prices up to a fifth apart share a step: fine enough to narrow a search, coarse enough for few terms.
_PRICE_STEP = math.log(1.2)
_CPU_PIECE = 2


def folded(text: str) -> str:
    """Spell a text as it is compared: compatibility forms and cases are one (Unicode NFKC, case folding)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def searchable(*parts: str | None) -> str:
    """Put texts into the form that ``pattern`` is looked for in.

    The parts, folded, a line each, and below them two letters of every place where a word begins, again a
    line each: what a line begins with is what a word begins with.
    """
    lines = [folded(part) for part in parts if part]
    return "\n".join(["", *lines, *sorted({start for line in lines for start in _starts(line)})])


def text_terms(*parts: str | None) -> set[str]:
    """Every term that a word typed can turn into, if these texts contain it."""
    terms = set()
    for line in (folded(part) for part in parts if part):
        terms |= {piece for word in line.split() for piece in _pieces(word, INSIDE_WORDS_FROM)}
        terms |= {f" {start[:length]}" for start in _starts(line) for length in (1, 2)}
    return terms


def typed(q: str) -> list[str]:
    """Split what a person typed into the words that all must be found."""
    return folded(q).split()


def word_terms(word: str) -> set[str]:
    """The terms of a word typed."""
    return set(_pieces(word, INSIDE_WORDS_FROM)) if len(word) >= INSIDE_WORDS_FROM else {f" {word}"}


def pattern(word: str) -> str:
    """What ``searchable`` texts with this word contain."""
    return word if len(word) >= INSIDE_WORDS_FROM else f"\n{word}"


def owner_term(username: str) -> str:
    """The term of everything a person owns."""
    return f"owner {username}"


def cpu_terms(name: str) -> set[str]:
    """The terms of a processor's name, or of a piece of one that somebody asks for."""
    name = name.lower()
    return {f"cpu {piece}" for length in (1, _CPU_PIECE) for piece in _pieces(name, length)}


def price_term(price: Decimal) -> str:
    """The term of a price in US dollars."""
    return f"price {_step(price)}"


def price_terms(lowest: Decimal | None, highest: Decimal | None) -> set[str]:
    """The terms of all prices between two, both included; None is no bound."""
    first = 0 if lowest is None else _step(lowest)
    last = _DEAREST if highest is None else _step(highest)
    return {f"price {step}" for step in range(first, last + 1)}


def _step(price: Decimal) -> int:
    return int(math.log(price) / _PRICE_STEP) if price > 1 else 0


_DEAREST = _step(Decimal(facts.MONEY_MOST))


def _starts(line: str) -> Iterator[str]:
    """Two letters of every place where a word begins, which is behind anything but a letter or digit."""
    for before, (at, letter) in pairwise([(-1, " "), *enumerate(line)]):
        if not before[1].isalnum() and not letter.isspace():
            yield line[at : at + 2].rstrip()


def _pieces(text: str, length: int) -> Iterator[str]:
    return (text[at : at + length] for at in range(len(text) - length + 1))
