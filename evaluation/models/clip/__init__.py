"""Zero-shot models: everything that open_clip can build, from wherever its weights come.

``sources`` finds the weights, ``classifier`` loads them, ``failures`` says in one line why they
cannot be loaded, ``sizes`` what can be known without them.
"""

from evaluation.models.clip.classifier import ClipClassifier, fetch, load
from evaluation.models.clip.opening import opened
from evaluation.models.clip.sizes import sizes
from evaluation.models.clip.sources import availability

__all__ = ["ClipClassifier", "availability", "fetch", "load", "opened", "sizes"]
