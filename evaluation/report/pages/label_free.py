"""What a shop's titles and unlabelled photos are worth, without a single label."""

from __future__ import annotations

from collections.abc import Mapping

from evaluation.records import (
    FAMILIES,
    Adaptation,
    Family,
    MeanGain,
    RunRecord,
)
from evaluation.report.kit import wording
from evaluation.report.kit.language import message, nt, t
from evaluation.report.kit.page import Fact
from evaluation.report.kit.sentence import Part, Sentence, say
from evaluation.report.kit.tables import PERCENT, POINTS, Cell, Col, Table, absent, number, table
from evaluation.report.study.explained import case_link
from evaluation.report.study.here import Here
from evaluation.report.study.ladder import ladder
from evaluation.report.study.repeated import adapted
from evaluation.report.study.scores import class_table, confusion_table
from evaluation.report.study.sentences import weakest
from evaluation.report.study.view import shown, trace
from evaluation.report.study.worth import pairs_charts, worth

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
        "pairs": pairs_charts(here),
        "cases": tuple(_case(here, run) for run in view.label_free),
    }


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
        "shown": _said_by_controls(found) if found else "",
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
    said = [*_agreement(here, run, found), *_spread(here, run)]
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


def _spread(here: Here, run: RunRecord) -> tuple[Sentence, ...]:
    """What other draws of the photos say of the gain, where the study asks for them."""
    model, texts = run.model, run.prompts and run.prompts.name
    for other in here.view.zero_shot:
        same = (other.model.weights, other.model.architecture) == (
            model.weights,
            model.architecture,
        )
        if same and other.prompts and other.prompts.name == texts:
            sentence = adapted(here, run.case, other.case)
            return (sentence,) if sentence else ()
    return ()


def _shares(found: Adaptation) -> Sentence:
    label = max(
        found.shares, key=lambda one: abs(found.shares[one] - found.seen_shares.get(one, 0.0))
    )
    return say(
        "Les proportions des catégories sont déclarées, pas mesurées : fausses, elles peuvent "
        "faire perdre plus que justes elles ne font gagner. La plus éloignée de ce que voit le "
        "modèle : « {label} », déclarée à {declared}, vue à {seen}.",
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
        Col(
            t("Écart avec le modèle tel quel"),
            lambda metric: _gain(found.control_gains.get(metric.name), trace(run)),
            t("points"),
        ),
        note=t(
            "Le hasard donnerait {chance}. Un réglage court déplace peu le modèle : ce qui ne dit "
            "rien lui laisse alors une part de ce qu’il savait.",
            chance=wording.percent(here.view.chance),
        ),
    )


def _gain(gain: MeanGain | None, tip: str) -> Cell:
    if gain is None:
        return absent()
    return number(gain.gain, POINTS, within=(gain.low, gain.high), title=tip)


def _said_by_controls(found: Adaptation) -> str:
    """What the controls show of where the gain comes from; "" in records of one draw."""
    gains = found.control_gains.values()
    if not gains or not found.adopted:
        return ""
    draws = max(gain.repetitions for gain in gains)
    drawn = nt(draws, "Sur {n} tirage", "Sur {n} tirages")
    if any(gain.low > 0 for gain in gains):
        return t(
            "{drawn}, des titres qui ne disent rien font gagner aussi : prudence.", drawn=drawn
        )
    if all(gain.high < 0 for gain in gains):
        return t(
            "{drawn}, des titres qui ne disent rien font perdre : ce qu’apportent les vrais vient "
            "de ce qu’ils disent.",
            drawn=drawn,
        )
    return t(
        "{drawn}, aucun gain n’est démontré avec des titres qui ne disent rien : ce qu’apportent "
        "les vrais vient de ce qu’ils disent.",
        drawn=drawn,
    )
