#!/usr/bin/env python3
"""One command on a machine that has Python and nothing else: ``python3 run.py eval``.

Makes an environment in .tox/bootstrap with tox in it, and runs tox's environment of that name:
``python3 run.py eval --study NAME`` is ``tox -e eval -- --study NAME``.  Without a name, those that
there are are listed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
HOME = ROOT / ".tox" / "bootstrap"
TOX = HOME / ("Scripts/tox.exe" if os.name == "nt" else "bin/tox")
NEEDED = (3, 11)
# Those whose tests drive a browser.
BROWSING = {"tests", "latest", "lowest"}


def main(arguments: list[str]) -> int:
    """Runs tox with these arguments; the exit code is tox's, or 2 when tox cannot be had."""
    try:
        install_tox()
    except Missing as missing:
        print(f"error: {missing}", file=sys.stderr)
        return 2
    if not arguments:
        return subprocess.call([TOX, "list"], cwd=ROOT)
    name, *rest = arguments
    if name in BROWSING:
        bring_browser()
    return subprocess.call([TOX, "-e", name, *(["--", *rest] if rest else [])], cwd=ROOT)


class Missing(Exception):
    """What this machine lacks, and what brings it."""


def install_tox() -> None:
    """Makes the environment, unless tox is in it already.  Raises :class:`Missing`."""
    if sys.version_info < NEEDED:  # an older one may be asked to run it
        raise Missing(
            "Python {}.{} is too old: start this with Python {}.{} or newer".format(
                *sys.version_info[:2], *NEEDED
            )
        )
    if TOX.is_file():
        return
    try:
        import ensurepip  # noqa: F401 - Debian leaves it out of its python3
        import venv
    except ImportError:
        package = f"python3.{sys.version_info[1]}-venv"
        raise Missing(
            f"this Python cannot make environments: on Debian and Ubuntu, apt install {package}"
        ) from None
    # A run that was stopped may have left half of it.
    venv.create(HOME, clear=True, with_pip=True, symlinks=os.name != "nt")
    python = TOX.parent / ("python.exe" if os.name == "nt" else "python")
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.call([*install, "tox>=4.30", "tox-uv>=1.25"]):
        raise Missing("tox could not be installed (pip says why above); is there a network?")


def bring_browser() -> None:
    """Installs Debian's Chromium where that is allowed; says in one line what lacks elsewhere."""
    if os.environ.get("VEILLE_CHROMIUM") or shutil.which("chromium"):
        return
    script = ROOT / ".ci" / "install-system-packages"
    if shutil.which("apt-get") and os.geteuid() == 0:
        if not subprocess.call(["bash", script]):
            return
        remedy = "installing it failed"
    elif shutil.which("apt-get"):
        remedy = "sudo bash .ci/install-system-packages brings it"
    else:
        remedy = "install it, or name another one in VEILLE_CHROMIUM"
    print(f"Chromium is absent, so the browser tests are skipped: {remedy}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
