"""The data as the models see them: doubtful labels, classes that overlap, photos too alike."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from evaluation.records import CleanedAccuracy, DataAudit, EmbeddingAudit, Suspect
from evaluation.report.kit import links, wording
from evaluation.report.kit.language import nt, t
from evaluation.report.kit.tables import Cell, Col, Table, exact, head, number, table
from evaluation.report.study.here import Here
from evaluation.report.study.photos import WITHHELD, photo
from evaluation.report.study.view import StudyView, trace


def build(here: Here) -> Mapping[str, Any] | None:
    """What the template prints; None when nothing was audited."""
    view = here.view
    audit = view.comparison.audit if view.comparison else None
    if audit is None:
        return None
    # One model alone cannot doubt a label; such an audit may still hold something else.
    asked = len(audit.cases) > 1 and bool(audit.accuracies)
    if not (asked or audit.embeddings or audit.near_duplicates):
        return None
    groups = [
        [view.cards[id_] for id_ in ids if id_ in view.cards] for ids in audit.near_duplicates
    ]
    seen = view.photos_shown
    return {
        "withheld": "" if seen else t(WITHHELD),
        "asked": wording.listing([here.name(case) for case in audit.cases]) if asked else "",
        "telling": _telling(view, audit),
        "n": len(audit.suspects),
        "agreed": sum(suspect.consensus is not None for suspect in audit.suspects),
        "suspects": [
            _suspect(here, suspect) for suspect in audit.suspects if suspect.sample_id in view.cards
        ],
        "accuracies": _accuracies(here, audit) if asked else None,
        "models": [_model(here, embeddings) for embeddings in audit.embeddings],
        "kept": "look" in view.study.grouping,
        "duplicates": [[photo(here, card) for card in group] for group in groups if group]
        if seen
        else [],
        "duplicate_ids": []
        if seen
        else [wording.listing([card.id for card in group]) for group in groups if group],
    }


def _telling(view: StudyView, audit: DataAudit) -> bool:
    """Whether the doubts of these cases count: two trunks or more, and all beat chance."""
    runs = [view.runs[case] for case in audit.cases if case in view.runs]
    lows = [metric.low for run in runs if (metric := run.metric("accuracy")) is not None]
    trunks = {
        run.model.weights
        if run.model.weights == "embedded"
        else (run.model.architecture, run.model.weights)
        for run in runs
    }
    return len(trunks) > 1 and all(low is not None and low > view.chance for low in lows)


def _suspect(here: Here, suspect: Suspect) -> Mapping[str, Any]:
    card = here.view.cards[suspect.sample_id]
    explorable = here.view.explorable(*suspect.predicted)
    return {
        "photo": photo(here, card) if here.view.photos_shown else None,
        "name": card.title or card.id,
        "href": here.photo(card.id) if explorable else "",
        "label": suspect.label,
        "consensus": suspect.consensus,
        "answers": {here.view.case_name(case): label for case, label in suspect.predicted.items()},
        "doubt": suspect.label_probability,
    }


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
    anchor, name = links.slug(audit.model), here.view.model_name(audit.model)
    p = audit.variety_recall_p
    return {
        "anchor": f"vecteurs-{anchor}",
        "title": name,
        "overlap": _overlap(audit, anchor, name),
        "rho": audit.variety_recall if p is not None else None,
        "p": p,
        "shown": p is not None and p < here.view.alpha,
        "variety": _variety(here, audit, anchor, name),
    }


def _trace(audit: EmbeddingAudit) -> str:
    return t("comparison.json, vecteurs de {model}", model=audit.model)


def _overlap(audit: EmbeddingAudit, anchor: str, name: str) -> Table:
    labels = [row.label for row in audit.classes]

    def share(neighbour: int, row: tuple[int, str]) -> Cell:
        part = audit.overlap[row[0]][neighbour]
        text = wording.decimal(100 * part, 0)
        return Cell(
            text=text,
            kind="hit" if row[0] == neighbour else "error" if text != "0" else "",
            shade=f"{part:.3f}" if part else "",
            title=_trace(audit),
            value=exact(part),
        )

    return table(
        f"voisins-{anchor}",
        t(
            "{model_name} : à quelles catégories appartiennent les "
            "{neighbours} les plus proches, en pour cent",
            model_name=name,
            neighbours=nt(audit.neighbours, "{n} photo", "{n} photos"),
        ),
        enumerate(labels),
        Col(t("Catégorie de la photo"), lambda row: row[1]),
        *(Col(label, partial(share, j)) for j, label in enumerate(labels)),
        spanner=t("Catégorie des voisines"),
        kind="confusion",
    )


def _variety(here: Here, audit: EmbeddingAudit, anchor: str, name: str) -> Table:
    recalled = any(row.recall is not None for row in audit.classes)
    return table(
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
        tip=_trace(audit),
    )
