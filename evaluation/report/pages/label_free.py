"""What a shop's titles and unlabelled photos are worth, without a single label."""

from __future__ import annotations

from collections.abc import Mapping

from evaluation.records import (
    FAMILIES,
    Adaptation,
    Family,
    LabelsWorth,
    PairsCurve,
    RunRecord,
)
from evaluation.report.kit import wording
from evaluation.report.kit.language import message, nt, t
from evaluation.report.kit.page import Fact
from evaluation.report.kit.sentence import Part, Sentence, say
from evaluation.report.kit.tables import PERCENT, Cell, Col, Table, number, table
from evaluation.report.pages.few_shot import METHODS
from evaluation.report.study.explained import case_link
from evaluation.report.study.here import Here
from evaluation.report.study.ladder import ladder
from evaluation.report.study.scores import class_table, confusion_table
from evaluation.report.study.sentences import weakest
from evaluation.report.study.view import shown, trace

DEFINITIONS: Mapping[Family, str] = {
    "zero-shot": message("rien de vous n’a été lu : des textes décrivent les catégories"),
    "label-free": message(
        "vos titres, vos photos ou des proportions déclarées ont été lus, et aucune étiquette"
    ),
    "supervised": message("vos étiquettes ont été apprises"),
}
READ = {"titles": message("titres"), "photos": message("photos sans étiquette")}
CONTROLS = {
    "shuffled": message("Titres mélangés entre les photos"),
    "random": message("Directions au hasard"),
}


def build(here: Here) -> Mapping[str, object] | None:
    """The page, or None when no case reads titles, unlabelled photos or declared shares."""
    view = here.view
    if not view.label_free:
        return None
    return {
        "families": tuple((t(FAMILIES[one].title), t(DEFINITIONS[one])) for one in DEFINITIONS),
        "ladder": ladder(here),
        "worth": worth(here),
        "pairs": tuple(_pairs_table(here, curve) for curve in _curves(here)),
        "cases": tuple(_case(here, run) for run in view.label_free),
    }


def _curves(here: Here) -> tuple[PairsCurve, ...]:
    return here.view.comparison.pairs if here.view.comparison else ()


def _case(here: Here, run: RunRecord) -> Mapping[str, object]:
    found = run.adaptation
    return {
        "anchor": here.view.case_slugs[run.case],
        "title": here.view.case_title(run),
        "lead": say(
            "Exactitude sur le test : {number} ; F1 macro : {metric}.",
            number=here.number(run),
            metric=shown(run.metric("macro_f1")),
        ),
        "facts": _facts(here, run),
        "said": _said(here, run),
        "controls": _controls(here, run, found) if found and found.controls else None,
        "weakest": weakest(here, run),
        "warnings": run.warnings,
        "classes": class_table(here, run, None),
        "confusion": confusion_table(here, run),
        "maps": case_link(here, run.case),
    }


def _facts(here: Here, run: RunRecord) -> tuple[Fact, ...]:
    found, href = run.adaptation, here.run(run.case)
    facts = [
        Fact(
            label=t("Lu à la prédiction"),
            text=t("la photo et le titre") if "title" in run.model.reads else t("la photo"),
        )
    ]
    if found is None:
        return tuple(facts)
    read = wording.listing([t(READ[one]) for one in found.adapt])
    facts += [Fact(label=t("Lu pour s’adapter"), text=read)] if read else []
    facts += [
        Fact(label=label, text=wording.count(size), href=href)
        for label, size in (
            (t("Photos sans étiquette"), found.photos),
            (t("Paires photo-titre"), found.pairs),
            (t("Titres différents"), found.titles),
        )
        if size
    ]
    return tuple(facts)


def _said(here: Here, run: RunRecord) -> tuple[Sentence, ...]:
    """What the choice saw, whether anything was gained, and what the reader must know."""
    found = run.adaptation
    if found is None:
        return ()
    said = [*_agreement(here, run, found)]
    if "photos" in found.adapt:
        said.append(
            say("Les groupes que forment les photos ont leur mot à dire dans la réponse.")
            if found.clusters
            else say(
                "Les groupes que forment les photos ne s’accordent pas mieux avec les titres : "
                "ils sont laissés de côté."
            )
        )
    if found.shares:
        said.append(_shares(found))
    if found.texts_from_labels:
        said.append(
            say(
                "Les textes de ce cas viennent des étiquettes de l’apprentissage : "
                "il n’est sans étiquette que pour le reste."
            )
        )
    if "title" in run.model.reads:
        said.append(
            say(
                "Le titre est lu à la prédiction : ce cas répond à une autre question, et ne se "
                "range pas parmi ceux qui ne voient que la photo."
            )
        )
    return tuple(said)


def _agreement(here: Here, run: RunRecord, found: Adaptation) -> tuple[Sentence, ...]:
    if found.before is None or found.after is None:
        return ()
    href, tip = here.run(run.case), trace(run)
    slots: dict[str, str | Part] = {
        "before": Part(text=wording.percent(found.before.share), href=href, title=tip),
        "after": Part(text=wording.percent(found.after.share), href=href, title=tip),
        "pairs": wording.count(found.after.pairs),
        "kappa": wording.decimal(found.after.kappa, 2),
    }
    if not found.adopted:
        return (
            say(
                "Rien à gagner : les textes disent la même chose de la photo et de son titre dans "
                "{before} des {pairs} paires, {after} après apprentissage (kappa {kappa}), ce qui "
                "ne se distingue pas assez du hasard. Le modèle est laissé tel quel.",
                **slots,
            ),
        )
    return (
        say(
            "Choisi sans étiquette : les textes disent la même chose de la photo et de son titre "
            "dans {before} des {pairs} paires avant, {after} après (kappa {kappa}), chaque paire "
            "jugée par une couche qui ne l’avait pas apprise.",
            **slots,
        ),
    )


def _shares(found: Adaptation) -> Sentence:
    label = max(
        found.shares, key=lambda one: abs(found.shares[one] - found.seen_shares.get(one, 0.0))
    )
    return say(
        "Les proportions des catégories sont déclarées, pas mesurées : fausses, elles font perdre "
        "plus que justes elles ne font gagner. La plus éloignée de ce que voit le modèle : "
        "« {label} », déclarée à {declared}, vue à {seen}.",
        label=label,
        declared=wording.percent(found.shares[label]),
        seen=wording.percent(found.seen_shares.get(label, 0.0)),
    )


def _controls(here: Here, run: RunRecord, found: Adaptation) -> Table:
    return table(
        f"temoins-{here.view.case_slugs[run.case]}",
        t("Témoins : aux mêmes réglages et sans garde-fou, des titres qui ne disent rien"),
        found.controls,
        Col(t("Titres"), lambda metric: t(CONTROLS[metric.name]), numeric=False),
        Col(t("Exactitude"), lambda metric: number(metric, PERCENT, title=trace(run))),
        note=t("Le hasard donnerait {chance}.", chance=wording.percent(here.view.chance)),
    )


# --------------------------------------------------------- what titles are worth in labels


def worth(here: Here) -> tuple[Sentence, ...]:
    """How many labels each label-free case is worth, with its interval."""
    found = here.view.comparison.few_shot if here.view.comparison else ()
    return tuple(
        sentence for curves in found for one in curves.worth for sentence in _worth(here, one)
    )


def _worth(here: Here, one: LabelsWorth) -> tuple[Sentence, ...]:
    run = here.view.runs.get(one.case)
    if run is None or run.adaptation is None:
        return ()
    slots: dict[str, str | Part] = {
        "case": here.name(one.case),
        "read": nt(run.adaptation.pairs, "{n} titre", "{n} titres")
        if run.adaptation.pairs
        else nt(run.adaptation.photos, "{n} photo sans étiquette", "{n} photos sans étiquette"),
        "method": t(METHODS[one.method]).lower(),
        "low": t("moins qu’essayé") if one.low is None else _labels(one.low),
        "high": t("plus que toutes") if one.high is None else _labels(one.high),
    }
    if one.labels is None:
        return (
            say(
                "{case} : avec {read}, aucun nombre d’étiquettes essayé ne donne le même score par "
                "{method} (IC 95 % : de {low} à {high}).",
                **slots,
            ),
        )
    labels = Part(
        text=nt(round(one.labels), "{n} étiquette", "{n} étiquettes"),
        href=here.to("etiquettes"),
        title=t("comparison.json, interpolé entre les points de la courbe"),
    )
    return (
        say(
            "{case} : {read} valent environ {labels} par {method} (IC 95 % : de {low} à {high}).",
            labels=labels,
            **slots,
        ),
    )


def _labels(value: float) -> str:
    return wording.count(round(value))


def _pairs_table(here: Here, curve: PairsCurve) -> Table:
    case = here.view.case_name(curve.case)
    tip = t("comparison.json, moyenne des tirages")
    return table(
        f"paires-{here.view.case_slugs.get(curve.case, 'cas')}",
        t("{case} : exactitude selon le nombre de titres", case=case),
        curve.points,
        Col(t("Paires photo-titre"), lambda point: wording.count(point.pairs)),
        Col(
            t("Exactitude"),
            lambda point: _band(point.mean, point.low, point.high, tip),
        ),
        Col(t("Tirages"), lambda point: wording.count(len(point.accuracies))),
        note=t("Au premier réglage que le cas a choisi ; entre crochets, l’intervalle à 95 %."),
    )


def _band(mean: float, low: float, high: float, tip: str) -> Cell:
    return number(mean, PERCENT, within=(low, high), title=tip)
