"""CLIP without training: the texts of each prompt set, and what each changes."""

from __future__ import annotations

from dataclasses import dataclass

from evaluation.records import PromptSet, RunRecord
from evaluation.report.kit import charts, wording
from evaluation.report.kit.charts import Change, Chart
from evaluation.report.kit.language import foreign, message, nt, t
from evaluation.report.kit.page import Fact, Link
from evaluation.report.kit.sentence import Sentence, joined, say
from evaluation.report.kit.tables import Cell, Column, Group, Row, Table, head, measured, simple
from evaluation.report.study.explained import case_link
from evaluation.report.study.here import Here
from evaluation.report.study.scores import class_table, confusion_table, share_cell
from evaluation.report.study.sentences import number, recall_changes, weakest
from evaluation.report.study.view import (
    Absence,
    StudyView,
    best,
    trace,
    value,
)

LANGUAGES = {
    "en": message("anglais"),
    "fr": message("français"),
    "de": message("allemand"),
    "es": message("espagnol"),
}
_SHORT = 3
"""A class with more texts than this shows them folded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassTexts:
    """The texts of a class, exactly as they were written."""

    label: str
    texts: tuple[str, ...]
    summary: str
    """What the folded list is called; "" when it is shown whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSection:
    """One model with one prompt set."""

    anchor: str
    title: str
    lead: Sentence
    weakest: Sentence
    warnings: tuple[str, ...]
    change: Chart | None
    classes: Table
    confusion: Table
    maps: Link | None
    """To the maps of its errors, if it has some."""
    open: bool
    """Whether the confusion matrix is unfolded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSection:
    """One prompt set."""

    anchor: str
    title: str
    facts: tuple[Fact, ...]
    lang: str
    templates: tuple[str, ...]
    """Empty when the texts are read as they are."""
    example: str
    """The first sentence that the text encoder reads, when there are templates."""
    texts: tuple[ClassTexts, ...]
    models: tuple[ModelSection, ...]
    absences: tuple[Absence, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ZeroShotPage:
    """The page of zero-shot cases."""

    title: str
    baseline: str
    overview: Table | None
    absences: tuple[Absence, ...]
    """Of models that lack several of their cases: told once rather than in each section."""
    sections: tuple[PromptSection, ...]


def build(here: Here) -> ZeroShotPage | None:
    """The page, or None when no zero-shot case has a record."""
    view = here.view
    if not view.prompt_sets:
        return None
    names = {prompts.name: wording.told(prompts.title) for prompts in view.prompt_sets}
    return ZeroShotPage(
        title=view.title,
        baseline=names.get(view.baseline or "", ""),
        overview=_overview(here),
        absences=tuple(one for one in here.absences() if len(one.cases) > 1),
        sections=tuple(_section(here, prompts) for prompts in view.prompt_sets),
    )


def _overview(here: Here) -> Table | None:
    """Accuracy of each model (rows) with each prompt set (columns)."""
    view = here.view
    if not view.zero_shot:
        return None
    cases = {
        (run.model.name, run.prompts.name): run for run in view.zero_shot if run.prompts is not None
    }
    models = {run.model.name: view.model_title(run) for run in view.zero_shot}
    return Table(
        id="formulations",
        caption=t("Exactitude de chaque modèle avec chaque jeu de textes"),
        columns=(
            Column(text=t("Modèle"), numeric=False),
            *(Column(text=wording.told(prompts.title)) for prompts in view.prompt_sets),
        ),
        groups=(
            Group(
                rows=tuple(
                    Row(
                        cells=(
                            head(title),
                            *(
                                _accuracy(here, cases.get((name, prompts.name)))
                                for prompts in view.prompt_sets
                            ),
                        )
                    )
                    for name, title in models.items()
                )
            ),
        ),
        kind="scores",
    )


def _accuracy(here: Here, run: RunRecord | None) -> Cell:
    if run is None:
        return share_cell(None)
    return share_cell(run.metric("accuracy"), trace(run), href=here.run(run.case))


# ----------------------------------------------------------------------- prompt set


def _section(here: Here, prompts: PromptSet) -> PromptSection:
    view = here.view
    runs = tuple(
        run
        for run in view.zero_shot
        if run.prompts is not None and run.prompts.name == prompts.name
    )
    top = best(runs)
    ids = {
        run.case
        for run in view.results.runs
        if run.prompts is not None and run.prompts.name == prompts.name
    }
    templates = () if prompts.templates == ("{}",) else prompts.templates
    return PromptSection(
        anchor=f"textes-{view.prompt_slugs[prompts.name]}",
        title=wording.told(prompts.title),
        facts=_facts(prompts),
        lang=prompts.language,
        templates=templates,
        example=_example(view, prompts) if templates else "",
        texts=tuple(
            _class_texts(label, prompts.texts[label])
            for label in view.study.classes
            if prompts.texts.get(label)
        ),
        models=tuple(_model(here, run, unfolded=run is top) for run in runs),
        absences=tuple(
            one for one in here.absences() if len(one.cases) == 1 and one.cases[0] in ids
        ),
    )


def _language(code: str) -> str:
    return t(LANGUAGES[code]) if code in LANGUAGES else code


def _facts(prompts: PromptSet) -> tuple[Fact, ...]:
    numbers = [len(texts) for texts in prompts.texts.values()]
    spread = ""
    if numbers:
        low, high = min(numbers), max(numbers)
        spread = (
            wording.count(low) if low == high else f"{wording.count(low)} à {wording.count(high)}"
        )
    facts = [
        Fact(label=t("Langue des textes"), text=_language(prompts.language)),
        Fact(label=t("Textes par catégorie"), text=spread),
        Fact(
            label=t("Gabarits"),
            text=wording.count(len(prompts.templates))
            if prompts.templates != ("{}",)
            else t("aucun"),
        ),
        Fact(
            label=t("Source"),
            text=wording.told(prompts.source),
            lang=foreign(prompts.source),
            wide=True,
        ),
    ]
    return tuple(fact for fact in facts if fact.text)


def _example(view: StudyView, prompts: PromptSet) -> str:
    label = next((one for one in view.study.classes if prompts.texts.get(one)), None)
    return "" if label is None else prompts.sentences(label)[0]


def _class_texts(label: str, texts: tuple[str, ...]) -> ClassTexts:
    folded = len(texts) > _SHORT
    return ClassTexts(
        label=label,
        texts=texts,
        summary=nt(len(texts), "{n} texte", "{n} textes") if folded else "",
    )


# ---------------------------------------------------------------------------- model


def _model(here: Here, run: RunRecord, *, unfolded: bool) -> ModelSection:
    view = here.view
    base = view.twin(run)
    compared = base is not None and base is not run
    return ModelSection(
        anchor=view.case_slugs[run.case],
        title=view.model_title(run),
        lead=_lead(here, run, base if compared else None),
        weakest=weakest(here, run),
        warnings=run.warnings,
        change=_change(view, run, base) if base is not None and compared else None,
        classes=class_table(here, run, base),
        confusion=confusion_table(view, run),
        maps=case_link(here, run.case),
        open=unfolded,
    )


def _lead(here: Here, run: RunRecord, base: RunRecord | None) -> Sentence:
    pieces = say("Exactitude : {number}", number=number(here, run))
    if base is None or base.prompts is None:
        return joined(pieces, ".")
    gap = value(run, "accuracy") - value(base, "accuracy")
    names = wording.quote(wording.told(base.prompts.title))
    return say(
        "{pieces}, soit {gap} par rapport à {names}.",
        pieces=pieces,
        gap=wording.points(gap),
        names=names,
    )


def _change(view: StudyView, run: RunRecord, base: RunRecord) -> Chart | None:
    changes = recall_changes(base, run)
    if not changes or base.prompts is None:
        return None
    ordered = sorted(changes.items(), key=lambda one: -one[1])
    wide, narrow = charts.change_plot(
        [Change(label=label, points=100 * change) for label, change in ordered], view.draw
    )
    names = wording.quote(wording.told(base.prompts.title))
    up = sum(change > 0 for change in changes.values())
    down = sum(change < 0 for change in changes.values())
    return Chart(
        id=f"ecarts-{view.case_slugs[run.case]}",
        title=t("Rappel gagné ou perdu par rapport à {names}, en points", names=names),
        alt=t(
            "{case_title} : {up} en rappel, {down}. De {ordered} ({ordered2}) "
            "à {ordered3} ({ordered4}).",
            case_title=view.case_title(run),
            up=nt(up, "{n} catégorie gagne", "{n} catégories gagnent"),
            down=nt(down, "{n} en perd", "{n} en perdent"),
            ordered=wording.quote(ordered[0][0]),
            ordered2=wording.points(ordered[0][1]),
            ordered3=wording.quote(ordered[-1][0]),
            ordered4=wording.points(ordered[-1][1]),
        ),
        wide=wide,
        narrow=narrow,
        table=simple(
            f"ecarts-{view.case_slugs[run.case]}-donnees",
            t("{case_title} : écarts de rappel, en chiffres", case_title=view.case_title(run)),
            (t("Catégorie"), t("Écart de rappel (points)")),
            (
                (label, measured(wording.signed(100 * change), change, title=trace(run)))
                for label, change in ordered
            ),
        ),
    )
