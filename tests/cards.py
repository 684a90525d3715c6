"""Cards that tests draw, and the references they are compared with (tests/golden/cards).

After a change of the template: look at every picture, raise ``cardspec.TEMPLATE_VERSION``, then run
``python -m tests.cards``, which draws the references anew.
"""

import hashlib
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from io import BytesIO
from itertools import product
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops

from dealbrain import cardspec, facts, jsontext
from dealbrain.cardspec import PIXELS, CardSpec, CollectionSource, Format, Size, Source, Style, TopItem
from functions.drawing.browser import HERE, Browser, _Page

SOURCE = Source(
    title="Dell OptiPlex 7060 Micro Desktop PC, 16GB RAM, 512GB NVMe, Windows 11 Pro",
    price_usd=Decimal("1299.50"),
    adjusted_price_usd=Decimal("1105.00"),
    cpu="Intel Core i5-8500T",
    ram_gb=16,
    ram_generation="ddr4",
    storage_gb=512,
    storage_medium="nvme",
    score=82.4,
    tier="great",
    verdict="Our estimate is about 18 % above the price.",
    as_of=date(2025, 11, 2),
    link="deals.example/d/1042",
    manufacturer="Dell",
    series="OptiPlex",
)
SPEC = cardspec.of(SOURCE)
CROWDED = cardspec.of(
    replace(
        SOURCE,
        title="HP EliteDesk 800 G6 Desktop Mini Business PC (Intel 10-Core i9-10900T, 64GB DDR4) " * 4,
        price_usd=Decimal(str(facts.MONEY_MOST)),
        cpu="AMD Ryzen Threadripper PRO 7995WX 96-Core Processor with a name that goes on and on",
        ram_gb=2048,
        storage_gb=8192,
        score=100,
        tier="premium",
        verdict="Our estimate is about 23 % below the price; it rests on the processor. " * 5,
        manufacturer="Hewlett Packard Enterprise",
        series="EliteDesk 800 G6 Mini Business Series, Third Edition",
    )
)
UNBROKEN = cardspec.of(replace(SOURCE, title="W" * 255, cpu="X" * 200, verdict="Y" * 250, series="Z" * 90))
BARE = cardspec.of(
    replace(
        SOURCE,
        price_usd=None,
        cpu=None,
        ram_gb=None,
        ram_generation=None,
        storage_gb=None,
        storage_medium=None,
        score=None,
        tier=None,
        verdict="",
        manufacturer=None,
        series=None,
    )
)
EMOJI = cardspec.of(replace(SOURCE, title="🔥🔥 HP EliteDesk 800 💻🖥️🎮 i5-8500T 🚀 ships free 📦🎁🌈🍀🐙🦜"))
COLLECTION = cardspec.of_collection(
    CollectionSource(
        name="Quiet home servers under $300",
        owner="alice",
        count=17,
        cheapest_usd=Decimal(89),
        dearest_usd=Decimal("299.50"),
        top=(
            TopItem("Dell OptiPlex 7060 Micro Desktop PC, 16GB RAM, 512GB NVMe", Decimal(189), 91.0),
            TopItem("HP EliteDesk 800 G4 Mini i5-8500T 🔥", Decimal(175), 84.0),
            TopItem("Lenovo ThinkCentre M720q Tiny", None, 71.0),
            TopItem("Beelink SER5", Decimal("299.50"), None),
        ),
        as_of=date(2025, 11, 2),
        link="deals.example/c/31",
    )
)
SPECS = {
    "usual": SPEC,
    "crowded": CROWDED,
    "unbroken": UNBROKEN,
    "bare": BARE,
    "bare but dear": BARE.model_copy(update={"price": CROWDED.price, "price_class": "known"}),
    "dear": SPEC.model_copy(update={"price": "$123,456.78", "adjusted": "$101,234.50 adjusted"}),
    "free": cardspec.of(replace(SOURCE, price_usd=Decimal(0))),
    "of many colours": EMOJI,
    "a collection": COLLECTION,
    "a crowded collection": COLLECTION.model_copy(
        update={"title": CROWDED.title, "price": f"$1 \u2013 {CROWDED.price}"}
    ),
}
VARIANTS = list(product(Style, Size, Format))

# What pictureOf does before it paints; what was painted before is forgotten with the size of the canvas.
SHOW = """function (spec, look, width, height) {
  onTheCanvas = '';
  Object.assign(canvas, { width, height });
  showCard(spec, look, width, height);
}"""

REFERENCES = Path(__file__).with_name("golden") / "cards"
FINGERPRINT = REFERENCES / "template.json"
# A reference has a quarter of the pixels and so few colours: small, and enough to see a word moved.
COLOURS = 48
# Pictures are compared by the mean colours of squares of so many pixels of a reference.
SQUARE = 6


# More than a Chromium needs to start and draw on a busy machine. Who tries a deadline sets one.
PATIENCE = timedelta(seconds=30)


def patient() -> Browser:
    """A browser that may take its time."""
    return Browser(deadline=PATIENCE)


def soon() -> float:
    """Until when a page is given to answer."""
    return time.monotonic() + PATIENCE.total_seconds()


def page(browser: Browser) -> _Page:
    """The page of a browser that has drawn."""
    assert browser._page
    return browser._page


def run(browser: Browser, function: str, *values: object) -> Any:
    """Call a function in the page, with its document as ``this``."""
    return page(browser).run(soon(), function, *values)


def show(browser: Browser, spec: CardSpec, size: Size = Size.social, style: Style = Style.light) -> None:
    """All that a card does to the page, without a picture of it, which is what takes the time."""
    browser._ready_page(soon())
    look, pixels = f"{style} {size}", PIXELS[size]
    run(browser, SHOW, spec.model_dump(mode="json"), look, *pixels)


def opened(picture: bytes) -> Image.Image:
    """The pixels of a picture."""
    return Image.open(BytesIO(picture)).convert("RGB")


def reduced(picture: bytes) -> Image.Image:
    """A picture of half its width and height."""
    return opened(picture).reduce(2)


def difference(one: Image.Image, other: Image.Image) -> tuple[float, float]:
    """How much two pictures of one size differ, square by square, in levels of 255: the mean and the most."""
    between = ImageChops.difference(one.reduce(SQUARE), other.reduce(SQUARE)).convert("L")
    levels = list(between.tobytes())
    return sum(levels) / len(levels), max(levels)


def reference(style: Style, size: Size, kind: Format) -> Path:
    """Where the golden picture of a variant of ``SPEC`` is."""
    return REFERENCES / f"{style}-{size}-{kind}.png"


def fingerprint() -> str:
    """A digest of all that decides what a card looks like: template, fonts, and the words of these cards."""
    seen = hashlib.sha256()
    for file in (HERE / "card.html", HERE / "card.js", *sorted((HERE / "fonts").glob("*.[ot]tf"))):
        seen.update(file.read_bytes())
    for spec in SPECS.values():
        seen.update(spec.model_dump_json().encode())
    return seen.hexdigest()


def recorded() -> tuple[int, str]:
    """The version and the fingerprint of the template the references were drawn with."""
    said: Any = jsontext.loads(FINGERPRINT.read_bytes())
    return said["version"], said["fingerprint"]


def main() -> None:
    """Draw the references anew."""
    if FINGERPRINT.exists():
        version, found = recorded()
        if found != fingerprint() and version == cardspec.TEMPLATE_VERSION:
            sys.exit("The template changed: raise cardspec.TEMPLATE_VERSION first.")
    for variant, picture in _pictures():
        reduced(picture).quantize(COLOURS).save(reference(*variant), "PNG", optimize=True)
    said = {"version": cardspec.TEMPLATE_VERSION, "fingerprint": fingerprint()}
    FINGERPRINT.write_text(jsontext.dumps(said) + "\n", encoding="utf-8")


def _pictures() -> Iterator[tuple[tuple[Style, Size, Format], bytes]]:
    with closing(patient()) as browser:
        for variant in VARIANTS:
            yield variant, browser.draw(SPEC, *variant)


if __name__ == "__main__":
    main()
