"""What the texts do: class by class, text by text, against random words, chosen honestly."""

from __future__ import annotations

import re
from dataclasses import dataclass

from evaluation.records import (
    ClassGain,
    MeanGain,
    PromptChoice,
    PromptDiagnosis,
    PromptGain,
    StudyComparison,
    TextEffect,
    TextPair,
)
from evaluation.report.kit import charts, links, wording
from evaluation.report.kit.charts import Chart, Gain, Key
from evaluation.report.kit.language import message, nt, t
from evaluation.report.kit.sentence import Part, Sentence, joined, say
from evaluation.report.kit.tables import (
    POINTS,
    Cell,
    Col,
    Column,
    Group,
    Kind,
    Row,
    Table,
    head,
    measured,
    number,
    simple,
    table,
)
from evaluation.report.kit.typography import NBSP
from evaluation.report.study.findings import class_finding, gains_anchor, tell
from evaluation.report.study.here import Here
from evaluation.report.study.scores import gallery_href
from evaluation.report.study.view import StudyView, bounds, shown, trace, trace_all

TRUNCATED = re.compile(r"\btruncat|\bcut\b", re.IGNORECASE)
"""How a model's warning says that it did not read a text to its end."""

SOURCES = {
    "model": message("Modèle"),
    "prompts": message("Jeu de textes"),
    "interaction": message("Interaction"),
}

_MANY = 24
"""A longer table of texts is folded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gains:
    """What one prompt set changes over the names, class by class."""

    anchor: str
    title: str
    said: Sentence
    chart: Chart
    table: Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """What each text of a prompt set brings."""

    anchor: str
    title: str
    table: Table
    summary: str
    """What the folded table is called; "" when it is shown whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPrompts:
    """One model's prompt sets."""

    anchor: str
    title: str
    findings: tuple[Sentence, ...]
    choice: Sentence
    """Empty when there was nothing to choose on validation."""
    gains: tuple[Gains, ...]
    effects: tuple[Effects, ...]
    near_identical: tuple[Sentence, ...]
    truncated: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptsPage:
    """The page of prompts."""

    title: str
    models: tuple[ModelPrompts, ...]
    variance: Table | None
    variance_said: Sentence
    controls: tuple[Sentence, ...]


def build(here: Here) -> PromptsPage | None:
    """The page, or None when nothing is known of the prompt sets but their scores."""
    view = here.view
    found = view.comparison
    if found is None:
        return None
    models = tuple(_model(here, found, one) for one in found.prompts if _has_matter(view, one))
    controls = tuple(_control(here, case, gain) for case, gain in found.control.items())
    if not (models or found.variance or controls):
        return None
    return PromptsPage(
        title=view.title,
        models=models,
        variance=_variance(found),
        variance_said=_variance_said(found, view.alpha),
        controls=controls,
    )


def _has_matter(view: StudyView, one: PromptDiagnosis) -> bool:
    found = one.gains or one.choice or any(one.effects.values()) or any(one.near_identical.values())
    return bool(found or _truncated(view, one.model))


def _model(here: Here, found: StudyComparison, one: PromptDiagnosis) -> ModelPrompts:
    view = here.view
    cases = {run.case for run in view.scored if run.model.name == one.model}
    anchor = links.slug(one.model)
    return ModelPrompts(
        anchor=f"modele-{anchor}",
        title=view.model_name(one.model),
        findings=tuple(
            tell(here, finding)
            for finding in found.findings
            if finding.topic in {"prompts", "control"} and finding.subject in cases
        ),
        choice=() if one.choice is None else _choice(view, one.choice),
        gains=tuple(_gains(here, gain) for gain in one.gains if gain.a not in view.controls),
        effects=tuple(
            _effects(view, case, effects) for case, effects in one.effects.items() if effects
        ),
        near_identical=tuple(
            _near_identical(view, case, pairs)
            for case, pairs in one.near_identical.items()
            if pairs
        ),
        truncated=_truncated(view, one.model),
    )


def _truncated(view: StudyView, model: str) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(
            warning
            for run in view.scored
            if run.model.name == model
            for warning in run.warnings
            if TRUNCATED.search(warning)
        )
    )


# -------------------------------------------------------------------------- choice


def choices(view: StudyView) -> tuple[Sentence, ...]:
    """For each model, the prompt set chosen on validation, and what a choice on test flatters."""
    found = view.comparison.prompts if view.comparison else ()
    return tuple(
        say(
            "Pour {model_name}, {choice}",
            model_name=wording.quote(view.model_name(one.model)),
            choice=_choice(view, one.choice),
        )
        for one in found
        if one.choice is not None
    )


def _choice(view: StudyView, choice: PromptChoice) -> Sentence:
    def title(prompts: str) -> str:
        found = next((one for one in view.prompt_sets if one.name == prompts), None)
        return wording.quote(prompts if found is None else wording.told(found.title))

    number = f"{shown(choice.test)}{NBSP}{bounds(choice.test)}".strip()
    rival = (
        t("C’est aussi le meilleur sur le test")
        if choice.chosen == choice.best_on_test
        else t(
            "Le meilleur sur le test est {title} ({best_test})",
            title=title(choice.best_on_test),
            best_test=shown(choice.best_test),
        )
    )
    flattery = wording.gap(choice.optimism)
    cost = (
        t("le choisir d’après le test ne flatterait pas son résultat")
        if flattery == wording.gap(0.0)
        else t(
            "le choisir d’après le test flatterait son résultat de {flattery} en moyenne",
            flattery=flattery,
        )
    )
    chosen = say(
        "{title}, choisi sur la validation parmi {candidates} de textes, y "
        "obtient {validation}, et {number} sur le test : c’est ce chiffre "
        "qu’il faut retenir. {rival} ; {cost}.",
        title=title(choice.chosen),
        candidates=nt(len(choice.candidates), "{n} jeu", "{n} jeux"),
        validation=shown(choice.validation),
        number=number,
        rival=rival,
        cost=cost,
    )
    if any(one.name == choice.chosen and one.reads_labels for one in view.prompt_sets):
        caution = say("Ces textes sont tirés des étiquettes d’apprentissage.")
        return joined(chosen, " ", caution)
    return chosen


# --------------------------------------------------------------------------- gains


def _gains(here: Here, gain: PromptGain) -> Gains:
    view = here.view
    anchor = gains_anchor(view, gain)
    ordered = sorted(gain.classes, key=lambda row: -row.gain)
    title = t("{set} au lieu de {set2}", set=_set(view, gain.a), set2=_set(view, gain.b))
    return Gains(
        anchor=anchor,
        title=title,
        said=class_finding(here, gain),
        chart=_gain_chart(view, gain, ordered, f"{anchor}-figure"),
        table=_gain_table(here, gain, ordered, f"{anchor}-tests"),
    )


def _set(view: StudyView, case: str) -> str:
    run = view.runs.get(case)
    if run is None or run.prompts is None:
        return wording.quote(view.case_name(case))
    return wording.quote(wording.told(run.prompts.title))


def _gain_chart(view: StudyView, gain: PromptGain, ordered: list[ClassGain], id_: str) -> Chart:
    gains = [
        Gain(
            label=row.label,
            points=100 * row.gain,
            low=100 * row.low,
            high=100 * row.high,
            shown=row.p_holm < view.alpha,
        )
        for row in ordered
    ]
    wide, narrow = charts.gain_plot(gains, view.draw)
    told = sum(one.shown for one in gains)
    tip = trace_all((gain.a, gain.b))
    return Chart(
        id=id_,
        title=t("Rappel gagné ou perdu, en points, avec son intervalle à 95 %"),
        alt=t(
            "{case_name} contre {case_name2} : {told} sur {gains}, de {points} "
            "pour {label} à {points2} pour {label2}.",
            case_name=view.case_name(gain.a),
            case_name2=view.case_name(gain.b),
            told=nt(told, "{n} changement démontré", "{n} changements démontrés"),
            gains=nt(len(gains), "{n} catégorie", "{n} catégories"),
            points=wording.signed(gains[0].points),
            label=wording.quote(gains[0].label),
            points2=wording.signed(gains[-1].points),
            label2=wording.quote(gains[-1].label),
        ),
        wide=wide,
        narrow=narrow,
        keys=(
            Key(kind="zero-shot", text=t("gain démontré")),
            Key(kind="loss", text=t("perte démontrée")),
            Key(kind="open", text=t("non démontré")),
        ),
        table=simple(
            f"{id_}-donnees",
            t("{case_name} : gains de rappel, en chiffres", case_name=view.case_name(gain.a)),
            (t("Catégorie"), t("Gain (points)"), t("Intervalle à 95 %")),
            tuple(
                (
                    row.label,
                    measured(
                        wording.signed(100 * row.gain),
                        row.gain,
                        low=row.low,
                        high=row.high,
                        title=tip,
                    ),
                    wording.interval(row.low, row.high),
                )
                for row in ordered
            ),
            title=tip,
        ),
    )


def _gain_table(here: Here, gain: PromptGain, ordered: list[ClassGain], id_: str) -> Table:
    view = here.view
    tip = trace_all((gain.a, gain.b))
    return Table(
        id=id_,
        caption=t(
            "{case_name} : les tests, catégorie par catégorie",
            case_name=view.case_name(gain.a),
        ),
        columns=(
            Column(text=t("Catégorie"), numeric=False),
            Column(text=t("Gain de rappel"), note=t("points")),
            Column(text=t("Photos gagnées")),
            Column(text=t("Photos perdues")),
            Column(text=t("Photos de test")),
            Column(text="p", note="mid-p"),
            Column(text=t("p corrigé"), note=t("Holm")),
            Column(text=t("Verdict")),
        ),
        groups=(
            Group(
                rows=tuple(
                    Row(
                        cells=(
                            head(row.label, href=gallery_href(here, row.label)),
                            measured(
                                wording.signed(100 * row.gain),
                                row.gain,
                                low=row.low,
                                high=row.high,
                                note=wording.interval(row.low, row.high),
                                title=tip,
                            ),
                            Cell(
                                text=wording.count(row.only_a),
                                title=tip,
                                href=_disputed(view, gain.a, gain.b, row.label, row.only_a),
                            ),
                            Cell(
                                text=wording.count(row.only_b),
                                title=tip,
                                href=_disputed(view, gain.b, gain.a, row.label, row.only_b),
                            ),
                            Cell(text=wording.count(row.n), title=tip),
                            measured(wording.bare_p(row.p_mid), row.p_mid, title=tip),
                            measured(wording.bare_p(row.p_holm), row.p_holm, title=tip),
                            verdict_cell(row.gain, row.p_holm, view.alpha),
                        )
                    )
                    for row in ordered
                )
            ),
        ),
        note=t(
            "Gagnées : bien classées avec ces textes seulement ; perdues : "
            "bien classées avec les autres seulement. La correction porte sur "
            "les catégories du tableau."
        ),
        kind="scores",
    )


def _disputed(view: StudyView, right: str, wrong: str, label: str, number: int) -> str:
    """The photos of a class that only the first of two cases gets right."""
    if not number or not view.explorable(right, wrong):
        return ""
    return links.explorer_pair(view.folder, right, wrong, "a", truth=label)


def verdict_cell(effect: float, p: float, alpha: float) -> Cell:
    """Whether a corrected test shows an effect, in words."""
    if p >= alpha:
        return Cell(text=t("non démontré"))
    kind: Kind = "hit" if effect > 0 else "error"
    return Cell(text=t("gain démontré") if effect > 0 else t("perte démontrée"), kind=kind)


# --------------------------------------------------------------------------- texts


def _effects(view: StudyView, case: str, effects: tuple[TextEffect, ...]) -> Effects:
    slug, many = view.case_slugs[case], len(effects) > _MANY
    return Effects(
        anchor=f"textes-{slug}",
        title=t("Ce que chaque texte apporte : {set}", set=_set(view, case)),
        summary=nt(len(effects), "{n} texte", "{n} textes") if many else "",
        table=_effects_table(view, case, sorted(effects, key=lambda effect: -effect.effect)),
    )


def _effects_table(view: StudyView, case: str, effects: list[TextEffect]) -> Table:
    run = view.runs[case]
    tip, lang = trace(run), run.prompts.language if run.prompts else ""

    def label(effect: TextEffect) -> Cell:
        known = view.explorable(case)
        return head(
            effect.label,
            href=links.explorer_case(view.folder, case, truth=effect.label) if known else "",
        )

    def gain(effect: TextEffect) -> Cell:
        return measured(
            wording.signed(100 * effect.effect),
            effect.effect,
            low=effect.low,
            high=effect.high,
            note=wording.interval(effect.low, effect.high),
            title=tip,
        )

    return table(
        f"textes-{view.case_slugs[case]}-tableau",
        t("{set} : exactitude avec le texte, moins sans lui", set=_set(view, case)),
        effects,
        Col(t("Texte"), lambda effect: Cell(text=effect.text, lang=lang), numeric=False),
        Col(t("Catégorie"), label, numeric=False),
        Col(t("Effet"), gain, t("points")),
        Col(
            t("Sur sa catégorie"),
            lambda effect: number(effect.own_recall, POINTS, title=tip),
            t("points de rappel"),
        ),
        Col(t("Photos gagnées"), lambda effect: wording.count(effect.only_with)),
        Col(t("Photos perdues"), lambda effect: wording.count(effect.only_without)),
        Col(
            t("p corrigé"),
            lambda effect: measured(wording.bare_p(effect.p_holm), effect.p_holm, title=tip),
            t("Holm"),
        ),
        Col(t("Verdict"), lambda effect: verdict_cell(effect.effect, effect.p_holm, view.alpha)),
        named=False,
        title=tip,
        note=t(
            "Chaque texte est retiré à son tour ; une catégorie qui n’en a "
            "qu’un garde alors son nom. Un effet négatif démontré désigne un "
            "texte à retirer."
        ),
        kind="plain",
    )


def _near_identical(view: StudyView, case: str, pairs: tuple[TextPair, ...]) -> Sentence:
    said = wording.clauses(
        t(
            "{a} et {b} (cosinus {cosine})",
            a=wording.quote(pair.a),
            b=wording.quote(pair.b),
            cosine=wording.decimal(pair.cosine, 2),
        )
        for pair in pairs
    )
    return say("{set} : {said}.", set=_set(view, case), said=said)


# ------------------------------------------------------------------------- control


def _control(here: Here, case: str, gain: MeanGain) -> Sentence:
    view = here.view
    run = view.runs.get(case)
    model = wording.quote(view.model_title(run)) if run else wording.quote(case)
    draws = nt(gain.repetitions, "{n} tirage", "{n} tirages")
    words = t("{draws} de mots au hasard de même longueur, en moyenne", draws=draws)
    told = wording.points(gain.gain)
    numbers = say(
        "{gain}, IC 95 % {interval}, {p}",
        gain=Part(text=told, href=here.run(run.case), title=trace(run)) if run else told,
        interval=wording.interval(gain.low, gain.high),
        p=wording.p_value(gain.p),
    )
    subject = t("pour {model}, {set}", model=model, set=_set(view, case))
    if gain.p >= view.alpha:
        return say(
            "{subject} : on ne peut pas conclure face à {words}, sur ces {n} ({numbers}).",
            subject=wording.sentence_case(subject),
            words=words,
            n=nt(gain.n, "{n} image", "{n} images"),
            numbers=numbers,
        )
    better = t("mieux") if gain.gain > 0 else t("moins bien")
    return say(
        "{subject} fait {better} que {words} ({numbers}).",
        subject=wording.sentence_case(subject),
        better=better,
        words=words,
        numbers=numbers,
    )


# ------------------------------------------------------------------------ variance


def _variance(found: StudyComparison) -> Table | None:
    if not found.variance:
        return None
    tip = f"comparison.json. {trace_all(found.inputs)}"
    return Table(
        id="variance",
        caption=t("D’où viennent les différences d’exactitude entre modèles et jeux de textes"),
        columns=(
            Column(text=t("Source"), numeric=False),
            Column(text=t("Part des différences")),
            Column(text=t("Effet typique"), note=t("points")),
            Column(text=t("Degrés de liberté")),
            Column(text=t("χ² de Wald")),
            Column(text="p"),
        ),
        groups=(
            Group(
                rows=tuple(
                    Row(
                        cells=(
                            head(t(SOURCES[one.source])),
                            measured(
                                wording.percent(one.share, 0),
                                one.share,
                                low=one.low,
                                high=one.high,
                                note=wording.interval(one.low, one.high, 0),
                                title=tip,
                            ),
                            measured(wording.decimal(100 * one.effect, 1), one.effect, title=tip),
                            Cell(text=wording.count(one.df), title=tip),
                            measured(wording.decimal(one.wald, 1), one.wald, title=tip),
                            measured(wording.bare_p(one.p), one.p, title=tip),
                        )
                    )
                    for one in found.variance
                )
            ),
        ),
        note=t(
            "Parts de la somme des carrés entre les cas, avec leur intervalle "
            "à 95 % en pour cent ; l’effet typique est débarrassé du bruit dû "
            "aux images."
        ),
        kind="scores",
    )


def _variance_said(found: StudyComparison, alpha: float) -> Sentence:
    if not found.variance:
        return ()
    top = max(found.variance, key=lambda one: one.share)
    subject = {
        "model": t("le choix du modèle"),
        "prompts": t("le choix des textes"),
        "interaction": t("l’accord entre un modèle et des textes"),
    }[top.source]
    certain = [t(SOURCES[one.source]).lower() for one in found.variance if one.p < alpha]
    tail = (
        t("Sont démontrés : {certain}.", certain=wording.listing(certain))
        if certain
        else t("Aucune de ces sources n’est démontrée.")
    )
    return say(
        "Ce qui compte le plus ici, c’est {subject} ({share} des "
        "différences, IC 95 % {interval}). {tail}",
        subject=subject,
        share=wording.percent(top.share, 0),
        interval=wording.interval(top.low, top.high, 0),
        tail=tail,
    )
