"""How to run, as opposed to what: folders, device, network, and who watches."""

import os
from collections.abc import Callable
from dataclasses import field
from pathlib import Path

import platformdirs

from evaluation.models.base import Loading
from evaluation.records.base import silent

Advance = Callable[..., None]
"""Called with what is being done, how much is done, how much there is, and perhaps how it goes:
"embedding with x", 32, 210.
"""


def default_cache() -> Path:
    """Where models and embeddings are kept: ``$VEILLE_CACHE``, or the user's cache folder."""
    chosen = os.environ.get("VEILLE_CACHE")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("veille-clip"))


class Settings(Loading):
    """How to run, as opposed to what: none of it changes a result beyond rounding.

    How models are loaded is a part of it.
    """

    artefacts: Path = Path("artefacts")
    cache: Path = field(default_factory=default_cache)
    batch_size: int = 32
    """Photos per forward pass.  EfficientNet-Lite2 on 2 cores: 64 a second by fours, 67 by 32."""
    most_photos: int = 256
    """As many as a card may take instead, where more are measured to go faster."""
    force: bool = False
    """Whether cases whose inputs did not change are run all the same."""
    retry: bool = False
    """Whether weights that could not be had today are asked for again."""
    progress: Advance = silent
