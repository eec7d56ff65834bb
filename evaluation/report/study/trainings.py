"""How supervised models learnt: their regime in words, their curves, views of one photo."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

from evaluation.records import RunRecord, TrainingEpoch, TrainingRecord
from evaluation.report.kit import wording
from evaluation.report.kit.charts import chart, epoch_plot
from evaluation.report.kit.language import t
from evaluation.report.kit.tables import Col, head, table
from evaluation.report.study.view import StudyView
from evaluation.stores.trust import own_picture


def regime(run: RunRecord) -> str:
    """The regime that a model was trained in."""
    return run.model.training.regime if run.model.training else "logistic"


def charts(view: StudyView, run: RunRecord) -> list[Mapping[str, Any]]:
    """Accuracy and loss by epoch; none for a model that was not trained by epochs."""
    record = run.training
    if record is None or not record.epochs:
        return []
    return [_chart(view, run, record, measure) for measure in ("accuracy", "loss")]


def _chart(
    view: StudyView, run: RunRecord, record: TrainingRecord, measure: Literal["accuracy", "loss"]
) -> Mapping[str, Any]:
    """The figure and, in words, what training and validation reached at the epoch that is kept."""
    loss = measure == "loss"

    def value(part: str, epoch: TrainingEpoch) -> float | None:
        share: float | None = getattr(epoch, f"{part}_{measure}")
        return share

    def said(part: str, epoch: TrainingEpoch) -> str:
        share = value(part, epoch)
        if share is None:
            return wording.DASH
        return wording.decimal(share) if loss else wording.percent(share)

    parts = ("train", "validation")
    points = [
        {"line": str(line), "epoch": epoch.epoch, "value": value(part, epoch)}
        for epoch in record.epochs
        for line, part in enumerate(parts)
        if value(part, epoch) is not None
    ]
    axis = t("perte (entropie croisée)") if loss else t("exactitude")
    id_ = f"{'perte' if loss else 'courbe'}-{view.case_slugs[run.case]}"
    kept = record.epochs[record.best_epoch - 1]
    data = table(
        f"{id_}-donnees",
        t("Perte, époque par époque") if loss else t("Exactitude, époque par époque"),
        record.epochs,
        Col(t("Époque"), lambda epoch: head(wording.count(epoch.epoch), value=epoch.epoch)),
        Col(t("Apprentissage"), partial(said, "train")),
        Col(t("Validation"), partial(said, "validation")),
        Col(t("Pas d’apprentissage"), lambda epoch: wording.significant(epoch.learning_rate, 3)),
        kind="",
    )
    plot = partial(epoch_plot, points, axis, record.best_epoch, share=not loss)
    return {
        "chart": chart(id_, plot, view.draw, table=data),
        "model": view.model_name(run.model.name),
        "epoch": kept.epoch,
        "reached": [said(part, kept) for part in parts],
    }


def views(view: StudyView, run: RunRecord) -> Mapping[str, Path]:
    """Uri to file of every augmented view that the pages show; the photo as it is read is first.

    Raises :class:`ArtefactError` for a view that is not this program's, in its place.
    """
    root, folder = view.results.folder.parent, f"augmentation/{view.case_slugs[run.case]}"
    names = run.training.views if run.training and view.photos_shown else ()
    paths = [own_picture(root / run.case, name, root) for name in names]
    return {f"{view.folder}/{folder}/{path.name}": path for path in paths if path.is_file()}
