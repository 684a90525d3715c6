"""Short ways to what tests begin with: people, listings, collections, files."""

import csv
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import httpx
import pytest

from dealbrain import catalog, db
from dealbrain.catalog import Entry
from infra.local.run import ROOT, System

DATA = ROOT.parent / "shared" / "data"

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


class Api:
    """The system as people reach it: over HTTP, with a token or without."""

    def __init__(self, running: System) -> None:
        self.system = running
        self._http = httpx.Client(base_url=running.url, timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def token(self, username: str) -> str:
        """An access token, minted by the local issuer."""
        return self.system.issuer.token(username, datetime.now(UTC))

    def person(self, username: str) -> "Person":
        """Somebody signed in."""
        return Person(self._http, {"Authorization": f"Bearer {self.token(username)}"})

    @property
    def stranger(self) -> "Person":
        """Somebody who is not signed in."""
        return Person(self._http, {})


class Person:
    """Somebody who calls the API; every call answers the response as it came."""

    def __init__(self, http: httpx.Client, headers: Mapping[str, str]) -> None:
        self._http = http
        self.headers = dict(headers)

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {**self.headers, **more.pop("headers", {})}
        return self._http.request(method, f"/v1{path}", headers=headers, **more)

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
