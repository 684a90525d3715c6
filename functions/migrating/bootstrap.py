"""Runs once, after the first deployment, without a route: hands the migration the master's login.

The secret can be read from outside the VPC only, and the database be reached from inside only.
"""

from typing import Any

from dealbrain import jsontext
from dealbrain.web import Needs

NEEDS = Needs()


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Read the master's login and run the migration with it.

    Args:
        event: ``{"secret": ARN, "upgrade": name of the migration's function}``.

    Raises:
        RuntimeError: the migration failed; its own log says why.
    """
    if event.get("warm"):
        return {"warm": True}
    import boto3  # noqa: PLC0415 - the nightly ping does not need it

    secret: Any = jsontext.loads(
        boto3.client("secretsmanager").get_secret_value(SecretId=event["secret"])["SecretString"]
    )
    login = {"username": secret["username"], "password": secret["password"]}
    answer = boto3.client("lambda").invoke(
        FunctionName=event["upgrade"], Payload=jsontext.dumps({"login": login}).encode()
    )
    if answer.get("FunctionError"):
        # Not what it answered: that is the place where a password might show.
        raise RuntimeError("The migration failed; see its log.")
    return {"status": "migrated"}
