"""What a shop's titles and unlabelled photos are worth, without a single label."""

from collections.abc import Mapping

from evaluation.records import FAMILIES, Adaptation, Family, MeanGain, RunRecord
from evaluation.report.kit import wording
from evaluation.report.kit.language import message, nt, t
from evaluation.report.kit.sentence import Claim, Part
from evaluation.report.kit.tables import PERCENT, POINTS, Cell, Col, Table, absent, number, table
from evaluation.report.study.confusions import confusions
from evaluation.report.study.explained import case_link
from evaluation.report.study.here import Here
from evaluation.report.study.ladder import ladder
from evaluation.report.study.repeated import adapted
from evaluation.report.study.scores import class_table
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
        "number": here.number(run),
        "macro_f1": shown(run.metric("macro_f1")),
        "href": here.run(run.case),
        "titled": "title" in run.model.reads,
        "adaptation": found,
        "read": wording.listing([t(READ[one]) for one in found.adapt]) if found else "",
        "agreement": found and _agreement(here, run, found),
        "spread": _spread(here, run),
        "furthest": _furthest(found) if found and found.shares else None,
        "controls": _controls(here, run, found) if found and found.controls else None,
        "shown": _said_by_controls(found) if found else "",
        "weakest": weakest(here, run),
        "warnings": run.warnings,
        "classes": class_table(here, run, None),
        "confusion": confusions(here, run),
        "maps": case_link(here, run.case),
    }


def _agreement(here: Here, run: RunRecord, found: Adaptation) -> Mapping[str, Part] | None:
    """In what share of the pairs texts say the same of a photo and of its title."""
    if found.before is None or found.after is None:
        return None
    href, tip = here.run(run.case), trace(run)
    return {
        name: Part(text=wording.percent(agreed.share), href=href, title=tip)
        for name, agreed in (("before", found.before), ("after", found.after))
    }


def _spread(here: Here, run: RunRecord) -> Claim | None:
    """What other draws of the photos say of the gain, where the study asks for them."""
    weights, texts = (run.model.weights, run.model.architecture), run.prompts and run.prompts.name
    for other in here.view.zero_shot:
        same = (other.model.weights, other.model.architecture) == weights
        if same and other.prompts and other.prompts.name == texts:
            return adapted(here, run.case, other.case)
    return None


def _furthest(found: Adaptation) -> Mapping[str, object]:
    """The class whose declared share is furthest from what the model sees."""
    seen = {label: found.seen_shares.get(label, 0.0) for label in found.shares}
    label = max(found.shares, key=lambda label: abs(found.shares[label] - seen[label]))
    return {"label": label, "declared": found.shares[label], "seen": seen[label]}


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
    return t("{drawn}, aucun gain n’est démontré avec des titres qui ne disent rien.", drawn=drawn)
