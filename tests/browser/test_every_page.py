"""What is claimed of every page, in every state of it: for thumbs, for readers of screens, for slow lines."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, TimeoutError  # noqa: A004 - the browser's own

from dealbrain import db
from dealbrain.caching import NO_STORE
from dealbrain.cardspec import Format, Size, Style, placeholder_name
from infra.local.run import System
from infra.routes import FUNCTIONS, routes
from tests.browser.conftest import DESKTOP, PATIENCE_MS, PHONE, cookie, listen, script
from tests.browser.pages import NO_PAGES, WAYS, Way, World, world
from tests.conftest import EMPTY
from tests.makers import Api

# Watches from a page's first moment what moves, and what is the largest thing that was painted.
WATCH = script("watch.js")
# All pictures in view are there, and what was painted with them was told.
SETTLED = script("settled.js")
PLACEHOLDER = FUNCTIONS / "carding/placeholders" / placeholder_name(Style.light, Size.social, Format.png)
# The largest thing that was painted so far is a card.
PAINTED = "() => window.largest?.matches('.picture img')"
# What is found of a page that is open.
LOOK = script("look.js")


@dataclass
class Look:
    """What was found of a page at one size."""

    size: tuple[int, int]
    found: dict[str, Any]
    axe: dict[str, list[str]]
    """What axe-core found serious or critical, by theme."""


@dataclass
class Seen:
    """What was found of a page in one of its states."""

    way: Way
    looks: list[Look] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def there(running: System) -> World:
    """A world made once for all that is claimed of pages; what is done in it by one adds to it only."""
    with db.engine().begin() as connection:
        connection.exec_driver_sql(EMPTY)
    with Api(running) as api:
        return world(api)


type Open = Callable[[str | None, tuple[int, int]], tuple[Page, list[str]]]


@pytest.fixture(scope="module")
def browsers(running: System, chromium: Browser) -> Iterator[Open]:
    """One browser for everybody at each size, and what its pages complain of."""
    kept: dict[tuple[str | None, tuple[int, int]], tuple[Page, list[str]]] = {}
    with ExitStack() as stack:

        def of(who: str | None, size: tuple[int, int]) -> tuple[Page, list[str]]:
            if (who, size) not in kept:
                context = chromium.new_context(
                    base_url=running.url, viewport={"width": size[0], "height": size[1]}
                )
                stack.callback(context.close)
                context.set_default_timeout(PATIENCE_MS)
                context.add_init_script(WATCH)
                if who is not None:
                    context.add_cookies([cookie(who, running.url)])
                page, complaints = context.new_page(), list[str]()
                listen(page, complaints)
                kept[who, size] = page, complaints
            return kept[who, size]

        yield of


@pytest.fixture(scope="module", params=WAYS, ids=[way.name for way in WAYS])
def seen(request: pytest.FixtureRequest, there: World, browsers: Open) -> Seen:
    """A page on a phone and on a desk, light and dark; looked at once for all that is claimed of it."""
    way: Way = request.param
    made = Seen(way)
    for size, themes in ((PHONE, ("light", "dark")), (DESKTOP, ("light",))):
        page, complaints = browsers(way.who, size)
        complaints.clear()
        page.emulate_media(color_scheme="light")
        if way.has_cards:
            # Its cards are drawn by then, as for everybody but the very first who looks.
            with suppress(TimeoutError):
                page.goto(way.address(there), wait_until="networkidle")
        answer = page.goto(way.address(there))
        assert answer
        assert answer.status == way.status
        if way.then:
            page.evaluate(SETTLED)
            page.evaluate("window.acted = true")
            way.then(page)
        page.evaluate(SETTLED)
        if way.has_cards:
            # A busy machine tells of what it painted later than it paints.
            with suppress(TimeoutError):
                page.wait_for_function(PAINTED)
        look = Look(size, page.evaluate(LOOK), {})
        for theme in themes:
            page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
            look.axe[theme] = serious(page)
        made.looks.append(look)
        made.complaints += complaints
    return made


def serious(page: Page) -> list[str]:
    """What axe-core finds serious or critical."""
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{one['id']}: {node['html'][:160]} ({node.get('failureSummary', '').splitlines()[-1].strip()})"
        for one in found
        if one["impact"] in {"serious", "critical"}
        for node in one["nodes"]
    ]


def by_size(seen: Seen, name: str) -> dict[tuple[int, int], Any]:
    """One thing that was found, at each size."""
    return {look.size: look.found[name] for look in seen.looks}


# ----------------------------------------------------------------------------------------- none is forgotten


def test_every_page_is_looked_at() -> None:
    there = {route.key for route in routes() if route.is_page and route.method == "GET"}
    assert there - NO_PAGES.keys() == {way.route for way in WAYS} - {"-"}


# ------------------------------------------------------------------------------------------- for everybody


def test_axe_finds_nothing_serious_in_either_theme(seen: Seen) -> None:
    assert {
        (look.size, theme): found for look in seen.looks for theme, found in look.axe.items() if found
    } == {}


def test_nothing_is_complained_of(seen: Seen) -> None:
    meant = tuple(f"{status} " for status in (seen.way.refused, seen.way.status) if status not in {None, 200})
    assert [one for one in seen.complaints if not (meant and one.startswith(meant))] == []


def test_nothing_is_wider_than_the_screen(seen: Seen) -> None:
    assert by_size(seen, "sideways") == dict.fromkeys((PHONE, DESKTOP), 0)


def test_what_one_presses_is_large_enough_for_a_thumb(seen: Seen) -> None:
    assert by_size(seen, "small") == {PHONE: [], DESKTOP: []}


def test_there_is_one_main_heading(seen: Seen) -> None:
    assert [len(found) for found in by_size(seen, "headings").values()] == [1, 1]


def test_there_is_one_main_part(seen: Seen) -> None:
    assert by_size(seen, "mains") == {PHONE: 1, DESKTOP: 1}


def test_its_language_is_said(seen: Seen) -> None:
    assert by_size(seen, "language") == {PHONE: "en", DESKTOP: "en"}


def test_the_title_says_which_page_it_is_and_whose(seen: Seen) -> None:
    for title in by_size(seen, "title").values():
        page, _, site = title.rpartition(" · ")
        assert (bool(page.strip()), site) == (True, "Deal Brain")


def test_every_picture_says_its_size_and_what_is_on_it(seen: Seen) -> None:
    assert by_size(seen, "pictures") == {PHONE: [], DESKTOP: []}


def test_no_script_and_no_style_stands_inside(seen: Seen) -> None:
    assert by_size(seen, "inside") == {PHONE: [], DESKTOP: []}


def test_nothing_moves_by_itself(seen: Seen) -> None:
    assert by_size(seen, "moved") == {PHONE: [], DESKTOP: []}


def test_the_largest_thing_on_a_public_page_is_its_first_card(seen: Seen) -> None:
    if seen.way.has_cards:
        found = {look.size: look.found["largest"] for look in seen.looks if not look.found["isFirst"]}
        assert found == {}


# ------------------------------------------------------------------------------------------ cards come late


@pytest.mark.parametrize(
    ("where", "size"),
    [("/", PHONE), ("/discover", DESKTOP), ("{public}?view=cards", DESKTOP), ("{offer}", PHONE)],
)
def test_nothing_moves_while_cards_are_being_drawn(
    running: System, chromium: Browser, there: World, where: str, size: tuple[int, int]
) -> None:
    context = chromium.new_context(base_url=running.url, viewport={"width": size[0], "height": size[1]})
    context.add_init_script(WATCH)
    asked = list[str]()

    def draw(route: Route) -> None:
        asked.append(route.request.url)
        if asked.count(asked[-1]) > 1:
            route.continue_()
        else:
            headers = {"Content-Type": "image/png", "Cache-Control": NO_STORE}
            route.fulfill(status=503, path=PLACEHOLDER, headers=headers)

    context.route("**/v1/*cards/**", draw)
    page = context.new_page()
    # Asked for again after two seconds or three, as the page's own script does it.
    with page.expect_response(lambda one: "cards/" in one.url and one.status == 200):
        page.goto(where.format_map(there.at))
        page.evaluate(SETTLED)
        assert page.evaluate("moved") == []
    page.evaluate(SETTLED)
    moved = page.evaluate("moved")
    context.close()
    assert moved == []


# --------------------------------------------------------------------------- what is found where there is it


@pytest.fixture
def wrong(chromium: Browser) -> Iterator[Page]:
    """A page on a phone with everything that is looked for above."""
    context = chromium.new_context(viewport={"width": PHONE[0], "height": PHONE[1]})
    context.add_init_script(WATCH)
    context.route("**", lambda route: route.fulfill(body=WRONG, content_type="text/html"))
    page = context.new_page()
    page.goto("http://wrong.example/")
    page.evaluate(SETTLED)
    page.evaluate("document.querySelector('header').remove()")
    page.evaluate(SETTLED)
    yield page
    context.close()


WRONG = """<!doctype html><html><title>Wrong</title><meta name="viewport" content="width=device-width">
<body style="margin: 0"><header>It goes away, and all below moves up.<br>By two lines.</header>
<h1>One</h1><h1>Two</h1><p><a href="/a">small</a></p><p>In a line of <a href="/b">text</a></p>
<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw="><div style="width: 355px; margin-left: 6px">wide</div>
<p style="color: #bbb">Hardly to be read</p><button></button></body></html>"""


def test_axe_finds_what_is_serious(wrong: Page) -> None:
    found = {one.partition(":")[0] for one in serious(wrong)}
    assert {"color-contrast", "image-alt", "button-name", "html-has-lang"} <= found


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("headings", ["One", "Two"]),
        ("language", ""),
        ("mains", 0),
        ("sideways", 1),
        ("pictures", ['<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">']),
    ],
)
def test_what_is_wrong_is_found(wrong: Page, name: str, found: Any) -> None:
    assert wrong.evaluate(LOOK)[name] == found


def test_what_is_too_small_is_found_but_not_in_running_text(wrong: Page) -> None:
    small = [one.partition(": ")[2] for one in wrong.evaluate(LOOK)["small"]]
    assert small == ['<a href="/a">small</a>', "<button></button>"]


def test_what_stands_inside_is_found(wrong: Page) -> None:
    assert len(wrong.evaluate(LOOK)["inside"]) == 3


def test_what_moves_is_found(wrong: Page) -> None:
    wrong.wait_for_function("() => moved.length")
    assert wrong.evaluate(LOOK)["moved"]
