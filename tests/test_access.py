"""Who may do what to whose: every route of the route table against every caller and every kind of id."""

import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from functools import partial
from itertools import product
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest

from dealbrain import assets, jsontext, pages
from dealbrain.facts import BIGINT_MOST
from infra.local.run import System
from infra.routes import DEFAULT, Endpoint, routes
from tests.makers import Api, Person, deal_file, drawn, refused


class Who(StrEnum):
    """Who calls. ``owner`` has the things the table is about, ``other`` has as many of their own."""

    anonymous = "anonymous"
    owner = "owner"
    other = "other"


class Id(StrEnum):
    """Whose thing an address names."""

    own = "own"
    """The owner's private one."""
    published = "published"
    """The owner's public one."""
    foreign = "foreign"
    """The other's private one."""
    mixed = "mixed"
    """The owner's collection, with an item of the other's collection; so with the tokens of things."""
    swapped = "swapped"
    """The other's collection, with an item of the owner's."""
    strayed = "strayed"
    """The owner's collection, with an item of another collection of the owner's."""
    unknown = "unknown"
    """Nobody's."""


ITEMS = {Id.mixed, Id.swapped, Id.strayed}


@dataclass(frozen=True)
class Rule:
    """Whom a route serves, and with which status; everybody else is answered 404, or 401 when unknown.

    A page tells the same to people: 404 is a page, and who is unknown is led (303) to where one signs in.
    """

    status: int
    served: frozenset[tuple[Who, Id]]
    signed_in: bool
    absent: int = 404


THEIRS = frozenset({(Who.owner, Id.own), (Who.owner, Id.published), (Who.other, Id.foreign)})
PUBLISHED = frozenset(product(Who, [Id.published]))
EXISTING = frozenset(product(Who, [Id.own, Id.published, Id.foreign]))
SIGNED_IN = frozenset(product([Who.owner, Who.other], Id))
NOBODYS = frozenset(product(Who, set(Id) - ITEMS))


def owners(status: int) -> Rule:
    return Rule(status, THEIRS, signed_in=True)


def everybodys(status: int) -> Rule:
    return Rule(status, EXISTING, signed_in=False)


# Routes whose path has an id. A listing is public by nature; a collection when it says so.
RULES: Mapping[str, Rule] = {
    "GET /v1/listings/{listing_id}": everybodys(200),
    "GET /v1/listings/{listing_id}/price-points": everybodys(200),
    "PATCH /v1/listings/{listing_id}": owners(200),
    "DELETE /v1/listings/{listing_id}": owners(204),
    "GET /v1/listings/{listing_id}/export": everybodys(200),
    "GET /v1/listings/{listing_id}/card-image": everybodys(302),
    # Whoever knows the address of a card may have it; where none is, the way leads to where one would be.
    "GET /v1/cards/{listing_id}/{name}": replace(everybodys(200), absent=302),
    "HEAD /v1/cards/{listing_id}/{name}": replace(everybodys(200), absent=302),
    "GET /v1/collections/{collection_id}/card-image": Rule(302, THEIRS | PUBLISHED, signed_in=False),
    # Whoever was given the address; it has a nonce that nobody guesses.
    "GET /v1/collection-cards/{collection_id}/{nonce}/{picture}": everybodys(200),
    "HEAD /v1/collection-cards/{collection_id}/{nonce}/{picture}": everybodys(200),
    "GET /v1/collections/{collection_id}": owners(200),
    "PATCH /v1/collections/{collection_id}": owners(200),
    "DELETE /v1/collections/{collection_id}": owners(204),
    "PATCH /v1/collections/{collection_id}/visibility": owners(200),
    "GET /v1/collections/{collection_id}/export": Rule(200, THEIRS | PUBLISHED, signed_in=False),
    "GET /v1/collections/public/{collection_id}": Rule(200, PUBLISHED, signed_in=False),
    # A token opens nothing that is private.
    "GET /v1/collections/shared/{token}": Rule(200, PUBLISHED, signed_in=False),
    "HEAD /v1/collections/shared/{token}": Rule(200, PUBLISHED, signed_in=False),
    "POST /v1/collections/{collection_id}/share-tokens": owners(201),
    "GET /v1/collections/{collection_id}/share-tokens": owners(200),
    "DELETE /v1/collections/{collection_id}/share-tokens/{token_id}": owners(204),
    "POST /v1/collections/{collection_id}/copy": Rule(201, THEIRS | PUBLISHED & SIGNED_IN, signed_in=True),
    "POST /v1/listings/{listing_id}/share": Rule(201, EXISTING & SIGNED_IN, signed_in=True),
    "GET /v1/deals/{listing_id}/{listing_token}": everybodys(200),
    "HEAD /v1/deals/{listing_id}/{listing_token}": everybodys(200),
    "POST /v1/collections/{collection_id}/items": owners(201),
    "PATCH /v1/collections/{collection_id}/items/{item_id}": owners(200),
    "DELETE /v1/collections/{collection_id}/items/{item_id}": owners(204),
    "PUT /v1/collections/{collection_id}/items/order": owners(200),
    "POST /v1/collections/{collection_id}/items/bulk": owners(200),
    "POST /v1/collections/{collection_id}/restore": owners(200),
    "GET /v1/collections/{collection_id}/feed": Rule(200, PUBLISHED, signed_in=False),
    "HEAD /v1/collections/{collection_id}/feed": Rule(200, PUBLISHED, signed_in=False),
    "GET /v1/imports/{preview_id}": owners(200),
    "DELETE /v1/imports/{preview_id}": owners(204),
    "GET /v1/imports/{preview_id}/refused": owners(200),
    "POST /v1/imports/{import_id}/undo": owners(200),
    # Pages. A form that was taken leads on (303), but for the one whose answer is shown only once.
    "GET /listings/{listing_id}": everybodys(200),
    "HEAD /listings/{listing_id}": everybodys(200),
    "GET /listings/{listing_id}/card": everybodys(200),
    "GET /listings/{listing_id}/edit": owners(200),
    "POST /listings/{listing_id}/edit": owners(303),
    "GET /listings/{listing_id}/delete": owners(200),
    "POST /listings/{listing_id}/delete": owners(303),
    "GET /listings/{listing_id}/collect": Rule(200, EXISTING & SIGNED_IN, signed_in=True),
    "POST /listings/{listing_id}/collect": Rule(303, EXISTING & SIGNED_IN, signed_in=True),
    "GET /listings/{listing_id}/share": Rule(200, EXISTING & SIGNED_IN, signed_in=True),
    "POST /listings/{listing_id}/share": Rule(200, EXISTING & SIGNED_IN, signed_in=True),
    "GET /deals/{listing_id}/{listing_token}": everybodys(200),
    "HEAD /deals/{listing_id}/{listing_token}": everybodys(200),
    "GET /static/{file}": Rule(200, NOBODYS, signed_in=False),
    "GET /collections/{collection_id}": Rule(200, THEIRS | PUBLISHED, signed_in=False),
    "HEAD /collections/{collection_id}": Rule(200, THEIRS | PUBLISHED, signed_in=False),
    "GET /collections/{collection_id}/edit": owners(303),
    "POST /collections/{collection_id}/edit": owners(303),
    "POST /collections/{collection_id}/copy": Rule(303, THEIRS | PUBLISHED & SIGNED_IN, signed_in=True),
    "GET /collections/{collection_id}/delete": owners(200),
    "POST /collections/{collection_id}/delete": owners(303),
    "POST /collections/{collection_id}/restore": owners(303),
    "GET /collections/{collection_id}/items/{item_id}": owners(200),
    "POST /collections/{collection_id}/items/{item_id}": owners(303),
    "POST /collections/{collection_id}/order": owners(303),
    "POST /collections/{collection_id}/bulk": owners(303),
    "POST /collections/{collection_id}/undo": owners(303),
    "GET /collections/{collection_id}/share": owners(200),
    "POST /collections/{collection_id}/share": owners(303),
    "POST /collections/{collection_id}/share/{token_id}": owners(303),
    "GET /collections/{collection_id}/compare": Rule(200, THEIRS | PUBLISHED, signed_in=False),
    "GET /c/{token}": Rule(200, PUBLISHED, signed_in=False),
    "HEAD /c/{token}": Rule(200, PUBLISHED, signed_in=False),
    "GET /embed/{collection_id}": Rule(200, PUBLISHED, signed_in=False),
    "GET /import/{preview_id}": owners(200),
    "POST /import/{preview_id}": owners(303),
    "POST /import/{preview_id}/cancel": owners(303),
    "POST /import/{import_id}/undo": owners(303),
}
# Routes without an id in the path: whether they answer a stranger; of pages with another status than 200,
# which.
PLAIN: Mapping[str, bool | int] = {
    "GET /v1/health": True,
    "GET /v1/docs": True,
    "GET /v1/openapi.json": True,
    "GET /v1/schemas/export/1.0.0.json": True,
    "GET /v1/listings": True,
    "GET /v1/collections/discover": True,
    "POST /v1/listings": False,
    "POST /v1/listings/draft": False,
    "GET /v1/collections": False,
    "POST /v1/collections": False,
    "GET /v1/imports": False,
    "POST /v1/listings/import": False,
    "POST /v1/collections/import": False,
    "POST /v1/listings/import/confirm": False,
    "POST /v1/collections/import/confirm": False,
    "POST /v1/uploads": False,
    # Pages.
    "GET /": True,
    "HEAD /": True,
    "GET /discover": True,
    "HEAD /discover": True,
    "GET /collections": False,
    "POST /collections": False,
    "GET /listings/new": False,
    "POST /listings/new": False,
    "GET /import": False,
    "POST /import": False,
    # Nothing was asked for that there is.
    "GET /oembed": 422,
    "GET /sign-in": 302,
    "GET /sign-in/callback": 410,
    "POST /sign-out": 303,
}

ROUTES = {route.key: route for route in routes() if route.path != DEFAULT}


def test_every_route_stands_in_the_table_and_nothing_else_does() -> None:
    with_id = {key for key, route in ROUTES.items() if "{" in route.path}
    assert with_id == set(RULES)
    assert set(ROUTES) - with_id == set(PLAIN)


@pytest.mark.parametrize("key", sorted(RULES.keys() | PLAIN.keys()))
def test_a_route_says_itself_whether_it_serves_strangers(key: str) -> None:
    signed_in = RULES[key].signed_in if key in RULES else not PLAIN[key]
    assert ROUTES[key].signed_in == signed_in


def test_the_table_has_routes_of_both_kinds() -> None:
    assert {route.is_page for route in ROUTES.values()} == {True, False}


# --------------------------------------------------------------------------------- what is acted upon


@dataclass(frozen=True)
class Things:
    """One of each kind, all of them in or around one collection: the values path parameters take."""

    listing_id: str
    collection_id: str
    item_id: str
    preview_id: str
    name: str
    import_id: str
    nonce: str
    picture: str
    token_id: str
    token: str
    listing_token: str
    file: str
    undo_id: str
    """What was done to many items at once, and can be taken back."""
    to_add: int
    """Another listing, which is not in the collection."""


NAMES = {one.name for one in fields(Things)}
# Nobody's: what every page fetches.
STYLE = assets.address("app.css").rpartition("/")[2]


def made(person: Person, title: str, visibility: str = "private", wanted: Container[str] = NAMES) -> Things:
    """A listing in a collection, and of what is around them what is wanted; the rest is empty."""
    listing = person.listing(title=title, listing_url=None)
    collection = person.collection(title, visibility=visibility)
    item = person.item(collection, listing, private_notes="secret")
    here, there = f"/listings/{listing['id']}", f"/collections/{collection['id']}"
    card = person.get(f"{here}/card-image").headers["location"] if "name" in wanted else ""
    cards = person.get(f"{there}/card-image").headers["location"] if "picture" in wanted else "//"
    token = (
        person.post(f"{there}/share-tokens", {}).json() if "token_id" in wanted else {"id": "", "token": ""}
    )
    return Things(
        listing_id=str(listing["id"]),
        collection_id=str(collection["id"]),
        item_id=str(item["id"]),
        preview_id=previewed(person, here) if "preview_id" in wanted else "",
        import_id=imported(person, title) if "import_id" in wanted else "",
        name=card.rpartition("/")[2],
        nonce=cards.split("/")[-2],
        picture=cards.split("/")[-1],
        token_id=str(token["id"]),
        token=token["token"],
        listing_token=person.post(f"{here}/share", {}).json()["token"] if "listing_token" in wanted else "",
        file=STYLE,
        undo_id=changed(person, there, item["id"]) if "undo_id" in wanted else "",
        to_add=person.listing(title="Something else to add", listing_url=None)["id"]
        if "to_add" in wanted
        else 0,
    )


def previewed(person: Person, listing: str) -> str:
    """The number of a preview of a listing's own file."""
    preview_id: str = person.preview("listings", person.get(f"{listing}/export").content)["preview_id"]
    return preview_id


def changed(person: Person, there: str, item_id: int) -> str:
    """The number of a change of many items, which can be taken back."""
    answer = person.send("POST", f"{there}/bulk", data={"item": item_id, "do": "rejected"})
    return parse_qs(urlsplit(answer.headers["location"]).query)["undo"][0]


def imported(person: Person, title: str) -> str:
    """The number of an import of one deal."""
    file = jsontext.dumps(deal_file(title=f"{title} from a file")).encode()
    shown = person.preview("listings", file)
    wanted = {"preview_id": shown["preview_id"], "merge_strategy": "create_new"}
    import_id: str = person.post("/listings/import/confirm", wanted).json()["import_id"]
    return import_id


def with_parts_of(one: Things, other: Things) -> Things:
    """Somebody's things, but what is in them or opens them belongs to somebody else's."""
    parts = ("item_id", "token_id", "listing_token")
    return replace(other, **{name: getattr(one, name) for name in parts})


def body(route: Endpoint, things: Things) -> dict[str, Any] | None:
    """What is sent, by pages as a form; it would be right, had its sender the right to send it."""
    sent: Mapping[str, dict[str, Any]] = {
        "PATCH /v1/listings/{listing_id}": {"title": "Changed"},
        "PATCH /v1/collections/{collection_id}": {"name": "Changed"},
        "PATCH /v1/collections/{collection_id}/visibility": {"visibility": "unlisted"},
        "POST /v1/collections/{collection_id}/items": {"listing_id": things.to_add},
        "PATCH /v1/collections/{collection_id}/items/{item_id}": {"private_notes": "Changed"},
        "POST /v1/collections/{collection_id}/items/bulk": {
            "item_ids": [int(things.item_id)],
            "set": {"status": "bought"},
        },
        "PUT /v1/collections/{collection_id}/items/order": {"item_ids": [int(things.item_id)], "revision": 2},
        "POST /collections/{collection_id}/edit": {"name": "Changed"},
        "POST /collections/{collection_id}/items/{item_id}": {"private_notes": "Changed"},
        "POST /collections/{collection_id}/order": {"items": things.item_id, "revision": "2"},
        "POST /collections/{collection_id}/bulk": {"item": things.item_id, "do": "bought"},
        "POST /collections/{collection_id}/undo": {"undo": things.undo_id},
        "POST /collections/{collection_id}/share": {"visibility": "unlisted"},
        "POST /listings/{listing_id}/edit": {"/title": "Changed"},
        "POST /listings/{listing_id}/collect": {"name": "Somewhere new"},
        "POST /listings/{listing_id}/share": {"days": "180"},
    }
    return sent.get(route.key)


@dataclass(frozen=True)
class World:
    """Two people with their things."""

    api: Api
    browsers: Mapping[Who, Person]
    things: Mapping[Id, Things]

    def caller(self, who: Who) -> Person:
        return self.api.stranger if who is Who.anonymous else self.api.person(who)

    def call(self, key: str, who: Who, things: Things, **more: Any) -> httpx.Response:
        route = ROUTES[key]
        address, sent = route.path.format(**vars(things)), body(route, things)
        if route.is_page:
            return self.browsers[who].send(route.method, address, data=sent, **more)
        return self.caller(who).send(route.method, address, json=sent, **more)


@pytest.fixture(scope="module")
def world(running: System) -> Iterator[World]:
    """Made once: what is refused changes nothing, and what is served gets things of its own to change."""
    with Api(running) as api:
        owner, other = api.person(Who.owner), api.person(Who.other)
        own, published = made(owner, "Hidden machine"), made(owner, "Shown machine", "public")
        foreign = made(other, "Foreign machine")
        nobodys = str(BIGINT_MOST)
        yield World(
            api,
            {who: api.browser(None if who is Who.anonymous else who) for who in Who},
            {
                Id.own: own,
                Id.published: published,
                Id.foreign: foreign,
                Id.mixed: with_parts_of(foreign, own),
                Id.swapped: with_parts_of(own, foreign),
                Id.strayed: with_parts_of(published, own),
                Id.unknown: Things(
                    listing_id=nobodys,
                    collection_id=nobodys,
                    item_id=nobodys,
                    preview_id=str(uuid4()),
                    import_id=str(uuid4()),
                    name=own.name,
                    nonce=own.nonce,
                    picture=own.picture,
                    token_id=nobodys,
                    token="A" * len(own.token),
                    listing_token=own.listing_token,
                    file=STYLE,
                    undo_id=str(uuid4()),
                    to_add=own.to_add,
                ),
            },
        )


def cells(key: str) -> Iterator[tuple[Who, Id]]:
    """Every caller and every kind of id there is for a route."""
    both = {"{item_id}", "{token_id}", "{listing_token}"} & set(ROUTES[key].path.split("/"))
    return ((who, whose) for who, whose in product(Who, Id) if both or whose not in ITEMS)


# What a call needs besides what stands in its path, by the path's last word.
MORE = {"items": ["to_add"], "undo": ["undo_id"]}
SERVED = [(key, *cell) for key, rule in RULES.items() for cell in sorted(rule.served)]
REFUSED = [(key, *cell) for key, rule in RULES.items() for cell in cells(key) if cell not in rule.served]


# ---------------------------------------------------------------------------------------- the matrix


@pytest.mark.parametrize(("key", "who", "whose"), REFUSED)
def test_whom_the_table_does_not_name_is_refused_and_changes_nothing(
    world: World, key: str, who: Who, whose: Id
) -> None:
    rule, before = RULES[key], world.api.state()
    answer = world.call(key, who, world.things[whose])
    hidden = NOBODY if rule.signed_in and who is Who.anonymous else rule.absent
    assert (status(answer), world.api.state()) == (hidden, before)


# Instead of a status: nobody was recognized.
NOBODY = "sign in"


def status(answer: httpx.Response) -> int | str:
    """An answer's status; to sign in is what 401 tells a program, and a redirection a person."""
    is_sent_there = answer.headers.get("location", "").startswith(f"{pages.SIGN_IN}?next=/")
    return NOBODY if answer.status_code == 401 or is_sent_there else answer.status_code


@pytest.mark.parametrize(("key", "who", "whose"), SERVED)
def test_whom_the_table_names_is_served(world: World, key: str, who: Who, whose: Id) -> None:
    things = world.things[whose]
    if ROUTES[key].method not in {"GET", "HEAD"}:
        wanted = [*re.findall(r"{(\w+)}", key), *MORE.get(key.rpartition("/")[2], ())]
        visibility = "public" if whose is Id.published else "private"
        things = made(world.caller(who), "To be changed", visibility, wanted)
    if key.endswith("/restore"):
        world.caller(who).delete(f"/collections/{things.collection_id}")
    ask = partial(world.call, key, who, things)
    answer = drawn(lambda _: ask(), key) if "card" in key else ask()
    assert status(answer) == RULES[key].status


HIDING = sorted({key for key, _, _ in REFUSED if RULES[key].absent == 404})


@pytest.mark.parametrize("key", HIDING)
def test_absent_and_not_yours_are_told_with_the_same_bytes(world: World, key: str) -> None:
    rule, is_page = RULES[key], ROUTES[key].is_page
    hidden = [
        # A page says who reads it.
        (who if is_page else None, *told(world.call(key, who, world.things[whose])))
        for who, whose in cells(key)
        if (who, whose) not in rule.served and not (rule.signed_in and who is Who.anonymous)
    ]
    assert len(set(hidden)) == len({who for who, *_ in hidden})


PAGES = {key: route for key, route in ROUTES.items() if route.is_page}


FOR_SOMEBODY = [key for key, route in PAGES.items() if route.signed_in]


@pytest.mark.parametrize("key", [key for key in FOR_SOMEBODY if key.startswith("GET ")])
def test_a_piece_of_a_page_sends_the_whole_page_to_where_one_signs_in(world: World, key: str) -> None:
    answer = world.call(key, Who.anonymous, world.things[Id.own], headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert answer.headers["hx-redirect"].startswith(f"{pages.SIGN_IN}?next=/")


@pytest.mark.parametrize("key", [key for key in FOR_SOMEBODY if not key.startswith("GET ")])
def test_a_form_sent_by_a_script_after_signing_out_leaves_what_was_typed_where_it_is(
    world: World, key: str
) -> None:
    answer = world.call(key, Who.anonymous, world.things[Id.own], headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert "hx-redirect" not in answer.headers
    assert answer.text == "You are not signed in any more. Sign in in another tab, and go on here."


@pytest.mark.parametrize(
    "key", [key for key, route in ROUTES.items() if route.is_page and route.method == "POST"]
)
@pytest.mark.parametrize("who", Who)
def test_no_form_of_another_sites_page_does_anything(world: World, key: str, who: Who) -> None:
    before = world.api.state()
    answer = world.call(key, who, world.things[Id.own], headers={"Origin": "https://elsewhere.example"})
    assert (answer.status_code, world.api.state()) == (403, before)


def told(answer: httpx.Response) -> tuple[object, ...]:
    """All of an answer but when it was given, which request it belongs to, and the address it is given at."""
    own = {"date", "apigw-requestid", "content-length"}
    return (
        answer.status_code,
        answer.content.replace(answer.request.url.raw_path, b""),
        *sorted((n, v) for n, v in answer.headers.items() if n not in own),
    )


@pytest.mark.parametrize("key", PLAIN)
def test_a_route_without_an_id_answers_strangers_as_it_says(world: World, key: str) -> None:
    before = world.api.state()
    answer = world.call(key, Who.anonymous, world.things[Id.own])
    expected = PLAIN[key] or NOBODY
    assert (status(answer), world.api.state()) == (200 if expected is True else expected, before)


# ----------------------------------------------------------------------------------- ids in the body


def confirm(person: Person, kind: str, preview_id: str, **more: Any) -> httpx.Response:
    wanted = {"preview_id": preview_id, "merge_strategy": "create_new", **more}
    return person.post(f"/{kind}/import/confirm", wanted)


@pytest.mark.parametrize("kind", ["listings", "collections"])
def test_nobody_confirms_another_persons_preview(world: World, kind: str) -> None:
    before = world.api.state()
    answer = confirm(world.caller(Who.other), kind, world.things[Id.own].preview_id)
    refused(answer, 404, "not_found")
    assert world.api.state() == before


def test_nobody_hears_what_another_persons_confirm_made(world: World) -> None:
    preview_id = made(world.caller(Who.owner), "To be imported", wanted=["preview_id"]).preview_id
    assert confirm(world.caller(Who.owner), "listings", preview_id).status_code == 201
    refused(confirm(world.caller(Who.other), "listings", preview_id), 404, "not_found")


@pytest.mark.parametrize("whose", [Id.foreign, Id.unknown])
def test_a_file_updates_nobody_elses_listing(world: World, whose: Id) -> None:
    before, target = world.api.state(), int(world.things[whose].listing_id)
    things = world.things[Id.own]
    answer = confirm(
        world.caller(Who.owner),
        "listings",
        things.preview_id,
        merge_strategy="update_existing",
        target_listing_id=target,
    )
    refused(answer, 404, "not_found")
    assert world.api.state() == before


def test_a_file_does_not_update_the_strangers_listing_it_resembles(world: World) -> None:
    owner, foreign = world.caller(Who.owner), world.things[Id.foreign]
    preview = owner.preview("listings", owner.get(f"/listings/{foreign.listing_id}/export").content)
    before, target = world.api.state(), int(foreign.listing_id)
    answer = confirm(
        owner,
        "listings",
        preview["preview_id"],
        merge_strategy="update_existing",
        target_listing_id=target,
    )
    refused(answer, 404, "not_found")
    assert world.api.state() == before


@pytest.mark.parametrize("whose", [Id.foreign, Id.unknown])
def test_a_file_fills_nobody_elses_collection(world: World, whose: Id) -> None:
    owner, target = world.caller(Who.owner), int(world.things[whose].collection_id)
    file = owner.get(f"/collections/{world.things[Id.own].collection_id}/export").content
    preview, before = owner.preview("collections", file), ""
    before = world.api.state()
    answer = confirm(
        owner,
        "collections",
        preview["preview_id"],
        merge_strategy="merge_items",
        target_collection_id=target,
    )
    refused(answer, 404, "not_found")
    assert world.api.state() == before


def test_a_row_updates_nobody_elses_listing(world: World) -> None:
    owner, target = world.caller(Who.owner), int(world.things[Id.foreign].listing_id)
    file = owner.get(f"/collections/{world.things[Id.own].collection_id}/export").content
    preview = owner.preview("collections", file)
    before = world.api.state()
    decision = {"index": 0, "decision": "update", "listing_id": target}
    refused(confirm(owner, "collections", preview["preview_id"], decisions=[decision]), 404, "not_found")
    assert world.api.state() == before


def test_a_listing_nobody_has_is_added_nowhere(world: World) -> None:
    before, path = world.api.state(), f"/collections/{world.things[Id.own].collection_id}/items"
    refused(world.caller(Who.owner).post(path, {"listing_id": BIGINT_MOST}), 404, "not_found")
    assert world.api.state() == before


def test_anybodys_listing_may_be_collected(world: World) -> None:
    things = made(world.caller(Who.owner), "To be filled", wanted=())
    path = f"/collections/{things.collection_id}/items"
    foreign = int(world.things[Id.foreign].listing_id)
    assert world.caller(Who.owner).post(path, {"listing_id": foreign}).status_code == 201


@pytest.mark.parametrize("whose", [Id.foreign, Id.published, Id.unknown])
def test_an_order_names_no_item_of_another_collection(world: World, whose: Id) -> None:
    owner, things, before = world.caller(Who.owner), world.things[Id.own], world.api.state()
    revision = owner.get(f"/collections/{things.collection_id}").json()["revision"]
    wanted = {"item_ids": [int(things.item_id), int(world.things[whose].item_id)], "revision": revision}
    answer = owner.put(f"/collections/{things.collection_id}/items/order", wanted)
    assert (answer.status_code, world.api.state()) == (404, before)
