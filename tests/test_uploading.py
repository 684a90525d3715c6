"""Files too large for a request: where they may be sent, by whom they are read, and how far that is."""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from dealbrain import db, facts, files, importing, jsontext, pending, uploading
from dealbrain.errors import Conflict
from dealbrain.facts import UPLOADS, Bucket
from dealbrain.pending import READING, UPLOAD
from tests.makers import Api, Person, collection_file, deal_data, made, pointers, refused

A_MINUTE = timedelta(minutes=1)
CSV = b"title,price\nDell,5\n,6\n"


def wanted(**other: Any) -> dict[str, Any]:
    return {"file_name": "my list.csv", "size": 1_000, "content_type": "text/csv", **other}


def address(person: Person, **other: Any) -> dict[str, Any]:
    return made(person.post("/uploads", wanted(**other)))


def send(upload: dict[str, Any], content: bytes) -> httpx.Response:
    """Send a file as a browser's form does: the fields first, the file last."""
    return httpx.post(upload["url"], data=upload["fields"], files={"file": ("x", content)})


def uploaded(person: Person, content: bytes, **other: Any) -> dict[str, Any]:
    upload = address(person, **other)
    assert send(upload, content).is_success
    return upload


def imported(person: Person, upload: dict[str, Any], query: str = "") -> httpx.Response:
    return person.post(f"/collections/import{query}", {"upload_id": upload["upload_id"]})


def policy_of(upload: dict[str, Any]) -> Any:
    return json.loads(base64.b64decode(upload["fields"]["policy"]))


# ------------------------------------------------------------------------------------------- the address


def test_the_signed_policy_takes_one_key_one_type_and_no_more_than_was_said(api: Api, alice: Person) -> None:
    upload = address(alice, size=1_234)
    conditions = policy_of(upload)["conditions"]
    key = f"{UPLOADS}{upload['upload_id']}"
    assert {"key": key} in conditions
    assert {"bucket": api.system.settings.private_bucket} in conditions
    assert {"Content-Type": "text/csv"} in conditions
    assert ["content-length-range", 1, 1_234] in conditions
    assert not [one for one in conditions if isinstance(one, list) and one[0] == "starts-with"]
    assert (upload["fields"]["key"], upload["fields"]["Content-Type"]) == (key, "text/csv")
    assert upload["fields"]["x-amz-algorithm"] == "AWS4-HMAC-SHA256"


def test_the_signed_policy_ends_when_the_answer_says(alice: Person) -> None:
    upload = address(alice)
    ends = datetime.fromisoformat(upload["expires_at"])
    signed = datetime.fromisoformat(policy_of(upload)["expiration"])
    assert abs(ends - signed) < A_MINUTE
    assert facts.UPLOAD_LIFE - A_MINUTE < ends - datetime.now(UTC) <= facts.UPLOAD_LIFE


def test_no_two_addresses_share_a_key(alice: Person) -> None:
    assert len({address(alice)["fields"]["key"] for _ in range(5)}) == 5


@pytest.mark.parametrize(
    ("said", "places"),
    [
        ({"size": 0}, {"/size"}),
        ({"size": facts.UPLOAD_BYTES + 1}, {"/size"}),
        ({"size": "1"}, {"/size"}),
        ({"content_type": "application/zip"}, {"/content_type"}),
        ({"content_type": "text/csv; charset=utf-8"}, {"/content_type"}),
        ({"file_name": ""}, {"/file_name"}),
        ({"file_name": "x" * 256, "size": -1, "content_type": "x"}, {"/file_name", "/size", "/content_type"}),
        ({"key": "previews/x"}, {"/key"}),
    ],
)
def test_what_is_not_taken_is_told_before_it_is_sent(
    api: Api, alice: Person, said: dict[str, Any], places: set[str]
) -> None:
    before = api.state()
    assert pointers(refused(alice.post("/uploads", wanted(**said)), 422, "invalid")) == places
    assert api.state() == before


@pytest.mark.parametrize("name", ["../../x", "a/b", "C:\\x", "\u202excl", "x" * 255, "日本.csv", "null"])
def test_a_name_is_only_a_name(alice: Person, name: str) -> None:
    upload = address(alice, file_name=name)
    assert upload["fields"]["key"] == f"{UPLOADS}{upload['upload_id']}"


def test_a_page_of_ours_may_send_a_file_by_script(alice: Person) -> None:
    origin = {"Origin": "http://127.0.0.1:8000", "Access-Control-Request-Method": "POST"}
    answer = httpx.options(address(alice)["url"], headers=origin)
    assert answer.headers["access-control-allow-origin"] in {"*", origin["Origin"]}


# ------------------------------------------------------------------------------------------- the import


def test_an_uploaded_file_is_previewed_under_its_own_number(api: Api, alice: Person) -> None:
    upload = uploaded(alice, CSV)
    shown = made(imported(alice, upload))
    assert shown["preview_id"] == upload["upload_id"]
    assert shown["collection"]["name"] == "my list"
    assert [row["title"] for row in shown["rows"]] == ["Dell"]
    assert [row["index"] for row in shown["refused"]] == [1]
    again = alice.get(f"/imports/{upload['upload_id']}").json()
    assert again == {**shown, "state": "open", "progress": {"done": 1, "total": 1}}
    assert files.get(Bucket.private, f"{UPLOADS}{upload['upload_id']}") is None
    assert api.person("bob").get(f"/imports/{upload['upload_id']}").status_code == 404


def test_an_uploaded_file_is_confirmed_as_any_other(alice: Person) -> None:
    shown = made(imported(alice, uploaded(alice, CSV)))
    done = made(
        alice.post(
            "/collections/import/confirm", {"preview_id": shown["preview_id"], "merge_strategy": "create_new"}
        )
    )
    assert alice.get(f"/collections/{done['id']}").json()["item_count"] == 1
    assert alice.get(f"/imports/{shown['preview_id']}").json()["state"] == "used"


def test_a_mapping_goes_with_an_uploaded_table(alice: Person) -> None:
    upload = uploaded(alice, b"a;b\nDell;5\n")
    shown = made(imported(alice, upload, '?mapping={"title":"a","price_usd":"b"}'))
    assert [row["title"] for row in shown["rows"]] == ["Dell"]


def test_a_file_of_many_megabytes_is_read(alice: Person) -> None:
    whole = collection_file(*[deal_data(title=f"machine {number}") for number in range(20)])
    whole["padding"] = ["x" * 900_000] * 5
    raw = jsontext.dumps(whole).encode()
    assert len(raw) > facts.ANSWER_BYTES
    kind = {"file_name": "big.json", "content_type": "application/json", "size": len(raw)}
    shown = made(imported(alice, uploaded(alice, raw, **kind)))
    assert len(shown["rows"]) == 20


def test_a_listing_is_uploaded_too(alice: Person) -> None:
    file = alice.get(f"/listings/{alice.listing()['id']}/export").content
    upload = uploaded(alice, file, content_type="application/json")
    shown = made(alice.post("/listings/import", {"upload_id": upload["upload_id"]}))
    assert (shown["type"], shown["preview_id"]) == ("deal", upload["upload_id"])


# -------------------------------------------------------------------------------- what cannot be imported


def test_nobody_imports_what_somebody_else_uploaded(api: Api, alice: Person, bob: Person) -> None:
    upload = uploaded(alice, CSV)
    before = api.state()
    refused(imported(bob, upload), 404, "not_found")
    assert api.state() == before
    made(imported(alice, upload))
    refused(imported(bob, upload), 404, "not_found")


@pytest.mark.parametrize("upload_id", ["0a5f3c8e-2b1d-4c6f-9e7a-8d4b2c1f0e9d", "x", ""])
def test_an_upload_that_never_was_is_unknown(alice: Person, upload_id: str) -> None:
    refused(imported(alice, {"upload_id": upload_id}), 404, "not_found")


@pytest.mark.parametrize("upload_id", [1, None, [], {}])
def test_a_reference_is_a_text(alice: Person, upload_id: object) -> None:
    problem = refused(alice.post("/collections/import", {"upload_id": upload_id}), 422, "invalid")
    assert pointers(problem) == {"/upload_id"}


def test_an_object_with_more_than_a_reference_is_a_file(alice: Person) -> None:
    upload = uploaded(alice, CSV)
    problem = refused(
        alice.post("/collections/import", {"upload_id": upload["upload_id"], "data": {}}), 422, "invalid"
    )
    assert "/deal_brain_export" in pointers(problem)


def test_what_was_not_sent_yet_can_be_sent_and_imported_after_all(alice: Person) -> None:
    upload = address(alice)
    problem = refused(imported(alice, upload), 409, "conflict")
    assert "send the file" in problem["detail"]
    refused(alice.get(f"/imports/{upload['upload_id']}"), 404, "not_found")
    send(upload, CSV)
    made(imported(alice, upload))


def test_an_upload_whose_time_is_over_is_gone(api: Api, alice: Person) -> None:
    upload = uploaded(alice, CSV)
    made(imported(api.later("alice", facts.PREVIEW_LIFE - A_MINUTE), uploaded(alice, CSV)))
    refused(imported(api.later("alice", facts.PREVIEW_LIFE + A_MINUTE), upload), 410, "expired")


def test_a_file_that_is_refused_may_be_sent_again(alice: Person) -> None:
    upload = uploaded(alice, b"no,headings\n1,2\n")
    refused(imported(alice, upload), 422, "invalid")
    refused(imported(alice, upload), 422, "invalid")
    send(upload, CSV)
    made(imported(alice, upload))


def test_an_upload_is_read_once(alice: Person) -> None:
    upload = uploaded(alice, CSV)
    made(imported(alice, upload))
    refused(imported(alice, upload), 409, "conflict")


def test_more_than_may_be_uploaded_is_not_even_fetched(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The stand-in takes whatever it is sent; S3 goes by the policy.
    upload = uploaded(alice, CSV)
    monkeypatch.setattr(uploading, "UPLOAD_BYTES", len(CSV) - 1)
    refused(imported(alice, upload), 413, "too_large")
    monkeypatch.setattr(uploading, "UPLOAD_BYTES", len(CSV))
    made(imported(alice, upload))


@pytest.mark.parametrize("begin", [b"\x1f\x8b\x08", b"PK\x03\x04"])
def test_a_compressed_file_is_refused(alice: Person, begin: bytes) -> None:
    refused(imported(alice, uploaded(alice, begin + CSV)), 415, "unsupported_type")


# --------------------------------------------------------------------------------------------- how far


def opened(person: Person, upload: dict[str, Any]) -> Any:
    answer = person.get(f"/imports/{upload['upload_id']}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def kept(upload: dict[str, Any]) -> pending.Pending:
    found = pending.find(upload["upload_id"])
    assert found
    return found


@contextmanager
def watched(look: Callable[[], Any]) -> Iterator[list[Any]]:
    """Look whenever the database is about to compare a part of a file with everything."""
    seen: list[Any] = []

    def before(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if "json_to_recordset" in statement:
            seen.append(look())

    sa.event.listen(db.engine(), "before_cursor_execute", before)
    yield seen
    sa.event.remove(db.engine(), "before_cursor_execute", before)


def test_while_a_file_is_read_its_owner_sees_how_far(alice: Person, count: Callable[[int, int], int]) -> None:
    total = count(150, facts.COLLECTION_ITEMS)
    table = "title\n" + "".join(f"machine {number}\n" for number in range(total))
    upload = uploaded(alice, table.encode())
    with watched(lambda: opened(alice, upload)) as seen:
        made(imported(alice, upload))
    assert {one["state"] for one in seen} == {"reading"}
    parts = [{"done": done, "total": total} for done in range(0, total, importing.BATCH)]
    assert [part for part in parts if part not in [one["progress"] for one in seen]] == []
    assert opened(alice, upload)["progress"] == {"done": total, "total": total}


def reading(upload: dict[str, Any], since: timedelta) -> None:
    """Leave an upload as a process leaves it that was killed while reading, so long ago."""
    found = kept(upload)
    until = datetime.now(UTC) - since + uploading._READING_LIFE
    about = {**found.about, "type": "collection", "until": until.isoformat(), "done": "3", "total": "9"}
    pending.put(pending.Pending(found.id, found.owner, READING, found.expires_at, about))


def test_somebody_elses_reading_is_unknown(alice: Person, bob: Person) -> None:
    upload = uploaded(alice, CSV)
    reading(upload, timedelta(0))
    assert opened(alice, upload)["progress"] == {"done": 3, "total": 9}
    refused(bob.get(f"/imports/{upload['upload_id']}"), 404, "not_found")


def test_what_is_being_read_cannot_be_used_yet(alice: Person) -> None:
    upload = uploaded(alice, CSV)
    reading(upload, timedelta(0))
    path = f"/imports/{upload['upload_id']}"
    confirm = {"preview_id": upload["upload_id"], "merge_strategy": "create_new"}
    for answer in (
        imported(alice, upload),
        alice.delete(path),
        alice.get(f"{path}/refused"),
        alice.post("/collections/import/confirm", confirm),
    ):
        refused(answer, 409, "conflict")


def test_a_reading_that_was_cut_off_says_so_and_can_be_begun_again(alice: Person) -> None:
    upload = uploaded(alice, CSV)
    reading(upload, uploading._READING_LIFE + A_MINUTE)
    problem = refused(alice.get(f"/imports/{upload['upload_id']}"), 409, "conflict")
    assert "again" in problem["detail"]
    made(imported(alice, upload))
    assert opened(alice, upload)["state"] == "open"


def test_of_two_who_begin_to_read_at_once_one_is_refused(alice: Person) -> None:
    upload = uploaded(alice, CSV)
    found = kept(upload)
    assert found.kind == UPLOAD
    reading(upload, timedelta(0))
    with pytest.raises(Conflict):
        pending.swap(found, found)
