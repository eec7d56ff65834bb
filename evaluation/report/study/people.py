"""Cases that are people: how far they agree, and what no model need exceed."""

from collections.abc import Mapping
from typing import Any

from evaluation.report.kit import wording
from evaluation.report.kit.language import t
from evaluation.report.kit.tables import Col, field, table
from evaluation.report.study.here import Here
from evaluation.report.study.view import interval_said, trace_all


def people(here: Here) -> Mapping[str, Any] | None:
    """Who answered, their mean accuracy and their kappas; None where nobody did."""
    agreement = here.view.concluded.people
    if agreement is None:
        return None
    fleiss, why = agreement.fleiss, t("toutes les réponses sont dans une catégorie")
    return {
        "names": wording.listing([here.name(case) for case in agreement.people]),
        "n": len(agreement.people),
        "ceiling": interval_said(agreement.ceiling),
        "pairs": table(
            "accord-humain-paires",
            t("Accord de chaque paire de personnes, sur les photos de test"),
            agreement.pairs,
            Col(t("Personne"), lambda row: here.case(row.a)),
            Col(t("Autre personne"), lambda row: here.case(row.b), numeric=False),
            Col(t("Même catégorie"), field("same", "percent")),
            Col(t("Kappa de Cohen"), field("kappa", "0.00", why=why)),
            tip=lambda row: trace_all((row.a, row.b)),
        )
        if agreement.pairs
        else None,
        "fleiss": fleiss if fleiss is not None and fleiss.value is not None else None,
    }
