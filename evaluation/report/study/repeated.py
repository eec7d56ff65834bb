"""What other draws of the same photos say: of every case, of every pair, and of the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from evaluation.records import RepeatedPair, Repeats
from evaluation.report.kit import wording
from evaluation.report.kit.language import message, nt, t
from evaluation.report.kit.sentence import Part, Sentence, say
from evaluation.report.kit.tables import PERCENT, POINTS, Cell, Col, decimals, number, table
from evaluation.report.study.here import Here

_ALPHA = 0.05


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
            Col(t("Moyenne"), lambda case: number(_mean(found, case), PERCENT)),
            Col(t("Écart type"), lambda case: _spread(found, case), t("points")),
            Col(t("Plus faible"), lambda case: number(min(found.accuracies[case]), PERCENT)),
            Col(t("Plus forte"), lambda case: number(max(found.accuracies[case]), PERCENT)),
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
                lambda pair: number(pair.gap, POINTS, within=(pair.low, pair.high)),
                t("points, IC 95 %"),
            ),
            Col(t("p corrigé"), lambda pair: wording.bare_p(pair.p)),
            Col(t("p de Holm"), lambda pair: wording.bare_p(pair.p_holm)),
            Col(
                t("Verdict"),
                lambda pair: t("meilleur") if pair.p_holm < _ALPHA else t("on ne sait pas"),
                numeric=False,
            ),
        ),
        "left_out": [here.view.case_name(case) for case in found.left_out],
    }


def spread(here: Here) -> Sentence:
    """What other draws say of the answer's gap; nothing where both sides were not repeated."""
    found, said = _of(here), here.view.answer
    if found is None or said.candidate is None or said.rival is None:
        return ()
    told = mean_gap(here, said.candidate.run.case, said.rival.run.case)
    if told is None:
        return ()
    pair, gap = told
    if pair.p >= _ALPHA:
        text = message(
            "Sur {draws}, l’écart moyen est de {gap} : un test corrigé n’y sépare pas les deux."
        )
    elif said.separated:
        text = message(
            "Sur {draws}, l’écart moyen est de {gap} : il ne tient pas au partage de l’étude."
        )
    else:
        text = message(
            "Sur {draws}, l’écart moyen est de {gap} : un test corrigé y sépare les deux."
        )
    return say(text, draws=_draws(found), gap=gap)


def adapted(here: Here, case: str, unadapted: str) -> Sentence:
    """What other draws say of a label-free case over the model as it is; nothing without."""
    found, told = _of(here), mean_gap(here, case, unadapted)
    if found is None or told is None:
        return ()
    pair, gap = told
    text = (
        message(
            "Sur {draws}, l’écart moyen avec le modèle tel quel est de {gap} : un test corrigé n’y "
            "sépare pas les deux."
        )
        if pair.p >= _ALPHA
        else message(
            "Sur {draws}, l’écart moyen avec le modèle tel quel est de {gap} : un test corrigé y "
            "sépare les deux."
        )
    )
    return say(text, draws=_draws(found), gap=gap)


def mean_gap(here: Here, case: str, other: str) -> tuple[RepeatedPair, Part] | None:
    """The test of two cases over the draws, and the gap of the first over the second, linked."""
    found = _of(here)
    pair = found.pair(case, other) if found else None
    if pair is None:
        return None
    seen, low, high = pair.seen_from(case)
    gap = Part(
        text=f"{wording.points(seen)} {wording.interval(low, high)}",
        href=here.to("comparaison", "autres-tirages"),
        title=t("Test corrigé de Nadeau et Bengio (2003)"),
    )
    return pair, gap


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
    return number(points, decimals(1))


def _own(here: Here, case: str) -> Cell:
    return number(here.view.runs[case].metric("accuracy"), PERCENT, href=here.right(case))
