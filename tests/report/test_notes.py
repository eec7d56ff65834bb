"""What is said of the data: every reason has its sentence, in both languages."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from evaluation.data.notes import line
from evaluation.records import DataNote, NoteKind
from evaluation.report.kit.language import Language, speaking
from evaluation.report.study.notes import remarks
from tests.factories import make_study


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("count", [1, 3])
def test_every_reason_has_a_sentence(language: Language, count: int) -> None:
    """On the page of the data and on the terminal, one and several, with names."""
    notes = tuple(
        DataNote(kind=kind, count=count, names=("a/1.png",), what=".dng")
        for kind in get_args(NoteKind)
    )
    with speaking(language):
        said = remarks(replace(make_study(), notes=notes))
    assert len({remark.sentence for remark in said}) == len(notes)
    assert all(remark.names == ("a/1.png",) for remark in said)
    assert len({line(note) for note in notes}) == len(notes)


def test_carved_parts_and_declared_groups_are_told() -> None:
    """Neither is a note of the listing: both come from the split."""
    record = replace(make_study(), carved=("test",), grouping=("copies", "declared"))
    assert len(remarks(record)) == 2
    assert remarks(make_study()) == ()
