"""What it takes to explain or repeat a number: commit, versions, hardware."""

import os
import platform
import subprocess
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path

_PACKAGES = (
    *("veille-clip", "torch", "torchvision", "open_clip_torch", "timm", "transformers"),
    *("scikit-learn", "scipy", "numpy", "pillow"),
)


@cache
def commit() -> tuple[str | None, bool | None]:
    """Git commit of the program and whether its files were changed since; (None, None)
    outside a checkout or without git.
    """
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None, None
    head = _git(root, "rev-parse", "HEAD")
    changes = _git(root, "status", "--porcelain", "--untracked-files=no")
    return head, None if changes is None else bool(changes)


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 - fixed arguments, no shell
            ["git", "-C", str(root), *arguments],  # noqa: S607 - git is found like any tool
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


@cache
def versions() -> dict[str, str]:
    """Package to version, for Python and each package that can change a number."""
    known = {"python": platform.python_version(), "system": platform.platform(terse=True)}
    for name in _PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            known[name] = metadata.version(name)
    return known


def numeric_versions() -> dict[str, str]:
    """The same of the packages that can change a number, the program itself left out: its
    stages have versions of their own.
    """
    return {name: version for name, version in versions().items() if name in _PACKAGES[1:]}


@cache
def processor() -> str:
    """The processor's name and the number of cores that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    name = said_by("cpuinfo", "model name") or platform.processor() or platform.machine()
    return f"{name}, {cores} cores"


def said_by(file: str, name: str) -> str | None:
    """The first value under a name in a file of /proc; None elsewhere than on Linux."""
    with suppress(OSError):
        for line in Path("/proc", file).read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == name:
                return value.strip()
    return None
