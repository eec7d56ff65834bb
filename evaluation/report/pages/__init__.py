"""The pages: one row of PAGES each; one name for a page's module and for its template.

A page is data, a template and messages: ``build`` gives what the template ``<name>.md.jinja``
knows as ``page``.  The address is French in every language, so that a page has the same uri in
each; ``formerly`` keeps the addresses that a page had before, which lead to it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from evaluation.records import Reference
from evaluation.report.kit import links
from evaluation.report.kit.language import message, t
from evaluation.report.pages import (
    appendix,
    audit,
    calibration,
    category,
    comparison,
    dataset,
    explain,
    explorer,
    few_shot,
    history,
    home,
    image_map,
    label_free,
    method,
    models,
    prompts,
    retrieval,
    stub,
    suggestion,
    summary,
    supervised,
    zero_shot,
)
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView


@dataclass(frozen=True, slots=True)
class StudyPage:
    """A page, or a family of pages, of every study."""

    name: str
    """Of its module and of its template."""
    address: str
    """In the folder of the study; "{}" stands for what tells the pages of a family apart."""
    group: str
    """The part of the menu where it stands, one of :data:`GROUPS`; "" keeps it out."""
    title: str
    """Its entry there, a message; that of the group where the page is alone in it."""
    build: Callable[..., object | None]
    """From :class:`Here`, and the member for a family, to what the template prints.

    None where the study has nothing to show there.
    """
    members: Callable[[StudyView], Mapping[str, Any]] | None = None
    """Of a family: what stands for "{}" in each address, to the member."""
    formerly: tuple[str, ...] = ()
    """Addresses that it had before."""

    def built(self, view: StudyView) -> Iterator[tuple[str, object]]:
        """The uri and the model of each page that the study has."""
        if self.members is None:
            uri = view.page(self.address)
            model = self.build(Here(view, uri))
            if model is not None:
                yield uri, model
        else:
            for part, member in self.members(view).items():
                uri = view.page(self.address.format(part))
                yield uri, self.build(Here(view, uri), member)

    def stub(self, view: StudyView) -> tuple[str, Mapping[str, Any]] | None:
        """The uri and the model of what stands for the page while a command would make it."""
        uri = view.page(self.address)
        model = stub.build(Here(view, uri), self.name)
        return None if model is None else (uri, {"title": t(self.title), **model})


@dataclass(frozen=True, slots=True)
class SitePage:
    """A page about all studies."""

    name: str
    uri: str
    build: Callable[[tuple[StudyView, ...], Reference | None], object]


ANSWER = message("Réponse")
DATA = message("Données")
APPROACHES = message("Deux approches")
COMPARE = message("Comparer")
LOOK = message("Regarder")
METHOD = message("Méthode")
GROUPS = (ANSWER, DATA, APPROACHES, COMPARE, LOOK, METHOD)
"""The menu of a study."""

PAGES = (
    StudyPage("summary", "index", ANSWER, ANSWER, summary.build, formerly=("conclusion",)),
    StudyPage("dataset", "donnees", DATA, message("Jeu de données"), dataset.build),
    StudyPage("audit", "audit", DATA, message("Audit des données"), audit.build),
    StudyPage(
        "supervised",
        "approche-classique",
        APPROACHES,
        message("Approche classique"),
        supervised.build,
    ),
    StudyPage("zero_shot", "clip-zero-shot", APPROACHES, message("Zero-shot"), zero_shot.build),
    StudyPage(
        "label_free", "sans-etiquette", APPROACHES, message("Sans étiquette"), label_free.build
    ),
    StudyPage("comparison", "comparaison", COMPARE, message("Comparaison"), comparison.build),
    StudyPage("prompts", "prompts", COMPARE, message("Prompts"), prompts.build),
    StudyPage("few_shot", "etiquettes", COMPARE, message("Combien d’étiquettes ?"), few_shot.build),
    StudyPage("retrieval", "recherche", COMPARE, message("Recherche par titre"), retrieval.build),
    StudyPage("explorer", "explorateur", LOOK, message("Explorateur"), explorer.build),
    StudyPage("image_map", "carte-des-images", LOOK, message("Carte des images"), image_map.build),
    StudyPage("explain", "explicabilite", LOOK, message("Explicabilité"), explain.build),
    StudyPage(
        "suggestion", "textes-plus-precis", LOOK, message("Textes plus précis"), suggestion.build
    ),
    StudyPage(
        "calibration",
        "calibration",
        METHOD,
        message("Calibration et abstention"),
        calibration.build,
    ),
    StudyPage("models", "modeles", METHOD, message("Modèles"), models.build),
    StudyPage("method", "methode", METHOD, message("Méthode et limites"), method.build),
    StudyPage("history", "historique", "", message("Historique"), history.build),
    StudyPage(
        "category",
        "categories/{}",
        "",
        "",
        category.build,
        members=lambda view: {slug: label for label, slug in view.class_slugs.items()},
    ),
    StudyPage(
        "explain_case",
        "explicabilite/{}",
        "",
        "",
        explain.build_case,
        members=lambda view: {view.case_slugs[case]: case for case in view.explanations},
    ),
)
"""Of every study, in reading order."""

SITE_PAGES = (
    SitePage("home", links.HOME, home.build),
    SitePage("appendix", links.APPENDIX, appendix.build),
)
