"""Every page in every state worth looking at: who opens it, where it is, and what has to happen first.

All that is claimed of every page reads this one table; a page that is in no way of it fails a test.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
from playwright.sync_api import Page

from dealbrain import pending
from dealbrain.pending import READING, Pending
from infra.local.issuer import subject
from tests.makers import LATITUDE, Api, Person, made

LONG = "W" * 255
TITLES = (
    "Beelink SER5 MAX Ryzen 7 5800H 32GB 1TB",
    LONG,
    "レノボ ThinkPad X280 整備済み品 " * 6,
    "حاسوب محمول ديل لاتيتيود " * 6,
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "👩‍💻 " * 40,
)
TABLE = (
    f"title,price,url,seller\n{LATITUDE['title']},249,{LATITUDE['listing_url']},Another shop\n"
    f"{'W' * 200},175,,{'s' * 100}\n,9,,\n"
)
SHOP = 'Dell Latitude E5470 14" FHD Laptop i5-6300U 16GB RAM 500GB SSD\nUS $175.00\nCondition: Used\n'
# Steam's own processor with all its marks, so cheap that it is far below what it is worth.
BARGAIN: Mapping[str, Any] = {"title": TITLES[0], "price_usd": 60, "listing_url": None}


@dataclass
class World:
    """What there is: addresses by the names the table below calls them."""

    at: dict[str, str] = field(default_factory=dict)


def world(api: Api) -> World:
    """Make two people, what they have, and every state a page can be in; the tables are empty before."""
    alice, bob, made_up = api.person("alice"), api.person("bob"), World()
    _offers(alice, bob, made_up)
    _collections(alice, bob, made_up)
    _imports(api, alice, made_up)
    return made_up


def rich(person: Person, **said: Any) -> dict[str, Any]:
    """An offer with everything its page can show."""
    listing = person.listing(
        notes="Ask for the charger.\n" * 3,
        device_model="Latitude 7490",
        custom_fields={"shelf": "B7", "long": "x" * 300},
        other_urls=[
            {"url": "https://www.example.com/manual", "label": "Manual"},
            {"url": "https://b.example/"},
        ],
        performance=LATITUDE["performance"]
        | {
            "gpu": {"name": "Intel UHD Graphics 620", "gpu_mark": 1000},
            "storage_secondary": {"capacity_gb": 1000, "medium": "hdd"},
            "ports": {"ports": [{"type": "usb_c", "count": 2, "spec_notes": "10 Gbit/s"}]},
            "components": [{"component_type": "wifi", "name": "AX210"}],
        },
        metadata={
            "manufacturer": "Dell",
            "series": "Latitude",
            "model_number": "P73G",
            "form_factor": "laptop",
        },
        **said,
    )
    for price in (249, 319, 199):
        person.patch(f"/listings/{listing['id']}", {"price_usd": price})
    return listing


def _offers(alice: Person, bob: Person, into: World) -> None:
    listing = rich(alice)
    into.at["offer"] = f"/listings/{listing['id']}"
    unknown = ("price_usd", "listing_url", "seller", "performance", "metadata")
    bare = alice.listing(title="?", **dict.fromkeys(unknown))
    into.at["bare offer"] = f"/listings/{bare['id']}"
    into.at["deal"] = path(made(bob.post(f"/listings/{listing['id']}/share"))["url"])
    orphan = alice.listing(title="An offer nobody has any more", listing_url=None)
    bob.item(bob.collection("Bob's private picks"), orphan)
    alice.delete(f"/listings/{orphan['id']}")
    into.at["orphan"] = f"/listings/{orphan['id']}"


def _collections(alice: Person, bob: Person, into: World) -> None:
    described = (
        "**Small** machines that are _quiet_: see [the list](https://example.com/list).\n\n* one\n* two"
    )
    public = alice.collection("Quiet minis under 400 dollars", description=described, visibility="public")
    items = [
        alice.item(public, {"id": int(into.at["offer"].rpartition("/")[2])}, notes="The one to beat. " * 8)
    ]
    for number, title in enumerate(TITLES):
        listing = alice.listing(**{**BARGAIN, "title": title, "price_usd": 60 + number})
        into.at[f"offer {number}"] = f"/listings/{listing['id']}"
        items.append(
            alice.item(public, listing, notes=title[:90], status="shortlisted" if number else "rejected")
        )
    into.at["notes"] = f"/collections/{public['id']}/items/{items[0]['id']}"
    chosen = "&".join(f"item={item['id']}" for item in items[:4])
    into.at["compare"] = f"/collections/{public['id']}/compare?{chosen}"
    into.at["public"] = f"/collections/{public['id']}"
    into.at["embed"] = f"/embed/{public['id']}"
    for number in range(3):
        bob.collection(TITLES[1 + number][:100], description=TITLES[3] * 2, visibility="public")
    unlisted = alice.collection("Unlisted picks", visibility="unlisted")
    alice.item(unlisted, {"id": int(into.at["offer"].rpartition("/")[2])})
    into.at["unlisted"] = f"/collections/{unlisted['id']}"
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    alice.post(f"/collections/{unlisted['id']}/share-tokens", {"label": "L" * 100, "expires_at": tomorrow})
    token = made(alice.post(f"/collections/{unlisted['id']}/share-tokens", {"label": "To a friend"}))
    into.at["shared"] = path(token["url"])
    revoked = made(alice.post(f"/collections/{unlisted['id']}/share-tokens", {}))
    alice.delete(f"/collections/{unlisted['id']}/share-tokens/{revoked['id']}")
    into.at["revoked"] = path(revoked["url"])
    into.at["private"] = f"/collections/{alice.collection('My picks')['id']}"
    alice.delete(f"/collections/{alice.collection('Gone')['id']}")


def _imports(api: Api, alice: Person, into: World) -> None:
    browser = api.browser("alice")
    into.at["preview"] = bring(browser, TABLE, "A table of offers.csv")
    into.at["no rows"] = bring(browser, "title,price\n,9\n", "none.csv")
    into.at["result"] = _confirmed(alice, bring(browser, "title,price\nHP EliteDesk 800 G4,175\n", "d.csv"))
    into.at["undone"] = _confirmed(alice, bring(browser, "title,price\nHP ProDesk 400 G5,155\n", "c.csv"))
    browser.submit(f"{into.at['undone']}/undo")
    not_read, reading = _uploaded(alice), _uploaded(alice)
    _keep(pending.get(not_read, subject("alice"), datetime.now(UTC)))
    into.at["not read"] = f"/import/{not_read}"
    waiting = pending.get(reading, subject("alice"), datetime.now(UTC))
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    about = {"type": "collection", "until": until, "done": "100", "total": "500"}
    _keep(replace(waiting, kind=READING, about=waiting.about | about))
    into.at["reading"] = f"/import/{reading}"


def _uploaded(person: Person) -> str:
    wanted = {"file_name": "large.csv", "size": len(TABLE), "content_type": "text/csv"}
    upload = made(person.post("/uploads", wanted))
    assert httpx.post(upload["url"], data=upload["fields"], files={"file": ("x", TABLE)}).is_success
    found: str = upload["upload_id"]
    return found


def _keep(waiting: Pending) -> None:
    """Let a file wait for as long as anybody may want to look at it."""
    pending.put(replace(waiting, expires_at=waiting.expires_at + timedelta(days=1)))


def bring(browser: Person, table: str, name: str) -> str:
    """Import a table up to its preview; answers the preview's address."""
    answer = browser.submit("/import", files={"file": (name, table)})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def _confirmed(alice: Person, preview: str) -> str:
    wanted = {"preview_id": preview.rpartition("/")[2], "merge_strategy": "create_new"}
    made(alice.post("/collections/import/confirm", wanted))
    return preview


def path(url: str) -> str:
    """The path of an address of ours."""
    return urlsplit(url).path


# ------------------------------------------------------------------------------------------ the table


@dataclass(frozen=True)
class Way:
    """A page in one of its states, and how somebody gets there."""

    name: str
    route: str
    """The route that answers it, or ``-`` where that is none of ours on AWS."""
    where: str
    """Its address; ``{public}`` stands for what the world calls that."""
    who: str | None = "alice"
    then: Callable[[Page], None] | None = None
    """What one does there."""
    status: int = 200
    refused: int | None = None
    """What answers what one does there, where it is wrong on purpose."""
    has_cards: bool = False
    """Whether it is public and shows cards, the first of which is what one looks at."""
    is_public: bool = False
    """Whether anybody may find it, and so it says what it is to programs."""

    def address(self, world: World) -> str:
        """Where it is in this world."""
        return self.where.format_map({key.replace(" ", "_"): value for key, value in world.at.items()})


def press(name: str, **fields: str) -> Callable[[Page], None]:
    """Fill fields, found by their labels, and press a button."""

    def do(page: Page) -> None:
        for label, value in fields.items():
            page.get_by_label(label.replace("_", " ")).first.fill(value)
        with page.expect_response(lambda one: one.request.method == "POST"):
            page.get_by_role("button", name=name, exact=True).first.click()
        page.wait_for_load_state()

    return do


def ask_public(page: Page) -> None:
    """Choose public, up to the question whether one is sure."""
    page.get_by_label("Public").click()
    page.get_by_role("button", name="Make it public").wait_for()


def write_signed_out(page: Page) -> None:
    """Send a form by which time one is signed out, as in another window."""
    page.context.clear_cookies()
    press("Add the offer", Title="Dell OptiPlex 7060")(page)


LISTING, COLLECTION = "GET /listings/{listing_id}", "GET /collections/{collection_id}"
PREVIEW = "GET /import/{preview_id}"
WAYS = (
    Way("first page", "GET /", "/", None, has_cards=True, is_public=True),
    Way("first page, signed in", "GET /", "/"),
    Way("discover", "GET /discover", "/discover", None, has_cards=True, is_public=True),
    Way("discover by words", "GET /discover", "/discover?q=quiet&max_price=900&sort=trending"),
    Way("discover, nothing fits", "GET /discover", "/discover?q=nothing-of-the-kind", None),
    Way("collections", "GET /collections", "/collections"),
    Way("collections, none", "GET /collections", "/collections", "carol"),
    Way(
        "collections, a name too long",
        "GET /collections",
        "/collections",
        then=press("Create", A_new_collection=" "),
        refused=422,
    ),
    Way("workspace", COLLECTION, "{public}"),
    Way("workspace, filtered", COLLECTION, "{public}?max_price=300&sort=price"),
    Way("workspace, nothing fits", COLLECTION, "{public}?min_price=99999"),
    Way("workspace as cards", COLLECTION, "{public}?view=cards"),
    Way("workspace, empty", COLLECTION, "{private}"),
    Way("public collection", COLLECTION, "{public}?view=cards", None, has_cards=True, is_public=True),
    Way("public collection as a table", COLLECTION, "{public}?view=table", None, is_public=True),
    Way("notes", "GET /collections/{collection_id}/items/{item_id}", "{notes}"),
    Way("delete a collection", "GET /collections/{collection_id}/delete", "{unlisted}/delete"),
    Way("share", "GET /collections/{collection_id}/share", "{private}/share"),
    Way("share, sure?", "GET /collections/{collection_id}/share", "{private}/share", then=ask_public),
    Way("share, links", "GET /collections/{collection_id}/share", "{unlisted}/share"),
    Way(
        "share, a new link",
        "GET /collections/{collection_id}/share",
        "{unlisted}/share",
        then=press("Make a link"),
    ),
    Way("compare", "GET /collections/{collection_id}/compare", "{compare}"),
    Way("compare, one chosen", "GET /collections/{collection_id}/compare", "{public}/compare", None),
    Way("shared collection", "GET /c/{token}", "{shared}", None, has_cards=True),
    Way("shared collection, closed", "GET /c/{token}", "{revoked}", None, status=404),
    Way("shared offer", "GET /deals/{listing_id}/{listing_token}", "{deal}", None, has_cards=True),
    Way("offer", LISTING, "{offer}", None, has_cards=True, is_public=True),
    Way("offer, one's own", LISTING, "{offer}"),
    Way("offer, bare", LISTING, "{bare_offer}", None),
    *(Way(f"offer titled {number}", LISTING, f"{{offer_{number}}}", None) for number in range(len(TITLES))),
    Way("offer, nobody's", LISTING, "{orphan}", None),
    Way("new offer", "GET /listings/new", "/listings/new"),
    Way(
        "new offer, drafted",
        "GET /listings/new",
        "/listings/new",
        then=press("Fill in the form", Paste_a=SHOP),
    ),
    Way("edit", "GET /listings/{listing_id}/edit", "{offer}/edit"),
    Way(
        "edit, wrong",
        "GET /listings/{listing_id}/edit",
        "{offer}/edit",
        then=press("Save", Price="many"),
        refused=422,
    ),
    Way("delete", "GET /listings/{listing_id}/delete", "{offer}/delete"),
    Way("collect", "GET /listings/{listing_id}/collect", "{offer}/collect"),
    Way("make a link", "GET /listings/{listing_id}/share", "{offer}/share"),
    Way("the link", "GET /listings/{listing_id}/share", "{offer}/share", then=press("Make the link")),
    Way("card", "GET /listings/{listing_id}/card", "{offer}/card?size=story", None),
    Way("import", "GET /import", "/import"),
    Way("import, refused", "GET /import", "/import", then=press("Preview", or_paste="{}"), refused=422),
    Way(
        "import, which column",
        "GET /import",
        "/import",
        then=press("Preview", or_paste="Was ist es,Kostet\na,5\nb,6\n"),
    ),
    Way("import, an offer", "GET /import", "/import", then=press("Preview", or_paste=SHOP)),
    Way("preview", PREVIEW, "{preview}"),
    Way("preview, no rows", PREVIEW, "{no_rows}"),
    Way("being read", PREVIEW, "{reading}"),
    Way("not read", PREVIEW, "{not_read}"),
    Way("imported", PREVIEW, "{result}"),
    Way("undone", PREVIEW, "{undone}"),
    Way("embedded", "GET /embed/{collection_id}", "{embed}", None),
    Way("sign in", "GET /sign-in", "/sign-in", None),
    # Whoever has not begun to sign in, in a browser in which nobody else has.
    Way("not signed in", "GET /sign-in/callback", "/sign-in/callback?code=x&state=y", "dora", status=410),
    Way("not sent yet", "GET /listings/new", "/listings/new", "erin", then=write_signed_out, refused=401),
    Way("nothing here", "-", "/nowhere", None, status=404),
)
# What answers GET and is no page anybody looks at.
NO_PAGES = {
    "GET /collections/{collection_id}/edit": "leads to the collection",
    "GET /oembed": "JSON for programs",
    "GET /static/{file}": "what pages are made of",
}
