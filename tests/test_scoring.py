"""The arithmetic of a deal."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealbrain import facts, units
from dealbrain.document import (
    Component,
    ComponentType,
    Condition,
    Cpu,
    Gpu,
    Performance,
    Ram,
    RamGeneration,
    Storage,
    StorageMedium,
)
from dealbrain.scoring import (
    Appraisal,
    appraise,
    composite,
    dollars_per_mark,
    metrics,
    percent_rank,
    perf_per_watt,
    tier,
)

MARKS = st.integers(1, 200_000)
ANY_NUMBER = st.integers(0, facts.SAFE_INTEGER)
MONEY = st.decimals(0, 9_999_999, places=2)
CPUS = st.builds(
    Cpu, name=st.just("a cpu"), cpu_mark_multi=st.none() | ANY_NUMBER, cpu_mark_single=st.none() | ANY_NUMBER
)
PERFORMANCES = st.builds(
    Performance,
    cpu=st.none() | CPUS,
    gpu=st.none() | st.builds(Gpu, name=st.just("a card"), gpu_mark=st.none() | ANY_NUMBER),
    ram=st.none()
    | st.builds(Ram, total_gb=ANY_NUMBER, ddr_generation=st.none() | st.sampled_from(RamGeneration)),
    storage_primary=st.none()
    | st.builds(Storage, capacity_gb=ANY_NUMBER, medium=st.none() | st.sampled_from(StorageMedium)),
    storage_secondary=st.none() | st.builds(Storage, capacity_gb=st.integers(0, 8000)),
    metrics=st.none(),
    ports=st.none(),
    components=st.lists(
        st.builds(
            Component,
            component_type=st.sampled_from(ComponentType),
            name=st.none() | st.just("a part"),
            quantity=st.integers(1, facts.SAFE_INTEGER),
            metadata=st.none(),
            adjustment_value_usd=st.none() | st.decimals(-500, 500, places=2),
        ),
        max_size=4,
    ).map(tuple),
)
COMPLETE = st.builds(
    Performance,
    cpu=st.builds(Cpu, name=st.just("a cpu"), cpu_mark_multi=MARKS, cpu_mark_single=st.none() | MARKS),
    gpu=st.none(),
    ram=st.builds(
        Ram, total_gb=st.integers(0, 512), ddr_generation=st.none() | st.sampled_from(RamGeneration)
    ),
    storage_primary=st.builds(
        Storage, capacity_gb=st.integers(0, 8000), medium=st.none() | st.sampled_from(StorageMedium)
    ),
    storage_secondary=st.none(),
    metrics=st.none(),
    ports=st.none(),
    components=st.just(()),
)
PARTS = ["ram", "storage_primary"]
UNKNOWN_DRIVE = units.STORAGE_PER_GB[StorageMedium.unknown]
# With one part not stated, or the other, or both.
LACKING = st.builds(
    lambda machine, names: machine.model_copy(update=dict.fromkeys(names)),
    COMPLETE,
    st.sampled_from([PARTS, PARTS[:1], PARTS[1:]]),
)
OFFERED = COMPLETE | LACKING | PERFORMANCES
SCORES = st.dictionaries(
    st.sampled_from(sorted(units.SCORE_WEIGHTS)),
    st.none() | st.floats(0, 100).map(lambda score: round(score, 1)),
)


def laptop(multi: int | None = 6000, single: int | None = 2000) -> Performance:
    return Performance(
        cpu=Cpu(name="i5-8350U", cpu_mark_multi=multi, cpu_mark_single=single, tdp_w=15),
        ram=Ram(total_gb=16, ddr_generation=RamGeneration.ddr4),
        storage_primary=Storage(capacity_gb=256, medium=StorageMedium.nvme),
    )


def without(*names: str) -> Performance:
    """The laptop with parts that are not stated."""
    return laptop().model_copy(update=dict.fromkeys(names))


def stating_what_is_supposed(performance: Performance) -> Performance:
    """The same, its seller saying what we suppose."""
    return performance.model_copy(
        update={
            "ram": performance.ram or units.SUPPOSED_RAM,
            "storage_primary": performance.storage_primary
            or (None if performance.storage_secondary else units.SUPPOSED_STORAGE),
        }
    )


def used(performance: Performance | None, price: str | None = "200", *, estimated: bool = False) -> Appraisal:
    return appraise(performance, Condition.used, Decimal(price) if price else None, estimated=estimated)


# ---------------------------------------------------------------------------------------------- scores


@pytest.mark.parametrize(
    ("below", "same", "total", "rank"),
    [(0, 1, 4, 12.5), (3, 1, 4, 87.5), (0, 4, 4, 50.0), (4, 0, 4, 100.0), (0, 0, 4, 0.0), (1, 1, 3, 50.0)],
)
def test_a_percentile_rank_counts_those_below_and_half_of_the_ties(
    below: int, same: int, total: int, rank: float
) -> None:
    assert percent_rank(below, same, total) == pytest.approx(rank)


def test_an_empty_catalog_ranks_nothing() -> None:
    assert percent_rank(0, 0, 0) is None


@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 500))
def test_a_percentile_rank_lies_between_0_and_100(below: int, same: int, above: int) -> None:
    rank = percent_rank(below, same, below + same + above)
    assert rank is None or 0 <= rank <= 100


def test_the_composite_is_the_weighted_mean() -> None:
    assert composite({"score_cpu_multi": 80, "score_cpu_single": 60, "score_gpu": 10}) == pytest.approx(60.0)


def test_a_missing_score_is_not_a_zero() -> None:
    assert composite({"score_cpu_multi": 80.0, "score_gpu": None}) == pytest.approx(80.0)


def test_a_score_of_zero_counts() -> None:
    assert composite({"score_cpu_multi": 70.0, "score_gpu": 0.0}) == pytest.approx(50.0)


def test_no_scores_make_no_composite() -> None:
    assert composite({"score_gpu": None}) is None


@given(SCORES)
def test_the_composite_lies_among_its_scores(scores: dict[str, float | None]) -> None:
    known = [score for score in scores.values() if score is not None]
    made = composite(scores)
    assert made is None if not known else made is not None and min(known) <= made <= max(known)


@given(SCORES)
def test_a_missing_score_is_the_same_as_an_absent_one(scores: dict[str, float | None]) -> None:
    assert composite(scores) == composite(
        {name: score for name, score in scores.items() if score is not None}
    )


# --------------------------------------------------------------------------------------------- metrics


def test_dollars_per_mark_have_four_decimals() -> None:
    assert dollars_per_mark(Decimal(200), 6001) == pytest.approx(0.0333, abs=1e-12)


@pytest.mark.parametrize(
    ("price", "mark"), [(None, 6000), (Decimal(0), 6000), (Decimal(200), None), (Decimal(200), 0)]
)
def test_dollars_per_mark_need_a_price_and_a_mark(price: Decimal | None, mark: int | None) -> None:
    assert dollars_per_mark(price, mark) is None


def test_performance_per_watt_has_one_decimal() -> None:
    assert perf_per_watt(6001, 15) == pytest.approx(400.1, abs=1e-12)


@pytest.mark.parametrize(("mark", "watts"), [(None, 15), (6000, None), (6000, 0)])
def test_performance_per_watt_needs_marks_and_watts(mark: int | None, watts: int | None) -> None:
    assert perf_per_watt(mark, watts) is None


def test_metrics_gather_what_can_be_computed() -> None:
    made = metrics(Decimal(240), Decimal(120), laptop().cpu, {"score_cpu_multi": 80.0, "score_gpu": None})
    assert made.model_dump(exclude_none=True) == {
        "dollar_per_cpu_mark_single": 0.12,
        "dollar_per_cpu_mark_single_adjusted": 0.06,
        "dollar_per_cpu_mark_multi": 0.04,
        "dollar_per_cpu_mark_multi_adjusted": 0.02,
        "score_cpu_multi": 80.0,
        "score_composite": 80.0,
        "perf_per_watt": 400.0,
    }


@pytest.mark.parametrize("price", [None, Decimal(0)])
def test_without_a_price_there_is_no_metric_of_price(price: Decimal | None) -> None:
    made = metrics(price, Decimal(120), laptop().cpu, {"score_cpu_multi": 80.0})
    assert set(made.model_dump(exclude_none=True)) == {"score_cpu_multi", "score_composite", "perf_per_watt"}


def test_nothing_known_makes_no_metrics() -> None:
    assert metrics(None, None, None, {}).model_dump(exclude_none=True) == {}


# ----------------------------------------------------------------------------------------------- tiers


@pytest.mark.parametrize(
    ("fair", "name"),
    [
        ("230.00", "great"),
        ("229.99", "good"),
        ("210.00", "good"),
        ("209.99", "fair"),
        ("200.00", "fair"),
        ("190.00", "fair"),
        ("189.99", "premium"),
        ("0.01", "premium"),
    ],
)
def test_lower_bounds_of_tiers_are_inclusive(fair: str, name: str) -> None:
    assert tier(Decimal(fair), Decimal("200.00")) == name


def test_a_bound_binary_floats_would_miss_is_met() -> None:
    assert tier(Decimal("0.23"), Decimal("0.20")) == "great"


@pytest.mark.parametrize(("fair", "price"), [(None, "200"), ("200", None), ("200", "0"), ("200", "0.00")])
def test_an_unknown_value_or_price_has_no_tier(fair: str | None, price: str | None) -> None:
    assert tier(Decimal(fair) if fair else None, Decimal(price) if price else None) is None


# ------------------------------------------------------------------------------------------- appraisals


def test_the_adjusted_price_is_the_price_less_the_parts() -> None:
    made = used(laptop())
    memory = round(16 * units.RAM_PER_GB[RamGeneration.ddr4], 2)
    assert made.adjusted_price_usd == 200 - memory - round(256 * units.STORAGE_PER_GB[StorageMedium.nvme], 2)


def test_the_fair_value_is_the_cpu_and_the_parts() -> None:
    made = used(laptop())
    assert made.fair_value_breakdown is not None
    assert made.fair_value_usd == made.fair_value_breakdown.base_price + Decimal(200) - (
        made.adjusted_price_usd or 0
    )


def test_a_new_machine_is_worth_more_than_a_refurbished_and_that_more_than_a_used_one() -> None:
    new, refurb, worn = (
        appraise(laptop(), condition, None, estimated=False).fair_value_usd or 0
        for condition in (Condition.new, Condition.refurb, Condition.used)
    )
    assert new > refurb > worn > 0


def test_a_stated_value_of_a_part_wins_over_the_table() -> None:
    part = Component(
        component_type=ComponentType.os_license, quantity=3, adjustment_value_usd=Decimal("7.50")
    )
    made = used(laptop().model_copy(update={"components": (part,)}))
    assert made.valuation_breakdown.adjustments[-1].adjustment == Decimal("-7.50")


def test_a_part_without_a_value_counts_by_the_table_and_its_quantity() -> None:
    part = Component(component_type=ComponentType.os_license, quantity=3)
    made = used(laptop().model_copy(update={"components": (part,)}))
    assert (
        made.valuation_breakdown.adjustments[-1].adjustment == -3 * units.COMPONENT[ComponentType.os_license]
    )


def test_a_negative_adjusted_price_is_left_out() -> None:
    assert used(laptop(), "10").adjusted_price_usd is None


def test_an_adjusted_price_of_exactly_nothing_stays() -> None:
    worth = Decimal(200) - (used(laptop()).adjusted_price_usd or Decimal(0))
    assert used(laptop(), str(worth)).adjusted_price_usd == 0


def test_an_unknown_price_has_an_empty_way_to_no_adjusted_price() -> None:
    made = used(laptop(), None)
    assert made.adjusted_price_usd is None
    assert made.valuation_breakdown.as_json() == {"base_price": 0, "adjustments": [], "final_price": 0}


@pytest.mark.parametrize("performance", [None, Performance(), laptop(multi=None), laptop(multi=0)])
def test_without_a_cpu_with_marks_there_is_no_fair_value(performance: Performance | None) -> None:
    made = used(performance)
    assert (made.fair_value_usd, made.fair_value_breakdown, made.tier) == (None, None, None)


def test_a_second_drive_alone_is_storage_enough() -> None:
    drive = Storage(capacity_gb=256, medium=StorageMedium.nvme)
    moved = laptop().model_copy(update={"storage_primary": None, "storage_secondary": drive})
    assert used(moved).fair_value_usd == used(laptop()).fair_value_usd


@pytest.mark.parametrize("nothing", [Ram(total_gb=0), Storage(capacity_gb=0)], ids=repr)
def test_a_part_that_is_stated_not_to_be_there_is_worth_nothing_and_nothing_is_supposed(
    nothing: Ram | Storage,
) -> None:
    name = "ram" if isinstance(nothing, Ram) else "storage_primary"
    bare = used(laptop().model_copy(update={name: nothing}))
    assert (bare.fair_value_usd or 0) < (used(without(name)).fair_value_usd or 0)
    assert "Supposed" not in bare.verdict


@given(LACKING, st.sampled_from(Condition))
def test_a_part_that_is_not_stated_never_counts_as_zero(
    performance: Performance, condition: Condition
) -> None:
    none = {"ram": performance.ram or Ram(total_gb=0)} | {
        "storage_primary": performance.storage_primary or Storage(capacity_gb=0)
    }
    unsaid, zero = (
        appraise(one, condition, None, estimated=False).fair_value_usd or 0
        for one in (performance, performance.model_copy(update=none))
    )
    assert unsaid > zero > 0


@given(OFFERED, st.sampled_from(Condition), st.none() | MONEY)
def test_stating_exactly_what_is_supposed_gives_the_same_fair_value_and_tier(
    performance: Performance, condition: Condition, price: Decimal | None
) -> None:
    unsaid, said = (
        appraise(one, condition, price, estimated=False)
        for one in (performance, stating_what_is_supposed(performance))
    )
    assert (unsaid.fair_value_usd, unsaid.tier) == (said.fair_value_usd, said.tier)


@given(LACKING, st.sampled_from(Condition))
def test_the_adjusted_price_takes_out_only_what_is_stated(
    performance: Performance, condition: Condition
) -> None:
    price = Decimal(9_999)
    taken_out = [Decimal(0)]
    if ram := performance.ram:
        taken_out.append(ram.total_gb * units.RAM_PER_GB[ram.ddr_generation or RamGeneration.unknown])
    if drive := performance.storage_primary:
        taken_out.append(drive.capacity_gb * units.STORAGE_PER_GB[drive.medium or StorageMedium.unknown])
    made = appraise(performance, condition, price, estimated=False)
    assert made.adjusted_price_usd == price - sum(round(worth, 2) for worth in taken_out)


@pytest.mark.parametrize(
    ("names", "supposed"),
    [
        ((), []),
        (("ram",), [("RAM", f"not stated, supposed: 8 GB RAM at ${units.DDR4_PER_GB} per GB")]),
        (
            ("storage_primary",),
            [("Primary storage", f"not stated, supposed: 128 GB of storage at ${UNKNOWN_DRIVE} per GB")],
        ),
    ],
    ids=repr,
)
def test_the_breakdown_says_what_is_supposed(names: tuple[str, ...], supposed: list[tuple[str, str]]) -> None:
    way = used(without(*names)).fair_value_breakdown
    steps = way.adjustments if way else ()
    found = [(step.rule_name, step.reason) for step in steps if "not stated" in step.reason]
    assert found == supposed


@pytest.mark.parametrize(
    ("percent", "sentence"),
    [
        ("18.9", "Our estimate is about 18 % above the price."),
        ("15.0", "Our estimate is about 15 % above the price."),
        ("14.9", "Our estimate is about 14 % above the price."),
        ("0.5", "Our estimate is about the price."),
        ("-5.1", "Our estimate is about 6 % below the price."),
        ("-50.0", "Our estimate is about 50 % below the price."),
        ("1900.0", "Our estimate is about 1,900 % above the price."),
    ],
)
def test_the_verdict_says_how_far_the_estimate_is_from_the_price(percent: str, sentence: str) -> None:
    fair = used(laptop()).fair_value_usd or Decimal(0)
    # Not rounded to cents, so that the distance is the one in the table above.
    price = fair / (1 + Decimal(percent) / 100)
    made = appraise(laptop(), Condition.used, price - Decimal("1e-9"), estimated=False)
    assert made.verdict.startswith(f"{sentence} Half of such offers ask ")


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (used(None), "No estimate, because the CPU is not known."),
        (used(laptop(None)), "No estimate, because there are no benchmark marks for this CPU."),
    ],
)
def test_without_an_estimate_the_verdict_says_why(made: Appraisal, sentence: str) -> None:
    assert made.verdict == sentence


@pytest.mark.parametrize("price", [None, "0"])
def test_without_a_price_the_verdict_is_the_estimate(price: str | None) -> None:
    made = used(laptop(), price)
    sentence = f"Our estimate is about ${made.fair_value_usd:.0f}; price unknown. Half of "
    assert made.verdict.startswith(sentence)


def test_the_verdict_says_when_the_marks_are_those_of_a_family() -> None:
    verdict = used(laptop(), estimated=True).verdict
    assert " the price, by CPU family. Half of such offers" in verdict


@pytest.mark.parametrize(
    ("maker", "mark", "said"),
    [
        ("NVIDIA", None, True),
        ("Unknown", None, True),
        ("NVIDIA", 0, False),
        ("NVIDIA", 9000, False),
        ("Intel", None, False),
    ],
)
def test_the_verdict_says_when_a_graphics_card_without_marks_is_left_out(
    maker: str, mark: int | None, *, said: bool
) -> None:
    card = Gpu(name="some graphics", manufacturer=maker, gpu_mark=mark)
    verdict = used(laptop().model_copy(update={"gpu": card})).verdict
    assert (" the price, GPU left out. " in verdict) == said


def test_the_verdict_says_between_which_prices_half_of_such_offers_lie() -> None:
    fair = used(laptop()).fair_value_usd or Decimal(0)
    low, high = (f"${fair * share:,.0f}" for share in (units.LOW, units.HIGH))
    assert used(laptop()).verdict.endswith(f". Half of such offers ask {low} to {high}.")


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (("ram",), "Supposed: 8 GB RAM."),
        (("storage_primary",), "Supposed: 128 GB storage."),
        (("ram", "storage_primary"), "Supposed: 8 GB RAM, 128 GB storage."),
    ],
    ids=repr,
)
@pytest.mark.parametrize("price", ["200", None])
def test_the_verdict_calls_an_estimate_with_supposed_parts_a_guess_and_says_what_is_supposed(
    names: tuple[str, ...], sentence: str, price: str | None
) -> None:
    verdict = used(without(*names), price).verdict
    assert verdict.startswith("Our rough guess is about ")
    assert verdict.endswith(f". {sentence}")


def test_parts_that_make_no_sense_lead_to_no_fair_value() -> None:
    part = Component(component_type=ComponentType.misc, adjustment_value_usd=Decimal(-1_000_000))
    made = used(laptop().model_copy(update={"components": (part,)}))
    assert made.fair_value_usd is None
    assert made.verdict == "No estimate, because the stated parts lead to no sensible amount."


@given(OFFERED, st.sampled_from(Condition), st.none() | MONEY)
def test_base_and_adjustments_sum_to_what_is_said(
    performance: Performance, condition: Condition, price: Decimal | None
) -> None:
    made = appraise(performance, condition, price, estimated=False)
    for way, end in (
        (made.valuation_breakdown, made.adjusted_price_usd),
        (made.fair_value_breakdown, made.fair_value_usd),
    ):
        if way is not None and end is not None:
            assert way.base_price + sum(step.adjustment for step in way.adjustments) == way.final_price == end


@given(OFFERED, st.sampled_from(Condition), st.none() | MONEY)
def test_amounts_fit_a_money_column_whatever_a_file_claims(
    performance: Performance, condition: Condition, price: Decimal | None
) -> None:
    made = appraise(performance, condition, price, estimated=False)
    for amount in (made.base_price_usd, made.adjusted_price_usd, made.fair_value_usd):
        assert amount is None or (
            0 <= amount <= Decimal(str(facts.MONEY_MOST)) and amount == round(amount, 2)
        )


@given(OFFERED, st.sampled_from(Condition), st.none() | MONEY)
def test_a_tier_and_a_fair_value_agree(
    performance: Performance, condition: Condition, price: Decimal | None
) -> None:
    made = appraise(performance, condition, price, estimated=False)
    assert made.tier == tier(made.fair_value_usd, price)
    assert (made.tier is None) == (made.fair_value_usd is None or not price)


@given(OFFERED, st.sampled_from(Condition), MARKS, MARKS, MARKS, MARKS)
def test_a_better_cpu_never_lowers_the_fair_value(
    performance: Performance, condition: Condition, multi: int, single: int, more_multi: int, more_single: int
) -> None:
    worse, better = (
        appraise(
            performance.model_copy(
                update={"cpu": Cpu(name="a cpu", cpu_mark_multi=multi_mark, cpu_mark_single=single_mark)}
            ),
            condition,
            None,
            estimated=False,
        ).fair_value_usd
        for multi_mark, single_mark in ((multi, single), (multi + more_multi, single + more_single))
    )
    # Parts that a file claims may outgrow every amount; there is no estimate then, for neither.
    if worse is not None and better is not None:
        assert better >= worse


@pytest.mark.parametrize("names", [(), PARTS], ids=["all stated", "parts supposed"])
def test_a_better_cpu_raises_the_fair_value(names: list[str]) -> None:
    worse, better = (
        used(laptop(multi).model_copy(update=dict.fromkeys(names))).fair_value_usd or 0
        for multi in (6000, 6100)
    )
    assert better > worse


def test_no_unit_value_is_below_zero() -> None:
    tables = (units.RAM_PER_GB, units.STORAGE_PER_GB, units.COMPONENT, units.CONDITION_FACTOR)
    rates = [units.MACHINE, units.CPU_PER_MULTI_MARK, units.GPU_PER_MARK]
    assert min(*rates, *(rate for table in tables for rate in table.values())) >= 0


def test_every_kind_has_a_unit_value() -> None:
    assert set(units.RAM_PER_GB) == set(RamGeneration)
    assert set(units.STORAGE_PER_GB) == set(StorageMedium)
    assert set(units.COMPONENT) == set(ComponentType)
    assert set(units.CONDITION_FACTOR) == set(Condition)
