"""What is kept of a title finds every similar one: proven for any weights, and for real titles by a scan."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import islice

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from dealbrain import db, matching, migrations, postings, resembling, titles
from dealbrain.matching import THRESHOLD_TENTHS, Offer
from dealbrain.postings import posting, weight_bounds
from dealbrain.tables import Listing, TitleWords
from infra.local.run import System
from tests.bench import corpus
from tests.makers import Api, rows

LISTINGS, SEARCHES = 10_000, 200

WORDS = st.dictionaries(st.sampled_from("abcdefghijklmno"), st.integers(1, 9), min_size=1, max_size=12)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """Two titles; a word that both have weighs the same in both."""
    one, other = draw(WORDS), draw(WORDS)
    kept = draw(st.sets(st.sampled_from(sorted(one)), max_size=len(one)))
    return one, {
        **other,
        **{word: one[word] for word in one.keys() & other.keys()},
        **{w: one[w] for w in kept},
    }


def common(one: Mapping[str, int], other: Mapping[str, int]) -> int:
    return sum(weight for word, weight in one.items() if word in other)


def is_similar(one: Mapping[str, int], other: Mapping[str, int]) -> bool:
    shared = common(one, other)
    every = sum(one.values()) + sum(other.values()) - shared
    return 10 * shared >= THRESHOLD_TENTHS * every


@given(pairs())
def test_two_similar_titles_have_a_key_in_common_that_reaches_far_enough(
    both: tuple[Mapping[str, int], Mapping[str, int]],
) -> None:
    one, other = map(posting, both)
    both_have = one.keys.keys() & other.keys.keys()
    reach = max((min(one.keys[key], other.keys[key]) for key in both_have), default=0)
    enough = (10 + THRESHOLD_TENTHS) * reach >= THRESHOLD_TENTHS * (one.weight + other.weight)
    assert enough or not is_similar(*both)


@given(pairs(), st.sampled_from(resembling.LEVELS))
def test_whoever_seeks_the_nearly_equal_seeks_keys_that_are_kept(
    both: tuple[Mapping[str, int], Mapping[str, int]], tenths: int
) -> None:
    one, _ = both
    assert posting(one, tenths).keys.items() <= posting(one).keys.items()


@given(pairs())
def test_two_similar_titles_weigh_about_the_same(both: tuple[Mapping[str, int], Mapping[str, int]]) -> None:
    one, other = both
    least, most = weight_bounds(sum(one.values()))
    assert least <= sum(other.values()) <= most or not is_similar(one, other)


def test_words_in_common_by_the_digits_of_their_weights_are_common_weight() -> None:
    one, other = "HP EliteBook 840 G5 14 inch i5-8350U 16GB", "HP EliteBook 840 G6 i5-8350U 8GB"
    words = set(postings.of(other).words)
    shared = sum(2**digit * len(words & set(some)) for digit, some in enumerate(postings.digits(one)))
    assert shared == matching.weight_of(matching.tokens(one) & matching.tokens(other))


def test_no_word_weighs_more_than_the_digits_hold() -> None:
    assert max(titles._table().values()) == titles.HEAVIEST < 2**postings.DIGITS


def test_words_whose_numbers_coincide_are_counted_as_common(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postings, "_number", len)
    one = posting({"alpha": 3, "bravo": 2})
    assert (one.weight, one.words, one.lost) == (5, [5], 3)


def test_a_word_that_outweighs_all_others_is_a_key_of_its_own() -> None:
    assert set(posting({"heavy": 9, "light": 1}).keys) & set(posting({"heavy": 9}).keys)


def test_without_words_there_is_nothing_to_find() -> None:
    assert posting({}) == postings.Posting(0, [], 0, {})


# -------------------------------------------------------------------------------------- in the database


def stock(api: Api, titles: list[str]) -> None:
    """Put listings under these titles into the database, past HTTP for speed; their ids count from 1."""
    template = api.person("seller").listing(title=titles[0], listing_url=None, seller=None)
    names = [
        column.name for column in Listing.__table__.columns if column.name not in {"id", "title", "title_key"}
    ]
    texts = ARRAY(sa.Text)
    keys = [matching.title_key(one) for one in titles[1:]]
    new = sa.func.unnest(sa.cast(titles[1:], texts), sa.cast(keys, texts))
    said = new.table_valued("title", "title_key", with_ordinality="number").render_derived(name="said")
    same = (Listing.__table__.c[name] for name in names)
    copies = (
        sa.select(said.c.title, said.c.title_key, *same)
        .join_from(said, Listing.__table__, sa.true())
        .where(Listing.id == template["id"])
        .order_by(said.c.number)
    )
    with db.transaction() as session:
        # So much at once is news to the planner, and to what checks foreign keys, until the database looks,
        # which it does by itself about once a minute.
        session.execute(sa.insert(Listing).from_select(["title", "title_key", *names], copies))
        session.execute(sa.text("ANALYZE listings"))
        while resembling.index_rest(session):
            session.execute(sa.text("ANALYZE title_words"))
        session.execute(sa.text("ANALYZE title_postings"))


class Scan:
    """Every listing, by the words it has: what shares no word with a title is not alike at all."""

    def __init__(self, titles: list[str]) -> None:
        self.titles = titles
        self._having: dict[str, list[int]] = defaultdict(list)
        for number, title in enumerate(titles, start=1):
            for word in matching.tokens(title):
                self._having[word].append(number)

    def found(self, offer: Offer) -> set[int]:
        """All that ``matching`` matches, each looked at that shares half of the weight of the words."""
        shared: Counter[int] = Counter()
        words = matching.tokens(offer.title)
        for word in words:
            for number in self._having.get(word, ()):
                shared[number] += matching.weight(word)
        enough = sum(map(matching.weight, words)) / 2
        return {
            number
            for number, weight in shared.items()
            if weight >= enough and matching.similarity(offer, Offer(self.titles[number - 1]))
        }


def real_titles() -> Iterator[str]:
    found = dict.fromkeys(
        row[side].strip() for row in rows("product-title-pairs.csv") for side in ("title_a", "title_b")
    )
    return corpus.perturbed([title for title in found if title], LISTINGS + SEARCHES)


def test_a_search_among_ten_thousand_finds_what_a_scan_finds(api: Api) -> None:
    titles = list(real_titles())
    there, asked = titles[:LISTINGS], [Offer(title) for title in titles[LISTINGS:]]
    stock(api, there)
    with db.transaction() as session:
        searched = [
            {one.listing.id for one in alike} for alike in resembling.listings(session, asked, most=LISTINGS)
        ]
    scan = Scan(there)
    scanned = [scan.found(offer) for offer in asked]
    assert searched == scanned
    assert sum(map(len, scanned)) > SEARCHES / 4


def test_what_an_older_version_wrote_is_found_after_the_next_migration(running: System, api: Api) -> None:
    stock(api, ["Lenovo ThinkPad T480", "Dell OptiPlex 7050 Micro"])
    with db.transaction() as session:
        session.execute(sa.delete(TitleWords))
        session.execute(sa.update(Listing).values(title_key="as it was spelled once"))
    migrations.upgrade(running.settings.database_url)
    with db.transaction() as session:
        (alike,) = resembling.listings(session, [Offer("dell optiplex 7050 MICRO")])
        keys = set(session.scalars(sa.select(Listing.title_key)))
    assert [one.listing.id for one in alike] == [2]
    assert keys == {"lenovo thinkpad t480", "dell optiplex 7050 micro"}


def test_a_search_for_the_best_answers_the_best(api: Api) -> None:
    titles = list(islice(real_titles(), 2_000))
    stock(api, titles)
    asked = [Offer(title) for title in titles[:50]]
    with db.transaction() as session:
        every = resembling.listings(session, asked, most=LISTINGS)
        best = resembling.listings(session, asked, most=2)
    assert [[one.match for one in alike] for alike in best] == [
        [one.match for one in alike[:2]] for alike in every
    ]


def plan(session: Session) -> str:
    """How the database would seek what one title resembles."""
    offer = Offer("Lenovo ThinkPad T480 14 inch laptop")
    statement = resembling._alike([offer], [0], THRESHOLD_TENTHS, resembling.MOST_A_ROW)
    explained = sa.text(f"EXPLAIN {statement.text}").bindparams(*statement._bindparams.values())
    return "\n".join(session.scalars(explained))


def test_a_search_reads_the_index_and_not_the_table(api: Api) -> None:
    stock(api, list(islice(real_titles(), 5_000)))
    with db.transaction() as session:
        planned = plan(session)
    assert "Index Only Scan using ix_title_postings_key" in planned
    assert "Seq Scan" not in planned


def test_a_search_looks_keys_up_though_the_database_last_saw_the_tables_emptied(api: Api) -> None:
    stock(api, list(islice(real_titles(), 2_000)))
    emptied = """
        SELECT pg_restore_relation_stats(
            'schemaname', 'public', 'relname', name, 'relpages', 1000, 'reltuples', 0::real)
        FROM unnest(ARRAY['listings', 'title_postings']) AS name
    """
    with db.transaction() as session:
        session.execute(sa.text(emptied))
        planned = plan(session)
        session.rollback()
    assert "Seq Scan" not in planned
    assert "(key = key.number)" in planned
