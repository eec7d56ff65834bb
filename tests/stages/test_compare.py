"""The comparison of a study's cases: from artefacts, cached, and with the models again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evaluation.records import Predictions, RunRecord, StudyComparison
from evaluation.scoring import calibration
from evaluation.stages.compare import compare_cases
from evaluation.stages.deepen import deepen
from evaluation.stages.settings import Settings
from evaluation.stores import artefacts
from evaluation.stores.json_file import read_json
from evaluation.stores.prediction_tables import read_predictions
from tests.report import builder
from tests.report.conftest import write_artefacts
from tests.stages.opened import Opened, opened_study
from tests.studies import write_study

CONTROL = 'title = "Témoin"\nlanguage = "en"\nderive = "random-words"\nlike = "descriptions"\n'
SUPERVISED = """
[[models]]
name = "embedded-supervised"
kind = "supervised"
architecture = "tf_efficientnet_lite2"
weights = "embedded"
title = "Supervisé"
"""


@pytest.fixture
def scored(tmp_path: Path, study: Path) -> Opened:
    """The tests' study with a control of random words, every case scored."""
    (study / "prompts" / "temoin.toml").write_text(CONTROL)
    file = study / "study.toml"
    file.write_text(file.read_text().replace('"descriptions"]', '"descriptions", "temoin"]'))
    settings = Settings(artefacts=tmp_path / "artefacts", cache=tmp_path / "cache")
    opened = opened_study(study, settings)
    return opened.score_all()


def compared(opened: Opened) -> StudyComparison:
    found = compare_cases(opened.root, opened.data.study.name)
    assert found is not None
    return found


def test_every_pair_is_tested_and_stored(scored: Opened) -> None:
    """comparison.json holds what was returned: three pairs, findings, a choice on validation."""
    found = compared(scored)
    assert found.comparison is not None
    assert len(found.comparison.pairs) == 3
    assert {one.topic for one in found.findings} >= {"leaders", "prompts", "control"}
    assert [one.case for one in found.calibration] == [f"essai/tiny/{p}" for p in names(scored)]
    choice = found.prompts[0].choice
    assert choice is not None
    assert set(choice.candidates) == {"noms", "descriptions"}, "a control is not a candidate"
    stored = read_json(scored.root / "essai" / "comparison.json", StudyComparison)
    assert stored == found


def names(opened: Opened) -> list[str]:
    return [prompts.name for prompts in opened.data.study.prompts]


def test_the_tests_count_the_stored_predictions(scored: Opened) -> None:
    """The disputed images of a pair are those of the two predictions.csv."""
    comparison = compared(scored).comparison
    assert comparison is not None
    for pair in comparison.pairs:
        right_a, right_b = (
            right(read_predictions(scored.root / case / "predictions.csv"))
            for case in (pair.a, pair.b)
        )
        assert pair.only_a == int((right_a & ~right_b).sum())
        assert pair.only_b == int((right_b & ~right_a).sum())


def right(predictions: Predictions) -> np.ndarray:
    return predictions.predicted == predictions.labels


def test_an_unchanged_case_is_not_calibrated_again(
    scored: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second analysis computes what changed alone, and says the same."""
    first = compared(scored)
    again: list[str] = []
    calibrate = calibration.calibrate

    def counted(case: str, *rest: object) -> object:
        again.append(case)
        return calibrate(case, *rest)

    monkeypatch.setattr(calibration, "calibrate", counted)
    assert compared(scored) == first
    assert again == []

    table = scored.root / "essai" / "tiny" / "noms" / "predictions.csv"
    lines = table.read_text().splitlines()
    table.write_text("\n".join([lines[0], *(swapped(line) for line in lines[1:])]) + "\n")
    compared(scored)
    assert again == ["essai/tiny/noms"]


def swapped(line: str) -> str:
    """A row whose first two classes have exchanged their probabilities."""
    head, label, guess, first, second, third = line.rsplit(",", 5)
    return f"{head},{label},{guess},{second},{first},{third}"


def test_cases_of_another_split_are_left_out(scored: Opened) -> None:
    """A case that was scored on other images is not compared with the rest."""
    root = scored.root
    path = root / "essai" / "tiny" / "noms" / "run.json"
    run = replace(artefacts.read(path, RunRecord), split_digest="other")
    artefacts.write_bytes(path, artefacts.to_json(run).encode())
    comparison = compared(scored).comparison
    assert comparison is not None
    assert {case.case for case in comparison.cases} == {
        "essai/tiny/descriptions",
        "essai/tiny/temoin",
    }


def test_nothing_is_written_while_nothing_is_scored(tmp_path: Path, study: Path) -> None:
    """A study that was opened and not scored has no comparison."""
    settings = Settings(artefacts=tmp_path / "artefacts", cache=tmp_path / "cache")
    opened = opened_study(study, settings)
    assert compare_cases(settings.artefacts, opened.data.study.name) is None
    assert not (settings.artefacts / "essai" / "comparison.json").exists()


def test_the_deep_analysis_embeds_the_training_part_alone(scored: Opened) -> None:
    """Texts, control, learning curves and class overlap; no image is embedded twice."""
    found = deepen(scored.data, scored.engine)
    assert found is not None
    (diagnosis,) = found.prompts
    effects = diagnosis.effects["essai/tiny/descriptions"]
    assert [one.text for one in effects] == ["a lamp", "a mug", "a cup", "a rug"]
    assert found.control["essai/tiny/descriptions"].repetitions == 5
    assert [curve.method for curve in found.few_shot[0].curves]
    assert found.audit is not None
    assert [one.model for one in found.audit.embeddings] == ["tiny"]
    assert found.retrieval == (), "these photos have no title"

    digests = [sample.digest for sample in scored.data.dataset.samples]
    fingerprint = scored.model().fingerprint
    assert len(scored.engine.store.get(fingerprint, digests)) == len(set(digests)) == 30


def test_without_training_photos_all_but_the_curves_is_analysed(
    study: Path, tmp_path: Path
) -> None:
    """Zero-shot alone needs no training photos, in depth as well."""
    file = study / "study.toml"
    shares = "test_share = 0.8\nvalidation_share = 0.2"
    file.write_text(file.read_text().replace("test_share = 0.4\nvalidation_share = 0.2", shares))
    settings = Settings(artefacts=tmp_path / "artefacts", cache=tmp_path / "cache")
    opened = opened_study(study, settings).score_all()
    found = deepen(opened.data, opened.engine)
    assert found is not None
    assert found.few_shot == ()
    assert found.prompts[0].effects["essai/tiny/descriptions"]


def test_the_effect_of_a_text_is_that_of_scoring_without_it(
    tmp_path: Path, scored: Opened, study: Path
) -> None:
    """Leaving "a cup" out of Mugs equals scoring a prompt set that never had it."""
    found = deepen(scored.data, scored.engine)
    assert found is not None
    effect = next(
        one for one in found.prompts[0].effects["essai/tiny/descriptions"] if one.text == "a cup"
    )
    texts = study / "prompts" / "descriptions.toml"
    texts.write_text(texts.read_text().replace(', "a cup"', ""))
    settings = replace(scored.engine.settings, artefacts=tmp_path / "other")
    other = opened_study(study, settings)
    other.score("tiny/descriptions")
    with_it, without = (
        right(read_predictions(root / "essai/tiny/descriptions/predictions.csv"))
        for root in (scored.root, settings.artefacts)
    )
    assert effect.only_with == int((with_it & ~without).sum())
    assert effect.only_without == int((without & ~with_it).sum())


def test_the_deep_part_of_a_changed_model_is_dropped(scored: Opened) -> None:
    """Learning curves against a zero-shot that has changed are no longer shown."""
    assert deepen(scored.data, scored.engine) is not None
    assert compared(scored).few_shot != ()
    table = scored.root / "essai" / "tiny" / "noms" / "predictions.csv"
    lines = table.read_text().splitlines()
    table.write_text("\n".join([lines[0], *(swapped(line) for line in lines[1:])]) + "\n")
    assert compared(scored).few_shot == ()


def test_a_supervised_model_is_audited_beside_the_others(
    study: Path, tmp_path: Path, models_cache: Path
) -> None:
    """With two models, photos that both put elsewhere are looked for."""
    write_study(study, SUPERVISED)
    settings = Settings(artefacts=tmp_path / "artefacts", cache=models_cache)
    opened = opened_study(study, settings)
    for case in opened.data.study.cases():
        assert opened.score(case).status == "ok"
    found = compared(opened)
    assert found.audit is not None
    assert len(found.audit.accuracies) == 2
    assert any(one.topic == "training" for one in found.findings)


def test_models_of_other_prompt_sets_are_compared_all_the_same(tmp_path: Path) -> None:
    """Two sets each, of other names: nothing is split between models and texts."""
    classes = ("Rayon A", "Rayon B")
    texts = {"un": ("noms", "descriptions"), "deux": ("noms", "gabarits")}
    models = {name: replace(builder.embedded(), name=name) for name in texts}
    runs = tuple(
        builder.run_record(
            "essai",
            classes,
            models[name],
            builder.prompt_set(prompts, classes),
            confusion=((7 - place, 3 + place), (4, 6)),
        )
        for name, sets in texts.items()
        for place, prompts in enumerate(sets)
    )
    card = replace(
        builder.second(tmp_path).study,
        name="essai",
        classes=classes,
        samples=builder.cards(classes, train=2, validation=2, test=10),
        cases=tuple(run.case for run in runs),
    )
    root = write_artefacts(tmp_path / "artefacts", builder.results_of(card, runs, tmp_path))
    comparison = compare_cases(root, "essai")
    assert comparison is not None
    assert comparison.variance == ()
