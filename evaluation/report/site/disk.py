"""The second way out of :func:`render`: the same pages as files, for any site generator.

Zensical and ProperDocs read ``mkdocs.yml``, and know nothing of this program's plugin: beside the
pages they need the assets, an order and settings.
"""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import yaml
from mkdocs.utils.yaml import yaml_load

from evaluation.errors import SCORE_AGAIN, ReportError
from evaluation.files import replacing, writing
from evaluation.records import Reference
from evaluation.report.kit.language import Language
from evaluation.report.site import shipped
from evaluation.report.site.render import ASSETS, Content, Pages, navigation, render
from evaluation.report.site.sites import fill_nav
from evaluation.report.study.view import Photos
from evaluation.stores.artefacts import read_results
from evaluation.study.reference import load_reference


def write_report(
    artefacts: Path,
    output: Path,
    *,
    photos: Photos = "all",
    language: Language = "fr",
    config: Path | None = None,
) -> tuple[Path, ...]:
    """Reads the results under ``artefacts``, writes their pages under ``output``.

    Beside them: the hand-written pages, scripts, styles and fonts, and their order in
    ``nav.yml``.  ``config`` is where to write the settings that a site generator which reads
    MkDocs' own needs, none of this program's plugin among them.

    Returns the files written.  Raises as :func:`evaluation.stores.artefacts.read_results`,
    :func:`evaluation.report.site.render.render` and :func:`write_pages` do.
    """
    results = read_results(artefacts)
    pages = render(
        results,
        read_reference(shipped.SLIDES),
        templates=shipped.TEMPLATES,
        photos=photos,
        language=language,
    )
    nav = fill_nav(_shipped(language)["nav"], navigation(results, language))
    beside: dict[str, Content] = {"nav.yml": as_yaml(nav), **hand_written(language)}
    chosen = config and settings(nav, language, docs=output, config=config)
    written = write_pages({**beside, **pages}, output)
    if config is not None:
        written += write_pages({config.name: as_yaml(chosen)}, config.parent)
    return written


def read_reference(path: Path | None) -> Reference | None:
    """The published figures, when there is such a file."""
    return None if path is None or not path.is_file() else load_reference(path)


def write_pages(pages: Pages, output: Path) -> tuple[Path, ...]:
    """Writes each page, and copies each file, at its uri under ``output``.

    Files of ``output`` that no page names are left alone.  Raises :class:`ReportError` when
    a photo is gone or ``output`` cannot be written.
    """
    require_files(pages)
    written = []
    for uri, content in pages.items():
        path = output / uri
        elsewhere = "choose a writable folder with room in it"
        with writing(path, ReportError, elsewhere=elsewhere), replacing(path) as draft:
            if isinstance(content, Path):
                shutil.copyfile(content, draft)
            else:
                draft.write_bytes(content.encode() if isinstance(content, str) else content)
        written.append(path)
    return tuple(written)


def require_files(pages: Pages) -> None:
    """Raises :class:`ReportError` for the first file to copy that does not exist."""
    for content in pages.values():
        if isinstance(content, Path) and not content.is_file():
            raise ReportError(
                "no such small copy of a photo, or map of one", where=content, remedy=SCORE_AGAIN
            )


Nav = list[dict[str, Any]]


def hand_written(language: Language) -> dict[str, Path]:
    """Uri to file: the pages that nothing generates, scripts, styles and fonts."""
    site = shipped.SITE
    pages = site if language == "fr" else site / language
    files = {path.name: path for path in sorted(pages.glob("*.md"))}
    assets = sorted(path for path in (site / ASSETS).rglob("*") if path.is_file())
    return files | {path.relative_to(site).as_posix(): path for path in assets}


def settings(nav: Nav, language: Language, *, docs: Path, config: Path) -> dict[str, Any]:
    """mkdocs.yml, of which ``config`` is the place, for the pages that lie in ``docs``.

    Raises :class:`ReportError` when the pages are not below it, where generators want them.
    """
    if config.resolve().parent not in docs.resolve().parents:
        raise ReportError(
            f"the pages in {docs} do not lie below it", where=config, remedy="choose both otherwise"
        )
    chosen = _shipped(language) | {
        "docs_dir": os.path.relpath(docs.resolve(), config.resolve().parent),
        "nav": nav,
    }
    chosen["plugins"] = {"search": chosen["plugins"]["search"]}
    for ours in ("site_dir", "exclude_docs", "site_url"):
        chosen.pop(ours, None)
    return chosen


def as_yaml(content: Any) -> str:
    """YAML as a person would write it; titles that are markup are strings like"""
    plain = json.loads(json.dumps(content))
    return str(yaml.safe_dump(plain, allow_unicode=True, sort_keys=False, width=100))


def _shipped(language: Language) -> dict[str, Any]:
    name = "mkdocs.yml" if language == "fr" else f"mkdocs.{language}.yml"
    with (shipped.SHIPPED / name).open("rb") as file:
        return dict(yaml_load(file))
