"""The pages: one row of PAGES each; one name for a page's module and for its template.

A page is data, a template and messages: ``build`` gives what the template ``<name>.md.jinja``
knows as ``page``.  The address is French in every language, so that a page has the same uri in
each; ``formerly`` keeps the addresses that a page had before, which lead to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from evaluation.records import Reference
from evaluation.report.kit import links
from evaluation.report.kit.language import message
from evaluation.report.pages import (
    appendix,
    audit,
    calibration,
    category,
    comparison,
    conclusion,
    dataset,
    explain,
    explorer,
    few_shot,
    home,
    image_map,
    label_free,
    method,
    models,
    prompts,
    retrieval,
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
    title: str
    """Its entry in the menu, a message; "" keeps it out."""
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


@dataclass(frozen=True, slots=True)
class SitePage:
    """A page about all studies."""

    name: str
    uri: str
    build: Callable[[tuple[StudyView, ...], Reference | None], object]


PAGES = (
    StudyPage("summary", "index", message("Résumé"), summary.build),
    StudyPage("dataset", "donnees", message("Jeu de données"), dataset.build),
    StudyPage("supervised", "approche-classique", message("Approche classique"), supervised.build),
    StudyPage("zero_shot", "clip-zero-shot", message("Zero-shot"), zero_shot.build),
    StudyPage("label_free", "sans-etiquette", message("Sans étiquette"), label_free.build),
    StudyPage("models", "modeles", message("Modèles"), models.build),
    StudyPage("comparison", "comparaison", message("Comparaison"), comparison.build),
    StudyPage("explain", "explicabilite", message("Explicabilité"), explain.build),
    StudyPage("explorer", "explorateur", message("Explorateur"), explorer.build),
    StudyPage("image_map", "carte-des-images", message("Carte des images"), image_map.build),
    StudyPage("prompts", "prompts", message("Prompts"), prompts.build),
    StudyPage(
        "calibration", "calibration", message("Calibration et abstention"), calibration.build
    ),
    StudyPage("few_shot", "etiquettes", message("Combien d’étiquettes ?"), few_shot.build),
    StudyPage("audit", "audit", message("Audit des données"), audit.build),
    StudyPage("retrieval", "recherche", message("Recherche par titre"), retrieval.build),
    StudyPage("conclusion", "conclusion", message("Conclusion et perspectives"), conclusion.build),
    StudyPage("method", "methode", message("Méthode et limites"), method.build),
    StudyPage(
        "category",
        "categories/{}",
        "",
        category.build,
        members=lambda view: {slug: label for label, slug in view.class_slugs.items()},
    ),
    StudyPage(
        "explain_case",
        "explicabilite/{}",
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
