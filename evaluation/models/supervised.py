"""Supervised baselines: a frozen trunk, and a logistic regression on its features.

Linear probing is the usual yardstick of CLIP (Radford et al. 2021, section 3.2).  Training
with augmentation and fine-tuning belong here too, as other ways to make a head.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from evaluation.errors import ModelError, WeightsMismatch, WeightsUnavailable
from evaluation.models import embedded
from evaluation.models.base import check_options, fingerprint_of
from evaluation.models.checkpoints import describe_mismatch, file_digest, one_line
from evaluation.models.devices import check_precision, pick_device
from evaluation.records import Availability, Head, ModelSpec, PromptSet, Support

if TYPE_CHECKING:
    import torch
    from PIL import Image

    State = dict[str, torch.Tensor]

OPTIONS: Mapping[str, type] = {"max_iterations": int}
STRENGTHS = tuple(float(c) for c in np.logspace(-4, 0, 9))
"""Inverse regularisations C that are tried, on standardised features."""
DEFAULT_STRENGTH = 1e-2
"""Used when there is no validation part to choose on."""
MAX_ITERATIONS = 2000
TOLERANCE = 1e-6
"""Of the solver's gradient: the optimum is unique, and this close to it predictions are too."""


# ---------------------------------------------------------------------- the trunk


class SupervisedClassifier:
    """A frozen timm trunk; see :class:`evaluation.models.base.Classifier`."""

    needs_training = True

    def __init__(
        self,
        spec: ModelSpec,
        trunk: Any,
        preprocess: Mapping[str, Any],
        *,
        checkpoint: Path,
        device: torch.device,
        precision: str,
    ) -> None:
        import torch  # noqa: PLC0415 - slow to import

        self.spec = spec
        self.device = str(device)
        self.precision = precision
        self.weights_digest = file_digest(checkpoint)
        # Some trunks have one more layer between the pooling and the classifier.
        self.dim = int(getattr(trunk, "head_hidden_size", None) or trunk.num_features)
        self._device = device
        self._dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[
            precision
        ]
        self.trunk = trunk.to(device, self._dtype, memory_format=torch.channels_last).eval()
        self.image_tower: torch.nn.Module = self.trunk
        self.preprocessing = preprocess
        self._transform = _transform(preprocess)
        self.fingerprint = fingerprint_of(
            weights=self.weights_digest,
            architecture={"library": "timm", "name": _architecture(spec), "output": "pooled"},
            preprocess=preprocess,
            precision=precision,
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

    def head(
        self,
        classes: tuple[str, ...],
        *,
        prompts: PromptSet | None,  # noqa: ARG002 - texts do not apply to it
        train: Support | None,
        validation: Support | None,
        seed: int,
    ) -> Head:
        """A logistic regression; see :func:`fit_logistic_regression`."""
        if train is None:
            raise ModelError(
                "a supervised model needs a training part",
                where=self.spec.name,
                remedy="give the study's split one",
            )
        return fit_logistic_regression(
            classes,
            train,
            validation,
            seed=seed,
            max_iterations=int(self.spec.options.get("max_iterations", MAX_ITERATIONS)),
        )


def load_supervised(spec: ModelSpec, *, device: str, precision: str) -> SupervisedClassifier:
    """Loads a supervised model; see :func:`evaluation.models.load_model`."""
    check_options(spec, OPTIONS)
    place, precision = pick_device(device), check_precision(precision)
    checkpoint = _checkpoint(spec)
    trunk = _create_trunk(spec)
    if spec.weights == "embedded":
        state, _ = embedded.split_classifier(embedded.load_classifier_state(checkpoint))
        preprocess: Mapping[str, Any] = embedded.PREPROCESS
    else:
        state = _read_state(checkpoint, trunk)
        preprocess = _timm_preprocessing(trunk)
    _load_state(trunk, state, checkpoint, spec)
    return SupervisedClassifier(
        spec, trunk, preprocess, checkpoint=checkpoint, device=place, precision=precision
    )


def availability(spec: ModelSpec) -> Availability:
    """Whether the weights are here; builds and fetches nothing."""
    try:
        path = _checkpoint(spec)
    except ModelError as error:
        return Availability(ready=False, reason=str(error))
    if not path.is_file():
        return Availability(ready=False, reason=f"{path}: cannot be read")
    return Availability(ready=True, download_bytes=0)


def fetch(spec: ModelSpec) -> Path:
    """The checkpoint file, had ahead of time; raises :class:`WeightsUnavailable`."""
    return _checkpoint(spec)


def _checkpoint(spec: ModelSpec) -> Path:
    """The checkpoint file; raises :class:`WeightsUnavailable` when it cannot be had."""
    if spec.weights == "embedded":
        if spec.architecture not in ("", embedded.TRUNK):
            raise ModelError(
                f"the embedded weights are those of {embedded.TRUNK}, not {spec.architecture}",
                where=spec.name,
                remedy="remove its architecture",
            )
        return embedded.trunk_file()
    path = Path(spec.weights)
    if not path.is_absolute():
        raise WeightsUnavailable(
            f'no supervised weights "{spec.weights}" can be had',
            where=spec.name,
            remedy='use weights = "embedded" or a local file',
        )
    if not path.is_file():
        raise WeightsUnavailable(
            "no such checkpoint", where=path, remedy="check the path in the study file"
        )
    return path


def _architecture(spec: ModelSpec) -> str:
    return spec.architecture or embedded.TRUNK


def _create_trunk(spec: ModelSpec) -> Any:
    import timm  # noqa: PLC0415 - slow to import

    name = _architecture(spec)
    if not timm.is_model(name):
        raise ModelError(
            f'timm has no architecture "{name}"',
            where=spec.name,
            remedy=f"similar names: {', '.join(timm.list_models(f'*{name[:6]}*')[:3]) or 'none'}",
        )
    return timm.create_model(name, pretrained=False, num_classes=0)


def _timm_preprocessing(trunk: Any) -> Mapping[str, Any]:
    config = trunk.pretrained_cfg
    return {
        "size": list(config["input_size"][1:]),
        "mode": "RGB",
        "mean": list(config["mean"]),
        "std": list(config["std"]),
        "interpolation": "bilinear" if config["interpolation"] == "bilinear" else "bicubic",
        "resize_mode": "shortest",
        "fill_color": 0,
    }


def _transform(preprocess: Mapping[str, Any]) -> Any:
    from open_clip.transform import PreprocessCfg, image_transform_v2  # noqa: PLC0415

    return image_transform_v2(PreprocessCfg(**preprocess), is_train=False)


def _read_state(path: Path, trunk: Any) -> State:
    from open_clip.factory import load_state_dict  # noqa: PLC0415 - slow to import

    try:
        state: State = load_state_dict(str(path), weights_only=True)
        heads = trunk.pretrained_cfg.get("classifier") or ()
        heads = (heads,) if isinstance(heads, str) else tuple(heads)
        return {
            name: value
            for name, value in state.items()
            if not name.startswith(tuple(f"{head}." for head in heads))
        }
    except Exception as error:  # torch, pickle and safetensors raise many kinds
        raise ModelError(
            f"not a checkpoint of plain tensors ({one_line(error, 80)})",
            where=path,
            remedy="fetch or write it again, if possible as .safetensors",
        ) from error


def _load_state(trunk: Any, state: State, path: Path, spec: ModelSpec) -> None:
    try:
        trunk.load_state_dict(state)
    except RuntimeError as error:
        raise WeightsMismatch(
            f"the checkpoint does not fit {_architecture(spec)}: {describe_mismatch(str(error))}",
            where=path,
            remedy="declare the architecture that it was trained with",
        ) from error


# ----------------------------------------------------------- logistic regression


def fit_logistic_regression(
    classes: tuple[str, ...],
    train: Support,
    validation: Support | None,
    *,
    seed: int,
    max_iterations: int = MAX_ITERATIONS,
) -> Head:
    """Multinomial logistic regression on standardised features.

    The regularisation is the one of ``STRENGTHS`` with the best accuracy on validation, the
    most regularised of equals.  The head is the one fitted on the training part with it;
    validation is not added to it afterwards, so that the validation accuracy in the record
    is that of the very head that is scored.

    Args:
        classes: C names.
        train: (N, D) features with labels; every class must be there.
        validation: What the regularisation is chosen on; without it, ``DEFAULT_STRENGTH``.
        seed: Recorded; the solver (L-BFGS) is deterministic.
        max_iterations: Of the solver, for each regularisation.

    Raises:
        ModelError: a class has no training photo, or there is only one class.

    """
    _check_support(classes, train)
    strengths = STRENGTHS if _has_images(validation) else (DEFAULT_STRENGTH,)
    fits = _fit_all(train, len(classes), strengths, seed=seed, max_iterations=max_iterations)
    heads = {strength: fit.head for strength, fit in fits.items()}
    chosen: dict[str, str | int | float | bool] = {"train_images": len(train.labels)}
    notes: tuple[str, ...] = ()
    if validation is not None and _has_images(validation):
        scores = {one: _accuracy(head, validation) for one, head in heads.items()}
        best = max(strengths, key=lambda one: (scores[one], -one))
        chosen |= {
            "validation_accuracy": scores[best],
            "validation_images": len(validation.labels),
        }
    else:
        best = DEFAULT_STRENGTH
        notes = (f"no validation part: the regularisation was not chosen (C = {best:g})",)
    if not fits[best].converged:
        line = f"the logistic regression did not converge in {max_iterations} iterations"
        notes += (f"{line} (C = {best:g})",)
    return replace(heads[best], chosen={"C": best, **chosen}, warnings=notes)


def _has_images(support: Support | None) -> bool:
    return support is not None and len(support.labels) > 0


def _check_support(classes: tuple[str, ...], train: Support) -> None:
    if len(classes) < 2:  # noqa: PLR2004 - a choice needs two
        raise ModelError("a classifier needs at least two classes", remedy="add one to the study")
    counts = np.bincount(train.labels, minlength=len(classes))
    if empty := [label for label, count in zip(classes, counts, strict=True) if count == 0]:
        raise ModelError(
            f'no training photo of the class "{empty[0]}"',
            remedy="add photos of it, or make the test and validation parts smaller",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    head: Head
    converged: bool


def _fit_all(
    train: Support, classes: int, strengths: Sequence[float], *, seed: int, max_iterations: int
) -> dict[float, _Fit]:
    """The logistic regression of each regularisation, over the features as they are."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # noqa: PLC0415 - comes with scikit-learn

    features = np.asarray(train.embeddings, dtype=np.float64)
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    deviation[deviation == 0] = 1.0  # a feature that never varies says nothing
    # One thread: these products are too small to share, and threads that wait for each other
    # on a busy machine made them twenty times slower. It also fixes the order of the sums.
    with threadpool_limits(limits=1):
        # An L2 penalty keeps the weights in the span of the photos, so N coordinates in that
        # span say as much as D features: the same solution, several times faster.
        left, lengths, span = np.linalg.svd((features - mean) / deviation, full_matrices=False)
        fits = {}
        for strength in strengths:
            model, converged = _fit(
                left * lengths, train.labels, strength, seed=seed, max_iterations=max_iterations
            )
            weight, bias = _one_row_per_class(model.coef_ @ span, model.intercept_, classes)
            weight = weight / deviation
            fits[strength] = _Fit(
                head=Head(weight=weight, bias=bias - weight @ mean), converged=converged
            )
    return fits


def _fit(
    features: NDArray[np.float64],
    labels: NDArray[Any],
    strength: float,
    *,
    seed: int,
    max_iterations: int,
) -> tuple[Any, bool]:
    """A fitted scikit-learn model, and whether it converged."""
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415 - slow to import
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    model = LogisticRegression(
        C=strength, tol=TOLERANCE, max_iter=max_iterations, random_state=seed
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(features, labels)
    converged = not any(issubclass(one.category, ConvergenceWarning) for one in caught)
    return model, converged


def _one_row_per_class(
    weight: NDArray[np.float64], bias: NDArray[np.float64], classes: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if classes == 2:  # noqa: PLR2004 - scikit-learn gives one row for two classes
        # The softmax of (-z/2, z/2) is the sigmoid of z.
        return np.vstack([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    return weight, bias


def _accuracy(head: Head, support: Support) -> float:
    predicted = head.logits(support.embeddings).argmax(axis=1)
    return float(np.mean(predicted == support.labels))
