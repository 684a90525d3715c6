"""What holds the house together: routes, documents, imports, tables and commands say the same."""

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from html import unescape
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from dealbrain import db, facts, jsontext, pages
from dealbrain.tables import Table
from dealbrain.web import Needs
from functions.meta.openapi import DOCUMENT
from functions.meta.unknown import ADDRESSES
from infra import openapi
from infra.local.run import System
from infra.routes import DEFAULT, Endpoint, modules, routes
from tests.makers import Api, Person, refused

ROOT = Path(__file__).parents[1]
EVERY = [route for route in routes() if route.path != DEFAULT]
# Those of the API, and those of pages.
ROUTES = [route for route in EVERY if not route.is_page]
PAGES = [route for route in EVERY if route.is_page]
PATHS = sorted({route.path for route in ROUTES})
PAGE_PATHS = sorted({route.path for route in PAGES})
MODULES = list(modules())
by_key = pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.key)
by_page = pytest.mark.parametrize("route", PAGES, ids=lambda route: route.key)


# ---------------------------------------------------------------------------------- routes and documents


@pytest.fixture(scope="module")
def mina(running: System) -> Iterator[Person]:
    with Api(running) as api:
        yield api.person("mina")


@by_key
def test_every_route_is_answered_by_its_own_function(mina: Person, route: Endpoint) -> None:
    answer = mina.send(route.method, filled(route.path))
    assert answer.status_code < 500
    assert "no such address" not in answer.text


def filled(path: str) -> str:
    """An address that names nothing that is there."""
    named = path.replace("{preview_id}", "00000000-0000-4000-8000-000000000000")
    return re.sub(r"\{\w+\}", str(facts.BIGINT_MOST), named)


@pytest.fixture(scope="module")
def paths(mina: Person) -> Mapping[str, Mapping[str, Any]]:
    """What the document says of every path and method, as the system answers it."""
    found: Mapping[str, Mapping[str, Any]] = mina.get("/openapi.json").json()["paths"]
    return found


def test_the_openapi_document_has_exactly_the_routes_there_are(
    paths: Mapping[str, Mapping[str, Any]],
) -> None:
    said = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert said == {route.key for route in ROUTES}


@pytest.fixture(scope="module")
def spelled() -> str:
    return openapi.spelled(openapi.document())


def test_the_openapi_document_is_current(spelled: str) -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == spelled


def test_the_addresses_that_unknown_ones_are_told_from_are_current() -> None:
    assert ADDRESSES.read_text(encoding="utf-8") == openapi.spelled(openapi.addresses())


@by_key
def test_the_openapi_document_says_who_is_let_in(
    paths: Mapping[str, Mapping[str, Any]], route: Endpoint
) -> None:
    said = paths[route.path][route.method.lower()]["security"]
    assert ({} in said) == (not route.signed_in)


def test_no_two_shapes_of_the_api_share_a_name() -> None:
    """Powertools lets the last of them win in a merged document, silently."""
    found: dict[str, set[str]] = {}
    for route in ROUTES:
        for name, said in openapi._schema(route)["components"]["schemas"].items():
            found.setdefault(name, set()).add(jsontext.dumps(said))
    assert [name for name, kinds in found.items() if len(kinds) > 1] == []


# Promised in docs/api.md and not made yet; whoever makes one takes it out of here.
LATER: set[str] = set()
# The local gateway's own, never deployed.
LOCAL = {"POST /dev/sign-in"}


def shape(path: str) -> str:
    """A path without the names of its parameters; those of a card's file name are one parameter."""
    return re.sub(r"\{\}[-.{}]*\{\}", "{}", re.sub(r"\{[^}]*\}", "{}", path.removeprefix("/v1")))


def promised() -> set[str]:
    """Every method and path docs/api.md spells together."""
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    method, path = "(?:GET|HEAD|POST|PATCH|PUT|DELETE)", r"(?:/(?:[\w.-]|\{[\w|]+\})+)+"
    found = re.findall(rf"((?:{method}, )*{method}) ({path}(?:, {path})*)", text)
    return {
        f"{one} {shape(place.rstrip('.'))}"
        for methods, places in found
        for one, place in product(methods.split(", "), places.split(", "))
    }


def test_every_route_the_api_document_promises_is_there_or_known_to_come_later() -> None:
    assert promised() - {f"{route.method} {shape(route.path)}" for route in ROUTES} == LATER | LOCAL


@pytest.mark.parametrize("path", PATHS)
def test_every_path_stands_in_the_api_document(path: str) -> None:
    assert shape(path) in {place.partition(" ")[2] for place in promised()}


def test_every_page_its_document_promises_is_there() -> None:
    assert promised_pages() - {route.key for route in PAGES} == set()


@by_page
def test_every_page_stands_in_its_document(route: Endpoint) -> None:
    assert route.key in promised_pages()


def promised_pages() -> set[str]:
    """Every method and path of the table in docs/pages.md."""
    lines = (ROOT / "docs" / "pages.md").read_text(encoding="utf-8").splitlines()
    cells = [line.split("|")[1].strip(" `") for line in lines if line.startswith("| `")]
    return {
        f"{method} {path}"
        for methods, _, path in (cell.rpartition(" ") for cell in cells)
        for method in methods.split(", ")
    }


@pytest.mark.parametrize("module", MODULES)
def test_a_file_under_functions_is_one_endpoint_or_one_job(module: str) -> None:
    function = importlib.import_module(module)
    assert callable(function.handler)
    assert isinstance(function.NEEDS, Needs)
    assert len({route.path for route in routes() if route.module == module}) == hasattr(function, "app")


@pytest.mark.parametrize("module", MODULES)
def test_a_function_needs_the_database_exactly_when_it_uses_it(module: str) -> None:
    rooms = {"dealbrain.db", "dealbrain.migrations"}
    assert bool(rooms & imported(source(module))) == importlib.import_module(module).NEEDS.database


# ----------------------------------------------------------------------------------------- refusals


def test_an_unknown_address_is_refused_in_the_one_shape(mina: Person) -> None:
    refused(mina.get("/nowhere"), 404, "not_found")


def test_an_address_outside_the_version_is_refused_in_the_one_shape(mina: Person) -> None:
    refused(mina.get("/../favicon.ico"), 404, "not_found")


def test_a_browser_lost_below_the_api_is_refused_in_its_shape(mina: Person) -> None:
    refused(mina.get("/nowhere", headers={"Accept": "text/html"}), 404, "not_found")


@pytest.mark.parametrize("path", PATHS)
def test_a_wrong_method_is_refused_in_the_one_shape(mina: Person, path: str) -> None:
    known = {route.method for route in ROUTES if route.path == path}
    # An address of one shape may be another's too: DELETE …/public/{id} is none of …/{id}/{more}.
    wrong = next(method for method in ("PUT", "POST", "DELETE", "OPTIONS") if method not in known)
    refused(mina.send(wrong, filled(path)), 405, "method_not_allowed")


REFUSALS: Mapping[str, tuple[int, str, dict[str, Any]]] = {
    "malformed": (400, "malformed_json", {"content": b"{"}),
    "wrong": (422, "invalid", {"content": b"{}"}),
    "of no known kind": (
        415,
        "unsupported_type",
        {"content": b"a=1", "headers": {"Content-Type": "text/csv"}},
    ),
    "too large": (413, "too_large", {"content": b" " * (facts.JSON_BODY_BYTES + 1)}),
    "by nobody": (401, "unauthenticated", {"headers": {"Authorization": ""}}),
}


@pytest.mark.parametrize(("status", "code", "sent"), REFUSALS.values(), ids=REFUSALS)
def test_what_is_refused_is_refused_in_the_one_shape(
    mina: Person, status: int, code: str, sent: dict[str, Any]
) -> None:
    refused(mina.call("POST", "/collections", **sent), status, code)


# --------------------------------------------------------------------------------------------- pages


@pytest.fixture
def visitor(running: System) -> Iterator[Person]:
    """Somebody new at a browser for each test: one of the pages signs out."""
    with Api(running) as api:
        yield api.browser("mina")


@by_page
def test_every_page_is_answered_by_its_own_function(visitor: Person, route: Endpoint) -> None:
    answer = visitor.send(route.method, filled(route.path))
    assert answer.status_code < 500
    assert "no such address" not in answer.text
    assert answer.status_code in {302, 303} or is_page(answer)


def is_page(answer: httpx.Response) -> bool:
    """Whether this is HTML that runs and fetches nothing but ours."""
    said = answer.headers
    return said["content-type"] == pages.HTML and said["content-security-policy"].startswith(
        "default-src 'none'"
    )


def leads_on(answer: httpx.Response) -> bool:
    """Whether a page says in its main part what to do next."""
    main = answer.text.partition("<main")[2].partition("</main>")[0]
    return is_page(answer) and '<a class="button' in main


@pytest.mark.parametrize("signed_in", [True, False])
def test_an_unknown_address_is_a_page_that_leads_on(running: System, *, signed_in: bool) -> None:
    with Api(running) as api:
        answer = api.browser("mina" if signed_in else None).open("/nowhere")
    assert answer.status_code == 404
    assert leads_on(answer)


@pytest.mark.parametrize("path", PAGE_PATHS)
def test_a_wrong_method_of_a_page_is_a_page_that_leads_on(visitor: Person, path: str) -> None:
    known = {
        method for shape, methods in openapi.addresses().items() if fits(shape, path) for method in methods
    }
    wrong = next(method for method in ("PUT", "DELETE") if method not in known)
    answer = visitor.send(wrong, filled(path))
    assert answer.status_code == 405
    assert leads_on(answer)
    assert f"{', '.join(sorted(known))} is." in unescape(answer.text)


def fits(shape: str, path: str) -> bool:
    """Whether an address may be meant by two paths."""
    one, other = shape.split("/"), path.split("/")
    return len(one) == len(other) and all(a == b or "{" in a for a, b in zip(one, other, strict=True))


def test_an_unknown_address_is_one_line_to_a_page_that_is_open(visitor: Person) -> None:
    answer = visitor.open("/nowhere", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.text) == (404, "There is no such address.")


def test_an_unknown_address_is_refused_in_the_one_shape_to_who_wants_no_page(visitor: Person) -> None:
    refused(visitor.open("/nowhere.png", headers={"Accept": "image/*"}), 404, "not_found")


# -------------------------------------------------------------------------- importing costs nothing

# Imports one module after the other in a fresh interpreter where reaching outside is an error. One
# interpreter for all is enough: as imports go one way, their order changes nothing.
PROBE = """
import importlib, sys

OUTSIDE = {"socket.connect", "socket.getaddrinfo", "socket.bind", "subprocess.Popen", "os.system"}

def refuse_effects(event, args):
    writes = event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+")
    if writes or event in OUTSIDE:
        raise RuntimeError(f"importing must cost nothing, and this did {event} {args}")

sys.addaudithook(refuse_effects)
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
        settings = sys.modules.get("dealbrain.settings")
        assert not settings or not settings.settings.cache_info().misses, "settings were read"
    except BaseException as error:
        sys.exit(f"{name}: {error!r}")
"""


def imports_in_an_empty_environment(path: str, *names: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-B", "-W", "error", "-c", PROBE, *names],
        env={"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def files_of(*folders: str) -> list[Path]:
    return sorted(file for folder in folders for file in (ROOT / folder).rglob("*.py"))


def name_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part not in {"shared", "__init__"})


OURS = {name_of(file): file for file in files_of("shared", "functions", "infra")}
# Alembic runs these two kinds itself; they are no modules to import.
RUN_BY_ALEMBIC = re.compile(r"dealbrain\.migrations\.(env|versions\..+)")


def test_importing_reads_no_setting_opens_no_connection_and_warns_nobody() -> None:
    names = [name for name in OURS if not name.startswith("infra") and not RUN_BY_ALEMBIC.match(name)]
    done = imports_in_an_empty_environment(f"{ROOT}:{ROOT}/shared", *names)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "effect",
    [
        "import os; os.environ['DATABASE_URL']",
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "import subprocess; subprocess.run(['true'])",
        "import warnings; warnings.warn('old', DeprecationWarning)",
        "open('/tmp/left-behind', 'w')",
        "from dealbrain.settings import settings\ntry: settings()\nexcept ValueError: pass",
    ],
)
def test_an_import_that_costs_something_would_be_seen(tmp_path: Path, effect: str) -> None:
    (tmp_path / "costly.py").write_text(effect)
    done = imports_in_an_empty_environment(f"{tmp_path}:{ROOT}/shared", "costly")
    assert done.returncode == 1
    assert "costly" in done.stderr


# ----------------------------------------------------------------------------------- imports go one way

# Each may import what stands before it. What stands on one line does not know the others there.
LAYERS = (
    "errors settings facts",
    "jsontext forms assets markup charts",
    "scalars editing",
    "document cardspec hardware",
    "titles graphics",
    "reading units matching terms capacities amounts",
    "postings",
    "scoring rows drafting",
    "spreadsheets bookmarks",
    "intake",
    "tables db files pending",
    "signatures previews caching sessions",
    "identity",
    "shapes paging sampling",
    "access",
    "showing resembling browsing distinct narrowing linking deciding templating",
    "migrations",
    (
        "indexing counting offering catalog collecting feeding sharing copying discovering exporting"
        " uploading importing reopening confirming undoing reverting carding licensing pricing rescoring"
        " sweeping presenting deploying signing_in"
    ),
    "web",
    "pages",
    "functions",
    "infra",
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names.split()}
# Sideways, among the verbs: what others count on.
COMMON = {"catalog", "indexing", "counting", "licensing", "pricing"}
MORE = {
    "importing": {"offering", "exporting", "uploading"},
    "confirming": {"importing", "offering", "collecting", "undoing"},
    "reopening": {"uploading"},
    "rescoring": {"offering"},
    "undoing": {"collecting", "exporting", "offering"},
    "reverting": {"collecting"},
    "licensing": {"carding"},
}


def room(module: str) -> str:
    """The name a layer calls a module by."""
    top, _, rest = module.partition(".")
    return rest.partition(".")[0] if top == "dealbrain" else top


def may_import(importer: str, target: str) -> bool:
    one, other = room(importer), room(target)
    if one == other:
        # Endpoints of one folder may share; folders do not know each other.
        folders = importer.split(".")[:2], target.split(".")[:2]
        return one != "functions" or folders[0] == folders[1] or target == "functions.meta.openapi"
    if one not in LEVEL or other not in LEVEL:
        return False
    sideways = other in COMMON or other in MORE.get(one, ())
    return LEVEL[other] < LEVEL[one] or (LEVEL[other] == LEVEL[one] and sideways)


def source(module: str) -> str:
    return OURS[module].read_text(encoding="utf-8")


def imported(text: str) -> set[str]:
    """Every module a text imports, wherever in it; a package's member that is a module counts as such."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= whole & OURS.keys() or {node.module or ""}
    return found


def of_ours(text: str) -> set[str]:
    return {name for name in imported(text) if name.partition(".")[0] in {"dealbrain", "functions", "infra"}}


@pytest.mark.parametrize("module", sorted(OURS.keys() - {"dealbrain"}))
def test_imports_go_one_way(module: str) -> None:
    assert [target for target in of_ours(source(module)) if not may_import(module, target)] == []


def test_every_module_has_a_layer() -> None:
    assert {room(module) for module in OURS} - LEVEL.keys() == {""}


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("dealbrain.facts", "from dealbrain import errors"),
        ("dealbrain.document", "from dealbrain.tables import Listing"),
        ("dealbrain.collecting", "from dealbrain import offering"),
        ("dealbrain.offering", "def late():\n    import dealbrain.importing"),
        ("dealbrain.access", "from dealbrain.web import now"),
        ("dealbrain.web", "from dealbrain import pages"),
        ("dealbrain.pages", "from functions.meta import health"),
        ("functions.offering.create", "from functions.collecting.create import app"),
        ("functions.offering.create", "from infra.routes import routes"),
        ("dealbrain.newcomer", "from dealbrain import errors"),
    ],
)
def test_an_import_the_other_way_would_be_seen(module: str, line: str) -> None:
    targets = of_ours(line)
    assert targets
    assert [target for target in targets if may_import(module, target)] == []


PURE = (
    "jsontext",
    "scalars",
    "document",
    "cardspec",
    "hardware",
    "graphics",
    "amounts",
    "capacities",
    "drafting",
    "titles",
    "postings",
    "reading",
    "rows",
    "bookmarks",
    "intake",
    "units",
    "matching",
    "scoring",
    "markup",
)
# Of the standard library, what knows the world outside.
WORLDLY = {"os", "socket", "subprocess", "pathlib", "random", "secrets", "time", "threading", "io", "sys"}


@pytest.mark.parametrize("name", PURE)
def test_a_pure_module_knows_nothing_of_the_world(name: str) -> None:
    found = {target.partition(".")[0] for target in imported(source(f"dealbrain.{name}"))}
    others = {"dealbrain", "pydantic", "pydantic_core", "markdown_it"}
    assert found - others <= sys.stdlib_module_names - WORLDLY


def test_the_renderer_knows_no_database_and_no_person() -> None:
    probe = "import sys, functions.drawing.handler; print(*sys.modules)"
    path = {"PYTHONPATH": f"{ROOT}:{ROOT}/shared"}
    done = subprocess.run([sys.executable, "-c", probe], env=path, capture_output=True, text=True, check=True)
    unwanted = {"dealbrain.db", "dealbrain.identity", "dealbrain.access", "sqlalchemy", "jwt", "pg8000"}
    assert unwanted & set(done.stdout.split()) == set()


# --------------------------------------------------------------------------------- tables and commands


@pytest.mark.usefixtures("running")
def test_the_migrated_database_is_what_the_tables_say() -> None:
    with db.engine().connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, Table.metadata) == []


def commands() -> list[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return re.findall(r"^([a-z-]+):.*##", makefile, re.MULTILINE)


@pytest.mark.parametrize("command", commands())
def test_every_command_is_explained(command: str) -> None:
    documents = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    assert any(re.search(rf"make {command}\b(?!-)", one.read_text(encoding="utf-8")) for one in documents)
