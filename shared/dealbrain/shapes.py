"""What the API takes and answers, shape by shape.

Public shapes and the owner's are different classes, so that what is private cannot slip into a public
answer by a forgotten condition.
"""

import re
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictStr,
    StringConstraints,
    WithJsonSchema,
    WrapSerializer,
    field_validator,
)
from pydantic_core import PydanticCustomError

from dealbrain import document, facts
from dealbrain.document import Condition, ItemStatus, ListingStatus, Visibility
from dealbrain.jsontext import Json
from dealbrain.scalars import FreeObject, Instant, Money, Number, Url, Whole

# ---------------------------------------------------------------- parameters: text that names a value


def _path_id(value: object) -> int:
    if isinstance(value, str) and re.fullmatch(r"[1-9][0-9]{0,18}", value, re.ASCII):
        return int(value)
    raise PydanticCustomError("not_an_id", "is no id")


def _path_uuid(value: object) -> UUID:
    if isinstance(value, str) and re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value, re.ASCII):
        return UUID(value)
    raise PydanticCustomError("not_an_id", "is no id")


def _limit(value: object) -> int:
    if isinstance(value, int):
        return value
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value, re.ASCII):
        return int(value)
    raise PydanticCustomError("not_a_number", "must be a whole number")


def _amount(value: object) -> Decimal:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,7}(\.[0-9]{1,2})?", value, re.ASCII):
        return Decimal(value)
    raise PydanticCustomError("not_an_amount", "must be an amount in dollars, such as 399 or 399.50")


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in {"true", "false"}:
        return value == "true"
    raise PydanticCustomError("not_a_flag", "must be true or false")


type PathId = Annotated[int, BeforeValidator(_path_id), Field(ge=1, le=facts.BIGINT_MOST)]
type PathUuid = Annotated[UUID, BeforeValidator(_path_uuid)]
type Limit = Annotated[int, BeforeValidator(_limit), Field(ge=1, le=facts.PAGE_MOST)]
type Amount = Annotated[Decimal, BeforeValidator(_amount), WithJsonSchema({"type": "number", "minimum": 0})]
type Typed = Annotated[str, StringConstraints(max_length=200)]
"""What a person typed into a search box."""
type Flag = Annotated[bool, BeforeValidator(_flag)]
# A card as a file to keep.
type Download = Literal["1"]
type ColumnMapping = Annotated[str, StringConstraints(max_length=10_000)]
"""JSON that says which column of a table says what."""
type Cursor = Annotated[str, StringConstraints(max_length=500)]

# ------------------------------------------------------------------------------------ text in bodies


def _not_blank(value: object) -> object:
    if isinstance(value, str) and not value.strip():
        raise PydanticCustomError("blank", "must not be empty")
    return value


def _trimmed(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


def _no_reserved_keys(value: object) -> object:
    reserved = [key for key in value if key.startswith("_")] if isinstance(value, dict) else []
    if reserved:
        raise PydanticCustomError("reserved_key", "keys that begin with an underscore are reserved")
    return value


type Title = Annotated[StrictStr, BeforeValidator(_not_blank), Field(min_length=1, max_length=facts.TITLE)]
type Name = Annotated[
    StrictStr, BeforeValidator(_trimmed), Field(min_length=1, max_length=facts.COLLECTION_NAME)
]
type Seller = Annotated[StrictStr, Field(max_length=facts.SELLER)]
type DeviceModel = Annotated[StrictStr, Field(max_length=facts.DEVICE_MODEL)]
type LongText = Annotated[StrictStr, Field(max_length=facts.TEXT)]
type Description = Annotated[StrictStr, Field(max_length=facts.DESCRIPTION)]
type Note = Annotated[StrictStr, Field(max_length=facts.ITEM_NOTE)]
type Links = Annotated[list[document.Link], Field(max_length=facts.LIST_MOST)]
type CustomFields = Annotated[FreeObject, BeforeValidator(_no_reserved_keys)]
type Label = Annotated[StrictStr, Field(max_length=facts.SHARE_LABEL)]
type Secret = Annotated[StrictStr, Field(max_length=facts.SECRET)]
"""What opens a thing to whoever knows it."""
type BodyId = Annotated[Whole, Field(ge=1, le=facts.BIGINT_MOST)]
type Position = Annotated[Whole, Field(ge=1, le=2**31)]


class Request(BaseModel):
    """What the API takes: unknown fields are refused, absent and null are told apart."""

    # Built when first used: an endpoint needs a few of these, and a cold start waits for no other.
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    def said(self) -> dict[str, Any]:
        """The fields that were sent, null included, as validated values."""
        return {
            name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set
        }


class Answer(BaseModel):
    """What the API answers."""

    model_config = ConfigDict(frozen=True, defer_build=True)


class Page(Answer):
    """One page of a list; ``next_cursor`` asks for the next one and is null at the end.

    Each list is a class of its own: a generic one would be built with its parameters at import.
    """

    next_cursor: str | None


# ------------------------------------------------------------------------------------------- listings


class PerformanceIn(document.Performance):
    """Hardware as the portable format spells it. Metrics are ours to compute."""

    @field_validator("metrics", mode="before")
    @classmethod
    def _refuse_metrics(cls, _: object) -> object:
        raise PydanticCustomError("extra_forbidden", "metrics are computed and cannot be sent")


class NewListing(Request):
    """POST /listings."""

    title: Title
    condition: Condition = Condition.used
    status: ListingStatus = ListingStatus.active
    price_usd: Money | None = None
    price_date: Instant | None = None
    listing_url: Url | None = None
    other_urls: Links = []
    seller: Seller | None = None
    device_model: DeviceModel | None = None
    notes: LongText | None = None
    custom_fields: CustomFields = {}
    performance: PerformanceIn | None = None
    metadata: document.Metadata | None = None


# A default of a field that cannot be cleared: never read, because absent fields are not asked.
_ABSENT: Any = None


class ListingChange(Request):
    """PATCH /listings/{id}: absent leaves, null clears."""

    title: Title = _ABSENT
    condition: Condition = _ABSENT
    status: ListingStatus = _ABSENT
    price_usd: Money | None = None
    price_date: Instant | None = None
    listing_url: Url | None = None
    other_urls: Links | None = None
    seller: Seller | None = None
    device_model: DeviceModel | None = None
    notes: LongText | None = None
    custom_fields: CustomFields | None = None
    performance: PerformanceIn | None = None
    metadata: document.Metadata | None = None


class CpuAnswer(document.Cpu):
    """A processor; ``estimated`` marks are the median of its family."""

    estimated: bool | None = None


class PerformanceAnswer(document.Performance):
    """Hardware with what we computed."""

    cpu: CpuAnswer | None = None


def _known_only(part: document.Part) -> Any:  # noqa: ANN401 - a narrower type would hide the part's own schema
    return part.model_dump(mode="json", exclude_none=True)


# The portable format leaves out what is unknown, here too.
type Known[P: document.Part] = Annotated[P, WrapSerializer(lambda part, _: _known_only(part))]


class Valuation(Answer):
    """From the price to what the bare machine costs."""

    base_price_usd: Money
    adjusted_price_usd: Money | None
    valuation_breakdown: dict[str, Json]
    ruleset_name: str


class PublicListing(Answer):
    """An offer as anybody reads it."""

    id: int
    owner: str | None
    title: str
    condition: Condition
    status: ListingStatus
    price_usd: Money | None
    price_date: Instant | None
    listing_url: str | None
    other_urls: list[document.Link]
    seller: str | None
    device_model: str | None
    performance: Known[PerformanceAnswer] | None
    metadata: Known[document.Metadata] | None
    valuation: Valuation
    fair_value_usd: Money | None
    fair_value_breakdown: dict[str, Json] | None
    tier: str | None
    verdict: str
    as_of: date
    created_at: Instant
    updated_at: Instant


class OwnListing(PublicListing):
    """An offer as its owner reads it."""

    notes: str | None
    custom_fields: dict[str, Json]


class ListingPage(Page):
    """Offers, each as whoever asks may read it."""

    items: list[OwnListing | PublicListing]


class SeenPrice(Answer):
    """A price an offer had: what was said of when it was so, and when we heard of it."""

    price_usd: Money
    price_date: Instant | None
    seen_at: Instant


class SeenPricePage(Page):
    """The prices of an offer, the last one seen first."""

    items: list[SeenPrice]


class PastedText(Request):
    """POST /listings/draft."""

    text: Annotated[StrictStr, BeforeValidator(_not_blank), Field(min_length=1, max_length=facts.PASTED)]


# As it would be sent: with what was found and nothing else.
type Form = Annotated[
    NewListing, WrapSerializer(lambda form, _: form.model_dump(mode="json", exclude_unset=True))
]


class Unsure(Answer):
    """A value somebody should look at: where it belongs in the form, what it is, and why."""

    pointer: str
    value: Json
    reason: str


class ListingDraft(Answer):
    """A form filled in from a text; ``sure`` are the places nobody need look at."""

    draft: Form
    sure: list[str]
    unsure: list[Unsure]


class ListingSort(StrEnum):
    """Orders of a list of offers."""

    recent = "recent"
    price = "price"
    score = "score"


class Tier(StrEnum):
    """How the price compares with our estimate."""

    great = "great"
    good = "good"
    fair = "fair"
    premium = "premium"


# ---------------------------------------------------------------------------------------- collections


class NewCollection(Request):
    """POST /collections."""

    name: Name
    description: Description | None = None
    visibility: Visibility = Visibility.private


class CollectionChange(Request):
    """PATCH /collections/{id}: absent leaves, null clears."""

    name: Name = _ABSENT
    description: Description | None = None


class VisibilityChange(Request):
    """PATCH /collections/{id}/visibility."""

    visibility: Visibility


class Counters(Answer):
    """What others did with a collection."""

    views: int
    copies: int
    exports: int


class CollectionSummary(Answer):
    """A collection without its items, as its owner reads it."""

    id: int
    name: str
    description: str | None
    visibility: Visibility
    revision: int
    item_count: int
    counters: Counters
    copied_from: int | None
    created_at: Instant
    updated_at: Instant
    # Only where deleted collections are listed.
    deleted_at: Annotated[Instant | None, Field(exclude_if=lambda value: value is None)] = None


class OwnItem(Answer):
    """An item as the collection's owner reads it."""

    id: int
    listing_id: int
    listing: OwnListing | PublicListing
    status: ItemStatus
    notes: str | None
    private_notes: str | None
    position: int
    added_at: Instant
    price_when_added_usd: Money | None


class OwnCollection(CollectionSummary):
    """A collection with its items, as its owner reads it."""

    items: list[OwnItem]


class PublicItem(Answer):
    """An item as anybody reads it."""

    id: int
    listing_id: int
    listing: PublicListing
    notes: str | None
    position: int
    added_at: Instant


class Owner(Answer):
    """Whose something is, by the name they show."""

    username: str
    display_name: str | None


class CollectionPage(Page):
    """A person's own collections."""

    items: list[CollectionSummary]


class PublicSummary(Answer):
    """A public collection without its items."""

    id: int
    name: str
    description: str | None
    visibility: Visibility
    owner: Owner
    item_count: int
    updated_at: Instant


class PublicCollection(PublicSummary):
    """A collection with its items, as anybody reads it."""

    items: list[PublicItem]


class NewItem(Request):
    """POST /collections/{id}/items."""

    listing_id: BodyId
    status: ItemStatus = ItemStatus.undecided
    notes: Note | None = None
    private_notes: Note | None = None
    position: Position | None = None


class ItemChange(Request):
    """PATCH /collections/{id}/items/{item_id}: absent leaves, null clears."""

    status: ItemStatus = _ABSENT
    notes: Note | None = None
    private_notes: Note | None = None
    position: Position = _ABSENT


class ItemOrder(Request):
    """PUT /collections/{id}/items/order: all items, in the order wanted."""

    item_ids: Annotated[list[BodyId], Field(max_length=facts.COLLECTION_ITEMS)]
    revision: Whole


class BulkSet(Request):
    """What a bulk change sets of all its items."""

    status: ItemStatus


class BulkChange(Request):
    """POST /collections/{id}/items/bulk: what happens to some items, which is one of three things."""

    item_ids: Annotated[list[BodyId], Field(min_length=1, max_length=facts.COLLECTION_ITEMS)]
    set: BulkSet | None = None
    move_to: BodyId | None = None
    remove: StrictBool = False


class NewShareToken(Request):
    """POST /collections/{id}/share-tokens."""

    label: Label | None = None
    expires_at: Instant | None = None


class MadeShareToken(Answer):
    """A share token, the only time its secret is shown."""

    id: int
    label: str | None
    token: str
    url: str
    expires_at: Instant | None


class ListedShareToken(Answer):
    """A share token as its maker sees it later."""

    id: int
    label: str | None
    views: int
    created_at: Instant
    expires_at: Instant | None


class ShareTokenPage(Page):
    """The share tokens of a collection."""

    items: list[ListedShareToken]


class NewDealLink(Request):
    """POST /listings/{id}/share."""

    expires_at: Instant | None = None


class DealLink(Answer):
    """A link to a listing, the only time its secret is shown."""

    token: str
    url: str


class SharedDeal(Answer):
    """GET /deals/{listing_id}/{token}."""

    listing: PublicListing
    shared_by: str
    view_count: int
    expires_at: Instant | None


class NewCopy(Request):
    """POST /collections/{id}/copy."""

    name: Name | None = None
    token: Secret | None = None


class DiscoverSort(StrEnum):
    """Orders of public collections."""

    recent = "recent"
    trending = "trending"
    popular = "popular"


class FeedFormat(StrEnum):
    """What a public collection can be followed as."""

    rss = "rss"
    atom = "atom"
    json = "json"


class Discovered(Page):
    """A page of public collections, and how many there are in all."""

    items: list[PublicSummary]
    total: int
    total_is_estimate: bool


# ------------------------------------------------------------------------------------- files in and out


class ListingFormat(StrEnum):
    """What a listing is exported as."""

    json = "json"


class CollectionFormat(StrEnum):
    """What a collection is exported as."""

    json = "json"
    csv = "csv"
    html = "html"


class NewUpload(Request):
    """POST /uploads: the file that is to come."""

    file_name: Annotated[StrictStr, Field(min_length=1, max_length=facts.FILE_NAME)]
    size: Annotated[Whole, Field(ge=1, le=facts.UPLOAD_BYTES)]
    """Bytes; no more than these are taken."""
    content_type: Literal["application/json", "text/csv", "text/html", "text/plain"]


class Upload(Answer):
    """Where to send a file: a form of these fields, and the file as the last one, called ``file``."""

    upload_id: UUID
    url: str
    fields: dict[str, str]
    expires_at: Instant


class Notice(Answer):
    """Something read differently from how it was written, and where."""

    pointer: str
    code: str
    message: str


class Difference(Answer):
    """A field in which a file and a listing of ours differ."""

    field: str
    file: Json
    ours: Json


class Duplicate(Answer):
    """Something of ours that is, or resembles, what a file brings."""

    entity_type: str
    entity_id: int
    match_score: Number
    match_reason: str
    differences: list[Difference]


class Outcome(StrEnum):
    """What a row of a file is to us."""

    new = "new"
    duplicate = "duplicate"
    variant = "variant"
    repeat = "repeat"


class Decision(StrEnum):
    """What to do with a row."""

    create = "create"
    use_existing = "use_existing"
    update = "update"
    skip = "skip"


class Strategy(StrEnum):
    """What to do with the top of a file: its listing or its collection."""

    create_new = "create_new"
    update_existing = "update_existing"
    merge_items = "merge_items"
    skip = "skip"


class Row(Answer):
    """One row of a preview."""

    index: int
    title: str
    outcome: Outcome
    duplicates: list[Duplicate]
    variants: list[Duplicate]
    suggested: Decision
    warnings: list[Notice]


class PreviewCollection(Answer):
    """The collection a file brings."""

    name: str
    description: str | None
    duplicates: list[Duplicate]


class RefusedError(Answer):
    """One reason against a row, and the cell it is about."""

    pointer: str
    code: str
    message: str


class RefusedRow(Answer):
    """A row of a table, a bookmark or a link that cannot be imported; counted in the file, from 0."""

    index: int
    errors: list[RefusedError]


class Preview(Answer):
    """What an import would do; kept for its owner to confirm."""

    preview_id: UUID
    type: document.ArtifactType
    expires_at: Instant
    suggested_strategy: Strategy
    collection: PreviewCollection | None
    rows: list[Row]
    duplicates: list[Duplicate]
    warnings: list[Notice]
    refused: list[RefusedRow]


class PreviewState(StrEnum):
    """Where a preview is in its life."""

    open = "open"
    used = "used"
    undone = "undone"
    reading = "reading"


class Progress(Answer):
    """How much of a file was read."""

    done: int
    total: int


class OpenedPreview(Preview):
    """GET /imports/{preview_id}."""

    state: PreviewState
    progress: Progress


class RowDecision(Request):
    """A decision that differs from what was suggested."""

    index: Annotated[Whole, Field(lt=facts.COLLECTION_ITEMS)]
    decision: Decision
    listing_id: BodyId | None = None
    not_same: Annotated[list[BodyId], Field(max_length=facts.LIST_MOST)] = []
    """Listings shown beside the row that are something else; they are not shown beside it again."""


class Confirm(Request):
    """POST /listings/import/confirm and /collections/import/confirm."""

    preview_id: UUID
    merge_strategy: Strategy
    target_listing_id: BodyId | None = None
    target_collection_id: BodyId | None = None
    decisions: Annotated[list[RowDecision], Field(max_length=facts.COLLECTION_ITEMS)] | None = None


class Counts(Answer):
    """What a confirm did, row by row; adds up to the rows shown."""

    created: int
    updated: int
    used: int
    skipped: int


class Imported(Answer):
    """The answer of a confirm; ``id`` is the listing's or the collection's."""

    import_id: UUID
    id: int | None
    type: document.ArtifactType
    listing_ids: list[int]
    counts: Counts


class KeptListing(Answer):
    """A listing that undoing an import left as it is, and why."""

    listing_id: int
    reason: str


class Undone(Answer):
    """The answer of undoing an import: what is again as it was, and what stays."""

    undone: list[int]
    kept: list[KeptListing]


class PastImport(Imported):
    """An import in a person's history."""

    title: str
    created_at: Instant
    undoable_until: Instant | None
    """None where it was undone, or can be no more."""
    undone_at: Instant | None


class ImportPage(Page):
    """A person's imports, the last first."""

    items: list[PastImport]


# ---------------------------------------------------------------------------------------------- meta


class Health(Answer):
    """GET /health."""

    status: str
    version: str
