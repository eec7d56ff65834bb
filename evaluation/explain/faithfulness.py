"""What maps are worth: deletion and insertion, and the randomisation of weights.

Pixels are taken away in the order of the map (deletion) or given back (insertion), and the
probability of the explained class is followed (Petsiuk et al. 2018).  A faithful map makes it
fall, or rise, at once.  What stands in place of a pixel matters: both a blur and the photo's
mean colour are tried (white would be no change at all on a white ground).

Two maps that know nothing of the model run the same course on the same photos: smooth noise,
and the distance to the centre, where products are.  A method beats a control when the 95 %
interval of the paired difference lies on the right side of zero.

The weights are shuffled from the output of the tower down to its input, and the maps compared with
those of the trained model (Adebayo et al., "Sanity checks for saliency maps", NeurIPS 2018).  A map
that survives, like one of edges, shows the photo and not the model.  Each tensor is shuffled rather
than drawn anew: its distribution, and with it the scale of the activations, stay what they were.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import product
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata

from evaluation.explain.base import head_logits
from evaluation.records import Faithfulness, FloatArray, Head, Metric

Baseline = Literal["blur", "mean"]
Measure = Literal["deletion", "insertion"]
BASELINES: tuple[Baseline, ...] = ("blur", "mean")
MEASURES: tuple[Measure, ...] = ("deletion", "insertion")
CONTROLS = ("random", "centre")
ENDS = 1 + len(BASELINES)
"""Images in which the curves of a photo begin and end, whatever the map."""
RESAMPLES = 2000
_BLUR_SHARE = 1 / 10
"""Standard deviation of the blur, as a share of the input's side: shapes go, colours stay."""
_NOISE_CELLS = 7
"""Of the random control on each side: as smooth as the maps that it stands beside."""


Curves = Mapping[tuple[Measure, Baseline], FloatArray]
"""One photo's curves under one map: (steps + 1,) probabilities for each kind of curve."""


def baselines(pixels: torch.Tensor) -> list[torch.Tensor]:
    """(3, H, W) images of what stands in place of one's pixels, one a baseline."""
    # A Gaussian blur, the border repeated outwards.
    sigma = max(pixels.shape[-2:]) * _BLUR_SHARE
    radius = min(int(3 * sigma), min(pixels.shape[-2:]) - 1)
    x = torch.arange(-radius, radius + 1, dtype=pixels.dtype, device=pixels.device)
    kernel = torch.exp(-(x**2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).repeat(len(pixels), 1)
    conv, channels = torch.nn.functional.conv2d, len(pixels)
    padded = torch.nn.functional.pad(pixels[None], [radius] * 4, mode="replicate")
    rows = conv(padded, kernel[:, None, None, :], groups=channels)
    blurred = conv(rows, kernel[:, None, :, None], groups=channels)[0]
    return [blurred, pixels.mean(dim=(-2, -1), keepdim=True).expand_as(pixels)]


def erased_images(
    pixels: torch.Tensor, hidden: Sequence[torch.Tensor], order: NDArray[np.intp], steps: int
) -> Iterator[torch.Tensor]:
    """All that the curves of one photo look at between their ends.

    They know nothing of classes: those of a control serve every prompt set.  ``pixels`` is
    (3, H, W), ``hidden`` its :func:`baselines`, ``order`` the (H * W,) indices of
    :func:`ranking`; ``steps`` equal steps, two at least, lead from nothing to everything.  For
    each baseline, those of the deletion come first.
    """
    count = pixels.shape[-2] * pixels.shape[-1]
    rank = torch.empty(count, dtype=torch.long)
    rank[torch.from_numpy(order.copy())] = torch.arange(count)
    rank = rank.view(pixels.shape[-2:])
    tops = [rank < round(count * step / steps) for step in range(1, steps)]
    for away in hidden:
        yield from (torch.where(top, away, pixels) for top in tops)
        yield from (torch.where(top, pixels, away) for top in tops)


def read_curves(ends: FloatArray, middle: FloatArray, head: Head, target: int) -> Curves:
    """The curves of one class, from the embeddings of all that they look at.

    ``ends`` are those of the photo and of its :func:`baselines`, in which the curves begin and
    end by any map, ``middle`` those of its :func:`erased_images`.
    """
    logits = head_logits(head)(torch.from_numpy(np.concatenate([ends, middle])).double())
    probabilities = logits.softmax(dim=-1)[:, target].numpy()
    whole, *gone = probabilities[:ENDS]
    parts = np.split(probabilities[ENDS:], 2 * len(BASELINES))
    values: dict[tuple[Measure, Baseline], FloatArray] = {}
    for baseline, hidden, deleted, inserted in zip(
        BASELINES, gone, parts[::2], parts[1::2], strict=True
    ):
        values["deletion", baseline] = np.array([whole, *deleted, hidden])
        values["insertion", baseline] = np.array([hidden, *inserted, whole])
    return values


def curve_passes(maps: int, steps: int) -> int:
    """Images that the curves of one photo under so many maps take."""
    return ENDS + maps * len(BASELINES) * 2 * (steps - 1)


def ranking(values: FloatArray, size: tuple[int, int], *, seed: int = 0) -> NDArray[np.intp]:
    """(H * W,) indices of the pixels of an input, the most relevant first.

    The (h, w) map is enlarged bilinearly to ``size`` (H, W); pixels of equal relevance come in
    the random order of the seed, since any order of the image itself would favour one side.
    """
    small = torch.from_numpy(np.ascontiguousarray(values))[None, None]
    large = torch.nn.functional.interpolate(small, size=size, mode="bilinear", align_corners=False)
    relevance = large.numpy().ravel()
    shuffled = np.random.default_rng(seed).permutation(len(relevance))
    return shuffled[np.argsort(-relevance[shuffled], kind="stable")]


def control_map(name: str, *, seed: int) -> FloatArray:
    """(h, w) of a control: "random", which the seed draws, or "centre"."""
    if name == "random":
        rng = np.random.default_rng(seed)
        return rng.random((_NOISE_CELLS, _NOISE_CELLS)).astype(np.float32)
    axis = np.linspace(-1, 1, 33)
    return -np.hypot(axis[:, None], axis[None, :]).astype(np.float32)


def summarise_curves(
    curves: Mapping[str, Sequence[Curves]], *, seed: int = 0
) -> tuple[Faithfulness, ...]:
    """The mean curves of every method and control, and which controls a method beats.

    ``curves`` maps each to one :class:`Curves` a photo, of the same photos.
    """
    rows = []
    for baseline, measure in product(BASELINES, MEASURES):
        points = {
            name: np.array([photo[measure, baseline] for photo in photos])
            for name, photos in curves.items()
        }
        areas = {name: areas_under(photos) for name, photos in points.items()}
        sign = -1 if measure == "deletion" else 1
        for name, photos in points.items():
            gains = {control: sign * (areas[name] - areas[control]) for control in CONTROLS}
            lows = {c: mean_metric("gain", gains[c], seed=seed).low or 0 for c in CONTROLS}
            rows.append(
                Faithfulness(
                    method=name,
                    measure=measure,
                    baseline=baseline,
                    area=mean_metric(f"{measure}-area", areas[name], seed=seed),
                    beats=() if name in CONTROLS else tuple(c for c in CONTROLS if lows[c] > 0),
                    curve=tuple(round(float(p), 5) for p in photos.mean(axis=0)),
                )
            )
    return tuple(rows)


def areas_under(curves: FloatArray) -> FloatArray:
    """(…,) areas under (…, steps + 1) curves, 0 to 1, by the trapezoidal rule."""
    return np.asarray((curves[..., :-1] + curves[..., 1:]).mean(axis=-1) / 2)


def mean_metric(name: str, values: FloatArray, *, seed: int = 0) -> Metric:
    """A mean with its 95 % percentile bootstrap interval over photos; no interval for one."""
    mean, count = float(values.mean()), len(values)
    if count < 2:  # noqa: PLR2004 - one photo says nothing of the others
        return Metric(name=name, value=mean, n=count)
    drawn = np.random.default_rng(seed).integers(count, size=(RESAMPLES, count))
    low, high = np.quantile(values[drawn].mean(axis=1), (0.025, 0.975)).tolist()
    return Metric(name=name, value=mean, low=low, high=high, n=count, method="bootstrap-percentile")


@contextmanager
def randomised(tower: torch.nn.Module, share: float, *, seed: int = 0) -> Iterator[None]:
    """The tower with the last ``share`` of its weights shuffled; as it was, afterwards.

    Parameters are shuffled whole, in reverse order of their definition, until that share of
    all weights is reached; parameters of the tower itself (a class token, position embeddings,
    CLIP's projection) are defined before or after the blocks, as its author pleased.  The tower
    must not run elsewhere meanwhile.
    """
    parameters = list(tower.parameters())
    left = share * sum(parameter.numel() for parameter in parameters)
    saved: list[tuple[torch.nn.Parameter, torch.Tensor]] = []
    generator = torch.Generator().manual_seed(seed)
    try:
        with torch.no_grad():
            while left > 0:
                parameter = parameters.pop()
                saved.append((parameter, parameter.detach().cpu().clone()))
                order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
                parameter.copy_(parameter.flatten()[order].view_as(parameter))
                left -= parameter.numel()
        yield
    finally:
        with torch.no_grad():
            for parameter, before in saved:
                parameter.copy_(before)


def similarity(maps: FloatArray, others: FloatArray) -> FloatArray:
    """(N,) Spearman's correlations of (N, h, w) maps, a flat map with any other being 0."""
    result = np.zeros(len(maps))
    for i, pair in enumerate(zip(maps, others, strict=True)):
        first, second = map(rankdata, pair)
        if first.std() > 0 and second.std() > 0:
            result[i] = np.corrcoef(first, second)[0, 1]
    return result
