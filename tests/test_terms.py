"""The terms of one index: what they promise a search, against the plainest reading of it."""

import unicodedata
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dealbrain import facts, terms

# Letters that fold, join, break words or mean something to some pattern language.
# ruff: noqa: RUF001 - look-alikes are the point
HOSTILE = "abcAB1 \n\t-_%\\'\"/.{},NULLıİiIßſﬁÅÅéé̈ǰ日本語🎮👨‍👩‍👧٣ΣςσД"
TEXTS = st.text(st.sampled_from(HOSTILE), max_size=12) | st.text(max_size=12)
PRICES = st.decimals(0, str(facts.MONEY_MOST), places=2)
BOUNDS = st.none() | PRICES | st.decimals(0, 400, places=3)


def plainly_contains(text: str, word: str) -> bool:
    """Whether a folded text has a folded word inside, or where a word begins if it is short."""
    if len(word) >= 3:
        return word in text
    return any(
        text.startswith(word, at) and (at == 0 or not text[at - 1].isalnum()) for at in range(len(text))
    )


@given(TEXTS, TEXTS, TEXTS)
@example("İstanbul", "ISTANBUL", "i̇st")
@example("a%b", "_", "%")
@example("null", "{}", 'NULL "')
def test_what_a_text_contains_is_found_and_nothing_else(one: str, other: str, q: str) -> None:
    parts = [terms.folded(one), terms.folded(other)]
    for word in terms.typed(q):
        expected = any(plainly_contains(part, word) for part in parts)
        assert (terms.pattern(word) in terms.searchable(one, other)) == expected


@given(TEXTS, TEXTS, TEXTS)
def test_no_term_of_a_word_is_missing_where_the_word_is(one: str, other: str, q: str) -> None:
    for word in terms.typed(q):
        if terms.pattern(word) in terms.searchable(one, other):
            assert terms.word_terms(word) <= terms.text_terms(one, other)


@given(TEXTS, TEXTS, TEXTS)
def test_up_to_three_letters_the_terms_alone_decide(one: str, other: str, q: str) -> None:
    for word in (word for word in terms.typed(q) if len(word) <= terms.PIECE):
        by_terms = terms.word_terms(word) <= terms.text_terms(one, other)
        assert by_terms == (terms.pattern(word) in terms.searchable(one, other))


@given(TEXTS)
def test_every_part_of_a_text_is_found_as_it_was_typed(text: str) -> None:
    for word in text.split():
        for typed in terms.typed(word):
            assert terms.pattern(typed) in terms.searchable(text)
            assert terms.word_terms(typed) <= terms.text_terms(text)


@given(TEXTS)
def test_folding_twice_changes_nothing(text: str) -> None:
    assert terms.folded(terms.folded(text)) == terms.folded(text)


@pytest.mark.parametrize("spelled", ["STRASSE", "straße", "Straße", "ｓｔｒａｓｓｅ"])
def test_spellings_of_one_word_are_one(spelled: str) -> None:
    assert terms.folded(spelled) == "strasse"


def test_a_letter_and_its_mark_are_one_however_they_were_typed() -> None:
    assert terms.folded(unicodedata.normalize("NFD", "Büro")) == terms.folded("BÜRO") == "büro"


def test_an_owner_is_never_a_word_typed() -> None:
    assert terms.owner_term("abc") not in terms.text_terms("owner abc", "ownerabc", "abc")


# ------------------------------------------------------------------------------- processors and prices


@given(TEXTS, TEXTS.filter(bool))
def test_no_term_of_a_processor_is_missing(name: str, asked: str) -> None:
    if terms.lowered(asked) in terms.lowered(name):
        assert terms.asked_cpu_terms(asked) <= terms.cpu_terms(name)


@given(TEXTS, TEXTS.filter(bool))
def test_up_to_three_letters_of_a_processor_the_terms_alone_decide(name: str, asked: str) -> None:
    asked = asked[: terms.PIECE]
    by_terms = terms.asked_cpu_terms(asked) <= terms.cpu_terms(name)
    assert by_terms == (terms.lowered(asked) in terms.lowered(name))


@given(PRICES, BOUNDS, BOUNDS)
@example(Decimal(300), Decimal(300), Decimal(300))
@example(Decimal("0.00"), None, Decimal(0))
@example(Decimal("9999999.99"), Decimal("9999999.99"), None)
@example(Decimal("305.00"), Decimal("299.995"), Decimal("304.999"))
def test_the_terms_of_prices_are_exact(
    price: Decimal, lowest: Decimal | None, highest: Decimal | None
) -> None:
    inside = (lowest is None or lowest <= price) and (highest is None or price <= highest)
    assert bool(terms.asked_price_terms(lowest, highest) & terms.price_terms(price)) == inside


@given(BOUNDS, BOUNDS)
def test_no_search_asks_for_many_prices(lowest: Decimal | None, highest: Decimal | None) -> None:
    # At most nine on either side of each digit, and ten between the first ones.
    assert len(terms.asked_price_terms(lowest, highest)) <= 9 * 2 * 8 + 10


@given(TEXTS, PRICES)
def test_processors_and_prices_are_never_mistaken_for_each_other(name: str, price: Decimal) -> None:
    assert not terms.cpu_terms(name) & terms.price_terms(price)
