"""What titles, unlabelled photos and declared shares add to a zero-shot head; pure functions.

layers    linear layers on the photo side, learnt from photo-title pairs; which one, by a criterion
          that reads no label, and the guard against chance
regime    a head of them, of clusters of unlabelled photos and of declared shares; its cross-fitted
          twins, and its controls

No function here takes labels, or photos of the test part.
"""

from evaluation.labelfree.layers import Trials, two_folds
from evaluation.labelfree.regime import Adapted, Unlabelled, adapt, controls, learn, nonsense

__all__ = ["Adapted", "Trials", "Unlabelled", "adapt", "controls", "learn", "nonsense", "two_folds"]
