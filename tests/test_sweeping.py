"""Tidying up what expired: what has outlived its grace goes, everything else stays."""

from datetime import UTC, datetime, timedelta
from itertools import batched
from typing import TYPE_CHECKING, Any

import pytest

from dealbrain import facts, files
from dealbrain.facts import PENDING_KEY, PREVIEWS, Bucket
from functions.sweeping import expired
from infra.local.stores import dynamodb
from tests.makers import Api, Person, deal_file, made, refused

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import WriteRequestTypeDef

# How long after its making a preview is kept at all: its life, then told as expired, then nothing.
KEPT = facts.PREVIEW_LIFE + facts.PENDING_GRACE
AN_HOUR = timedelta(hours=1)
A_MINUTE = timedelta(minutes=1)


@pytest.fixture
def alice(api: Api) -> Person:
    """Somebody in a system without the previews other tests left."""
    empty(dynamodb(api.system.stores_url), api.system.settings.pending_table)
    files.delete(Bucket.private, files.keys(Bucket.private, PREVIEWS))
    return api.person("alice")


def empty(client: "DynamoDBClient", table: str) -> None:
    """Remove every item, 25 to a call, which is the most DynamoDB takes."""
    keys = [{PENDING_KEY: one[PENDING_KEY]} for one in client.scan(TableName=table)["Items"]]
    for some in batched(keys, 25, strict=False):
        deletes: list[WriteRequestTypeDef] = [{"DeleteRequest": {"Key": key}} for key in some]
        client.batch_write_item(RequestItems={table: deletes})


def sweep(by: timedelta) -> int:
    """Run the sweep as if it were so much later; answers how many previews it removed."""
    return expired.handler({"now": (datetime.now(UTC) + by).isoformat()}, None)["removed"]


def preview(person: Person) -> dict[str, Any]:
    return made(person.post("/listings/import", deal_file()))


def stored() -> int:
    """How many files of previews there are."""
    return len(list(files.keys(Bucket.private, PREVIEWS)))


def test_an_outlived_preview_goes_with_its_files(alice: Person) -> None:
    shown = preview(alice)
    assert stored() == 2
    assert sweep(KEPT + A_MINUTE) == 1
    assert stored() == 0
    refused(alice.get(f"/imports/{shown['preview_id']}"), 404, "not_found")


@pytest.mark.parametrize("clock", [-AN_HOUR, timedelta(0), AN_HOUR])
def test_a_live_preview_stays_even_with_the_clock_off_by_an_hour(alice: Person, clock: timedelta) -> None:
    shown = preview(alice)
    assert sweep(clock) == 0
    made(
        alice.post(
            "/listings/import/confirm",
            {"preview_id": shown["preview_id"], "merge_strategy": "create_new"},
        )
    )


def test_an_expired_preview_stays_while_it_is_told_from_an_unknown_one(api: Api, alice: Person) -> None:
    shown = preview(alice)
    assert sweep(KEPT - A_MINUTE) == 0
    later = api.later("alice", KEPT - A_MINUTE)
    refused(later.get(f"/imports/{shown['preview_id']}"), 410, "expired")


def test_only_what_is_outlived_goes(api: Api, alice: Person) -> None:
    old = preview(alice)
    young = made(api.later("alice", AN_HOUR).post("/listings/import", deal_file()))
    assert sweep(KEPT + A_MINUTE) == 1
    refused(alice.get(f"/imports/{old['preview_id']}"), 404, "not_found")
    assert alice.get(f"/imports/{young['preview_id']}").status_code == 200


def test_sweeping_twice_is_harmless(alice: Person) -> None:
    preview(alice)
    assert (sweep(KEPT + A_MINUTE), sweep(KEPT + A_MINUTE)) == (1, 0)


def test_a_preview_whose_files_went_first_is_swept_all_the_same(alice: Person) -> None:
    preview(alice)
    files.delete(Bucket.private, files.keys(Bucket.private, PREVIEWS))
    assert sweep(KEPT + A_MINUTE) == 1


def test_what_was_imported_stays_and_its_confirm_is_remembered(alice: Person) -> None:
    shown = preview(alice)
    body = {"preview_id": shown["preview_id"], "merge_strategy": "create_new"}
    done = alice.post("/listings/import/confirm", body)
    sweep(KEPT + A_MINUTE)
    again = alice.post("/listings/import/confirm", body)
    assert (done.status_code, again.status_code, again.content) == (201, 200, done.content)
    assert alice.get(f"/listings/{made(done)['id']}").status_code == 200
