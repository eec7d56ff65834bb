"""From a scored case to its maps on disk: what stands is kept, what fails harms nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from evaluation.errors import DataError, eval_command
from evaluation.records import Case, CaseExplanation, ExplainSpec
from evaluation.stages import explain as attention
from evaluation.stages.explain import deeper, planned, try_to_explain
from evaluation.stages.settings import Settings
from evaluation.stores import artefacts
from tests.stages.opened import Opened, opened_study
from tests.studies import tiny_model, write_study

SPEC = ExplainSpec(
    masks=6, rise_photos=3, faithfulness_photos=2, curve_steps=2, randomisation_photos=1, cap=6
)


@pytest.fixture
def scored(tmp_path: Path, study: Path) -> Opened:
    """The tests' study with both its cases scored."""
    opened = opened_again(tmp_path, study)
    return opened.score_all()


def opened_again(tmp_path: Path, study: Path) -> Opened:
    """As another process would find it."""
    settings = Settings(artefacts=tmp_path / "artefacts", cache=tmp_path / "cache", device="cpu")
    return opened_study(study, settings)


def folder(opened: Opened, case: Case) -> Path:
    return opened.root / case.id


def files(opened: Opened, case: Case) -> dict[str, tuple[bytes, int]]:
    """Every file of a case, with the time it was written at."""
    where = folder(opened, case)
    return {
        str(path.relative_to(where)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in where.rglob("*")
        if path.is_file()
    }


def passes(opened: Opened) -> list[tuple[str, int, int]]:
    """Where the progress of the maps is told from now on."""
    told: list[tuple[str, int, int]] = []

    def tell(what: str, done: int, total: int, *_note: str) -> None:
        if what.startswith("attention maps"):
            told.append((what, done, total))

    opened.watch(tell)
    return told


def test_a_scored_case_is_explained_from_its_stored_predictions(
    scored: Opened, tmp_path: Path, study: Path
) -> None:
    """Another process finds the head again; the report reads what was written."""
    opened = opened_again(tmp_path, study)
    case = opened.data.study.cases()[1]
    found = opened.explain(case, SPEC)
    (results,) = artefacts.read_results(opened.root)
    assert results.explanations == {case.id: found}
    stored = results.predictions[case.id]
    rows = {name: row for row, name in enumerate(stored.sample_ids)}
    for photo in found.photos:
        assert photo.probabilities == tuple(stored.probabilities[rows[photo.sample_id]])
        assert all((folder(opened, case) / one.overlay).is_file() for one in photo.maps)
    assert [card.method for card in found.methods] == ["chefer", "rise"]
    assert scored.data.study.explain is None


def test_maps_that_stand_are_left_as_they_are(scored: Opened) -> None:
    """Asked for the same or for less, not one file is written and no photo is looked at."""
    case = scored.data.study.cases()[0]
    first = scored.explain(case, SPEC)
    before = files(scored, case)
    told = passes(scored)
    assert scored.explain(case, SPEC) == first
    assert scored.explain(case, replace(SPEC, masks=5)) == first
    assert files(scored, case) == before
    assert told == []


@pytest.mark.parametrize("change", [{"masks": 7}, {"methods": ("chefer",)}, {"seed": 1}])
def test_what_was_not_asked_before_is_made(scored: Opened, change: dict[str, object]) -> None:
    case = scored.data.study.cases()[0]
    scored.explain(case, SPEC)
    spec = replace(SPEC, **change)  # type: ignore[arg-type]
    assert scored.explain(case, spec).spec == spec


def test_a_lost_overlay_is_made_again_from_the_cache(scored: Opened) -> None:
    """Byte for byte the same, with the model left alone."""
    case = scored.data.study.cases()[0]
    scored.explain(case, SPEC)
    before = files(scored, case)
    lost = next((folder(scored, case) / "attention").iterdir())
    lost.unlink()
    model = scored.model()
    calls: list[object] = []
    model.image_tower.register_forward_hook(lambda *_: calls.append(None))
    scored.explain(case, SPEC)
    assert calls == []
    assert {name: one[0] for name, one in files(scored, case).items()} == {
        name: one[0] for name, one in before.items()
    }


def test_a_new_text_makes_new_maps(scored: Opened, tmp_path: Path, study: Path) -> None:
    """The old ones are not shown with the new probabilities, then they are replaced."""
    case = scored.data.study.cases()[1]
    scored.explain(case, SPEC)
    file = study / "prompts" / "descriptions.toml"
    file.write_text(file.read_text().replace('"a cup"', '"a red cup of tea"'))
    opened = opened_again(tmp_path, study)
    case = opened.data.study.cases()[1]
    with pytest.raises(DataError, match="scored on other photos, texts or weights; score it first"):
        opened.explain(case, SPEC)
    opened.score(case)
    assert artefacts.read_results(opened.root)[0].explanations == {}
    found = opened.explain(case, SPEC)
    assert artefacts.read_results(opened.root)[0].explanations == {case.id: found}


def test_a_case_that_was_not_scored_is_refused(tmp_path: Path, study: Path) -> None:
    opened = opened_again(tmp_path, study)
    with pytest.raises(DataError, match=f"score it first: {eval_command(study.name)}"):
        opened.explain(opened.data.study.cases()[0], SPEC)


def test_what_fails_is_recorded_beside_the_result(scored: Opened) -> None:
    """The scored files keep their bytes; the next success takes the failure away."""
    case = scored.data.study.cases()[0]
    before = files(scored, case)
    (scored.engine.settings.cache / "maps.sqlite").write_bytes(b"no database at all" * 100)
    failure = try_to_explain(case, scored.data, scored.engine, SPEC)
    assert failure is not None
    assert "the cache of maps should be here" in failure.error
    after = files(scored, case)
    after.pop("attention-failure.json")
    assert after == before
    results = artefacts.read_results(scored.root)[0]
    assert results.explain_failures == {case.id: failure}
    (scored.engine.settings.cache / "maps.sqlite").unlink()
    assert try_to_explain(case, scored.data, scored.engine, SPEC) is None
    assert artefacts.read_results(scored.root)[0].explain_failures == {}


def test_a_fault_of_ours_harms_no_score_either(
    scored: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its kind and what it says are recorded, in one line."""

    def fail(*_given: object) -> CaseExplanation:
        raise RuntimeError("DefaultCPUAllocator: not enough memory\nand more")

    monkeypatch.setattr(attention, "explain", fail)
    failure = try_to_explain(scored.data.study.cases()[0], scored.data, scored.engine, SPEC)
    assert failure is not None
    assert failure.error == "RuntimeError: DefaultCPUAllocator: not enough memory and more"


def test_an_interrupted_run_goes_on_where_it_was(scored: Opened) -> None:
    """What was computed before the interruption is not computed again, but the batch under way."""
    case = scored.data.study.cases()[0]
    model = scored.model()
    calls: list[int] = []
    hook = model.image_tower.register_forward_hook(
        lambda _tower, given, _out: calls.append(len(given[0]))
    )

    def stop(what: str, done: int, total: int, *_note: str) -> None:
        if what.startswith("attention maps") and done > total / 2:
            raise KeyboardInterrupt

    quiet = scored.engine.settings.progress
    scored.watch(stop)
    with pytest.raises(KeyboardInterrupt):
        scored.explain(case, SPEC)
    half = sum(calls)
    assert not (folder(scored, case) / "attention.json").exists()
    scored.watch(quiet)
    scored.explain(case, SPEC)
    resumed = sum(calls) - half
    hook.remove()
    (scored.engine.settings.cache / "maps.sqlite").unlink()
    (folder(scored, case) / "attention.json").unlink()
    calls.clear()
    model.image_tower.register_forward_hook(lambda _tower, given, _out: calls.append(len(given[0])))
    scored.explain(case, SPEC)
    again, batch = half + resumed - sum(calls), scored.engine.settings.batch_size
    assert half > batch
    assert 0 <= again < batch


def test_the_cost_is_known_beforehand(scored: Opened) -> None:
    """Forward passes as counted by the progress, and the time that embedding them would take."""
    case = scored.data.study.cases()[0]
    announced, seconds = planned(case, scored.data, scored.engine, SPEC)
    told = passes(scored)
    scored.explain(case, SPEC)
    assert {total for _, _, total in told} == {announced}
    assert told[-1][1] == announced
    cost = scored.engine.store.cost(scored.model().fingerprint, "cpu")
    assert cost is not None
    assert seconds == pytest.approx(announced * cost.seconds / cost.images)


def test_depth_raises_numbers_and_never_lowers_them() -> None:
    deep = deeper(ExplainSpec(masks=5000, curve_steps=4, methods=("rise",)))
    assert (deep.masks, deep.curve_steps, deep.methods) == (5000, 20, ("rise",))
    assert deep.covers(ExplainSpec(methods=("rise",)))
    assert not ExplainSpec(methods=("rise",)).covers(deep)


def test_the_weights_that_scored_are_the_ones_explained(
    scored: Opened, tmp_path: Path, study: Path
) -> None:
    """Another checkpoint under the same name explains other predictions."""
    tiny_model(study / "tiny", width=48)
    write_study(study)
    opened = opened_again(tmp_path, study)
    assert opened.data.dataset.revision == scored.data.dataset.revision
    with pytest.raises(DataError, match="other photos, texts or weights"):
        opened.explain(opened.data.study.cases()[0], SPEC)
