"""pytest is the runner: options, one case a parameter, one record a case, a final table."""

import argparse
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evaluation.errors import ArtefactError, VeilleError, VeilleWarning, refuse_unknown
from evaluation.records import Case, Predictions, RunRecord, Study, Threshold
from evaluation.stages.engine import Engine
from evaluation.stages.evaluate import evaluate
from evaluation.stages.open import StudyData, open_study
from evaluation.stages.settings import Settings
from evaluation.stores.tables import read_predictions
from evaluation.study.config import load_study
from evaluation.suites.shown import Summary, case_of, watched

_STUDIES = pytest.StashKey[tuple[Study, ...]]()
_CASES = pytest.StashKey[tuple[Case, ...]]()
_OPENED = pytest.StashKey[dict[str, StudyData]]()
_ENGINE = pytest.StashKey[Engine]()
_RECORDS = pytest.StashKey[dict[str, RunRecord]]()

DEFAULT_STUDY = "demo"


def pytest_addoption(parser: pytest.Parser) -> None:
    """What may follow ``veille eval``, besides pytest's own options."""
    group = parser.getgroup("veille", "veille-clip: what is scored, and where")
    group.addoption(
        "--study",
        action="append",
        metavar="NAME|PATH",
        help=f"study to run: a name of `veille studies`, or a path (default: {DEFAULT_STUDY})",
    )
    group.addoption(
        "--data-root", type=Path, metavar="DIR", help="folder of the photos, instead of the study's"
    )
    group.addoption("--models", metavar="A,B", help="only these models of the study")
    group.addoption("--prompts", metavar="A,B", help="only these prompt sets of the study")
    group.addoption("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")
    group.addoption("--precision", default="fp32", choices=["fp32", "bf16", "fp16"])
    group.addoption("--batch-size", type=int, metavar="N")
    group.addoption(
        "--artefacts",
        type=Path,
        default=Path("artefacts"),
        metavar="DIR",
        help="where results are written (default: artefacts)",
    )
    flags = {
        "--offline": "never touch the network",
        "--no-maps": "make no attention maps",
        "--force": "run cases anew though nothing changed since",
        "--retry": "ask again for weights that could not be had today",
    }
    for flag, meaning in flags.items():
        group.addoption(flag, action="store_true", help=meaning)
    group.addoption(
        "--resume",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="continue an interrupted training, and take a finished one as it is (the default);"
        " --no-resume trains anew",
    )


# ------------------------------------------------------------------ collection


def pytest_configure(config: pytest.Config) -> None:
    """Reads the studies: a mistake in one ends the run with its lines and no traceback."""
    if config.option.reportchars == "a":
        # The final table says once why a model is unavailable; four claims would each say it.
        config.option.reportchars = "fExX"
    names = config.getoption("--study") or [DEFAULT_STUDY]
    root: Path | None = config.getoption("--data-root")
    with _one_clear_line():
        if root is not None and len(names) > 1:
            raise VeilleError(
                "--data-root was given with several studies", remedy="run one study at a time"
            )
        studies = tuple(load_study(name, data_root=root) for name in names)
        cases = tuple(case for study in studies for case in _wanted_cases(config, study))
    config.stash[_STUDIES] = studies
    config.stash[_CASES] = cases
    _share_the_machine(config)
    config.stash[_OPENED] = {}
    taken = ("artefacts", "device", "precision", "offline", "resume", "retry")
    photos = config.getoption("batch_size")
    settings = Settings(
        **{name: config.getoption(name) for name in taken},
        **({"batch_size": photos, "most_photos": photos} if photos else {}),
        # Training anew is running anew.
        force=config.getoption("force") or not config.getoption("resume"),
    )
    config.stash[_ENGINE] = Engine(settings)
    config.stash[_RECORDS] = {}
    config.pluginmanager.register(Summary(), "veille-summary")


def _wanted_cases(config: pytest.Config, study: Study) -> tuple[Case, ...]:
    models = _names(config, "--models", {model.name for model in study.models})
    prompts = _names(config, "--prompts", {prompts.name for prompts in study.prompts})
    return tuple(
        case
        for case in study.cases()
        if (models is None or case.model.name in models)
        and (prompts is None or (case.prompts is not None and case.prompts.name in prompts))
    )


def _names(config: pytest.Config, option: str, known: set[str]) -> set[str] | None:
    text: str | None = config.getoption(option)
    if text is None:
        return None
    wanted = {name.strip() for name in text.split(",") if name.strip()}
    refuse_unknown("unknown name", wanted, sorted(known), option)
    return wanted


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test that asks for a case is made once a case."""
    if "case" in metafunc.fixturenames:
        cases = metafunc.config.stash[_CASES]
        metafunc.parametrize("case", cases, ids=lambda case: case.id, scope="session")


def _share_the_machine(config: pytest.Config) -> None:
    """As many workers of pytest-xdist as there are trunks; one trunk needs one process.

    Each worker has a thread a core, which does not spin while it waits: whoever works while
    others wait, or have nothing left, has all cores.
    """
    if hasattr(config, "workerinput"):
        # Read by PyTorch's threads, which are started later.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    elif config.getoption("dist", "no") == "load":
        trunks = {_trunk_of(case) for case in config.stash[_CASES]}
        config.option.tx = config.option.tx[: len(trunks)]
        if len(trunks) < 2:  # noqa: PLR2004 - nothing to share out
            config.option.dist, config.option.numprocesses = "no", None


def _trunk_of(case: Case) -> str:
    return f"{case.study}/{case.model.trunk}"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """The cases that share a trunk go to one worker, which loads it once and makes its maps once.

    pytest-xdist's own ``loadgroup`` (3.8) does not see its groups under pytest 9.
    """
    if config.getoption("dist") != "load":
        return None
    from xdist.scheduler import LoadScopeScheduling

    trunks = {case.id: _trunk_of(case) for case in config.stash[_CASES]}
    scheduler = LoadScopeScheduling(config, log)
    # What its documentation says to override.
    scheduler._split_scope = lambda nodeid: trunks.get(case_of(nodeid), nodeid)  # noqa: SLF001
    return scheduler


@contextmanager
def _one_clear_line() -> Iterator[None]:
    try:
        yield
    except VeilleError as error:
        raise pytest.UsageError(str(error)) from None


# -------------------------------------------------------------------- opening


def pytest_sessionstart(session: pytest.Session) -> None:
    """With pytest-xdist the controller opens the studies first: a mistake in the data is
    then said once, and the workers find the decoded photos in the cache.
    """
    config = session.config
    if getattr(config.option, "numprocesses", None) and not hasattr(config, "workerinput"):
        _open_all(config, {study.name for study in config.stash[_STUDIES]})


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Opens the studies that will run, before any case: their mistakes end the run at once."""
    if session.config.option.collectonly:
        return
    callspecs = (getattr(item, "callspec", None) for item in session.items)
    cases = (callspec.params.get("case") for callspec in callspecs if callspec)
    _open_all(session.config, {case.study for case in cases if isinstance(case, Case)})


def _open_all(config: pytest.Config, names: set[str]) -> None:
    with _one_clear_line():
        for study in config.stash[_STUDIES]:
            if study.name in names and study.name not in config.stash[_OPENED]:
                with watched(config) as advance:
                    settings = replace(config.stash[_ENGINE].settings, progress=advance)
                    config.stash[_OPENED][study.name] = open_study(study, settings)


# ------------------------------------------------------------------- fixtures


@pytest.fixture(scope="session")
def record(case: Case, pytestconfig: pytest.Config) -> RunRecord:
    """The record of a case that ran; the case is skipped when its weights cannot be had."""
    run = _record_of(pytestconfig, case)
    if run.status == "unavailable":
        pytest.skip(run.error or "unavailable")
    if run.status == "failed":
        pytest.fail(run.error or "failed", pytrace=False)
    return run


@pytest.fixture(scope="session")
def predictions(record: RunRecord, pytestconfig: pytest.Config) -> Predictions:
    """What the case's predictions.csv holds: the claims are made of the stored artefact."""
    folder: Path = pytestconfig.getoption("--artefacts") / record.case
    return read_predictions(folder / "predictions.csv")


@pytest.fixture(scope="session")
def thresholds(case: Case, pytestconfig: pytest.Config) -> tuple[Threshold, ...]:
    """The floors that the study declares for this case."""
    study = pytestconfig.stash[_OPENED][case.study].study
    return tuple(threshold for threshold in study.thresholds if threshold.case == case.name)


@pytest.fixture(scope="session")
def other(case: Case, pytestconfig: pytest.Config) -> Callable[[str], RunRecord]:
    """The record of another case of the same study, scored now if it was not yet."""

    def find(name: str) -> RunRecord:
        return _record_of(pytestconfig, pytestconfig.stash[_OPENED][case.study].case(name))

    return find


@pytest.fixture(scope="session")
def gain_since(case: Case, pytestconfig: pytest.Config) -> Callable[[str], float]:
    """What the case's accuracy has gained since a saved state, on the photos of both."""

    def gain(name: str) -> float:
        from evaluation.stages.baseline import changes, state

        root: Path = pytestconfig.getoption("--artefacts")
        try:
            with state(root, case.study, name) as then:
                changed = {change.case: change for change in changes(root, case.study, then)}
        except VeilleError as error:
            pytest.fail(str(error), pytrace=False)
        if case.id not in changed:
            pytest.fail(f"{case.id} was not scored when {name} was saved", pytrace=False)
        return changed[case.id].gap.value or 0.0

    return gain


def _record_of(config: pytest.Config, case: Case) -> RunRecord:
    records, data = config.stash[_RECORDS], config.stash[_OPENED][case.study]
    if case.id not in records:
        try:
            with watched(config) as advance:
                engine = config.stash[_ENGINE]
                engine.settings = replace(engine.settings, progress=advance)
                maps = None if config.getoption("--no-maps") else data.study.explain
                records[case.id] = evaluate(data.case(case.name), data, engine, maps)
        except ArtefactError as error:
            # Nothing can be recorded any more: every other case would say the same.
            pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)
        for text in records[case.id].warnings:
            warnings.warn(f"{case.id}: {text}", VeilleWarning, stacklevel=1)
    return records[case.id]
