"""What a case gains as its titles grow in number."""

from dataclasses import replace

import numpy as np

from evaluation.labelfree import learn
from evaluation.records import Head, PairsCurve, PairsPoint, RunRecord
from evaluation.scoring.paired import mean_gain
from evaluation.stages.adapt import unlabelled
from evaluation.stages.bench import Bench

PAIRS = (50, 100, 200, 400)
PAIR_SEEDS = (0, 1, 2)
"""Numbers of pairs of a learning curve, and draws of each."""


def pairs_curve(run: RunRecord, bench: Bench, zero_shot: Head) -> tuple[PairsCurve, ...]:
    """Test accuracy by number of pairs, at the first setting that a case chose.

    Nothing for a case that no title adapted.  Draws are nested, as those of the learning curves
    of labels; clusters and shares are left out.
    """
    if run.adaptation is None or not run.adaptation.settings:
        return ()
    seen, data, photos = unlabelled(bench), bench.data, bench.rows["test"]
    titled, best = np.flatnonzero(seen.titled), run.adaptation.settings[0]
    ids = data.ids("test")
    labels, groups = data.labels(ids), data.groups(ids)
    points = []
    for size in (*(size for size in PAIRS if size < len(titled)), len(titled)):
        drawn = [
            np.sort(np.random.default_rng(seed).permutation(titled)[:size])
            for seed in (PAIR_SEEDS if size < len(titled) else PAIR_SEEDS[:1])
        ]
        heads = [
            replace(zero_shot, layer=learn(seen, some, best, data.split.seed)) for some in drawn
        ]
        right = np.stack([head.logits(photos).argmax(axis=1) == labels for head in heads])
        band = mean_gain(right, groups=groups)
        points.append(
            PairsPoint(
                pairs=size,
                accuracies=tuple(float(accuracy) for accuracy in right.mean(axis=1)),
                mean=band.gain,
                low=max(0.0, band.low),
                high=min(1.0, band.high),
            )
        )
    return (PairsCurve(case=run.case, points=tuple(points)),)
