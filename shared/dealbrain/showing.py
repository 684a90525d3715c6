"""Rows as answers: what anybody reads of a thing, and what only its owner reads."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from dealbrain.access import is_owner
from dealbrain.document import Visibility
from dealbrain.identity import Caller
from dealbrain.shapes import (
    CollectionSummary,
    Counters,
    OwnCollection,
    Owner,
    OwnItem,
    OwnListing,
    PublicCollection,
    PublicItem,
    PublicListing,
    PublicSummary,
)
from dealbrain.tables import Collection, Item, Listing


def listing(row: Listing, who: Caller) -> OwnListing | PublicListing:
    """An offer, loaded with its owner, as the caller may read it."""
    if not is_owner(who, row):
        return public_listing(row)
    visible = {key: value for key, value in row.custom_fields.items() if not key.startswith("_")}
    return OwnListing(**_public_fields(row), notes=row.notes, custom_fields=visible)


def public_listing(row: Listing) -> PublicListing:
    """An offer, loaded with its owner, as anybody reads it."""
    return PublicListing(**_public_fields(row))


def own_summary(row: Collection, item_count: int, counted: Counters) -> CollectionSummary:
    """A collection without its items, as its owner reads it."""
    return CollectionSummary(**_common(row, item_count, counted))


def own_collection(row: Collection, items: list[Item], counted: Counters, who: Caller) -> OwnCollection:
    """A collection with its items, as its owner reads it."""
    return OwnCollection(**_common(row, len(items), counted), items=[own_item(item, who) for item in items])


def own_item(item: Item, who: Caller) -> OwnItem:
    """An item, loaded with its listing, as its owner reads it."""
    plain = {name: getattr(item, name) for name in OwnItem.model_fields if name != "listing"}
    return OwnItem(**plain, listing=listing(item.listing, who))


def public_collection(row: Collection, items: list[Item]) -> PublicCollection:
    """A collection with its items, as anybody reads it."""
    return PublicCollection(
        **vars(public_summary(row, len(items))), items=[_public_item(item) for item in items]
    )


def public_summary(row: Collection, item_count: int) -> PublicSummary:
    """A collection, loaded with its owner, without its items, as anybody reads it."""
    return PublicSummary(
        id=row.id,
        name=row.name,
        description=row.description,
        visibility=Visibility(row.visibility),
        owner=Owner(username=row.owner.username, display_name=row.owner.display_name),
        item_count=item_count,
        updated_at=row.updated_at,
    )


def _public_item(item: Item) -> PublicItem:
    return PublicItem(
        id=item.id,
        listing_id=item.listing_id,
        listing=public_listing(item.listing),
        notes=item.notes,
        position=item.position,
        added_at=item.added_at,
    )


def _common(row: Collection, item_count: int, counted: Counters) -> dict[str, Any]:
    names = ("id", "name", "description", "visibility", "revision", "created_at", "updated_at", "deleted_at")
    said = {name: getattr(row, name) for name in names}
    return said | {"item_count": item_count, "counters": counted, "copied_from": row.copied_from_id}


def _public_fields(row: Listing) -> dict[str, Any]:
    computed = {"owner", "performance", "metadata", "valuation"}
    said = {name: getattr(row, name) for name in PublicListing.model_fields if name not in computed}
    return said | {
        "owner": row.owner.username if row.owner else None,
        "performance": _performance(row),
        "metadata": row.details,
        "valuation": valuation(row),
    }


def valuation(row: Listing) -> dict[str, Any]:
    """The way from an offer's price to what the bare machine costs."""
    return {
        "base_price_usd": row.price_usd or Decimal(0),
        "adjusted_price_usd": row.adjusted_price_usd,
        "valuation_breakdown": row.valuation_breakdown,
        "ruleset_name": row.ruleset_name,
    }


def _performance(row: Listing) -> Mapping[str, Any] | None:
    if row.performance is None:
        return None
    cpu = {"cpu": row.cpu_estimate | {"estimated": True}} if row.cpu_estimate else {}
    return row.performance | cpu | ({"metrics": row.metrics} if row.metrics else {})
