"""A study as a deck of slides: one HTML file that stands alone, is presented and printed.

::

    records ──► slides.py, backup.py ──► templates/diaporama.html.jinja ──► one file
                (blocks.py: mappings)      (_slides.jinja, diaporama.css,
                                            diaporama.js, fonts and photos inside)

Tables, charts and sentences are those of the site's pages; paging.py cuts the tables that no
slide could hold.  The pages that they would lead to are not in the file: :data:`NOWHERE`.
"""

from evaluation.records import StudyResults
from evaluation.report.kit import links, wording
from evaluation.report.kit.language import Language, current, speaking, t
from evaluation.report.kit.markup import Templates
from evaluation.report.kit.vega import Draw, vega_svg
from evaluation.report.paper.deck.backup import backup_slides
from evaluation.report.paper.deck.slides import main_slides
from evaluation.report.site.policy import alone_policy
from evaluation.report.site.render import translations
from evaluation.report.site.shipped import default_assets, default_templates
from evaluation.report.site.standalone import sheet, stylesheet
from evaluation.report.study.here import NOWHERE, Here
from evaluation.report.study.view import Photos, StudyView, shows_photos

__all__ = ["render_deck"]


def render_deck(
    results: StudyResults,
    *,
    language: Language = "fr",
    photos: Photos = "all",
    draw: Draw = vega_svg,
) -> str:
    """The deck of a study as the text of one HTML file.

    Reads the study's small photos, which it holds; writes nothing.  Raises
    :class:`~evaluation.errors.ReportError` when one cannot be read, or for a wrong template.
    """
    with speaking(language, translations((results,), None)):
        view = StudyView(
            results=results,
            folder=f"{links.STUDIES}/{links.slug(results.study.name)}",
            draw=draw,
            photos_shown=shows_photos(photos, results.study),
        )
        assets, templates = default_assets(), default_templates()
        here, script = Here(view, NOWHERE), sheet(templates / "diaporama.js")
        deck = {
            "lang": current(),
            "title": wording.told(results.study.title),
            "slides": [
                *main_slides(here),
                *({**slide, "kicker": t("Annexe")} for slide in backup_slides(here)),
            ],
            "sheets": (stylesheet(assets), sheet(templates / "diaporama.css")),
            "script": script,
            "policy": alone_policy(script),
        }
        return Templates(templates).fill("diaporama.html.jinja", {"deck": deck})
