"""The thin MkDocs adapter: reads artefacts, adds the pages, watches the folders.

In ``mkdocs.yml``::

    plugins:
      - veille:
          artefacts: artefacts          # folder of the results
          templates: templates          # folder of the Jinja templates
          reference: slides.toml        # published figures, instead of those that ship
          photos: all                   # or "redistributable", or that and names of studies
          language: fr                  # or "en", for the site in en/ beside the French one
    nav:
      - index.md                        # generated
      - "{studies}"                     # replaced by one section a study
      - annexes.md                      # generated
"""

import re
from collections.abc import Callable
from contextlib import suppress
from html import unescape
from pathlib import Path
from typing import Literal
from urllib.parse import urljoin

from jinja2 import ChoiceLoader, Environment, FileSystemLoader
from markupsafe import Markup, escape
from mkdocs.config import base
from mkdocs.config import config_options as options
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.livereload import LiveReloadServer
from mkdocs.plugins import BasePlugin, get_plugin_logger
from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page
from mkdocs.utils.templates import TemplateContext

from evaluation.errors import VeilleError
from evaluation.report.kit.language import CATALOGUES, LANGUAGES, speaking, t
from evaluation.report.kit.links import APPENDIX, HOME
from evaluation.report.kit.markup import COMPILED
from evaluation.report.site import shipped, sites
from evaluation.report.site.disk import read_reference, require_files
from evaluation.report.site.policy import site_policy
from evaluation.report.site.render import Pages, Section, navigation, render
from evaluation.report.site.standalone import beside, folder_of
from evaluation.stores.artefacts import read_results

log = get_plugin_logger("veille")

Command = Literal["build", "gh-deploy", "serve"]


class VeilleConfig(base.Config):  # type: ignore[no-untyped-call]
    """Options of the plugin; relative paths start at the folder of mkdocs.yml."""

    artefacts = options.Type(str, default="artefacts")
    templates = options.Optional(options.Dir(exists=True))
    reference = options.Optional(options.File(exists=True))
    photos = options.Type(str, default="all")
    language = options.Choice(LANGUAGES, default="fr")
    leads = options.Type(str, default="")


class VeillePlugin(BasePlugin[VeilleConfig]):  # type: ignore[no-untyped-call]
    """Adds the report's pages to a site.

    The French site lies at the root, the others in folders named after their language.  These
    are built beside it: what no language changes (photos, scripts, fonts) is there only once.
    A site that is served is alone: it has everything, and leads to no other language.
    """

    def __init__(self) -> None:
        super().__init__()
        self._serving = False
        self._fault = ""
        self._last: Pages = {}
        self._sections: tuple[Section, ...] = ()

    def on_startup(self, *, command: Command, dirty: bool) -> None:
        """Knows whether it serves; with this method a plugin lives as long as the server."""
        del dirty
        self._serving = command == "serve"

    def on_config(self, config: MkDocsConfig) -> MkDocsConfig:
        """Watches what the pages are made from; points to what is shared."""
        if self._serving:
            # Only what exists can be watched: the first evaluation then shows by itself.
            with suppress(OSError):
                self._artefacts(config).mkdir(parents=True, exist_ok=True)
        for path in (self._artefacts(config), self._templates(), self._reference(), CATALOGUES):
            if path.exists():
                config.watch.append(str(path))
        if self._shared:
            sites.share(config, self._shared)
        if config.site_url:
            config.site_url = urljoin(config.site_url, sites.folder(self.config.language))
        return config

    def on_files(self, files: Files, /, *, config: MkDocsConfig) -> Files:
        """Adds the generated pages and the photos that they show, and fills ``nav``."""
        pages = self._pages(config)
        for uri, content in pages.items():
            if isinstance(content, Path):
                files.append(File.generated(config, uri, abs_src_path=str(content)))
            else:
                files.append(File.generated(config, uri, content=content))
        if self._serving and self.config.language != sites.ROOT:
            for uri, path in sites.assets(config):
                files.append(File.generated(config, uri, abs_src_path=str(path)))
        config.nav = sites.fill_nav(config.nav, self._sections)
        return files

    def on_env(self, env: Environment, /, *, config: MkDocsConfig, files: Files) -> Environment:
        """Puts the report's templates of the theme before Material's own.

        These need no second compilation when the site is built again, and take a finished
        address as it is.
        """
        del config, files
        ours = FileSystemLoader(self._templates() / "theme")
        env.loader = ChoiceLoader([ours, *([env.loader] if env.loader else [])])
        env.bytecode_cache = COMPILED
        env.filters["url"] = sites.keeping_addresses(env.filters["url"])
        return env

    def on_page_content(
        self, html: str, /, *, page: Page, config: MkDocsConfig, files: Files
    ) -> str:
        """Lists the sections of a wide page; a title read in a heading is the text that it was."""
        del config, files
        page.title = escape(unescape(page.title or ""))
        with speaking(self.config.language):
            return sites.with_contents(html, page)

    def on_page_context(
        self, context: TemplateContext, /, *, page: Page, config: MkDocsConfig, nav: Navigation
    ) -> TemplateContext:
        """Makes the choice of languages lead to the same page, which has the same uri in each."""
        del nav
        if not self._serving:
            config.extra["alternate"] = sites.choices(page.url, self.config.language)
        return context

    def on_serve(
        self, server: LiveReloadServer, /, *, config: MkDocsConfig, builder: Callable[..., None]
    ) -> LiveReloadServer:
        """Shows what `veille watch` writes beside the site, without building anything."""
        del builder
        server.set_app(beside(server.serve_request, folder_of(self._artefacts(config))))
        return server

    def on_post_page(self, output: str, /, *, page: Page, config: MkDocsConfig) -> str:
        """Tells a fault on every page; keeps Material from looking for other sitemaps."""
        del page
        return self._finished(output, config)

    def on_post_template(
        self, output_content: str, /, *, template_name: str, config: MkDocsConfig
    ) -> str:
        """Tells it where there is no page any more, too."""
        page = template_name.endswith(".html")
        return self._finished(output_content, config) if page else output_content

    def _finished(self, html: str, config: MkDocsConfig) -> str:
        """A page that tells a fault, names its menus apart, and runs our scripts alone.

        While it serves, the server's own script changes with each page.
        """
        html = sites.mended(html)
        html = with_fault(html, self._fault) if self._fault else html
        return html if self._serving else site_policy(html, config.theme.dirs)

    def _pages(self, config: MkDocsConfig) -> Pages:
        """The pages; while it serves, those that came out last when there is a fault."""
        try:
            self._last, self._sections = self._made(config)
        except VeilleError as error:
            if not self._serving:
                raise PluginError(str(error)) from error
            self._fault = str(error)
            log.error(self._fault)  # noqa: TRY400 - one line: it is no fault of the program
        except Exception as error:
            if not self._serving:
                raise
            self._fault = f"{type(error).__name__}: {error}"
            log.exception("the pages could not be made")
        else:
            self._fault = ""
            return self._last
        return still_there(self._last)

    def _made(self, config: MkDocsConfig) -> tuple[Pages, tuple[Section, ...]]:
        results = read_results(self._artefacts(config))
        pages = render(
            results,
            read_reference(self._reference()),
            templates=self._templates(),
            photos=self.config.photos,
            language=self.config.language,
            shared=self._shared,
            leads=self.config.leads,
        )
        require_files(pages)
        return pages, navigation(results, self.config.language, self.config.leads)

    @property
    def _shared(self) -> str:
        """Where the files lie that this site does not have, from its root; "" for none."""
        alone = self._serving or self.config.language == sites.ROOT
        return "" if alone else sites.FROM_ANOTHER

    def _artefacts(self, config: MkDocsConfig) -> Path:
        return Path(config.config_file_path).parent / self.config.artefacts

    def _templates(self) -> Path:
        return Path(self.config.templates) if self.config.templates else shipped.TEMPLATES

    def _reference(self) -> Path:
        return Path(self.config.reference) if self.config.reference else shipped.SLIDES


def still_there(pages: Pages) -> Pages:
    """The last pages, less the files that are gone since; without any, two to tell the fault."""
    if not pages:
        title = t("Ces pages n’ont pas encore pu être faites")
        return dict.fromkeys((HOME, APPENDIX), f"# {title}\n")
    return {
        uri: content
        for uri, content in pages.items()
        if not isinstance(content, Path) or content.is_file()
    }


def with_fault(html: str, fault: str) -> str:
    """A page with a fault told on top of it."""
    what = t("Ce site n’est pas à jour : sa dernière construction a échoué.")
    remedy = t("Corrigez, enregistrez : la page se rechargera d’elle-même.")
    notice = Markup(
        '<div class="v-fault" role="alert" data-search-exclude><p><strong>{}</strong> {}</p>'
        '<pre lang="en">{}</pre></div>'
    ).format(what, remedy, fault)
    return re.sub(r"<body\b[^>]*>", lambda body: body[0] + notice, html, count=1)
