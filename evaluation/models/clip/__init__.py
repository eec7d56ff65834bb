"""Zero-shot models: everything that open_clip can build, from wherever its weights come.

``sources`` finds the weights and says in one line why they cannot be loaded, ``classifier`` loads
them, ``described`` says what can be known without them.
"""

from evaluation.models.clip.classifier import ClipClassifier, fetch, load
from evaluation.models.clip.described import opened, sizes
from evaluation.models.clip.sources import availability

__all__ = ["ClipClassifier", "availability", "fetch", "load", "opened", "sizes"]
