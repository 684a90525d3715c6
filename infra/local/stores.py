"""S3 and DynamoDB on one machine: a moto server, its buckets and table made from facts.

moto keeps everything in memory. On a clean stop what it holds is written to one file, and read back at
the next start.
"""

import base64
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3

from dealbrain import facts
from dealbrain.settings import Settings
from infra.local.processes import LOOPBACK, answers, child, free_port, tied, wait_until

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

LOG = "stores.log"
KEPT = "stores.json"
REGION = "us-east-1"
# Of an object, what S3 keeps beside its bytes and we want back.
ABOUT = ("ContentType", "CacheControl", "ContentDisposition", "ContentEncoding", "Metadata")


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """Start the stores, empty, and give their address without waiting until they answer.

    Call it from the main thread.
    """
    port = free_port()
    command = tied([sys.executable, "-m", "moto.server", "-H", LOOPBACK, "-p", str(port)])
    with child(command, folder / LOG):
        yield f"http://{LOOPBACK}:{port}"


@contextmanager
def filled(url: str, folder: Path, settings: Settings, *, durable: bool = True) -> Iterator[None]:
    """Wait for the stores, make buckets and table with what the folder holds of them; keep it on leaving.

    Args:
        url: where the stores answer.
        folder: where they are kept between two starts.
        settings: what buckets and table are called.
        durable: false when nobody starts on this folder again; fetching every file takes seconds.

    Raises:
        SetupError: the stores do not answer.
    """
    port = int(url.rsplit(":", 1)[1])
    wait_until(lambda: answers(port), "The stand-in for S3 and DynamoDB", seconds=60, log=folder / LOG)
    create(url, settings)
    load(url, folder / KEPT)
    try:
        yield
    finally:
        if durable:
            save(url, folder / KEPT)


def s3(url: str) -> "S3Client":
    """A client of these stores, whatever the environment says."""
    return _session().client("s3", endpoint_url=url)


def dynamodb(url: str) -> "DynamoDBClient":
    """A client of these stores, whatever the environment says."""
    return _session().client("dynamodb", endpoint_url=url)


def _session() -> boto3.session.Session:
    return boto3.session.Session(
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 - the stand-in believes everybody
        region_name=REGION,
    )


def bucket_name(settings: Settings, bucket: facts.Bucket) -> str:
    """What settings call the bucket of this role."""
    name: str = getattr(settings, f"{bucket}_bucket")
    return name


def create(url: str, settings: Settings) -> None:
    """Make the buckets and the table of what expires, as the stacks do."""
    client = s3(url)
    for bucket in facts.Bucket:
        _create_bucket(client, bucket_name(settings, bucket), bucket)
    _create_table(dynamodb(url), settings.pending_table)


def _create_bucket(client: "S3Client", name: str, bucket: facts.Bucket) -> None:
    client.create_bucket(Bucket=name)
    client.put_public_access_block(
        Bucket=name,
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        },
    )
    rules = [expiry for expiry in facts.LIFECYCLE if expiry.bucket is bucket]
    if not rules:
        return
    client.put_bucket_lifecycle_configuration(
        Bucket=name,
        LifecycleConfiguration={
            "Rules": [
                {
                    "ID": rule.prefix.strip("/"),
                    "Status": "Enabled",
                    "Filter": {"Prefix": rule.prefix},
                    "Expiration": {"Days": rule.days},
                }
                for rule in rules
            ]
        },
    )


def _create_table(client: "DynamoDBClient", name: str) -> None:
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": facts.PENDING_KEY, "AttributeType": "S"}],
        KeySchema=[{"AttributeName": facts.PENDING_KEY, "KeyType": "HASH"}],
    )
    client.update_time_to_live(
        TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": facts.PENDING_TTL}
    )


def save(url: str, file: Path) -> None:
    """Write every object and item to the file; a reader sees the old whole or the new whole."""
    kept = {"objects": list(_objects(s3(url))), "items": list(_items(dynamodb(url)))}
    beside = file.with_suffix(".new")
    beside.write_text(json.dumps(kept, default=_as_text))
    beside.replace(file)


def load(url: str, file: Path) -> None:
    """Put back what ``save`` wrote; nothing when there is no file."""
    if not file.exists():
        return
    kept = json.loads(file.read_text(), object_hook=_as_bytes)
    objects, items = s3(url), dynamodb(url)
    for stored in kept["objects"]:
        objects.put_object(**stored)
    for stored in kept["items"]:
        items.put_item(**stored)


def _objects(client: "S3Client") -> Iterator[dict[str, Any]]:
    for bucket in client.list_buckets()["Buckets"]:
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket["Name"]):
            for entry in page.get("Contents", []):
                place = {"Bucket": bucket["Name"], "Key": entry["Key"]}
                found: dict[str, Any] = {**client.get_object(Bucket=place["Bucket"], Key=place["Key"])}
                about = {name: found[name] for name in ABOUT if name in found}
                yield {**place, **about, "Body": found["Body"].read()}


def _items(client: "DynamoDBClient") -> Iterator[dict[str, Any]]:
    for table in client.list_tables()["TableNames"]:
        for page in client.get_paginator("scan").paginate(TableName=table):
            for item in page["Items"]:
                yield {"TableName": table, "Item": item}


def _as_text(value: object) -> dict[str, str]:
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    raise TypeError(f"{type(value).__name__} is nothing a store holds")


def _as_bytes(value: dict[str, Any]) -> Any:  # noqa: ANN401 - what the reader of JSON wants: a value of any kind
    return base64.b64decode(value["base64"]) if value.keys() == {"base64"} else value
