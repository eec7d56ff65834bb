"""Conclusions as data: which questions a study's tests answer, and how.

The report writes the sentences; nothing here knows a model by name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from evaluation.records import CaseComparison, Finding, FindingTopic, PairedTest
from evaluation.scoring.comparison import MARGIN, verdict
from evaluation.scoring.intervals import Interval
from evaluation.scoring.paired import ALPHA, holm, mcnemar, tango


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """What the questions need to know of a case."""

    case: str
    model: str
    learns: bool
    """Whether it learns from labels."""
    prompts: str | None
    """Name of its prompt set; None for a model that reads no texts."""
    adapted: bool = False
    """Whether it was adapted without labels: of such a case only the rank is asked."""


def find(
    comparison: CaseComparison,
    contenders: Sequence[Contender],
    *,
    names: str | None = None,
    controls: Mapping[str, str | None] | None = None,
) -> tuple[Finding, ...]:
    """The study's conclusions, in the order of its questions.

    ``names`` is the prompt set of the class names, over which the others are judged;
    ``controls`` maps each set of random words to the set whose measure they take, and which has
    to be better than they are.
    Every p-value is corrected for all pairs of the comparison, so that reading any number of
    findings keeps the chance of a false one below ``comparison.alpha``.
    """
    controls = controls or {}
    known = {contender.case: contender for contender in contenders}
    ranked = [known[case.case] for case in comparison.cases if case.case in known]
    real = [contender for contender in ranked if contender.prompts not in controls]
    tests = {frozenset((pair.a, pair.b)): pair for pair in comparison.pairs}

    def ask(topic: FindingTopic, subject: Contender, other: Contender) -> Finding:
        return _finding(topic, subject.case, tests[frozenset((subject.case, other.case))])

    found = [_leaders(comparison, real)] if len(real) > 1 else []
    real = [one for one in real if not one.adapted]
    found += [ask("models", a, b) for a, b in _rival_models(real)]
    for contender in real:
        if contender.prompts in (None, names):
            continue
        twins = [other for other in ranked if other.model == contender.model]
        found += [ask("prompts", contender, other) for other in twins if other.prompts == names]
        found += [
            ask("control", contender, other)
            for other in twins
            if controls.get(other.prompts or "") == contender.prompts
        ]
    zero_shot = [contender for contender in real if contender.prompts is not None]
    found += [
        ask("training", contender, zero_shot[0])
        for contender in real
        if contender.learns and zero_shot
    ]
    return tuple(found)


def _finding(topic: FindingTopic, subject: str, pair: PairedTest) -> Finding:
    return Finding(
        topic=topic,
        verdict=pair.verdict,
        a=pair.a,
        b=pair.b,
        subject=subject,
        gap=pair.gap,
        low=pair.low,
        high=pair.high,
        p=pair.p_holm,
        n=pair.n,
    )


def _leaders(comparison: CaseComparison, real: Sequence[Contender]) -> Finding:
    """The best case against the next one, with all that no test separates from the best."""
    best = real[0].case
    against = {pair.b: pair for pair in comparison.pairs if pair.a == best}
    members = tuple(
        contender.case for contender in real[1:] if against[contender.case].verdict != "better"
    )
    following = against[real[1].case]
    return replace(_finding("leaders", best, following), members=(best, *members))


def _rival_models(real: Sequence[Contender]) -> list[tuple[Contender, Contender]]:
    """Zero-shot models side by side, each with its most accurate prompt set, best first."""
    best: dict[str, Contender] = {}
    for contender in real:
        if contender.prompts is not None:
            best.setdefault(contender.model, contender)
    models = list(best.values())
    return [(models[0], other) for other in models[1:]]


def find_quoted(
    counts: Mapping[str, int], n: int, *, margin: float = MARGIN
) -> tuple[Finding, ...]:
    """What published counts of right answers on n images allow to say, whatever they shared.

    ``counts`` maps a system to how many it had right.  The overlap of two systems' errors is
    unknown, so each pair is tested at every possible one.  "better" holds when even the least
    favourable overlap separates them, corrected for all pairs; "tie" when no overlap would, even
    uncorrected, nor shows a gap of ``margin``; "inconclusive" otherwise.  ``low`` and ``high``
    cover the intervals of all overlaps; ``p`` is the least favourable one, corrected, except for
    a tie: the most favourable, uncorrected.
    """
    pairs = list(combinations(sorted(counts, key=lambda name: -counts[name]), 2))
    spans = [_overlaps(counts[a], counts[b], n) for a, b in pairs]
    corrected = holm(np.array([worst for _, worst, _ in spans]))
    findings = []
    for (a, b), (p_low, _, interval), p in zip(pairs, spans, corrected, strict=True):
        separated = bool(p < ALPHA)
        found = verdict(separated=separated, low=interval.low, high=interval.high, margin=margin)
        if found == "tie" and p_low < ALPHA:
            found = "inconclusive"
        findings.append(
            Finding(
                topic="quoted",
                verdict=found,
                a=a,
                b=b,
                subject=a,
                gap=(counts[a] - counts[b]) / n,
                low=interval.low,
                high=interval.high,
                p=p_low if found == "tie" else float(p),
                n=n,
            )
        )
    return tuple(findings)


def _overlaps(a: int, b: int, n: int) -> tuple[float, float, Interval]:
    """Lowest and highest mid-p, and the span of the intervals, over all possible overlaps."""
    # c images are right with the second only: at most all that the first gets wrong.
    possible = range(min(n - a, b) + 1)
    p = [mcnemar(a - b + c, c).p_mid for c in possible]
    intervals = [tango(a - b + c, c, n) for c in possible]
    return (
        min(p),
        max(p),
        Interval(
            low=min(interval.low for interval in intervals),
            high=max(interval.high for interval in intervals),
            method="tango",
        ),
    )
