"""What a user of the wheel does, then the tests, without the checkout: `tox -e wheel` calls it.

    python scripts/on_the_wheel.py FOLDER [PYTEST ARGUMENTS]

In FOLDER/mine, which is empty, every command is run, offline (what is embedded is kept in the
user's cache: `tox -e eval` before it makes it short).  In FOLDER/checkout lie the tests and
what they read, but not the package: they import the wheel that is installed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
LEFT_OUT = ("evaluation", "veille_clip.py", "tox.ini", ".*", "artefacts", "site", "dist", "build")


def main() -> int:
    """Runs both; the exit code is that of the first command that fails, or of the tests."""
    folder = Path(sys.argv[1])
    mine = folder / "mine"
    mine.mkdir(parents=True)
    for command in journey(mine):
        print("$ veille", *command, flush=True)
        code = subprocess.call(["veille", *command], cwd=mine)
        if code:
            return code
    copy = folder / "checkout"
    shutil.copytree(
        CHECKOUT,
        copy,
        ignore=lambda where, names: left_out(names) if where == str(CHECKOUT) else (),
    )
    return subprocess.call([sys.executable, "-m", "pytest", *sys.argv[2:]], cwd=copy)


def journey(mine: Path) -> list[list[str]]:
    """The commands, in order; the second study is made of the demo's own photos."""
    import evaluation

    package = Path(evaluation.__file__).parent
    if CHECKOUT in package.parents and "site-packages" not in package.parts:
        sys.exit(f"{package} is the checkout's package: this is to run on the wheel")
    shutil.copytree(package / "studies" / "demo" / "photos", mine / "photos")
    printed = [["pdf", "demo"]] if shutil.which("chromium") else []
    return [
        ["eval", "-q", "--offline"],
        ["new", "mine", "--images", "photos", "--language", "en"],
        ["check", "mine", "--offline"],
        ["eval", "mine", "-q", "--offline", "--no-maps"],
        ["site"],
        ["slides", "demo"],
        *printed,
        ["report", "--output", "pages"],
    ]


def left_out(names: list[str]) -> set[str]:
    """Of the checkout's top folder."""
    return {name for name in names if any(Path(name).match(one) for one in LEFT_OUT)}


if __name__ == "__main__":
    sys.exit(main())
