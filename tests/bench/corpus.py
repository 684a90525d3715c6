"""Any number of product titles that look real: real ones recombined and perturbed, the same at every run."""

import random
import re
from collections.abc import Iterator, Sequence

from dealbrain import facts

SEED = 20_261_122
# Of so many titles this share begins as one real title and ends as another.
RECOMBINED = 0.35
# The share that is another product of the same kind: every model and part number is another one.
RENUMBERED = 0.5
_NUMBER = re.compile(r"(?=\S*\d)(?=\S*[^\W\d])[\w-]{4,}|\b\d{3,}\b")
EDITS_MOST = 3


def perturbed(real: Sequence[str], count: int, seed: int = SEED) -> Iterator[str]:
    """So many titles made from real ones: recombined, of another model, words gone, added or exchanged.

    Unless numbers change too, a million titles made of some thousand are no more products than these.
    """
    chance = random.Random(seed)  # noqa: S311 - the same at every run is what is wanted
    words = [word for title in real for word in title.split()]
    for _ in range(count):
        said = _recombined(chance, real)
        for _ in range(chance.randint(0, EDITS_MOST)):
            _edit(chance, said, words)
        title = " ".join(said)
        if chance.random() < RENUMBERED:
            title = _NUMBER.sub(lambda found: _another(chance, found[0]), title)
        yield title[: facts.TITLE].strip()


def _another(chance: random.Random, number: str) -> str:
    """A number of the same shape."""
    return "".join(str(chance.randrange(10)) if one.isdigit() else one for one in number)


def _recombined(chance: random.Random, real: Sequence[str]) -> list[str]:
    said = chance.choice(real).split()
    if chance.random() >= RECOMBINED:
        return said
    place = chance.randint(1, len(said))
    return said[:place] + chance.choice(real).split()[place:]


def _edit(chance: random.Random, said: list[str], words: Sequence[str]) -> None:
    place, kind = chance.randrange(len(said)), chance.random()
    if kind < 0.4 and len(said) > 3:
        said.pop(place)
    elif kind < 0.7:
        said.insert(place, chance.choice(words))
    else:
        said[place] = chance.choice(words)


def of_few_words(count: int, vocabulary: int, seed: int = SEED) -> Iterator[str]:
    """The bad case: titles of six to fourteen words out of so few, all equally frequent."""
    chance = random.Random(seed)  # noqa: S311 - the same
    words = [f"word{number}" for number in range(vocabulary)]
    for _ in range(count):
        yield " ".join(chance.choices(words, k=chance.randint(6, 14)))
