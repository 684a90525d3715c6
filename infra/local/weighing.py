"""``python -m infra.local.weighing``: learn anew what words weigh, and write the table ``titles`` reads.

The weights are those under which the labelled pairs of titles, and real offers beside slightly changed
copies of themselves, fall on the right side of ``matching``'s threshold: a word weighs what its kind does
times a factor of its own if it stands in several titles. Logistic loss over the weighted Jaccard
similarity, minimised by Adam (Kingma, Ba 2015). The same data give the same table.
"""

import csv
import math
import random
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dealbrain import matching, titles
from infra.local import marketplace

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
TABLE = ROOT / "shared" / "dealbrain" / titles.WEIGHTS

HEADING = "# What words weigh; made by infra/local/weighing.py."
KINDS = ("measure", "code", "mixed", "number", "small", "word")
# Sizes are the veto's business: weighing little, another size leaves a title similar, and so a variant.
MEASURE = -1.5
# Rarer words tell too little to get a weight of their own.
TITLES_LEAST = 3
# Letters and spelled numbers mean nothing alone; learned from a few titles, they would only differ.
_MEANINGLESS = {"one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"}
# How far a word may be from its kind: by a factor of 20.
FARTHEST = 3.0
# What stands in one offer of a hundred tells no two of them apart, and weighs no more than its kind.
ORDINARY = 0.01
# Similarity that the examples are pressed to be above or below; higher than the threshold for recall.
AIM = 0.92
STEEPNESS = 14.0
KEEP_TO_KIND = 0.00003
SAME_COUNTS = 1.5
OFFER_COUNTS = 0.25
# How many others of its maker an offer is put beside.
OTHERS = 40
STEPS = 300
# Weights as whole numbers: one is twice what a measure weighs, and what weighs less is rounded up.
ONE = 2.0

_SELLING = (
    *("laptop", "notebook", "computer", "refurbished", "used", "tested", "touchscreen", "webcam", "charger"),
    *("warranty", "business", "fast", "free", "shipping", "good", "condition", "grade", "windows", "fhd"),
)
_DISKS = ("120GB", "128GB", "240GB", "256GB", "480GB", "500GB", "512GB", "1TB", "2TB")
_MEMORIES = ("4GB", "8GB", "16GB", "32GB")
_SIZE = re.compile(r"\b\d+[GT]B\b")
_CPU = re.compile(r"Core i[3579](?:-\w+| \d+\w* [Gg]en\S*)?")
_CPUS = ("Core i5-8250U", "Core i5-8350U", "Core i7-8650U", "Core i5-6300U", "Core i7-7600U", "Core i3-7100U")


@dataclass(frozen=True)
class Example:
    """Two titles as words, whether they are to be similar, and how much that counts."""

    a: frozenset[str]
    b: frozenset[str]
    similar: bool
    counts: float


def labelled() -> list[tuple[str, str, bool]]:
    """The labelled pairs: two titles of products, and whether they are one."""
    with (DATA / "product-title-pairs.csv").open(encoding="utf-8-sig", newline="") as file:
        return [(row["title_a"], row["title_b"], row["same_product"] == "1") for row in csv.DictReader(file)]


def of_pairs(pairs: Iterable[tuple[str, str, bool]]) -> Iterator[Example]:
    """Examples of labelled pairs; what the veto parts is no matter of weights."""
    for a, b, same in pairs:
        if not matching.variant_reason(a, b):
            yield _example(a, b, similar=same, counts=SAME_COUNTS if same else 1)


def of_offers() -> Iterator[Example]:
    """Examples of real offers: each beside itself described or fitted otherwise, and beside others."""
    chance = random.Random(2026)  # noqa: S311 - examples, no secrets
    spelled = sorted({title for title in _offer_titles() if len(matching.tokens(title)) >= 2})
    for title in spelled:
        changed = chance.choice((_described, _described, _other_size, _other_cpu))(title, chance)
        yield _example(title, changed, similar=True, counts=OFFER_COUNTS * SAME_COUNTS)
    makers = defaultdict(list)
    for title in spelled:
        makers[titles.words(title)[0]].append(title)
    for title in spelled:
        alike = makers[titles.words(title)[0]]
        for other in chance.sample(alike, min(OTHERS, len(alike))) + chance.sample(spelled, OTHERS // 4):
            shared = matching.tokens(title) & matching.tokens(other)
            known = matching.model_words(title) & matching.model_words(other)
            if shared and not known and not matching.variant_reason(title, other):
                yield _example(title, other, similar=False, counts=OFFER_COUNTS)


def _offer_titles() -> Iterator[str]:
    with (DATA / "ebay-laptop-listings.csv").open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            try:
                yield marketplace.read(row).body["title"]
            except marketplace.UnreadableError:
                continue


def _described(title: str, chance: random.Random) -> str:
    words = title.split()
    plain = [index for index, word in enumerate(words) if word.isalpha()]
    if plain:
        words.pop(chance.choice(plain))
    return " ".join(words + chance.sample(_SELLING, 2))


def _other_size(title: str, chance: random.Random) -> str:
    def another(size: re.Match[str]) -> str:
        return chance.choice(_MEMORIES if size[0] in _MEMORIES else _DISKS)

    return _SIZE.sub(another, title, count=1)


def _other_cpu(title: str, chance: random.Random) -> str:
    return _CPU.sub(chance.choice(_CPUS), title, count=1)


def _example(a: str, b: str, *, similar: bool, counts: float) -> Example:
    return Example(matching.tokens(a), matching.tokens(b), similar, counts)


# --------------------------------------------------------------------------------------------- learning


def learn(examples: Sequence[Example]) -> dict[str, float]:
    """What words weigh so that the examples fall on their sides; kinds as "*kind", for all other words."""
    own = _with_weights_of_their_own(examples)
    places = {name: place for place, name in enumerate([*(f"*{kind}" for kind in KINDS), *own])}
    drawn = [_Drawn.of(example, places) for example in examples]
    ordinary = {places[word] for word in _ordinary() if word in places}
    logs, descent = [MEASURE] + [0.0] * (len(places) - 1), _Adam(len(places))
    kind_of = [*range(len(KINDS)), *(KINDS.index(titles.kind(word)) for word in own)]
    for step in range(1, STEPS + 1):
        weights = _weights(logs, kind_of)
        slopes = [0.0] * len(places)
        for one in drawn:
            one.press(weights, slopes)
        descent.step(logs, _slopes_of_logs(slopes, weights, logs, kind_of, len(examples)), step)
        logs[0] = MEASURE
        for place in range(len(KINDS), len(places)):
            logs[place] = max(-FARTHEST, min(0 if place in ordinary else FARTHEST, logs[place]))
    return dict(zip(places, _weights(logs, kind_of), strict=True))


def _ordinary() -> list[str]:
    spelled = set(_offer_titles())
    told = Counter(word for title in spelled for word in matching.tokens(title))
    return [word for word, count in told.items() if count >= ORDINARY * len(spelled)]


def _with_weights_of_their_own(examples: Iterable[Example]) -> list[str]:
    different = {words for example in examples for words in (example.a, example.b)}
    told = Counter(word for words in different for word in words)
    return sorted(word for word, count in told.items() if count >= TITLES_LEAST and _learns(word))


def _learns(word: str) -> bool:
    return titles.kind(word) != "measure" and len(word) > 1 and word not in _MEANINGLESS


def _weights(logs: Sequence[float], kind_of: Sequence[int]) -> list[float]:
    # A word's weight is its kind's times its own factor; the kinds stand first.
    return [
        math.exp(logs[kind] + (logs[place] if place >= len(KINDS) else 0))
        for place, kind in enumerate(kind_of)
    ]


def _slopes_of_logs(
    slopes: Sequence[float],
    weights: Sequence[float],
    logs: Sequence[float],
    kind_of: Sequence[int],
    examples: int,
) -> list[float]:
    changes = [slope * weight for slope, weight in zip(slopes, weights, strict=True)]
    found = [0.0] * len(KINDS) + [
        change + KEEP_TO_KIND * examples * log
        for change, log in zip(changes[len(KINDS) :], logs[len(KINDS) :], strict=True)
    ]
    for kind, change in zip(kind_of, changes, strict=True):
        found[kind] += change
    return found


@dataclass(frozen=True)
class _Drawn:
    """An example as places of weights: those of the words both titles have, and those of one only."""

    shared: list[int]
    single: list[int]
    similar: bool
    counts: float

    @classmethod
    def of(cls, example: Example, places: Mapping[str, int]) -> "_Drawn":
        def found(words: Iterable[str]) -> list[int]:
            return sorted(places.get(word, KINDS.index(titles.kind(word))) for word in words)

        return cls(
            found(example.a & example.b), found(example.a ^ example.b), example.similar, example.counts
        )

    def press(self, weights: Sequence[float], slopes: list[float]) -> None:
        """Add the loss's slopes by the weights of this example."""
        shared = sum([weights[place] for place in self.shared])
        union = shared + sum([weights[place] for place in self.single])
        similarity = shared / union
        believed = 1 / (1 + math.exp(-STEEPNESS * (similarity - AIM)))
        slope = self.counts * STEEPNESS * (believed - self.similar) / union
        for place in self.shared:
            slopes[place] += slope * (1 - similarity)
        for place in self.single:
            slopes[place] -= slope * similarity


class _Adam:
    """Steps downhill, each coordinate at a pace of its own."""

    def __init__(self, size: int) -> None:
        self._mean, self._square = [0.0] * size, [0.0] * size

    def step(self, at: list[float], slopes: Sequence[float], count: int) -> None:
        """Move one step; the pace falls to a tenth by the last."""
        pace = 0.05 * (1 - 0.9 * count / STEPS)
        for place, slope in enumerate(slopes):
            mean = self._mean[place] = 0.9 * self._mean[place] + 0.1 * slope
            square = self._square[place] = 0.99 * self._square[place] + 0.01 * slope * slope
            at[place] -= pace * mean / (1 - 0.9**count) / (math.sqrt(square / (1 - 0.99**count)) + 1e-8)


# --------------------------------------------------------------------------------------------- the table


def in_whole_numbers(weights: Mapping[str, float]) -> dict[str, int]:
    """Weights as the table has them, 1 to 100; a word that weighs what its kind does is left out."""
    one = ONE * weights["*measure"]
    whole = {word: min(titles.HEAVIEST, max(1, round(weighs / one))) for word, weighs in weights.items()}
    return {
        word: weighs
        for word, weighs in whole.items()
        if word.startswith("*") or weighs != whole[f"*{titles.kind(word)}"]
    }


def main() -> int:
    """Learn, write the table, and say how large it is."""
    table = in_whole_numbers(learn([*of_pairs(labelled()), *of_offers()]))
    lines = [HEADING, *(f"{word} {weighs}" for word, weighs in sorted(table.items()))]
    TABLE.write_text("\n".join([*lines, ""]), "utf-8")
    print(f"{len(lines):,} weights, {min(table.values())} to {max(table.values())}, in {TABLE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
