"""From the cases of a study to what can be concluded from them.

:func:`analyse` needs the artefacts alone and takes seconds: it ends every evaluation.
:func:`analyse_deeply` adds what needs the models again (learning curves, the effect of each
text, random words, the audit of the photos, retrieval); embeddings come from the store.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from evaluation.data import random_words
from evaluation.records import (
    FOLDS,
    Abstention,
    BoolArray,
    Calibration,
    DataAudit,
    FewShot,
    Finding,
    FloatArray,
    Fold,
    Head,
    IntArray,
    MeanGain,
    ModelSpec,
    Predictions,
    PromptChoice,
    PromptDiagnosis,
    PromptSet,
    Reference,
    Retrieval,
    RunRecord,
    StudyComparison,
    StudyResults,
    Support,
    TextEffect,
    VarianceSource,
)
from evaluation.scoring.abstention import abstain
from evaluation.scoring.audit import audit_embeddings, audit_labels
from evaluation.scoring.calibration import calibrate
from evaluation.scoring.comparison import Aligned, align, compare
from evaluation.scoring.fewshot import few_shot
from evaluation.scoring.findings import Contender, QuotedCount, find, find_quoted
from evaluation.scoring.paired import mean_gain
from evaluation.scoring.prompts import (
    choose_prompts,
    near_identical,
    prompt_gain,
    text_effects,
    variance_split,
)
from evaluation.scoring.retrieval import retrieve
from evaluation.stages.score import OpenStudy, embed_parts, predict
from evaluation.stores import artefacts

CONTROL_SEEDS = (0, 1, 2, 3, 4)
"""Of the random words that a description has to beat."""

T = TypeVar("T", Calibration, Abstention)


# ---------------------------------------------------------------- from artefacts


@dataclass(frozen=True, slots=True, kw_only=True)
class _Evidence:
    """The cases of a study that were scored on the photos and the split it has now."""

    results: StudyResults
    runs: Mapping[str, RunRecord]
    """Case id to its record, in the order of the study."""
    aligned: Aligned
    validation: Mapping[str, Predictions]
    """Of the cases that have them."""
    groups: IntArray | None
    """(N,) equal numbers for near-duplicate photos; None when there are none on test."""
    inputs: Mapping[str, str]


def analyse(root: Path, name: str) -> StudyComparison | None:
    """Compares the scored cases of a study and writes comparison.json.

    What an earlier analysis said of cases that have not changed since is kept.  Returns None,
    and writes nothing, while no case is scored.
    """
    evidence = _evidence(root, name)
    if evidence is None:
        return None
    earlier = _still_true(evidence)
    several = len(evidence.aligned.cases) > 1
    comparison = compare(evidence.aligned, evidence.groups) if several else None
    names = _prompts_made_from(evidence, "class-names")
    controls = _prompts_made_from(evidence, "random-words")
    findings = (
        find(
            comparison,
            [_contender(run) for run in evidence.runs.values()],
            names=names[0] if names else None,
            controls=_measured_by(evidence),
        )
        if comparison
        else ()
    )
    result = replace(
        earlier,
        inputs=evidence.inputs,
        comparison=comparison,
        findings=(*findings, *_quoted(evidence.results.study.reference)),
        calibration=_each_case(evidence, earlier.calibration, earlier.inputs, _calibration),
        abstention=_each_case(evidence, earlier.abstention, earlier.inputs, _abstention),
        prompts=_diagnoses(evidence, earlier, names, controls),
        variance=_variance(evidence, controls),
        audit=_audit(evidence, earlier),
    )
    artefacts.write_comparison(root, result)
    return result


def _evidence(root: Path, name: str) -> _Evidence | None:
    results = artefacts.read_study_results(root / name)
    runs = {run.case: run for run in results.runs if run.status == "ok" and results.is_current(run)}
    if not runs:
        return None
    aligned = align({case: results.predictions[case] for case in runs})
    tables = {case: root / case / "validation.csv" for case in runs}
    return _Evidence(
        results=results,
        runs=runs,
        aligned=aligned,
        validation={
            case: artefacts.read_predictions(table)
            for case, table in tables.items()
            if table.is_file()
        },
        groups=_groups(results.study.clusters, aligned.sample_ids),
        inputs={case: _digest(root / case) for case in runs},
    )


def _digest(folder: Path) -> str:
    """Of a case's tables and of the texts it read."""
    digest = hashlib.sha256()
    for name in ("predictions.csv", "validation.csv"):
        path = folder / name
        digest.update(path.read_bytes() if path.is_file() else b"-")
    return digest.hexdigest()


def _groups(duplicates: Sequence[Sequence[str]], ids: Sequence[str]) -> IntArray | None:
    """(N,) one number a photo, shared by those that are nearly the same."""
    leader = {one: group[0] for group in duplicates for one in group}
    _, groups = np.unique([leader.get(one, one) for one in ids], return_inverse=True)
    numbers: IntArray = groups
    return numbers if len(set(numbers.tolist())) < len(ids) else None


def _still_true(evidence: _Evidence) -> StudyComparison:
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
    if earlier is None or (earlier.dataset_revision, earlier.split_digest) != (
        study.dataset_revision,
        study.split_digest,
    ):
        return blank
    unchanged = {case for case, one in evidence.inputs.items() if earlier.inputs.get(case) == one}
    models = {
        run.model.name
        for run in evidence.runs.values()
        if _cases_of(evidence, run.model.name) <= unchanged
    }
    return replace(
        earlier,
        prompts=tuple(one for one in earlier.prompts if one.model in models),
        control={case: gain for case, gain in earlier.control.items() if case in unchanged},
        few_shot=tuple(one for one in earlier.few_shot if one.model in models),
        retrieval=tuple(one for one in earlier.retrieval if one.model in models),
    )


def _cases_of(evidence: _Evidence, model: str) -> set[str]:
    return {case for case, run in evidence.runs.items() if run.model.name == model}


def _each_case(
    evidence: _Evidence,
    earlier: Sequence[T],
    inputs: Mapping[str, str],
    make: Callable[[_Evidence, str], T],
) -> tuple[T, ...]:
    """One value a case; that of an unchanged case is kept."""
    known = {one.case: one for one in earlier}
    return tuple(
        known[case]
        if case in known and inputs.get(case) == evidence.inputs[case]
        else make(evidence, case)
        for case in evidence.aligned.cases
    )


def _calibration(evidence: _Evidence, case: str) -> Calibration:
    test = evidence.aligned.predictions[case]
    return calibrate(case, test, evidence.validation.get(case), evidence.groups)


def _abstention(evidence: _Evidence, case: str) -> Abstention:
    test = evidence.aligned.predictions[case]
    return abstain(case, test, evidence.validation.get(case), evidence.groups)


def _contender(run: RunRecord) -> Contender:
    return Contender(
        case=run.case,
        model=run.model.name,
        learns=run.model.learns,
        prompts=run.prompts.name if run.prompts else None,
    )


def _prompts_made_from(evidence: _Evidence, derive: str) -> list[str]:
    sets = [run.prompts for run in evidence.runs.values() if run.prompts]
    return list(dict.fromkeys(one.name for one in sets if one.derive == derive))


def _measured_by(evidence: _Evidence) -> dict[str, str | None]:
    """Each set of random words, and the prompt set whose measure they take."""
    sets = [run.prompts for run in evidence.runs.values() if run.prompts]
    return {one.name: one.like for one in sets if one.derive == "random-words"}


def _quoted(reference: Reference | None) -> tuple[Finding, ...]:
    if reference is None:
        return ()
    counts = [
        QuotedCount(name=one.name, correct=round(one.accuracy * reference.test_images))
        for one in reference.systems
    ]
    return find_quoted(counts, reference.test_images)


# ------------------------------------------------------------------ prompt sets


def _zero_shot_cases(evidence: _Evidence) -> dict[str, dict[str, str]]:
    """Model to its prompt sets, each with its case."""
    found: dict[str, dict[str, str]] = {}
    for case, run in evidence.runs.items():
        if run.prompts:
            found.setdefault(run.model.name, {})[run.prompts.name] = case
    return found


def _diagnoses(
    evidence: _Evidence, earlier: StudyComparison, names: Sequence[str], controls: Sequence[str]
) -> tuple[PromptDiagnosis, ...]:
    """What each model's prompt sets change; the deep part of unchanged models is kept."""
    known = {one.model: one for one in earlier.prompts}
    return tuple(
        replace(
            known.get(model, PromptDiagnosis(model=model)),
            gains=tuple(
                prompt_gain(evidence.aligned, case, cases[names[0]])
                for prompts, case in cases.items()
                if names and names[0] in cases and prompts != names[0]
            ),
            choice=_choice(evidence, model, cases, controls),
        )
        for model, cases in _zero_shot_cases(evidence).items()
    )


def _choice(
    evidence: _Evidence, model: str, cases: Mapping[str, str], controls: Sequence[str]
) -> PromptChoice | None:
    candidates = {
        prompts: case
        for prompts, case in cases.items()
        if prompts not in controls and case in evidence.validation
    }
    if len(candidates) < 2:  # noqa: PLR2004 - nothing to choose
        return None
    return choose_prompts(
        model,
        {name: _right(evidence.validation[case]) for name, case in candidates.items()},
        {name: _right(evidence.aligned.predictions[case]) for name, case in candidates.items()},
        evidence.aligned.labels,
    )


def _right(predictions: Predictions) -> BoolArray:
    result: BoolArray = predictions.predicted == predictions.labels
    return result


def _variance(evidence: _Evidence, controls: Sequence[str]) -> tuple[VarianceSource, ...]:
    """Of the models that were scored with all the prompt sets; nothing when there are not two."""
    sets = {
        model: {name: case for name, case in cases.items() if name not in controls}
        for model, cases in _zero_shot_cases(evidence).items()
    }
    widest = max((len(cases) for cases in sets.values()), default=0)
    complete = {model: cases for model, cases in sets.items() if len(cases) == widest}
    if len(complete) < 2 or widest < 2:  # noqa: PLR2004 - nothing varies
        return ()
    correct = {
        (model, name): _right(evidence.aligned.predictions[case])
        for model, cases in complete.items()
        for name, case in cases.items()
    }
    return variance_split(correct, evidence.aligned.labels)


def _chosen_cases(evidence: _Evidence) -> dict[str, str]:
    """Model to its case: the prompt set that does best on validation, or the only case."""
    controls = _prompts_made_from(evidence, "random-words")
    chosen = {run.model.name: case for case, run in evidence.runs.items() if run.prompts is None}
    for model, cases in _zero_shot_cases(evidence).items():
        real = {name: case for name, case in cases.items() if name not in controls} or cases
        choice = _choice(evidence, model, real, controls)
        chosen[model] = real[choice.chosen] if choice else next(iter(real.values()))
    return chosen


def _audit(evidence: _Evidence, earlier: StudyComparison) -> DataAudit:
    """Labels that every model doubts; what embeddings said of the classes is kept."""
    cases = tuple(sorted(_chosen_cases(evidence).values(), key=evidence.aligned.cases.index))
    one_a_model = align({case: evidence.aligned.predictions[case] for case in cases})
    found = (
        audit_labels(one_a_model)
        if len(cases) > 1
        else DataAudit(cases=cases, suspects=(), accuracies=())
    )
    return replace(
        found,
        embeddings=earlier.audit.embeddings if earlier.audit else (),
        near_duplicates=evidence.results.study.near_duplicates,
    )


# ------------------------------------------------------------- with the models again


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bench:
    """One loaded model with the embeddings of every part, and the cases it was scored in."""

    opened: OpenStudy
    spec: ModelSpec
    rows: Mapping[Fold, FloatArray]
    runs: Mapping[str, RunRecord]
    """Case id to its record, this model's alone."""

    def head(self, prompts: PromptSet | None, classes: tuple[str, ...] | None = None) -> Head:
        return self.opened.model(self.spec).head(
            classes or self.opened.dataset.classes,
            prompts=prompts,
            train=self.part("train"),
            validation=self.part("validation"),
            seed=self.opened.split.seed,
        )

    def part(self, fold: Fold) -> Support:
        """The embeddings of a part of the split with their labels."""
        labels = self.opened.labels(getattr(self.opened.split, fold))
        return Support(embeddings=self.rows[fold], labels=labels)

    def right(self, head: Head) -> BoolArray:
        """(N,) test images that a head gets right."""
        return _right(predict(self.opened, head, self.rows, "test"))


def analyse_deeply(opened: OpenStudy) -> StudyComparison | None:
    """:func:`analyse`, then all that takes the models; writes comparison.json.

    Models that cannot be had here are left out.  Returns None while no case is scored.
    """
    root, name = opened.settings.artefacts, opened.study.name
    found = analyse(root, name)
    evidence = _evidence(root, name)
    if found is None or evidence is None:
        return None
    chosen = _chosen_cases(evidence)
    for spec in opened.study.models:
        if spec.name in chosen:
            bench = _bench(opened, spec, evidence)
            found = _with_model(found, bench, chosen[spec.name])
            # Written model by model: what is done is kept if the next one is interrupted.
            artefacts.write_comparison(root, found)
    return found


def _bench(opened: OpenStudy, spec: ModelSpec, evidence: _Evidence) -> _Bench:
    parts: dict[Fold, tuple[str, ...]] = {fold: getattr(opened.split, fold) for fold in FOLDS}
    _, rows = embed_parts(opened, opened.model(spec), parts)
    runs = {case: run for case, run in evidence.runs.items() if run.model.name == spec.name}
    return _Bench(opened=opened, spec=spec, rows=rows, runs=runs)


def _with_model(found: StudyComparison, bench: _Bench, chosen: str) -> StudyComparison:
    """The comparison with what one model's embeddings and texts add to it."""
    # Only what texts do is looked into: a trained head is as it was scored.
    heads = {case: bench.head(run.prompts) for case, run in bench.runs.items() if run.prompts}
    model = bench.spec.name
    return replace(
        found,
        prompts=tuple(
            replace(one, **_text_diagnosis(bench, heads)) if one.model == model else one
            for one in found.prompts
        ),
        control={**found.control, **_controls(bench, heads)},
        few_shot=(
            *(one for one in found.few_shot if one.model != model),
            *_few_shot(bench, chosen, heads.get(chosen)),
        ),
        audit=_with_embeddings(found, bench, chosen),
        retrieval=(
            *(one for one in found.retrieval if one.model != model),
            *_retrieval(bench),
        ),
    )


def _text_diagnosis(bench: _Bench, heads: Mapping[str, Head]) -> dict[str, Any]:
    described = {
        case: run.prompts
        for case, run in bench.runs.items()
        if run.prompts and run.prompts.derive not in {"class-names", "random-words"}
    }
    return {
        "effects": {
            case: _text_effects(bench, prompts, heads[case]) for case, prompts in described.items()
        },
        "near_identical": {
            case: near_identical(bench.opened.dataset.classes, heads[case].weight)
            for case in described
        },
    }


def _text_effects(bench: _Bench, prompts: PromptSet, head: Head) -> tuple[TextEffect, ...]:
    """Each text left out in turn; a class that has no other falls back on its name."""
    classes = bench.opened.dataset.classes

    def without(label: str, left_out: int) -> FloatArray:
        texts = prompts.texts[label]
        others = tuple(text for i, text in enumerate(texts) if i != left_out)
        row = bench.head(replace(prompts, texts={label: others or (label,)}), (label,))
        weight, bias = head.weight.copy(), head.bias.copy()
        weight[classes.index(label)], bias[classes.index(label)] = row.weight[0], row.bias[0]
        return replace(head, weight=weight, bias=bias).logits(bench.rows["test"])

    return text_effects(predict(bench.opened, head, bench.rows, "test"), prompts.texts, without)


def _controls(bench: _Bench, heads: Mapping[str, Head]) -> dict[str, MeanGain]:
    """The gain of each described case over random words of the same length, several seeds."""
    likes = {run.prompts.like for run in bench.runs.values() if run.prompts}
    gains = {}
    for case, run in bench.runs.items():
        if run.prompts is None or run.prompts.name not in likes:
            continue
        classes = bench.opened.dataset.classes
        repeated = np.stack(
            [
                bench.right(bench.head(random_words(run.prompts, classes, seed)))
                for seed in CONTROL_SEEDS
            ]
        )
        # mean_gain is of the repetitions over the case; the question is the other way round.
        over = mean_gain(repeated, bench.right(heads[case]))
        gains[case] = replace(over, gain=-over.gain, low=-over.high, high=-over.low)
    return gains


def _few_shot(bench: _Bench, chosen: str, head: Head | None) -> tuple[FewShot, ...]:
    """Learning curves over a model's features; none where the features know every label."""
    training = bench.spec.training
    if training is not None and training.regime == "finetune":
        return ()
    label = f"learning curves of {bench.spec.name}"
    found = few_shot(
        bench.spec.name,
        bench.part("train"),
        bench.part("test"),
        bench.opened.dataset.classes,
        zero_shot=head,
        zero_shot_case=chosen if head else None,
        progress=lambda done, total: bench.opened.settings.progress(label, done, total),
    )
    return (found,)


def _retrieval(bench: _Bench) -> tuple[Retrieval, ...]:
    """Photo to title and back on the test part, for a model that reads texts."""
    titles = {one.id: one.title for one in bench.opened.samples(bench.opened.split.test)}
    if not bench.spec.reads_texts or not all(titles.values()):
        return ()
    ids = tuple(titles)
    texts = {one: (title,) for one, title in titles.items() if title}
    prompts = PromptSet(name="titles", title="Titres", language="", texts=texts)
    weight = bench.head(prompts, ids).weight
    return retrieve(bench.spec.name, bench.rows["test"], weight, [texts[one][0] for one in ids])


def _with_embeddings(found: StudyComparison, bench: _Bench, chosen: str) -> DataAudit | None:
    """The audit with what one model's embeddings of the test photos say of the classes."""
    if found.audit is None:
        return None
    test = bench.part("test")
    told = audit_embeddings(
        bench.spec.name,
        test.embeddings,
        test.labels,
        bench.opened.dataset.classes,
        recalls={row.label: row.recall for row in bench.runs[chosen].per_class},
    )
    others = (one for one in found.audit.embeddings if one.model != bench.spec.name)
    return replace(found.audit, embeddings=(*others, told))
