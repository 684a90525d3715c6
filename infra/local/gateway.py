"""AWS's HTTP API on one machine: routes from functions/, payload 2.0 events, AWS's own refusals.

Handlers are called in threads; some do the work, others have another process do it. What AWS's gateway
answers by itself is imitated byte for byte; everything else is the functions' own answer. The one route
of ours AWS does not have gives programs a token for a name; where people sign in stands in hosted.
"""

import base64
import json
import logging
import re
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import parse_qsl, unquote_to_bytes

import anyio
import anyio.to_thread
from pydantic import AfterValidator, StrictStr
from pydantic_core import PydanticCustomError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from dealbrain import facts, shapes
from dealbrain.settings import settings
from dealbrain.web import Needs, api, entry, now
from infra.local.issuer import Issuer
from infra.local.processes import LOOPBACK
from infra.routes import DEFAULT, Endpoint

ACCOUNT = "123456789012"
MEMORY_MB = 1024
HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?", re.IGNORECASE)
# What the HTTP API hands on as text; all else is base64.
TEXT = re.compile(r"text/|application/([\w.+-]+\+)?(json|xml)|application/javascript", re.IGNORECASE)
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Context:
    """What Lambda tells a function about its call."""

    function_name: str
    seconds: float = facts.GATEWAY_TIMEOUT.total_seconds()
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    memory_limit_in_mb: int = MEMORY_MB
    function_version: str = "$LATEST"
    started: float = field(default_factory=time.monotonic)

    @property
    def invoked_function_arn(self) -> str:
        """The function's address in AWS's spelling."""
        return f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the call is given up."""
        return max(0, int((self.started + self.seconds - time.monotonic()) * 1000))


@dataclass(frozen=True)
class Sent:
    """A request as it came over the wire."""

    method: str
    path: str = "/"
    """Undecoded."""
    query: str = ""
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    source_ip: str = "127.0.0.1"


def event(sent: Sent, key: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Build the payload 2.0 event of a request.

    Args:
        sent: the request.
        key: the route key it matched, such as ``GET /v1/health``.
        parameters: the path's parameters, undecoded.
    """
    headers = _joined([(name.lower(), value) for name, value in sent.headers if name.lower() != "cookie"])
    cookies = [
        one.strip() for name, value in sent.headers if name.lower() == "cookie" for one in value.split(";")
    ]
    now = datetime.now(UTC)
    # The HTTP API decodes the path, unlike its older sister; the query stays as it came.
    path = _decoded(sent.path)
    made: dict[str, Any] = {
        "version": "2.0",
        "routeKey": key,
        "rawPath": path,
        "rawQueryString": sent.query,
        "headers": headers,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "local",
            "domainName": headers.get("host", ""),
            "domainPrefix": "local",
            "http": {
                "method": sent.method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": sent.source_ip,
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": str(uuid.uuid4()),
            "routeKey": key,
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(now.timestamp() * 1000),
        },
        "isBase64Encoded": False,
    }
    if cookies:
        made["cookies"] = cookies
    if sent.query:
        made["queryStringParameters"] = _joined(parse_qsl(sent.query, keep_blank_values=True))
    if parameters:
        made["pathParameters"] = {name: _decoded(value) for name, value in parameters.items()}
    return made | (_body(sent.body, headers.get("content-type", "")) if sent.body else {})


def _joined(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _decoded(text: str) -> str:
    # What is no UTF-8 stays as it came: the function decides what to say of it.
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        return text


def _body(body: bytes, content_type: str) -> dict[str, Any]:
    if TEXT.match(content_type):
        try:
            return {"body": body.decode(), "isBase64Encoded": False}
        except UnicodeDecodeError:
            pass
    return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}


def aws_says(status: int, message: str) -> Response:
    """An answer of AWS's gateway itself."""
    return JSONResponse({"message": message}, status_code=status)


TOO_LARGE = (413, "Request Entity Too Large")
FAILED = (500, "Internal Server Error")
# Too late, or throttled.
UNAVAILABLE = (503, "Service Unavailable")


def response(answer: Any) -> Response:  # noqa: ANN401 - whatever the function returned; that is the question
    """Translate a function's answer.

    Raises:
        TypeError: it is no object, or holds what JSON cannot say.
        KeyError: it says no status.
        ValueError: it is larger than 6 MB, or its body is no base64 though it says so.
    """
    if len(json.dumps(answer, allow_nan=False)) > facts.LAMBDA_PAYLOAD_BYTES:
        raise ValueError("the answer is larger than Lambda carries")
    if not isinstance(answer, dict):
        raise TypeError("the answer is no object")
    text = answer.get("body") or ""
    content = base64.b64decode(text, validate=True) if answer.get("isBase64Encoded") else text.encode()
    # AWS would guess a status where there is none; our functions always say theirs.
    made = Response(content, int(answer["statusCode"]))
    headers = {name.lower(): str(value) for name, value in (answer.get("headers") or {}).items()}
    if content:
        headers.setdefault("content-type", "text/plain;charset=UTF-8")
    # The length is the gateway's to say; a wrong one would break the connection.
    made.headers.update({name: value for name, value in headers.items() if name != "content-length"})
    for cookie in answer.get("cookies") or ():
        made.headers.append("set-cookie", cookie)
    return made


class ThrottledError(Exception):
    """As many events as a function takes at once are running."""


class Gateway:
    """The HTTP API in front of some endpoints, as an ASGI app.

    No router in between: it would decode the path, answer 405 by itself and add HEAD to every GET.
    """

    def __init__(self, endpoints: Sequence[Endpoint], timeout: timedelta = facts.GATEWAY_TIMEOUT) -> None:
        self._seconds = timeout.total_seconds()
        self._routes = [(_pattern(one.path), one) for one in endpoints]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            answer = await self._answer(Request(scope, receive))
        except ClientDisconnect:
            return
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if not HOST.fullmatch(request.headers.get("host", "")):
            # Another site's name that resolves to this machine (DNS rebinding) gets nothing.
            return aws_says(403, "Forbidden")
        body = await _read(request)
        if body is None:
            return aws_says(*TOO_LARGE)
        sent = _sent(request, body)
        match = self._match(sent)
        if match is None:
            return aws_says(404, "Not Found")
        endpoint, parameters = match
        if endpoint.is_page and not request.headers["host"].startswith(LOOPBACK):
            return _to_our_name(request)
        made = event(sent, endpoint.key, parameters)
        if len(json.dumps(made)) > facts.LAMBDA_PAYLOAD_BYTES:
            return aws_says(*TOO_LARGE)
        answered = await self._invoke(endpoint, made)
        answered.headers["apigw-requestid"] = made["requestContext"]["requestId"]
        return answered

    def _match(self, sent: Sent) -> tuple[Endpoint, dict[str, str]] | None:
        for pattern, endpoint in self._routes:
            found = pattern.fullmatch(sent.path)
            if found and endpoint.method in {sent.method, "ANY"}:
                return endpoint, found.groupdict()
        return None

    async def _invoke(self, endpoint: Endpoint, made: dict[str, Any]) -> Response:
        context = Context(endpoint.module.replace(".", "-"), self._seconds)
        try:
            with anyio.fail_after(self._seconds):
                answer = await anyio.to_thread.run_sync(
                    endpoint.handler, made, context, abandon_on_cancel=True
                )
            return response(answer)
        except TimeoutError:
            LOG.warning("%s took longer than %s s", endpoint.key, self._seconds)
            return aws_says(*UNAVAILABLE)
        except ThrottledError:
            return aws_says(*UNAVAILABLE)
        except Exception:
            LOG.exception("%s failed", endpoint.key)
            return aws_says(*FAILED)


def _to_our_name(request: Request) -> Response:
    """Lead a browser to the one name pages are known by: cookies and forms are good under no other."""
    query = request.scope["query_string"].decode("latin-1")
    path = request.scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")
    return Response(status_code=307, headers={"location": settings().public_origin + path})


def _pattern(path: str) -> re.Pattern[str]:
    if path == DEFAULT:
        return re.compile(r".*", re.DOTALL)
    parts = re.split(r"(\{\w+\+?\})", path)
    return re.compile("".join(_group(part) if part.startswith("{") else re.escape(part) for part in parts))


def _group(parameter: str) -> str:
    name = parameter.strip("{+}")
    return f"(?P<{name}>.+)" if parameter.endswith("+}") else f"(?P<{name}>[^/]+)"


def _sent(request: Request, body: bytes) -> Sent:
    return Sent(
        request.method,
        request.scope["raw_path"].decode("latin-1"),
        request.scope["query_string"].decode("latin-1"),
        [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw],
        body,
        request.client.host if request.client else "127.0.0.1",
    )


async def _read(request: Request) -> bytes | None:
    """Read the body; None when it is larger than the HTTP API takes.

    What comes beyond is read and dropped, because a client still sending would not hear the refusal.
    """
    kept = bytearray()
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= facts.GATEWAY_BODY_BYTES:
            kept += chunk
        else:
            kept.clear()
    return bytes(kept) if size <= facts.GATEWAY_BODY_BYTES else None


def _username(text: str) -> str:
    if not re.fullmatch(facts.USERNAME, text):
        raise PydanticCustomError("username", "A user name is 3 to 32 of a-z, 0-9, _ and -.")
    return text


class SignIn(shapes.Request):
    """POST /v1/dev/sign-in."""

    username: Annotated[StrictStr, AfterValidator(_username)]


class SignedIn(shapes.Answer):
    """The answer."""

    access_token: str


def sign_in(issuer: Issuer) -> Endpoint:
    """Make the route AWS does not have: whoever names a person becomes that person."""
    app = api()

    @app.post("/v1/dev/sign-in", summary="Sign in by name, on this machine only")
    def answer(body: SignIn) -> SignedIn:
        return SignedIn(access_token=issuer.token(body.username, now()))

    return Endpoint("POST", app.routes[0].path, __name__, entry(app), Needs(), signed_in=False)
