"""Maps of what speaks for a class, what they are worth, and what they suggest to write."""

from typing import Literal

from evaluation.records.base import Artefact, OnSplit, Record
from evaluation.records.lists import ExplainMethod
from evaluation.records.scores import Metric
from evaluation.records.study import ExplainSpec, PromptSet

SelectionRule = Literal["shared", "confusion", "surest-wrong", "surest-right", "least-sure-right"]


class SelectionReason(Record):
    """Why a photo was chosen: a rule, never a taste."""

    rule: SelectionRule
    label: str
    """The true class it was chosen for."""
    predicted: str | None = None
    """The class it is confused with; None but for ``confusion``."""


class SelectedPhoto(Record):
    """A photo that the rules chose."""

    sample_id: str
    reasons: tuple[SelectionReason, ...]


class MapSummary(Record):
    """What a map shows, in numbers: the text for those who cannot see it.

    The mass of a map is its part above zero; a uniform map has a ``centre_share`` of 0.25, a
    ``top_share`` of 0.11 and a ``half_area`` of 0.5.
    """

    empty: bool
    """Whether nothing speaks for the class; every share is then 0."""
    centre_share: float
    """Share of the mass in the middle quarter of what was seen (half its width and height)."""
    top_row: int
    """Of the ninth of what was seen that holds most mass: 0 top, 1 middle, 2 bottom."""
    top_column: int
    """0 left, 1 middle, 2 right."""
    top_share: float
    """Share of the mass in that ninth."""
    half_area: float
    """The smallest share of what was seen that holds half of the mass."""
    against_share: float
    """Of all that counts, the share that speaks against the class."""


class ClassMap(Record):
    """One map of a photo: what speaks for one class, by one method."""

    method: ExplainMethod
    label: str
    """The class that is explained: the predicted one, or the true one."""
    overlay: str
    """WebP with transparency, relative to the case's folder: "attention/….webp"."""
    width: int
    """Of the overlay, pixels: the whole photo, on the scale of its small copy."""
    height: int
    peak: float
    """The map's own maximum, in units of the score for ``rise``."""
    scale: float
    """The value of the brightest colour: the maps of a photo and method share it."""
    summary: MapSummary


class ExplainedPhoto(Record):
    """A photo with its maps: of the predicted class, and of the true one if it differs."""

    sample_id: str
    label: str
    predicted: str
    probabilities: tuple[float, ...]
    """In the order of the classes."""
    reasons: tuple[SelectionReason, ...]
    seen: tuple[float, float, float, float]
    """Left, top, right and bottom of what the model read, as shares of the photo's sides."""
    maps: tuple[ClassMap, ...]


class MethodCard(Record):
    """A method, as this model allows it."""

    method: ExplainMethod
    applies: bool
    reason: str = ""
    """Why it does not apply, naming one that does; one line, in English."""
    layer: str = ""
    """The layer that a CAM reads."""
    grid: tuple[int, int] | None = None
    """Rows and columns of its maps, before they are laid on the photo."""
    forward_passes: int = 0
    """What all class maps of one photo took, measured."""


class Faithfulness(Record):
    """Deletion or insertion: does the model change its mind where the map says?"""

    method: str
    """An :data:`ExplainMethod`, or a control: "random" or "centre"."""
    measure: Literal["deletion", "insertion"]
    """Deletion is better low, insertion better high."""
    baseline: Literal["blur", "mean"]
    """What stands in place of a deleted pixel."""
    area: Metric
    """Mean area under the curve of the class's probability."""
    beats: tuple[str, ...] = ()
    """Controls that it beats on the same photos: the difference's 95 % interval excludes 0."""
    curve: tuple[float, ...] = ()
    """Mean probability at each step, from 0 to the whole of the photo."""

    @property
    def faithful(self) -> bool:
        """Whether it beats both controls."""
        return set(self.beats) >= {"random", "centre"}


class Randomisation(Record):
    """How much of a map is left when the weights are drawn at random, from the output down.

    A map that stays shows the photo, not the model (Adebayo et al. 2018).
    """

    method: ExplainMethod
    share: float
    """Of the tower's weights that were shuffled, the last ones first; 1 for all."""
    similarity: Metric
    """Spearman's correlation with the map of the trained model, mean over the maps compared."""
    case: str = ""
    """The case whose classifier was explained: the test is of the model, and done once."""


class CaseExplanation(OnSplit):
    """The maps of a case and what they are worth: what attention.json holds."""

    case: str
    fingerprint: str
    """Of the model."""
    predictions_digest: str = ""
    """SHA-256 of the predictions.csv that the photos were chosen from."""
    algorithms: int = 0
    """Version of what the program computes as a map."""
    classes: tuple[str, ...]
    spec: ExplainSpec
    methods: tuple[MethodCard, ...]
    photos: tuple[ExplainedPhoto, ...]
    faithfulness: tuple[Faithfulness, ...] = ()
    randomisation: tuple[Randomisation, ...] = ()


class ExplainFailure(Artefact):
    """Why a scored case has no maps, or only older ones: what attention-failure.json holds."""

    case: str
    error: str
    """One line, in English: what, where, remedy."""


class ValidationConfusion(Record):
    """A class taken for another one on validation, with photos that show it."""

    label: str
    predicted: str
    count: int
    photos: tuple[ExplainedPhoto, ...]
    """Some of them, the surest first; overlays are relative to the case's folder."""


class UncoveredSubcategory(Record):
    """A second-level category of the training photos that no text of its class names."""

    name: str
    text: str
    """As the proposal writes it."""
    train_photos: int
    validation_photos: int
    validation_errors: int
    nearest_text: str
    """Of its own class's texts."""
    similarity: float
    """Cosine of the text embeddings of the two."""
    added: bool
    """By the proposal: validation loses photos of it, and its class's new texts win some."""


class ClassSuggestion(Record):
    """What validation says of one class, and what its texts leave out."""

    label: str
    texts: tuple[str, ...]
    """Those of the case."""
    photos: int
    """On validation."""
    correct: int
    correct_after: int | None
    """With the proposal; None without one."""
    confusions: tuple[ValidationConfusion, ...]
    """The largest first."""
    uncovered: tuple[UncoveredSubcategory, ...]
    """Those that validation loses most photos of first, then the most frequent ones."""


class Suggestion(OnSplit):
    """New texts for a case, tried on validation alone: what suggestion.json holds."""

    case: str
    """The model with its best prompt set on validation: where the suggestion starts from."""
    prompts_digest: str
    """Of that prompt set."""
    fingerprint: str
    """Of the model."""
    far: float
    """A sub-category is far from its class's texts when no cosine exceeds this: the 90th
    centile of the cosines of sub-categories with the nearest texts of other classes."""
    classes: tuple[ClassSuggestion, ...]
    proposal: PromptSet | None
    """None when no text is missing, or none that is wins a validation photo."""
    before: Metric
    """Accuracy on validation, with the case's own texts."""
    after: Metric | None
    """The same with the proposal."""
    gain: Metric | None
    """``after`` minus ``before`` (Tango); it flatters: the same photos chose what to keep."""
    only_before: int = 0
    """Validation photos that only the case's own texts get right."""
    only_after: int = 0
    p_mid: float | None = None
    """McNemar's mid-p test."""
