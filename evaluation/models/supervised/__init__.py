"""Supervised models: a trunk of torchvision or timm, and a head that learns the classes.

``published`` knows what there is of one without torch; ``trunks`` builds any architecture less its
last layer and fills it; ``classifier`` puts a head on it, of ``heads`` (a regression on frozen
features, or gradient descent on embedded views that ``augmentation`` makes) or of ``finetune`` (the
last blocks learn too, by a ``trainer``, with a checkpoint each epoch).  ``schedule`` is what
trainings share.
"""

from importlib import import_module
from typing import Any

from evaluation.models.supervised.published import availability, fetch

__all__ = ["availability", "fetch"]


def __getattr__(name: str) -> Any:
    """``load``, ``opened`` and ``sizes`` build something: their imports take seconds."""
    if name in ("load", "opened", "sizes"):
        return getattr(import_module(f"{__name__}.classifier"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
