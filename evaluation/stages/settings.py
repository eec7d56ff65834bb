"""How to run, as opposed to what: folders, device, network, and who watches."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from evaluation.records.base import Record, silent

if TYPE_CHECKING:
    from evaluation.models import Loading

Advance = Callable[..., None]
"""Called with what is being done, how much is done, how much there is, and perhaps how it goes:
"embedding with x", 32, 210.
"""


def default_cache() -> Path:
    """Where models and embeddings are kept: ``$VEILLE_CACHE``, or the user's cache folder."""
    chosen = os.environ.get("VEILLE_CACHE")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("veille-clip"))


class Settings(Record):
    """How to run, as opposed to what: none of it changes a result beyond rounding."""

    artefacts: Path = Path("artefacts")
    cache: Path = field(default_factory=default_cache)
    device: str = "auto"
    precision: str = "fp32"
    offline: bool = False
    batch_size: int = 32
    """Photos per forward pass.  EfficientNet-Lite2 on 2 cores: 64 a second by fours, 67 by 32."""
    most_photos: int = 256
    """As many as a card may take instead, where more are measured to go faster."""
    resume: bool = True
    """Whether an interrupted training is continued, and a finished one taken as it is."""
    force: bool = False
    """Whether cases whose inputs did not change are run all the same."""
    retry: bool = False
    """Whether weights that could not be had today are asked for again."""
    progress: Advance = silent

    def loading(self, **more: Any) -> Loading:
        """How models are loaded here; ``more`` are further fields."""
        from evaluation.models import Loading

        return Loading(
            cache=self.cache,
            device=self.device,
            precision=self.precision,
            offline=self.offline,
            progress=self.progress,
            **more,
        )
