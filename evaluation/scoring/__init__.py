"""Pure functions from predictions to numbers that can be defended.

metrics      one case: accuracy, recalls, macro-F1, … each with its interval
intervals    Wilson and BCa intervals, of images or of groups of near duplicates
"""

from evaluation.scoring.metrics import Scores, score, softmax

__all__ = ["Scores", "score", "softmax"]
