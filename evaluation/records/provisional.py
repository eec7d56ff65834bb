"""What ``veille watch`` shows while texts are being written: validation alone, never test."""

from dataclasses import dataclass

from evaluation.records.scores import Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """A validation photo that is classified otherwise since the last save."""

    sample_id: str
    label: str
    before: str
    now: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionalCase:
    """A prompt set on the validation photos, as it was last saved."""

    prompts: str
    title: str
    """Of the prompt set, in French."""
    accuracy: Metric
    change: Metric | None
    """Accuracy minus that of the last save, by the paired test; None at the first."""
    p_mid: float | None
    flips: tuple[Flip, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisional:
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
