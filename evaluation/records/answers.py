"""What ``veille predict`` says of a folder of photos without labels; no artefact."""

from dataclasses import dataclass

from evaluation.records.base import FloatArray
from evaluation.records.data import DataNote, MissingPhoto


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A photo as a case of a study classifies it."""

    path: str
    """Below the folder, with forward slashes."""
    predicted: str
    probability: float
    """Of the predicted class, as the case gives it: calibrated or not."""
    kept: bool
    """Whether it reaches the study's threshold and is no stray; a person looks at the others."""
    like: str
    """Another photo that looks the same from afar: its path, or ``STUDY: id``; "" for none."""
    stray: bool = False
    """Whether it belongs to no class, by the study's strays; False where it has none."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FolderAnswers:
    """N photos of a folder, classified."""

    case: str
    classes: tuple[str, ...]
    target: float
    """The precision that the threshold aims at."""
    threshold: float | None
    """Of the probability, as the study's calibration page has it; None where none is enough."""
    answers: tuple[Answer, ...]
    probabilities: FloatArray
    """(N, C)"""
    unread: tuple[MissingPhoto, ...]
    notes: tuple[DataNote, ...]
    """Files that were not taken for photos."""

    @property
    def left(self) -> tuple[Answer, ...]:
        """What is left to a person, the least sure first."""
        return tuple(
            sorted((one for one in self.answers if not one.kept), key=lambda one: one.probability)
        )
