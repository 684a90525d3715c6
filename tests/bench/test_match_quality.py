"""How well duplicates are told apart on the labelled pairs, beside simpler measures."""

import random
from collections.abc import Callable, Iterable, Iterator
from itertools import combinations_with_replacement

import pytest

from dealbrain import matching, titles
from dealbrain.matching import Offer
from infra.local import weighing

pytestmark = pytest.mark.bench

type Pair = tuple[str, str, bool]
PARTS = 5


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    if not weighing.DATA.exists():
        pytest.skip("the real data is not here")
    return weighing.labelled()


def figures(judged: Iterable[tuple[bool, bool]]) -> str:
    """Precision, recall and their harmonic mean of (held to be one, is one)."""
    each = list(judged)
    right, held = sum(held and same for held, same in each), sum(held for held, _ in each)
    there = sum(same for _, same in each)
    both = 2 * right / (held + there)
    return f"precision {right / held:.3f}  recall {right / there:.3f}  F1 {both:.3f}"


def words_alone(title: str) -> frozenset[str]:
    return frozenset("".join(sign if sign.isalnum() else " " for sign in title.casefold()).split())


def test_in_sample(pairs: list[Pair]) -> None:
    plain = [
        (len(words_alone(a) & words_alone(b)) * 10 >= 7 * len(words_alone(a) | words_alone(b)), same)
        for a, b, same in pairs
    ]
    print("\nplain words          ", figures(plain))
    alike = [(matching.jaccard_reaches(matching.tokens(a), matching.tokens(b)), same) for a, b, same in pairs]
    print("weighted, no veto    ", figures(alike))
    matches = [(matching.similarity(Offer(a), Offer(b)), same) for a, b, same in pairs]
    print("weighted, with veto  ", figures((m is not None and m.kind == "duplicate", s) for m, s in matches))


def test_with_weights_learned_from_other_products(pairs: list[Pair]) -> None:
    print("\ncross-validated      ", figures(judged_by_others(pairs)))


def judged_by_others(pairs: list[Pair]) -> Iterator[tuple[bool, bool]]:
    """Each pair judged with weights learned without any title of its two products."""
    part, offers = parted(pairs), list(weighing.of_offers())
    for one, other in combinations_with_replacement(range(PARTS), 2):
        rest = [pair for pair in pairs if not {part[pair[0]], part[pair[1]]} & {one, other}]
        weigh = weighed_by(weighing.in_whole_numbers(weighing.learn([*weighing.of_pairs(rest), *offers])))
        for a, b, same in pairs:
            if {part[a], part[b]} == {one, other}:
                alike = reaches(matching.tokens(a), matching.tokens(b), weigh)
                yield alike and not matching.variant_reason(a, b), same


def weighed_by(table: dict[str, int]) -> Callable[[str], int]:
    return lambda word: table.get(word) or table[f"*{titles.kind(word)}"]


def reaches(a: frozenset[str], b: frozenset[str], weigh: Callable[[str], int]) -> bool:
    return 10 * sum(map(weigh, a & b)) >= matching.THRESHOLD_TENTHS * sum(map(weigh, a | b))


def parted(pairs: Iterable[Pair]) -> dict[str, int]:
    """Deal the products out into parts: titles that pairs call one product are in one part."""
    product: dict[str, set[str]] = {}
    for a, b, same in pairs:
        for title in (a, b):
            product.setdefault(title, {title})
        if same and product[a] is not product[b]:
            product[a] |= product[b]
            product.update(dict.fromkeys(product[b], product[a]))
    chance = random.Random(7)  # noqa: S311 - parts, no secrets
    parts = {min(titles_of_one): chance.randrange(PARTS) for titles_of_one in product.values()}
    return {title: parts[min(titles_of_one)] for title, titles_of_one in product.items()}
