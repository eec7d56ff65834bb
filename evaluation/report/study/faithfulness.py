"""What the maps are worth, as the pages say it: deletion, insertion, randomised weights.

What a sentence claims is chosen by the numbers: a method is believed where the 95 % interval
of its difference with each control, on the same photos, is on the right side of zero.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from evaluation.records import CaseExplanation, Randomisation
from evaluation.report.kit import charts, wording
from evaluation.report.kit.language import WORDS, nt, t, word
from evaluation.report.kit.page import Part
from evaluation.report.kit.tables import Cell, Col, Kind, Table, absent, head, number, table
from evaluation.report.study.here import Here
from evaluation.report.study.maps import method_name
from evaluation.report.study.view import StudyView, trace

CONTROLS = ("random", "centre")


def measured_methods(explanation: CaseExplanation) -> list[str]:
    """The methods and the controls that were measured, methods first."""
    measured = dict.fromkeys(row.method for row in explanation.faithfulness)
    methods = [method for method in measured if method not in CONTROLS]
    return methods + [control for control in CONTROLS if control in measured]


def score(explanation: CaseExplanation, method: str) -> tuple[int, int]:
    """In how many measures a method beats both controls, and how many there are."""
    beats = [row.faithful for row in explanation.faithfulness if row.method == method]
    return sum(beats), len(beats)


def best_method(explanations: Iterable[CaseExplanation]) -> str | None:
    """The method that beats the controls most often; the first of equals."""
    cases = tuple(explanations)
    methods = dict.fromkeys(card.method for case in cases for card in case.methods if card.applies)
    return max(
        methods, key=lambda method: sum(score(case, method)[0] for case in cases), default=None
    )


def doubted(explanations: Iterable[CaseExplanation], method: str) -> bool:
    """Whether a method was measured, and beats both controls in no measure of some case."""
    scores = [score(explanation, method) for explanation in explanations]
    return any(of and not won for won, of in scores)


def verdicts(explanation: CaseExplanation) -> list[Mapping[str, Any]]:
    """For each measured method its name, and in how many of the measures it beats both controls."""
    return [
        {"name": method_name(method), "won": won, "of": of}
        for method in measured_methods(explanation)
        for won, of in (score(explanation, method),)
        if method not in CONTROLS
    ]


def areas(view: StudyView, explanation: CaseExplanation) -> Table | None:
    """Areas of every method and control in the four measures."""
    rows = {(row.method, f"{row.measure} {row.baseline}"): row for row in explanation.faithfulness}
    if not rows:
        return None

    def area(measure: str, method: str) -> Cell:
        row = rows.get((method, measure))
        if row is None:
            return absent()
        if method in CONTROLS or row.area.value is None:
            return number(row.area, "0.000")
        kind: Kind = "better" if row.faithful else "open"
        beaten = next((control for control in CONTROLS if control in row.beats), "neither")
        tag = word("beaten", "both" if row.faithful else beaten)
        return number(row.area, "0.000", kind=kind, tag=tag)

    return table(
        f"fidelite-{view.case_slugs[explanation.case]}",
        nt(
            max(row.area.n for row in rows.values()),
            "{case} : fidélité des cartes sur {n} photo",
            "{case} : fidélité des cartes sur {n} photos",
            case=view.case_name(explanation.case),
        ),
        measured_methods(explanation),
        Col(t("Méthode"), method_name),
        *(
            Col(
                word("measures", measure),
                partial(area, measure),
                t("bas est mieux") if measure.startswith("deletion") else t("haut est mieux"),
            )
            for measure in WORDS["measures"]
            if any(measure == known for _, known in rows)
        ),
        row_kind=lambda method: "missing" if method in CONTROLS else "",
        tip=trace(view.runs[explanation.case]),
    )


def overview(view: StudyView) -> Table | None:
    """Each case (rows) and method (columns): in how many measures both controls are beaten."""
    cases = [case for case in view.explanations.values() if case.faithfulness]
    measured = dict.fromkeys(method for case in cases for method in measured_methods(case))
    methods = [method for method in measured if method not in CONTROLS]
    if not methods:
        return None

    def measures_won(method: str, case: CaseExplanation) -> Cell:
        won, of = score(case, method)
        if not of:
            return absent(t("cette méthode n’a pas été mesurée sur ce cas"))
        kind: Kind = "better" if won == of else "open"
        tag = t("à lire avec réserve") if won else t("ne bat pas les témoins")
        text = t("{won} sur {of}", won=wording.count(won), of=wording.count(of))
        return number(won, "0", text=text, tag=t("fidèle") if won == of else tag, kind=kind)

    return table(
        "fidelite",
        t("Mesures où chaque méthode bat les deux témoins"),
        cases,
        Col(t("Cas"), lambda case: view.case_name(case.case)),
        *(Col(method_name(method), partial(measures_won, method)) for method in methods),
        tip=lambda case: trace(view.runs[case.case]),
    )


def chart(view: StudyView, explanation: CaseExplanation) -> charts.Chart | None:
    """The mean curves of the four measures."""
    lines = {
        (word("measures", measure), row.method): row.curve
        for measure in WORDS["measures"]
        for row in explanation.faithfulness
        if measure == f"{row.measure} {row.baseline}" and len(row.curve) > 1
    }
    if not lines:
        return None
    drawn = {method for _, method in lines}
    names = [method for method in measured_methods(explanation) if method in drawn]
    points = [
        {
            "panel": panel,
            "line": charts.faithful_line(names, method),
            "share": i / (len(line) - 1),
            "probability": value,
        }
        for (panel, method), line in lines.items()
        for i, value in enumerate(line)
    ]
    steps: dict[str, int] = {}
    for (panel, _), line in lines.items():
        steps[panel] = max(len(line), steps.get(panel, 0))

    def probability(method: str, point: tuple[str, int]) -> Cell:
        line = lines.get((point[0], method), ())
        return number(line[point[1]], "percent") if len(line) == steps[point[0]] else absent()

    def share(point: tuple[str, int]) -> Cell:
        value = point[1] / (steps[point[0]] - 1)
        return head(wording.percent(value, 0), value=value)

    id_ = f"courbes-{view.case_slugs[explanation.case]}"
    data = table(
        f"{id_}-donnees",
        t("{case} : courbes moyennes, en chiffres", case=view.case_name(explanation.case)),
        [(panel, i) for panel, count in steps.items() for i in range(count)],
        Col(t("Part de la photo"), share),
        *(Col(method_name(name), partial(probability, name)) for name in names),
        by=lambda point: point[0],
        tip=trace(view.runs[explanation.case]),
    )
    keys = [(charts.faithful_line(names, name), method_name(name)) for name in names]
    plot = partial(charts.faithfulness_plot, points)
    return charts.chart(id_, plot, view.draw, table=data, keys=keys)


# ------------------------------------------------------------------- randomisation


def randomisations(view: StudyView) -> Mapping[str, tuple[Randomisation, ...]]:
    """Model to what is left of its maps; the test is of the model, and done once."""
    models: dict[str, tuple[Randomisation, ...]] = {}
    for case, explanation in view.explanations.items():
        if rows := explanation.randomisation:
            named = tuple(row if row.case else replace(row, case=case) for row in rows)
            models.setdefault(view.runs[case].model.name, named)
    return models


def randomised(here: Here) -> list[Mapping[str, Any]]:
    """For each model and method, what is left of the maps once the most weights are shuffled."""
    left: list[Mapping[str, Any]] = []
    for name, rows in randomisations(here.view).items():
        last: dict[str, Randomisation] = {}
        for row in rows:
            if row.similarity.value is not None and row.share >= last.get(row.method, row).share:
                last[row.method] = row
        for method, row in last.items():
            run = here.view.runs.get(row.case)
            correlation = wording.decimal(row.similarity.value or 0.0, 2)
            tip = trace(run) if run else ""
            value = Part(text=correlation, href=here.run(row.case), title=tip)
            names = {"model": here.view.model_name(name), "method": method_name(method)}
            left.append({**names, "left": row, "value": value})
    return left


def randomisation_table(view: StudyView) -> Table | None:
    """Correlation with the map of the trained model, as ever more weights are shuffled."""
    rows: dict[tuple[str, str, float], Randomisation] = {
        (name, row.method, row.share): row
        for name, left in randomisations(view).items()
        for row in left
    }
    shares = sorted({share for *_, share in rows})
    if not shares:
        return None

    def correlation(share: float, key: tuple[str, str]) -> Cell:
        row = rows.get((*key, share))
        if row is None or row.similarity.value is None:
            return absent(t("non mesuré"))
        why = trace(view.runs[row.case]) if row.case in view.runs else row.case
        maps = nt(row.similarity.n, "{n} carte", "{n} cartes")
        note = maps if row.similarity.low is None else ""
        return number(row.similarity, "0.00", title=why, note=note)

    return table(
        "poids-au-hasard",
        t("Ce qui reste des cartes quand les poids sont mélangés"),
        dict.fromkeys(key[:2] for key in rows),
        Col(t("Méthode"), lambda key: method_name(key[1])),
        *(
            Col(
                t("{share} des poids", share=wording.percent(share, 0)), partial(correlation, share)
            )
            for share in shares
        ),
        by=lambda key: view.model_name(key[0]),
    )
