"""The renderer's handler, called as Lambda calls it, with the real stores and a real Chromium."""

import base64
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from dealbrain import cardspec, files, jsontext
from dealbrain.cardspec import MEDIA_TYPE, PIXELS, Card, Format, Size, Source, Style, Variant
from dealbrain.facts import Bucket
from functions.drawing import handler as drawing
from infra.local.run import System
from tests.cards import PATIENCE

PLACE = cardspec.listing_place(4_000_000_001)
SPEC = cardspec.of(
    Source(
        title="Lenovo ThinkCentre M720q Tiny i5-8400T 16GB 256GB",
        price_usd=Decimal("189.00"),
        adjusted_price_usd=Decimal("151.20"),
        cpu="Intel Core i5-8400T",
        ram_gb=16,
        ram_generation="ddr4",
        storage_gb=256,
        storage_medium="nvme",
        score=71.5,
        tier="good",
        verdict="Our estimate is about 9 % above the price.",
        as_of=date(2025, 10, 31),
        link="deals.example/listings/7",
        manufacturer="Lenovo",
        series="ThinkCentre",
    )
)
CARD = Card(PLACE, Variant(Style.dark, Size.instagram, Format.jpeg, cardspec.digest(SPEC)))
SPEC_KEY, PICTURE_KEY = CARD.spec_key, CARD.picture_key


@pytest.fixture(scope="module", autouse=True)
def _chromium(running: System) -> Iterator[None]:  # noqa: ARG001 - its stores are the handler's
    """Started by the first card, ended with the last test."""
    drawing._browser()._seconds = PATIENCE.total_seconds()
    yield
    drawing._browser().close()
    drawing._browser.cache_clear()


@pytest.fixture(autouse=True)
def _nothing_stored() -> Iterator[None]:
    yield
    files.delete(Bucket.generated, [SPEC_KEY, PICTURE_KEY])


def license_it(body: bytes) -> None:
    files.put(Bucket.generated, SPEC_KEY, body, "application/json")


def order(name: object = CARD.name) -> dict[str, Any]:
    return drawing.handler({"card": name}, None)


def test_a_ping_is_answered_without_starting_anything() -> None:
    assert drawing.handler({"warm": True}, None) == {"warm": True}


def test_without_a_spec_nothing_is_drawn() -> None:
    assert order() == {"missing": True}
    assert files.get(Bucket.generated, PICTURE_KEY) is None


def test_a_spec_of_another_template_is_no_licence() -> None:
    said: Any = jsontext.loads(cardspec.to_bytes(SPEC))
    license_it(jsontext.dumps({**said, "template": cardspec.TEMPLATE_VERSION + 1}).encode())
    assert order() == {"missing": True}


def test_a_spec_of_this_template_is_drawn() -> None:
    license_it(cardspec.to_bytes(SPEC))
    answer = order()
    picture = Image.open(BytesIO(base64.b64decode(answer["picture"])))
    assert (picture.size, picture.format, answer["media_type"]) == (
        PIXELS[Size.instagram],
        "JPEG",
        "image/jpeg",
    )


def test_what_is_drawn_is_stored_under_the_name_the_gate_looks_for() -> None:
    license_it(cardspec.to_bytes(SPEC))
    answer = order()
    assert files.get(Bucket.generated, PICTURE_KEY) == base64.b64decode(answer["picture"])


def test_what_is_stored_says_what_it_is() -> None:
    license_it(cardspec.to_bytes(SPEC))
    order()
    found = files._client().get_object(Bucket=files._name(Bucket.generated), Key=PICTURE_KEY)
    found["Body"].close()
    assert found["ContentType"] == MEDIA_TYPE[Format.jpeg]


def test_a_spec_of_another_listing_is_no_licence() -> None:
    license_it(cardspec.to_bytes(SPEC))
    assert order(CARD.name.replace(PLACE, "4000000002")) == {"missing": True}


def test_how_long_drawing_took_is_told() -> None:
    license_it(cardspec.to_bytes(SPEC))
    assert order()["milliseconds"] > 0


@pytest.mark.parametrize(
    "name",
    [
        CARD.name.replace("dark", "pink"),
        CARD.name.replace("instagram", "huge"),
        CARD.name.replace(".jpg", ".gif"),
        f"../{CARD.name}",
        CARD.variant.name,
        None,
    ],
)
def test_an_order_that_is_none_of_ours_is_refused(name: object) -> None:
    license_it(cardspec.to_bytes(SPEC))
    with pytest.raises((ValueError, AttributeError)):
        order(name)
