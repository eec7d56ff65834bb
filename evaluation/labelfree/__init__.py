"""What titles, unlabelled photos and declared shares add to a zero-shot head; pure functions.

layer     one linear layer on the photo side, learnt from photo-title pairs
choice    which layer, by a criterion that reads no label, and the guard against chance
clusters  unlabelled photos, guided by the class texts
regime    a head of all that, and of declared shares; its cross-fitted twins, and its controls

No function here takes labels, or photos of the test part.
"""

from evaluation.labelfree.choice import Trials, two_folds
from evaluation.labelfree.regime import Adapted, Unlabelled, adapt, controls, learn, nonsense

__all__ = ["Adapted", "Trials", "Unlabelled", "adapt", "controls", "learn", "nonsense", "two_folds"]
