"""The cases of a study that can be compared, as the artefacts hold them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from evaluation import records
from evaluation.records.data import group_numbers
from evaluation.scoring.comparison import Aligned, align
from evaluation.scoring.prompts import choose_prompts
from evaluation.stages.standing import tables_digest
from evaluation.stores import artefacts
from evaluation.stores.tables import read_predictions, table_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The cases of a study that were scored on the photos and the split it has now."""

    results: records.StudyResults
    runs: Mapping[str, records.RunRecord]
    """Case id to its record, in the order of the study."""
    aligned: Aligned
    validation: Mapping[str, records.Predictions]
    """Of the cases that have them."""
    groups: records.IntArray | None
    """(N,) equal numbers for near-duplicate photos; None when there are none on test."""
    inputs: Mapping[str, str]
    """Case id to the digest of its tables."""

    def made_from(self, derive: str) -> dict[str, records.PromptSet]:
        """The prompt sets with this ``derive``, by name."""
        sets = [run.prompts for run in self.runs.values() if run.prompts]
        return {prompts.name: prompts for prompts in sets if prompts.derive == derive}


def read_evidence(root: Path, name: str) -> Evidence | None:
    """The comparable cases of a study; None while none is scored."""
    results = artefacts.read_study_results(root / name)
    runs = {run.case: run for run in results.runs if run.status == "ok" and results.is_current(run)}
    if not runs:
        return None
    aligned = align({case: results.predictions[case] for case in runs})
    tables = {case: table_file(root / case / "validation.csv") for case in runs}
    return Evidence(
        results=results,
        runs=runs,
        aligned=aligned,
        validation={
            case: read_predictions(table) for case, table in tables.items() if table.is_file()
        },
        groups=group_numbers(results.study.clusters, aligned.sample_ids),
        inputs={case: tables_digest(root / case) for case in runs},
    )


def zero_shot_cases(evidence: Evidence) -> dict[str, dict[str, str]]:
    """Model to its prompt sets, each with its case."""
    cases: dict[str, dict[str, str]] = {}
    for case, run in evidence.runs.items():
        if run.prompts:
            cases.setdefault(run.model.name, {})[run.prompts.name] = case
    return cases


def chosen_cases(evidence: Evidence) -> dict[str, str]:
    """Model to its case: the prompt set that does best on validation, or the only case."""
    controls = evidence.made_from("random-words")
    chosen = {run.model.name: case for case, run in evidence.runs.items() if run.prompts is None}
    for model, cases in zero_shot_cases(evidence).items():
        real = {name: case for name, case in cases.items() if name not in controls} or cases
        choice = choice_of(evidence, model, real)
        chosen[model] = real[choice.chosen] if choice else next(iter(real.values()))
    return chosen


def choice_of(
    evidence: Evidence, model: str, cases: Mapping[str, str]
) -> records.PromptChoice | None:
    """A model's choice of prompt set on validation; None where there are not two to choose of."""
    controls = evidence.made_from("random-words")
    candidates = {
        prompts: case
        for prompts, case in cases.items()
        if prompts not in controls and case in evidence.validation
    }
    if len(candidates) < 2:  # noqa: PLR2004 - nothing to choose
        return None
    return choose_prompts(
        model,
        {name: evidence.validation[case].right for name, case in candidates.items()},
        {name: evidence.aligned.predictions[case].right for name, case in candidates.items()},
        evidence.aligned.labels,
        validation_groups=group_numbers(
            evidence.results.study.clusters,
            evidence.validation[next(iter(candidates.values()))].sample_ids,
        ),
        test_groups=evidence.groups,
    )
