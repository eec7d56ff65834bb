"""Tables of results: cases, classes, confusions."""

from __future__ import annotations

from collections.abc import Mapping

from evaluation.records import ClassScores, Metric, RunRecord
from evaluation.report import links, wording
from evaluation.report.matrix import rank_cell
from evaluation.report.sentences import recall_changes
from evaluation.report.tables import Cell, Column, Group, Kind, Row, Table, absent, head
from evaluation.report.view import METRICS, StudyView, bounds, shown, trace, value

NEVER = "précision indéfinie\u00a0: cette catégorie n’a jamais été prédite"
NOT_MEASURED = "cette catégorie n’est pas dans le résultat"

RANKS = (
    "Le rang compte les cas qu’un test trouve meilleurs. Deux cas qui partagent une lettre sont "
    "ex æquo\u00a0: aucun test ne les sépare. Le vrai rang est dans la fourchette indiquée avec "
    "95\u202f% de confiance. "
)

OPENS = " Chaque nombre mène à ses photos."

_SUMMARY = ("accuracy", "macro_f1", "balanced_accuracy", "top2_accuracy")


def share_cell(metric: Metric | None, title: str = "", kind: Kind = "") -> Cell:
    """A share in percent with its interval under it."""
    if metric is None or metric.value is None:
        return absent("valeur indéfinie" if metric else "non mesuré")
    return Cell(text=shown(metric), note=bounds(metric), title=title, kind=kind)


# --------------------------------------------------------------------------- cases


def cases_table(view: StudyView, source: str) -> Table:
    """Every case with its metrics, best accuracy first; those without a result at the end."""
    order = sorted(view.scored, key=lambda run: -value(run, "accuracy"))
    metrics = tuple(name for name in _SUMMARY if any(run.metric(name) for run in order))
    ranked = view.comparison is not None and view.comparison.comparison is not None
    rows = [
        Row(
            cells=(
                head(view.case_title(run), href=view.run_href(source, run), title=trace(run)),
                *((rank_cell(view, run.case),) if ranked else ()),
                *(share_cell(run.metric(name), trace(run)) for name in metrics),
                _speed(run),
            )
        )
        for run in order
    ]
    rows += [
        Row(
            cells=(
                head(absence.title),
                Cell(
                    text=f"{wording.sentence_case(absence.status)}\u00a0: {absence.reason}",
                    span=str(len(metrics) + 1 + ranked),
                    kind="missing",
                    lang=absence.reason_lang,
                ),
            ),
            kind="missing",
        )
        for absence in view.absences
    ]
    return Table(
        id="cas",
        caption=f"Tous les cas, sur les mêmes {wording.plural(view.test_images, 'photo')} de test",
        columns=(
            Column(text="Cas", numeric=False),
            *((Column(text="Rang"),) if ranked else ()),
            *(Column(text=METRICS[name]) for name in metrics),
            Column(text="Vitesse", note="photos par seconde"),
        ),
        groups=(Group(rows=tuple(rows)),),
        note=f"{RANKS if ranked else ''}Entre crochets, l’intervalle à 95\u202f%. Chaque nom de "
        "cas mène à son exécution\u00a0: versions, empreintes, durées, commande.",
        kind="scores",
    )


def _speed(run: RunRecord) -> Cell:
    speed = run.timings.images_per_second
    if speed is None:
        return absent("vitesse inconnue")
    return Cell(text=wording.decimal(speed, 1), title=trace(run))


# ------------------------------------------------------------------------- classes


def class_table(view: StudyView, run: RunRecord, source: str, base: RunRecord | None) -> Table:
    """Precision, recall and F1 of each class; with ``base``, what recall gained over it."""
    changes = recall_changes(base, run) if base is not None and base is not run else {}
    columns = [
        Column(text="Catégorie", numeric=False),
        Column(text="Rappel"),
        *([Column(text="Écart de rappel", note="points")] if changes else []),
        Column(text="Précision"),
        Column(text="F1"),
        Column(text="Photos de test"),
    ]
    return Table(
        id=f"classes-{view.case_slugs[run.case]}",
        caption=f"{view.case_title(run)}\u00a0: catégorie par catégorie",
        columns=tuple(columns),
        groups=(
            Group(rows=tuple(_class_row(view, run, row, changes, source) for row in run.per_class)),
        ),
        kind="scores",
    )


def _class_row(
    view: StudyView, run: RunRecord, row: ClassScores, changes: Mapping[str, float], source: str
) -> Row:
    tip = trace(run)
    change = []
    if changes:
        change = [_change_cell(changes.get(row.label), tip)]
    return Row(
        cells=(
            head(row.label, href=gallery_href(view, row.label, source)),
            share_cell(row.recall, tip),
            *change,
            share_cell(row.precision, tip) if row.precision.value is not None else absent(NEVER),
            share_cell(row.f1, tip),
            Cell(text=wording.count(row.support)),
        )
    )


def _change_cell(change: float | None, tip: str) -> Cell:
    if change is None:
        return absent(NOT_MEASURED)
    kind: Kind = "hit" if change > 0 else "error" if change < 0 else ""
    return Cell(text=wording.signed(100 * change), title=tip, kind=kind)


def gallery_href(view: StudyView, label: str, source: str) -> str:
    """The address of a class's photos; "" for a class that the card does not have."""
    return links.href(source, view.class_page(label)) if label in view.class_slugs else ""


# ------------------------------------------------------------------------ confusion


def confusion_table(view: StudyView, run: RunRecord) -> Table:
    """True classes in rows, predicted ones in columns, shaded by the share of the row."""
    return Table(
        id=f"confusion-{view.case_slugs[run.case]}",
        caption=f"Matrice de confusion\u00a0: {view.case_title(run)}",
        columns=(
            Column(text="Vraie catégorie", numeric=False),
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
        note="Chaque ligne répartit les photos d’une catégorie selon ce que le modèle en a dit"
        "\u202f; la diagonale, encadrée, compte les photos bien classées."
        f"{OPENS if view.explorable(run.case) else ''}",
        spanner="Catégorie prédite",
        kind="confusion",
    )


def _confusion_cell(view: StudyView, run: RunRecord, i: int, j: int, total: int) -> Cell:
    times, known = run.confusion[i][j], view.explorable(run.case)
    true, guess = wording.quote(run.classes[i]), wording.quote(run.classes[j])
    said = "bien reconnues" if i == j else f"prises pour {guess}"
    return Cell(
        text=wording.count(times),
        title=f"{wording.count(times)} sur {wording.plural(total, 'photo')} de {true} {said}",
        href=links.explorer_cell(view.folder, run.case, run.classes[i], run.classes[j])
        if times and known
        else "",
        kind="hit" if i == j else "error" if times else "",
        shade=f"{times / total:.3f}" if times else "",
    )
