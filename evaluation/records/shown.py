"""What ``veille predict`` and ``veille watch`` show; neither is an artefact."""

from evaluation.records.base import FloatArray, Record
from evaluation.records.data import DataNote, MissingPhoto
from evaluation.records.scores import Metric


class Answer(Record):
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


class FolderAnswers(Record, eq=False):
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
        left = (answer for answer in self.answers if not answer.kept)
        return tuple(sorted(left, key=lambda answer: answer.probability))


class Flip(Record):
    """A validation photo that is classified otherwise since the last save."""

    sample_id: str
    label: str
    before: str
    now: str


class ProvisionalCase(Record):
    """A prompt set on the validation photos, as it was last saved."""

    prompts: str
    title: str
    """Of the prompt set, in French."""
    accuracy: Metric
    change: Metric | None
    """Accuracy minus that of the last save, by the paired test; None at the first."""
    p_mid: float | None
    flips: tuple[Flip, ...]


class Provisional(Record):
    """One save, scored on validation; it is shown, and no artefact."""

    study: str
    title: str
    """Of the study, in French."""
    model: str
    at: str
    """When the files were read: ISO 8601, UTC."""
    seconds: float
    """From the save to these figures."""
    error: str = ""
    """Why the files as they are cannot be scored; the cases are then those of the last save."""
    cases: tuple[ProvisionalCase, ...]
