"""What people own and what expires: network, Postgres, the private bucket, the table, who may sign in.

Nothing here is redrawn or can be made again, so deleting the stack leaves the stores where they are.
"""

import json
from collections.abc import Sequence

from aws_cdk import Aws, CfnDeletionPolicy, CfnOutput, CfnResource, Duration, RemovalPolicy, Stack
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_rds as rds
from aws_cdk import aws_s3 as s3
from constructs import Construct

from dealbrain import facts
from dealbrain.facts import Bucket
from functions.migrating import upgrade
from infra.plan import DATABASE_NAME, DATABASE_USER, Plan, arn

POSTGRES = "17.9"
POSTGRES_PORT = 5432
BACKUP_DAYS = 7
MASTER = "master"
# Cognito's own pages as they come; the newer ones show nothing until somebody has styled them.
CLASSIC_PAGES = 1


class Data(Stack):
    """Network, stores, and the user pool with the pages where people sign in."""

    def __init__(self, scope: Construct, plan: Plan) -> None:
        super().__init__(
            scope,
            plan.stack("data"),
            termination_protection=True,
            description="What people own, and what expires",
        )
        self._plan = plan
        self.vpc = self._network()
        self.database_group = self._group("DatabaseFunctions", "All functions that reach the database")
        self.renderer_group = self._group("Renderer", "The renderer, whom the database does not admit")
        self.subnets = self.vpc.isolated_subnets
        self._database()
        private_bucket(self, plan, Bucket.private, uploads_from=_pages(plan))
        self._pending()
        self._people()

    def subnet_ids(self) -> Sequence[str]:
        """The subnets functions run in; nothing leads out of them but to S3 and DynamoDB."""
        return [subnet.subnet_id for subnet in self.subnets]

    def _network(self) -> ec2.Vpc:
        vpc = ec2.Vpc(
            self,
            "Vpc",
            max_azs=2,
            nat_gateways=0,
            subnet_configuration=[
                ec2.SubnetConfiguration(name="Inside", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
            ],
        )
        files = vpc.add_gateway_endpoint("Files", service=ec2.GatewayVpcEndpointAwsService.S3)
        buckets = [self._plan.bucket_arn(bucket) for bucket in Bucket]
        files.add_to_policy(_anybody(["s3:ListBucket"], buckets))
        objects = [f"{bucket}/*" for bucket in buckets]
        files.add_to_policy(_anybody(["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], objects))
        table = vpc.add_gateway_endpoint("Pending", service=ec2.GatewayVpcEndpointAwsService.DYNAMODB)
        actions = ["GetItem", "PutItem", "DeleteItem"]
        table.add_to_policy(_anybody([f"dynamodb:{one}" for one in actions], [self._plan.table_arn]))
        return vpc

    def _group(self, name: str, description: str) -> ec2.SecurityGroup:
        # What may go out is said by the routes: there are none but those to S3, DynamoDB and each other.
        return ec2.SecurityGroup(self, name, vpc=self.vpc, description=description)

    def _database(self) -> None:
        admits = ec2.SecurityGroup(
            self, "Database", vpc=self.vpc, description="The database", allow_all_outbound=False
        )
        admits.add_ingress_rule(self.database_group, ec2.Port.tcp(POSTGRES_PORT), "from its functions only")
        self._place = rds.CfnDBSubnetGroup(
            self,
            "DatabasePlace",
            db_subnet_group_description="Beside the functions",
            subnet_ids=list(self.subnet_ids()),
        )
        build = self._instance if self._plan.database == "instance" else self._aurora
        host, resource_id, secret = build(admits.security_group_id)
        self.database_url = f"postgresql+pg8000://{DATABASE_USER}@{host}:{POSTGRES_PORT}/{DATABASE_NAME}"
        self.database_user = arn("rds-db", f"dbuser:{resource_id}/{DATABASE_USER}")
        self.master_secret = secret
        CfnOutput(
            self,
            "BootstrapEvent",
            value=json.dumps({"secret": secret, "upgrade": self._plan.function(upgrade.__name__)}),
            description="What functions.migrating.bootstrap is invoked with after the first deployment",
        )

    def _instance(self, group: str) -> tuple[str, str, str]:
        made = rds.CfnDBInstance(
            self,
            "Instance",
            db_instance_identifier=self._plan.database_id,
            db_instance_class="db.t4g.micro",
            engine="postgres",
            engine_version=POSTGRES,
            auto_minor_version_upgrade=True,
            allocated_storage="20",
            storage_type="gp3",
            storage_encrypted=True,
            db_name=DATABASE_NAME,
            db_subnet_group_name=self._place.ref,
            vpc_security_groups=[group],
            publicly_accessible=False,
            enable_iam_database_authentication=True,
            manage_master_user_password=True,
            master_username=MASTER,
            backup_retention_period=BACKUP_DAYS,
            copy_tags_to_snapshot=True,
            deletion_protection=True,
        )
        _outlives(made, CfnDeletionPolicy.SNAPSHOT)
        return made.attr_endpoint_address, made.attr_dbi_resource_id, made.attr_master_user_secret_secret_arn

    def _aurora(self, group: str) -> tuple[str, str, str]:
        made = rds.CfnDBCluster(
            self,
            "Cluster",
            db_cluster_identifier=self._plan.database_id,
            engine="aurora-postgresql",
            engine_version=POSTGRES,
            database_name=DATABASE_NAME,
            db_subnet_group_name=self._place.ref,
            vpc_security_group_ids=[group],
            serverless_v2_scaling_configuration=rds.CfnDBCluster.ServerlessV2ScalingConfigurationProperty(
                min_capacity=0, max_capacity=2, seconds_until_auto_pause=300
            ),
            storage_encrypted=True,
            enable_iam_database_authentication=True,
            manage_master_user_password=True,
            master_username=MASTER,
            backup_retention_period=BACKUP_DAYS,
            copy_tags_to_snapshot=True,
            deletion_protection=True,
        )
        _outlives(made, CfnDeletionPolicy.SNAPSHOT)
        rds.CfnDBInstance(
            self,
            "Writer",
            db_cluster_identifier=made.ref,
            db_instance_class="db.serverless",
            engine="aurora-postgresql",
            publicly_accessible=False,
        )
        return (
            made.attr_endpoint_address,
            made.attr_db_cluster_resource_id,
            made.attr_master_user_secret_secret_arn,
        )

    def _pending(self) -> None:
        table = dynamodb.CfnTable(
            self,
            "Pending",
            table_name=self._plan.table,
            billing_mode="PAY_PER_REQUEST",
            attribute_definitions=[
                dynamodb.CfnTable.AttributeDefinitionProperty(
                    attribute_name=facts.PENDING_KEY, attribute_type="S"
                )
            ],
            key_schema=[
                dynamodb.CfnTable.KeySchemaProperty(attribute_name=facts.PENDING_KEY, key_type="HASH")
            ],
            time_to_live_specification=dynamodb.CfnTable.TimeToLiveSpecificationProperty(
                attribute_name=facts.PENDING_TTL, enabled=True
            ),
        )
        _outlives(table, CfnDeletionPolicy.RETAIN)

    def _people(self) -> None:
        pool = self._pool()
        self.people = pool.ref
        self.issuer = f"https://cognito-idp.{Aws.REGION}.{Aws.URL_SUFFIX}/{pool.ref}"
        pages = cognito.CfnUserPoolDomain(
            self,
            "SignIn",
            user_pool_id=pool.ref,
            # In a region nobody else may have the same, so the account stands in it.
            domain=f"{self._plan.name}-{Aws.ACCOUNT_ID}",
            managed_login_version=CLASSIC_PAGES,
        )
        self.sign_in_url = f"https://{pages.ref}.auth.{Aws.REGION}.amazoncognito.com"

    def _pool(self) -> cognito.CfnUserPool:
        pool = cognito.CfnUserPool(
            self,
            "People",
            user_pool_name=self._plan.name,
            username_configuration=cognito.CfnUserPool.UsernameConfigurationProperty(case_sensitive=False),
            auto_verified_attributes=["email"],
            policies=cognito.CfnUserPool.PoliciesProperty(
                password_policy=cognito.CfnUserPool.PasswordPolicyProperty(
                    minimum_length=12,
                    require_lowercase=True,
                    require_uppercase=True,
                    require_numbers=True,
                    require_symbols=True,
                )
            ),
            mfa_configuration="OPTIONAL",
            enabled_mfas=["SOFTWARE_TOKEN_MFA"],
            account_recovery_setting=cognito.CfnUserPool.AccountRecoverySettingProperty(
                recovery_mechanisms=[
                    cognito.CfnUserPool.RecoveryOptionProperty(name="verified_email", priority=1)
                ]
            ),
            deletion_protection="ACTIVE",
        )
        _outlives(pool, CfnDeletionPolicy.RETAIN)
        return pool


def private_bucket(
    scope: Construct, plan: Plan, bucket: Bucket, *, uploads_from: Sequence[str] = ()
) -> s3.Bucket:
    """A bucket nobody reaches but our functions, over TLS, with the lifetimes of facts.

    Args:
        scope: the stack.
        plan: says what it is called.
        bucket: which one.
        uploads_from: the origins of pages that may send it files; each file has its own signed policy.
    """
    posting = s3.CorsRule(
        allowed_methods=[s3.HttpMethods.POST], allowed_origins=list(uploads_from), allowed_headers=["*"]
    )
    return s3.Bucket(
        scope,
        bucket.title(),
        bucket_name=plan.bucket(bucket),
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        encryption=s3.BucketEncryption.S3_MANAGED,
        enforce_ssl=True,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        cors=[posting] if uploads_from else None,
        removal_policy=RemovalPolicy.RETAIN,
        lifecycle_rules=[
            *(_lifetime(expiry) for expiry in facts.LIFECYCLE if expiry.bucket is bucket),
            s3.LifecycleRule(id="unfinished", abort_incomplete_multipart_upload_after=Duration.days(1)),
        ],
    )


def _pages(plan: Plan) -> Sequence[str]:
    """Where our pages come from; without a name of our own, from AWS's, of which S3 takes one star."""
    if plan.origin:
        return [plan.origin]
    return [f"https://*.execute-api.{Aws.REGION}.{Aws.URL_SUFFIX}", "https://*.cloudfront.net"]


def _lifetime(expiry: facts.Expiry) -> s3.LifecycleRule:
    return s3.LifecycleRule(
        id=expiry.prefix.strip("/"), prefix=expiry.prefix, expiration=Duration.days(expiry.days)
    )


def _anybody(actions: Sequence[str], resources: Sequence[str]) -> iam.PolicyStatement:
    """What may pass a gateway endpoint; who may do it is said by the roles."""
    return iam.PolicyStatement(
        principals=[iam.AnyPrincipal()], actions=list(actions), resources=list(resources)
    )


def _outlives(made: CfnResource, policy: CfnDeletionPolicy) -> None:
    """Keep what people own when a stack, or this line, goes away."""
    made.cfn_options.deletion_policy = policy
    made.cfn_options.update_replace_policy = policy
