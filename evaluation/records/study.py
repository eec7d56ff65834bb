"""A study as its files declare it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, field, replace
from pathlib import Path
from typing import Annotated, Literal

from evaluation.records.base import FOLDS, Fold, Option, Record, Within, digest_of
from evaluation.records.data import DatasetSpec
from evaluation.records.lists import KINDS, ExplainMethod, Family, ModelKind

Derive = Literal["class-names", "subcategories", "random-words"]


class SplitSpec(Record):
    """Sizes of the test and validation parts: a count per class, or a share of each class."""

    seed: Annotated[int, Within(0)] = 0
    test_per_class: Annotated[int | None, Within(1)] = None
    validation_per_class: Annotated[int | None, Within(1)] = None
    test_share: Annotated[float, Within(0, 1, above=True)] = 0.2
    """Used when ``test_per_class`` is None; 1 for a study that trains nothing."""
    validation_share: Annotated[float, Within(0, 1)] = 0.2
    """Used when ``validation_per_class`` is None; 0 for a study that trains nothing."""
    near_duplicates: Literal["group", "report", "off"] = "group"
    """Whether photos that look the same are kept together ("group"), only told ("report": exact
    copies are still kept together), or not looked for."""
    small_classes: Literal["refuse", "leave-out"] = "refuse"
    """What becomes of a class that has too few photos for the parts."""
    repeats: Annotated[int, Within(1)] = 0
    """Other splits on which cheap cases are made anew; with ``folds``, cross-validations."""
    folds: Annotated[int | None, Within(2)] = None
    """Parts of a cross-validation: each photo is tested once in each repetition."""
    repeat_adapted: bool = False
    """Whether label-free cases, which take seconds to minutes a draw, are repeated too."""


class PromptSet(Record):
    """The texts that describe each class to a zero-shot model."""

    name: str
    title: str
    """In French, as the site shows it."""
    language: str
    """Of the texts: "en", "fr", …"""
    texts: Mapping[str, tuple[str, ...]]
    """Class to its texts; empty until resolved when ``derive`` is set."""
    templates: tuple[str, ...] = ("{}",)
    """Each holds one ``{}`` for a text of the class; empty: see :meth:`fitted`."""
    derive: Derive | None = None
    """Where the texts come from when the file does not spell them."""
    like: str | None = None
    """``random-words``: the prompt set whose numbers of texts and of words are matched."""
    seed: Annotated[int, Within(0)] = 0
    """``random-words``: of the draw."""
    source: str = ""
    """Who wrote the texts, in French, as the site shows it."""

    def sentences(self, label: str) -> tuple[str, ...]:
        """What the text encoder reads for a class: every text in every template."""
        return tuple(
            template.replace("{}", text)
            for text in self.texts[label]
            for template in self.templates or ("{}",)
        )

    def fitted(self, model: ModelSpec) -> PromptSet:
        """With the templates that fit a model, unless it has its own.

        A CLIP learnt from captions: "a photo of a {}." (Radford et al. 2021), of English names.
        The offline stand-in did not, and loses 1 to 3 points by it.
        """
        if self.templates:
            return self
        captions = self.language.startswith("en") and model.weights != "embedded"
        return replace(self, templates=("a photo of a {}." if captions else "{}",))

    @property
    def reads_labels(self) -> bool:
        """Whether its texts are made from labels of the training photos."""
        return self.derive == "subcategories"

    @property
    def digest(self) -> str:
        """Identifies the texts: the order of the classes does not matter, of the texts does."""
        return digest_of([{k: list(v) for k, v in self.texts.items()}, list(self.templates)])


Regime = Literal["logistic", "head", "finetune"]
"""``logistic``: regression on the features of a frozen trunk, photos as they are.  ``head``: the
same trunk, a linear head learnt by gradient descent on augmented views embedded once.
``finetune``: the last blocks of the trunk, or all of them, learn with the head."""


class TrainingSpec(Record):
    """The table ``[models.training]`` of a supervised model."""

    regime: Regime = "logistic"
    views: Annotated[int, Within(1)] = 4
    """``head``: augmented views of each training photo; without augmentation, the photo itself."""
    epochs: Annotated[int | None, Within(1)] = None
    """At most; None: the regime's own number."""
    batch_size: Annotated[int | None, Within(1)] = None
    """None: the regime's own."""
    learning_rate: Annotated[float | None, Within(0, 100, above=True)] = None
    """At the end of the warm-up; None: the regime's own."""
    weight_decay: Annotated[float | None, Within(0, 100)] = None
    """None: chosen on validation (``head``), or 0.05 (``finetune``)."""
    label_smoothing: Annotated[float, Within(0, 0.9)] = 0.0
    """Share of the target that is spread over the classes (Szegedy et al. 2016, section 7)."""
    warmup_epochs: Annotated[int, Within(0)] = 1
    """During which the learning rate rises in a straight line, before its cosine descent."""
    patience: Annotated[int | None, Within(1)] = None
    """Epochs without progress on validation after which training stops; None: never."""
    blocks: Annotated[int | None, Within(1)] = 3
    """``finetune``: how many of the trunk's last blocks learn; None: all of it."""
    ema: float | None = None
    """``finetune``: decay of the moving average of the weights that is kept; None: none."""


class AugmentationSpec(Record):
    """The table ``[models.augmentation]``: what is drawn anew for each view of a photo."""

    flip: bool = False
    """Left and right, every other time."""
    crop: Annotated[float, Within(0, 1, above=True)] = 1.0
    """A rectangle of at least this share of the area is cut out and resized; 1: none is."""
    rotation: Annotated[float, Within(0, 180)] = 0.0
    """Degrees, at most, either way; white fills the corners."""
    colour: Annotated[float, Within(0, 1)] = 0.0
    """0.4 multiplies brightness, contrast and saturation by 0.6 to 1.4; hue moves a quarter."""
    randaugment: Annotated[int, Within(0)] = 0
    """Operations drawn from RandAugment's list (Cubuk et al. 2020)."""
    magnitude: Annotated[int, Within(0, 30)] = 9
    """Of RandAugment, out of 30."""
    erasing: Annotated[float, Within(0, 1)] = 0.0
    """Probability that a rectangle is erased (Zhong et al. 2020)."""


Source = Literal["titles", "photos"]
"""What a label-free model is adapted on."""
Reading = Literal["photo", "title"]
"""What a model reads of a product to predict its class."""
_MULTILINGUAL = re.compile(r"xlm|nllb|mt5|i18n|siglip-?2|multiling|jina|chinese|japanese|m-clip")
"""Names of open_clip's towers that learnt from texts in other languages than English."""


class ModelSpec(Record):
    """A model as a study declares it."""

    name: str
    kind: ModelKind
    architecture: str = ""
    """open_clip's, torchvision's or timm's name; "" when the weights say it.  Of a supervised
    model: torchvision's where both have it, unless "timm:" or "torchvision:" comes first."""
    weights: str
    """"embedded", an open_clip tag, "hf-hub:owner/name", or an absolute path; of a supervised
    model also "imagenet" and "random"; the table of predictions made elsewhere."""
    title: str
    """In French, as the site shows it."""
    options: Mapping[str, Option] = field(default_factory=dict)
    training: TrainingSpec | None = None
    """Of a supervised model; None: a logistic regression."""
    augmentation: AugmentationSpec | None = None
    """Of a supervised model that is trained on augmented views."""
    head_classes: tuple[str, ...] = ()
    """Classes, by row, of the checkpoint's own head that is kept; empty: one is trained here."""
    adapt: tuple[Source, ...] = ()
    """What a text-image model is adapted on, without a label."""
    shares: Mapping[str, float] | None = None
    """Shares of the classes that the user declares, by class; empty: all equal."""
    reads: tuple[Reading, ...] = ("photo",)
    """What a prediction is made from."""
    prompts: tuple[str, ...] = ()
    """Names of the prompt sets that it is tried with; empty: all of the study's."""
    contrastive: bool | None = None
    """Whether contrast of images and texts trained the weights, as the study declares it."""

    @property
    def reads_english_only(self) -> bool:
        """Whether its text tower learnt English alone: all do whose name says nothing else."""
        name = f"{self.architecture} {self.weights}".casefold()
        return self.reads_texts and self.embeds and not _MULTILINGUAL.search(name)

    @property
    def family(self) -> Family:
        """What a case of the model reads of the user's own before it answers."""
        adapted = self.adapt or self.shares is not None
        return "label-free" if adapted else KINDS[self.kind].family

    @property
    def reads_texts(self) -> bool:
        """Whether prompt sets apply to it."""
        return KINDS[self.kind].reads_texts

    def prompts_of(self, study: Sequence[PromptSet]) -> tuple[PromptSet | None, ...]:
        """Those of a study's prompt sets that it reads; None alone where it reads no texts."""
        if not self.reads_texts:
            return (None,)
        return tuple(own for own in study if not self.prompts or own.name in self.prompts)

    @property
    def person(self) -> str:
        """The column of a table of predictions where a person's labels are; "" for none."""
        return str(self.options.get("person", ""))

    @property
    def embeds(self) -> bool:
        """Whether it has embeddings, and a tower that maps can look into."""
        return KINDS[self.kind].embeds

    @property
    def is_frozen(self) -> bool:
        """Whether it embeds photos as they are: all that it learns is a head on the embeddings."""
        tuned = self.training is not None and self.training.regime == "finetune"
        return self.embeds and self.augmentation is None and not tuned

    @property
    def trunk(self) -> str:
        """What it embeds with, as declared; of a trunk that is tuned or seen through augmented
        views, and of what does not embed, its own name.
        """
        if not self.is_frozen:
            return self.name
        return self.weights if self.weights == "embedded" else f"{self.architecture} {self.weights}"

    @property
    def learns(self) -> bool:
        """Whether it is trained on the labels of the training part."""
        return KINDS[self.kind].learns

    @property
    def is_clip(self) -> bool | None:
        """Whether contrast of images and texts trained the weights; None where nobody says so.

        Declared, or known: every tag of open_clip names such weights, the embedded ones are not.
        """
        if self.contrastive is not None or not self.reads_texts or not self.embeds:
            return bool(self.contrastive)
        if self.weights == "embedded":
            return False
        return None if self.weights.startswith("hf-hub:") or "/" in self.weights else True


class Threshold(Record):
    """A floor that the study declares: below it the suite fails."""

    case: str
    """Case id without the study: "embedded/descriptions"."""
    metric: str
    """Name of a metric of the run record."""
    minimum: float
    """Of the metric, or of its gain over the case ``over``, or since the state ``since``."""
    over: str | None = None
    since: str | None = None
    """Name of a saved state (`veille baseline`); the gain is then measured on the same photos."""


class ExplainSpec(Record):
    """Which photos of a case are explained, how, and how the maps are checked."""

    methods: tuple[ExplainMethod, ...] = ()
    """Empty for the tower's own method, then RISE, which alone compares models."""
    photos_per_rule: Annotated[int, Within(0)] = 1
    """Of each class, for each rule of the selection."""
    confusions: Annotated[int, Within(0)] = 3
    """Pairs (true class, predicted class) that are shown: the most frequent ones."""
    shared_per_class: Annotated[int, Within(0)] = 1
    """Photos of each class that are explained whatever the case, so that cases compare."""
    cap: Annotated[int, Within(1)] = 32
    """Photos of a case, at most."""
    masks: Annotated[int, Within(2)] = 300
    """Of RISE: forward passes a photo and model; a further prompt set costs none."""
    rise_photos: Annotated[int, Within(0)] = 8
    """Photos explained by RISE, curves' included; first those that all cases share."""
    faithfulness_photos: Annotated[int, Within(0)] = 8
    """Photos whose deletion and insertion curves are drawn, shared ones first; 0 for none."""
    curve_steps: Annotated[int, Within(2)] = 10
    """Steps of a curve, from the whole photo to none of it."""
    randomisation_photos: Annotated[int, Within(0)] = 2
    """Photos explained again with random weights, once a model; 0 for none."""
    seed: Annotated[int, Within(0)] = 0

    def covers(self, other: ExplainSpec) -> bool:
        """Whether maps made by this leave nothing to make by the other."""
        own, others = asdict(self), asdict(other)
        same = all(own.pop(name) == others.pop(name) for name in ("methods", "seed"))
        return same and all(own[name] >= others[name] for name in own)


DEPTH = ExplainSpec(
    masks=1000, rise_photos=32, faithfulness_photos=24, curve_steps=20, randomisation_photos=4
)
"""What ``veille explain`` raises a study's numbers to when it is not told otherwise."""


class AnswerSpec(Record):
    """Which cases answer the study's question, and what they are held against.

    Models and cases are named as in the study: "embedded", "embedded/descriptions".
    """

    about: Literal["clip"] | None = None
    """"clip": contrast of images and texts has to have trained a model that answers."""
    candidates: tuple[str, ...] = ()
    """What may answer; empty: every zero-shot model."""
    rivals: tuple[str, ...] = ()
    """What the answer is held against; empty: every model that learned from labels."""
    beside: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Quoted system to what was measured in its situation; one that is not here stands beside
    the cases of its kind, prompt set and augmentation."""
    margin: float = 0.05
    """A smaller gap in accuracy does not matter (share)."""


class Case(Record):
    """One (model, prompt set) pair of a study; a supervised model has no prompt set."""

    study: str
    model: ModelSpec
    prompts: PromptSet | None

    @property
    def name(self) -> str:
        """Within the study: "embedded/descriptions", or "embedded-supervised"."""
        return self.model.name if self.prompts is None else f"{self.model.name}/{self.prompts.name}"

    @property
    def id(self) -> str:
        """Across studies, and the folder of its artefacts: "flipkart/embedded/noms"."""
        return f"{self.study}/{self.name}"


class Study(Record):
    """A question, the photos, and what is tried on them."""

    name: str
    title: str
    question: str
    file: Path
    """The study.toml it was read from."""
    dataset: DatasetSpec
    split: SplitSpec
    models: tuple[ModelSpec, ...]
    prompts: tuple[PromptSet, ...]
    thresholds: tuple[Threshold, ...] = ()
    reference: Path | None = None
    """A file of published figures to stand beside the measured ones."""
    explain: ExplainSpec | None = None
    """Which maps are made of each case; None for none."""
    answer: AnswerSpec = field(default_factory=AnswerSpec)
    translations: Mapping[str, str] = field(default_factory=dict)
    """French text of the study (titles, question, sources) to the same in English."""
    glosses: Mapping[str, str] = field(default_factory=dict)
    """Class to what its name means in French, where it is in another language."""

    @property
    def parts(self) -> tuple[Fold, ...]:
        """The parts of the split that its models cannot do without."""
        trained = any(model.family != "zero-shot" for model in self.models)
        return FOLDS if trained else ("test",)

    def cases(self) -> tuple[Case, ...]:
        """Every case, in the order of the file: models first, then prompt sets."""
        return tuple(
            Case(study=self.name, model=model, prompts=prompts and prompts.fitted(model))
            for model in self.models
            for prompts in model.prompts_of(self.prompts)
        )
