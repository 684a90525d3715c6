"""What a database keeps of a title, so that a search finds all similar ones and few others. Pure.

Two titles are similar when the words they share weigh at least seven tenths of all words of both. So they
share at least seven tenths of the weight of each, and the search rests on what follows from that.

Let the words of a title stand in one order that is the same for all titles. Of the words that two similar
titles share, take the first two. Both stand in the title's *prefix*: the shortest beginning behind which so
little weight is left that, with any single word of the beginning, it is less than seven tenths. For had the
second one stood behind the prefix, all they share would be one word of it and what is left behind: too
little. This holds for both titles, so they share a pair of words of their prefixes, or, where they share one
word only, a word that weighs seven tenths of each alone. These pairs and words are the *keys*.

(Prefix filtering: Chaudhuri, Ganti, Kaushik 2006; more than one common word: Wang, Li, Feng 2012, with
weights here. Any order is exact; the rarest words first gives the fewest others to look at.)
"""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from dealbrain import matching
from dealbrain.matching import THRESHOLD_TENTHS

type Weights = Mapping[str, int]


@dataclass(frozen=True)
class Posting:
    """A title as the database keeps it."""

    weight: int
    """Of all words."""
    grams: list[int]
    """Every word as often as it weighs, as numbers of 32 bits: common numbers are common weight."""
    keys: list[int]
    """Two similar titles have one of these in common."""

    @property
    def lost(self) -> int:
        """Weight of words whose numbers coincide: hardly ever any; counted as common, to be exact."""
        return self.weight - len(self.grams)


def of(title: str) -> Posting:
    """Work out what is kept of a title."""
    return posting({word: matching.weight(word) for word in matching.tokens(title)})


def posting(weights: Weights) -> Posting:
    """Work out what is kept of a title, given the weight of each of its words."""
    grams = {_number(f"{word} {part}") for word, weight in weights.items() for part in range(weight)}
    keys = {_number(" ".join(key)) for key in _keys(weights)}
    return Posting(sum(weights.values()), sorted(grams), sorted(keys))


def weight_bounds(weight: int) -> tuple[int, int]:
    """How little and how much a title may weigh to be similar to one that weighs so much, both inclusive."""
    return needed(weight), weight * 10 // THRESHOLD_TENTHS


def needed(weight: int) -> int:
    """What a title that weighs so much shares at least with any that is similar."""
    return -(-THRESHOLD_TENTHS * weight // 10)


def _keys(weights: Weights) -> Iterator[tuple[str, ...]]:
    enough = needed(sum(weights.values()))
    yield from combinations(_prefix(weights), 2)
    yield from ((word,) for word, weight in weights.items() if weight >= enough)


def _prefix(weights: Weights) -> list[str]:
    """The words of the prefix in their order: the heaviest, which are the rarest, first."""
    ordered = sorted(weights, key=lambda word: (-weights[word], word))
    left = sum(weights.values())
    enough = needed(left)
    for place, word in enumerate(ordered, start=1):
        left -= weights[word]
        # The heaviest word of a beginning is its first.
        if weights[ordered[0]] + left < enough:
            return ordered[:place]
    return ordered


def _number(text: str) -> int:
    """Spell a text as Postgres' integer; where two coincide, a search looks at one title more."""
    return zlib.crc32(text.encode()) - 2**31
