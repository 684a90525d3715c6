"""What is decided before anything is built: the choices of cdk.json, and the names that follow from them.

Buckets, table and functions have names of their own, so that a policy can name exactly them before they
exist, and one stack seldom has to ask another.
"""

import json
from typing import Literal, Self

from aws_cdk import App, Aws
from pydantic import BaseModel, ConfigDict

from dealbrain import facts
from dealbrain.facts import Bucket
from infra.routes import FUNCTIONS

CHOICES = FUNCTIONS.parent / "cdk.json"
RENDERER = "functions.drawing.handler"
DATABASE_NAME = "dealbrain"
DATABASE_USER = "app"
# What a layer brings is under /opt.
DATABASE_CA = "/opt/rds-ca.pem"


class Plan(BaseModel):
    """The choices, as ``cdk.json`` or ``cdk deploy -c name=value`` says them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """Begins every name, so that several systems fit into one account."""
    database: Literal["instance", "aurora"]
    """A small instance for a steady site, or Aurora that sleeps when nobody comes."""
    reserve: bool
    """Whether renderer and gate have reserved concurrency; fresh accounts may refuse any."""
    cdn: bool
    cdn_fingerprint: str
    """SHA-256 (hexadecimal) of the word in Secrets Manager by which the API knows the CDN. Empty: it does not
    know it, and takes all who come through it for a few."""
    origin: str
    """What people see, scheme and host; empty for the API's own address."""
    certificate: str
    """ARN (us-east-1) of the certificate for the origin's host; needed by the CDN under that host."""
    alarm_email: str

    @classmethod
    def of(cls, app: App) -> Self:
        """The choices of this app.

        Raises:
            pydantic.ValidationError: one is missing or none of those there are.
        """
        return cls.model_validate({name: app.node.try_get_context(name) for name in cls.model_fields})

    def stack(self, part: str) -> str:
        """The name of a stack."""
        return f"{self.name}-{part}"

    def function(self, module: str) -> str:
        """The name of a module's function: ``dealbrain-offering-create`` for functions.offering.create."""
        return "-".join([self.name, *module.split(".")[1:]])

    def function_arn(self, module: str) -> str:
        """The ARN of that function."""
        return arn("lambda", f"function:{self.function(module)}")

    @property
    def renderer(self) -> str:
        """The name of the function that draws."""
        return self.function(RENDERER)

    @property
    def renderer_arn(self) -> str:
        """The ARN of the function that draws."""
        return self.function_arn(RENDERER)

    def bucket(self, bucket: Bucket) -> str:
        """The name of a bucket."""
        return f"{self.name}-{bucket}-{Aws.ACCOUNT_ID}-{Aws.REGION}"

    def bucket_arn(self, bucket: Bucket) -> str:
        """The ARN of a bucket."""
        return f"arn:{Aws.PARTITION}:s3:::{self.bucket(bucket)}"

    def files_arn(self, kept: str) -> str:
        """The ARN of a prefix of facts, or of a file that stands alone."""
        every = "*" if kept.endswith("/") else ""
        return f"{self.bucket_arn(facts.KEPT_IN[kept])}/{kept}{every}"

    @property
    def database_id(self) -> str:
        """What RDS calls the instance or cluster."""
        return f"{self.name}-database"

    @property
    def cdn_secret(self) -> str:
        """What Secrets Manager calls the word by which the API knows the CDN."""
        return f"{self.name}-cdn"

    @property
    def table(self) -> str:
        """The name of the table of what expires."""
        return f"{self.name}-pending"

    @property
    def table_arn(self) -> str:
        """The ARN of that table."""
        return arn("dynamodb", f"table/{self.table}")


def arn(service: str, resource: str) -> str:
    """The ARN of something in this account and region."""
    return f"arn:{Aws.PARTITION}:{service}:{Aws.REGION}:{Aws.ACCOUNT_ID}:{resource}"


def choices() -> dict[str, object]:
    """What cdk.json chooses; a later ``-c name=value`` goes before it."""
    found: dict[str, object] = json.loads(CHOICES.read_text())["context"]
    return found
