"""A study's question answered by its own rule: who answers, against whom, and what follows.

Both sides are chosen on validation, so that the accuracy that is told was not looked at in the
choice.  *Yes* is non-inferiority: the interval of candidate − rival lies above minus the
margin.  *No* takes a paired test that separates the two.  Everything else stays open.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from evaluation.records import AnswerSpec, Metric, PairedTest, RunRecord

Word = Literal["yes", "no", "open"]
ChosenOn = Literal["validation", "test"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The case that stands for one side."""

    run: RunRecord
    among: int
    """How many cases it was chosen from; 1: there was no choice."""
    on: ChosenOn
    """The photos whose labels chose it; test only where some case has no validation figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the two sides' records say; gaps are of candidate − rival, in share."""

    candidate: Choice | None
    rival: Choice | None
    stand_in: bool
    """Whether the question is about a CLIP and none was scored: the candidate only stands in."""
    word: Word
    margin: float
    gap: float | None = None
    """None without a rival, or without a test of the two."""
    low: float | None = None
    high: float | None = None
    separated: bool = False
    """Whether the paired test separates the two."""


def answer(
    spec: AnswerSpec,
    runs: Sequence[RunRecord],
    validation: Mapping[str, Metric],
    pairs: Iterable[PairedTest],
) -> Answer:
    """Answers from the scored cases.

    Args:
        spec: The study's ``[answer]``.
        runs: Scored cases, in the study's order.
        validation: Case id to its accuracy on validation, of the cases that have one.
        pairs: The paired tests of these cases.

    """
    described = [run for run in runs if _is_described(run)]
    zero_shot = [run for run in described if run.model.family == "zero-shot"]
    eligible = (
        [run for run in described if _named(run, spec.candidates)] if spec.candidates else zero_shot
    )
    if spec.about == "clip":
        eligible = [run for run in eligible if run.model.is_clip]
    stand_in = spec.about == "clip" and not eligible
    others = [run for run in zero_shot if not run.model.is_clip]
    candidate = choose(others if stand_in else eligible, validation)
    rivals = [
        run
        for run in runs
        if (_named(run, spec.rivals) if spec.rivals else run.model.family == "supervised")
    ]
    rival = choose(rivals, validation)
    blank = Answer(
        candidate=candidate, rival=rival, stand_in=stand_in, word="open", margin=spec.margin
    )
    sides = {side.run.case for side in (candidate, rival) if side is not None}
    pair = next((pair for pair in pairs if {pair.a, pair.b} == sides), None)
    if candidate is None or pair is None:
        return blank
    gap, low, high = pair.seen_from(candidate.run.case)
    separated = pair.verdict == "better"
    against = separated and pair.b == candidate.run.case
    word: Word = "yes" if low > -spec.margin else "no" if against else "open"
    return replace(blank, word=word, gap=gap, low=low, high=high, separated=separated)


def choose(runs: Sequence[RunRecord], validation: Mapping[str, Metric]) -> Choice | None:
    """The most accurate case on validation, the first of equals; None of none.

    Where a case lacks a validation figure all are compared on test, and the choice says so.
    """
    if not runs:
        return None
    on: ChosenOn = "validation" if all(run.case in validation for run in runs) else "test"

    def accuracy(run: RunRecord) -> float:
        metric = validation[run.case] if on == "validation" else run.metric("accuracy")
        return -1.0 if metric is None or metric.value is None else metric.value

    best = max(runs, key=accuracy)
    return Choice(run=best, among=len(runs), on=on)


def _is_described(run: RunRecord) -> bool:
    """Whether it reads texts that mean something, and that no label of the study wrote."""
    prompts = run.prompts
    return prompts is not None and prompts.derive != "random-words" and not prompts.reads_labels


def _named(run: RunRecord, names: Sequence[str]) -> bool:
    case = run.case.removeprefix(f"{run.study}/")
    return run.model.name in names or case in names
