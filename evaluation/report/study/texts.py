"""What a zero-shot model reads: names against descriptions, and one photo's way to its class."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from evaluation.records import PromptSet, RunRecord, SampleCard
from evaluation.report.kit import wording
from evaluation.report.kit.language import nt, t
from evaluation.report.kit.tables import Cell, Col, Kind, Table, head, number, table
from evaluation.report.study.here import Here
from evaluation.report.study.photos import photo
from evaluation.report.study.view import StudyView, best, trace

_TEXTS = 3
"""Texts of a class that a cell quotes."""


def contrast(view: StudyView) -> tuple[RunRecord, RunRecord] | None:
    """A model's case with the baseline texts, and with those that say more.

    The texts are the descriptions where a study has some, else its most accurate ones.
    """
    richer = tuple(
        run
        for run in view.described
        if run.prompts and run.prompts.name != view.baseline and view.twin(run)
    )
    named = tuple(run for run in richer if run.prompts and run.prompts.name == "descriptions")
    run = best(named or richer)
    base = None if run is None else view.twin(run)
    return None if run is None or base is None else (base, run)


def side_by_side(view: StudyView) -> tuple[RunRecord, ...]:
    """The cases whose confusions are compared: what was trained, names alone, descriptions."""
    trained = view.answer.rival.run if view.answer.rival else best(view.supervised)
    runs = (trained, *(contrast(view) or (best(view.described),)))
    return tuple({run.case: run for run in runs if run is not None}.values())


def contrast_table(here: Here) -> Table | None:
    """Both texts of each class, their recalls, and what the richer one gains.

    A gain is coloured where a corrected test shows it.
    """
    pair = contrast(here.view)
    if pair is None:
        return None
    base, run = pair
    recalls = [{row.label: row.recall for row in side.per_class} for side in pair]
    known = here.view.shown_changes(run.case)

    def recall(place: int, label: str) -> Cell:
        case = pair[place]
        href = here.photos(case.case, truth=label, verdict="juste")
        return number(recalls[place].get(label), "percent", title=trace(case), href=href)

    def gain(label: str) -> Cell:
        before, after = (side[label].value if label in side else None for side in recalls)
        change = None if before is None or after is None else after - before
        shown = change is not None and label in known
        kind: Kind = "" if not shown else "hit" if (change or 0) > 0 else "error"
        return number(change, "points", title=trace(run), kind=kind)

    titles = [wording.told(side.prompts.title) if side.prompts else "" for side in pair]
    plain = base.prompts is None or all(
        texts == (label,) for label, texts in base.prompts.texts.items()
    )
    return table(
        "noms-et-descriptions-tableau",
        t("{model} : ce que chaque texte obtient", model=here.view.model_name(run.model.name)),
        here.view.study.classes,
        Col(t("Catégorie"), lambda label: head(label, href=here.gallery(label))),
        None if plain else Col(titles[0], partial(quoted, base.prompts), numeric=False),
        Col(t("Rappel"), partial(recall, 0), titles[0]),
        Col(titles[1], partial(quoted, run.prompts), numeric=False),
        Col(t("Rappel"), partial(recall, 1), titles[1]),
        Col(t("Gagné"), gain, t("points")),
        note=t("En couleur, les gains et les pertes qu’un test corrigé démontre."),
        kind="plain",
    )


def quoted(prompts: PromptSet | None, label: str) -> Cell:
    """The first texts of a class, and how many more there are."""
    texts = prompts.texts.get(label, ()) if prompts else ()
    rest = len(texts) - _TEXTS
    return Cell(
        text=wording.clauses(texts[:_TEXTS]) or wording.DASH,
        lang=prompts.language if prompts and texts else "",
        note=nt(rest, "et {n} autre", "et {n} autres") if rest > 0 else "",
        title=f"prompts/{prompts.name}.toml" if prompts and texts else "",
    )


def drawing(
    here: Here, shown: Callable[[Here, SampleCard], Mapping[str, str]] = photo
) -> Mapping[str, Any] | None:
    """One test photo's way to its class, with what the case of :func:`contrast` says of it.

    The photo is the one that the case gets right with its median probability: neither its best
    answer nor its worst; ``shown`` gives its picture.  None without photos to show, or without
    such an answer.
    """
    pair = contrast(here.view)
    predictions = here.view.results.predictions.get(pair[1].case) if pair else None
    if pair is None or predictions is None or not here.view.photos_shown:
        return None
    run = pair[1]
    sure = predictions.probabilities.max(axis=1)
    right = [
        row for row in range(len(sure)) if predictions.predicted[row] == predictions.labels[row]
    ]
    right = [row for row in right if predictions.sample_ids[row] in here.view.cards]
    if not right:
        return None
    row = sorted(right, key=lambda index: float(sure[index]))[len(right) // 2]
    chances = predictions.probabilities[row]
    card = here.view.cards[predictions.sample_ids[row]]
    return {
        "photo": shown(here, card),
        "href": here.photo(card.id),
        "case": here.view.case_title(run),
        "lang": run.prompts.language if run.prompts else "",
        "texts": [
            {
                "text": (run.prompts.texts.get(label) or (label,))[0] if run.prompts else label,
                "label": label,
                "share": f"{chances[place]:.3f}",
                "said": wording.percent(float(chances[place]), 0),
                "chosen": place == predictions.predicted[row],
            }
            for place, label in enumerate(predictions.classes)
        ],
    }
