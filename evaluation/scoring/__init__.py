"""Pure functions from predictions to numbers that can be defended.

metrics      one case: accuracy, recalls, macro-F1, … each with its interval
intervals    Wilson and BCa intervals, of images or of groups of near duplicates
paired       tests of two or more cases on the same images, and what n images can show
comparison   every pair of a study's cases, corrected; ties and ranks
findings     the conclusions, as data
variation    over splits of the same photos, slices of them, and people who labelled them
strays       photos that belong to no class
calibration  can the probabilities be believed, before and after one temperature
abstention   risk and coverage; how much of a catalogue can be classified without a look
prompts      what prompt sets change, by text and by class, and the price of choosing them
fewshot      from how many labelled images training beats zero-shot
probes       the classifiers that are made of a few labelled images
audit        doubtful labels, overlapping classes, near duplicates
embeddings   photo to title and title to photo; photos and class texts in the plane
"""

from evaluation.scoring.metrics import Scores, score, softmax

__all__ = ["Scores", "score", "softmax"]
