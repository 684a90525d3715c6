"""Finding other people's public collections."""

from typing import Any

import pytest

from tests.makers import Api, Person, pointers, refused


@pytest.fixture
def alice(api: Api) -> Person:
    return api.person("alice")


def published(person: Person, name: str, description: str | None = None) -> dict[str, Any]:
    return person.collection(name, description=description, visibility="public")


def found(person: Person, **filters: Any) -> list[str]:
    """The names on the first page, in the order answered."""
    answer = person.get("/collections/discover", params=filters)
    assert answer.status_code == 200, answer.text
    page = answer.json()
    assert page["total_is_estimate"] is False
    if page["next_cursor"] is None and "cursor" not in filters:
        assert page["total"] == len(page["items"])
    return [one["name"] for one in page["items"]]


def test_only_public_collections_are_found(api: Api, alice: Person) -> None:
    for visibility in ("private", "unlisted", "public"):
        alice.collection(visibility, visibility=visibility)
    for person in (alice, api.person("bob"), api.stranger):
        assert found(person) == ["public"]


def test_a_collection_is_shown_as_anybody_reads_it(api: Api, alice: Person) -> None:
    collection = published(alice, "Quiet", "d")
    alice.item(collection, alice.listing())
    (shown,) = api.stranger.get("/collections/discover").json()["items"]
    whole = api.stranger.get(f"/collections/public/{collection['id']}").json()
    del whole["items"]
    assert shown == whole
    assert shown["item_count"] == 1


def test_the_latest_published_stands_first(alice: Person) -> None:
    first = alice.collection("made first, published last")
    published(alice, "second")
    alice.patch(f"/collections/{first['id']}/visibility", {"visibility": "public"})
    assert found(alice) == found(alice, sort="recent") == ["made first, published last", "second"]


# ------------------------------------------------------------------------------------------------ words


@pytest.fixture
def shelf(api: Api, alice: Person) -> Person:
    """Three collections whose words are in different places; the caller is a stranger."""
    published(alice, "Silent ThinkPads", "For the living room, T480 mostly")
    published(api.person("thinkerbell"), "Loud desktops", "Nothing below 8 fans")
    published(api.person("bob"), "Büro-Notebooks", None)
    return api.stranger


THINKPADS, DESKTOPS, BURO = "Silent ThinkPads", "Loud desktops", "Büro-Notebooks"


@pytest.mark.parametrize(
    ("q", "names"),
    [
        # Three letters and more: inside words of the name, the description and the owner's name.
        ("hinkpad", {THINKPADS}),
        ("ving", {THINKPADS}),
        ("nkerb", {DESKTOPS}),
        ("think", {THINKPADS, DESKTOPS}),
        ("THINK", {THINKPADS, DESKTOPS}),
        ("büro", {BURO}),
        ("BÜRO", {BURO}),
        ("o-n", {BURO}),
        # Below that: beginnings of words only.
        ("th", {THINKPADS, DESKTOPS}),
        ("TH", {THINKPADS, DESKTOPS}),
        ("8", {DESKTOPS}),
        ("80", set()),
        ("hi", set()),
        ("ro", {THINKPADS}),
        ("no", {DESKTOPS, BURO}),
        ("bo", {BURO}),
        ("bü", {BURO}),
        # Every word typed counts, wherever each is found.
        ("thinkpads alice", {THINKPADS}),
        ("fans think", {DESKTOPS}),
        ("fans living", set()),
        ("  t480   l ", {THINKPADS}),
        # Nothing typed narrows nothing.
        ("", {THINKPADS, DESKTOPS, BURO}),
        ("   ", {THINKPADS, DESKTOPS, BURO}),
        ("unheard-of", set()),
    ],
)
def test_words_are_found_where_people_expect_them(shelf: Person, q: str, names: set[str]) -> None:
    assert set(found(shelf, q=q)) == names


SIGNS = ["100% wool", "% off", "a_b c", "_x", "\\back\\slash", "c++ fans", "(lot)", "[x]", "^start$", "$5"]
SIGNS += [".net", "|a|b", "*star", "-dash"]


TYPED = {
    "100%": ["100% wool"],
    "%": ["% off"],
    "a_b": ["a_b c"],
    "a_": ["a_b c"],
    "_": ["_x"],
    "\\": ["\\back\\slash"],
    "\\b": ["\\back\\slash"],
    "k\\s": ["\\back\\slash"],
    "c+": ["c++ fans"],
    "c++": ["c++ fans"],
    "(": ["(lot)"],
    "[x]": ["[x]"],
    "[": ["[x]"],
    "^": ["^start$"],
    "$": ["$5"],
    ".": [".net"],
    "|": ["|a|b"],
    "a|": ["|a|b"],
    "*": ["*star"],
    "-d": ["-dash"],
    "a.": [],
    "a*": [],
    "..": [],
    "%%%": [],
    "___": [],
    "[a-z]": [],
}


def test_signs_are_letters_and_not_patterns(alice: Person) -> None:
    for name in SIGNS:
        published(alice, name)
    assert {q: found(alice, q=q) for q in TYPED} == TYPED


# ------------------------------------------------------------------------------------------------ pages


def test_pages_hold_together_while_others_publish(alice: Person) -> None:
    for number in range(5):
        published(alice, f"old {number}")
    names: list[str] = []
    totals = []
    more: dict[str, Any] = {}
    while True:
        page = alice.get("/collections/discover", params={"limit": 2, "q": "old", **more}).json()
        names += [one["name"] for one in page["items"]]
        totals.append(page["total"])
        if page["next_cursor"] is None:
            break
        more = {"cursor": page["next_cursor"]}
        published(alice, "an old one, but new")
    assert names == [f"old {number}" for number in (4, 3, 2, 1, 0)]
    assert totals == [5, 6, 7], "the total is of everything found, whichever page is asked for"


def test_a_page_is_of_twenty_unless_asked_otherwise(alice: Person) -> None:
    for number in range(21):
        published(alice, f"{number}")
    page = alice.get("/collections/discover").json()
    assert (len(page["items"]), page["total"]) == (20, 21)
    assert len(found(alice, limit=100)) == 21


def test_no_collection_is_an_empty_page(api: Api) -> None:
    assert api.stranger.get("/collections/discover").json() == {
        "items": [],
        "next_cursor": None,
        "total": 0,
        "total_is_estimate": False,
    }


@pytest.mark.parametrize(
    "query", ["sort=loudest", "limit=0", "limit=101", "cursor=W10", "cursor=x", "query=x", "q=" + "x" * 201]
)
def test_a_wrong_or_unknown_parameter_is_refused_by_its_name(api: Api, query: str) -> None:
    problem = refused(api.stranger.get(f"/collections/discover?{query}"), 422, "invalid")
    assert pointers(problem) == {"?" + query.partition("=")[0]}


def test_a_cursor_of_the_list_of_listings_is_refused(alice: Person) -> None:
    for _ in range(2):
        alice.listing()
    cursor = alice.get("/listings", params={"limit": 1, "sort": "price"}).json()["next_cursor"]
    assert cursor
    refused(alice.get("/collections/discover", params={"cursor": cursor}), 422, "invalid")
