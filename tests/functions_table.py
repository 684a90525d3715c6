"""docs/functions.md: every function with its routes, what its role may do, its limits and its import's cost.

``python -m tests.functions_table`` measures and writes it; a test proves that all but the measured column
is current.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from itertools import groupby
from statistics import median

from dealbrain import facts
from dealbrain.settings import LIBRARIES
from infra.routes import routes
from infra.staging import ROOT
from tests.template import ACCOUNT, REGION, RENDERER, Resource, Templates, module_of, resources, templates

TABLE = ROOT / "docs" / "functions.md"
UNMEASURED = "not measured"
HEAD = """# Functions

One row for each Lambda function: its file under functions/, the routes it answers, everything its role may
do beyond writing its own log, its memory and its time limit. The last column is what importing the handler
costs: CPU time in relation to `import boto3` on the same machine. Its budgets are judged by `make bench`:
3.5 with the database and 2.0 without; the migration, which nobody waits for, has none. Written by
`python -m tests.functions_table`; a test proves that all but the measured column is current.

"""
COLUMNS = ("Function", "Routes", "May", "MB", "s", "Import")
# What every function in the network has, so that Lambda can put it there.
NETWORK = "ec2:"
OWN_LOG = "logs:"


@dataclass(frozen=True)
class Row:
    """One function as the table shows it."""

    module: str
    routes: str
    may: str
    memory: int
    timeout: int

    def cells(self) -> list[str]:
        """Its cells but the measured one."""
        name = "/".join(self.module.split(".")[1:])
        return [f"`{name}`", self.routes, self.may, str(self.memory), str(self.timeout)]


def rows(found: Templates) -> list[Row]:
    """One row for each function in the templates, sorted by name."""
    keys = {
        module: "<br>".join(f"`{one.key}`" for one in some)
        for module, some in groupby(sorted(routes(), key=lambda one: one.module), lambda one: one.module)
    }
    roles = {(one.stack, one.attribute("Arn")): one for one in resources(found, "AWS::IAM::Role")}
    made = []
    for function in resources(found, "AWS::Lambda::Function"):
        said = function.properties
        module = module_of(function)
        may = _may(roles[function.stack, said["Role"]], in_network="VpcConfig" in said)
        made.append(Row(module, keys.get(module, "none"), may, said["MemorySize"], said["Timeout"]))
    return sorted(made, key=lambda row: row.module)


def _may(role: Resource, *, in_network: bool) -> str:
    told = [
        f"{action} on {_short(one)}"
        for policy in role.properties["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        for action in statement["Action"]
        if not action.startswith((NETWORK, OWN_LOG))
        for one in _named(statement["Resource"])
    ]
    return "; ".join(told + (["be in the network"] if in_network else [])) or "nothing"


def _named(arns: list[str]) -> list[str]:
    return arns if len(arns) < 5 else [f"{len(arns)} functions"]


def _short(arn: str) -> str:
    for bucket in facts.Bucket:
        arn = arn.replace(f"arn:aws:s3:::dealbrain-{bucket}-{ACCOUNT}-{REGION}", f"{bucket}")
    return (
        arn.rsplit(":", 1)[-1].replace("<data.Instance.DbiResourceId>/", "").replace("<", "").replace(">", "")
    )


def written(found: Templates, measured: dict[str, str]) -> str:
    """The page."""
    lines = [_line(COLUMNS), _line(["---"] * len(COLUMNS))]
    lines += [_line([*row.cells(), measured.get(row.module, UNMEASURED)]) for row in rows(found)]
    return HEAD + "\n".join(lines) + "\n"


def read(page: str) -> list[list[str]]:
    """The rows of the page, without the measured column."""
    lines = [line for line in page.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")][:-1] for line in lines]


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def cost(module: str) -> float:
    """Seconds of CPU time an import takes in a fresh process, with what a deployed function is told."""
    program = f"import time; begun = time.process_time(); import {module}; print(time.process_time() - begun)"
    # Compiled, as what is deployed is: a process before this one has written what it compiled.
    told = {**os.environ, **LIBRARIES, "PYTHONDONTWRITEBYTECODE": ""}
    done = subprocess.run([sys.executable, "-c", program], env=told, capture_output=True, check=True)
    return float(done.stdout)


def ratio(module: str, looks: int = 5) -> float:
    """What an import costs in relation to boto3's: the median of ratios of two looks side by side.

    The two are measured in turns because a machine's pace changes; the smallest of each would set one
    lucky look against an unlucky one.
    """
    return median(cost(module) / cost("boto3") for _ in range(looks))


def main() -> None:
    """Measure and write."""
    found = templates()
    zips = [row.module for row in rows(found) if row.module != RENDERER]
    measured = {module: f"{ratio(module):.1f}" for module in zips}
    TABLE.write_text(written(found, measured), encoding="utf-8")


if __name__ == "__main__":
    main()
