"""Offers worked out anew when the catalog or the table of worths is another; nothing else changes."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from dealbrain import db, rescoring
from dealbrain.catalog import Entry
from dealbrain.tables import Listing
from functions.rescoring import all as rescore
from tests.makers import LATITUDE, Person, load_catalog

SLOW, QUICK = 2_000, 9_000
SAID = {"ram": {"total_gb": 8, "ddr_generation": "ddr4"}, "storage_primary": {"capacity_gb": 256}}
FAMILY: dict[str, Any] = {"cpu": {"name": "Intel Core i5 8th Gen"}, **SAID}
MODEL: dict[str, Any] = {"cpu": {"name": "Intel Core i5-8350U"}, **SAID}
NOTHING: dict[str, Any] = {"cpu": {"name": "Does not apply"}}


def catalog(mark: int) -> None:
    """A catalog of three, of which ours has this mark."""
    load_catalog(
        Entry("Intel Core i5-8350U @ 1.70GHz", mark, 2000, 15, 4, 8, 2017),
        Entry("Intel Core i7-8650U @ 1.90GHz", 5_000, 2100, 15, 4, 8, 2017),
        Entry("AMD Ryzen 7 5700G", 24_000, 3200, 65, 8, 16, 2021),
    )


def run(by: timedelta = timedelta(0)) -> dict[str, int]:
    """Run the job as if it were so much later."""
    return rescore.handler({"now": (datetime.now(UTC) + by).isoformat()}, None)


def read(person: Person, listing: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = person.get(f"/listings/{listing['id']}").json()
    return found


@pytest.mark.parametrize("performance", [MODEL, FAMILY], ids=["a model", "a family"])
def test_a_better_mark_in_the_catalog_makes_an_offer_worth_more(
    alice: Person, performance: dict[str, Any]
) -> None:
    catalog(SLOW)
    before = alice.listing(performance=performance)
    catalog(QUICK)
    run()
    assert read(alice, before)["fair_value_usd"] > before["fair_value_usd"]


def test_an_offer_is_then_as_one_written_now(alice: Person) -> None:
    catalog(SLOW)
    old = alice.listing(performance=MODEL)
    catalog(QUICK)
    run()
    new = alice.listing(performance=MODEL)
    apart = {"id", "created_at", "updated_at"}
    assert {k: v for k, v in read(alice, old).items() if k not in apart} == {
        k: v for k, v in new.items() if k not in apart
    }


def test_it_stands_in_the_list_where_it_belongs_then(alice: Person) -> None:
    catalog(SLOW)
    listing = alice.listing(performance=MODEL, price_usd=150)
    catalog(24_000)
    run()
    now = read(alice, listing)
    assert now["tier"] != listing["tier"]
    assert [one["id"] for one in alice.get("/listings", params={"tier": now["tier"]}).json()["items"]] == [1]


def test_a_mark_somebody_stated_stays(alice: Person) -> None:
    catalog(SLOW)
    stated = {**MODEL, "cpu": {**MODEL["cpu"], "cpu_mark_multi": 4_321}}
    before = alice.listing(performance=stated)
    catalog(QUICK)
    run()
    assert read(alice, before)["performance"]["cpu"]["cpu_mark_multi"] == 4_321


def test_a_mark_the_catalog_no_longer_has_goes(alice: Person) -> None:
    catalog(SLOW)
    before = alice.listing(performance=MODEL)
    load_catalog(Entry("Intel Core i5-8350U @ 1.70GHz", None, 2000, 15, 4, 8, 2017))
    run()
    assert "cpu_mark_multi" not in read(alice, before)["performance"]["cpu"]


def test_another_table_of_worths_is_found_by_its_name(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = alice.listing()
    monkeypatch.setattr("dealbrain.units.RULESET_NAME", "units-of-tomorrow")
    run()
    assert read(alice, listing)["valuation"]["ruleset_name"] == "units-of-tomorrow"


def test_what_changes_is_dated_anew(alice: Person) -> None:
    catalog(SLOW)
    before = alice.listing(performance=MODEL)
    catalog(QUICK)
    run(by=timedelta(days=3))
    assert read(alice, before)["as_of"] > before["as_of"]


def test_when_nothing_changed_nothing_is_written(alice: Person) -> None:
    catalog(SLOW)
    for performance in (MODEL, FAMILY, NOTHING, LATITUDE["performance"], None):
        alice.listing(performance=performance)
    assert run(by=timedelta(days=3)) == {"looked": 5, "changed": 0}


def test_an_offer_worked_out_anew_counts_as_unchanged_by_its_owner(alice: Person) -> None:
    catalog(SLOW)
    before = alice.listing(performance=MODEL)
    catalog(QUICK)
    run()
    with db.transaction() as session:
        revision = session.scalars(sa.select(Listing.revision)).one()
    assert (revision, read(alice, before)["updated_at"]) == (1, before["updated_at"])


def test_offers_beyond_a_batch_are_worked_out_and_told_of(
    alice: Person, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(rescoring, "BATCH", 2)
    catalog(SLOW)
    for _ in range(5):
        alice.listing(performance=MODEL)
    catalog(QUICK)
    with caplog.at_level(logging.INFO, logger="dealbrain"):
        assert run() == {"looked": 5, "changed": 5}
    told = [vars(one) for one in caplog.records if one.message == "rescored"]
    assert [(one["looked"], one["of"]) for one in told] == [(2, 5), (4, 5), (5, 5)]


def test_what_somebody_is_changing_is_left_to_them(alice: Person) -> None:
    catalog(SLOW)
    alice.listing(performance=MODEL)
    locked = alice.listing(performance=MODEL)
    catalog(QUICK)
    with db.transaction() as session:
        session.execute(sa.select(Listing.id).where(Listing.id == locked["id"]).with_for_update())
        with db.transaction() as other:
            step = rescoring.step(other, 0, datetime.now(UTC))
    assert step == rescoring.Step(last=1, looked=1, changed=1)


def test_the_ping_that_keeps_it_warm_does_nothing() -> None:
    assert rescore.handler({"warm": True}, None) == {}
