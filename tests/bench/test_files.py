"""How long files take on their way out and in, and what hostile ones cost; nothing here claims a number."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from dealbrain import facts, jsontext
from dealbrain.errors import Refusal
from tests.bench.conftest import milliseconds, spelled
from tests.makers import LATITUDE, Api, collection_file, deal_data, fill, made
from tests.test_hostile_files import HOSTILE, cases, read, read_alone

pytestmark = pytest.mark.bench

type Report = Callable[[str, list[float]], None]


def test_files_out(api: Api, report: Report) -> None:
    alice = api.person("alice")
    collection = alice.collection()
    fill(collection, alice.listing(**LATITUDE), facts.COLLECTION_ITEMS)
    for kind in ("json", "csv", "html"):
        path = f"/collections/{collection['id']}/export?format={kind}"
        report(f"500 items as {kind}", milliseconds(10, lambda path=path: alice.get(path)))  # type: ignore[misc]


def test_files_in(api: Api, report: Report) -> None:
    alice = api.person("alice")
    table = "title,price,cpu\n" + "".join(f"machine number {n},{n},i5-{n}\n" for n in range(8_000, 8_500))
    kind = {"Content-Type": "text/csv"}
    path = "/collections/import"
    report(
        "a table of 500 rows",
        milliseconds(5, lambda: alice.post(path, content=table.encode(), headers=kind)),
    )


# What makes the rows of one file resemble each other.
ROWS = {
    "nothing but one word": "machine q{}z",
    "all but a model number": "Dell Latitude {} i5-8350U 16GB 512GB SSD Windows 11 Pro laptop",
    "all but a capacity": "Dell Latitude 7490 i5-8350U 16GB {}GB SSD Windows 11 Pro laptop",
}


@pytest.mark.parametrize("what", ROWS)
def test_five_hundred_new_rows(api: Api, report: Report, what: str) -> None:
    alice = api.person("alice")
    deals = [deal_data(title=ROWS[what].format(7_000 + number)) for number in range(facts.COLLECTION_ITEMS)]
    file = jsontext.dumps(collection_file(*deals)).encode()
    every = [{"index": index, "decision": "create"} for index in range(facts.COLLECTION_ITEMS)]
    shown: list[dict[str, Any]] = []

    def confirm() -> None:
        body = {"preview_id": shown.pop()["preview_id"], "merge_strategy": "create_new", "decisions": every}
        made(alice.post("/collections/import/confirm", body))

    report(
        f"preview, alike: {what}", milliseconds(4, lambda: shown.append(alice.preview("collections", file)))
    )
    report(f"confirm, alike: {what}", milliseconds(4, confirm))


@pytest.mark.parametrize("name", HOSTILE)
def test_what_a_hostile_file_costs(name: str) -> None:
    print(read_alone(name, facts.UPLOAD_BYTES))


def test_what_thousands_of_damaged_files_cost() -> None:
    taken = []
    for base, body in cases(2_000):
        started = time.process_time()
        with suppress(Refusal):
            read(body, base.media_type)
        taken.append((time.process_time() - started) * 1000)
    print(f"2,000 damaged files, processor time: {spelled(taken)}   worst {max(taken):.1f} ms")
