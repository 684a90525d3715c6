"""What machines read of a page: JSON-LD in the words of schema.org, and the frame others embed."""

from html import escape

from dealbrain.document import Condition, ListingStatus
from dealbrain.jsontext import Json, number
from dealbrain.settings import settings
from dealbrain.shapes import PublicCollection, PublicListing

FRAME_WIDTH, FRAME_HEIGHT = 640, 480

_SCHEMA = "https://schema.org"
_CONDITION = {
    Condition.new: "NewCondition",
    Condition.refurb: "RefurbishedCondition",
    Condition.used: "UsedCondition",
}
_AVAILABILITY = {ListingStatus.active: "InStock", ListingStatus.archived: "OutOfStock"}

type Linked = dict[str, Json]


def listing(shown: PublicListing, picture: str) -> Linked:
    """An offer as a Product, with its Offer where the price is known.

    Args:
        shown: the offer.
        picture: the path of its card.
    """
    image = settings().public_origin + picture
    return {"@context": _SCHEMA, **_product(shown), "description": shown.verdict, "image": image}


def collection(shown: PublicCollection) -> Linked:
    """A collection as an ItemList of Products, in its order."""
    items: list[Json] = [
        {"@type": "ListItem", "position": place, "item": _product(item.listing)}
        for place, item in enumerate(shown.items, start=1)
    ]
    return {
        "@context": _SCHEMA,
        "@type": "ItemList",
        "name": shown.name,
        "url": f"{settings().public_origin}/collections/{shown.id}",
        "numberOfItems": len(items),
        "itemListElement": items,
    }


def frame(collection_id: int, name: str, width: int = FRAME_WIDTH, height: int = FRAME_HEIGHT) -> str:
    """The HTML by which another page shows a public collection; width and height in pixels."""
    return (
        f'<iframe src="{settings().public_origin}/embed/{collection_id}" width="{width}" height="{height}"'
        f' loading="lazy" title="{escape(name)}"></iframe>'
    )


def _product(shown: PublicListing) -> Linked:
    details = shown.metadata
    maker = details.manufacturer if details else None
    known: Linked = {
        "brand": {"@type": "Brand", "name": maker} if maker else None,
        "model": shown.device_model,
        "mpn": details.model_number if details else None,
        # Without a price there is nothing on offer that a search engine could show.
        "offers": None if shown.price_usd is None else _offer(shown) | {"price": number(shown.price_usd)},
    }
    told: Linked = {"@type": "Product", "name": shown.title, "url": _page(shown)}
    return told | {name: value for name, value in known.items() if value}


def _offer(shown: PublicListing) -> Linked:
    offer: Linked = {
        "@type": "Offer",
        "priceCurrency": "USD",
        "itemCondition": f"{_SCHEMA}/{_CONDITION[shown.condition]}",
        "url": shown.listing_url or _page(shown),
    }
    if shown.status in _AVAILABILITY:
        offer["availability"] = f"{_SCHEMA}/{_AVAILABILITY[shown.status]}"
    if shown.seller:
        offer["seller"] = {"@type": "Organization", "name": shown.seller}
    return offer


def _page(shown: PublicListing) -> str:
    return f"{settings().public_origin}/listings/{shown.id}"
