"""The slides of the story: context, data, approaches, results, maps, conclusion."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from evaluation.records import (
    CaseExplanation,
    ClassMap,
    ExplainedPhoto,
    Family,
    Metric,
    RunRecord,
    SampleCard,
)
from evaluation.report.kit import wording
from evaluation.report.kit.language import nt, t
from evaluation.report.kit.sentence import Sentence, joined, say
from evaluation.report.pages import dataset, prompts, summary, zero_shot
from evaluation.report.paper.cover import cover_facts
from evaluation.report.paper.deck.blocks import (
    Album,
    Block,
    Column,
    Facts,
    Figure,
    Grid,
    Picture,
    Shelf,
    Sides,
    Slide,
    figure,
    picture,
    unlinked,
    words,
)
from evaluation.report.paper.deck.paging import paged
from evaluation.report.site.standalone import embed
from evaluation.report.study import faithfulness
from evaluation.report.study.accuracy import interval_chart
from evaluation.report.study.answer import answer, brief
from evaluation.report.study.findings import class_finding, findings, tell
from evaluation.report.study.here import Here
from evaluation.report.study.matrix import VERDICTS
from evaluation.report.study.photos import WITHHELD
from evaluation.report.study.quoted import slide_tables
from evaluation.report.study.texts import contrast, contrast_table
from evaluation.report.study.view import StudyView, best, bounds, shown
from evaluation.stores.pictures import own_picture

M = TypeVar("M")

_MAPS = 5
"""Photos with their maps on a slide."""

_POINTS = 4
"""Sentences that a slide holds beside a figure."""

_NAME = 36
"""Characters of a line of the first column of a dense table."""


def main_slides(view: StudyView) -> tuple[Slide, ...]:
    """The story, in its order; a slide that has nothing to show is left out."""
    source = view.page("index")
    made: list[Slide | None] = [
        _cover(view),
        _context(view),
        *_data(view),
        _approaches(view),
        *_texts(Here(view, source)),
        _results(Here(view, source)),
        *_quoted_tables(Here(view, source)),
        _duel(Here(view, source)),
        _class_gains(Here(view, source)),
        *_maps(view),
        _conclusion(Here(view, source)),
        _perspectives(view),
    ]
    return tuple(slide for slide in made if slide is not None)


# ------------------------------------------------------------------------- opening


def _cover(view: StudyView) -> Slide:
    return Slide(
        title=view.title,
        kicker=t("Veille technique : CLIP"),
        layout="cover",
        blocks=(words([joined(view.question)], "answer"), Facts(facts=cover_facts(view))),
    )


def _context(view: StudyView) -> Slide:
    return Slide(
        title=t("Contexte"),
        blocks=(
            words([joined(view.question)], "answer"),
            words(
                [
                    say(
                        "Ranger des photos par catégorie se fait d’ordinaire avec un réseau "
                        "entraîné : il faut des photos étiquetées de chaque catégorie, et "
                        "recommencer quand les catégories changent."
                    ),
                    say(
                        "CLIP (Contrastive Language–Image Pre-training, 2021) est "
                        "multimodal : il a appris à rapprocher une image et le texte qui "
                        "la décrit. Il classe sans exemple, d’après les seuls textes donnés aux "
                        "catégories."
                    ),
                    say(
                        "Cette étude mesure des modèles sur les mêmes photos, et ne dit qu’un cas "
                        "en dépasse un autre que si un test apparié et corrigé les sépare."
                    ),
                ]
            ),
        ),
    )


def _data(view: StudyView) -> tuple[Slide, ...]:
    intro = words([joined(dataset.intro(view))], "note")
    counts = dataset.counts(Here(view, view.page("donnees")))
    counted: tuple[Block, ...] = (
        (figure(dataset.chart(view)),)
        if len(view.study.classes) <= _CHARTED
        else tuple(Grid(table=one) for one in paged(unlinked(counts), rows=11))
    )
    notice = () if view.photos_shown else (words([joined(t(WITHHELD))], "note"),)
    split = tuple(
        Slide(title=t("Jeu de données : le découpage"), blocks=(intro, one, *notice))
        for one in counted
    )
    if not view.photos_shown:
        return split
    shelves = tuple(
        Shelf(
            title=label,
            note=nt(len(view.samples(label)), "{n} photo", "{n} photos"),
            pictures=tuple(picture(view, card) for card in diverse(view, label, 3)),
        )
        for label in view.study.classes
    )
    return (
        *(
            Slide(
                title=t("Jeu de données : les catégories"),
                blocks=(Album(shelves=shelves[start : start + _SHELVES]),),
            )
            for start in range(0, len(shelves), _SHELVES)
        ),
        *split,
    )


_CHARTED = 14
"""Classes of a chart that a slide holds."""

_SHELVES = 9
"""Classes whose photos a slide holds."""


def diverse(view: StudyView, label: str, number: int) -> tuple[SampleCard, ...]:
    """Photos of a class that differ: one a sub-category, or spread over the test part."""
    cards = view.samples(label, "test") or view.samples(label)
    kinds: dict[str, SampleCard] = {}
    for card in cards:
        if card.subcategory:
            kinds.setdefault(card.subcategory, card)
    chosen = list(kinds.values())[:number]
    rest = [card for card in cards if card not in chosen]
    missing = number - len(chosen)
    if missing > 0 and rest:
        chosen += rest[:: max(1, len(rest) // missing)][:missing]
    return tuple(chosen)


def _approaches(view: StudyView) -> Slide:
    train = sum(card.fold == "train" for card in view.study.samples)
    test = nt(view.test_images, "{n} photo", "{n} photos")
    return Slide(
        title=t("Deux approches"),
        blocks=(
            Sides(
                columns=(
                    Column(
                        title=t("Approche classique, supervisée"),
                        lead=_titles(view, view.supervised),
                        note="",
                        points=(
                            say(
                                "Apprend sur {photos} étiquetées à la main.",
                                photos=nt(train, "{n} photo", "{n} photos"),
                            ),
                            say(
                                "Règle ses paramètres sur la validation, puis répond une fois "
                                "des {photos} de test.",
                                photos=test,
                            ),
                            say("Une catégorie nouvelle demande un nouvel apprentissage."),
                        ),
                        tone="supervised",
                    ),
                    Column(
                        title=t("Zero-shot"),
                        lead=_titles(view, view.zero_shot),
                        note="",
                        points=(
                            say("N’apprend sur aucune photo de ces catégories."),
                            say(
                                "Encode chaque texte et chaque photo dans un même espace ; "
                                "une photo va à la catégorie dont le texte est le plus proche."
                            ),
                            say("Changer un texte, c’est changer le classifieur."),
                        ),
                        tone="zero-shot",
                    ),
                )
            ),
        ),
    )


def _titles(view: StudyView, runs: Iterable[RunRecord]) -> str:
    names = list(dict.fromkeys(view.model_title(run) for run in runs))
    return wording.listing(names) if names else t("pas encore évaluée")


# --------------------------------------------------------------------------- texts


def _texts(here: Here) -> tuple[Slide, ...]:
    """What the model reads of each class, and what it gets with it."""
    made = contrast_table(here)
    return tuple(
        Slide(title=t("Enrichir les textes"), blocks=(Grid(table=page, dense=True),))
        for page in (paged(unlinked(made), rows=8) if made else ())
    )


def _on_texts(here: Here, run: RunRecord) -> tuple[Sentence, ...]:
    """What the tests say of these texts; nothing while there are none."""
    found = here.view.comparison.findings if here.view.comparison else ()
    topics = {"prompts", "control"}
    told = (tell(here, one) for one in found if one.topic in topics and one.subject == run.case)
    return tuple(told)[:1]


# ------------------------------------------------------------------------- results


def _results(here: Here) -> Slide:
    blocks: list[Block] = [words([brief(here)], "answer")]
    if here.view.scored:
        blocks.append(figure(interval_chart(here)))
    return Slide(title=t("Résultats"), blocks=tuple(blocks))


def _quoted_tables(here: Here) -> tuple[Slide, ...]:
    view = here.view
    if not (view.scored or view.reference):
        return ()
    precision_recall, f1 = slide_tables(view.reference, view.study.classes, here)
    made = (
        (t("Précision et rappel par catégorie"), precision_recall, 1),
        (t("Exactitude et F1 par catégorie"), f1, 2),
    )
    return tuple(
        Slide(title=title, blocks=(Grid(table=page, dense=True),))
        for title, table, fixed in made
        for page in paged(unlinked(table), rows=16, columns=10, fixed=fixed, line=_NAME)
    )


def _duel(here: Here) -> Slide | None:
    """The best supervised case against the best zero-shot one, with the verdict of the tests."""
    view = here.view
    trained, free = best(view.supervised), best(view.described)
    if trained is None or free is None:
        return None
    told = findings(here, "training", "leaders")[:1]
    quoted = findings(here, "quoted")[:1]
    pair = view.pair(trained.case, free.case)
    verdict = (
        say(
            "Verdict du test apparié : {verdict}, avec un écart de {gap} (IC 95 % {interval}).",
            verdict=t(VERDICTS[pair.verdict])
            if pair.verdict != "better"
            else t("{case} est meilleur", case=wording.quote(view.case_name(pair.a))),
            gap=wording.gap(pair.gap),
            interval=wording.interval(pair.low, pair.high),
        )
        if pair is not None
        else ()
    )
    return Slide(
        title=t("Supervisé ou zero-shot : qui l’emporte"),
        blocks=(
            Sides(
                columns=(
                    _contender(view, trained, "supervised"),
                    _contender(view, free, "zero-shot"),
                )
            ),
            words([verdict], "answer"),
            words((*told, *quoted)),
        ),
    )


def _contender(view: StudyView, run: RunRecord, tone: Family) -> Column:
    found = run.metric("accuracy")
    return Column(
        title=view.case_title(run),
        lead=shown(found),
        note=_of(found),
        points=(),
        tone=tone,
    )


def _of(metric: Metric | None) -> str:
    if metric is None or not bounds(metric):
        return ""
    return t("IC 95 % {interval}", interval=bounds(metric))


def _class_gains(here: Here) -> Slide | None:
    """What the enriched texts change, class by class."""
    pair = contrast(here.view)
    if pair is None:
        return None
    chosen = pair[1]
    found = _gain(here, chosen) or _change(here, chosen)
    if found is None:
        return None
    chart, told = found
    return Slide(
        title=t("Enrichir les textes : catégorie par catégorie"),
        blocks=(words([*_on_texts(here, chosen), told], "note"), chart),
    )


def _gain(here: Here, run: RunRecord) -> tuple[Figure, Sentence] | None:
    view = here.view
    diagnoses = view.comparison.prompts if view.comparison else ()
    gain = next((one for d in diagnoses for one in d.gains if one.a == run.case), None)
    if gain is None or gain.a in view.controls or len(gain.classes) > _CHARTED:
        return None
    return figure(prompts.gain_chart(here, gain)), class_finding(here, gain)


def _change(here: Here, run: RunRecord) -> tuple[Figure, Sentence] | None:
    change = zero_shot.change(here.view, run)
    if change is None or len(here.view.study.classes) > _CHARTED:
        return None
    return figure(change), zero_shot.lead(here, run)


# ---------------------------------------------------------------------------- maps


def _maps(view: StudyView) -> tuple[Slide, ...]:
    """Right answers, then wrong ones; nothing while no map was made, or may be shown."""
    found = explained(view)
    if found is None:
        return ()
    run, told = found
    right = [one for one in told.photos if one.label == one.predicted and one.maps]
    wrong = [one for one in told.photos if one.label != one.predicted and one.maps]
    worth = _faithful(told)
    subject = joined(t("Cas expliqué : {case}.", case=view.case_title(run)))
    made = (
        (t("Cartes d’attention : prédictions correctes"), right),
        (t("Cartes d’attention : prédictions incorrectes"), wrong),
    )
    return tuple(
        Slide(
            title=title,
            blocks=(
                words([joined(subject, " ", worth)], "note"),
                Album(
                    shelves=tuple(_explained_shelf(view, told, one) for one in photos[:_MAPS]),
                    style="maps",
                ),
            ),
        )
        for title, photos in made
        if photos
    )


def explained(view: StudyView) -> tuple[RunRecord, CaseExplanation] | None:
    """The case whose maps are shown: the best zero-shot one that has them."""
    if not view.photos_shown:
        return None
    ordered = sorted(view.described, key=lambda run: run is not best(view.described))
    for run in (*ordered, *view.supervised):
        found = view.results.explanations.get(run.case)
        if found is not None and any(one.maps for one in found.photos):
            return run, found
    return None


def _faithful(told: CaseExplanation) -> Sentence:
    """What was measured of the maps, in the words of the page about them."""
    said = faithfulness.verdicts(told)
    if not said:
        return say("La fidélité des cartes n’a pas été mesurée.")
    return joined(" ".join(said))


def _explained_shelf(view: StudyView, told: CaseExplanation, one: ExplainedPhoto) -> Shelf:
    cards = {card.id: card for card in view.study.samples}
    method = one.maps[0].method
    maps = [each for each in one.maps if each.method == method]
    sure = wording.percent(one.probabilities[told.classes.index(one.predicted)], 0)
    root = view.results.folder.parent
    folder = root / told.case
    base = picture(view, cards[one.sample_id])
    right = one.label == one.predicted
    return Shelf(
        title=t("Vrai : {label}", label=one.label),
        note=t("Prédit : {label} ({share})", label=one.predicted, share=sure),
        pictures=tuple(
            _mapped(base, each, embed(own_picture(folder, each.overlay, root)), right=right)
            for each in maps
        ),
    )


def _mapped(base: Picture, one: ClassMap, overlay: str, *, right: bool) -> Picture:
    return Picture(
        src=base.src,
        alt=t("{photo} Carte de {label}.", photo=base.alt, label=wording.quote(one.label)),
        caption=t("ce qui parle pour {label}", label=wording.quote(one.label)),
        overlays=(overlay,),
        tone="hit" if right else "error",
    )


# ----------------------------------------------------------------------- conclusion


def _conclusion(here: Here) -> Slide:
    return Slide(
        title=t("Conclusion"),
        blocks=(
            words([answer(here)], "answer"),
            words(summary.conclusions(here)[:_POINTS]),
        ),
    )


def _perspectives(view: StudyView) -> Slide:
    derived = summary.subcategories(Here(view, view.page("index")))
    points = [
        say(
            "Des descriptions plus précises, guidées par l’analyse des cartes d’attention : "
            "regarder ce que le modèle regarde quand il se trompe, et le lui dire."
        ),
        joined(
            say(
                "Quelques exemples par sous-catégorie : une catégorie d’articles très "
                "différents gagne à être décrite en plusieurs textes courts."
            ),
            *((" ", derived) if derived else ()),
        ),
        say("D’autres modèles de la famille CLIP : une étude accepte tout modèle d’open_clip."),
    ]
    limits = [
        say(
            "Avec {photos} de test, seuls de grands écarts se voient ; ne pas séparer deux "
            "cas ne prouve pas qu’ils se valent.",
            photos=nt(view.test_images, "{n} photo", "{n} photos"),
        )
    ]
    if explained(view) is None:
        limits.append(
            say(
                "Aucune carte d’attention dans ce diaporama : elles n’ont pas été calculées, "
                "ou ces photos ne peuvent pas être montrées."
            )
        )
    return Slide(title=t("Perspectives et limites"), blocks=(words(points), words(limits, "note")))
