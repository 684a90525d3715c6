"""DynamoDB: what expires. One table, one item per thing, its expiry checked on every read.

The TTL attribute only tidies up, hours or days late; it never decides whether something is expired.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from dealbrain.errors import Conflict, Expired, NotFound, Unavailable
from dealbrain.facts import PENDING_GRACE, PENDING_KEY, PENDING_TTL
from dealbrain.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

CONNECT_SECONDS = 1
READ_SECONDS = 2
ATTEMPTS = 2

# Kinds of things that wait; a preview is of the kind of its file.
SESSION = "session"
UPLOAD = "upload"
READING = "reading"


@dataclass(frozen=True)
class Pending:
    """Something that waits for its owner until it expires; its body, if any, is a file."""

    id: str
    owner: str
    kind: str
    expires_at: datetime
    about: dict[str, str] = field(default_factory=dict)


def put(thing: Pending) -> None:
    """Keep it until it expires (and a day longer, so that "expired" can be told from "unknown")."""
    with _answering():
        _client().put_item(TableName=settings().pending_table, Item=_item(thing))


def swap(old: Pending, new: Pending) -> None:
    """Put one in the place of another of the same id, unless somebody else did so meanwhile.

    Raises:
        Conflict: somebody did.
    """
    client, known = _client(), _item(old)
    with _answering():
        try:
            client.put_item(
                TableName=settings().pending_table,
                Item=_item(new),
                ConditionExpression="#kind = :kind AND #about = :about",
                ExpressionAttributeNames={"#kind": "kind", "#about": "about"},
                ExpressionAttributeValues={":kind": known["kind"], ":about": known["about"]},
            )
        except client.exceptions.ConditionalCheckFailedException:
            raise Conflict("Somebody did the same at this moment; please look again.") from None


def _item(thing: Pending) -> "dict[str, AttributeValueTypeDef]":
    return {
        PENDING_KEY: {"S": thing.id},
        "owner": {"S": thing.owner},
        "kind": {"S": thing.kind},
        "about": {"M": {name: {"S": value} for name, value in thing.about.items()}},
        "expires_at": {"S": thing.expires_at.isoformat()},
        PENDING_TTL: {"N": str(int((thing.expires_at + PENDING_GRACE).timestamp()))},
    }


def find(thing_id: str) -> Pending | None:
    """Read consistently what is kept under a number, whoever left it and however long ago."""
    with _answering():
        answer = _client().get_item(
            TableName=settings().pending_table, Key={PENDING_KEY: {"S": thing_id}}, ConsistentRead=True
        )
    found = answer.get("Item")
    return _read(found) if found else None


def get(thing_id: str, owner: str, now: datetime) -> Pending:
    """Read consistently what one owner left.

    Raises:
        NotFound: unknown, or somebody else's.
        Expired: its time is over, whether or not it was tidied up.
    """
    thing = find(thing_id)
    if thing is None or thing.owner != owner:
        raise NotFound
    if thing.expires_at <= now:
        raise Expired("This preview has expired; send the file again.")
    return thing


def delete(thing_id: str) -> None:
    """Forget it; forgetting twice is no error."""
    with _answering():
        _client().delete_item(TableName=settings().pending_table, Key={PENDING_KEY: {"S": thing_id}})


def outlived(now: datetime) -> Iterator[Pending]:
    """Everything whose time, the grace included, is over."""
    with _answering():
        for page in (
            _client()
            .get_paginator("scan")
            .paginate(
                TableName=settings().pending_table,
                FilterExpression="#ttl <= :now",
                ExpressionAttributeNames={"#ttl": PENDING_TTL},
                ExpressionAttributeValues={":now": {"N": str(int(now.timestamp()))}},
            )
        ):
            yield from map(_read, page["Items"])


def _read(item: "dict[str, AttributeValueTypeDef]") -> Pending:
    return Pending(
        id=item[PENDING_KEY]["S"],
        owner=item["owner"]["S"],
        kind=item["kind"]["S"],
        expires_at=datetime.fromisoformat(item["expires_at"]["S"]).astimezone(UTC),
        about={name: value["S"] for name, value in item.get("about", {"M": {}})["M"].items()},
    )


@lru_cache(maxsize=1)
def _client() -> "DynamoDBClient":
    import boto3
    from botocore.config import Config

    return boto3.client(
        "dynamodb",
        config=Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        ),
    )


@contextmanager
def _answering() -> Iterator[None]:
    from botocore.exceptions import BotoCoreError

    try:
        yield
    except BotoCoreError as error:
        told = "The store of what expires does not answer; please try again in a few seconds."
        raise Unavailable(told) from error
