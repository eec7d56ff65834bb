"""What a zero-shot model reads: names against descriptions, and one photo's way to its class."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from evaluation.records import RunRecord, SampleCard
from evaluation.report.kit import wording
from evaluation.report.kit.language import nt, t
from evaluation.report.kit.tables import Cell, Col, Kind, Table, head, number, table
from evaluation.report.study.here import Here
from evaluation.report.study.photos import photo
from evaluation.report.study.sentences import recall_changes
from evaluation.report.study.view import StudyView, best, trace

_TEXTS = 3
"""Texts of a class that a cell quotes."""


def contrast(view: StudyView) -> tuple[RunRecord, RunRecord] | None:
    """A model's case with the baseline texts, and with those that say more.

    The texts are the descriptions where a study has some, else its most accurate ones.
    """
    named = [(run.prompts.name, run) for run in view.described if run.prompts]
    richer = [(name, run) for name, run in named if name != view.baseline and view.twin(run)]
    descriptions = tuple(run for name, run in richer if name == "descriptions")
    run = best(descriptions or tuple(run for _, run in richer))
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
    changes, known = recall_changes(base, run), here.view.shown_changes(run.case)

    def recall(place: int, label: str) -> Cell:
        case = pair[place]
        href = here.photos(case.case, truth=label, verdict="juste")
        return number(recalls[place].get(label), "percent", title=trace(case), href=href)

    def gain(label: str) -> Cell:
        change = changes.get(label)
        kind: Kind = "" if label not in known else "hit" if (change or 0) > 0 else "error"
        return number(change, "points", title=trace(run), kind=kind)

    def quoted(place: int, label: str) -> Cell:
        """The first texts of a class, and how many more there are."""
        prompts = pair[place].prompts
        texts = prompts.texts.get(label, ()) if prompts else ()
        if prompts is None or not texts:
            return Cell(text=wording.DASH)
        rest = len(texts) - _TEXTS
        return Cell(
            text=wording.clauses(texts[:_TEXTS]),
            lang=prompts.language,
            note=nt(rest, "et {n} autre", "et {n} autres") if rest > 0 else "",
            title=f"prompts/{prompts.name}.toml",
        )

    titles = [wording.told(side.prompts.title) if side.prompts else "" for side in pair]
    read = base.prompts.texts if base.prompts else {}
    plain = all(texts == (label,) for label, texts in read.items())
    return table(
        "noms-et-descriptions-tableau",
        t("{model} : ce que chaque texte obtient", model=here.view.model_name(run.model.name)),
        here.view.study.classes,
        Col(t("Catégorie"), lambda label: head(label, href=here.gallery(label))),
        None if plain else Col(titles[0], partial(quoted, 0), numeric=False),
        Col(t("Rappel"), partial(recall, 0), titles[0]),
        Col(titles[1], partial(quoted, 1), numeric=False),
        Col(t("Rappel"), partial(recall, 1), titles[1]),
        Col(t("Gagné"), gain, t("points")),
        note=t("En couleur, les gains et les pertes qu’un test corrigé démontre."),
        kind="plain",
    )


def drawing(
    here: Here, shown: Callable[[Here, SampleCard], Mapping[str, str]] = photo
) -> Mapping[str, Any] | None:
    """One test photo's way to its class, with what the case of :func:`contrast` says of it.

    The photo is the one that the case gets right with its median probability: neither its best
    answer nor its worst; ``shown`` gives its picture.  None without photos to show, or without
    such an answer.
    """
    _, run = contrast(here.view) or (None, None)
    said = here.view.results.predictions.get(run.case) if run else None
    if run is None or said is None or not here.view.photos_shown:
        return None
    cards, sure = here.view.cards, said.probabilities.max(axis=1)
    right = [row for row, id_ in enumerate(said.sample_ids) if said.right[row] and id_ in cards]
    if not right:
        return None
    row = sorted(right, key=lambda index: float(sure[index]))[len(right) // 2]
    card, texts = cards[said.sample_ids[row]], run.prompts.texts if run.prompts else {}
    return {
        "photo": shown(here, card),
        "href": here.photo(card.id),
        "case": here.view.case_title(run),
        "lang": run.prompts.language if run.prompts else "",
        "texts": [
            {
                "text": (texts.get(label) or (label,))[0],
                "label": label,
                "share": f"{share:.3f}",
                "said": wording.percent(float(share), 0),
                "chosen": place == said.predicted[row],
            }
            for place, (label, share) in enumerate(
                zip(said.classes, said.probabilities[row], strict=True)
            )
        ],
    }
