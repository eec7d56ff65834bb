"""The pages: one row of PAGES each; one name for a page's module and for its template.

A page is data, a template and messages: ``build`` of its module gives what the template
``<name>.md.jinja`` knows as ``page``; the template knows where it stands as ``here``.  The address
is French in every language, so that a page has the same uri in each; ``formerly`` keeps the
addresses that a page had before, which lead to it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

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
    explain_case,
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

    module: ModuleType
    """Its ``build`` leads from :class:`Here`, and what the member of a family is, to what the
    template prints: a mapping, or None where the study has nothing to show there."""
    address: str
    """In the folder of the study; "{}" stands for what tells the pages of a family apart."""
    group: str = ""
    """The part of the menu where it stands, one of :data:`GROUPS`; "" keeps it out."""
    title: str = ""
    """Its entry there, a message; that of the group where the page is alone in it."""
    members: Callable[[StudyView], Mapping[str, tuple[Any, ...]]] = lambda _view: {"": ()}
    """Of a family: what stands for "{}" in each address, to what ``build`` is given of it."""
    formerly: tuple[str, ...] = ()
    """Addresses that it had before."""

    @property
    def name(self) -> str:
        """Of its module and of its template."""
        return self.module.__name__.rpartition(".")[2]

    def built(self, view: StudyView) -> Iterator[tuple[Here, Mapping[str, Any]]]:
        """Place and model of each page that the study has."""
        for part, member in self.members(view).items():
            here = Here(view, view.page(self.address.format(part)))
            model = self.module.build(here, *member)
            if model is not None:
                yield here, model

    def stub(self, view: StudyView) -> tuple[Here, Mapping[str, Any]] | None:
        """Place and model of what stands for the page while a command would make it."""
        here = Here(view, view.page(self.address))
        model = stub.build(here, self.name)
        return None if model is None else (here, {"title": t(self.title), **model})


ANSWER = message("Réponse")
DATA = message("Données")
APPROACHES = message("Deux approches")
COMPARE = message("Comparer")
LOOK = message("Regarder")
METHOD = message("Méthode")
GROUPS = (ANSWER, DATA, APPROACHES, COMPARE, LOOK, METHOD)
"""The menu of a study."""

PAGES = (
    StudyPage(summary, "index", ANSWER, ANSWER, formerly=("conclusion",)),
    StudyPage(dataset, "donnees", DATA, message("Jeu de données")),
    StudyPage(audit, "audit", DATA, message("Audit des données")),
    StudyPage(supervised, "approche-classique", APPROACHES, message("Approche classique")),
    StudyPage(zero_shot, "clip-zero-shot", APPROACHES, message("Zero-shot")),
    StudyPage(label_free, "sans-etiquette", APPROACHES, message("Sans étiquette")),
    StudyPage(comparison, "comparaison", COMPARE, message("Comparaison")),
    StudyPage(prompts, "prompts", COMPARE, message("Prompts")),
    StudyPage(few_shot, "etiquettes", COMPARE, message("Combien d’étiquettes ?")),
    StudyPage(retrieval, "recherche", COMPARE, message("Recherche par titre")),
    StudyPage(explorer, "explorateur", LOOK, message("Explorateur")),
    StudyPage(image_map, "carte-des-images", LOOK, message("Carte des images")),
    StudyPage(explain, "explicabilite", LOOK, message("Explicabilité")),
    StudyPage(suggestion, "textes-plus-precis", LOOK, message("Textes plus précis")),
    StudyPage(calibration, "calibration", METHOD, message("Calibration et abstention")),
    StudyPage(models, "modeles", METHOD, message("Modèles")),
    StudyPage(method, "methode", METHOD, message("Méthode et limites")),
    StudyPage(history, "historique"),
    StudyPage(
        category,
        "categories/{}",
        members=lambda view: {slug: (label,) for label, slug in view.class_slugs.items()},
    ),
    StudyPage(
        explain_case,
        "explicabilite/{}",
        members=lambda view: {view.case_slugs[case]: (case,) for case in view.explanations},
    ),
)
"""Of every study, in reading order."""

SITE_PAGES = (("home", links.HOME, home.build), ("appendix", links.APPENDIX, appendix.build))
"""About all studies: name, uri, and what leads from them and the published figures to a model."""
