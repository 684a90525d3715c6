"""Short ways to what tests begin with: people, listings, collections, files."""

import csv
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

import httpx
import pytest
import sqlalchemy as sa

from dealbrain import carding, catalog, db, facts, sessions
from dealbrain.catalog import Entry
from dealbrain.sessions import Session
from dealbrain.tables import Item, Listing, Table
from infra.local import gateway
from infra.local.issuer import Issuer, subject
from infra.local.run import ROOT, System
from infra.local.stores import dynamodb
from infra.routes import routes

DATA = ROOT.parent / "shared" / "data"
# A machine that is busy may need a few of the gate's four seconds to start a renderer.
TRIES = 6

LATITUDE: Mapping[str, Any] = {
    "title": "Dell Latitude 7490 i7-8650U 16GB 512GB SSD",
    "price_usd": 299.99,
    "listing_url": "https://www.ebay.com/itm/256123456789",
    "seller": "AAA PCs",
    "performance": {
        "cpu": {"name": "Intel Core i7-8650U", "cpu_mark_multi": 6000, "cpu_mark_single": 2100, "tdp_w": 15},
        "ram": {"total_gb": 16, "ddr_generation": "ddr4"},
        "storage_primary": {"capacity_gb": 512, "medium": "nvme"},
    },
    "metadata": {"manufacturer": "Dell", "series": "Latitude"},
}

# How many rows each table has, and a digest of them; one statement, because tests ask a thousand times.
ROWS = " UNION ALL ".join(
    f"SELECT '{name}', count(*), sum(hashtextextended({name}::text, 0)) FROM {name}"  # noqa: S608 - our own tables
    for name in Table.metadata.tables
)

# Making a client takes longer than most requests.
_previews = cache(dynamodb)


@cache
def _token(issuer: Issuer, username: str) -> str:
    """One for all tests: signing takes as long as many a request."""
    return issuer.token(username, datetime.now(UTC), life=timedelta(days=1))


class Api:
    """The system as people reach it: over HTTP, with a token or without."""

    def __init__(self, running: System) -> None:
        self.system = running
        # Without verify httpx reads every certificate of this machine, which takes longer than most tests.
        self._http = httpx.Client(base_url=running.url, timeout=30, verify=False)  # noqa: S501 - plain HTTP

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def token(self, username: str) -> str:
        """An access token, minted by the local issuer."""
        return _token(self.system.issuer, username)

    def person(self, username: str) -> "Person":
        """Somebody signed in."""
        return Person(self._http, {"Authorization": f"Bearer {self.token(username)}"})

    def state(self) -> str:
        """A digest of all rows, and how many previews there are: what a refusal leaves alone."""
        table = self.system.settings.pending_table
        # The stand-in counts as it goes, and would read all of them for a scan.
        previews = _previews(self.system.stores_url).describe_table(TableName=table)["Table"]["ItemCount"]
        with db.engine().begin() as connection:
            found = connection.exec_driver_sql(ROWS).all()
        return repr((previews, sorted(found)))

    @property
    def stranger(self) -> "Person":
        """Somebody who is not signed in."""
        return Person(self._http, {})

    def browser(self, username: str | None = None) -> "Person":
        """Somebody at a browser on our pages: signed in by a cookie, or nobody in particular."""
        headers = {"Accept": "text/html,*/*;q=0.8", "Origin": self.system.settings.public_origin}
        if username is not None:
            secret = sessions.begin(Session(subject(username), username), datetime.now(UTC))
            headers["Cookie"] = f"{facts.SESSION_COOKIE}={secret}"
        return Person(self._http, headers)

    def later(self, username: str, by: timedelta) -> "Person":
        """Somebody signed in whose requests arrive so much later than the clock says."""
        token = self.system.issuer.token(username, datetime.now(UTC) + by)
        ahead = httpx.Client(transport=Ahead(by), base_url=self.system.url)
        return Person(ahead, {"Authorization": f"Bearer {token}"})


class Ahead(httpx.BaseTransport):
    """Hands requests to the functions as the gateway does, but with a clock that runs ahead."""

    def __init__(self, by: timedelta) -> None:
        self.by = by
        self._gateway = gateway.Gateway(routes())

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path, _, query = request.url.raw_path.decode().partition("?")
        headers = [(name, value) for name, value in request.headers.items()]
        sent = gateway.Sent(request.method, path, query, headers, request.read())
        found = self._gateway._match(sent)
        assert found, f"no function answers {request.method} {path}"
        endpoint, parameters = found
        event = gateway.event(sent, endpoint.key, parameters)
        event["requestContext"]["timeEpoch"] += int(self.by.total_seconds() * 1000)
        answer = gateway.response(endpoint.handler(event, gateway.Context(endpoint.module)))
        return httpx.Response(answer.status_code, headers=answer.raw_headers, content=bytes(answer.body))


class Person:
    """Somebody who calls the API or opens pages; every call answers the response as it came."""

    def __init__(self, http: httpx.Client, headers: Mapping[str, str]) -> None:
        self._http = http
        self.headers = dict(headers)

    def send(self, method: str, address: str, **more: Any) -> httpx.Response:
        """Ask at a whole address, whether a page's or the API's."""
        headers = {**self.headers, **more.pop("headers", {})}
        return self._http.request(method, address, headers=headers, **more)

    def open(self, address: str, **more: Any) -> httpx.Response:
        """Read a page; a redirection is answered and not followed."""
        return self.send("GET", address, **more)

    def submit(self, address: str, fields: Mapping[str, object] | None = None, **more: Any) -> httpx.Response:
        """Send a page's form."""
        return self.send("POST", address, data=fields, **more)

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self.send(method, f"/v1{path}", **more)

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.call("GET", path, **more)

    def post(self, path: str, json: object = None, **more: Any) -> httpx.Response:
        return self.call("POST", path, json=json, **more)

    def patch(self, path: str, json: object) -> httpx.Response:
        return self.call("PATCH", path, json=json)

    def put(self, path: str, json: object) -> httpx.Response:
        return self.call("PUT", path, json=json)

    def delete(self, path: str) -> httpx.Response:
        return self.call("DELETE", path)

    # What tests begin with; each makes the thing and answers its JSON.

    def listing(self, **fields: Any) -> dict[str, Any]:
        return made(self.post("/listings", {**LATITUDE, **fields}))

    def collection(self, name: str = "My picks", **fields: Any) -> dict[str, Any]:
        return made(self.post("/collections", {"name": name, **fields}))

    def item(
        self, collection: Mapping[str, Any], listing: Mapping[str, Any], **fields: Any
    ) -> dict[str, Any]:
        return made(
            self.post(f"/collections/{collection['id']}/items", {"listing_id": listing["id"], **fields})
        )

    def preview(self, kind: str, file: bytes) -> dict[str, Any]:
        """Send a file to /listings/import or /collections/import."""
        return made(self.post(f"/{kind}/import", content=file, headers={"Content-Type": "application/json"}))


def made(response: httpx.Response) -> dict[str, Any]:
    """The JSON of a creation that must have worked."""
    assert response.status_code == 201, response.text
    found: dict[str, Any] = response.json()
    return found


def drawn(ask: Callable[[str], httpx.Response], address: str) -> httpx.Response:
    """Ask for a card as a browser does that is told to come back; starting may take a while."""
    for _ in range(TRIES):
        answer = ask(address)
        if answer.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
            break
    return answer


@contextmanager
def renderer_at(url: str) -> Iterator[None]:
    """Let this process order from another renderer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_LAMBDA", url)
        client = carding._client.__wrapped__()
        # Not through the cache, where a thread that comes late would leave it to other tests.
        patch.setattr(carding, "_client", lambda: client)
        yield


def refused(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem of a refusal that must have this status, this code and the one shape of all refusals."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["code"] == code, problem
    assert {"type", "title", "status", "code", "detail", "errors"} <= problem.keys()
    return problem


def pointers(problem: Mapping[str, Any]) -> set[str]:
    """The places a refusal names."""
    return {one["pointer"] for one in problem["errors"]}


def deal_file(**listing: Any) -> dict[str, Any]:
    """A file of type deal, as another program might have written it."""
    return _file("deal", deal_data(**listing))


def collection_file(*deals: Mapping[str, Any], name: str = "Their picks", **fields: Any) -> dict[str, Any]:
    """A file of type collection; each deal as ``deal_data`` makes it, or an item around one."""
    items = [deal if "status" in deal else {"listing": deal, "status": "undecided"} for deal in deals]
    return _file(
        "collection",
        {"collection": {"id": 7, "name": name, "visibility": "private", **fields}, "items": items},
    )


def deal_data(**listing: Any) -> dict[str, Any]:
    """What a file says of one deal."""
    said = {
        "id": 9,
        "title": "Lenovo ThinkPad T480",
        "price_usd": 250,
        "condition": "used",
        "status": "active",
    }
    return {"listing": {**said, **listing}}


def _file(kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
    envelope = {"version": "1.0.0", "exported_at": "2026-03-01T12:00:00Z", "type": kind}
    return {"deal_brain_export": envelope, "data": data}


def fill(collection: Mapping[str, Any], listing: Mapping[str, Any], count: int) -> None:
    """Put so many copies of a listing into an empty collection, past HTTP for speed."""
    with db.transaction() as session:
        names = [column.name for column in Listing.__table__.columns if column.name != "id"]
        columns = [Listing.__table__.c[name] for name in names]
        numbers = sa.func.generate_series(1, count).alias("number")
        copies = sa.select(*columns).join(numbers, sa.true()).where(Listing.id == listing["id"])
        insert = sa.insert(Listing).from_select(names, copies).returning(Listing.id)
        rows = [
            {
                "collection_id": collection["id"],
                "listing_id": listing_id,
                "status": "undecided",
                "position": position,
                "added_at": datetime.now(UTC),
                "extra": {},
            }
            for position, listing_id in enumerate(session.scalars(insert), start=1)
        ]
        session.execute(sa.insert(Item), rows)


def load_catalog(*entries: Entry) -> None:
    """Write processors into the catalog, as only the operator's loader does."""
    with db.transaction() as session:
        catalog.load(session, entries)


def rows(name: str) -> Iterator[dict[str, str]]:
    """Rows of a file of real data; the test is skipped where the data are not."""
    file = DATA / name
    if not file.exists():
        pytest.skip(f"the real data are not here: {name}")
    with file.open(encoding="utf-8", newline="") as text:
        yield from csv.DictReader(text)
