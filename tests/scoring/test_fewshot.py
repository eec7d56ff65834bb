"""Few-shot heads: exact where they have a closed form, honest about what they saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import scipy.special
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from evaluation.errors import DataError
from evaluation.records import FewShot, FewShotPoint, Head, LearningCurve, MeanGain, Support
from evaluation.scoring.fewshot import SHOTS, Setting, draw_support, labels_worth
from evaluation.scoring.fewshot import few_shot as curves_of
from evaluation.scoring.probes import METHODS, gda, knn, logistic, text_probe

CLASSES = ("a", "b", "c")
BY_NAME = {method.name: method for method in METHODS}


def few_shot(
    model: str, train: Support, test: Support, classes: Sequence[str], **more: Any
) -> FewShot:
    """Curves; ``more`` are fields of the setting and arguments of :func:`curves_of`."""
    names = {"zero_shot", "seeds", "groups", "label_free"} & more.keys()
    setting = Setting(train=train, test=test, **{name: more.pop(name) for name in names})
    return curves_of(model, classes, setting, **more)


def world(
    n: int, *, seed: int, classes: int = 3, noise: float = 1.5, texts: float = 1.0
) -> tuple[Support, Head]:
    """Unit embeddings around class means, and texts that are noisy class means."""
    means = np.random.default_rng(100).normal(size=(classes, 24))
    generator = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    embeddings = means[labels] + noise * generator.normal(size=(n, 24))
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    weight = means + texts * np.random.default_rng(101).normal(size=means.shape)
    weight *= 20 / np.linalg.norm(weight, axis=1, keepdims=True)
    support = Support(embeddings=embeddings.astype(np.float32), labels=labels)
    return support, Head(weight=weight, bias=np.zeros(classes))


def curves(result: FewShot) -> dict[str, LearningCurve]:
    return {curve.method: curve for curve in result.curves}


@pytest.fixture(scope="module")
def result() -> FewShot:
    train, head = world(150, seed=1, noise=2.0, texts=1.5)
    test, _ = world(120, seed=2, noise=2.0)
    return few_shot("m", train, test, CLASSES, zero_shot=head, zero_shot_case="m/long")


# ----------------------------------------------------------------------- supports


@pytest.mark.parametrize("shots", [1, 2, 4])
def test_a_support_has_as_many_images_of_each_class(shots: int) -> None:
    """Different seeds draw different images."""
    labels = np.repeat([0, 1, 2], [10, 20, 30])
    drawn = draw_support(labels, shots, seed=0)
    assert np.bincount(labels[drawn]).tolist() == [shots] * 3
    assert not np.array_equal(drawn, draw_support(labels, shots, seed=1))


def test_a_small_class_gives_all_it_has() -> None:
    """8 shots of a class of 3."""
    assert (
        np.bincount(np.repeat([0, 1], [3, 20])[draw_support(np.repeat([0, 1], [3, 20]), 8, 0)])[0]
        == 3
    )


def test_a_smaller_support_lies_in_a_larger_one() -> None:
    """With the same seed: 1 ⊂ 2 ⊂ 4 ⊂ 8 ⊂ all."""
    labels = np.arange(60) % 3
    drawn = [set(draw_support(labels, shots, 3).tolist()) for shots in (1, 2, 4, 8, None)]
    assert all(small < large for small, large in pairwise(drawn))


# ------------------------------------------------------------------------ methods


def test_gda_is_the_published_formula() -> None:
    """The estimator written out: D ((n − 1) Σ + tr(Σ) I)⁻¹, for n above and below D."""
    for n in (90, 12):
        support, head = world(n, seed=3)
        x = support.embeddings.astype(np.float64)
        means = np.stack([x[support.labels == c].mean(axis=0) for c in range(3)])
        sigma = np.cov((x - means[support.labels]).T)
        inverse = 24 * np.linalg.inv((n - 1) * sigma + np.trace(sigma) * np.eye(24))
        expected = x @ inverse @ means.T - np.einsum("cd,de,ce->c", means, inverse, means) / 2
        assert gda(support, None)((1.0,))(x) == pytest.approx(expected, rel=1e-6)
        # With the texts: both sources have the same spread at a weight of 1.
        both = gda(support, head)((1.0,))(x) - head.logits(x)
        assert (both - both.mean(axis=1, keepdims=True)).std() == pytest.approx(
            (head.logits(x) - head.logits(x).mean(axis=1, keepdims=True)).std()
        )


def test_gda_on_many_images_is_linear_discriminant_analysis() -> None:
    """3000 images: the shrinkage vanishes and scikit-learn's LDA predicts the same."""
    support, _ = world(3000, seed=4)
    test, _ = world(300, seed=5)
    lda = LinearDiscriminantAnalysis().fit(support.embeddings, support.labels)
    ours = gda(support, None)((1.0,))(test.embeddings).argmax(axis=1)
    assert np.mean(ours == lda.predict(test.embeddings)) >= 0.99


def test_gda_of_one_image_a_class_is_the_nearest_mean() -> None:
    """There is no covariance to estimate."""
    support, _ = world(3, seed=6)
    test, _ = world(60, seed=7)
    distances = ((test.embeddings[:, None] - support.embeddings[None]) ** 2).sum(axis=-1)
    ours = gda(support, None)((1.0,))(test.embeddings).argmax(axis=1)
    assert (ours == support.labels[distances.argmin(axis=1)]).all()


def test_a_text_probe_without_strength_is_zero_shot() -> None:
    """An infinite penalty leaves the texts as they are."""
    support, head = world(30, seed=8)
    test, _ = world(100, seed=9)
    scores = text_probe(support, head)((1e-12, 1.0))(test.embeddings)
    assert (scores.argmax(axis=1) == head.logits(test.embeddings).argmax(axis=1)).all()


def test_a_text_probe_minimises_its_objective() -> None:
    """Without texts, it is a penalised logistic regression: its gradient is 0 at the optimum."""
    support, head = world(60, seed=10)
    scores = text_probe(support, replace(head, weight=0 * head.weight))((10.0, 1.0))
    probabilities = scipy.special.softmax(scores(support.embeddings), axis=1)
    # The bias is penalised too: Σ (p − y) = −bias / C, and its sum over classes is 0.
    excess = (probabilities - np.eye(3)[support.labels]).sum(axis=0)
    centre = support.embeddings.mean(axis=0, keepdims=True)
    assert scores(centre)[0] == pytest.approx(-10.0 * excess, abs=2e-3)


def test_a_text_probe_needs_texts() -> None:
    """Asking for one without a zero-shot head is a mistake of the program."""
    with pytest.raises(ValueError, match="needs a zero-shot head"):
        text_probe(world(9, seed=0)[0], None)


@pytest.mark.parametrize("classes", [2, 3])
def test_every_method_scores_every_class(classes: int) -> None:
    """(N, C) finite scores; well separated classes are all right."""
    support, head = world(20 * classes, seed=11, classes=classes, noise=0.3)
    test, _ = world(10 * classes, seed=12, classes=classes, noise=0.3)
    for method in METHODS:
        scores = method.prepare(support, head)(method.grid[0])(test.embeddings)
        assert scores.shape == (10 * classes, classes)
        assert np.isfinite(scores).all()
        assert (scores.argmax(axis=1) == test.labels).all()


def test_logistic_regression_loses_nothing_in_the_span() -> None:
    """D = 24 above n = 12: rotating the embeddings changes no score."""
    support, _ = world(12, seed=13)
    test, _ = world(40, seed=14)
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(24, 24)))[0]
    turned = Support(embeddings=support.embeddings @ rotation, labels=support.labels)
    ours = logistic(support, None)((10.0,))(test.embeddings)
    theirs = logistic(turned, None)((10.0,))(test.embeddings @ rotation)
    assert ours == pytest.approx(theirs, abs=1e-2)


def test_more_neighbours_than_images_are_all_images() -> None:
    """15 neighbours in a support of 6."""
    support, _ = world(6, seed=15)
    assert knn(support, None)((15,))(support.embeddings).shape == (6, 3)


# ------------------------------------------------------------------------- curves


def test_every_point_has_its_repetitions(result: FewShot) -> None:
    """Five seeds a point, one for all images; support sizes as asked."""
    assert [curve.method for curve in result.curves] == ["logistic", "gda", "text-probe", "knn"]
    for curve in result.curves:
        assert [point.shots for point in curve.points] == list(SHOTS)
        assert [point.images for point in curve.points] == [3, 6, 12, 24, 48, 150]
        assert [len(point.accuracies) for point in curve.points] == [5, 5, 5, 5, 5, 1]
        for point in curve.points:
            assert point.mean == pytest.approx(np.mean(point.accuracies))
            assert 0 <= point.low <= point.mean <= point.high <= 1
            assert point.over_zero_shot is not None
            assert point.p_holm >= point.over_zero_shot.p


def test_more_labels_help(result: FewShot) -> None:
    """Every method is better with all images than with one a class."""
    for curve in result.curves:
        assert curve.points[-1].mean > curve.points[0].mean


def test_texts_help_most_when_labels_are_few(result: FewShot) -> None:
    """At one image a class, GDA with texts beats logistic regression without."""
    by_name = curves(result)
    assert by_name["gda"].points[0].mean > by_name["logistic"].points[0].mean + 0.05


def test_the_gain_is_over_the_zero_shot_case(result: FewShot) -> None:
    """Mean accuracy minus the zero-shot accuracy on the same test images."""
    assert (result.zero_shot_case, result.seeds) == ("m/long", (0, 1, 2, 3, 4))
    for point in result.curves[0].points:
        assert point.over_zero_shot.gain == pytest.approx(point.mean - result.zero_shot.value)


def test_runs_are_alike(result: FewShot) -> None:
    """Everything is seeded."""
    train, head = world(150, seed=1, noise=2.0, texts=1.5)
    test, _ = world(120, seed=2, noise=2.0)
    again = few_shot(
        "m",
        train,
        test,
        CLASSES,
        zero_shot=head,
        zero_shot_case="m/long",
        methods=[BY_NAME["gda"], BY_NAME["knn"]],
    )
    assert again.curves == (result.curves[1], result.curves[3])


def test_a_size_that_is_everything_is_not_told_twice() -> None:
    """Classes of 6: 8 and 16 shots would be all images."""
    train, _ = world(18, seed=1)
    result = few_shot("m", train, world(30, seed=2)[0], CLASSES, methods=[BY_NAME["knn"]])
    assert [point.shots for point in result.curves[0].points] == [1, 2, 4, None]


def test_without_texts_their_methods_are_left_out() -> None:
    """A supervised trunk: no text probe, no break-even, and GDA alone."""
    train, _ = world(30, seed=1)
    result = few_shot("trunk", train, world(30, seed=2)[0], CLASSES, shots=(1, None))
    assert [curve.method for curve in result.curves] == ["logistic", "gda", "knn"]
    assert result.zero_shot is None
    for curve in result.curves:
        assert curve.break_even is None
        assert {(point.over_zero_shot, point.p_holm) for point in curve.points} == {(None, None)}


def test_test_labels_choose_nothing() -> None:
    """Accuracies follow from predictions that do not change with the test labels."""
    train, head = world(60, seed=1)
    test, _ = world(90, seed=2)
    wrong = Support(embeddings=test.embeddings, labels=(test.labels + 1) % 3)
    other = Support(embeddings=test.embeddings, labels=(test.labels + 2) % 3)
    totals = sum(
        np.array(
            [
                point.accuracies[0]
                for curve in few_shot("m", train, one, CLASSES, zero_shot=head, seeds=(0,)).curves
                for point in curve.points
            ]
        )
        for one in (test, wrong, other)
    )
    assert totals == pytest.approx(np.ones(totals.size))  # each image is right once in three


def test_the_break_even_is_where_training_wins_for_good() -> None:
    """Poor texts: logistic regression wins from some size on, and at every larger one."""
    train, head = world(300, seed=1, texts=6.0)
    test, _ = world(300, seed=2)
    result = few_shot("m", train, test, CLASSES, zero_shot=head, methods=[BY_NAME["logistic"]])
    curve = result.curves[0]
    assert curve.break_even in (1, 2, 4)
    for point in curve.points:
        won = point.p_holm < 0.05 and point.over_zero_shot.gain > 0
        assert won or point.shots < curve.break_even


def test_there_is_no_break_even_when_texts_are_perfect() -> None:
    """Zero-shot with the true means: training cannot beat it."""
    train, head = world(300, seed=1, texts=0.0, noise=3.0)
    test, _ = world(200, seed=2, noise=3.0)
    result = few_shot("m", train, test, CLASSES, zero_shot=head)
    assert [curve.break_even for curve in result.curves] == [None] * 4


def test_a_break_even_at_all_images_is_told_in_images() -> None:
    """Only the last point wins: the size of the largest class."""
    train, head = world(300, seed=1, texts=6.0)
    test, _ = world(300, seed=2)
    result = few_shot(
        "m", train, test, CLASSES, zero_shot=head, shots=(None,), methods=[BY_NAME["logistic"]]
    )
    assert result.curves[0].break_even == 100


def test_progress_is_told() -> None:
    """Once a point, up to the total."""
    told: list[tuple[int, int]] = []
    train, _ = world(30, seed=1)
    few_shot(
        "m",
        train,
        world(30, seed=2)[0],
        CLASSES,
        shots=(1, 2),
        methods=[BY_NAME["knn"], BY_NAME["gda"]],
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_class_without_training_image_is_refused() -> None:
    """The message names it."""
    train, _ = world(30, seed=1)
    with pytest.raises(DataError, match="class 'd': has no training image"):
        few_shot("m", train, train, (*CLASSES, "d"))


def gain_of(value: float, half: float) -> MeanGain:
    return MeanGain(gain=value, low=value - half, high=value + half, p=0.5, n=100, repetitions=3)


def learning_curve(gains: Mapping[int, float], half: float = 0.15) -> LearningCurve:
    """By number of labels, the gain over a label-free case."""
    points = tuple(
        FewShotPoint(
            shots=None,
            images=images,
            accuracies=(0.5,),
            mean=0.5,
            low=0.4,
            high=0.6,
            over_zero_shot=None,
            p_holm=None,
            over_label_free={"case": gain_of(gain, half)},
        )
        for images, gain in gains.items()
    )
    return LearningCurve(method="logistic", points=points, break_even=None)


def test_labels_worth_is_read_off_the_curve() -> None:
    """Halfway between two points in the logarithm of labels; bounds where the band crosses zero."""
    found = labels_worth("case", learning_curve({10: -0.2, 40: -0.1, 160: 0.1, 640: 0.3}))
    assert found.labels == pytest.approx(80)
    assert found.low == pytest.approx(10 * 4**0.5)
    assert found.high == pytest.approx(160 * 4**0.25)
    assert labels_worth("case", learning_curve({10: -0.2, 40: -0.1})).labels is None


def test_a_curve_that_falls_at_its_end_is_still_read() -> None:
    """One draw of all labels may do worse than fewer did: the two are taken together."""
    found = labels_worth("case", learning_curve({10: -0.2, 40: -0.1, 160: 0.3, 640: -0.1}))
    assert found.labels == pytest.approx(80)


def test_a_label_free_case_is_matched_by_the_logistic_regression() -> None:
    """Its right answers are compared with those of every point of that curve, and of it alone."""
    rng = np.random.default_rng(0)
    labels = np.arange(240) % 3
    rows = np.eye(3)[labels] + 0.9 * rng.standard_normal((240, 3))
    train = Support(embeddings=rows[:180], labels=labels[:180])
    test = Support(embeddings=rows[180:], labels=labels[180:])
    known = rng.random(60) < 0.6
    found = few_shot(
        "m",
        train,
        test,
        ("a", "b", "c"),
        shots=(1, 8, None),
        seeds=(0, 1),
        label_free={"free": known},
    )
    curves = {curve.method: curve for curve in found.curves}
    assert [point.shots for point in curves["logistic"].points] == [1, 8, 32, None]
    assert [point.shots for point in curves["knn"].points] == [1, 8, None]
    assert all("free" in point.over_label_free for point in curves["logistic"].points)
    (worth,) = found.worth
    assert (worth.case, worth.method) == ("free", "logistic")
