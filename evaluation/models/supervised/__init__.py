"""Supervised models: a trunk of torchvision or timm, and a head that learns the classes.

``published`` knows what there is of one without torch; ``trunks`` builds any architecture less its
last layer and fills it; ``classifier`` puts a
head on it in one of three regimes: ``logistic`` (a regression on frozen features),
``heads`` (gradient descent on embedded views that ``augmentation`` makes) and ``finetune``
(the last ``blocks`` learn too, by a ``trainer``, with a checkpoint each epoch in ``saves``).
``schedule`` is what the last two share.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from evaluation.models.supervised.published import availability, fetch

__all__ = ["availability", "fetch", "load", "opened", "sizes"]

_NEED_TORCH = ("load", "opened", "sizes")


def __getattr__(name: str) -> Callable[..., Any]:
    """The functions that build something, which import torch and its family: seconds."""
    if name not in _NEED_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    function: Callable[..., Any] = getattr(import_module(f"{__name__}.classifier"), name)
    return function
