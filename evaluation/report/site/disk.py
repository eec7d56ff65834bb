"""The second way out of :func:`render`: the same pages as files, for any site generator."""

import shutil
from pathlib import Path

from evaluation.errors import ReportError
from evaluation.files import replacing, writing
from evaluation.records import Reference
from evaluation.report.kit.language import Language
from evaluation.report.site import others
from evaluation.report.site.render import Content, Pages, navigation, render
from evaluation.report.site.shipped import default_reference, default_templates
from evaluation.report.study.view import Photos
from evaluation.stores.artefacts import read_results
from evaluation.study.reference import load_reference
from evaluation.usage import SCORE_AGAIN


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
        read_reference(default_reference()),
        templates=default_templates(),
        photos=photos,
        language=language,
    )
    nav = others.nav(navigation(results, language), language)
    beside: dict[str, Content] = {"nav.yml": others.as_yaml(nav), **others.hand_written(language)}
    settings = config and others.settings(nav, language, docs=output, config=config)
    written = write_pages({**beside, **pages}, output)
    if config is not None:
        written += write_pages({config.name: others.as_yaml(settings)}, config.parent)
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
