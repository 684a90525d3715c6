"""``python -m infra.local.appraising``: what the product says of every real offer, into docs/offers.md.

Each row goes the way it would go over HTTP: read by ``marketplace``, its processor looked up by ``catalog``,
its worth said by ``scoring``; only nothing is stored.
"""

import csv
import math
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from statistics import median, quantiles

from dealbrain import catalog, scoring, units
from dealbrain.catalog import Known
from dealbrain.db import transaction
from dealbrain.document import Condition, Gpu, Performance
from dealbrain.scoring import Appraisal
from infra.local import loading, marketplace
from infra.local.demo import MARKS, OFFERS
from infra.local.marketplace import Offer, UnreadableError
from infra.local.run import ROOT, system

PAGE = ROOT / "docs" / "offers.md"
END = "<!-- end -->"
BEGIN = "<!-- written by infra.local.appraising -->"
# As many of the farthest from their estimate are told.
FARTHEST = 10


@dataclass(frozen=True)
class Taken:
    """An offer of the list as the product reads it."""

    row: Mapping[str, str]
    title: str
    model: str
    condition: Condition
    price_usd: Decimal | None
    performance: Performance
    """The hardware, its CPU with the marks to reckon with, its GPU with its maker."""
    estimated: bool
    """Whether these are the median of the CPU's family."""
    doubts: frozenset[str]
    """Codes of what was not taken as it stood."""

    @property
    def appraisal(self) -> Appraisal:
        """What the product says of it."""
        return scoring.appraise(self.performance, self.condition, self.price_usd, estimated=self.estimated)


def lacks_ram(machine: Performance) -> bool:
    """Whether nothing is stated of its RAM."""
    return machine.ram is None


def lacks_storage(machine: Performance) -> bool:
    """Whether nothing is stated of its storage; one drive of two is enough."""
    return machine.storage_primary is None and machine.storage_secondary is None


def taken_from_lists() -> tuple[list[Taken], Counter[str]]:
    """Read the real lists in a system of its own, gone afterwards; answers what ``read`` does."""
    with tempfile.TemporaryDirectory(prefix="dealbrain-") as folder, system(Path(folder), durable=False):
        loading.processors(MARKS)
        return read(OFFERS)


def read(offers: Path) -> tuple[list[Taken], Counter[str]]:
    """Read a list of offers, and look their processors up in the catalog.

    Returns:
        The offers that are taken, and how many others are refused for which reason.
    """
    found: list[tuple[Mapping[str, str], Offer, Performance]] = []
    refused: Counter[str] = Counter()
    with offers.open(encoding="utf-8", newline="") as text:
        for row in csv.DictReader(text):
            try:
                offer = marketplace.read(row)
            except UnreadableError as reason:
                refused[reason.remark.code] += 1
            else:
                found.append((row, offer, Performance.model_validate(offer.body["performance"])))
    with transaction() as session:
        cpus = iter(catalog.resolve_all(session, [one.cpu for _, _, one in found if one.cpu]))
        gpus = iter(catalog.complete_gpus(session, [one.gpu for _, _, one in found if one.gpu]))
    return [
        _taken(row, offer, machine, next(cpus) if machine.cpu else None, next(gpus) if machine.gpu else None)
        for row, offer, machine in found
    ], refused


def _taken(
    row: Mapping[str, str], offer: Offer, machine: Performance, cpu: Known | None, gpu: Gpu | None
) -> Taken:
    price = offer.body["price_usd"]
    return Taken(
        row=row,
        title=offer.body["title"],
        model=offer.body["device_model"] or "",
        condition=Condition(offer.body["condition"]),
        price_usd=None if price is None else Decimal(str(price)),
        performance=machine.model_copy(update={"cpu": cpu.best if cpu else None, "gpu": gpu}),
        estimated=bool(cpu and cpu.estimate),
        doubts=frozenset(remark.code for remark in offer.remarks),
    )


# -------------------------------------------------------------------------------------------- the page


def report(taken: Sequence[Taken], refused: Mapping[str, int]) -> list[str]:
    """Lines on a list: how many have an estimate and a tier, why others have none, and the errors."""
    said = [(one, one.appraisal) for one in taken]
    counts = [
        ("rows read", len(taken) + sum(refused.values())),
        *_by_number({f"refused: {code}": number for code, number in refused.items()}),
        ("taken", len(taken)),
        *_by_number(Counter(worth.verdict for _, worth in said if worth.fair_value_usd is None)),
        ("with an estimate", sum(worth.fair_value_usd is not None for _, worth in said)),
        *_by_what_is_stated(said),
        *_by_tier([worth for _, worth in said]),
    ]
    lines = [f"By the unit table `{units.RULESET_NAME}`:", "", "| Offers | Number |", "|---|---|"]
    return [*lines, *(f"| {what} | {number:,} |" for what, number in counts), "", *_errors(said)]


def _by_number(counted: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counted.items(), key=lambda one: (-one[1], one[0]))


def _guessed(one: Taken) -> bool:
    return lacks_ram(one.performance) or lacks_storage(one.performance)


def _by_what_is_stated(said: Sequence[tuple[Taken, Appraisal]]) -> list[tuple[str, int]]:
    found = Counter(_guessed(one) for one, worth in said if worth.fair_value_usd is not None)
    return [("RAM and storage stated", found[False]), ("RAM or storage supposed", found[True])]


def _by_tier(said: Sequence[Appraisal]) -> list[tuple[str, int]]:
    found = Counter(worth.tier for worth in said if worth.fair_value_usd is not None)
    tiers = [*(name for name, _ in units.TIERS), units.LOWEST_TIER]
    return [*((f"tier {tier}", found[tier]) for tier in tiers), ("no tier, for want of a price", found[None])]


def _errors(said: Sequence[tuple[Taken, Appraisal]]) -> Iterator[str]:
    """How far prices are from estimates, and the farthest of them."""
    compared = [
        (one, one.price_usd, worth.fair_value_usd)
        for one, worth in said
        if one.price_usd and worth.fair_value_usd
    ]
    stated, guessed = (
        [price / fair for one, price, fair in compared if _guessed(one) == which] for which in (False, True)
    )
    yield f"With a price, RAM and storage stated: {_spread(stated)}"
    yield f"With a price, RAM or storage supposed: {_spread(guessed)}"
    yield ""
    yield f"The {FARTHEST} farthest from their estimate, repeated offers told once:"
    yield ""
    yield "| CPU as written | Price | Estimate | Price ÷ estimate |"
    yield "|---|---|---|---|"
    spelled = {
        f"| {_cpu_name(one)} | ${price:,.0f} | ${fair:,.0f} | {price / fair:.2f} |": price / fair
        for one, price, fair in compared
    }
    yield from sorted(spelled, key=lambda line: -abs(math.log(spelled[line])))[:FARTHEST]


def _spread(ratios: Sequence[Decimal]) -> str:
    low, middle, high = quantiles(ratios, n=4)
    error = median(abs(1 / ratio - 1) for ratio in ratios)
    return (
        f"half of the {len(ratios):,} ask {low:.2f} to {high:.2f} times their estimate, and the one in the "
        f"middle {middle:.2f} times. The median error is {error:.0%}."
    )


def _cpu_name(one: Taken) -> str:
    # A bar would end the cell.
    return one.performance.cpu.name.replace("|", "/") if one.performance.cpu else ""


def written(page: str, begin: str, lines: Sequence[str]) -> str:
    """A page with other lines between a mark and the next ``END``.

    Raises:
        ValueError: the page has no such place.
    """
    before, mark, rest = page.partition(begin)
    _, end, after = rest.partition(END)
    if not (mark and end):
        raise ValueError(f"There is no place for the figures between {begin} and {END}.")
    return "\n".join([before + begin, *lines, END + after])


def main() -> int:
    """Read the list, and write what is said of it into the page."""
    lines = report(*taken_from_lists())
    PAGE.write_text(written(PAGE.read_text("utf-8"), BEGIN, lines), "utf-8")
    print(*lines, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
