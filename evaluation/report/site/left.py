"""What ``veille predict`` leaves to a person, as one page with the photos in it."""

import base64
import io
from pathlib import Path

from evaluation.data import open_photo
from evaluation.data.listing import Locator
from evaluation.files import write_bytes
from evaluation.records import FolderAnswers
from evaluation.report.kit.language import Language, speaking
from evaluation.report.kit.markup import Templates
from evaluation.report.site.shipped import default_templates

SHOWN = 300
"""Photos on the page; the table has them all."""
_SIDE = 240


def write_left(found: FolderAnswers, folder: Path, page: Path, language: Language) -> None:
    """Writes the page of the photos of ``folder`` that are left to a person.

    Raises :class:`OSError` when it cannot be written.
    """
    left, files = found.left, Locator(folder)
    model = {
        "case": found.case,
        "kept": len(found.answers) - len(left),
        "threshold": found.threshold,
        "target": found.target,
        "more": max(0, len(left) - SHOWN),
        "photos": [
            {
                "src": _picture(files.locate(one.path)[0]),
                "path": one.path,
                "predicted": one.predicted,
                "probability": one.probability,
                "stray": one.stray,
            }
            for one in left[:SHOWN]
        ],
    }
    with speaking(language):
        text = Templates(default_templates()).fill(
            "left.html.jinja", {"page": model, "lang": language}
        )
    write_bytes(page, text.encode())


def _picture(photo: Path) -> str:
    small, content = open_photo(photo), io.BytesIO()
    small.thumbnail((_SIDE, _SIDE))
    small.save(content, "WEBP", quality=75)
    return f"data:image/webp;base64,{base64.b64encode(content.getvalue()).decode()}"
