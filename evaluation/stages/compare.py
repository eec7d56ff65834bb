"""From the cases of a study to what can be concluded from them, by their artefacts alone.

Takes seconds: it ends every evaluation.
"""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from evaluation import records
from evaluation.records import Predictions, Record, StudyComparison
from evaluation.records.data import group_numbers
from evaluation.scoring import abstention, audit, calibration, findings, variation
from evaluation.scoring.comparison import align, compare
from evaluation.scoring.intervals import share
from evaluation.scoring.prompts import choose_prompts, prompt_gain, variance_split
from evaluation.stages.baseline import history
from evaluation.stages.standing import comparison_fingerprint, tables_digest
from evaluation.stores import artefacts
from evaluation.stores.prediction_tables import read_predictions, table_file

T = TypeVar("T", records.Calibration, records.Abstention)

GROUPED = 2
"""The version since which tests know the study's groups."""


class Evidence(Record):
    """The cases of a study that were scored on the photos and the split it has now."""

    results: records.StudyResults
    runs: Mapping[str, records.RunRecord]
    """Case id to its record, in the order of the study."""
    aligned: Mapping[str, Predictions]
    """Of each case, on the same photos in the same order."""
    validation: Mapping[str, Predictions]
    """Of the cases that have them."""
    groups: records.IntArray | None
    """(N,) equal numbers for near-duplicate photos; None when there are none on test."""
    inputs: Mapping[str, str]
    """Case id to the digest of its tables."""
    names: str | None
    """The prompt set of the class names."""
    controls: Mapping[str, records.PromptSet]
    """Those of random words, by name."""

    def by_model(self, without: Container[str] = ()) -> dict[str, dict[str, str]]:
        """Model to its prompt sets, each with its case; but for sets of these names."""
        cases: dict[str, dict[str, str]] = {}
        for case, run in self.runs.items():
            if run.prompts:
                known = cases.setdefault(run.model.name, {})
                if run.prompts.name not in without:
                    known[run.prompts.name] = case
        return cases

    def choices(self) -> dict[str, records.PromptChoice]:
        """A model's choice of prompt set on validation, where there are two to choose of."""
        chosen = {}
        for model, cases in self.by_model(without=self.controls).items():
            sets = {name: case for name, case in cases.items() if case in self.validation}
            if len(sets) > 1:
                validation = {name: self.validation[case] for name, case in sets.items()}
                ids = next(iter(validation.values())).sample_ids
                chosen[model] = choose_prompts(
                    model,
                    {name: said.right for name, said in validation.items()},
                    {name: self.aligned[case].right for name, case in sets.items()},
                    self.aligned[next(iter(sets.values()))].labels,
                    validation_groups=group_numbers(self.results.study.clusters, ids),
                    test_groups=self.groups,
                )
        return chosen

    def chosen_cases(self) -> dict[str, str]:
        """Model to its case: the prompt set that does best on validation, or the only case."""
        chosen = {run.model.name: case for case, run in self.runs.items() if run.prompts is None}
        choices, real = self.choices(), self.by_model(without=self.controls)
        for model, cases in self.by_model().items():
            first = next(iter((real[model] or cases).values()))
            chosen[model] = cases[choices[model].chosen] if model in choices else first
        return chosen


def read_evidence(root: Path, name: str) -> Evidence | None:
    """The comparable cases of a study; None while none is scored."""
    results = artefacts.read_study_results(root / name)
    is_current = results.study.is_of
    runs = {run.case: run for run in results.runs if run.status == "ok" and is_current(run)}
    if not runs:
        return None
    aligned = align({case: results.predictions[case] for case in runs})
    tables = {case: table_file(root / case / "validation.csv") for case in runs}
    sets = {run.prompts.name: run.prompts for run in runs.values() if run.prompts}
    return Evidence(
        results=results,
        runs=runs,
        aligned=aligned,
        validation={
            case: read_predictions(table) for case, table in tables.items() if table.is_file()
        },
        groups=group_numbers(results.study.clusters, aligned[next(iter(runs))].sample_ids),
        inputs={case: tables_digest(root / case) for case in runs},
        names=next((name for name in sets if sets[name].derive == "class-names"), None),
        controls={name: made for name, made in sets.items() if made.derive == "random-words"},
    )


def compare_cases(root: Path, name: str) -> StudyComparison | None:
    """Compares the scored cases of a study and writes comparison.json.

    What an earlier analysis said of cases that have not changed since is kept.  Returns None,
    and writes nothing, while no case is scored.
    """
    evidence = read_evidence(root, name)
    if evidence is None:
        return None
    study, runs, aligned = evidence.results.study, evidence.runs, evidence.aligned
    earlier, margin = _still_true(evidence), study.answer.margin
    then = earlier.inputs
    comparison = compare(aligned, evidence.groups, margin=margin) if len(aligned) > 1 else None
    people = {case: aligned[case] for case, run in runs.items() if run.model.person}
    result = replace(
        earlier,
        schema_version=records.SCHEMA_VERSION,
        inputs=evidence.inputs,
        fingerprint=comparison_fingerprint(root, study, runs.values(), evidence.inputs),
        comparison=comparison,
        repeats=variation.compare_repeats({case: run.repeats for case, run in runs.items()}),
        findings=_findings(evidence, comparison),
        validation={
            case: share("accuracy", said.right) for case, said in evidence.validation.items()
        },
        calibration=_each_case(evidence, then, earlier.calibration, calibration.calibrate),
        abstention=_each_case(evidence, then, earlier.abstention, abstention.abstain),
        prompts=_diagnoses(evidence, earlier),
        variance=_variance(evidence),
        audit=_audit(evidence, earlier),
        slices=_slices(evidence),
        people=variation.agree(people, evidence.groups) if people else None,
        history=history(evidence.results, root),
    )
    artefacts.write(root, result)
    return result


def _still_true(evidence: Evidence) -> StudyComparison:
    """The earlier comparison, less what rests on cases that changed; blank if there is none."""
    study, earlier = evidence.results.study, evidence.results.comparison
    if (
        earlier is None
        or (earlier.schema_version < GROUPED and evidence.groups is not None)
        or earlier.dataset_revision != study.dataset_revision
        or earlier.split_digest != study.split_digest
    ):
        return StudyComparison(
            study=study.name,
            dataset_revision=study.dataset_revision,
            split_digest=study.split_digest,
            inputs={},
            comparison=None,
        )
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


def _findings(
    evidence: Evidence, comparison: records.CaseComparison | None
) -> tuple[records.Finding, ...]:
    """Of the scored cases, then of the figures that the study quotes."""
    study = evidence.results.study
    said: tuple[records.Finding, ...] = ()
    if comparison:
        said = findings.find(
            comparison,
            # What reads titles at prediction answers another question.
            [run for run in evidence.runs.values() if run.model.reads == ("photo",)],
            names=evidence.names,
            controls={name: prompts.like for name, prompts in evidence.controls.items()},
        )
    if study.reference:
        n = study.reference.test_images
        counts = {row.name: round(row.accuracy * n) for row in study.reference.systems}
        said += findings.find_quoted(counts, n, margin=study.answer.margin)
    return said


def _each_case(
    evidence: Evidence,
    inputs: Mapping[str, str],
    earlier: Sequence[T],
    make: Callable[[str, Predictions, Predictions | None, records.IntArray | None], T],
) -> tuple[T, ...]:
    """One value a case that gives probabilities; that of an unchanged case is kept."""
    known = {value.case: value for value in earlier}
    return tuple(
        known[case]
        if case in known and inputs.get(case) == evidence.inputs[case]
        else make(case, test, evidence.validation.get(case), evidence.groups)
        for case, test in evidence.aligned.items()
        if not test.certain
    )


def _slices(evidence: Evidence) -> tuple[records.SliceScore, ...]:
    cards = {card.id: card for card in evidence.results.study.samples}
    photos = next(iter(evidence.aligned.values())).sample_ids
    test = [cards[photo].slices for photo in photos]
    names = dict.fromkeys(name for values in test for name in values)
    columns = {name: [values.get(name, "") for values in test] for name in names}
    return tuple(
        score
        for case, predictions in evidence.aligned.items()
        for score in variation.score_slices(case, predictions, columns, evidence.groups)
    )


def _diagnoses(evidence: Evidence, earlier: StudyComparison) -> tuple[records.PromptDiagnosis, ...]:
    """What each model's prompt sets change; the deep part of unchanged models is kept."""
    known = {diagnosis.model: diagnosis for diagnosis in earlier.prompts}
    names, choices = evidence.names, evidence.choices()
    return tuple(
        replace(
            known.get(model, records.PromptDiagnosis(model=model)),
            gains=tuple(
                prompt_gain(evidence.aligned, case, cases[names], evidence.groups)
                for prompts, case in cases.items()
                if names in cases and prompts != names
            ),
            choice=choices.get(model),
        )
        for model, cases in evidence.by_model().items()
    )


def _variance(evidence: Evidence) -> tuple[records.VarianceSource, ...]:
    """Of the models that were scored with all the prompt sets; nothing when there are not two."""
    sets = evidence.by_model(without=evidence.controls)
    widest = max((cases.keys() for cases in sets.values()), key=len, default=())
    complete = {model: cases for model, cases in sets.items() if cases.keys() == widest}
    if len(complete) < 2 or len(widest) < 2:  # noqa: PLR2004 - nothing varies
        return ()
    correct = {
        (model, name): evidence.aligned[case].right
        for model, cases in complete.items()
        for name, case in cases.items()
    }
    labels = next(iter(evidence.aligned.values())).labels
    return variance_split(correct, labels, evidence.groups)


def _audit(evidence: Evidence, earlier: StudyComparison) -> records.DataAudit:
    """Labels that every model doubts; what embeddings said of the classes is kept."""
    chosen = set(evidence.chosen_cases().values())
    asked = {case: said for case, said in evidence.aligned.items() if case in chosen}
    return replace(
        audit.audit_labels(asked, evidence.groups),
        embeddings=earlier.audit.embeddings if earlier.audit else (),
        near_duplicates=evidence.results.study.near_duplicates,
    )
