"""The home page: the leading study's first screen, the others in a line, all in a table."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from evaluation.records import Reference
from evaluation.report.kit import links
from evaluation.report.kit.language import t
from evaluation.report.kit.tables import Cell, Col, Table, absent, head, number, table
from evaluation.report.pages import summary
from evaluation.report.study.answer import sentence
from evaluation.report.study.here import Here
from evaluation.report.study.quoted import slide_tables
from evaluation.report.study.view import StudyView, best, trace


def build(views: tuple[StudyView, ...], reference: Reference | None) -> Mapping[str, Any]:
    """The home page; the first of ``views`` leads."""
    quoted = reference if not views else None
    leader, *others = (Here(view, links.HOME) for view in views) if views else (None,)
    return {
        "study": leader
        and {
            **summary.screen(leader),
            "anchor": links.slug(leader.view.study.name),
        },
        "others": [
            {
                "title": here.view.title,
                "href": here.to("index"),
                "sentence": sentence(here.view),
            }
            for here in others
        ],
        "table": _studies_by_models(views) if others else None,
        "quoted": () if quoted is None else slide_tables(quoted, quoted.classes),
        "reference": quoted,
    }


def _studies_by_models(views: tuple[StudyView, ...]) -> Table:
    """The most accurate case of each model in each study."""
    models = dict.fromkeys(view.model_name(run.model.name) for view in views for run in view.scored)

    def most_accurate(view: StudyView, title: str) -> Cell:
        run = best(tuple(run for run in view.scored if view.model_name(run.model.name) == title))
        if run is None:
            return absent(t("non mesuré"))
        href = Here(view, links.HOME).run(run.case)
        return number(run.metric("accuracy"), "percent", title=trace(run), href=href)

    return table(
        "etudes-modeles",
        t("Exactitude du meilleur cas de chaque modèle, sur le test de chaque étude"),
        models,
        Col(t("Modèle"), head),
        *(Col(view.title, partial(most_accurate, view)) for view in views),
    )
