"""How to run, as opposed to what: folders, device, network, and who watches."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import platformdirs

from evaluation.records.base import silent


class Advance(Protocol):
    """Called with what is being done, how much is done, how much there is, and how it goes."""

    def __call__(self, what: str, done: int, total: int, note: str = "", /) -> None:
        """For instance: "embedding with x", 32, 210; or with a note, the loss of a training."""


def default_cache() -> Path:
    """Where models and embeddings are kept: ``$VEILLE_CACHE``, or the user's cache folder."""
    chosen = os.environ.get("VEILLE_CACHE")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("veille-clip"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to run, as opposed to what: none of it changes a result beyond rounding."""

    artefacts: Path = Path("artefacts")
    cache: Path = field(default_factory=default_cache)
    device: str = "auto"
    precision: str = "fp32"
    offline: bool = False
    batch_size: int = 32
    resume: bool = True
    """Whether an interrupted training is continued, and a finished one taken as it is."""
    force: bool = False
    """Whether cases whose inputs did not change are run all the same."""
    retry: bool = False
    """Whether weights that could not be had today are asked for again."""
    progress: Advance = silent
