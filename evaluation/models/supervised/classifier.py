"""A supervised model: a trunk, and a head in the regime that the study declares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from evaluation.errors import ModelError
from evaluation.models.base import check_options, fingerprint_of
from evaluation.models.devices import check_precision, dtype_of, pick_device
from evaluation.models.supervised.augmentation import Augmentation, AugmentedViews, picture_of
from evaluation.models.supervised.finetune import Tuned, finetune
from evaluation.models.supervised.heads import train_head
from evaluation.models.supervised.logistic import MAX_ITERATIONS, fit_logistic_regression
from evaluation.models.supervised.schedule import Watch, unwatched
from evaluation.models.supervised.weights import Loaded, load_trunk
from evaluation.records import Head, ModelSpec, PromptSet, Support, TrainingPhotos, TrainingSpec

if TYPE_CHECKING:
    import torch
    from PIL import Image

OPTIONS: Mapping[str, type] = {"max_iterations": int, "seed": int, "size": int}
"""Of the logistic regression; of random weights; of the photos as they are read (pixels)."""
_IMAGENET_CLASSES = 1000


class SupervisedClassifier:
    """A trunk and its head; see :class:`evaluation.models.base.Classifier`."""

    def __init__(
        self,
        spec: ModelSpec,
        loaded: Loaded,
        *,
        device: torch.device,
        precision: str,
        seed: int,
        tuned: Tuned | None,
        watch: Watch,
    ) -> None:
        import torch  # noqa: PLC0415 - slow to import

        self.spec = spec
        self.device = str(device)
        self.precision = precision
        self.weights_digest = tuned.digest if tuned else loaded.digest
        self.dim = loaded.trunk.dim
        self._device = device
        self._dtype = dtype_of(precision)
        self._loaded, self._tuned, self._watch = loaded, tuned, watch
        self._training = spec.training or TrainingSpec()
        self.needs_training = self._training.regime != "finetune"
        preprocess = loaded.trunk.preprocess
        self.trunk = loaded.trunk.module.to(device, self._dtype).to(
            memory_format=torch.channels_last
        )
        self.trunk.eval()
        self.image_tower: torch.nn.Module = self.trunk
        self.preprocessing = preprocess
        self._transform = _transform(preprocess)
        self.fingerprint = fingerprint_of(
            weights=self.weights_digest,
            architecture=loaded.trunk.architecture.identity,
            preprocess=preprocess,
            precision=precision,
        )
        self._augmentation = (
            Augmentation(spec.augmentation, preprocess, seed=seed) if spec.augmentation else None
        )
        self.views: AugmentedViews | None = None
        if self._training.regime == "head" and self._augmentation is not None:
            self.views = AugmentedViews(
                self._augmentation,
                self._training.views,
                trunk=self.fingerprint,
                dim=self.dim,
                device=self.device,
                embed=self.embed_images,
            )

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        """See :meth:`Classifier.preprocess`."""
        result: torch.Tensor = self._transform(image)
        return result

    def embed_images(self, batch: torch.Tensor) -> NDArray[np.float32]:
        """See :meth:`Classifier.embed_images`; pooled features, as they are."""
        import torch  # noqa: PLC0415 - slow to import

        with torch.inference_mode():
            result: NDArray[np.float32] = self.forward(batch).cpu().numpy()
        return result

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """See :meth:`Classifier.forward`."""
        import torch  # noqa: PLC0415 - slow to import

        images = pixels.to(self._device, self._dtype, memory_format=torch.channels_last)
        features: torch.Tensor = self.trunk(images).float()
        return features

    def pictures(self, image: Image.Image, count: int) -> tuple[Image.Image, ...]:
        """See :meth:`Classifier.pictures`."""
        if self._augmentation is None:
            return ()
        preprocess = self._loaded.trunk.preprocess
        plain = picture_of(self.preprocess(image), preprocess["mean"], preprocess["std"])
        # Fine-tuning numbers its views from 1, by epoch; the head regime from 0.
        first = 1 if self._training.regime == "finetune" else 0
        numbers = range(first, first + count - 1)
        return (plain, *(self._augmentation.picture(image, number) for number in numbers))

    def head(
        self,
        classes: tuple[str, ...],
        *,
        prompts: PromptSet | None,  # noqa: ARG002 - texts do not apply to it
        train: Support | None,
        validation: Support | None,
        seed: int,
    ) -> Head:
        """The head of the study's regime; see :func:`train_head`, :func:`finetune` and
        :func:`fit_logistic_regression`.
        """
        if self._tuned is not None:
            return self._noting(self._tuned.head, classes)
        if train is None:
            raise _no_training_part(self.spec)
        if self._training.regime == "head":
            head = train_head(
                classes,
                train,
                validation,
                self._training,
                seed=seed,
                frozen_parameters=sum(one.numel() for one in self.trunk.parameters()),
                where=self.spec.name,
                watch=self._watch,
            )
        else:
            head = fit_logistic_regression(
                classes,
                train,
                validation,
                seed=seed,
                max_iterations=int(self.spec.options.get("max_iterations", MAX_ITERATIONS)),
            )
        return self._noting(head, classes)

    def _noting(self, head: Head, classes: tuple[str, ...]) -> Head:
        """Says that a checkpoint's own head was left out, when one might expect it not to be."""
        found = self._loaded.head_classes
        if found in (None, _IMAGENET_CLASSES):
            return head
        note = (
            f"the checkpoint's own head tells {found} classes apart, the study has"
            f" {len(classes)}: it was left out, and a new head trained"
        )
        return replace(head, warnings=(*head.warnings, note))


def _no_training_part(spec: ModelSpec) -> ModelError:
    return ModelError(
        "a supervised model needs a training part",
        where=spec.name,
        remedy="give the study's split one",
    )


def load_supervised(
    spec: ModelSpec,
    *,
    cache: Path,
    device: str,
    precision: str,
    offline: bool,
    photos: TrainingPhotos | None = None,
    resume: bool = True,
    watch: Watch = unwatched,
) -> SupervisedClassifier:
    """Loads a supervised model, trained if its trunk is to learn.

    See :func:`evaluation.models.load_model`.
    """
    check_options(spec, OPTIONS)
    place, precision = pick_device(device), check_precision(precision)
    loaded = load_trunk(spec, offline=offline)
    tuned = None
    if spec.training is not None and spec.training.regime == "finetune":
        if photos is None or not photos.train:
            raise _no_training_part(spec)
        tuned = finetune(
            loaded,
            spec,
            photos,
            transform=_transform(loaded.trunk.preprocess),
            folder=cache / "trainings",
            device=place,
            resume=resume,
            watch=watch,
        )
    return SupervisedClassifier(
        spec,
        loaded,
        device=place,
        precision=precision,
        seed=photos.seed if photos else 0,
        tuned=tuned,
        watch=watch,
    )


def _transform(preprocess: Mapping[str, Any]) -> Any:
    from open_clip.transform import PreprocessCfg, image_transform_v2  # noqa: PLC0415

    return image_transform_v2(PreprocessCfg(**preprocess), is_train=False)
