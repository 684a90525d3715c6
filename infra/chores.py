"""Functions without a route: the migration, the issuer's keys, what runs by the clock, and the last check."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from aws_cdk import CustomResource, Duration, Stack
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from dealbrain import facts
from functions.accounts import copy_keys
from functions.deploying import check, publish
from functions.migrating import bootstrap, upgrade
from functions.rescoring import all as rescore
from functions.sweeping import expired, forgotten, leftovers, ping
from infra.plan import RENDERER, Plan
from infra.routes import modules
from infra.zips import ANSWERED_WITHIN, Deployed, Ground, Zips, allow, construct_id, dead_letters, role_of

ASSUMED_BY_SCHEDULER = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "scheduler.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
# An event that comes later than this is of no use: the next one does its work.
EVENT_AGE = timedelta(hours=1)
# A migration, and going through all offers, may take longer than any request.
LONG = timedelta(minutes=15)
# The placeholder the scheduler replaces by the time it was to run at.
SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"
SWEEPS = (expired, forgotten, leftovers)
DEAD_LETTERS = "dead-letters"
# Once a day, because a more frequent one would keep a sleeping database awake.
# Before the sweep, which removes the cards that are outdated by it.
NIGHTLY_RESCORING = "cron(0 2 * * ? *)"
NIGHTLY_SWEEP = "cron(0 3 * * ? *)"
NIGHTLY_PING = "cron(30 3 * * ? *)"
KEYS_EVERY = "rate(1 hour)"


class Chores(Stack):
    """The functions nobody calls over HTTP, and their schedules."""

    def __init__(self, scope: Construct, ground: Ground, secret: str) -> None:
        super().__init__(
            scope, ground.plan.stack("chores"), description="Migration, keys, and what runs by the clock"
        )
        self._plan = ground.plan
        self._zips = Zips(self, ground)
        self._dead = dead_letters(self, ground.plan, DEAD_LETTERS)
        self._migration(secret)
        self._add(copy_keys, timeout=facts.CHORE_TIMEOUT)
        for one in SWEEPS:
            self._add(one, timeout=facts.CHORE_TIMEOUT)
        self._add(rescore, timeout=LONG)
        awake = pinged(self._plan)
        may = allow(["lambda:InvokeFunction"], [self._plan.function_arn(one) for one in awake])
        self._add(ping, timeout=facts.CHORE_TIMEOUT, more=[may])
        self._schedule(copy_keys.__name__, KEYS_EVERY, {})
        self._schedule(rescore.__name__, NIGHTLY_RESCORING, {"now": SCHEDULED_TIME})
        for one in SWEEPS:
            self._schedule(one.__name__, NIGHTLY_SWEEP, {"now": SCHEDULED_TIME})
        names = [self._plan.function(one) for one in awake]
        self._schedule(ping.__name__, NIGHTLY_PING, {"functions": names})

    def _add(self, module: Any, timeout: timedelta, more: Sequence[Mapping[str, Any]] = ()) -> None:  # noqa: ANN401 - a module
        self._zips.add(
            Deployed(module.__name__, module.NEEDS, timeout=timeout, more=[dict(one) for one in more])
        )

    def _migration(self, secret: str) -> None:
        self._add(upgrade, timeout=LONG)
        reads = allow(["secretsmanager:GetSecretValue"], [secret])
        calls = allow(["lambda:InvokeFunction"], [self._plan.function_arn(upgrade.__name__)])
        self._add(bootstrap, timeout=LONG, more=[reads, calls])

    def _schedule(self, module: str, expression: str, event: Mapping[str, Any]) -> None:
        name = construct_id(module)
        role = role_of(
            self,
            f"{name}ScheduleRole",
            [
                allow(["lambda:InvokeFunction"], [self._plan.function_arn(module)]),
                allow(["sqs:SendMessage"], [self._dead.queue_arn]),
            ],
            ASSUMED_BY_SCHEDULER,
        )
        scheduler.CfnSchedule(
            self,
            f"{name}Schedule",
            schedule_expression=expression,
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=self._plan.function_arn(module),
                role_arn=role.attr_arn,
                input=json.dumps(event),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=int(EVENT_AGE.total_seconds()), maximum_retry_attempts=2
                ),
                dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=self._dead.queue_arn),
            ),
        )


class Check(Stack):
    """What a deployment ends with: one card is drawn and everything is woken, or it has failed.

    A stack of its own, so that what fails takes nothing back but itself.
    """

    def __init__(self, scope: Construct, ground: Ground, image: str) -> None:
        plan = ground.plan
        super().__init__(scope, plan.stack("check"), description="The check each deployment ends with")
        zips = Zips(self, ground)
        calls = [plan.renderer_arn, plan.function_arn(ping.__name__)]
        may = allow(["lambda:InvokeFunction"], calls)
        function = zips.add(Deployed(check.__name__, check.NEEDS, timeout=facts.CHORE_TIMEOUT, more=[may]))
        assets = [*zips.assets, image]
        CustomResource(
            self,
            # Another one for other assets: undoing a new one deletes it, which always succeeds. Undoing an
            # update would check again, fail for the same reason, and leave the stack stuck.
            f"Check{hashlib.sha256(json.dumps(assets).encode()).hexdigest()[:8]}",
            resource_type="Custom::Check",
            service_token=function.attr_arn,
            service_timeout=Duration.seconds(ANSWERED_WITHIN.total_seconds()),
            properties={
                "Ping": plan.function(ping.__name__),
                "Functions": [plan.function(one) for one in pinged(plan)],
                "Assets": assets,
            },
        )


def pinged(plan: Plan) -> list[str]:
    """The modules of all functions the ping wakes: every one there is but itself."""
    absent = set() if plan.cdn else {publish.__name__}
    return sorted({*modules(), RENDERER} - {ping.__name__} - absent)
