"""The ``veille`` command."""

import sys
import warnings
from typing import Any, NoReturn

import click

from evaluation.commands.beginning import evaluate, new, try_
from evaluation.commands.checking import check, data, weights
from evaluation.commands.comparing import baseline, compare, explain, suggest, watch
from evaluation.commands.options import say, short
from evaluation.commands.publishing import print_study, publish, report, serve, site, slides
from evaluation.commands.using import cache, drift, embed, export, predict
from evaluation.errors import VeilleError, VeilleWarning, extras_remedy, printable
from evaluation.study.config import list_studies

_EPILOG = """\b
The usual way (in a checkout: tox -e eval -- --study NAME, tox -e site):
  veille eval                        score the demo study, offline
  veille eval NAME --data-root DIR   score another one
  veille site                        build the site from the results

\b
Results lie in artefacts/ and are all that the site reads.  Models and
embeddings are cached in $VEILLE_CACHE, or in your user cache folder.
"""


class _OneLine(click.Group):
    """Says what went wrong in its own lines; a traceback is kept for our own faults."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            with warnings.catch_warnings():
                as_python_does = warnings.showwarning

                def show(
                    message: Warning | str, category: type[Warning], *where: Any, **more: Any
                ) -> None:
                    if issubclass(category, VeilleWarning):
                        say(f"warning: {printable(message)}", fg="yellow", err=True)
                    else:
                        as_python_does(message, category, *where, **more)

                warnings.showwarning = show
                return super().invoke(ctx)
        except VeilleError as error:
            _fail(error)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] in ("", "evaluation"):
                raise
            # Scoring needs the extra ``eval``, the report the extra ``site``.
            what = (
                f"this command needs the Python package {error.name}, which is not installed here"
            )
            _fail(VeilleError(what, remedy=extras_remedy()))


def _fail(error: VeilleError) -> NoReturn:
    for line in str(error).splitlines():
        say(f"error: {line}", fg="red", err=True)
    sys.exit(2)


_SETTINGS = {"help_option_names": ["-h", "--help"], "show_default": True}


@click.group(cls=_OneLine, epilog=_EPILOG, context_settings=_SETTINGS)
@click.version_option(package_name="veille-clip", prog_name="veille")
def main() -> None:
    """Is zero-shot CLIP good enough for your own categories?

    A study is a question, some photos in classes, and the models and prompt sets that are
    tried on them.  This command lists, checks, creates and scores studies, and makes the
    site of their results; the scoring itself is a pytest suite.
    """


for command in (
    *(new, try_, check, data, weights, evaluate, watch, compare, baseline, explain, suggest),
    *(predict, export, drift, site, serve, publish, report, slides, print_study, embed, cache),
):
    main.add_command(command)


@main.command(short_help="List the studies that can be run.")
def studies() -> None:
    """List the studies that can be run, shipped ones and your own."""
    summaries = list_studies()
    width = max((len(summary.name) for summary in summaries), default=0)
    for summary in summaries:
        say(f"{summary.name:<{width}}  {summary.title}")
        say(f"{'':<{width}}  {short(summary.file)}", dim=True)
        if summary.error:
            say(f"error: {summary.error}", fg="red", err=True)
