"""What the page of the classical approach says of a training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from evaluation.errors import ArtefactError
from evaluation.records import (
    AugmentationSpec,
    StudyResults,
    TrainingEpoch,
    TrainingRecord,
    TrainingSpec,
)
from evaluation.report.site.render import render
from tests.report import builder
from tests.report.conftest import TEMPLATES, placeholder


def _rendered(results: StudyResults, **options: Any) -> Any:
    return render((results,), None, templates=TEMPLATES, draw=placeholder, **options)


PAGE = "etudes/boutique/approche-classique.md"
VIEWS = ("augmentation/a.webp", "augmentation/b.webp")


def trained(folder: Path, views: tuple[str, ...] = VIEWS, **changes: object) -> StudyResults:
    """The shop, whose supervised model was fine-tuned with augmentation."""
    shop = builder.shop(folder)
    epochs = tuple(
        TrainingEpoch(
            epoch=n, learning_rate=0.001 / n, train_loss=1.5 / n, train_accuracy=0.5 + n / 10,
            validation_loss=1.75 / n, validation_accuracy=0.4 + n / 10,
        )
        for n in (1, 2, 3)
    )  # fmt: skip
    record = TrainingRecord(regime="finetune", epochs=epochs, best_epoch=2, views=views)
    runs = []
    for run in shop.runs:
        if run.model.kind == "supervised":
            model = replace(
                run.model,
                training=TrainingSpec(regime="finetune"),
                augmentation=AugmentationSpec(flip=True, crop=0.6),
            )
            run = replace(run, model=model, training=record)  # noqa: PLW2901
            for name in views:
                file = folder / run.case / name
                file.parent.mkdir(parents=True, exist_ok=True)
                Image.new("RGB", (8, 8)).save(file)
        runs.append(run)
    return replace(shop, runs=tuple(runs), study=replace(shop.study, **changes))


def test_the_page_says_the_regime_the_augmentation_and_the_curves(tmp_path: Path) -> None:
    """Prose, two charts with their data, and the kept epoch in the alternative text."""
    builder.paint(tmp_path / "boutique", builder.shop(tmp_path).study.samples)
    pages = _rendered(trained(tmp_path))
    text = str(pages[PAGE])
    assert "Réglage fin" in text
    assert "retournement" in text
    assert "reste figé" not in text
    assert 'id="courbe-' in text
    assert 'id="perte-' in text
    assert "À l’époque 2, qui est gardée" in text
    assert "60,0\u202f%" in text
    assert text.count("augmentation/") >= 2
    assert sum("/augmentation/" in uri for uri in pages) == 2


def test_views_of_photos_that_may_not_be_shown_stay_away(tmp_path: Path) -> None:
    """Neither files nor addresses; the curves are still there."""
    results = trained(tmp_path, redistributable=False)
    pages = _rendered(results, photos="redistributable")
    assert not any("/augmentation/" in uri for uri in pages)
    assert ".webp" not in str(pages[PAGE])
    assert 'id="courbe-' in str(pages[PAGE])


def test_a_view_outside_its_case_is_refused(tmp_path: Path) -> None:
    """A record may not name files of elsewhere."""
    builder.paint(tmp_path / "boutique", builder.shop(tmp_path).study.samples)
    results = trained(tmp_path)
    runs = tuple(
        replace(run, training=replace(run.training, views=("../../secret.webp",)))
        if run.training
        else run
        for run in results.runs
    )
    with pytest.raises(ArtefactError, match="does not write"):
        _rendered(replace(results, runs=runs))
