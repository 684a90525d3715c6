"""The HTTP API, and the endpoints behind it: one stack per folder of functions/.

An endpoint is four resources: function, role, integration, route. Two routes of one function share it.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence

from aws_cdk import Aws, Stack
from aws_cdk import aws_apigatewayv2 as http
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from dealbrain import facts
from infra.plan import Plan
from infra.routes import Endpoint
from infra.zips import Deployed, Ground, Zips, allow, role_of

# No path: share tokens stand in paths. No address either: it is somebody's.
LOGGED = ("requestId", "requestTime", "routeKey", "status", "responseLatency", "integrationErrorMessage")
ASSUMED_BY_GATEWAY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "apigateway.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


# Minutes an access token is good for: signing out cannot call it back.
ACCESS_TOKEN_MINUTES = 15
REFRESH_TOKEN_DAYS = 30


class Api(Stack):
    """The HTTP API itself: its stage, its log, the role it calls functions by, and who may sign in to it."""

    def __init__(self, scope: Construct, plan: Plan, modules: Sequence[str], people: str) -> None:
        """Add it.

        Args:
            scope: the app.
            plan: says what it is called.
            modules: the functions it may call.
            people: the id of the user pool.
        """
        super().__init__(scope, plan.stack("api"), description="The HTTP API in front of the endpoints")
        self.gateway = http.CfnApi(
            self,
            "Gateway",
            name=plan.name,
            protocol_type="HTTP",
        )
        self.id = self.gateway.ref
        self.host = f"{self.id}.execute-api.{Aws.REGION}.{Aws.URL_SUFFIX}"
        self.origin = plan.origin or f"https://{self.host}"
        self.client_id = self._site(people).ref
        group = logs.CfnLogGroup(self, "Logs", retention_in_days=facts.LOG_DAYS)
        http.CfnStage(
            self,
            "Stage",
            api_id=self.id,
            stage_name="$default",
            auto_deploy=True,
            default_route_settings=http.CfnStage.RouteSettingsProperty(
                throttling_rate_limit=facts.REQUESTS_A_SECOND, throttling_burst_limit=facts.REQUESTS_AT_ONCE
            ),
            access_log_settings=http.CfnStage.AccessLogSettingsProperty(
                destination_arn=group.attr_arn,
                format=json.dumps({name: f"$context.{name}" for name in LOGGED}),
            ),
        )
        called = [plan.function_arn(module) for module in modules]
        self.invoke_role: iam.CfnRole = role_of(
            self, "InvokeRole", [allow(["lambda:InvokeFunction"], called)], ASSUMED_BY_GATEWAY
        )

    def _site(self, people: str) -> cognito.CfnUserPoolClient:
        # Here and not beside the pool, because Cognito is told where it may send people back to.
        return cognito.CfnUserPoolClient(
            self,
            "Site",
            user_pool_id=people,
            # A code is of use only to who began (PKCE), so there is no secret that would have to be kept.
            generate_secret=False,
            allowed_o_auth_flows_user_pool_client=True,
            allowed_o_auth_flows=["code"],
            allowed_o_auth_scopes=["openid"],
            callback_ur_ls=[self.origin + facts.SIGN_IN_CALLBACK],
            logout_ur_ls=[self.origin + facts.SIGNED_OUT],
            supported_identity_providers=["COGNITO"],
            # For programs, which bring an access token of their own.
            explicit_auth_flows=["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
            prevent_user_existence_errors="ENABLED",
            enable_token_revocation=True,
            access_token_validity=ACCESS_TOKEN_MINUTES,
            id_token_validity=ACCESS_TOKEN_MINUTES,
            refresh_token_validity=REFRESH_TOKEN_DAYS,
            token_validity_units=cognito.CfnUserPoolClient.TokenValidityUnitsProperty(
                access_token="minutes",  # noqa: S106 - a unit, no token
                id_token="minutes",  # noqa: S106 - the same
                refresh_token="days",  # noqa: S106 - the same
            ),
        )


class Endpoints(Stack):
    """The endpoints of one folder of functions/."""

    def __init__(
        self,
        scope: Construct,
        folder: str,
        endpoints: Mapping[str, Sequence[Endpoint]],
        ground: Ground,
        api: Api,
    ) -> None:
        super().__init__(
            scope, ground.plan.stack(f"api-{folder}"), description=f"The endpoints of functions/{folder}"
        )
        zips = Zips(self, ground)
        for module, routes in endpoints.items():
            self._endpoint(Deployed(module, routes[0].needs, verifies_callers=True), routes, zips, api)

    def _endpoint(self, one: Deployed, routes: Sequence[Endpoint], zips: Zips, api: Api) -> None:
        function = zips.add(one)
        integration = http.CfnIntegration(
            self,
            f"{one.id}Integration",
            api_id=api.id,
            integration_type="AWS_PROXY",
            integration_uri=function.attr_arn,
            credentials_arn=api.invoke_role.attr_arn,
            payload_format_version="2.0",
        )
        for route in routes:
            http.CfnRoute(
                self,
                f"{one.id}Route{route.method.title()}",
                api_id=api.id,
                route_key=route.key,
                target=f"integrations/{integration.ref}",
                # Every function verifies the caller itself: a gateway's authorizer knows no "optional".
                authorization_type="NONE",
            )


def by_folder(endpoints: Sequence[Endpoint]) -> dict[str, dict[str, list[Endpoint]]]:
    """Sort routes by folder and module."""
    found: dict[str, dict[str, list[Endpoint]]] = defaultdict(lambda: defaultdict(list))
    for one in endpoints:
        found[one.module.split(".")[1]][one.module].append(one)
    return {folder: dict(modules) for folder, modules in sorted(found.items())}
