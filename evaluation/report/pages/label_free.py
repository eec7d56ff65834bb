"""What a shop's titles and unlabelled photos are worth, without a single label."""

from collections.abc import Mapping
from typing import Any

from evaluation.records import FAMILIES, Adaptation, Metric, RunRecord
from evaluation.report.kit.language import t, word
from evaluation.report.kit.page import Claim
from evaluation.report.kit.tables import Cell, Col, Table, absent, number, table
from evaluation.report.study.confusions import confusions
from evaluation.report.study.here import Here
from evaluation.report.study.repeated import mean_gap
from evaluation.report.study.scores import class_table
from evaluation.report.study.sentences import weakest
from evaluation.report.study.view import trace
from evaluation.report.study.worth import ladder, pairs_charts, worth


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
        "cases": [_case(here, run) for run in view.label_free],
    }


def _case(here: Here, run: RunRecord) -> Mapping[str, Any]:
    adaptation = run.adaptation
    shares, seen = (adaptation.shares, adaptation.seen_shares) if adaptation else ({}, {})
    return {
        "run": run,
        "spread": _spread(here, run),
        # The class whose declared share is furthest from what the model sees.
        "furthest": max(
            shares, key=lambda label: abs(shares[label] - seen.get(label, 0.0)), default=""
        ),
        "controls": _controls(here, run, adaptation)
        if adaptation and adaptation.controls
        else None,
        "weakest": weakest(here, run),
        "classes": class_table(here, run, None),
        "confusion": confusions(here, run),
    }


def _spread(here: Here, run: RunRecord) -> Claim | None:
    """What other draws of the photos say of the gain, where the study asks for them."""
    texts = run.prompts and run.prompts.name
    trunk = (run.model.weights, run.model.architecture)
    for other in here.view.zero_shot:
        same = (other.model.weights, other.model.architecture) == trunk
        if same and other.prompts and other.prompts.name == texts:
            return mean_gap(here, "adapted", run.case, other.case)
    return None


def _controls(here: Here, run: RunRecord, adaptation: Adaptation) -> Table:
    def gain(control: Metric) -> Cell:
        gain = adaptation.control_gains.get(control.name)
        return number(gain.gain, "points", within=(gain.low, gain.high)) if gain else absent()

    return table(
        f"temoins-{here.view.case_slugs[run.case]}",
        t("Témoins : aux mêmes réglages et sans garde-fou, des titres qui ne disent rien"),
        adaptation.controls,
        Col(t("Titres"), lambda metric: word("title-controls", metric.name)),
        Col(t("Exactitude"), lambda metric: number(metric, "percent")),
        Col(t("Écart avec le modèle tel quel"), gain, t("points")),
        tip=trace(run),
    )
