"""All cases of a study on the same images: who beats whom, and who shares a rank."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from itertools import combinations, count, product
from string import ascii_lowercase

import numpy as np

from evaluation import records
from evaluation.errors import ComparisonError
from evaluation.records import AnswerSpec, BoolArray, Groups, PairedTest, Predictions, Verdict
from evaluation.scoring import paired
from evaluation.scoring.intervals import share

MARGIN = AnswerSpec().margin
"""Two cases are a tie when no test separates them and gaps of the study's margin are excluded:
beyond, the images are too few to call them equal."""

_GAPS = (0.02, 0.03, 0.05, 0.07, 0.10, 0.15)
_SHOWN = 3


def align(predictions: Mapping[str, Predictions]) -> dict[str, Predictions]:
    """Each case's predictions on the same images, in the order of the first one's.

    Raises :class:`ComparisonError` when cases differ in their images, labels or classes; it
    says which cases and which images.
    """
    first, reference = next(iter(predictions.items()))
    for case, other in predictions.items():
        if len(set(other.sample_ids)) < len(other.sample_ids):
            raise ComparisonError(
                "an image was scored twice", where=case, remedy="run the case again"
            )
        if difference := _difference(first, reference, case, other):
            raise ComparisonError(
                difference,
                where=f"{first} and {case}",
                remedy="run both again on the same data and split",
            )
    return {case: in_order(table, reference.sample_ids) for case, table in predictions.items()}


def _difference(a: str, ours: Predictions, b: str, theirs: Predictions) -> str | None:
    """What keeps two cases from being compared; None when nothing does."""

    def some(ids: Sequence[str]) -> str:
        return ", ".join(ids[:_SHOWN]) + (", …" if len(ids) > _SHOWN else "")

    if ours.classes != theirs.classes:
        return "have different classes"
    label_of = dict(zip(theirs.sample_ids, theirs.labels, strict=True))
    of_a = set(ours.sample_ids)
    sides = [
        f"{len(ids)} only in {case} ({some(sorted(ids))})"
        for case, ids in ((a, of_a - label_of.keys()), (b, label_of.keys() - of_a))
        if ids
    ]
    if sides:
        return f"were not scored on the same images: {', '.join(sides)}"
    pairs = zip(ours.sample_ids, ours.labels, strict=True)
    changed = [sample_id for sample_id, label in pairs if label_of[sample_id] != label]
    if changed:
        return f"have different labels for {len(changed)} images ({some(changed)})"
    return None


def in_order(predictions: Predictions, ids: tuple[str, ...]) -> Predictions:
    """The rows of these photos, in this order; KeyError for a photo that has none."""
    if predictions.sample_ids == ids:
        return predictions
    place = {sample_id: i for i, sample_id in enumerate(predictions.sample_ids)}
    order = np.array([place[sample_id] for sample_id in ids])
    return replace(
        predictions,
        sample_ids=ids,
        labels=predictions.labels[order],
        probabilities=predictions.probabilities[order],
        logits=None if predictions.logits is None else predictions.logits[order],
    )


def compare(
    aligned: Mapping[str, Predictions], groups: Groups = None, *, margin: float = MARGIN
) -> records.CaseComparison:
    """Cochran's Q, every pair by McNemar with Holm's correction, and the ranks.

    Holm's correction of the pairs keeps the chance of any false separation below :data:`ALPHA`
    by itself; Q answers the global question, is no gate, and knows no groups.  It takes two cases
    or more, as :func:`align` gives them.
    """
    # Best first; equals stay in the study's order.
    names = sorted(aligned, key=lambda case: -aligned[case].right.sum())
    right = np.stack([aligned[case].right for case in names])
    n = right.shape[1]
    pairs = _pair_tests(names, right, groups, margin)
    beaten = {(pair.a, pair.b) for pair in pairs if pair.verdict == "better"}
    letters = tie_groups(names, beaten)
    discordance = float(np.median([(pair.only_a + pair.only_b) / n for pair in pairs]))
    q, p = paired.cochran_q(right)
    return records.CaseComparison(
        n=n,
        alpha=paired.ALPHA,
        margin=margin,
        cases=tuple(
            records.RankedCase(
                case=name,
                accuracy=share("accuracy", of_case, groups),
                rank=1 + sum((other, name) in beaten for other in names),
                worst_rank=len(names) - sum((name, other) in beaten for other in names),
                groups=letters[name],
            )
            for name, of_case in zip(names, right, strict=True)
        ),
        cochran_q=q,
        cochran_df=len(names) - 1,
        cochran_p=p,
        pairs=pairs,
        discordance=discordance,
        detectable_gap=paired.detectable_gap(discordance, n),
        power=tuple(
            records.Power(gap=gap, power=paired.power(gap, discordance, n))
            for gap in _GAPS
            if gap <= discordance
        ),
        clustered=groups is not None,
    )


def _pair_tests(
    names: Sequence[str], right: BoolArray, groups: Groups, margin: float
) -> tuple[PairedTest, ...]:
    """Every pair of the cases, corrected for all of them; see :func:`compare`."""
    pairs = list(combinations(range(len(names)), 2))
    tests = [paired.paired(right[i], right[j], groups) for i, j in pairs]
    corrected = paired.holm(np.array([test.p_mid for test in tests]))
    rows = []
    for (i, j), test, p in zip(pairs, tests, corrected, strict=True):
        measured, separated = asdict(test), bool(p < paired.ALPHA)
        del measured["method"]
        row = PairedTest(
            a=names[i],
            b=names[j],
            **measured,
            p_holm=float(p),
            smallest_gap=paired.smallest_gap(test.only_a + test.only_b, test.n),
            verdict=verdict(separated=separated, low=test.low, high=test.high, margin=margin),
        )
        rows.append(row)
    return tuple(rows)


def verdict(*, separated: bool, low: float, high: float, margin: float = MARGIN) -> Verdict:
    """What a pair's corrected test and interval allow to say.

    A tie needs an interval that holds 0 and no gap of ``margin``, either way: the absence of
    evidence alone is no evidence of absence.
    """
    if separated:
        return "better"
    if -margin < low <= 0 <= high < margin:
        return "tie"
    return "inconclusive"


def tie_groups(names: Sequence[str], separated: set[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """Compact letter display (Piepho 2004): letters of each case, best first.

    "Not separated" is not transitive: A may tie with B and B with C while A beats C.  A
    letter stands for a largest set of cases of which no test separates any two, so two cases
    share a letter exactly when no test separates them; here A is "a", B "a" and "b", C "b".
    """
    groups = [frozenset(names)]
    for pair in separated:
        # "Insert and absorb": a group that holds both is split, and what another holds is dropped.
        together = [group for group in groups if group.issuperset(pair)]
        groups = [group for group in groups if group not in together]
        for part in (group - {name} for name in pair for group in together):
            if not any(part <= group for group in groups):
                groups.append(part)
    groups.sort(key=lambda group: [i for i, name in enumerate(names) if name in group])
    # a, b, …, z, aa, ab, …
    letters = ("".join(word) for size in count(1) for word in product(ascii_lowercase, repeat=size))
    lettered = list(zip(groups, letters, strict=False))
    return {name: tuple(of for group, of in lettered if name in group) for name in names}
