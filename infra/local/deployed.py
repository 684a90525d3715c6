"""Every zip function as it is deployed: the staged code in processes of its own, called by name.

Only the packages are this machine's, because the layer is built for another processor.
"""

import importlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from dealbrain import facts
from dealbrain.settings import Settings
from dealbrain.web import Needs
from infra import staging
from infra.local.gateway import ThrottledError
from infra.local.lambdas import Function
from infra.local.stores import REGION
from infra.routes import Endpoint, modules

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

# What a fresh account may run at once of everything.
AT_ONCE = 10


class FunctionFailedError(Exception):
    """A function fell over, or raised; the message is what Lambda tells of it."""


def functions(configured: Settings, aws: Mapping[str, str]) -> Iterator[Function]:
    """Stage the code and describe what runs it: settings and the addresses of AWS, and nothing else.

    Args:
        configured: the settings of the whole system.
        aws: what makes boto3 speak to the stand-ins.
    """
    code = staging.code()
    for module in modules():
        written = importlib.import_module(module)
        needs: Needs = written.NEEDS
        yield Function(
            name(module),
            f"{module}.handler",
            concurrency=needs.renderer or AT_ONCE,
            timeout=facts.ENDPOINT_TIMEOUT if hasattr(written, "app") else facts.CHORE_TIMEOUT,
            environment={**_told(configured, needs).environment(), **aws, "PYTHONPATH": str(code)},
            folder=code,
        )


def name(module: str) -> str:
    """What a module's function is called: ``offering-create`` for functions.offering.create."""
    return "-".join(module.split(".")[1:])


def remote(endpoint: Endpoint, url: str) -> Endpoint:
    """The same endpoint, answered by the function behind the Invoke API at this address."""

    def handler(event: dict[str, Any], _context: object) -> Any:  # noqa: ANN401 - whatever the function returns
        return invoke(url, name(endpoint.module), event)

    return replace(endpoint, handler=handler)


def invoke(url: str, function: str, event: object) -> Any:  # noqa: ANN401 - whatever the function returns
    """Call a function and wait for its answer.

    Raises:
        ThrottledError: as much of it as is allowed is running.
        FunctionFailedError: it failed; the message says how.
    """
    client = _client(url)
    try:
        answer = client.invoke(FunctionName=function, Payload=json.dumps(event).encode())
    except client.exceptions.TooManyRequestsException:
        raise ThrottledError(function) from None
    said = json.loads(answer["Payload"].read())
    if answer.get("FunctionError"):
        raise FunctionFailedError(f"{function}: {said['errorType']}: {said['errorMessage']}")
    return said


@lru_cache(maxsize=1)
def _client(url: str) -> "LambdaClient":
    # The gateway asks once; who called it decides whether to try again.
    once = Config(
        retries={"total_max_attempts": 1},
        read_timeout=facts.CHORE_TIMEOUT.total_seconds(),
        max_pool_connections=AT_ONCE,
    )
    session = boto3.session.Session("local", "local", region_name=REGION)
    return session.client("lambda", endpoint_url=url, config=once)


def _told(configured: Settings, needs: Needs) -> Settings:
    told = configured if needs.database else configured.without_database()
    # One environment serves one request at a time.
    return told.model_copy(update={"database_pool": 1})
