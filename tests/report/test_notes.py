"""What is said of the data: every reason has its sentence, in both languages."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from evaluation.data.listing import note_line
from evaluation.records import DataNote, NoteKind, StudyResults
from evaluation.report.kit.language import Language, speaking
from tests.report.conftest import printed
from tests.report.test_analysis_pages import pages_of, words


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("count", [1, 3])
def test_every_reason_has_a_sentence(language: Language, count: int) -> None:
    """On the page of the data and on the terminal, one and several, with names."""
    notes = tuple(
        DataNote(kind=kind, count=count, names=("a/1.png",), what=".dng")
        for kind in get_args(NoteKind)
    )
    with speaking(language):
        said = {printed("remark", note) for note in notes}
    assert len(said - {""}) == len(notes)
    assert len({note_line(note) for note in notes}) == len(notes)


def test_carved_parts_and_declared_groups_are_told(shop: StudyResults) -> None:
    """Neither is a note of the listing: both come from the split."""
    study = replace(shop.study, carved=("test",), grouping=("copies", "declared"))
    said = words(pages_of(replace(shop, study=study)), "donnees")
    assert "elles ont été tirées parmi celles d’apprentissage" in said
    assert "comptent pour une seule dans les tests" in said
    assert "À savoir sur ces données" not in words(pages_of(shop), "donnees")
