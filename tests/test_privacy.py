"""What is private never leaves: a marker stands in every private field, and every public byte is searched."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from dealbrain import db, files
from dealbrain.facts import Bucket
from infra.local.stores import s3
from infra.routes import DEFAULT, routes
from tests.makers import Api, Person, collection_file, deal_data, drawn

MARKER = "PRIVATEMARK"


def marked(field: str) -> str:
    return f"{MARKER}{field}"


@pytest.fixture
def planted(alice: Person) -> dict[str, Any]:
    """Things of alice's that anybody may read, with a marker in every field nobody else may."""
    listing = alice.listing(notes=marked("notes"), custom_fields={marked("key"): marked("value")})
    collection = alice.collection("Quiet machines", visibility="public")
    said = {"private_notes": marked("privatenotes"), "status": "rejected", "notes": "Public"}
    item = alice.item(collection, listing, **said)
    # Keys we do not know come from files, and are their owner's.
    brought = imported(alice)
    alice.post(
        f"/collections/{brought['id']}/items/bulk",
        {"item_ids": items(alice, brought["id"]), "move_to": collection["id"]},
    )
    token = alice.post(f"/collections/{collection['id']}/share-tokens", {"label": marked("label")}).json()
    deal = alice.post(f"/listings/{listing['id']}/share", {}).json()
    card = alice.get(f"/collections/{collection['id']}/card-image").headers["location"]
    return {
        "collection_id": collection["id"],
        "listing_id": listing["id"],
        "item_id": item["id"],
        "token": token["token"],
        "token_id": token["id"],
        "listing_token": deal["token"],
        "nonce": card.split("/")[-2],
        "picture": card.split("/")[-1],
    }


def imported(alice: Person) -> dict[str, Any]:
    deal = deal_data(
        notes=marked("filenotes"),
        custom_fields={"k": marked("filevalue")},
        strange=marked("unknown"),
        title="HP EliteDesk 800 G4",
    )
    item = {
        "listing": deal,
        "status": "bought",
        "private_notes": marked("fileprivate"),
        "odd": marked("item"),
    }
    file = collection_file(item, oddity=marked("head"))
    preview = made_preview(alice, file)
    answer = alice.post(
        "/collections/import/confirm", {"preview_id": preview["preview_id"], "merge_strategy": "create_new"}
    )
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def made_preview(alice: Person, file: dict[str, Any]) -> dict[str, Any]:
    answer = alice.post("/collections/import", file)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def items(alice: Person, collection_id: int) -> list[int]:
    return [item["id"] for item in alice.get(f"/collections/{collection_id}").json()["items"]]


def asked(planted: dict[str, Any]) -> Iterator[str]:
    """Every address that is read, with alice's things in its parameters."""
    for one in routes():
        if one.method == "GET" and one.path != DEFAULT:
            known = {
                **planted,
                "preview_id": "00000000-0000-4000-8000-000000000000",
                "name": "x",
                "file": "x",
            }
            yield one.path.format(**known)
    for collection in (f"/v1/collections/{planted['collection_id']}",):
        yield from (f"{collection}/feed?format={one}" for one in ("rss", "atom", "json"))
        yield from (f"{collection}/export?format={one}" for one in ("json", "csv", "html"))
        yield from (f"{collection}/export?token={planted['token']}",)


def everything(answer: httpx.Response) -> str:
    return f"{answer.headers}{answer.text}"


@pytest.mark.parametrize("who", ["stranger", "bob"])
def test_no_answer_to_others_has_a_private_word(api: Api, planted: dict[str, Any], who: str) -> None:
    reader = api.stranger if who == "stranger" else api.person(who)
    found = {path: everything(reader.open(path, follow_redirects=True)) for path in asked(planted)}
    assert [path for path, said in found.items() if MARKER in said or '"status":"rejected"' in said] == []


def test_the_control_finds_every_marker(alice: Person, planted: dict[str, Any]) -> None:
    path = f"/collections/{planted['collection_id']}"
    said = everything(alice.get(path)) + everything(alice.get(f"{path}/export"))
    said += everything(alice.get(f"{path}/share-tokens"))
    fields = (
        "notes",
        "key",
        "value",
        "privatenotes",
        "label",
        "filenotes",
        "filevalue",
        "unknown",
        "fileprivate",
        "item",
    )
    assert [one for one in fields if marked(one) not in said] == []
    assert '"status":"rejected"' in said


def test_the_public_answers_are_no_refusals(api: Api, planted: dict[str, Any]) -> None:
    # Otherwise nothing private would be in them for the wrong reason.
    def opened(path: str) -> httpx.Response:
        return api.stranger.open(path, follow_redirects=True)

    served = [path for path in asked(planted) if drawn(opened, path).status_code == 200]
    for word in (
        "/public/",
        "/shared/",
        "/deals/",
        "/feed",
        "/export",
        "/discover",
        "/card-image",
        "/collection-cards/",
    ):
        assert any(word in path for path in served), word


@pytest.mark.parametrize("given", ["token", "public"])
def test_a_copy_takes_nothing_private_along(api: Api, planted: dict[str, Any], given: str) -> None:
    bob = api.person("bob")
    wanted = {"token": planted["token"]} if given == "token" else {}
    copy = bob.post(f"/collections/{planted['collection_id']}/copy", wanted)
    whole = bob.get(f"/collections/{copy.json()['id']}")
    said = everything(copy) + everything(whole)
    said += everything(bob.get(f"/collections/{copy.json()['id']}/export"))
    assert "Public" in said
    assert MARKER not in said
    assert {item["status"] for item in whole.json()["items"]} == {"undecided"}


def test_nothing_generated_has_a_private_word(api: Api, planted: dict[str, Any]) -> None:
    path = f"/listings/{planted['listing_id']}/card-image?style=light&size=social&format=png"
    assert drawn(lambda one: api.stranger.get(one, follow_redirects=True), path).status_code == 200
    bucket = api.system.settings.generated_bucket
    keys = [one["Key"] for one in s3(api.system.stores_url).list_objects_v2(Bucket=bucket)["Contents"]]
    assert keys
    assert [key for key in keys if MARKER.encode() in (files.get(Bucket.generated, key) or b"")] == []


def test_no_secret_of_a_link_is_stored(planted: dict[str, Any]) -> None:
    with db.engine().connect() as connection:
        tables = connection.execute(
            sa.text("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        ).scalars()
        dump = "".join(
            repr(connection.execute(sa.text(f"SELECT t::text FROM {name} t")).all())  # noqa: S608 - its own tables
            for name in tables.all()
        )
    assert "share" in dump or "Quiet machines" in dump
    assert planted["token"] not in dump
    assert planted["listing_token"] not in dump
