"""The slides' two tables: published figures, labelled as quoted, and measured ones under them."""

from collections.abc import Iterator, Mapping
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


class _Row(NamedTuple):
    """A row of the tables: figures of ours, or of the slides."""

    kind: Literal["measured", "quoted"]
    group: str
    name: Cell
    accuracy: records.Metric | float | None
    classes: Mapping[str, records.ReferenceScores | records.ClassScores]
    tip: str
    """Where the figures come from."""
    why: str
    """Why one is not there."""


def slide_tables(
    reference: records.Reference | None, classes: tuple[str, ...], here: Here | None = None
) -> tuple[Table, Table]:
    """Precision / recall of each class, then accuracy and F1, for each system.

    Without ``here`` they hold the quoted figures alone.
    """

    def f1(label: str, row: _Row) -> Cell:
        scores = row.classes.get(label)
        return number(scores.f1 if scores else None, "0.00", bare=True, why=row.why)

    def precision_recall(label: str, row: _Row) -> Cell:
        scores = row.classes.get(label)
        if scores is None:
            return absent(row.why)
        pair = [
            score.value if isinstance(score, records.Metric) else score
            for score in (scores.precision, scores.recall)
        ]
        never = row.kind == "measured" and pair[0] is None
        texts = (wording.DASH if share is None else wording.decimal(share, 2) for share in pair)
        return Cell(text=" / ".join(texts), title=f"{t(NEVER)} ({row.tip})" if never else row.tip)

    rows = list(_rows(reference, here))
    system = Col(t("Système"), lambda row: row.name, numeric=False)
    made = partial(
        table,
        by=lambda row: row.group,
        row_kind=lambda row: row.kind,
        tip=lambda row: row.tip,
        note=_note(reference) if reference else "",
    )
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
            Col(t("Exactitude"), lambda row: number(row.accuracy, "0.000", bare=True, why=row.why)),
            *(Col(label, partial(f1, label), "F1") for label in classes),
        ),
    )


def _rows(reference: records.Reference | None, here: Here | None) -> Iterator[_Row]:
    """Each system with the cases in its situation, then the other cases."""
    scored = here.view.scored if here else ()
    names = (
        {run.case: here.case(run.case, title=trace(run), note=t("mesuré ici")) for run in scored}
        if here
        else {}
    )

    def measured(run: records.RunRecord, group: str) -> _Row:
        scores = {row.label: row for row in run.per_class}
        accuracy, why = run.metric("accuracy"), t(NOT_MEASURED)
        return _Row("measured", group, names[run.case], accuracy, scores, trace(run), why)

    beside: set[str] = set()
    source = wording.told(reference.source) if reference else ""
    for system in reference.systems if reference else ():
        title = wording.told(system.title)
        scores = {row.label: row for row in system.per_class}
        name = head(t("Diapositives"), note=t("chiffres cités"))
        yield _Row("quoted", title, name, system.accuracy, scores, source, t(NOT_GIVEN))
        alike = here.view.measured(system) if here else ()
        beside.update(run.case for run in alike)
        yield from (measured(run, title) for run in alike)
    others = t("Autres cas mesurés") if reference else ""
    yield from (measured(run, others) for run in scored if run.case not in beside)


def _note(reference: records.Reference) -> str:
    return t(
        "Lignes {quote} : chiffres cités, non mesurés ici, sur {test_images} de test. Source : "
        "{source}. {slide}.",
        quote=wording.quote(t("Diapositives")),
        test_images=nt(reference.test_images, "{n} photo", "{n} photos"),
        source=wording.told(reference.source),
        slide=wording.told(reference.slide),
    )
