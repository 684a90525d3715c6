"""What parts of a used PC are worth, in US dollars: the one dated table behind every estimate.

Set by hand and checked against real laptop offers: half of the estimates are within about 26 % of the
price, without bias to speak of. A new table gets a new name, so that it can be seen which table made a
number.
"""

from decimal import Decimal
from types import MappingProxyType
from typing import Final

from dealbrain.document import ComponentType, Condition, RamGeneration, StorageMedium

RULESET_NAME: Final = "units-2026-11"

# The machine around it included: mainboard, case, screen. Both are sums of non-negative rates, so a
# better processor never lowers an estimate.
CPU_PER_MULTI_MARK: Final = Decimal("0.018")
CPU_PER_SINGLE_MARK: Final = Decimal("0.035")

# From the PassMark G3D mark of a graphics card.
GPU_PER_MARK: Final = Decimal("0.012")

RAM_PER_GB: Final = MappingProxyType(
    {
        RamGeneration.ddr3: Decimal("1.20"),
        RamGeneration.ddr4: Decimal("2.00"),
        RamGeneration.ddr5: Decimal("3.50"),
        RamGeneration.lpddr4: Decimal("2.00"),
        RamGeneration.lpddr4x: Decimal("2.00"),
        RamGeneration.lpddr5: Decimal("3.50"),
        RamGeneration.lpddr5x: Decimal("3.80"),
        RamGeneration.hbm2: Decimal("5.00"),
        RamGeneration.hbm3: Decimal("8.00"),
        RamGeneration.unknown: Decimal("2.00"),
    }
)

STORAGE_PER_GB: Final = MappingProxyType(
    {
        StorageMedium.nvme: Decimal("0.09"),
        StorageMedium.sata_ssd: Decimal("0.08"),
        StorageMedium.hdd: Decimal("0.02"),
        StorageMedium.hybrid: Decimal("0.03"),
        StorageMedium.emmc: Decimal("0.06"),
        StorageMedium.ufs: Decimal("0.08"),
        StorageMedium.unknown: Decimal("0.05"),
    }
)

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
    {Condition.new: Decimal("1.25"), Condition.refurb: Decimal("1.10"), Condition.used: Decimal("1.00")}
)

# Least share by which the estimate stands above the price, inclusive; best first.
TIERS: Final = (("great", Decimal("0.15")), ("good", Decimal("0.05")), ("fair", Decimal("-0.05")))
LOWEST_TIER: Final = "premium"

# How much each score weighs in the composite.
SCORE_WEIGHTS: Final = MappingProxyType({"score_cpu_multi": 5, "score_cpu_single": 3, "score_gpu": 2})
