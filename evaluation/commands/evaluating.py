"""``veille eval``: pytest on the suites, with the options of both."""

import sys
from pathlib import Path

import click

SUITES = Path(__file__).resolve().parents[1] / "suites"


@click.command(
    "eval",
    short_help="Score studies: pytest on the suites, with any of its options.",
    options_metavar="",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[STUDY]... [OPTIONS]")
def evaluate(arguments: tuple[str, ...]) -> None:
    """Score every case of each STUDY (a name or a path; the demo without one).

    What follows the studies is pytest's: -k "siglip2 and not noms", -x, -n 2, --junitxml FILE;
    and the suites': --data-root DIR, --models A,B, --prompts A,B, --device, --precision,
    --batch-size, --artefacts DIR, --offline, --no-maps, --no-resume, --force, --retry.
    Exit codes are pytest's.
    """
    import pytest

    sys.exit(pytest.main(pytest_arguments(arguments)))


def pytest_arguments(arguments: tuple[str, ...]) -> list[str]:
    """The command line of pytest: names that come before the first option are studies."""
    count = next(
        (i for i, argument in enumerate(arguments) if argument.startswith("-")), len(arguments)
    )
    studies = [f"--study={name}" for name in arguments[:count]]
    # The suites' own settings: those of the folder that one works in are for its own tests.
    own = ["-c", str(SUITES / "pytest.ini"), "--rootdir", str(SUITES.parents[1])]
    plugins = ["-p", "veille_clip", "-p", "no:cacheprovider"]
    return [*plugins, *own, str(SUITES), *studies, *arguments[count:]]
