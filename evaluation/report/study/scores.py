"""Tables of results: cases, classes, confusions, and how far people agree."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from evaluation.records import ClassScores, RunRecord
from evaluation.records.lists import OF_CASES
from evaluation.report.kit import wording
from evaluation.report.kit.language import message, nt, t
from evaluation.report.kit.tables import Cell, Col, Kind, Table, counted, field, head, number, table
from evaluation.report.study.here import Here
from evaluation.report.study.matrix import rank_cell
from evaluation.report.study.sentences import recall_changes
from evaluation.report.study.view import interval_said, metric_title, trace, trace_all

NEVER = message("précision indéfinie : cette catégorie n’a jamais été prédite")
NOT_MEASURED = message("cette catégorie n’est pas dans le résultat")


def cases_table(here: Here) -> Table:
    """Every case with its metrics, best accuracy first.

    Cases that read the title too stand apart: they answer another question.
    """
    view = here.view
    order = sorted(view.ranked, key=lambda run: run.model.reads != ("photo",))
    metrics = [row.name for row in OF_CASES if any(run.metric(row.name) for run in order)]
    ranked = view.compared is not None

    def measure(name: str, run: RunRecord) -> Cell:
        href = here.right(run.case) if name == "accuracy" else ""
        return number(run.metric(name), "percent", href=href)

    def speed(run: RunRecord) -> Cell:
        waited = run.chosen.get("seconds_per_photo")
        rate = run.timings.images_per_second or (1 / float(waited) if waited else None)
        return number(rate, "0.0", why=t("vitesse inconnue"))

    def tokens(run: RunRecord) -> Cell:
        """Of the test photos, with the answers that were none."""
        spent = [int(run.chosen.get(name, 0)) for name in ("tokens_in", "tokens_out")]
        refused = int(run.chosen.get("refused", 0))
        note = nt(refused, "{n} refus compté faux", "{n} refus comptés faux") if refused else ""
        return number(sum(spent) or None, "0", note=note)

    def cost(run: RunRecord) -> Cell:
        paid = run.chosen.get("cost_per_photo")
        return number(None if paid is None else float(paid), "0.0000")

    both = t("Photo et titre lus à la prédiction")
    photos = nt(view.test_images, "{n} photo", "{n} photos")
    chosen = {name for run in order for name in run.chosen}
    return table(
        "cas",
        t("Tous les cas, sur les mêmes {test_images} de test", test_images=photos),
        order,
        Col(t("Cas"), lambda run: here.case(run.case, title=trace(run))),
        Col(t("Rang"), lambda run: rank_cell(view, run.case), numeric=False) if ranked else None,
        *(Col(metric_title(name), partial(measure, name)) for name in metrics),
        Col(t("Vitesse"), speed, t("photos par seconde")),
        Col(t("Jetons"), tokens) if "tokens_in" in chosen else None,
        Col(t("Coût"), cost, t("par photo")) if "cost_per_photo" in chosen else None,
        tip=trace,
        by=lambda run: "" if run.model.reads == ("photo",) else both,
    )


def class_table(here: Here, run: RunRecord, base: RunRecord | None) -> Table:
    """Precision, recall and F1 of each class; with ``base``, what recall gained over it."""
    changes = recall_changes(base, run) if base is not None and base is not run else {}
    proven = here.view.shown_changes(run.case)

    def recall(row: ClassScores) -> Cell:
        href = here.photos(run.case, truth=row.label, verdict="juste")
        return number(row.recall, "percent", href=href)

    def change(row: ClassScores) -> Cell:
        """In colour where a corrected test shows it."""
        gain = changes.get(row.label)
        kind: Kind = "" if row.label not in proven else "hit" if (gain or 0) > 0 else "error"
        return number(gain, "points", why=t(NOT_MEASURED), kind=kind)

    def precision(row: ClassScores) -> Cell:
        href = here.photos(run.case, predicted=row.label)
        return number(row.precision, "percent", why=t(NEVER), href=href)

    def support(row: ClassScores) -> Cell:
        return counted(row.support, href=here.photos(run.case, truth=row.label))

    return table(
        f"classes-{here.view.case_slugs[run.case]}",
        t("{case_title} : catégorie par catégorie", case_title=here.view.case_title(run)),
        run.per_class,
        Col(
            t("Catégorie"), lambda row: head(row.label, href=here.gallery(row.label)), numeric=False
        ),
        Col(t("Rappel"), recall),
        Col(t("Écart de rappel"), change, t("points")) if changes else None,
        Col(t("Précision"), precision),
        Col("F1", field("f1", "percent")),
        Col(t("Photos de test"), support),
        tip=trace(run),
    )


def confusion_table(here: Here, run: RunRecord, *, numbered: bool = False) -> Table:
    """True classes in rows, predicted ones in columns, shaded by the share of the row.

    ``numbered`` heads the columns by the numbers of the rows, so that several fit side by side.
    """
    slug, title = here.view.case_slugs[run.case], here.view.case_title(run)
    heads = [wording.count(place) for place in range(1, len(run.classes) + 1)]
    names = [f"{head}. {label}" for head, label in zip(heads, run.classes, strict=True)]

    def photos(j: int, i: int) -> Cell:
        """How many photos of class ``i`` the case puts in class ``j``."""
        times, total = run.confusion[i][j], sum(run.confusion[i])
        truth, guess = run.classes[i], run.classes[j]
        taken = t("prises pour {guess}", guess=wording.quote(guess))
        return Cell(
            text=wording.count(times),
            title=t(
                "{times} sur {total} de {true} {said}",
                times=wording.count(times),
                total=nt(total, "{n} photo", "{n} photos"),
                true=wording.quote(truth),
                said=t("bien reconnues") if i == j else taken,
            ),
            href=here.photos(run.case, truth=truth, predicted=guess) if times else "",
            kind="hit" if i == j else "error" if times else "",
            shade=f"{times / total:.3f}" if times else "",
        )

    return table(
        f"confusions-{slug}" if numbered else f"confusion-{slug}",
        title if numbered else t("Matrice de confusion : {case_title}", case_title=title),
        range(len(run.classes)),
        Col(t("Vraie catégorie"), lambda i: (names if numbered else run.classes)[i], numeric=False),
        *(
            Col(text, partial(photos, j))
            for j, text in enumerate(heads if numbered else run.classes)
        ),
        spanner=t("Catégorie prédite"),
        kind="confusion",
    )


def people(here: Here) -> Mapping[str, Any] | None:
    """Who answered, their mean accuracy and their kappas; None where nobody did."""
    agreement = here.view.concluded.people
    if agreement is None:
        return None
    fleiss, why = agreement.fleiss, t("toutes les réponses sont dans une catégorie")
    return {
        "names": wording.listing([here.name(case) for case in agreement.people]),
        "n": len(agreement.people),
        "ceiling": interval_said(agreement.ceiling),
        "pairs": table(
            "accord-humain-paires",
            t("Accord de chaque paire de personnes, sur les photos de test"),
            agreement.pairs,
            Col(t("Personne"), lambda row: here.case(row.a)),
            Col(t("Autre personne"), lambda row: here.case(row.b), numeric=False),
            Col(t("Même catégorie"), field("same", "percent")),
            Col(t("Kappa de Cohen"), field("kappa", "0.00", why=why)),
            tip=lambda row: trace_all((row.a, row.b)),
        )
        if agreement.pairs
        else None,
        "fleiss": fleiss if fleiss is not None and fleiss.value is not None else None,
    }
