"""CPU names as people write them."""

import csv
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealbrain.hardware import cpu_family, cpu_key, find_cpu, find_models, fold, manufacturer, model_alone

DATA = Path(__file__).parents[2] / "shared" / "data"


def real_rows(name: str) -> list[dict[str, str]]:
    if not (DATA / name).exists():
        pytest.skip(f"the real data is not here: {name}")
    with (DATA / name).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Intel(R) Core(TM) i7-7700T CPU @ 2.90GHz", "i7 7700t"),
        ("Intel® Core™ i7-7700T", "Core i7-7700T"),
        ("Ryzen 5 PRO 4650U with Radeon Graphics", "AMD Ryzen 5 PRO 4650U"),
        ("11th Gen Intel Core i5-1135G7", "Intel Core i5-1135G7 @ 2.40GHz"),
        ("Intel Core i5-7300U 7th Gen.", "i5-7300U"),
        ("Intel® Core™ i5 i5-2520M", "Intel Core i5-2520M @ 2.50GHz"),
        ("core i5 m520", "Intel Core i5-520M @ 2.40GHz"),
        ("Intel Core 2 Duo T6600", "Intel Core2 Duo T6600 @ 2.20GHz"),
        ("Intel Core M-5Y71", "Intel Core M-5Y71 @ 1.20GHz"),
        ("Intel Celeron Processor N4100", "Intel Celeron N4100 @ 1.10GHz"),
        ("intel Atom x5 z8350", "Intel Atom x5-Z8350 @ 1.44GHz"),
        ("Intel Xeon E-2176M CPU", "Intel Xeon E-2176M @ 2.70GHz"),
        ("AMD A6-7310 APU", "AMD A6-7310"),
        ("Apple M1", "Apple M1 8 Core 3200 MHz"),
        ("Quad-Core Intel N100", "Intel N100"),
        ("MediaTek MT8183", "MT8183"),
        ("Intel Core \u202ei5-8350U\u202c", "i5-8350U"),
        ("Intel Core i5 8th Gen. 8250U", "i5-8250U"),
        ("Core i7 vPro 8650U", "i7-8650U"),
        ("6300U,  Core i5", "i5-6300U"),
        ("Intel Corei7-8850H", "i7-8850H"),
        ("AMD PRO A10-9700 R7, 10 COMPUTE CORES 4C+6G", "AMD A10 Pro-9700"),
        ("Amd A4-9120c Radeon R4 Dual-Core", "AMD A4-9120C"),
        ("Rockchip RK 3288", "Arm Rockchip Rk3288 Cortex A17 Quad-CORE"),
        ("新品i5-8350U电脑", "i5-8350U"),
    ],
)
def test_two_spellings_of_one_cpu_have_one_key(one: str, other: str) -> None:
    assert cpu_key(one) == cpu_key(other) is not None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("i5-8350U", "i5-8250U"),
        ("i5-8350U", "i7-8350U"),
        ("Ryzen 5 4500U", "i7-4500U"),
        ("Ryzen 5 PRO 3500U", "Ryzen 5 3500U"),
        ("Ryzen 7 7800X3D", "Ryzen 7 7800X"),
        ("Apple M1", "Apple M1 Pro"),
        ("Snapdragon 7c", "Snapdragon 7c Gen 2"),
        ("Xeon E5-2650 v2", "Xeon E5-2650 v3"),
        ("AMD A10-7700K", "AMD A10 PRO-7700K"),
        ("AMD A10 Micro-6700T", "AMD A10-6700T"),
    ],
)
def test_different_cpus_have_different_keys(one: str, other: str) -> None:
    keys = {cpu_key(one), cpu_key(other)}
    assert len(keys) == 2
    assert None not in keys


@pytest.mark.parametrize(
    "name",
    [
        "Does not apply",
        "",
        "?",
        "Intel",
        "Intel Core i5",
        "Intel Core i5 8th Gen.",
        "AMD Ryzen 5 7000 Series",
        "Intel Pentium 4 2.80GHz",
        "i5 256GB SSD",
        "i5 500 GB",
        "i7 2019",
        "ARM Apple M1 (Virtual) 4 Core 0 MHz",
        "AMD A4 Dual-Core",
        "EliteBook 8460p i5",
    ],
)
def test_a_name_without_an_exact_model_has_no_key(name: str) -> None:
    assert cpu_key(name) is None


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("Intel Core i5 8th Gen.", "core i5 gen 8"),
        ("Intel Core i5-8350U @ 1.70GHz", "core i5 gen 8"),
        ("Intel Core I5 \u200b\u200b12th Generation", "core i5 gen 12"),
        ("INTEL I5 10TH GEN", "core i5 gen 10"),
        ("i7 7th", "core i7 gen 7"),
        ("Intel Core i7-10610U", "core i7 gen 10"),
        ("Intel Core i5-1235U", "core i5 gen 12"),
        ("Intel Core i5-1035G1", "core i5 gen 10"),
        ("Intel Core i5-520M", "core i5 gen 1"),
        ("Intel Core m3 7th Gen.", "core m3 gen 7"),
        ("Intel Core m3-7Y30 @ 1.00GHz", "core m3 gen 7"),
        ("AMD Ryzen 5 7000 Series", "ryzen 5 gen 7000"),
        ("AMD Ryzen 5 PRO 7540U", "ryzen 5 gen 7000"),
        ("Ryzen 7 260", "ryzen 7 gen 200"),
        ("Intel Core 2 Duo", "core 2 duo"),
        ("Intel Pentium Gold", "pentium gen gold"),
        ("Intel Pentium Silver N6000", "pentium gen silver"),
        ("AMD A4 Dual-Core", "a4"),
        ("AMD A4-9120C", "a4"),
        ("intel Core m5", "core m5 gen 6"),
        ("Intel Core i5 de 8ª generación", "core i5 gen 8"),
        ("Intel Core i5 8ème génération", "core i5 gen 8"),
        ("Intel Core i5 8. Generation", "core i5 gen 8"),
        ("Core i5 第8世代", "core i5 gen 8"),
        ("酷睿i5 8代", "core i5 gen 8"),
    ],
)
def test_a_family_is_line_and_generation_for_offers_and_catalog_alike(name: str, family: str) -> None:
    assert cpu_family(name) == family


@pytest.mark.parametrize(
    "name",
    [
        "Intel Core i5",
        "Intel Celeron",
        "AMD Ryzen 7",
        "Does not apply",
        "Intel Core m3",
        "A4 paper",
        "Audi A6 2000 km",
        "Intel Core i5 6TH TILL 12TH GEN SELECT FROM ABOVE",
    ],
)
def test_a_name_that_says_too_little_has_no_family(name: str) -> None:
    assert cpu_family(name) is None


@pytest.mark.parametrize(
    ("name", "maker"),
    [
        ("i5-8350U", "Intel"),
        ("AMD Ryzen 5 PRO 4650U", "AMD"),
        ("ryzen 3", "AMD"),
        ("Apple M1", "Apple"),
        ("Snapdragon 8cx Gen 2", "Qualcomm"),
        ("MT8183", "MediaTek"),
        ("Backpack", None),
        ("viable", None),
    ],
)
def test_the_manufacturer_is_read_from_whole_words(name: str, maker: str | None) -> None:
    assert manufacturer(name) == maker


def test_a_cpu_is_found_inside_a_title() -> None:
    found = find_cpu("Dell Latitude 7490 14in 16GB 256GB SSD Intel i5-8350U Windows 10")
    assert found is not None
    assert (found.line, found.generation, found.model) == ("core i5", "8", "8350u")


@pytest.mark.parametrize(
    ("name", "alone"), [("8365U", True), ("1035G1", True), ("7490", False), ("N4020", False)]
)
def test_a_model_number_alone_is_told_from_other_numbers(name: str, *, alone: bool) -> None:
    key = cpu_key(name)
    assert key is not None
    assert model_alone(key) is alone


def test_every_exact_model_in_a_text_is_found_once() -> None:
    found = find_models("i5-8250U, Intel Core i5-8250U, Ryzen 5 3500U and an i7")
    assert [(cpu.line, cpu.model) for cpu in found] == [("core i5", "8250u"), ("ryzen 5", "3500u")]


@given(st.text(max_size=80))
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text(max_size=80))
def test_any_text_is_read_without_an_error(text: str) -> None:
    assert cpu_key(text) is None or cpu_key(text)
    assert cpu_family(text) is None or cpu_family(text)


def test_the_catalog_keeps_the_models_of_known_lines_apart() -> None:
    names = {row["name"] for row in real_rows("passmark-cpus.csv")}
    # Rockchip's are named by the board they were measured on, and each chip stands there many times.
    models = [name for name in names if (cpu := find_cpu(name)) and cpu.model and cpu.line != "rk"]
    keys = Counter(key for name in models if (key := cpu_key(name)))
    together = sum(count for count in keys.values() if count > 1)
    # Measured: 56 of 2151, which differ by clock, core count, edition or the maker's name only.
    assert together / len(models) < 0.035, together
