"""How supervised models learnt: their regime in words, their curves, views of one photo."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from evaluation.records import RunRecord, TrainingEpoch, TrainingRecord
from evaluation.report.kit import wording
from evaluation.report.kit.charts import chart, epoch_plot
from evaluation.report.kit.language import t
from evaluation.report.kit.tables import Col, head, table
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView
from evaluation.stores.trust import own_picture

FOLDER = "augmentation"

Model = Mapping[str, Any]


def regime(run: RunRecord) -> str:
    """The regime that a model was trained in."""
    return run.model.training.regime if run.model.training else "logistic"


def charts(view: StudyView, run: RunRecord) -> list[Model]:
    """Accuracy and loss by epoch; none for a model that was not trained by epochs."""
    record = run.training
    if record is None or not record.epochs:
        return []
    return [_chart(view, run, record, loss=loss) for loss in (False, True)]


def _chart(view: StudyView, run: RunRecord, record: TrainingRecord, *, loss: bool) -> Model:
    """The figure and, in words, what training and validation reached at the epoch that is kept."""
    points = [
        {"line": str(line), "epoch": epoch.epoch, "value": value}
        for epoch in record.epochs
        for line, value in enumerate(_values(epoch, loss=loss))
        if value is not None
    ]
    axis = t("perte (entropie croisée)") if loss else t("exactitude")
    id_ = f"{'perte' if loss else 'courbe'}-{view.case_slugs[run.case]}"
    kept = record.epochs[record.best_epoch - 1]
    data = table(
        f"{id_}-donnees",
        t("Perte, époque par époque") if loss else t("Exactitude, époque par époque"),
        record.epochs,
        Col(t("Époque"), lambda epoch: head(wording.count(epoch.epoch), value=epoch.epoch)),
        Col(t("Apprentissage"), lambda epoch: _said(_values(epoch, loss=loss)[0], loss=loss)),
        Col(t("Validation"), lambda epoch: _said(_values(epoch, loss=loss)[1], loss=loss)),
        Col(t("Pas d’apprentissage"), lambda epoch: wording.significant(epoch.learning_rate, 3)),
        kind="",
    )
    plot = partial(epoch_plot, points, axis, record.best_epoch, share=not loss)
    return {
        "chart": chart(id_, plot, view.draw, table=data),
        "model": view.model_name(run.model.name),
        "epoch": kept.epoch,
        "reached": [_said(value, loss=loss) for value in _values(kept, loss=loss)],
    }


def _values(epoch: TrainingEpoch, *, loss: bool) -> tuple[float | None, float | None]:
    """Of the training part, and of validation."""
    if loss:
        return epoch.train_loss, epoch.validation_loss
    return epoch.train_accuracy, epoch.validation_accuracy


def _said(value: float | None, *, loss: bool) -> str:
    if value is None:
        return wording.DASH
    return wording.decimal(value) if loss else wording.percent(value)


# ------------------------------------------------------------------------- views


def view_files(view: StudyView) -> Mapping[str, Path]:
    """Uri to file of every augmented view that the pages show."""
    files: dict[str, Path] = {}
    for run in view.supervised if view.photos_shown else ():
        folder = view.results.folder.parent / run.case
        for name in run.training.views if run.training else ():
            path = own_picture(folder, name, view.results.folder.parent)
            if path.is_file():
                files[_uri(view, run, name)] = path
    return files


def view_sources(here: Here, run: RunRecord) -> tuple[str, ...]:
    """To each view; the photo as the model reads it comes first."""
    if not here.view.photos_shown or run.training is None:
        return ()
    return tuple(here.file(_uri(here.view, run, name)) for name in run.training.views)


def _uri(view: StudyView, run: RunRecord, name: str) -> str:
    return f"{view.folder}/{FOLDER}/{view.case_slugs[run.case]}/{PurePosixPath(name).name}"
