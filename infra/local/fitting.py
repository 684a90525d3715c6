"""``python -m infra.local.fitting``: fit what parts are worth to real offers, into the table ``units`` is.

An offer's price is taken to be the factor of its condition times the sum of its parts at their rates. Fitted
are the rates, none below zero, at which the logarithm of estimate to price is small over all offers; what is
far off counts by its distance and not by its square (SciPy's ``least_squares`` with the soft-L1 loss; Triggs
et al. 2000, "Bundle adjustment"). The same offers make the same table.

How well prices are foretold is measured on offers left out: models are dealt into ten folds, with all offers
of each, and every fold is estimated by what was fitted to the other nine.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from dealbrain import matching, units
from dealbrain.document import Condition, Performance, Ram, RamGeneration, Storage, StorageMedium
from infra.local import appraising
from infra.local.appraising import Taken, lacks_ram, lacks_storage
from infra.local.run import ROOT

TABLE = ROOT / "shared" / "dealbrain" / "units.py"
PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN = "<!-- written by infra.local.fitting -->"

# What is fitted, by its name in the table: where the search begins, and the last digit kept.
PARTS = {
    "MACHINE": (30.0, "0.1"),
    "CPU_PER_MULTI_MARK": (0.02, "0.0001"),
    "DDR4_PER_GB": (2.0, "0.01"),
    "SSD_PER_GB": (0.1, "0.001"),
    "HDD_PER_GB": (0.05, "0.001"),
}
FACTORS = {"REFURB": (1.1, "0.01"), "NEW": (1.25, "0.01")}
# In this order rates stand in arrays.
RATES = PARTS | FACTORS
# Up to where an offer that is off counts by the square: about a tenth of the price.
ORDINARY = 0.1
FOLDS = 10

_CONDITIONS = (Condition.used, Condition.refurb, Condition.new)
# The kinds that the table gives a fitted rate.
_DDR4 = {kind for kind, rate in units.RAM_PER_GB.items() if rate is units.DDR4_PER_GB}
_SSD = {kind for kind, rate in units.STORAGE_PER_GB.items() if rate is units.SSD_PER_GB}
_HDD = {kind for kind, rate in units.STORAGE_PER_GB.items() if rate is units.HDD_PER_GB}
# A graphics card of its own, as sellers of laptops name it.
_CARD = re.compile(
    r"nvidia|geforce|quadro|[gr]tx|gddr|\bmx\s?\d|radeon.*(?:\brx|\bpro\b|\bhd)", re.IGNORECASE
)
_BROKEN = re.compile(r"for parts", re.IGNORECASE)

# In GB, what might be supposed where nothing is stated. None is not among them: a part that is not stated
# never counts as zero.
RAM_TRIED, STORAGE_TRIED = (4, 8, 16), (32, 64, 128, 256)

# The rows of the table of figures.
FITTED_TO = "all that rates are fitted to"
STATED = "RAM and storage stated"
SUPPOSED = "RAM or storage supposed"
OTHER_SHOPS = "RAM or storage supposed, one shop's left out"
ALL = "all with an estimate"
EXACT, FAMILY = "exact CPU", "CPU known by its family"
UNTAUGHT = ("no condition named", "graphics card of its own", "for parts or not working", "price is a range")
HIDDEN = "RAM and storage stated, and supposed all the same"
# Of offers without RAM most are one shop's, which asks twice what others do and alone writes this.
_ONE_SHOP = "NO"

type Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Example:
    """An offer to learn from or to be measured by; money in US dollars."""

    parts: tuple[float, ...]
    """How much there is of each of ``PARTS``: one machine, marks, and GB."""
    others: float
    """What the parts are worth whose rates are set by hand."""
    condition: int
    price: float
    model: str
    """Offers of one model are never dealt into different folds."""
    rows: frozenset[str]
    """The rows of the figures in which it counts."""

    @property
    def teaches(self) -> bool:
        """Whether rates are fitted to it."""
        return FITTED_TO in self.rows


def examples(taken: Iterable[Taken]) -> list[Example]:
    """All offers with a price and a CPU with marks; what is not stated of them is supposed.

    Those that state all and say what their price is of stand there once more, as if they stated nothing;
    those that do not, with each amount that might be supposed. Of offers that repeat each other one is taken.
    """
    found = {(one.title, one.condition, one.price_usd): one for one in taken if one.price_usd}
    known = [one for one in found.values() if _marks(one.performance)]
    return [example for one in known for example in (_as_is(one), *_otherwise(one))]


def _as_is(one: Taken) -> Example:
    """An offer as the product estimates it."""
    machine = one.performance
    if lacks_ram(machine) or lacks_storage(machine):
        rows = (ALL, SUPPOSED) if _of_one_shop(one) else (ALL, SUPPOSED, OTHER_SHOPS)
        return _example(one, _filled(machine), rows)
    if reason := _untaught(one):
        return _example(one, machine, (ALL, STATED, reason))
    named = (FITTED_TO, FAMILY if one.estimated else EXACT, f"condition {one.condition}")
    return _example(one, machine, (ALL, STATED, *named))


def _otherwise(one: Taken) -> Iterator[Example]:
    """The same offer with other parts, to measure what supposing them costs."""
    machine = one.performance
    if _untaught(one):
        return
    if lacks_ram(machine):
        for gb in RAM_TRIED:
            rows = [ram_tried(gb)] if _of_one_shop(one) else [ram_tried(gb), ram_tried(gb, OTHER_SHOPS)]
            yield _example(one, _filled(machine, ram=Ram(total_gb=gb)), rows)
    if lacks_storage(machine):
        for gb in STORAGE_TRIED:
            filled = _filled(machine, storage=Storage(capacity_gb=gb))
            yield _example(one, filled, [storage_tried(gb)])
    if not (lacks_ram(machine) or lacks_storage(machine)):
        yield _example(one, _filled(Performance(cpu=machine.cpu)), [HIDDEN])


def ram_tried(gb: int, of: str = SUPPOSED) -> str:
    """The row in which so much RAM is supposed, of all offers or without one shop's."""
    return f"RAM supposed: {gb} GB" if of == SUPPOSED else f"RAM supposed, one shop's left out: {gb} GB"


def storage_tried(gb: int) -> str:
    """The row in which so much storage is supposed."""
    return f"storage supposed: {gb} GB"


def _marks(machine: Performance) -> int:
    return (machine.cpu.cpu_mark_multi or 0) if machine.cpu else 0


def _of_one_shop(one: Taken) -> bool:
    return one.row["Hard Drive Capacity"] == _ONE_SHOP


def _filled(
    machine: Performance, ram: Ram = units.SUPPOSED_RAM, storage: Storage = units.SUPPOSED_STORAGE
) -> Performance:
    """A machine with something supposed for what is not stated of it."""
    parts: dict[str, object] = {}
    if lacks_ram(machine):
        parts["ram"] = ram
    if lacks_storage(machine):
        parts["storage_primary"] = storage
    return machine.model_copy(update=parts)


def _untaught(one: Taken) -> str | None:
    """What an offer says too little or too much of to teach, one of ``UNTAUGHT``; None if nothing."""
    found = (
        "no_condition" in one.doubts,
        _CARD.search(one.row["GPU"]) is not None,
        _BROKEN.match(one.row["Condition"]) is not None,
        "price_range" in one.doubts,
    )
    return next((reason for is_so, reason in zip(found, UNTAUGHT, strict=True) if is_so), None)


def _example(one: Taken, machine: Performance, rows: Iterable[str]) -> Example:
    parts, others = _quantities(machine)
    return Example(
        parts=parts,
        others=others,
        condition=_CONDITIONS.index(one.condition),
        price=float(one.price_usd or 0),
        model=" ".join(sorted(matching.model_words(one.model))) or one.model.casefold(),
        rows=frozenset(rows),
    )


def _quantities(machine: Performance) -> tuple[tuple[float, ...], float]:
    """How much of each of ``PARTS`` is in a machine, and what its other RAM and disks are worth by hand."""
    memory = ssd = hdd = others = 0.0
    if ram := machine.ram:
        generation = ram.ddr_generation or RamGeneration.unknown
        memory += ram.total_gb * (generation in _DDR4)
        others += 0 if generation in _DDR4 else ram.total_gb * float(units.RAM_PER_GB[generation])
    for disk in filter(None, (machine.storage_primary, machine.storage_secondary)):
        medium = disk.medium or StorageMedium.unknown
        ssd += disk.capacity_gb * (medium in _SSD)
        hdd += disk.capacity_gb * (medium in _HDD)
        others += 0 if medium in _SSD | _HDD else disk.capacity_gb * float(units.STORAGE_PER_GB[medium])
    return (1.0, float(_marks(machine)), memory, ssd, hdd), others


# --------------------------------------------------------------------------------------------- fitting


@dataclass(frozen=True)
class Lined:
    """Examples as arrays, one row each."""

    parts: Numbers
    others: Numbers
    conditions: NDArray[np.intp]
    prices: Numbers

    @classmethod
    def up(cls, some: Sequence[Example]) -> "Lined":
        """Line examples up."""
        return cls(
            np.array([one.parts for one in some], float),
            np.array([one.others for one in some], float),
            np.array([one.condition for one in some], np.intp),
            np.array([one.price for one in some], float),
        )

    def worth(self, rates: Numbers) -> Numbers:
        """What they are worth at rates in the order of ``RATES``."""
        factors = np.array([1.0, *rates[len(PARTS) :]])[self.conditions]
        total: Numbers = (self.parts @ rates[: len(PARTS)] + self.others) * factors
        return total


def fit(some: Sequence[Example]) -> Numbers:
    """The rates, in the order of ``RATES``, at which examples are worth about what they cost."""
    lined, start = Lined.up(some), np.array([first for first, _ in RATES.values()])

    def off(times: Numbers) -> Numbers:
        # Nothing is sold below a dollar, and logarithms have no end.
        far: Numbers = np.log(np.maximum(lined.worth(times * start), 1.0) / lined.prices)
        return far

    # No part is worth less than nothing, and nothing that was not used before less than what was.
    least = np.array([0.0] * len(PARTS) + [1.0] * len(FACTORS)) / start
    # Searched for are multiples of the start, so that all are about as large.
    found = least_squares(off, np.ones_like(start), bounds=(least, np.inf), loss="soft_l1", f_scale=ORDINARY)
    rates: Numbers = found.x * start
    return rates


@dataclass(frozen=True)
class Foretold:
    """What was foretold of each example by the offers of other models, in three ways; US dollars."""

    fitted: Numbers
    median_price: Numbers
    per_mark: Numbers


def fold(model: str) -> int:
    """Which of the folds a model is dealt into, the same every time."""
    return crc32(model.encode()) % FOLDS


def foretell(some: Sequence[Example]) -> Foretold:
    """Estimate every example by those that teach and are of other models."""
    folds = np.array([fold(one.model) for one in some])
    found = Foretold(*(np.zeros(len(some)) for _ in range(3)))
    for number in range(FOLDS):
        here = folds == number
        others = [one for one, is_here in zip(some, here, strict=True) if not is_here and one.teaches]
        asked = Lined.up([one for one, is_here in zip(some, here, strict=True) if is_here])
        if not len(asked.prices):
            continue
        known = Lined.up(others)
        found.fitted[here] = asked.worth(fit(others))
        found.median_price[here] = np.median(known.prices)
        found.per_mark[here] = np.median(known.prices / known.parts[:, 1]) * asked.parts[:, 1]
    return found


# --------------------------------------------------------------------------------------------- figures


@dataclass(frozen=True)
class Figures:
    """How well prices were foretold, as shares of the price unless it says otherwise."""

    offers: int
    error: float
    """Median absolute error."""
    error_low: float
    error_high: float
    """Quartiles of the absolute error."""
    bias: float
    """How far the estimate of the middle is above the price."""
    low: float
    high: float
    """Quartiles of price to estimate."""

    @classmethod
    def of(cls, estimates: Numbers, prices: Numbers) -> "Figures":
        """Compare estimates with prices."""
        error_low, error, error_high = np.quantile(np.abs(estimates / prices - 1), (0.25, 0.5, 0.75))
        low, high = np.quantile(prices / estimates, (0.25, 0.75))
        bias = np.median(estimates / prices) - 1
        return cls(len(prices), error, error_low, error_high, float(bias), low, high)

    def line(self, name: str) -> str:
        """As a row of a table."""
        return (
            f"| {name} | {self.offers:,} | {self.error:.1%} | {self.error_low:.0%} to {self.error_high:.0%} "
            f"| {self.bias:+.0%} | {self.low:.2f} to {self.high:.2f} |"
        )


def figures(some: Sequence[Example], estimates: Numbers, row: str) -> Figures:
    """How well prices of the examples of one row were foretold."""
    here = np.array([row in one.rows for one in some])
    return Figures.of(estimates[here], Lined.up(some).prices[here])


def report(some: Sequence[Example], foretold: Foretold) -> Iterator[str]:
    """The table of figures."""
    yield "| Offers left out | Number | Median error | Quartiles of the error | Bias | of price ÷ estimate |"
    yield "|---|---|---|---|---|---|"
    for row in (FITTED_TO, STATED, SUPPOSED, OTHER_SHOPS, ALL):
        yield figures(some, foretold.fitted, row).line(f"**{row}**")
        yield figures(some, foretold.per_mark, row).line("rival: dollars per multi-thread mark alone")
        yield figures(some, foretold.median_price, row).line("rival: the median price")
    counted = Counter(row for one in some for row in one.rows)
    conditions = [f"condition {one}" for one in _CONDITIONS]
    tried = [
        *map(ram_tried, RAM_TRIED),
        *(ram_tried(gb, OTHER_SHOPS) for gb in RAM_TRIED),
        *map(storage_tried, STORAGE_TRIED),
    ]
    for row in (EXACT, FAMILY, *conditions, *UNTAUGHT, HIDDEN, *tried):
        if counted[row]:
            yield figures(some, foretold.fitted, row).line(row)


# ------------------------------------------------------------------------------------------- the table


@dataclass(frozen=True)
class Fitted:
    """A number of the table, and from how many offers it is."""

    value: Decimal
    offers: int


def table(some: Sequence[Example], foretold: Foretold) -> dict[str, Fitted]:
    """What is fitted, by its name in the table: the rates, and the quartiles of price to estimate."""
    teaching = [one for one in some if one.teaches]
    lined, rates = Lined.up(teaching), fit(teaching)
    having = [*np.count_nonzero(lined.parts, axis=0), *(np.sum(lined.conditions == one) for one in (1, 2))]
    found = {
        name: Fitted(Decimal(rate).quantize(Decimal(digit)), int(offers))
        for (name, (_, digit)), rate, offers in zip(RATES.items(), rates, having, strict=True)
    }
    ours = figures(some, foretold.fitted, FITTED_TO)
    shares = {"LOW": ours.low, "HIGH": ours.high}
    return found | {
        name: Fitted(Decimal(share).quantize(Decimal("0.01")), ours.offers) for name, share in shares.items()
    }


def rewritten(text: str, found: Mapping[str, Fitted]) -> str:
    """The table's text with other numbers in the lines that say from how many offers they are.

    Raises:
        ValueError: there is not one line for a name.
    """
    for name, one in found.items():
        line = f'{name}: Final = Decimal("{one.value}")  # from {one.offers} offers'
        text, times = re.subn(
            rf'^{name}: Final = Decimal\("[\d.]+"\)  # from \d+ offers$', line, text, flags=re.MULTILINE
        )
        if times != 1:
            raise ValueError(f"The table has {times} lines for {name}, and not one.")
    return text


def main() -> int:
    """Fit, write the table and the figures, and print them."""
    some = examples(appraising.taken_from_lists()[0])
    foretold = foretell(some)
    found, lines = table(some, foretold), list(report(some, foretold))
    TABLE.write_text(rewritten(TABLE.read_text("utf-8"), found), "utf-8")
    PAGE.write_text(appraising.written(PAGE.read_text("utf-8"), BEGIN, lines), "utf-8")
    print(
        *lines, "", *(f"{name} {one.value} from {one.offers} offers" for name, one in found.items()), sep="\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
