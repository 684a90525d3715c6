"""Views, copies and exports: counted once, never lost, and in nobody's way."""

import hashlib
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event
from sqlalchemy.orm import Session

from dealbrain import counting, db
from dealbrain.counting import COPY_WEIGHT, HALF_LIFE
from dealbrain.facts import CDN_WORD, VIEWER_ADDRESS
from dealbrain.settings import settings
from dealbrain.tables import Hit, ShareToken, Table, ViewerKey
from dealbrain.web import CRAWLERS
from tests.makers import Api, Person

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def session(api: Api) -> Iterator[Session]:  # noqa: ARG001 - the tables are empty
    """A transaction that is taken back."""
    # Keys of days that other tests left.
    counting._keys().clear()
    with Session(db.engine()) as session:
        yield session
        session.rollback()


def made(alice: Person, name: str = "Quiet", visibility: str = "public") -> int:
    number: int = alice.collection(name, visibility=visibility)["id"]
    return number


def looks(person: Person, collection_id: int, agent: str = BROWSER) -> None:
    answer = person.get(f"/collections/public/{collection_id}", headers={"User-Agent": agent})
    assert answer.status_code == 200


def counters(alice: Person, collection_id: int) -> dict[str, int]:
    found: dict[str, int] = alice.get(f"/collections/{collection_id}").json()["counters"]
    return found


def names(person: Person, sort: str) -> list[str]:
    found = person.get("/collections/discover", params={"sort": sort}).json()["items"]
    return [one["name"] for one in found]


# ----------------------------------------------------------------------------------------------- viewers


def test_a_look_is_counted(api: Api, alice: Person) -> None:
    collection = made(alice)
    looks(api.stranger, collection)
    assert counters(alice, collection)["views"] == 1


def test_one_person_reloading_counts_once(api: Api, alice: Person) -> None:
    collection = made(alice)
    for _ in range(5):
        looks(api.person("bob"), collection)
    assert counters(alice, collection)["views"] == 1


def test_a_thousand_reloads_of_a_day_count_once(session: Session, alice: Person) -> None:
    collection = made(alice)
    for second in range(1000):
        counting.viewed(session, collection, "bob", NOON + timedelta(seconds=second))
    assert counting.counters(session, [collection])[collection].views == 1


def test_the_next_day_counts_again(session: Session, alice: Person) -> None:
    collection = made(alice)
    midnight = NOON.replace(hour=0) + timedelta(days=1)
    for moment in (midnight - timedelta(microseconds=1), midnight):
        counting.viewed(session, collection, "bob", moment)
    assert counting.counters(session, [collection])[collection].views == 2


def test_people_and_browsers_are_told_apart(api: Api, alice: Person) -> None:
    collection = made(alice)
    looks(api.person("bob"), collection)
    looks(api.person("carol"), collection)
    looks(api.stranger, collection, BROWSER)
    looks(api.stranger, collection, BROWSER.replace("140", "141"))
    assert counters(alice, collection)["views"] == 4


WORD = "known to nobody but our CDN"


@pytest.fixture
def _behind_the_cdn(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DEALBRAIN_CDN_FINGERPRINT", hashlib.sha256(WORD.encode()).hexdigest())
    settings.cache_clear()
    yield
    monkeypatch.undo()
    settings.cache_clear()


def viewers(api: Api, alice: Person, word: str) -> int:
    """How many are counted when the CDN, or whoever says to be it, tells of three addresses."""
    collection = made(alice)
    for last in range(3):
        headers = {"User-Agent": BROWSER, CDN_WORD: word, VIEWER_ADDRESS: f"192.0.2.{last}"}
        assert api.stranger.get(f"/collections/public/{collection}", headers=headers).status_code == 200
    return counters(alice, collection)["views"]


@pytest.mark.usefixtures("_behind_the_cdn")
def test_people_behind_our_cdn_are_told_apart_by_their_own_addresses(api: Api, alice: Person) -> None:
    assert viewers(api, alice, WORD) == 3


@pytest.mark.usefixtures("_behind_the_cdn")
@pytest.mark.parametrize("word", ["", "a guess"])
def test_whoever_does_not_know_the_word_is_not_believed(api: Api, alice: Person, word: str) -> None:
    assert viewers(api, alice, word) == 1


def test_without_a_cdn_nobody_is_believed(api: Api, alice: Person) -> None:
    assert viewers(api, alice, "") == 1


CRAWLER_NAMES = [
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "Twitterbot/1.0",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "WhatsApp/2.23.20.0",
    "TelegramBot (like TwitterBot)",
    "Mozilla/5.0 (compatible; Yahoo! Slurp; http://help.yahoo.com/help/us/ysearch/slurp)",
    "Baiduspider/2.0",
    "CCBot/2.0 (https://commoncrawl.org/faq/)",
]


@pytest.mark.parametrize("agent", CRAWLER_NAMES)
def test_a_crawler_does_not_count(api: Api, alice: Person, agent: str) -> None:
    collection = made(alice)
    looks(api.stranger, collection, agent)
    assert counters(alice, collection)["views"] == 0


@pytest.mark.parametrize(
    "agent",
    [BROWSER, "", "Mozilla/5.0 (Linux; Android 9; CUBOT X19) Chrome/96", "curl/8.5", "python-httpx/1.0"],
)
def test_readers_are_no_crawlers(agent: str) -> None:
    assert not CRAWLERS.search(agent)


def test_no_viewer_is_stored_as_who_they_are(api: Api, alice: Person) -> None:
    collection = made(alice)
    looks(api.person("bob"), collection)
    looks(api.stranger, collection, "a-very-telling-agent")
    with db.engine().connect() as connection:
        written = repr(connection.execute(sa.select(Hit)).all())
    with db.engine().connect() as connection:
        sub = connection.execute(sa.text("SELECT sub FROM accounts")).scalars().first()
    assert sub is not None
    assert "a-very-telling-agent" not in written
    assert "127.0.0.1" not in written
    assert sub not in written


def test_a_viewer_has_another_hash_each_day(session: Session, alice: Person) -> None:
    collection = made(alice)
    for day in range(2):
        counting.viewed(session, collection, "bob", NOON + timedelta(days=day))
    assert len(set(session.scalars(sa.select(Hit.by)))) == 2


# ---------------------------------------------------------------------------------- in nobody's way


def durability(session: Session) -> str:
    return str(session.scalar(sa.text("SHOW synchronous_commit")))


def test_a_look_is_one_statement_more(session: Session, alice: Person) -> None:
    collection = made(alice)
    # The first makes the day's key, the second finds and keeps it.
    for viewer in ("carol", "dave"):
        counting.viewed(session, collection, viewer, NOON)
    statements: list[str] = []
    connection = session.connection()
    event.listen(connection, "before_cursor_execute", lambda *said: statements.append(said[2]))
    counting.viewed(session, collection, "bob", NOON)
    assert len(statements) == 1


def test_a_look_does_not_wait_for_the_disk_and_a_copy_does(session: Session, alice: Person) -> None:
    collection = made(alice)
    session.execute(sa.text("SET LOCAL synchronous_commit = on"))
    counting.copied(session, collection, 1, NOON)
    counting.exported(session, collection, NOON)
    assert durability(session) == "on"
    counting.viewed(session, collection, "bob", NOON)
    assert durability(session) == "off"


# ------------------------------------------------------------------------------------------ never lost


def test_what_nobody_could_fold_counts_all_the_same(session: Session, alice: Person) -> None:
    collection = made(alice)
    with db.engine().begin() as other:
        other.execute(sa.text("SELECT 1 FROM collections WHERE id = :id FOR UPDATE"), {"id": collection})
        counting.viewed(session, collection, "bob", NOON)
    assert session.scalars(sa.select(Hit.folded)).all() == [False]
    assert counting.counters(session, [collection])[collection].views == 1


def test_the_sweep_folds_what_waits(session: Session, alice: Person) -> None:
    collection = made(alice)
    with db.engine().begin() as other:
        other.execute(sa.text("SELECT 1 FROM collections WHERE id = :id FOR UPDATE"), {"id": collection})
        for viewer in ("bob", "carol"):
            counting.viewed(session, collection, viewer, NOON)
    counting.forget(session, NOON.date())
    found = session.execute(sa.text("SELECT views, trending FROM collections")).one()
    assert (found.views, found.trending) == (2, pytest.approx(height([(NOON, 1)] * 2)))


def test_what_is_over_is_forgotten_and_stays_counted(session: Session, alice: Person) -> None:
    collection = made(alice)
    for day in range(3):
        counting.viewed(session, collection, "bob", NOON + timedelta(days=day))
    assert counting.forget(session, NOON.date() + timedelta(days=2)) == 2
    assert len(session.scalars(sa.select(ViewerKey.day)).all()) == 1
    assert counting.counters(session, [collection])[collection].views == 3
    assert counting.forget(session, NOON.date() + timedelta(days=2)) == 0


def test_hits_of_what_is_gone_are_forgotten(session: Session, alice: Person) -> None:
    counting.viewed(session, made(alice) + 1, "bob", NOON)
    assert counting.forget(session, NOON.date() + timedelta(days=1)) == 1


def test_looks_through_a_token_are_its_own(session: Session, alice: Person) -> None:
    collection = made(alice)
    token = ShareToken(secret_hash="x", collection_id=collection, owner_id=1, created_at=NOON)
    session.add(token)
    session.flush()
    for viewer in ("bob", "carol", "bob", None):
        counting.token_viewed(session, token.id, viewer, NOON)
    assert counting.token_views(session, [token.id]) == {token.id: 2}
    assert counting.counters(session, [collection])[collection].views == 0


def test_copies_and_exports_count_each_time(session: Session, alice: Person) -> None:
    collection = made(alice)
    for number in range(2):
        counting.copied(session, collection, number, NOON)
        counting.exported(session, collection, NOON)
    found = counting.counters(session, [collection])[collection]
    assert (found.views, found.copies, found.exports) == (0, 2, 2)


# ---------------------------------------------------------------------------------------------- orders


def height(hits: list[tuple[datetime, float]]) -> float:
    """The formula as it is documented, by another way: relative to the last hit."""
    last = max(moment for moment, _ in hits)
    summed = sum(weight * 2.0 ** ((moment - last) / HALF_LIFE) for moment, weight in hits)
    return (last - datetime(2020, 1, 1, tzinfo=UTC)) / HALF_LIFE + math.log2(summed)


hits = st.lists(
    st.tuples(st.integers(0, 400_000_000), st.sampled_from(["view", "copy", "export"])),
    min_size=1,
    max_size=8,
)


@given(happened=hits)
def test_trending_is_what_the_formula_says(happened: list[tuple[int, str]]) -> None:
    with Session(db.engine()) as session:
        collection = stored(session)
        weighed = []
        for number, (seconds, what) in enumerate(happened):
            moment = NOON + timedelta(seconds=seconds)
            if what == "view":
                counting.viewed(session, collection, f"viewer {number}", moment)
                weighed.append((moment, 1.0))
            elif what == "copy":
                counting.copied(session, collection, number, moment)
                weighed.append((moment, COPY_WEIGHT))
            else:
                counting.exported(session, collection, moment)
        found = session.execute(sa.text("SELECT trending FROM collections")).scalar_one()
        assert found == pytest.approx(height(weighed) if weighed else 0, abs=1e-6)
        session.rollback()


def stored(session: Session) -> int:
    for table in reversed(Table.metadata.sorted_tables):
        session.execute(sa.delete(table))
    account = session.execute(
        sa.text("INSERT INTO accounts (sub, username, created_at) VALUES ('a', 'alice', now()) RETURNING id")
    ).scalar_one()
    number: int = session.execute(
        sa.text(
            "INSERT INTO collections (owner_id, revision, name, visibility, extra, views, copies, exports,"
            " trending, created_at, updated_at)"
            " VALUES (:id, 1, 'x', 'public', '{}', 0, 0, 0, 0, now(), now()) RETURNING id"
        ),
        {"id": account},
    ).scalar_one()
    return number


def test_yesterdays_hits_weigh_more_than_last_weeks(api: Api, alice: Person) -> None:
    old, new = made(alice, "old"), made(alice, "new")
    with db.transaction() as committed:
        for viewer in "ab":
            counting.viewed(committed, old, viewer, NOON - HALF_LIFE - timedelta(minutes=1))
        counting.viewed(committed, new, "a", NOON)
    assert names(api.stranger, "trending") == ["new", "old"]
    assert names(api.stranger, "popular") == ["old", "new"]


def test_two_half_lives_take_three_quarters(session: Session, alice: Person) -> None:
    one, other = made(alice, "one"), made(alice, "other")
    for viewer in "abcd":
        counting.viewed(session, one, viewer, NOON - 2 * HALF_LIFE)
    counting.viewed(session, other, "a", NOON)
    found = session.execute(sa.text("SELECT trending FROM ranks ORDER BY collection_id")).scalars().all()
    assert found[0] == pytest.approx(found[1])


def test_a_copy_weighs_five_looks(session: Session, alice: Person) -> None:
    one, other = made(alice, "one"), made(alice, "other")
    counting.copied(session, one, 1, NOON)
    for viewer in "abcde":
        counting.viewed(session, other, viewer, NOON)
    found = session.execute(sa.text("SELECT trending, popular FROM ranks ORDER BY collection_id")).all()
    assert found[0].trending == pytest.approx(found[1].trending)
    assert found[0].popular == found[1].popular == COPY_WEIGHT


def test_ranks_outlive_a_time_in_private(api: Api, alice: Person) -> None:
    seen, fresh = made(alice, "seen"), made(alice, "fresh")
    looks(api.stranger, seen)
    for visibility in ("private", "public"):
        alice.patch(f"/collections/{seen}/visibility", {"visibility": visibility})
    assert names(api.stranger, "popular") == ["seen", "fresh"]
    assert fresh > seen
