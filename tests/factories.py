"""Records that look like real ones, for the tests of several rooms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evaluation.records import (
    CaseExplanation,
    ClassMap,
    ClassScores,
    ClassSuggestion,
    ExplainedPhoto,
    ExplainSpec,
    Faithfulness,
    MapSummary,
    MethodCard,
    Metric,
    MissingPhoto,
    ModelSpec,
    Predictions,
    PromptSet,
    Provenance,
    Randomisation,
    Reference,
    ReferenceScores,
    ReferenceSystem,
    RunRecord,
    SampleCard,
    SelectionReason,
    StudyRecord,
    Suggestion,
    Threshold,
    Timings,
    UncoveredSubcategory,
    ValidationConfusion,
)

METRIC = Metric(name="accuracy", value=2 / 3, low=0.2, high=0.9, n=3, method="wilson")


def make_run(**changes: object) -> RunRecord:
    run = RunRecord(
        study="s",
        case="s/m/p",
        model=ModelSpec(
            name="m",
            kind="clip",
            weights="embedded",
            title="Modèle",
            options={"a": 1, "b": 1.0, "c": True, "d": "x"},
        ),
        prompts=PromptSet(name="p", title="P", language="en", texts={"é": ("a", "b"), "z": ("c",)}),
        dataset_revision="r",
        split_digest="d",
        seed=42,
        status="ok",
        classes=("é", "z"),
        metrics=(METRIC,),
        per_class=(
            ClassScores(
                label="é",
                precision=Metric(name="precision", value=None, n=0),
                recall=METRIC,
                f1=METRIC,
                support=3,
            ),
        ),
        confusion=((2, 1), (0, 0)),
        warnings=("cut",),
        chosen={"C": 0.3},
        timings=Timings(images_embedded=3, images_per_second=12.5),
        provenance=Provenance(
            commit=None,
            dirty=None,
            versions={"torch": "2"},
            device="cpu",
            precision="fp32",
            hardware="x",
            weights_digest=None,
            started="2026-01-01T00:00:00+00:00",
            seconds=1.5,
        ),
    )
    return replace(run, **changes)


def make_scored(case: str, prompts: str | None = None, **model: object) -> RunRecord:
    """The run of a case, its model named by what precedes the last slash; with prompts or trained.

    ``model`` changes the model: ``adapt=("titles",)`` makes it label-free.
    """
    run = make_run(case=case)
    assert run.prompts is not None
    named = replace(run.model, name=case.rpartition("/")[0] or case, **model)
    if prompts is None:
        return replace(run, model=replace(named, kind="supervised"), prompts=None)
    return replace(run, model=named, prompts=replace(run.prompts, name=prompts))


def make_study(**changes: object) -> StudyRecord:
    study = StudyRecord(
        name="s",
        title="S",
        question="?",
        dataset_kind="folder",
        dataset_revision="r",
        licence="l",
        origin="o",
        redistributable=True,
        classes=("é", "z"),
        samples=(
            SampleCard(id="1", label="é", fold="test", photo="photos/1.webp", width=3, height=4),
            *(
                SampleCard(
                    id=f"photo {i}",
                    label=label,
                    fold="test",
                    photo="photos/1.webp",
                    width=3,
                    height=4,
                )
                for i, label in enumerate(("é", "z", "é"))
            ),
        ),
        missing=(MissingPhoto(id="2", label="z", path="z/2.jpg", reason="file not found"),),
        duplicates=(("1", "3"),),
        split_digest="d",
        seed=42,
        cases=("s/m/p", "s/n"),
        thresholds=(Threshold(case="m/p", metric="accuracy", minimum=0.5),),
        reference=Reference(
            study="s",
            source="slides",
            slide="back-up",
            test_images=210,
            classes=("é",),
            systems=(
                ReferenceSystem(
                    name="x",
                    title="X",
                    kind="clip",
                    prompts="p",
                    accuracy=0.857,
                    per_class=(ReferenceScores(label="é", precision=None, recall=0.8, f1=0.77),),
                ),
            ),
        ),
    )
    return replace(study, **changes)


def make_predictions(probabilities: list[list[float]] | None = None) -> Predictions:
    rows = probabilities or [[0.1, 0.9], [1 / 3, 2 / 3], [0.5, 0.5]]
    return Predictions(
        classes=("é", "z"),
        sample_ids=tuple(f"photo {i}" for i in range(len(rows))),
        labels=np.array([0, 1, 0][: len(rows)]),
        probabilities=np.array(rows),
    )


def make_explanation(**changes: object) -> CaseExplanation:
    overlay = ClassMap(
        method="chefer",
        label="é",
        overlay="attention/a.webp",
        width=3,
        height=4,
        peak=1.5,
        scale=2.0,
        summary=MapSummary(
            empty=False,
            centre_share=0.4,
            top_row=0,
            top_column=2,
            top_share=0.3,
            half_area=0.2,
            against_share=0.1,
        ),
    )
    found = CaseExplanation(
        study="s",
        case="s/m/p",
        dataset_revision="r",
        split_digest="d",
        fingerprint="f",
        classes=("é", "z"),
        spec=ExplainSpec(methods=("chefer", "hirescam")),
        methods=(
            MethodCard(method="chefer", applies=True, grid=(7, 7), forward_passes=1),
            MethodCard(method="hirescam", applies=False, reason="no; use chefer"),
        ),
        photos=(
            ExplainedPhoto(
                sample_id="photo 1",
                label="z",
                predicted="é",
                probabilities=(0.75, 0.25),
                reasons=(SelectionReason(rule="confusion", label="z", predicted="é"),),
                seen=(0.0, 0.25, 1.0, 0.75),
                maps=(overlay, replace(overlay, label="z", overlay="attention/b.webp")),
            ),
        ),
        faithfulness=(
            Faithfulness(
                method="chefer", measure="deletion", baseline="blur", area=METRIC, beats=("random",)
            ),
        ),
        randomisation=(Randomisation(method="chefer", share=1.0, similarity=METRIC, case="s/m/p"),),
    )
    return replace(found, **changes)


def make_suggestion(**changes: object) -> Suggestion:
    prompts = make_run().prompts
    assert prompts is not None
    found = Suggestion(
        study="s",
        case="s/m/p",
        prompts_digest=prompts.digest,
        dataset_revision="r",
        split_digest="d",
        fingerprint="f",
        far=0.4,
        classes=(
            ClassSuggestion(
                label="é",
                texts=("a", "b"),
                photos=3,
                correct=1,
                correct_after=2,
                confusions=(
                    ValidationConfusion(
                        label="é", predicted="z", count=2, photos=make_explanation().photos
                    ),
                ),
                uncovered=(
                    UncoveredSubcategory(
                        name="C",
                        text="c",
                        train_photos=4,
                        validation_photos=2,
                        validation_errors=1,
                        nearest_text="b",
                        similarity=0.3,
                        added=True,
                    ),
                ),
            ),
        ),
        proposal=replace(prompts, name="p-2", texts={"é": ("a", "b", "c"), "z": ("c",)}),
        before=METRIC,
        after=METRIC,
        gain=replace(METRIC, low=-0.1),
        only_after=1,
        p_mid=0.5,
    )
    return replace(found, **changes)
