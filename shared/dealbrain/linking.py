"""What machines read of a page about things: JSON-LD in the words of schema.org."""

from typing import Any

from dealbrain import jsontext
from dealbrain.document import Condition
from dealbrain.settings import settings
from dealbrain.shapes import PublicCollection, PublicListing

_CONTEXT = "https://schema.org"
_CONDITIONS = {
    Condition.new: f"{_CONTEXT}/NewCondition",
    Condition.refurb: f"{_CONTEXT}/RefurbishedCondition",
    Condition.used: f"{_CONTEXT}/UsedCondition",
}


def listing(shown: PublicListing, image: str) -> dict[str, Any]:
    """An offer as a Product; its Offer stands in it where the price is known.

    Args:
        shown: the offer.
        image: the path of its picture.
    """
    return {"@context": _CONTEXT, **_product(shown), "image": settings().public_origin + image}


def collection(shown: PublicCollection) -> dict[str, Any]:
    """A collection as an ItemList of Products, in its order."""
    origin = settings().public_origin
    items = [
        {"@type": "ListItem", "position": place, "item": _product(item.listing)}
        for place, item in enumerate(shown.items, start=1)
    ]
    return {
        "@context": _CONTEXT,
        "@type": "ItemList",
        "name": shown.name,
        "url": f"{origin}/collections/{shown.id}",
        "numberOfItems": len(items),
        "itemListElement": items,
    }


def _product(shown: PublicListing) -> dict[str, Any]:
    page = f"{settings().public_origin}/listings/{shown.id}"
    brand = shown.metadata.manufacturer if shown.metadata else None
    said: dict[str, Any] = {"@type": "Product", "name": shown.title, "url": page}
    if brand:
        said["brand"] = {"@type": "Brand", "name": brand}
    if shown.price_usd is not None:
        said["offers"] = {
            "@type": "Offer",
            "price": jsontext.number(shown.price_usd),
            "priceCurrency": "USD",
            "itemCondition": _CONDITIONS[shown.condition],
            "url": shown.listing_url or page,
        }
    return said
