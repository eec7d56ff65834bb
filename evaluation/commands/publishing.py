"""``veille site`` and ``veille serve``: MkDocs on the results of a folder, in both languages."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import click

from evaluation.errors import ReportError

_MKDOCS = {"ignore_unknown_options": True}


@click.command(short_help="Build the site of the results, in French and in English.")
@click.option("--artefacts", type=click.Path(path_type=Path), help="Folder of the results.")
@click.option(
    "--photos",
    type=click.Choice(["all", "redistributable"]),
    help="Which photos may be shown (VEILLE_PHOTOS; all).",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("site"),
    show_default=True,
    help="Folder of the site.",
)
def site(
    artefacts: Path | None, photos: Literal["all", "redistributable"] | None, output: Path
) -> None:
    """Build the site of the results in this folder, strictly: a broken link ends it.

    The folder's own mkdocs.yml is used, and mkdocs.en.yml for English in en/; where there is
    none, both are written, to be edited or left.
    """
    _told(artefacts, photos)
    for configuration in _configurations():
        folder = output if configuration.name == "mkdocs.yml" else output / "en"
        _mkdocs("build", "--strict", "-f", str(configuration), "-d", str(folder.resolve()))
    click.echo(f"{output}{os.sep}index.html written")


@click.command(short_help="Serve the site, which follows the results.", context_settings=_MKDOCS)
@click.option("--artefacts", type=click.Path(path_type=Path), help="Folder of the results.")
@click.option("--language", type=click.Choice(["fr", "en"]), default="fr", show_default=True)
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[MKDOCS OPTIONS]...")
def serve(artefacts: Path | None, language: str, options: tuple[str, ...]) -> None:
    """Serve the site in one language at http://127.0.0.1:8000; it follows what is saved.

    Other options are those of `mkdocs serve`: --dev-addr HOST:PORT, --open.
    """
    _told(artefacts, None)
    french, *others = _configurations()
    if language == "en" and not others:
        raise ReportError(
            "there is no mkdocs.en.yml", where=french.parent, remedy="serve it in French"
        )
    _mkdocs("serve", "-f", str(others[0] if language == "en" else french), *options)


def _told(artefacts: Path | None, photos: str | None) -> None:
    """Says to mkdocs.yml what its variables hold."""
    if artefacts is not None:
        os.environ["VEILLE_ARTEFACTS"] = str(artefacts.resolve())
    if photos is not None:
        os.environ["VEILLE_PHOTOS"] = photos


def _configurations() -> tuple[Path, ...]:
    from evaluation.report.site.folder import configurations  # noqa: PLC0415 - the `site` extra

    return configurations(Path.cwd())


def _mkdocs(*arguments: str) -> None:
    """MkDocs' own command, in this process; its exit code ends this one when it is not 0."""
    os.environ["NO_MKDOCS_2_WARNING"] = "1"
    from mkdocs.__main__ import cli  # noqa: PLC0415 - needs the `site` extra

    cli.main(list(arguments), prog_name="mkdocs", standalone_mode=False)
