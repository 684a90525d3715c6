"""Prices: every one that was seen of an offer stays, in its order."""

from typing import Any

import pytest
import sqlalchemy as sa

from dealbrain import db, facts, pricing
from dealbrain.tables import PricePoint
from tests.makers import Api, Person, deal_file, refused


def points(person: Person, listing_id: int, **said: Any) -> dict[str, Any]:
    answer = person.get(f"/listings/{listing_id}/price-points", params=said)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def prices(person: Person, listing_id: int) -> list[float]:
    return [one["price_usd"] for one in points(person, listing_id)["items"]]


def price(person: Person, listing_id: int, amount: float | None) -> None:
    assert person.patch(f"/listings/{listing_id}", {"price_usd": amount}).status_code == 200


def test_a_new_offer_has_the_price_it_came_with(alice: Person) -> None:
    said = alice.listing(price_usd=299.99, price_date="2026-02-03T04:05:06Z")
    (point,) = points(alice, said["id"])["items"]
    assert point == {
        "price_usd": 299.99,
        "price_date": "2026-02-03T04:05:06Z",
        "seen_at": said["created_at"],
    }


def test_prices_are_listed_the_last_one_first(alice: Person) -> None:
    listing_id = alice.listing(price_usd=300)["id"]
    price(alice, listing_id, 280)
    price(alice, listing_id, 320.5)
    assert prices(alice, listing_id) == [320.5, 280, 300]


def test_the_same_price_again_is_no_other_price(alice: Person) -> None:
    listing_id = alice.listing(price_usd=300)["id"]
    price(alice, listing_id, 300)
    alice.patch(f"/listings/{listing_id}", {"title": "the same at the same price"})
    assert prices(alice, listing_id) == [300]


def test_a_price_that_comes_back_was_seen_twice(alice: Person) -> None:
    listing_id = alice.listing(price_usd=300)["id"]
    price(alice, listing_id, 280)
    price(alice, listing_id, 300)
    assert prices(alice, listing_id) == [300, 280, 300]


def test_a_price_no_longer_known_leaves_the_ones_that_were(alice: Person) -> None:
    listing_id = alice.listing(price_usd=300)["id"]
    price(alice, listing_id, None)
    price(alice, listing_id, 300)
    assert prices(alice, listing_id) == [300]


def test_an_offer_without_a_price_has_none(alice: Person) -> None:
    assert prices(alice, alice.listing(price_usd=None)["id"]) == []


def test_a_price_of_nothing_is_a_price(alice: Person) -> None:
    assert prices(alice, alice.listing(price_usd=0)["id"]) == [0]


def test_an_offer_from_a_file_has_its_price_too(alice: Person) -> None:
    shown = alice.post("/listings/import", deal_file(title="From a file", price_usd=123)).json()
    done = alice.post(
        "/listings/import/confirm", {"preview_id": shown["preview_id"], "merge_strategy": "create_new"}
    ).json()
    assert prices(alice, done["id"]) == [123]


def test_anybody_reads_the_prices_of_an_offer(alice: Person, api: Api) -> None:
    listing_id = alice.listing(price_usd=300)["id"]
    answer = api.stranger.get(f"/listings/{listing_id}/price-points")
    assert [one["price_usd"] for one in answer.json()["items"]] == [300]


def test_an_offer_left_to_others_keeps_its_prices(alice: Person, bob: Person) -> None:
    listing_id = alice.listing(price_usd=300)["id"]
    bob.item(bob.collection(), {"id": listing_id})
    price(alice, listing_id, 250)
    alice.delete(f"/listings/{listing_id}")
    assert prices(bob, listing_id) == [250, 300]


def test_archiving_keeps_the_last_price(alice: Person) -> None:
    listing_id = alice.listing(price_usd=300)["id"]
    archived = alice.patch(f"/listings/{listing_id}", {"status": "archived"}).json()
    assert archived["price_usd"] == 300
    assert prices(alice, listing_id) == [300]


def test_with_an_offer_its_prices_go(alice: Person) -> None:
    listing_id = alice.listing(price_usd=300)["id"]
    alice.delete(f"/listings/{listing_id}")
    with db.transaction() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(PricePoint)) == 0


def test_pages_of_prices_neither_lose_nor_repeat_any(alice: Person) -> None:
    listing_id = alice.listing(price_usd=1)["id"]
    for amount in (2, 3, 4):
        price(alice, listing_id, amount)
    first = points(alice, listing_id, limit=3)
    price(alice, listing_id, 5)
    rest = points(alice, listing_id, limit=3, cursor=first["next_cursor"])
    assert [one["price_usd"] for one in first["items"] + rest["items"]] == [4, 3, 2, 1]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize("listing_id", ["999999", "0", "none"])
def test_what_is_no_offer_has_no_prices(alice: Person, listing_id: str) -> None:
    refused(alice.get(f"/listings/{listing_id}/price-points"), 404, "not_found")


def history(*listing_ids: int) -> dict[int, list[float]]:
    with db.transaction() as session:
        found = pricing.histories(session, listing_ids)
    return {listing_id: [float(price) for _, price in seen] for listing_id, seen in found.items()}


def test_the_prices_of_many_offers_come_in_the_order_they_were_seen(alice: Person, bob: Person) -> None:
    one, other = alice.listing(price_usd=300)["id"], bob.listing(price_usd=20)["id"]
    price(alice, one, 320)
    price(bob, other, 10)
    price(alice, one, 280)
    assert history(one, other) == {one: [300, 320, 280], other: [20, 10]}


def test_prices_of_offers_nobody_asked_for_stay_out(alice: Person) -> None:
    wanted, other = alice.listing(price_usd=300)["id"], alice.listing(price_usd=20)["id"]
    assert history(wanted).keys() == {wanted}
    assert history(wanted, other).keys() == {wanted, other}


def test_an_offer_without_prices_has_no_history(alice: Person) -> None:
    assert history(alice.listing(price_usd=None)["id"]) == {}


def test_of_many_prices_the_last_ones_are_the_history(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "HISTORY", 2)
    listing_id = alice.listing(price_usd=1)["id"]
    for amount in (2, 3):
        price(alice, listing_id, amount)
    assert history(listing_id) == {listing_id: [2, 3]}


def test_all_histories_come_in_one_query(alice: Person, statements: list[str]) -> None:
    ids = [alice.listing(price_usd=amount)["id"] for amount in (1, 2, 3)]
    statements.clear()
    history(*ids)
    assert len(statements) == 1
