"""Least privilege, proven by use: every AWS call a function makes in a test is held against its own role.

The roles are those of the templates. A call the role does not allow fails the test, as it would fail on
AWS; grants that nothing used in the whole run are told at its end, and fail it unless they are argued here.

boto3 tells every client's calls to its session, so nothing of the product is replaced; handlers are only
wrapped to know which function is running.
"""

import functools
import importlib
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from importlib.util import find_spec
from typing import Any

import boto3
import botocore.session
import pytest

from dealbrain import facts
from dealbrain.settings import PREFIX, Settings, settings
from infra.routes import modules
from tests.template import ACCOUNT, REGION, RENDERER, module_of, resources, templates

FUNCTION = "AWS::Lambda::Function"
# What the calls of a test cannot show, because Lambda, RDS or the gateway do it, not boto3.
ELSEWHERE = ("logs:", "ec2:", "rds-db:", "sqs:")
# Functions of which no test calls the AWS side here: what they do needs an AWS that is not imitated.
NOT_RUN_HERE = {
    "functions.sweeping.ping": "needs every function behind the Invoke API",
}
# Every endpoint does these in the same lines, to know who calls; this process keeps the keys for all.
SHARED = (("s3:GetObject", facts.ISSUER_KEYS), ("dynamodb:GetItem", ""))
# Grants used only when something happens that no test brings about.
ARGUED: dict[tuple[str, str], str] = {
    ("functions.importing.reopen", "s3:ListBucket"): "a preview whose files were removed an instant ago",
    ("functions.importing.cancel", "s3:ListBucket"): "the same",
    ("functions.importing.refused", "s3:ListBucket"): "the same",
    ("functions.pages.import_preview", "s3:ListBucket"): "the same",
    ("functions.pages.import_cancel", "s3:ListBucket"): "the same",
    (
        "functions.importing.preview_listing",
        "s3:ListBucket",
    ): "an upload not there yet: tried with collections",
    ("functions.importing.confirm_listing", "s3:ListBucket"): "the same",
    ("functions.importing.confirm_collection", "s3:ListBucket"): "the same",
    ("functions.exporting.listing", "s3:PutObject"): "only megabytes of unknown keys make a listing so large",
    ("functions.exporting.listing", "s3:GetObject"): "the same",
}

type Grant = tuple[str, str]


class NotAllowedError(AssertionError):
    """On AWS this call would have been refused."""


@dataclass
class Register:
    """What every function may do, what it did, and what it was refused."""

    may: Mapping[str, frozenset[Grant]]
    deployed_names: Mapping[str, str]
    """For a setting, what it is called on AWS."""
    used: set[tuple[str, Grant]] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)

    def ask(self, function: str, action: str, arn: str) -> None:
        """Note the use of a grant.

        Raises:
            NotAllowedError: there is none.
        """
        fitting = [grant for grant in self.may[function] if grant[0] == action and fnmatchcase(arn, grant[1])]
        if not fitting:
            self.refused.append(f"{function} may not {action} on {arn}")
            raise NotAllowedError(self.refused[-1])
        by = self.may if any(action == one and arn.endswith(end) for one, end in SHARED) else [function]
        self.used.update((one, grant) for one in by for grant in fitting)

    def unused(self) -> Iterator[str]:
        """Grants nothing used and nobody argued for."""
        for function, grants in self.may.items():
            for grant in sorted(grants):
                told = (function, grant) in self.used or (function, grant[0]) in ARGUED
                if not told and function not in NOT_RUN_HERE and not grant[0].startswith(ELSEWHERE):
                    yield f"{function} never used {grant[0]} on {grant[1]}"


_running: ContextVar[str] = ContextVar("running")
_register: list[Register] = []


@pytest.fixture(scope="session")
def roles() -> None:
    """Hold every function to its role from now on, where the templates can be written."""
    if find_spec("aws_cdk") is None:
        return
    _register.append(register())
    session = botocore.session.get_session()
    session.register("before-parameter-build.*.*", _before)
    session.register("after-call.s3.GetObject", _after_get)
    session.register("before-sign.s3.PutObject", _before_sign)
    session.register("before-call.s3.CreateBucket", _before_create)
    boto3.setup_default_session(botocore_session=session)
    for name in (*modules(), RENDERER):
        module: Any = importlib.import_module(name)
        module.handler = _as(name, module.handler)


def register() -> Register:
    """The roles of the templates, by module."""
    found = templates()
    roles = {(one.stack, one.attribute("Arn")): one for one in resources(found, "AWS::IAM::Role")}
    functions = resources(found, FUNCTION)
    may = {
        module_of(one): frozenset(
            (action, arn)
            for policy in roles[one.stack, one.properties["Role"]].properties["Policies"]
            for statement in policy["PolicyDocument"]["Statement"]
            for action in statement["Action"]
            for arn in statement["Resource"]
        )
        for one in functions
    }
    variables = functions[0].properties["Environment"]["Variables"]
    return Register(may, {name: variables[PREFIX + name.upper()] for name in Settings.model_fields})


def _as(name: str, handler: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(handler)
    def running(*arguments: Any) -> Any:
        token = _running.set(name)
        try:
            return handler(*arguments)
        finally:
            _running.reset(token)

    return running


def _before(**call: Any) -> None:
    # Whatever tests do themselves, nobody's role is asked for.
    function = _running.get(None)
    if function is None:
        return
    call["context"]["asked"] = function, call["params"]
    operation = f"{call['model'].service_model.service_name}:{call['model'].name}"
    for action, arn in _needed(operation, call["params"]):
        _register[0].ask(function, action, arn)


def _after_get(**call: Any) -> None:
    # Without the right to list, S3 answers 403 where the stand-in says 404.
    if call["http_response"].status_code == 404 and "asked" in call["context"]:
        function, params = call["context"]["asked"]
        _register[0].ask(function, "s3:ListBucket", _bucket(params))


def _before_sign(**call: Any) -> None:
    """Whoever signs a form for others hands on what they may do themselves; boto3 tells of it only here."""
    policy = call["request"].context.get("s3-presign-post-policy")
    function = _running.get(None)
    if policy is None or function is None:
        return
    said = {
        name: value for one in policy["conditions"] if isinstance(one, dict) for name, value in one.items()
    }
    _register[0].ask(function, "s3:PutObject", f"{_bucket({'Bucket': said['bucket']})}/{said['key']}")


def _before_create(**_: Any) -> None:
    if _running.get(None) is not None:
        raise NotAllowedError("no function makes a bucket")


def _needed(operation: str, params: Mapping[str, Any]) -> Iterator[Grant]:
    """What IAM asks for an operation.

    Raises:
        NotAllowedError: one nobody thought of; write it down here.
    """
    match operation.split(":"):
        case "s3", ("GetObject" | "PutObject") as name:
            yield f"s3:{name}", f"{_bucket(params)}/{params['Key']}"
        case "s3", "CreateBucket":
            # Asked by boto3 for the address of a signed form; ``_before_create`` knows of real ones.
            return
        case "s3", "ListObjectsV2":
            yield "s3:ListBucket", _bucket(params)
        case "s3", "DeleteObjects":
            for one in params["Delete"]["Objects"]:
                yield "s3:DeleteObject", f"{_bucket(params)}/{one['Key']}"
        case "dynamodb", ("GetItem" | "PutItem" | "DeleteItem" | "Scan") as name:
            table = _deployed(params["TableName"])
            yield f"dynamodb:{name}", f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}"
        case "lambda", "Invoke":
            function = _deployed(params["FunctionName"])
            yield "lambda:InvokeFunction", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}"
        case "secretsmanager", "GetSecretValue" as name:
            yield f"secretsmanager:{name}", params["SecretId"]
        case _:
            raise NotAllowedError(f"{operation} stands in no role and not in tests/roles.py")


def _bucket(params: Mapping[str, Any]) -> str:
    return f"arn:aws:s3:::{_deployed(params['Bucket'])}"


def _deployed(name: str) -> str:
    """What something with this name on this machine is called on AWS."""
    here = next((key for key, value in settings().model_dump().items() if value == name), None)
    return _register[0].deployed_names[here] if here else name


class Ledger:
    """The whole run's account: what this process saw, and what its workers (pytest-xdist) report."""

    def __init__(self) -> None:
        self.used: set[tuple[str, Grant]] = set()
        self.refused: list[str] = []
        self.lines: list[str] = []

    def pytest_testnodedown(self, node: Any) -> None:
        """Take over what a worker reports."""
        told = getattr(node, "workeroutput", {}).get("roles", ([], []))
        self.used.update((function, (action, arn)) for function, action, arn in told[0])
        self.refused.extend(told[1])

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """A worker reports; the run itself has failed if a grant was refused or, when whole, never used."""
        for one in _register:
            self.used |= one.used
            self.refused += one.refused
        if hasattr(session.config, "workeroutput"):
            flat = [(function, *grant) for function, grant in sorted(self.used)]
            session.config.workeroutput["roles"] = flat, self.refused
        elif exitstatus == pytest.ExitCode.OK and find_spec("aws_cdk") is not None:
            self.lines = [*self.refused, *(self._unused() if _is_whole(session.config) else ())]
            if self.lines:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _unused(self) -> Iterator[str]:
        whole = register()
        whole.used = self.used
        return whole.unused()

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Tell of refusals, and after a whole run of grants that nothing used."""
        if find_spec("aws_cdk") is None:
            terminalreporter.write_line("ROLE nobody was held to a role: make synth installs what is missing")
        for line in self.lines:
            terminalreporter.write_line(f"ROLE {line}", red=True)


def _is_whole(config: pytest.Config) -> bool:
    return config.args_source is pytest.Config.ArgsSource.TESTPATHS and not config.option.keyword


if __name__ == "__main__":
    # Before several workers would each write the same.
    templates()
