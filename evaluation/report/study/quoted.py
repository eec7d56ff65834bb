"""The slides' two tables: published figures, labelled as quoted, and measured ones under them."""

from __future__ import annotations

from dataclasses import dataclass

from evaluation.records import (
    ClassScores,
    Metric,
    Reference,
    ReferenceScores,
    ReferenceSystem,
    RunRecord,
)
from evaluation.report.kit import wording
from evaluation.report.kit.language import message, nt, t
from evaluation.report.kit.tables import Cell, Column, Group, Row, Table, absent, head, measured
from evaluation.report.study.scores import NEVER, NOT_MEASURED
from evaluation.report.study.view import StudyView, trace

NOT_GIVEN = message("la source ne donne pas ce chiffre")

Scores = ClassScores | ReferenceScores


@dataclass(frozen=True, slots=True, kw_only=True)
class SlideTables:
    """Makes both tables for one page; without ``view`` they hold the quoted figures alone."""

    reference: Reference | None
    classes: tuple[str, ...]
    view: StudyView | None = None
    source: str = ""
    """The page that links to the runs."""

    def precision_recall(self) -> Table:
        """Precision / recall of each class, for each system."""
        return Table(
            id="precision-rappel",
            caption=t("Précision / rappel par catégorie"),
            columns=(
                Column(text=t("Système"), numeric=False),
                *(Column(text=label) for label in self.classes),
            ),
            groups=self._groups(f1=False),
            note=self._note(),
            kind="scores",
        )

    def f1(self) -> Table:
        """Accuracy, then the F1 of each class, for each system."""
        return Table(
            id="exactitude-f1",
            caption=t("Exactitude, puis F1 par catégorie"),
            columns=(
                Column(text=t("Système"), numeric=False),
                Column(text=t("Exactitude")),
                *(Column(text=label, note="F1") for label in self.classes),
            ),
            groups=self._groups(f1=True),
            note=self._note(),
            kind="scores",
        )

    def _note(self) -> str:
        if self.reference is None:
            return ""
        return t(
            "Lignes {quote} : chiffres cités, non mesurés ici, sur "
            "{test_images} de test. Source : {source}. {slide}.",
            quote=wording.quote(t("Diapositives")),
            test_images=nt(self.reference.test_images, "{n} photo", "{n} photos"),
            source=wording.told(self.reference.source),
            slide=wording.told(self.reference.slide),
        )

    def _groups(self, *, f1: bool) -> tuple[Group, ...]:
        runs = () if self.view is None else self.view.scored
        groups, beside = [], set[str]()
        for system in self.reference.systems if self.reference else ():
            twins = () if self.view is None else self.view.measured(system)
            beside.update(run.case for run in twins)
            rows = (self._quoted(system, f1=f1), *(self._measured(run, f1=f1) for run in twins))
            groups.append(Group(title=wording.told(system.title), rows=rows))
        rest = tuple(self._measured(run, f1=f1) for run in runs if run.case not in beside)
        if rest:
            groups.append(Group(title=t("Autres cas mesurés") if groups else "", rows=rest))
        return tuple(groups)

    def _quoted(self, system: ReferenceSystem, *, f1: bool) -> Row:
        known = {scores.label: scores for scores in system.per_class}
        tip = "" if self.reference is None else wording.told(self.reference.source)
        return Row(
            kind="quoted",
            cells=(
                head(t("Diapositives"), note=t("chiffres cités")),
                *(
                    [measured(wording.decimal(system.accuracy), system.accuracy, title=tip)]
                    if f1
                    else []
                ),
                *(_cell(known.get(label), t(NOT_GIVEN), tip, f1=f1) for label in self.classes),
            ),
        )

    def _measured(self, run: RunRecord, *, f1: bool) -> Row:
        assert self.view is not None  # noqa: S101 - a run comes from a view
        known = {scores.label: scores for scores in run.per_class}
        found = run.metric("accuracy")
        return Row(
            kind="measured",
            cells=(
                head(
                    self.view.case_title(run),
                    href=self.view.run_href(self.source, run),
                    title=trace(run),
                    note=t("mesuré ici"),
                ),
                *([_score(found, t(NOT_MEASURED), trace(run), digits=3)] if f1 else []),
                *(
                    _cell(known.get(label), t(NOT_MEASURED), trace(run), f1=f1)
                    for label in self.classes
                ),
            ),
        )


def _cell(scores: Scores | None, reason: str, tip: str, *, f1: bool) -> Cell:
    if scores is None:
        return absent(reason)
    if f1:
        return _score(scores.f1, reason, tip)
    undefined = isinstance(scores, ClassScores) and scores.precision.value is None
    return Cell(
        text=f"{_number(scores.precision)} / {_number(scores.recall)}",
        title=f"{t(NEVER)} ({tip})" if undefined else tip,
    )


def _score(found: Metric | float | None, reason: str, tip: str, digits: int = 2) -> Cell:
    metric = found if isinstance(found, Metric) else Metric(name="", value=found, n=0)
    if metric.value is None:
        return absent(reason)
    return measured(
        wording.decimal(metric.value, digits),
        metric.value,
        low=metric.low,
        high=metric.high,
        title=tip,
    )


def _number(value: Metric | float | None, digits: int = 2) -> str:
    if isinstance(value, Metric):
        value = value.value
    return wording.DASH if value is None else wording.decimal(value, digits)
