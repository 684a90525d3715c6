"""The edge: who calls, what is refused before a verb sees it, and how refusals look.

``api()`` makes a resolver with strict reading and one error shape, ``entry()`` the Lambda handler around
it. Powertools is wrapped here and nowhere else.
"""

import base64
import hashlib
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hmac import compare_digest
from http import HTTPStatus
from typing import Any, Literal, NoReturn
from urllib.parse import unquote_to_bytes

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler import Response as PowertoolsResponse
from aws_lambda_powertools.event_handler.api_gateway import ResponseBuilder
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from aws_lambda_powertools.event_handler.openapi.params import Query as PowertoolsQuery
from aws_lambda_powertools.metrics import MetricUnit, single_metric
from aws_lambda_powertools.metrics.functions import is_metrics_disabled
from aws_lambda_powertools.shared.cookies import Cookie, SameSite
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2
from aws_lambda_powertools.utilities.typing import LambdaContext

from dealbrain import caching, errors, files, identity, jsontext
from dealbrain.caching import NO_STORE
from dealbrain.errors import (
    Invalid,
    Malformed,
    NotAllowed,
    NotFound,
    Problem,
    Refusal,
    TooLarge,
    Unauthenticated,
    UnsupportedType,
)
from dealbrain.facts import (
    CDN_WORD,
    COMPRESSED,
    IDEMPOTENCY_KEY,
    JSON_BODY_BYTES,
    RETRY_AFTER,
    SESSION_COOKIE,
    VIEWER_ADDRESS,
    Bucket,
    Media,
)
from dealbrain.identity import Anonymous, Caller, Person
from dealbrain.settings import settings

# Functions take it from here.
Response = PowertoolsResponse
Query = PowertoolsQuery
Unit = MetricUnit

VERSION = "0.1.0"
NAMESPACE = "DealBrain"
JSON = "application/json"
PROBLEM_JSON = "application/problem+json"

# What changes nothing, whoever has a browser send it.
READING = frozenset({"GET", "HEAD", "OPTIONS"})

# What fetches pages for search engines, previews and archives says so in its name. Programs in general are
# no crawlers: somebody runs them to read.
CRAWLERS = re.compile(
    r"(?<!cu)bots?\b|crawl|spider|slurp|preview|archiver|facebookexternalhit|whatsapp|embedly|validator"
    r"|lighthouse|pingdom|uptime|feedfetcher",
    re.IGNORECASE,
)

STATUS: Mapping[type[Refusal], HTTPStatus] = {
    errors.Malformed: HTTPStatus.BAD_REQUEST,
    errors.Unauthenticated: HTTPStatus.UNAUTHORIZED,
    errors.NotAllowed: HTTPStatus.FORBIDDEN,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.MethodNotAllowed: HTTPStatus.METHOD_NOT_ALLOWED,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.Expired: HTTPStatus.GONE,
    errors.TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    UnsupportedType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.Fault: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}


# What can be done with the table of what expires.
type Operation = Literal["get", "put", "delete", "scan"]


@dataclass(frozen=True)
class Needs:
    """What a function may touch beyond its logs; the stacks turn it into exactly these grants."""

    database: bool = False
    reads: tuple[str, ...] = ()
    """Prefixes of facts; which bucket each is in says ``facts.KEPT_IN``."""
    writes: tuple[str, ...] = ()
    deletes: tuple[str, ...] = ()
    lists: tuple[Bucket, ...] = ()
    """Buckets where it must tell an absent file (404) from a forbidden one (403)."""
    pending: tuple[Operation, ...] = ()
    renderer: int = 0
    """How many of it at once may have the renderer draw; none of it runs beyond them."""


@dataclass(frozen=True)
class Route:
    """One method and path of an endpoint, the path spelled as the HTTP API spells it."""

    method: str
    path: str
    signed_in: bool
    summary: str
    status: int
    is_page: bool
    """Whether a person's browser shows what it answers, rather than a program reading it."""


@dataclass(frozen=True)
class _Call:
    event: APIGatewayProxyEventV2
    who: Caller
    now: datetime
    unknown: tuple[Problem, ...] = ()
    """Query parameters the route does not have."""


_call: ContextVar[_Call] = ContextVar("call")


class Api(APIGatewayHttpResolver):
    """Powertools' resolver for one endpoint, reading strictly and safe to share between threads.

    Powertools keeps the event on a class and the context on the instance, which is right where an
    environment serves one request at a time. On one machine threads share the process, so every request
    works on a copy with a context of its own and reads the event of its own call.
    """

    is_page = False

    def __init__(
        self,
        *,
        signed_in: bool = False,
        body_limit: int = JSON_BODY_BYTES,
        takes: Sequence[Media] = (),
        advice: str = "",
    ) -> None:
        super().__init__(
            enable_validation=True,
            serializer=jsontext.dumps,
            json_body_deserializer=_json_object,
            response_validation_error_http_code=HTTPStatus.INTERNAL_SERVER_ERROR,
            debug=False,
        )
        self.routes: list[Route] = []
        self.signed_in = signed_in
        self.body_limit = body_limit
        self.takes = takes
        self.advice = advice
        self._first = threading.Lock()
        self._warm = False

    @property
    def current_event(self) -> APIGatewayProxyEventV2:  # type: ignore[override]
        """The event of this call, whatever other threads do."""
        return _call.get().event

    def route(self, rule: str, method: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - Powertools' own signature
        """Register a route and remember it for the stacks, the gateway, the documents and the tests."""
        decorate = super().route(rule, method, *args, **kwargs)

        def remember[F: Callable[..., Any]](function: F) -> F:
            made = decorate(function)
            registered = (self._static_routes + self._dynamic_routes)[-1]
            path = re.sub(r"<(\w+)>", r"{\1}", rule)
            for one in [method] if isinstance(method, str) else method:
                self.routes.append(
                    Route(
                        one,
                        path,
                        self.signed_in,
                        registered.summary or "",
                        registered.status_code,
                        self.is_page,
                    )
                )
            return made

        return remember

    def resolve(self, event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Answer one request: refuse what no verb should see, then route, validate and run."""
        mine = copy(self)
        mine.context = {}
        wrapped = APIGatewayProxyEventV2(dict(event), self._json_body_deserializer)
        now = datetime.fromtimestamp(wrapped.request_context.time_epoch / 1000, UTC)
        token = _call.set(_Call(wrapped, Anonymous(), now))
        try:
            self._admit(wrapped, now)
            # Powertools builds a route's middleware at its first request and is not guarded against two.
            if self._warm:
                return mine._resolve_powertools(event, context)  # noqa: SLF001 - a copy of ourselves
            with self._first:
                answer = mine._resolve_powertools(event, context)  # noqa: SLF001
                self._warm = True
                return answer
        except Refusal as refusal:
            return _built(self.tell(refusal), wrapped)
        finally:
            _call.reset(token)

    def _resolve_powertools(self, event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
        return super().resolve(event, context)

    def tell(self, refusal: Refusal) -> PowertoolsResponse[str]:
        """Spell a refusal as whoever calls reads it."""
        return problem(refusal)

    def _admit(self, event: APIGatewayProxyEventV2, now: datetime) -> None:
        _refuse_bad_path(event.raw_path)
        _refuse_bad_query(event.raw_query_string or "")
        who = _who(event, now)
        _call.set(_Call(event, who, now))
        if self.signed_in and isinstance(who, Anonymous):
            raise Unauthenticated("Sign in and send the access token as a bearer.")
        _call.set(_Call(event, who, now, self._unknown_parameters(event)))
        if event.body:
            self._admit_body(event)

    def _unknown_parameters(self, event: APIGatewayProxyEventV2) -> tuple[Problem, ...]:
        routes = self._static_routes + self._dynamic_routes
        known = {field.alias for route in routes for field in route.dependant.query_params}
        return tuple(
            Problem(f"?{name}", "unknown_parameter", "This route has no such parameter.")
            for name in event.query_string_parameters
            if routes and name not in known
        )

    def _admit_body(self, event: APIGatewayProxyEventV2) -> None:
        raw = _body(event)
        if len(raw) > self.body_limit:
            raise TooLarge(f"The body is larger than {self.body_limit // 1024:,} KiB. {self.advice}".strip())
        encoding = event.headers.get("content-encoding", "identity").strip().lower()
        if encoding != "identity":
            raise UnsupportedType(
                f"The body is encoded as {encoding[:80]!r}; send it as it is, uncompressed."
            )
        given = _content_type(event).split(";")[0].strip().lower()
        taken = self.takes or (Media.json,)
        if given not in taken:
            raise UnsupportedType(f"This route reads {', '.join(taken)}, not {given[:80]!r}.")
        if given == Media.json and raw.startswith(COMPRESSED):
            raise Malformed("The body is compressed; send it as it is.")
        if given == Media.json and not jsontext.is_utf8(raw):
            raise Malformed("The body is no UTF-8.")


def api(
    *,
    signed_in: bool = False,
    body_limit: int = JSON_BODY_BYTES,
    takes: Sequence[Media] = (),
    advice: str = "",
) -> Api:
    """Make the resolver of one endpoint.

    Args:
        signed_in: whether anonymous callers get 401; otherwise both are served.
        body_limit: bytes of body taken.
        takes: for a function that reads the body itself, as it was sent: which kinds it reads.
        advice: what somebody may do whose body is too large.
    """
    return ready(Api(signed_in=signed_in, body_limit=body_limit, takes=takes, advice=advice))


def ready[A: Api](app: A) -> A:
    """Let a resolver tell every refusal in its own way, whoever raised it."""
    app.use([_refuse_unknown_parameters])
    app.exception_handler(Refusal)(app.tell)
    app.exception_handler(RequestValidationError)(lambda error: app.tell(_refusal(error)))
    # An encoded slash in an id makes another path of it than the one the gateway chose this function for.
    app.exception_handler(NotFoundError)(lambda _: app.tell(NotFound()))
    app.exception_handler(Exception)(lambda error: app.tell(_fault(error)))
    return app


def as_default[A: Api](app: A, refuse: Callable[[], NoReturn]) -> A:
    """Make a resolver that of the ``$default`` route, which answers whatever no other route does.

    Args:
        app: tells the refusals.
        refuse: raises the refusal that fits the request.
    """
    ready(app)
    app.routes.append(
        Route("ANY", "$default", signed_in=False, summary="Refuse what is unknown", status=404, is_page=False)
    )
    app.exception_handler(NotFoundError)(lambda _: refuse())
    return app


def entry(app: Api) -> Callable[[dict[str, Any], LambdaContext], dict[str, Any]]:
    """Make the Lambda handler: answer the warm-up ping, else the request, with one log line for it."""

    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        if event.get("warm"):
            return {"warm": True}
        answer = caching.settled(event, app.resolve(event, context))
        _harden(answer["headers"])
        request = event["requestContext"]
        # The route and not the path: share tokens stand in paths.
        _logger().info(
            "answered",
            extra={
                "route": event["routeKey"],
                "status": answer["statusCode"],
                "request_id": request["requestId"],
            },
        )
        return answer

    return handler


def caller() -> Caller:
    """Who sent the request: a verified person, or Anonymous."""
    return _call.get().who


def person() -> Person:
    """Who sent the request, on routes that require somebody.

    Raises:
        Unauthenticated: nobody did.
    """
    who = caller()
    if isinstance(who, Anonymous):
        raise Unauthenticated("Sign in and send the access token as a bearer.")
    return who


def now() -> datetime:
    """When the request arrived (UTC), by the gateway's clock: the only "now" a verb is given."""
    return _call.get().now


def viewer() -> str | None:
    """What tells who looks from others, for counting looks; None for whom we do not count.

    Those are crawlers, and whoever only asks whether something is there (HEAD).

    It names a person or an address, so it is never stored as it stands.
    """
    call = _call.get()
    if call.event.http_method == "HEAD":
        return None
    if isinstance(call.who, Person):
        return f"person {call.who.sub}"
    agent = call.event.headers.get("user-agent", "")
    if CRAWLERS.search(agent):
        return None
    return f"address {_address(call.event)} {agent}"


def _address(event: APIGatewayProxyEventV2) -> str:
    """Where a request comes from: as our CDN says, if it is ours, since all who come through it share one."""
    headers = event.headers
    fingerprint = hashlib.sha256(headers.get(CDN_WORD, "").encode()).hexdigest()
    is_ours = compare_digest(fingerprint, settings().cdn_fingerprint)
    told: str | None = headers.get(VIEWER_ADDRESS) if is_ours else None
    return told or event.request_context.http.source_ip


def idempotency_key() -> str | None:
    """What the caller calls a request that may reach us twice (header Idempotency-Key).

    Raises:
        Invalid: it is empty, longer than 255 characters, or has letters nobody can read.
    """
    # Read here and not by Powertools, which takes what stands before a comma for the whole.
    key: str | None = _call.get().event.headers.get("idempotency-key")
    if key is not None and not (0 < len(key) <= IDEMPOTENCY_KEY and key.isprintable()):
        said = f"must have 1 to {IDEMPOTENCY_KEY} printable characters"
        problem = Problem("Idempotency-Key:", "bad_header", said)
        raise Invalid(f"The header Idempotency-Key {said}.", problems=(problem,))
    return key


def body() -> bytes:
    """The request's body as it was sent."""
    return _body(_call.get().event)


def content_type() -> str:
    """What the body is said to be, parameters included."""
    return _content_type(_call.get().event)


def cookie(name: str) -> str | None:
    """A cookie the request brought."""
    return _cookie(_call.get().event, name)


def header(name: str) -> str | None:
    """A header the request brought; its name in lower case."""
    found: str | None = _call.get().event.headers.get(name)
    return found


def query() -> str:
    """What stands behind the question mark, as it was sent."""
    return _call.get().event.raw_query_string or ""


def request() -> tuple[str, str]:
    """The method and path asked for."""
    event = _call.get().event
    return event.http_method, event.raw_path


def count(name: str, value: float = 1, unit: MetricUnit = MetricUnit.Count) -> None:
    """Write one metric in CloudWatch's embedded format."""
    # A single metric of Powertools' is written whatever POWERTOOLS_METRICS_DISABLED says.
    if is_metrics_disabled():
        return
    with single_metric(name=name, unit=unit, value=value, namespace=NAMESPACE):
        pass


def log(message: str, **fields: object) -> None:
    """Write one line into the log."""
    _logger().info(message, extra=fields)


def answer[T](content: T, status: int) -> Response[T]:
    """An answer whose status depends on what happened."""
    return Response(status, JSON, content)


def binary(
    content: bytes, media_type: str, headers: Mapping[str, str], status: int = HTTPStatus.OK
) -> Response[str]:
    """Bytes as they are. Base64 because Powertools' answer validation would read them as text."""
    response = Response(status, media_type, base64.b64encode(content).decode(), dict(headers))
    response.base64_encoded = True
    return response


def attachment(content: bytes, media_type: str, file_name: str) -> Response[str]:
    """A file to keep."""
    return binary(content, media_type, {"Content-Disposition": files.disposition(file_name)})


def redirect(location: str) -> Response[str]:
    """Send the caller on, this time only."""
    return Response(HTTPStatus.FOUND, None, "", {"Location": location, "Cache-Control": NO_STORE})


def keep[T](given: Response[T], name: str, value: str, life: timedelta) -> Response[T]:
    """Have the browser keep a cookie: for this host, over TLS, out of sight of scripts and of other sites."""
    seconds = int(life.total_seconds())
    given.cookies.append(
        Cookie(name, value, "/", secure=True, http_only=True, max_age=seconds, same_site=SameSite.LAX_MODE)
    )
    return given


def forget[T](given: Response[T], name: str) -> Response[T]:
    """Have the browser drop a cookie."""
    return keep(given, name, "", timedelta(0))


def nothing() -> Response[str]:
    """The answer to a deletion."""
    return Response(HTTPStatus.NO_CONTENT, None, "")


def problem(refusal: Refusal) -> Response[str]:
    """Spell a refusal as problem+json (RFC 9457), the one error shape there is."""
    status = next(STATUS[kind] for kind in type(refusal).__mro__ if kind in STATUS)
    content = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "code": refusal.code,
        "detail": refusal.detail,
        "errors": [vars(one) for one in refusal.problems],
        **refusal.members,
    }
    headers: dict[str, str | list[str]] = {"Cache-Control": NO_STORE}
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(int(RETRY_AFTER.total_seconds()))
    if status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(status.value, PROBLEM_JSON, jsontext.dumps(content), headers)


def _fault(error: Exception) -> Refusal:
    _logger().exception("unexpected", exc_info=error)
    request_id = _call.get().event.request_context.request_id
    return errors.Fault(f"Something went wrong on our side. Our log has it as request {request_id}.")


def _refusal(error: RequestValidationError) -> Refusal:
    """Turn the validator's list into ours; a path that cannot name anything is simply not found."""
    found = error.errors()
    if any(one["loc"][0] == "path" for one in found):
        return NotFound()
    problems = *map(_problem, found), *_call.get().unknown
    return Invalid("The request is well formed but wrong; see errors.", problems=problems)


def _problem(found: Mapping[str, Any]) -> Problem:
    place, *rest = found["loc"]
    escaped = (str(step).replace("~", "~0").replace("/", "~1") for step in rest)
    # Parameters that belong together are told one by one, and so are those of a list.
    name = next((step for step in reversed(rest) if isinstance(step, str)), "")
    pointer = f"?{name}" if place == "query" else "".join(f"/{step}" for step in escaped)
    return Problem(pointer, found["type"], found.get("msg", "is not valid").removeprefix("Value error, "))


def _refuse_unknown_parameters(app: Api, next_middleware: Callable[[Api], Response[Any]]) -> Response[Any]:
    if unknown := _call.get().unknown:
        raise Invalid("This route does not know these parameters.", problems=unknown)
    return next_middleware(app)


def _who(event: APIGatewayProxyEventV2, now: datetime) -> Caller:
    """Who sent a request, by its bearer or, where there is none, by their browser's cookie.

    Raises:
        NotAllowed: a browser sent it, and another site's page had it do so.
    """
    bearer = event.headers.get("authorization")
    if bearer is not None:
        return identity.caller(bearer, now)
    who = identity.visitor(_cookie(event, SESSION_COOKIE), now)
    if isinstance(who, Person) and event.http_method not in READING:
        refuse_foreign(event.headers.get("origin"))
    return who


def refuse_foreign(origin: str | None) -> None:
    """Refuse what another site's page sends; browsers say by themselves which one it is (RFC 6454).

    Raises:
        NotAllowed: it is not ours.
    """
    if origin != settings().public_origin:
        raise NotAllowed("Another site sent this, so nothing was done. Do it again on our own page.")


def _cookie(event: APIGatewayProxyEventV2, name: str) -> str | None:
    sent = (one.partition("=") for one in event.cookies)
    return next((value for found, _, value in sent if found == name), None)


def _refuse_bad_path(path: str) -> None:
    # Powertools' pattern of a route lets a line break at its end pass.
    if not _is_clean(path) or not path.isprintable():
        raise NotFound


def _refuse_bad_query(query: str) -> None:
    if not _is_clean(query.replace("+", " ")):
        raise Malformed("The query contains a NUL or bytes that are no UTF-8.")


def _is_clean(text: str) -> bool:
    # The raw text, because every later reader decodes it in its own way.
    raw = unquote_to_bytes(text)
    return jsontext.is_utf8(raw) and b"\x00" not in raw


def _body(event: APIGatewayProxyEventV2) -> bytes:
    sent = event.body or ""
    return base64.b64decode(sent) if event.is_base64_encoded else sent.encode("utf-8", "surrogatepass")


def _content_type(event: APIGatewayProxyEventV2) -> str:
    return event.headers.get("content-type") or Media.json


def _json_object(text: str) -> dict[str, Any]:
    """Read a body. Powertools would take the first element of a list for the object that was meant."""
    value = jsontext.loads(text)
    if not isinstance(value, dict):
        problem = Problem("", "object_type", "This should be an object.")
        raise Invalid("The body must be a JSON object.", problems=(problem,))
    return value


def _built(response: Response[Any], event: APIGatewayProxyEventV2) -> dict[str, Any]:
    built: dict[str, Any] = ResponseBuilder[Any](response, jsontext.dumps).build(event)
    return built


def _harden(headers: dict[str, Any]) -> None:
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "no-referrer")


@lru_cache(maxsize=1)
def _logger() -> Logger:
    # Made at first use: Powertools reads the environment when it is made.
    return Logger(service="dealbrain")
