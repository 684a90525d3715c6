"""What wakes somebody up, and the one page to look at then."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aws_cdk import Aws, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from dealbrain.web import NAMESPACE
from functions.sweeping import expired
from infra.plan import Plan
from infra.zips import ACCESS_DENIED

FIVE_MINUTES = 300
DAY = 24 * 3600
# Of about 80 a t4g.micro admits.
CONNECTIONS_MOST = 60
CPU_CREDITS_LEAST = 20
PLACEHOLDERS_MOST = 20
ERRORS_EVERYWHERE = 'SELECT SUM(Errors) FROM SCHEMA("AWS/Lambda", FunctionName)'


@dataclass(frozen=True)
class Watched:
    """A metric, and when it is bad."""

    id: str
    why: str
    metric: str
    namespace: str
    threshold: float
    dimensions: Mapping[str, str] = field(default_factory=dict)
    statistic: str = "Sum"
    period: int = FIVE_MINUTES
    is_bad: str = "GreaterThanThreshold"
    silence: str = "notBreaching"
    """What it means when nothing is reported."""


class Watch(Stack):
    """Alarms and a dashboard."""

    def __init__(self, scope: Construct, plan: Plan, api_id: str) -> None:
        super().__init__(scope, plan.stack("watch"), description="Alarms and the dashboard")
        topic = self._topic(plan)
        self._all_errors(topic.topic_arn)
        metrics = watched(plan, api_id)
        for one in metrics:
            self._alarm(one, topic.topic_arn)
        cloudwatch.CfnDashboard(
            self, "Dashboard", dashboard_name=plan.name, dashboard_body=json.dumps(_dashboard(metrics))
        )

    def _topic(self, plan: Plan) -> sns.Topic:
        topic = sns.Topic(self, "Alarms", display_name=f"{plan.name} alarms", enforce_ssl=True)
        # A policy of its own takes the place of the one that lets alarms publish.
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )
        if plan.alarm_email:
            topic.add_subscription(subscriptions.EmailSubscription(plan.alarm_email))
        return topic

    def _all_errors(self, topic: str) -> None:
        # One query over all functions; an alarm for each would cost more than running them.
        cloudwatch.CfnAlarm(
            self,
            "FunctionErrors",
            alarm_description="A function failed: its log group has the reason",
            metrics=[
                cloudwatch.CfnAlarm.MetricDataQueryProperty(
                    id="errors", expression=ERRORS_EVERYWHERE, period=FIVE_MINUTES, return_data=True
                )
            ],
            comparison_operator="GreaterThanThreshold",
            threshold=0,
            evaluation_periods=1,
            treat_missing_data="notBreaching",
            alarm_actions=[topic],
        )

    def _alarm(self, one: Watched, topic: str) -> None:
        dimensions = [
            cloudwatch.CfnAlarm.DimensionProperty(name=name, value=value)
            for name, value in one.dimensions.items()
        ]
        cloudwatch.CfnAlarm(
            self,
            one.id,
            alarm_description=one.why,
            namespace=one.namespace,
            metric_name=one.metric,
            dimensions=dimensions,
            statistic=one.statistic,
            period=one.period,
            evaluation_periods=1,
            comparison_operator=one.is_bad,
            threshold=one.threshold,
            treat_missing_data=one.silence,
            alarm_actions=[topic],
        )


def watched(plan: Plan, api_id: str) -> list[Watched]:
    """What is watched besides the errors of all functions."""
    renderer = {"FunctionName": plan.renderer}
    sweep = {"FunctionName": plan.function(expired.__name__)}
    letters = {"QueueName": f"{plan.name}-dead-letters"}
    found = [
        Watched("SiteErrors", "Answers of 500 and above", "5xx", "AWS/ApiGateway", 5, {"ApiId": api_id}),
        Watched(
            "Placeholders",
            "People see placeholders instead of cards",
            "CardPlaceholder",
            NAMESPACE,
            PLACEHOLDERS_MOST,
        ),
        Watched("RendererThrottles", "The renderer is busy", "Throttles", "AWS/Lambda", 50, renderer),
        Watched(
            "DeadLetters",
            "A scheduled event reached nobody",
            "ApproximateNumberOfMessagesVisible",
            "AWS/SQS",
            0,
            letters,
            statistic="Maximum",
        ),
        Watched("AccessDenied", "A role lacks a grant", ACCESS_DENIED, NAMESPACE, 0),
        Watched(
            "MissedSweep",
            "Nothing was swept for a day",
            "Invocations",
            "AWS/Lambda",
            1,
            sweep,
            period=DAY,
            is_bad="LessThanThreshold",
            silence="breaching",
        ),
    ]
    return found + list(_database(plan))


def _database(plan: Plan) -> list[Watched]:
    name = "DBInstanceIdentifier" if plan.database == "instance" else "DBClusterIdentifier"
    which = {name: plan.database_id}
    connections = Watched(
        "Connections",
        "The database runs out of connections",
        "DatabaseConnections",
        "AWS/RDS",
        CONNECTIONS_MOST,
        which,
        statistic="Maximum",
    )
    if plan.database == "aurora":
        return [connections]
    credit = Watched(
        "CpuCredits",
        "The database is about to be slowed down",
        "CPUCreditBalance",
        "AWS/RDS",
        CPU_CREDITS_LEAST,
        which,
        statistic="Minimum",
        is_bad="LessThanThreshold",
    )
    return [connections, credit]


def _dashboard(metrics: list[Watched]) -> dict[str, Any]:
    return {"widgets": [_widget(one) for one in metrics]}


def _widget(one: Watched) -> dict[str, Any]:
    dimensions = [part for pair in one.dimensions.items() for part in pair]
    return {
        "type": "metric",
        "width": 8,
        "height": 6,
        "properties": {
            "title": one.why,
            "region": Aws.REGION,
            "stat": one.statistic,
            "period": one.period,
            "metrics": [[one.namespace, one.metric, *dimensions]],
        },
    }
