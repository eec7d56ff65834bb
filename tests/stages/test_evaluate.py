"""Nothing twice: a case whose inputs did not change stands, and any other is run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from evaluation.records import SCHEMA_VERSION, Case, ExplainSpec, RunRecord, StudyRecord
from evaluation.stages.compare import compare_cases
from evaluation.stages.engine import Engine
from evaluation.stages.evaluate import evaluate
from evaluation.stages.open import model_cards
from evaluation.stages.settings import Settings
from evaluation.stages.standing import maps_stand, standing_comparison, standing_run
from evaluation.stores import artefacts
from evaluation.stores.maps import ALGORITHMS
from tests.factories import make_predictions, make_run, make_study
from tests.stages.opened import Opened, opened_study
from tests.studies import tiny_model, write_study

SPEC = ExplainSpec(masks=4, rise_photos=1, faithfulness_photos=1, curve_steps=2, cap=2)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(artefacts=tmp_path / "artefacts", cache=tmp_path / "cache", device="cpu")


def standing(study: Path, settings: Settings, name: str = "tiny/noms") -> RunRecord | None:
    """The record that another process would find, if it stands."""
    opened = opened_study(study, settings)
    return standing_run(opened.data.case(name), opened.data, settings)


def test_an_unchanged_case_stands_and_nothing_is_run(study: Path, settings: Settings) -> None:
    """The record is the one of before, and no model is loaded; ``force`` runs it anew."""
    first = opened_study(study, settings).score("tiny/noms")
    again = opened_study(study, settings)
    case = again.data.case("tiny/noms")
    assert evaluate(case, again.data, again.engine, None) == first
    assert again.engine._loaded is None
    forced = Engine(replace(settings, force=True))
    assert evaluate(case, again.data, forced, None).provenance != first.provenance


CHANGES: dict[str, Callable[[Path], object]] = {
    "a text": lambda study: rewrite(study / "prompts" / "noms.toml", "Noms", "Autres noms"),
    "the split": lambda study: rewrite(study / "study.toml", "seed = 1", "seed = 2"),
    "a photo": lambda study: (study / "photos" / "Mugs" / "3.png").unlink(),
    "the weights": lambda study: tiny_model(study / "tiny", width=48),
}


def rewrite(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize("what", CHANGES)
def test_a_changed_input_runs_the_case(study: Path, settings: Settings, what: str) -> None:
    """Each input of a case is in its fingerprint."""
    opened_study(study, settings).score("tiny/noms")
    assert standing(study, settings) is not None
    CHANGES[what](study)
    assert standing(study, settings) is None


def test_settings_and_lost_files_run_the_case(study: Path, settings: Settings) -> None:
    """Another precision, a table that is gone, a record of an older version."""
    opened_study(study, settings).score("tiny/noms")
    folder = settings.artefacts / "essai" / "tiny" / "noms"
    assert standing(study, replace(settings, precision="bf16")) is None
    run = artefacts.read(folder / "run.json", RunRecord)
    artefacts.write_bytes(
        folder / "run.json", artefacts.to_json(replace(run, fingerprint="")).encode()
    )
    assert standing(study, settings) is None
    artefacts.write_bytes(folder / "run.json", artefacts.to_json(run).encode())
    assert standing(study, settings) == run
    (folder / "predictions.csv").unlink()
    assert standing(study, settings) is None


def test_an_unchanged_study_imports_neither_torch_nor_scipy(
    study: Path, settings: Settings
) -> None:
    """Opened, found standing and ranked in a process of its own, from files."""
    opened_study(study, settings).score_all()
    compare_cases(settings.artefacts, "essai")
    script = f"""
import sys
from pathlib import Path
from evaluation.stages.open import open_study
from evaluation.stages.settings import Settings
from evaluation.stages.standing import standing_comparison, standing_run
from evaluation.study.config import load_study
root, cache = Path({str(settings.artefacts)!r}), Path({str(settings.cache)!r})
settings = Settings(artefacts=root, cache=cache, device="cpu")
data = open_study(load_study({str(study)!r}), settings)
assert all(standing_run(case, data, settings) for case in data.study.cases())
assert standing_comparison(settings.artefacts, "essai")
print([name for name in ("torch", "scipy", "sklearn", "open_clip") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_comparison_stands_while_its_cases_do(study: Path, settings: Settings) -> None:
    """Equal to the one that was written; another table and it is made anew."""
    opened_study(study, settings).score_all()
    assert standing_comparison(settings.artefacts, "essai") is None
    written = compare_cases(settings.artefacts, "essai")
    assert written is not None
    assert standing_comparison(settings.artefacts, "essai") == written.comparison
    table = settings.artefacts / "essai" / "tiny" / "noms" / "predictions.csv"
    table.write_bytes(table.read_bytes() + b"\n")
    assert standing_comparison(settings.artefacts, "essai") is None


def test_maps_that_stand_need_no_model(study: Path, settings: Settings) -> None:
    """Known from attention.json and its overlays; deeper ones are not there."""
    opened = opened_study(study, settings)
    case = opened.data.case("tiny/noms")
    evaluate(case, opened.data, opened.engine, SPEC)
    assert maps_stand(case, SPEC, settings.artefacts)
    assert not maps_stand(case, replace(SPEC, masks=5), settings.artefacts)
    next((settings.artefacts / case.id / "attention").iterdir()).unlink()
    assert not maps_stand(case, SPEC, settings.artefacts)


CASE = Case(
    study="essai",
    model=replace(make_run().model, name="tiny"),
    prompts=replace(make_run().prompts, name="noms"),  # type: ignore[type-var]
)


@pytest.mark.parametrize(
    "content", [b"[" * 100_000, b"[]", b"null", b"\xff", b'{"spec": 1}', b"{}", b""]
)
def test_a_record_of_any_content_does_not_stand(settings: Settings, content: bytes) -> None:
    """Neither maps nor a comparison; they are made again."""
    artefacts.write(settings.artefacts, make_study(cases=("essai/tiny/noms",), name="essai"))
    for name in ("comparison.json", "tiny/noms/attention.json"):
        artefacts.write_bytes(settings.artefacts / "essai" / name, content)
    assert not maps_stand(CASE, SPEC, settings.artefacts)
    assert standing_comparison(settings.artefacts, "essai") is None


def test_a_spec_of_another_shape_does_not_stand(settings: Settings) -> None:
    """Though version and digests are those of the predictions that are there."""
    root = settings.artefacts
    artefacts.write_run(root, make_run(case="essai/tiny/noms", study="essai"), make_predictions())
    found = {
        "schema_version": SCHEMA_VERSION, "algorithms": ALGORITHMS, "photos": [],
        "predictions_digest": artefacts.predictions_digest(root, "essai/tiny/noms"),
        "spec": {"masks": "many", "unheard of": 1},
    }  # fmt: skip
    artefacts.write_bytes(root / "essai/tiny/noms/attention.json", json.dumps(found).encode())
    assert not maps_stand(CASE, SPEC, root)


@pytest.fixture
def absent(study: Path, settings: Settings) -> Opened:
    """A study with a model whose checkpoint is not there, its first case recorded so."""
    more = '[[models]]\nname = "gone"\nkind = "clip"\narchitecture = "ViT-B-32"\n'
    write_study(study, more + 'weights = "gone.safetensors"\ntitle = "Absent"\n')
    opened = opened_study(study, settings)
    assert evaluated(opened, "gone/noms").status == "unavailable"
    return opened


def evaluated(opened: Opened, name: str) -> RunRecord:
    return evaluate(opened.data.case(name), opened.data, opened.engine, None)


def test_weights_are_asked_for_once_a_day(
    absent: Opened, settings: Settings, study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not for this case nor for its model's others; tomorrow, or with ``retry``, again."""
    asked: list[str] = []

    def load(spec: object, _loading: object) -> object:
        asked.append(str(spec))
        raise AssertionError

    monkeypatch.setattr("evaluation.models.load_model", load)
    later = opened_study(study, settings)
    first = evaluated(later, "gone/noms")
    assert first == artefacts.read_attempt(absent.root, first.case)
    assert evaluated(later, "gone/descriptions").error == first.error
    assert asked == []
    with pytest.raises(AssertionError):
        evaluated(opened_study(study, replace(settings, retry=True)), "gone/noms")
    old = (datetime.now(UTC) - timedelta(days=2)).isoformat()
    for case in ("noms", "descriptions"):
        path = settings.artefacts / "essai" / "gone" / case / "run.json"
        run = artefacts.read(path, RunRecord)
        aged = replace(run, provenance=replace(run.provenance, started=old))
        artefacts.write_bytes(path, artefacts.to_json(aged).encode())
    with pytest.raises(AssertionError):
        evaluated(opened_study(study, settings), "gone/noms")


def test_a_checkpoint_that_came_is_seen_at_once(
    absent: Opened, settings: Settings, study: Path
) -> None:
    """Its file is in the fingerprint of what was asked for."""
    assert absent.engine.settings.retry is False
    (study / "gone.safetensors").write_bytes(b"no weights")
    record = evaluated(opened_study(study, settings), "gone/noms")
    assert "gone.safetensors" in (record.error or "")
    assert record.status == "failed"


def test_a_card_is_built_once(
    study: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under another name and title too; other weights have a card of their own."""
    opened_study(study, settings)
    (first,) = artefacts.read(settings.artefacts / "essai" / "study.json", StudyRecord).models
    monkeypatch.setattr("evaluation.models.model_card", lambda _spec: pytest.fail("built again"))
    renamed = replace(first.model, name="other", title="Autre")
    assert model_cards([renamed], settings.cache) == (replace(first, model=renamed),)
    with pytest.raises(pytest.fail.Exception):
        model_cards([replace(first.model, weights="elsewhere")], settings.cache)
