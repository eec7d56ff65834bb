"""Realistic results to make pages from, without running a model."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from evaluation.errors import Reason
from evaluation.records import (
    AnswerSpec,
    ClassScores,
    EmbeddingCost,
    Fold,
    Lap,
    Licence,
    Metric,
    MissingPhoto,
    ModelCard,
    ModelSpec,
    Predictions,
    PromptSet,
    Provenance,
    Reference,
    ReferenceScores,
    ReferenceSystem,
    RunRecord,
    SampleCard,
    Status,
    StrayCard,
    StudyRecord,
    StudyResults,
    Threshold,
    Timings,
)

AWKWARD = (
    "Home Decor & Festive Needs",
    "<b>Montres</b> | à quartz",
    "_L’été_ *très* « chaud »",
    "{{ Sacs }} [d'école](x) #1",
)
"""Class names that Markdown, HTML, Jinja or a table could take for markup."""

HOSTILE_TITLE = (
    '<script>alert("x")</script>\n\n# Titre & | `code` **gras** {: #id } \x02\x03 ![i](j)'
)

ENGLISH = {
    "Boutique d'essai": "Test shop",
    "CLIP suffit-il, sans entraînement ?": "Is CLIP enough, without training?",
    "Domaine public": "Public domain",
    "Photos dessinées pour les essais": "Photos drawn for the tests",
    "Substitut hors ligne (pas un CLIP)": ("Offline stand-in (not a CLIP)"),
    "EfficientNet-Lite2 figé et régression logistique": (
        "Frozen EfficientNet-Lite2 and logistic regression"
    ),
    "Noms des catégories": "Class names",
    "Sous-catégories": "Subcategories",
    "Gabarits": "Templates",
    "Diapositives": "Slides",
    "DenseNet201 avec augmentation": "DenseNet201 with augmentation",
    "CLIP, gabarits": "CLIP, templates",
    "Auteur, « Veille technique », 2024": "Author, “Technology watch”, 2024",
    "Diapositives de secours : tableaux": "Back-up slides: tables",
}
"""What the authors of the study say, in English."""

REVISION, SPLIT = "a1" * 32, "b2" * 32


def embedded() -> ModelSpec:
    return ModelSpec(
        name="embedded",
        kind="clip",
        weights="embedded",
        title="Substitut hors ligne (pas un CLIP)",
    )


def supervised() -> ModelSpec:
    return ModelSpec(
        name="embedded-supervised",
        kind="supervised",
        architecture="tf_efficientnet_lite2",
        weights="embedded",
        title="EfficientNet-Lite2 figé et régression logistique",
    )


def prompt_set(name: str, classes: Sequence[str]) -> PromptSet:
    texts = {
        "noms": {label: (label,) for label in classes},
        "descriptions": {label: (f"Things of {label}, and more",) for label in classes},
        "gabarits": {label: (label,) for label in classes},
        "sous-categories": {
            label: tuple(f"{label} number {i}" for i in range(1, 9)) for label in classes
        },
    }[name]
    return PromptSet(
        name=name,
        title={"noms": "Noms des catégories", "sous-categories": "Sous-catégories"}.get(
            name, name.capitalize()
        ),
        language="en",
        texts=texts,
        templates=("a photo of {}", "a {} sold online") if name == "gabarits" else ("{}",),
        derive="subcategories" if name == "sous-categories" else None,
        source="Diapositives",
    )


# -------------------------------------------------------------------------- numbers


def wilson(hits: int, n: int) -> tuple[float, float]:
    z = 1.959963984540054
    p = hits / n
    centre = p + z * z / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return (centre - half) / scale, (centre + half) / scale


def proportion(name: str, hits: int, n: int) -> Metric:
    if n == 0:
        return Metric(name=name, value=None, n=0)
    low, high = wilson(hits, n)
    return Metric(name=name, value=hits / n, low=low, high=high, n=n, method="wilson")


def confusion_of(recalls: Sequence[int], n: int, sink: int = 0) -> tuple[tuple[int, ...], ...]:
    """Rows of ``n``: recalls on the diagonal, errors in column ``sink`` (or the next one)."""
    rows = []
    for i, hits in enumerate(recalls):
        row = [0] * len(recalls)
        row[i] = hits
        row[sink if i != sink else (i + 1) % len(recalls)] += n - hits
        rows.append(tuple(row))
    return tuple(rows)


def scores_of(
    classes: Sequence[str], confusion: Sequence[Sequence[int]]
) -> tuple[tuple[Metric, ...], tuple[ClassScores, ...]]:
    total = sum(map(sum, confusion))
    hits = sum(row[i] for i, row in enumerate(confusion))
    per_class = []
    for i, label in enumerate(classes):
        column = sum(row[i] for row in confusion)
        support = sum(confusion[i])
        f1 = 2 * confusion[i][i] / (column + support) if column + support else None
        per_class.append(
            ClassScores(
                label=label,
                precision=proportion("precision", confusion[i][i], column),
                recall=proportion("recall", confusion[i][i], support),
                f1=Metric(name="f1", value=f1, n=support),
                support=support,
            )
        )
    f1s = [one.f1.value or 0.0 for one in per_class]
    recalls = [one.recall.value or 0.0 for one in per_class]
    return (
        proportion("accuracy", hits, total),
        Metric(name="balanced_accuracy", value=sum(recalls) / len(recalls), n=total),
        Metric(name="macro_f1", value=sum(f1s) / len(f1s), n=total),
        proportion("top2_accuracy", min(total, hits + total // 20), total),
    ), tuple(per_class)


# -------------------------------------------------------------------------- records


def provenance(started: str = "2026-11-23T14:05:00+00:00") -> Provenance:
    return Provenance(
        commit="0123456789abcdef0123456789abcdef01234567",
        dirty=False,
        versions={"python": "3.11.9", "torch": "2.8.0", "open_clip_torch": "3.3.0"},
        device="cpu",
        precision="fp32",
        hardware="Example CPU, 2 cores",
        weights_digest="c3" * 32,
        started=started,
        seconds=72.4,
        peak_memory_mb=1834.2,
        command='tox -e eval -- --study boutique -k "embedded/noms"',
    )


def embedding_cost() -> EmbeddingCost:
    """What a model with 143 ms a photo took; records of before do not have it."""
    return EmbeddingCost(
        images=210,
        seconds=41.3,
        batch_size=32,
        ms_per_image=142.83,
        memory=Lap(resident_mb=1512.4, device_mb=None, scope="case"),
    )


def run_record(
    study: str,
    classes: tuple[str, ...],
    model: ModelSpec,
    prompts: PromptSet | None,
    *,
    confusion: tuple[tuple[int, ...], ...] = (),
    status: Status = "ok",
    error: str | None = None,
    reason: Reason | None = None,
    warnings: tuple[str, ...] = (),
) -> RunRecord:
    metrics, per_class = scores_of(classes, confusion) if confusion else ((), ())
    name = model.name if prompts is None else f"{model.name}/{prompts.name}"
    return RunRecord(
        study=study,
        case=f"{study}/{name}",
        model=model,
        prompts=prompts,
        dataset_revision=REVISION,
        split_digest=SPLIT,
        seed=42,
        status=status,
        error=error,
        reason=reason,
        warnings=warnings,
        classes=classes,
        metrics=metrics,
        per_class=per_class,
        confusion=confusion,
        chosen={"C": 0.0316, "validation_accuracy": 0.871}
        if model.kind == "supervised" and confusion
        else {},
        timings=Timings(
            images_embedded=210,
            images_reused=0,
            embed_seconds=41.3,
            head_seconds=1.2,
            score_seconds=0.05,
            images_per_second=5.1,
            embedding=embedding_cost() if model.kind == "clip" else None,
        )
        if confusion
        else Timings(),
        provenance=provenance(),
    )


def predictions_of(run: RunRecord, samples: Iterable[SampleCard]) -> Predictions:
    """What the case says of each test photo, so that its matrix of confusion is the record's.

    Some photos are hard for every case; right answers are mostly given with more confidence.
    """
    test = [card for card in samples if card.fold == "test"]
    own = np.random.default_rng(zlib.crc32(run.case.encode()))
    hard = np.random.default_rng(7).random(len(test))
    difficulty = hard + own.normal(0, 0.25, len(test))
    labels = np.array([run.classes.index(card.label) for card in test], dtype=np.int64)
    probabilities = np.zeros((len(test), len(run.classes)))
    for i, row in enumerate(run.confusion):
        # The easiest photos of the class are the ones that it gets right.
        members = np.flatnonzero(labels == i)
        members = members[np.argsort(difficulty[members], kind="stable")]
        order = [i, *(j for j in range(len(row)) if j != i)]
        guesses = [j for j in order for _ in range(row[j])]
        for place, guess in zip(members, guesses, strict=True):
            sure = 0.6 + 0.39 * own.random() if guess == i else 0.35 + 0.5 * own.random()
            rest = own.dirichlet(np.ones(len(row) - 1)) * (1 - sure)
            rest = np.minimum(rest, 0.95 * sure)
            others = [j for j in range(len(row)) if j != guess]
            probabilities[place, others] = rest
            probabilities[place, guess] = 1 - rest.sum()
    return Predictions(
        classes=run.classes,
        sample_ids=tuple(card.id for card in test),
        labels=labels,
        probabilities=probabilities,
    )


def results_of(study: StudyRecord, runs: tuple[RunRecord, ...], folder: Path) -> StudyResults:
    """A study with the tables of its cases that came out."""
    return StudyResults(
        study=study,
        runs=runs,
        predictions={
            run.case: predictions_of(run, study.samples) for run in runs if run.status == "ok"
        },
        folder=folder / study.name,
    )


def cards(
    classes: Sequence[str], *, train: int, validation: int, test: int
) -> tuple[SampleCard, ...]:
    made = []
    folds: list[tuple[Fold, int]] = [("train", train), ("validation", validation), ("test", test)]
    for c, label in enumerate(classes):
        for fold, number in folds:
            for i in range(number):
                one = f"{c}-{fold}-{i}"
                made.append(
                    SampleCard(
                        id=one,
                        label=label,
                        fold=fold,
                        photo=f"photos/{one}.webp",
                        width=1200 if i % 2 else 600,
                        height=900 if i % 3 else 1500,
                        subcategory=f"Rayon {i % 4}" if i % 5 else None,
                        title=HOSTILE_TITLE if (c, fold, i) == (0, "test", 0) else f"Article {one}",
                    )
                )
    return tuple(made)


def paint(folder: Path, photos: Sequence[SampleCard | StrayCard]) -> None:
    """Small copies: a coloured disc each."""
    (folder / "photos").mkdir(parents=True, exist_ok=True)
    for i, card in enumerate(photos):
        scale = 320 / max(card.width, card.height)
        size = round(card.width * scale), round(card.height * scale)
        image = Image.new("RGB", size, "white")
        colour = f"hsl({(i * 47) % 360}, 55%, 55%)"
        box = [size[0] * 0.2, size[1] * 0.2, size[0] * 0.8, size[1] * 0.8]
        ImageDraw.Draw(image).ellipse(box, fill=colour)
        image.save(folder / card.photo)


def shop(folder: Path, *, redistributable: bool = True) -> StudyResults:
    """A study with everything that can happen: see the cases."""
    name, classes = "boutique", AWKWARD
    sets = {key: prompt_set(key, classes) for key in ("noms", "descriptions", "gabarits")}
    hub = ModelSpec(
        name="siglip2",
        kind="clip",
        architecture="ViT-B-16-SigLIP2",
        weights="webli",
        title="SigLIP2 B/16",
    )
    runs = (
        run_record(
            name, classes, embedded(), sets["noms"], confusion=confusion_of((10, 0, 4, 6), 10)
        ),
        run_record(
            name,
            classes,
            embedded(),
            sets["descriptions"],
            confusion=confusion_of((8, 7, 6, 9), 10),
            warnings=("the text of class 'X & <Y>' is cut at 77 tokens (it has 93)",),
        ),
        run_record(
            name,
            classes,
            embedded(),
            sets["gabarits"],
            status="failed",
            error="logits are not finite; use --precision fp32",
        ),
        run_record(
            name,
            classes,
            hub,
            sets["noms"],
            status="unavailable",
            reason="offline",
            error="the weights are not on this machine and --offline forbids the network; "
            "run `veille weights boutique` once with a network",
        ),
        run_record(
            name, classes, supervised(), None, confusion=confusion_of((10, 9, 8, 9), 10, sink=2)
        ),
    )
    study = StudyRecord(
        name=name,
        title="Boutique d'essai",
        question="CLIP suffit-il, sans entraînement ?",
        dataset_kind="table",
        dataset_revision=REVISION,
        licence="Domaine public",
        origin="Photos dessinées pour les essais",
        redistributable=redistributable,
        classes=classes,
        samples=cards(classes, train=6, validation=3, test=10),
        missing=(
            MissingPhoto(id="m1", label=classes[0], path="Images/a_b.jpg", reason="file not found"),
            MissingPhoto(
                id="m2",
                label=classes[1],
                path="Images/<c>.jpg",
                reason="truncated photo (12)",
            ),
        ),
        duplicates=(("0-train-0", "0-train-1"),),
        split_digest=SPLIT,
        seed=42,
        cases=(*(run.case for run in runs), f"{name}/embedded/sous-categories"),
        thresholds=(
            Threshold(case="embedded/descriptions", metric="accuracy", minimum=0.6),
            Threshold(
                case="embedded/descriptions",
                metric="accuracy",
                minimum=0.08,
                over="embedded/noms",
            ),
        ),
        reference=reference(name, classes),
        models=(
            model_card(embedded()),
            model_card(hub, commercial=False),
            ModelCard(model=supervised()),
        ),
        answer=AnswerSpec(about="clip"),
        translations=ENGLISH,
    )
    return results_of(study, runs, folder)


def model_card(model: ModelSpec, *, commercial: bool = True) -> ModelCard:
    return ModelCard(
        model=model,
        resolution=(260, 260),
        image_parameters=5_302_592,
        text_parameters=22_565_376,
        image_gflops=1.7179,
        embed_dim=384,
        context_length=256,
        licence=Licence(
            name="MIT" if commercial else "Apple AMLR",
            url="https://example.org/LICENSE",
            commercial=commercial,
        ),
        training={"fr": "Des photos et leurs légendes", "en": "Photos and their captions"},
        page="https://example.org/model",
        published=0.782,
        published_source="https://example.org/results.csv",
    )


def second(folder: Path) -> StudyResults:
    """A smaller study, in which zero-shot is ahead and nothing is missing."""
    name, classes = "jouets", ("Ours", "Trains", "Cubes")
    runs = (
        run_record(
            name,
            classes,
            embedded(),
            prompt_set("noms", classes),
            confusion=confusion_of((20, 19, 20), 20),
        ),
        run_record(name, classes, supervised(), None, confusion=confusion_of((12, 11, 12), 20)),
    )
    study = StudyRecord(
        name=name,
        title="Jouets",
        question="Et sur des jouets ?",
        dataset_kind="folder",
        dataset_revision=REVISION,
        licence="",
        origin="",
        redistributable=False,
        classes=classes,
        samples=cards(classes, train=4, validation=2, test=20),
        missing=(),
        duplicates=(),
        split_digest=SPLIT,
        seed=0,
        cases=tuple(run.case for run in runs),
        thresholds=(),
        glosses={"Trains": "Locomotives et wagons"},
        translations={"Trains": "Engines and carriages"},
    )
    return results_of(study, runs, folder)


def reference(study: str = "boutique", classes: tuple[str, ...] = AWKWARD) -> Reference:
    def rows(values: Sequence[float]) -> tuple[ReferenceScores, ...]:
        return tuple(
            ReferenceScores(
                label=label, precision=value, recall=value / 2, f1=None if i == 1 else value
            )
            for i, (label, value) in enumerate(zip(classes, values, strict=True))
        )

    return Reference(
        study=study,
        source="Auteur, « Veille technique », 2024",
        slide="Diapositives de secours : tableaux",
        test_images=210,
        classes=classes,
        systems=(
            ReferenceSystem(
                name="densenet",
                title="DenseNet201 avec augmentation",
                kind="supervised",
                prompts=None,
                augmented=True,
                accuracy=0.857,
                per_class=rows((0.75, 0.96, 0.9, 0.82)),
            ),
            ReferenceSystem(
                name="clip-descriptions",
                title="CLIP, descriptions",
                kind="clip",
                contrastive=True,
                prompts="descriptions",
                accuracy=0.843,
                per_class=rows((0.73, 0.71, 0.92, 0.93)),
            ),
            ReferenceSystem(
                name="clip-gabarits",
                title="CLIP, gabarits",
                kind="clip",
                contrastive=True,
                prompts="gabarits",
                accuracy=0.557,
                per_class=rows((0.81, 0.46, 0.95, 0.38)),
            ),
        ),
        translations=ENGLISH,
    )


def without(results: StudyResults, **changes: object) -> StudyResults:
    """The results with fields of the study's card replaced."""
    return replace(results, study=replace(results.study, **changes))  # type: ignore[arg-type]
