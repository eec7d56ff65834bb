"""Photos and texts of the shop's cases in the plane, by the real projection.

Only the embeddings are made up: photos around the direction of the class that the case names.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np

from evaluation.records import Projection, StudyResults
from evaluation.scoring.embeddings import project

_DIMENSIONS = 12


def planes(results: StudyResults) -> Mapping[str, Projection]:
    """One a case that came out."""
    found = {}
    for run in results.runs:
        said = results.predictions.get(run.case)
        if said is None:
            continue
        draw = np.random.default_rng(zlib.crc32(run.case.encode()))
        middles = np.eye(_DIMENSIONS)[: len(said.classes)]
        photos = middles[said.predicted] + draw.normal(0, 0.12, (len(said.labels), _DIMENSIONS))
        photos[:, -1] += 0.8
        texts = None if run.prompts is None else middles - 0.8 * np.eye(_DIMENSIONS)[-1]
        plane = project(run.case, said.sample_ids, said.classes, photos, texts)
        assert plane is not None
        found[run.case] = plane
    return found
