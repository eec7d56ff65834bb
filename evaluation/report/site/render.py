"""From results to pages: a pure function, whatever the site generator."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from html import unescape
from pathlib import Path

from evaluation.errors import SCORE_AGAIN, ReportError, one_line
from evaluation.records import Reference, StudyResults
from evaluation.report.kit import links
from evaluation.report.kit.foreign import glossed, marked
from evaluation.report.kit.language import Language, current, speaking, t
from evaluation.report.kit.markup import Templates, inert
from evaluation.report.kit.vega import Draw, vega_svg
from evaluation.report.pages import GROUPS, PAGES, SITE_PAGES, explorer, image_map
from evaluation.report.site.policy import alone_policy
from evaluation.report.study import maps, trainings
from evaluation.report.study.confusions import matrix_files
from evaluation.report.study.view import Photos, StudyView, check_photos, shows_photos
from evaluation.stores.trust import own_picture

Content = str | bytes | Path
"""The text of a page, what a file holds, or the file to copy."""

Pages = Mapping[str, Content]
"""Uri to what stands there."""


ASSETS = "assets/"
"""Scripts, style sheets and fonts, which every language shares."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A study's pages in the menu, in reading order."""

    title: str
    groups: Mapping[str, tuple[tuple[str, str], ...]]
    """Title of a part of the menu to its pages, each (title, uri)."""

    @property
    def pages(self) -> tuple[tuple[str, str], ...]:
        """All of them, each (title, uri)."""
        return tuple(page for pages in self.groups.values() for page in pages)


def render(
    results: tuple[StudyResults, ...],
    reference: Reference | None,
    *,
    templates: Path,
    photos: Photos = "all",
    draw: Draw = vega_svg,
    language: Language = "fr",
    shared: str = "",
    leads: str = "",
) -> Pages:
    """Every generated page, the data of its scripts, and the photos that they show.

    With ``shared``, files that no language changes (photos, what lies in ``assets/``) are left
    out: they lie in another site, whose root this is from the root of this one ("..").
    ``leads`` names the study that the site is about: it comes first.

    ``reference`` holds published figures, shown by themselves while no study has results.
    With ``photos="redistributable"`` the photos of a study that may not be republished are
    left out, and its pages say so.  Raises :class:`ReportError` naming the template and the
    line when a template is wrong, and for an unknown word in ``photos``.
    """
    check_photos(photos, {result.study.name for result in results})
    filled = Templates(templates)
    with speaking(language, translations(results, reference)):
        views = _views(results, photos, draw, shared, leads)
        names = {name: lang for view in views for name, lang in view.foreign_names.items()}
        made: dict[str, Content] = {
            uri: marked(filled.page(name, build(views, reference)), names)
            for name, uri, build in SITE_PAGES
        }
        for view in views:
            try:
                made |= _study_files(view, filled)
            except (LookupError, ValueError, TypeError, ArithmeticError, RecursionError) as error:
                # Records that agree on what is checked when they are read, and yet say what no
                # run writes; a fault of ours looks the same, and the error it is made from tells.
                raise ReportError(
                    f"the results cannot be shown ({type(error).__name__}: {one_line(error)})",
                    where=view.results.folder,
                    remedy=f"{SCORE_AGAIN}; if this is said again, report it",
                ) from error
    return _sharing(made, shared) if shared else made


def _study_files(view: StudyView, templates: Templates) -> dict[str, Content]:
    made: dict[str, Content] = {}
    for page in PAGES:
        built = tuple(page.built(view))
        made |= {here.uri: templates.page(page.name, model, here=here) for here, model in built}
        if not built and (stub := page.stub(view)):
            made[stub[0].uri] = templates.page("stub", stub[1], here=stub[0])
        for old in page.formerly:
            href = links.href(view.page(old), view.page(page.address))
            values = {"lang": current(), "policy": alone_policy(), "href": href}
            made[f"{view.folder}/{old}.html"] = templates.fill("moved.html.jinja", values)
    made = {uri: glossed(marked(str(page), view.foreign_names)) for uri, page in made.items()}
    made |= explorer.data_files(view)
    if view.archive:
        made[f"{view.folder}/{view.archive.name}"] = view.archive.content
    made |= image_map.data_files(view)
    made |= matrix_files(view)
    if view.photos_shown:
        folder, study = view.results.folder, view.study
        shown = (*(card.photo for card in study.samples), *(card.photo for card in study.strays))
        made |= {
            f"{view.folder}/{name}": own_picture(folder, name, folder.parent) for name in shown
        }
    made |= maps.overlay_files(view)
    for run in view.supervised:
        made |= trainings.views(view, run)
    return made


def navigation(
    results: tuple[StudyResults, ...], language: Language = "fr", leads: str = ""
) -> tuple[Section, ...]:
    """One section a study; first the one that leads, then those with published figures."""
    with speaking(language, translations(results, None)):
        sections = []
        for view in _views(results, "all", lambda _spec: "<svg></svg>", leads=leads):
            groups: dict[str, list[tuple[str, str]]] = {group: [] for group in GROUPS}
            for page in PAGES:
                if page.group not in groups:
                    continue
                built, title = tuple(page.built(view)), t(page.title)
                groups[page.group] += [(title, here.uri) for here, _ in built]
                if not built and (stub := page.stub(view)):
                    still = t("{title} (à calculer)", title=title)
                    groups[page.group].append((still, stub[0].uri))
            listed = {t(group): tuple(pages) for group, pages in groups.items() if pages}
            sections.append(Section(title=view.title, groups=listed))
        return tuple(sections)


def translations(
    results: tuple[StudyResults, ...], reference: Reference | None
) -> Mapping[str, str]:
    """What the studies and the published figures say in French, to the same in English."""
    texts = dict(reference.translations) if reference else {}
    for result in results:
        texts |= result.study.reference.translations if result.study.reference else {}
        texts |= result.study.translations
    return texts


def _views(
    results: tuple[StudyResults, ...], photos: Photos, draw: Draw, shared: str = "", leads: str = ""
) -> tuple[StudyView, ...]:
    folders = links.slugs(result.study.name for result in results)
    # Where nobody says so, readers come for the study that the published figures are about.
    ordered = sorted(
        results, key=lambda result: (result.study.name != leads, result.study.reference is None)
    )
    return tuple(
        StudyView(
            results=result,
            folder=f"{links.STUDIES}/{folders[result.study.name]}",
            draw=draw,
            photos_shown=shows_photos(photos, result.study),
            shared=shared,
        )
        for result in ordered
    )


_ADDRESS = re.compile(r'(?<=[\s"])(?P<name>src|href|data-[\w-]+)="(?P<value>[^"]*)"')


def _sharing(made: Pages, root: str) -> Pages:
    """The pages, whose links to files to copy, and to assets, lead to the site at ``root``."""
    files = {uri for uri, content in made.items() if not isinstance(content, str)}

    def led(uri: str, match: re.Match[str]) -> str:
        target, rest = links.resolve(uri, unescape(match["value"]))
        if target not in files and not target.startswith(ASSETS):
            return match[0]
        return f'{match["name"]}="{inert(links.elsewhere(uri, target, root) + rest)}"'

    return {
        uri: _ADDRESS.sub(partial(led, uri), content) if uri.endswith(".md") else content
        for uri, content in made.items()
        if isinstance(content, str)
    }
