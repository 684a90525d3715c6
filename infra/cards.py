"""What is generated and may be lost: its bucket, the renderer that fills it, and what has it draw ahead.

All in one stack, because a bucket that notifies a function of another one would need it before itself.
"""

from datetime import timedelta
from pathlib import Path

from aws_cdk import Aws, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk.aws_ecr_assets import DockerImageAsset, Platform
from constructs import Construct

from dealbrain import facts
from dealbrain.facts import CARDS, SPECS, WARM, Bucket
from dealbrain.web import Needs
from functions.carding import warm
from infra.data import Data, private_bucket
from infra.zips import (
    Deployed,
    Ground,
    Zips,
    allow,
    dead_letters,
    grants,
    in_vpc,
    logs_into,
    own_logs,
    role_of,
)

MEMORY_MB = 2048
NEEDS = Needs(reads=(SPECS,), writes=(CARDS,), lists=(Bucket.generated,))
DEAD_WARM_UPS = "dead-warm-ups"
# A picture that is not drawn by then is drawn for whoever asks first.
WARM_UP_AGE = timedelta(minutes=5)
WARM_UP_RETRIES = 2


class Cards(Stack):
    """The bucket of generated files, the container function with the browser, and the warm-up."""

    def __init__(self, scope: Construct, ground: Ground, data: Data, image: Path) -> None:
        plan = ground.plan
        super().__init__(scope, plan.stack("cards"), description="Generated files, and the renderer of cards")
        self._ground = ground
        self._zips = Zips(self, ground)
        self._notify(private_bucket(self, plan, Bucket.generated), self._warm())
        built = DockerImageAsset(
            self,
            "Image",
            directory=str(image),
            file="functions/drawing/Dockerfile",
            # The browser the tests draw with.
            platform=Platform.LINUX_AMD64,
        )
        self.asset = built.asset_hash
        """What the image is made of, as a hash."""
        logs = self._zips.logs
        statements = [*own_logs(logs), *grants(ground, NEEDS, verifies_callers=False), in_vpc()]
        lambda_.CfnFunction(
            self,
            "Renderer",
            function_name=plan.renderer,
            description="Draws one card",
            package_type="Image",
            architectures=["x86_64"],
            code=lambda_.CfnFunction.CodeProperty(image_uri=built.image_uri),
            role=role_of(self, "RendererRole", statements).attr_arn,
            memory_size=MEMORY_MB,
            timeout=int(facts.RENDERER_TIMEOUT.total_seconds()),
            reserved_concurrent_executions=facts.RENDERER_CONCURRENCY if plan.reserve else None,
            environment=lambda_.CfnFunction.EnvironmentProperty(
                variables=ground.settings.without_database().environment()
            ),
            logging_config=logs_into(logs),
            # It shows what people wrote: no way out, and none to the database.
            vpc_config=lambda_.CfnFunction.VpcConfigProperty(
                subnet_ids=list(ground.subnets), security_group_ids=[data.renderer_group.security_group_id]
            ),
        )

    def _warm(self) -> lambda_.CfnFunction:
        """The function that has a card drawn ahead: tried again twice, then given up and told of."""
        dead = dead_letters(self, self._ground.plan, DEAD_WARM_UPS)
        tells = allow(["sqs:SendMessage"], [dead.queue_arn])
        function = self._zips.add(Deployed(warm.__name__, warm.NEEDS, more=[tells]))
        lambda_.CfnEventInvokeConfig(
            self,
            "WarmUps",
            function_name=function.ref,
            qualifier="$LATEST",
            maximum_event_age_in_seconds=int(WARM_UP_AGE.total_seconds()),
            maximum_retry_attempts=WARM_UP_RETRIES,
            destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(
                on_failure=lambda_.CfnEventInvokeConfig.OnFailureProperty(destination=dead.queue_arn)
            ),
        )
        return function

    def _notify(self, bucket: s3.Bucket, function: lambda_.CfnFunction) -> None:
        """Have S3 call a function for every object put under warm/."""
        permission = lambda_.CfnPermission(
            self,
            "Notified",
            action="lambda:InvokeFunction",
            function_name=function.attr_arn,
            principal="s3.amazonaws.com",
            source_account=Aws.ACCOUNT_ID,
            source_arn=self._ground.plan.bucket_arn(Bucket.generated),
        )
        # Not the bucket's own method, which would deploy a function of the CDK's to set this.
        made = bucket.node.default_child
        assert isinstance(made, s3.CfnBucket)  # noqa: S101 - what a bucket is made of
        under = s3.CfnBucket.FilterRuleProperty(name="prefix", value=WARM)
        made.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            lambda_configurations=[
                s3.CfnBucket.LambdaConfigurationProperty(
                    event="s3:ObjectCreated:*",
                    function=function.attr_arn,
                    filter=s3.CfnBucket.NotificationFilterProperty(
                        s3_key=s3.CfnBucket.S3KeyFilterProperty(rules=[under])
                    ),
                )
            ]
        )
        # S3 asks the function whether it may before it takes the configuration.
        made.add_dependency(permission)
