"""The pages of collections over HTTP: what they take, what they show to whom, where they lead."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy import event

from dealbrain import db, facts
from dealbrain.tables import ShareToken
from functions.pages.collection_bulk import back_to
from tests.makers import Api, Person, fill, made

NO_SUCH_ID = 999_999

type Thing = dict[str, Any]


@pytest.fixture
def ann(api: Api) -> Person:
    """Alice at her browser."""
    return api.browser("alice")


@pytest.fixture
def ben(api: Api) -> Person:
    """Bob at his."""
    return api.browser("bob")


@pytest.fixture
def stranger(api: Api) -> Person:
    """Somebody at a browser who is not signed in."""
    return api.browser()


@pytest.fixture
def picks(alice: Person) -> Thing:
    """A private collection of three offers."""
    return filled(alice, "My picks")


@pytest.fixture
def public(alice: Person) -> Thing:
    """A public one."""
    return filled(alice, "Public picks", visibility="public")


def filled(person: Person, name: str, **fields: Any) -> Thing:
    collection = person.collection(name, **fields)
    for number, title in enumerate(("First box", "Second box", "Third box")):
        listing = person.listing(title=title, price_usd=100 + 50 * number, listing_url=None)
        person.item(collection, listing, private_notes="my secret")
    return collection


def led(answer: httpx.Response) -> str:
    """Where a form led to."""
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def shown(person: Person, address: str, status: int = 200) -> str:
    answer = person.open(address)
    assert answer.status_code == status, answer.text
    return answer.text


def page_of(collection: Mapping[str, Any], more: str = "") -> str:
    return f"/collections/{collection['id']}{more}"


def titles(html: str) -> list[str]:
    """What the headings of things say, in their order."""
    return [unescape(one) for one in re.findall(r"<h3[^>]*><a [^>]*><bdi>(.*?)</bdi>", html)]


def words(html: str) -> str:
    """What a page says, without its markup."""
    main = html.partition("<main")[2].partition(">")[2].partition("</main>")[0]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", main)).split())


def hidden(html: str, name: str) -> str:
    """The value of a page's hidden field; of several that are called so, of the first."""
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found, name
    return unescape(found[1])


def whole(person: Person, collection: Mapping[str, Any]) -> Thing:
    found: Thing = person.get(page_of(collection)).json()
    return found


def ids(person: Person, collection: Thing) -> list[int]:
    return [one["id"] for one in whole(person, collection)["items"]]


# -------------------------------------------------------------------------------------- making and naming


def test_a_new_collection_is_made_and_led_to(ann: Person, alice: Person) -> None:
    address = led(ann.submit("/collections", {"name": "Quiet minis"}))
    assert alice.get(address).json()["name"] == "Quiet minis"


def test_a_name_changed_elsewhere_stays_when_only_the_description_is_written(
    ann: Person, alice: Person, picks: Thing
) -> None:
    page = shown(ann, page_of(picks))
    alice.patch(page_of(picks), {"name": "Renamed elsewhere"})
    sent = {"name": "My picks", "name_was": hidden(page, "name_was")}
    sent |= {"description": "New", "description_was": hidden(page, "description_was")}
    led(ann.submit(page_of(picks, "/edit"), sent))
    now = whole(alice, picks)
    assert (now["name"], now["description"]) == ("Renamed elsewhere", "New")


def test_a_name_written_in_two_windows_is_asked_about_once(ann: Person, alice: Person, picks: Thing) -> None:
    alice.patch(page_of(picks), {"name": "Renamed elsewhere"})
    sent = {"name": "Renamed here", "name_was": "My picks"}
    answer = ann.submit(page_of(picks, "/edit"), sent)
    assert answer.status_code == 422
    assert "By now “Renamed elsewhere” stands here" in words(answer.text)
    assert whole(alice, picks)["name"] == "Renamed elsewhere"
    led(ann.submit(page_of(picks, "/edit"), sent | {"name_was": hidden(answer.text, "name_was")}))
    assert whole(alice, picks)["name"] == "Renamed here"


def test_a_description_that_breaks_lines_otherwise_is_the_one_that_was_shown(
    ann: Person, alice: Person, picks: Thing
) -> None:
    alice.patch(page_of(picks), {"description": "one\r\ntwo"})
    # As browsers send both back.
    sent = {"name": "My picks", "name_was": "My picks", "description_was": "one\r\ntwo"}
    led(ann.submit(page_of(picks, "/edit"), sent | {"description": "one\r\ntwo\r\nthree"}))
    assert whole(alice, picks)["description"] == "one\ntwo\nthree"


def test_what_is_not_sent_of_a_collection_stays(ann: Person, alice: Person, picks: Thing) -> None:
    alice.patch(page_of(picks), {"description": "Stays"})
    led(ann.submit(page_of(picks, "/edit"), {"name": "New"}))
    now = whole(alice, picks)
    assert (now["name"], now["description"]) == ("New", "Stays")


def test_a_form_sent_back_as_it_was_shown_changes_nothing(ann: Person, alice: Person, picks: Thing) -> None:
    before = whole(alice, picks)
    sent = {"name": "My picks", "name_was": "My picks", "description": "", "description_was": ""}
    led(ann.submit(page_of(picks, "/edit"), sent))
    assert whole(alice, picks) == before


def test_who_chose_more_than_fit_side_by_side_is_told(ann: Person, alice: Person) -> None:
    collection = alice.collection()
    fill(collection, alice.listing(), 8)
    chosen = "&".join(f"item={number}" for number in ids(alice, collection))
    assert "2 others do not fit" in words(shown(ann, page_of(collection, f"/compare?{chosen}")))


@pytest.mark.parametrize(
    ("name", "typed"),
    [("", ""), ("  ", "  "), ("x" * 101, "x" * 101), ('"><b>' * 21, "&#34;&gt;&lt;b&gt;" * 21)],
)
def test_a_name_that_is_none_is_told_beside_its_field_and_stays_in_it(
    ann: Person, alice: Person, name: str, typed: str
) -> None:
    answer = ann.submit("/collections", {"name": name})
    assert answer.status_code == 422
    (field,) = re.findall(r'<input id="name"[^>]*>', answer.text)
    assert f'value="{typed}"' in field
    assert 'aria-invalid="true" aria-describedby="wrong--name"' in field
    assert 'id="wrong--name"' in answer.text
    assert alice.get("/collections").json()["items"] == []


def test_name_and_description_are_changed_together(ann: Person, alice: Person, picks: Thing) -> None:
    sent = {"name": "Better", "description": "With **words**\r\nof two lines"}
    assert led(ann.submit(page_of(picks, "/edit"), sent)) == page_of(picks)
    found = whole(alice, picks)
    assert (found["name"], found["description"]) == ("Better", "With **words**\nof two lines")
    assert "<strong>words</strong>" in shown(ann, page_of(picks))


def test_a_description_left_empty_is_none(ann: Person, alice: Person) -> None:
    collection = alice.collection(description="Old words")
    ann.submit(page_of(collection, "/edit"), {"name": "Better", "description": ""})
    assert whole(alice, collection)["description"] is None


@pytest.mark.parametrize(
    ("sent", "wrong", "right"),
    [
        ({"name": "", "description": "Words"}, "name", "description"),
        ({"name": "Better", "description": "x" * 1001}, "description", "name"),
    ],
)
def test_what_is_wrong_with_a_change_is_told_beside_its_field_and_no_other(
    ann: Person, alice: Person, picks: Thing, sent: dict[str, str], wrong: str, right: str
) -> None:
    answer = ann.submit(page_of(picks, "/edit"), sent)
    assert answer.status_code == 422
    fields = {name: re.findall(rf'<[a-z]+ id="{name}"[^>]*>', answer.text)[0] for name in sent}
    assert f'aria-describedby="wrong--{wrong}"' in fields[wrong]
    assert "aria-invalid" not in fields[right]
    assert sent[right] in answer.text
    assert sent[wrong] in answer.text
    assert whole(alice, picks)["name"] == "My picks"


def test_the_form_with_what_is_wrong_is_not_hidden(ann: Person, picks: Thing) -> None:
    assert "data-hidden" not in ann.submit(page_of(picks, "/edit"), {"name": ""}).text
    assert "data-hidden" in shown(ann, page_of(picks))


def test_a_deleted_collection_is_listed_where_it_can_be_restored(ann: Person, picks: Thing) -> None:
    assert led(ann.submit(page_of(picks, "/delete"))) == "/collections#deleted"
    shown(ann, page_of(picks), 404)
    assert f'action="{page_of(picks, "/restore")}"' in shown(ann, "/collections")
    assert led(ann.submit(page_of(picks, "/restore"))) == page_of(picks)
    assert titles(shown(ann, page_of(picks))) == ["First box", "Second box", "Third box"]


OF_ITS_OWNER = ["edit", "delete", "restore", "bulk", "undo", "order", "share", "share/1", "items/1"]


@pytest.mark.parametrize("verb", OF_ITS_OWNER)
def test_nobody_changes_what_is_somebody_elses(api: Api, ben: Person, public: Thing, verb: str) -> None:
    # Each form as its page has it, so that nothing but its sender is wrong with it.
    fields = {
        "name": "Mine now",
        "visibility": "private",
        "status": "bought",
        "items": "1,2,3",
        "revision": "4",
        "item": "1",
        "do": "remove",
        "undo": "00000000-0000-4000-8000-000000000000",
    }
    before = api.state()
    assert ben.submit(page_of(public, f"/{verb}"), fields).status_code == 404
    assert api.state() == before


# What somebody wrote into these is handed back instead (test_pages.py).
WRITTEN = {"edit", "share", "items/1"}


@pytest.mark.parametrize("verb", [*(one for one in OF_ITS_OWNER if one not in WRITTEN), "copy"])
def test_whoever_is_not_signed_in_is_led_to_where_one_signs_in(
    api: Api, stranger: Person, public: Thing, verb: str
) -> None:
    before = api.state()
    came = {"Referer": f"{stranger.headers['Origin']}{page_of(public)}?sort=price"}
    answer = stranger.submit(page_of(public, f"/{verb}"), {"name": "a"}, headers=came)
    assert led(answer) == f"/sign-in?next={page_of(public)}%3Fsort%3Dprice"
    assert api.state() == before


@pytest.mark.parametrize("verb", sorted(WRITTEN))
def test_what_a_stranger_wrote_changes_nothing(api: Api, stranger: Person, public: Thing, verb: str) -> None:
    before = api.state()
    assert stranger.submit(page_of(public, f"/{verb}"), {"name": "a"}).status_code == 401
    assert api.state() == before


# ------------------------------------------------------------------------------------------------ copying


def test_a_public_collection_is_copied_with_one_click(ben: Person, bob: Person, public: Thing) -> None:
    key = hidden(shown(ben, page_of(public)), "key")
    copy = led(ben.submit(page_of(public, "/copy"), {"key": key}))
    assert bob.get(copy).json()["name"] == "Copy of Public picks"


def test_a_second_click_leads_to_the_same_copy_and_a_fresh_page_to_another(
    ben: Person, bob: Person, public: Thing
) -> None:
    def click(key: str) -> str:
        return led(ben.submit(page_of(public, "/copy"), {"key": key}))

    first, second = (hidden(shown(ben, page_of(public)), "key") for _ in range(2))
    assert click(first) == click(first)
    assert click(second) != click(first)
    assert len(bob.get("/collections").json()["items"]) == 2


def test_every_copy_button_of_discover_copies_once(ben: Person, bob: Person, public: Thing) -> None:
    key = hidden(shown(ben, "/discover"), "key")
    copies = {led(ben.submit(page_of(public, "/copy"), {"key": key})) for _ in range(2)}
    assert len(copies) == len(bob.get("/collections").json()["items"]) == 1


def test_ones_own_private_collection_is_copied_too(ann: Person, alice: Person, picks: Thing) -> None:
    copy = led(ann.submit(page_of(picks, "/copy"), {"key": hidden(shown(ann, page_of(picks)), "key")}))
    assert alice.get(copy).json()["item_count"] == 3


def test_what_a_link_opens_is_copied_by_its_token_and_by_nothing_else(
    alice: Person, ben: Person, bob: Person
) -> None:
    collection = filled(alice, "Unlisted", visibility="unlisted")
    link = made(alice.post(page_of(collection, "/share-tokens"), {}))
    html = shown(ben, f"/c/{link['token']}")
    assert hidden(html, "token") == link["token"]
    assert ben.submit(page_of(collection, "/copy"), {"key": hidden(html, "key")}).status_code == 404
    copy = led(ben.submit(page_of(collection, "/copy"), {"token": link["token"], "key": "another"}))
    assert bob.get(copy).json()["item_count"] == 3


def test_a_stranger_who_copies_from_a_link_comes_back_to_it(alice: Person, stranger: Person) -> None:
    collection = alice.collection(visibility="unlisted")
    link = made(alice.post(page_of(collection, "/share-tokens"), {}))
    came = {"Referer": f"{stranger.headers['Origin']}/c/{link['token']}"}
    answer = stranger.submit(page_of(collection, "/copy"), {"token": link["token"]}, headers=came)
    assert led(answer) == f"/sign-in?next=/c/{link['token']}"


def test_a_dead_link_copies_nothing(alice: Person, ben: Person, bob: Person) -> None:
    collection = alice.collection(visibility="unlisted")
    link = made(alice.post(page_of(collection, "/share-tokens"), {}))
    alice.delete(page_of(collection, f"/share-tokens/{link['id']}"))
    assert ben.submit(page_of(collection, "/copy"), {"token": link["token"]}).status_code == 404
    assert bob.get("/collections").json()["items"] == []


# ------------------------------------------------------------------------------------------------ sharing


def share(person: Person, collection: Thing, **fields: str) -> httpx.Response:
    return person.submit(page_of(collection, "/share"), fields)


def test_before_everybody_sees_it_its_owner_is_asked_once_more(
    ann: Person, alice: Person, picks: Thing
) -> None:
    asked = share(ann, picks, visibility="public")
    assert asked.status_code == 200
    assert "Everybody will see it." in words(asked.text)
    assert whole(alice, picks)["visibility"] == "private"
    sure = hidden(asked.text, "sure")
    assert led(share(ann, picks, visibility="public", sure=sure)) == page_of(picks, "/share")
    assert whole(alice, picks)["visibility"] == "public"


@pytest.mark.parametrize("visibility", ["private", "unlisted"])
def test_what_fewer_see_needs_no_question(ann: Person, alice: Person, public: Thing, visibility: str) -> None:
    assert led(share(ann, public, visibility=visibility)) == page_of(public, "/share")
    assert whole(alice, public)["visibility"] == visibility


@pytest.mark.parametrize("visibility", ["", "everybody", "PUBLIC"])
def test_a_visibility_there_is_not_is_refused(
    ann: Person, alice: Person, picks: Thing, visibility: str
) -> None:
    assert share(ann, picks, visibility=visibility, sure="yes").status_code == 422
    assert whole(alice, picks)["visibility"] == "private"


def new_link(person: Person, collection: Thing, **fields: str) -> str:
    """Make a link; answers its path."""
    found = re.findall(r'id="made"[^>]*value="http[^"]*(/c/[^"]*)"', share(person, collection, **fields).text)
    assert len(found) == 1
    return str(found[0])


def test_a_link_is_shown_once_and_only_then(ann: Person, stranger: Person, alice: Person) -> None:
    collection = filled(alice, "Unlisted", visibility="unlisted")
    link = new_link(ann, collection, label="For Ben", days="")
    assert titles(shown(stranger, link)) == ["First box", "Second box", "Third box"]
    later = shown(ann, page_of(collection, "/share"))
    assert "For Ben" in later
    assert link not in later


def test_a_link_lives_as_long_as_was_chosen(ann: Person, alice: Person) -> None:
    collection = alice.collection(visibility="unlisted")
    new_link(ann, collection, days="7")
    (found,) = alice.get(page_of(collection, "/share-tokens")).json()["items"]
    until = datetime.fromisoformat(found["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=6, hours=23) < until <= timedelta(days=7)


@pytest.mark.parametrize("days", ["0", "2", "-1", "365", "seven", "7.0", "\N{ARABIC-INDIC DIGIT SEVEN}"])
def test_a_life_that_is_not_offered_is_refused(ann: Person, alice: Person, picks: Thing, days: str) -> None:
    answer = share(ann, picks, label="", days=days)
    assert answer.status_code == 422
    assert "Choose how long the link is to live." in words(answer.text)
    assert alice.get(page_of(picks, "/share-tokens")).json()["items"] == []


def test_a_link_revoked_opens_nothing(ann: Person, stranger: Person, alice: Person) -> None:
    collection = alice.collection(visibility="unlisted")
    link, other = new_link(ann, collection), new_link(ann, collection)
    (token, *_) = alice.get(page_of(collection, "/share-tokens")).json()["items"][1:]
    assert led(ann.submit(page_of(collection, f"/share/{token['id']}"))) == page_of(collection, "/share")
    shown(stranger, link, 404)
    shown(stranger, other)
    assert ann.submit(page_of(collection, f"/share/{token['id']}")).status_code == 404


def test_making_it_private_kills_its_links_for_good(ann: Person, stranger: Person, alice: Person) -> None:
    collection = alice.collection(visibility="unlisted")
    link = new_link(ann, collection)
    share(ann, collection, visibility="private", sure="yes")
    shown(stranger, link, 404)
    share(ann, collection, visibility="unlisted")
    shown(stranger, link, 404)
    assert "Revoke" not in shown(ann, page_of(collection, "/share"))


def test_links_do_not_end_before_somebody_is_sure(ann: Person, stranger: Person, alice: Person) -> None:
    collection = alice.collection(visibility="unlisted")
    link = new_link(ann, collection)
    asked = ann.submit(page_of(collection, "/share"), {"visibility": "private"})
    assert "1 link will end." in words(asked.text)
    shown(stranger, link)


def test_what_has_no_links_is_closed_at_once(ann: Person, alice: Person) -> None:
    collection = alice.collection(visibility="unlisted")
    led(ann.submit(page_of(collection, "/share"), {"visibility": "private"}))
    assert alice.get(page_of(collection)).json()["visibility"] == "private"


@pytest.mark.parametrize("with_link", [True, False])
def test_before_a_collection_is_deleted_it_is_said_what_ends_by_that(
    ann: Person, alice: Person, *, with_link: bool
) -> None:
    collection = alice.collection(visibility="unlisted")
    if with_link:
        new_link(ann, collection)
    said = words(shown(ann, page_of(collection, "/delete")))
    assert "can be restored for 30 days, private." in said
    assert ("Its links end now" in said) == with_link


def test_a_link_that_expired_is_told_so_to_its_owner_and_opens_nothing(
    ann: Person, stranger: Person, alice: Person
) -> None:
    collection = alice.collection(visibility="unlisted")
    link = new_link(ann, collection, days="1")
    assert "expired" not in words(shown(ann, page_of(collection, "/share")))
    with db.transaction() as session:
        session.execute(sa.update(ShareToken).values(expires_at=datetime.now(UTC)))
    shown(stranger, link, 404)
    assert "expired" in words(shown(ann, page_of(collection, "/share")))


def test_a_51st_link_is_refused_and_all_50_are_listed(ann: Person, alice: Person) -> None:
    collection = alice.collection(visibility="unlisted")
    for _ in range(facts.SHARE_TOKENS - 1):
        made(alice.post(page_of(collection, "/share-tokens"), {}))
    new_link(ann, collection)
    answer = share(ann, collection, label="One more")
    assert (answer.status_code, "at most 50 share tokens" in words(answer.text)) == (422, True)
    assert shown(ann, page_of(collection, "/share")).count(">Revoke</button>") == facts.SHARE_TOKENS


def test_what_a_link_opens_is_for_no_search_engine(ann: Person, stranger: Person, alice: Person) -> None:
    collection = filled(alice, "Unlisted", visibility="unlisted")
    answer = stranger.open(new_link(ann, collection))
    assert answer.headers["x-robots-tag"] == "noindex"
    assert '<meta name="robots" content="noindex">' in answer.text
    assert "application/ld+json" not in answer.text


# --------------------------------------------------------------------------------------------- workspace


def test_a_workspace_shows_what_the_api_answers(alice: Person, ann: Person, picks: Thing) -> None:
    alice.patch(page_of(picks, "/items/2"), {"status": "bought", "notes": "Ask for <it>."})
    told = whole(alice, picks)["items"]
    rows = shown(ann, page_of(picks)).split('<tr id="item-')[1:]
    assert [seen(row) for row in rows] == [said(one) for one in told]


def test_a_public_page_shows_what_the_api_answers(alice: Person, stranger: Person, public: Thing) -> None:
    alice.patch(page_of(public, "/items/2"), {"notes": "Ask for <it>."})
    told = stranger.get(f"/collections/public/{public['id']}").json()["items"]
    rows = shown(stranger, page_of(public, "?view=table")).split('<tr class="item" id="item-')[1:]
    assert [seen(row) for row in rows] == [said(one) for one in told]


def test_discover_shows_what_the_api_answers(alice: Person, stranger: Person) -> None:
    for name in ("One & only", "<Two>", "Three"):
        alice.collection(name, visibility="public")
    told = stranger.get("/collections/discover").json()
    html = shown(stranger, "/discover")
    assert titles(html) == [one["name"] for one in told["items"]]
    assert f"{told['total']} collections" in words(html)


def test_what_the_api_says_otherwise_would_be_seen(alice: Person, ann: Person, picks: Thing) -> None:
    rows = shown(ann, page_of(picks)).split('<tr id="item-')[1:]
    alice.patch(page_of(picks, "/items/2"), {"status": "bought"})
    assert [seen(row) for row in rows] != [said(one) for one in whole(alice, picks)["items"]]


def seen(row: str) -> Thing:
    """What a row of a table shows of an item."""
    pressed = re.findall(r'value="([a-z]+)" aria-pressed="true"', row)
    score = re.findall(r'class="score[^>]*>([^<]*)<', row)
    noted = re.findall(r'<summary><bdi class="clamp">(?!Add a note<)(.*?)</bdi>', row)
    noted = noted or re.findall(r'class="own"><p><bdi>(.*?)</bdi>', row)
    return {
        "title": titles(row),
        "price": re.findall(r'class="price"><b>(.*?)</b>', row),
        "as of": re.findall(r'as of <time datetime="(.*?)"', row),
        "tier": re.findall(r'class="tier ([a-z]+)"', row),
        "score": score,
        "status": pressed,
        "notes": "".join(map(unescape, noted)),
    }


def said(item: Thing) -> Thing:
    """What the API says of it."""
    listing = item["listing"]
    score = (listing["performance"] or {}).get("metrics", {}).get("score_composite")
    price = listing["price_usd"]
    return {
        "title": [listing["title"]],
        "price": [f"${price:,.0f}" if price == int(price) else f"${price:,.2f}"],
        "as of": [listing["as_of"]],
        "tier": [listing["tier"]] if listing["tier"] else [],
        "score": ["\N{EN DASH}" if score is None else str(int(score))],
        "status": [item["status"]] if "status" in item else [],
        "notes": " · ".join(note for note in (item["notes"], item.get("private_notes")) if note),
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["First box", "Second box", "Third box"]),
        ("?min_price=150", ["Second box", "Third box"]),
        ("?min_price=150&max_price=150", ["Second box"]),
        ("?max_price=150&sort=added", ["Second box", "First box"]),
        ("?sort=added&view=cards", ["Third box", "Second box", "First box"]),
        ("?status=undecided&cpu=core+i7+gen+8", ["First box", "Second box", "Third box"]),
        ("?min_price=150&utm_source=mail", ["Second box", "Third box"]),
        ("?max_price=1", []),
    ],
)
def test_filters_stand_in_the_address(ann: Person, picks: Thing, query: str, expected: list[str]) -> None:
    html = shown(ann, page_of(picks, query))
    assert titles(html) == expected
    assert ("Nothing fits" in words(html)) is (expected == [])


@pytest.mark.parametrize("query", ["min_price=cheap", "sort=best", "view=list", "status=lost", "undo=1"])
def test_a_wrong_parameter_is_told_by_its_name(ann: Person, picks: Thing, query: str) -> None:
    name = query.partition("=")[0].replace("_", " ")
    assert f"<b>{name}</b>" in shown(ann, page_of(picks, f"?{query}"), 422)


def test_a_stranger_reads_nothing_private(stranger: Person, public: Thing) -> None:
    for view in ("table", "cards"):
        html = shown(stranger, page_of(public, f"?view={view}"))
        assert "my secret" not in html
        assert "undecided" not in html.lower()


def test_a_status_in_the_address_tells_a_stranger_nothing(
    alice: Person, stranger: Person, public: Thing
) -> None:
    alice.patch(page_of(public, "/items/2"), {"status": "bought"})
    assert len(titles(shown(stranger, page_of(public, "?status=bought")))) == 3


# ------------------------------------------------------------------------------------------ single items


def test_a_status_is_taken_and_leads_back_to_its_item(ann: Person, alice: Person, picks: Thing) -> None:
    assert led(ann.submit(page_of(picks, "/items/2"), {"status": "bought"})) == page_of(picks, "#item-2")
    assert whole(alice, picks)["items"][1]["status"] == "bought"


def test_a_piece_is_answered_the_buttons_and_the_new_revision(ann: Person, picks: Thing) -> None:
    sent = {"status": "bought", "revision": "4"}
    answer = ann.submit(page_of(picks, "/items/2"), sent, headers={"HX-Request": "true"})
    assert 'value="bought" aria-pressed="true"' in answer.text
    assert hidden(answer.text, "revision") == "5"
    assert "<html" not in answer.text


def test_what_was_being_saved_may_be_there_by_now(ann: Person, alice: Person, picks: Thing) -> None:
    alice.patch(page_of(picks, "/items/2"), {"notes": "on its way"})
    sent = {"notes": "the last words", "notes_was": ["before", "on its way"]}
    led(ann.submit(page_of(picks, "/items/2"), sent))
    assert whole(alice, picks)["items"][1]["notes"] == "the last words"


@pytest.mark.parametrize("sent", [{"revision": "3"}, {"revision": ""}, {"revision": "x"}, {}])
def test_a_page_that_missed_a_change_does_not_learn_the_next_revision(
    ann: Person, picks: Thing, sent: dict[str, str]
) -> None:
    # By that its order would go through, and undo the one it missed.
    sent = {"status": "bought", **sent}
    answer = ann.submit(page_of(picks, "/items/2"), sent, headers={"HX-Request": "true"})
    assert (answer.status_code, 'name="revision"' in answer.text) == (200, False)


@pytest.mark.parametrize("note", ["notes", "private_notes"])
def test_a_note_written_meanwhile_is_not_written_over(
    ann: Person, alice: Person, picks: Thing, note: str
) -> None:
    alice.patch(page_of(picks, "/items/2"), {note: "theirs"})
    sent = {note: "mine", f"{note}_was": "before"}
    answer = ann.submit(page_of(picks, "/items/2"), sent, headers={"HX-Request": "true"})
    assert (answer.status_code, "changed in another window" in answer.text) == (409, True)
    assert whole(alice, picks)["items"][1][note] == "theirs"


@pytest.mark.parametrize("note", ["notes", "private_notes"])
def test_without_scripts_what_was_typed_stands_beside_what_was_written_meanwhile(
    ann: Person, alice: Person, picks: Thing, note: str
) -> None:
    alice.patch(page_of(picks, "/items/2"), {note: "theirs"})
    answer = ann.submit(page_of(picks, "/items/2"), {note: "mine", f"{note}_was": "before"})
    assert answer.status_code == 409
    assert f'name="{note}" maxlength="500" rows="2" data-was="{note}_was">\nmine</textarea>' in answer.text
    assert "Now: theirs" in words(answer.text)
    again = {note: "mine", f"{note}_was": hidden(answer.text, f"{note}_was")}
    led(ann.submit(page_of(picks, "/items/2"), again))
    assert whole(alice, picks)["items"][1][note] == "mine"


@pytest.mark.parametrize("note", ["notes", "private_notes"])
def test_a_note_nobody_touched_is_replaced(ann: Person, alice: Person, picks: Thing, note: str) -> None:
    alice.patch(page_of(picks, "/items/2"), {note: "before\nand after"})
    # Line breaks as browsers send them.
    led(ann.submit(page_of(picks, "/items/2"), {note: "mine", f"{note}_was": "before\r\nand after"}))
    assert whole(alice, picks)["items"][1][note] == "mine"


def test_an_empty_note_is_none(ann: Person, alice: Person, picks: Thing) -> None:
    alice.patch(page_of(picks, "/items/2"), {"notes": "before"})
    ann.submit(page_of(picks, "/items/2"), {"notes": "", "notes_was": "before"})
    assert whole(alice, picks)["items"][1]["notes"] is None


@pytest.mark.parametrize("fields", [{"status": "lost"}, {"status": ""}, {"notes": "x" * 501}])
def test_what_an_item_cannot_be_is_refused(
    api: Api, ann: Person, picks: Thing, fields: dict[str, str]
) -> None:
    before = api.state()
    assert ann.submit(page_of(picks, "/items/2"), fields).status_code == 422
    assert api.state() == before


# ------------------------------------------------------------------------------------------------ order


def test_an_order_is_taken_as_it_was_seen(ann: Person, alice: Person, picks: Thing) -> None:
    revision = hidden(shown(ann, page_of(picks)), "revision")
    assert led(ann.submit(page_of(picks, "/order"), {"items": "3,1,2", "revision": revision})) == page_of(
        picks
    )
    assert ids(alice, picks) == [3, 1, 2]


@pytest.mark.parametrize(
    ("items", "revision", "status"),
    [
        ("3,1,2", "3", 409),
        ("3,1", "4", 422),
        ("3,1,1", "4", 422),
        ("3,1,2,2", "4", 422),
        (f"3,1,2,{NO_SUCH_ID}", "4", 404),
        ("3,1,two", "4", 422),
        ("3,1,", "4", 422),
        ("", "4", 422),
        ("3,1,2", "", 422),
        ("3,1,2", "four", 422),
        ("3,1,2", "9" * 30, 422),
    ],
)
def test_an_order_of_what_is_not_there_now_is_refused(
    ann: Person, alice: Person, picks: Thing, items: str, revision: str, status: int
) -> None:
    answer = ann.submit(page_of(picks, "/order"), {"items": items, "revision": revision})
    assert answer.status_code == status, answer.text
    assert ids(alice, picks) == [1, 2, 3]


# ------------------------------------------------------------------------------------------ many at once


def bulk(person: Person, collection: Thing, *items: int, **fields: str) -> httpx.Response:
    return person.submit(page_of(collection, "/bulk"), {"item": items, **fields})


def test_a_change_of_many_leads_to_where_it_can_be_undone(ann: Person, alice: Person, picks: Thing) -> None:
    back = page_of(picks, "?sort=price")
    html = shown(ann, led(bulk(ann, picks, 1, 3, do="remove", back=back)))
    assert "2 offers removed." in words(html)
    assert hidden(html, "back") == back
    undo = ann.submit(page_of(picks, "/undo"), {"undo": hidden(html, "undo"), "back": back})
    assert led(undo) == back
    assert titles(shown(ann, back)) == ["First box", "Second box", "Third box"]
    assert len(ids(alice, picks)) == 3


def test_more_than_a_hundred_are_changed_and_can_be_undone(ann: Person, alice: Person) -> None:
    collection = alice.collection()
    fill(collection, alice.listing(), facts.COLLECTION_ITEMS)
    html = shown(ann, led(bulk(ann, collection, *ids(alice, collection), do="rejected")))
    assert "500 offers now rejected." in words(html)


def test_many_are_moved(ann: Person, alice: Person, picks: Thing) -> None:
    other = alice.collection("Other")
    html = shown(ann, led(bulk(ann, picks, 1, 3, do="move", move_to=str(other["id"]))))
    assert "2 offers moved." in words(html)
    assert (ids(alice, picks), ids(alice, other)) == ([2], [1, 3])


@pytest.mark.parametrize(
    ("items", "fields", "says"),
    [
        ([], {"do": "remove"}, "Choose some offers first."),
        ([1], {}, "Say what is to happen to the offers chosen."),
        ([1], {"do": "burn"}, "Say what is to happen to the offers chosen."),
        ([1], {"do": "move"}, "Choose the collection they are to be moved to."),
        ([1], {"do": "move", "move_to": ""}, "Choose the collection they are to be moved to."),
        ([1], {"do": "move", "move_to": "there"}, "move to"),
        ([1, 1], {"do": "remove"}, "names an item twice"),
        (["one"], {"do": "remove"}, "item ids 0"),
    ],
)
def test_a_change_of_many_that_makes_no_sense_says_why(
    api: Api, ann: Person, picks: Thing, items: list[int], fields: dict[str, str], says: str
) -> None:
    before = api.state()
    answer = bulk(ann, picks, *items, **fields)
    assert (answer.status_code, says in words(answer.text)) == (422, True)
    assert api.state() == before


def test_nothing_is_moved_into_somebody_elses_collection(
    ann: Person, alice: Person, bob: Person, picks: Thing
) -> None:
    theirs = bob.collection(visibility="public")
    assert bulk(ann, picks, 1, do="move", move_to=str(theirs["id"])).status_code == 404
    assert ids(alice, picks) == [1, 2, 3]


@pytest.mark.parametrize("undo", ["", "1", "00000000-0000-4000-8000-000000000000", "x" * 400])
def test_what_cannot_be_undone_says_so(ann: Person, picks: Thing, undo: str) -> None:
    answer = ann.submit(page_of(picks, "/undo"), {"undo": undo})
    assert answer.status_code == 404
    assert "There is nothing to undo here any more." in words(answer.text)


@pytest.mark.parametrize(
    "hostile",
    [
        "https://there.example/collections/7",
        "//there.example/collections/7",
        "/\\there.example/collections/7",
        "/collections/8",
        "/collections/77",
        "/collections/7/delete",
        "/collections/7/../8",
        "/collections/7\r\nX: y",
        "/collections/7;//there",
        "javascript:alert(1)",
        "collections/7",
        "",
        None,
    ],
)
def test_the_way_back_never_leads_elsewhere(hostile: str | None) -> None:
    assert back_to(7, hostile) == "/collections/7"


@pytest.mark.parametrize("right", ["/collections/7", "/collections/7?sort=price&min_price=5"])
def test_the_way_back_leads_to_what_was_narrowed(right: str) -> None:
    assert back_to(7, right) == right


def test_a_refused_form_leads_back_to_the_page_it_stood_on(ann: Person, picks: Thing) -> None:
    here = page_of(picks, "?sort=price")
    came = {"Referer": f"{ann.headers['Origin']}{here}"}
    answer = ann.submit(page_of(picks, "/bulk"), {"do": "remove"}, headers=came)
    assert f'href="{here}">Back to the page' in answer.text


def test_a_refused_piece_says_in_a_line_what_is_wrong_and_where(ann: Person, picks: Thing) -> None:
    answer = ann.open(page_of(picks, "?min_price=cheap"), headers={"HX-Request": "true"})
    assert answer.text == "Min price: must be an amount in dollars, such as 399 or 399.50"


# -------------------------------------------------------------------------------------------- comparing


def test_chosen_offers_stand_side_by_side_with_the_best_marked(ann: Person, picks: Thing) -> None:
    html = shown(ann, page_of(picks, "/compare?item=3&item=1"))
    assert re.findall(r'<th scope="col"><a [^>]*><bdi>(.*?)</bdi>', html) == ["First box", "Third box"]
    assert "Price Best: $100 $200" in words(html)


@pytest.mark.parametrize("query", ["", "?item=1", f"?item={NO_SUCH_ID}&item=1"])
def test_fewer_than_two_are_not_compared(ann: Person, picks: Thing, query: str) -> None:
    assert "Choose at least two" in words(shown(ann, page_of(picks, f"/compare{query}")))


def test_no_more_than_six_are_compared(ann: Person, alice: Person) -> None:
    collection = alice.collection()
    fill(collection, alice.listing(), 7)
    query = "&".join(f"item={one}" for one in ids(alice, collection))
    assert shown(ann, page_of(collection, f"/compare?{query}")).count('<th scope="col">') == 6


def test_anybody_compares_what_is_public_and_nobody_what_is_not(
    stranger: Person, picks: Thing, public: Thing
) -> None:
    assert "Best: $100" in words(shown(stranger, page_of(public, "/compare?item=4&item=5")))
    shown(stranger, page_of(picks, "/compare?item=1&item=2"), 404)


# --------------------------------------------------------------------------------------------- discover


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["Dear towers", "Cheap minis"]),
        ("?q=minis", ["Cheap minis"]),
        ("?q=nothing+such", []),
        ("?owner=bob", ["Dear towers"]),
        ("?cpu=ryzen", ["Dear towers"]),
        ("?max_price=100", ["Cheap minis"]),
        ("?min_price=101&sort=popular", ["Dear towers"]),
        ("?min_price=101&max_price=100", []),
        ("?q=cheap&owner=bob", []),
        ("?q=minis&utm_source=mail", ["Cheap minis"]),
    ],
)
def test_discover_finds_by_every_parameter_of_its_address(
    alice: Person, bob: Person, stranger: Person, query: str, found: list[str]
) -> None:
    for person, name, price, cpu in (
        (alice, "Cheap minis", 100, "Intel Core i5-8500T"),
        (bob, "Dear towers", 500, "AMD Ryzen 5 PRO 4650GE"),
    ):
        collection = person.collection(name, visibility="public")
        person.item(collection, person.listing(price_usd=price, performance={"cpu": {"name": cpu}}))
    html = shown(stranger, f"/discover{query}")
    assert titles(html) == found
    number = f"{len(found)} collection{'' if len(found) == 1 else 's'}"
    assert number in words(html)


@pytest.mark.parametrize("query", ["min_price=cheap", "sort=best", "cursor=guessed"])
def test_a_parameter_discover_cannot_read_is_refused(stranger: Person, query: str) -> None:
    shown(stranger, f"/discover?{query}", 422)


def test_what_nobody_filled_in_is_taken_out_of_the_address(stranger: Person) -> None:
    assert led(stranger.open("/discover?q=&owner=&sort=recent&min_price=")) == "/discover?sort=recent"


def next_page(html: str) -> str | None:
    found = re.search(r'<li class="more" id="more"><a class="button" href="([^"]*)"', html)
    return unescape(found[1]) if found else None


def test_following_more_shows_each_collection_once_and_the_same_total(
    alice: Person, stranger: Person
) -> None:
    names = [f"Number {n}" for n in range(2 * facts.PAGE + 3)]
    for name in names:
        alice.collection(name, visibility="public")
    found, address = [], next_page("") or "/discover?q=number"
    while address:
        html = shown(stranger, address)
        assert f"{len(names)} collections" in words(html)
        found += titles(html)
        address = next_page(html) or ""
    assert found == names[::-1]


# ------------------------------------------------------------------------------------ looks and embedding


def views(person: Person, collection: Thing) -> int:
    return int(whole(person, collection)["counters"]["views"])


def test_reading_counts_one_look_and_asking_whether_it_is_there_none(
    alice: Person, stranger: Person, public: Thing
) -> None:
    assert stranger.send("HEAD", page_of(public)).status_code == 200
    assert views(alice, public) == 0
    shown(stranger, page_of(public))
    assert views(alice, public) == 1


def test_following_a_link_counts_for_the_collection_and_the_link(
    alice: Person, stranger: Person, ann: Person
) -> None:
    collection = alice.collection(visibility="unlisted")
    link = new_link(ann, collection)
    assert stranger.send("HEAD", link).status_code == 200
    assert views(alice, collection) == 0
    shown(stranger, link)
    (token,) = alice.get(page_of(collection, "/share-tokens")).json()["items"]
    assert (views(alice, collection), token["views"]) == (1, 1)


def test_its_owners_looks_are_not_counted(alice: Person, ann: Person, public: Thing) -> None:
    shown(ann, page_of(public))
    assert views(alice, public) == 0


def test_a_head_is_answered_without_a_body(stranger: Person, public: Thing) -> None:
    answer = stranger.send("HEAD", page_of(public))
    assert (answer.status_code, answer.content) == (200, b"")


ALTERNATES = ("rss+xml", "atom+xml", "feed+json", "json+oembed")


def test_a_public_page_says_where_it_is_followed_and_embedded(
    api: Api, stranger: Person, public: Thing
) -> None:
    html = shown(stranger, page_of(public))
    found = dict(re.findall(r'<link rel="alternate" type="application/([^"]*)"[^>]*href="([^"]*)"', html))
    assert set(found) == set(ALTERNATES)
    for address in found.values():
        path = unescape(address).removeprefix(api.system.settings.public_origin)
        assert stranger.open(path).status_code == 200
    assert f'<link rel="canonical" href="{api.system.settings.public_origin}{page_of(public)}">' in html


def test_what_only_a_link_opens_is_followed_and_embedded_nowhere(
    alice: Person, ann: Person, stranger: Person
) -> None:
    collection = alice.collection(visibility="unlisted")
    assert 'rel="alternate"' not in shown(stranger, new_link(ann, collection))
    assert 'rel="alternate"' not in shown(ann, page_of(collection))


def oembed(api: Api, collection: Thing, **more: str) -> httpx.Response:
    url = f"{api.system.settings.public_origin}{page_of(collection)}"
    return api.browser().open("/oembed", params={"url": url, **more})


def test_an_embedding_is_described_as_the_standard_says(api: Api, public: Thing) -> None:
    answer = oembed(api, public)
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["access-control-allow-origin"] == "*"
    told = answer.json()
    origin = api.system.settings.public_origin
    assert told["html"] == (
        f'<iframe src="{origin}/embed/{public["id"]}" width="640" height="480" loading="lazy"'
        ' title="Public picks"></iframe>'
    )
    names = ("version", "type", "title", "author_name", "width", "height", "thumbnail_width")
    assert [told[one] for one in names] == ["1.0", "rich", "Public picks", "alice", 640, 480, 1200]
    assert (told["provider_url"], told["thumbnail_height"]) == (origin, 630)
    assert told["thumbnail_url"].startswith(f"{origin}/v1/collection-cards/")


@pytest.mark.parametrize(("asked", "told"), [("300", 300), ("640", 640), ("9999", 640), ("0", 1), ("-5", 1)])
def test_an_embedding_is_no_larger_than_there_is_room(api: Api, public: Thing, asked: str, told: int) -> None:
    answer = oembed(api, public, maxwidth=asked, maxheight=asked).json()
    assert (answer["width"], answer["height"]) == (told, min(told, 480))
    assert f'width="{told}"' in answer["html"]


def test_a_hostile_name_stays_text_in_an_embedding(api: Api, alice: Person) -> None:
    collection = alice.collection('"><script>alert(1)</script>', visibility="public")
    assert "<script" not in oembed(api, collection).json()["html"]


def test_an_address_may_be_as_long_as_addresses_are(api: Api, public: Thing) -> None:
    url = f"{api.system.settings.public_origin}{page_of(public)}?utm_campaign={'x' * 500}"
    assert api.browser().open("/oembed", params={"url": url}).status_code == 200


@pytest.mark.parametrize("visibility", ["private", "unlisted"])
def test_what_is_not_public_is_not_embedded(
    api: Api, alice: Person, stranger: Person, visibility: str
) -> None:
    collection = alice.collection(visibility=visibility)
    assert oembed(api, collection).status_code == 404

    refused = stranger.open(f"/embed/{collection['id']}")
    assert refused.status_code == 404
    # A browser shows in a frame what may be framed, and else that it was refused.
    assert "frame-ancestors *" in refused.headers["content-security-policy"]


@pytest.mark.parametrize(
    "address",
    [
        "https://there.example/collections/1",
        "http://localhost.there.example/collections/1",
        "{origin}@there.example/collections/1",
        "{origin}/listings/1",
        "{origin}/collections/0",
        "{origin}/collections/1/share",
        "{origin}/collections/9999999999999999999",
        "/collections/1",
        "http://[",
        "nothing",
    ],
)
def test_an_address_that_is_no_collections_of_ours_is_not_embedded(
    api: Api, public: Thing, address: str
) -> None:
    assert public["id"] == 1
    url = address.format(origin=api.system.settings.public_origin)
    assert api.browser().open("/oembed", params={"url": url}).status_code == 404


@pytest.mark.parametrize("more", ["?sort=price", "#item-1", "?utm_source=a#b"])
def test_an_address_as_people_copy_it_is_embedded(api: Api, public: Thing, more: str) -> None:
    url = f"{api.system.settings.public_origin}{page_of(public)}{more}"
    assert api.browser().open("/oembed", params={"url": url}).status_code == 200


def test_another_format_than_ours_is_answered_as_the_standard_says(api: Api, public: Thing) -> None:
    assert oembed(api, public, format="xml").status_code == 501


def test_an_address_is_needed_for_an_embedding(stranger: Person) -> None:
    shown(stranger, "/oembed", 422)


def test_the_frame_may_stand_anywhere_and_can_do_nothing(stranger: Person, public: Thing) -> None:
    answer = stranger.open(f"/embed/{public['id']}")
    policy = answer.headers["content-security-policy"]
    assert "frame-ancestors *" in policy
    assert all(f"{one} 'none'" in policy for one in ("script-src", "form-action", "connect-src"))
    assert "x-frame-options" not in answer.headers
    assert not re.search(r"<(form|button|script)", answer.text)
    assert "First box" in answer.text


def test_no_other_page_may_be_framed(stranger: Person, public: Thing) -> None:
    answer = stranger.open(page_of(public))
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


# ------------------------------------------------------------------------------------------- first pages

GREAT = {"performance": {"cpu": {"name": "Intel Core i7-8650U", "cpu_mark_multi": 20_000}}}


def test_the_first_page_shows_great_deals_and_what_people_look_at(
    alice: Person, stranger: Person, public: Thing
) -> None:
    great = alice.listing(title="A bargain", price_usd=20, listing_url=None)
    assert great["tier"] == "great"
    alice.listing(title="No bargain", price_usd=9000, listing_url=None)
    html = shown(stranger, "/")
    assert public["name"] in titles(html)
    assert "A bargain" in html
    assert "No bargain" not in html
    assert f"/v1/cards/{great['id']}" in html


@pytest.mark.parametrize("who", ["alice", None])
@pytest.mark.parametrize("path", ["/", "/discover", "/collections", "/import", "/listings/new"])
def test_every_page_is_there_when_nothing_else_is(api: Api, path: str, who: str | None) -> None:
    answer = api.browser(who).open(path)
    is_for_somebody = path not in {"/", "/discover"}
    assert answer.status_code == (303 if is_for_somebody and who is None else 200)


def test_an_empty_first_page_promises_nothing_it_has_not(api: Api) -> None:
    assert "What people look at" not in shown(api.browser(), "/")


def test_an_empty_collection_says_what_to_do_next(ann: Person, alice: Person) -> None:
    html = shown(ann, page_of(alice.collection()))
    assert "Nothing in here yet" in words(html)
    assert 'href="/import"' in html.partition("<main")[2]


# ----------------------------------------------------------------------------------------- connections


@pytest.fixture
def most_connections(api: Api) -> Iterator[list[int]]:
    """How many connections to the database were held at once, since the beginning."""
    assert api
    held, most = [0], [0]

    def taken(*_: object) -> None:
        held[0] += 1
        most[0] = max(most[0], held[0])

    def given_back(*_: object) -> None:
        held[0] -= 1

    event.listen(db.engine(), "checkout", taken)
    event.listen(db.engine(), "checkin", given_back)
    yield most
    event.remove(db.engine(), "checkout", taken)
    event.remove(db.engine(), "checkin", given_back)


@pytest.mark.parametrize("path", ["", "/share", "/compare?item=1&item=2"])
def test_a_page_needs_no_more_than_the_one_connection_a_function_has(
    ann: Person, picks: Thing, most_connections: list[int], path: str
) -> None:
    shown(ann, page_of(picks, path))
    assert most_connections == [1]


@pytest.mark.parametrize("path", ["/collections/{}", "/embed/{}", "/discover", "/"])
def test_nor_does_a_public_one(
    stranger: Person, public: Thing, most_connections: list[int], path: str
) -> None:
    shown(stranger, path.format(public["id"]))
    assert most_connections == [1]


def test_two_transactions_inside_each_other_would_need_two(most_connections: list[int]) -> None:
    with db.transaction() as outer, db.transaction() as inner:
        outer.execute(sa.select(1))
        inner.execute(sa.select(1))
    assert most_connections == [2]
