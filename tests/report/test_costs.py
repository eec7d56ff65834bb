"""What cases cost, as the page of comparison shows it."""

from __future__ import annotations

from dataclasses import replace

from evaluation.records import EmbeddingCost, Lap, RunRecord, StudyResults, Timings
from evaluation.report.kit.tables import Cell, Table
from evaluation.report.study.costs import cost_table, costs
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView
from tests.report import builder
from tests.report.conftest import placeholder, printed

SIZE = "27,9"
"""Millions of parameters of the embedded model's two towers, by its card."""


def here(results: StudyResults) -> Here:
    view = StudyView(results=results, folder="etudes/x", draw=placeholder, photos_shown=True)
    return Here(view, view.page("comparaison"))


def table_of(results: StudyResults) -> Table:
    return cost_table(here(results))


def row_of(shop: StudyResults, cost: EmbeddingCost | None, **origin: object) -> tuple[Cell, ...]:
    """The cells of a case that took this."""
    run: RunRecord = shop.runs[0]
    run = replace(
        run,
        timings=Timings(embedding=cost, head_seconds=1.25),
        provenance=replace(run.provenance, **origin),  # type: ignore[arg-type]
    )
    table = table_of(replace(shop, runs=(run,)))
    return table.groups[0].rows[0].cells


def test_what_was_measured_is_shown_with_its_unit(shop: StudyResults) -> None:
    """Times, batch, memory, size and device; the exact figure is beside the rounded one."""
    cost = replace(
        builder.embedding_cost(), memory=Lap(resident_mb=3000, device_mb=812.6, scope="case")
    )
    cells = row_of(shop, cost, device="cuda:0", precision="bf16")
    assert [cell.text for cell in cells[1:]] == [
        "142,8", "—", "32", "3\u202f000", "1,2", SIZE, "cuda:0, bf16",
    ]  # fmt: skip
    assert cells[1].value == "142.83"
    assert cells[4].note == "et 813 sur la carte"


def test_a_size_leads_to_the_card_of_its_model(shop: StudyResults) -> None:
    """Parameters come from the card; a study without cards has no such column."""
    with_cards, without = (
        table_of(shop),
        table_of(replace(shop, study=replace(shop.study, models=()))),
    )
    assert with_cards is not None
    assert without is not None
    sizes = [row.cells[6] for row in with_cards.groups[0].rows]
    assert (sizes[0].text, sizes[-1].kind) == (SIZE, "missing")
    assert sizes[0].href.startswith("modeles.html#")
    assert len(without.columns) == len(with_cards.columns) - 1


def test_a_record_of_before_shows_the_peak_of_its_process(shop: StudyResults) -> None:
    """What was not measured is a dash with its reason; its memory is said to be the process's."""
    cells = row_of(shop, None)
    assert (cells[1].text, cells[3].text) == ("—", "—")
    assert "non mesuré" in cells[1].title
    assert (cells[4].text, cells[4].note) == ("1\u202f834", "du processus")
    assert row_of(shop, None, peak_memory_mb=None)[4].kind == "missing"


def test_the_note_explains_what_the_table_holds(shop: StudyResults) -> None:
    """The machine is named; a peak of the process is explained when one is shown."""
    note = printed("measured", costs(here(shop)))
    assert "Example CPU, 2 cores" in note
    assert "Du processus" in note
    measured = tuple(run for run in shop.runs if run.timings.embedding)
    assert "Du processus" not in printed("measured", costs(here(replace(shop, runs=measured))))


def test_nothing_is_said_without_a_result(shop: StudyResults) -> None:
    """A study that was never run has no costs."""
    assert costs(here(replace(shop, runs=()))) is None
