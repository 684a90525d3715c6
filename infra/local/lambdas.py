"""A stand-in for Lambda: the Invoke API in front, the Runtime API behind, real processes in between.

The runtime is the one of the container image (awslambdaric), so that the same program runs here and
there. As on AWS an execution environment takes one event at a time, more than the reserved concurrency
is throttled, a late one is killed, and one that fell over is replaced at the next call. Environments are
started by the first call that needs them; when too many of them are idle, the longest idle one ends.
"""

import asyncio
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dealbrain import facts, jsontext
from infra.local.processes import address, kill_tree, listen, serve, tied, wait_until

ARN = "arn:aws:lambda:us-east-1:123456789012:function:"
# AWS gives an environment so long to get ready before the first event.
INIT_TIMEOUT = timedelta(seconds=10)
MEMORY_MB = 2048
# A runtime with a handler takes 50 to 110 MB, so a machine keeps fewer of them than AWS does.
IDLE_MOST = 24
RUNTIME = (sys.executable, "-m", "awslambdaric")


@dataclass(frozen=True)
class Answer:
    """What a function made of an event: its answer, or the description of its error."""

    body: bytes
    failed: bool = False


def failure(kind: str, message: str) -> Answer:
    """An error in Lambda's words."""
    return Answer(jsontext.dumps({"errorType": kind, "errorMessage": message}).encode(), failed=True)


@dataclass(frozen=True)
class Function:
    """What is deployed: a handler for the runtime, its limits, and all it is told."""

    name: str
    handler: str
    concurrency: int = facts.RENDERER_CONCURRENCY
    timeout: timedelta = facts.RENDERER_TIMEOUT
    environment: Mapping[str, str] = field(default_factory=dict)
    """Nothing else of this machine's environment reaches it."""
    folder: Path = Path("/")
    """Where it is started, as Lambda does in the folder of the code."""
    runtime: Sequence[str] = RUNTIME
    """The program that asks for events; the handler's name is put behind it."""


class Environment:
    """One execution environment: a process with the runtime in it, and at most one event."""

    def __init__(self, function: Function) -> None:
        self.name = uuid.uuid4().hex
        self.function = function
        self._ready = asyncio.Event()
        self._events: asyncio.Queue[tuple[str, bytes] | None] = asyncio.Queue()
        self._answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None
        self.alive = True

    async def start(self, runtime_api: str, log: Path) -> None:
        """Start the process; it will ask for its first event when it is ready."""
        with log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *tied([*self.function.runtime, self.function.handler]),
                stdout=output,
                stderr=output,
                start_new_session=True,
                cwd=self.function.folder,
                env={**self.function.environment, **self._own(runtime_api)},
            )
        self._watcher = asyncio.create_task(self._watch(self._process))

    def _own(self, runtime_api: str) -> dict[str, str]:
        """What Lambda itself tells every function."""
        return {
            "AWS_LAMBDA_RUNTIME_API": f"{runtime_api}/{self.name}",
            "AWS_LAMBDA_FUNCTION_NAME": self.function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(MEMORY_MB),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{self.function.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": self.name,
            "TZ": ":UTC",
            # On AWS boto3 finds Lambda by itself; here it is where the function runs.
            "AWS_ENDPOINT_URL_LAMBDA": f"http://{runtime_api}",
        }

    async def run(self, payload: bytes) -> Answer:
        """Give it one event and wait for the answer, the time-out, or its end, whatever comes first."""
        request_id = str(uuid.uuid4())
        self._answer = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(INIT_TIMEOUT.total_seconds()):
                await self._ready.wait()
            self._events.put_nowait((request_id, payload))
            async with asyncio.timeout(self.function.timeout.total_seconds()):
                return await self._answer
        except TimeoutError:
            self.kill()
            seconds = self.function.timeout.total_seconds()
            message = f"RequestId: {request_id} Error: Task timed out after {seconds:.2f} seconds"
            return failure("Sandbox.Timedout", message)

    async def next_event(self) -> tuple[str, bytes] | None:
        """What the runtime's long poll waits for; None when the environment has ended."""
        self._ready.set()
        return await self._events.get()

    def finish(self, answer: Answer) -> None:
        """Take what the runtime reports; a late report on an event given up is nothing to anybody."""
        if not self._answer.done():
            self._answer.set_result(answer)

    def kill(self) -> None:
        """End it with everything it started."""
        self.alive = False
        # The number of a process that has ended may be somebody else's by now.
        if self._process is not None and self._process.returncode is None:
            kill_tree(self._process.pid)

    @property
    def has_ended(self) -> bool:
        """Whether nothing runs in it, as far as the event loop has seen."""
        return self._process is None or self._process.returncode is not None

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        code = await process.wait()
        # What it started must not outlive it, and its waiting poll must not swallow a later event.
        self.alive = False
        self._events.put_nowait(None)
        self._ready.set()
        reason = f"signal: {-code}" if code < 0 else f"exit status {code}"
        self.finish(failure("Runtime.ExitError", f"Runtime exited with error: {reason}"))


class Environments:
    """All environments there are, and which of them wait for an event."""

    def __init__(self, idle_most: int) -> None:
        self.by_name: dict[str, Environment] = {}
        self._idle_most = idle_most
        # The one that has waited longest stands first.
        self._idle: list[Environment] = []

    def take(self, function: Function) -> Environment | None:
        """The one of this function that was used last, as it is the warmest; None when all are busy."""
        for environment in reversed(self._idle):
            if environment.function is function and environment.alive:
                self._idle.remove(environment)
                return environment
        return None

    def add(self, function: Function) -> Environment:
        """One more; whoever adds it starts it."""
        environment = Environment(function)
        self.by_name[environment.name] = environment
        return environment

    def give_back(self, environment: Environment) -> None:
        """Let it wait for another event; end those that are too many, and forget those that fell over."""
        self._idle.append(environment)
        kept = [one for one in self._idle if one.alive][-self._idle_most :]
        for one in self._idle:
            if one not in kept:
                one.kill()
                del self.by_name[one.name]
        self._idle = kept

    def stop(self, log: Path) -> None:
        """End all, and let the event loop see it, which else complains of processes it leaves behind."""
        ending = list(self.by_name.values())
        for environment in ending:
            environment.kill()
        wait_until(lambda: all(one.has_ended for one in ending), "The end of functions", seconds=30, log=log)


class Lambda:
    """One function. Lives in the server's event loop."""

    def __init__(self, function: Function, environments: Environments, log: Path) -> None:
        self._function = function
        self._environments = environments
        self._log = log
        self._free = asyncio.Semaphore(function.concurrency)
        self._later: set[asyncio.Task[None]] = set()

    async def invoke(self, payload: bytes, runtime_api: str) -> Answer | None:
        """Run one event now; None when all of the reserved concurrency is taken."""
        if self._free.locked():
            return None
        return await self._run(payload, runtime_api)

    def invoke_later(self, payload: bytes, runtime_api: str) -> None:
        """Run one event as soon as there is room; nobody hears of its answer."""

        async def wait_and_run() -> None:
            await self._run(payload, runtime_api)

        task = asyncio.create_task(wait_and_run())
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def _run(self, payload: bytes, runtime_api: str) -> Answer:
        async with self._free:
            environment = self._environments.take(self._function)
            if environment is None:
                environment = self._environments.add(self._function)
                await environment.start(runtime_api, self._log)
            try:
                return await environment.run(payload)
            finally:
                self._environments.give_back(environment)


@contextmanager
def lambdas(folder: Path, *functions: Function) -> Iterator[str]:
    """Serve functions; give the address for ``AWS_ENDPOINT_URL_LAMBDA``. Their logs are in the folder."""
    environments = Environments(IDLE_MOST)
    deployed = {}
    for function in functions:
        log = folder / f"{function.name}.log"
        log.unlink(missing_ok=True)
        deployed[function.name] = Lambda(function, environments, log)
    with listen() as listener, serve(_app(deployed, environments), listener):
        try:
            yield address(listener)
        finally:
            environments.stop(folder)


def _app(deployed: Mapping[str, Lambda], environments: Environments) -> Starlette:
    front = _Front(deployed)
    back = _Back(environments)
    runtime = "/{environment}/2018-06-01/runtime"
    return Starlette(
        routes=[
            Route("/2015-03-31/functions/{name}/invocations", front.invoke, methods=["POST"]),
            Route(f"{runtime}/invocation/next", back.next_event),
            Route(f"{runtime}/invocation/{{request_id}}/response", back.response, methods=["POST"]),
            Route(f"{runtime}/invocation/{{request_id}}/error", back.error, methods=["POST"]),
        ]
    )


class _Front:
    """The Invoke API, as boto3 speaks it."""

    def __init__(self, deployed: Mapping[str, Lambda]) -> None:
        self._deployed = deployed

    async def invoke(self, request: Request) -> Response:
        name = request.path_params["name"].removeprefix(ARN)
        function = self._deployed.get(name)
        if function is None:
            return _refuse(404, "ResourceNotFoundException", f"Function not found: {ARN}{name}")
        payload = await request.body() or b"{}"
        if len(payload) > facts.LAMBDA_PAYLOAD_BYTES:
            return _refuse(413, "RequestTooLargeException", "Request must be smaller than 6291456 bytes")
        runtime_api = request.url.netloc
        if request.headers.get("x-amz-invocation-type") == "Event":
            function.invoke_later(payload, runtime_api)
            return Response(status_code=202)
        answer = await function.invoke(payload, runtime_api)
        if answer is None:
            reason = {"Reason": "ReservedFunctionConcurrentInvocationLimitExceeded", "Type": "User"}
            return _refuse(429, "TooManyRequestsException", "Rate Exceeded.", **reason)
        headers = {"X-Amz-Executed-Version": "$LATEST"}
        if answer.failed:
            headers["X-Amz-Function-Error"] = "Unhandled"
        return Response(answer.body, headers=headers, media_type="application/json")


def _refuse(status: int, kind: str, message: str, **more: str) -> Response:
    body = {**(more or {"Type": "User"}), "message": message}
    return JSONResponse(body, status_code=status, headers={"x-amzn-errortype": kind})


class _Back:
    """The Runtime API, as awslambdaric speaks it.

    But for a handler that cannot be imported: awslambdaric cannot tell that to an address with a path, so
    the reason stands in the function's log only.
    """

    def __init__(self, environments: Environments) -> None:
        self._environments = environments

    async def next_event(self, request: Request) -> Response:
        environment = self._of(request)
        event = await environment.next_event()
        if event is None:
            return Response(status_code=410)
        request_id, payload = event
        deadline = time.time() + environment.function.timeout.total_seconds()
        headers = {
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": str(int(deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": ARN + environment.function.name,
        }
        return Response(payload, headers=headers, media_type="application/json")

    async def response(self, request: Request) -> Response:
        body = await request.body()
        if len(body) > facts.LAMBDA_PAYLOAD_BYTES:
            message = f"Response payload size ({len(body)} bytes) exceeded maximum allowed payload size"
            environment = self._of(request)
            environment.finish(failure("Function.ResponseSizeTooLarge", message))
            # The runtime falls over this refusal; the next event must not go to one that is falling.
            environment.kill()
            return Response(status_code=413)
        self._of(request).finish(Answer(body))
        return Response(status_code=202)

    async def error(self, request: Request) -> Response:
        self._of(request).finish(Answer(await request.body(), failed=True))
        return Response(status_code=202)

    def _of(self, request: Request) -> Environment:
        return self._environments.by_name[request.path_params["environment"]]
