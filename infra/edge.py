"""The CDN, optional and boring: cards are kept by their path alone, everything else passes through.

It tells the API from where a request came to it, and proves by a secret word that it may be believed.
"""

from urllib.parse import urlsplit

from aws_cdk import Stack
from aws_cdk import aws_cloudfront as cloudfront
from constructs import Construct

from dealbrain import facts
from infra.plan import Plan

# AWS's own policies: keep nothing; hand on everything the viewer sent but the host.
KEEP_NOTHING = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
ALL_BUT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
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


class Edge(Stack):
    """One distribution in front of the API."""

    def __init__(self, scope: Construct, plan: Plan, api_host: str) -> None:
        super().__init__(scope, plan.stack("edge"), description="The CDN in front of the API")
        own_name = bool(plan.certificate)
        self.distribution = cloudfront.CfnDistribution(
            self,
            "Distribution",
            distribution_config=cloudfront.CfnDistribution.DistributionConfigProperty(
                enabled=True,
                comment=plan.name,
                http_version="http2and3",
                price_class="PriceClass_100",
                aliases=[urlsplit(plan.origin).netloc] if own_name else None,
                viewer_certificate=_certificate(plan.certificate) if own_name else None,
                origins=[_origin(plan, api_host)],
                default_cache_behavior=cloudfront.CfnDistribution.DefaultCacheBehaviorProperty(
                    target_origin_id="api",
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
                        target_origin_id="api",
                        viewer_protocol_policy="redirect-to-https",
                        allowed_methods=METHODS,
                        cache_policy_id=self._by_path(plan).ref,
                        compress=False,
                    )
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
        id="api",
        domain_name=api_host,
        origin_custom_headers=[word] if plan.cdn_fingerprint else None,
        custom_origin_config=cloudfront.CfnDistribution.CustomOriginConfigProperty(
            origin_protocol_policy="https-only", origin_ssl_protocols=["TLSv1.2"]
        ),
    )


def _certificate(arn: str) -> cloudfront.CfnDistribution.ViewerCertificateProperty:
    return cloudfront.CfnDistribution.ViewerCertificateProperty(
        acm_certificate_arn=arn, ssl_support_method="sni-only", minimum_protocol_version="TLSv1.2_2021"
    )
