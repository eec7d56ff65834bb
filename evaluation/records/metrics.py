"""Every metric of a case: the only list of them.

Scoring computes the rows in this order, studies may set a floor on those of ``cases``, and the
report takes names and definitions from here.  Texts are French: the messages of the report.
"""

from dataclasses import dataclass
from typing import Literal

from evaluation.records.base import message


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRow:
    """A metric as it is named, defined and shown."""

    name: str
    """In run.json."""
    title: str
    definition: str
    """As the page of the method has it."""
    place: Literal["cases", "classes"] = "cases"
    """The table that shows it: a value a case, or a value a class."""
    top: int | None = None
    """Of the metrics "true class among the k most probable": k."""


METRICS = (
    MetricRow(
        name="accuracy",
        title=message("Exactitude"),
        definition=message("part des photos de test bien classées (en anglais, accuracy)."),
    ),
    MetricRow(
        name="recall",
        title=message("Rappel d’une catégorie"),
        definition=message("part de ses photos que le modèle a bien rangées dans cette catégorie."),
        place="classes",
    ),
    MetricRow(
        name="precision",
        title=message("Précision d’une catégorie"),
        definition=message(
            "part de vraies parmi les photos que le modèle y a rangées ; indéfinie si aucune."
        ),
        place="classes",
    ),
    MetricRow(
        name="f1",
        title=message("F1 d’une catégorie"),
        definition=message("moyenne harmonique de sa précision et de son rappel."),
        place="classes",
    ),
    MetricRow(
        name="macro_f1",
        title=message("F1 macro"),
        definition=message("moyenne des F1 des catégories, chacune comptant autant."),
    ),
    MetricRow(
        name="balanced_accuracy",
        title=message("Exactitude équilibrée"),
        definition=message("moyenne des rappels des catégories."),
    ),
    MetricRow(
        name="top2_accuracy",
        title=message("Exactitude parmi les deux premières"),
        definition=message(
            "part des photos dont la vraie catégorie est l’une des deux les plus probables."
        ),
        top=2,
    ),
    MetricRow(
        name="top3_accuracy",
        title=message("Exactitude parmi les trois premières"),
        definition=message(
            "part des photos dont la vraie catégorie est l’une des trois les plus probables."
        ),
        top=3,
    ),
)

OF_CASES = tuple(row for row in METRICS if row.place == "cases")
