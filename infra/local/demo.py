"""Walks the whole path with real offers: two people and a stranger, over HTTP, on a fresh system.

First by the API, then in pages. What it makes lands in out/: card pictures, the exported files, the preview,
and what became of every row that was loaded. Every step checks what is promised; the first broken promise
ends the walk.
"""

import json
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from io import BytesIO
from itertools import product
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from dealbrain.cardspec import EXTENSION, MEDIA_TYPE, PIXELS, Format, Size, Style
from dealbrain.identity import Person
from dealbrain.shapes import Tier
from infra.local import loading, seed
from infra.local.chromium import ensure_chromium
from infra.local.client import Client, UnkeptError
from infra.local.issuer import subject
from infra.local.processes import SetupError
from infra.local.run import ROOT, system
from infra.local.visitor import Visitor

DATA = ROOT.parent / "shared" / "data"
OFFERS = DATA / "ebay-laptop-listings.csv"
MARKS = DATA / "passmark-cpus.csv"
OUT = ROOT / "out"

WANTED = 500
FROM_EACH_TIER = 3
ATTEMPTS = 4
COLLECTION = "The best of a list, and the worst"
PRIVATE = "what only its collector may read"


def main() -> int:
    """Walk; 0 when everything was as promised, else 1."""
    os.environ.setdefault("POWERTOOLS_LOG_LEVEL", "WARNING")
    os.environ.setdefault("POWERTOOLS_METRICS_DISABLED", "true")
    ensure_chromium()
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="dealbrain-") as folder:
        print("Starting a system of its own …", flush=True)
        with system(Path(folder), durable=False) as running:
            print(f"It answers after {time.monotonic() - started:.1f} s.\n", flush=True)
            try:
                walk(running.url, OUT)
            except UnkeptError as broken:
                print(f"\nNot as promised: {broken}", flush=True)
                return 1
    print(
        f"\nAll as promised, in {time.monotonic() - started:.0f} s. What was made is in {OUT.name}/.",
        flush=True,
    )
    return 0


def walk(url: str, out: Path) -> None:
    """Go the whole path on a running, empty system that this process started.

    Args:
        url: scheme, host and port of the system.
        out: the folder that takes what is made.

    Raises:
        UnkeptError: something was not as the API promises.
    """
    with _step("two people sign in"):
        ada, ben, stranger = Client(url, "ada"), Client(url, "ben"), Client(url)
    with ada, ben, stranger:
        _load(url, out)
        collection = _gather(ada)
        _publish(ada, stranger, collection)
        _draw(stranger, collection, out / "cards")
        file = _export(ada, ben, collection, out)
        preview = _preview(ada, ben, file, out)
        _confirm(ben, stranger, preview)
        deal = ada.made(f"/listings/{collection['items'][0]['listing_id']}/share", {})["url"]
        link = ada.made(f"/collections/{collection['id']}/share-tokens", {})["url"]
    _look(url, collection, [path.removeprefix(url) for path in (link, deal)])


def _load(url: str, out: Path) -> None:
    missing = [file for file in (MARKS, OFFERS) if not file.exists()]
    if missing:
        print(
            f"The real lists are not here; the small demo set takes their place.\n"
            f"For the real ones put {' and '.join(file.name for file in missing)} into {DATA}."
        )
        with _step("load the demo set"):
            seed.load(url)
        return
    with _step("load benchmark marks") as say:
        say(f"{loading.processors(MARKS)} processors")
    with _step("load real offers") as say:
        fates = loading.offers(OFFERS, Person(subject("ada"), "ada"), wanted=WANTED)
        (out / "loading.txt").write_text(loading.report(fates), encoding="utf-8")
        for outcome, number in loading.counted(fates).items():
            say(f"{number} {outcome}")


def _gather(ada: Client) -> dict[str, Any]:
    """Collect some offers of every tier, and one that has none."""
    with _step("gather the best and the worst") as say:
        found = [_some(ada, tier) for tier in Tier]
        listings = [one for some in found for one in some]
        listings += [one for one in ada.read("/listings", limit=100)["items"] if one["tier"] is None][:1]
        collection = ada.made("/collections", {"name": COLLECTION, "description": "Sorted by **tier**."})
        for listing in listings:
            body = {"listing_id": listing["id"], "notes": listing["verdict"], "private_notes": PRIVATE}
            ada.made(f"/collections/{collection['id']}/items", body)
        again = ada.call("POST", f"/collections/{collection['id']}/items", 409, json=body)
        _promise(_code(again) == "already_in_collection", "A listing stands in a collection once.")
        whole = ada.read(f"/collections/{collection['id']}")
        _promise(whole["item_count"] == len(listings), "Every listing that was added is in the collection.")
        tiers = ", ".join(f"{len(some)} {tier}" for tier, some in zip(Tier, found, strict=True))
        say(f"{len(listings)} offers: {tiers}, 1 without a tier")
    return whole


def _some(person: Client, tier: Tier) -> list[dict[str, Any]]:
    """The best scored offers of a tier; sellers list one machine many times, so one for each title."""
    found = person.read("/listings", tier=tier, sort="score", limit=50)["items"]
    by_title = {one["title"]: one for one in reversed(found)}
    return sorted(by_title.values(), key=found.index)[:FROM_EACH_TIER]


def _publish(ada: Client, stranger: Client, collection: Mapping[str, Any]) -> None:
    number = collection["id"]
    with _step("publish; a stranger finds it") as say:
        stranger.call("GET", f"/collections/public/{number}", 404)
        ada.call("PATCH", f"/collections/{number}/visibility", 200, json={"visibility": "public"})
        found = stranger.read("/collections/discover", q="best worst")["items"]
        _promise([one["id"] for one in found] == [number], "Discover finds the collection by its words.")
        answer = stranger.call("GET", f"/collections/public/{number}", 200)
        _promise(answer.json()["item_count"] == collection["item_count"], "A stranger sees every item.")
        _promise(PRIVATE not in answer.text, "A stranger never sees private notes.")
        say(f"{len(answer.content) / 1_000:.0f} KB without anything private")


def _draw(stranger: Client, collection: Mapping[str, Any], folder: Path) -> None:
    """Fetch all twelve pictures of the first listing and one of every other."""
    folder.mkdir()
    first, *others = [item["listing_id"] for item in collection["items"]]
    every = [(first, *variant) for variant in product(Style, Size, Format)]
    every += [(one, Style.light, Size.social, Format.png) for one in others]
    with _step("the stranger has cards drawn") as say:
        drawn = [_card(stranger, folder, *one) for one in every]
        say(f"{len(drawn)} pictures, half within {statistics.median(drawn) * 1_000:.0f} ms")
        say(f"the first after {drawn[0] * 1_000:.0f} ms (Chromium starts)")
    with _step("the same cards again, now stored") as say:
        found = [_card(stranger, folder, *one) for one in every]
        say(f"half within {statistics.median(found) * 1_000:.0f} ms")


def _card(stranger: Client, folder: Path, listing: int, style: Style, size: Size, kind: Format) -> float:
    """Fetch one picture as people do, by way of its listing; give the seconds it took."""
    asked = time.monotonic()
    wanted = {"style": style, "size": size, "format": kind}
    found = stranger.call("GET", f"/listings/{listing}/card-image", 302, params=wanted)
    picture = _drawn(stranger, found.headers["location"].removeprefix("/v1"))
    seconds = time.monotonic() - asked
    _promise(picture.headers["content-type"] == MEDIA_TYPE[kind], "A card is labelled as what it is.")
    seen = Image.open(BytesIO(picture.content))
    _promise((seen.size, seen.format) == (PIXELS[size], kind.upper()), "A card has the size asked for.")
    (folder / f"{listing}-{style}-{size}.{EXTENSION[kind]}").write_bytes(picture.content)
    return seconds


def _drawn(stranger: Client, address: str) -> httpx.Response:
    """Ask for a picture until it is there; while the renderer is busy there is a placeholder."""
    for _ in range(ATTEMPTS):
        picture = stranger.call("GET", address, 200, 503)
        if picture.status_code == HTTPStatus.OK:
            return picture
        _promise("retry-after" in picture.headers, "A placeholder says when to ask again.")
        threading.Event().wait(float(picture.headers["retry-after"]))
    raise UnkeptError(f"{address} was not drawn in {ATTEMPTS} attempts; is the machine very busy?")


def _export(ada: Client, ben: Client, collection: Mapping[str, Any], out: Path) -> bytes:
    """Export as the owner and as somebody else; give the file somebody else gets."""
    path = f"/collections/{collection['id']}/export"
    with _step("export, as owner and as another") as say:
        own, other = ada.call("GET", path, 200), ben.call("GET", path, 200)
        (out / "collection.json").write_bytes(own.content)
        (out / "collection-for-others.json").write_bytes(other.content)
        _promise("attachment" in own.headers["content-disposition"], "An export is a file to keep.")
        _promise(PRIVATE in own.text, "The owner's own file holds private notes.")
        _promise(PRIVATE not in other.text, "A file made by another holds no private notes.")
        say(f"{len(own.content) / 1_000:.0f} KB and {len(other.content) / 1_000:.0f} KB")
    return other.content


def _preview(ada: Client, ben: Client, file: bytes, out: Path) -> dict[str, Any]:
    with _step("the other imports it: a preview") as say:
        headers = {"Content-Type": "application/json"}
        answer = ben.call("POST", "/collections/import", 201, content=file, headers=headers)
        preview: dict[str, Any] = answer.json()
        _write(out / "preview.json", preview)
        certain = [row for row in preview["rows"] if _best(row) == 1.0]
        _promise(len(certain) == len(preview["rows"]), "Every row is known to be one of ours.")
        reopened = ben.read(f"/imports/{preview['preview_id']}")
        _promise(reopened["rows"] == preview["rows"], "A preview opened again shows the same.")
        ada.call("GET", f"/imports/{preview['preview_id']}", 404)
        say(f"{len(certain)} rows, each a duplicate; {len(preview['duplicates'])} matches in all")
    return preview


def _best(row: Mapping[str, Any]) -> float:
    return max((float(one["match_score"]) for one in row["duplicates"]), default=0.0)


def _confirm(ben: Client, stranger: Client, preview: Mapping[str, Any]) -> None:
    """Confirm as suggested but for the first row, which is made anew."""
    wanted = {"preview_id": preview["preview_id"], "merge_strategy": "create_new"}
    decided = wanted | {"decisions": [{"index": 0, "decision": "create"}]}
    with _step("confirm, and confirm again") as say:
        done = ben.made("/collections/import/confirm", decided)
        again = ben.made("/collections/import/confirm", decided, status=200)
        _promise(again == done, "The same confirm again gives the same answer.")
        other = ben.call("POST", "/collections/import/confirm", 409, json=wanted)
        _promise(_code(other) == "already_used", "Another confirm of the same preview is refused.")
        counts = done["counts"]
        _promise(sum(counts.values()) == len(preview["rows"]), "The counts add up to the rows shown.")
        _promise(counts["created"] == 1, "One listing was made, as decided.")
        mine = ben.read(f"/collections/{done['id']}")
        _promise(mine["visibility"] == "private", "What is imported is private.")
        stranger.call("GET", f"/collections/public/{done['id']}", 404)
        say(f"{counts['created']} created, {counts['used']} of ours used, once")


def _look(url: str, collection: Mapping[str, Any], links: Sequence[str]) -> None:
    """See the same in pages, as the same three; forms are sent as a browser without scripts sends them."""
    with _step("the three at browsers: they sign in"):
        ada, ben, stranger = Visitor(url, "ada"), Visitor(url, "ben"), Visitor(url)
    own = f"/collections/{collection['id']}"
    item = collection["items"][0]
    with ada, ben, stranger:
        with _step("a stranger looks around in pages") as say:
            offer = f"/listings/{item['listing_id']}"
            paths = ("/", "/discover?q=best+worst", own, offer, f"{offer}/card", *links)
            pages = [stranger.open(path) for path in paths]
            _promise(all(COLLECTION in pages[at] for at in (1, 2, 5)), "Pages name the collection.")
            _promise(not any(PRIVATE in page for page in pages), "No page tells strangers private notes.")
            stranger.open("/collections/999999", 404)
            _promise(stranger.send(f"{own}/copy").startswith("/sign-in"), "Copying leads to signing in.")
            say(f"{len(pages)} pages, {sum(map(len, pages)) / len(pages) / 1_000:.0f} KB each")
        with _step("its owner works in it, the other copies"):
            _promise(PRIVATE in ada.open(own), "Its owner's page shows private notes.")
            ada.send(f"{own}/items/{item['id']}", status="shortlisted")
            ada.open(f"{own}?status=shortlisted&view=table&sort=price")
            copied = ben.open(ben.send(f"{own}/copy"))
            _promise("copied from here" in copied, "A copy says what it is a copy of.")
            _promise(COLLECTION in ben.open("/import"), "One's imports are listed.")


def _code(answer: httpx.Response) -> str:
    return str(answer.json()["code"])


# ------------------------------------------------------------------------------------------- telling


@contextmanager
def _step(name: str) -> Iterator[Callable[[str], None]]:
    """Print a step with its time and what it says of itself, once it is done."""
    said: list[str] = []
    started = time.monotonic()
    yield said.append
    seconds = time.monotonic() - started
    first, *rest = said or [""]
    print(f"{seconds:7.2f} s  {name:<37} {first}".rstrip(), flush=True)
    for line in rest:
        print(f"{'':48} {line}", flush=True)


def _promise(kept: bool, sentence: str) -> None:  # noqa: FBT001 - the condition is what this is about
    if not kept:
        raise UnkeptError(sentence)


def _write(file: Path, content: object) -> None:
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SetupError as missing:
        sys.exit(str(missing))
    except KeyboardInterrupt:
        sys.exit(130)
