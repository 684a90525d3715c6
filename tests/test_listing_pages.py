"""An offer's pages: what they show to whom, and that its form loses nothing."""

import re
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from dealbrain import facts, jsontext
from dealbrain.catalog import Entry
from tests.makers import LATITUDE, Api, Person, deal_file, fill, load_catalog, made

MINUTE = timedelta(minutes=1)


def page(
    person: Person, path: str, form: dict[str, str] | None = None, method: str = "GET"
) -> httpx.Response:
    """A page, or what its form is answered; with somebody's token instead of their cookie."""
    return person.send(method if form is None else "POST", path, data=form)


class Found(HTMLParser):
    """The fields of a page's forms, and its JSON-LD."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.attributes: dict[str, dict[str, str | None]] = {}
        self.linked_data: list[Any] = []
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        name = said.get("name") or ""
        if tag in {"input", "select", "textarea"}:
            self.attributes[name] = said
            self.fields[name] = said.get("value") or ""
            self._inside = "" if tag == "input" else name
        if tag == "option" and "selected" in said:
            self.fields[self._inside] = said["value"] or ""
        if said.get("type") == "application/ld+json":
            self._inside = "ld"

    def handle_data(self, data: str) -> None:
        if self._inside == "ld":
            self.linked_data.append(jsontext.loads(data.encode()))
            self._inside = ""
        elif self._inside and "maxlength" in self.attributes.get(self._inside, {}) and data:
            # A textarea's; the line break it begins with is not its own.
            self.fields[self._inside] = data.removeprefix("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in {"textarea", "select", "script"}:
            self._inside = ""


def form_of(person: Person, path: str) -> dict[str, str]:
    """The fields of an offer's form, as a browser would send them back."""
    answer = page(person, path)
    assert answer.status_code == 200, answer.text
    return sent_back(answer)


def sent_back(answer: httpx.Response) -> dict[str, str]:
    """What a browser would send back of an offer's form."""
    return {
        name: text for name, text in Found(answer.text).fields.items() if name[:1] == "/" or name == "seen"
    }


def edit(person: Person, listing_id: int, **typed: str) -> httpx.Response:
    path = f"/listings/{listing_id}/edit"
    return page(person, path, form_of(person, path) | {f"/{name}": text for name, text in typed.items()})


def exported(person: Person, listing_id: int) -> dict[str, Any]:
    found: dict[str, Any] = person.get(f"/listings/{listing_id}/export").json()["data"]
    return found


# ------------------------------------------------------------------------------------------ what it shows


def test_anybody_reads_an_offer_with_its_price_and_day(api: Api, alice: Person) -> None:
    said = alice.listing(price_usd=1299.5)
    shown = page(api.stranger, f"/listings/{said['id']}").text
    assert "$1,299.50" in shown
    assert f'as of <time datetime="{said["as_of"]}"' in shown


def test_only_its_owner_reads_the_notes(api: Api, alice: Person, bob: Person) -> None:
    path = f"/listings/{alice.listing(notes='between us', custom_fields={'shelf': 'B7'})['id']}"
    assert [
        (word in page(who, path).text) for who in (alice, bob, api.stranger) for word in ("between us", "B7")
    ] == [True, True, False, False, False, False]


def test_only_its_owner_is_offered_to_edit_and_delete(api: Api, alice: Person, bob: Person) -> None:
    path = f"/listings/{alice.listing()['id']}"
    assert [f'"{path}/edit"' in page(who, path).text for who in (alice, bob, api.stranger)] == [
        True,
        False,
        False,
    ]


def test_search_engines_read_the_price(api: Api, alice: Person) -> None:
    said = alice.listing(price_usd=1299.5, condition="refurb", status="archived")
    (product,) = Found(page(api.stranger, f"/listings/{said['id']}").text).linked_data
    assert product["name"] == said["title"]
    assert product["offers"] == {
        "@type": "Offer",
        "price": 1299.5,
        "priceCurrency": "USD",
        "itemCondition": "https://schema.org/RefurbishedCondition",
        "availability": "https://schema.org/OutOfStock",
        "seller": {"@type": "Organization", "name": "AAA PCs"},
        "url": said["listing_url"],
    }


def test_without_a_price_nothing_is_on_offer_for_search_engines(api: Api, alice: Person) -> None:
    said = alice.listing(price_usd=None)
    (product,) = Found(page(api.stranger, f"/listings/{said['id']}").text).linked_data
    assert "offers" not in product


@pytest.mark.parametrize("title", ["</script><script>alert(1)</script>", '"><img src=x onerror=alert(1)>'])
def test_a_hostile_title_is_text_everywhere(api: Api, alice: Person, title: str) -> None:
    answer = page(api.stranger, f"/listings/{alice.listing(title=title)['id']}")
    assert "<script>alert" not in answer.text
    assert "<img src=x" not in answer.text
    assert Found(answer.text).linked_data[0]["name"] == title


def test_an_offer_unfurls_with_its_card_price_and_verdict(api: Api, alice: Person) -> None:
    said = alice.listing(price_usd=250)
    shown = page(api.stranger, f"/listings/{said['id']}").text
    described = re.search(r'property="og:description" content="([^"]*)"', shown)
    assert described
    assert described[1].startswith("$250 as of ")
    assert said["verdict"] in described[1]
    assert re.search(rf'property="og:image" content="http[^"]+/v1/cards/{said["id"]}/light-social-', shown)


def test_marks_of_a_family_are_called_estimated(api: Api, alice: Person) -> None:
    for number in (8250, 8350):
        load_catalog(Entry(name=f"Intel Core i5-{number}U", cpu_mark_multi=6000, cpu_mark_single=2000))
    exact = alice.listing(performance={"cpu": {"name": "Intel Core i5-8250U"}})
    family = alice.listing(performance={"cpu": {"name": "Core i5 8th Gen"}})
    shown = [page(api.stranger, f"/listings/{one['id']}").text for one in (exact, family)]
    assert ["<b>estimated</b>" in one for one in shown] == [False, True]


def test_a_breakdown_leads_from_its_base_to_the_estimate(api: Api, alice: Person) -> None:
    said = alice.listing()
    shown = page(api.stranger, f"/listings/{said['id']}").text
    base = said["fair_value_breakdown"]["base_price"]
    assert f"<td>${base:,.2f}</td>" in shown or f"<td>${base:,.0f}</td>" in shown
    for step in said["fair_value_breakdown"]["adjustments"]:
        assert f"+${step['adjustment']:,.2f}".removesuffix(".00") in shown


def test_a_price_seen_twice_has_a_course(api: Api, alice: Person) -> None:
    path = f"/listings/{alice.listing(price_usd=300)['id']}"
    assert "How the price went" not in page(api.stranger, path).text
    alice.patch(path, {"price_usd": 280})
    assert "between $280 and $300" in page(api.stranger, path).text


@pytest.mark.parametrize("path", ["", "/card"])
def test_an_offer_that_is_not_there_is_told_to_people(api: Api, path: str) -> None:
    answer = page(api.stranger, f"/listings/{facts.BIGINT_MOST}{path}")
    assert answer.status_code == 404
    assert "There is nothing here for you" in answer.text


def test_an_offer_s_page_asks_the_database_as_often_whatever_is_known(
    alice: Person, statements: list[str]
) -> None:
    asked = []
    for said in (alice.listing(), alice.listing(performance=None)):
        for amount in (1, 2, 3):
            alice.patch(f"/listings/{said['id']}", {"price_usd": amount})
        page(alice, f"/listings/{said['id']}")
        statements.clear()
        page(alice, f"/listings/{said['id']}")
        asked.append(len(statements))
    assert asked == [3, 3]


# ----------------------------------------------------------------------------------------------- a new one


def test_a_form_makes_an_offer(alice: Person) -> None:
    form = form_of(alice, "/listings/new") | {
        "/title": "ThinkCentre M720q",
        "/price_usd": "1,149.50",
        "/price_date": "2026-02-03",
        "/performance/cpu/name": "Intel Core i5-8500T",
        "/performance/ram/total_gb": "16",
        "/other_urls/1/url": "https://a.example/",
    }
    answer = page(alice, "/listings/new", form)
    assert answer.status_code == 303
    said = alice.get(answer.headers["location"]).json()
    assert [said[name] for name in ("title", "price_usd", "price_date", "condition", "other_urls")] == [
        "ThinkCentre M720q",
        1149.5,
        "2026-02-03T00:00:00Z",
        "used",
        [{"url": "https://a.example/", "label": None}],
    ]
    assert said["performance"]["ram"] == {"total_gb": 16}


def test_a_new_offer_goes_into_a_collection_at_once(alice: Person) -> None:
    collection = alice.collection()
    answer = page(alice, f"/listings/new?collection={collection['id']}", {"/title": "One"})
    assert answer.headers["location"] == f"/collections/{collection['id']}"
    items = alice.get(f"/collections/{collection['id']}").json()["items"]
    assert [one["listing"]["title"] for one in items] == ["One"]


def test_an_offer_for_a_collection_that_is_not_one_s_own_is_not_made(
    api: Api, alice: Person, bob: Person
) -> None:
    collection = alice.collection()
    before = api.state()
    answer = page(bob, f"/listings/new?collection={collection['id']}", {"/title": "One"})
    assert answer.status_code == 422
    assert [one["title"] for one in bob.get("/listings?owner=bob").json()["items"]] == []
    assert before == api.state()


def test_an_offer_whose_collection_is_gone_meanwhile_is_kept_and_can_be_added_without(
    alice: Person,
) -> None:
    collection = alice.collection()
    alice.delete(f"/collections/{collection['id']}")
    answer = page(alice, f"/listings/new?collection={collection['id']}", {"/title": "One"})
    assert (answer.status_code, Found(answer.text).fields["/title"]) == (422, "One")
    assert '<form class="stack" method="post" action="/listings/new">' in answer.text


def test_an_offer_for_a_full_collection_is_kept_with_the_reason(alice: Person) -> None:
    collection = alice.collection()
    fill(collection, alice.listing(), facts.COLLECTION_ITEMS)
    answer = page(alice, f"/listings/new?collection={collection['id']}", {"/title": "One"})
    assert (answer.status_code, Found(answer.text).fields["/title"]) == (422, "One")
    assert "is full or gone" in answer.text


@pytest.mark.parametrize(
    "seen", ['{"/other_urls/0/url": "x"}', '{"/other_urls/99/label": "x"}', "[1]", "no JSON"]
)
def test_what_a_form_says_it_showed_may_be_anything(alice: Person, seen: str) -> None:
    listing = alice.listing()
    answer = page(alice, f"/listings/{listing['id']}/edit", {"/title": "Another", "seen": seen})
    assert answer.status_code in {303, 400}


@pytest.mark.parametrize(
    ("field", "typed", "told"),
    [
        ("/title", "", "This is needed."),
        ("/title", "x" * 256, "at most 255"),
        ("/price_usd", "12,99", "Write an amount in dollars"),
        ("/price_usd", "99999999", "An amount lies between"),
        ("/price_date", "tomorrow", "Write a day"),
        ("/listing_url", "javascript:alert(1)", "http:// or https://"),
        ("/other_urls/1/url", "ftp://a.example/", "http:// or https://"),
        ("/performance/ram/total_gb", "some", "Write a whole number"),
        ("/performance/ram/ddr_generation", "ddr9", "Input should be"),
        ("/metadata/series", "x" * 129, "at most 128"),
        ("/notes", "x" * 10_001, "at most 10000"),
    ],
)
def test_what_is_wrong_is_told_beside_its_field(alice: Person, field: str, typed: str, told: str) -> None:
    answer = page(alice, "/listings/new", {"/title": "kept as typed", field: typed})
    assert answer.status_code == 422
    found = Found(answer.text)
    # Links move up to the first free line.
    place = field.replace("/1/", "/0/")
    assert found.attributes[place]["aria-invalid"] == "true"
    beside = answer.text.partition(f'id="{place[1:].replace("/", "-")}-told"')[2]
    assert told in beside.partition("</div>")[0]


def test_every_problem_is_told_at_once_and_what_was_typed_stays(alice: Person) -> None:
    typed = {"/title": "kept <b>", "/price_usd": "cheap", "/listing_url": "nowhere", "/notes": "\nmine"}
    answer = page(alice, "/listings/new", typed)
    found = Found(answer.text)
    assert {name: found.fields[name] for name in typed} == typed
    invalid = {name for name, said in found.attributes.items() if said.get("aria-invalid")}
    assert invalid == {"/price_usd", "/listing_url"}


SHOP = """Dell OptiPlex 7060 Micro i5-8500T 16GB 512GB SSD
$189.99 or $229.99 with a monitor
https://www.ebay.com/itm/256123456789
Condition: refurbished"""


def test_a_shop_s_text_fills_the_form_as_the_api_s_draft_is(alice: Person) -> None:
    draft = alice.post("/listings/draft", {"text": SHOP}).json()["draft"]
    found = Found(page(alice, "/listings/new", {"text": SHOP}).text).fields
    assert found["/title"] == draft["title"]
    assert found["/price_usd"] == str(draft["price_usd"])
    assert found["/condition"] == draft["condition"]
    assert found["/performance/cpu/name"] == draft["performance"]["cpu"]["name"]
    assert found["/performance/storage_primary/medium"] == draft["performance"]["storage_primary"]["medium"]


def test_what_a_text_leaves_in_doubt_is_marked_with_the_reason(alice: Person) -> None:
    unsure = alice.post("/listings/draft", {"text": SHOP}).json()["unsure"]
    answer = page(alice, "/listings/new", {"text": SHOP})
    marked = {
        name for name, said in Found(answer.text).attributes.items() if "doubted" in (said.get("class") or "")
    }
    assert (
        marked
        == {one["pointer"] for one in unsure}
        == {
            "/price_usd",
            "/performance/storage_primary/medium",
        }
    )
    assert "one of several amounts: $189.99, $229.99" in answer.text


def test_an_amount_in_another_currency_is_told_and_not_taken(alice: Person) -> None:
    answer = page(alice, "/listings/new", {"text": "Dell Latitude 7490\n399 €"})
    assert Found(answer.text).fields["/price_usd"] == ""
    assert "nothing is converted" in answer.text


def test_a_text_fills_in_what_nobody_typed(alice: Person) -> None:
    form = form_of(alice, "/listings/new") | {"/price_usd": "175", "text": SHOP, "fill": "yes"}
    found = Found(page(alice, "/listings/new", form).text).fields
    assert (found["/price_usd"], found["/performance/ram/total_gb"]) == ("175", "16")


def test_another_text_fills_in_what_the_first_did(alice: Person) -> None:
    first = Found(page(alice, "/listings/new", {"text": SHOP}).text).fields
    again = first | {"/price_usd": "175", "text": "Lenovo ThinkCentre M720q i5-8400T\n$99", "fill": "yes"}
    found = Found(page(alice, "/listings/new", again).text).fields
    assert (found["/title"], found["/price_usd"]) == ("Lenovo ThinkCentre M720q i5-8400T", "175")


def test_a_refused_offer_keeps_the_text_it_was_filled_in_from(alice: Person) -> None:
    form = Found(page(alice, "/listings/new", {"text": SHOP}).text).fields | {"/price_usd": "many"}
    assert Found(page(alice, "/listings/new", form).text).fields["text"] == SHOP


def test_pasting_writes_nothing(api: Api, alice: Person) -> None:
    alice.collection()
    before = api.state()
    assert page(alice, "/listings/new", {"text": SHOP}).status_code == 200
    assert api.state() == before


@pytest.mark.parametrize("text", ["", " ", "\u200b", "x" * 50_001])
def test_a_text_that_cannot_be_read_is_told_beside_its_field(alice: Person, text: str) -> None:
    answer = page(alice, "/listings/new", {"text": text})
    assert answer.status_code == 422
    assert Found(answer.text).attributes["text"].get("aria-invalid") == "true"


def test_the_longest_text_people_may_paste_is_taken_in_any_script(alice: Person) -> None:
    assert page(alice, "/listings/new", {"text": "整備済\n" * 12_000}).status_code == 200


def test_who_is_not_signed_in_is_led_to_where_one_does(api: Api) -> None:
    answer = page(api.stranger, "/listings/new")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/listings/new")


# --------------------------------------------------------------------------------------------- changing it

# What the form does not show: unknown keys everywhere, ports, components, and more of each part.
RICH: dict[str, Any] = {
    "valuation": {"base_price_usd": 250, "their_key": 1},
    "performance": {
        "cpu": {"name": "Intel Core i5-8500", "manufacturer": "Intel", "cores": 6, "cache_mb": 9},
        "gpu": {"name": "NVIDIA Quadro P400", "manufacturer": "NVIDIA", "metal_score": 7},
        "ram": {"total_gb": 16, "ddr_generation": "ddr4", "speed_mhz": 2666, "notes": "two of eight"},
        "storage_primary": {"capacity_gb": 512, "medium": "nvme", "interface": "PCIe", "wear": 0.1},
        "ports": {"profile_name": "Micro", "ports": [{"type": "hdmi", "count": 1, "colour": "black"}]},
        "components": [
            {
                "component_type": "os_license",
                "name": "Windows 11 Pro",
                "quantity": 1,
                "metadata": {"key": "sticker"},
                "adjustment_value_usd": 12.5,
                "their_key": True,
            }
        ],
    },
    "metadata": {"manufacturer": "Dell", "series": "OptiPlex", "year": 2018},
    "their_object": {"deep": [1, {"er": None}]},
}
SAID = {
    "title": " A title\twith odd spaces ",
    "price_usd": 250.0,
    "price_date": "2026-02-03T04:05:06Z",
    "notes": "one\r\ntwo\n ",
    "custom_fields": {"shelf": "B7", "_theirs": 1},
    "other_urls": [{"url": f"https://{number}.example/", "label": f"No {number}"} for number in range(5)],
    "their_listing_key": "kept",
}


@pytest.fixture
def rich(alice: Person) -> int:
    """An offer that came from a file of another program."""
    file = deal_file(**SAID)
    file["data"] |= RICH
    shown = made(alice.post("/listings/import", file))
    answer = alice.post(
        "/listings/import/confirm", {"preview_id": shown["preview_id"], "merge_strategy": "create_new"}
    )
    found: int = made(answer)["id"]
    return found


def same_but(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """The places in which two exported offers differ, besides when they were changed."""
    flat_before, flat_after = flat(before), flat(after)
    places = flat_before.keys() | flat_after.keys()
    different = {place for place in places if flat_before.get(place) != flat_after.get(place)}
    return {
        place
        for place in different
        if not re.match(r"/(listing/updated_at|valuation|performance/metrics)", place)
    }


def flat(value: Any, place: str = "") -> dict[str, Any]:
    if isinstance(value, dict | list):
        inside = value.items() if isinstance(value, dict) else enumerate(value)
        return {key: one for name, part in inside for key, one in flat(part, f"{place}/{name}").items()}
    return {place: value}


def test_a_form_sent_back_as_it_came_changes_nothing_at_all(alice: Person, rich: int) -> None:
    before = alice.get(f"/listings/{rich}").json()
    assert edit(alice, rich).status_code == 303
    assert alice.get(f"/listings/{rich}").json() == before


@pytest.mark.parametrize(
    ("field", "typed", "places"),
    [
        ("title", "Another", {"/listing/title"}),
        ("price_usd", "199", {"/listing/price_usd"}),
        ("notes", "other", {"/listing/notes"}),
        ("performance/ram/total_gb", "32", {"/performance/ram/total_gb"}),
        ("performance/storage_primary/medium", "sata_ssd", {"/performance/storage_primary/medium"}),
        ("metadata/series", "Micro", {"/metadata/series"}),
        ("metadata/model_number", "7060", {"/metadata/model_number"}),
        ("other_urls/4/label", "Fifth", {"/listing/other_urls/4/label"}),
        ("status", "archived", {"/listing/status"}),
    ],
)
def test_an_edit_changes_one_field_and_loses_nothing(
    alice: Person, rich: int, field: str, typed: str, places: set[str]
) -> None:
    before = exported(alice, rich)
    assert "their_object" in before
    assert edit(alice, rich, **{field: typed}).status_code == 303
    assert same_but(before, exported(alice, rich)) == places


def test_another_processor_takes_the_marks_of_its_own(alice: Person) -> None:
    load_catalog(
        Entry(name="Intel Core i5-8500", cpu_mark_multi=9500, cpu_mark_single=2500),
        Entry(name="Intel Core i7-8700", cpu_mark_multi=13000, cpu_mark_single=2700),
    )
    listing_id = alice.listing(performance={"cpu": {"name": "Intel Core i5-8500", "tdp_w": 65}})["id"]
    edit(alice, listing_id, **{"performance/cpu/name": "Intel Core i7-8700"})
    cpu = alice.get(f"/listings/{listing_id}").json()["performance"]["cpu"]
    assert (cpu["name"], cpu["cpu_mark_multi"], cpu.get("tdp_w")) == ("Intel Core i7-8700", 13000, None)


def test_marks_the_catalog_added_stay_the_catalog_s_after_an_edit(alice: Person) -> None:
    load_catalog(Entry(name="Intel Core i5-8500", cpu_mark_multi=9500, cpu_mark_single=2500))
    listing_id = alice.listing(performance={"cpu": {"name": "Intel Core i5-8500"}})["id"]
    edit(alice, listing_id, **{"performance/ram/total_gb": "8"})
    load_catalog(Entry(name="Intel Core i5-8500", cpu_mark_multi=9600, cpu_mark_single=2500))
    edit(alice, listing_id, **{"performance/ram/total_gb": "16"})
    assert alice.get(f"/listings/{listing_id}").json()["performance"]["cpu"]["cpu_mark_multi"] == 9600


def test_what_is_wrong_in_an_edit_changes_nothing_and_stays_in_the_form(alice: Person, rich: int) -> None:
    before = alice.get(f"/listings/{rich}").json()
    answer = edit(alice, rich, price_usd="cheap", title="Typed")
    assert answer.status_code == 422
    found = Found(answer.text).fields
    assert (found["/price_usd"], found["/title"]) == ("cheap", "Typed")
    assert alice.get(f"/listings/{rich}").json() == before


@pytest.mark.parametrize("what", ["edit", "delete"])
@pytest.mark.parametrize("form", [None, {"/title": "Mine now"}])
def test_nobody_else_edits_or_deletes_an_offer(
    alice: Person, bob: Person, what: str, form: dict[str, str] | None
) -> None:
    said = alice.listing()
    path = f"/listings/{said['id']}/{what}"
    assert page(bob, path, form).status_code == 404
    assert alice.get(f"/listings/{said['id']}").json() == said
    assert page(alice, path, form).status_code in {200, 303}


def test_a_deleted_offer_is_gone_and_its_owner_among_their_collections(alice: Person) -> None:
    listing_id = alice.listing()["id"]
    answer = page(alice, f"/listings/{listing_id}/delete", {})
    assert (answer.status_code, answer.headers["location"]) == (303, "/collections")
    assert alice.get(f"/listings/{listing_id}").status_code == 404


# ---------------------------------------------------------------------------- collecting, sharing, its card


def test_an_offer_goes_into_one_of_one_s_collections(alice: Person, bob: Person) -> None:
    listing, collection = bob.listing(), alice.collection()
    path = f"/listings/{listing['id']}/collect"
    answer = page(alice, path, {"collection": str(collection["id"]), "name": ""})
    assert answer.headers["location"] == f"{path}?added={collection['id']}"
    assert "It is in" in page(alice, answer.headers["location"]).text
    items = alice.get(f"/collections/{collection['id']}").json()["items"]
    assert [one["listing_id"] for one in items] == [listing["id"]]


def test_an_offer_goes_into_a_new_collection(alice: Person) -> None:
    listing = alice.listing()
    page(alice, f"/listings/{listing['id']}/collect", {"collection": "", "name": " Quiet ones "})
    (made_one,) = alice.get("/collections").json()["items"]
    assert (made_one["name"], made_one["item_count"]) == ("Quiet ones", 1)


def test_an_offer_that_is_there_already_is_led_to_where_it_is(alice: Person) -> None:
    listing, collection = alice.listing(), alice.collection("Quiet minis")
    alice.item(collection, listing)
    path = f"/listings/{listing['id']}/collect"
    answer = page(alice, path, {"collection": str(collection["id"])})
    shown = page(alice, answer.headers["location"]).text
    assert f'<a href="/collections/{collection["id"]}"><bdi>Quiet minis</bdi></a>' in shown
    assert alice.get(f"/collections/{collection['id']}").json()["item_count"] == 1


def test_a_collection_of_somebody_else_is_not_found(alice: Person, bob: Person) -> None:
    listing, collection = alice.listing(), alice.collection()
    answer = page(bob, f"/listings/{listing['id']}/collect", {"collection": str(collection["id"])})
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "form", [{"collection": "", "name": ""}, {"collection": "x"}, {"name": "x" * 101}, {}]
)
def test_a_collection_without_a_name_is_not_made(api: Api, alice: Person, form: dict[str, str]) -> None:
    listing = alice.listing()
    before = api.state()
    assert page(alice, f"/listings/{listing['id']}/collect", form).status_code == 422
    assert api.state() == before


def link_of(answer: httpx.Response) -> str:
    found = re.search(r"/deals/\d+/[\w-]+", answer.text)
    assert found, answer.text
    return found[0]


def test_a_link_opens_the_offer_to_strangers_without_its_notes(api: Api, alice: Person, bob: Person) -> None:
    listing = alice.listing(notes="between us")
    path = link_of(page(bob, f"/listings/{listing['id']}/share", {"days": "7"}))
    shown = page(api.stranger, path)
    assert shown.status_code == 200
    assert "<b><bdi>bob</bdi></b> shared this offer" in shown.text
    assert "between us" not in shown.text
    assert "between us" in page(alice, f"/listings/{listing['id']}").text


@pytest.mark.parametrize("days", [7, 30, 180])
def test_a_link_is_dead_when_its_time_is_over(api: Api, alice: Person, days: int) -> None:
    path = link_of(page(alice, f"/listings/{alice.listing()['id']}/share", {"days": str(days)}))
    life = timedelta(days=days)
    assert page(api.later("bob", life - MINUTE), path).status_code == 200
    dead = page(api.later("bob", life + MINUTE), path)
    assert dead.status_code == 404
    assert "There is nothing here for you" in dead.text


@pytest.mark.parametrize("days", ["", "0", "-1", "100000", "x"])
def test_a_link_lives_as_long_as_was_offered(api: Api, alice: Person, days: str) -> None:
    listing = alice.listing()
    before = api.state()
    assert page(alice, f"/listings/{listing['id']}/share", {"days": days}).status_code == 422
    assert api.state() == before


def test_looking_whether_a_link_still_opens_counts_no_view(api: Api, alice: Person) -> None:
    path = link_of(page(alice, f"/listings/{alice.listing()['id']}/share", {"days": "7"}))
    assert page(api.stranger, path, method="HEAD").status_code == 200
    assert page(api.stranger, path).text.count("1 view.") == 1


def test_what_a_link_opens_is_kept_out_of_search_engines(api: Api, alice: Person) -> None:
    listing = alice.listing()
    path = link_of(page(alice, f"/listings/{listing['id']}/share", {"days": "7"}))
    noindex = '<meta name="robots" content="noindex">'
    assert noindex in page(api.stranger, path).text
    assert noindex not in page(api.stranger, f"/listings/{listing['id']}").text


def test_a_link_opens_no_other_offer(api: Api, alice: Person) -> None:
    one, other = alice.listing(), alice.listing()
    path = link_of(page(alice, f"/listings/{one['id']}/share", {"days": "7"}))
    assert page(api.stranger, path).status_code == 200
    assert page(api.stranger, path.replace(f"/{one['id']}/", f"/{other['id']}/")).status_code == 404


@pytest.mark.parametrize("size", ["social", "instagram", "story"])
def test_the_card_s_place_is_kept_in_every_size(api: Api, alice: Person, size: str) -> None:
    listing = alice.listing()
    shown = page(api.stranger, f"/listings/{listing['id']}/card?size={size}&style=dark&format=jpeg").text
    width, height = {"social": (1200, 630), "instagram": (1080, 1080), "story": (1080, 1920)}[size]
    address = rf'src="/v1/cards/{listing["id"]}/dark-{size}-[0-9a-f]+\.jpg" width="{width}" height="{height}"'
    assert re.search(address, shown)
    assert f"{width} \u00d7 {height} pixels" in shown


def test_what_latitude_says_is_all_shown(api: Api, alice: Person) -> None:
    shown = page(api.stranger, f"/listings/{alice.listing()['id']}").text
    for words in ("6,000 marks", "2,100 single", "16 GB DDR4", "512 GB NVMe SSD", LATITUDE["seller"]):
        assert words in shown


# ------------------------------------------------------------------------------------- edited in two windows


@pytest.fixture
def stale(alice: Person) -> tuple[str, dict[str, str]]:
    """An offer's form as it was before its price fell in another window."""
    listing = alice.listing(price_usd=399)
    path = f"/listings/{listing['id']}/edit"
    before = form_of(alice, path)
    alice.patch(f"/listings/{listing['id']}", {"price_usd": 299})
    return path, before


def test_what_nobody_typed_stays_as_another_window_left_it(
    alice: Person, stale: tuple[str, dict[str, str]]
) -> None:
    path, before = stale
    assert page(alice, path, before | {"/notes": "Ask again"}).status_code == 303
    now = alice.get(path.removesuffix("/edit")).json()
    assert (now["price_usd"], now["notes"]) == (299, "Ask again")


def test_what_was_written_in_two_windows_is_asked_about(
    alice: Person, stale: tuple[str, dict[str, str]]
) -> None:
    path, before = stale
    answer = page(alice, path, before | {"/price_usd": "350"})
    assert answer.status_code == 422
    assert "By now “299” stands here" in answer.text
    assert Found(answer.text).fields["/price_usd"] == "350"
    assert alice.get(path.removesuffix("/edit")).json()["price_usd"] == 299


def test_saved_once_more_it_takes_the_place_of_the_other(
    alice: Person, stale: tuple[str, dict[str, str]]
) -> None:
    path, before = stale
    answer = page(alice, path, before | {"/price_usd": "350"})
    assert page(alice, path, sent_back(answer)).status_code == 303
    assert alice.get(path.removesuffix("/edit")).json()["price_usd"] == 350


@pytest.mark.parametrize("seen", ["[]", "x", '"x"', "null"])
def test_what_the_form_showed_is_said_as_the_form_says_it(
    alice: Person, stale: tuple[str, dict[str, str]], seen: str
) -> None:
    path, before = stale
    assert page(alice, path, before | {"seen": seen}).status_code == 400
