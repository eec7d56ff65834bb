"""From the cases of a study to what can be concluded from them, by their artefacts alone.

Takes seconds: it ends every evaluation.
"""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from evaluation import records
from evaluation.records import Predictions, PromptDiagnosis, StudyComparison
from evaluation.scoring.abstention import abstain
from evaluation.scoring.agreement import agree
from evaluation.scoring.audit import audit_labels
from evaluation.scoring.calibration import calibrate
from evaluation.scoring.comparison import align, compare
from evaluation.scoring.findings import find, find_quoted
from evaluation.scoring.intervals import share
from evaluation.scoring.prompts import prompt_gain, variance_split
from evaluation.scoring.repeats import compare_repeats
from evaluation.scoring.slices import score_slices
from evaluation.stages.baseline import history
from evaluation.stages.evidence import (
    Evidence,
    choice_of,
    chosen_cases,
    read_evidence,
    zero_shot_cases,
)
from evaluation.stages.standing import comparison_fingerprint
from evaluation.stores import artefacts

T = TypeVar("T", records.Calibration, records.Abstention)

GROUPED = 2
"""The version since which tests know the study's groups."""


def compare_cases(root: Path, name: str) -> StudyComparison | None:
    """Compares the scored cases of a study and writes comparison.json.

    What an earlier analysis said of cases that have not changed since is kept.  Returns None,
    and writes nothing, while no case is scored.
    """
    evidence = read_evidence(root, name)
    if evidence is None:
        return None
    earlier = _still_true(evidence)
    several = len(evidence.aligned.cases) > 1
    margin = evidence.results.study.answer.margin
    comparison = compare(evidence.aligned, evidence.groups, margin=margin) if several else None
    names = next(iter(evidence.made_from("class-names")), None)
    controls = evidence.made_from("random-words")
    findings = (
        find(
            comparison,
            # What reads titles at prediction answers another question.
            [run for run in evidence.runs.values() if run.model.reads == ("photo",)],
            names=names,
            controls={name: prompts.like for name, prompts in controls.items()},
        )
        if comparison
        else ()
    )
    result = replace(
        earlier,
        schema_version=records.SCHEMA_VERSION,
        inputs=evidence.inputs,
        fingerprint=comparison_fingerprint(
            root, evidence.results.study, evidence.runs.values(), evidence.inputs
        ),
        comparison=comparison,
        repeats=compare_repeats({case: run.repeats for case, run in evidence.runs.items()}),
        findings=(*findings, *_quoted(evidence.results.study.reference, margin)),
        validation={
            case: share("accuracy", said.right) for case, said in evidence.validation.items()
        },
        calibration=_each_case(evidence, earlier.calibration, earlier.inputs, calibrate),
        abstention=_each_case(evidence, earlier.abstention, earlier.inputs, abstain),
        prompts=_diagnoses(evidence, earlier, names),
        variance=_variance(evidence, controls),
        audit=_audit(evidence, earlier),
        slices=_slices(evidence),
        people=_people(evidence),
        history=history(evidence.results, root),
    )
    artefacts.write(root, result)
    return result


def _still_true(evidence: Evidence) -> StudyComparison:
    """The earlier comparison, less what rests on cases that changed; blank if there is none."""
    study = evidence.results.study
    blank = StudyComparison(
        study=study.name,
        dataset_revision=study.dataset_revision,
        split_digest=study.split_digest,
        inputs={},
        comparison=None,
    )
    earlier = evidence.results.comparison
    if earlier is None or (earlier.schema_version < GROUPED and evidence.groups is not None):
        return blank
    now = study.dataset_revision, study.split_digest
    if (earlier.dataset_revision, earlier.split_digest) != now:
        return blank
    unchanged = {case for case, key in evidence.inputs.items() if earlier.inputs.get(case) == key}
    models = {run.model.name for run in evidence.runs.values()} - {
        run.model.name for case, run in evidence.runs.items() if case not in unchanged
    }
    return replace(
        earlier,
        prompts=tuple(diagnosis for diagnosis in earlier.prompts if diagnosis.model in models),
        control={case: gain for case, gain in earlier.control.items() if case in unchanged},
        few_shot=tuple(curves for curves in earlier.few_shot if curves.model in models),
        retrieval=tuple(record for record in earlier.retrieval if record.model in models),
        pairs=tuple(curve for curve in earlier.pairs if curve.case in unchanged),
    )


def _each_case(
    evidence: Evidence,
    earlier: Sequence[T],
    inputs: Mapping[str, str],
    make: Callable[[str, Predictions, Predictions | None, records.IntArray | None], T],
) -> tuple[T, ...]:
    """One value a case that gives probabilities; that of an unchanged case is kept."""
    known = {value.case: value for value in earlier}
    return tuple(
        known[case]
        if case in known and inputs.get(case) == evidence.inputs[case]
        else make(case, test, evidence.validation.get(case), evidence.groups)
        for case, test in evidence.aligned.predictions.items()
        if not test.certain
    )


def _quoted(reference: records.Reference | None, margin: float) -> tuple[records.Finding, ...]:
    if reference is None:
        return ()
    counts = {row.name: round(row.accuracy * reference.test_images) for row in reference.systems}
    return find_quoted(counts, reference.test_images, margin=margin)


def _slices(evidence: Evidence) -> tuple[records.SliceScore, ...]:
    cards = {card.id: card for card in evidence.results.study.samples}
    test = [cards[photo].slices for photo in evidence.aligned.sample_ids]
    names = dict.fromkeys(name for slices in test for name in slices)
    columns = {name: [slices.get(name, "") for slices in test] for name in names}
    return tuple(
        score
        for case in evidence.aligned.cases
        for score in score_slices(
            case, evidence.aligned.predictions[case], columns, evidence.groups
        )
    )


def _people(evidence: Evidence) -> records.HumanAgreement | None:
    """The cases whose answers are a person's, as the study says."""
    said = {
        case: evidence.aligned.predictions[case]
        for case, run in evidence.runs.items()
        if run.model.person
    }
    return agree(said, evidence.groups) if said else None


# ------------------------------------------------------------------ prompt sets


def _diagnoses(
    evidence: Evidence, earlier: StudyComparison, names: str | None
) -> tuple[PromptDiagnosis, ...]:
    """What each model's prompt sets change; the deep part of unchanged models is kept."""
    known = {diagnosis.model: diagnosis for diagnosis in earlier.prompts}
    return tuple(
        replace(
            known.get(model, PromptDiagnosis(model=model)),
            gains=tuple(
                prompt_gain(evidence.aligned, case, cases[names], evidence.groups)
                for prompts, case in cases.items()
                if names in cases and prompts != names
            ),
            choice=choice_of(evidence, model, cases),
        )
        for model, cases in zero_shot_cases(evidence).items()
    )


def _variance(evidence: Evidence, controls: Container[str]) -> tuple[records.VarianceSource, ...]:
    """Of the models that were scored with all the prompt sets; nothing when there are not two."""
    sets = {
        model: {name: case for name, case in cases.items() if name not in controls}
        for model, cases in zero_shot_cases(evidence).items()
    }
    widest = max((cases.keys() for cases in sets.values()), key=len, default=())
    complete = {model: cases for model, cases in sets.items() if cases.keys() == widest}
    if len(complete) < 2 or len(widest) < 2:  # noqa: PLR2004 - nothing varies
        return ()
    correct = {
        (model, name): evidence.aligned.predictions[case].right
        for model, cases in complete.items()
        for name, case in cases.items()
    }
    return variance_split(correct, evidence.aligned.labels, evidence.groups)


def _audit(evidence: Evidence, earlier: StudyComparison) -> records.DataAudit:
    """Labels that every model doubts; what embeddings said of the classes is kept."""
    cases = tuple(sorted(chosen_cases(evidence).values(), key=evidence.aligned.cases.index))
    one_a_model = align({case: evidence.aligned.predictions[case] for case in cases})
    return replace(
        audit_labels(one_a_model, evidence.groups),
        embeddings=earlier.audit.embeddings if earlier.audit else (),
        near_duplicates=evidence.results.study.near_duplicates,
    )
