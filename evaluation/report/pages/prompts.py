"""What the texts do: class by class, text by text, against random words, chosen honestly."""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from evaluation import records
from evaluation.report.kit import links, wording
from evaluation.report.kit.charts import Chart, chart, gain_plot
from evaluation.report.kit.language import t, word
from evaluation.report.kit.page import claim
from evaluation.report.kit.tables import Cell, Col, Table, counted, head, number, table
from evaluation.report.study.here import Here
from evaluation.report.study.sentences import class_finding, gains_anchor, tell
from evaluation.report.study.view import StudyView, trace, trace_all

TRUNCATED = re.compile(r"\btruncat|\bcut\b", re.IGNORECASE)
"""How a model's warning says that it did not read a text to its end."""


def build(here: Here) -> Mapping[str, Any] | None:
    """What the template prints; None when nothing is known of the prompt sets but their scores."""
    comparison = here.view.concluded
    models = [_model(here, comparison, diagnosis) for diagnosis in comparison.prompts]
    models = [model for model in models if any(model["matter"].values())]
    if not (models or comparison.variance or comparison.control):
        return None
    return {
        "models": models,
        "controls": [
            {"case": case, "gain": gain, "number": here.number(here.view.runs[case])}
            for case, gain in comparison.control.items()
        ],
        "variance": _variance(here.view, comparison) if comparison.variance else None,
    }


def _model(
    here: Here, comparison: records.StudyComparison, diagnosis: records.PromptDiagnosis
) -> dict[str, Any]:
    """The prompt sets of a model; ``matter`` is what is known of them beyond their scores."""
    view, name = here.view, diagnosis.model
    runs = {run.case: run for run in view.scored if run.model.name == name}
    warnings = (warning for run in runs.values() for warning in run.warnings)
    return {
        "anchor": f"modele-{links.slug(name)}",
        "title": view.model_name(name),
        "findings": [
            tell(here, finding)
            for finding in comparison.findings
            if finding.topic in {"prompts", "control"} and finding.subject in runs
        ],
        "matter": {
            "choice": diagnosis.choice,
            "gains": [
                {
                    "gain": gain,
                    "anchor": gains_anchor(view, gain),
                    "said": class_finding(here, gain),
                    "chart": gain_chart(here, gain),
                    "table": _gain_table(here, gain),
                }
                for gain in diagnosis.gains
                if gain.a not in view.controls
            ],
            "effects": [
                {
                    "anchor": f"textes-{view.case_slugs[case]}",
                    "set": here.texts(case),
                    "texts": len(effects),
                    "table": _effects_table(here, case, effects),
                }
                for case, effects in diagnosis.effects.items()
                if effects
            ],
            "near_identical": {
                here.texts(case): wording.clauses(
                    t(
                        "{a} et {b} (cosinus {cosine})",
                        a=wording.quote(pair.a),
                        b=wording.quote(pair.b),
                        cosine=wording.decimal(pair.cosine, 2),
                    )
                    for pair in pairs
                )
                for case, pairs in diagnosis.near_identical.items()
                if pairs
            },
            "truncated": list(dict.fromkeys(filter(TRUNCATED.search, warnings))),
        },
    }


# --------------------------------------------------------------------------- gains


def gain_chart(here: Here, gain: records.PromptGain) -> Chart:
    """The gains of each class, best first."""
    view, rows = here.view, sorted(gain.classes, key=lambda row: -row.gain)
    points = [
        {
            "label": row.label,
            "value": 100 * row.gain,
            "low": 100 * row.low,
            "high": 100 * row.high,
            "shown": row.p_holm < view.alpha,
        }
        for row in rows
    ]
    tip, id_ = trace_all((gain.a, gain.b)), f"{gains_anchor(view, gain)}-figure"
    case, base = view.case_name(gain.a), view.case_name(gain.b)
    return chart(
        id_,
        partial(gain_plot, points),
        view.draw,
        title=t("Rappel gagné ou perdu, en points, avec son intervalle à 95 %"),
        alt=claim(
            "gains",
            case=case,
            base=base,
            proven=sum(row.p_holm < view.alpha for row in rows),
            classes=len(rows),
            most=points[0],
            least=points[-1],
        ),
        table=table(
            f"{id_}-donnees",
            t("{case_name} : gains de rappel, en chiffres", case_name=case),
            rows,
            Col(t("Catégorie"), lambda row: row.label),
            Col(
                t("Gain (points)"),
                lambda row: number(row.gain, "points", bare=True, within=(row.low, row.high)),
            ),
            Col(t("Intervalle à 95 %"), lambda row: wording.interval(row.low, row.high)),
            title=tip,
            tip=tip,
            kind="",
        ),
        keys=(
            ("zero-shot", t("gain démontré")),
            ("loss", t("perte démontrée")),
            ("open", t("non démontré")),
        ),
    )


def _gain_table(here: Here, gain: records.PromptGain) -> Table:
    def alone(row: records.ClassGain, case: str, other: str, photos: int) -> Cell:
        return counted(photos, href=here.disputed(case, other, photos, truth=row.label))

    case = here.view.case_name(gain.a)
    return table(
        f"{gains_anchor(here.view, gain)}-tests",
        t("{case_name} : les tests, catégorie par catégorie", case_name=case),
        sorted(gain.classes, key=lambda row: -row.gain),
        Col(t("Catégorie"), lambda row: head(row.label, href=here.gallery(row.label))),
        Col(
            t("Gain de rappel"),
            lambda row: number(row.gain, "points", within=(row.low, row.high)),
            t("points"),
        ),
        Col(t("Photos gagnées"), lambda row: alone(row, gain.a, gain.b, row.only_a)),
        Col(t("Photos perdues"), lambda row: alone(row, gain.b, gain.a, row.only_b)),
        Col(t("Photos de test"), lambda row: counted(row.n)),
        Col("p", lambda row: number(row.p_mid, "p"), "mid-p"),
        Col(t("p corrigé"), lambda row: number(row.p_holm, "p"), t("Holm")),
        Col(t("Verdict"), lambda row: _verdict(here.view, row.gain, row.p_holm), numeric=False),
        tip=trace_all((gain.a, gain.b)),
    )


def _verdict(view: StudyView, effect: float, p: float) -> Cell:
    if p >= view.alpha:
        return Cell(text=t("non démontré"))
    if effect > 0:
        return Cell(text=t("gain démontré"), kind="hit")
    return Cell(text=t("perte démontrée"), kind="error")


# --------------------------------------------------------------------------- texts


def _effects_table(here: Here, case: str, effects: Sequence[records.TextEffect]) -> Table:
    run = here.view.runs[case]
    tip, lang = trace(run), run.prompts.language if run.prompts else ""
    return table(
        f"textes-{here.view.case_slugs[case]}-tableau",
        t("{set} : exactitude avec le texte, moins sans lui", set=here.texts(case)),
        sorted(effects, key=lambda row: -row.effect),
        Col(t("Texte"), lambda row: Cell(text=row.text, lang=lang), numeric=False),
        Col(
            t("Catégorie"),
            lambda row: head(row.label, href=here.photos(case, truth=row.label)),
            numeric=False,
        ),
        Col(
            t("Effet"),
            lambda row: number(row.effect, "points", within=(row.low, row.high)),
            t("points"),
        ),
        Col(
            t("Sur sa catégorie"),
            lambda row: number(row.own_recall, "points"),
            t("points de rappel"),
        ),
        Col(t("Photos gagnées"), lambda row: wording.count(row.only_with)),
        Col(t("Photos perdues"), lambda row: wording.count(row.only_without)),
        Col(t("p corrigé"), lambda row: number(row.p_holm, "p"), t("Holm")),
        Col(t("Verdict"), lambda row: _verdict(here.view, row.effect, row.p_holm), numeric=False),
        named=False,
        title=tip,
        tip=tip,
        kind="plain",
    )


# ------------------------------------------------------------------------- variance


def _variance(view: StudyView, comparison: records.StudyComparison) -> Mapping[str, Any]:
    """Where the differences of accuracy come from: the largest source, the proven ones, all."""
    rows = comparison.variance
    return {
        "top": max(rows, key=lambda row: row.share),
        "proven": [word("factors", row.source).lower() for row in rows if row.p < view.alpha],
        "table": table(
            "variance",
            t("D’où viennent les différences d’exactitude entre modèles et jeux de textes"),
            rows,
            Col(t("Source"), lambda row: word("factors", row.source)),
            Col(
                t("Part des différences"),
                lambda row: number(row.share, "whole", within=(row.low, row.high)),
            ),
            Col(t("Effet typique"), lambda row: number(row.effect, "gap"), t("points")),
            Col(t("Degrés de liberté"), lambda row: counted(row.df)),
            Col(t("χ² de Wald"), lambda row: number(row.wald, "0.0")),
            Col("p", lambda row: number(row.p, "p")),
            tip=f"comparison.json. {trace_all(comparison.inputs)}",
        ),
    }
