"""pytest is the runner: options, one case a parameter, one record a case, a final table."""

import argparse
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evaluation.errors import (
    ArtefactError,
    VeilleError,
    VeilleWarning,
    refuse_unknown,
    site_command,
)
from evaluation.records import Case, ExplainFailure, Predictions, RunRecord, Study, Threshold
from evaluation.stages.engine import Engine
from evaluation.stages.evaluate import evaluate
from evaluation.stages.open import StudyData, open_study
from evaluation.stages.settings import Settings
from evaluation.stages.standing import standing_comparison
from evaluation.stores.artefacts import read, read_attempt
from evaluation.stores.prediction_tables import read_predictions
from evaluation.study.config import load_study
from evaluation.suites import workers
from evaluation.terminal import progress_bars, ranking, results_table

DEFAULT_STUDY = "demo"
_RUN = pytest.StashKey["Run"]()


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


def pytest_configure(config: pytest.Config) -> None:
    """Reads the studies: a mistake in one ends the run with its lines and no traceback."""
    if config.option.reportchars == "a":
        # The final table says once why a model is unavailable; four claims would each say it.
        config.option.reportchars = "fExX"
    with _one_clear_line():
        run = Run(config)
    config.stash[_RUN] = run
    workers.share_the_machine(config, run.cases)
    config.pluginmanager.register(run, "veille-run")


@contextmanager
def _one_clear_line() -> Iterator[None]:
    try:
        yield
    except VeilleError as error:
        raise pytest.UsageError(str(error)) from None


# ------------------------------------------------------------------- fixtures


@pytest.fixture(scope="session")
def record(case: Case, pytestconfig: pytest.Config) -> RunRecord:
    """The record of a case that ran; the case is skipped when its weights cannot be had."""
    run = pytestconfig.stash[_RUN].record_of(case)
    if run.status == "unavailable":
        pytest.skip(run.error or "unavailable")
    if run.status == "failed":
        pytest.fail(run.error or "failed", pytrace=False)
    return run


@pytest.fixture(scope="session")
def predictions(record: RunRecord, pytestconfig: pytest.Config) -> Predictions:
    """What the case's predictions.csv holds: the claims are made of the stored artefact."""
    return read_predictions(pytestconfig.stash[_RUN].root / record.case / "predictions.csv")


@pytest.fixture(scope="session")
def thresholds(case: Case, pytestconfig: pytest.Config) -> tuple[Threshold, ...]:
    """The floors that the study declares for this case."""
    study = pytestconfig.stash[_RUN].opened[case.study].study
    return tuple(threshold for threshold in study.thresholds if threshold.case == case.name)


@pytest.fixture(scope="session")
def other(case: Case, pytestconfig: pytest.Config) -> Callable[[str], RunRecord]:
    """The record of another case of the same study, scored now if it was not yet."""
    run = pytestconfig.stash[_RUN]
    return lambda name: run.record_of(run.opened[case.study].case(name))


@pytest.fixture(scope="session")
def gain_since(case: Case, pytestconfig: pytest.Config) -> Callable[[str], float]:
    """What the case's accuracy has gained since a saved state, on the photos of both."""
    root = pytestconfig.stash[_RUN].root

    def gain(name: str) -> float:
        from evaluation.stages.baseline import changes, state

        try:
            with state(root, case.study, name) as then:
                every = changes(root, case.study, then)
        except VeilleError as error:
            pytest.fail(str(error), pytrace=False)
        for change in every:
            if change.case == case.id:
                return change.gap.value or 0.0
        pytest.fail(f"{case.id} was not scored when {name} was saved", pytrace=False)

    return gain


# ------------------------------------------------------------------------ run


class Run:
    """The studies of a run: what is opened, scored and shown."""

    def __init__(self, config: pytest.Config) -> None:
        names = config.getoption("--study") or [DEFAULT_STUDY]
        root: Path | None = config.getoption("--data-root")
        if root is not None and len(names) > 1:
            raise VeilleError(
                "--data-root was given with several studies", remedy="run one study at a time"
            )
        self.config = config
        self.root: Path = config.getoption("--artefacts")
        self.studies = [load_study(name, data_root=root) for name in names]
        self.cases = [case for study in self.studies for case in self._wanted(study)]
        self.opened: dict[str, StudyData] = {}
        self.records: dict[str, RunRecord] = {}
        self.seen: dict[str, None] = {}
        """The cases that were run, in their order."""
        taken = ("artefacts", "device", "precision", "offline", "resume", "retry")
        photos = config.getoption("batch_size")
        settings = Settings(
            **{name: config.getoption(name) for name in taken},
            **({"batch_size": photos, "most_photos": photos} if photos else {}),
            # Training anew is running anew.
            force=config.getoption("force") or not config.getoption("resume"),
        )
        self.engine = Engine(settings)

    def _wanted(self, study: Study) -> Iterator[Case]:
        wanted: list[set[str] | None] = []
        for option, known in (("--models", study.models), ("--prompts", study.prompts)):
            text: str | None = self.config.getoption(option)
            names = {name.strip() for name in (text or "").split(",") if name.strip()}
            refuse_unknown("unknown name", names, sorted(each.name for each in known), option)
            wanted.append(None if text is None else names)
        models, prompts = wanted
        for case in study.cases():
            reads = case.prompts.name if case.prompts else ""
            if (models is None or case.model.name in models) and (
                prompts is None or reads in prompts
            ):
                yield case

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> object:
        """The cases that share a trunk go to one worker."""
        return workers.scheduler(
            config, log, {case.id: workers.trunk_of(case) for case in self.cases}
        )

    @contextmanager
    def watched(self) -> Iterator[Settings]:
        """The settings with progress bars on the terminal, past pytest's capture."""
        capture = self.config.pluginmanager.getplugin("capturemanager")
        uncaptured = capture.global_and_fixture_disabled() if capture else nullcontext()
        with uncaptured, progress_bars() as advance:
            yield replace(self.engine.settings, progress=advance)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Every test that asks for a case is made once a case."""
        if "case" in metafunc.fixturenames:
            metafunc.parametrize("case", self.cases, ids=lambda case: case.id, scope="session")

    def pytest_sessionstart(self) -> None:
        """With pytest-xdist the controller opens the studies first: a mistake in the data is
        then said once, and the workers find the decoded photos in the cache.
        """
        several = getattr(self.config.option, "numprocesses", None)
        if several and not hasattr(self.config, "workerinput"):
            self._open({study.name for study in self.studies})

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Opens the studies that will run, before any case: their mistakes end the run at once."""
        if not self.config.option.collectonly:
            callspecs = (getattr(item, "callspec", None) for item in session.items)
            cases = (callspec.params.get("case") for callspec in callspecs if callspec)
            self._open({case.study for case in cases if isinstance(case, Case)})

    def _open(self, names: set[str]) -> None:
        for study in self.studies:
            if study.name in names and study.name not in self.opened:
                with _one_clear_line(), self.watched() as settings:
                    self.opened[study.name] = open_study(study, settings)

    def record_of(self, case: Case) -> RunRecord:
        """The record of a case, scored now if it was not yet."""
        if case.id not in self.records:
            data = self.opened[case.study]
            maps = None if self.config.getoption("--no-maps") else data.study.explain
            try:
                with self.watched() as self.engine.settings:
                    run = evaluate(data.case(case.name), data, self.engine, maps)
            except ArtefactError as error:
                # Nothing can be recorded any more: every other case would say the same.
                pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)
            self.records[case.id] = run
            for text in run.warnings:
                warnings.warn(f"{case.id}: {text}", VeilleWarning, stacklevel=1)
        return self.records[case.id]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remembers which cases were run; pytest-xdist sends reports here too."""
        if case := workers.case_of(report.nodeid):
            self.seen.setdefault(case)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Writes the final table, and where the artefacts are, after pytest's own."""
        runs = [run for case in self.seen if (run := read_attempt(self.root, case)) is not None]
        if not runs:
            return
        terminalreporter.section("results")
        colour = bool(terminalreporter.isatty)
        terminalreporter.write(results_table(runs, colour=colour))
        for run in runs:
            failure = self.root / run.case / "attention-failure.json"
            if run.status == "ok" and failure.is_file():
                reason = read(failure, ExplainFailure).error
                line = f"{run.case} was scored; its maps failed: {reason}"
                terminalreporter.write_line(line, red=True)
        for study in dict.fromkeys(run.study for run in runs):
            try:
                with self.watched():
                    ranks = standing_comparison(self.root, study)
                    if ranks is None:
                        from evaluation.stages.compare import compare_cases

                        result = compare_cases(self.root, study)
                        ranks = result.comparison if result else None
                if ranks is not None:
                    terminalreporter.write(ranking(ranks, study, colour=colour))
            except VeilleError as error:  # the scores stand
                terminalreporter.write_line(f"the cases cannot be compared: {error}", red=True)
        terminalreporter.write_line(f"artefacts: {self.root.resolve()}")
        terminalreporter.write_line(
            f"read them as a site: {site_command()} (build), {site_command(live=True)} (live)"
        )
