"""The data as the models see them: doubtful labels, classes that overlap, photos too alike."""

from __future__ import annotations

from dataclasses import dataclass

from evaluation.records import (
    CleanedAccuracy,
    DataAudit,
    EmbeddingAudit,
    Metric,
    SampleCard,
    Suspect,
)
from evaluation.report.kit import links, wording
from evaluation.report.kit.language import nt, t
from evaluation.report.kit.sentence import Sentence, say
from evaluation.report.kit.tables import (
    Cell,
    Column,
    Group,
    Row,
    Table,
    absent,
    exact,
    head,
    measured,
)
from evaluation.report.study.here import Here
from evaluation.report.study.photos import WITHHELD, Photo, photo
from evaluation.report.study.scores import gallery_href, right_href, share_cell
from evaluation.report.study.view import StudyView, trace


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspectCard:
    """A photo whose label every model doubts."""

    photo: Photo | None
    """None when the photos may not be shown."""
    name: str
    href: str
    """To all that is said of it; "" without a page of the photos."""
    label: str
    verdict: str
    said: tuple[tuple[str, str], ...]
    """(case, class it names)"""
    doubt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAudit:
    """What one model's embeddings say."""

    anchor: str
    title: str
    overlap: Table
    said: Sentence
    variety: Table


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPage:
    """The page of the audit."""

    title: str
    withheld: str
    suspects: tuple[SuspectCard, ...]
    suspects_said: Sentence
    accuracies: Table | None
    models: tuple[ModelAudit, ...]
    duplicates: tuple[tuple[Photo, ...], ...]
    duplicate_ids: tuple[str, ...]


def build(here: Here) -> AuditPage | None:
    """The page, or None when nothing was audited."""
    view = here.view
    found = view.comparison.audit if view.comparison else None
    if found is None:
        return None
    # One model alone cannot doubt a label; such an audit may still hold something else.
    asked = len(found.cases) > 1 and bool(found.accuracies)
    if not (asked or found.embeddings or found.near_duplicates):
        return None
    known = {card.id: card for card in view.study.samples}
    groups = tuple(
        tuple(known[one] for one in group if one in known) for group in found.near_duplicates
    )
    return AuditPage(
        title=view.title,
        withheld="" if view.photos_shown else t(WITHHELD),
        suspects=tuple(
            _suspect(here, one, known[one.sample_id])
            for one in found.suspects
            if one.sample_id in known
        ),
        suspects_said=_suspects_said(view, found) if asked else (),
        accuracies=_accuracies(here, found) if asked else None,
        models=tuple(_model(here, one) for one in found.embeddings),
        duplicates=tuple(tuple(photo(here, card) for card in group) for group in groups if group)
        if view.photos_shown
        else (),
        duplicate_ids=()
        if view.photos_shown
        else tuple(wording.listing([card.id for card in group]) for group in groups if group),
    )


# ------------------------------------------------------------------------- suspects


def _suspects_said(view: StudyView, found: DataAudit) -> Sentence:
    asked = wording.listing([wording.quote(view.case_name(case)) for case in found.cases])
    number = len(found.suspects)
    if not number:
        return say(
            "Aucune photo n’est placée ailleurs, avec confiance, par {asked} à la fois.",
            asked=asked,
        )
    agreed = sum(one.consensus is not None for one in found.suspects)
    verb = t("est placée") if number == 1 else t("sont placées")
    tail = (
        t("toutes dans une même autre catégorie")
        if agreed == number
        else t("dont {agreed} dans une même autre catégorie", agreed=wording.count(agreed))
    )
    if number == 1:
        tail = t("dans la même autre catégorie") if agreed else t("mais pas dans la même catégorie")
    return say(
        "{number} {verb} ailleurs, avec confiance, par {asked} à la fois, {tail}.",
        number=nt(number, "{n} photo", "{n} photos"),
        verb=verb,
        asked=asked,
        tail=tail,
    )


def _suspect(here: Here, one: Suspect, card: SampleCard) -> SuspectCard:
    view = here.view
    consensus = one.consensus
    return SuspectCard(
        photo=photo(here, card) if view.photos_shown else None,
        name=card.title or card.id,
        href=links.explorer_photo(view.folder, card.id, source=here.uri)
        if view.explorable(*one.predicted)
        else "",
        label=one.label,
        verdict=t("ambiguë : les modèles ne s’accordent pas")
        if consensus is None
        else t(
            "étiquette à vérifier : tous disent {consensus}",
            consensus=wording.quote(consensus),
        ),
        said=tuple((view.case_name(case), label) for case, label in one.predicted.items()),
        doubt=t(
            "{label_probability} de probabilité pour son étiquette",
            label_probability=wording.percent(one.label_probability),
        ),
    )


def _accuracies(here: Here, found: DataAudit) -> Table:
    view = here.view
    return Table(
        id="exactitude-sans-suspects",
        caption=t("Exactitude avec et sans les photos suspectes"),
        columns=(
            Column(text=t("Cas"), numeric=False),
            Column(text=t("Toutes les photos de test")),
            Column(text=t("Sans les suspectes")),
            Column(text=t("Écart"), note=t("points")),
        ),
        groups=(
            Group(
                rows=tuple(
                    Row(
                        cells=(
                            head(
                                view.case_name(one.case),
                                href=here.run(view.runs[one.case].case),
                            ),
                            share_cell(
                                one.everything,
                                trace(view.runs[one.case]),
                                href=right_href(here, view.runs[one.case]),
                            ),
                            share_cell(one.without, trace(view.runs[one.case])),
                            _difference(one, trace(view.runs[one.case])),
                        )
                    )
                    for one in found.accuracies
                )
            ),
        ),
        note=t(
            "Sans les suspectes, l’exactitude est un majorant : on retire des "
            "photos que tous ratent, que leur étiquette soit fausse ou "
            "qu’elles soient difficiles."
        ),
        kind="scores",
    )


def _difference(one: CleanedAccuracy, tip: str) -> Cell:
    before, after = one.everything.value, one.without.value
    if before is None or after is None:
        return absent(t("valeur indéfinie"))
    return measured(wording.signed(100 * (after - before)), after - before, title=tip)


# -------------------------------------------------------------------------- classes


def _model(here: Here, one: EmbeddingAudit) -> ModelAudit:
    view = here.view
    anchor = links.slug(one.model)
    return ModelAudit(
        anchor=f"vecteurs-{anchor}",
        title=view.model_name(one.model),
        overlap=_overlap(view, one, anchor),
        said=_variety_said(one, view.alpha),
        variety=_variety(here, one, anchor),
    )


def _overlap(view: StudyView, one: EmbeddingAudit, anchor: str) -> Table:
    labels = [row.label for row in one.classes]
    return Table(
        id=f"voisins-{anchor}",
        caption=t(
            "{model_name} : à quelles catégories appartiennent les "
            "{neighbours} les plus proches, en pour cent",
            model_name=view.model_name(one.model),
            neighbours=nt(one.neighbours, "{n} photo", "{n} photos"),
        ),
        columns=(
            Column(text=t("Catégorie de la photo"), numeric=False),
            *(Column(text=label) for label in labels),
        ),
        groups=(
            Group(
                rows=tuple(
                    Row(
                        cells=(
                            head(label),
                            *(
                                _neighbours(share, _trace(one), same=i == j)
                                for j, share in enumerate(row)
                            ),
                        )
                    )
                    for i, (label, row) in enumerate(zip(labels, one.overlap, strict=True))
                )
            ),
        ),
        note=t(
            "La diagonale, encadrée, est la part de voisines de la même "
            "catégorie ; hors d’elle, deux catégories se mêlent d’autant plus "
            "que le nombre est grand."
        ),
        spanner=t("Catégorie des voisines"),
        kind="confusion",
    )


def _trace(one: EmbeddingAudit) -> str:
    """Where what a model's vectors say comes from, as a tooltip."""
    return t("comparison.json, vecteurs de {model}", model=one.model)


def _neighbours(share: float, tip: str, *, same: bool) -> Cell:
    text = wording.decimal(100 * share, 0)
    return Cell(
        text=text,
        kind="hit" if same else "error" if text != "0" else "",
        shade=f"{share:.3f}" if share else "",
        title=tip,
        value=exact(share),
    )


def _variety_said(one: EmbeddingAudit, alpha: float) -> Sentence:
    rho, p = one.variety_recall, one.variety_recall_p
    if rho is None or p is None:
        return ()
    numbers = t(
        "(corrélation de Spearman {rho}, {p})", rho=wording.decimal(rho, 2), p=wording.p_value(p)
    )
    if p >= alpha:
        return say(
            "Rien ne montre, sur ces catégories, qu’une catégorie variée soit "
            "plus difficile ou plus facile {numbers}.",
            numbers=numbers,
        )
    word = t("moins bien") if rho < 0 else t("mieux")
    return say(
        "Plus une catégorie est variée, {word} elle est reconnue {numbers}.",
        word=word,
        numbers=numbers,
    )


def _variety(here: Here, one: EmbeddingAudit, anchor: str) -> Table:
    recalled = any(row.recall is not None for row in one.classes)
    return Table(
        id=f"variete-{anchor}",
        caption=t(
            "{model_name} : variété de chaque catégorie", model_name=here.view.model_name(one.model)
        ),
        columns=(
            Column(text=t("Catégorie"), numeric=False),
            Column(text=t("Variété"), note=t("distance cosinus moyenne")),
            Column(text=t("Voisines de la même catégorie")),
            *((Column(text=t("Rappel")),) if recalled else ()),
        ),
        groups=(
            Group(
                rows=tuple(
                    Row(
                        cells=(
                            head(row.label, href=gallery_href(here, row.label)),
                            _distance(row.variety, _trace(one)),
                            measured(wording.percent(row.purity, 0), row.purity, title=_trace(one)),
                            *((share_cell(row.recall, _trace(one)),) if recalled else ()),
                        )
                    )
                    for row in sorted(one.classes, key=lambda row: -(row.variety.value or 0.0))
                )
            ),
        ),
        kind="scores",
    )


def _distance(metric: Metric, tip: str) -> Cell:
    if metric.value is None:
        return absent(t("il faut deux photos"))
    return measured(
        wording.decimal(metric.value, 2),
        metric.value,
        low=metric.low,
        high=metric.high,
        note=wording.numbers(metric.low, metric.high, 2),
        title=tip,
    )
