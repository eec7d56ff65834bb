"""The data as the models see them: doubtful labels, classes that overlap, photos too alike."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from evaluation.records import CleanedAccuracy, DataAudit, EmbeddingAudit
from evaluation.report.kit import links, wording
from evaluation.report.kit.language import nt, t
from evaluation.report.kit.tables import Cell, Col, Table, head, number, table
from evaluation.report.study.here import Here
from evaluation.report.study.photos import alike, photo
from evaluation.report.study.view import StudyView, trace, trace_vectors


def build(here: Here) -> Mapping[str, Any] | None:
    """What the template prints; None when nothing was audited."""
    view, audit = here.view, here.view.concluded.audit
    if audit is None:
        return None
    # One model alone cannot doubt a label; such an audit may still hold something else.
    asked = len(audit.cases) > 1 and bool(audit.accuracies)
    if not (asked or audit.embeddings or audit.near_duplicates):
        return None
    return {
        "audit": audit,
        "asked": wording.listing([here.name(case) for case in audit.cases]) if asked else "",
        "telling": _telling(view, audit),
        "agreed": sum(suspect.consensus is not None for suspect in audit.suspects),
        "suspects": [
            {
                "suspect": suspect,
                "photo": photo(here, card) if view.photos_shown else None,
                "name": card.title or card.id,
                "href": here.photo(card.id) if view.explorable(*suspect.predicted) else "",
            }
            for suspect in audit.suspects
            if (card := view.cards.get(suspect.sample_id))
        ],
        "accuracies": _accuracies(here, audit) if asked else None,
        "models": [_model(here, embeddings) for embeddings in audit.embeddings],
        "duplicates": alike(here, audit.near_duplicates),
    }


def _telling(view: StudyView, audit: DataAudit) -> bool:
    """Whether the doubts of these cases count: two trunks or more, and all beat chance."""
    runs = [view.runs[case] for case in audit.cases if case in view.runs]
    lows = [metric.low for run in runs if (metric := run.metric("accuracy")) is not None]
    trunks = {
        (run.model.weights, "" if run.model.weights == "embedded" else run.model.architecture)
        for run in runs
    }
    return len(trunks) > 1 and all(low is not None and low > view.chance for low in lows)


def _accuracies(here: Here, audit: DataAudit) -> Table:
    def change(row: CleanedAccuracy) -> Cell:
        before, after = row.everything.value, row.without.value
        gap = None if before is None or after is None else after - before
        return number(gap, "points", why=t("valeur indéfinie"))

    return table(
        "exactitude-sans-suspects",
        t("Exactitude avec et sans les photos suspectes"),
        audit.accuracies,
        Col(t("Cas"), lambda row: here.case(row.case)),
        Col(
            t("Toutes les photos de test"),
            lambda row: number(row.everything, "percent", href=here.right(row.case)),
        ),
        Col(t("Sans les suspectes"), lambda row: number(row.without, "percent")),
        Col(t("Écart"), change, t("points")),
        tip=lambda row: trace(here.view.runs[row.case]),
    )


def _model(here: Here, audit: EmbeddingAudit) -> Mapping[str, Any]:
    """What the vectors of a model say of the classes: whose neighbours are whose, how varied."""
    anchor, name = links.slug(audit.model), here.view.model_name(audit.model)
    tip = trace_vectors(audit.model)

    def share(neighbour: int, row: tuple[int, str]) -> Cell:
        part = audit.overlap[row[0]][neighbour]
        text = wording.decimal(100 * part, 0)
        kind = "hit" if row[0] == neighbour else "error" if text != "0" else ""
        return number(part, "0", text=text, kind=kind, shade=f"{part:.3f}" if part else "")

    recalled = any(row.recall is not None for row in audit.classes)
    return {
        "audit": audit,
        "anchor": f"vecteurs-{anchor}",
        "title": name,
        "overlap": table(
            f"voisins-{anchor}",
            t(
                "{model_name} : à quelles catégories appartiennent les "
                "{neighbours} les plus proches, en pour cent",
                model_name=name,
                neighbours=nt(audit.neighbours, "{n} photo", "{n} photos"),
            ),
            enumerate(row.label for row in audit.classes),
            Col(t("Catégorie de la photo"), lambda row: row[1]),
            *(Col(row.label, partial(share, place)) for place, row in enumerate(audit.classes)),
            tip=tip,
            spanner=t("Catégorie des voisines"),
            kind="confusion",
        ),
        "variety": table(
            f"variete-{anchor}",
            t("{model_name} : variété de chaque catégorie", model_name=name),
            sorted(audit.classes, key=lambda row: -(row.variety.value or 0.0)),
            Col(t("Catégorie"), lambda row: head(row.label, href=here.gallery(row.label))),
            Col(
                t("Variété"),
                lambda row: number(row.variety, "0.00", why=t("il faut deux photos")),
                t("distance cosinus moyenne"),
            ),
            Col(t("Voisines de la même catégorie"), lambda row: number(row.purity, "whole")),
            Col(t("Rappel"), lambda row: number(row.recall, "percent")) if recalled else None,
            tip=tip,
        ),
    }
