"""The demo set a first start begins with: two people, their offers, three public collections.

Everything in here is made up by us: the shops do not exist and the marks are round numbers near those
of real processors. What is there already stays as it is, so that a load broken off can be repeated.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dealbrain import catalog
from dealbrain.catalog import Entry
from dealbrain.db import transaction
from dealbrain.facts import PAGE_MOST
from infra.local.client import Client

CURATOR = "nora"
HUNTER = "theo"

# Name, multi-thread and single-thread mark, watts, cores, threads, year.
PROCESSORS = (
    Entry("Intel Core i5-6500T @ 2.50GHz", 4_400, 1_700, 35, 4, 4, 2015),
    Entry("Intel Core i5-8250U @ 1.60GHz", 5_900, 1_900, 15, 4, 8, 2017),
    Entry("Intel Core i5-8350U @ 1.70GHz", 6_300, 2_000, 15, 4, 8, 2017),
    Entry("Intel Core i5-8500T @ 2.10GHz", 7_900, 2_250, 35, 6, 6, 2018),
    Entry("Intel Core i7-8700 @ 3.20GHz", 13_000, 2_700, 65, 6, 12, 2017),
    Entry("Intel Core i5-10500T @ 2.30GHz", 10_700, 2_550, 35, 6, 12, 2020),
    Entry("Intel Core i5-12500T", 15_500, 3_300, 35, 6, 12, 2022),
    Entry("Intel Core i7-13700", 37_000, 4_000, 65, 16, 24, 2023),
    Entry("Intel N100", 5_500, 1_950, 6, 4, 4, 2023),
    Entry("AMD Ryzen 5 PRO 4650GE", 14_700, 2_600, 35, 6, 12, 2020),
    Entry("AMD Ryzen 7 5700G", 24_400, 3_300, 65, 8, 16, 2021),
    Entry("AMD Ryzen 7 7840HS", 28_500, 3_800, 35, 8, 16, 2023),
)


def _hardware(cpu: str | None, ram: tuple[int, str], *disks: tuple[int, str]) -> dict[str, Any]:
    """Spell a machine as the API takes it: memory and drives in GB with their kind."""
    performance: dict[str, Any] = {"ram": {"total_gb": ram[0], "ddr_generation": ram[1]}}
    if cpu is not None:
        performance["cpu"] = {"name": cpu}
    for place, (capacity, medium) in zip(("storage_primary", "storage_secondary"), disks, strict=False):
        performance[place] = {"capacity_gb": capacity, "medium": medium}
    return performance


@dataclass(frozen=True)
class Offer:
    """An offer of the demo set."""

    owner: str
    key: str
    """What the collections call it, and the end of its shop address."""
    title: str
    price_usd: float | None
    seller: str
    performance: Mapping[str, Any]
    maker: tuple[str, str] | None
    """Manufacturer and series."""
    more: Mapping[str, Any] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """As POST /listings takes it."""
        return {
            "title": self.title,
            "price_usd": self.price_usd,
            "seller": self.seller,
            "listing_url": f"https://shop.example/offers/{self.key}",
            "performance": self.performance,
            "metadata": self.maker and {"manufacturer": self.maker[0], "series": self.maker[1]},
            **self.more,
        }


OFFERS = (
    Offer(
        CURATOR,
        "optiplex-7060-micro",
        "Dell OptiPlex 7060 Micro i5-8500T 16GB 256GB NVMe",
        189,
        "Second Desk",
        _hardware("Intel Core i5-8500T", (16, "ddr4"), (256, "nvme")),
        ("Dell", "OptiPlex"),
        {"notes": "Seller takes $170 by mail, asked on a Sunday."},
    ),
    Offer(
        CURATOR,
        "optiplex-7060-micro-512",
        "Dell OptiPlex 7060 Micro i5-8500T 16GB 512GB NVMe",
        279,
        "Second Desk",
        _hardware("Intel Core i5-8500T", (16, "ddr4"), (512, "nvme")),
        ("Dell", "OptiPlex"),
    ),
    Offer(
        CURATOR,
        "elitedesk-800-g4",
        "HP EliteDesk 800 G4 SFF i7-8700 32GB 512GB NVMe + 1TB HDD",
        459.5,
        "Leaseback Outlet",
        _hardware("i7-8700", (32, "ddr4"), (512, "nvme"), (1_000, "hdd")),
        ("HP", "EliteDesk"),
        {"condition": "refurb"},
    ),
    Offer(
        CURATOR,
        "thinkcentre-m75q",
        "レノボ ThinkCentre M75q Gen 2 小型デスクトップ Ryzen 5 PRO 4650GE 16GB 256GB SSD",
        249,
        "中古パソコン横丁",
        _hardware("AMD Ryzen 5 PRO 4650GE", (16, "ddr4"), (256, "nvme")),
        ("Lenovo", "ThinkCentre"),
    ),
    Offer(
        CURATOR,
        "n100-box",
        "Mini PC N100 16GB 512GB, fanless, two network ports",
        299,
        "Tiny Things",
        _hardware("Intel N100", (16, "ddr4"), (512, "nvme"))
        | {"ports": {"ports": [{"type": "rj45_2_5g", "count": 2}, {"type": "hdmi", "count": 2}]}},
        ("Tiny Things", "Pebble"),
        {"condition": "new"},
    ),
    Offer(
        CURATOR,
        "optiplex-3040",
        "Dell OptiPlex 3040 Micro i5-6500T 8GB 500GB HDD",
        149,
        "Second Desk",
        _hardware("i5 6500T", (8, "ddr3"), (500, "hdd")),
        ("Dell", "OptiPlex"),
        {"custom_fields": {"pickup": "locker 14", "power_brick": False}},
    ),
    Offer(
        HUNTER,
        "latitude-7490",
        "Dell Latitude 7490 i5-8350U 16GB 512GB SSD, new battery",
        175,
        "Campus Clearance",
        _hardware("Intel(R) Core(TM) i5-8350U CPU @ 1.70GHz", (16, "ddr4"), (512, "sata_ssd")),
        ("Dell", "Latitude"),
        {"condition": "refurb"},
    ),
    Offer(
        HUNTER,
        "elitebook-840-g5",
        "HP EliteBook 840 G5, Core i5 8th Gen, 8GB, 256GB SSD",
        245,
        "Leaseback Outlet",
        _hardware("Intel Core i5 8th Gen", (8, "ddr4"), (256, "sata_ssd")),
        ("HP", "EliteBook"),
        {"condition": "refurb"},
    ),
    Offer(
        HUNTER,
        "thinkpad-t480",
        "Lenovo ThinkPad T480 i5-8250U 16GB 256GB SSD",
        None,
        "Auction Hall 3",
        _hardware("Intel Core i5-8250U", (16, "ddr4"), (256, "sata_ssd")),
        ("Lenovo", "ThinkPad"),
        {"notes": "Auction ends on Thursday; no reserve."},
    ),
    Offer(
        HUNTER,
        "framework-13",
        "Framework Laptop 13 Ryzen 7 7840HS 32GB 1TB",
        1_099,
        "Tiny Things",
        _hardware("AMD Ryzen 7 7840HS", (32, "ddr5"), (1_000, "nvme")),
        ("Framework", "Laptop 13"),
        {"condition": "new"},
    ),
    Offer(
        HUNTER,
        "ryzen-5700g-build",
        "Self-built tower, Ryzen 7 5700G, 32GB, 1TB NVMe, quiet case",
        640,
        "Neighbour",
        _hardware("Ryzen 7 5700G", (32, "ddr4"), (1_000, "nvme"))
        | {"components": [{"component_type": "os_license", "name": "Windows 11 Pro"}]},
        ("Self-built", "Tower"),
    ),
    Offer(
        HUNTER,
        "precision-3460",
        "Dell Precision 3460 Small Form Factor Workstation, Intel Core i7-13700 (16 cores, up to 5.2 GHz), "
        "64GB DDR5 (2x32GB), 1TB NVMe Gen4 SSD, Windows 11 Pro for Workstations, 3 years of next business "
        "day service, keyboard and mouse in the box",
        1_890,
        "Corporate Surplus Direct",
        _hardware("Intel Core i7-13700", (64, "ddr5"), (1_000, "nvme")),
        ("Dell", "Precision"),
        {"condition": "new"},
    ),
    Offer(
        HUNTER,
        "prodesk-400-g6",
        "HP ProDesk 400 G6 Mini i5-10500T 16GB 256GB NVMe",
        399,
        "Leaseback Outlet",
        _hardware("Intel Core i5-10500T", (16, "ddr4"), (256, "nvme")),
        ("HP", "ProDesk"),
        {"condition": "refurb"},
    ),
    Offer(
        HUNTER,
        "mystery-lot",
        "Office PC from a closed school, 8GB, 128GB SSD, processor not stated",
        60,
        "Auction Hall 3",
        _hardware(None, (8, "ddr4"), (128, "sata_ssd")),
        None,
        {"status": "pending"},
    ),
)


@dataclass(frozen=True)
class Gathered:
    """An offer in a collection: which, what anybody reads of it, what only its collector reads."""

    key: str
    notes: str
    private: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Shelf:
    """A public collection of the demo set."""

    owner: str
    name: str
    description: str
    items: tuple[Gathered, ...]


SHELVES = (
    Shelf(
        CURATOR,
        "Quiet boxes for a home lab",
        "Small, **under 20 W idle**, and cheap enough to own two. Checked every Sunday.",
        (
            Gathered("optiplex-7060-micro", "The one I tell everybody to buy.", {"status": "shortlisted"}),
            Gathered("optiplex-7060-micro-512", "Same machine; a larger drive for $90 more."),
            Gathered("thinkcentre-m75q", "Twice the cores for $60 more. Ships from Osaka."),
            Gathered("n100-box", "Silent, and slow. Right for a router.", {"private_notes": "own two"}),
            Gathered("prodesk-400-g6", "Newest of the lot; wait for it to drop below $300."),
        ),
    ),
    Shelf(
        HUNTER,
        "Laptops under $300 that will outlive you",
        "Business machines with parts you can still order. *No glued batteries.*",
        (
            Gathered("latitude-7490", "New battery; I would not think twice.", {"status": "bought"}),
            Gathered("elitebook-840-g5", "Ask which i5 it is before paying."),
            Gathered("thinkpad-t480", "Price by auction. Two batteries, one of them swappable."),
        ),
    ),
    Shelf(
        HUNTER,
        "Too expensive, and why",
        "What the same money buys elsewhere on these lists.",
        (
            Gathered("precision-3460", "You pay for the service contract."),
            Gathered("framework-13", "Repairable, and worth a premium to some. Not at this price."),
            Gathered("mystery-lot", "Nobody can say what it is worth.", {"status": "rejected"}),
        ),
    ),
)


def load(base_url: str) -> None:
    """Write the demo set through the running system; the catalog directly, as only an operator may.

    Args:
        base_url: scheme, host and port of a system whose functions run in this process.

    Raises:
        UnkeptError: the system refuses what it should take.
    """
    with transaction() as session:
        catalog.load(session, PROCESSORS)
    with Client(base_url, CURATOR) as curator, Client(base_url, HUNTER) as hunter:
        people = {CURATOR: curator, HUNTER: hunter}
        listings = {offer.key: _listing(people[offer.owner], offer) for offer in OFFERS}
        for shelf in SHELVES:
            _collect(people[shelf.owner], shelf, listings)


def _listing(person: Client, offer: Offer) -> int:
    present = person.read("/listings", owner=offer.owner, limit=PAGE_MOST)["items"]
    address = offer.body()["listing_url"]
    found = next((one for one in present if one["listing_url"] == address), None)
    number: int = (found or person.made("/listings", offer.body()))["id"]
    return number


def _collect(person: Client, shelf: Shelf, listings: Mapping[str, int]) -> None:
    mine = person.read("/collections", limit=PAGE_MOST)["items"]
    about = {"name": shelf.name, "description": shelf.description, "visibility": "public"}
    found = next((one for one in mine if one["name"] == shelf.name), None)
    collection = found or person.made("/collections", about)
    for item in shelf.items:
        body = {"listing_id": listings[item.key], "notes": item.notes, **item.private}
        # 409: a load that was broken off had put it there.
        person.call("POST", f"/collections/{collection['id']}/items", 201, 409, json=body)
