"""The values that cross from one room of the house to another: frozen, and nothing else.

Arrays are NumPy arrays and are never written to after construction.  N is a number of
images, C of classes, D the dimension of an embedding.  A module may use those above it.
The other rooms import from here what is defined below.
"""

from evaluation.records.analysis import *
from evaluation.records.base import *
from evaluation.records.data import *
from evaluation.records.explanations import *
from evaluation.records.lists import *
from evaluation.records.models import *
from evaluation.records.results import *
from evaluation.records.runs import *
from evaluation.records.scores import *
from evaluation.records.study import *
