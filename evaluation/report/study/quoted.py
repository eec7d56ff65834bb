"""The slides' two tables: published figures, labelled as quoted, and measured ones under them."""

from collections.abc import Iterator
from functools import partial
from typing import Literal, NamedTuple

from evaluation import records
from evaluation.report.kit import wording
from evaluation.report.kit.language import message, nt, t
from evaluation.report.kit.tables import Cell, Col, Table, absent, head, number, table
from evaluation.report.study.here import Here
from evaluation.report.study.scores import NEVER, NOT_MEASURED
from evaluation.report.study.view import trace

NOT_GIVEN = message("la source ne donne pas ce chiffre")

Line = records.ReferenceSystem | records.RunRecord
Scores = records.ReferenceScores | records.ClassScores


class Row(NamedTuple):
    """A row of the tables: what it is about, and the title of its group."""

    line: Line
    group: str

    @property
    def kind(self) -> Literal["measured", "quoted"]:
        """Which of the two it is: figures of ours, or of the slides."""
        return "measured" if isinstance(self.line, records.RunRecord) else "quoted"

    @property
    def why(self) -> str:
        """Why a figure is not there."""
        return t(NOT_GIVEN) if self.kind == "quoted" else t(NOT_MEASURED)

    def scores(self, label: str) -> Scores | None:
        """What is known of a class."""
        return next((scores for scores in self.line.per_class if scores.label == label), None)


def slide_tables(
    reference: records.Reference | None, classes: tuple[str, ...], here: Here | None = None
) -> tuple[Table, Table]:
    """Precision / recall of each class, then accuracy and F1, for each system.

    Without ``here`` they hold the quoted figures alone.
    """
    source = wording.told(reference.source) if reference else ""

    def tip(line: Line) -> str:
        return trace(line) if isinstance(line, records.RunRecord) else source

    def name(row: Row) -> Cell:
        if here and isinstance(row.line, records.RunRecord):
            return here.case(row.line.case, title=trace(row.line), note=t("mesuré ici"))
        return head(t("Diapositives"), note=t("chiffres cités"))

    def accuracy(row: Row) -> Cell:
        line = row.line
        share = line.metric("accuracy") if isinstance(line, records.RunRecord) else line.accuracy
        return number(share, "0.000", bare=True, why=row.why, title=tip(line))

    def f1(label: str, row: Row) -> Cell:
        scores = row.scores(label)
        return number(
            scores.f1 if scores else None, "0.00", bare=True, why=row.why, title=tip(row.line)
        )

    def precision_recall(label: str, row: Row) -> Cell:
        scores = row.scores(label)
        if scores is None:
            return absent(row.why)
        undefined = isinstance(scores, records.ClassScores) and scores.precision.value is None
        return Cell(
            text=f"{_two_digits(scores.precision)} / {_two_digits(scores.recall)}",
            title=f"{t(NEVER)} ({tip(row.line)})" if undefined else tip(row.line),
        )

    made = partial(
        table, by=lambda row: row.group, row_kind=lambda row: row.kind, note=_note(reference)
    )
    rows, system = list(_rows(reference, here)), Col(t("Système"), name, numeric=False)
    return (
        made(
            "precision-rappel",
            t("Précision / rappel par catégorie"),
            rows,
            system,
            *(Col(label, partial(precision_recall, label)) for label in classes),
        ),
        made(
            "exactitude-f1",
            t("Exactitude, puis F1 par catégorie"),
            rows,
            system,
            Col(t("Exactitude"), accuracy),
            *(Col(label, partial(f1, label), "F1") for label in classes),
        ),
    )


def _rows(reference: records.Reference | None, here: Here | None) -> Iterator[Row]:
    """Each system with the cases in its situation, then the other cases."""
    beside = set()
    for system in reference.systems if reference else ():
        title = wording.told(system.title)
        yield Row(system, title)
        for run in here.view.measured(system) if here else ():
            beside.add(run.case)
            yield Row(run, title)
    for run in here.view.scored if here else ():
        if run.case not in beside:
            yield Row(run, t("Autres cas mesurés") if reference else "")


def _note(reference: records.Reference | None) -> str:
    if reference is None:
        return ""
    return t(
        "Lignes {quote} : chiffres cités, non mesurés ici, sur {test_images} de test. Source : "
        "{source}. {slide}.",
        quote=wording.quote(t("Diapositives")),
        test_images=nt(reference.test_images, "{n} photo", "{n} photos"),
        source=wording.told(reference.source),
        slide=wording.told(reference.slide),
    )


def _two_digits(score: records.Metric | float | None) -> str:
    value = score.value if isinstance(score, records.Metric) else score
    return wording.DASH if value is None else wording.decimal(value, 2)
