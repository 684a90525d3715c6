"""A marketplace's list as a person's listings: its columns mapped, loaded in batches, twice without harm.

What single rows say is in test_demo.
"""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dealbrain.identity import Person
from infra.local import loading, marketplace
from infra.local.demo import OFFERS
from infra.local.issuer import subject
from infra.local.loading import ACCEPTED, PRESENT, REFUSED, REPRICED, WARNED, Fate, MappingError, counted
from tests.makers import Api, rows

OWNER = Person(subject("ada"), "ada")
# Another shop's list: other headings, a title of its own, the currency in a column.
MAPPING = {
    "title": "Titel",
    "price": "Preis",
    "currency": "Währung",
    "cpu": "Prozessor",
    "ram": "Speicher",
    "listing_url": "Adresse",
    "seller": "Händler",
}
ROW = {
    "Titel": "ThinkPad T480, wenig benutzt",
    "Preis": "249.00",
    "Währung": "USD",
    "Prozessor": "i5-8250U",
    "Speicher": "16 GB DDR4",
    "Adresse": "",
    "Händler": "Zweiter Tisch",
    "Lagerplatz": "14",
}


def written(folder: Path, *changes: Mapping[str, str]) -> Path:
    file = folder / "list.csv"
    with file.open("w", encoding="utf-8-sig", newline="") as text:
        table = csv.DictWriter(text, ROW)
        table.writeheader()
        table.writerows({**ROW, **change} for change in changes)
    return file


def load(file: Path, **more: Any) -> list[Fate]:
    return loading.offers(file, OWNER, MAPPING, **more)


def listed(api: Api) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (
        api.person("ada").get("/listings?owner=ada&limit=100&sort=price").json()["items"]
    )
    return found


def test_a_mapping_says_which_column_says_what(api: Api, tmp_path: Path) -> None:
    fates = load(written(tmp_path, {"Adresse": "https://shop.example/t480"}))
    assert counted(fates) == {ACCEPTED: 0, WARNED: 1, REFUSED: 0, PRESENT: 0, REPRICED: 0}
    (listing,) = listed(api)
    said = {name: listing[name] for name in ("title", "price_usd", "seller", "listing_url", "condition")}
    assert said == {
        "title": ROW["Titel"],
        "price_usd": 249,
        "seller": "Zweiter Tisch",
        "listing_url": "https://shop.example/t480",
        "condition": "used",
    }
    assert listing["performance"]["ram"] == {"total_gb": 16, "ddr_generation": "ddr4"}
    assert listing["performance"]["cpu"]["name"] == "i5-8250U"


def test_a_warning_names_the_column_of_the_list(api: Api, tmp_path: Path) -> None:  # noqa: ARG001 - a place to load into
    (fate,) = load(written(tmp_path, {"Speicher": "8 GB 16 GB", "Preis": "200 - 300"}))
    assert {remark.column: remark.code for remark in fate.remarks} == {
        "Speicher": "choice",
        "Preis": "price_range",
        "condition": "no_condition",
    }


@pytest.mark.parametrize(
    ("change", "column", "code"),
    [
        ({"Währung": "EUR"}, "Währung", "other_currency"),
        ({"Währung": "", "Preis": "249.00 €"}, "Preis", "other_currency"),
        ({"Währung": ""}, "Preis", "not_dollars"),
        ({"Titel": ""}, "model", "no_name"),
        ({"Adresse": "javascript:alert(1)"}, "/listing_url", "url_scheme"),
        ({"Preis": "99999999"}, "/price_usd", "money_range"),
    ],
)
def test_a_row_is_refused_alone_with_its_reason(
    api: Api, tmp_path: Path, change: Mapping[str, str], column: str, code: str
) -> None:
    refused, taken = load(written(tmp_path, change, {}))
    assert (refused.outcome, [(one.column, one.code) for one in refused.remarks]) == (
        REFUSED,
        [(column, code)],
    )
    assert taken.outcome == WARNED
    assert len(listed(api)) == 1


@pytest.mark.parametrize(
    ("mapping", "told"),
    [
        ({"title": "Titel", "prise": "Preis"}, "There is no field prise"),
        ({"title": "Title"}, "The list has no column Title"),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused_before_anything_is_loaded(
    api: Api, tmp_path: Path, mapping: Mapping[str, str], told: str
) -> None:
    with pytest.raises(MappingError, match=told):
        loading.offers(written(tmp_path, {}), OWNER, mapping)
    assert listed(api) == []


def test_loaded_twice_a_list_is_there_once(api: Api, tmp_path: Path) -> None:
    file = written(tmp_path, {}, {"Titel": "Another"})
    load(file)
    assert counted(load(file)) == {ACCEPTED: 0, WARNED: 0, REFUSED: 0, PRESENT: 2, REPRICED: 0}
    assert len(listed(api)) == 2


def test_rows_that_say_the_same_are_several_offers_and_stay_so(api: Api, tmp_path: Path) -> None:
    load(written(tmp_path, {}, {}))
    load(written(tmp_path, {}, {}, {}))
    assert len(listed(api)) == 3


def test_one_address_is_one_offer(api: Api, tmp_path: Path) -> None:
    address = {"Adresse": "https://shop.example/t480"}
    load(written(tmp_path, address, address | {"Preis": "200"}))
    load(written(tmp_path, {"Adresse": "https://shop.example/t480/?utm_source=x"}))
    assert [one["price_usd"] for one in listed(api)] == [249]


@pytest.mark.parametrize(
    ("price", "outcome", "asked"),
    [("199.00", REPRICED, 199), ("249.00", PRESENT, 249), ("", PRESENT, 249)],
)
def test_a_newer_price_of_an_address_takes_the_place_of_the_old_one(
    api: Api, tmp_path: Path, price: str, outcome: str, asked: float
) -> None:
    address = {"Adresse": "https://shop.example/t480"}
    load(written(tmp_path, address))
    (fate,) = load(written(tmp_path, address | {"Preis": price}))
    assert fate.outcome == outcome
    (listing,) = listed(api)
    assert listing["price_usd"] == asked
    points = api.stranger.get(f"/listings/{listing['id']}/price-points").json()["items"]
    assert {point["price_usd"] for point in points} == {249, asked}


def test_an_address_its_owner_added_by_hand_is_there_already(api: Api, tmp_path: Path) -> None:
    api.person("ada").listing(listing_url="https://shop.example/t480", price_usd=249)
    (fate,) = load(written(tmp_path, {"Adresse": "https://shop.example/t480"}))
    assert fate.outcome == PRESENT


def test_a_load_broken_off_is_taken_up_again(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "BATCH", 2)
    file = written(tmp_path, *({"Titel": f"Offer {number}"} for number in range(5)))
    assert len(load(file, wanted=2)) == 2
    assert counted(load(file)) == {ACCEPTED: 0, WARNED: 3, REFUSED: 0, PRESENT: 2, REPRICED: 0}
    assert len(listed(api)) == 5


def test_how_far_it_is_is_told_after_every_batch(
    api: Api,  # noqa: ARG001 - a place to load into
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(loading, "BATCH", 2)
    load(written(tmp_path, {"Währung": "EUR"}, {}, {}, {}))
    told = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert told == [
        "3 of 4 rows: 2 accepted with warnings, 1 refused",
        "4 of 4 rows: 3 accepted with warnings, 1 refused",
    ]


@pytest.mark.usefixtures("api")
def test_every_row_of_the_real_list_is_accepted_or_refused_with_a_reason() -> None:
    total = sum(1 for _ in rows("ebay-laptop-listings.csv"))
    fates = loading.offers(OFFERS, OWNER)
    assert [fate.row for fate in fates] == list(range(loading.FIRST_ROW, total + loading.FIRST_ROW))
    assert all(fate.remarks for fate in fates if fate.outcome in {WARNED, REFUSED})
    assert counted(fates)[ACCEPTED] > 0.6 * (total - counted(fates)[REFUSED])
    assert counted(loading.offers(OFFERS, OWNER))[PRESENT] == total - counted(fates)[REFUSED]


def test_the_default_mapping_names_columns_of_the_real_list() -> None:
    assert set(marketplace.EBAY.values()) <= next(rows("ebay-laptop-listings.csv")).keys()
