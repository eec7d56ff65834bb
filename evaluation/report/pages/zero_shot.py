"""Classification without training: the texts of each prompt set, and what each changes."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from evaluation.records import PromptSet, RunRecord
from evaluation.report.kit import charts, links, wording
from evaluation.report.kit.charts import Chart, chart
from evaluation.report.kit.language import nt, t
from evaluation.report.kit.page import Claim, claim
from evaluation.report.kit.tables import Cell, Col, Table, number, table
from evaluation.report.study.absences import pointer
from evaluation.report.study.confusions import confusions
from evaluation.report.study.explained import errors
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
        "absences": pointer(here),
        "sections": [_section(here, prompts, slugs[prompts.name]) for prompts in view.prompt_sets],
    }


def _reads(run: RunRecord, prompts: PromptSet) -> bool:
    return run.prompts is not None and run.prompts.name == prompts.name


def _overview(here: Here) -> Table:
    view = here.view
    models = {run.model.name: view.model_name(run.model.name) for run in view.zero_shot}

    def accuracy(prompts: PromptSet, name: str) -> Cell:
        runs = (run for run in view.zero_shot if run.model.name == name and _reads(run, prompts))
        run = next(runs, None)
        if run is None:
            return number(None, "percent")
        return number(run.metric("accuracy"), "percent", title=trace(run), href=here.run(run.case))

    return table(
        "formulations",
        t("Exactitude de chaque modèle avec chaque jeu de textes"),
        models,
        Col(t("Modèle"), lambda name: models[name]),
        *(
            Col(wording.told(prompts.title), partial(accuracy, prompts))
            for prompts in view.prompt_sets
        ),
    )


# ----------------------------------------------------------------------- prompt set


def _section(here: Here, prompts: PromptSet, slug: str) -> Mapping[str, Any]:
    view = here.view
    runs = tuple(run for run in view.zero_shot if _reads(run, prompts))
    top = best(runs)
    written = [label for label in view.study.classes if prompts.texts.get(label)]
    templates = () if prompts.templates == ("{}",) else prompts.templates
    return {
        "anchor": f"textes-{slug}",
        "title": wording.told(prompts.title),
        "best": "" if top is None else here.number(top).text,
        "prompts": prompts,
        "spread": _spread(prompts),
        "templates": templates,
        # The first sentence that the text encoder reads.
        "example": prompts.sentences(written[0])[0] if templates and written else "",
        "texts": {label: prompts.texts[label] for label in written},
        "models": [_model(here, run) for run in runs],
    }


def _spread(prompts: PromptSet) -> str:
    """How many texts a class has: "1", "2 à 5"; "" where none is known."""
    numbers = [len(texts) for texts in prompts.texts.values()]
    low, high = min(numbers, default=0), max(numbers, default=0)
    if not numbers:
        return ""
    return wording.span(low, high)


# ---------------------------------------------------------------------------- model


def _model(here: Here, run: RunRecord) -> Mapping[str, Any]:
    view = here.view
    base = view.twin(run)
    # A table of hundreds of rows a case, and another of its changes, make a page too heavy.
    detailed = len(run.classes) <= MANY or run is best(view.zero_shot)
    return {
        "anchor": view.case_slugs[run.case],
        "title": view.model_name(run.model.name),
        "lead": lead(here, run),
        "weakest": weakest(here, run),
        "warnings": run.warnings,
        "change": change(view, run) if detailed else None,
        "classes": class_table(here, run, base) if detailed else None,
        "confusion": confusions(here, run),
        "maps": errors(here, run.case),
    }


def _base(view: StudyView, run: RunRecord) -> tuple[RunRecord, str] | None:
    """The case with the baseline texts, and their name; None for that case itself."""
    base = view.twin(run)
    if base is None or base is run or base.prompts is None:
        return None
    return base, wording.quote(wording.told(base.prompts.title))


def lead(here: Here, run: RunRecord) -> Claim:
    """The accuracy of a case, and what its texts change against the baseline."""
    base, names = _base(here.view, run) or (run, "")
    gap = value(run, "accuracy") - value(base, "accuracy")
    return claim("lead", number=here.number(run), gap=gap, names=names)


def change(view: StudyView, run: RunRecord) -> Chart | None:
    """What the texts of a case change class by class; None without a baseline."""
    against = _base(view, run)
    changes = recall_changes(against[0], run) if against else {}
    if against is None or not changes:
        return None
    ordered = sorted(changes.items(), key=lambda row: -row[1])
    (most, highest), (least, lowest) = ordered[0], ordered[-1]
    up = sum(change > 0 for change in changes.values())
    down = sum(change < 0 for change in changes.values())
    slug, title = view.case_slugs[run.case], view.case_title(run)
    return chart(
        f"ecarts-{slug}",
        partial(charts.change_plot, {label: 100 * change for label, change in ordered}),
        view.draw,
        title=t("Rappel gagné ou perdu par rapport à {names}, en points", names=against[1]),
        alt=t(
            "{case} : {up} en rappel, {down}. De {most} ({highest}) à {least} ({lowest}).",
            case=title,
            up=nt(up, "{n} catégorie gagne", "{n} catégories gagnent"),
            down=nt(down, "{n} en perd", "{n} en perdent"),
            most=wording.quote(most),
            highest=wording.points(highest),
            least=wording.quote(least),
            lowest=wording.points(lowest),
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
