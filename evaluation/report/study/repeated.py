"""What other draws of the same photos say: of every case, of every pair, and of the answer."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from evaluation.records import RepeatedPair, Repeats
from evaluation.report.kit import wording
from evaluation.report.kit.language import nt, t
from evaluation.report.kit.page import Claim, Part, claim
from evaluation.report.kit.tables import Cell, Col, field, number, table
from evaluation.report.study.here import Here


def repeats(here: Here) -> Mapping[str, Any] | None:
    """The section of the page of comparison; None where the study asks for no other draws."""
    repeated, view = here.view.concluded.repeats, here.view
    if repeated is None:
        return None
    shares, draws = repeated.accuracies, _draws(repeated)

    def deviation(case: str) -> Cell:
        return number(100 * float(np.std(shares[case], ddof=1)), "0.0")

    def own(case: str) -> Cell:
        return number(view.runs[case].metric("accuracy"), "percent", href=here.right(case))

    def verdict(pair: RepeatedPair) -> str:
        return t("meilleur") if pair.p_holm < view.alpha else t("on ne sait pas")

    return {
        "draws": draws,
        "cases": table(
            "autres-tirages-cas",
            t("Exactitude de chaque cas sur {draws}", draws=draws),
            shares,
            Col(t("Cas"), here.case),
            Col(t("Moyenne"), lambda case: number(float(np.mean(shares[case])), "percent")),
            Col(t("Écart type"), deviation, t("points")),
            Col(t("Plus faible"), lambda case: number(min(shares[case]), "percent")),
            Col(t("Plus forte"), lambda case: number(max(shares[case]), "percent")),
            Col(t("Partage de l’étude"), own),
        ),
        "pairs": table(
            "autres-tirages-paires",
            t("Écarts moyens sur {draws}", draws=draws),
            repeated.pairs,
            Col(t("Meilleur cas"), lambda pair: here.case(pair.a)),
            Col(t("Autre cas"), lambda pair: view.case_name(pair.b), numeric=False),
            Col(t("Écart moyen"), field("gap", "points", ranged=True), t("points, IC 95 %")),
            Col(t("p corrigé"), lambda pair: wording.bare_p(pair.p)),
            Col(t("p de Holm"), lambda pair: wording.bare_p(pair.p_holm)),
            Col(t("Verdict"), verdict, numeric=False),
        ),
        "left_out": [view.case_name(case) for case in repeated.left_out],
    }


def mean_gap(here: Here, kind: Literal["spread", "adapted"], case: str, other: str) -> Claim | None:
    """The gap of one case over another over the draws, and whether their test tells them apart;
    nothing where they were not repeated.
    """
    repeated = here.view.concluded.repeats
    pair = repeated.pair(case, other) if repeated else None
    if repeated is None or pair is None:
        return None
    seen, low, high = pair.seen_from(case)
    gap = Part(
        text=f"{wording.points(seen)} {wording.interval(low, high)}",
        href=here.to("comparaison", "autres-tirages"),
        title=t("Test corrigé de Nadeau et Bengio (2003)"),
    )
    # Whether the study's own split tells the sides of its answer apart too.
    separated = here.view.answer.separated
    apart = pair.p < here.view.alpha
    return claim(kind, draws=_draws(repeated), gap=gap, apart=apart, separated=separated)


def _draws(repeated: Repeats) -> str:
    if repeated.folds is not None:
        return nt(repeated.draws, "{n} pli de validation croisée", "{n} plis de validation croisée")
    return nt(repeated.draws, "{n} autre tirage de ces photos", "{n} autres tirages de ces photos")
