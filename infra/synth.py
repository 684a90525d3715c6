"""``make synth``: everything that would deploy, written and checked without an account, as a gate.

cdk-nag judges the stacks, cfn-lint the templates; every finding is printed, any finding fails.
"""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from infra import app, layer
from infra.staging import BUILD, LAYER, ROOT, size

OUT = ROOT / "cdk.out"
# The choices cdk.json does not make are checked too.
OTHERWISE = BUILD / "cdk.otherwise"
OTHER_CHOICES = {"database": "aurora", "reserve": False, "cdn": False}
MEGABYTE = 1_000_000


def main() -> int:
    """Build the layer unless it is there, write the templates, check them."""
    if not LAYER.exists():
        layer.build()
    started = time.monotonic()
    is_clean = all([written(OUT), written(OTHERWISE, OTHER_CHOICES), linted(OUT, OTHERWISE)])
    for template in templates(OUT):
        count = len(json.loads(template.read_text())["Resources"])
        print(f"{count:5} resources  {template.name.removesuffix('.template.json')}")
    sizes = f"layer {size(LAYER) / MEGABYTE:.1f} MB, code {size(BUILD / 'code') / MEGABYTE:.1f} MB"
    complaints = "nothing" if is_clean else "something"
    print(f"{time.monotonic() - started:.0f} s; {sizes}; {complaints} to complain of")
    return 0 if is_clean else 1


def written(folder: Path, chosen: Mapping[str, object] = MappingProxyType({})) -> bool:
    """Write the templates and have cdk-nag check them; print every finding that is not meant."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        app.main(str(folder), chosen=chosen)
    except RuntimeError as error:
        report = folder / "validation-report.json"
        if not report.exists():
            raise
        print(str(error).splitlines()[0])
        for plugin in json.loads(report.read_text())["pluginReports"]:
            for violation in plugin["violations"]:
                for one in violation["violatingConstructs"]:
                    print(f"{one['constructPath']}: {violation['ruleName']}: {violation['description']}")
        return False
    return True


def linted(*folders: Path) -> bool:
    """Have cfn-lint check the templates; it prints what it finds."""
    lint = Path(sys.executable).with_name("cfn-lint")
    files = [str(template) for folder in folders for template in templates(folder)]
    command = [str(lint), "--non-zero-exit-code", "informational", "--format", "parseable", *files]
    return subprocess.run(command, check=False).returncode == 0


def templates(folder: Path) -> list[Path]:
    """The templates in a folder the CDK wrote."""
    return sorted(folder.glob("*.template.json"))


if __name__ == "__main__":
    sys.exit(main())
