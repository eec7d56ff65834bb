"""A case from end to end: what its record says of what it cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants

from evaluation.records import FOLDS, RunRecord, StudyRecord
from evaluation.stages.engine import bench_of
from evaluation.stages.settings import Settings
from evaluation.stores import artefacts
from evaluation.stores.prediction_tables import read_predictions
from tests.models.hub_server import serving
from tests.stages.opened import Opened, opened_study
from tests.studies import write_study


@pytest.fixture
def opened(tmp_path: Path, study: Path) -> Opened:
    settings = Settings(
        artefacts=tmp_path / "artefacts", cache=tmp_path / "cache", device="cpu", batch_size=8
    )
    return opened_study(study, settings)


def run(opened: Opened, name: str) -> RunRecord:
    record = opened.score(name)
    assert record.status == "ok", record.error
    return record


def test_a_case_says_what_embedding_took(opened: Opened) -> None:
    """Batch, milliseconds a photo, images per second and memory, in run.json as returned."""
    record = run(opened, "tiny/noms")
    cost = record.timings.embedding
    assert cost is not None
    assert cost.images == record.timings.images_embedded > 8
    assert (cost.batch_size, cost.seconds) == (8, record.timings.embed_seconds)
    assert cost.ms_per_image is not None
    assert 0 < cost.ms_per_image < 1000
    assert record.timings.images_per_second == pytest.approx(cost.images / cost.seconds)
    assert cost.memory is not None
    assert cost.memory.resident_mb is not None
    peak = record.provenance.peak_memory_mb
    assert peak is not None
    assert 50 < cost.memory.resident_mb <= peak
    assert record.provenance.peak_memory_scope == cost.memory.scope
    assert artefacts.read(opened.root / record.case / "run.json", RunRecord) == record


def test_a_warm_case_keeps_what_was_measured(opened: Opened) -> None:
    """Another prompt set, all photos in the store: the cost is that of the filling."""
    cold = run(opened, "tiny/noms")
    warm = run(opened, "tiny/descriptions")
    assert warm.timings.images_embedded == 0
    assert warm.timings.embedding == cold.timings.embedding


def test_a_text_is_embedded_once_ever(
    opened: Opened, study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process finds all but the text that is new, and says the same of the rest."""
    first = run(opened, "tiny/descriptions")
    before = read_predictions(opened.root / first.case / "predictions.csv")
    again = opened_study(study, opened.engine.settings)
    tower, sentences = again.model().text_tower, []
    features = tower.features
    monkeypatch.setattr(
        tower, "features", lambda texts: sentences.append(list(texts)) or features(texts)
    )
    run(again, "tiny/descriptions")
    after = read_predictions(opened.root / first.case / "predictions.csv")
    assert sentences == []
    assert (after.probabilities == before.probabilities).all()

    texts = study / "prompts" / "descriptions.toml"
    texts.write_text(texts.read_text().replace('"a cup"', '"a red cup"'))
    again.data = opened_study(study, opened.engine.settings).data
    run(again, "tiny/descriptions")
    assert sentences == [["a red cup"]]


def test_a_cost_measured_elsewhere_is_not_this_device_s(opened: Opened) -> None:
    """Embeddings are shared between devices; what they cost is not."""
    run(opened, "tiny/noms")
    model = opened.model()
    assert opened.engine.store.cost(model.fingerprint, "cpu") is not None
    model.device = "cuda:0"
    assert run(opened, "tiny/descriptions").timings.embedding is None


def test_a_lack_of_memory_halves_the_batch_of_a_case(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The case runs to its end, gives the same predictions, and says which batch fitted."""
    whole = run(opened, "tiny/noms")
    other = replace(opened.engine.settings, cache=opened.engine.settings.cache.with_name("other"))
    again = opened_study(opened.data.study.file, other)
    model = again.model()
    embed = model.embed_images

    def scarce(batch: torch.Tensor) -> object:
        if len(batch) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return embed(batch)

    monkeypatch.setattr(model, "embed_images", scarce)
    halved = run(again, "tiny/noms")
    assert halved.timings.embedding is not None
    assert halved.timings.embedding.batch_size == 2
    assert [m.value for m in halved.metrics] == pytest.approx([m.value for m in whole.metrics])


def test_a_photo_beyond_memory_fails_the_case_in_one_line(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record says so; nothing is raised."""
    model = opened.model()

    def none(_batch: torch.Tensor) -> object:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(model, "embed_images", none)
    record = opened.score("tiny/noms")
    assert record.status == "failed"
    assert record.error is not None
    assert "single photo does not fit" in record.error
    assert record.provenance.peak_memory_mb is not None


def test_ten_new_photos_embed_ten(
    opened: Opened, study: Path, make_photo: Callable[..., Path]
) -> None:
    """Adding ten photos to a study embeds ten photos, whatever becomes of its split."""
    spec = opened.data.study.models[0]
    _, run = bench_of(opened.data, spec, opened.engine, FOLDS)
    assert run.embedded == 30
    for i in range(10):
        make_photo(study / "photos" / "Mugs" / f"new-{i}.png", seed=900 + i)
    grown = opened_study(study, opened.engine.settings)
    bench, run = bench_of(grown.data, spec, grown.engine, FOLDS)
    assert (run.embedded, run.reused) == (10, 30)
    assert sum(map(len, bench.rows.values())) == 40


def test_weights_that_could_not_be_had_are_not_asked_for_again(
    tmp_path: Path, study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every prompt set of the model is unavailable; its server was asked for the first alone."""
    write_study(
        study,
        '[[models]]\nname = "hub"\nkind = "clip"\nweights = "hf-hub:nobody/nothing"\n'
        'title = "Du hub"\n',
    )
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    with serving() as server:
        address = server.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "ENDPOINT", server.endpoint)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address)
        settings = Settings(artefacts=tmp_path / "artefacts", cache=tmp_path / "cache")
        opened = opened_study(study, settings)
        first = opened.score("hub/noms")
        asked = len(server.requests)
        second = opened.score("hub/descriptions")
        assert len(server.requests) == asked > 0
    assert (first.status, second.status) == ("unavailable", "unavailable")
    assert first.error == second.error
    assert "HTTP 404" in (first.error or "")


def test_a_study_s_record_has_a_card_for_each_model(opened: Opened) -> None:
    """Whether it ran or not: sizes from its own configuration."""
    record = artefacts.read(opened.root / "essai" / "study.json", StudyRecord)
    (card,) = record.models
    assert card.model.name == "tiny"
    assert card.resolution == (32, 32)
    assert card.image_gflops is not None
