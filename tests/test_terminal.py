"""The table that a run ends with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from evaluation.records import Fetched, Licence, Metric, Timings
from evaluation.terminal import progress_bars, results_table, weights_table
from tests.factories import make_run


def test_a_row_says_accuracy_with_its_interval_and_the_speed() -> None:
    """Model, prompt set, accuracy with interval, macro-F1, images a second."""
    run = make_run(
        metrics=(
            Metric(name="accuracy", value=0.6429, low=0.576, high=0.7047, n=210),
            Metric(name="macro_f1", value=0.61, n=210),
        )
    )
    table = results_table(
        [run, replace(run, case="demo/other", prompts=None, timings=Timings())], colour=False
    )
    assert "0.643 [0.576, 0.705]" in table
    assert "0.610" in table
    assert "12.5" in table
    assert table.count("—") == 2
    assert "\x1b" not in table


def test_a_case_that_did_not_come_out_says_why() -> None:
    """The reason is not cut to a column's width, and brackets are not markup."""
    reason = "weights [tag] cannot be had " + "x" * 200
    table = results_table([make_run(status="unavailable", error=reason, metrics=())], colour=False)
    assert "unavailable" in table
    assert reason in table


def test_cases_that_lack_the_same_share_a_row() -> None:
    """Five prompt sets of a model without weights are a row and a reason; results stay apart."""
    run = make_run(metrics=(Metric(name="accuracy", value=0.5, low=0.4, high=0.6, n=99),))
    lacking = [
        replace(run, case=f"demo/hub/{i}", status="unavailable", error="no weights", metrics=())
        for i in range(5)
    ]
    other = replace(lacking[0], error="no tokenizer", case="demo/hub/last")
    table = results_table([run, replace(run, case="demo/own"), *lacking, other], colour=False)
    assert table.count("0.500 [0.400, 0.600]") == 2
    assert table.count("5 prompt sets") == 1
    assert table.count(": no weights") == 1
    assert "demo/hub/last: no tokenizer" in table


def test_the_table_of_weights_says_what_came_of_each() -> None:
    """Size, state, folder; below, why weights are missing, brackets as they are."""
    model = make_run().model
    here = Fetched(model=model, state="cached", size=605_000_000, path=Path("/cache/w.bin"))
    here = replace(here, licence=Licence(name="Apple AMLR", url="u", commercial=False))
    gone = Fetched(model=replace(model, name="gone"), state="missing", reason="no [such] tag")
    table = weights_table([here, gone])
    for words in ("605 MB", "cached", "/cache", "missing", "gone: no [such] tag", "AMLR (not"):
        assert words in table


def test_bars_are_quiet_when_it_is_no_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing is printed into a log file."""
    with progress_bars() as advance:
        advance("embedding", 1, 2)
    assert capfd.readouterr() == ("", "")


def test_names_in_brackets_are_names() -> None:
    """A path or a licence that looks like rich's markup is drawn as it is spelt."""
    model = replace(make_run().model, weights="/data/[/red]/[bold]x.pt")
    licence = Licence(name="[/x]", commercial=None, url="")
    table = weights_table([Fetched(model=model, state="local", licence=licence)])
    assert "[/red]" in table
    assert "[/x]" in table
    assert "[b]" in results_table([make_run(model=replace(model, name="[b]"))], colour=False)
