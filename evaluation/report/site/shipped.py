"""Where what ships beside the code lies: in an installed package, or in the checkout."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[2]
_INSTALLED = _PACKAGE / "_shipped"

SHIPPED = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent
"""Folder of mkdocs.yml and mkdocs.en.yml, templates/ and site_src/."""


def default_templates() -> Path:
    """The Jinja templates of the pages."""
    return SHIPPED / "templates"


def default_site() -> Path:
    """The hand-written pages, in French and under ``en/`` in English, and ``assets/``."""
    return SHIPPED / "site_src"


def default_assets() -> Path:
    """The site's style sheets, scripts and fonts."""
    return default_site() / "assets"


def default_reference() -> Path:
    """The slides' figures."""
    return _PACKAGE / "studies" / "flipkart" / "slides.toml"
