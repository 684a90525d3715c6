"""Who sees what, after whatever happened: the system beside a plain model of the rule.

Two owners and a stranger make collections public, unlist them, share and revoke tokens, wait, copy, delete,
restore and close them again. After each step everything anybody could ask about the collection concerned is
asked, and the model says what the answer must be.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    multiple,
    rule,
    run_state_machine_as_test,
)

from dealbrain import db
from infra.local.run import System
from tests.conftest import EMPTY
from tests.makers import Ahead, Person

OWNERS = ("alice", "bob")
ACTORS = (*OWNERS, "stranger")
LIVES = (None, timedelta(hours=1), timedelta(days=2))


@dataclass
class Shared:
    """A collection, as the model knows it."""

    id: int
    owner: str
    visibility: str = "private"
    deleted_at: datetime | None = None
    tokens: dict[str, tuple[int, datetime | None]] = field(default_factory=dict)
    """The living ones: their ids, and when they expire."""
    ever: list[str] = field(default_factory=list)
    """Every secret there ever was."""

    @property
    def is_there(self) -> bool:
        return self.deleted_at is None

    @property
    def is_public(self) -> bool:
        return self.is_there and self.visibility == "public"

    def is_opened_by(self, token: str, now: datetime) -> bool:
        """The rule of tokens."""
        if token not in self.tokens or not self.is_there or self.visibility == "private":
            return False
        expires_at = self.tokens[token][1]
        return expires_at is None or now < expires_at

    def is_read_by(self, actor: str, token: str | None, now: datetime) -> bool:
        """The rule of visibility: one's own, a public one, or one a token opens."""
        if not self.is_there:
            return False
        opened = token is not None and self.is_opened_by(token, now)
        return actor == self.owner or self.is_public or opened


class Sharing(RuleBasedStateMachine):
    """What people do, in any order."""

    system: System
    collections = Bundle("collections")

    @initialize()
    def begin(self) -> None:
        with db.engine().begin() as connection:
            connection.exec_driver_sql(EMPTY)
        self.clock = Ahead(timedelta())
        self.http = httpx.Client(transport=self.clock, base_url=self.system.url)
        self.all: list[Shared] = []
        self.sign_in()
        self.listing = self.people["alice"].listing()

    def teardown(self) -> None:
        if hasattr(self, "http"):
            self.http.close()

    # ------------------------------------------------------------------------------------------ actions

    @rule(
        target=collections, owner=st.sampled_from(OWNERS), visibility=st.sampled_from(("private", "public"))
    )
    def create(self, owner: str, visibility: str) -> Shared:
        person = self.people[owner]
        made = person.collection(f"Collection {len(self.all)}", visibility=visibility)
        person.item(made, self.listing)
        return self.know(Shared(made["id"], owner, visibility))

    @rule(one=collections, visibility=st.sampled_from(("private", "unlisted", "public")))
    def show(self, one: Shared, visibility: str) -> None:
        answer = self.people[one.owner].patch(f"/collections/{one.id}/visibility", {"visibility": visibility})
        assert answer.status_code == (200 if one.is_there else 404)
        if one.is_there:
            # What is private already is not closed, and the links prepared for it live on.
            if visibility == "private" != one.visibility:
                one.tokens.clear()
            one.visibility = visibility
        self.check(one)

    @rule(one=collections, life=st.sampled_from(LIVES))
    def share(self, one: Shared, life: timedelta | None) -> None:
        expires_at = self.now + life if life else None
        sent = {"expires_at": expires_at.isoformat().replace("+00:00", "Z")} if expires_at else {}
        answer = self.people[one.owner].post(f"/collections/{one.id}/share-tokens", sent)
        assert answer.status_code == (201 if one.is_there else 404), answer.text
        if one.is_there:
            made = answer.json()
            one.tokens[made["token"]] = (made["id"], expires_at)
            one.ever.append(made["token"])
        self.check(one)

    @rule(one=collections)
    def revoke(self, one: Shared) -> None:
        if not one.tokens:
            return
        token, (number, _) = next(iter(one.tokens.items()))
        answer = self.people[one.owner].delete(f"/collections/{one.id}/share-tokens/{number}")
        assert answer.status_code == 204
        del one.tokens[token]
        self.check(one)

    @rule(by=st.sampled_from((timedelta(minutes=50), timedelta(hours=1), timedelta(days=1))))
    def wait(self, by: timedelta) -> None:
        self.clock.by += by
        self.sign_in()
        for one in self.all:
            self.check(one)

    @rule(target=collections, one=collections, actor=st.sampled_from(ACTORS), with_token=st.booleans())
    def copy(self, one: Shared, actor: str, *, with_token: bool) -> Any:
        token = one.ever[-1] if with_token and one.ever else None
        answer = self.people[actor].post(f"/collections/{one.id}/copy", {"token": token} if token else {})
        if actor == "stranger":
            assert answer.status_code == 401
        elif not one.is_read_by(actor, token, self.now):
            assert answer.status_code == 404
        else:
            assert answer.status_code == 201, answer.text
            assert answer.json()["item_count"] == 1
            return self.know(Shared(answer.json()["id"], actor))
        return multiple()

    @rule(one=collections)
    def delete(self, one: Shared) -> None:
        answer = self.people[one.owner].delete(f"/collections/{one.id}")
        assert answer.status_code == (204 if one.is_there else 404)
        if one.is_there:
            one.deleted_at = self.now
            one.tokens.clear()
        self.check(one)

    @rule(one=collections, actor=st.sampled_from(OWNERS))
    def restore(self, one: Shared, actor: str) -> None:
        deleted = one.deleted_at is not None and self.now - one.deleted_at <= timedelta(days=30)
        answer = self.people[actor].post(f"/collections/{one.id}/restore")
        assert answer.status_code == (200 if deleted and actor == one.owner else 404)
        if answer.status_code == 200:
            one.deleted_at, one.visibility = None, "private"
        self.check(one)

    # --------------------------------------------------------------------------------------- questions

    def know(self, one: Shared) -> Shared:
        self.all.append(one)
        self.check(one)
        return one

    def check(self, one: Shared) -> None:
        """Ask everything anybody could ask about one collection."""
        for actor, person in self.people.items():
            own = 401 if actor == "stranger" else ok(one.is_there and actor == one.owner)
            wanted = {
                f"/collections/{one.id}": own,
                f"/collections/{one.id}/share-tokens": own,
                f"/collections/public/{one.id}": ok(one.is_public),
                f"/collections/{one.id}/feed": ok(one.is_public),
                f"/collections/{one.id}/export": ok(one.is_read_by(actor, None, self.now)),
            }
            for token in one.ever:
                wanted[f"/collections/shared/{token}"] = ok(one.is_opened_by(token, self.now))
                wanted[f"/collections/{one.id}/export?token={token}"] = ok(
                    one.is_read_by(actor, token, self.now)
                )
            assert {path: person.get(path).status_code for path in wanted} == wanted
        found = self.people["stranger"].get("/collections/discover?limit=100").json()["items"]
        assert {item["id"] for item in found} == {known.id for known in self.all if known.is_public}

    @property
    def now(self) -> datetime:
        return datetime.now(UTC) + self.clock.by

    def sign_in(self) -> None:
        """Access tokens last an hour, so whoever waits signs in again."""
        bearers = {name: f"Bearer {self.system.issuer.token(name, self.now)}" for name in OWNERS}
        self.people = {
            **{name: Person(self.http, {"Authorization": bearer}) for name, bearer in bearers.items()},
            "stranger": Person(self.http, {}),
        }


def ok(is_seen: bool) -> int:  # noqa: FBT001 - the question is the only argument
    return 200 if is_seen else 404


def test_everybody_sees_what_the_rule_says_and_nothing_else(
    running: System, count: Callable[[int, int], int]
) -> None:
    Sharing.system = running
    run_state_machine_as_test(
        Sharing,
        settings=settings(
            max_examples=count(2, 200),
            stateful_step_count=30,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.explicit, Phase.generate, Phase.shrink),
        ),
    )
