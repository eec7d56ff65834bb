"""Tables of results: cases, classes, confusions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evaluation.records import ClassScores, Metric, RunRecord
from evaluation.records.metrics import OF_CASES
from evaluation.report.kit import links, wording
from evaluation.report.kit.language import message, nt, t
from evaluation.report.kit.tables import (
    Cell,
    Column,
    Group,
    Kind,
    Row,
    Table,
    absent,
    head,
    measured,
)
from evaluation.report.study.here import Here
from evaluation.report.study.matrix import rank_cell
from evaluation.report.study.sentences import recall_changes
from evaluation.report.study.view import (
    Absence,
    StudyView,
    bounds,
    metric_title,
    shown,
    trace,
    value,
)

NEVER = message("précision indéfinie : cette catégorie n’a jamais été prédite")
NOT_MEASURED = message("cette catégorie n’est pas dans le résultat")

RANKS = message(
    "Le rang compte les cas qu’un test trouve meilleurs. Deux cas qui "
    "partagent une lettre ne sont pas départagés : aucun test ne les sépare. Le "
    "vrai rang est dans la fourchette indiquée avec 95 % de confiance. "
)

OPENS = message(" Chaque nombre mène à ses photos.")


def share_cell(metric: Metric | None, title: str = "", kind: Kind = "", href: str = "") -> Cell:
    """A share in percent with its interval under it."""
    if metric is None or metric.value is None:
        return absent(t("valeur indéfinie") if metric else t("non mesuré"))
    return measured(
        shown(metric),
        metric.value,
        low=metric.low,
        high=metric.high,
        note=bounds(metric),
        title=title,
        kind=kind,
        href=href,
    )


def right_href(here: Here, run: RunRecord) -> str:
    """The photos that a case gets right: what its accuracy counts; "" without a page of them."""
    if not here.view.explorable(run.case):
        return ""
    return links.explorer_case(here.view.folder, run.case, verdict="juste", source=here.uri)


# --------------------------------------------------------------------------- cases


def _missing(here: Here, span: int) -> list[Row]:
    """A row for each declared case without a result, whose reason covers ``span`` columns."""
    return [
        Row(
            cells=(
                head(absence.title, href=_attempt_href(here, absence)),
                Cell(
                    text=t(
                        "{status} : {reason}",
                        status=wording.sentence_case(absence.status),
                        reason=absence.reason,
                    ),
                    span=str(span),
                    kind="missing",
                    lang=absence.reason_lang,
                ),
            ),
            kind="missing",
        )
        for absence in here.absences()
    ]


def cases_table(here: Here) -> Table:
    """Every case with its metrics, best accuracy first; those without a result at the end."""
    view = here.view
    order = sorted(view.scored, key=lambda run: -value(run, "accuracy"))
    metrics = tuple(row.name for row in OF_CASES if any(run.metric(row.name) for run in order))
    ranked = view.comparison is not None and view.comparison.comparison is not None
    rows = [
        Row(
            cells=(
                head(view.case_title(run), href=here.run(run.case), title=trace(run)),
                *((rank_cell(view, run.case),) if ranked else ()),
                *(
                    share_cell(
                        run.metric(name),
                        trace(run),
                        href=right_href(here, run) if name == "accuracy" else "",
                    )
                    for name in metrics
                ),
                _speed(run),
            )
        )
        for run in order
    ]
    missing = _missing(here, len(metrics) + 1 + ranked)
    return Table(
        id="cas",
        caption=t(
            "Tous les cas, sur les mêmes {test_images} de test",
            test_images=nt(view.test_images, "{n} photo", "{n} photos"),
        ),
        columns=(
            Column(text=t("Cas"), numeric=False),
            *((Column(text=t("Rang")),) if ranked else ()),
            *(Column(text=metric_title(name)) for name in metrics),
            Column(text=t("Vitesse"), note=t("photos par seconde")),
        ),
        groups=_by_reading(order, rows, missing),
        note=t(
            "{ranks}Entre crochets, l’intervalle à 95 %. Chaque nom de cas "
            "mène à son exécution : versions, empreintes, durées, commande.",
            ranks=t(RANKS) if ranked else "",
        ),
        kind="scores",
    )


def _by_reading(
    runs: Sequence[RunRecord], rows: Sequence[Row], missing: Sequence[Row]
) -> tuple[Group, ...]:
    """Cases that read the title too stand apart: they answer another question."""
    pairs = list(zip(runs, rows, strict=True))
    photo = [row for run, row in pairs if run.model.reads == ("photo",)]
    both = [row for run, row in pairs if run.model.reads != ("photo",)]
    apart = (Group(title=t("Photo et titre lus à la prédiction"), rows=tuple(both)),)
    return (Group(rows=(*photo, *missing)), *(apart if both else ()))


def _attempt_href(here: Here, absence: Absence) -> str:
    """To the record of a case without a result, to the model's card for several; or ""."""
    run = here.view.runs.get(absence.cases[0])
    if run is None or (absence.href and len(absence.cases) > 1):
        return absence.href
    return here.run(run.case)


def _speed(run: RunRecord) -> Cell:
    speed = run.timings.images_per_second
    if speed is None:
        return absent(t("vitesse inconnue"))
    return measured(wording.decimal(speed, 1), speed, title=trace(run))


# ------------------------------------------------------------------------- classes


def class_table(here: Here, run: RunRecord, base: RunRecord | None) -> Table:
    """Precision, recall and F1 of each class; with ``base``, what recall gained over it."""
    changes = recall_changes(base, run) if base is not None and base is not run else {}
    columns = [
        Column(text=t("Catégorie"), numeric=False),
        Column(text=t("Rappel")),
        *([Column(text=t("Écart de rappel"), note=t("points"))] if changes else []),
        Column(text=t("Précision")),
        Column(text="F1"),
        Column(text=t("Photos de test")),
    ]
    return Table(
        id=f"classes-{here.view.case_slugs[run.case]}",
        caption=t("{case_title} : catégorie par catégorie", case_title=here.view.case_title(run)),
        columns=tuple(columns),
        groups=(Group(rows=tuple(_class_row(here, run, row, changes) for row in run.per_class)),),
        kind="scores",
    )


def _class_row(here: Here, run: RunRecord, row: ClassScores, changes: Mapping[str, float]) -> Row:
    tip = trace(run)

    def photos(**which: str) -> str:
        if not here.view.explorable(run.case):
            return ""
        return links.explorer_case(here.view.folder, run.case, source=here.uri, **which)  # type: ignore[arg-type]

    change = []
    if changes:
        known = row.label in here.view.shown_changes(run.case)
        change = [_change_cell(changes.get(row.label), tip, shown=known)]
    return Row(
        cells=(
            head(row.label, href=gallery_href(here, row.label)),
            share_cell(row.recall, tip, href=photos(truth=row.label, verdict="juste")),
            *change,
            share_cell(row.precision, tip, href=photos(predicted=row.label))
            if row.precision.value is not None
            else absent(t(NEVER)),
            share_cell(row.f1, tip),
            Cell(text=wording.count(row.support), title=tip, href=photos(truth=row.label)),
        )
    )


def _change_cell(change: float | None, tip: str, *, shown: bool) -> Cell:
    """A change in colour where a corrected test shows it."""
    if change is None:
        return absent(t(NOT_MEASURED))
    kind: Kind = "" if not shown else "hit" if change > 0 else "error"
    return measured(wording.signed(100 * change), change, title=tip, kind=kind)


def gallery_href(here: Here, label: str) -> str:
    """The address of a class's photos; "" for a class that the card does not have."""
    return here.gallery(label) if label in here.view.class_slugs else ""


# ------------------------------------------------------------------------ confusion


def confusion_table(view: StudyView, run: RunRecord) -> Table:
    """True classes in rows, predicted ones in columns, shaded by the share of the row."""
    return Table(
        id=f"confusion-{view.case_slugs[run.case]}",
        caption=t("Matrice de confusion : {case_title}", case_title=view.case_title(run)),
        columns=(
            Column(text=t("Vraie catégorie"), numeric=False),
            *(Column(text=label) for label in run.classes),
        ),
        groups=(
            Group(
                rows=tuple(
                    Row(
                        cells=(
                            head(label),
                            *(_confusion_cell(view, run, i, j, sum(row)) for j in range(len(row))),
                        )
                    )
                    for i, (label, row) in enumerate(zip(run.classes, run.confusion, strict=True))
                )
            ),
        ),
        note=t(
            "Chaque ligne répartit les photos d’une catégorie selon ce que le "
            "modèle en a dit ; la diagonale, encadrée, compte les photos bien "
            "classées.{opens}",
            opens=t(OPENS) if view.explorable(run.case) else "",
        ),
        spanner=t("Catégorie prédite"),
        kind="confusion",
    )


def _confusion_cell(view: StudyView, run: RunRecord, i: int, j: int, total: int) -> Cell:
    times, known = run.confusion[i][j], view.explorable(run.case)
    true, guess = wording.quote(run.classes[i]), wording.quote(run.classes[j])
    said = t("bien reconnues") if i == j else t("prises pour {guess}", guess=guess)
    return Cell(
        text=wording.count(times),
        title=t(
            "{times} sur {total} de {true} {said}",
            times=wording.count(times),
            total=nt(total, "{n} photo", "{n} photos"),
            true=true,
            said=said,
        ),
        href=links.explorer_cell(view.folder, run.case, run.classes[i], run.classes[j])
        if times and known
        else "",
        kind="hit" if i == j else "error" if times else "",
        shade=f"{times / total:.3f}" if times else "",
    )
