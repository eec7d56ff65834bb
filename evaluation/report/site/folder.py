"""MkDocs' configuration in a folder of the user's own: two short files over what ships.

``mkdocs.yml`` and ``mkdocs.en.yml`` are the user's to edit and to keep; they inherit from
``.veille/``, which is written anew each time, since it names the place of the installed package.
"""

import json
from pathlib import Path

from evaluation.errors import ReportError
from evaluation.files import write_bytes, writing
from evaluation.report.site import shipped

FRENCH, ENGLISH = "mkdocs.yml", "mkdocs.en.yml"
_OURS = ".veille"

_OVER = {
    FRENCH: """\
# The site of your studies: `veille site` builds it, `veille serve` shows it while it changes.
# Any setting of MkDocs may stand here; what is not said is as veille-clip ships it.
INHERIT: .veille/mkdocs.yml
site_name: Veille CLIP
""",
    ENGLISH: """\
# The English site, in site/en/; without this file there is none.
INHERIT: .veille/mkdocs.en.yml
""",
}


def configurations(folder: Path) -> tuple[Path, ...]:
    """The configurations of the sites to build in ``folder``, the French one first.

    Those of the user when there is a ``mkdocs.yml``; else both are written.  Raises
    :class:`ReportError` when they cannot be.
    """
    with writing(folder / FRENCH, ReportError, elsewhere="start in a folder that is writable"):
        if not (folder / FRENCH).exists():
            for name, text in _OVER.items():
                write_bytes(folder / name, text.encode())
        text = (folder / FRENCH).read_text(encoding="utf-8", errors="replace")
        if f"INHERIT: {_OURS}/" in text:
            _write_ours(folder / _OURS)
    return tuple(folder / name for name in _OVER if (folder / name).exists())


def _write_ours(folder: Path) -> None:
    """What ships, with the places of the installed package."""
    write_bytes(folder / ".gitignore", b"*\n")
    site = shipped.SITE
    places = {
        FRENCH: {
            "docs_dir: site_src\n": f"docs_dir: {_quoted(site)}\n",
            "templates: templates\n": f"templates: {_quoted(shipped.TEMPLATES)}\n",
        },
        ENGLISH: {
            f"INHERIT: {FRENCH}\n": f"INHERIT: ../{FRENCH}\n",
            "docs_dir: site_src/en\n": f"docs_dir: {_quoted(site / 'en')}\n",
        },
    }
    for name, changes in places.items():
        text = (shipped.SHIPPED / name).read_text(encoding="utf-8")
        for before, after in changes.items():
            text = text.replace(before, after)
        write_bytes(folder / name, text.encode())


def _quoted(path: Path) -> str:
    """A path as a string of YAML, whatever is in it."""
    return json.dumps(str(path), ensure_ascii=False)
