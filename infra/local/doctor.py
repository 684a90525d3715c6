"""Says in a table whether each part is there and answers; leaves nothing running and nothing behind."""

import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import boto3
import sqlalchemy as sa

from infra.local.bootstrap import VERSION, Stuck, find_uv
from infra.local.chromium import installed_chromium
from infra.local.lambdas import lambdas
from infra.local.postgres import postgres, sqlalchemy_url
from infra.local.processes import SetupError
from infra.local.run import RENDERER, aws_environment, local_settings
from infra.local.run import renderer as renderer_function
from infra.local.stores import dynamodb, filled, s3, server

SETTINGS = local_settings("http://localhost")
SET_UP_AGAIN = "run `make clean`, then the command again"


def python(_: Path) -> str:
    """The version everything runs on."""
    found = platform.python_version()
    if not found.startswith(f"{VERSION}."):
        raise SetupError(f"This is Python {found}, not {VERSION}; {SET_UP_AGAIN}.")
    return found


def uv(_: Path) -> str:
    """The program that installs packages."""
    return _output(find_uv(), "--version")


def chromium(_: Path) -> str:
    """The browser that draws cards, asked for its version."""
    program = installed_chromium()
    return f"{_output(program, '--version')} ({program})"


def database(folder: Path) -> str:
    """The database of ``DATABASE_URL``, or a fresh one of our own."""
    if other := os.environ.get("DATABASE_URL"):
        return _version(sqlalchemy_url(other))
    with postgres(folder, durable=False) as url:
        return _version(url)


def object_store(folder: Path) -> str:
    """S3, asked for a bucket."""
    with server(folder) as url, filled(url, folder, SETTINGS):
        s3(url).head_bucket(Bucket=SETTINGS.private_bucket)
        return "buckets made and found"


def item_store(folder: Path) -> str:
    """DynamoDB, asked for its table."""
    with server(folder) as url, filled(url, folder, SETTINGS):
        table = dynamodb(url).describe_table(TableName=SETTINGS.pending_table)["Table"]
        return f"table {table['TableStatus']}"


def renderer(folder: Path) -> str:
    """The renderer in its own process, asked through the Invoke API whether it is awake."""
    environment = {**SETTINGS.environment(), **aws_environment("http://127.0.0.1:9")}
    with lambdas(folder, renderer_function(environment)) as url:
        session = boto3.session.Session("local", "local", region_name=environment["AWS_REGION"])
        answer = session.client("lambda", endpoint_url=url).invoke(
            FunctionName=RENDERER, Payload=b'{"warm":true}'
        )
        said = answer["Payload"].read().decode()
        if answer.get("FunctionError"):
            raise SetupError(f"It fails: {said[:300]}")
        return "awake"


CHECKS: Mapping[str, Callable[[Path], str]] = {
    "Python": python,
    "uv": uv,
    "Chromium": chromium,
    "Postgres": database,
    "S3": object_store,
    "DynamoDB": item_store,
    "Renderer": renderer,
}


def main() -> int:
    """Print the table; 1 when something is missing, else 0."""
    well = [_report(name, check) for name, check in CHECKS.items()]
    return 0 if all(well) else 1


def _report(name: str, check: Callable[[Path], str]) -> bool:
    try:
        with tempfile.TemporaryDirectory() as folder:
            said = check(Path(folder))
    except (SetupError, Stuck) as missing:
        print(f"{name:<10} MISSING  {missing}", flush=True)
        return False
    except Exception as error:  # noqa: BLE001 - whatever a broken part throws is what the table is for
        print(f"{name:<10} BROKEN   {type(error).__name__}: {error}; {SET_UP_AGAIN}.", flush=True)
        return False
    print(f"{name:<10} ok       {said}", flush=True)
    return True


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SetupError(f"{command[0]} does not run: {done.stderr.strip()[-300:]}")
    return done.stdout.strip()


def _version(url: str) -> str:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        found = str(connection.scalar(sa.text("SHOW server_version")))
    engine.dispose()
    return f"PostgreSQL {found}"


if __name__ == "__main__":
    sys.exit(main())
