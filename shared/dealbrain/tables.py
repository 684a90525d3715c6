"""Every table, readable in one sitting. Models without methods; a migration says the same.

Documents are ``json`` and not ``jsonb``: the order of keys and the spelling of numbers belong to people.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

Document = dict[str, Any]

# 128 bits of a hash over 244 random ones, spelled as Postgres repeats it.
_RANDOM = "uuid_send(gen_random_uuid())"
CARD_NONCE: sa.ColumnClause[str] = sa.literal_column(
    f"substr(encode(sha256(({_RANDOM} || {_RANDOM})), 'hex'::text), 1, 32)", sa.Text
)


class Table(DeclarativeBase):
    """What all tables share: the types Python names stand for, and names of constraints."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        int: sa.BigInteger,
        str: sa.Text,
        datetime: sa.DateTime(timezone=True),
        Decimal: sa.Numeric(12, 2),
        Document: sa.JSON,
    }
    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Account(Table):
    """A person who has written something. ``sub`` comes from the token and identifies."""

    __tablename__ = "accounts"

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    sub: Mapped[str] = mapped_column(unique=True)
    username: Mapped[str] = mapped_column(unique=True)
    display_name: Mapped[str | None]
    # What files call their author: never the account's number.
    export_id: Mapped[UUID] = mapped_column(server_default=sa.func.gen_random_uuid())
    created_at: Mapped[datetime]


class Cpu(Table):
    """The catalog: processors with benchmark marks. Only the operator's loader writes it."""

    __tablename__ = "cpus"
    __table_args__ = (
        sa.Index(None, "key"),
        sa.Index(None, "family"),
        sa.Index(None, "cpu_mark_multi"),
        sa.Index(None, "cpu_mark_single"),
    )

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    key: Mapped[str | None]
    family: Mapped[str | None]
    manufacturer: Mapped[str]
    cpu_mark_multi: Mapped[int | None]
    cpu_mark_single: Mapped[int | None]
    tdp_w: Mapped[int | None]
    cores: Mapped[int | None]
    threads: Mapped[int | None]
    release_year: Mapped[int | None]


class Gpu(Table):
    """The catalog's graphics cards with their marks (PassMark G3D); written as the processors are."""

    __tablename__ = "gpus"
    __table_args__ = (sa.Index(None, "key"), sa.Index(None, "gpu_mark"))

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    key: Mapped[str | None]
    manufacturer: Mapped[str]
    gpu_mark: Mapped[int | None]


class Listing(Table):
    """One offer: what a person said, and beneath it what follows from that."""

    __tablename__ = "listings"
    __table_args__ = (
        sa.Index(None, "owner_id"),
        sa.Index(None, "url_key"),
        sa.Index(None, "title_key", "seller_key"),
    )

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    # Nobody's, when its owner deleted what others had collected.
    owner_id: Mapped[int | None] = mapped_column(sa.ForeignKey("accounts.id"))
    revision: Mapped[int] = mapped_column(default=1)
    title: Mapped[str]
    listing_url: Mapped[str | None]
    other_urls: Mapped[list[Document]] = mapped_column(sa.JSON)
    seller: Mapped[str | None]
    price_usd: Mapped[Decimal | None]
    price_date: Mapped[datetime | None]
    condition: Mapped[str]
    status: Mapped[str]
    device_model: Mapped[str | None]
    notes: Mapped[str | None]
    custom_fields: Mapped[Document]
    performance: Mapped[Document | None] = mapped_column(sa.JSON(none_as_null=True))
    details: Mapped[Document | None] = mapped_column("metadata", sa.JSON(none_as_null=True))
    # JSON Pointer -> value: what a file carried and we do not know, kept for the next export.
    extra: Mapped[Document]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    # What follows. offering.settle writes all of it and nothing else does. What only the database looks at is
    # not loaded with the rest.
    # "cpu" and "gpu" -> the names of those of its fields that the catalog added to ``performance``.
    completed: Mapped[Document]
    cpu_name: Mapped[str | None]
    cpu_estimate: Mapped[Document | None] = mapped_column(sa.JSON(none_as_null=True))
    metrics: Mapped[Document]
    adjusted_price_usd: Mapped[Decimal | None]
    valuation_breakdown: Mapped[Document]
    ruleset_name: Mapped[str]
    fair_value_usd: Mapped[Decimal | None]
    fair_value_breakdown: Mapped[Document | None] = mapped_column(sa.JSON(none_as_null=True))
    tier: Mapped[str | None]
    verdict: Mapped[str]
    score: Mapped[float | None]
    as_of: Mapped[date]
    url_key: Mapped[str | None]
    title_key: Mapped[str]
    seller_key: Mapped[str | None]
    # What a public collection that holds it is found by.
    wares: Mapped[list[str]] = mapped_column(ARRAY(sa.Text), deferred=True, deferred_raiseload=True)

    owner: Mapped[Account | None] = relationship(lazy="raise")


class PricePoint(Table):
    """A price that was seen of a listing. ``pricing`` adds to it, and nobody changes what stands there."""

    __tablename__ = "price_points"
    __table_args__ = (sa.Index(None, "listing_id", "id"),)

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    listing_id: Mapped[int] = mapped_column(sa.ForeignKey("listings.id", ondelete="CASCADE"))
    price_usd: Mapped[Decimal]
    # What was said of when it was so, and when we heard of it.
    price_date: Mapped[datetime | None]
    seen_at: Mapped[datetime]


class TitleWords(Table):
    """The words of listings' titles as numbers, as ``postings`` explains it. What is nobody's has none."""

    __tablename__ = "title_words"

    listing_id: Mapped[int] = mapped_column(
        sa.ForeignKey("listings.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    words: Mapped[list[int]] = mapped_column(ARRAY(sa.Integer))


class TitlePosting(Table):
    """What listings of similar titles are found by: each key of a title in a row of its own."""

    __tablename__ = "title_postings"
    __table_args__ = (
        # Whatever a search asks of a title stands in the index, beside those of the same key: what it looks
        # at lies on a few pages, and not on as many as there are titles.
        sa.Index(
            "ix_title_postings_key",
            "key",
            "weight",
            postgresql_include=["reach", "lost", "words", "listing_id"],
        ),
    )

    listing_id: Mapped[int] = mapped_column(
        sa.ForeignKey("title_words.listing_id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    key: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=False)
    weight: Mapped[int] = mapped_column(sa.Integer)
    reach: Mapped[int] = mapped_column(sa.Integer)
    lost: Mapped[int] = mapped_column(sa.Integer)
    words: Mapped[list[int]] = mapped_column(ARRAY(sa.Integer))


class Listed(Table):
    """What the list of all listings looks at: its orders, and what narrows it. Narrow, for many are read.

    ``browsing`` writes it, and what is nobody's has none.
    """

    __tablename__ = "listed"
    __table_args__ = (
        sa.Index(None, "recent", "listing_id"),
        sa.Index(None, "price", "listing_id"),
        sa.Index(None, "score", "listing_id"),
    )

    listing_id: Mapped[int] = mapped_column(
        sa.ForeignKey("listings.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    owner_id: Mapped[int]
    recent: Mapped[datetime]
    # What is not known has a number that stands last.
    price: Mapped[Decimal]
    score: Mapped[float]
    condition: Mapped[str]
    tier: Mapped[str | None]
    cpu: Mapped[str | None]
    text: Mapped[str]


class ListedTerms(Table):
    """What listings are found by, apart from what is looked at, whose rows stay short."""

    __tablename__ = "listed_terms"
    __table_args__ = (
        # Of what is new about twenty listings wait to be sorted in, which every search looks through: that
        # costs it next to nothing, and writing a third.
        sa.Index(
            "ix_listed_terms_found_by",
            "words",
            "wares",
            postgresql_using="gin",
            postgresql_with={"gin_pending_list_limit": 64},
        ),
    )

    listing_id: Mapped[int] = mapped_column(
        sa.ForeignKey("listed.listing_id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    words: Mapped[list[str]] = mapped_column(ARRAY(sa.Text))
    wares: Mapped[list[str]] = mapped_column(ARRAY(sa.Text))


class Collection(Table):
    """A person's named, ordered set of listings."""

    __tablename__ = "collections"
    __table_args__ = (
        sa.Index(None, "owner_id", "created_at"),
        sa.Index(None, "deleted_at", postgresql_where=sa.text("deleted_at IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    owner_id: Mapped[int] = mapped_column(sa.ForeignKey("accounts.id"))
    # Counts changes to the items and their order, so that two editors cannot mix theirs.
    revision: Mapped[int] = mapped_column(default=1)
    name: Mapped[str]
    description: Mapped[str | None]
    visibility: Mapped[str]
    published_at: Mapped[datetime | None]
    copied_from_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("collections.id", ondelete="SET NULL"), index=True
    )
    extra: Mapped[Document]
    # Folded from hits; none of them is indexed here, so that counting rewrites no index.
    views: Mapped[int] = mapped_column(default=0)
    copies: Mapped[int] = mapped_column(default=0)
    exports: Mapped[int] = mapped_column(default=0)
    trending: Mapped[float] = mapped_column(default=0)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    # Deleted by its owner, who may take that back for a while; nobody finds it in the meantime.
    deleted_at: Mapped[datetime | None]
    # Stands in the addresses of its cards; another one, whenever fewer people may see it than before.
    card_nonce: Mapped[str] = mapped_column(server_default=CARD_NONCE)

    owner: Mapped[Account] = relationship(lazy="raise")


class Item(Table):
    """A listing in a collection, once. ``notes`` are public with it, ``private_notes`` never."""

    __tablename__ = "items"
    __table_args__ = (
        sa.UniqueConstraint("collection_id", "listing_id"),
        sa.Index(None, "collection_id", "position", "id"),
        sa.Index(None, "listing_id"),
    )

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    collection_id: Mapped[int] = mapped_column(sa.ForeignKey("collections.id", ondelete="CASCADE"))
    listing_id: Mapped[int] = mapped_column(sa.ForeignKey("listings.id", ondelete="CASCADE"))
    status: Mapped[str]
    notes: Mapped[str | None]
    private_notes: Mapped[str | None]
    position: Mapped[int]
    added_at: Mapped[datetime]
    price_when_added_usd: Mapped[Decimal | None]
    extra: Mapped[Document]

    listing: Mapped[Listing] = relationship(lazy="raise")


class BulkUndo(Table):
    """What items were before several of them were changed at once, so that their owner can take it back."""

    __tablename__ = "bulk_undos"
    __table_args__ = (sa.Index(None, "created_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    collection_id: Mapped[int] = mapped_column(sa.ForeignKey("collections.id", ondelete="CASCADE"))
    # Where they were moved to, if they were.
    moved_to_id: Mapped[int | None] = mapped_column(sa.ForeignKey("collections.id", ondelete="CASCADE"))
    # A list of ``reverting.Before``.
    items: Mapped[Document]
    created_at: Mapped[datetime]


class ShareToken(Table):
    """What opens one collection or one listing to whoever knows the secret, of which only a hash is here."""

    __tablename__ = "share_tokens"
    __table_args__ = (
        sa.CheckConstraint("num_nonnulls(collection_id, listing_id) = 1", name="one_thing"),
        sa.Index(None, "collection_id", "id"),
        sa.Index(None, "listing_id"),
    )

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    secret_hash: Mapped[str] = mapped_column(unique=True)
    collection_id: Mapped[int | None] = mapped_column(sa.ForeignKey("collections.id", ondelete="CASCADE"))
    listing_id: Mapped[int | None] = mapped_column(sa.ForeignKey("listings.id", ondelete="CASCADE"))
    # Who shared it.
    owner_id: Mapped[int] = mapped_column(sa.ForeignKey("accounts.id"), index=True)
    label: Mapped[str | None]
    views: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]

    owner: Mapped[Account] = relationship(lazy="raise")


class Hit(Table):
    """Something done with a collection or through a share token, to be counted.

    Everybody writes a row of their own, so that counting never makes readers wait for each other.
    """

    __tablename__ = "hits"
    __table_args__ = (
        sa.Index("ix_hits_unfolded", "what", "of_id", postgresql_where=sa.text("NOT folded")),
        sa.Index(None, "day"),
    )

    what: Mapped[str] = mapped_column(primary_key=True)
    of_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    day: Mapped[date] = mapped_column(primary_key=True)
    # Views: the viewer, never in a form that tells who. The others: what makes each one count.
    by: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    folded: Mapped[bool] = mapped_column(default=False)


class ViewerKey(Table):
    """What viewers of one day are hashed with; thrown away afterwards, so that nobody can be told again."""

    __tablename__ = "viewer_keys"

    day: Mapped[date] = mapped_column(primary_key=True)
    key: Mapped[str]


class IdempotencyKey(Table):
    """The first answer to a copy that may be asked for twice, in the same transaction as its rows."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (sa.Index(None, "created_at"),)

    account_id: Mapped[int] = mapped_column(sa.ForeignKey("accounts.id"), primary_key=True)
    collection_id: Mapped[int] = mapped_column(
        sa.ForeignKey("collections.id", ondelete="CASCADE"), primary_key=True
    )
    key: Mapped[str] = mapped_column(primary_key=True)
    # Hash of the request: another one under the same key is a mistake.
    request: Mapped[str]
    reply: Mapped[Document]
    created_at: Mapped[datetime]


class SearchDocument(Table):
    """What a public collection is found by. ``indexing`` writes it, and only public ones have a row."""

    __tablename__ = "search_documents"
    __table_args__ = (
        # Without fastupdate, which would leave what is new to be looked through by every search.
        sa.Index(
            "ix_search_documents_found_by",
            "words",
            "wares",
            postgresql_using="gin",
            postgresql_with={"fastupdate": "off"},
        ),
    )

    collection_id: Mapped[int] = mapped_column(
        sa.ForeignKey("collections.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    owner: Mapped[str]
    text: Mapped[str]
    # Of each listing the one and the other, in one order.
    cpus: Mapped[list[str | None]] = mapped_column(ARRAY(sa.Text))
    prices: Mapped[list[Decimal | None]] = mapped_column(ARRAY(sa.Numeric(12, 2)))
    words: Mapped[list[str]] = mapped_column(ARRAY(sa.Text))
    wares: Mapped[list[str]] = mapped_column(ARRAY(sa.Text))


class Rank(Table):
    """Where a public collection stands in each order; apart from what finds it, which seldom changes."""

    __tablename__ = "ranks"
    __table_args__ = (
        sa.Index(None, "recent", "collection_id"),
        sa.Index(None, "trending", "collection_id"),
        sa.Index(None, "popular", "collection_id"),
    )

    collection_id: Mapped[int] = mapped_column(
        sa.ForeignKey("collections.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    recent: Mapped[datetime]
    trending: Mapped[float]
    popular: Mapped[int]


class Import(Table):
    """The mark that a preview was used, in the same transaction as the rows it made.

    Its primary key alone decides which of several confirms was first.
    """

    __tablename__ = "imports"
    __table_args__ = (
        sa.Index(None, "owner_id", "created_at", "number"),
        sa.Index("ix_imports_undoable", "created_at", postgresql_where=sa.text("changes IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True))
    owner_id: Mapped[int] = mapped_column(sa.ForeignKey("accounts.id"))
    kind: Mapped[str]
    # What the file calls itself: its collection or its listing.
    title: Mapped[str]
    # Hash of the confirming request: the same one again gets the same answer.
    request: Mapped[str]
    reply: Mapped[Document]
    created_at: Mapped[datetime]
    # What undoing needs, ``undoing.Changes``; none any more when the time for that is over.
    changes: Mapped[Document | None] = mapped_column(sa.JSON(none_as_null=True))
    undone_at: Mapped[datetime | None]
    undone: Mapped[Document | None] = mapped_column(sa.JSON(none_as_null=True))


class NotSame(Table):
    """Two offers of which a person said that they are not the same, by the keys of ``resembling``."""

    __tablename__ = "not_same"

    owner_id: Mapped[int] = mapped_column(sa.ForeignKey("accounts.id"), primary_key=True)
    # The smaller key first.
    one: Mapped[str] = mapped_column(primary_key=True)
    other: Mapped[str] = mapped_column(primary_key=True)
    said_at: Mapped[datetime]
