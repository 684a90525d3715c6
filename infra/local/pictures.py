"""Takes pictures of every page over the demo set: docs/pictures/pages/<page>-<phone or desktop>-<theme>.jpg.

A system of its own, real people signing in, one Chromium. What differs from one run to the next is what has
to: days, and numbers that nobody chose. Letters are those of the cards, whatever fonts this machine has;
without them a machine without Debian's fonts-noto-cjk shows boxes for Japanese.
"""

import copy
import json
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright
from sqlalchemy.orm import aliased

from dealbrain.cardspec import Style
from dealbrain.db import transaction
from dealbrain.tables import PricePoint
from infra.local import seed
from infra.local.chromium import ensure_chromium
from infra.local.client import Client
from infra.local.processes import SetupError
from infra.local.run import ROOT, System, system
from infra.local.seed import CURATOR, HUNTER

PAGES = ROOT / "docs" / "pictures" / "pages"
QUALITY = 45
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>{fonts}</dir>
  <cachedir>{folder}/fonts</cachedir>
  <match><edit name="family" mode="append" binding="strong"><string>Inter</string></edit></match>
</fontconfig>
"""
OTHER = aliased(PricePoint)

type Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")


@dataclass(frozen=True)
class Screen:
    """What a page is looked at on."""

    name: str
    width: int
    height: int
    most: int
    """Where a longer page is cut."""
    width_kept: int
    """How wide its picture is."""


SCREENS = (Screen("phone", 360, 740, 960, 360), Screen("desktop", 1280, 860, 900, 720))

# A shop's page as somebody would paste it; the shop does not exist.
SHOP = """Lenovo ThinkCentre M720q Tiny i5-8500T 16GB RAM 256GB SSD Windows 11 Pro
US $164.90
Condition: Used
https://shop.example/offers/m720q
Processor: Intel Core i5-8500T
RAM Size: 16 GB
SSD Capacity: 256 GB
Graphics: maybe a Quadro"""
NEW = "HP EliteDesk 705 G5 Mini Ryzen 5 PRO 3400GE 16GB 256GB NVMe"
# Half of it can be read.
TABLE = """title,price,url
HP ProDesk 600 G4 Mini i5-8500T 16GB,199,https://shop.example/offers/prodesk-600
,120,https://shop.example/offers/nameless
Fujitsu Esprimo Q558,about a hundred,https://shop.example/offers/q558
"""


@dataclass(frozen=True)
class Shot:
    """A page to take a picture of."""

    name: str
    path: str
    who: str | None = None
    bring: Callable[[Page], None] | None = None
    """What somebody does on the page first."""
    is_dialog: bool = False
    """Only what is on the screen: what lies under a dialog says nothing."""


def main() -> int:
    """Take them all, in place of those there were."""
    os.environ.setdefault("POWERTOOLS_LOG_LEVEL", "ERROR")
    os.environ.setdefault("POWERTOOLS_METRICS_DISABLED", "true")
    chromium = ensure_chromium()
    with (
        tempfile.TemporaryDirectory(prefix="dealbrain-") as folder,
        system(Path(folder), durable=False) as running,
        sync_playwright() as playwright,
    ):
        seed.load(running.url)
        fonts = Path(folder) / "fonts.conf"
        fonts.write_text(FONTS.format(fonts=ROOT / "functions/drawing/fonts", folder=folder))
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox"],
            env={**os.environ, "FONTCONFIG_FILE": str(fonts)},
        )
        shutil.rmtree(PAGES, ignore_errors=True)
        PAGES.mkdir(parents=True)
        shots = prepare(running)
        for screen in SCREENS:
            for theme in THEMES:
                _round(browser, running, shots, screen, theme)
        browser.close()
    taken = sorted(PAGES.iterdir())
    size = sum(one.stat().st_size for one in taken)
    print(f"{len(taken)} pictures, {size / 1_000_000:.1f} MB, in {PAGES.relative_to(ROOT)}/.")
    return 0


# ------------------------------------------------------------------------------------ what there is to see


def prepare(running: System) -> tuple[Shot, ...]:
    """Make what the demo set lacks, have every card drawn, and say what to look at."""
    with Client(running.url, CURATOR) as nora, Client(running.url, HUNTER) as theo:
        lab, laptops = _named(nora, "Quiet boxes for a home lab"), _named(theo, "Laptops under $300 that")
        quiet = nora.read(f"/collections/{lab['id']}")["items"]
        box, micro = (item["listing_id"] for item in quiet[:2])
        _prices(nora, box, 239, 219)
        _prices(nora, micro, 249, 279)
        file = json.loads(theo.call("GET", f"/collections/{lab['id']}/export", 200).text)
        _prices(nora, box, 189)
        _spread_in_time()
        preview, imported = _imports(theo, file)
        empty = nora.made("/collections", {"name": "For the workshop"})["id"]
        draft = nora.made("/collections", {"name": "To think about"})["id"]
        nora.made(f"/collections/{draft}/items", {"listing_id": box})
        nora.made(f"/collections/{lab['id']}/share-tokens", {"label": "The forum"})
        deal = nora.made(f"/listings/{box}/share", {})["url"]
        _draw(nora, [f"/listings/{one['id']}" for one in nora.read("/listings", limit=100)["items"]])
        _draw(nora, [f"/collections/{one}" for one in (lab["id"], laptops["id"], empty, draft)])
    chosen = "&".join(f"item={item['id']}" for item in quiet[:4])
    own, offer = f"/collections/{lab['id']}", f"/listings/{box}"
    return (
        Shot("home", "/"),
        Shot("discover", "/discover"),
        Shot("discover-filtered", "/discover?q=laptops&max_price=300", HUNTER),
        Shot("discover-nothing", "/discover?q=mainframes"),
        Shot("sign-in", "/sign-in?next=/collections"),
        Shot("collection", own),
        Shot("collection-table", f"{own}?view=table", HUNTER),
        Shot("collections", "/collections", CURATOR),
        Shot("workspace", own, CURATOR),
        Shot("workspace-notes", own, CURATOR, _noting),
        Shot("workspace-cards", f"{own}?view=cards", CURATOR),
        Shot("workspace-chosen", own, CURATOR, _choose),
        Shot("workspace-filtered", f"{own}?max_price=260&sort=per_mark", CURATOR),
        Shot("workspace-empty", f"/collections/{empty}", CURATOR),
        Shot("share", own, CURATOR, _opened("Share"), is_dialog=True),
        Shot("share-warning", f"/collections/{draft}", CURATOR, _warned, is_dialog=True),
        Shot("share-ending-links", own, CURATOR, _closing, is_dialog=True),
        Shot("collection-delete", own, CURATOR, _deleting, is_dialog=True),
        Shot("compare", f"{own}/compare?{chosen}", CURATOR),
        Shot("offer", offer),
        Shot("offer-mine", offer, CURATOR),
        Shot("offer-by-link", deal.removeprefix(running.url)),
        Shot("offer-card", offer, HUNTER, _opened("Make a picture"), is_dialog=True),
        Shot("offer-collect", offer, HUNTER, _opened("Add to a collection"), is_dialog=True),
        Shot("offer-delete", offer, CURATOR, _opened("Delete"), is_dialog=True),
        Shot("offer-new", "/listings/new", HUNTER),
        Shot("offer-pasted", "/listings/new", HUNTER, _pasted),
        Shot("import", "/import", HUNTER),
        Shot("import-table", "/import", HUNTER, _brought),
        Shot("import-preview", f"/import/{preview}", HUNTER),
        Shot("import-result", f"/import/{imported}", HUNTER),
        Shot("embed", f"/embed/{lab['id']}"),
        Shot("not-found", "/collections/999999"),
        # The hunter's last: it ends the session.
        Shot("not-sent", "/listings/new", HUNTER, _signed_out),
    )


def _named(person: Client, begins: str) -> dict[str, Any]:
    mine = person.read("/collections")["items"]
    return next(one for one in mine if one["name"].startswith(begins))


def _prices(person: Client, listing: int, *prices: int) -> None:
    for price in prices:
        person.call("PATCH", f"/listings/{listing}", 200, json={"price_usd": price})


def _spread_in_time() -> None:
    """Say of the prices seen, which all were just now, that they are of one week after another."""
    newer = sa.select(sa.func.count()).where(
        OTHER.listing_id == PricePoint.listing_id, OTHER.id > PricePoint.id
    )
    ago = newer.scalar_subquery() * sa.literal(timedelta(days=9))
    with transaction() as session:
        session.execute(sa.update(PricePoint).values(seen_at=PricePoint.seen_at - ago))


def _imports(theo: Client, file: dict[str, Any]) -> tuple[str, str]:
    """A preview of a file with most of what can be in one, and an import that was done."""
    new = copy.deepcopy(file["data"]["items"][0])
    new["listing"]["listing"] |= {"id": 9_999, "title": NEW, "listing_url": None, "price_usd": 215}
    file["data"]["items"].append(new)
    previews = [theo.made("/collections/import", file)["preview_id"] for _ in range(2)]
    wanted = {"preview_id": previews[1], "merge_strategy": "create_new"}
    return previews[0], theo.made("/collections/import/confirm", wanted)["import_id"]


def _draw(person: Client, paths: list[str]) -> None:
    """Have cards drawn ahead, so that no page has a placeholder in it."""
    for path in paths:
        for style in Style:
            address = person.call("GET", f"{path}/card-image", 302, params={"style": style}).headers[
                "location"
            ]
            while person.call("GET", address.removeprefix("/v1"), 200, 503).status_code != 200:
                threading.Event().wait(1)


# ------------------------------------------------------------------------------------- what is done there


def _opened(link: str) -> Callable[[Page], None]:
    def bring(page: Page) -> None:
        page.get_by_role("link", name=link, exact=True).click()
        page.get_by_role("dialog").wait_for()

    return bring


def _warned(page: Page) -> None:
    _opened("Share")(page)
    page.get_by_role("dialog").get_by_text("Public", exact=True).click()
    page.get_by_role("button", name="Make it public").wait_for()


def _closing(page: Page) -> None:
    _opened("Share")(page)
    page.get_by_role("dialog").get_by_text("Private", exact=True).click()
    page.get_by_role("button", name="Make it private").wait_for()


def _deleting(page: Page) -> None:
    page.get_by_text("More", exact=True).click()
    _opened("Delete")(page)


def _noting(page: Page) -> None:
    page.locator(".notes summary").first.click()
    page.get_by_label("Public note").wait_for()


def _choose(page: Page) -> None:
    for number in (0, 2):
        page.locator(".item [name=item]").nth(number).check()


def _pasted(page: Page) -> None:
    page.locator("#text").fill(SHOP)
    page.get_by_role("button", name="Fill in the form").click()
    page.locator("#drafted").wait_for()


def _signed_out(page: Page) -> None:
    page.get_by_label("Title").fill("Dell OptiPlex 7060 Micro")
    page.context.clear_cookies()
    page.get_by_role("button", name="Add the offer").click()
    page.get_by_role("button", name="Send it now").wait_for()


def _brought(page: Page) -> None:
    page.set_input_files("#file", {"name": "From a forum.csv", "mimeType": "", "buffer": TABLE.encode()})
    page.get_by_role("button", name="Preview").click()
    page.locator(".confirm").wait_for()


# ------------------------------------------------------------------------------------------------- taking


def _round(browser: Browser, running: System, shots: tuple[Shot, ...], screen: Screen, theme: Theme) -> None:
    for who in (None, CURATOR, HUNTER):
        with _signed_in(browser, running, who, screen, theme) as page:
            for shot in shots:
                if shot.who == who:
                    _take(page, shot, screen, PAGES / f"{shot.name}-{screen.name}-{theme}.jpg")


@contextmanager
def _signed_in(
    browser: Browser, running: System, who: str | None, screen: Screen, theme: Theme
) -> Iterator[Page]:
    size = ViewportSize(width=screen.width, height=screen.height)
    context = browser.new_context(
        base_url=running.url, viewport=size, color_scheme=theme, reduced_motion="reduce"
    )
    page = context.new_page()
    if who:
        page.goto("/sign-in")
        page.get_by_role("button", name=who, exact=True).click()
        page.get_by_label(f"Signed in as {who}").wait_for()
    yield page
    context.close()


def _take(page: Page, shot: Shot, screen: Screen, file: Path) -> None:
    page.goto(shot.path)
    if shot.bring:
        shot.bring(page)
    # Pictures further down are fetched when somebody comes near them.
    page.evaluate(
        "Promise.all([...document.images].map((one) => { one.loading = 'eager'; return one.decode(); }))"
    )
    page.mouse.move(0, 0)
    if not shot.is_dialog:
        # On a screen as high as the page, what sticks to an edge stands at the edge.
        page.evaluate("scrollTo(0, 0)")
        height = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({"width": screen.width, "height": min(height, screen.most)})
    _keep(Image.open(BytesIO(page.screenshot(animations="disabled"))), screen, file)
    page.set_viewport_size({"width": screen.width, "height": screen.height})


def _keep(taken: Image.Image, screen: Screen, file: Path) -> None:
    height = round(taken.height * screen.width_kept / screen.width)
    kept = taken.convert("RGB").resize((screen.width_kept, height), Image.Resampling.LANCZOS)
    kept.save(file, quality=QUALITY, optimize=True, progressive=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SetupError as missing:
        sys.exit(str(missing))
    except KeyboardInterrupt:
        sys.exit(130)
