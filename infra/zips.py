"""The zip functions of a stack: log group, layer and code once, then one function and one role each."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from aws_cdk.aws_s3_assets import Asset
from constructs import Construct

from dealbrain import facts
from dealbrain.settings import Settings
from dealbrain.web import NAMESPACE, Needs
from infra.plan import Plan

RUNTIME = "python3.13"
# Processor time grows with memory: less would make the imports of a database function take seconds.
DATABASE_MB = 1024
MEMORY_MB = 512
# A function that is killed tells CloudFormation nothing, which would wait for an hour by itself.
ANSWERED_WITHIN = facts.CHORE_TIMEOUT + timedelta(minutes=1)
# How S3 and DynamoDB say 403, which only a forgotten grant can bring about.
ACCESS_DENIED = "AccessDenied"
ASSUMED_BY_LAMBDA = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
_PENDING = {"get": "GetItem", "put": "PutItem", "delete": "DeleteItem", "scan": "Scan"}

type Statement = dict[str, Any]


@dataclass(frozen=True)
class Ground:
    """What functions stand on, whatever stack they are in."""

    plan: Plan
    settings: Settings
    code: Path
    layer: Path
    subnets: Sequence[str]
    database_group: str
    """The security group all database functions share."""
    database_user: str
    """ARN of the database user IAM signs in."""


@dataclass(frozen=True)
class Deployed:
    """One zip function: the file it is, what it may touch, and its limits."""

    module: str
    needs: Needs
    verifies_callers: bool = False
    """Whether it tells who calls: by their token and the issuer's keys, or by their browser's session."""
    timeout: timedelta = facts.ENDPOINT_TIMEOUT
    more: Sequence[Statement] = ()
    """Grants that only functions without a route need."""

    @property
    def id(self) -> str:
        """The construct's id."""
        return construct_id(self.module)


def construct_id(module: str) -> str:
    """What a module is called in a stack: ``OfferingCreate`` for functions.offering.create."""
    return "".join(part.title().replace("_", "") for part in module.split(".")[1:])


class Zips(Construct):
    """The zip functions of one stack."""

    def __init__(self, stack: Stack, ground: Ground) -> None:
        super().__init__(stack, "Zips")
        self._ground = ground
        self.logs = log_group(self, "Logs")
        self._code = Asset(self, "Code", path=str(ground.code))
        packed = Asset(self, "Packages", path=str(ground.layer))
        self.assets = (self._code.asset_hash, packed.asset_hash)
        """What code and layer are made of, as hashes."""
        self._layer = lambda_.CfnLayerVersion(
            self,
            "Layer",
            content=lambda_.CfnLayerVersion.ContentProperty(
                s3_bucket=packed.s3_bucket_name, s3_key=packed.s3_object_key
            ),
            compatible_runtimes=[RUNTIME],
            compatible_architectures=["arm64"],
        )

    def add(self, one: Deployed) -> lambda_.CfnFunction:
        """Add a function with a role that may do exactly what it needs."""
        ground, plan = self._ground, self._ground.plan
        statements = [
            *own_logs(self.logs),
            *grants(ground, one.needs, verifies_callers=one.verifies_callers),
            *one.more,
        ]
        role = role_of(self, f"{one.id}Role", statements)
        settings = ground.settings if one.needs.database else ground.settings.without_database()
        return lambda_.CfnFunction(
            self,
            one.id,
            function_name=plan.function(one.module),
            description=one.module,
            runtime=RUNTIME,
            architectures=["arm64"],
            handler=f"{one.module}.handler",
            code=lambda_.CfnFunction.CodeProperty(
                s3_bucket=self._code.s3_bucket_name, s3_key=self._code.s3_object_key
            ),
            layers=[self._layer.ref],
            role=role.attr_arn,
            memory_size=DATABASE_MB if one.needs.database or one.needs.renderer else MEMORY_MB,
            timeout=int(one.timeout.total_seconds()),
            reserved_concurrent_executions=(one.needs.renderer or None) if plan.reserve else None,
            environment=lambda_.CfnFunction.EnvironmentProperty(variables=settings.environment()),
            logging_config=logs_into(self.logs),
            vpc_config=self._network() if one.needs.database else None,
        )

    def _network(self) -> lambda_.CfnFunction.VpcConfigProperty:
        return lambda_.CfnFunction.VpcConfigProperty(
            subnet_ids=list(self._ground.subnets), security_group_ids=[self._ground.database_group]
        )


def grants(ground: Ground, needs: Needs, *, verifies_callers: bool) -> Iterator[Statement]:
    """Spell what a function needs as statements of a policy: no action but these, on nothing but this."""
    plan = ground.plan
    reads = needs.reads + ((facts.ISSUER_KEYS,) if verifies_callers else ())
    # In a dictionary, because a function may have said itself that it reads the table.
    pending = dict.fromkeys(needs.pending + (("get",) if verifies_callers else ()))
    for action, kept in (("Get", reads), ("Put", needs.writes), ("Delete", needs.deletes)):
        if kept:
            yield allow([f"s3:{action}Object"], [plan.files_arn(one) for one in kept])
    if needs.lists:
        yield allow(["s3:ListBucket"], [plan.bucket_arn(bucket) for bucket in needs.lists])
    if pending:
        yield allow([f"dynamodb:{_PENDING[one]}" for one in pending], [plan.table_arn])
    if needs.renderer:
        yield allow(["lambda:InvokeFunction"], [plan.renderer_arn])
    if needs.database:
        yield allow(["rds-db:connect"], [ground.database_user])
        yield in_vpc()


def allow(actions: Sequence[str], resources: Sequence[str]) -> Statement:
    """One statement."""
    return {"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}


def in_vpc() -> Statement:
    """What Lambda itself does to put a function into a VPC; AWS knows no narrower resource for it."""
    actions = ("CreateNetworkInterface", "DescribeNetworkInterfaces", "DeleteNetworkInterface")
    return allow([f"ec2:{action}" for action in (*actions, "DescribeSubnets")], ["*"])


def own_logs(group: logs.CfnLogGroup) -> list[Statement]:
    """Writing into one log group."""
    return [allow(["logs:CreateLogStream", "logs:PutLogEvents"], [group.attr_arn])]


def role_of(
    scope: Construct,
    name: str,
    statements: Sequence[Statement],
    trust: dict[str, Any] = ASSUMED_BY_LAMBDA,
) -> iam.CfnRole:
    """A role with everything it may do written into it."""
    return iam.CfnRole(
        scope,
        name,
        assume_role_policy_document=trust,
        policies=[
            iam.CfnRole.PolicyProperty(
                policy_name="own",
                policy_document={"Version": "2012-10-17", "Statement": list(statements)},
            )
        ],
    )


def dead_letters(scope: Construct, plan: Plan, name: str) -> sqs.Queue:
    """A queue for events that reached nobody; an alarm watches it."""
    return sqs.Queue(
        scope,
        "DeadLetters",
        queue_name=f"{plan.name}-{name}",
        enforce_ssl=True,
        encryption=sqs.QueueEncryption.SQS_MANAGED,
    )


def log_group(scope: Construct, name: str) -> logs.CfnLogGroup:
    """A log group, and a count of the grants that were found missing in it."""
    group = logs.CfnLogGroup(scope, name, retention_in_days=facts.LOG_DAYS)
    logs.CfnMetricFilter(
        scope,
        f"{name}Denied",
        log_group_name=group.ref,
        filter_pattern=json.dumps(ACCESS_DENIED),
        metric_transformations=[
            logs.CfnMetricFilter.MetricTransformationProperty(
                metric_name=ACCESS_DENIED, metric_namespace=NAMESPACE, metric_value="1", default_value=0
            )
        ],
    )
    return group


def logs_into(group: logs.CfnLogGroup) -> lambda_.CfnFunction.LoggingConfigProperty:
    """Where a function logs."""
    return lambda_.CfnFunction.LoggingConfigProperty(log_group=group.ref)
