"""An offer, as anybody reads it."""

from collections.abc import Mapping

from dealbrain import access, licensing, pricing, showing
from dealbrain.db import transaction
from dealbrain.document import Condition, ListingStatus
from dealbrain.facts import SPECS, Bucket
from dealbrain.jsontext import Json, number
from dealbrain.licensing import Shown
from dealbrain.pages import page, render
from dealbrain.settings import settings
from dealbrain.shapes import OwnListing, PathId, PublicListing
from dealbrain.web import Needs, Response, caller, entry, now

app = page()
# It names the picture it shows, and so lets it be drawn.
NEEDS = Needs(database=True, reads=(SPECS,), writes=(SPECS,), deletes=(SPECS,), lists=(Bucket.generated,))

# What schema.org calls them.
_CONDITION = {
    Condition.new: "NewCondition",
    Condition.refurb: "RefurbishedCondition",
    Condition.used: "UsedCondition",
}
_AVAILABILITY = {ListingStatus.active: "InStock", ListingStatus.archived: "OutOfStock"}


@app.get("/listings/<listing_id>", summary="Look at an offer")
@app.head("/listings/<listing_id>", summary="Look whether an offer is there")
def listing(listing_id: PathId) -> Response[str]:
    """Its card, its price and worth, its hardware and how its price went; more to its owner."""
    with transaction() as session:
        shown = licensing.listing(session, listing_id, now())
        said = showing.listing(access.readable_listing(session, listing_id), caller())
        points = pricing.histories(session, [listing_id]).get(listing_id, [])
    return render(
        "listing.html",
        listing=said,
        is_owner=isinstance(said, OwnListing),
        shown=shown,
        points=points,
        product=_product(said, shown),
    )


def _product(said: PublicListing, shown: Shown) -> Mapping[str, Json]:
    """The offer in the words of schema.org, for search engines."""
    details = said.metadata
    offer: dict[str, Json] = {
        "@type": "Offer",
        "priceCurrency": "USD",
        "itemCondition": f"https://schema.org/{_CONDITION[said.condition]}",
        "url": said.listing_url or _address(said),
    }
    if said.status in _AVAILABILITY:
        offer["availability"] = f"https://schema.org/{_AVAILABILITY[said.status]}"
    if said.seller:
        offer["seller"] = {"@type": "Organization", "name": said.seller}
    known: dict[str, Json] = {
        "brand": {"@type": "Brand", "name": details.manufacturer}
        if details and details.manufacturer
        else None,
        "model": said.device_model,
        "mpn": details.model_number if details else None,
        # Without a price there is nothing on offer that a search engine could show.
        "offers": offer | {"price": number(said.price_usd)} if said.price_usd is not None else None,
    }
    return {
        "@context": "https://schema.org",
        "@type": "Product",
        "name": said.title,
        "description": said.verdict,
        "image": settings().public_origin + shown.address("light"),
        "url": _address(said),
        **{name: value for name, value in known.items() if value},
    }


def _address(said: PublicListing) -> str:
    return f"{settings().public_origin}/listings/{said.id}"


handler = entry(app)
