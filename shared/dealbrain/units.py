"""What parts of a used PC are worth, in US dollars: the one dated table behind every estimate.

A line that says from how many offers it is was fitted to what real laptops were offered for, and is
written anew by ``python -m infra.local.fitting``; docs/benchmarks.md says how well it foretells prices.
All else is set by hand, each with its reason. A new table gets a new name, so that it can be seen which
table made a number.
"""

from decimal import Decimal
from types import MappingProxyType
from typing import Final

from dealbrain.document import ComponentType, Condition, Ram, RamGeneration, Storage, StorageMedium

RULESET_NAME: Final = "units-2026-11-22"

# The machine around the processor: mainboard, case, screen. No rate is below zero, so a better
# processor never lowers an estimate.
MACHINE: Final = Decimal("39.7")  # from 562 offers
CPU_PER_MULTI_MARK: Final = Decimal("0.0175")  # from 562 offers
# Sellers of used laptops seldom name the generation, and it is DDR4 in most of them.
DDR4_PER_GB: Final = Decimal("1.26")  # from 562 offers
# Nor do they tell one kind of SSD from another.
SSD_PER_GB: Final = Decimal("0.133")  # from 483 offers
HDD_PER_GB: Final = Decimal("0.040")  # from 89 offers
# How many times what a used one is worth.
REFURB: Final = Decimal("1.18")  # from 112 offers
NEW: Final = Decimal("1.63")  # from 47 offers
# Half of the prices that were left out of a fit lie between these multiples of their estimate.
LOW: Final = Decimal("0.79")  # from 562 offers
HIGH: Final = Decimal("1.35")  # from 562 offers

RAM_PER_GB: Final = MappingProxyType(
    {
        # Older memory goes for about two thirds of DDR4, newer for twice as much; what is soldered is
        # worth what its generation is.
        RamGeneration.ddr3: Decimal("0.80"),
        RamGeneration.ddr4: DDR4_PER_GB,
        RamGeneration.ddr5: Decimal("2.50"),
        RamGeneration.lpddr4: DDR4_PER_GB,
        RamGeneration.lpddr4x: DDR4_PER_GB,
        RamGeneration.lpddr5: Decimal("2.50"),
        RamGeneration.lpddr5x: Decimal("2.80"),
        # Hardly ever offered; at least worth what the newest memory is.
        RamGeneration.hbm2: Decimal("5.00"),
        RamGeneration.hbm3: Decimal("8.00"),
        RamGeneration.unknown: DDR4_PER_GB,
    }
)

STORAGE_PER_GB: Final = MappingProxyType(
    {
        StorageMedium.nvme: SSD_PER_GB,
        StorageMedium.sata_ssd: SSD_PER_GB,
        StorageMedium.hdd: HDD_PER_GB,
        # A hard disk with a few GB of flash.
        StorageMedium.hybrid: HDD_PER_GB,
        # Slower than an SSD and soldered. The offers make it six times as dear as one, because there is
        # hardly any of it in the machines that have it.
        StorageMedium.emmc: Decimal("0.10"),
        StorageMedium.ufs: Decimal("0.12"),
        # Between a hard disk and an SSD, as nobody says which.
        StorageMedium.unknown: Decimal("0.09"),
    }
)

# Where a seller says nothing, which foretells prices worse than anything that is said: the middle of what
# used laptops have. No other amount is clearly nearer to their prices (docs/benchmarks.md).
SUPPOSED_RAM: Final = Ram(total_gb=8)
SUPPOSED_STORAGE: Final = Storage(capacity_gb=128)

# From the PassMark G3D mark of a graphics card. The offers name cards without marks: half of those that
# do ask $97 more than their estimate or more, and laptops' cards of those years have 5,000 to 10,000 marks.
GPU_PER_MARK: Final = Decimal("0.012")

# For one piece of which nothing but its kind is known. A card or a thing of any kind may be worth
# nothing or a fortune, so it counts only with a value of its own.
COMPONENT: Final = MappingProxyType(
    {
        ComponentType.ram: Decimal(15),
        ComponentType.ssd: Decimal(20),
        ComponentType.hdd: Decimal(10),
        ComponentType.os_license: Decimal(15),
        ComponentType.wifi: Decimal(8),
        ComponentType.gpu: Decimal(0),
        ComponentType.misc: Decimal(0),
    }
)

# Used is what the rates above are for.
CONDITION_FACTOR: Final = MappingProxyType(
    {Condition.new: NEW, Condition.refurb: REFURB, Condition.used: Decimal("1.00")}
)

# Least share by which the estimate stands above the price, inclusive; best first.
TIERS: Final = (("great", Decimal("0.15")), ("good", Decimal("0.05")), ("fair", Decimal("-0.05")))
LOWEST_TIER: Final = "premium"

# How much each score weighs in the composite.
SCORE_WEIGHTS: Final = MappingProxyType({"score_cpu_multi": 5, "score_cpu_single": 3, "score_gpu": 2})
