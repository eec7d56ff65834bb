"""Results, and the site that is built from them once for all tests."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from evaluation.records import StudyResults
from evaluation.report.kit.markup import Templates
from evaluation.report.kit.page import Claim
from evaluation.report.pages import PAGES
from evaluation.report.site.render import Pages, render
from evaluation.report.study.view import StudyView
from evaluation.stores import artefacts
from tests.conftest import once
from tests.report import builder, explained

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "templates"


def placeholder(spec: Mapping[str, Any]) -> str:
    """Stands for a drawing: fast, and the same whatever the version of Vega-Lite."""
    return f'<svg width="1" height="1" viewBox="0 0 {spec["width"]} 1"><g></g></svg>'


def built(view: StudyView, name: str, part: str = "") -> Any:
    """The model of a study's page, by the page's name; None without the page.

    ``part`` is what the address of a member of a family has of its own.
    """
    (page,) = (page for page in PAGES if page.name == name)
    models = {here.uri: model for here, model in page.built(view)}
    return models.get(view.page(page.address.format(part)))


def markup(macro: str, *values: object, of: str) -> str:
    """What a macro of a template prints of its values."""
    source = f'{{% import "{of}" as of %}}{{{{ of.{macro}(*values) }}}}'
    return Templates(TEMPLATES)._environment.from_string(source).render(values=values)


def printed(macro: str, *values: object, of: str = "_said.jinja") -> str:
    """The same in words."""
    return unescape(re.sub(r"<[^>]+>", "", markup(macro, *values, of=of))).strip()


def plain(claim: Claim | None) -> str:
    """What a page says of a claim."""
    return printed("say", claim, of="_macros.jinja")


def links(claim: Claim) -> list[str]:
    """Where the numbers of a claim lead."""
    made = markup("say", claim, of="_macros.jinja")
    return [unescape(href) for href in re.findall(r'<a [^>]*href="([^"]*)"', made)]


@pytest.fixture
def shop(tmp_path: Path) -> StudyResults:
    return explained.shop(tmp_path)


@pytest.fixture
def toys(tmp_path: Path) -> StudyResults:
    return builder.second(tmp_path)


@pytest.fixture
def pages(shop: StudyResults, toys: StudyResults) -> Pages:
    """The pages of both studies."""
    return render((shop, toys), builder.reference(), templates=TEMPLATES, draw=placeholder)


@pytest.fixture
def english(shop: StudyResults, toys: StudyResults) -> Pages:
    """The English pages of both studies; the second one has no translation of its own."""
    return render(
        (shop, toys),
        builder.reference(),
        templates=TEMPLATES,
        draw=placeholder,
        language="en",
        shared="..",
    )


def write_artefacts(root: Path, *results: StudyResults) -> Path:
    """The artefact folder that gives these results when it is read."""
    for one in results:
        builder.paint(root / one.study.name, (*one.study.samples, *one.study.strays))
        artefacts.write(root, one.study)
        for run in one.runs:
            artefacts.write_run(
                root,
                run,
                one.predictions.get(run.case),
                projection=one.projections.get(run.case),
            )
        if one.comparison is not None:
            artefacts.write(root, one.comparison)
        for case, found in one.explanations.items():
            current = replace(found, predictions_digest=artefacts.predictions_digest(root, case))
            artefacts.write(root, current, explained.overlays(one, case))
        for case, suggestion in one.suggestions.items():
            overlays = explained.suggestion_overlays(one, case)
            artefacts.write(root, suggestion, overlays)
    return root


def build_site(
    output: Path, artefacts_folder: Path, config: str = "mkdocs.yml", **environment: str
) -> subprocess.CompletedProcess[str]:
    """`mkdocs build --strict` on the repository's own mkdocs.yml unless told otherwise.

    In this process: to start another takes as long as to build the site.  What is no message of
    MkDocs is raised.
    """
    from mkdocs.__main__ import cli

    command = ["build", "--strict", "--config-file", config, "--site-dir", str(output)]
    environment |= {"VEILLE_ARTEFACTS": str(artefacts_folder), "NO_MKDOCS_2_WARNING": "1"}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        for name, value in environment.items():
            patch.setenv(name, value)
        done = CliRunner().invoke(cli, command)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return subprocess.CompletedProcess(command, done.exit_code, done.output, "")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_site(tmp_path_factory)


def made_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of two studies, in a folder called repo: built once."""

    def make(folder: Path) -> None:
        root = folder / "artefacts"
        write_artefacts(root, explained.shop(root), builder.second(root))
        done = build_languages(folder / "site" / "repo", root)
        assert done.returncode == 0, done.stdout + done.stderr

    return once(tmp_path_factory, "site-of-two", make)[0] / "site" / "repo"


def build_languages(
    output: Path, artefacts_folder: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Builds the French site, and the English one in it, as `tox -e site` does."""
    done = build_site(output, artefacts_folder, **environment)
    if done.returncode:
        return done
    return build_site(output / "en", artefacts_folder, "mkdocs.en.yml", **environment)


BuildSite = Callable[..., Path]


@pytest.fixture
def build(tmp_path: Path) -> BuildSite:
    """Builds the site of some results."""

    def make(*results: StudyResults, **environment: str) -> Path:
        root = write_artefacts(tmp_path / "artefacts", *results)
        output = tmp_path / "site"
        done = build_languages(output, root, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return output

    return make
