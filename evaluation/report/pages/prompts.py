"""What the texts do: class by class, text by text, against random words, chosen honestly."""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from evaluation import records
from evaluation.report.kit import links, wording
from evaluation.report.kit.charts import Chart, chart, gain_plot
from evaluation.report.kit.language import message, nt, t
from evaluation.report.kit.page import Part
from evaluation.report.kit.tables import (
    Cell,
    Col,
    Kind,
    Table,
    counted,
    head,
    number,
    table,
)
from evaluation.report.study.here import Here
from evaluation.report.study.sentences import class_finding, gains_anchor, tell
from evaluation.report.study.view import StudyView, interval_said, shown, trace, trace_all

TRUNCATED = re.compile(r"\btruncat|\bcut\b", re.IGNORECASE)
"""How a model's warning says that it did not read a text to its end."""

SOURCES = {
    "model": message("Modèle"),
    "prompts": message("Jeu de textes"),
    "interaction": message("Interaction"),
}

_MANY = 24
"""A longer table of texts is folded."""


def build(here: Here) -> Mapping[str, Any] | None:
    """What the template prints; None when nothing is known of the prompt sets but their scores."""
    comparison = here.view.comparison
    if comparison is None:
        return None
    models = [_model(here, comparison, diagnosis) for diagnosis in comparison.prompts]
    models = [model for model in models if any(model["matter"].values())]
    if not (models or comparison.variance or comparison.control):
        return None
    return {
        "models": models,
        "controls": [_control(here, *control) for control in comparison.control.items()],
        "variance": _variance(here.view, comparison) if comparison.variance else None,
    }


def _model(
    here: Here, comparison: records.StudyComparison, diagnosis: records.PromptDiagnosis
) -> dict[str, Any]:
    """The prompt sets of a model; ``matter`` is what is known of them beyond their scores."""
    view, name = here.view, diagnosis.model
    runs = [run for run in view.scored if run.model.name == name]
    warnings = (warning for run in runs for warning in run.warnings)
    return {
        "anchor": f"modele-{links.slug(name)}",
        "title": view.model_name(name),
        "findings": [
            tell(here, finding)
            for finding in comparison.findings
            if finding.topic in {"prompts", "control"}
            and finding.subject in {run.case for run in runs}
        ],
        "matter": {
            "choice": diagnosis.choice and _choice(view, diagnosis.choice),
            "gains": [_gain(here, gain) for gain in diagnosis.gains if gain.a not in view.controls],
            "effects": [
                {
                    "anchor": f"textes-{view.case_slugs[case]}",
                    "set": here.texts(case),
                    # How many there are, if many.
                    "folded": len(effects) if len(effects) > _MANY else 0,
                    "table": _effects_table(here, case, effects),
                }
                for case, effects in diagnosis.effects.items()
                if effects
            ],
            "near_identical": {
                here.texts(case): _alike(pairs)
                for case, pairs in diagnosis.near_identical.items()
                if pairs
            },
            "truncated": list(dict.fromkeys(filter(TRUNCATED.search, warnings))),
        },
    }


# -------------------------------------------------------------------------- choice


def choices(view: StudyView) -> Mapping[str, Mapping[str, Any]]:
    """Model to its prompt set chosen on validation, and what a choice on test flatters."""
    diagnoses = view.comparison.prompts if view.comparison else ()
    return {
        wording.quote(view.model_name(diagnosis.model)): _choice(view, diagnosis.choice)
        for diagnosis in diagnoses
        if diagnosis.choice is not None
    }


def _choice(view: StudyView, choice: records.PromptChoice) -> Mapping[str, Any]:
    sets = {prompts.name: prompts for prompts in view.prompt_sets}

    def title(name: str) -> str:
        return wording.quote(wording.told(sets[name].title) if name in sets else name)

    flattery = wording.gap(choice.optimism)
    return {
        "title": title(choice.chosen),
        "among": len(choice.candidates),
        "validation": shown(choice.validation),
        "number": interval_said(choice.test),
        "rival": choice.chosen != choice.best_on_test
        and {"title": title(choice.best_on_test), "accuracy": shown(choice.best_test)},
        "flattery": "" if flattery == wording.gap(0.0) else flattery,
        "labelled": choice.chosen in sets and sets[choice.chosen].reads_labels,
    }


# --------------------------------------------------------------------------- gains


def _gain(here: Here, gain: records.PromptGain) -> Mapping[str, Any]:
    return {
        "anchor": gains_anchor(here.view, gain),
        "set": here.texts(gain.a),
        "base": here.texts(gain.b),
        "said": class_finding(here, gain),
        "chart": gain_chart(here, gain),
        "table": _gain_table(here, gain),
    }


def _ordered(gain: records.PromptGain) -> list[records.ClassGain]:
    return sorted(gain.classes, key=lambda row: -row.gain)


def gain_chart(here: Here, gain: records.PromptGain) -> Chart:
    """The gains of each class, best first."""
    view, rows = here.view, _ordered(gain)
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
    proven, tip = sum(row.p_holm < view.alpha for row in rows), trace_all((gain.a, gain.b))
    id_ = f"{gains_anchor(view, gain)}-figure"
    return chart(
        id_,
        partial(gain_plot, points),
        view.draw,
        title=t("Rappel gagné ou perdu, en points, avec son intervalle à 95 %"),
        alt=t(
            "{case_name} contre {case_name2} : {told} sur {gains}, de {points} pour {label} à "
            "{points2} pour {label2}.",
            case_name=view.case_name(gain.a),
            case_name2=view.case_name(gain.b),
            told=nt(proven, "{n} changement démontré", "{n} changements démontrés"),
            gains=nt(len(rows), "{n} catégorie", "{n} catégories"),
            points=wording.signed(100 * rows[0].gain),
            label=wording.quote(rows[0].label),
            points2=wording.signed(100 * rows[-1].gain),
            label2=wording.quote(rows[-1].label),
        ),
        table=table(
            f"{id_}-donnees",
            t("{case_name} : gains de rappel, en chiffres", case_name=view.case_name(gain.a)),
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
    tip = trace_all((gain.a, gain.b))

    def alone(row: records.ClassGain, case: str, other: str, photos: int) -> Cell:
        href = here.disputed(case, other, photos, truth=row.label)
        return counted(photos, title=tip, href=href)

    return table(
        f"{gains_anchor(here.view, gain)}-tests",
        t(
            "{case_name} : les tests, catégorie par catégorie",
            case_name=here.view.case_name(gain.a),
        ),
        _ordered(gain),
        Col(t("Catégorie"), lambda row: head(row.label, href=here.gallery(row.label))),
        Col(
            t("Gain de rappel"),
            lambda row: number(row.gain, "points", within=(row.low, row.high), title=tip),
            t("points"),
        ),
        Col(t("Photos gagnées"), lambda row: alone(row, gain.a, gain.b, row.only_a)),
        Col(t("Photos perdues"), lambda row: alone(row, gain.b, gain.a, row.only_b)),
        Col(t("Photos de test"), lambda row: counted(row.n, title=tip)),
        Col("p", lambda row: number(row.p_mid, "p", title=tip), "mid-p"),
        Col(t("p corrigé"), lambda row: number(row.p_holm, "p", title=tip), t("Holm")),
        Col(t("Verdict"), lambda row: _verdict(here.view, row.gain, row.p_holm), numeric=False),
    )


def _verdict(view: StudyView, effect: float, p: float) -> Cell:
    if p >= view.alpha:
        return Cell(text=t("non démontré"))
    kind: Kind = "hit" if effect > 0 else "error"
    return Cell(text=t("gain démontré") if effect > 0 else t("perte démontrée"), kind=kind)


# --------------------------------------------------------------------------- texts


def _effects_table(here: Here, case: str, effects: Sequence[records.TextEffect]) -> Table:
    run = here.view.runs[case]
    tip, lang = trace(run), run.prompts.language if run.prompts else ""

    def gain(row: records.TextEffect) -> Cell:
        return number(row.effect, "points", within=(row.low, row.high), title=tip)

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
        Col(t("Effet"), gain, t("points")),
        Col(
            t("Sur sa catégorie"),
            lambda row: number(row.own_recall, "points", title=tip),
            t("points de rappel"),
        ),
        Col(t("Photos gagnées"), lambda row: wording.count(row.only_with)),
        Col(t("Photos perdues"), lambda row: wording.count(row.only_without)),
        Col(t("p corrigé"), lambda row: number(row.p_holm, "p", title=tip), t("Holm")),
        Col(t("Verdict"), lambda row: _verdict(here.view, row.effect, row.p_holm), numeric=False),
        named=False,
        title=tip,
        kind="plain",
    )


def _alike(pairs: Sequence[records.TextPair]) -> str:
    return wording.clauses(
        t(
            "{a} et {b} (cosinus {cosine})",
            a=wording.quote(pair.a),
            b=wording.quote(pair.b),
            cosine=wording.decimal(pair.cosine, 2),
        )
        for pair in pairs
    )


# ---------------------------------------------------------- random words, and variance


def _control(here: Here, case: str, gain: records.MeanGain) -> Mapping[str, Any]:
    run = here.view.runs.get(case)
    tip = trace(run) if run else ""
    return {
        "model": here.reader(case),
        "set": here.texts(case),
        "number": Part(text=wording.points(gain.gain), href=here.run(case), title=tip),
        "gain": gain,
        "shown": gain.p < here.view.alpha,
    }


def _variance(view: StudyView, comparison: records.StudyComparison) -> Mapping[str, Any]:
    """Where the differences of accuracy come from: the largest source, the proven ones, all."""
    rows = comparison.variance
    tip = f"comparison.json. {trace_all(comparison.inputs)}"
    return {
        "top": max(rows, key=lambda row: row.share),
        "proven": [t(SOURCES[row.source]).lower() for row in rows if row.p < view.alpha],
        "table": table(
            "variance",
            t("D’où viennent les différences d’exactitude entre modèles et jeux de textes"),
            rows,
            Col(t("Source"), lambda row: t(SOURCES[row.source])),
            Col(
                t("Part des différences"),
                lambda row: number(row.share, "whole", within=(row.low, row.high), title=tip),
            ),
            Col(t("Effet typique"), lambda row: number(row.effect, "gap", title=tip), t("points")),
            Col(t("Degrés de liberté"), lambda row: counted(row.df, title=tip)),
            Col(t("χ² de Wald"), lambda row: number(row.wald, "0.0", title=tip)),
            Col("p", lambda row: number(row.p, "p", title=tip)),
        ),
    }
