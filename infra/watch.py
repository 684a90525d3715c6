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
from infra.cards import DEAD_WARM_UPS
from infra.chores import DEAD_LETTERS
from infra.plan import Plan
from infra.zips import ACCESS_DENIED

FIVE_MINUTES = 300
HOUR = 3600
DAY = 24 * 3600
# Of about 80 a t4g.micro admits.
CONNECTIONS_MOST = 60
CPU_CREDITS_LEAST = 20
PLACEHOLDERS_MOST = 20
# Of a hundred cards so many should be there already. Of fewer the rate of an hour says nothing.
HIT_RATE_LEAST = 80
ENOUGH_CARDS = 50
HITS, MISSES = "FILL(hits, 0)", "FILL(misses, 0)"
HIT_RATE = f"IF({HITS} + {MISSES} >= {ENOUGH_CARDS}, 100 * {HITS} / ({HITS} + {MISSES}), 100)"
HITS_AND_MISSES = {"hits": "CardHit", "misses": "CardMiss"}
ASKED = (*HITS_AND_MISSES.values(), "CardGenerated", "CardPlaceholder", "CardError")
TIMES = ("CardMilliseconds",)
SIZES = ("CardBytes",)
HIT_RATE_TITLE = "Cards that were there already, of 100"
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
        self._hit_rate(topic.topic_arn)
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

    def _hit_rate(self, topic: str) -> None:
        counted = [
            cloudwatch.CfnAlarm.MetricDataQueryProperty(
                id=id_,
                metric_stat=cloudwatch.CfnAlarm.MetricStatProperty(
                    metric=cloudwatch.CfnAlarm.MetricProperty(metric_name=metric, namespace=NAMESPACE),
                    period=HOUR,
                    stat="Sum",
                ),
                return_data=False,
            )
            for id_, metric in HITS_AND_MISSES.items()
        ]
        rate = cloudwatch.CfnAlarm.MetricDataQueryProperty(
            id="rate", expression=HIT_RATE, label=HIT_RATE_TITLE, return_data=True
        )
        cloudwatch.CfnAlarm(
            self,
            "HitRate",
            alarm_description="Too many cards are drawn for one person only: is something drawn that "
            "changes too often, or do specs go too early?",
            metrics=[*counted, rate],
            comparison_operator="LessThanThreshold",
            threshold=HIT_RATE_LEAST,
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
        _dead_letters(plan, "DeadLetters", "A scheduled event reached nobody", DEAD_LETTERS),
        _dead_letters(plan, "DeadWarmUps", "What was shared was not drawn ahead", DEAD_WARM_UPS),
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


def _dead_letters(plan: Plan, id_: str, why: str, queue: str) -> Watched:
    name = {"QueueName": f"{plan.name}-{queue}"}
    waiting = "ApproximateNumberOfMessagesVisible"
    return Watched(id_, why, waiting, "AWS/SQS", 0, name, statistic="Maximum")


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
    drawn = [
        _rate_widget(),
        _graph("Cards asked for", "Sum", ASKED),
        _graph("Time to draw a card, ms", "p95", TIMES),
    ]
    return {"widgets": [*drawn, _graph("Size of a card, bytes", "p95", SIZES), *map(_widget, metrics)]}


def _rate_widget() -> dict[str, Any]:
    counted = [[NAMESPACE, metric, {"id": id_, "visible": False}] for id_, metric in HITS_AND_MISSES.items()]
    return _plotted(
        HIT_RATE_TITLE, "Sum", HOUR, [[{"expression": HIT_RATE, "label": HIT_RATE_TITLE}], *counted]
    )


def _graph(title: str, statistic: str, metrics: tuple[str, ...]) -> dict[str, Any]:
    return _plotted(title, statistic, FIVE_MINUTES, [[NAMESPACE, one] for one in metrics])


def _widget(one: Watched) -> dict[str, Any]:
    dimensions = [part for pair in one.dimensions.items() for part in pair]
    return _plotted(one.why, one.statistic, one.period, [[one.namespace, one.metric, *dimensions]])


def _plotted(title: str, statistic: str, period: int, metrics: list[list[Any]]) -> dict[str, Any]:
    return {
        "type": "metric",
        "width": 8,
        "height": 6,
        "properties": {
            "title": title,
            "region": Aws.REGION,
            "stat": statistic,
            "period": period,
            "metrics": metrics,
        },
    }
