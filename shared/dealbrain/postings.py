"""What a database keeps of a title, so that a search finds all similar ones and few others. Pure.

Two titles are similar when the words they share weigh at least seven tenths of all words of both. So they
share at least seven tenths of the weight of each, and the search rests on what follows from that.

Let the words of a title stand in one order that is the same for all titles. Of the words that two similar
titles share, take the first two: together with all that stands behind the second they weigh enough in each
of the titles, for before the second one they share nothing but the first. Such a pair is a *key* of a title,
and this weight is its *reach*: no title that shares this pair first shares more. Where two titles share one
word only, it weighs enough by itself, and is a key alone. So two similar titles have a key in common whose
reach, in both, is enough for the two; a search looks at no others.

A search for the nearly equal asks the same with a higher share than seven tenths: it has fewer keys, all of
which are among those that are kept.

(Prefix filtering: Chaudhuri, Ganti, Kaushik 2006; what a position still allows: Xiao, Wang, Lin, Yu 2008;
more than one common word: Wang, Li, Feng 2012; with weights here. Any order is exact; the rarest words first
gives the fewest others to look at.)
"""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

from dealbrain import matching, titles
from dealbrain.matching import THRESHOLD_TENTHS

type Weights = Mapping[str, int]

# Weights have so many binary digits.
DIGITS = titles.HEAVIEST.bit_length()


@dataclass(frozen=True)
class Posting:
    """A title as the database keeps it."""

    weight: int
    """Of all words."""
    words: list[int]
    """As numbers of 32 bits, in their order."""
    lost: int
    """Weight of words whose numbers coincide: hardly ever any; counted as common, to be exact."""
    keys: dict[int, int]
    """The number of each key, and its reach. Two similar titles have one in common."""


def of(title: str, tenths: int = THRESHOLD_TENTHS) -> Posting:
    """Work out what is kept of a title, or sought of it where so many tenths are to be shared."""
    return posting(_weights(title), tenths)


def posting(weights: Weights, tenths: int = THRESHOLD_TENTHS) -> Posting:
    """The same, given the weight of each word."""
    numbers = {_number(word): weight for word, weight in weights.items()}
    weight = sum(weights.values())
    keys: dict[int, int] = {}
    for words, reach in _keys(weights, needed(weight, tenths)):
        number = _number(" ".join(words))
        keys[number] = max(reach, keys.get(number, 0))
    return Posting(weight, sorted(numbers), weight - sum(numbers.values()), keys)


def digits(title: str) -> list[list[int]]:
    """Split the words by the binary digits of their weights: the n-th list has those with the n-th digit.

    What two titles share weighs, over all n, two to the power of n for each word that the one's n-th list
    and the other's words have in common.
    """
    numbers = {_number(word): weight for word, weight in _weights(title).items()}
    return [
        sorted(word for word, weight in numbers.items() if weight >> digit & 1) for digit in range(DIGITS)
    ]


def weight_bounds(weight: int, tenths: int = THRESHOLD_TENTHS) -> tuple[int, int]:
    """How little and how much a title may weigh to be similar to one that weighs so much, both inclusive."""
    return needed(weight, tenths), weight * 10 // tenths


def needed(weight: int, tenths: int = THRESHOLD_TENTHS) -> int:
    """What a title that weighs so much shares at least with any that is similar."""
    return -(-tenths * weight // 10)


def _weights(title: str) -> dict[str, int]:
    return {word: matching.weight(word) for word in matching.tokens(title)}


def _keys(weights: Weights, enough: int) -> Iterator[tuple[tuple[str, ...], int]]:
    """Pairs of words, and words, that similar titles may share first, with the most they then share."""
    # The heaviest are the rarest.
    ordered = sorted(weights, key=lambda word: (-weights[word], word))
    from_here = list(accumulate(weights[word] for word in reversed(ordered)))[::-1]
    for place, first in enumerate(ordered):
        if weights[first] >= enough:
            yield (first,), weights[first]
        for behind in range(place + 1, len(ordered)):
            reach = weights[first] + from_here[behind]
            if reach < enough:
                break
            yield (first, ordered[behind]), reach


def _number(text: str) -> int:
    """Spell a text as Postgres' integer; where two coincide, a search looks at one title more."""
    return zlib.crc32(text.encode()) - 2**31
