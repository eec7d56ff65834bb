"""The thin MkDocs adapter: reads artefacts, adds the pages, watches the folders.

In ``mkdocs.yml``::

    plugins:
      - veille:
          artefacts: artefacts          # folder of the results
          templates: templates          # folder of the Jinja templates
          reference: evaluation/studies/flipkart/slides.toml
          photos: all                   # or "redistributable" for a public site
    nav:
      - index.md                        # generated
      - "{studies}"                     # replaced by one section a study
      - annexes.md                      # generated
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from mkdocs.config import base
from mkdocs.config import config_options as options
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.plugins import BasePlugin
from mkdocs.structure.files import File, Files

from evaluation.artefacts import read_results
from evaluation.errors import VeilleError
from evaluation.records import StudyResults
from evaluation.report.disk import (
    default_reference,
    default_templates,
    read_reference,
    require_files,
)
from evaluation.report.render import Section, navigation, render
from evaluation.report.view import Photos

STUDIES = "{studies}"
"""The entry of ``nav`` that the studies' sections replace."""


class VeilleConfig(base.Config):  # type: ignore[no-untyped-call]
    """Options of the plugin; relative paths start at the folder of mkdocs.yml."""

    artefacts = options.Type(str, default="artefacts")
    templates = options.Optional(options.Dir(exists=True))
    reference = options.Optional(options.File(exists=True))
    photos = options.Choice(("all", "redistributable"), default="all")


class VeillePlugin(BasePlugin[VeilleConfig]):  # type: ignore[no-untyped-call]
    """Adds the report's pages to a site."""

    def on_config(self, config: MkDocsConfig) -> MkDocsConfig:
        """Watches what the pages are made from."""
        for path in (self._artefacts(config), self._templates(), self._reference()):
            if path.exists():
                config.watch.append(str(path))
        return config

    def on_files(self, files: Files, /, *, config: MkDocsConfig) -> Files:
        """Adds the generated pages and the photos that they show, and fills ``nav``."""
        try:
            results = read_results(self._artefacts(config))
            pages = render(
                results,
                read_reference(self._reference()),
                templates=self._templates(),
                photos=cast("Photos", self.config.photos),
            )
            require_files(pages)
        except VeilleError as error:
            raise PluginError(str(error)) from error
        for uri, content in pages.items():
            if isinstance(content, Path):
                files.append(File.generated(config, uri, abs_src_path=str(content)))
            else:
                files.append(File.generated(config, uri, content=content))
        config.nav = _fill(config.nav, results)
        return files

    def _artefacts(self, config: MkDocsConfig) -> Path:
        return Path(config.config_file_path).parent / self.config.artefacts

    def _templates(self) -> Path:
        return Path(self.config.templates) if self.config.templates else default_templates()

    def _reference(self) -> Path:
        return Path(self.config.reference) if self.config.reference else default_reference()


def _fill(nav: Any, results: tuple[StudyResults, ...]) -> list[Any]:
    """``nav`` with each study's section where ``{studies}`` stood."""
    if not isinstance(nav, list) or STUDIES not in nav:
        raise PluginError(f'nav has no "{STUDIES}" entry; add it where the studies should stand')
    place = nav.index(STUDIES)
    return [*nav[:place], *map(_entry, navigation(results)), *nav[place + 1 :]]


def _entry(section: Section) -> dict[str, list[dict[str, str]]]:
    return {section.title: [{title: uri} for title, uri in section.pages]}
