"""Explanations: maps of what speaks for a class, what they are worth, and which photos.

``base`` says what is explained; ``recorder`` and ``towers`` look into it;
``attention_gradient``, ``cam`` and ``rise`` are the methods, ``methods`` says which apply;
``faithfulness`` and ``randomisation`` measure them; ``geometry``, ``overlay``, ``summary``
and ``drawing`` bring a map to the reader; ``selection`` chooses the photos, ``computed``
keeps what costs; ``case`` puts it all together.
"""

from evaluation.explain.case import explain_case, methods_of, planned_passes
from evaluation.explain.computed import Explainer
from evaluation.explain.selection import select_photos
from evaluation.stores.maps import MapCache

__all__ = ["Explainer", "MapCache", "explain_case", "methods_of", "planned_passes", "select_photos"]
