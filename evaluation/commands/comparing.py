"""``veille compare``: ties, gaps and corrected tests of a study's cases."""

from pathlib import Path

import click

from evaluation.commands.options import ARTEFACTS, DATA_ROOT, runs_models, say, short, watched
from evaluation.errors import VeilleError, refuse_unknown
from evaluation.records import PairedTest, StudyComparison
from evaluation.stages.engine import Engine
from evaluation.stages.open import open_study
from evaluation.stages.settings import Settings
from evaluation.study.config import load_study
from evaluation.terminal import changes_text, pairs_table, ranking
from evaluation.usage import eval_command


@click.command(short_help="Compare a study's cases: ties, gaps, corrected tests.")
@click.argument("study")
@click.argument("cases", nargs=-1)
@click.option(
    "--deep",
    is_flag=True,
    help="Also: learning curves, effect of each text, random words, audit, retrieval.",
)
@click.option(
    "--against", help="What was scored then: a saved state, a folder of artefacts, a git ref."
)
@click.option("--markdown", is_flag=True, help="With --against: for a pull request.")
@DATA_ROOT
@runs_models
def compare(
    study: str,
    cases: tuple[str, ...],
    data_root: Path | None,
    *,
    deep: bool,
    against: str | None,
    markdown: bool,
    settings: Settings,
) -> None:
    """Compare the scored cases of STUDY on the same photos, and write comparison.json.

    With two or more CASES (embedded/noms, or demo/embedded/noms), only their pairs are shown.
    --deep needs the photos and the models again; image embeddings come from the store.
    --against says what changed since, photo by photo; `veille baseline` keeps a state.
    """
    from evaluation.stages.compare import compare_cases

    if against is not None:
        _print_changes(study, cases, against, settings.artefacts, markdown=markdown)
        return
    if deep:
        from evaluation.stages.deepen import deepen

        declared = load_study(study, data_root=data_root)
        with watched(settings) as shown:
            compared = deepen(open_study(declared, shown), Engine(shown))
    else:
        compared = compare_cases(settings.artefacts, study)
    if compared is None:
        raise VeilleError(
            "no case was scored on the photos as they are now",
            where=study,
            remedy=f"run {eval_command(study)}",
        )
    if compared.comparison is None:
        raise VeilleError(
            "fewer than two cases were scored",
            where=study,
            remedy=f"score another one: {eval_command(study)}",
        )
    say(ranking(compared.comparison, study, colour=False))
    say(pairs_table(_wanted_pairs(compared, cases), study))


def _print_changes(
    study: str, cases: tuple[str, ...], against: str, artefacts: Path, *, markdown: bool
) -> None:
    from evaluation.stages.baseline import changes, state

    with state(artefacts, study, against) as then:
        every = changes(artefacts, study, then)
    wanted = {name.removeprefix(f"{study}/") for name in cases}
    known = {case.case.removeprefix(f"{study}/"): case for case in every}
    refuse_unknown("not scored both times:", wanted, sorted(known), study)
    chosen = [case for name, case in known.items() if not wanted or name in wanted]
    say(changes_text(chosen, study, against, markdown=markdown))


@click.command(short_help="Keep the scores of a study, to compare with later ones.")
@click.argument("study")
@click.option("--save", "name", required=True, help="The name of this state.")
@ARTEFACTS
def baseline(study: str, name: str, artefacts: Path) -> None:
    """Keep what STUDY's cases scored, under a name.

    `veille compare STUDY --against NAME` then says what changed, photo by photo, and
    `no_worse_than = "NAME"` in the study's [[thresholds]] makes a regression fail.
    """
    from evaluation.stages.baseline import save
    from evaluation.stages.compare import compare_cases

    say(f"written   {short(save(artefacts, study, name))}")
    compare_cases(artefacts, study)  # the page of the study's history shows it


def _wanted_pairs(compared: StudyComparison, cases: tuple[str, ...]) -> tuple[PairedTest, ...]:
    pairs = compared.comparison.pairs if compared.comparison else ()
    known = {name for pair in pairs for name in (pair.a, pair.b)}
    wanted = {case if case in known else f"{compared.study}/{case}" for case in cases}
    refuse_unknown("no scored case", wanted, sorted(known), compared.study)
    if len(wanted) == 1:
        raise VeilleError("one case is no pair", where=compared.study, remedy="name two or more")
    return tuple(pair for pair in pairs if not wanted or {pair.a, pair.b} <= wanted)
