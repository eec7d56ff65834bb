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


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The case that stands for one side."""

    run: RunRecord
    among: int
    """How many cases it was chosen from; 1: there was no choice."""
    on: Literal["validation", "test"]
    """The photos whose labels chose it; test only where some case has no validation figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the two sides' records say; gaps are of candidate − rival, in share."""

    candidate: Choice | None
    rival: Choice | None
    stand_in: bool
    """Whether the question is about a CLIP and none was scored: the candidate only stands in."""
    margin: float
    word: Word = "open"
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

    def stands(run: RunRecord, names: Sequence[str], family: str) -> bool:
        """Whether it is named by its model or its case; of the family where nobody is named."""
        if not names:
            return run.model.family == family
        return run.model.name in names or run.case.removeprefix(f"{run.study}/") in names

    # Texts that mean something, and that no label of the study wrote.
    described = [run for run in runs if run.prompts and run.prompts.derive != "random-words"]
    described = [run for run in described if run.prompts and not run.prompts.reads_labels]
    eligible = [run for run in described if stands(run, spec.candidates, "zero-shot")]
    if spec.about == "clip":
        eligible = [run for run in eligible if run.model.is_clip]
    stand_in = spec.about == "clip" and not eligible
    if stand_in:
        free = [run for run in described if run.model.family == "zero-shot"]
        eligible = [run for run in free if not run.model.is_clip]
    candidate = choose(eligible, validation)
    rival = choose([run for run in runs if stands(run, spec.rivals, "supervised")], validation)
    said = Answer(candidate=candidate, rival=rival, stand_in=stand_in, margin=spec.margin)
    sides = {side.run.case for side in (candidate, rival) if side is not None}
    pair = next((pair for pair in pairs if {pair.a, pair.b} == sides), None)
    if candidate is None or pair is None:
        return said
    gap, low, high = pair.seen_from(candidate.run.case)
    separated = pair.verdict == "better"
    against = separated and pair.b == candidate.run.case
    word: Word = "yes" if low > -spec.margin else "no" if against else "open"
    return replace(said, word=word, gap=gap, low=low, high=high, separated=separated)


def choose(runs: Sequence[RunRecord], validation: Mapping[str, Metric]) -> Choice | None:
    """The most accurate case on validation, the first of equals; None of none.

    Where a case lacks a validation figure all are compared on test, and the choice says so.
    """
    validated = all(run.case in validation for run in runs)

    def accuracy(run: RunRecord) -> float:
        metric = validation[run.case] if validated else run.metric("accuracy")
        return -1.0 if metric is None or metric.value is None else metric.value

    top = max(runs, key=accuracy, default=None)
    on: Literal["validation", "test"] = "validation" if validated else "test"
    return None if top is None else Choice(run=top, among=len(runs), on=on)
