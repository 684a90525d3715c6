"""What people write never runs: every payload in every field that is shown, opened in a real browser.

Two guards stand behind each other, and each is tried without the other: markup is escaped, and the policy of
our pages runs nothing that stands inside them.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import batched
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import sqlalchemy as sa
from markdown_it import MarkdownIt
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, Route

from dealbrain import assets, cardspec, db
from dealbrain.pages import HTML
from dealbrain.tables import Account, Item
from infra.local.run import System
from tests.browser.conftest import PATIENCE_MS, cookie, script
from tests.browser.pages import bring, path
from tests.browser.payloads import PAYLOADS, TEMPLATES
from tests.conftest import EMPTY
from tests.makers import Api, Person, made

# Where the pages without guards stand.
UNGUARDED = "http://unguarded.example"
# Pictures of ours say nothing here, and there would be hundreds to draw.
PICTURES = ["*/v1/cards/*", "*/v1/collection-cards/*", "*/card-image*"]
# Of one collection, at one time.
TOKENS_MOST = 50
# What somebody may do to a page that is open, to have it run what waits for that.
PROVOKE = script("provoke.js")
# All pictures in view are there, and whatever was to run by then has.
SETTLED = script("settled.js")
# So many at least have to run without guards; the others are of a kind some other browser may run.
PAYLOADS_LEAST = 200
VIOLATIONS = """addEventListener("securitypolicyviolation", (event) =>
  violated(`${event.violatedDirective} ${event.blockedURI} ${location}`))"""
# What nobody's page has, and what was written into ours would bring.
INJECTED = script("injected.js")


@dataclass
class Told:
    """What happened in a browser that should not."""

    ran: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    found: dict[str, list[str]] = field(default_factory=dict)

    def run(self) -> None:
        """Note that a payload ran."""
        self.ran.append("pwn")

    def forbid(self, what: str) -> None:
        """Note what the policy forbade."""
        self.violations.append(what)

    def dismiss(self, dialog: Dialog) -> None:
        """Note that something opened a dialog, and close it."""
        self.ran.append(dialog.message)
        dialog.dismiss()


def watched(chromium: Browser, **options: Any) -> tuple[BrowserContext, Told]:
    """A browser that tells whatever runs, and whatever the policy forbade."""
    told = Told()
    context = chromium.new_context(**options)
    context.set_default_timeout(PATIENCE_MS)
    context.expose_function("pwn", told.run)
    context.expose_function("violated", told.forbid)
    context.add_init_script(VIOLATIONS)
    return context, told


# ------------------------------------------------------------------------------------------ without guards

# As much of our policy as says what may run.
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'"
# In a page without guards what runs says by which payload; when all was tried, so does that.
WITHOUT = f"""(() => {{
  const number = /^\\/(\\d+)$/.exec(location.pathname)?.[1];
  if (!number) return;
  window.pwn = () => ran(number);
  addEventListener("securitypolicyviolation", () => violated(number));
  addEventListener("load", () => ({PROVOKE})());
}})()"""
# So many payloads stand in frames of one page.
FRAMES = 30
# What is late on a busy machine is waited for by trying again.
TRIES = 5


def unguarded(payload: str) -> str:
    """A page that shows it in every place of a page as it is, and its Markdown without care."""
    careless = MarkdownIt("commonmark", {"html": True})
    careless.validateLink = lambda _: True  # type: ignore[method-assign, assignment]
    htmx = '<script src="/htmx.js"></script>' if "hx-" in payload else ""
    return f"""<!doctype html><title>{payload}</title>{htmx}
<p>{payload}</p><input value="{payload}"><input value='{payload}'><textarea>{payload}</textarea>
<select><option>{payload}</option></select><a href="{payload}">link</a><div>{careless.render(payload)}</div>
<script type="application/ld+json">{{"name": "{payload}"}}</script><script>var a = "{payload}";</script>
<script>var b = '{payload}'; var c = `{payload}`;</script>"""


def served(headers: dict[str, str], route: Route) -> None:
    """Answer a page without guards, several in frames, or the script of our pages; nothing else is there."""
    asked = urlsplit(route.request.url)
    if asked.path == "/htmx.js":
        script = next(
            one for one in assets.served().values() if one.name.startswith("app-") and one.name.endswith("js")
        )
        route.fulfill(body=script.content, content_type="text/javascript")
    elif asked.path == "/pwn":
        route.fulfill(body="<script>pwn()</script>", content_type=HTML)
    elif asked.path == "/frames":
        body = "".join(f'<iframe src="/{number}"></iframe>' for number in asked.query.split(","))
        route.fulfill(body=f"<!doctype html>{body}", content_type=HTML)
    elif re.fullmatch(r"/\d+", asked.path):
        body = unguarded(PAYLOADS[int(asked.path[1:])])
        route.fulfill(body=body, headers={"Content-Type": HTML, **headers})
    else:
        route.abort()


@dataclass
class Careless:
    """By their numbers the payloads that ran where nothing is escaped, and those a policy forbade."""

    ran: set[int] = field(default_factory=set)
    forbidden: set[int] = field(default_factory=set)

    def open(self, context: BrowserContext, numbers: Iterable[int]) -> None:
        """Show these payloads, each in a frame of its own."""
        page = context.new_page()
        page.goto(f"{UNGUARDED}/frames?{','.join(map(str, numbers))}", wait_until="load")
        page.evaluate(SETTLED)
        page.close()


def carelessly(chromium: Browser, **headers: str) -> Careless:
    """What payloads do where nothing is escaped; what did nothing is tried again, for what is only late."""
    done = Careless()
    context = chromium.new_context()
    context.set_default_timeout(PATIENCE_MS)
    context.expose_function("ran", lambda number: done.ran.add(int(number)))
    context.expose_function("violated", lambda number: done.forbidden.add(int(number)))
    context.add_init_script(WITHOUT)
    context.route("**", partial(served, headers))
    for _ in range(TRIES):
        found = done.forbidden if headers else done.ran
        left = [number for number in range(len(PAYLOADS)) if number not in found]
        if len(PAYLOADS) - len(left) >= PAYLOADS_LEAST:
            break
        for some in batched(left, FRAMES, strict=False):
            done.open(context, some)
    context.close()
    return done


def test_without_guards_the_payloads_run(chromium: Browser) -> None:
    assert len(carelessly(chromium).ran) >= PAYLOADS_LEAST


def test_under_the_policy_nothing_runs_even_where_nothing_is_escaped_and_that_is_told(
    chromium: Browser,
) -> None:
    done = carelessly(chromium, **{"Content-Security-Policy": POLICY})
    assert [PAYLOADS[number] for number in done.ran] == []
    # None would be told were the policy not looked at.
    assert len(done.forbidden) >= PAYLOADS_LEAST


# ------------------------------------------------------------------------------------------ our own pages


@dataclass
class Written:
    """A world in which every text is a payload: offer and collection number n hold payload number n."""

    offers: list[str] = field(default_factory=list)
    collections: list[str] = field(default_factory=list)
    whole: list[str] = field(default_factory=list)
    """Pages that show many at once."""
    deals: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def offer(payload: str) -> dict[str, Any]:
    """An offer with the payload in every field it fits into."""

    def short(most: int) -> str | None:
        return payload if len(payload) <= most else None

    return {
        "title": payload,
        "seller": payload,
        "device_model": payload,
        "notes": payload,
        "price_usd": 99,
        "listing_url": f"https://shop.example/{quote(payload)}",
        "other_urls": [{"url": f"https://b.example/?q={quote(payload)}", "label": payload}],
        "custom_fields": {payload.lstrip("_"): payload, "deep": {"x": [payload]}},
        "performance": {
            "cpu": {"name": payload, "cpu_mark_multi": 6000},
            "gpu": {"name": payload},
            "ram": {"total_gb": 16, "notes": payload},
            "storage_primary": {"capacity_gb": 512, "interface": payload, "form_factor": payload},
            "ports": {"ports": [{"type": "usb_c", "count": 2, "spec_notes": payload}]},
            "components": [{"component_type": "wifi", "name": payload}],
        },
        "metadata": {
            "manufacturer": short(64),
            "series": payload,
            "model_number": payload,
            "form_factor": short(32),
        },
    }


@pytest.fixture(scope="session")
def every(count: Callable[[int, int], int]) -> int:
    """Which payloads have pages opened for them alone: daily each eighth, at length all.

    Each day all of them stand on the pages that show many at once, and all are tried without the guards.
    """
    return count(8, 1)


@pytest.fixture(scope="module")
def written(running: System, every: int) -> Written:
    """Write every payload into every field there is."""
    with db.engine().begin() as connection:
        connection.exec_driver_sql(EMPTY)
    made_up = Written()
    with Api(running) as api:
        alice = api.person("alice")
        _offers(alice, made_up)
        for address in made_up.offers[::every]:
            made_up.deals.append(path(made(alice.post(f"{address}/share"))["url"]))
        _collections(alice, made_up)
        _imports(api.browser("alice"), made_up)
        with db.transaction() as session:
            session.execute(sa.update(Account).values(display_name=PAYLOADS[0] + PAYLOADS[-1]))
    return made_up


def _offers(alice: Person, into: Written) -> None:
    whole = alice.collection("All of them", visibility="public")
    ids = [made(alice.post("/listings", offer(payload)))["id"] for payload in PAYLOADS]
    items = _put_in(whole["id"], ids)
    into.offers += [f"/listings/{one}" for one in ids]
    into.notes += [f"/collections/{whole['id']}/items/{one}" for one in items]
    at = f"/collections/{whole['id']}"
    into.whole += [f"{at}?view=table", f"{at}?view=cards", f"/embed/{whole['id']}", f"{at}/share"]
    compared = [*batched(items, 6, strict=False)][::4]
    into.whole += [f"{at}/compare?" + "&".join(f"item={one}" for one in some) for some in compared]
    alice.post(f"/collections/{whole['id']}/share-tokens", {"label": PAYLOADS[0]})


def _put_in(collection_id: int, listing_ids: list[int]) -> list[int]:
    """Note each payload on its offer, past HTTP for speed; answers the items."""
    said = {"collection_id": collection_id, "status": "undecided", "added_at": datetime.now(UTC), "extra": {}}
    rows = [
        {**said, "listing_id": listing_id, "position": position, "notes": payload, "private_notes": payload}
        for position, (listing_id, payload) in enumerate(zip(listing_ids, PAYLOADS, strict=True), start=1)
    ]
    with db.transaction() as session:
        return [*session.scalars(sa.insert(Item).returning(Item.id, sort_by_parameter_order=True), rows)]


def _collections(alice: Person, into: Written) -> None:
    for payload in PAYLOADS:
        # A name is shorter than the longest of them.
        one = alice.collection(payload.strip()[:100], description=payload, visibility="public")
        into.collections.append(f"/collections/{one['id']}")
    for some in batched(PAYLOADS, TOKENS_MOST, strict=False):
        shared = alice.collection("Shared", description="\n\n".join(some[:10]), visibility="unlisted")
        for payload in some:
            token = made(alice.post(f"/collections/{shared['id']}/share-tokens", {"label": payload[:100]}))
        into.whole += [f"/collections/{shared['id']}/share", path(token["url"])]


def _imports(browser: Person, into: Written) -> None:
    def table(payloads: tuple[str, ...], *, refused: bool) -> str:
        text = io.StringIO()
        rows = csv.writer(text)
        rows.writerow(["title", "seller", "cpu", "notes", "listing notes", "price"])
        rows.writerows([payload] * 5 + ["x" + payload if refused else "9"] for payload in payloads)
        return text.getvalue()

    into.whole.append(bring(browser, table(PAYLOADS, refused=False), "duplicates.csv"))
    into.whole.append(bring(browser, table(PAYLOADS, refused=True), "refused.csv"))
    for payload in PAYLOADS[:20]:
        into.whole.append(bring(browser, table((payload,), refused=False), payload.replace("/", "") + ".csv"))
    into.whole.append("/import")


class Visitor:
    """Somebody who opens pages and tells what ran, what was forbidden and what stands in them."""

    def __init__(self, chromium: Browser, running: System, username: str | None) -> None:
        self.context, self.told = watched(
            chromium, base_url=running.url, viewport={"width": 1280, "height": 900}
        )
        if username is not None:
            self.context.add_cookies([cookie(username, running.url)])
        self.page: Page = self.context.new_page()
        self.page.on("dialog", self.told.dismiss)
        session = self.context.new_cdp_session(self.page)
        session.send("Network.enable")
        session.send("Network.setBlockedURLs", {"urls": PICTURES})

    def open(self, address: str) -> Page:
        """Open one and look at it."""
        answer = self.page.goto(address, wait_until="domcontentloaded")
        assert answer
        assert answer.status < 500, address
        found = self.page.evaluate(INJECTED)
        if found:
            self.told.found[address] = found
            self.page.evaluate(PROVOKE)
        return self.page


@pytest.fixture(scope="module")
def stranger(chromium: Browser, running: System) -> Iterator[Visitor]:
    visitor = Visitor(chromium, running, None)
    yield visitor
    visitor.context.close()


@pytest.fixture(scope="module")
def alice(chromium: Browser, running: System) -> Iterator[Visitor]:
    visitor = Visitor(chromium, running, "alice")
    yield visitor
    visitor.context.close()


def nothing_ran(*visitors: Visitor) -> bool:
    """Whether nothing did, and nothing that could was there; else the test says what."""
    for visitor in visitors:
        assert visitor.told == Told()
    return True


def test_a_payload_in_a_page_of_ours_would_be_found_and_not_run(
    chromium: Browser, running: System, written: Written
) -> None:
    visitor = Visitor(chromium, running, None)
    page = visitor.open(written.offers[0])
    page.evaluate("document.querySelector('h1').innerHTML = '<img src=/pwn.png onerror=pwn()>'")
    assert set(page.evaluate(INJECTED)) == {'<img src="/pwn.png" onerror="pwn()">'}
    page.wait_for_function("() => document.querySelector('h1 img').complete")
    page.evaluate(PROVOKE)
    page.evaluate(SETTLED)
    visitor.context.close()
    assert visitor.told.ran == []
    assert visitor.told.violations


def test_nothing_runs_on_an_offers_page(
    stranger: Visitor, alice: Visitor, written: Written, every: int
) -> None:
    for payload, address in [*zip(PAYLOADS, written.offers, strict=True)][::every]:
        heading = alice.open(address).locator("h1").text_content()
        assert heading == cardspec.calm(payload)
    for address in written.offers[:: 4 * every]:
        stranger.open(address)
    assert nothing_ran(alice, stranger)


def test_nothing_runs_in_an_offers_form(alice: Visitor, written: Written, every: int) -> None:
    for payload, address in [*zip(PAYLOADS, written.offers, strict=True)][::every]:
        page = alice.open(f"{address}/edit")
        assert page.get_by_label("Notes, for you alone").input_value() == payload
    assert nothing_ran(alice)


def test_nothing_runs_in_the_notes_on_an_offer(alice: Visitor, written: Written, every: int) -> None:
    for payload, address in [*zip(PAYLOADS, written.notes, strict=True)][::every]:
        assert alice.open(address).get_by_label("Private note").input_value() == payload
    assert nothing_ran(alice)


@pytest.mark.parametrize("page", ["card", "collect", "share", "delete"])
def test_nothing_runs_on_what_stands_around_an_offer(
    alice: Visitor, written: Written, every: int, page: str
) -> None:
    # They show its title and nothing else, in the same way; so each has a part of them.
    turn = ["card", "collect", "share", "delete"].index(page)
    for address in written.offers[turn :: 2 * every]:
        alice.open(f"{address}/{page}")
    assert nothing_ran(alice)


def test_nothing_runs_on_a_shared_offers_page(stranger: Visitor, written: Written) -> None:
    for address in written.deals:
        stranger.open(address)
    assert nothing_ran(stranger)


def test_nothing_runs_on_a_collections_page(
    stranger: Visitor, alice: Visitor, written: Written, every: int
) -> None:
    for address in written.collections[::every]:
        stranger.open(address)
    for address in written.collections[:: 2 * every]:
        alice.open(address)
    assert nothing_ran(alice, stranger)


def test_nothing_runs_where_all_stand_together(alice: Visitor, stranger: Visitor, written: Written) -> None:
    for address in written.whole:
        alice.open(address)
        if "import" not in address and "share" not in address:
            stranger.open(address)
    assert nothing_ran(alice, stranger)


@pytest.mark.parametrize("first", ["/collections", "/discover"])
def test_nothing_runs_in_a_list_down_to_its_end(alice: Visitor, written: Written, first: str) -> None:
    assert written
    address, shown = first, 0
    while address:
        page = alice.open(address)
        shown += page.locator("#list > li").count()
        more = page.locator("#more a")
        address = more.get_attribute("href") or "" if more.count() else ""
    assert shown > len(PAYLOADS)
    assert nothing_ran(alice)


def test_nothing_runs_of_what_an_address_says(stranger: Visitor, every: int) -> None:
    for said in map(quote, PAYLOADS[::every]):
        stranger.open(f"/discover?q={said}&owner={said}&cpu={said}&sort=recent")
    for said in map(quote, PAYLOADS[:: 10 * every]):
        stranger.open(f"/discover?min_price={said}&sort={said}")
        stranger.open(f"/nowhere/{said.replace('/', '%2F')}?next={said}")
    assert nothing_ran(stranger)


@pytest.mark.parametrize("payload", TEMPLATES)
def test_what_looks_like_a_template_is_shown_as_it_is(
    stranger: Visitor, written: Written, payload: str
) -> None:
    page = stranger.open(written.offers[PAYLOADS.index(payload)])
    assert page.locator("h1").text_content() == payload
