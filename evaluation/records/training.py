"""How a supervised model learns: what a study declares, what it learns from, how it went."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal

from evaluation.records.base import Record, Within
from evaluation.records.data import Sample

if TYPE_CHECKING:
    from PIL import Image

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
    """Strength of the changes of brightness, contrast and saturation (and a quarter of it of
    hue): 0.4 multiplies them by 0.6 to 1.4."""
    randaugment: Annotated[int, Within(0)] = 0
    """Operations drawn from RandAugment's list (Cubuk et al. 2020)."""
    magnitude: Annotated[int, Within(0, 30)] = 9
    """Of RandAugment, out of 30."""
    erasing: Annotated[float, Within(0, 1)] = 0.0
    """Probability that a rectangle is erased (Zhong et al. 2020)."""


class TrainingPhotos(Record, eq=False):
    """What a model may learn from: no test photo is among it."""

    classes: tuple[str, ...]
    train: tuple[Sample, ...]
    validation: tuple[Sample, ...]
    """On which epochs are compared."""
    load: Callable[[Sample], Image.Image]
    """Opens a photo as RGB; called from several threads."""
    seed: int


class TrainingEpoch(Record):
    """One pass over the training photos."""

    epoch: int
    """From 1."""
    learning_rate: float
    """At its end, of the head."""
    train_loss: float
    """Mean cross-entropy (nats) over the epoch's batches, each before its own step."""
    train_accuracy: float
    """Over the same batches: on augmented views, where there is augmentation."""
    validation_loss: float | None = None
    """None without a validation part."""
    validation_accuracy: float | None = None


class TrainingRecord(Record):
    """How a training went, for the record of its case."""

    regime: Regime
    epochs: tuple[TrainingEpoch, ...]
    best_epoch: int
    """The one whose weights are kept and scored."""
    stopped_early: bool = False
    trained_parameters: int = 0
    """Weights that learnt, the head's included."""
    frozen_parameters: int = 0
    seconds: float = 0.0
    """Wall time of the training, perhaps in an earlier run; embedding the views is not in it."""
    device: str = ""
    """Where it was trained."""
    photo: str = ""
    """Id of the training photo whose views are shown; "" without augmentation."""
    views: tuple[str, ...] = ()
    """Files of the case's folder: the photo as the model sees it, then augmented views of it."""
