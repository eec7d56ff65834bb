"""The second way out of :func:`render`: the same pages as files, for any site generator."""

from __future__ import annotations

import shutil
from pathlib import Path

from evaluation.errors import ReportError
from evaluation.records import Reference
from evaluation.report.kit.language import Language
from evaluation.report.site.render import Pages, render
from evaluation.report.study.view import Photos
from evaluation.stores.artefacts import read_results
from evaluation.study.reference import load_reference
from evaluation.usage import SCORE_AGAIN

_PACKAGE = Path(__file__).resolve().parents[2]


def default_templates() -> Path:
    """The templates beside an installed package, or those of the checkout."""
    installed = _PACKAGE / "_templates"
    return installed if installed.is_dir() else _PACKAGE.parent / "templates"


def default_reference() -> Path:
    """The slides' figures, which the package ships."""
    return _PACKAGE / "studies" / "flipkart" / "slides.toml"


def write_report(
    artefacts: Path, output: Path, *, photos: Photos = "all", language: Language = "fr"
) -> tuple[Path, ...]:
    """Reads the results under ``artefacts``, writes their pages under ``output``.

    Returns the files written.  Raises as :func:`evaluation.stores.artefacts.read_results`,
    :func:`evaluation.report.site.render.render` and :func:`write_pages` do.
    """
    pages = render(
        read_results(artefacts),
        read_reference(default_reference()),
        templates=default_templates(),
        photos=photos,
        language=language,
    )
    return write_pages(pages, output)


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
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, Path):
                shutil.copyfile(content, path)
            else:
                path.write_bytes(content.encode() if isinstance(content, str) else content)
        except OSError as error:
            raise ReportError(
                f"cannot be written: {error.strerror or error}",
                where=path,
                remedy="choose a writable folder with room in it",
            ) from error
        written.append(path)
    return tuple(written)


def require_files(pages: Pages) -> None:
    """Raises :class:`ReportError` for the first file to copy that does not exist."""
    for content in pages.values():
        if isinstance(content, Path) and not content.is_file():
            raise ReportError(
                "no such small copy of a photo, or map of one",
                where=content,
                remedy=SCORE_AGAIN,
            )
