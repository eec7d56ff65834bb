"""What other draws of the same photos say: of every case, of every pair, and of the answer."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from evaluation.records import Repeats
from evaluation.report.kit import wording
from evaluation.report.kit.language import nt, t
from evaluation.report.kit.page import Claim, Part, claim
from evaluation.report.kit.tables import Cell, Col, number, table
from evaluation.report.study.here import Here


def repeats(here: Here) -> Mapping[str, Any] | None:
    """The section of the page of comparison; None where the study asks for no other draws."""
    found = _of(here)
    if found is None:
        return None
    return {
        "draws": _draws(found),
        "cases": table(
            "autres-tirages-cas",
            t("Exactitude de chaque cas sur {draws}", draws=_draws(found)),
            found.accuracies,
            Col(t("Cas"), here.case),
            Col(t("Moyenne"), lambda case: number(_mean(found, case), "percent")),
            Col(t("Écart type"), lambda case: _spread(found, case), t("points")),
            Col(t("Plus faible"), lambda case: number(min(found.accuracies[case]), "percent")),
            Col(t("Plus forte"), lambda case: number(max(found.accuracies[case]), "percent")),
            Col(t("Partage de l’étude"), lambda case: _own(here, case)),
        ),
        "pairs": table(
            "autres-tirages-paires",
            t("Écarts moyens sur {draws}", draws=_draws(found)),
            found.pairs,
            Col(t("Meilleur cas"), lambda pair: here.case(pair.a)),
            Col(t("Autre cas"), lambda pair: here.view.case_name(pair.b), numeric=False),
            Col(
                t("Écart moyen"),
                lambda pair: number(pair.gap, "points", within=(pair.low, pair.high)),
                t("points, IC 95 %"),
            ),
            Col(t("p corrigé"), lambda pair: wording.bare_p(pair.p)),
            Col(t("p de Holm"), lambda pair: wording.bare_p(pair.p_holm)),
            Col(
                t("Verdict"),
                lambda pair: (
                    t("meilleur") if pair.p_holm < here.view.alpha else t("on ne sait pas")
                ),
                numeric=False,
            ),
        ),
        "left_out": [here.view.case_name(case) for case in found.left_out],
    }


def spread(here: Here) -> Claim | None:
    """What other draws say of the answer's gap; nothing where both sides were not repeated."""
    found = here.view.answer
    if found.candidate is None or found.rival is None:
        return None
    told = _mean_gap(here, "spread", found.candidate.run.case, found.rival.run.case)
    return told and {**told, "separated": found.separated}


def adapted(here: Here, case: str, unadapted: str) -> Claim | None:
    """What other draws say of a label-free case over the model as it is; nothing without."""
    return _mean_gap(here, "adapted", case, unadapted)


def _mean_gap(here: Here, kind: str, case: str, other: str) -> Claim | None:
    """The gap of one case over another over the draws, and whether their test tells them apart."""
    found = _of(here)
    pair = found.pair(case, other) if found else None
    if found is None or pair is None:
        return None
    seen, low, high = pair.seen_from(case)
    gap = Part(
        text=f"{wording.points(seen)} {wording.interval(low, high)}",
        href=here.to("comparaison", "autres-tirages"),
        title=t("Test corrigé de Nadeau et Bengio (2003)"),
    )
    return claim(kind, draws=_draws(found), gap=gap, apart=pair.p < here.view.alpha)


def _of(here: Here) -> Repeats | None:
    return here.view.concluded.repeats


def _draws(found: Repeats) -> str:
    if found.folds is not None:
        return nt(found.draws, "{n} pli de validation croisée", "{n} plis de validation croisée")
    return nt(found.draws, "{n} autre tirage de ces photos", "{n} autres tirages de ces photos")


def _mean(found: Repeats, case: str) -> float:
    return float(np.mean(found.accuracies[case]))


def _spread(found: Repeats, case: str) -> Cell:
    points = 100 * float(np.std(found.accuracies[case], ddof=1))
    return number(points, "0.0")


def _own(here: Here, case: str) -> Cell:
    return number(here.view.runs[case].metric("accuracy"), "percent", href=here.right(case))
