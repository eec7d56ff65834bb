"""What a zero-shot model is, kept from its first load: a prompt edit builds no image tower."""

import json
import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from evaluation.files import write_bytes
from evaluation.models.base import FINGERPRINT_VERSION
from evaluation.models.embedder import Identity
from evaluation.records import digest_of

_PACKAGES = ("torch", "open_clip_torch", "timm")
"""Those that decide what is built of a description, and whether its norms can be fused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What of a model its head needs, beside texts."""

    tower: Identity
    logit_scale: float
    logit_bias: float


def place(cache: Path, described: Mapping[str, Any]) -> Path:
    """The file of a model: ``described`` is all that building it depends on."""
    packages = {name: version(name) for name in _PACKAGES}
    # "auto" is another device on another machine, or with another card.
    machine = [platform.node(), Path("/dev/nvidiactl").exists()]
    key = digest_of(
        {"version": FINGERPRINT_VERSION, "packages": packages, "machine": machine, **described}
    )
    return cache / "models" / f"{key[:32]}.json"


def read(path: Path) -> Known | None:
    """What is kept; None when nothing is, or nothing that can be read."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        plain = json.loads(path.read_text(encoding="utf-8"))
        return Known(**{**plain, "tower": Identity(**plain["tower"])})
    return None


def keep(path: Path, known: Known) -> None:
    """Keeps it, where there is a cache that can be written."""
    with suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        write_bytes(path, json.dumps(asdict(known)).encode())
