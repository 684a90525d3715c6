"""The templates of all stacks as plain JSON, with every reference between them resolved.

They are written once and kept in build/ until something they are made from changes.
"""

import hashlib
import importlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from infra.app import use_own_node
from infra.routes import modules, routes
from infra.staging import BUILD, LAYER, ROOT

ACCOUNT = "123456789012"
REGION = "us-east-1"
PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Region": REGION,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
}
RENDERER = "functions.drawing.handler"
# Chosen by whoever deploys a CDN.
CDN_FINGERPRINT = "5ec4e7" + 58 * "0"
KEPT = BUILD / "templates"
# What the CDK says beside the templates: among other things the order of the stacks.
MANIFEST = "manifest.json"
# Where a stack's template is told that order: the stacks that are deployed before it.
AFTER = "After"
MADE_FROM = (
    "infra/*.py",
    "layers/*.txt",
    "cdk.json",
    "shared/dealbrain/facts.py",
    "shared/dealbrain/settings.py",
)

type Templates = Mapping[str, dict[str, Any]]


@dataclass(frozen=True)
class Resource:
    """One resource of one stack, its properties resolved."""

    stack: str
    name: str
    type: str
    properties: dict[str, Any]
    whole: dict[str, Any]

    @property
    def ref(self) -> str:
        """What a reference to it resolves to."""
        return f"<{self.stack}.{self.name}>"

    def attribute(self, name: str) -> str:
        """What a reference to an attribute of it resolves to."""
        return f"<{self.stack}.{self.name}.{name}>"


def module_of(function: Resource) -> str:
    """The module a function runs; an image's template does not say it."""
    handler: str = function.properties.get("Handler", f"{RENDERER}.handler")
    return handler.removesuffix(".handler")


def resources(templates: Templates, kind: str) -> list[Resource]:
    """Every resource of a type, such as ``AWS::Lambda::Function``."""
    exports = {
        resolved(output["Export"]["Name"], stack, {}): resolved(output["Value"], stack, {})
        for stack, template in templates.items()
        for output in template.get("Outputs", {}).values()
        if "Export" in output
    }
    return [
        Resource(stack, name, kind, resolved(found.get("Properties", {}), stack, exports), found)
        for stack, template in templates.items()
        for name, found in template["Resources"].items()
        if found["Type"] == kind
    ]


def resolved(value: Any, stack: str, exports: Mapping[str, str]) -> Any:
    """Put names where a template refers to something, in this stack or another."""
    match value:
        case {"Ref": name}:
            found: Any = PSEUDO.get(name, f"<{stack}.{name}>")
        case {"Fn::GetAtt": [name, attribute]}:
            found = f"<{stack}.{name}.{attribute}>"
        case {"Fn::ImportValue": name}:
            found = exports[name]
        case {"Fn::Join": [between, parts]}:
            found = between.join(resolved(one, stack, exports) for one in parts)
        case dict():
            found = {name: resolved(one, stack, exports) for name, one in value.items()}
        case list():
            found = [resolved(one, stack, exports) for one in value]
        case _:
            found = value
    return found


@lru_cache(maxsize=1)
def templates() -> Templates:
    """The templates by stack, without what the name of the system adds; each with the stacks before it.

    The test is skipped where the group that writes them is not installed.
    """
    if find_spec("aws_cdk") is None:
        pytest.skip("the infra group is not installed; make synth installs it")
    folder = KEPT / _digest()
    if not folder.exists():
        _write(folder)
    names = [file.name.removesuffix(".template.json") for file in sorted(folder.glob("*.template.json"))]
    said = json.loads((folder / MANIFEST).read_text())["artifacts"]
    return {
        _part(name): {
            **json.loads((folder / f"{name}.template.json").read_text()),
            AFTER: [_part(one) for one in said[name]["dependencies"] if one in names],
        }
        for name in names
    }


def _part(name: str) -> str:
    return name.removeprefix("dealbrain-")


def _digest() -> str:
    files = sorted(file for pattern in MADE_FROM for file in ROOT.glob(pattern))
    said = [file.read_bytes() for file in files]
    # Of a function the templates show its routes and its needs, and nothing of how it works.
    said.extend(repr((one.key, one.module)).encode() for one in routes())
    said.extend(repr((name, needs)).encode() for name, needs in all_needs())
    return hashlib.sha256(b"\0".join(said)).hexdigest()[:16]


def all_needs() -> Iterator[tuple[str, Any]]:
    """Every function's module and what it says it needs."""
    for name in modules():
        module = importlib.import_module(name)
        yield name, module.NEEDS


PROGRAM = """
import sys
from pathlib import Path
from infra import app
app.main(sys.argv[1], layer=Path(sys.argv[2]), chosen={"cdn_fingerprint": sys.argv[3]})
"""


def _write(folder: Path) -> None:
    layer = LAYER
    if not layer.exists():
        # What is in the layer shows in no template.
        layer = BUILD / "no-layer"
        layer.mkdir(parents=True, exist_ok=True)
        (layer / "README").write_text("make layer builds the real one.\n")
    use_own_node()
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-c", PROGRAM, out, str(layer), CDN_FINGERPRINT]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        shutil.rmtree(KEPT, ignore_errors=True)
        folder.mkdir(parents=True)
        for file in (*Path(out).glob("*.template.json"), Path(out) / MANIFEST):
            shutil.copy(file, folder)
