"""A zero-shot model of open_clip: photos and texts in one space, and a head made of texts."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from evaluation.errors import ModelError, WeightsMismatch, WeightsUnavailable, one_line
from evaluation.models.base import Loading, check_options, fingerprint_of
from evaluation.models.checkpoints import file_digest, read_tensors
from evaluation.models.clip.failures import telling
from evaluation.models.clip.sources import Source, find_source
from evaluation.models.devices import check_precision, dtype_of, pick_device
from evaluation.models.embedder import TowerEmbedder
from evaluation.models.hub import hub_offline, require_hub
from evaluation.models.text import TextEncoder, class_embeddings, cut_sentences
from evaluation.records import FloatArray, Head, ModelSpec, PromptSet, Support

if TYPE_CHECKING:
    import torch

    from evaluation.stores.embeddings import EmbeddingStore

OPTIONS: Mapping[str, type] = {"quick_gelu": bool, "resize_mode": str}
T = TypeVar("T")
RESIZE_MODES = ("shortest", "longest", "squash")


def fetch(spec: ModelSpec, loading: Loading) -> Path:
    """The checkpoint of a model, with all that loading it needs, so that it loads offline.

    Raises:
        WeightsUnavailable: a part of it cannot be had.
        ModelError: the declaration makes no sense.

    """
    source = find_source(spec, loading)
    _from_caches_first(partial(_fetch_texts, spec, source), spec, source, loading)
    return source.checkpoint


def _from_caches_first(
    make: Callable[[], T], spec: ModelSpec, source: Source, loading: Loading
) -> T:
    """What is made without a request, not even for news, where everything is in the caches."""
    with hub_offline():
        try:
            return make()
        except WeightsUnavailable:
            if loading.offline or source.local:
                raise
    require_hub(spec.name)
    return make()


def _fetch_texts(spec: ModelSpec, source: Source) -> None:
    """The tokenizer, and the configuration of a text tower that comes from transformers."""
    _tokenizer(spec, source)
    text = {**source.config["text_cfg"], **source.overrides.get("text_cfg", {})}
    if text.get("hf_model_name"):
        from transformers import AutoConfig

        with telling(spec, source):
            AutoConfig.from_pretrained(text["hf_model_name"])


# ---------------------------------------------------------------------- the model


class ClipClassifier(TowerEmbedder):
    """A zero-shot model of open_clip; see :class:`evaluation.models.base.Classifier`."""

    needs_training = False
    unit = True

    def __init__(
        self,
        spec: ModelSpec,
        source: Source,
        *,
        device: torch.device,
        precision: str,
        store: EmbeddingStore | None = None,
    ) -> None:
        digest = _checked_digest(source)
        self.model, transform = _build(spec, source, device=device, precision=precision)
        super().__init__(
            spec,
            self.model.visual,
            dim=int(source.config["embed_dim"]),
            transform=transform,
            preprocessing=self.model.visual.preprocess_cfg,
            weights_digest=digest,
            architecture={
                "library": "open_clip",
                "embed_dim": source.config["embed_dim"],
                "vision": source.config["vision_cfg"],
                "quick_gelu": _quick_gelu(spec, source),
            },
            device=device,
            precision=precision,
        )
        self._warnings = source.warnings
        tower = fingerprint_of(
            weights=digest,
            architecture={"library": "open_clip", "text": dict(source.config["text_cfg"])},
            preprocess={},
            precision=precision,
        )
        kept = None if store is None else partial(store.texts, tower)
        self._texts = TextEncoder(self.model, _tokenizer(spec, source), device=device, kept=kept)

    def embed_texts(self, texts: Sequence[str]) -> FloatArray:
        """See :class:`evaluation.models.base.TextReader`."""
        return self._texts.encode(texts)

    def head(
        self,
        classes: tuple[str, ...],
        *,
        prompts: PromptSet | None,
        train: Support | None,  # noqa: ARG002 - a zero-shot model learns nothing
        validation: Support | None,  # noqa: ARG002
        seed: int,  # noqa: ARG002
    ) -> Head:
        """The zero-shot head: mean text embedding of each class, times the logit scale.

        A bias is that of the sigmoid loss (SigLIP, Zhai et al. 2023); it moves all classes
        alike.

        Raises :class:`ModelError` when a class has no text.
        """
        if prompts is None:
            raise ModelError(
                "a zero-shot model needs a prompt set",
                where=self.spec.name,
                remedy="declare one in the study file",
            )
        weight = class_embeddings(self._texts, classes, prompts)
        scale = float(self.model.logit_scale.detach().double().exp())
        bias = getattr(self.model, "logit_bias", None)
        offset = 0.0 if bias is None else float(bias.detach().double())
        return Head(
            weight=scale * weight,
            bias=np.full(len(classes), offset),
            chosen={"logit_scale": scale},
            warnings=(*self._warnings, *cut_sentences(self._texts, classes, prompts)),
        )


def load(spec: ModelSpec, loading: Loading) -> ClipClassifier:
    """Loads a zero-shot model; see :func:`evaluation.models.load_model`."""
    check_options(spec, OPTIONS)
    _check_resize_mode(spec)
    device, precision = pick_device(loading.device), check_precision(loading.precision)
    source = find_source(spec, loading)
    build = partial(
        ClipClassifier, spec, source, device=device, precision=precision, store=loading.store
    )
    return _from_caches_first(build, spec, source, loading)


def _checked_digest(source: Source) -> str:
    digest = file_digest(source.checkpoint)
    if source.sealed not in (None, digest):
        raise WeightsMismatch(
            "the checkpoint has changed since it was assembled",
            where=source.checkpoint,
            remedy="delete its folder: it is assembled again",
        )
    return digest


def _check_resize_mode(spec: ModelSpec) -> None:
    if spec.options.get("resize_mode", "squash") not in RESIZE_MODES:
        raise ModelError(
            f'unknown resize_mode "{spec.options["resize_mode"]}"',
            where=spec.name,
            remedy=f"choose one of {', '.join(RESIZE_MODES)}",
        )


def _quick_gelu(spec: ModelSpec, source: Source) -> bool:
    return bool(
        spec.options.get("quick_gelu")
        or source.overrides.get("force_quick_gelu")
        or source.config.get("quick_gelu")
    )


def _build(
    spec: ModelSpec, source: Source, *, device: torch.device, precision: str
) -> tuple[Any, Any]:
    import open_clip

    arguments = dict(source.overrides)
    arguments["force_quick_gelu"] = _quick_gelu(spec, source)
    if "resize_mode" in spec.options:
        arguments["image_resize_mode"] = spec.options["resize_mode"]
    with telling(spec, source), _reading_as_they_come():
        model, transform = open_clip.create_model_from_pretrained(
            source.model,
            source.pretrained,
            device="cpu",
            weights_only=True,
            **arguments,
        )
        _move(model, device, precision)
    model.eval()
    return model, transform


@contextlib.contextmanager
def _reading_as_they_come() -> Iterator[None]:
    """open_clip's own reader knows two wrappers of a checkpoint; ours the usual ones."""
    from open_clip import factory

    theirs = factory.load_state_dict
    factory.load_state_dict = lambda path, **_how: read_tensors(Path(path))
    try:
        yield
    finally:
        factory.load_state_dict = theirs


def _move(model: Any, device: torch.device, precision: str) -> None:
    """Takes a model to its device and precision, all but the scale and bias of its logits.

    open_clip's own conversion rounds them too in some models (a scale of 100 becomes 98.9 in
    bf16, which changes every probability), and leaves CoCa with parameters of two types,
    whose product PyTorch refuses.
    """
    exact = {
        name: parameter.data.float()
        for name in ("logit_scale", "logit_bias")
        if (parameter := getattr(model, name, None)) is not None
    }
    model.to(device=device, dtype=dtype_of(precision))
    for name, value in exact.items():
        getattr(model, name).data = value.to(device)


def _tokenizer(spec: ModelSpec, source: Source) -> Any:
    import open_clip

    try:
        return open_clip.get_tokenizer(source.model)
    except Exception as error:  # transformers and the hub raise many kinds
        raise WeightsUnavailable(
            f"the tokenizer cannot be had ({one_line(error)})",
            where=spec.name,
            remedy="run once with the network, or give a folder that holds the tokenizer's files",
            reason="unreachable",
        ) from error
