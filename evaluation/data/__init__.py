"""Photos and their classes: from files to samples, a split, and resolved prompts."""

from evaluation.data.fetching import Fetched, fetch_dataset
from evaluation.data.loading import chooses, fetch_hint, load_dataset, read_strays
from evaluation.data.photos import open_photo, write_thumbnail
from evaluation.data.prompts import random_words, resolve_prompts
from evaluation.data.split import draw_again, split_dataset, without_small_classes

__all__ = [
    "Fetched",
    "chooses",
    "draw_again",
    "fetch_dataset",
    "fetch_hint",
    "load_dataset",
    "open_photo",
    "random_words",
    "read_strays",
    "resolve_prompts",
    "split_dataset",
    "without_small_classes",
    "write_thumbnail",
]
