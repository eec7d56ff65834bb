"""Supervised models: a trunk of torchvision or timm, and a head that learns the classes.

``trunks`` builds any architecture less its last layer, ``weights`` fills it; ``classifier``
puts a head on it in one of three regimes: ``logistic`` (a regression on frozen features),
``heads`` (gradient descent on embedded views that ``augmentation`` makes) and ``finetune``
(the last ``blocks`` learn too, with a checkpoint each epoch in ``saves``).  ``schedule`` is
what the last two share.
"""

from evaluation.models.supervised.classifier import SupervisedClassifier, load
from evaluation.models.supervised.sizes import sizes
from evaluation.models.supervised.weights import availability, fetch

__all__ = ["SupervisedClassifier", "availability", "fetch", "load", "sizes"]
