"""Files that stand alone: style sheet, fonts and photos written into the HTML itself."""

import base64
import re
from pathlib import Path

from markupsafe import Markup

from evaluation.errors import ReportError
from evaluation.usage import SCORE_AGAIN

_TYPES = {
    ".woff2": "font/woff2",
    ".webp": "image/webp",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".svg": "image/svg+xml",
}


def stylesheet(assets: Path) -> Markup:
    """The site's style sheet with its fonts in it, waited for: this file has no next page.

    Raises :class:`ReportError` when it, or a font that it names, is not there.
    """
    text = _read(assets / "veille.css").decode("utf-8")
    text = text.replace("font-display: optional", "font-display: block")
    return Markup(  # noqa: S704 - the site's own sheet
        re.sub(
            r'url\("(?P<name>[^"]+)"\)', lambda one: f'url("{embed(assets / one["name"])}")', text
        )
    )


def sheet(path: Path) -> Markup:
    """A style sheet, or a script, of this program as it is; raises as :func:`embed` does."""
    return Markup(_read(path).decode("utf-8"))  # noqa: S704 - our own


def embed(path: Path) -> str:
    """A file as the address that holds it (a ``data:`` URI).

    Raises :class:`ReportError` when it cannot be read.
    """
    kind = _TYPES.get(path.suffix.lower(), "application/octet-stream")
    return f"data:{kind};base64,{base64.b64encode(_read(path)).decode('ascii')}"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ReportError(
            f"cannot be read: {error.strerror or error}",
            where=path,
            remedy=f"restore the file, or {SCORE_AGAIN} if it is a photo's small copy",
        ) from error
