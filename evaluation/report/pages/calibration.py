"""Can the probabilities be believed, and how much of a catalogue can be left to a case?"""

from __future__ import annotations

from dataclasses import dataclass

from evaluation.records import (
    Abstention,
    Automation,
    Calibration,
    CalibrationScores,
    Metric,
    ReliabilityBin,
    StudyComparison,
)
from evaluation.report.kit import curves, links, wording
from evaluation.report.kit.charts import Chart, Key
from evaluation.report.kit.curves import Bin
from evaluation.report.kit.language import message, t
from evaluation.report.kit.sentence import Part, Sentence, say
from evaluation.report.kit.tables import (
    Cell,
    Column,
    Group,
    Row,
    Table,
    absent,
    exact,
    head,
    measured,
    simple,
)
from evaluation.report.study.here import Here
from evaluation.report.study.scores import share_cell
from evaluation.report.study.view import StudyView, bounds, shown, trace

CHOSEN_ON = {
    "validation": message("choisi sur la validation"),
    "cross-fitting": message("choisi sur les autres photos de test, à tour de rôle"),
}
FITTED_ON = {"validation": message("validation"), "cross-fitting": message("test, à tour de rôle")}

_NO_THRESHOLD = message("aucun seuil ne promet la précision voulue")

_FINEST = 1e-7
"""The last decimal of the confidences that the page of the photos knows."""

_ROWS = 12
"""Rows of the table of a curve: the drawing has more points than a reader wants figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseCalibration:
    """One case's probabilities."""

    anchor: str
    title: str
    said: tuple[Sentence, ...]
    reliability: Chart | None
    coverage: Chart | None
    open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationPage:
    """The page of calibration and abstention."""

    title: str
    automation: tuple[Sentence, ...]
    decisions: Table | None
    scores: Table | None
    cases: tuple[CaseCalibration, ...]


def build(here: Here) -> CalibrationPage | None:
    """The page, or None when nothing is known of the probabilities."""
    view = here.view
    found = view.comparison
    if found is None or not (found.calibration or found.abstention):
        return None
    order = _order(view)
    calibrated = {one.case: one for one in found.calibration}
    abstained = {one.case: one for one in found.abstention}
    return CalibrationPage(
        title=view.title,
        automation=tuple(
            automation_said(here, abstained[case]) for case in _one_a_model(view, found, order)
        ),
        decisions=_decisions(here, [abstained[one] for one in order if one in abstained]),
        scores=_scores(here, [calibrated[one] for one in order if one in calibrated]),
        cases=tuple(
            _case(view, case, calibrated.get(case), abstained.get(case), first=i == 0)
            for i, case in enumerate(one for one in order if one in calibrated or one in abstained)
        ),
    )


def _order(view: StudyView) -> tuple[str, ...]:
    """Case ids, best accuracy first."""

    def accuracy(case: str) -> float:
        found = view.runs[case].metric("accuracy")
        return -(found.value or 0.0) if found else 0.0

    return tuple(sorted((run.case for run in view.scored), key=accuracy))


def _one_a_model(
    view: StudyView, found: StudyComparison, order: tuple[str, ...]
) -> tuple[str, ...]:
    """The best case of each model: what the validation chose, where it had to choose."""
    chosen = {one.model: one.choice.chosen for one in found.prompts if one.choice is not None}
    known = {one.case for one in found.abstention}
    kept: dict[str, str] = {}
    for case in order:
        run = view.runs[case]
        wanted = chosen.get(run.model.name)
        fits = wanted is None or (run.prompts is not None and run.prompts.name == wanted)
        if case in known and case not in view.controls and fits:
            kept.setdefault(run.model.name, case)
    return tuple(kept.values())


# ---------------------------------------------------------------------- abstention


def automation_said(here: Here, one: Abstention) -> Sentence:
    """How much of the catalogue a case may classify alone, in a sentence."""
    found = one.automation
    target = wording.percent(found.target, 0)
    name = wording.quote(here.view.case_name(one.case))
    run = here.view.runs[one.case]
    if not _usable(found):
        return say(
            "Avec {name}, aucun seuil de confiance ne promet {target} de "
            "précision : rien ne peut être classé automatiquement à ce niveau. "
            "{certified}",
            name=name,
            target=target,
            certified=_certified(found),
        )
    coverage = Part(text=shown(found.coverage), href=here.run(run.case), title=trace(run))
    reached = f"{shown(found.precision)}{_limits(found.precision)}"
    if _missed(found):
        return say(
            "Avec {name}, le seuil {chosen_on} pour {target} de précision ne "
            "tient pas sa promesse : il classe {coverage} du catalogue, mais "
            "avec {reached} de bonnes réponses seulement. {certified}",
            name=name,
            chosen_on=t(CHOSEN_ON[found.chosen_on]),
            target=target,
            coverage=coverage,
            reached=reached,
            certified=_certified(found),
        )
    return say(
        "Avec {name}, on peut classer automatiquement {coverage} du "
        "catalogue à {target} de précision{limits} : le seuil, "
        "{chosen_on}, donne sur le test {reached} de bonnes réponses parmi "
        "les photos classées. {certified}",
        name=name,
        coverage=coverage,
        target=target,
        limits=_limits(found.coverage),
        chosen_on=t(CHOSEN_ON[found.chosen_on]),
        reached=reached,
        certified=_certified(found),
    )


def _usable(found: Automation) -> bool:
    """Whether there is a threshold, and photos above it.

    With cross-fitting most of the folds may find none while another does: what that one
    accepts is no answer.
    """
    return found.threshold is not None and bool(found.coverage.value)


def _missed(found: Automation) -> bool:
    """Whether the photos of the test deny the precision that the threshold promised."""
    high = found.precision.high
    return high is not None and high < found.target


def _limits(metric: Metric) -> str:
    limits = bounds(metric)
    return t(" (IC 95 % {limits})", limits=limits) if limits else ""


def _certified(found: Automation) -> str:
    if not found.certified_coverage:
        return t(
            "Aucune part n’est garantie à {target} avec 95 % de confiance.",
            target=wording.percent(found.target, 0),
        )
    return t(
        "Avec 95 % de confiance, c’est garanti pour {certified_coverage} du catalogue.",
        certified_coverage=wording.percent(found.certified_coverage),
    )


def _decisions(here: Here, found: list[Abstention]) -> Table | None:
    if not found:
        return None
    target = wording.percent(found[0].automation.target, 0)
    return Table(
        id="decisions",
        caption=t("Ce qu’on peut classer sans relecture, à {target} de précision", target=target),
        columns=(
            Column(text=t("Cas"), numeric=False),
            Column(text=t("Part classée")),
            Column(text=t("Précision obtenue")),
            Column(text=t("Part garantie"), note=t("à 95 % de confiance")),
            Column(text=t("Seuil de confiance")),
            Column(text=t("AURC"), note=t("plus bas est mieux")),
        ),
        groups=(Group(rows=tuple(_decision(here, one) for one in found)),),
        note=t(
            "Le seuil est choisi sans voir les photos qu’il sert à juger. La "
            "part garantie vient d’une suite de tests exacts, qui s’arrête au "
            "premier échec. AURC : aire sous la courbe du risque en fonction "
            "de la part classée."
        ),
        kind="scores",
    )


def _decision(here: Here, one: Abstention) -> Row:
    view = here.view
    found, run = one.automation, view.runs[one.case]
    # Cross-fitting has a threshold a fold: no single one says which photos are classified.
    threshold = found.threshold if found.chosen_on == "validation" else None
    return Row(
        cells=(
            head(view.case_name(one.case), href=here.run(run.case), title=trace(run)),
            *(
                share_cell(metric, trace(run), href=_above(view, one.case, threshold))
                if _usable(found)
                else absent(t(_NO_THRESHOLD))
                for metric in (found.coverage, found.precision)
            ),
            measured(
                wording.percent(found.certified_coverage),
                found.certified_coverage,
                title=trace(run),
                href=_above(view, one.case, found.certified_threshold),
            ),
            absent(t(_NO_THRESHOLD))
            if found.threshold is None
            else measured(wording.decimal(found.threshold, 3), found.threshold, title=trace(run)),
            _decimal(one.aurc),
        )
    )


def _above(view: StudyView, case: str, threshold: float | None) -> str:
    """The photos of which a case is at least this sure; "" where there is no such page."""
    if threshold is None or not view.explorable(case):
        return ""
    return links.explorer_case(view.folder, case, confidence=(threshold, 1.0))


def _decimal(metric: Metric, digits: int = 3) -> Cell:
    if metric.value is None:
        return absent(t("valeur indéfinie"))
    limits = wording.numbers(metric.low, metric.high, digits)
    return measured(
        wording.decimal(metric.value, digits),
        metric.value,
        low=metric.low,
        high=metric.high,
        note=limits,
    )


# --------------------------------------------------------------------- calibration


def _scores(here: Here, found: list[Calibration]) -> Table | None:
    if not found:
        return None
    return Table(
        id="scores-de-calibration",
        caption=t("Ce que valent les probabilités"),
        columns=(
            Column(text=t("Cas"), numeric=False),
            Column(text=t("Brier")),
            Column(text=t("NLL"), note=t("nats")),
            Column(text=t("Confiance moyenne")),
            Column(text=t("ECE")),
            Column(text=t("Température")),
            Column(text=t("ECE après")),
            Column(text=t("NLL après"), note=t("nats")),
        ),
        groups=(Group(rows=tuple(_score(here, one) for one in found)),),
        note=t(
            "Brier et NLL : plus bas est mieux. ECE : écart moyen entre "
            "confiance et réussite ; sous lui, jusqu’où irait l’ECE de "
            "probabilités parfaites sur autant de photos (95 % des cas). Une "
            "température supérieure à 1 adoucit des probabilités trop "
            "tranchées."
        ),
        kind="scores",
    )


def _score(here: Here, one: Calibration) -> Row:
    run = here.view.runs[one.case]
    return Row(
        cells=(
            head(here.view.case_name(one.case), href=here.run(run.case), title=trace(run)),
            _decimal(one.before.brier),
            _decimal(one.before.nll),
            measured(wording.percent(one.before.confidence), one.before.confidence),
            _ece(one.before),
            measured(
                wording.decimal(one.temperature, 2),
                one.temperature,
                note=t(FITTED_ON[one.fitted_on]),
            ),
            _ece(one.after),
            _decimal(one.after.nll),
        )
    )


def _ece(scores: CalibrationScores) -> Cell:
    beyond = scores.ece > scores.ece_null_high
    return Cell(
        text=wording.percent(scores.ece),
        value=exact(scores.ece),
        tag=t("mal calibré") if beyond else t("compatible"),
        kind="worse" if beyond else "tie",
        note=t(
            "hasard : jusqu’à {ece_null_high}",
            ece_null_high=wording.percent(scores.ece_null_high),
        ),
        title=t("Au-delà de ce que le hasard explique") if beyond else t("Le hasard l’explique"),
    )


# --------------------------------------------------------------------------- cases


def _case(
    view: StudyView,
    case: str,
    calibration: Calibration | None,
    abstention: Abstention | None,
    *,
    first: bool,
) -> CaseCalibration:
    slug = view.case_slugs[case]
    return CaseCalibration(
        anchor=f"calibration-{slug}",
        title=view.case_name(case),
        said=(calibration_said(calibration),) if calibration else (),
        reliability=_reliability(view, calibration, slug) if calibration else None,
        coverage=_coverage(view, abstention, slug) if abstention else None,
        open=first,
    )


def calibration_said(one: Calibration) -> Sentence:
    """Whether the probabilities are too sure, too modest, or as they should be."""

    def state(scores: CalibrationScores) -> str:
        if scores.ece <= scores.ece_null_high:
            return t("compatibles avec une calibration parfaite")
        right = _accuracy(scores)
        return t("trop sûres") if scores.confidence > right else t("trop modestes")

    return say(
        "Telles quelles, ses probabilités sont {state} (confiance moyenne "
        "{confidence}, exactitude {accuracy}) ; après une température de "
        "{temperature}, elles sont {state2}.",
        state=state(one.before),
        confidence=wording.percent(one.before.confidence),
        accuracy=wording.percent(_accuracy(one.before)),
        temperature=wording.decimal(one.temperature, 2),
        state2=state(one.after),
    )


def _accuracy(scores: CalibrationScores) -> float:
    """Share of right answers, from the bins: each image is in one."""
    total = sum(one.accuracy.n for one in scores.bins)
    right = sum((one.accuracy.value or 0.0) * one.accuracy.n for one in scores.bins)
    return right / total if total else 0.0


def _between(view: StudyView, case: str, found: ReliabilityBin) -> str:
    """The photos of a bin ]low, high]; "" when it holds none, or without a page of them."""
    if not found.accuracy.n or not view.explorable(case):
        return ""
    # The page's bounds are both included: just above the lower one.
    low = found.low + _FINEST if found.low else 0.0
    return links.explorer_case(view.folder, case, confidence=(low, found.high))


def _reliability(view: StudyView, one: Calibration, slug: str) -> Chart:
    tip = trace(view.runs[one.case])
    bins = [
        Bin(
            confidence=found.confidence,
            accuracy=found.accuracy.value,
            low=found.accuracy.low if found.accuracy.low is not None else found.accuracy.value,
            high=found.accuracy.high if found.accuracy.high is not None else found.accuracy.value,
            after=after,
        )
        for after, scores in ((False, one.before), (True, one.after))
        for found in scores.bins
        if found.confidence is not None and found.accuracy.value is not None
    ]
    wide, narrow = curves.reliability_plot(bins, view.draw)
    return Chart(
        id=f"fiabilite-{slug}",
        title=t("Diagramme de fiabilité : réussite selon la confiance"),
        alt=t(
            "{case_name} : ECE de {ece} avant température, {ece2} après. Sur "
            "la diagonale, la confiance dirait vrai ; en dessous, le modèle "
            "est trop sûr de lui.",
            case_name=view.case_name(one.case),
            ece=wording.percent(one.before.ece),
            ece2=wording.percent(one.after.ece),
        ),
        wide=wide,
        narrow=narrow,
        keys=(
            Key(kind="line-0", text=t("telles quelles")),
            Key(kind="line-1", text=t("après température")),
            Key(kind="chance", text=t("calibration parfaite")),
        ),
        table=Table(
            id=f"fiabilite-{slug}-donnees",
            caption=t("{case_name} : fiabilité, en chiffres", case_name=view.case_name(one.case)),
            columns=(
                Column(text=t("Confiance"), numeric=False),
                Column(text=t("Photos")),
                Column(text=t("Confiance moyenne")),
                Column(text=t("Bonnes réponses")),
            ),
            groups=tuple(
                Group(
                    title=title,
                    rows=tuple(
                        Row(
                            cells=(
                                head(
                                    t(
                                        "{limits} %",
                                        limits=wording.interval(found.low, found.high, 0),
                                    ),
                                    value=found.low,
                                ),
                                Cell(
                                    text=wording.count(found.accuracy.n),
                                    title=tip,
                                    href="" if tempered else _between(view, one.case, found),
                                ),
                                measured(
                                    wording.percent(found.confidence), found.confidence, title=tip
                                ),
                                share_cell(found.accuracy, tip),
                            )
                        )
                        for found in scores.bins
                        if found.confidence is not None
                    ),
                )
                for title, scores, tempered in (
                    (t("Telles quelles"), one.before, False),
                    (t("Après température"), one.after, True),
                )
            ),
            kind="scores",
        ),
    )


def _coverage(view: StudyView, one: Abstention, slug: str) -> Chart:
    tip = trace(view.runs[one.case])
    points = [(point.coverage, 1 - point.risk) for point in one.curve]
    target = one.automation.target
    wide, narrow = curves.coverage_plot(points, target, view.draw)
    step = max(1, -(-len(one.curve) // _ROWS))
    # From the end: the whole catalogue is always in the table.
    kept = one.curve[::-1][::step][::-1]
    return Chart(
        id=f"couverture-{slug}",
        title=t("Précision selon la part du catalogue classée sans relecture"),
        alt=t(
            "{case_name} : de {points} de précision sur les {points2} de "
            "photos les plus sûres à {points3} sur {points4}.",
            case_name=view.case_name(one.case),
            points=wording.percent(points[0][1]),
            points2=wording.percent(points[0][0]),
            points3=wording.percent(points[-1][1]),
            points4=wording.percent(points[-1][0]),
        ),
        wide=wide,
        narrow=narrow,
        keys=(
            Key(kind="line-0", text=t("photos classées de la plus sûre à la moins sûre")),
            Key(kind="level", text=t("{target} de précision", target=wording.percent(target, 0))),
        ),
        table=simple(
            f"couverture-{slug}-donnees",
            t(
                "{case_name} : précision et part classée, en chiffres",
                case_name=view.case_name(one.case),
            ),
            (t("Part classée"), t("Précision"), t("Confiance d’au moins")),
            tuple(
                (
                    measured(
                        wording.percent(point.coverage),
                        point.coverage,
                        title=tip,
                        href=_above(view, one.case, point.threshold),
                    ),
                    measured(wording.percent(1 - point.risk), 1 - point.risk, title=tip),
                    measured(wording.decimal(point.threshold, 3), point.threshold, title=tip),
                )
                for point in kept
            ),
        ),
    )
