"""The CDN, optional and boring: cards, styles and scripts are kept by path alone, all else passes through.

It tells the API from where a request came to it, and proves by a secret word that it may be believed. Styles
and scripts it reads from a bucket of its own, which each deployment fills before pages name what is new.
"""

from urllib.parse import urlsplit

from aws_cdk import Aws, CustomResource, Duration, Stack
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from dealbrain import assets, facts
from dealbrain.facts import Bucket
from functions.deploying import publish
from infra.data import private_bucket
from infra.plan import Plan
from infra.zips import ANSWERED_WITHIN, Deployed, Ground, Zips

# AWS's own policies: keep nothing; keep by path and encoding; hand on all the viewer sent but the host; have
# browsers take nothing for something else.
KEEP_NOTHING = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
KEEP_BY_PATH = "658327ea-f89d-4fab-a63d-7e88639e58f6"
ALL_BUT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
SECURITY_HEADERS = "67f7725c-6f97-4210-82d7-5512b31e9d03"
YEAR = 365 * 24 * 3600
METHODS = ["GET", "HEAD"]
ALL_METHODS = [*METHODS, "OPTIONS", "PUT", "PATCH", "POST", "DELETE"]
# Run for each request that passes through. What somebody else says of an address is overwritten.
TELL_VIEWER = f"""function handler(event) {{
  event.request.headers['{facts.VIEWER_ADDRESS}'] = {{ value: event.viewer.ip }};
  return event.request;
}}
"""
# An error is never kept: the next caller may fare better.
ERRORS = (400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504)
# With these the bucket says that it does not have a file, or does not answer: then the API is asked for it.
ASK_THE_API = [403, 404, 500, 502, 503, 504]
API, FILES, FILES_OR_API = "api", "files", "files-or-api"


class Edge(Stack):
    """One distribution in front of the API, and the files it has of its own."""

    def __init__(self, scope: Construct, ground: Ground, api_host: str) -> None:
        plan = ground.plan
        super().__init__(scope, plan.stack("edge"), description="The CDN in front of the API")
        bucket = private_bucket(self, plan, Bucket.static)
        distribution = self._distribution(plan, api_host, bucket)
        bucket.add_to_resource_policy(_may_read(bucket, distribution))
        self._publish(ground, bucket)

    def _publish(self, ground: Ground, bucket: s3.Bucket) -> None:
        """Have each deployment of other code put its files into the bucket, before pages name them."""
        zips = Zips(self, ground)
        function = zips.add(Deployed(publish.__name__, publish.NEEDS, timeout=facts.CHORE_TIMEOUT))
        published = CustomResource(
            self,
            "Published",
            resource_type="Custom::Published",
            service_token=function.attr_arn,
            service_timeout=Duration.seconds(ANSWERED_WITHIN.total_seconds()),
            properties={"Assets": list(zips.assets)},
        )
        published.node.add_dependency(bucket)

    def _distribution(self, plan: Plan, api_host: str, bucket: s3.Bucket) -> cloudfront.CfnDistribution:
        own_name = bool(plan.certificate)
        return cloudfront.CfnDistribution(
            self,
            "Distribution",
            distribution_config=cloudfront.CfnDistribution.DistributionConfigProperty(
                enabled=True,
                comment=plan.name,
                http_version="http2and3",
                price_class="PriceClass_100",
                aliases=[urlsplit(plan.origin).netloc] if own_name else None,
                viewer_certificate=_certificate(plan.certificate) if own_name else None,
                origins=[_origin(plan, api_host), self._files(plan, bucket)],
                origin_groups=_origin_groups(),
                default_cache_behavior=cloudfront.CfnDistribution.DefaultCacheBehaviorProperty(
                    target_origin_id=API,
                    viewer_protocol_policy="redirect-to-https",
                    allowed_methods=ALL_METHODS,
                    cache_policy_id=KEEP_NOTHING,
                    origin_request_policy_id=ALL_BUT_HOST,
                    function_associations=[self._tell_viewer(plan)],
                    compress=True,
                ),
                cache_behaviors=[
                    cloudfront.CfnDistribution.CacheBehaviorProperty(
                        path_pattern="/v1/cards/*",
                        target_origin_id=API,
                        viewer_protocol_policy="redirect-to-https",
                        allowed_methods=METHODS,
                        cache_policy_id=self._by_path(plan).ref,
                        compress=False,
                    ),
                    cloudfront.CfnDistribution.CacheBehaviorProperty(
                        path_pattern=f"{assets.PATH}*",
                        target_origin_id=FILES_OR_API,
                        viewer_protocol_policy="redirect-to-https",
                        allowed_methods=METHODS,
                        cache_policy_id=KEEP_BY_PATH,
                        response_headers_policy_id=SECURITY_HEADERS,
                        compress=True,
                    ),
                ],
                custom_error_responses=[
                    cloudfront.CfnDistribution.CustomErrorResponseProperty(
                        error_code=code, error_caching_min_ttl=0
                    )
                    for code in ERRORS
                ],
            ),
        )

    def _tell_viewer(self, plan: Plan) -> cloudfront.CfnDistribution.FunctionAssociationProperty:
        function = cloudfront.CfnFunction(
            self,
            "TellViewer",
            name=f"{plan.name}-viewer",
            auto_publish=True,
            function_code=TELL_VIEWER,
            function_config=cloudfront.CfnFunction.FunctionConfigProperty(
                comment="Tells the API who asks the CDN", runtime="cloudfront-js-2.0"
            ),
        )
        return cloudfront.CfnDistribution.FunctionAssociationProperty(
            event_type="viewer-request", function_arn=function.attr_function_arn
        )

    def _files(self, plan: Plan, bucket: s3.Bucket) -> cloudfront.CfnDistribution.OriginProperty:
        """The bucket, which the distribution asks in its own name."""
        access = cloudfront.CfnOriginAccessControl(
            self,
            "Access",
            origin_access_control_config=cloudfront.CfnOriginAccessControl.OriginAccessControlConfigProperty(
                name=plan.bucket(Bucket.static),
                origin_access_control_origin_type="s3",
                signing_behavior="always",
                signing_protocol="sigv4",
            ),
        )
        return cloudfront.CfnDistribution.OriginProperty(
            id=FILES,
            domain_name=bucket.bucket_regional_domain_name,
            origin_access_control_id=access.attr_id,
            # Empty, because CloudFormation takes no bucket without; it is the older way to ask in one's name.
            s3_origin_config=cloudfront.CfnDistribution.S3OriginConfigProperty(origin_access_identity=""),
        )

    def _by_path(self, plan: Plan) -> cloudfront.CfnCachePolicy:
        return cloudfront.CfnCachePolicy(
            self,
            "ByPath",
            cache_policy_config=cloudfront.CfnCachePolicy.CachePolicyConfigProperty(
                name=f"{plan.name}-by-path",
                # How long is said by each answer; without a word of its own nothing is kept.
                min_ttl=0,
                default_ttl=0,
                max_ttl=YEAR,
                parameters_in_cache_key_and_forwarded_to_origin=(
                    cloudfront.CfnCachePolicy.ParametersInCacheKeyAndForwardedToOriginProperty(
                        cookies_config=cloudfront.CfnCachePolicy.CookiesConfigProperty(
                            cookie_behavior="none"
                        ),
                        headers_config=cloudfront.CfnCachePolicy.HeadersConfigProperty(
                            header_behavior="none"
                        ),
                        query_strings_config=cloudfront.CfnCachePolicy.QueryStringsConfigProperty(
                            query_string_behavior="none"
                        ),
                        enable_accept_encoding_gzip=False,
                    )
                ),
            ),
        )


def _origin(plan: Plan, api_host: str) -> cloudfront.CfnDistribution.OriginProperty:
    # Read from Secrets Manager when the stack is deployed, so that it stands in no template.
    word = cloudfront.CfnDistribution.OriginCustomHeaderProperty(
        header_name=facts.CDN_WORD, header_value=f"{{{{resolve:secretsmanager:{plan.cdn_secret}}}}}"
    )
    return cloudfront.CfnDistribution.OriginProperty(
        id=API,
        domain_name=api_host,
        origin_custom_headers=[word] if plan.cdn_fingerprint else None,
        custom_origin_config=cloudfront.CfnDistribution.CustomOriginConfigProperty(
            origin_protocol_policy="https-only", origin_ssl_protocols=["TLSv1.2"]
        ),
    )


def _origin_groups() -> cloudfront.CfnDistribution.OriginGroupsProperty:
    """The bucket, and where it fails the API, which has the files of today's pages too."""
    members = [cloudfront.CfnDistribution.OriginGroupMemberProperty(origin_id=one) for one in (FILES, API)]
    group = cloudfront.CfnDistribution.OriginGroupProperty(
        id=FILES_OR_API,
        failover_criteria=cloudfront.CfnDistribution.OriginGroupFailoverCriteriaProperty(
            status_codes=cloudfront.CfnDistribution.StatusCodesProperty(
                items=ASK_THE_API, quantity=len(ASK_THE_API)
            )
        ),
        members=cloudfront.CfnDistribution.OriginGroupMembersProperty(items=members, quantity=len(members)),
    )
    return cloudfront.CfnDistribution.OriginGroupsProperty(items=[group], quantity=1)


def _may_read(bucket: s3.Bucket, distribution: cloudfront.CfnDistribution) -> iam.PolicyStatement:
    """This distribution, and no other of anybody's."""
    own = f"arn:{Aws.PARTITION}:cloudfront::{Aws.ACCOUNT_ID}:distribution/{distribution.ref}"
    return iam.PolicyStatement(
        principals=[iam.ServicePrincipal("cloudfront.amazonaws.com")],
        actions=["s3:GetObject"],
        resources=[bucket.arn_for_objects(f"{facts.STATIC}*")],
        conditions={"StringEquals": {"AWS:SourceArn": own}},
    )


def _certificate(arn: str) -> cloudfront.CfnDistribution.ViewerCertificateProperty:
    return cloudfront.CfnDistribution.ViewerCertificateProperty(
        acm_certificate_arn=arn, ssl_support_method="sni-only", minimum_protocol_version="TLSv1.2_2021"
    )
