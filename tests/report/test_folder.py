"""`veille site`, `veille serve` and `veille report` in a folder that has nothing but artefacts."""

from __future__ import annotations

import filecmp
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from mkdocs.utils.yaml import yaml_load

from evaluation.cli import main
from evaluation.errors import ReportError
from evaluation.report.site.disk import write_report
from evaluation.report.site.folder import configurations
from tests.report import builder
from tests.report.conftest import build_languages, write_artefacts


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of a user's own, in which the artefacts of one study lie."""
    write_artefacts(tmp_path / "own" / "artefacts", builder.second(tmp_path / "own" / "artefacts"))
    monkeypatch.chdir(tmp_path / "own")
    for name in ("VEILLE_ARTEFACTS", "VEILLE_PHOTOS", "VEILLE_SITE_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "own"


def test_both_configurations_are_written_once(folder: Path) -> None:
    """Where there is none: short files to edit; what the user changed then stands."""
    french, english = configurations(folder)
    assert len(french.read_text(encoding="utf-8").splitlines()) < 10
    with french.open("rb") as file:
        assert Path(yaml_load(file)["docs_dir"]).is_dir()
    french.write_text("INHERIT: .veille/mkdocs.yml\nsite_name: Mes objets\n", encoding="utf-8")
    assert configurations(folder) == (french, english)
    with english.open("rb") as file:
        assert yaml_load(file)["site_name"] == "Mes objets"


def test_the_configuration_of_the_user_is_used_alone(folder: Path) -> None:
    """Nothing is written beside a mkdocs.yml of their own, which is in one language."""
    (folder / "mkdocs.yml").write_text("site_name: Le mien\n", encoding="utf-8")
    assert configurations(folder) == (folder / "mkdocs.yml",)
    assert {path.name for path in folder.iterdir()} == {"artefacts", "mkdocs.yml"}
    assert CliRunner().invoke(main, ["serve", "--language", "en"]).exit_code == 2


def test_the_site_is_that_of_a_checkout_byte_for_byte(folder: Path, tmp_path: Path) -> None:
    """From the same artefacts: every page, script and photo of both languages."""
    done = CliRunner().invoke(main, ["site"])
    assert done.exit_code == 0, done.output
    assert build_languages(tmp_path / "checkout", folder / "artefacts").returncode == 0
    names = {
        root: {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
        for root in (folder / "site", tmp_path / "checkout")
    }
    mine, theirs = names.values()
    assert mine == theirs
    assert "en/etudes/jouets/index.html" in mine
    # A sitemap tells the day, and its archive the second.
    same = sorted(name for name in mine if "sitemap" not in name)
    equal, different, _ = filecmp.cmpfiles(
        folder / "site", tmp_path / "checkout", same, shallow=False
    )
    assert (different, len(equal)) == ([], len(same))


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_report_is_whole_for_another_generator(folder: Path, language: str) -> None:
    """Assets and hand-written pages lie beside; the settings name every page that nav.yml does."""
    command = ["report", "--output", "pages", "--config", "other.yml", "--language", language]
    assert CliRunner().invoke(main, command).exit_code == 0
    settings = yaml.safe_load((folder / "other.yml").read_text(encoding="utf-8"))
    assert settings["docs_dir"] == "pages"
    assert "veille" not in settings["plugins"]
    assert settings["nav"] == yaml.safe_load((folder / "pages/nav.yml").read_text(encoding="utf-8"))
    for uri in _uris(settings["nav"]):
        assert (folder / "pages" / uri).is_file(), uri
    for name in (*settings["extra_css"], *settings["extra_javascript"], settings["theme"]["logo"]):
        assert (folder / "pages" / name).is_file(), name
    assert (folder / "pages/assets/vendor/iframe-worker.js").is_file()


def _uris(nav: object) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    several = nav.values() if isinstance(nav, dict) else nav
    assert not isinstance(several, str)
    return [uri for one in several for uri in _uris(one)]  # type: ignore[attr-defined]


def test_settings_elsewhere_than_above_the_pages_are_refused(folder: Path) -> None:
    """Generators want the pages below the folder of their settings: said before they do."""
    with pytest.raises(ReportError, match="below"):
        write_report(Path("artefacts"), folder / "pages", config=folder / "other/mkdocs.yml")
