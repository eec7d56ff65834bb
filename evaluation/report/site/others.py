"""What another site generator needs besides the pages: assets, an order, settings.

Zensical and ProperDocs read ``mkdocs.yml``, and know nothing of this program's plugin.
"""

import json
import os
from pathlib import Path
from typing import Any

import yaml
from mkdocs.utils.yaml import yaml_load

from evaluation.errors import ReportError
from evaluation.report.kit.language import Language
from evaluation.report.site.render import ASSETS, Section
from evaluation.report.site.shipped import SHIPPED, default_site
from evaluation.report.site.sites import fill_nav

Nav = list[dict[str, Any]]


def hand_written(language: Language) -> dict[str, Path]:
    """Uri to file: the pages that nothing generates, scripts, styles and fonts."""
    site = default_site()
    pages = site if language == "fr" else site / language
    found = {path.name: path for path in sorted(pages.glob("*.md"))}
    assets = sorted(path for path in (site / ASSETS).rglob("*") if path.is_file())
    return found | {path.relative_to(site).as_posix(): path for path in assets}


def nav(sections: tuple[Section, ...], language: Language) -> Nav:
    """All pages that the menu names, in order, as ``nav`` of mkdocs.yml."""
    return fill_nav(_shipped(language)["nav"], sections)


def settings(nav: Nav, language: Language, *, docs: Path, config: Path) -> dict[str, Any]:
    """mkdocs.yml, of which ``config`` is the place, for the pages that lie in ``docs``.

    Raises :class:`ReportError` when the pages are not below it, where generators want them.
    """
    if config.resolve().parent not in docs.resolve().parents:
        raise ReportError(
            f"the pages in {docs} do not lie below it", where=config, remedy="choose both otherwise"
        )
    found = _shipped(language) | {
        "docs_dir": os.path.relpath(docs.resolve(), config.resolve().parent),
        "nav": nav,
    }
    found["plugins"] = {"search": found["plugins"]["search"]}
    for ours in ("site_dir", "exclude_docs", "site_url"):
        found.pop(ours, None)
    return found


def as_yaml(content: Any) -> str:
    """YAML as a person would write it; titles that are markup are strings like others."""
    plain = json.loads(json.dumps(content))
    return str(yaml.safe_dump(plain, allow_unicode=True, sort_keys=False, width=100))


def _shipped(language: Language) -> dict[str, Any]:
    name = "mkdocs.yml" if language == "fr" else f"mkdocs.{language}.yml"
    with (SHIPPED / name).open("rb") as file:
        return dict(yaml_load(file))
