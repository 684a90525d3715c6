"""S3: bytes by bucket and key. Nothing else in the product speaks to it.

boto3 costs as much to import as all the rest, so it is imported at first use.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from dealbrain.errors import TooLarge, Unavailable
from dealbrain.facts import MEBIBYTE, Bucket
from dealbrain.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CONNECT_SECONDS = 1
READ_SECONDS = 3
ATTEMPTS = 2
DELETE_AT_ONCE = 1000
LINK_SECONDS = 900
NAME_MOST = 80


def get(bucket: Bucket, key: str, *, most: int | None = None) -> bytes | None:
    """Read an object, or None when there is none.

    Raises:
        TooLarge: it has more than ``most`` bytes.
        Unavailable: S3 does not answer.
    """
    found = get_with_age(bucket, key, most=most)
    return found[0] if found else None


def get_with_age(bucket: Bucket, key: str, *, most: int | None = None) -> tuple[bytes, datetime] | None:
    """Read an object and when it was written (UTC), or None when there is none.

    Raises:
        TooLarge: it has more than ``most`` bytes.
        Unavailable: S3 does not answer.
    """
    client = _client()
    with _answering():
        try:
            answer = client.get_object(Bucket=_name(bucket), Key=key)
        except client.exceptions.NoSuchKey:
            return None
        if most is not None and answer["ContentLength"] > most:
            raise TooLarge(f"The file is larger than {most // MEBIBYTE} MiB.")
        return answer["Body"].read(), answer["LastModified"]


def put(bucket: Bucket, key: str, body: bytes, content_type: str, *, cache_control: str = "no-store") -> None:
    """Write an object whole.

    Args:
        bucket: in which.
        key: where.
        body: its bytes.
        content_type: what whoever fetches it from S3 itself is told it is.
        cache_control: how long they may keep it.

    Raises:
        Unavailable: S3 does not answer.
    """
    with _answering():
        _client().put_object(
            Bucket=_name(bucket), Key=key, Body=body, ContentType=content_type, CacheControl=cache_control
        )


def keys(bucket: Bucket, prefix: str) -> Iterator[str]:
    """Name every object under a prefix."""
    return (key for key, _ in aged(bucket, prefix))


def aged(bucket: Bucket, prefix: str) -> Iterator[tuple[str, datetime]]:
    """Name every object under a prefix, and say when it was written (UTC)."""
    with _answering():
        for page in _client().get_paginator("list_objects_v2").paginate(Bucket=_name(bucket), Prefix=prefix):
            for found in page.get("Contents", ()):
                yield found["Key"], found["LastModified"]


def delete(bucket: Bucket, names: Iterable[str]) -> None:
    """Remove objects, a thousand to a call; absent ones are no error."""
    names = list(names)
    with _answering():
        for start in range(0, len(names), DELETE_AT_ONCE):
            batch = names[start : start + DELETE_AT_ONCE]
            _client().delete_objects(
                Bucket=_name(bucket), Delete={"Objects": [{"Key": name} for name in batch], "Quiet": True}
            )


def link(bucket: Bucket, key: str, file_name: str) -> str:
    """Sign an address under which an object can be fetched for a quarter of an hour, to keep under a name."""
    return _client().generate_presigned_url(
        "get_object",
        Params={
            "Bucket": _name(bucket),
            "Key": key,
            "ResponseContentDisposition": disposition(file_name),
        },
        ExpiresIn=LINK_SECONDS,
    )


def form(
    bucket: Bucket, key: str, content_type: str, *, most: int, life: timedelta
) -> tuple[str, dict[str, str]]:
    """Sign an address and the fields that go with a file of this key and type, of so many bytes at most.

    S3 itself refuses whatever the signed policy does not say.
    """
    made = _client().generate_presigned_post(
        _name(bucket),
        key,
        Fields={"Content-Type": content_type},
        Conditions=[{"Content-Type": content_type}, ["content-length-range", 1, most]],
        ExpiresIn=int(life.total_seconds()),
    )
    return made["url"], made["fields"]


def named(title: str, extension: str) -> str:
    """Name a file after what is in it: nothing a file system or a reader stumbles over, and not too long."""
    plain = re.sub(r"[\x00-\x1f\x7f/\\]+", " ", title).strip(" .")[:NAME_MOST].strip()
    return f"{plain or 'deal-brain'}.{extension}"


def disposition(file_name: str) -> str:
    """Say that this is to be kept, under a name that survives quotes and any alphabet (RFC 6266, 8187)."""
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", file_name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file_name, safe='')}"


def _name(bucket: Bucket) -> str:
    return {
        Bucket.generated: settings().generated_bucket,
        Bucket.private: settings().private_bucket,
        Bucket.static: settings().static_bucket,
    }[bucket]


@lru_cache(maxsize=1)
def _client() -> "S3Client":
    import boto3
    from botocore.config import Config

    # Version 4 by name: in one region boto3 still signs links the old way by default.
    return boto3.client(
        "s3",
        config=Config(
            signature_version="s3v4",
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        ),
    )


@contextmanager
def _answering() -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    told = "The file store does not answer; please try again in a few seconds."
    try:
        yield
    except BotoCoreError as error:
        raise Unavailable(told) from error
    except ClientError as error:
        # What S3 refuses is a fault of ours, such as a missing grant; what it fails at is not.
        if error.response["ResponseMetadata"]["HTTPStatusCode"] < HTTPStatus.INTERNAL_SERVER_ERROR:
            raise
        raise Unavailable(told) from error
