"""Multinomial logistic regression on the features of a frozen trunk.

Linear probing is the usual yardstick of CLIP (Radford et al. 2021, section 3.2).
"""

import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from evaluation.errors import ModelError
from evaluation.records import FloatArray, Head, Option, Support

STRENGTHS = tuple(float(c) for c in np.logspace(-4, 0, 9))
"""Inverse regularisations C that are tried, on standardised features."""
DEFAULT_STRENGTH = 1e-2
"""Used when there is no validation part to choose on."""
MAX_ITERATIONS = 2000
TOLERANCE = 1e-6
"""Of the solver's gradient: the optimum is unique, and this close to it predictions are too."""
MANY_CLASSES, COARSE = 300, 1e-4
"""Above so many classes a fit takes minutes: each strength starts where the one before ended, and
ends at this tolerance."""


def fit_logistic_regression(
    classes: tuple[str, ...], train: Support, validation: Support | None, *, seed: int
) -> Head:
    """Multinomial logistic regression on standardised features.

    The regularisation is the one of ``STRENGTHS`` with the best accuracy on validation, the
    most regularised of equals.  The head is the one fitted on the training part with it;
    validation is not added to it afterwards, so that the validation accuracy in the record
    is that of the very head that is scored.

    ``train`` holds (N, D) features; without ``validation`` the strength is ``DEFAULT_STRENGTH``.
    The solver (L-BFGS) is deterministic, and has ``MAX_ITERATIONS`` for each strength.

    Raises :class:`ModelError`: a class has no training photo, or there is only one class.
    """
    check_support(classes, train)
    if validation is not None and not len(validation.labels):
        validation = None
    strengths = STRENGTHS if validation else (DEFAULT_STRENGTH,)
    fits = _fit_all(train, len(classes), strengths, seed=seed)
    chosen: dict[str, Option] = {"train_images": len(train.labels)}
    best, notes = DEFAULT_STRENGTH, []
    if validation:
        scores = {}
        for strength, (head, _) in fits.items():
            right = head.logits(validation.embeddings).argmax(axis=1) == validation.labels
            scores[strength] = float(np.mean(right))
        best = max(strengths, key=lambda strength: (scores[strength], -strength))
        chosen |= {"validation_accuracy": scores[best], "validation_images": len(validation.labels)}
    else:
        notes.append(f"no validation part: the regularisation was not chosen (C = {best:g})")
    head, converged = fits[best]
    if not converged:
        line = f"the logistic regression did not converge in {MAX_ITERATIONS} iterations"
        notes.append(f"{line} (C = {best:g})")
    return replace(head, chosen={"C": best, **chosen}, warnings=tuple(notes))


def spread_of(support: Support) -> tuple[FloatArray, FloatArray]:
    """(D,) mean and deviation of features; 1 for one that never varies, and says nothing."""
    features = np.asarray(support.embeddings, dtype=np.float64)
    deviation = features.std(axis=0)
    return features.mean(axis=0), np.where(deviation == 0, 1.0, deviation)


def check_support(classes: tuple[str, ...], train: Support) -> None:
    """Raises :class:`ModelError` when a class cannot be learnt."""
    if len(classes) < 2:  # noqa: PLR2004 - a choice needs two
        raise ModelError("a classifier needs at least two classes", remedy="add one to the study")
    counts = np.bincount(train.labels, minlength=len(classes))
    if empty := [label for label, count in zip(classes, counts, strict=True) if count == 0]:
        raise ModelError(
            f'no training photo of the class "{empty[0]}"',
            remedy="add photos of it, or make the test and validation parts smaller",
        )


def _fit_all(
    train: Support, classes: int, strengths: Sequence[float], *, seed: int
) -> dict[float, tuple[Head, bool]]:
    """The head of each regularisation, over the features as they are; whether it converged."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    features = np.asarray(train.embeddings, dtype=np.float64)
    mean, deviation = spread_of(train)
    # One thread: these products are too small to share, and threads that wait for each other
    # on a busy machine made them twenty times slower. It also fixes the order of the sums.
    with threadpool_limits(limits=1):
        # An L2 penalty keeps the weights in the span of the photos, so N coordinates in that
        # span say as much as D features: the same solution, several times faster.
        left, lengths, span = np.linalg.svd((features - mean) / deviation, full_matrices=False)
        fits = {}
        many = classes > MANY_CLASSES
        model = LogisticRegression(
            tol=COARSE if many else TOLERANCE,
            max_iter=MAX_ITERATIONS,
            random_state=seed,
            warm_start=many,
        )
        for strength in strengths:
            model.set_params(C=strength)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                model.fit(left * lengths, train.labels)
            converged = not any(issubclass(note.category, ConvergenceWarning) for note in caught)
            weight, bias = model.coef_ @ span, model.intercept_
            if classes == 2:  # noqa: PLR2004 - scikit-learn gives one row for two classes
                # The softmax of (-z/2, z/2) is the sigmoid of z.
                weight, bias = np.vstack([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
            weight = weight / deviation
            fits[strength] = Head(weight=weight, bias=bias - weight @ mean), converged
    return fits
