"""Where what ships beside the code lies: in an installed package, or in the checkout."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[2]
_INSTALLED = _PACKAGE / "_shipped"

SHIPPED = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent
"""Folder of mkdocs.yml and mkdocs.en.yml, templates/ and site_src/."""

TEMPLATES = SHIPPED / "templates"
"""The Jinja templates of the pages."""

SITE = SHIPPED / "site_src"
"""The hand-written pages, in French and under ``en/`` in English, and ``assets/``."""

SLIDES = _PACKAGE / "studies" / "flipkart" / "slides.toml"
"""The published figures that are shown where no others are given."""
