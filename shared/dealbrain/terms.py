"""What public collections are found by: the terms of one inverted index, and what a search asks of it.

Pure. A collection's terms are short pieces of what it says (three letters inside a word, one or two where
a word begins), its owner, and what its listings are (pieces of their processors' names, first digits of
their prices). A search turns into terms in the same way, and the index answers every collection that has
them: exactly those wanted, but for words and processors of more than three letters, whose pieces may stand
apart; there a plain look at the text decides.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import pairwise

from dealbrain import facts

# From this length on a word is looked for inside words, below it only where words begin.
INSIDE_WORDS_FROM = 3
# The longest pieces there are, in letters.
PIECE = 3
_CENT = Decimal("0.01")
_DEAREST = int(Decimal(str(facts.MONEY_MOST)) / _CENT)
_DIGITS = len(str(_DEAREST))


@dataclass(frozen=True)
class Sought:
    """What is looked for; None narrows nothing.

    All words of ``q`` must be found: inside words from three letters on, where words begin below that.
    ``cpu`` is any part of a processor's name. Prices are US dollars, bounds included.
    """

    q: str | None = None
    owner: str | None = None
    cpu: str | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None

    @property
    def words(self) -> list[str]:
        """The words typed, all of which must be found."""
        return typed(self.q or "")

    @property
    def priced(self) -> bool:
        """Whether prices are bounded."""
        return self.min_price is not None or self.max_price is not None

    @property
    def is_contradiction(self) -> bool:
        """Whether no price can be right."""
        return self.min_price is not None and self.max_price is not None and self.min_price > self.max_price


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
        terms |= {piece for word in line.split() for piece in _pieces(word, PIECE)}
        terms |= {f" {start[:length]}" for start in _starts(line) for length in (1, 2)}
    return terms


def typed(q: str) -> list[str]:
    """Split what a person typed into the words that all must be found."""
    return folded(q).split()


def word_terms(word: str) -> set[str]:
    """The terms of a word typed."""
    return set(_cover(word)) if len(word) >= INSIDE_WORDS_FROM else {f" {word}"}


def pattern(word: str) -> str:
    """What ``searchable`` texts with this word contain."""
    return word if len(word) >= INSIDE_WORDS_FROM else f"\n{word}"


def owner_term(username: str) -> str:
    """The term of everything a person owns."""
    return f"owner {username}"


def lowered(name: str) -> str:
    """Spell a processor's name as it is compared: A to Z in lower case, as SQL's ``lower`` under "C" does."""
    return name.encode().lower().decode()


def cpu_terms(name: str) -> set[str]:
    """The terms of a processor's name."""
    name = lowered(name)
    return {f"c{piece}" for length in range(1, PIECE + 1) for piece in _pieces(name, length)}


def asked_cpu_terms(cpu: str) -> set[str]:
    """The terms of what somebody asks a processor's name to contain, which is not empty."""
    return {f"c{piece}" for piece in _cover(lowered(cpu))}


def price_terms(price: Decimal) -> set[str]:
    """The terms of a price in US dollars: its cents in nine digits, and all that these begin with."""
    cents = f"{int(price / _CENT):0{_DIGITS}}"
    return {f"${cents[:length]}" for length in range(1, _DIGITS + 1)}


def asked_price_terms(lowest: Decimal | None, highest: Decimal | None) -> set[str]:
    """The fewest terms that every price between two has, both included, and no other; None is no bound."""
    first = 0 if lowest is None else _cents(lowest, ROUND_CEILING)
    last = _DEAREST if highest is None else _cents(highest, ROUND_FLOOR)
    terms = set()
    for length in range(_DIGITS, 0, -1):
        # What does not make a whole ten with its neighbours is named; the tens lose their last digit.
        tens_from, tens_to = (-(-first // 10), (last + 1) // 10) if length > 1 else (last + 1, last + 1)
        terms |= {f"${number:0{length}}" for number in range(first, min(tens_from * 10, last + 1))}
        terms |= {f"${number:0{length}}" for number in range(max(tens_to * 10, first), last + 1)}
        first, last = tens_from, tens_to - 1
        if first > last:
            break
    return terms


def _cents(price: Decimal, rounding: str) -> int:
    return min(int((price / _CENT).to_integral_value(rounding)), _DEAREST + 1)


def _starts(line: str) -> Iterator[str]:
    """Two letters of every place where a word begins, which is behind anything but a letter or digit."""
    for before, (at, letter) in pairwise([(-1, " "), *enumerate(line)]):
        if not before[1].isalnum() and not letter.isspace():
            yield line[at : at + 2].rstrip()


def _cover(text: str) -> Iterator[str]:
    """Pieces that stand side by side; those across them stand in much the same texts and would only cost."""
    last = max(len(text) - PIECE, 0)
    return (text[at : at + PIECE] for at in {*range(0, last, PIECE), last})


def _pieces(text: str, length: int) -> Iterator[str]:
    return (text[at : at + length] for at in range(len(text) - length + 1))
