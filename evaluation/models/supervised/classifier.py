"""A supervised model: a trunk, and a head in the regime that the study declares."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from evaluation.errors import ModelError, quoted
from evaluation.models import embedded
from evaluation.models.base import Loading, check_options, input_size
from evaluation.models.cards import gflops, parameters
from evaluation.models.devices import check_precision, dtype_of, pick_device
from evaluation.models.embedder import Classifier, Tower
from evaluation.models.supervised import trunks
from evaluation.models.supervised.augmentation import Augmentation, AugmentedViews, picture_of
from evaluation.models.supervised.finetune import Tuned, finetune
from evaluation.models.supervised.heads import fit_logistic_regression, train_head
from evaluation.records import Head, ModelSpec, Support, TrainingSpec


class SupervisedClassifier(Classifier):
    """A trunk and its head; see :class:`evaluation.models.Classifier`."""

    def __init__(
        self, spec: ModelSpec, trunk: trunks.Trunk, loading: Loading, *, tuned: Tuned | None
    ) -> None:
        device, precision = pick_device(loading.device), check_precision(loading.precision)
        module = trunk.module.to(device, dtype_of(precision)).eval()
        tower = Tower(module, trunk.transform, trunk.preprocess, device=device, precision=precision)
        identity = tower.identity(
            dim=trunk.dim,
            weights_digest=tuned[0] if tuned else trunk.digest,
            architecture=trunk.architecture,
        )
        super().__init__(spec, identity, lambda: tower)
        self._trunk, self._tuned, self._watch = trunk, tuned, loading.watch
        self._training = spec.training or TrainingSpec()
        self.needs_training = self._training.regime != "finetune" and not spec.head_classes
        self._augmentation = None
        if spec.augmentation:
            seed = loading.photos.seed if loading.photos else 0
            self._augmentation = Augmentation(spec.augmentation, trunk.preprocess, seed=seed)
            if self._training.regime == "head":
                self.views = AugmentedViews(
                    self._augmentation,
                    self._training.views,
                    trunk=self.fingerprint,
                    dim=self.dim,
                    device=self.device,
                    embed=self.embed_images,
                )

    def pictures(self, image: Image.Image, count: int) -> tuple[Image.Image, ...]:
        """See :meth:`Classifier.pictures`."""
        if self._augmentation is None:
            return ()
        plain = picture_of(self.preprocess(image), self._trunk.preprocess)
        # Fine-tuning numbers its views from 1, by epoch; the head regime from 0.
        first = 1 if self._training.regime == "finetune" else 0
        views = [self._augmentation.view(image, first + number) for number in range(count - 1)]
        return (plain, *(picture_of(view, self._trunk.preprocess) for view in views))

    def head(
        self,
        classes: tuple[str, ...],
        *,
        train: Support | None = None,
        validation: Support | None = None,
        seed: int = 0,
        **_texts: object,
    ) -> Head:
        """The head of the study's regime; see :func:`train_head`, :func:`finetune` and
        :func:`fit_logistic_regression`.
        """
        if self.spec.head_classes:
            return own_head(self.spec, self._trunk.head, classes, self.dim)
        if self._tuned is not None:
            head = self._tuned[1]
        elif train is None:
            raise _no_training_part(self.spec)
        elif self._training.regime == "head":
            head = train_head(
                classes,
                train,
                validation,
                self._training,
                seed=seed,
                frozen_parameters=parameters(self.image_tower),
                where=self.spec.name,
                watch=self._watch,
            )
        else:
            head = fit_logistic_regression(classes, train, validation, seed=seed)
        outputs = len(self._trunk.head.get("weight", ()))
        if outputs in (0, trunks.IMAGENET_CLASSES):
            return head
        # One might expect that it was not left out.
        note = (
            f"the checkpoint's own head tells {outputs} classes apart, the study has"
            f" {len(classes)}: it was left out, and a new head trained (keep_head = true keeps it)"
        )
        return replace(head, warnings=(*head.warnings, note))


def own_head(
    spec: ModelSpec, head: Mapping[str, torch.Tensor], classes: tuple[str, ...], dim: int
) -> Head:
    """The checkpoint's own head, its rows in the study's order of the classes.

    Raises :class:`ModelError` for one that tells other classes apart, with both numbers.
    """
    weight, named = head.get("weight"), spec.head_classes
    if weight is None or weight.ndim != 2 or weight.shape[1] != dim:  # noqa: PLR2004 - a matrix
        has = "has no head" if weight is None else f"has a head of {list(weight.shape)} weights"
        raise ModelError(
            f"the checkpoint {has}, where {spec.architecture or 'the trunk'} gives {dim} features",
            where=spec.weights,
            remedy="delete keep_head: a head is then trained here",
        )
    if not len(weight) == len(named) == len(classes) or set(named) != set(classes):
        odd = sorted(set(named) ^ set(classes))
        raise ModelError(
            f"the checkpoint's head tells {len(weight)} classes apart, head_classes names"
            f" {len(named)} and the study has {len(classes)}"
            + (f"; not in both: {quoted(odd)}" if odd else ""),
            where=spec.name,
            remedy="name the study's classes in head_classes, in the order of the head's outputs",
        )
    rows = [named.index(label) for label in classes]
    bias = head["bias"] if "bias" in head else weight.new_zeros(len(named))
    return Head(
        weight=weight[rows].double().numpy(),
        bias=bias[rows].double().numpy(),
        chosen={"head": "checkpoint"},
    )


def _no_training_part(spec: ModelSpec) -> ModelError:
    return ModelError(
        "a supervised model needs a training part",
        where=spec.name,
        remedy="give the study's split one",
    )


def load(spec: ModelSpec, loading: Loading) -> SupervisedClassifier:
    """Loads a supervised model, trained if its trunk is to learn.

    See :func:`evaluation.models.load_model`.
    """
    check_options(spec, {})
    trunk, tuned, photos = trunks.load_trunk(spec, loading), None, loading.photos
    if spec.training is not None and spec.training.regime == "finetune":
        if photos is None or not photos.train:
            raise _no_training_part(spec)
        tuned = finetune(trunk, spec, photos, loading)
    return SupervisedClassifier(spec, trunk, loading, tuned=tuned)


def sizes(spec: ModelSpec) -> Mapping[str, Any]:
    """See :meth:`evaluation.models.base.Maker.sizes`."""
    with torch.device("meta"):
        trunk = trunks.create_trunk(spec)
    preprocess = embedded.PREPROCESS if spec.weights == "embedded" else trunk.preprocess
    resolution = input_size(preprocess)
    return {
        "resolution": resolution,
        "image_parameters": parameters(trunk.module),
        "image_gflops": gflops(trunk.module, resolution),
        "embed_dim": trunk.dim,
    }


def opened(spec: ModelSpec, classes: Sequence[str]) -> str:
    """See :meth:`evaluation.models.base.Maker.opened`."""
    path = Path(spec.weights)
    with torch.device("meta"):
        trunk = trunks.create_trunk(spec)
    checkpoint, head = trunks.read_state(path, trunk)
    shapes = {name: tensor.to("meta") for name, tensor in checkpoint.tensors.items()}
    with torch.device("meta"):  # where counters that a checkpoint lacks are made too
        trunks.load_state(trunk, shapes, path)
    text = checkpoint.fits(trunk.architecture["name"])
    if "weight" in head:
        kept = "kept" if spec.head_classes else "left out"
        text += f"; its head of {len(head['weight'])} classes is {kept}"
    if spec.head_classes:
        own_head(spec, head, tuple(classes), trunk.dim)
    return text
