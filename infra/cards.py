"""What is generated and may be lost: its bucket, and the renderer that fills it."""

from pathlib import Path

from aws_cdk import Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk.aws_ecr_assets import DockerImageAsset, Platform
from constructs import Construct

from dealbrain import facts
from dealbrain.facts import CARDS, SPECS, Bucket
from dealbrain.web import Needs
from infra.data import Data, private_bucket
from infra.zips import Ground, grants, in_vpc, log_group, logs_into, own_logs, role_of

MEMORY_MB = 2048
NEEDS = Needs(reads=(SPECS,), writes=(CARDS,), lists=(Bucket.generated,))


class Cards(Stack):
    """The bucket of generated files, and the container function with the browser."""

    def __init__(self, scope: Construct, ground: Ground, data: Data, image: Path) -> None:
        plan = ground.plan
        super().__init__(scope, plan.stack("cards"), description="Generated files, and the renderer of cards")
        private_bucket(self, plan, Bucket.generated)
        self.logs = log_group(self, "Logs")
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
        statements = [*own_logs(self.logs), *grants(ground, NEEDS, reads_keys=False), in_vpc()]
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
            logging_config=logs_into(self.logs),
            # It shows what people wrote: no way out, and none to the database.
            vpc_config=lambda_.CfnFunction.VpcConfigProperty(
                subnet_ids=list(ground.subnets), security_group_ids=[data.renderer_group.security_group_id]
            ),
        )
