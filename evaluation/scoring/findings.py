"""Conclusions as data: which questions a study's tests answer, and how.

The report writes the sentences; nothing here knows a model by name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from evaluation.records import CaseComparison, Finding, FindingTopic, RunRecord
from evaluation.scoring.comparison import MARGIN, verdict
from evaluation.scoring.paired import ALPHA, holm, mcnemar, tango


def find(
    comparison: CaseComparison,
    runs: Sequence[RunRecord],
    *,
    names: str | None = None,
    controls: Mapping[str, str | None] | None = None,
) -> tuple[Finding, ...]:
    """The conclusions on the cases of these runs, in the order of the study's questions.

    ``names`` is the prompt set of the class names, over which the others are judged;
    ``controls`` maps each set of random words to the set whose measure they take, and which has
    to be better than they are.  Of a case that was adapted without labels only the rank is asked.
    Every p-value is corrected for all pairs of the comparison, so that reading any number of
    findings keeps the chance of a false one below ``comparison.alpha``.
    """
    controls = controls or {}
    known = {run.case: run for run in runs}
    prompts = {run.case: run.prompts.name if run.prompts else None for run in runs}
    ranked = [known[case.case] for case in comparison.cases if case.case in known]
    real = [run for run in ranked if prompts[run.case] not in controls]
    tests = {frozenset((pair.a, pair.b)): pair for pair in comparison.pairs}

    def ask(topic: FindingTopic, subject: RunRecord, other: RunRecord) -> Finding:
        pair = tests[frozenset((subject.case, other.case))]
        return Finding(
            topic=topic,
            verdict=pair.verdict,
            a=pair.a,
            b=pair.b,
            subject=subject.case,
            gap=pair.gap,
            low=pair.low,
            high=pair.high,
            p=pair.p_holm,
            n=pair.n,
        )

    findings: list[Finding] = []
    if len(real) > 1:  # the best against the next, with all that no test separates from the best
        first = ask("leaders", real[0], real[1])
        ties = [run for run in real[1:] if ask("leaders", real[0], run).verdict != "better"]
        findings = [replace(first, members=tuple(run.case for run in (real[0], *ties)))]
    real = [run for run in real if run.model.family != "label-free"]
    zero_shot = [run for run in real if run.prompts]
    best: dict[str, RunRecord] = {}
    for run in zero_shot:
        best.setdefault(run.model.name, run)
    models = list(best.values())
    findings += [ask("models", models[0], other) for other in models[1:]]
    for run in zero_shot:
        own = prompts[run.case]
        if own != names:
            twins = [other for other in ranked if other.model.name == run.model.name]
            findings += [ask("prompts", run, twin) for twin in twins if prompts[twin.case] == names]
            measured = [twin for twin in twins if controls.get(prompts[twin.case] or "") == own]
            findings += [ask("control", run, twin) for twin in measured]
    trained = [run for run in real if run.model.learns]
    findings += [ask("training", run, zero_shot[0]) for run in trained if zero_shot]
    return tuple(findings)


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
    tests = []
    for gap, largest in ((counts[a] - counts[b], min(n - counts[a], counts[b])) for a, b in pairs):
        # c images are right with the second only: at most all that the first gets wrong.
        overlaps = [(mcnemar(gap + c, c).p_mid, tango(gap + c, c, n)) for c in range(largest + 1)]
        p, spans = zip(*overlaps, strict=True)
        tests.append((p, min(span.low for span in spans), max(span.high for span in spans)))
    corrected = holm(np.array([max(p) for p, _, _ in tests]))
    findings = []
    for (a, b), (overlapping, low, high), p in zip(pairs, tests, corrected, strict=True):
        p_low = min(overlapping)
        answer = verdict(separated=bool(p < ALPHA), low=low, high=high, margin=margin)
        if answer == "tie" and p_low < ALPHA:
            answer = "inconclusive"
        findings.append(
            Finding(
                topic="quoted",
                verdict=answer,
                a=a,
                b=b,
                subject=a,
                gap=(counts[a] - counts[b]) / n,
                low=low,
                high=high,
                p=p_low if answer == "tie" else float(p),
                n=n,
            )
        )
    return tuple(findings)
