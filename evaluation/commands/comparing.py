"""``veille compare``: ties, gaps and corrected tests of a study's cases."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from evaluation.commands.options import DATA_ROOT, runs_models
from evaluation.errors import VeilleError
from evaluation.records import PairedTest, StudyComparison
from evaluation.stages.settings import Settings
from evaluation.study.config import load_study
from evaluation.terminal import pairs_table, progress_bars, ranking
from evaluation.usage import eval_command


@click.command(short_help="Compare a study's cases: ties, gaps, corrected tests.")
@click.argument("study")
@click.argument("cases", nargs=-1)
@click.option(
    "--deep",
    is_flag=True,
    help="Also: learning curves, effect of each text, random words, audit, retrieval.",
)
@DATA_ROOT
@runs_models
def compare(
    study: str, cases: tuple[str, ...], data_root: Path | None, *, deep: bool, settings: Settings
) -> None:
    """Compare the scored cases of STUDY on the same photos, and write comparison.json.

    With two or more CASES (embedded/noms, or demo/embedded/noms), only their pairs are shown.
    --deep needs the photos and the models again; image embeddings come from the store.
    """
    found = _deepened(study, data_root, settings) if deep else _compared(study, settings)
    if found.comparison is None:
        raise VeilleError(
            "fewer than two cases were scored",
            where=study,
            remedy=f"score another one: {eval_command(study)}",
        )
    click.echo(ranking(found.comparison, study, colour=False))
    click.echo(pairs_table(_wanted_pairs(found, cases), study, colour=False))


def _compared(study: str, settings: Settings) -> StudyComparison:
    from evaluation.stages.compare import compare_cases

    return _found(compare_cases(settings.artefacts, study), study)


def _deepened(study: str, data_root: Path | None, settings: Settings) -> StudyComparison:
    from evaluation.stages.deepen import deepen
    from evaluation.stages.engine import Engine
    from evaluation.stages.open import open_study

    declared = load_study(study, data_root=data_root)
    with progress_bars() as advance:
        watched = replace(settings, progress=advance)
        return _found(deepen(open_study(declared, watched), Engine(watched)), study)


def _found(comparison: StudyComparison | None, study: str) -> StudyComparison:
    if comparison is None:
        raise VeilleError(
            "no case was scored on the photos as they are now",
            where=study,
            remedy=f"run {eval_command(study)}",
        )
    return comparison


def _wanted_pairs(found: StudyComparison, cases: tuple[str, ...]) -> tuple[PairedTest, ...]:
    pairs = found.comparison.pairs if found.comparison else ()
    known = {name for pair in pairs for name in (pair.a, pair.b)}
    wanted = {case if case in known else f"{found.study}/{case}" for case in cases}
    unknown = sorted(wanted - known)
    if unknown or len(wanted) == 1:
        raise VeilleError(
            f"no scored case {', '.join(unknown)}" if unknown else "one case is no pair",
            where=found.study,
            remedy=f"choose two or more among {', '.join(sorted(known))}",
        )
    return tuple(pair for pair in pairs if not wanted or {pair.a, pair.b} <= wanted)
