"""An offer's form: what it shows, and what counts as changed."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from dealbrain import editing
from dealbrain.shapes import NewListing

STORED: dict[str, Any] = {
    "title": "Dell\nLatitude",
    "price_usd": Decimal("299.90"),
    "price_date": datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC),
    "condition": "used",
    "notes": "one\r\ntwo",
    "other_urls": [{"url": "https://a.example/", "label": "A"}, {"url": "https://b.example/"}],
    "performance": {
        "cpu": {"name": "Intel Core i5-8500", "cores": 6},
        "ram": {"total_gb": 16, "speed_mhz": 2666, "module_count": 2},
        "storage_primary": {"capacity_gb": 512, "medium": "nvme", "interface": "PCIe"},
        "ports": {"ports": [{"type": "hdmi", "count": 1}]},
        "components": [{"component_type": "wifi", "quantity": 1}],
    },
    "metadata": {"manufacturer": "Dell", "series": "Latitude"},
}


def changed(**typed: str) -> dict[str, Any]:
    """What is changed when the form comes back as it was shown but for what was typed."""
    return changed_at({f"/{name}": text for name, text in typed.items()})


def changed_at(typed: dict[str, str]) -> dict[str, Any]:
    """The same for fields within fields, by their pointers."""
    back = editing.shown(STORED) | typed
    return editing.changes(editing.sent({pointer: [text] for pointer, text in back.items()}), STORED)


def test_a_form_sent_back_as_it_was_changes_nothing() -> None:
    assert changed() == {}


def test_only_what_was_typed_is_changed() -> None:
    assert changed(title="Another") == {"title": "Another"}


def test_what_is_emptied_is_cleared() -> None:
    assert changed(price_usd="", notes="") == {"price_usd": None, "notes": None}


def test_a_title_is_never_cleared() -> None:
    assert changed(title=" ") == {"title": ""}


@pytest.mark.parametrize("typed", ["1299.50", "1,299.50", "$1,299.50", "$ 1299.50"])
def test_an_amount_is_read_as_people_write_it(typed: str) -> None:
    assert changed(price_usd=typed) == {"price_usd": Decimal("1299.50")}


@pytest.mark.parametrize("typed", ["12,99", "1.299,50", "about 400", "4e2", "-4", "\u0664\u0660\u0660"])
def test_what_is_no_amount_stays_as_it_was_typed(typed: str) -> None:
    assert changed(price_usd=typed) == {"price_usd": typed}


def test_another_day_is_that_day() -> None:
    assert changed(price_date="2026-02-04") == {"price_date": datetime(2026, 2, 4, tzinfo=UTC)}


def test_hardware_changed_keeps_what_the_form_does_not_show() -> None:
    found = changed_at({"/performance/storage_primary/capacity_gb": "1024"})["performance"]
    expected = STORED["performance"] | {
        "storage_primary": {"capacity_gb": 1024, "medium": "nvme", "interface": "PCIe"}
    }
    assert found == expected


def test_another_processor_has_other_cores() -> None:
    found = changed_at({"/performance/cpu/name": "Intel Core i7-8700"})["performance"]
    assert found["cpu"] == {"name": "Intel Core i7-8700"}


def test_more_memory_is_not_in_the_same_modules() -> None:
    found = changed_at({"/performance/ram/total_gb": "32"})["performance"]
    assert found["ram"] == {"total_gb": 32, "speed_mhz": 2666}


def test_a_part_whose_fields_are_emptied_goes() -> None:
    found = changed_at({"/performance/ram/total_gb": "", "/performance/ram/ddr_generation": ""})[
        "performance"
    ]
    assert "ram" not in found
    assert found["ports"] == STORED["performance"]["ports"]


def test_maker_and_series_are_changed_together_or_not_at_all() -> None:
    assert changed_at({"/metadata/series": "OptiPlex"}) == {
        "metadata": {"manufacturer": "Dell", "series": "OptiPlex"}
    }


def test_the_last_link_can_be_removed() -> None:
    assert changed_at({"/other_urls/1/url": ""}) == {
        "other_urls": [{"url": "https://a.example/", "label": "A"}]
    }


def test_links_are_a_line_more_than_there_are_and_three_at_least() -> None:
    many = {"other_urls": [{"url": f"https://{number}.example/"} for number in range(5)]}
    assert [len(editing.links(editing.shown(one))) for one in (STORED, many)] == [3, 6]


def test_what_is_changed_leaves_what_is_stored_alone() -> None:
    changed_at({"/performance/cpu/name": "Other"})
    assert STORED["performance"]["cpu"]["name"] == "Intel Core i5-8500"


def test_a_new_offer_is_all_that_was_filled_in() -> None:
    typed = {"/title": ["A machine"], "/condition": ["new"], "/performance/ram/total_gb": ["16"]}
    found = editing.changes(editing.sent(typed), {})
    assert NewListing.model_validate(found).said() == {
        "title": "A machine",
        "condition": "new",
        "performance": NewListing.model_validate(found).performance,
    }


def test_fields_that_are_no_offer_s_are_not_taken() -> None:
    assert editing.sent({"/custom_fields/x": ["1"], "/other_urls/0/other": ["1"], "text": ["1"]}) == {}


# ------------------------------------------------------------------------------------------- two windows

SEEN = editing.shown(STORED)
FEWER = {"/other_urls/0/url": "https://a.example/", "/other_urls/0/label": "A", "/other_urls/1/url": ""}


def back(**typed: str) -> dict[str, str]:
    """The form as it was shown, with something typed in it."""
    return SEEN | {f"/{name}": text for name, text in typed.items()}


def test_what_nobody_typed_is_not_typed() -> None:
    assert editing.typed(back(seller="Somebody"), SEEN) == {"/seller": "Somebody"}


def test_links_are_typed_as_a_whole() -> None:
    assert editing.typed(SEEN | FEWER, SEEN).keys() == {one for one in SEEN if one.startswith("/other_urls")}


def test_what_was_written_elsewhere_and_not_here_is_not_overtaken() -> None:
    now = editing.shown({**STORED, "price_usd": 100})
    assert editing.overtaken({"/seller": "Somebody"}, SEEN, now) == ()


@pytest.mark.parametrize(("elsewhere", "found"), [("Another", ["/seller"]), ("Somebody", [])])
def test_what_was_written_otherwise_elsewhere_is_overtaken(elsewhere: str, found: list[str]) -> None:
    now = editing.shown({**STORED, "seller": elsewhere})
    assert [one.pointer for one in editing.overtaken({"/seller": "Somebody"}, SEEN, now)] == found


def test_links_written_elsewhere_are_overtaken_whichever_of_them_it_is() -> None:
    more = [*STORED["other_urls"], {"url": "https://c.example/"}, {"url": "https://d.example/"}]
    now = editing.shown({**STORED, "other_urls": more})
    typed = editing.typed(SEEN | {"/other_urls/0/label": "Another"}, SEEN)
    (problem,) = editing.overtaken(typed, SEEN, now)
    assert "https://d.example/" in problem.message
