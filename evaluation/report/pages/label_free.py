"""What a shop's titles and unlabelled photos are worth, without a single label."""

from collections.abc import Mapping

from evaluation.records import FAMILIES, Adaptation, MeanGain, RunRecord
from evaluation.report.kit import wording
from evaluation.report.kit.language import message, t
from evaluation.report.kit.page import Claim, Part
from evaluation.report.kit.tables import Cell, Col, Table, absent, number, table
from evaluation.report.study.confusions import confusions
from evaluation.report.study.explained import errors
from evaluation.report.study.here import Here
from evaluation.report.study.repeated import adapted
from evaluation.report.study.scores import class_table
from evaluation.report.study.sentences import weakest
from evaluation.report.study.view import shown, trace
from evaluation.report.study.worth import ladder, pairs_charts, worth

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
        "families": FAMILIES,
        "ladder": ladder(here),
        "worth": worth(here),
        "pairs": pairs_charts(here),
        "chance": view.chance,
        "cases": tuple(_case(here, run) for run in view.label_free),
    }


def _case(here: Here, run: RunRecord) -> Mapping[str, object]:
    adaptation = run.adaptation
    return {
        "anchor": here.view.case_slugs[run.case],
        "title": here.view.case_title(run),
        "number": here.number(run),
        "macro_f1": shown(run.metric("macro_f1")),
        "href": here.run(run.case),
        "titled": "title" in run.model.reads,
        "adaptation": adaptation,
        "agreement": adaptation and _agreement(here, run, adaptation),
        "spread": _spread(here, run),
        "furthest": _furthest(adaptation) if adaptation and adaptation.shares else None,
        "controls": _controls(here, run, adaptation)
        if adaptation and adaptation.controls
        else None,
        # Of the controls, where the model was adapted; none in records of one draw.
        "gains": list(adaptation.control_gains.values())
        if adaptation and adaptation.adopted
        else [],
        "weakest": weakest(here, run),
        "warnings": run.warnings,
        "classes": class_table(here, run, None),
        "confusion": confusions(here, run),
        "maps": errors(here, run.case),
    }


def _agreement(here: Here, run: RunRecord, adaptation: Adaptation) -> Mapping[str, Part] | None:
    """In what share of the pairs texts say the same of a photo and of its title."""
    if adaptation.before is None or adaptation.after is None:
        return None
    href, tip = here.run(run.case), trace(run)
    return {
        name: Part(text=wording.percent(agreed.share), href=href, title=tip)
        for name, agreed in (("before", adaptation.before), ("after", adaptation.after))
    }


def _spread(here: Here, run: RunRecord) -> Claim | None:
    """What other draws of the photos say of the gain, where the study asks for them."""
    weights, texts = (run.model.weights, run.model.architecture), run.prompts and run.prompts.name
    for other in here.view.zero_shot:
        same = (other.model.weights, other.model.architecture) == weights
        if same and other.prompts and other.prompts.name == texts:
            return adapted(here, run.case, other.case)
    return None


def _furthest(adaptation: Adaptation) -> Mapping[str, object]:
    """The class whose declared share is furthest from what the model sees."""
    seen = {label: adaptation.seen_shares.get(label, 0.0) for label in adaptation.shares}
    label = max(adaptation.shares, key=lambda label: abs(adaptation.shares[label] - seen[label]))
    return {"label": label, "declared": adaptation.shares[label], "seen": seen[label]}


def _controls(here: Here, run: RunRecord, adaptation: Adaptation) -> Table:
    return table(
        f"temoins-{here.view.case_slugs[run.case]}",
        t("Témoins : aux mêmes réglages et sans garde-fou, des titres qui ne disent rien"),
        adaptation.controls,
        Col(t("Titres"), lambda metric: t(CONTROLS[metric.name])),
        Col(t("Exactitude"), lambda metric: number(metric, "percent", title=trace(run))),
        Col(
            t("Écart avec le modèle tel quel"),
            lambda metric: _gain(adaptation.control_gains.get(metric.name), trace(run)),
            t("points"),
        ),
    )


def _gain(gain: MeanGain | None, tip: str) -> Cell:
    if gain is None:
        return absent()
    return number(gain.gain, "points", within=(gain.low, gain.high), title=tip)
