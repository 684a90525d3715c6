"""Facts said once: names, prefixes, lifetimes, limits. Stacks, local stores, verbs and pages read them."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

MEBIBYTE = 1024 * 1024


class Media(StrEnum):
    """Kinds of files that come in and go out, as MIME names them."""

    json = "application/json"
    csv = "text/csv"
    html = "text/html"
    text = "text/plain"
    form = "multipart/form-data"
    fields = "application/x-www-form-urlencoded"


# What gzip, ZIP, bzip2, xz and Zstandard begin with. Nobody can tell how much comes out of those.
COMPRESSED = (b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd")


class Bucket(StrEnum):
    """The buckets by role; settings says what each is called."""

    generated = "generated"
    private = "private"
    static = "static"
    """What pages fetch, for the CDN. Only a deployment writes to it, and nothing goes."""


@dataclass(frozen=True)
class Expiry:
    """Objects under a prefix of a bucket go after so many whole days (S3 lags by up to two more)."""

    bucket: Bucket
    prefix: str
    days: int


CARDS = "cards/"
SPECS = "specs/"
EXPORTS = "exports/"
# An object under here has the card it is called after drawn in the background.
WARM = "warm/"
PREVIEWS = "previews/"
UPLOADS = "uploads/"
LIFECYCLE = (
    Expiry(Bucket.generated, CARDS, 30),
    Expiry(Bucket.generated, SPECS, 30),
    Expiry(Bucket.generated, EXPORTS, 7),
    Expiry(Bucket.generated, WARM, 1),
    Expiry(Bucket.private, PREVIEWS, 1),
    Expiry(Bucket.private, UPLOADS, 1),
)

# What pages fetch besides themselves: where it is kept, and below which path of ours it is served.
STATIC = "static/"

# The public keys of the token issuer, copied here because database functions cannot reach it.
ISSUER_KEYS = "keys/jwks.json"

# Where each prefix, and each file that stands alone, is kept.
KEPT_IN = {expiry.prefix: expiry.bucket for expiry in LIFECYCLE} | {
    ISSUER_KEYS: Bucket.private,
    STATIC: Bucket.static,
}

# The DynamoDB table of what expires: its key and its TTL attribute (epoch seconds).
PENDING_KEY = "id"
PENDING_TTL = "ttl"
# An expired item stays this much longer, so that "expired" can be told from "unknown".
PENDING_GRACE = timedelta(hours=24)

PREVIEW_LIFE = timedelta(minutes=30)
# How long an address takes the file it was made for.
UPLOAD_LIFE = timedelta(minutes=10)
# How long its owner may take back the deletion of a collection; then it really goes.
RESTORABLE = timedelta(days=30)
# How long a change of many items can be undone.
BULK_UNDOABLE = timedelta(days=1)
# How long an import can be undone.
UNDOABLE = timedelta(days=30)
# How long an expired share token is kept, so that its owner still sees what it was.
SHARE_TOKEN_KEPT = timedelta(days=30)
# How long the link to a listing lives unless its maker says otherwise.
LISTING_SHARE_LIFE = timedelta(days=180)
# How long a copy asked for again under the same key is answered as the first time.
IDEMPOTENCY_LIFE = timedelta(hours=24)
# A spec older than this is written anew, so that no picture outlives the licence to draw it.
SPEC_REFRESH = timedelta(days=20)
# The spec of a card that is no longer right goes after so long, if it was not removed at once.
SPEC_SUPERSEDED = timedelta(days=1)
# How long a browser stays signed in; signing out ends it at once.
SESSION_LIFE = timedelta(days=14)
# How long somebody may take at the page where they sign in.
SIGN_IN_LIFE = timedelta(minutes=10)
TOKEN_LEEWAY = timedelta(seconds=30)
ISSUER_KEYS_FRESH = timedelta(minutes=5)

# What AWS's HTTP API and Lambda take and give; imitated locally.
GATEWAY_BODY_BYTES = 10 * MEBIBYTE
LAMBDA_PAYLOAD_BYTES = 6 * MEBIBYTE
GATEWAY_TIMEOUT = timedelta(seconds=30)
# A function gives up before the gateway does, so that its log says why.
ENDPOINT_TIMEOUT = timedelta(seconds=29)
# Nobody waits for what runs without a route: waking all functions takes a while.
CHORE_TIMEOUT = timedelta(minutes=2)
# The stage's throttle: requests a second, and how many may come at once.
REQUESTS_A_SECOND = 50
REQUESTS_AT_ONCE = 100
# Where our own answer turns into a pre-signed download: Lambda's limit less base64.
ANSWER_BYTES = 4 * MEBIBYTE
IMPORT_BYTES = 2 * MEBIBYTE
UPLOAD_BYTES = 20 * MEBIBYTE
JSON_BODY_BYTES = 256 * 1024

COLLECTION_ITEMS = 500
# How many values a JSON text may hold, whatever its size; a full collection of ours has about 60,000.
JSON_VALUES = 100_000
# Columns and lines of a table that comes in, and bytes that one line of it may have in any case.
TABLE_COLUMNS = 200
TABLE_LINES = 100_000
LINE_BYTES = MEBIBYTE
# The newest of a collection's items stand in its feed.
FEED_ENTRIES = 50
PAGE = 20
PAGE_MOST = 100
# The last prices of an offer that its chart shows.
HISTORY = 50

TITLE = 255
SELLER = 128
DEVICE_MODEL = 255
TEXT = 10_000
# A shop's description, pasted whole.
PASTED = 50_000
URL = 2_048
COLLECTION_NAME = 100
DESCRIPTION = 1_000
ITEM_NOTE = 500
SHARE_LABEL = 100
FILE_NAME = 255
# A secret of ours has 43 letters; what is much longer is none.
SECRET = 200
IDEMPOTENCY_KEY = 255
# Live share tokens of one collection.
SHARE_TOKENS = 50
MONEY_MOST = 9_999_999.99
# How many links, ports, components or answers one object may hold.
LIST_MOST = 64
BIGINT_MOST = 2**63 - 1
# Beyond this a JSON number is not the same in every reader.
SAFE_INTEGER = 2**53

USERNAME = r"^[a-z0-9_-]{3,32}$"

# The browser's cookies. The prefix has browsers refuse them from anywhere but this host over TLS (loopback
# counts as such), so no neighbour can plant one.
SESSION_COOKIE = "__Host-session"
SIGN_IN_COOKIE = "__Host-sign-in"
# Where the issuer sends browsers back to: it is told these two, and takes no others.
SIGN_IN_CALLBACK = "/sign-in/callback"
SIGNED_OUT = "/discover"

# What our CDN adds to every request: a word only it knows, and the address of whoever asks it.
CDN_WORD = "x-dealbrain-cdn"
VIEWER_ADDRESS = "x-dealbrain-viewer"

RENDERER_CONCURRENCY = 2
# Of each gate: listings' cards have one, collections' another.
GATE_CONCURRENCY = 20
# Fewer than there are renderers, so that one is always left for people who wait.
WARMING_CONCURRENCY = 1
RENDER_DEADLINE = timedelta(seconds=8)
RENDERER_TIMEOUT = timedelta(seconds=25)
# How long the gate waits for a picture before it answers with the placeholder.
GATE_PATIENCE = timedelta(seconds=4)
RETRY_AFTER = timedelta(seconds=5)

# How long logs are kept.
LOG_DAYS = 30
