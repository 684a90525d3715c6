"""``make layer``: third-party packages of the zip functions as a layer, from the locks with hashes.

Built for the processor the functions run on, whatever this machine has, and precompiled like our code.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from infra.local.bootstrap import find_uv
from infra.staging import BUILD, LAYER, ROOT, code, precompile, size

# The authorities that vouch for RDS; docs/deploying.md says where they are from and how to compare them.
AUTHORITIES = ROOT / "layers" / "rds-ca.pem"
PLATFORM = "aarch64-manylinux_2_28"
# What Lambda takes, unpacked, of code and layer together.
LIMIT_BYTES = 250 * 1024 * 1024
MEGABYTE = 1_000_000


def build() -> Path:
    """Build the layer anew; the folder is what /opt will be."""
    shutil.rmtree(LAYER, ignore_errors=True)
    packages = LAYER / "python"
    packages.mkdir(parents=True)
    subprocess.run(
        [
            *(find_uv(), "pip", "install", "--quiet", "--require-hashes", "--no-deps"),
            *("--only-binary", ":all:", "--python-platform", PLATFORM, "--python-version", "3.13"),
            *("--target", str(packages), "-r", str(ROOT / "layers" / "runtime.txt")),
        ],
        check=True,
    )
    # Commands nobody calls there, and a lock file of the installer.
    shutil.rmtree(packages / "bin", ignore_errors=True)
    (packages / ".lock").unlink(missing_ok=True)
    precompile(packages, "/opt/python")
    shutil.copy(AUTHORITIES, LAYER)
    return LAYER


def main() -> int:
    """Build, and say how large everything is."""
    layer, functions = size(build()), size(code())
    zipped = Path(shutil.make_archive(str(BUILD / "layer-size"), "zip", LAYER))
    print(
        f"layer  {layer / MEGABYTE:6.1f} MB unpacked, {zipped.stat().st_size / MEGABYTE:.1f} MB packed\n"
        f"code   {functions / MEGABYTE:6.1f} MB unpacked"
    )
    zipped.unlink()
    if layer + functions > LIMIT_BYTES:
        print("Lambda takes no more than 250 MB.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
