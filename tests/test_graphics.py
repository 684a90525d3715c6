"""GPU names as people write them. Which of the catalog they are is in test_catalog."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealbrain.graphics import key, manufacturer
from tests.makers import rows


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("NVIDIA GeForce RTX 3050 Ti", "RTX3050Ti"),
        ("NVIDIA® GeForce® RTX™ 3060 6GB GDDR6", "rtx 3060"),
        ("GeForce RTX 3060 Laptop GPU", "RTX 3060 Mobile"),
        ("NVIDIA Quadro P3200 with 6GB GDDR5 dedicated memory", "Nvidia P3200"),
        ("Radeon RX 7900 XTX", "AMD RX7900XTX"),
        ("Carte graphique Intel HD 520", "Intel(R) HD Graphics 520"),
        ("INTEL UHD-GRAFIK 620", "Gráficos Intel UHD 620"),
        ("AMD Radeon RX Vega 10", "Vega 10"),
        ("Intel Iris Xᵉ Graphics", "Iris Xe"),
        ("ATI Radeon HD 4650", "Radeon HD4650"),
    ],
)
def test_two_spellings_of_one_gpu_have_one_key(one: str, other: str) -> None:
    assert key(one) == key(other) is not None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("RTX 3050", "RTX 3050 Ti"),
        ("RTX 3060", "RTX 3060 Laptop GPU"),
        ("GTX 780M", "Radeon 780M"),
        ("Intel HD Graphics 4600", "AMD Radeon HD 4600"),
        ("GeForce 320M", "Radeon 320M"),
        ("Radeon RX 5500M", "Radeon Pro 5500M"),
        ("Intel HD 620", "Intel UHD 620"),
    ],
)
def test_different_gpus_have_different_keys(one: str, other: str) -> None:
    keys = {key(one), key(other)}
    assert len(keys) == 2
    assert None not in keys


@pytest.mark.parametrize(
    "name", ["", "Intel HD Graphics", "AMD Radeon Graphics", "Integrated", "Mystery 9000", "4GB GDDR6"]
)
def test_a_name_that_tells_no_model_has_no_key(name: str) -> None:
    assert key(name) is None


@pytest.mark.parametrize(
    ("name", "maker"),
    [
        ("GeForce MX150", "NVIDIA"),
        ("RTX 4060", "NVIDIA"),
        ("Radeon Pro WX 3100", "AMD"),
        ("Intel HD Graphics 520", "Intel"),
        ("Adreno 690", "Qualcomm"),
        ("Mystery 9000", None),
        ("A card with HDMI", None),
    ],
)
def test_the_manufacturer_is_read_from_the_name(name: str, maker: str | None) -> None:
    assert manufacturer(name) == maker


@given(st.text(max_size=80))
def test_any_text_is_read_without_an_error(name: str) -> None:
    assert key(name) is None or key(name)
    assert manufacturer(name) is None or manufacturer(name)


def test_real_spellings_of_one_gpu_meet() -> None:
    """Measured: 234 spellings in the list; those that name a model are 111 models."""
    spellings = {" ".join(row["GPU"].split()) for row in rows("ebay-laptop-listings.csv")}
    named = {one: key(one) for one in spellings if key(one)}
    assert len(set(named.values())) <= 0.7 * len(named)
