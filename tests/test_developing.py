"""The recipes of docs/developing.md: their files exist, and what they add works."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Literal

import numpy as np
import pytest
import torch
from babel import Locale

from evaluation.explain import methods
from evaluation.explain.base import InputMaps, margin_score, to_array
from evaluation.explain.methods import Look, Method
from evaluation.explain.towers import inspect_tower
from evaluation.models.base import Loading, Predictor
from evaluation.records import (
    EXPLAIN_METHODS,
    KINDS,
    Availability,
    Kind,
    MethodCard,
    MethodWords,
    ModelSpec,
    Predictions,
    Sample,
    StudyResults,
)
from evaluation.records.lists import METRICS, OF_CASES, MetricRow
from evaluation.report.kit import language
from evaluation.report.kit.language import speaking, t
from evaluation.report.pages import COMPARE, PAGES, StudyPage, method
from evaluation.report.site import render as site
from evaluation.report.study import scores as score_table
from evaluation.report.study import view as study_view
from evaluation.report.study.here import Here
from evaluation.report.study.maps import method_name
from evaluation.report.study.view import StudyView
from evaluation.scoring import metrics as scoring
from evaluation.stages.settings import Settings
from evaluation.study import config
from evaluation.study.config import load_study
from tests.explain.models import random_head, toy
from tests.report import builder, explained
from tests.report.conftest import ROOT, TEMPLATES, built, placeholder
from tests.stages.opened import opened_study

RECIPES = dict(
    re.findall(
        r"^## (.+?)\n(.*?)(?=^## |\Z)",
        (ROOT / "docs/developing.md").read_text(encoding="utf-8"),
        re.DOTALL | re.MULTILINE,
    )
)


@pytest.mark.parametrize("name", RECIPES)
def test_files_of_a_recipe_exist(name: str) -> None:
    """A file that a recipe names is there; a new one has its folder."""
    paths = re.findall(r"`((?:evaluation|templates|scripts|mkdocs)[\w./-]*\.\w+)`", RECIPES[name])
    for path in paths:
        known = re.split(r"[^/]*(?:NAME|CODE)", path)[0]
        assert (ROOT / known).is_file() if known == path else (ROOT / known).is_dir(), path
    steps = re.findall(r"^\d\. ", RECIPES[name], re.MULTILINE)
    assert len(steps) <= 4


def test_a_page_is_a_module_a_template_a_row_and_messages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With these alone a page is rendered in its place of the menu, and its messages are told."""
    shutil.copytree(TEMPLATES, tmp_path / "templates")
    (tmp_path / "templates/greeting.md.jinja").write_text("# {{ page.title }}\n", encoding="utf-8")
    module = ModuleType("greeting")

    def build(here: Here) -> dict[str, str]:
        return {"title": t("Bonjour, {study}", study=here.view.study.name)}

    module.__dict__["build"] = build
    row = StudyPage(module, "bonjour", COMPARE, "Bonjour")
    monkeypatch.setattr(site, "PAGES", (*PAGES, row))
    results: StudyResults = builder.second(tmp_path)
    pages = site.render((results,), None, templates=tmp_path / "templates", draw=placeholder)
    assert "# Bonjour, jouets" in str(pages["etudes/jouets/bonjour.md"])
    (section,) = site.navigation((results,))
    assert ("Bonjour", "etudes/jouets/bonjour.md") in section.groups["Comparer"]


def _view(results: StudyResults) -> StudyView:
    return StudyView(results=results, folder="etudes/x", draw=placeholder, photos_shown=True)


@pytest.fixture
def english(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Writes an English catalogue of some messages alone."""
    folder = tmp_path / "messages"
    folder.mkdir()
    monkeypatch.setattr(language, "CATALOGUES", folder)

    def write(**messages: str) -> None:
        entries = [f'msgid "{french}"\nmsgstr "{said}"\n' for french, said in messages.items()]
        (folder / "en.po").write_text("\n".join(['msgid ""\nmsgstr ""\n', *entries]))
        language._catalogue.cache_clear()

    yield write
    language._catalogue.cache_clear()


def test_a_metric_is_a_row_and_its_messages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, english: Callable[..., None], study: Path
) -> None:
    """It is then computed, accepted as a floor, shown, defined, and named in both languages."""
    row = MetricRow(name="top4_accuracy", title="Quatre", definition="une sur quatre.", top=4)
    for module in (scoring, method, study_view):
        monkeypatch.setattr(module, "METRICS", (*METRICS, row))
    for module in (score_table, config):
        monkeypatch.setattr(module, "OF_CASES", (*OF_CASES, row))
    predictions = Predictions(
        classes=tuple("abcde"),
        sample_ids=("1", "2"),
        labels=np.array([0, 1]),
        probabilities=np.array([[0.15, 0.4, 0.2, 0.15, 0.1], [0.3, 0.05, 0.25, 0.2, 0.2]]),
    )
    (value,) = (one for one in scoring.score(predictions).metrics if one.name == row.name)
    assert (value.value, value.n) == (0.5, 2)
    results = explained.shop(tmp_path)
    runs = tuple(replace(run, metrics=(*run.metrics, value)) for run in results.runs)
    view = _view(replace(results, runs=runs))
    english(Quatre="Four")
    for name, title in (("fr", "Quatre"), ("en", "Four")):
        with speaking(name):  # type: ignore[arg-type]
            table = score_table.cases_table(Here(view, view.page("x")))
            assert title in {column.text for column in table.columns}
            assert title in built(view, "method")["definitions"]
    file = study / "study.toml"
    floor = 'case = "tiny/noms"\nmetric = "top4_accuracy"\nminimum = 0.5\n'
    file.write_text(f"{file.read_text()}\n[[thresholds]]\n{floor}")
    assert load_study(str(file)).thresholds[0].metric == row.name


def test_a_kind_of_model_is_a_module_and_a_row(
    tmp_path: Path, study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A case of the new kind is scored like any other."""

    class FirstClass(Predictor):
        weights_digest = "of nothing"

        def __init__(self, classes: tuple[str, ...]) -> None:
            self.classes = classes

        def predict(self, samples: Sequence[Sample]) -> Predictions:
            row = [0.5, *[0.5 / (len(self.classes) - 1)] * (len(self.classes) - 1)]
            return Predictions.of(self.classes, samples, np.array([row] * len(samples)))

    def load(_spec: ModelSpec, loading: Loading) -> FirstClass:
        assert loading.photos is not None
        return FirstClass(loading.photos.classes)

    module = ModuleType("first")
    module.__dict__.update(
        availability=lambda _spec, **_how: Availability(ready=True),
        fetch=lambda _spec, _loading: None,
        load=load,
        sizes=lambda _spec: {},
    )
    monkeypatch.setitem(sys.modules, "evaluation.models.first", module)
    kind = Kind(module="first", family="given", reads_texts=False, learns=False, embeds=False)
    monkeypatch.setitem(KINDS, "first", kind)  # type: ignore[misc, arg-type]
    file = study / "study.toml"
    declared = file.read_text().replace('kind = "clip"', 'kind = "first"')
    file.write_text(declared.replace('weights = "./tiny"', 'file = "study.toml"'))
    opened = opened_study(study, Settings(artefacts=tmp_path / "a", cache=tmp_path / "c"))
    run = opened.score("tiny")
    assert run.status == "ok", run.error
    accuracy = run.metric("accuracy")
    assert accuracy is not None
    assert (accuracy.value, accuracy.n) == (pytest.approx(1 / 3), 12)


def test_an_explanation_method_is_a_module_two_rows_and_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, english: Callable[..., None], study: Path
) -> None:
    """A study may ask for it, it makes maps, and the pages say what it does in both languages."""

    def saliency(look: Look) -> InputMaps:
        pixels = look.pixels().requires_grad_()
        (slopes,) = torch.autograd.grad(look.score(look.model.forward(pixels))[:, 0].sum(), pixels)
        values = to_array(slopes.abs().sum(dim=1, keepdim=True))
        return InputMaps(values=values, extent=(values.shape[-2], values.shape[-1]))

    words = MethodWords(
        title="Saillance", about="La pente.", source="Simonyan", address="https://x"
    )
    monkeypatch.setattr("evaluation.records.study.ExplainMethod", Literal["saliency"])
    monkeypatch.setitem(EXPLAIN_METHODS, "saliency", words)  # type: ignore[misc, arg-type]
    row = Method(run=saliency, refuse=lambda _tower: None)
    monkeypatch.setitem(methods.METHODS, "saliency", row)  # type: ignore[misc, arg-type]
    file = study / "study.toml"
    file.write_text(file.read_text() + '\n[explain]\nmethods = ["saliency"]\n')
    declared = load_study(str(file)).explain
    assert declared is not None
    model, _ = toy("cls")
    score = margin_score(random_head(model, 64))
    look = Look(
        model=model,
        tower=inspect_tower(model),
        score=score,
        pixels=lambda: torch.rand(1, 3, 64, 64),
    )
    maps = methods.METHODS[declared.methods[0]].run(look)
    assert maps.values.shape == (1, 1, 64, 64)
    assert maps.values.max() > 0
    results = explained.shop(tmp_path)
    card = MethodCard(method="saliency", applies=True, forward_passes=1)  # type: ignore[arg-type]
    shown = {
        case: replace(one, methods=(*one.methods, card))
        for case, one in results.explanations.items()
    }
    view = _view(replace(results, explanations=shown))
    english(Saillance="Saliency")
    assert words in built(view, "explain")["methods"]
    with speaking("en"):
        assert method_name("saliency") == "Saliency"


def test_a_study_is_a_file_and_its_prompt_sets(
    tmp_path: Path, make_photo: Callable[..., Path]
) -> None:
    """With these and photos alone its cases are there, and one of them is scored."""
    for number in range(18):
        make_photo(tmp_path / f"new/photos/{'ab'[number % 2]}/{number}.png", seed=number)
    (tmp_path / "new/prompts").mkdir()
    (tmp_path / "new/prompts/names.toml").write_text(
        'title = "Noms"\nlanguage = "en"\nderive = "class-names"\n'
    )
    (tmp_path / "new/answers.csv").write_text(
        "id,label\n" + "".join(f"{'ab'[n % 2]}/{n}.png,a\n" for n in range(18))
    )
    (tmp_path / "new/study.toml").write_text(
        'schema = 1\ntitle = "Neuf"\nquestion = "Oui ?"\nprompts = ["names"]\n'
        '[dataset]\nkind = "folder"\nroot = "photos"\n'
        "[split]\nseed = 1\ntest_share = 0.4\nvalidation_share = 0.2\n"
        '[[models]]\nname = "m"\nkind = "clip"\nweights = "embedded"\ntitle = "M"\n'
        '[[models]]\nname = "table"\nkind = "predictions"\nfile = "answers.csv"\ntitle = "T"\n'
    )
    settings = Settings(artefacts=tmp_path / "artefacts", cache=tmp_path / "cache")
    opened = opened_study(tmp_path / "new", settings)
    assert [case.id for case in opened.data.study.cases()] == ["new/m/names", "new/table"]
    assert opened.score("table").status == "ok"


def test_a_language_is_a_locale_and_a_catalogue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With both, messages, numbers and plurals are those of the language."""
    (tmp_path / "de.po").write_text(
        'msgid ""\nmsgstr "Plural-Forms: nplurals=2; plural=(n != 1);"\n\n'
        'msgid "{n} photo"\nmsgid_plural "{n} photos"\n'
        'msgstr[0] "{n} Foto"\nmsgstr[1] "{n} Fotos"\n',
        encoding="utf-8",
    )
    monkeypatch.setattr(language, "CATALOGUES", tmp_path)
    monkeypatch.setitem(language._LOCALES, "de", Locale("de"))  # type: ignore[misc]
    with speaking("de"):  # type: ignore[arg-type]
        assert language.nt(1050, "{n} photo", "{n} photos") == "1.050\u00a0Fotos"
        assert language.nt(1, "{n} photo", "{n} photos") == "1\u00a0Foto"
