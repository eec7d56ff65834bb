"""What is explained of the shop's cases: chosen, drawn and measured by the real functions.

Only what a model would compute is made up: the maps themselves, and the curves.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from evaluation.explain.drawing import display_size, render, summarise
from evaluation.explain.faithfulness import Curves, summarise_curves
from evaluation.explain.selection import select_photos
from evaluation.records import (
    CaseExplanation,
    ClassMap,
    ClassSuggestion,
    ExplainedPhoto,
    ExplainMethod,
    ExplainSpec,
    Faithfulness,
    FloatArray,
    MethodCard,
    Metric,
    Randomisation,
    RunRecord,
    SampleCard,
    SelectionReason,
    StudyResults,
    Suggestion,
    UncoveredSubcategory,
    ValidationConfusion,
)
from tests.report import analysed, builder, planes

Files = Mapping[str, bytes]
"""Name of an overlay, relative to the folder of its case, to its content."""

SPEC = ExplainSpec(cap=14, faithfulness_photos=6)

SUGGESTED = "boutique/embedded/descriptions"
"""The case that texts are suggested for."""

METHODS = (
    MethodCard(
        method="hirescam", applies=True, layer="trunk.conv_head", grid=(9, 9), forward_passes=1
    ),
    MethodCard(
        method="chefer",
        applies=False,
        reason="chefer needs attention over the image, and this tower has none; use hirescam",
    ),
    MethodCard(method="rise", applies=True, grid=(64, 64), forward_passes=300),
)


def shop(folder: Path, *, redistributable: bool = True) -> StudyResults:
    """:func:`analysed.shop` with its maps, whose records are made once."""
    results = analysed.shop(folder, redistributable=redistributable)
    return replace(
        results,
        projections=planes.planes(results),
        explanations=_shop_explanations(),
        suggestions={SUGGESTED: suggestion(results, SUGGESTED)},
    )


@cache
def _shop_explanations() -> Mapping[str, CaseExplanation]:
    return explained(builder.shop(Path())).explanations


def explained(results: StudyResults) -> StudyResults:
    """The results with the maps of their cases, as an evaluation would have written them."""
    found = {run.case: explanation(results, run) for run in results.runs if run.status == "ok"}
    return replace(results, explanations=found)


def overlays(results: StudyResults, case: str) -> Files:
    """The overlays of a case."""
    files: dict[str, bytes] = {}
    explanation(results, next(run for run in results.runs if run.case == case), files)
    return files


def explanation(
    results: StudyResults, run: RunRecord, files: dict[str, bytes] | None = None
) -> CaseExplanation:
    """A case's record; its overlays are drawn into ``files`` when there is one."""
    said = results.predictions[run.case]
    cards = {card.id: card for card in results.study.samples}
    photos = []
    for chosen in select_photos(said, SPEC):
        card, row = cards[chosen.sample_id], said.sample_ids.index(chosen.sample_id)
        predicted = said.classes[said.predicted[row]]
        photos.append(
            ExplainedPhoto(
                sample_id=card.id,
                label=card.label,
                predicted=predicted,
                probabilities=tuple(float(p) for p in said.probabilities[row]),
                reasons=chosen.reasons,
                seen=seen(card),
                maps=tuple(
                    one
                    for method in METHODS
                    if method.applies
                    for one in maps(card, method.method, (predicted, card.label), run, files)
                ),
            )
        )
    return CaseExplanation(
        study=results.study.name,
        case=run.case,
        dataset_revision=run.dataset_revision,
        split_digest=run.split_digest,
        fingerprint="e5" * 32,
        classes=said.classes,
        spec=SPEC,
        methods=METHODS,
        photos=tuple(photos),
        faithfulness=faithfulness(),
        randomisation=randomisation(),
    )


def seen(card: SampleCard) -> tuple[float, float, float, float]:
    """The middle square, which is what a crop leaves."""
    side = min(card.width, card.height)
    x, y = side / card.width / 2, side / card.height / 2
    return 0.5 - x, 0.5 - y, 0.5 + x, 0.5 + y


def maps(
    card: SampleCard,
    method: ExplainMethod,
    labels: tuple[str, ...],
    run: RunRecord,
    files: dict[str, bytes] | None,
    *,
    folder: str = "attention",
) -> list[ClassMap]:
    """The maps of a photo by one method, one a class, all on the same scale."""
    width, height = display_size((card.width, card.height))
    visible = np.zeros((height, width), dtype=bool)
    left, top, right, bottom = seen(card)
    visible[round(top * height) : round(bottom * height),
            round(left * width) : round(right * width)] = True  # fmt: skip
    classes = tuple(dict.fromkeys(labels))
    drawn = [bump(width, height, f"{run.case} {card.id} {method} {one}") for one in classes]
    scale = float(max(one[visible].max() for one in drawn))
    made = []
    for label, values in zip(classes, drawn, strict=True):
        name = f"{folder}/{card.id}-{method}-{run.classes.index(label)}.webp"
        if files is not None:
            files[name] = render(np.where(visible, values, 0), visible, scale)
        rows, columns = np.flatnonzero(visible.any(1)), np.flatnonzero(visible.any(0))
        made.append(
            ClassMap(
                method=method,
                label=label,
                overlay=name,
                width=width,
                height=height,
                peak=float(values[visible].max()),
                scale=scale,
                summary=summarise(values[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]),
            )
        )
    return made


def bump(width: int, height: int, seed: str) -> FloatArray:
    """One hill, and a plain a little under zero."""
    draw = np.random.default_rng(zlib.crc32(seed.encode()))
    x, y = draw.uniform(0.25, 0.75, 2)
    size, top = draw.uniform(0.1, 0.35), draw.uniform(0.5, 2.0)
    rows, columns = np.mgrid[:height, :width] / max(width, height)
    far = (columns - x * width / max(width, height)) ** 2
    far = far + (rows - y * height / max(width, height)) ** 2
    result: FloatArray = top * np.exp(-far / (2 * size**2)) - 0.05
    return result


def faithfulness() -> tuple[Faithfulness, ...]:
    """RISE beats both controls everywhere, HiResCAM with the blur alone."""
    steps = np.linspace(0, 1, SPEC.curve_steps + 1)
    speeds = {"hirescam": (4.0, 1.0), "rise": (5.0, 5.0), "random": (1.0, 1.0),
              "centre": (1.5, 2.0)}  # fmt: skip
    return summarise_curves(
        {
            name: [_curves(steps, blur + i / 20, mean + i / 20) for i in range(6)]
            for name, (blur, mean) in speeds.items()
        }
    )


def _curves(steps: FloatArray, blur: float, mean: float) -> Curves:
    return {
        ("deletion", "blur"): 0.9 * (1 - steps) ** blur,
        ("deletion", "mean"): 0.9 * (1 - steps) ** mean,
        ("insertion", "blur"): 0.9 * (1 - (1 - steps) ** blur),
        ("insertion", "mean"): 0.9 * (1 - (1 - steps) ** mean),
    }


def randomisation() -> tuple[Randomisation, ...]:
    """RISE goes with the weights; half of HiResCAM's map stays."""
    left: dict[ExplainMethod, dict[float, float]] = {
        "hirescam": {0.25: 0.9, 0.5: 0.8, 0.75: 0.7, 1.0: 0.55},
        "rise": {1.0: 0.08},
    }
    return tuple(
        Randomisation(
            method=method, share=share, similarity=Metric(name="spearman", value=value, n=3)
        )
        for method, values in left.items()
        for share, value in values.items()
    )


# --------------------------------------------------------------------- suggestion


def suggestion_overlays(results: StudyResults, case: str) -> Files:
    """The overlays of a suggestion."""
    files: dict[str, bytes] = {}
    suggestion(results, case, files)
    return files


def suggestion(
    results: StudyResults, case: str, files: dict[str, bytes] | None = None
) -> Suggestion:
    """Two photos of the first class gained on validation, one lost; too few to conclude."""
    run = next(run for run in results.runs if run.case == case)
    assert run.prompts is not None
    first, second, *others = run.classes
    proposal = replace(
        run.prompts,
        name="descriptions-precises",
        texts={**run.prompts.texts, first: (*run.prompts.texts[first], "Candles & lanterns")},
    )
    accuracy = Metric(name="accuracy", value=8 / 12, low=0.39, high=0.86, n=12, method="wilson")
    return Suggestion(
        study=results.study.name,
        case=case,
        prompts_digest=run.prompts.digest,
        dataset_revision=run.dataset_revision,
        split_digest=run.split_digest,
        fingerprint="e5" * 32,
        far=0.42,
        classes=(
            ClassSuggestion(
                label=first,
                texts=run.prompts.texts[first],
                photos=3,
                correct=1,
                correct_after=3,
                confusions=(_taken_for(results, run, first, second, files),),
                uncovered=(
                    UncoveredSubcategory(
                        name="Candles",
                        text="Candles & lanterns",
                        train_photos=4,
                        validation_photos=2,
                        validation_errors=2,
                        nearest_text=run.prompts.texts[first][0],
                        similarity=0.31,
                        added=True,
                    ),
                ),
            ),
            *(
                ClassSuggestion(
                    label=label,
                    texts=run.prompts.texts[label],
                    photos=3,
                    correct=3,
                    correct_after=2 if label == second else 3,
                    confusions=(),
                    uncovered=(),
                )
                for label in (second, *others)
            ),
        ),
        proposal=proposal,
        before=accuracy,
        after=replace(accuracy, value=9 / 12, low=0.47, high=0.91),
        gain=Metric(name="gain", value=1 / 12, low=-0.2, high=0.35, n=12, method="tango"),
        only_before=1,
        only_after=2,
        p_mid=0.69,
    )


def _taken_for(
    results: StudyResults,
    run: RunRecord,
    label: str,
    predicted: str,
    files: dict[str, bytes] | None,
) -> ValidationConfusion:
    card = next(
        one for one in results.study.samples if (one.label, one.fold) == (label, "validation")
    )
    chances = {label: 0.2, predicted: 0.6}
    rest = 0.2 / (len(run.classes) - 2)
    photo = ExplainedPhoto(
        sample_id=card.id,
        label=label,
        predicted=predicted,
        probabilities=tuple(chances.get(one, rest) for one in run.classes),
        reasons=(SelectionReason(rule="confusion", label=label, predicted=predicted),),
        seen=seen(card),
        maps=tuple(maps(card, "hirescam", (predicted, label), run, files, folder="suggestion")),
    )
    return ValidationConfusion(label=label, predicted=predicted, count=2, photos=(photo,))
