"""An import happens once: however many confirm it, wherever, and whatever is killed in between."""

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from dealbrain import confirming, db, jsontext, uploading
from dealbrain.document import ArtifactType
from dealbrain.shapes import Confirm
from dealbrain.tables import Collection, Import, Listing, Table
from infra.local.processes import wait_until
from infra.local.run import System
from tests.makers import Api, Person, collection_file, deal_data, made, refused

RACERS = 24
ROWS = 2
# An import that takes a while, and how long at most, in seconds.
MANY = 200
LONGEST = 1.2


def file(rows: int = ROWS) -> bytes:
    deals = [deal_data(title=f"Machine of kind {number}", id=number + 1) for number in range(rows)]
    return jsontext.dumps(collection_file(*deals)).encode()


def decisions(*said: str) -> list[dict[str, Any]]:
    return [{"index": index, "decision": decision} for index, decision in enumerate(said)]


# The second round would find the first one's listings, and use them.
ALL_NEW = decisions(*["create"] * ROWS)
ONE_NEW = decisions("create", "skip")


def wanted(preview: Mapping[str, Any], said: Sequence[Mapping[str, Any]] = ALL_NEW) -> dict[str, Any]:
    return {"preview_id": preview["preview_id"], "merge_strategy": "create_new", "decisions": said}


def confirm(person: Person, body: Mapping[str, Any]) -> httpx.Response:
    return person.post("/collections/import/confirm", body)


def race(people: Sequence[Person], bodies: Sequence[Mapping[str, Any]]) -> list[httpx.Response]:
    """Send as many confirms at the same moment."""
    start = Barrier(RACERS)

    def run(number: int) -> httpx.Response:
        start.wait(30)
        return confirm(people[number % len(people)], bodies[number % len(bodies)])

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(RACERS) as pool:
        # There are more of them than connections; on a busy machine the last wait longer than a person would.
        patch.setattr(db.engine().pool, "_timeout", 30)
        return list(pool.map(run, range(RACERS)))


def counted() -> tuple[int, ...]:
    """How many imports, collections and listings there are."""
    with db.transaction() as session:
        return tuple(
            session.scalars(sa.select(sa.func.count()).select_from(kind)).one()
            for kind in (Import, Collection, Listing)
        )


def since(before: tuple[int, ...]) -> tuple[int, ...]:
    """How many more imports, collections and listings there are."""
    return tuple(now - then for now, then in zip(counted(), before, strict=True))


@dataclass(frozen=True)
class Round:
    """What a race left behind."""

    statuses: Sequence[int]
    bodies: set[str]
    made: tuple[int, ...]

    @property
    def is_one_import(self) -> bool:
        first = [201] + [200] * (RACERS - 1)
        return (sorted(self.statuses, reverse=True), len(self.bodies), self.made) == (first, 1, (1, 1, ROWS))


def one_round(people: Sequence[Person]) -> Round:
    before = counted()
    answers = race(people, [wanted(people[0].preview("collections", file()))])
    return Round([one.status_code for one in answers], {one.text for one in answers}, since(before))


def known(api: Api) -> Person:
    """Somebody who has an account: making it would let a person's first confirms wait for each other."""
    alice = api.person("alice")
    alice.delete(f"/collections/{alice.collection()['id']}")
    return alice


def test_of_many_confirms_at_once_exactly_one_imports_and_all_hear_the_same(
    api: Api, count: Callable[[int, int], int]
) -> None:
    alice = known(api)
    rounds = [one_round([alice]) for _ in range(count(5, 1000))]
    assert [one for one in rounds if not one.is_one_import] == []


@contextmanager
def without_the_mark() -> Iterator[None]:
    """Take away what makes the mark unique."""
    with db.engine().begin() as connection:
        connection.execute(sa.text("ALTER TABLE imports DROP CONSTRAINT pk_imports"))
    try:
        yield
    finally:
        with db.engine().begin() as connection:
            for table in reversed(Table.metadata.sorted_tables):
                connection.execute(sa.delete(table))
            connection.execute(sa.text("ALTER TABLE imports ADD CONSTRAINT pk_imports PRIMARY KEY (id)"))


def check_then_insert(session: Session, owner_id: int, kind: ArtifactType, wanted: Confirm, now: Any) -> bool:
    """What everybody writes first."""
    if session.scalar(sa.select(sa.func.count()).where(Import.id == wanted.preview_id)):
        return False
    mark = {
        "owner_id": owner_id,
        "kind": kind,
        "request": confirming._digest(wanted),
        "reply": {},
        "created_at": now,
    }
    session.execute(sa.insert(Import).values(id=wanted.preview_id, **mark))
    return True


def test_looking_first_and_writing_then_would_import_more_than_once(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confirming, "_first", check_then_insert)
    alice = known(api)
    with without_the_mark():
        assert not all(one_round([alice]).is_one_import for _ in range(20))


def test_of_two_different_decisions_at_once_one_is_carried_out_and_the_other_refused(api: Api) -> None:
    alice = api.person("alice")
    preview = alice.preview("collections", file())
    answers = race([alice], [wanted(preview, ALL_NEW), wanted(preview, ONE_NEW)])
    done = [one for one in answers if one.status_code in {200, 201}]
    assert (len(done), len({one.text for one in done})) == (RACERS // 2, 1)
    for one in answers:
        if one not in done:
            assert refused(one, 409, "already_used")["import_id"] == preview["preview_id"]


def test_of_two_different_decisions_only_one_leaves_rows(api: Api) -> None:
    alice = api.person("alice")
    preview = alice.preview("collections", file())
    answers = race([alice], [wanted(preview, ALL_NEW), wanted(preview, ONE_NEW)])
    created = next(one.json()["counts"]["created"] for one in answers if one.status_code == 201)
    assert counted() == (1, 1, created)


def test_two_previews_of_one_file_are_two_imports(api: Api) -> None:
    alice = api.person("alice")
    previews = [alice.preview("collections", file()) for _ in range(2)]
    answers = [confirm(alice, wanted(preview)).status_code for preview in previews]
    assert (answers, counted()) == ([201, 201], (2, 2, 2 * ROWS))


# ------------------------------------------------------------------------------- more than one process

GATEWAY = """
import sys
from infra.local.gateway import Gateway
from infra.local.processes import address, listen, serve
from infra.routes import routes

with listen() as listener, serve(Gateway(routes()), listener):
    print(address(listener), flush=True)
    sys.stdin.read()
"""


class Elsewhere:
    """Another process with the same functions, on the same stores and the same database."""

    def __init__(self) -> None:
        quiet = {"POWERTOOLS_LOG_LEVEL": "CRITICAL", "POWERTOOLS_METRICS_DISABLED": "true"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", GATEWAY],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **quiet},
            text=True,
        )
        assert self.process.stdout
        self.http = httpx.Client(base_url=self.process.stdout.readline().strip(), timeout=30)

    def person(self, api: Api, username: str) -> Person:
        return Person(self.http, api.person(username).headers)

    def stop(self) -> None:
        self.http.close()
        self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="module")
def started(running: System) -> Iterator[list[Elsewhere]]:  # noqa: ARG001 - its environment is the process's
    """The process at hand; starting one takes longer than a test."""
    processes: list[Elsewhere] = []
    yield processes
    for one in processes:
        one.stop()


def in_another_process(started: list[Elsewhere]) -> Elsewhere:
    """The process at hand, or a new one if that has ended."""
    if not started or started[-1].process.poll() is not None:
        started.append(Elsewhere())
    return started[-1]


@pytest.fixture
def elsewhere(started: list[Elsewhere]) -> Elsewhere:
    return in_another_process(started)


def test_what_one_process_previewed_another_one_confirms(api: Api, elsewhere: Elsewhere) -> None:
    here, there = api.person("alice"), elsewhere.person(api, "alice")
    preview = here.preview("collections", file())
    assert confirm(there, wanted(preview)).status_code == 201


def test_what_one_process_confirmed_another_one_knows(api: Api, elsewhere: Elsewhere) -> None:
    here, there = api.person("alice"), elsewhere.person(api, "alice")
    preview = there.preview("collections", file())
    first, again = confirm(there, wanted(preview)), confirm(here, wanted(preview))
    assert (first.status_code, again.status_code, again.text) == (201, 200, first.text)


def test_a_race_between_two_processes_is_one_import(api: Api, elsewhere: Elsewhere) -> None:
    people = [known(api), elsewhere.person(api, "alice")]
    rounds = [one_round(people) for _ in range(3)]
    assert [one for one in rounds if not one.is_one_import] == []


@contextmanager
def items_locked() -> Iterator[None]:
    """Hold up whoever has written everything of an import but its items."""
    with db.transaction() as session:
        session.execute(sa.text("LOCK TABLE items IN EXCLUSIVE MODE"))
        yield


def somebody_waits() -> bool:
    with db.transaction() as session:
        return bool(session.scalar(sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")))


def test_a_process_killed_in_the_middle_of_an_import_leaves_nothing_and_a_second_try_completes_it(
    api: Api, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    here, there = api.person("alice"), elsewhere.person(api, "alice")
    body = wanted(there.preview("collections", file()))
    with items_locked(), ThreadPoolExecutor(1) as pool:
        lost = pool.submit(confirm, there, body)
        wait_until(somebody_waits, "The import", seconds=20, log=tmp_path)
        elsewhere.process.kill()
        elsewhere.process.wait(10)
        assert isinstance(lost.exception(20), httpx.HTTPError)
    assert counted() == (0, 0, 0)
    assert confirm(here, body).status_code == 201
    assert counted() == (1, 1, ROWS)


def killed_within(seconds: float, elsewhere: Elsewhere, person: Person, body: Mapping[str, Any]) -> None:
    """Kill a process so long after it was asked to import something."""
    with ThreadPoolExecutor(1) as pool:
        lost = pool.submit(confirm, person, body)
        # Nobody else ends it, so this waits for the moment.
        with suppress(subprocess.TimeoutExpired):
            elsewhere.process.wait(seconds)
        elsewhere.process.kill()
        elsewhere.process.wait(10)
        wait([lost], timeout=20)


def test_a_process_killed_at_any_moment_of_an_import_leaves_all_of_it_or_nothing(
    api: Api, started: list[Elsewhere], count: Callable[[int, int], int]
) -> None:
    chance = random.Random(6)  # noqa: S311 - the same moments each time, as far as a machine keeps them
    here = known(api)
    left: list[tuple[int, ...]] = []
    for _ in range(count(1, 30)):
        elsewhere = in_another_process(started)
        there = elsewhere.person(api, "alice")
        body = wanted(there.preview("collections", file(MANY)), decisions(*["create"] * MANY))
        before = counted()
        killed_within(chance.uniform(0, LONGEST), elsewhere, there, body)
        left.append(since(before))
        assert confirm(here, body).status_code in {200, 201}
        assert since(before) == (1, 1, MANY)
    assert set(left) <= {(0, 0, 0), (1, 1, MANY)}


# ------------------------------------------------------------------------------ reading what was uploaded


@contextmanager
def listings_locked() -> Iterator[None]:
    """Hold up whoever compares a file with everything there is."""
    with db.transaction() as session:
        session.execute(sa.text("LOCK TABLE listings IN ACCESS EXCLUSIVE MODE"))
        yield


def uploaded(person: Person, content: bytes) -> str:
    about = {"file_name": "mine.json", "size": len(content), "content_type": "application/json"}
    upload = made(person.post("/uploads", about))
    assert httpx.post(upload["url"], data=upload["fields"], files={"file": content}).is_success
    upload_id: str = upload["upload_id"]
    return upload_id


def test_a_process_killed_while_it_reads_an_upload_leaves_nothing_and_it_can_be_read_again(
    api: Api, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    here, there = known(api), elsewhere.person(api, "alice")
    upload_id = uploaded(there, file())
    before = counted()
    with listings_locked(), ThreadPoolExecutor(1) as pool:
        lost = pool.submit(there.post, "/collections/import", {"upload_id": upload_id})
        wait_until(somebody_waits, "The reading", seconds=20, log=tmp_path)
        elsewhere.process.kill()
        elsewhere.process.wait(10)
        assert isinstance(lost.exception(20), httpx.HTTPError)
    assert counted() == before
    # As long as it might still be read it says so, and refuses to be read twice.
    assert here.get(f"/imports/{upload_id}").json()["state"] == "reading"
    refused(here.post("/collections/import", {"upload_id": upload_id}), 409, "conflict")
    later = api.later("alice", uploading._READING_LIFE + timedelta(minutes=1))
    refused(later.get(f"/imports/{upload_id}"), 409, "conflict")
    preview = made(later.post("/collections/import", {"upload_id": upload_id}))
    assert (preview["preview_id"], len(preview["rows"])) == (upload_id, ROWS)
    assert confirm(later, wanted(preview)).status_code == 201
    assert since(before) == (1, 1, ROWS)
