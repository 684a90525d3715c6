"""What would be deployed, read from the templates: no account, no CDK, plain JSON.

Every check is a function that lists what is wrong. The last tests take one thing away from a copy of the
templates, and the check that guards it must then complain.
"""

import copy
import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dealbrain import facts
from dealbrain.facts import Bucket
from dealbrain.settings import LIBRARIES, PREFIX, Settings
from functions.accounts import callback
from functions.carding import warm
from functions.deploying import check, publish
from functions.rescoring import all as rescore
from functions.sweeping import expired, forgotten, leftovers, ping
from infra import edge
from infra.routes import routes
from infra.staging import BUILD, LAYER, size
from tests import functions_table
from tests.roles import NotAllowedError, register
from tests.template import (
    ACCOUNT,
    AFTER,
    CDN_FINGERPRINT,
    REGION,
    RENDERER,
    Resource,
    Templates,
    all_needs,
    module_of,
    resources,
    templates,
)

FUNCTION = "AWS::Lambda::Function"
ROLE = "AWS::IAM::Role"
BUCKET = "AWS::S3::Bucket"
ROUTE = "AWS::ApiGatewayV2::Route"
CHECK = "Custom::Check"
PUBLISHED = "Custom::Published"
QUEUE = "AWS::SQS::Queue"
ALARM = "AWS::CloudWatch::Alarm"
MEBIBYTES_MOST = 250
RESOURCES_MOST = 450
# What Lambda itself does for a function in a network; AWS knows no narrower resource for it.
NETWORK_INTERFACES = {
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeSubnets",
}
LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}


@pytest.fixture(scope="session")
def deployed() -> Templates:
    return templates()


# -------------------------------------------------------------------------------------- reading them


def functions(found: Templates) -> dict[str, Resource]:
    """Every function by its module."""
    return {module_of(one): one for one in resources(found, FUNCTION)}


def role_of(found: Templates, function: Resource) -> Resource:
    return next(
        one
        for one in resources(found, ROLE)
        if one.stack == function.stack and one.attribute("Arn") == function.properties["Role"]
    )


def statements(role: Resource) -> list[dict[str, Any]]:
    return [
        statement
        for policy in role.properties["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def grants(role: Resource) -> set[tuple[str, str]]:
    """Pairs of action and resource."""
    return {
        (action, one)
        for statement in statements(role)
        for action in statement["Action"]
        for one in statement["Resource"]
    }


def bucket_arn(bucket: Bucket) -> str:
    return f"arn:aws:s3:::dealbrain-{bucket}-{ACCOUNT}-{REGION}"


def file_arn(kept: str) -> str:
    return f"{bucket_arn(facts.KEPT_IN[kept])}/{kept}" + ("*" if kept.endswith("/") else "")


# ----------------------------------------------------------------------------------------- the checks


def wrong_routes(found: Templates) -> list[str]:
    wanted = {one.key: one.module for one in routes()}
    integrations = {one.ref: one for one in resources(found, "AWS::ApiGatewayV2::Integration")}
    arns = {one.attribute("Arn"): module_of(one) for one in resources(found, FUNCTION)}
    there = {}
    for one in resources(found, ROUTE):
        integration = integrations[one.properties["Target"].removeprefix("integrations/")]
        there[one.properties["RouteKey"]] = arns[integration.properties["IntegrationUri"]]
    return [f"{key}: {wanted.get(key)}, not {there.get(key)}" for key in differing(wanted, there)]


def wrong_cdn(found: Templates) -> list[str]:
    """What would make the CDN keep more than cards by their path, or not be known by the API."""
    said = distribution_of(found).properties["DistributionConfig"]
    (cards,) = (one for one in said["CacheBehaviors"] if one["TargetOriginId"] == edge.API)
    (origin,) = (one for one in said["Origins"] if one["Id"] == edge.API)
    (by_path,) = resources(found, "AWS::CloudFront::CachePolicy")
    key = by_path.properties["CachePolicyConfig"]["ParametersInCacheKeyAndForwardedToOrigin"]
    told = [function_code(found, one) for one in said["DefaultCacheBehavior"].get("FunctionAssociations", [])]
    words = {one["HeaderName"]: one["HeaderValue"] for one in origin.get("OriginCustomHeaders", [])}
    right = {
        "cards": (cards["PathPattern"], cards["CachePolicyId"]) == ("/v1/cards/*", by_path.ref),
        "key": {one for name, one in key.items() if name.endswith("Config") for one in one.values()}
        == {"none"},
        "the rest": said["DefaultCacheBehavior"]["CachePolicyId"] == edge.KEEP_NOTHING,
        "errors": not any(one["ErrorCachingMinTTL"] for one in said["CustomErrorResponses"]),
        "its word": words == {facts.CDN_WORD: "{{resolve:secretsmanager:dealbrain-cdn}}"},
        "the viewer": len(told) == 1 and f"headers['{facts.VIEWER_ADDRESS}']" in told[0],
        "its fingerprint": all(
            one.properties["Environment"]["Variables"][f"{PREFIX}CDN_FINGERPRINT"] == CDN_FINGERPRINT
            for one in functions(found).values()
        ),
    }
    return [name for name, is_right in right.items() if not is_right]


def distribution_of(found: Templates) -> Resource:
    (distribution,) = resources(found, "AWS::CloudFront::Distribution")
    return distribution


def wrong_static_files(found: Templates) -> list[str]:
    """What would keep the CDN from having what pages fetch, or let it have or change more than that."""
    said = distribution_of(found).properties["DistributionConfig"]
    behaviors = [one for one in said["CacheBehaviors"] if one["PathPattern"] == f"/{facts.STATIC}*"]
    origins = {one["Id"]: one for one in said["Origins"]}
    access = {
        one.attribute("Id"): one.properties["OriginAccessControlConfig"]
        for one in resources(found, "AWS::CloudFront::OriginAccessControl")
    }
    (bucket,) = (one for one in resources(found, BUCKET) if one.stack == "edge")
    read = origins[edge.FILES]
    signed = access.get(read.get("OriginAccessControlId", ""), {})
    right = {
        "kept by path, read only": [kept_by(one) for one in behaviors] == [STATIC_BEHAVIOR],
        "its own bucket": read["DomainName"] == bucket.attribute("RegionalDomainName"),
        "asked in its name": (signed.get("SigningBehavior"), signed.get("SigningProtocol"))
        == ("always", "sigv4"),
        "the API where it fails": [members(one) for one in said["OriginGroups"]["Items"]]
        == [(edge.FILES_OR_API, [edge.FILES, edge.API], {403, 404})],
        "nobody else reads": readers(found, bucket) == [reading(bucket, distribution_of(found))],
        "there before pages": not unpublished(found),
    }
    return [name for name, is_right in right.items() if not is_right]


STATIC_BEHAVIOR = {
    "TargetOriginId": edge.FILES_OR_API,
    "ViewerProtocolPolicy": "redirect-to-https",
    "AllowedMethods": ["GET", "HEAD"],
    "CachePolicyId": edge.KEEP_BY_PATH,
    "Compress": True,
}


def kept_by(behavior: dict[str, Any]) -> dict[str, Any]:
    return {name: behavior.get(name) for name in STATIC_BEHAVIOR}


def members(group: dict[str, Any]) -> tuple[str, list[str], set[int]]:
    """An origin group's name, whom it asks in turn, and at which 4xx the next one."""
    codes = {one for one in group["FailoverCriteria"]["StatusCodes"]["Items"] if one < 500}
    return group["Id"], [one["OriginId"] for one in group["Members"]["Items"]], codes


def readers(found: Templates, bucket: Resource) -> list[dict[str, Any]]:
    """What a bucket's own policy allows, and to whom."""
    return [
        statement
        for policy in resources(found, "AWS::S3::BucketPolicy")
        if policy.properties["Bucket"] == bucket.ref
        for statement in policy.properties["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]


def reading(bucket: Resource, distribution: Resource) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": "s3:GetObject",
        "Resource": f"{bucket.attribute('Arn')}/{facts.STATIC}*",
        "Condition": {
            "StringEquals": {
                "AWS:SourceArn": f"arn:aws:cloudfront::{ACCOUNT}:distribution/{distribution.ref}"
            }
        },
    }


def unpublished(found: Templates) -> list[str]:
    """What could answer a page before the files it names are where the CDN looks for them."""
    published = resources(found, PUBLISHED)
    own = functions(found)[publish.__name__]
    (bucket,) = (one for one in resources(found, BUCKET) if one.stack == "edge")
    codes = {own.properties["Code"]["S3Key"].removesuffix(".zip")}
    wrong = [
        one.name
        for one in published
        if one.properties["ServiceToken"] != own.attribute("Arn")
        or not codes <= set(one.properties["Assets"])
        or bucket.name not in listed(one.whole.get("DependsOn", []))
        or not own.properties["Timeout"] < int(one.properties.get("ServiceTimeout", 3600)) <= 300
    ]
    early = [name for name, one in found.items() if name.startswith("api-") and "edge" not in one[AFTER]]
    return wrong + early + ([] if len(published) == 1 else ["it is published once"])


def function_code(found: Templates, association: dict[str, Any]) -> str:
    """What the CDN runs when somebody asks for something."""
    assert association["EventType"] == "viewer-request"
    made = {one.attribute("FunctionARN"): one for one in resources(found, "AWS::CloudFront::Function")}
    code: str = made[association["FunctionARN"]].properties["FunctionCode"]
    return code


def differing(wanted: dict[str, Any], there: dict[str, Any]) -> list[str]:
    return [key for key in sorted(wanted.keys() | there.keys()) if wanted.get(key) != there.get(key)]


def wrong_functions(found: Templates) -> list[str]:
    wanted = {name for name, _ in all_needs()} | {RENDERER}
    return sorted(wanted ^ functions(found).keys())


def wrong_lifetimes(found: Templates) -> list[str]:
    wanted = {(one.bucket.value, one.prefix): one.days for one in facts.LIFECYCLE}
    there = {}
    for bucket in resources(found, BUCKET):
        role = bucket.properties["BucketName"].split("-")[1]
        for rule in bucket.properties["LifecycleConfiguration"]["Rules"]:
            if rule["Status"] == "Enabled" and "ExpirationInDays" in rule:
                there[role, rule["Prefix"]] = rule["ExpirationInDays"]
    return [str(key) for key in sorted(wanted.keys() | there.keys()) if wanted.get(key) != there.get(key)]


def unfinished_uploads_kept(found: Templates) -> list[str]:
    return [
        bucket.name
        for bucket in resources(found, BUCKET)
        if not any(
            rule.get("AbortIncompleteMultipartUpload") == {"DaysAfterInitiation": 1}
            for rule in bucket.properties["LifecycleConfiguration"]["Rules"]
        )
    ]


def open_buckets(found: Templates) -> list[str]:
    closed = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    refuses_plain_http = {
        policy.properties["Bucket"]
        for policy in resources(found, "AWS::S3::BucketPolicy")
        for statement in policy.properties["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny"
        and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    }
    return [
        one.name
        for one in resources(found, BUCKET)
        if one.properties.get("PublicAccessBlockConfiguration") != dict.fromkeys(closed, True)
        or "BucketEncryption" not in one.properties
        or one.ref not in refuses_plain_http
    ]


def wrong_uploads(found: Templates) -> list[str]:
    """Buckets that take files from pages of others, or not from ours."""
    rules = {
        one.name: one.properties.get("CorsConfiguration", {}).get("CorsRules", [])
        for one in resources(found, BUCKET)
    }
    return [
        name
        for name, said in rules.items()
        if bool(said) != ("Private" in name)
        or any(rule["AllowedMethods"] != ["POST"] or "*" in rule["AllowedOrigins"] for rule in said)
    ]


def wrong_table(found: Templates) -> list[str]:
    (table,) = resources(found, "AWS::DynamoDB::Table")
    said = table.properties
    wanted = {
        "TimeToLiveSpecification": {"AttributeName": facts.PENDING_TTL, "Enabled": True},
        "KeySchema": [{"AttributeName": facts.PENDING_KEY, "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    return [name for name, value in wanted.items() if said.get(name) != value]


def wrong_concurrency(found: Templates) -> list[str]:
    ordering = {name: needs.renderer for name, needs in all_needs() if needs.renderer}
    wanted = {**ordering, RENDERER: facts.RENDERER_CONCURRENCY}
    there = {
        name: one.properties["ReservedConcurrentExecutions"]
        for name, one in functions(found).items()
        if "ReservedConcurrentExecutions" in one.properties
    }
    return differing(wanted, there)


def wrong_timeouts(found: Templates) -> list[str]:
    there = {name: one.properties["Timeout"] for name, one in functions(found).items()}
    wanted = {one.module: facts.ENDPOINT_TIMEOUT.total_seconds() for one in routes()}
    wanted[RENDERER] = facts.RENDERER_TIMEOUT.total_seconds()
    return [name for name, seconds in wanted.items() if there.get(name) != seconds]


def wrong_throttle(found: Templates) -> list[str]:
    (stage,) = resources(found, "AWS::ApiGatewayV2::Stage")
    wanted = {
        "ThrottlingRateLimit": facts.REQUESTS_A_SECOND,
        "ThrottlingBurstLimit": facts.REQUESTS_AT_ONCE,
    }
    return [] if stage.properties["DefaultRouteSettings"] == wanted else [stage.name]


def telling_logs(found: Templates) -> list[str]:
    """Access logs that lack the route or hold what is nobody's business."""
    (stage,) = resources(found, "AWS::ApiGatewayV2::Stage")
    logged = set(json.loads(stage.properties["AccessLogSettings"]["Format"]).values())
    private = {one for one in logged if any(word in one for word in ("path", "identity", "authorizer"))}
    return sorted(private | ({"$context.routeKey"} - logged))


def wide_actions(found: Templates) -> list[str]:
    return [
        f"{role.name}: {action}"
        for role in resources(found, ROLE)
        for action, _ in grants(role)
        if "*" in action
    ]


def wide_resources(found: Templates) -> list[str]:
    """Statements on everything, other than Lambda's own for a function in a network."""
    return [
        f"{role.name}: {statement['Action']}"
        for role in resources(found, ROLE)
        for statement in statements(role)
        if "*" in statement["Resource"] and set(statement["Action"]) != NETWORK_INTERFACES
    ]


def wrong_grants(found: Templates) -> list[str]:
    """Functions that may do something else than their NEEDS say."""
    endpoints = {one.module for one in routes()}
    wrong = []
    for name, needs in all_needs():
        function = functions(found)[name]
        there = grants(role_of(found, function))
        wanted = expected(needs, is_endpoint=name in endpoints) | more_for(name)
        ours = {one for one in there if one[0] not in LOGS | {"rds-db:connect"} | NETWORK_INTERFACES}
        if ours != wanted:
            wrong.append(f"{name}: {sorted(ours ^ wanted)}")
        if {action for action, _ in there} & NETWORK_INTERFACES and "VpcConfig" not in function.properties:
            wrong.append(f"{name} is in no network")
    return wrong


def expected(needs: Any, *, is_endpoint: bool) -> set[tuple[str, str]]:
    reads = (*needs.reads, *((facts.ISSUER_KEYS,) if is_endpoint else ()))
    files = {("s3:GetObject", file_arn(one)) for one in reads}
    files |= {("s3:PutObject", file_arn(one)) for one in needs.writes}
    files |= {("s3:DeleteObject", file_arn(one)) for one in needs.deletes}
    files |= {("s3:ListBucket", bucket_arn(one)) for one in needs.lists}
    actions = {"get": "GetItem", "put": "PutItem", "delete": "DeleteItem", "scan": "Scan"}
    table = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/dealbrain-pending"
    asked = {*needs.pending, *(("get",) if is_endpoint else ())}
    pending = {(f"dynamodb:{actions[one]}", table) for one in asked}
    return (
        files | pending | ({("lambda:InvokeFunction", function_arn(RENDERER))} if needs.renderer else set())
    )


def function_arn(module: str) -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function_name(module)}"


def function_name(module: str) -> str:
    return module.replace("functions", "dealbrain").replace(".", "-")


def more_for(name: str) -> set[tuple[str, str]]:
    """What some functions without a route may do beyond what NEEDS can say."""
    if name == warm.__name__:
        return {("sqs:SendMessage", "<cards.DeadLettersBBF8BAAB.Arn>")}
    if name == check.__name__:
        return {("lambda:InvokeFunction", function_arn(one)) for one in (RENDERER, ping.__name__)}
    if name == ping.__name__:
        pinged = {one for one, _ in all_needs()} - {ping.__name__} | {RENDERER}
        return {("lambda:InvokeFunction", function_arn(one)) for one in pinged}
    if name == "functions.migrating.bootstrap":
        return {
            ("secretsmanager:GetSecretValue", "<data.Instance.MasterUserSecret.SecretArn>"),
            ("lambda:InvokeFunction", function_arn("functions.migrating.upgrade")),
        }
    return set()


def wrong_sign_in(found: Templates) -> list[str]:
    """What would let somebody else have our codes, or us have what we did not ask for."""
    (pool,) = resources(found, "AWS::Cognito::UserPool")
    (domain,) = resources(found, "AWS::Cognito::UserPoolDomain")
    (client,) = resources(found, "AWS::Cognito::UserPoolClient")
    function = functions(found)[callback.__name__].properties
    told = function["Environment"]["Variables"]
    origin = told[f"{PREFIX}PUBLIC_ORIGIN"]
    wanted = {
        "UserPoolId": pool.ref,
        "GenerateSecret": False,
        "AllowedOAuthFlowsUserPoolClient": True,
        "AllowedOAuthFlows": ["code"],
        "AllowedOAuthScopes": ["openid"],
        "CallbackURLs": [f"{origin}/sign-in/callback"],
        "LogoutURLs": [f"{origin}/discover"],
        "SupportedIdentityProviders": ["COGNITO"],
    }
    right = {name: client.properties.get(name) == value for name, value in wanted.items()} | {
        "origin": origin.startswith("https://"),
        "client": told[f"{PREFIX}TOKEN_CLIENT_ID"] == client.ref,
        "domain": domain.properties["UserPoolId"] == pool.ref
        and domain.properties["Domain"] == f"dealbrain-{ACCOUNT}",
        "pages": told[f"{PREFIX}SIGN_IN_URL"] == f"https://{domain.ref}.auth.{REGION}.amazoncognito.com",
        # Inside the network it would not reach the issuer.
        "network": "VpcConfig" not in function,
    }
    return [name for name, is_right in right.items() if not is_right]


def wrong_database_logins(found: Templates) -> list[str]:
    user = f"arn:aws:rds-db:{REGION}:{ACCOUNT}:dbuser:<data.Instance.DbiResourceId>/app"
    wrong = []
    for name, needs in all_needs():
        may = {one for one in grants(role_of(found, functions(found)[name])) if one[0] == "rds-db:connect"}
        if may != ({("rds-db:connect", user)} if needs.database else set()):
            wrong.append(name)
    return wrong


def wrong_networks(found: Templates) -> list[str]:
    """Database functions outside the one security group the database admits, and others inside it."""
    ingress = resources(found, "AWS::EC2::SecurityGroupIngress")
    if len(ingress) != 1:
        return ["the database admits more than one security group"]
    admitted = ingress[0].properties["SourceSecurityGroupId"]
    needed = dict(all_needs())
    wrong = []
    for name, function in functions(found).items():
        groups = function.properties.get("VpcConfig", {}).get("SecurityGroupIds", [])
        wants_database = name in needed and needed[name].database
        if wants_database and groups != [admitted]:
            wrong.append(name)
        if not wants_database and admitted in groups:
            wrong.append(name)
    return wrong


def ways_out(found: Templates) -> list[str]:
    """What would lead out of the network, apart from the two free endpoints."""
    kinds = ("NatGateway", "InternetGateway", "EgressOnlyInternetGateway", "TransitGatewayAttachment")
    gateways = [one.name for kind in kinds for one in resources(found, f"AWS::EC2::{kind}")]
    buckets = {bucket_arn(one) for one in Bucket}
    for endpoint in resources(found, "AWS::EC2::VPCEndpoint"):
        allowed = {
            one
            for statement in endpoint.properties["PolicyDocument"]["Statement"]
            for one in listed(statement["Resource"])
        }
        ours = {*buckets, *(f"{one}/*" for one in buckets)}
        ours.add(f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/dealbrain-pending")
        if endpoint.properties["VpcEndpointType"] != "Gateway" or not allowed <= ours:
            gateways.append(endpoint.name)
    return gateways


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def wrong_settings(found: Templates) -> list[str]:
    wanted = {PREFIX + name.upper() for name in Settings.model_fields} | LIBRARIES.keys()
    needed = dict(all_needs())
    wrong = []
    for name, function in functions(found).items():
        there = function.properties["Environment"]["Variables"]
        if there.keys() != wanted:
            wrong.append(f"{name}: {sorted(there.keys() ^ wanted)}")
            continue
        has_database = bool(there[f"{PREFIX}DATABASE_URL"]) and bool(there[f"{PREFIX}DATABASE_CA"])
        if has_database != (name in needed and needed[name].database):
            wrong.append(f"{name}: database")
    return wrong


def told_secrets(found: Templates) -> list[str]:
    """Environment variables that hold, or by their name would hold, what nobody may read there."""
    words = ("secret", "password", "private_key", "resolve:")
    return [
        f"{name}: {variable}"
        for name, function in functions(found).items()
        for variable, value in function.properties["Environment"]["Variables"].items()
        if any(word in f"{variable}={value}".lower() for word in words)
        or ("://" in value and ":" in value.split("://")[1].split("@")[0] and "@" in value)
    ]


def wrong_log_groups(found: Templates) -> list[str]:
    groups = {one.ref: one for one in resources(found, "AWS::Logs::LogGroup")}
    kept = [name for name, one in groups.items() if one.properties.get("RetentionInDays") != facts.LOG_DAYS]
    elsewhere = [
        name
        for name, function in functions(found).items()
        if groups[function.properties["LoggingConfig"]["LogGroup"]].stack != function.stack
    ]
    several = [stack for stack, count in Counter(one.stack for one in groups.values()).items() if count > 1]
    return kept + elsewhere + several


def large_stacks(found: Templates) -> list[str]:
    return [stack for stack, one in found.items() if len(one["Resources"]) >= RESOURCES_MOST]


def bulky_endpoints(found: Templates) -> list[str]:
    """Stacks of endpoints with more than four resources for each, and three they share."""
    wrong = []
    for stack, template in found.items():
        if stack.startswith("api-"):
            kinds = Counter(one["Type"] for one in template["Resources"].values())
            count = kinds[FUNCTION]
            same = count == kinds[ROLE] == kinds["AWS::ApiGatewayV2::Integration"]
            if not same or sum(kinds.values()) != 3 * count + kinds[ROUTE] + 3:
                wrong.append(stack)
    return wrong


def weak_databases(found: Templates) -> list[str]:
    (database,) = resources(found, "AWS::RDS::DBInstance")
    wanted = {
        "PubliclyAccessible": False,
        "StorageEncrypted": True,
        "EnableIAMDatabaseAuthentication": True,
        "ManageMasterUserPassword": True,
        "DeletionProtection": True,
    }
    missing = [name for name, value in wanted.items() if database.properties.get(name) != value]
    return missing + [name for name in ("MasterUserPassword",) if name in database.properties]


def losable_stores(found: Templates) -> list[str]:
    kinds = (BUCKET, "AWS::DynamoDB::Table", "AWS::RDS::DBInstance", "AWS::Cognito::UserPool")
    return [
        one.name
        for kind in kinds
        for one in resources(found, kind)
        if one.whole.get("DeletionPolicy") not in {"Retain", "Snapshot"}
    ]


def wrong_processors(found: Templates) -> list[str]:
    return [
        name
        for name, one in functions(found).items()
        if (one.properties["Architectures"], one.properties.get("Runtime"), one.properties.get("PackageType"))
        != ((["x86_64"], None, "Image") if name == RENDERER else (["arm64"], "python3.13", None))
    ]


def wrong_schedules(found: Templates) -> list[str]:
    arns = {function_arn(name): name for name in functions(found)}
    there = {
        arns[one.properties["Target"]["Arn"]]: json.loads(one.properties["Target"]["Input"])
        for one in resources(found, "AWS::Scheduler::Schedule")
    }
    wanted = {
        "functions.accounts.copy_keys": {},
        rescore.__name__: {"now": "<aws.scheduler.scheduled-time>"},
        expired.__name__: {"now": "<aws.scheduler.scheduled-time>"},
        forgotten.__name__: {"now": "<aws.scheduler.scheduled-time>"},
        leftovers.__name__: {"now": "<aws.scheduler.scheduled-time>"},
        ping.__name__: {"functions": pinged(found)},
    }
    if ping.__name__ in there:
        there[ping.__name__]["functions"].sort()
    return differing(wanted, there)


def pinged(found: Templates) -> list[str]:
    return sorted(function_name(one) for one in functions(found) if one != ping.__name__)


def wrong_check(found: Templates) -> list[str]:
    """What would keep a deployment from being checked, or its check from ending."""
    checks = resources(found, CHECK)
    if len(checks) != 1:
        return [f"{len(checks)} checks"]
    said = checks[0].properties
    own = functions(found)[check.__name__]
    wanted = {
        "ServiceToken": own.attribute("Arn"),
        "Ping": function_name(ping.__name__),
        "Functions": pinged(found),
        "Assets": sorted(assets(found)),
    }
    there = {**said, "Functions": sorted(said["Functions"]), "Assets": sorted(said["Assets"])}
    wrong = [name for name, value in wanted.items() if there[name] != value]
    # Longer than the function may take, and far less than the hour CloudFormation would wait by itself.
    in_time = own.properties["Timeout"] < int(said.get("ServiceTimeout", 3600)) <= 300
    return wrong if in_time else [*wrong, "ServiceTimeout"]


def assets(found: Templates) -> set[str]:
    """The hashes of everything functions are made of."""
    codes = [one.properties["Code"] for one in functions(found).values()]
    layers = [one.properties["Content"] for one in resources(found, "AWS::Lambda::LayerVersion")]
    packed = {one["S3Key"].removesuffix(".zip") for one in (*codes, *layers) if "S3Key" in one}
    return packed | {one["ImageUri"]["Fn::Sub"].rpartition(":")[2] for one in codes if "ImageUri" in one}


def unchecked(found: Templates) -> list[str]:
    """Stacks with functions that would be deployed after the check."""
    stacks = {one.stack for one in resources(found, FUNCTION)}
    return sorted(stacks - {"check", *found["check"][AFTER]})


def callable_by_others(found: Templates) -> list[str]:
    """Roles somebody else than one AWS service may take, and doors into functions beside the API."""
    wrong = [
        role.name
        for role in resources(found, ROLE)
        for statement in role.properties["AssumeRolePolicyDocument"]["Statement"]
        if set(statement["Principal"]) != {"Service"}
        or not isinstance(statement["Principal"]["Service"], str)
    ]
    doors = [
        one
        for door in ("AWS::Lambda::Permission", "AWS::Lambda::Url")
        for one in resources(found, door)
        if not is_of_warm_ups(found, one)
    ]
    return wrong + [one.name for one in doors]


def is_of_warm_ups(found: Templates, door: Resource) -> bool:
    """Whether a door is the one our own bucket calls the warm-up by, and nobody else's bucket."""
    return door.properties == {
        "Action": "lambda:InvokeFunction",
        "FunctionName": functions(found)[warm.__name__].attribute("Arn"),
        "Principal": "s3.amazonaws.com",
        "SourceAccount": ACCOUNT,
        "SourceArn": bucket_arn(Bucket.generated),
    }


def wrong_warm_ups(found: Templates) -> list[str]:
    """What would keep shared cards from being drawn ahead, or let that go on for ever."""
    function = functions(found)[warm.__name__]
    (bucket,) = (one for one in resources(found, BUCKET) if one.stack == "cards")
    under = {"S3Key": {"Rules": [{"Name": "prefix", "Value": facts.WARM}]}}
    notified = {"Event": "s3:ObjectCreated:*", "Filter": under, "Function": function.attribute("Arn")}
    notifications = bucket.properties.get("NotificationConfiguration")
    wrong = [] if notifications == {"LambdaConfigurations": [notified]} else ["notification"]
    (permission,) = resources(found, "AWS::Lambda::Permission") or [bucket]
    if permission.name not in listed(bucket.whole.get("DependsOn", [])):
        wrong.append("S3 may not call it yet when it is told to")
    dead = {one.properties["QueueName"]: one.attribute("Arn") for one in resources(found, QUEUE)}
    wanted = {
        "FunctionName": function.ref,
        "Qualifier": "$LATEST",
        "MaximumEventAgeInSeconds": 300,
        "MaximumRetryAttempts": 2,
        "DestinationConfig": {"OnFailure": {"Destination": dead["dealbrain-dead-warm-ups"]}},
    }
    told = [one.properties for one in resources(found, "AWS::Lambda::EventInvokeConfig")]
    free = facts.RENDERER_CONCURRENCY - facts.WARMING_CONCURRENCY
    return wrong + ([] if told == [wanted] else ["retries"]) + ([] if free > 0 else ["no place for people"])


def unwatched_queues(found: Templates) -> list[str]:
    """Queues of dead letters nobody is told of."""
    watched = {
        one["Value"]
        for alarm in resources(found, ALARM)
        for one in alarm.properties.get("Dimensions", ())
        if one["Name"] == "QueueName"
    }
    return sorted({one.properties["QueueName"] for one in resources(found, QUEUE)} ^ watched)


def wrong_hit_rate(found: Templates) -> list[str]:
    """What is wrong with the alarm on cards that were not there; it must know the gate's own metrics."""
    counted = {"CardHit", "CardMiss"}
    wrong = []
    for alarm in resources(found, ALARM):
        asked = {
            one["MetricStat"]["Metric"]["MetricName"]
            for one in alarm.properties.get("Metrics", ())
            if "MetricStat" in one
        }
        if asked == counted:
            (rate,) = (one["Expression"] for one in alarm.properties["Metrics"] if one["ReturnData"])
            said = alarm.properties["Threshold"], alarm.properties["ComparisonOperator"]
            every = "FILL(hits, 0) + FILL(misses, 0)"
            if said == (80, "LessThanThreshold") and f"100 * FILL(hits, 0) / ({every})" in rate:
                return []
            wrong.append(alarm.name)
    return wrong or ["there is none"]


def unplotted_metrics(found: Templates) -> list[str]:
    """Metrics of cards that no graph shows."""
    (board,) = resources(found, "AWS::CloudWatch::Dashboard")
    names = ("Hit", "Miss", "Error", "Placeholder", "Generated", "Milliseconds", "Bytes")
    return [name for name in names if f'"Card{name}"' not in board.properties["DashboardBody"]]


def wrongly_invoked(found: Templates) -> list[str]:
    """Functions the API may call without a route, or may not call though they have one."""
    (role,) = (one for one in resources(found, ROLE) if one.stack == "api")
    may = {one for action, one in grants(role) if action == "lambda:InvokeFunction"}
    return sorted(may ^ {function_arn(one.module) for one in routes()})


# ------------------------------------------------------------------------------------------ the tests

CHECKS: dict[str, Callable[[Templates], list[str]]] = {
    "the routes are exactly those of functions": wrong_routes,
    "the functions are exactly those of functions and the renderer": wrong_functions,
    "every lifetime is the one of facts": wrong_lifetimes,
    "unfinished uploads go after a day": unfinished_uploads_kept,
    "no bucket is public or answers without TLS": open_buckets,
    "files are taken from our own pages only": wrong_uploads,
    "the table has the key and the TTL attribute of facts": wrong_table,
    "only the renderer and who orders from it have reserved concurrency": wrong_concurrency,
    "every endpoint gives up before the gateway does": wrong_timeouts,
    "the stage throttles as facts say": wrong_throttle,
    "access logs hold the route and neither path nor person": telling_logs,
    "no role has a wildcard action": wide_actions,
    "no statement is on everything but that for network interfaces": wide_resources,
    "every function may do exactly what its NEEDS say": wrong_grants,
    "database functions and no others may sign in to the database": wrong_database_logins,
    "one security group is shared by all database functions and by no other": wrong_networks,
    "people sign in by a code, and come back to us alone": wrong_sign_in,
    "nothing leads out of the network but to our buckets and our table": ways_out,
    "every function has every setting and only database functions the database's": wrong_settings,
    "no environment holds a secret": told_secrets,
    "every stack logs into one group that forgets": wrong_log_groups,
    "no stack is near CloudFormation's limit": large_stacks,
    "an endpoint is four resources": bulky_endpoints,
    "the database is encrypted, private and without a password of ours": weak_databases,
    "what people own outlives its stack": losable_stores,
    "zip functions are arm64 and the renderer is x86_64": wrong_processors,
    "sweeping, ping and keys run by the clock with the events they read": wrong_schedules,
    "each deployment that changes code, packages or image is checked": wrong_check,
    "the check comes after every function": unchecked,
    "nobody but AWS's own services takes a role or calls a function": callable_by_others,
    "the API may call every function with a route and no other": wrongly_invoked,
    "what is shared is drawn ahead, tried three times, and never in the last place": wrong_warm_ups,
    "somebody is told of every dead letter": unwatched_queues,
    "somebody is told when too few cards were there already": wrong_hit_rate,
    "every metric of cards is on the dashboard": unplotted_metrics,
    "the CDN keeps cards by their path and nothing else, and the API knows it": wrong_cdn,
    "the CDN alone reads what pages fetch, and has it before them": wrong_static_files,
}


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS.keys())
def test_of_the_templates(deployed: Templates, check: Callable[[Templates], list[str]]) -> None:
    assert check(deployed) == []


def test_code_and_layer_together_fit_into_a_function() -> None:
    if not LAYER.exists():
        pytest.skip("the layer is not built; make layer builds it")
    assert (size(LAYER) + size(BUILD / "code")) / facts.MEBIBYTE < MEBIBYTES_MOST


def test_the_table_of_functions_in_docs_is_current(deployed: Templates) -> None:
    page = functions_table.TABLE.read_text(encoding="utf-8")
    assert functions_table.read(page) == [row.cells() for row in functions_table.rows(deployed)]


# --------------------------------------------------------------------------- roles, as tests use them

GATE = "functions.carding.picture"


GENERATED, PRIVATE = bucket_arn(Bucket.generated), bucket_arn(Bucket.private)


def test_a_call_the_role_does_not_allow_is_refused() -> None:
    held = register()
    held.ask(GATE, "s3:GetObject", f"{GENERATED}/{facts.CARDS}1.png")
    with pytest.raises(NotAllowedError):
        held.ask(GATE, "s3:PutObject", f"{GENERATED}/{facts.CARDS}1.png")


USES = [
    (GATE, "s3:GetObject", f"{GENERATED}/{facts.CARDS}"),
    (RENDERER, "s3:GetObject", f"{GENERATED}/{facts.SPECS}"),
    (RENDERER, "s3:PutObject", f"{GENERATED}/{facts.CARDS}"),
    (expired.__name__, "s3:DeleteObject", f"{PRIVATE}/{facts.PREVIEWS}"),
]
by_use = pytest.mark.parametrize(("function", "action", "prefix"), USES)


@by_use
def test_a_grant_taken_away_is_missed(function: str, action: str, prefix: str) -> None:
    held = register()
    held.ask(function, action, f"{prefix}1")
    held.may = {**held.may, function: held.may[function] - {(action, f"{prefix}*")}}
    with pytest.raises(NotAllowedError):
        held.ask(function, action, f"{prefix}1")


@by_use
def test_a_grant_nothing_uses_is_told_until_it_is_used(function: str, action: str, prefix: str) -> None:
    held = register()
    told = f"{function} never used {action} on {prefix}*"
    assert told in held.unused()
    held.ask(function, action, f"{prefix}1")
    assert told not in held.unused()


# -------------------------------------------------------------------------- and whether they can fail


def every(found: Templates, kind: str) -> Iterator[dict[str, Any]]:
    for template in found.values():
        for one in template["Resources"].values():
            if one["Type"] == kind:
                yield one["Properties"]


def without_route(found: dict[str, Any]) -> None:
    own = found["api-offering"]["Resources"]
    del own[next(name for name, one in own.items() if one["Type"] == ROUTE)]


def without_function(found: dict[str, Any]) -> None:
    own = found["chores"]["Resources"]
    del own[
        next(
            name
            for name, one in own.items()
            if one["Properties"].get("Handler", "").startswith("functions.sweeping.expired")
        )
    ]


def without_grant(found: dict[str, Any]) -> None:
    own = found["api-carding"]["Resources"]
    role = own[next(name for name in own if name.startswith("ZipsCardingPictureRole"))]
    kept = role["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    kept.remove(next(one for one in kept if one["Action"] == ["s3:GetObject"]))


def without_lifetime(found: dict[str, Any]) -> None:
    bucket = next(every({"cards": found["cards"]}, BUCKET))
    rules = bucket["LifecycleConfiguration"]["Rules"]
    rules.remove(next(one for one in rules if one.get("Prefix") == facts.EXPORTS))


def without_setting(found: dict[str, Any]) -> None:
    del next(every(found, FUNCTION))["Environment"]["Variables"][f"{PREFIX}PENDING_TABLE"]


def without_ttl(found: dict[str, Any]) -> None:
    del next(every(found, "AWS::DynamoDB::Table"))["TimeToLiveSpecification"]


def without_retention(found: dict[str, Any]) -> None:
    del next(every(found, "AWS::Logs::LogGroup"))["RetentionInDays"]


def without_block(found: dict[str, Any]) -> None:
    next(every(found, BUCKET))["PublicAccessBlockConfiguration"]["BlockPublicPolicy"] = False


def without_tls(found: dict[str, Any]) -> None:
    next(every(found, "AWS::S3::BucketPolicy"))["PolicyDocument"]["Statement"].clear()


def with_uploads_from_everywhere(found: dict[str, Any]) -> None:
    bucket = next(one for one in every(found, BUCKET) if "CorsConfiguration" in one)
    bucket["CorsConfiguration"]["CorsRules"][0]["AllowedOrigins"] = ["*"]


def without_uploads(found: dict[str, Any]) -> None:
    del next(one for one in every(found, BUCKET) if "CorsConfiguration" in one)["CorsConfiguration"]


def without_concurrency(found: dict[str, Any]) -> None:
    del next(one for one in every(found, FUNCTION) if "ReservedConcurrentExecutions" in one)[
        "ReservedConcurrentExecutions"
    ]


def without_group(found: dict[str, Any]) -> None:
    next(one for one in every(found, FUNCTION) if "VpcConfig" in one and "Handler" in one)["VpcConfig"][
        "SecurityGroupIds"
    ] = ["sg-of-its-own"]


def client(found: dict[str, Any]) -> dict[str, Any]:
    return next(every(found, "AWS::Cognito::UserPoolClient"))


def with_implicit_flow(found: dict[str, Any]) -> None:
    client(found)["AllowedOAuthFlows"].append("implicit")


def with_more_scopes(found: dict[str, Any]) -> None:
    client(found)["AllowedOAuthScopes"].append("aws.cognito.signin.user.admin")


def with_codes_for_others(found: dict[str, Any]) -> None:
    client(found)["CallbackURLs"].append("https://evil.example/")


def with_callback_in_the_network(found: dict[str, Any]) -> None:
    own = every(found, FUNCTION)
    function = next(one for one in own if one.get("Handler") == f"{callback.__name__}.handler")
    function["VpcConfig"] = {"SubnetIds": [], "SecurityGroupIds": []}


def without_grant_to_know_who_calls(found: dict[str, Any]) -> None:
    own = found["api-pages"]["Resources"]
    role = own[next(name for name in own if name.startswith("ZipsPagesStaticRole"))]
    kept = role["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    kept.remove(next(one for one in kept if one["Action"] == ["dynamodb:GetItem"]))


def without_throttle(found: dict[str, Any]) -> None:
    del next(every(found, "AWS::ApiGatewayV2::Stage"))["DefaultRouteSettings"]["ThrottlingBurstLimit"]


def without_protection(found: dict[str, Any]) -> None:
    del next(every(found, "AWS::RDS::DBInstance"))["DeletionProtection"]


def without_schedule(found: dict[str, Any]) -> None:
    own = found["chores"]["Resources"]
    del own[next(name for name, one in own.items() if one["Type"] == "AWS::Scheduler::Schedule")]


def without_endpoint_policy(found: dict[str, Any]) -> None:
    next(every(found, "AWS::EC2::VPCEndpoint"))["PolicyDocument"]["Statement"][0]["Resource"] = "*"


def with_wildcard_action(found: dict[str, Any]) -> None:
    _a_statement(found)["Action"] = ["s3:*"]


def with_wildcard_resource(found: dict[str, Any]) -> None:
    _a_statement(found)["Resource"] = ["*"]


def _a_statement(found: dict[str, Any]) -> dict[str, Any]:
    one: dict[str, Any] = next(every(found, ROLE))["Policies"][0]["PolicyDocument"]["Statement"][0]
    return one


def with_secret(found: dict[str, Any]) -> None:
    next(every(found, FUNCTION))["Environment"]["Variables"][f"{PREFIX}DATABASE_URL"] = (
        "postgresql://a:b@host/c"
    )


def with_path_logged(found: dict[str, Any]) -> None:
    settings = next(every(found, "AWS::ApiGatewayV2::Stage"))["AccessLogSettings"]
    settings["Format"] = json.dumps({**json.loads(settings["Format"]), "path": "$context.path"})


def with_late_timeout(found: dict[str, Any]) -> None:
    next(one for one in every(found, FUNCTION) if one["Timeout"] < 30)["Timeout"] = 31


def with_permission(found: dict[str, Any]) -> None:
    found["api"]["Resources"]["Door"] = {"Type": "AWS::Lambda::Permission", "Properties": {}}


def without_check(found: dict[str, Any]) -> None:
    own = found["check"]["Resources"]
    del own[next(name for name, one in own.items() if one["Type"] == CHECK)]


def without_check_of_the_image(found: dict[str, Any]) -> None:
    next(every(found, CHECK))["Assets"].pop()


def without_end_of_check(found: dict[str, Any]) -> None:
    del next(every(found, CHECK))["ServiceTimeout"]


def without_check_after_the_cards(found: dict[str, Any]) -> None:
    found["check"][AFTER].remove("cards")


def without_grant_of_the_check(found: dict[str, Any]) -> None:
    role = next(every({"check": found["check"]}, ROLE))
    calls = next(
        one
        for one in role["Policies"][0]["PolicyDocument"]["Statement"]
        if one["Action"] == ["lambda:InvokeFunction"]
    )
    del calls["Resource"][0]


def without_notification(found: dict[str, Any]) -> None:
    next(one for one in every(found, BUCKET) if "NotificationConfiguration" in one).pop(
        "NotificationConfiguration"
    )


def with_every_object_notified(found: dict[str, Any]) -> None:
    bucket = next(one for one in every(found, BUCKET) if "NotificationConfiguration" in one)
    del bucket["NotificationConfiguration"]["LambdaConfigurations"][0]["Filter"]


def without_permission_first(found: dict[str, Any]) -> None:
    own = found["cards"]["Resources"].values()
    next(one for one in own if one["Type"] == BUCKET).pop("DependsOn")


def without_end_of_retries(found: dict[str, Any]) -> None:
    del next(every(found, "AWS::Lambda::EventInvokeConfig"))["MaximumRetryAttempts"]


def without_dead_warm_ups(found: dict[str, Any]) -> None:
    del next(every(found, "AWS::Lambda::EventInvokeConfig"))["DestinationConfig"]


def with_warm_ups_of_everybody(found: dict[str, Any]) -> None:
    del next(every(found, "AWS::Lambda::Permission"))["SourceAccount"]


def with_warm_ups_everywhere(found: dict[str, Any]) -> None:
    function = next(one for one in every(found, FUNCTION) if one["FunctionName"] == "dealbrain-carding-warm")
    function["ReservedConcurrentExecutions"] = facts.RENDERER_CONCURRENCY


def without_told_dead_letters(found: dict[str, Any]) -> None:
    for alarm in every(found, ALARM):
        if alarm.get("Namespace") == "AWS/SQS":
            alarm["Dimensions"] = []


def with_other_hits(found: dict[str, Any]) -> None:
    alarm = next(one for one in every(found, ALARM) if len(one.get("Metrics", ())) == 3)
    counted = next(one for one in alarm["Metrics"] if one["Id"] == "hits")
    counted["MetricStat"]["Metric"]["MetricName"] = "CardHits"


def without_graph(found: dict[str, Any]) -> None:
    board = next(every(found, "AWS::CloudWatch::Dashboard"))
    # The CDK writes the region into the middle of the text.
    board["DashboardBody"] = {
        "Fn::Join": [
            "",
            [str(part).replace("CardBytes", "") for part in board["DashboardBody"]["Fn::Join"][1]],
        ]
    }


def distribution(found: dict[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = next(every(found, "AWS::CloudFront::Distribution"))["DistributionConfig"]
    return said


def without_word(found: dict[str, Any]) -> None:
    del distribution(found)["Origins"][0]["OriginCustomHeaders"]


def with_word_told(found: dict[str, Any]) -> None:
    distribution(found)["Origins"][0]["OriginCustomHeaders"][0]["HeaderValue"] = "for all to read"


def without_viewer(found: dict[str, Any]) -> None:
    del distribution(found)["DefaultCacheBehavior"]["FunctionAssociations"]


def with_cards_kept_by_query(found: dict[str, Any]) -> None:
    policy = next(every(found, "AWS::CloudFront::CachePolicy"))["CachePolicyConfig"]
    queries = policy["ParametersInCacheKeyAndForwardedToOrigin"]["QueryStringsConfig"]
    queries["QueryStringBehavior"] = "all"


def with_errors_kept(found: dict[str, Any]) -> None:
    distribution(found)["CustomErrorResponses"][0]["ErrorCachingMinTTL"] = 60


def static_behavior(found: dict[str, Any]) -> dict[str, Any]:
    behaviors = distribution(found)["CacheBehaviors"]
    found_one: dict[str, Any] = next(one for one in behaviors if one["PathPattern"] == "/static/*")
    return found_one


def without_static_behavior(found: dict[str, Any]) -> None:
    distribution(found)["CacheBehaviors"].remove(static_behavior(found))


def with_writes_of_static_files(found: dict[str, Any]) -> None:
    static_behavior(found)["AllowedMethods"] = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]


def without_compression(found: dict[str, Any]) -> None:
    static_behavior(found)["Compress"] = False


def without_signature(found: dict[str, Any]) -> None:
    del next(one for one in distribution(found)["Origins"] if one["Id"] == edge.FILES)[
        "OriginAccessControlId"
    ]


def without_fallback(found: dict[str, Any]) -> None:
    distribution(found)["OriginGroups"]["Items"][0]["FailoverCriteria"]["StatusCodes"]["Items"].remove(403)


def readers_of_static_files(found: dict[str, Any]) -> list[dict[str, Any]]:
    policy = next(every({"edge": found["edge"]}, "AWS::S3::BucketPolicy"))
    statements: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return statements


def without_reader(found: dict[str, Any]) -> None:
    said = readers_of_static_files(found)
    said.remove(next(one for one in said if one["Effect"] == "Allow"))


def with_readers_everywhere(found: dict[str, Any]) -> None:
    del next(one for one in readers_of_static_files(found) if one["Effect"] == "Allow")["Condition"]


def with_more_to_read(found: dict[str, Any]) -> None:
    next(one for one in readers_of_static_files(found) if one["Effect"] == "Allow")["Action"] = "s3:*"


def without_publication(found: dict[str, Any]) -> None:
    own = found["edge"]["Resources"]
    del own[next(name for name, one in own.items() if one["Type"] == PUBLISHED)]


def with_publication_of_old_code(found: dict[str, Any]) -> None:
    next(every(found, PUBLISHED))["Assets"] = ["old"]


def with_publication_before_the_bucket(found: dict[str, Any]) -> None:
    del next(one for one in found["edge"]["Resources"].values() if one["Type"] == PUBLISHED)["DependsOn"]


def with_pages_before_their_files(found: dict[str, Any]) -> None:
    found["api-pages"][AFTER].remove("edge")


def without_grant_of_the_publisher(found: dict[str, Any]) -> None:
    role = next(every({"edge": found["edge"]}, ROLE))
    kept = role["Policies"][0]["PolicyDocument"]["Statement"]
    kept.remove(next(one for one in kept if one["Action"] == ["s3:PutObject"]))


MUTATIONS: list[tuple[Callable[[dict[str, Any]], None], Callable[[Templates], list[str]]]] = [
    (without_route, wrong_routes),
    (without_function, wrong_functions),
    (without_grant, wrong_grants),
    (without_lifetime, wrong_lifetimes),
    (without_setting, wrong_settings),
    (with_uploads_from_everywhere, wrong_uploads),
    (without_uploads, wrong_uploads),
    (without_ttl, wrong_table),
    (without_retention, wrong_log_groups),
    (without_block, open_buckets),
    (without_tls, open_buckets),
    (without_concurrency, wrong_concurrency),
    (without_group, wrong_networks),
    (with_implicit_flow, wrong_sign_in),
    (with_more_scopes, wrong_sign_in),
    (with_codes_for_others, wrong_sign_in),
    (with_callback_in_the_network, wrong_sign_in),
    (without_grant_to_know_who_calls, wrong_grants),
    (without_throttle, wrong_throttle),
    (without_protection, weak_databases),
    (without_schedule, wrong_schedules),
    (without_endpoint_policy, ways_out),
    (with_wildcard_action, wide_actions),
    (with_wildcard_resource, wide_resources),
    (with_secret, told_secrets),
    (with_path_logged, telling_logs),
    (with_late_timeout, wrong_timeouts),
    (with_permission, callable_by_others),
    (without_check, wrong_check),
    (without_check_of_the_image, wrong_check),
    (without_end_of_check, wrong_check),
    (without_check_after_the_cards, unchecked),
    (without_grant_of_the_check, wrong_grants),
    (without_notification, wrong_warm_ups),
    (with_every_object_notified, wrong_warm_ups),
    (without_permission_first, wrong_warm_ups),
    (without_end_of_retries, wrong_warm_ups),
    (without_dead_warm_ups, wrong_warm_ups),
    (with_warm_ups_of_everybody, callable_by_others),
    (with_warm_ups_everywhere, wrong_concurrency),
    (without_told_dead_letters, unwatched_queues),
    (with_other_hits, wrong_hit_rate),
    (without_graph, unplotted_metrics),
    (without_word, wrong_cdn),
    (with_word_told, wrong_cdn),
    (without_viewer, wrong_cdn),
    (with_cards_kept_by_query, wrong_cdn),
    (with_errors_kept, wrong_cdn),
    (without_static_behavior, wrong_static_files),
    (with_writes_of_static_files, wrong_static_files),
    (without_compression, wrong_static_files),
    (without_signature, wrong_static_files),
    (without_fallback, wrong_static_files),
    (without_reader, wrong_static_files),
    (with_readers_everywhere, wrong_static_files),
    (with_more_to_read, wrong_static_files),
    (without_publication, wrong_static_files),
    (with_publication_of_old_code, wrong_static_files),
    (with_publication_before_the_bucket, wrong_static_files),
    (with_pages_before_their_files, wrong_static_files),
    (without_grant_of_the_publisher, wrong_grants),
]


@pytest.mark.parametrize(
    ("mutate", "check"), MUTATIONS, ids=[f"{mutate.__name__}".replace("_", " ") for mutate, _ in MUTATIONS]
)
def test_the_check_complains(
    deployed: Templates,
    mutate: Callable[[dict[str, Any]], None],
    check: Callable[[Templates], list[str]],
) -> None:
    changed = copy.deepcopy(dict(deployed))
    mutate(changed)
    assert check(changed) != []
