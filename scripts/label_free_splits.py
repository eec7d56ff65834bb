"""What titles and photos without labels bring over random splits: the table of docs/label-free.md.

    python scripts/label_free_splits.py flipkart --data-root DIR

A study's own split is one draw, and may flatter.  Here its photos are dealt again, stratified,
into parts of the same sizes (near duplicates are not grouped), and each head is fitted anew on
every deal: settings are chosen without labels and without the test part, as in an evaluation.
Photos are embedded with the embedded model unless another of the study's is named.

With ``--titles other``, ``random``, ``wrong`` or ``which``, titles that say nothing replace the
study's: the guard must keep the model as it is on every deal.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from evaluation.labelfree import Unlabelled, adapt, two_folds
from evaluation.models.supervised.heads import fit_logistic_regression
from evaluation.records import FOLDS, Support
from evaluation.stages.engine import Engine, Settings, bench_of
from evaluation.stages.open import StudyData, read_data
from evaluation.study.config import load_study

ROWS = ("zero-shot", "titles", "titles and photos", "photos", "all labels")


def deal(labels: NDArray[np.int64], sizes: NDArray[np.int64], seed: int) -> list[NDArray[np.int64]]:
    """Rows of train, validation and test: ``sizes`` (3, C) of each class, drawn at random."""
    rng = np.random.default_rng(seed)
    parts: list[list[int]] = [[], [], []]
    for label in range(sizes.shape[1]):
        rows = rng.permutation(np.flatnonzero(labels == label))
        for part, drawn in zip(parts, np.split(rows, np.cumsum(sizes[:, label])[:2]), strict=True):
            part.extend(drawn.tolist())
    return [np.sort(np.array(part)) for part in parts]


def unit(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    """Rows of unit length."""
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def meaningless(
    kind: str,
    photos: NDArray[np.float32],
    titles: NDArray[np.float32],
    seed: int,
    labels: NDArray[np.int64],
) -> NDArray[np.float32]:
    """(N, D) titles of other photos, random directions, titles of which four in five are wrong,
    or titles that tell which photo and not what it is.
    """
    rng = np.random.default_rng(seed)
    if kind == "other":
        return titles[rng.permutation(len(titles))]
    if kind == "random":
        return unit(rng.standard_normal(titles.shape))
    if kind == "wrong":
        wrong, replaced = rng.permutation(len(titles))[: len(titles) * 4 // 5], titles.copy()
        replaced[wrong] = titles[rng.permutation(wrong)]
        return replaced
    means = np.stack([photos[labels == label].mean(axis=0) for label in range(labels.max() + 1)])
    turn = np.linalg.qr(rng.standard_normal((photos.shape[1],) * 2))[0]
    return unit((photos - means[labels]) @ turn)


def accuracies(data: StudyData, engine: Engine, args: argparse.Namespace) -> NDArray[np.float64]:
    """(S, 5) test accuracy of each split and of each of ROWS."""
    spec = next(one for one in data.study.models if one.name == args.model)
    prompts = next(one for one in data.study.prompts if one.name == args.prompts)
    bench, run = bench_of(data, spec, engine, FOLDS)
    photos = run.embeddings
    ids = [one for fold in FOLDS for one in data.ids(fold)]
    titles, names = bench.embed_titles(ids)
    labels, classes = data.labels(ids), data.dataset.classes
    head = bench.texts(prompts)
    sizes = np.stack(
        [np.bincount(data.labels(data.ids(fold)), minlength=len(classes)) for fold in FOLDS]
    )
    found = []
    for seed in range(args.splits):
        train, validation, test = deal(labels, sizes, seed)
        pool = np.concatenate([train, validation])
        seen = Unlabelled(
            photos=photos[pool].astype(np.float32),
            titles=titles[pool]
            if args.titles == "own"
            else meaningless(args.titles, photos[pool], titles[pool], seed, labels[pool]),
            names=names[pool],
            folds=two_folds(pool, seed),
        )
        trials = seen.trials(seed)
        parts = [
            Support(embeddings=photos[rows], labels=labels[rows]) for rows in (train, validation)
        ]
        titled = adapt(seen, head, ["titles"], trials=trials)
        adopted = titled.chosen is not None and titled.chosen.adopted
        heads = [
            head,
            titled.head,
            adapt(seen, head, ["titles", "photos"], trials=trials).head,
            adapt(seen, head, ["photos"]).head,
            fit_logistic_regression(classes, *parts, seed=seed),
        ]
        right = [one.logits(photos[test]).argmax(axis=1) == labels[test] for one in heads]
        found.append([float(one.mean()) for one in right])
        said = "titles used" if adopted else "nothing to gain from titles"
        click.echo(f"split {seed}: " + " ".join(f"{one:.3f}" for one in found[-1]) + f" ({said})")
    return np.array(found)


def main() -> None:
    """Prints each split, then means, standard deviations and gains over zero-shot."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--prompts", default="descriptions")
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument(
        "--titles", choices=["own", "other", "random", "wrong", "which"], default="own"
    )
    args = parser.parse_args()
    settings = Settings(offline=True)
    data = read_data(load_study(args.study, data_root=args.data_root), settings)
    found = accuracies(data, Engine(settings), args)
    for name, column in zip(ROWS, found.T, strict=True):
        gain = column - found[:, 0]
        click.echo(
            f"{name:18} {column.mean():.3f} (sd {column.std(ddof=1):.3f})"
            f"  gain {100 * gain.mean():+.1f} points (sd {100 * gain.std(ddof=1):.1f})"
        )


if __name__ == "__main__":
    main()
