"""What a run shows on the terminal: progress while it goes on, and its results at the end."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from evaluation.errors import VeilleError
from evaluation.records import CaseComparison, ExplainFailure, RunRecord
from evaluation.stages.settings import Advance
from evaluation.stages.standing import standing_comparison
from evaluation.stores.artefacts import read, read_attempt
from evaluation.terminal import progress_bars, ranking, results_table
from evaluation.usage import site_command


@contextmanager
def watched(config: pytest.Config) -> Iterator[Advance]:
    """Progress bars on the terminal, past pytest's capture; nothing when it is not one."""
    capture = config.pluginmanager.getplugin("capturemanager")
    uncaptured = capture.global_and_fixture_disabled() if capture else nullcontext()
    with uncaptured, progress_bars() as advance:
        yield advance


def case_of(nodeid: str) -> str:
    """The id of a test's case; "" for a test of none."""
    return nodeid.partition("[")[2].removesuffix("]")


class Summary:
    """The final table, and where the artefacts are."""

    def __init__(self) -> None:
        self.seen: dict[str, None] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remembers which cases were run, in their order; pytest-xdist sends reports here too."""
        if case := case_of(report.nodeid):
            self.seen.setdefault(case)

    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter, config: pytest.Config
    ) -> None:
        """Writes them after pytest's own."""
        root: Path = config.getoption("--artefacts")
        runs = [run for case in self.seen if (run := read_attempt(root, case)) is not None]
        if runs:
            _write_results(terminalreporter, config, root, runs)


def _write_results(
    terminalreporter: pytest.TerminalReporter,
    config: pytest.Config,
    root: Path,
    runs: list[RunRecord],
) -> None:
    terminalreporter.section("results")
    colour = bool(terminalreporter.isatty)
    terminalreporter.write(results_table(runs, colour=colour))
    for run in runs:
        failure = root / run.case / "attention-failure.json"
        if run.status == "ok" and failure.is_file():
            line = f"{run.case} was scored; its maps failed: {read(failure, ExplainFailure).error}"
            terminalreporter.write_line(line, red=True)
    for study in dict.fromkeys(run.study for run in runs):
        try:
            with watched(config):
                ranks = standing_comparison(root, study) or _compared(root, study)
        except VeilleError as error:  # the scores stand
            terminalreporter.write_line(f"the cases cannot be compared: {error}", red=True)
        else:
            if ranks is not None:
                terminalreporter.write(ranking(ranks, study, colour=colour))
    terminalreporter.write_line(f"artefacts: {root.resolve()}")
    terminalreporter.write_line(
        f"read them as a site: {site_command()} (build), {site_command(live=True)} (live)"
    )


def _compared(root: Path, study: str) -> CaseComparison | None:
    from evaluation.stages.compare import compare_cases

    result = compare_cases(root, study)
    return None if result is None else result.comparison
