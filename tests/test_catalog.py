"""The catalog itself: loading it, and choosing among processors of one name. Offers are in test_offering."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dealbrain import catalog, db, jsontext
from dealbrain.catalog import Entry, GpuEntry, Known
from dealbrain.document import Cpu
from dealbrain.tables import Cpu as Row
from dealbrain.tables import Gpu as GpuRow
from infra.local import demo, loading, resolving
from tests.makers import Api, Person, deal_file, load_catalog, made, rows

pytestmark = pytest.mark.usefixtures("api")

MODEST = Entry("Intel Xeon E5-2680 v2 @ 2.80GHz", 12_000, 1_700)
STRONG = Entry("Intel Xeon E5-2680 v2 @ 3.10GHz", 13_000, 1_800)


def resolved(name: str, **said: int | str) -> Known:
    with db.transaction() as session:
        return catalog.resolve(session, Cpu.model_validate({"name": name, **said}))


def scores(name: str, **said: int) -> tuple[float | None, float | None]:
    with db.transaction() as session:
        return catalog.scores(session, Cpu.model_validate({"name": name, **said}))


def stored() -> list[tuple[str, int | None]]:
    with db.transaction() as session:
        found = session.execute(sa.select(Row.name, Row.cpu_mark_multi).order_by(Row.name))
        return [(name, multi) for name, multi in found]


def test_loading_twice_changes_nothing() -> None:
    load_catalog(MODEST, STRONG)
    before = stored()
    load_catalog(MODEST, STRONG)
    assert stored() == before


def test_a_newer_list_replaces_the_marks_and_keeps_what_it_does_not_name() -> None:
    load_catalog(MODEST, STRONG)
    load_catalog(Entry(MODEST.name, 12_345))
    assert stored() == [(MODEST.name, 12_345), (STRONG.name, 13_000)]


def test_of_a_name_that_stands_twice_in_a_list_the_last_is_kept() -> None:
    load_catalog(Entry("AMD Ryzen 5 5600G", 1), Entry("AMD Ryzen 5 5600G", 2))
    assert stored() == [("AMD Ryzen 5 5600G", 2)]


def test_an_empty_list_is_none() -> None:
    load_catalog()
    assert stored() == []


def test_the_name_as_written_comes_before_a_more_modest_one() -> None:
    load_catalog(MODEST, STRONG)
    assert resolved(STRONG.name).exact.cpu_mark_multi == 13_000


def test_of_several_of_one_name_the_most_modest_is_taken() -> None:
    load_catalog(STRONG, MODEST)
    assert resolved("Xeon E5-2680 v2").exact.cpu_mark_multi == 12_000


def test_what_was_said_is_kept_though_the_catalog_says_otherwise() -> None:
    load_catalog(MODEST)
    assert resolved(MODEST.name, cpu_mark_multi=1, manufacturer="Me").exact.cpu_mark_multi == 1


UHQ = Entry("Intel Core i5-8365U @ 1.60GHz", 6_000, 2_000)


@pytest.mark.parametrize("name", ["8365U", "Core i5 8th gen 8365u", "8365U, Core i5"])
def test_a_model_number_that_one_line_alone_has_is_enough(name: str) -> None:
    load_catalog(UHQ, MODEST)
    assert resolved(name).exact.cpu_mark_multi == 6_000


def test_a_model_number_alone_that_two_lines_have_is_neither() -> None:
    load_catalog(Entry("Intel Core i7-4500U @ 1.80GHz", 2_500), Entry("AMD Ryzen 5 4500U", 11_000))
    assert resolved("4500U").best.cpu_mark_multi is None


def test_a_model_number_alone_is_no_ending_of_another() -> None:
    load_catalog(UHQ)
    assert resolved("365U").best.cpu_mark_multi is None


def test_a_name_nobody_knows_is_left_as_it_is() -> None:
    load_catalog(MODEST)
    assert resolved("Something Else 3000") == Known(
        Cpu(name="Something Else 3000", manufacturer="Unknown"), None
    )


def test_a_model_the_catalog_knows_without_marks_is_not_estimated_from_its_family() -> None:
    load_catalog(Entry("Intel Core i5-8250U"), Entry("Intel Core i5-8350U", 6_000))
    assert resolved("Core i5-8250U").estimate is None


def test_without_marks_there_is_no_rank() -> None:
    load_catalog(MODEST)
    assert scores("anything") == (None, None)


def test_the_best_of_all_ranks_below_a_hundred_and_the_worst_above_nothing() -> None:
    load_catalog(MODEST, STRONG)
    assert (scores("x", cpu_mark_multi=13_000)[0], scores("x", cpu_mark_multi=12_000)[0]) == (75, 25)


def test_a_real_list_of_more_than_one_batch_is_loaded_and_found_again() -> None:
    lines = [row for row in rows("passmark-cpus.csv") if row["name"].startswith("Intel")]
    assert len(lines) > catalog.BATCH
    load_catalog(*(Entry(row["name"], int(row["cpu_mark_multi"])) for row in lines))
    assert len(stored()) == len({row["name"] for row in lines})
    assert resolved("Intel(R) Core(TM) i7-8650U CPU @ 1.90GHz").exact.cpu_mark_multi


# ----------------------------------------------------------------------------------- graphics cards

# Made up: no list of graphics cards came with the real data.
CARDS = (
    GpuEntry("GeForce RTX 3050", 12_800),
    GpuEntry("GeForce MX150", 2_200),
    GpuEntry("Radeon RX 580", 8_900),
)


def load_cards(*cards: GpuEntry) -> None:
    with db.transaction() as session:
        catalog.load_gpus(session, cards)


def card_of(person: Person, **said: str | int) -> tuple[dict[str, Any], dict[str, Any]]:
    """A graphics card as a new listing shows it, and the listing's metrics."""
    performance = person.listing(performance={"gpu": said})["performance"]
    return performance["gpu"], performance.get("metrics", {})


def test_loading_graphics_cards_twice_changes_nothing() -> None:
    load_cards(*CARDS)
    load_cards(*CARDS)
    with db.transaction() as session:
        found = session.execute(sa.select(GpuRow.name, GpuRow.gpu_mark).order_by(GpuRow.id)).all()
    assert [tuple(row) for row in found] == [(card.name, card.gpu_mark) for card in CARDS]


def test_a_file_of_graphics_cards_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "gpus.csv").write_text("name,gpu_mark,tdp_w\nGeForce MX150,2200,25\nUnmeasured 1,,\n")
    assert loading.graphics_cards(tmp_path / "gpus.csv") == 2
    with db.transaction() as session:
        found = {tuple(row) for row in session.execute(sa.select(GpuRow.name, GpuRow.gpu_mark))}
    assert found == {("GeForce MX150", 2_200), ("Unmeasured 1", None)}


def test_a_graphics_card_takes_its_mark_and_maker_from_the_catalog(api: Api) -> None:
    load_cards(*CARDS)
    gpu, _ = card_of(api.person("alice"), name="nvidia rtx3050 4GB")
    assert gpu == {"name": "nvidia rtx3050 4GB", "manufacturer": "NVIDIA", "gpu_mark": 12_800}


def test_a_mark_that_was_said_is_kept(api: Api) -> None:
    load_cards(*CARDS)
    gpu, _ = card_of(api.person("alice"), name="RTX 3050", gpu_mark=1, manufacturer="Me")
    assert gpu == {"name": "RTX 3050", "manufacturer": "Me", "gpu_mark": 1}


def test_of_several_graphics_cards_of_one_name_the_most_modest_is_taken_unless_named(api: Api) -> None:
    load_cards(GpuEntry("GeForce GTX 1060", 10_000), GpuEntry("GeForce GTX 1060 3GB", 9_600))
    alice = api.person("alice")
    assert card_of(alice, name="GTX 1060")[0]["gpu_mark"] == 9_600
    assert card_of(alice, name="GeForce GTX 1060")[0]["gpu_mark"] == 10_000


def test_the_score_of_a_graphics_card_is_its_percent_rank_in_the_catalog(api: Api) -> None:
    load_cards(*CARDS)
    _, metrics = card_of(api.person("alice"), name="RX 580")
    assert metrics["score_gpu"] == 50
    assert metrics["score_composite"] == 50


@pytest.mark.parametrize("cards", [(), CARDS], ids=["no catalog", "not in it"])
def test_a_graphics_card_without_a_mark_has_no_score(api: Api, cards: tuple[GpuEntry, ...]) -> None:
    load_cards(*cards)
    gpu, metrics = card_of(api.person("alice"), name="Arc A770")
    assert gpu == {"name": "Arc A770", "manufacturer": "Intel"}
    assert "score_gpu" not in metrics


def test_a_graphics_cards_mark_is_worth_something_in_the_fair_value(api: Api) -> None:
    load_catalog(MODEST)
    alice = api.person("alice")
    whole = {
        "cpu": {"name": "Xeon E5-2680 v2"},
        "gpu": {"name": "RTX 3050"},
        "ram": {"total_gb": 16, "ddr_generation": "ddr4"},
        "storage_primary": {"capacity_gb": 512, "medium": "nvme"},
    }
    without = alice.listing(performance=whole)["fair_value_usd"]
    load_cards(*CARDS)
    assert alice.listing(performance=whole)["fair_value_usd"] > without


def test_an_import_never_changes_the_catalog_of_graphics_cards(api: Api) -> None:
    load_cards(*CARDS)
    file = deal_file()
    file["data"]["performance"] = {
        "gpu": {"name": "GeForce MX150", "manufacturer": "NVIDIA", "gpu_mark": 99_999},
        "components": [],
    }
    alice = api.person("alice")
    preview = alice.preview("listings", jsontext.dumps(file).encode())
    made(
        alice.post(
            "/listings/import/confirm", {"preview_id": preview["preview_id"], "merge_strategy": "create_new"}
        )
    )
    with db.transaction() as session:
        assert session.scalar(sa.select(GpuRow.gpu_mark).where(GpuRow.name == "GeForce MX150")) == 2_200


# --------------------------------------------------------------- what an owner sees of it, and corrects


def test_what_a_loose_name_was_taken_for_is_seen_in_the_answer(api: Api) -> None:
    load_catalog(Entry("Intel Core i7-7700T @ 2.90GHz", 7_500, 2_200, 35, 4, 8, 2017))
    cpu = api.person("alice").listing(performance={"cpu": {"name": "i7 7700t"}})["performance"]["cpu"]
    assert cpu == {
        "name": "i7 7700t",
        "manufacturer": "Intel",
        "cores": 4,
        "threads": 8,
        "tdp_w": 35,
        "cpu_mark_multi": 7_500,
        "cpu_mark_single": 2_200,
        "release_year": 2017,
    }


@pytest.mark.parametrize(
    ("correction", "multi"),
    [({"name": "i5-8365U"}, 6_000), ({"name": "Core i5 8th Gen", "cpu_mark_multi": 5_500}, 5_500)],
    ids=["by another name", "by marks of their own"],
)
def test_an_owner_corrects_what_a_family_was_taken_for(
    api: Api, correction: dict[str, Any], multi: int
) -> None:
    load_catalog(UHQ, Entry("Intel Core i5-8600K @ 3.60GHz", 10_000), Entry("Intel Core i5-8500", 9_000))
    alice = api.person("alice")
    listing = alice.listing(performance={"cpu": {"name": "Core i5 8th Gen"}})
    taken = listing["performance"]["cpu"]
    assert (taken["estimated"], taken["cpu_mark_multi"]) == (True, 9_000)
    changed = alice.patch(f"/listings/{listing['id']}", {"performance": {"cpu": correction}}).json()
    assert changed["performance"]["cpu"]["cpu_mark_multi"] == multi
    assert "estimated" not in changed["performance"]["cpu"]


# ------------------------------------------------------------------------------------------ real offers


def test_real_offers_resolve_as_the_page_about_the_catalog_says() -> None:
    """The share of the real offers that name something, and that the sample judged by hand is this one."""
    marks = [*rows("passmark-cpus.csv")]
    next(rows("ebay-laptop-listings.csv"))
    load_catalog(*loading.most_modest(map(loading.processor, marks)))
    found = resolving.resolve(demo.OFFERS)
    for line in resolving.figures(found):
        assert line in resolving.PAGE.read_text(encoding="utf-8")
    assert resolving.digest(resolving.drawn(found)) == resolving.JUDGED.sample
