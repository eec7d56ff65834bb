"""Classification without training: the texts of each prompt set, and what each changes."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from evaluation.records import PromptSet, RunRecord
from evaluation.report.kit import charts, links, wording
from evaluation.report.kit.charts import Chart, chart
from evaluation.report.kit.language import t
from evaluation.report.kit.page import Claim, claim
from evaluation.report.kit.tables import Cell, Col, Table, number, table
from evaluation.report.study.confusions import confusions
from evaluation.report.study.here import Here
from evaluation.report.study.scores import class_table
from evaluation.report.study.sentences import recall_changes, weakest
from evaluation.report.study.texts import contrast_table, drawing
from evaluation.report.study.view import MANY, StudyView, best, trace, value


def build(here: Here) -> Mapping[str, Any] | None:
    """What the template prints; None when no zero-shot case has a record."""
    view = here.view
    if not view.prompt_sets:
        return None
    slugs = links.slugs(prompts.name for prompts in view.prompt_sets)
    return {
        "overview": _overview(here) if view.zero_shot else None,
        "drawing": drawing(here),
        "contrast": contrast_table(here),
        "sections": [_section(here, prompts, slugs[prompts.name]) for prompts in view.prompt_sets],
    }


def _with(view: StudyView, prompts: PromptSet) -> tuple[RunRecord, ...]:
    """The scored cases of a prompt set."""
    return tuple(
        run
        for run in view.zero_shot
        if run.prompts is not None and run.prompts.name == prompts.name
    )


def _overview(here: Here) -> Table:
    view = here.view
    models = {run.model.name: view.model_name(run.model.name) for run in view.zero_shot}

    def accuracy(prompts: PromptSet, name: str) -> Cell:
        run = next((run for run in _with(view, prompts) if run.model.name == name), None)
        if run is None:
            return number(None, "percent")
        return number(run.metric("accuracy"), "percent", title=trace(run), href=here.run(run.case))

    return table(
        "formulations",
        t("Exactitude de chaque modèle avec chaque jeu de textes"),
        models,
        Col(t("Modèle"), models.__getitem__),
        *(
            Col(wording.told(prompts.title), partial(accuracy, prompts))
            for prompts in view.prompt_sets
        ),
    )


def _section(here: Here, prompts: PromptSet, slug: str) -> Mapping[str, Any]:
    """A prompt set: its texts, then each model that reads them."""
    runs = _with(here.view, prompts)
    numbers = [len(texts) for texts in prompts.texts.values()]
    return {
        "anchor": f"textes-{slug}",
        "prompts": prompts,
        "best": best(runs),
        # How many texts a class has: "1", "2 à 5"; "" where none is known.
        "spread": wording.span(min(numbers), max(numbers)) if numbers else "",
        "models": [_model(here, run) for run in runs],
    }


def _model(here: Here, run: RunRecord) -> Mapping[str, Any]:
    view = here.view
    # A table of hundreds of rows a case, and another of its changes, make a page too heavy.
    detailed = len(run.classes) <= MANY or run is best(view.zero_shot)
    return {
        "run": run,
        "lead": lead(here, run),
        "weakest": weakest(here, run),
        "change": change(here, run) if detailed else None,
        "classes": class_table(here, run, view.twin(run)) if detailed else None,
        "confusion": confusions(here, run),
    }


def lead(here: Here, run: RunRecord) -> Claim:
    """The accuracy of a case, and what its texts change against the baseline."""
    base = here.view.twin(run) or run
    gap = value(run, "accuracy") - value(base, "accuracy")
    names = "" if base is run else here.texts(base.case)
    return claim("lead", number=here.number(run), gap=gap, names=names)


def change(here: Here, run: RunRecord) -> Chart | None:
    """What the texts of a case change class by class; None without a baseline."""
    view, base = here.view, here.view.twin(run) or run
    changes = recall_changes(base, run) if base is not run else {}
    if not changes:
        return None
    ordered = sorted(changes.items(), key=lambda row: -row[1])
    slug, title = view.case_slugs[run.case], view.case_title(run)
    return chart(
        f"ecarts-{slug}",
        partial(charts.change_plot, {label: 100 * change for label, change in ordered}),
        view.draw,
        title=t(
            "Rappel gagné ou perdu par rapport à {names}, en points", names=here.texts(base.case)
        ),
        alt=claim(
            "recalls",
            case=title,
            up=sum(change > 0 for change in changes.values()),
            down=sum(change < 0 for change in changes.values()),
            most=ordered[0],
            least=ordered[-1],
        ),
        table=table(
            f"ecarts-{slug}-donnees",
            t("{case_title} : écarts de rappel, en chiffres", case_title=title),
            ordered,
            Col(t("Catégorie"), lambda row: row[0]),
            Col(t("Écart de rappel (points)"), lambda row: number(row[1], "points")),
            tip=trace(run),
            kind="",
        ),
    )
