"""The arithmetic of a deal: scores, dollars per mark, what an offer is worth, and its tier. Pure.

Money is Decimal to the cent; scores and ratios are floats as the portable format has them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from functools import cached_property

from dealbrain import facts, units
from dealbrain.document import (
    Component,
    ComponentType,
    Condition,
    Cpu,
    Gpu,
    Metrics,
    Performance,
    Ram,
    RamGeneration,
    Storage,
    StorageMedium,
)
from dealbrain.jsontext import Json, number

_CENT = Decimal("0.01")
_MOST = Decimal(str(facts.MONEY_MOST))
_NOTHING = Decimal("0.00")
# Whose graphics are part of a processor, as good as always.
_WITHIN_PROCESSORS = frozenset({"Intel", "Apple", "Qualcomm", "ARM"})
_COMPONENT_NAMES = {
    ComponentType.ram: "Extra RAM",
    ComponentType.ssd: "Extra SSD",
    ComponentType.hdd: "Extra hard disk",
    ComponentType.os_license: "Operating system licence",
    ComponentType.wifi: "Wi-Fi",
    ComponentType.gpu: "Extra graphics card",
    ComponentType.misc: "Other part",
}


@dataclass(frozen=True)
class Adjustment:
    """One step of a breakdown: which rule, how many US dollars up or down, and why."""

    rule_name: str
    adjustment: Decimal
    reason: str


@dataclass(frozen=True)
class Breakdown:
    """The way from one amount to another in US dollars; base and adjustments sum to the final price."""

    base_price: Decimal
    adjustments: tuple[Adjustment, ...]

    @cached_property
    def final_price(self) -> Decimal:
        """Where the way ends."""
        return sum((step.adjustment for step in self.adjustments), self.base_price)

    def as_json(self) -> dict[str, Json]:
        """Spell the breakdown as the portable format does."""
        return {
            "base_price": number(self.base_price),
            "adjustments": [
                {"rule_name": step.rule_name, "adjustment": number(step.adjustment), "reason": step.reason}
                for step in self.adjustments
            ],
            "final_price": number(self.final_price),
        }


@dataclass(frozen=True)
class Appraisal:
    """What we say about an offer's price; amounts in US dollars."""

    base_price_usd: Decimal
    """The price, 0 when it is unknown."""
    adjusted_price_usd: Decimal | None
    """The price less the worth of what can be taken out; None if unknown or below zero."""
    valuation_breakdown: Breakdown
    """From the price to the adjusted price; empty when the price is unknown."""
    ruleset_name: str
    fair_value_usd: Decimal | None
    """What the whole offer is worth; None without a CPU with marks."""
    fair_value_breakdown: Breakdown | None
    """From the worth of the bare machine with its CPU to the fair value."""
    tier: str | None
    verdict: str
    """What it comes to in a sentence, always; with an estimate, a second one says how far to trust it."""


def percent_rank(below: int, same: int, total: int) -> float | None:
    """Percentile rank, 0 to 100 with one decimal: the share of a catalog below, plus half of the ties.

    The usual definition with mid-ranks (Roscoe 1975): 100 (below + same / 2) / total. None if the
    catalog is empty, because there is nothing to compare with.
    """
    return round(50 * (2 * below + same) / total, 1) if total else None


def composite(scores: Mapping[str, float | None]) -> float | None:
    """Weighted mean of the scores that exist, 0 to 100 with one decimal; None if none does.

    A missing score drops out together with its weight, it is not a zero.
    """
    known = [(units.SCORE_WEIGHTS[name], score) for name, score in scores.items() if score is not None]
    weight = sum(weight for weight, _ in known)
    return round(sum(weight * score for weight, score in known) / weight, 1) if known else None


def dollars_per_mark(price_usd: Decimal | None, mark: int | None) -> float | None:
    """US dollars per benchmark mark, four decimals; None if the price or the mark is unknown or 0."""
    return round(float(price_usd / mark), 4) if price_usd and mark else None


def perf_per_watt(mark: int | None, tdp_w: int | None) -> float | None:
    """Multi-thread marks per watt, one decimal; None if either is unknown or the power is 0."""
    return round(mark / tdp_w, 1) if mark is not None and tdp_w else None


def metrics(
    price_usd: Decimal | None,
    adjusted_price_usd: Decimal | None,
    cpu: Cpu | None,
    scores: Mapping[str, float | None],
) -> Metrics:
    """Gather the numbers of an offer; what cannot be computed is absent.

    Args:
        price_usd: what is asked, None if unknown.
        adjusted_price_usd: the same less its parts, as ``appraise`` says.
        cpu: the processor with its marks.
        scores: percentile ranks by the names of ``Metrics``: score_cpu_multi, score_cpu_single, score_gpu.
    """
    single = cpu.cpu_mark_single if cpu else None
    multi = cpu.cpu_mark_multi if cpu else None
    adjusted = adjusted_price_usd if price_usd else None
    return Metrics(
        dollar_per_cpu_mark_single=dollars_per_mark(price_usd, single),
        dollar_per_cpu_mark_single_adjusted=dollars_per_mark(adjusted, single),
        dollar_per_cpu_mark_multi=dollars_per_mark(price_usd, multi),
        dollar_per_cpu_mark_multi_adjusted=dollars_per_mark(adjusted, multi),
        score_cpu_multi=scores.get("score_cpu_multi"),
        score_cpu_single=scores.get("score_cpu_single"),
        score_gpu=scores.get("score_gpu"),
        score_composite=composite(scores),
        perf_per_watt=perf_per_watt(multi, cpu.tdp_w if cpu else None),
    )


def tier(fair_value_usd: Decimal | None, price_usd: Decimal | None) -> str | None:
    """Name the tier of a price: how far the fair value stands above it, lower bounds inclusive.

    None if one of the two is unknown or the price is 0.
    """
    if fair_value_usd is None or not price_usd:
        return None
    gain = fair_value_usd - price_usd
    # Multiplied and not divided: the product is exact, so the bounds are.
    return next((name for name, least in units.TIERS if gain >= least * price_usd), units.LOWEST_TIER)


def appraise(
    performance: Performance | None, condition: Condition, price_usd: Decimal | None, *, estimated: bool
) -> Appraisal:
    """Say what an offer is worth and what its price means.

    Args:
        performance: the hardware, its CPU with the marks the catalog knows.
        condition: the state it is sold in.
        price_usd: what is asked, None if unknown.
        estimated: whether the marks are the median of the CPU's family; the verdict says so.
    """
    performance = performance or Performance()
    parts = tuple(_parts(performance))
    bare = _bare(price_usd, parts)
    worth = _worth(performance, parts, condition)
    fair = worth.final_price if worth and _NOTHING < worth.final_price <= _MOST else None
    return Appraisal(
        base_price_usd=bare.base_price,
        adjusted_price_usd=_adjusted(price_usd, bare),
        valuation_breakdown=bare,
        ruleset_name=units.RULESET_NAME,
        fair_value_usd=fair,
        fair_value_breakdown=worth if fair is not None else None,
        tier=tier(fair, price_usd),
        verdict=_verdict(performance, fair, price_usd, estimated=estimated),
    )


def _bare(price_usd: Decimal | None, parts: tuple[Adjustment, ...]) -> Breakdown:
    if price_usd is None:
        return Breakdown(_NOTHING, ())
    return Breakdown(price_usd, tuple(Adjustment(p.rule_name, -p.adjustment, p.reason) for p in parts))


def _adjusted(price_usd: Decimal | None, bare: Breakdown) -> Decimal | None:
    known = price_usd is not None and _NOTHING <= bare.final_price <= _MOST
    return bare.final_price if known else None


def _unknown(cpu: Cpu | None) -> str | None:
    """What has to be known for an estimate and is not; None if all is."""
    if cpu is None:
        return "the CPU is not known"
    return None if cpu.cpu_mark_multi else "there are no benchmark marks for this CPU"


def _supposed(performance: Performance) -> Performance:
    """What is supposed where nothing is said: a part that is not stated is hardly ever none."""
    return Performance(
        ram=None if performance.ram else units.SUPPOSED_RAM,
        storage_primary=None
        if performance.storage_primary or performance.storage_secondary
        else units.SUPPOSED_STORAGE,
    )


def _worth(performance: Performance, parts: tuple[Adjustment, ...], condition: Condition) -> Breakdown | None:
    cpu = performance.cpu
    if cpu is None or not cpu.cpu_mark_multi:
        return None
    supposed = (
        Adjustment(part.rule_name, part.adjustment, f"not stated, supposed: {part.reason}")
        for part in _parts(_supposed(performance))
    )
    parts = (*parts, *supposed)
    bare = units.MACHINE + cpu.cpu_mark_multi * units.CPU_PER_MULTI_MARK
    used = Breakdown(_dollars(bare), parts)
    factor = units.CONDITION_FACTOR[condition]
    extra = _dollars(used.final_price * (factor - 1))
    if not extra:
        return used
    step = Adjustment("Condition", extra, f"{condition.value}: {factor} times the worth of a used one")
    return Breakdown(used.base_price, (*parts, step))


def _parts(performance: Performance) -> Iterator[Adjustment]:
    """What can be taken out of a machine and what it is worth used; what is worth nothing is left out."""
    steps = (
        _ram(performance.ram),
        _storage("Primary storage", performance.storage_primary),
        _storage("Secondary storage", performance.storage_secondary),
        _gpu(performance.gpu),
        *map(_component, performance.components),
    )
    return (step for step in steps if step and step.adjustment)


def _ram(ram: Ram | None) -> Adjustment | None:
    if ram is None:
        return None
    generation = ram.ddr_generation or RamGeneration.unknown
    rate = units.RAM_PER_GB[generation]
    kind = "RAM" if generation is RamGeneration.unknown else generation.value.upper()
    return Adjustment("RAM", _dollars(ram.total_gb * rate), f"{ram.total_gb} GB {kind} at ${rate} per GB")


def _storage(name: str, storage: Storage | None) -> Adjustment | None:
    if storage is None:
        return None
    medium = storage.medium or StorageMedium.unknown
    rate = units.STORAGE_PER_GB[medium]
    kind = "of storage" if medium is StorageMedium.unknown else medium.value.replace("_", " ")
    reason = f"{storage.capacity_gb} GB {kind} at ${rate} per GB"
    return Adjustment(name, _dollars(storage.capacity_gb * rate), reason)


def _gpu(gpu: Gpu | None) -> Adjustment | None:
    if gpu is None or not gpu.gpu_mark:
        return None
    rate = units.GPU_PER_MARK
    return Adjustment("GPU", _dollars(gpu.gpu_mark * rate), f"{gpu.gpu_mark} marks at ${rate} per mark")


def _component(component: Component) -> Adjustment:
    kind = component.component_type
    name = component.name or _COMPONENT_NAMES[kind]
    if component.adjustment_value_usd is not None:
        return Adjustment(
            _COMPONENT_NAMES[kind], _dollars(component.adjustment_value_usd), f"{name}, as stated"
        )
    rate = units.COMPONENT[kind]
    reason = f"{component.quantity} x {name} at ${rate}"
    return Adjustment(_COMPONENT_NAMES[kind], _dollars(component.quantity * rate), reason)


def _dollars(amount: Decimal) -> Decimal:
    # Nobody's typing error may push an amount out of what money columns and JSON readers can hold.
    return max(-_MOST, min(amount, _MOST)).quantize(_CENT)


def _verdict(
    performance: Performance, fair: Decimal | None, price_usd: Decimal | None, *, estimated: bool
) -> str:
    if reason := _unknown(performance.cpu):
        return f"No estimate, because {reason}."
    if fair is None:
        return "No estimate, because the stated parts lead to no sensible amount."
    # Few words, because a card shows three lines of a hundred and twenty letters together.
    notes = ", by CPU family" if estimated else ""
    notes += ", GPU left out" if _leaves_out(performance.gpu) else ""
    subject, trust = _trust(_supposed(performance), fair)
    if not price_usd:
        return f"{subject} is about ${fair:,.0f}{notes}; price unknown. {trust}"
    return f"{subject} is {_distance(fair, price_usd)} the price{notes}. {trust}"


def _trust(supposed: Performance, fair: Decimal) -> tuple[str, str]:
    """What an amount is called, and the sentence on how far to trust it (docs/benchmarks.md)."""
    parts = [
        *([f"{supposed.ram.total_gb} GB RAM"] if supposed.ram else []),
        *([f"{supposed.storage_primary.capacity_gb} GB storage"] if supposed.storage_primary else []),
    ]
    if parts:
        return "Our rough guess", f"Supposed: {', '.join(parts)}."
    usual = f"Half of such offers ask ${fair * units.LOW:,.0f} to ${fair * units.HIGH:,.0f}."
    return "Our estimate", usual


def _leaves_out(gpu: Gpu | None) -> bool:
    """Whether there is a graphics card whose worth is not known; what is inside a processor is none."""
    return gpu is not None and gpu.gpu_mark is None and gpu.manufacturer not in _WITHIN_PROCESSORS


def percent_above(fair: Decimal, price_usd: Decimal) -> int:
    """How far an estimate lies above a price, in per cent of the price.

    Rounded down, also below zero: a rounded percentage must not name a better tier than the badge.
    """
    return int(((fair - price_usd) * 100 / price_usd).to_integral_value(ROUND_FLOOR))


def _distance(fair: Decimal, price_usd: Decimal) -> str:
    percent = percent_above(fair, price_usd)
    if percent == 0:
        return "about"
    return f"about {abs(percent):,} % {'above' if percent > 0 else 'below'}"
