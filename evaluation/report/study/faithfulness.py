"""What the maps are worth, as the pages say it: deletion, insertion, randomised weights.

What a sentence claims is chosen by the numbers: a method is believed where the 95 % interval
of its difference with each control, on the same photos, is on the right side of zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from evaluation.records import CaseExplanation, Faithfulness, Randomisation
from evaluation.report.kit import curves, wording
from evaluation.report.kit.charts import Chart, Key
from evaluation.report.kit.curves import FaithfulPoint
from evaluation.report.kit.language import message, nt, t
from evaluation.report.kit.sentence import Part, Sentence, say
from evaluation.report.kit.tables import (
    Cell,
    Column,
    Group,
    Kind,
    Row,
    Table,
    absent,
    head,
    measured,
)
from evaluation.report.study.here import Here
from evaluation.report.study.maps import method_name
from evaluation.report.study.view import StudyView, trace

CONTROLS = ("random", "centre")

MEASURES = {
    ("deletion", "blur"): message("Effacer, en flou"),
    ("deletion", "mean"): message("Effacer, en couleur moyenne"),
    ("insertion", "blur"): message("Dévoiler, sur du flou"),
    ("insertion", "mean"): message("Dévoiler, sur la couleur moyenne"),
}
"""The four measures, in the order of the tables."""

LITTLE, MUCH = 0.3, 0.7
"""Correlations with the map of the trained model: at most the first, the map is gone; at least
the second, it has stayed."""


FEW = 20
"""Photos under which the reader is told that a small effect cannot be seen."""


def measured_methods(explanation: CaseExplanation) -> tuple[str, ...]:
    """The methods and the controls that were measured, methods first."""
    found = dict.fromkeys(one.method for one in explanation.faithfulness)
    return (
        *(one for one in found if one not in CONTROLS),
        *(one for one in CONTROLS if one in found),
    )


def score(explanation: CaseExplanation, method: str) -> tuple[int, int]:
    """In how many measures a method beats both controls, and how many there are."""
    found = [one.faithful for one in explanation.faithfulness if one.method == method]
    return sum(found), len(found)


def tag(explanation: CaseExplanation, method: str) -> tuple[str, Kind]:
    """What to write beside a map: whether its method can be believed here; "" if unknown."""
    won, of = score(explanation, method)
    if not of:
        return "", ""
    if won == of:
        return t("bat les deux témoins"), "better"
    if won == 0:
        return t("ne bat pas les deux témoins"), "worse"
    said = nt(
        won,
        "bat les deux témoins : une mesure sur {of}",
        "bat les deux témoins : {n} mesures sur {of}",
        of=wording.count(of),
    )
    return said, "open"


def best_method(explanations: Iterable[CaseExplanation]) -> str | None:
    """The method that beats the controls most often; the first of equals."""
    found = tuple(explanations)
    methods = dict.fromkeys(card.method for one in found for card in one.methods if card.applies)
    return max(
        methods, key=lambda method: sum(score(one, method)[0] for one in found), default=None
    )


def doubted(explanations: Iterable[CaseExplanation], method: str) -> bool:
    """Whether a method was measured, and beats both controls in no measure of some case."""
    scores = [score(one, method) for one in explanations]
    return any(of and not won for won, of in scores)


# ---------------------------------------------------------------------- sentences


def verdicts(explanation: CaseExplanation) -> tuple[str, ...]:
    """For each method, whether its maps show where what counts is."""
    return tuple(
        _verdict(explanation, method)
        for method in measured_methods(explanation)
        if method not in CONTROLS
    )


def _verdict(explanation: CaseExplanation, method: str) -> str:
    won, of = score(explanation, method)
    name = method_name(method)
    if won == of:
        return nt(
            of,
            "{name} bat les deux témoins dans la seule mesure faite : ses cartes montrent où "
            "est ce qui compte pour le modèle.",
            "{name} bat les deux témoins dans les {n} mesures : ses cartes montrent où est "
            "ce qui compte pour le modèle.",
            name=name,
        )
    if won == 0:
        return t(
            "{name} ne bat les deux témoins dans aucune mesure : rien ne montre, sur ces "
            "photos, que ses cartes disent mieux ce qui compte qu’une carte au hasard ou que le "
            "centre de la photo.",
            name=name,
        )
    return nt(
        won,
        "{name} ne bat les deux témoins que dans une mesure sur {of} : ses cartes sont à "
        "lire avec réserve.",
        "{name} ne bat les deux témoins que dans {n} mesures sur {of} : ses cartes sont à "
        "lire avec réserve.",
        name=name,
        of=wording.count(of),
    )


# -------------------------------------------------------------------------- tables


def table(view: StudyView, explanation: CaseExplanation) -> Table | None:
    """Areas of every method and control in the four measures."""
    if not explanation.faithfulness:
        return None
    shown = [one for one in MEASURES if _has(explanation, one)]
    photos = max(one.area.n for one in explanation.faithfulness)
    return Table(
        id=f"fidelite-{view.case_slugs[explanation.case]}",
        caption=nt(
            photos,
            "{case} : fidélité des cartes sur {n} photo",
            "{case} : fidélité des cartes sur {n} photos",
            case=view.case_name(explanation.case),
        ),
        columns=(
            Column(text=t("Méthode"), numeric=False),
            *(
                Column(
                    text=t(MEASURES[one]),
                    note=t("bas est mieux") if one[0] == "deletion" else t("haut est mieux"),
                )
                for one in shown
            ),
        ),
        groups=(
            Group(
                rows=tuple(
                    _row(view, explanation, method, shown)
                    for method in measured_methods(explanation)
                )
            ),
        ),
        note=_note(view, photos),
        kind="scores",
    )


def _note(view: StudyView, photos: int) -> str:
    said = t(
        "Aire sous la courbe de la probabilité de la catégorie, entre 0 et 1, avec son "
        "intervalle à 95 %. Une méthode bat un témoin quand l’intervalle de leur écart, "
        "sur les mêmes photos, exclut zéro."
    )
    if photos >= FEW:
        return said
    few = nt(
        photos,
        "Avec {n} photo, seul un grand écart se voit : "
        "« veille explain {study} » en mesure davantage.",
        "Avec {n} photos, seul un grand écart se voit : "
        "« veille explain {study} » en mesure davantage.",
        study=view.study.name,
    )
    return f"{said} {few}"


def _has(explanation: CaseExplanation, measure: tuple[str, str]) -> bool:
    return any((one.measure, one.baseline) == measure for one in explanation.faithfulness)


def _row(
    view: StudyView, explanation: CaseExplanation, method: str, shown: list[tuple[str, str]]
) -> Row:
    source = trace(view.runs[explanation.case])
    found = {
        (one.measure, one.baseline): one for one in explanation.faithfulness if one.method == method
    }
    return Row(
        cells=(
            head(method_name(method)),
            *(_cell(found[one], source) if one in found else absent() for one in shown),
        ),
        kind="missing" if method in CONTROLS else "",
    )


def _cell(one: Faithfulness, source: str) -> Cell:
    if one.area.value is None:
        return absent(t("valeur indéfinie"))
    said, kind = _beaten(one)
    cell = measured(
        wording.decimal(one.area.value, 3),
        one.area.value,
        low=one.area.low,
        high=one.area.high,
        note=wording.numbers(one.area.low, one.area.high, 3),
        title=source,
        kind=kind,
    )
    return replace(cell, tag=said)


def _beaten(one: Faithfulness) -> tuple[str, Kind]:
    if one.method in CONTROLS:
        return "", ""
    if one.faithful:
        return t("bat les deux"), "better"
    if "random" in one.beats:
        return t("ne bat pas le centre"), "worse"
    if "centre" in one.beats:
        return t("ne bat pas le hasard"), "worse"
    return t("ne bat aucun témoin"), "worse"


def overview(view: StudyView) -> Table | None:
    """Each case (rows) and method (columns): in how many measures both controls are beaten."""
    cases = [one for one in view.explanations.values() if one.faithfulness]
    methods = tuple(
        dict.fromkeys(
            method for one in cases for method in measured_methods(one) if method not in CONTROLS
        )
    )
    if not methods:
        return None
    return Table(
        id="fidelite",
        caption=t("Mesures où chaque méthode bat les deux témoins"),
        columns=(
            Column(text=t("Cas"), numeric=False),
            *(Column(text=method_name(one)) for one in methods),
        ),
        groups=(
            Group(
                rows=tuple(
                    Row(
                        cells=(
                            head(view.case_name(one.case)),
                            *(_won(view, one, method) for method in methods),
                        )
                    )
                    for one in cases
                )
            ),
        ),
        kind="scores",
    )


def _won(view: StudyView, explanation: CaseExplanation, method: str) -> Cell:
    won, of = score(explanation, method)
    if not of:
        return absent(t("cette méthode n’a pas été mesurée sur ce cas"))
    said: tuple[str, Kind] = (t("à lire avec réserve"), "open")
    if won == of:
        said = (t("fidèle"), "better")
    elif won == 0:
        said = (t("ne bat pas les témoins"), "worse")
    cell = measured(
        t("{won} sur {of}", won=wording.count(won), of=wording.count(of)),
        won,
        title=trace(view.runs[explanation.case]),
        kind=said[1],
    )
    return replace(cell, tag=said[0])


# -------------------------------------------------------------------------- curves


def chart(view: StudyView, explanation: CaseExplanation) -> Chart | None:
    """The mean curves of the four measures."""
    rows = [one for one in explanation.faithfulness if len(one.curve) > 1]
    if not rows:
        return None
    names = [one for one in measured_methods(explanation) if any(row.method == one for row in rows)]
    points = [
        FaithfulPoint(
            panel=t(MEASURES[row.measure, row.baseline]),
            line=curves.faithful_line(names, row.method),
            share=i / (len(row.curve) - 1),
            probability=value,
        )
        for measure in MEASURES
        for row in rows
        if (row.measure, row.baseline) == measure
        for i, value in enumerate(row.curve)
    ]
    wide, narrow = curves.faithfulness_plot(points, view.draw)
    slug = view.case_slugs[explanation.case]
    return Chart(
        id=f"courbes-{slug}",
        title=t("La probabilité de la catégorie quand on efface, ou dévoile, ce que la carte dit"),
        alt=t(
            "{case}. Effacer d’abord ce qu’une carte fidèle désigne fait tomber la probabilité "
            "vite ; le dévoiler d’abord la fait monter vite. {verdicts}",
            case=view.case_name(explanation.case),
            verdicts=" ".join(verdicts(explanation)),
        ),
        wide=wide,
        narrow=narrow,
        keys=tuple(
            Key(kind=curves.faithful_line(names, one), text=method_name(one)) for one in names
        ),
        table=_curve_table(view, explanation, rows, names),
    )


def _curve_table(
    view: StudyView, explanation: CaseExplanation, rows: list[Faithfulness], names: list[str]
) -> Table:
    slug = view.case_slugs[explanation.case]
    return Table(
        id=f"courbes-{slug}-donnees",
        caption=t("{case} : courbes moyennes, en chiffres",
                  case=view.case_name(explanation.case)),
        columns=(
            Column(text=t("Part de la photo"), numeric=False),
            *(Column(text=method_name(one)) for one in names),
        ),
        groups=tuple(
            Group(
                title=t(MEASURES[measure]),
                rows=_curve_rows(
                    {one.method: one.curve for one in rows
                     if (one.measure, one.baseline) == measure},
                    names,
                    trace(view.runs[explanation.case]),
                ),
            )
            for measure in MEASURES
            if any((one.measure, one.baseline) == measure for one in rows)
        ),
        kind="scores",
    )  # fmt: skip


def _curve_rows(
    found: dict[str, tuple[float, ...]], names: list[str], source: str
) -> tuple[Row, ...]:
    steps = max(len(curve) for curve in found.values())
    return tuple(
        Row(
            cells=(
                head(wording.percent(i / (steps - 1), 0), value=i / (steps - 1)),
                *(
                    measured(wording.percent(found[one][i]), found[one][i], title=source)
                    if one in found and len(found[one]) == steps
                    else absent()
                    for one in names
                ),
            )
        )
        for i in range(steps)
    )


# ------------------------------------------------------------------- randomisation


def randomisations(view: StudyView) -> Mapping[str, tuple[Randomisation, ...]]:
    """Model to what is left of its maps; the test is of the model, and done once."""
    found: dict[str, tuple[Randomisation, ...]] = {}
    for case, one in view.explanations.items():
        if one.randomisation:
            rows = tuple(row if row.case else replace(row, case=case) for row in one.randomisation)
            found.setdefault(view.runs[case].model.name, rows)
    return found


def randomisation_said(here: Here) -> tuple[Sentence, ...]:
    """For each model and method, what is left of the maps once the weights are shuffled."""
    said = []
    for name, rows in randomisations(here.view).items():
        last: dict[str, Randomisation] = {}
        for row in rows:
            if row.similarity.value is not None and row.share >= last.get(row.method, row).share:
                last[row.method] = row
        said += [_left(here, here.view.model_name(name), row) for row in last.values()]
    return tuple(said)


def _left(here: Here, name: str, row: Randomisation) -> Sentence:
    value = row.similarity.value or 0.0
    run = here.view.runs.get(row.case)
    values: dict[str, str | Part] = {
        "model": name,
        "method": method_name(row.method),
        "share": wording.percent(row.share, 0),
        "value": Part(
            text=wording.decimal(value, 2),
            href="" if run is None else here.run(run.case),
            title="" if run is None else trace(run),
        ),
    }
    if abs(value) <= LITTLE:
        return say(
            "{model}, {method} : quand {share} des poids sont mélangés, il ne reste presque "
            "rien de la carte (corrélation {value}). Elle vient donc de ce que le modèle a appris.",
            **values,
        )
    if abs(value) >= MUCH:
        return say(
            "{model}, {method} : quand {share} des poids sont mélangés, la carte reste "
            "presque la même (corrélation {value}). Elle montre la photo plus que le modèle : "
            "il ne faut rien en conclure.",
            **values,
        )
    return say(
        "{model}, {method} : quand {share} des poids sont mélangés, il reste une part de la "
        "carte (corrélation {value}). Cette part tient à la photo ou à l’architecture, non à ce "
        "que le modèle a appris.",
        **values,
    )


def randomisation_table(view: StudyView) -> Table | None:
    """Correlation with the map of the trained model, as ever more weights are shuffled."""
    found = randomisations(view)
    shares = sorted({row.share for rows in found.values() for row in rows})
    if not shares:
        return None
    return Table(
        id="poids-au-hasard",
        caption=t("Ce qui reste des cartes quand les poids sont mélangés"),
        columns=(
            Column(text=t("Méthode"), numeric=False),
            *(
                Column(text=t("{share} des poids", share=wording.percent(share, 0)))
                for share in shares
            ),
        ),
        groups=tuple(
            Group(
                title=view.model_name(name),
                rows=tuple(
                    Row(
                        cells=(
                            head(method_name(method)),
                            *(_correlation(view, rows, method, share) for share in shares),
                        )
                    )
                    for method in dict.fromkeys(row.method for row in rows)
                ),
            )
            for name, rows in found.items()
        ),
        note=t(
            "Corrélation de rang (Spearman) avec la carte du modèle entraîné, moyenne sur les "
            "cartes comparées : 1, la même carte ; 0, aucun rapport. Les poids sont "
            "mélangés à partir de la sortie. RISE, plus coûteuse, n’est refaite qu’à la fin."
        ),
        kind="scores",
    )


def _correlation(
    view: StudyView, rows: tuple[Randomisation, ...], method: str, share: float
) -> Cell:
    for row in rows:
        if (row.method, row.share) == (method, share) and row.similarity.value is not None:
            return measured(
                wording.decimal(row.similarity.value, 2),
                row.similarity.value,
                note=nt(row.similarity.n, "{n} carte", "{n} cartes"),
                title=trace(view.runs[row.case]) if row.case in view.runs else row.case,
            )
    return absent(t("non mesuré"))
